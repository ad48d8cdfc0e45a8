"""Where a packet belongs: relay agent, VRF and link, by packet and configuration, and who answers.

Every case is a packet, the configuration that it meets, and the answer.
"""

from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from fastdhcp._stats import drop_names
from tests.world import DISCOVER, Link, World, number

LINKS = (
    Link(3, "srv0", (IPv4Interface("10.77.0.1/22"),)),
    Link(4, "wifi0", (IPv4Interface("10.66.0.1/24"),)),
    Link(5, "up0", (IPv4Interface("192.0.2.1/24"),)),
)
SUBNETS = """
[[subnets]]
subnet = "10.77.0.0/22"
pools = ["10.77.1.1-10.77.1.20"]
[[subnets]]
subnet = "10.66.0.0/24"
pools = ["10.66.0.10-10.66.0.20"]
[[subnets]]
subnet = "10.88.0.0/24"
pools = ["10.88.0.10-10.88.0.20"]
[[subnets]]
subnet = "10.20.0.0/24"
shared-network = "cmts-1"
pools = ["10.20.0.10-10.20.0.20"]
[[subnets]]
subnet = "198.51.100.0/24"
shared-network = "cmts-1"
pools = ["198.51.100.10-198.51.100.20"]
[[subnets]]
subnet = "10.88.0.0/24"
vrf = "blue"
pools = ["10.88.0.30-10.88.0.40"]
[[subnets]]
subnet = "10.88.0.0/24"
vrf = "red"
pools = ["10.88.0.50-10.88.0.60"]
[[vrfs]]
name = "red"
vpn-id = "hex:00000100000007"
"""
RELAYS = """
[relays]
untrusted-interfaces = ["wifi0"]
agents = [
    { address = "192.0.2.9", name = "cmts-1", link = "cmts-1" },
    { address = "192.0.2.10", link = "198.51.100.0/24" },
    { address = "192.0.2.64/26", vrf = "blue" },
    { address = "192.0.2.80/28", vrf = "red", link = "10.88.0.0/24" },
]
"""
CLIENTS = "[relays]\nclient-selections = true\n"
SELECTING = RELAYS.replace("[relays]", CLIENTS)
ONLY_KNOWN = RELAYS.replace("[relays]", "[relays]\nonly-known = true")
BLUE, RED = b"\0blue", bytes.fromhex("0100000100000007")
OTHER = "10.88.0.1"  # a giaddr of the default VRF and of the others


def packed(address: str) -> bytes:
    return IPv4Address(address).packed


def sub(*parts: tuple[int, bytes]) -> bytes:
    return b"".join(bytes((code, len(value))) + value for code, value in parts)


def link_selection(address: str) -> tuple[int, bytes]:
    return 5, packed(address)


CASES = [
    ("RFC 2131 4.3.1: giaddr", "", {"giaddr": OTHER}, "OFFER 10.88.0.10"),
    ("RFC 3527 3: link selection before giaddr", "",
     {"giaddr": OTHER, "options": {82: sub(link_selection("10.66.0.0"))}}, "OFFER 10.66.0.10"),
    ("RFC 3527 3: before a giaddr that is in no subnet", "",
     {"giaddr": "192.0.2.77", "options": {82: sub(link_selection("10.88.0.7"))}},
     "OFFER 10.88.0.10"),
    ("RFC 3527 3: a link that is not served", "",
     {"giaddr": OTHER, "options": {82: sub(link_selection("172.16.0.0"))}}, "silence: no-subnet"),
    ("ours: 0.0.0.0 selects nothing", "",
     {"giaddr": OTHER, "options": {82: sub(link_selection("0.0.0.0"))}}, "OFFER 10.88.0.10"),
    ("RFC 3011 1: subnet selection before giaddr", CLIENTS,
     {"giaddr": OTHER, "options": {118: packed("10.66.0.0")}}, "OFFER 10.66.0.10"),
    ("RFC 3011 1: and before the interface", CLIENTS, {"options": {118: packed("10.66.0.0")}},
     "OFFER 10.66.0.10"),
    ("RFC 3011 6: unless that is enabled it is passed over", "",
     {"options": {118: packed("10.66.0.0")}}, "OFFER 10.77.1.1"),
    ("RFC 3011 6: through a relay agent too", RELAYS,
     {"giaddr": OTHER, "options": {118: packed("10.66.0.0")}}, "OFFER 10.88.0.10"),
    ("RFC 3011 2: a subnet that is not served", CLIENTS, {"options": {118: packed("172.16.0.0")}},
     "silence: no-subnet"),
    ("ours: 0.0.0.0 selects nothing of a client either", CLIENTS,
     {"options": {118: packed("0.0.0.0")}}, "OFFER 10.77.1.1"),
    ("RFC 3527 3: link selection before subnet selection", CLIENTS,
     {"giaddr": OTHER,
      "options": {118: packed("10.66.0.0"), 82: sub(link_selection("10.77.0.0"))}},
     "OFFER 10.77.1.1"),
    ("RFC 3011 2: not the address but its link", CLIENTS,
     {"options": {118: packed("198.51.100.1")}}, "OFFER 198.51.100.10"),
    ("RFC 2131 4.1: a giaddr that no host has", "", {"giaddr": "127.0.0.1"},
     "silence: bad-source"),
    ("ours: a giaddr in no subnet", "", {"giaddr": "192.0.2.9"}, "silence: no-subnet"),
    ("ours: its agent's link", RELAYS, {"giaddr": "192.0.2.9"}, "OFFER 10.20.0.10"),
    ("ours: its agent's subnet first", RELAYS, {"giaddr": "192.0.2.10"}, "OFFER 198.51.100.10"),
    ("RFC 3527 3: link selection before the agent's link", RELAYS,
     {"giaddr": "192.0.2.9", "options": {82: sub(link_selection("198.51.100.0"))}},
     "OFFER 198.51.100.10"),
    ("ours: an agent of a prefix", RELAYS,
     {"giaddr": "192.0.2.70", "options": {82: sub(link_selection("10.88.0.0"))}},
     "OFFER 10.88.0.30"),
    ("ours: the nearest of two prefixes", RELAYS, {"giaddr": "192.0.2.85"}, "OFFER 10.88.0.50"),
    ("ours: beyond the inner prefix the outer one goes on", RELAYS,
     {"giaddr": "192.0.2.96", "options": {82: sub(link_selection("10.88.0.0"))}},
     "OFFER 10.88.0.30"),
    ("ours: beyond both it ends", RELAYS, {"giaddr": "192.0.2.128"}, "silence: no-subnet"),
    ("ours: others are served too", RELAYS, {"giaddr": OTHER}, "OFFER 10.88.0.10"),
    ("ours: unless only those are known", ONLY_KNOWN, {"giaddr": OTHER},
     "silence: relay-unknown"),
    ("ours: whatever link they select", ONLY_KNOWN,
     {"giaddr": OTHER, "options": {82: sub(link_selection("10.88.0.0"))}},
     "silence: relay-unknown"),
    ("ours: those that are known are served", ONLY_KNOWN, {"giaddr": "192.0.2.9"},
     "OFFER 10.20.0.10"),
    ("ours: and clients on a link", ONLY_KNOWN, {}, "OFFER 10.77.1.1"),
    ("RFC 3046 2.1: option 82 without giaddr, of a link that is not trusted", RELAYS,
     {"ifindex": 4, "options": {82: sub((1, b"a"))}}, "silence: relay-untrusted"),
    ("RFC 3046 2.1: an empty one too", RELAYS, {"ifindex": 4, "options": {82: b""}},
     "silence: relay-untrusted"),
    ("RFC 3046 2.2: of another link it is a switch's", RELAYS, {"options": {82: sub((1, b"a"))}},
     "OFFER 10.77.1.1"),
    ("RFC 3046 2.1: who comes without it is served", RELAYS, {"ifindex": 4}, "OFFER 10.66.0.10"),
    ("RFC 3046 5: so is a relay agent on that link, if it is listed", RELAYS,
     {"ifindex": 4, "giaddr": "192.0.2.9", "options": {82: sub((1, b"a"))}}, "OFFER 10.20.0.10"),
    ("RFC 3046 5: another giaddr from there may be a client's own", RELAYS,
     {"ifindex": 4, "giaddr": OTHER, "options": {82: sub((1, b"a"))}},
     "silence: relay-untrusted"),
    ("RFC 3046 5: with option 82 or without", RELAYS, {"ifindex": 4, "giaddr": OTHER},
     "silence: relay-untrusted"),
    ("RFC 3011 6, 6607 9: nor is it heeded what a client there selects", SELECTING,
     {"ifindex": 4, "options": {118: packed("10.77.0.0"), 221: BLUE}}, "OFFER 10.66.0.10"),
    ("RFC 3011 6, 6607 9: what one selects through a relay agent on that link is", SELECTING,
     {"ifindex": 4, "giaddr": "192.0.2.9", "options": {118: packed("10.77.0.0")}},
     "OFFER 10.77.1.1"),
    ("RFC 6607 3.5: VSS by name", "", {"giaddr": OTHER, "options": {82: sub((151, BLUE))}},
     "OFFER 10.88.0.30"),
    ("RFC 6607 3.5: VSS by VPN-ID", "", {"giaddr": OTHER, "options": {82: sub((151, RED))}},
     "OFFER 10.88.0.50"),
    ("RFC 6607 3.5: a VRF with a VPN-ID is not known by its name", "",
     {"giaddr": OTHER, "options": {82: sub((151, b"\0red"))}}, "silence: vrf-unknown"),
    ("RFC 6607 3.5: VSS of the global VPN", RELAYS,
     {"giaddr": "192.0.2.85", "options": {82: sub((151, b"\xff"), link_selection("10.88.0.0"))}},
     "OFFER 10.88.0.10"),
    ("RFC 6607 3.5: the global VPN has no name", "",
     {"giaddr": OTHER, "options": {82: sub((151, b"\xffx"))}}, "silence: vrf-unknown"),
    ("RFC 6607 3.5: a type that there is not", "",
     {"giaddr": OTHER, "options": {82: sub((151, b"\2blue"))}}, "silence: vrf-unknown"),
    ("RFC 6607 3.5: a VPN-ID of six octets", "",
     {"giaddr": OTHER, "options": {82: sub((151, RED[:-1]))}}, "silence: vrf-unknown"),
    ("RFC 6607 3.5: a name with more behind it", "",
     {"giaddr": OTHER, "options": {82: sub((151, BLUE + b"s"))}}, "silence: vrf-unknown"),
    ("RFC 6607 3.2: VSS before the agent's VRF", RELAYS,
     {"giaddr": "192.0.2.85", "options": {82: sub((151, BLUE), link_selection("10.88.0.0"))}},
     "OFFER 10.88.0.30"),
    ("RFC 6607 3.2: an agent's link in another VRF is not meant", RELAYS,
     {"giaddr": "192.0.2.85", "options": {82: sub((151, BLUE))}}, "silence: no-subnet"),
    ("RFC 6607 3.1: the client's VSS", CLIENTS, {"giaddr": OTHER, "options": {221: RED}},
     "OFFER 10.88.0.50"),
    ("RFC 6607 9: unless that is enabled it is passed over", "",
     {"giaddr": OTHER, "options": {221: RED}}, "OFFER 10.88.0.10"),
    ("RFC 6607 7.3: the relay agent's goes before it", CLIENTS,
     {"giaddr": OTHER, "options": {221: RED, 82: sub((151, BLUE))}}, "OFFER 10.88.0.30"),
    ("RFC 6607 3.1: another VRF than the link's has no link here", CLIENTS,
     {"options": {221: RED}}, "silence: no-subnet"),
    ("RFC 6607 3.1: but one that is selected", CLIENTS,
     {"options": {221: RED, 118: packed("10.88.0.0")}}, "OFFER 10.88.0.50"),
    ("ours: an interface that is not met is of no VRF", "", {"giaddr": OTHER, "ifindex": 9},
     "silence: vrf-unknown"),
    ("ours: unless the packet says it", "",
     {"giaddr": OTHER, "ifindex": 9, "options": {82: sub((151, BLUE))}}, "OFFER 10.88.0.30"),
    ("ours: or its relay agent", RELAYS,
     {"giaddr": "192.0.2.85", "ifindex": 9}, "OFFER 10.88.0.50"),
]  # fmt: skip


@pytest.mark.parametrize(("relays", "fields", "text"), [case[1:] for case in CASES],
                         ids=[case[0] for case in CASES])
def test_whose_packet_it_is(tmp_path: Path, relays: str, fields: dict, text: str) -> None:
    world = World(tmp_path, relays + SUBNETS, LINKS)
    assert world.discover(1, **fields).text == text


def test_what_selected_the_link_tells_the_reply_its_source_and_54(tmp_path: Path) -> None:
    """RFC 2131 4.1: an address of ours: that the packet came to, or its interface's."""
    world = World(tmp_path, CLIENTS + SUBNETS, LINKS)
    unicast = {"to": "192.0.2.1", "local": "192.0.2.1", "ifindex": 5}
    for fields, source in (
        ({"giaddr": OTHER} | unicast, "192.0.2.1"),
        ({"giaddr": OTHER, "options": {82: sub(link_selection("10.66.0.0"))}} | unicast,
         "192.0.2.1"),
        ({"options": {118: packed("10.66.0.0")}}, "10.77.0.1"),
        ({}, "10.77.0.1"),
    ):
        assert world.discover(1, **fields).server == source
        assert world.out["source"] == number(source)


def test_ours_is_what_the_interface_has_whatever_vrf_the_packet_is_of(tmp_path: Path) -> None:
    """RFC 2131 4.3.2: who names an address of ours is answered, though its VRF has none."""
    world = World(tmp_path, SUBNETS, LINKS)
    of_blue = {"giaddr": OTHER, "ifindex": 5, "options": {82: sub((151, BLUE))}}
    address = world.discover(1, **of_blue).address
    asked = world.select(address, 1, server="10.77.0.1", to="192.0.2.1", local="192.0.2.1",
                         **of_blue)
    assert (asked.text, asked.server) == (f"ACK {address}", "10.77.0.1")
    other = world.select(address, 1, server="10.77.0.9", to="192.0.2.1", local="192.0.2.1",
                         **of_blue)
    assert other.text == "silence: other-server"


def test_one_address_in_three_vrfs_is_three_leases(tmp_path: Path) -> None:
    text = SUBNETS.replace("10.88.0.30-10.88.0.40", "10.88.0.10-10.88.0.20")
    world = World(tmp_path, text.replace("10.88.0.50-10.88.0.60", "10.88.0.10-10.88.0.20"), LINKS)
    options: dict[int, dict] = {0: {}, 1: {82: sub((151, BLUE))}, 2: {82: sub((151, RED))}}
    for said in options.values():
        assert world.bind(1, giaddr=OTHER, options=said) == "10.88.0.10"
    assert [world.memory.bit(vrf, number("10.88.0.10")) for vrf in options] == [True] * 3
    renewal = world.rebind("10.88.0.10", 1, giaddr=OTHER, options=options[2])
    assert renewal.text == "ACK 10.88.0.10"
    released = world.release("10.88.0.10", 1, giaddr=OTHER, options=dict(options[1]))
    assert released.text == "silence: done"
    states = [world.memory.lease(vrf, number("10.88.0.10")).state for vrf in options]
    assert states == [1, 0, 1]


# ---- a renewal past the relay agent of another VRF

SAME = SUBNETS.replace("10.88.0.30-10.88.0.40", "10.88.0.10-10.88.0.20")
SPEAKS = "[defaults]\nauthoritative = true\n"
CLIENT_ID = {61: b"\0client"}


@pytest.mark.parametrize("defaults", ["", SPEAKS], ids=["", "authoritative"])
@pytest.mark.parametrize("holder", [False, True], ids=["free here", "another's here"])
def test_rfc2131_4_3_2_a_renewal_of_a_lease_in_another_vrf_is_silence(
    tmp_path: Path, defaults: str, holder: bool
) -> None:
    """The interface's VRF has the same prefix. Neither a NAK nor an ACK would be about that lease;
    the client rebinds through its relay agent (RFC 2131 4.4.5)."""
    world = World(tmp_path, defaults + SAME, LINKS)
    blue = {"giaddr": OTHER, "options": {82: sub((151, BLUE)), **CLIENT_ID}}
    if holder:
        assert world.bind(2, giaddr=OTHER) == "10.88.0.10"
    assert world.bind(1, **blue) == "10.88.0.10"
    for message in (world.renew, world.rebind):
        assert message("10.88.0.10", 1, options=CLIENT_ID).text == "silence: other-vrf"
    assert world.rebind("10.88.0.10", 1, **blue).text == "ACK 10.88.0.10"
    lease = world.memory.lease(0, number("10.88.0.10"))
    assert (lease.chaddr if lease else b"") == (b"\2\xee\0\0\0\2" if holder else b"")


def test_a_lease_that_is_its_own_here_is_renewed_whatever_stands_elsewhere(tmp_path: Path) -> None:
    world = World(tmp_path, SPEAKS + SAME, LINKS)
    blue = {"giaddr": OTHER, "options": {82: sub((151, BLUE))}}
    assert world.bind(1, **blue) == world.bind(1, giaddr=OTHER) == "10.88.0.10"
    assert world.renew("10.88.0.10", 1).text == "ACK 10.88.0.10"


def test_who_has_no_lease_anywhere_is_judged_here(tmp_path: Path) -> None:
    world = World(tmp_path, SPEAKS + SAME, LINKS)
    blue = {"giaddr": OTHER, "options": {82: sub((151, BLUE))}}
    assert world.bind(1, **blue) == "10.88.0.10"
    assert world.renew("10.88.0.10", 2).text == "ACK 10.88.0.10"  # free here, and authoritative
    assert world.renew("10.88.0.10", 3).text == "NAK"
    assert world.reboot("10.88.0.10", 1).text == "NAK"  # it is on a link of this VRF now
    world.release("10.88.0.10", 1, **{**blue, "options": dict(blue["options"])})
    assert world.renew("10.88.0.10", 1).text == "NAK"


def test_1542_4_1_1_hops_say_nothing_to_a_server(tmp_path: Path) -> None:
    from fastdhcp._codec import encode
    from tests._trial import handle

    world = World(tmp_path, SUBNETS, LINKS)
    for hops in (0, 4, 16, 255):
        data = encode(xid=hops, chaddr=b"\2\xee\0\0\0\1", giaddr=OTHER, hops=hops,
                      message_type=DISCOVER)
        out = handle(world.memory, data, ifindex=3, now=world.now, local=number("10.77.0.1"))
        assert out["yiaddr"] == number("10.88.0.10")


def test_drop_reasons_have_their_names() -> None:
    assert {"relay-unknown", "relay-untrusted", "vrf-unknown"} <= set(drop_names())
