"""The machine's interfaces and their IPv4 addresses, read and followed by rtnetlink.

The kernel's word that something changed is only a trigger: everything is read again.
"""

import dataclasses
import os
import socket
import struct
import sys
from ipaddress import IPv4Address, IPv4Interface

from fastdhcp import netlink
from fastdhcp.words import printable


@dataclasses.dataclass(frozen=True, slots=True)
class Interface:
    """One interface; ``addresses`` are its own, with prefix, in the kernel's order. ``name`` is
    printable: octets that are no UTF-8 are escaped in it. ``mtu``: octets of an IP packet.
    ``carrier``: its other end is there, as far as the driver says; of one that is down, unknown."""

    index: int
    name: str
    up: bool
    loopback: bool
    mtu: int
    addresses: tuple[IPv4Interface, ...]
    carrier: bool = True

    @property
    def works(self) -> bool:
        """Packets can come and go."""
        return self.up and self.carrier


def read_interfaces() -> tuple[Interface, ...]:
    """All interfaces of this network namespace, by index. Raises OSError."""
    with netlink.open_netlink() as sock:
        addresses: dict[int, list[IPv4Interface]] = {}
        asked = struct.pack("=B15x", socket.AF_INET)
        for body in netlink.dump(sock, netlink.RTM_GETADDR, netlink.RTM_NEWADDR, asked):
            index, address = _address(body)
            if address is not None:
                addresses.setdefault(index, []).append(address)
        found = []
        asked = struct.pack("=B15x", socket.AF_UNSPEC)
        for body in netlink.dump(sock, netlink.RTM_GETLINK, netlink.RTM_NEWLINK, asked):
            _, _, index, flags, _ = netlink.LINK.unpack_from(body)
            told = dict(netlink.attributes(body[netlink.LINK.size :]))
            name = printable(os.fsdecode(told.get(netlink.IFLA_IFNAME, b"").rstrip(b"\0")))
            mtu = int.from_bytes(told.get(netlink.IFLA_MTU, b""), sys.byteorder)
            up, loopback = bool(flags & netlink.IFF_UP), bool(flags & netlink.IFF_LOOPBACK)
            own = tuple(addresses.get(index, ()))
            carrier = not up or bool(flags & netlink.IFF_LOWER_UP)
            found.append(Interface(index, name, up, loopback, mtu, own, carrier))
    return tuple(sorted(found, key=lambda interface: interface.index))


class Watch:
    """Becomes readable when an interface or an IPv4 address changes."""

    def __init__(self) -> None:
        self._socket = netlink.open_netlink(netlink.RTMGRP_LINK | netlink.RTMGRP_IPV4_IFADDR)

    def fileno(self) -> int:
        return self._socket.fileno()

    def drain(self) -> None:
        netlink.drain(self._socket)

    def close(self) -> None:
        self._socket.close()


def _address(body: bytes) -> tuple[int, IPv4Interface | None]:
    family, length, _, _, index = netlink.ADDRESS.unpack_from(body)
    found = dict(netlink.attributes(body[netlink.ADDRESS.size :]))
    # On a point-to-point link IFA_ADDRESS is the peer's.
    own = found.get(netlink.IFA_LOCAL, found.get(netlink.IFA_ADDRESS))
    if family != socket.AF_INET or own is None:
        return index, None
    return index, IPv4Interface((int(IPv4Address(own)), length))
