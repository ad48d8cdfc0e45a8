"""Where a reply goes: giaddr, ciaddr, the broadcast flag, and nothing else (RFC 2131 4.1)."""

import socket
import struct
from ipaddress import IPv4Address
from typing import Any, NamedTuple

import pytest

from fastdhcp._codec import encode
from tests._trial_replies import ReplyMaker
from tests.policies import compile_text

from .test_reply import ACK, CHADDR, CLIENT, DISCOVER, INFORM, NAK, OFFER, POLICY, REQUEST, SERVER

FLAG = 0x8000
RELAY, HOME = "10.88.0.1", "10.77.1.200"
PORT_OPTION = b"\x13\x00"  # RFC 8357: sub-option 19, empty
IPOIB = {"htype": 32, "hlen": 0, "chaddr": b""}


class Case(NamedTuple):
    name: str
    kind: int
    reply: int
    fields: dict[str, object]
    wanted: tuple[str, str, int]


CASES = [
    Case("RFC 2131 4.1: relayed, to giaddr", DISCOVER, OFFER, {"giaddr": RELAY},
         ("udp", RELAY, 67)),
    Case("RFC 2131 4.1: giaddr beats the flag", DISCOVER, OFFER, {"giaddr": RELAY, "flags": FLAG},
         ("udp", RELAY, 67)),
    Case("RFC 2131 4.1: giaddr beats ciaddr", REQUEST, ACK, {"giaddr": RELAY, "ciaddr": HOME},
         ("udp", RELAY, 67)),
    Case("RFC 2131 4.1: giaddr beats ciaddr for INFORM too", INFORM, ACK,
         {"giaddr": RELAY, "ciaddr": HOME}, ("udp", RELAY, 67)),
    Case("RFC 8357 5.1: the port that the relay agent sent from", DISCOVER, OFFER,
         {"giaddr": RELAY, "options": {82: PORT_OPTION}}, ("udp", RELAY, 6767)),
    Case("RFC 8357: not without giaddr", DISCOVER, OFFER,
         {"options": {82: PORT_OPTION}, "flags": FLAG}, ("broadcast", "255.255.255.255", 68)),
    Case("RFC 2131 4.1: ciaddr", REQUEST, ACK, {"ciaddr": HOME}, ("udp", HOME, 68)),
    Case("RFC 2131 4.1: ciaddr beats the flag", REQUEST, ACK, {"ciaddr": HOME, "flags": FLAG},
         ("udp", HOME, 68)),
    Case("RFC 2131 4.3.5: INFORM's ACK, to ciaddr", INFORM, ACK, {"ciaddr": HOME},
         ("udp", HOME, 68)),
    Case("RFC 2131 4.1: the flag", DISCOVER, OFFER, {"flags": FLAG},
         ("broadcast", "255.255.255.255", 68)),
    Case("RFC 2131 4.1: neither: to the hardware address, at yiaddr", DISCOVER, OFFER, {},
         ("frame", "10.77.1.5", 68)),
    Case("RFC 2131 4.1: reserved bits are no broadcast flag", DISCOVER, OFFER, {"flags": 0x7FFF},
         ("frame", "10.77.1.5", 68)),
    Case("RFC 4390 2.2: no hardware address that a frame could name", DISCOVER, OFFER, IPOIB,
         ("broadcast", "255.255.255.255", 68)),
    Case("RFC 2131 4.1: a NAK is broadcast", REQUEST, NAK, {},
         ("broadcast", "255.255.255.255", 68)),
    Case("RFC 2131 4.1: a NAK is broadcast, ciaddr or not", REQUEST, NAK, {"ciaddr": HOME},
         ("broadcast", "255.255.255.255", 68)),
    Case("RFC 2131 4.3.2: a relayed NAK, to giaddr", REQUEST, NAK, {"giaddr": RELAY},
         ("udp", RELAY, 67)),
]


@pytest.fixture(scope="module")
def maker() -> ReplyMaker:
    return ReplyMaker(bytes(compile_text(POLICY).image))


def make(maker: ReplyMaker, kind: int, reply_type: int, **fields: Any) -> dict[str, Any]:
    data = encode(xid=1, message_type=kind, **{"chaddr": CHADDR, **fields})
    lease_s = 0 if reply_type == NAK or kind == INFORM else 3600
    reply = maker.make(data, reply_type=reply_type, server_id=SERVER, lease_s=lease_s,
                       yiaddr=CLIENT if lease_s else 0, subnet=0, pool=0, ifindex=4,
                       source_port=6767)
    assert reply is not None
    return reply


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_where_to(maker: ReplyMaker, case: Case) -> None:
    reply = make(maker, case.kind, case.reply, **case.fields)
    destination = str(IPv4Address(reply["destination"]))
    assert (reply["way"], destination, reply["port"]) == case.wanted
    assert reply["source"] == SERVER
    assert reply["ifindex"] == 4


def test_rfc2131_4_3_5_an_inform_without_ciaddr_is_broadcast(maker: ReplyMaker) -> None:
    assert make(maker, INFORM, ACK)["way"] == "broadcast"


def _sums_up(data: bytes) -> bool:
    """RFC 1071: over data with its checksum, the sum is all ones."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF


@pytest.mark.parametrize("size", [300, 310, 311])
def test_rfc791_768_headers_of_a_frame(maker: ReplyMaker, size: int) -> None:
    client_id = {61: b"\7" * (size - 280)} if size > 300 else {}
    reply = make(maker, DISCOVER, OFFER, options={55: b"\x06", **client_id})
    head, message = reply["head"], reply["message"]
    assert len(message) == size
    assert reply["hw_address"] == CHADDR
    assert (head[0], head[8], head[9]) == (0x45, 64, socket.IPPROTO_UDP)
    assert struct.unpack("!H", head[2:4]) == (28 + len(message),)
    assert head[12:20] == SERVER.to_bytes(4, "big") + CLIENT.to_bytes(4, "big")
    assert struct.unpack("!HHH", head[20:26]) == (67, 68, 8 + len(message))
    assert _sums_up(head[:20])
    pseudo = head[12:20] + struct.pack("!HH", socket.IPPROTO_UDP, 8 + len(message))
    assert _sums_up(pseudo + head[20:28] + message + bytes(len(message) % 2))
