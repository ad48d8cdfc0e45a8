"""What is wrong with an offer or a lease although it came: the rules of RFC 2131 and 2132."""

import ipaddress
import socket
from collections.abc import Iterator

from fastdhcp.packet import Packet
from fastdhcp.probe.messages import Client
from fastdhcp.probe.trouble import Trouble

MASK, ROUTERS, LEASE_TIME, SERVER_ID, T1, T2, RELAY_INFO = 1, 3, 51, 54, 58, 59, 82


def unusable(offer: Packet) -> str | None:
    """Why a client cannot ask for this offer, None if it can (RFC 2131 4.3.1, table 3)."""
    if offer.yiaddr == "0.0.0.0":
        return "it offers no address"
    if len(offer.options.get(SERVER_ID, b"")) != 4:
        return "it does not name its server (option 54)"
    return None


def lease_warnings(client: Client, ack: Packet) -> Iterator[Trouble]:
    """What a client will stumble over later."""
    yield from _times(ack)
    yield from _network(ack)
    if client.relay_info and ack.options.get(RELAY_INFO) != client.relay_info:
        text = "option 82 did not come back as it was sent (RFC 3046 2.2)"
        cure = "relay agents that look for their circuit by it will drop the answer"
        yield Trouble("option-82-not-echoed", text, cure)


def seconds(packet: Packet, code: int) -> int | None:
    """Option 51, 58 or 59; None without it, or if it has not four octets."""
    data = packet.options.get(code, b"")
    return int.from_bytes(data) if len(data) == 4 else None


def _times(ack: Packet) -> Iterator[Trouble]:
    lease, renewal, rebinding = (seconds(ack, code) for code in (LEASE_TIME, T1, T2))
    if lease is None:
        yield Trouble("no-lease-time", "the ACK has no lease time (option 51), which it must have")
        return
    renewal = lease // 2 if renewal is None else renewal
    rebinding = lease * 7 // 8 if rebinding is None else rebinding
    if not renewal < rebinding < lease:
        text = f"T1 {renewal} s, T2 {rebinding} s and lease time {lease} s are not in this order"
        yield Trouble("times-out-of-order", text, "clients then choose times of their own")


def _network(ack: Packet) -> Iterator[Trouble]:
    data = ack.options.get(MASK, b"")
    if len(data) != 4:
        text = "no subnet mask (option 1): clients guess one from the class of the address"
        yield Trouble("no-subnet-mask", text)
        return
    try:
        own = ipaddress.IPv4Interface(f"{ack.yiaddr}/{socket.inet_ntoa(data)}")
    except ValueError:
        yield Trouble("bad-subnet-mask", f"{socket.inet_ntoa(data)} is not a subnet mask")
        return
    edges = (own.network.network_address, own.network.broadcast_address)
    if own.network.prefixlen < 31 and own.ip in edges:
        text = f"{own.ip} is the network or broadcast address of {own.network}"
        yield Trouble("address-not-for-hosts", text, "take it out of the pool")
    routers = ack.options.get(ROUTERS, b"")
    for at in range(0, len(routers) - 3, 4):
        router = ipaddress.IPv4Address(routers[at : at + 4])
        if router not in own.network and own.network.prefixlen < 32:
            text = f"router {router} is not in {own.network}: clients cannot reach it"
            yield Trouble("router-not-in-subnet", text)
