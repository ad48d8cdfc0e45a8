"""Links, addresses and routes of the calling thread's network namespace (rtnetlink, RFC 3549)."""

import os
import socket
import struct
from ipaddress import IPv4Interface, IPv4Network

# linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h, linux/veth.h
NLMSG_ERROR = 2
NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 0x1, 0x4, 0x200, 0x400
RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE = 16, 20, 24
IFLA_IFNAME, IFLA_LINKINFO, IFLA_NET_NS_FD = 3, 18, 28
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFLA_AF_SPEC, IFLA_INET_CONF, IPV4_DEVCONF_FORWARDING = 26, 1, 1
IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST = 1, 2, 4
RTA_DST, RTA_GATEWAY = 1, 5
RT_TABLE_MAIN, RTPROT_STATIC, RTN_UNICAST = 254, 4, 1
IFF_UP = 0x1

_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_LINK = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change
_ADDRESS = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix length, flags, scope, index
_ROUTE = struct.Struct("=8BI")  # rtmsg: family, lengths, tos, table, protocol, scope, type, flags


def add_veth(name: str, peer: str, peer_namespace: int) -> None:
    """A link `name` here to `peer` in the namespace of that descriptor. Raises OSError."""
    other = _LINK.pack(0, 0, 0, 0, 0) + _name(peer)
    other += _attribute(IFLA_NET_NS_FD, struct.pack("=I", peer_namespace))
    data = _attribute(IFLA_INFO_DATA, _attribute(VETH_INFO_PEER, other))
    info = _attribute(IFLA_LINKINFO, _attribute(IFLA_INFO_KIND, b"veth") + data)
    _ask(RTM_NEWLINK, _LINK.pack(0, 0, 0, 0, 0) + _name(name) + info, new=True)


def set_up(name: str) -> None:
    """Raises OSError."""
    index = socket.if_nametoindex(name)
    _ask(RTM_NEWLINK, _LINK.pack(0, 0, index, IFF_UP, IFF_UP))


def set_forwarding(name: str) -> None:
    """Have the interface pass on what comes in (as net.ipv4.conf.NAME.forwarding, but where
    /proc/sys is read-only too, as in many a container). Raises OSError."""
    wanted = _attribute(IPV4_DEVCONF_FORWARDING, struct.pack("=I", 1))
    spec = _attribute(socket.AF_INET, _attribute(IFLA_INET_CONF, wanted))
    body = _LINK.pack(0, 0, socket.if_nametoindex(name), 0, 0)
    _ask(RTM_NEWLINK, body + _attribute(IFLA_AF_SPEC, spec))


def add_address(name: str, own: IPv4Interface) -> None:
    """Give the interface an address with its broadcast address. Raises OSError."""
    index = socket.if_nametoindex(name)
    body = _ADDRESS.pack(socket.AF_INET, own.network.prefixlen, 0, 0, index)
    body += _attribute(IFA_LOCAL, own.ip.packed) + _attribute(IFA_ADDRESS, own.ip.packed)
    body += _attribute(IFA_BROADCAST, own.network.broadcast_address.packed)
    _ask(RTM_NEWADDR, body, new=True)


def add_route(network: IPv4Network, router: str) -> None:
    """Raises OSError."""
    kind = RT_TABLE_MAIN, RTPROT_STATIC, 0, RTN_UNICAST
    body = _ROUTE.pack(socket.AF_INET, network.prefixlen, 0, 0, *kind, 0)
    body += _attribute(RTA_DST, network.network_address.packed)
    body += _attribute(RTA_GATEWAY, socket.inet_aton(router))
    _ask(RTM_NEWROUTE, body, new=True)


def _ask(kind: int, body: bytes, *, new: bool = False) -> None:
    """One request and the kernel's word on it. Raises OSError."""
    flags = NLM_F_REQUEST | NLM_F_ACK | (NLM_F_CREATE | NLM_F_EXCL if new else 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.send(_HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body)
        answer = sock.recv(1 << 16)
    answered, error = _HEADER.unpack_from(answer)[1], struct.unpack_from("=i", answer, 16)[0]
    if answered == NLMSG_ERROR and error:
        raise OSError(-error, f"rtnetlink: {os.strerror(-error)}")


def _name(name: str) -> bytes:
    return _attribute(IFLA_IFNAME, name.encode() + b"\0")


def _attribute(kind: int, data: bytes) -> bytes:
    """A struct rtattr, padded to four octets."""
    size = 4 + len(data)
    return struct.pack("=HH", size, kind) + data + bytes(-size % 4)
