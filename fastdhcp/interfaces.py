"""The machine's interfaces and their IPv4 addresses, read and followed by rtnetlink (RFC 3549).

Two dumps and a subscription are all that is wanted, so the messages are read here: the kernel's
word that something changed is only a trigger, and everything is read again.
"""

import contextlib
import dataclasses
import os
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface

# linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h
NLMSG_ERROR = 2
NLMSG_DONE = 3
NLM_F_REQUEST = 0x001
NLM_F_DUMP = 0x300
RTM_NEWLINK, RTM_GETLINK = 16, 18
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTMGRP_LINK = 0x1
RTMGRP_IPV4_IFADDR = 0x10
IFLA_IFNAME = 3
IFA_ADDRESS = 1
IFA_LOCAL = 2
IFF_UP = 0x1
IFF_LOOPBACK = 0x8

_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_LINK = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change
_ADDRESS = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix length, flags, scope, index
_ATTRIBUTE = struct.Struct("=HH")
_DATAGRAM_SIZE = 1 << 16


@dataclasses.dataclass(frozen=True, slots=True)
class Interface:
    """One interface; ``addresses`` are its own, with prefix, in the kernel's order."""

    index: int
    name: str
    up: bool
    loopback: bool
    addresses: tuple[IPv4Interface, ...]


def read_interfaces() -> tuple[Interface, ...]:
    """All interfaces of this network namespace, by index. Raises OSError."""
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    with sock:
        addresses: dict[int, list[IPv4Interface]] = {}
        for body in _dump(sock, RTM_GETADDR, RTM_NEWADDR):
            index, address = _address(body)
            if address is not None:
                addresses.setdefault(index, []).append(address)
        found = []
        for body in _dump(sock, RTM_GETLINK, RTM_NEWLINK):
            _, _, index, flags, _ = _LINK.unpack_from(body)
            name = dict(_attributes(body[_LINK.size :])).get(IFLA_IFNAME, b"").rstrip(b"\0")
            own = tuple(addresses.get(index, ()))
            up, loopback = bool(flags & IFF_UP), bool(flags & IFF_LOOPBACK)
            found.append(Interface(index, os.fsdecode(name), up, loopback, own))
    return tuple(sorted(found, key=lambda interface: interface.index))


class Watch:
    """Becomes readable when an interface or an IPv4 address changes."""

    def __init__(self) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
        )
        self._socket.bind((0, RTMGRP_LINK | RTMGRP_IPV4_IFADDR))

    def fileno(self) -> int:
        return self._socket.fileno()

    def drain(self) -> None:
        """Takes what has come. What got lost (ENOBUFS) is no loss: all is read again anyway."""
        with contextlib.suppress(BlockingIOError):
            while True:
                try:
                    self._socket.recv(_DATAGRAM_SIZE)
                except BlockingIOError:
                    raise
                except OSError:
                    continue

    def close(self) -> None:
        self._socket.close()


def _dump(sock: socket.socket, request: int, wanted: int) -> Iterator[bytes]:
    """Bodies of all messages of a dump of IPv4's table."""
    body = struct.pack("=B15x", socket.AF_INET if request == RTM_GETADDR else socket.AF_UNSPEC)
    flags = NLM_F_REQUEST | NLM_F_DUMP
    sock.send(_HEADER.pack(_HEADER.size + len(body), request, flags, request, 0) + body)
    while True:
        data = sock.recv(_DATAGRAM_SIZE)
        at = 0
        while at + _HEADER.size <= len(data):
            size, kind, _, sequence, _ = _HEADER.unpack_from(data, at)
            message = data[at + _HEADER.size : at + size]
            at += max(_aligned(size), _HEADER.size)
            if sequence != request:
                continue
            if kind == NLMSG_DONE:
                return
            if kind == NLMSG_ERROR:
                error = -struct.unpack_from("=i", message)[0]
                raise OSError(error, f"rtnetlink: {os.strerror(error)}")
            if kind == wanted:
                yield message


def _address(body: bytes) -> tuple[int, IPv4Interface | None]:
    family, length, _, _, index = _ADDRESS.unpack_from(body)
    found = dict(_attributes(body[_ADDRESS.size :]))
    # On a point-to-point link IFA_ADDRESS is the peer's.
    own = found.get(IFA_LOCAL, found.get(IFA_ADDRESS))
    if family != socket.AF_INET or own is None:
        return index, None
    return index, IPv4Interface((int(IPv4Address(own)), length))


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        if size < _ATTRIBUTE.size:
            return
        yield kind, data[at + _ATTRIBUTE.size : at + size]
        at += _aligned(size)


def _aligned(size: int) -> int:
    return (size + 3) & ~3
