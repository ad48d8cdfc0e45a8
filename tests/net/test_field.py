"""What breaks in the field: packets that real networks send and that servers got wrong.

Each case names the rule that it stands on. Every row has clients of its own; one server serves
the whole table, so a row that breaks the server breaks those after it too.
"""

from typing import Any

import pytest

from tests.lab import Message, build
from tests.lab.packet import ACK, DECLINE, DISCOVER, INFORM, NAK, OFFER, RELEASE, REQUEST
from tests.lab.wire import dora

from .conftest import Ground

pytestmark = pytest.mark.net

CIRCUIT = b"\x01\x04eth7\x02\x03\x00\xff\x7f"
OTHER_CIRCUIT = b"\x01\x05eth77"
VLAN_A, VLAN_B = "10.88.0.1", "10.89.0.1"


Options = dict[int, bytes | str | int]


def renewal(lease: Message, **header: Any) -> bytes:
    """A REQUEST in RENEWING: ciaddr, neither 50 nor 54 (RFC 2131 4.3.2)."""
    return build(REQUEST, lease.chaddr, 0xAA, ciaddr=lease.yiaddr, **header)


def in_subnet(address: str, prefix: str) -> bool:
    return address.startswith(prefix)


# ---- option 82


def test_rfc3046_2_2_82_is_echoed_to_access_gear_that_is_no_relay_agent(ground: Ground) -> None:
    chaddr = ground.chaddr()
    offer = ground.on_link(build(DISCOVER, chaddr, 1, options={82: CIRCUIT}))
    asked: Options = {50: offer.yiaddr, 54: Ground.LINK_SERVER, 82: CIRCUIT}
    ack = ground.on_link(build(REQUEST, chaddr, 2, options=asked))
    assert (ack.type, ack.yiaddr) == (ACK, offer.yiaddr)
    for reply in (offer, ack):
        assert reply.options[82] == CIRCUIT


def test_rfc3046_2_2_82_is_echoed_in_the_ack_of_a_unicast_renewal(ground: Ground) -> None:
    lease = dora(ground.on_link, ground.chaddr())
    ack = ground.renew(renewal(lease, options={82: CIRCUIT}))
    assert (ack.message.type, ack.target) == (ACK, (lease.yiaddr, 68))
    assert ack.message.options[82] == CIRCUIT


def test_rfc3046_2_2_82_is_this_messages_not_a_remembered_one(ground: Ground) -> None:
    exchange = ground.by_relay()
    lease = dora(exchange, ground.chaddr(), giaddr=VLAN_A, options={82: CIRCUIT})
    assert lease.options[82] == CIRCUIT
    again = exchange(renewal(lease, giaddr=VLAN_A, options={82: OTHER_CIRCUIT}))
    assert again.options[82] == OTHER_CIRCUIT
    assert 82 not in exchange(renewal(lease, giaddr=VLAN_A)).options


def test_rfc3046_2_2_82_stands_last_before_end(ground: Ground) -> None:
    offer = ground.by_relay()(
        build(DISCOVER, ground.chaddr(), 3, giaddr=VLAN_A, options={82: CIRCUIT, 55: b"\x01\x03"})
    )
    assert [code for code in offer.layout if code][-2:] == [82, 255]


# ---- where a reply goes (RFC 2131 4.1): by giaddr, ciaddr and the broadcast flag alone


def test_rfc2131_4_1_the_reply_goes_to_port_67_of_a_relay_agent_that_sends_from_another(
    ground: Ground,
) -> None:
    relay = ground.relays[VLAN_A]
    relay.send(build(DISCOVER, ground.chaddr(), 4, giaddr=VLAN_A), source_port=40_123)
    assert [r.message.xid for r in relay.collect()] == [4]


def test_rfc2131_4_1_the_reply_goes_to_giaddr_whatever_address_it_came_from(
    ground: Ground,
) -> None:
    ground.relays[Ground.UNSERVED].send(build(DISCOVER, ground.chaddr(), 5, giaddr=VLAN_B))
    assert [r.message.xid for r in ground.relays[VLAN_B].collect()] == [5]


@pytest.mark.parametrize("header", [{"flags": 0x8000}, {"ciaddr": "10.88.0.99"}], ids=str)
def test_rfc2131_4_1_giaddr_beats_flag_and_ciaddr(ground: Ground, header: dict[str, Any]) -> None:
    ground.link.capture.read()
    payload = build(DISCOVER, ground.chaddr(), 6, giaddr=VLAN_A, **header)
    offer = ground.by_relay()(payload)
    assert (offer.type, offer.giaddr) == (OFFER, VLAN_A)
    assert not ground.link.answers(6, count=None, timeout=0.2)


def test_rfc2131_4_1_the_reply_comes_from_the_address_that_the_packet_came_to(
    ground: Ground,
) -> None:
    relay = ground.relays[VLAN_A]
    relay.send(build(DISCOVER, ground.chaddr(), 7, giaddr=VLAN_A))
    (received,) = relay.collect()
    assert received.source == (Ground.RELAYED_SERVER, 67)
    assert received.message.server_id == Ground.RELAYED_SERVER


# ---- a binding belongs to (network, client)


def test_one_mac_on_two_vlans_holds_two_leases(ground: Ground) -> None:
    chaddr = ground.chaddr()
    first = dora(ground.by_relay(VLAN_A), chaddr, giaddr=VLAN_A)
    second = dora(ground.by_relay(VLAN_B), chaddr, giaddr=VLAN_B)
    assert in_subnet(first.yiaddr, "10.88.0.")
    assert in_subnet(second.yiaddr, "10.89.0.")
    for via, lease in ((VLAN_A, first), (VLAN_B, second), (VLAN_A, first)):
        ack = ground.by_relay(via)(renewal(lease, giaddr=via))
        assert (ack.type, ack.yiaddr) == (ACK, lease.yiaddr)


def test_a_reservation_of_another_link_is_not_given_here(ground: Ground) -> None:
    reserved = bytes.fromhex("02ee00000001")
    assert dora(ground.on_link, reserved).yiaddr == "10.77.0.50"
    elsewhere = dora(ground.by_relay(VLAN_A), reserved, giaddr=VLAN_A)
    assert in_subnet(elsewhere.yiaddr, "10.88.0.")


# ---- an option that is not needed never costs a client its lease


@pytest.mark.parametrize("client_id", [b"", b"\x01"], ids=["empty", "one octet"])
def test_rfc2132_9_14_a_client_id_that_names_nobody_leaves_the_hardware_address(
    ground: Ground, client_id: bytes
) -> None:
    given = {
        dora(ground.on_link, ground.chaddr(), options={61: client_id}).yiaddr for _ in range(3)
    }
    assert len(given) == 3


UNNEEDED = {
    "81 with reserved flags (RFC 4702 2.1)": {81: b"\xf0\x00\x00host"},
    "81 with a bare host name": {81: b"host"},
    "81 of one octet": {81: b"\x00"},
    "12 empty": {12: b""},
    "12 with octets that are no text": {12: b"\x00\xff\x80"},
    "55 empty": {55: b""},
    "50 of three octets": {50: b"\x0a\x4d\x01"},
    "51 of two octets": {51: b"\x00\x10"},
    "57 of one octet": {57: b"\x05"},
    "57 below the minimum (RFC 2132 9.10)": {57: b"\x00\x64"},
    "82 with a sub-option past its end": {82: b"\x01\x20eth"},
    "82 empty": {82: b""},
    "60 of 255 octets": {60: b"v" * 255},
    "an option nobody knows": {231: b"\xde\xad"},
    "55 with one code many times": {55: b"\x03" * 200},
}


@pytest.mark.parametrize("options", UNNEEDED.values(), ids=UNNEEDED.keys())
def test_an_option_that_cannot_be_read_counts_as_absent(
    ground: Ground, options: dict[int, bytes]
) -> None:
    assert dora(ground.on_link, ground.chaddr(), options=options).type == ACK


TAILS = {
    "rubbish after END": b"\xff\x35\xff\x00\x99\x07",
    "0xff after END": b"\xff" * 20,
    "pads before END": b"\x00" * 7 + b"\xff",
}


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS.keys())
def test_rfc2132_3_2_end_ends_the_options(ground: Ground, tail: bytes) -> None:
    assert ground.on_link(build(DISCOVER, ground.chaddr(), 8, tail=tail)).type == OFFER


def test_rfc768_a_datagram_without_a_checksum_is_accepted(ground: Ground) -> None:
    chaddr = ground.chaddr()
    ground.link.broadcast(build(DISCOVER, chaddr, 9), chaddr, checksum=False)
    assert [f.message.type for f in ground.link.answers(9)] == [OFFER]


def test_no_class_in_a_reply_to_a_boot_rom(ground: Ground) -> None:
    """A reply with class PXEClient would send the boot ROM to port 4011."""
    options = {60: b"PXEClient:Arch:00000:UNDI:002001", 55: bytes((1, 3, 6, 60, 66, 67, 43))}
    ack = dora(ground.on_link, ground.chaddr(), options=options)
    assert 60 not in ack.options


# ---- RELEASE, DECLINE, INFORM


@pytest.mark.parametrize("named", [None, "10.77.1.222"], ids=["plain", "with option 50"])
def test_rfc2131_4_3_4_ciaddr_names_what_is_released(ground: Ground, named: str | None) -> None:
    lease = dora(ground.on_link, ground.chaddr())
    options: Options = {54: Ground.LINK_SERVER}
    if named:
        options[50] = named
    release = build(RELEASE, lease.chaddr, 10, ciaddr=lease.yiaddr, options=options)
    ground.link.silence(release, timeout=0.3)
    taker = build(DISCOVER, ground.chaddr(), 11, options={50: lease.yiaddr})
    assert ground.on_link(taker).yiaddr == lease.yiaddr


def test_rfc2131_4_3_4_a_release_by_another_than_the_holder_is_ignored(ground: Ground) -> None:
    lease = dora(ground.on_link, ground.chaddr())
    options = {54: Ground.LINK_SERVER}
    thief = build(RELEASE, ground.chaddr(), 12, ciaddr=lease.yiaddr, options=options)
    ground.link.silence(thief, timeout=0.3)
    taker = build(DISCOVER, ground.chaddr(), 13, options={50: lease.yiaddr})
    assert ground.on_link(taker).yiaddr != lease.yiaddr
    assert ground.renew(renewal(lease)).message.type == ACK


def test_rfc2131_4_3_3_a_declined_address_is_given_to_nobody(ground: Ground) -> None:
    lease = dora(ground.on_link, ground.chaddr())
    options = {50: lease.yiaddr, 54: Ground.LINK_SERVER}
    ground.link.silence(build(DECLINE, lease.chaddr, 14, options=options), timeout=0.3)
    for chaddr in (ground.chaddr(), lease.chaddr):
        again = ground.on_link(build(DISCOVER, chaddr, 15, options={50: lease.yiaddr}))
        assert again.yiaddr != lease.yiaddr


def test_rfc2131_4_3_5_inform_is_told_to_ciaddr_without_a_lease(ground: Ground) -> None:
    ack = ground.renew(build(INFORM, ground.chaddr(), 16, ciaddr="10.77.3.9"))
    assert (ack.message.type, ack.target) == (ACK, ("10.77.3.9", 68))
    assert ack.message.yiaddr == "0.0.0.0"
    assert not {51, 58, 59} & ack.message.options.keys()
    assert ack.message.options[6]


# ---- REQUEST


def test_rfc2131_4_3_2_another_servers_offer_taken_is_silence(ground: Ground) -> None:
    chaddr = ground.chaddr()
    offer = ground.on_link(build(DISCOVER, chaddr, 17))
    options = {50: offer.yiaddr, 54: "10.77.0.99"}
    ground.link.silence(build(REQUEST, chaddr, 18, options=options), timeout=0.3)


def test_rfc2131_4_3_1_a_retransmission_gets_the_same_offer(ground: Ground) -> None:
    chaddr = ground.chaddr()
    offers = {ground.on_link(build(DISCOVER, chaddr, xid)).yiaddr for xid in (19, 19, 20)}
    assert len(offers) == 1


def test_the_address_asked_for_is_granted_though_another_was_offered_since(
    ground: Ground,
) -> None:
    """Act on what the message says, not on what is remembered."""
    chaddr = ground.chaddr()
    first, second = (
        ground.on_link(build(DISCOVER, chaddr, 30 + n, options={50: f"10.77.1.20{n}"}))
        for n in range(2)
    )
    options: Options = {50: first.yiaddr, 54: Ground.LINK_SERVER}
    ack = ground.on_link(build(REQUEST, chaddr, 32, options=options))
    assert (ack.type, ack.yiaddr) == (ACK, first.yiaddr), second


def test_rfc2131_4_2_one_identifier_from_two_cards_is_one_client(ground: Ground) -> None:
    """A bond, or a laptop in and out of its dock: option 61 names the client, not chaddr."""
    options = {61: b"\x00laptop-7"}
    leases = {dora(ground.on_link, ground.chaddr(), options=options).yiaddr for _ in range(2)}
    assert len(leases) == 1


def test_rfc2131_4_2_two_identifiers_from_one_card_are_two_clients(ground: Ground) -> None:
    """A virtual machine beside its host, containers on one interface."""
    chaddr = ground.chaddr()
    leases = {
        dora(ground.on_link, chaddr, options={61: b"\x00guest-%d" % n}).yiaddr for n in range(2)
    }
    assert len(leases) == 2


def test_rfc3396_7_an_option_in_pieces_is_one(ground: Ground) -> None:
    """Identifiers that differ only in their second piece are two clients."""
    pieces = [b"\x3d\x04\x00abc\x3d\x03%b\xff" % end for end in (b"one", b"two")]
    offers = {
        ground.on_link(build(DISCOVER, b"\x02\xcc\xff\0\0\7", 40 + n, tail=tail)).yiaddr
        for n, tail in enumerate(pieces)
    }
    assert len(offers) == 2


def test_rfc2131_4_1_overloaded_fields_are_read(ground: Ground) -> None:
    """Option 52: what the client wants stands in file, its identifier in sname."""
    payload = build(
        DISCOVER,
        ground.chaddr(),
        42,
        options={52: b"\x03"},
        file=b"\x37\x01\x0f\xff",
        sname=b"\x3d\x05\x00over\xff",
    )
    offer = ground.on_link(payload)
    assert offer.options[61] == b"\x00over"
    assert offer.options.keys() & {3, 6, 15} == {15}


def test_rfc2131_4_3_2_a_renewal_of_a_lease_never_seen_is_granted_if_free(ground: Ground) -> None:
    """The first message after the server lost its state: authoritative, in a pool, not in use."""
    ack = ground.renew(build(REQUEST, ground.chaddr(), 21, ciaddr="10.77.1.240"))
    assert (ack.message.type, ack.message.yiaddr) == (ACK, "10.77.1.240")


def test_a_link_that_no_subnet_serves_is_silence(ground: Ground) -> None:
    relay = ground.relays[Ground.UNSERVED]
    chaddr = ground.chaddr()
    relay.silence(build(DISCOVER, chaddr, 22, giaddr=Ground.UNSERVED), timeout=0.3)
    asked = build(REQUEST, chaddr, 23, options={50: "10.88.0.77"}, giaddr=Ground.UNSERVED)
    relay.silence(asked, timeout=0.3)


# ---- NAK (RFC 2131 table 3)


@pytest.mark.parametrize(
    ("case", "header"),
    [
        ("INIT-REBOOT on a wrong link", {"options": {50: "10.99.0.1"}}),
        ("REBINDING on a wrong link", {"ciaddr": "10.99.0.1"}),
        ("SELECTING of what was not offered", {"options": {50: "10.77.0.200", 54: "10.77.0.1"}}),
    ],
)
def test_rfc2131_table_3_nak(ground: Ground, case: str, header: dict[str, Any]) -> None:
    payload = build(REQUEST, ground.chaddr(), 24, **header)
    seen = ground.link.exchange(payload)
    nak = seen.message
    assert (nak.type, nak.server_id) == (NAK, Ground.LINK_SERVER)
    assert nak.options.keys() <= {53, 54, 56, 61}
    assert (nak.ciaddr, nak.yiaddr, nak.siaddr, nak.secs) == ("0.0.0.0",) * 3 + (0,)
    assert not nak.sname.strip(b"\0")
    assert not nak.file.strip(b"\0")
    # 4.1: broadcast when giaddr is 0, whatever ciaddr and the flag say.
    assert seen.target == ("255.255.255.255", 68)
    assert seen.ether_target == b"\xff" * 6


def test_rfc2131_4_3_2_a_nak_by_a_relay_agent_sets_the_broadcast_flag(ground: Ground) -> None:
    options: Options = {50: "10.77.1.1", 82: CIRCUIT}
    payload = build(REQUEST, ground.chaddr(), 25, giaddr=VLAN_A, options=options)
    nak = ground.by_relay()(payload)
    assert (nak.type, nak.giaddr, nak.flags & 0x8000) == (NAK, VLAN_A, 0x8000)
    assert nak.options[82] == CIRCUIT
    assert nak.options.keys() <= {53, 54, 56, 61, 82}
