"""The machine's interfaces and their IPv4 addresses, read and followed by rtnetlink.

The kernel's word that something changed is only a trigger: everything is read again.
"""

import dataclasses
import os
import socket
import struct
import sys
from collections.abc import Sequence, Set
from ipaddress import IPv4Address, IPv4Interface

from fastdhcp import netlink, offload
from fastdhcp.words import printable


@dataclasses.dataclass(frozen=True, slots=True)
class Interface:
    """One interface; ``addresses`` are its own, with prefix, in the kernel's order. ``name`` is
    printable: octets that are no UTF-8 are escaped in it. ``mtu``: octets of an IP packet.
    ``carrier``: its other end is there, as far as the driver says; of one that is down, unknown.
    ``trains``: what leaves as a train is cut before anybody sees it (offload.py)."""

    index: int
    name: str
    up: bool
    loopback: bool
    mtu: int
    addresses: tuple[IPv4Interface, ...]
    carrier: bool = True
    trains: bool = False

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
        asked = struct.pack("=B15x", socket.AF_UNSPEC)
        devices = [
            _device(body)
            for body in netlink.dump(sock, netlink.RTM_GETLINK, netlink.RTM_NEWLINK, asked)
        ]
    cut = _that_cut(devices)
    found = [
        Interface(
            index=device.index,
            name=printable(os.fsdecode(device.name)),
            up=bool(device.flags & netlink.IFF_UP),
            loopback=bool(device.flags & netlink.IFF_LOOPBACK),
            mtu=device.mtu,
            addresses=tuple(addresses.get(device.index, ())),
            carrier=not device.flags & netlink.IFF_UP or bool(device.flags & netlink.IFF_LOWER_UP),
            trains=device.index in cut,
        )
        for device in devices
    ]
    return tuple(sorted(found, key=lambda interface: interface.index))


BONDS = (b"bond", b"team")
BRIDGE = b"bridge"
VLAN = b"vlan"


@dataclasses.dataclass(frozen=True, slots=True)
class Device:
    """A link as rtnetlink tells of it. ``below``: of a VLAN, if it is in this network namespace;
    ``above``: the bond that it is in."""

    index: int
    flags: int
    name: bytes
    mtu: int
    kind: bytes
    below: int
    above: int


def _device(body: bytes) -> Device:
    _, _, index, flags, _ = netlink.LINK.unpack_from(body)
    told = dict(netlink.attributes(body[netlink.LINK.size :]))
    info = dict(netlink.attributes(told.get(netlink.IFLA_LINKINFO, b"")))

    def number(attribute: int) -> int:
        return int.from_bytes(told.get(attribute, b""), sys.byteorder)

    return Device(
        index=index,
        flags=flags,
        name=told.get(netlink.IFLA_IFNAME, b"").rstrip(b"\0"),
        mtu=number(netlink.IFLA_MTU),
        kind=info.get(netlink.IFLA_INFO_KIND, b"").rstrip(b"\0"),
        below=0 if netlink.IFLA_LINK_NETNSID in told else number(netlink.IFLA_LINK),
        above=number(netlink.IFLA_MASTER),
    )


def _that_cut(devices: Sequence[Device]) -> set[int]:
    """The indexes of those that cut trains. A bridge does today, and with its next port no more."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        cut = {
            device.index
            for device in devices
            if device.kind != BRIDGE and offload.cuts(sock, device.name)
        }
    return cut | that_stand_upon(devices, cut)


def that_stand_upon(devices: Sequence[Device], cut: Set[int]) -> set[int]:
    """Bonds of which all links are in ``cut``, and VLANs of one that is, or of such a bond."""
    links: dict[int, set[int]] = {}
    for device in devices:
        links.setdefault(device.above, set()).add(device.index)
    bonds = {
        device.index
        for device in devices
        if device.kind in BONDS and device.index in links and links[device.index] <= cut
    }
    vlans = {
        device.index
        for device in devices
        if device.kind == VLAN and device.below in bonds | cut
    }
    return bonds | vlans


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
