"""Replies as they stand on the wire: addresses, header fields, order and choice of options."""

from typing import Any

import pytest

from tests.lab import build
from tests.lab.packet import ACK, BROADCAST_FLAG, DISCOVER, OFFER, REQUEST, Message
from tests.lab.wire import dora

from .conftest import SITE, Ground

pytestmark = pytest.mark.net

VLAN_A = "10.88.0.1"


# ---- to a client on the link (RFC 2131 4.1)


def test_rfc2131_4_1_a_client_without_an_address_gets_a_unicast_frame(ground: Ground) -> None:
    """No broadcast flag: to chaddr and yiaddr, though nobody answers ARP for yiaddr yet."""
    chaddr = ground.chaddr()
    seen = ground.link.exchange(build(DISCOVER, chaddr, 1))
    assert seen.ether_target == chaddr
    assert seen.target == (seen.message.yiaddr, 68)
    assert seen.source == (Ground.LINK_SERVER, 67)
    assert seen.ether_source == ground.server_mac


def test_rfc2131_4_1_the_broadcast_flag_is_obeyed(ground: Ground) -> None:
    chaddr = ground.chaddr()
    for kind, options in ((DISCOVER, {}), (REQUEST, {50: "10.77.1.77", 54: Ground.LINK_SERVER})):
        payload = build(kind, chaddr, 2 + kind, flags=BROADCAST_FLAG, options=options)
        seen = ground.link.exchange(payload)
        assert seen.ether_target == b"\xff" * 6
        assert seen.target == ("255.255.255.255", 68)
        assert seen.message.flags == BROADCAST_FLAG


def test_rfc2131_4_1_a_client_with_an_address_gets_it_there(ground: Ground) -> None:
    lease = dora(ground.on_link, ground.chaddr())
    seen = ground.renew(build(REQUEST, lease.chaddr, 4, ciaddr=lease.yiaddr))
    assert seen.target == (lease.yiaddr, 68)
    assert seen.message.ciaddr == lease.yiaddr


def test_rfc4390_2_a_client_whose_hlen_is_0_is_known_by_option_61(ground: Ground) -> None:
    """IPoIB: htype 32, hlen 0, broadcast flag, option 61."""
    seen = set()
    for n in range(2):
        client_id = {61: b"\xff" + bytes(8) + bytes((n,))}
        payload = build(DISCOVER, b"", 5 + n, htype=32, flags=BROADCAST_FLAG, options=client_id)
        ground.link.broadcast(payload, ground.chaddr())
        (answer,) = ground.link.answers(5 + n)
        assert answer.ether_target == b"\xff" * 6
        seen.add(answer.message.yiaddr)
    assert len(seen) == 2


# ---- header fields (RFC 2131 table 3)


@pytest.mark.parametrize("kind", [OFFER, ACK], ids=["OFFER", "ACK"])
def test_rfc2131_table_3_header(ground: Ground, kind: int) -> None:
    chaddr = ground.chaddr()
    reply = ground.on_link(build(DISCOVER, chaddr, 0xCAFE, secs=7))
    if kind == ACK:
        asked = {50: reply.yiaddr, 54: Ground.LINK_SERVER}
        reply = ground.on_link(build(REQUEST, chaddr, 0xCAFE, secs=7, options=asked))
    assert reply.type == kind
    assert (reply.op, reply.htype, reply.hlen, reply.hops) == (2, 1, 6, 0)
    assert (reply.xid, reply.secs, reply.flags) == (0xCAFE, 0, 0)
    assert (reply.ciaddr, reply.giaddr, reply.chaddr) == ("0.0.0.0", "0.0.0.0", chaddr)
    assert reply.raw[28:44] == chaddr + bytes(10)


def test_rfc2131_table_3_giaddr_and_flags_are_copied(ground: Ground) -> None:
    payload = build(DISCOVER, ground.chaddr(), 7, giaddr=VLAN_A, flags=BROADCAST_FLAG, hops=2)
    offer = ground.by_relay()(payload)
    assert (offer.giaddr, offer.flags) == (VLAN_A, BROADCAST_FLAG)


# ---- options


def offered(ground: Ground, **header: Any) -> Message:
    return ground.on_link(build(DISCOVER, ground.chaddr(), 8, **header))


def test_the_times_are_those_configured(ground: Ground) -> None:
    ack = dora(ground.on_link, ground.chaddr())
    times = [int.from_bytes(ack.options[code], "big") for code in (51, 58, 59)]
    assert times == [SITE.lease_time, SITE.renewal_time, SITE.rebinding_time]


def test_without_option_55_all_configured_options_are_sent(ground: Ground) -> None:
    options = offered(ground).options
    assert options[1] == b"\xff\xff\xfc\x00"
    assert options[3] == b"\x0a\x4d\x00\x01"
    assert options[6] == b"\x0a\x4d\x00\x02"
    assert options[15] == b"campus.example"


def test_rfc2132_9_8_only_what_is_asked_for_is_sent(ground: Ground) -> None:
    options = offered(ground, options={55: bytes((6, 15, 42))}).options
    assert options.keys() & {3, 6, 15, 42} == {6, 15}


def test_small_clients_depend_on_the_layout(ground: Ground) -> None:
    """53 first, END right after the last option, nothing of length 0, and 300 octets at least."""
    reply = offered(ground)
    assert reply.layout[0] == 53
    assert 0 not in reply.layout
    assert all(reply.options.values())
    assert len(reply.raw) >= 300
    assert not reply.raw[240:].split(b"\xff")[-1].strip(b"\0")


def test_rfc6842_3_the_client_identifier_is_returned(ground: Ground) -> None:
    assert offered(ground, options={61: b"\x00client-7"}).options[61] == b"\x00client-7"


def test_rfc2132_9_10_a_reply_keeps_to_the_size_that_the_client_takes(ground: Ground) -> None:
    reply = offered(ground, options={57: b"\x02\x40"})
    assert len(reply.raw) + 28 <= 576
