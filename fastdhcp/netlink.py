"""netlink (RFC 3549): how its messages are laid, what is asked for, and what is told.

Three dumps, a subscription and, for the demo, a few orders are all that is wanted, so the messages
are read and written here.
"""

import os
import socket
import struct
from collections.abc import Iterator

# linux/netlink.h
NLMSG_ERROR = 2
NLMSG_DONE = 3
NLM_F_REQUEST = 0x001
NLM_F_ACK = 0x004
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400
NLM_F_DUMP = 0x300
# linux/rtnetlink.h
RTM_NEWLINK, RTM_GETLINK = 16, 18
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWROUTE, RTM_GETROUTE = 24, 26
RTMGRP_LINK = 0x1
RTMGRP_IPV4_IFADDR = 0x10
# linux/if_link.h, linux/if_addr.h, linux/if.h
IFLA_IFNAME = 3
IFLA_MTU = 4
IFLA_LINK = 5
IFLA_MASTER = 10
IFLA_LINKINFO = 18
IFLA_LINK_NETNSID = 37
IFLA_INFO_KIND = 1
IFA_ADDRESS = 1
IFA_LOCAL = 2
# linux/rtnetlink.h
RTA_DST, RTA_OIF = 1, 4
IFF_UP = 0x1
IFF_LOOPBACK = 0x8
IFF_LOWER_UP = 0x10000

# linux/sock_diag.h, linux/inet_diag.h
NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
INET_DIAG_SKV6ONLY = 11

LINK = struct.Struct("=BxHiII")
"""ifinfomsg: family, type, index, flags, change."""
ADDRESS = struct.Struct("=BBBBI")
"""ifaddrmsg: family, prefix length, flags, scope, index."""
ROUTE = struct.Struct("=8BI")
"""rtmsg: family, lengths of destination and source, tos, table, protocol, scope, type, flags."""
DIAG_REQUEST = struct.Struct("=BBxxI2s34xI8s")
"""inet_diag_req_v2: family, protocol, states, source port (big-endian), interface, cookie."""
DIAG = struct.Struct("=4x2s2x16s16xI20xII")
"""inet_diag_msg: source port (big-endian), source address, bound interface, user, inode."""
_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")
_DATAGRAM_SIZE = 1 << 16


def open_netlink(groups: int = 0, family: int = socket.NETLINK_ROUTE) -> socket.socket:
    """A socket that asks, or hears of what changes in ``groups``. Raises OSError."""
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, family)
    if groups:
        sock.setblocking(False)
        sock.bind((0, groups))
    return sock


def drain(sock: socket.socket) -> None:
    """Takes what has come. What got lost (ENOBUFS) is no loss to who reads all again anyway."""
    while True:
        try:
            sock.recv(_DATAGRAM_SIZE)
        except BlockingIOError:
            return
        except OSError:
            continue


def dump(sock: socket.socket, request: int, wanted: int, body: bytes) -> Iterator[bytes]:
    """Bodies of all messages of a table that are of the kind ``wanted``. Raises OSError."""
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
                _raise(-struct.unpack_from("=i", message)[0])
            if kind == wanted:
                yield message


def order(kind: int, body: bytes, *, new: bool = False) -> None:
    """One order and the kernel's word on it. Raises OSError."""
    flags = NLM_F_REQUEST | NLM_F_ACK | (NLM_F_CREATE | NLM_F_EXCL if new else 0)
    with open_netlink() as sock:
        sock.send(_HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body)
        answer = sock.recv(_DATAGRAM_SIZE)
    answered = _HEADER.unpack_from(answer)[1]
    error = struct.unpack_from("=i", answer, _HEADER.size)[0]
    if answered == NLMSG_ERROR and error:
        _raise(-error)


def route_interface(address: int) -> int:
    """The index of the interface by which the kernel would send to an IPv4 address; 0: there is no
    route."""
    body = ROUTE.pack(socket.AF_INET, 32, *[0] * 6, 0) + attribute(RTA_DST, address.to_bytes(4))
    try:
        with open_netlink() as sock:
            head = _HEADER.pack(_HEADER.size + len(body), RTM_GETROUTE, NLM_F_REQUEST, 1, 0)
            sock.send(head + body)
            answer = sock.recv(_DATAGRAM_SIZE)
    except OSError:
        return 0
    if _HEADER.unpack_from(answer)[1] != RTM_NEWROUTE:
        return 0
    told = dict(attributes(answer[_HEADER.size + ROUTE.size :]))
    return int(struct.unpack("=I", told[RTA_OIF])[0]) if RTA_OIF in told else 0


def attribute(kind: int, data: bytes) -> bytes:
    """A struct rtattr, padded to four octets."""
    size = _ATTRIBUTE.size + len(data)
    return _ATTRIBUTE.pack(size, kind) + data + bytes(-size % 4)


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of each; what does not fit ends them."""
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        if size < _ATTRIBUTE.size:
            return
        yield kind, data[at + _ATTRIBUTE.size : at + size]
        at += _aligned(size)


def _aligned(size: int) -> int:
    return (size + 3) & ~3


def _raise(error: int) -> None:
    raise OSError(error, f"netlink: {os.strerror(error)}")
