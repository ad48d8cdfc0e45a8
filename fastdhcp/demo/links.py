"""Links, addresses and routes of the calling thread's network namespace, made by rtnetlink."""

import socket
import struct
from ipaddress import IPv4Interface, IPv4Network

from fastdhcp.netlink import (
    ADDRESS,
    IFA_ADDRESS,
    IFA_LOCAL,
    IFF_UP,
    IFLA_IFNAME,
    LINK,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWROUTE,
    attribute,
    order,
)

# linux/if_link.h, linux/if_addr.h, linux/rtnetlink.h, linux/veth.h
IFLA_LINKINFO, IFLA_NET_NS_FD = 18, 28
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFLA_AF_SPEC, IFLA_INET_CONF, IPV4_DEVCONF_FORWARDING = 26, 1, 1
IFA_BROADCAST = 4
RTA_DST, RTA_GATEWAY = 1, 5
RT_TABLE_MAIN, RTPROT_STATIC, RTN_UNICAST = 254, 4, 1

_ROUTE = struct.Struct("=8BI")  # rtmsg: family, lengths, tos, table, protocol, scope, type, flags


def add_veth(name: str, peer: str, peer_namespace: int) -> None:
    """A link `name` here to `peer` in the namespace of that descriptor. Raises OSError."""
    other = LINK.pack(0, 0, 0, 0, 0) + _name(peer)
    other += attribute(IFLA_NET_NS_FD, struct.pack("=I", peer_namespace))
    data = attribute(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, other))
    info = attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, b"veth") + data)
    order(RTM_NEWLINK, LINK.pack(0, 0, 0, 0, 0) + _name(name) + info, new=True)


def set_up(name: str) -> None:
    """Raises OSError."""
    index = socket.if_nametoindex(name)
    order(RTM_NEWLINK, LINK.pack(0, 0, index, IFF_UP, IFF_UP))


def set_forwarding(name: str) -> None:
    """Have the interface pass on what comes in (as net.ipv4.conf.NAME.forwarding, but where
    /proc/sys is read-only too, as in many a container). Raises OSError."""
    wanted = attribute(IPV4_DEVCONF_FORWARDING, struct.pack("=I", 1))
    spec = attribute(socket.AF_INET, attribute(IFLA_INET_CONF, wanted))
    body = LINK.pack(0, 0, socket.if_nametoindex(name), 0, 0)
    order(RTM_NEWLINK, body + attribute(IFLA_AF_SPEC, spec))


def add_address(name: str, own: IPv4Interface) -> None:
    """Give the interface an address with its broadcast address. Raises OSError."""
    index = socket.if_nametoindex(name)
    body = ADDRESS.pack(socket.AF_INET, own.network.prefixlen, 0, 0, index)
    body += attribute(IFA_LOCAL, own.ip.packed) + attribute(IFA_ADDRESS, own.ip.packed)
    body += attribute(IFA_BROADCAST, own.network.broadcast_address.packed)
    order(RTM_NEWADDR, body, new=True)


def add_route(network: IPv4Network, router: str) -> None:
    """Raises OSError."""
    kind = RT_TABLE_MAIN, RTPROT_STATIC, 0, RTN_UNICAST
    body = _ROUTE.pack(socket.AF_INET, network.prefixlen, 0, 0, *kind, 0)
    body += attribute(RTA_DST, network.network_address.packed)
    body += attribute(RTA_GATEWAY, socket.inet_aton(router))
    order(RTM_NEWROUTE, body, new=True)


def _name(name: str) -> bytes:
    return attribute(IFLA_IFNAME, name.encode() + b"\0")
