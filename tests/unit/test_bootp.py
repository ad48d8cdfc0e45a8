"""BOOTP clients: who is served, with what, and where to (RFC 951, RFC 1534, RFC 1542)."""

from ipaddress import IPv4Address
from typing import Any

import pytest

from fastdhcp import _store
from fastdhcp._codec import decode, encode
from fastdhcp._leases import BindingState, StoreState
from tests._trial_replies import ReplyMaker
from tests.policies import compile_text
from tests.world import Answer, World, number

ACK = 5
BOOTP = None  # no option 53
INFINITE = 0xFFFFFFFF
FLAG = 0x8000
POLICY = """
[defaults]
lease-time = 3600
authoritative = true
{defaults}
[defaults.options]
domain-name-servers = ["10.77.0.2", "10.77.0.3"]
domain-name = "campus.example"
tftp-server-name = "boot.campus.example"
boot-file-name = "dhcp/boot.img"
vendor-encapsulated-options = "hex:010a00112233445566778899"
"224" = "hex:0102030405060708090a0b0c0d0e0f101112131415161718"
[[subnets]]
subnet = "10.77.0.0/22"
interface = "srv0"
pools = ["10.77.1.1-10.77.1.3", {{ range = "10.77.2.1-10.77.2.9"{pool} }}]
options = {{ routers = ["10.77.0.1"] }}
{subnet}
[[subnets.reservations]]
hw-address = "02:ee:00:00:00:09"
address = "10.77.0.50"
hostname = "printer-7"
{reservation}
"""
SERVED = {"defaults": "bootp = true"}


def text(**written: str) -> str:
    places = dict.fromkeys(("defaults", "pool", "subnet", "reservation"), "")
    return POLICY.format(**places | written)


def ask(world: World, mac: int = 1, **fields: Any) -> Answer:
    return world.send(BOOTP, mac, **fields)


# ---- who is served


def test_rfc1534_2_a_server_that_serves_no_bootp_discards_in_silence(tmp_path) -> None:
    world = World(tmp_path, text())
    assert ask(world).text == "silence: bootp-unknown"
    assert ask(world, 9).text == "silence: bootp-unknown"
    assert world.state("10.77.0.50") == BindingState.FREE


@pytest.mark.parametrize("address", ["10.77.1.1", "0.0.0.0"])
def test_rfc1534_2_the_address_is_bound_at_once_and_waits_for_the_disk(tmp_path, address) -> None:
    world = World(tmp_path, text(**SERVED))
    answer = ask(world, ciaddr=address)
    assert (answer.text, answer.waits) == ("ACK 10.77.1.1", True)
    assert world.state("10.77.1.1") == BindingState.ACTIVE
    assert world.memory.lease(0, number("10.77.1.1")).expiry == INFINITE
    assert ask(world).text == "ACK 10.77.1.1"
    assert ask(world, 2).text == "ACK 10.77.1.2"


def test_a_reservation_may_be_served_alone(tmp_path) -> None:
    world = World(tmp_path, text(reservation="bootp = true"))
    assert ask(world, 9).text == "ACK 10.77.0.50"
    assert ask(world).text == "silence: bootp-unknown"


def test_a_pool_may_serve_alone_and_says_when_it_is_full(tmp_path) -> None:
    world = World(tmp_path, text(pool=", bootp = true"))
    assert ask(world, ciaddr="10.77.1.2").text == "ACK 10.77.2.1"
    assert ask(world, 9).text == "ACK 10.77.2.2"
    given = {ask(world, mac).address for mac in range(20, 27)}
    assert given == {f"10.77.2.{i}" for i in range(3, 10)}
    assert ask(world, 40).text == "silence: pool-exhausted"


def test_a_lease_of_a_pool_that_serves_none_is_not_told(tmp_path) -> None:
    """What the client holds by DHCP is not an address for BOOTP there."""
    world = World(tmp_path, text(pool=", bootp = true"))
    held = world.bind(1)
    assert held == "10.77.1.1"
    assert ask(world).text == "ACK 10.77.2.1"
    assert world.state(held) == BindingState.PENDING


def test_a_client_that_speaks_both_keeps_its_address(tmp_path) -> None:
    """A boot ROM by BOOTP, the system that it loads by DHCP: the hold stays without end."""
    world = World(tmp_path, text(**SERVED))
    address = ask(world).address
    assert world.bind(1) == address
    assert world.memory.lease(0, number(address)).expiry == INFINITE
    assert world.release(address, 1).text == "silence: done"
    assert world.state(address) == BindingState.FREE


def test_a_finite_time_ends_by_silence(tmp_path) -> None:
    world = World(tmp_path, text(defaults='bootp = true\nbootp-lease-time = "30d"'))
    days = 30 * 86400
    answer = ask(world)
    assert (answer.lease_s, answer.expiry) == (days, world.now + days + 2)
    world.set_now(world.now + days - 1)
    assert ask(world).expiry == world.now + days + 2
    world.set_now(world.now + days + 70)
    _store.sweep(world.memory, 0, 1000)
    assert world.state("10.77.1.1") == BindingState.FREE


@pytest.mark.parametrize(("named", "said"), [
    (b"", "ACK 10.77.1.1"), (b"boot.campus.example", "ACK 10.77.1.1"),
    (b"boot.campus.exampl", "silence: other-server"), (b"elsewhere", "silence: other-server"),
    (b"boot.campus.example2", "silence: other-server"), (b"x" * 64, "silence: other-server"),
])  # fmt: skip
def test_rfc951_7_3_a_server_that_is_named_in_sname_answers_alone(tmp_path, named, said) -> None:
    world = World(tmp_path, text(defaults='bootp = true\nserver-name = "boot.campus.example"'))
    assert world.send(BOOTP, 1, sname=named).text == said


def test_a_server_without_a_name_is_none_that_a_client_can_name(tmp_path) -> None:
    world = World(tmp_path, text(**SERVED))
    assert world.send(BOOTP, 1, sname=b"elsewhere").text == "silence: other-server"


def test_while_the_store_fails_no_bootp_client_is_told_anything(tmp_path) -> None:
    world = World(tmp_path, text(**SERVED))
    ask(world)
    world.settle()
    world.memory.store_state = StoreState.STORE_FAILING
    assert ask(world).text == "silence: store-unavailable"


def test_a_bootp_client_without_a_hardware_address_names_nobody(tmp_path) -> None:
    world = World(tmp_path, text(**SERVED))
    assert world.send(BOOTP, 1, htype=32).text == "silence: no-client-address"


# ---- the reply


@pytest.fixture(scope="module")
def maker() -> ReplyMaker:
    return ReplyMaker(bytes(compile_text(text(**SERVED)).image))


def reply(maker: ReplyMaker, size: int = 300, **fields: Any) -> dict[str, Any]:
    fields = {"chaddr": b"\x02\xee\0\0\0\1", **fields}
    request = encode(xid=7, **fields).ljust(size, b"\0")
    found = maker.make(
        request, reply_type=ACK, server_id=number("10.77.0.1"), lease_s=INFINITE, subnet=0, pool=0,
        yiaddr=number("10.77.1.1"), ifindex=3, source_port=6767,
    )  # fmt: skip
    assert found is not None
    return found


def test_rfc1534_2_the_reply_has_no_option_of_dhcp_and_64_octets_of_vend(maker) -> None:
    message = reply(maker)["message"]
    assert len(message) == 300
    options = decode(message).options
    assert not options.keys() & {*range(50, 62), 66, 67}
    assert options[1] == bytes((255, 255, 252, 0))
    assert options[3] == bytes((10, 77, 0, 1))
    assert options[15] == b"campus.example"
    assert 224 not in options


def test_rfc1542_2_1_a_longer_request_has_a_longer_reply(maker) -> None:
    message = reply(maker, 548)["message"]
    assert 300 < len(message) <= 548
    assert {43, 224} <= decode(message).options.keys()


def test_options_that_only_dhcp_has_are_not_answered(maker) -> None:
    options = {57: b"\x05\xdc", 61: b"\0abc", 81: b"\1\0\0a"}
    assert not decode(reply(maker, options=options)["message"]).options.keys() & {57, 61, 81}


def test_rfc951_3_a_request_without_a_cookie_is_answered_with_options(maker) -> None:
    request = encode(xid=7, chaddr=b"\x02\xee\0\0\0\1")[:236] + bytes(64)
    found = maker.make(request, reply_type=ACK, server_id=1, lease_s=INFINITE, subnet=0, pool=0,
                       yiaddr=number("10.77.1.1"))
    assert decode(found["message"]).options[1] == bytes((255, 255, 252, 0))


def test_rfc3046_2_2_option_82_comes_back_last(maker) -> None:
    message = reply(maker, 340, giaddr="10.77.0.9", options={82: b"\1\4port"})["message"]
    assert list(decode(message).options)[-1] == 82
    assert decode(message).options[82] == b"\1\4port"


def test_rfc1542_5_3_the_header(maker) -> None:
    message = decode(reply(maker, ciaddr="10.77.1.9", flags=FLAG, hops=2, secs=9)["message"])
    assert (message.op, message.hops, message.secs, message.flags) == (2, 0, 0, FLAG)
    assert (message.ciaddr, message.yiaddr) == ("10.77.1.9", "10.77.1.1")
    assert message.xid == 7


@pytest.mark.parametrize(("written", "named", "told"), [
    ("", b"", b""), ("", b"vmunix", b"vmunix"), ('boot-file = "pxe/boot.img"', b"vmunix",
                                                 b"pxe/boot.img"),
])  # fmt: skip
def test_rfc951_7_3_the_boot_file(written: str, named: bytes, told: bytes) -> None:
    own = ReplyMaker(bytes(compile_text(text(defaults="bootp = true\n" + written)).image))
    assert decode(reply(own, file=named)["message"]).file == told


@pytest.mark.parametrize(("written", "told"), [("", "0.0.0.0"), ('next-server = "10.77.0.8"',
                                                                 "10.77.0.8")])  # fmt: skip
def test_rfc951_7_3_siaddr_is_next_server(written: str, told: str) -> None:
    own = ReplyMaker(bytes(compile_text(text(defaults="bootp = true\n" + written)).image))
    assert decode(reply(own, siaddr="10.77.0.77")["message"]).siaddr == told


HOME, RELAY = "10.77.1.1", "10.77.0.9"
WHERE = [
    ({}, ("frame", HOME, 68)),
    ({"flags": FLAG}, ("broadcast", "255.255.255.255", 68)),
    ({"giaddr": RELAY}, ("udp", RELAY, 67)),
    ({"ciaddr": HOME}, ("udp", HOME, 68)),
    ({"ciaddr": HOME, "giaddr": RELAY}, ("udp", HOME, 68)),
    ({"ciaddr": "10.99.0.1"}, ("frame", HOME, 68)),
    ({"ciaddr": "10.99.0.1", "flags": FLAG}, ("broadcast", "255.255.255.255", 68)),
    ({"ciaddr": "10.99.0.1", "giaddr": RELAY}, ("udp", RELAY, 67)),
]


@pytest.mark.parametrize(("fields", "wanted"), WHERE)
def test_rfc1542_5_4_where_to(maker: ReplyMaker, fields: dict[str, Any], wanted: object) -> None:
    found = reply(maker, **fields)
    assert (found["way"], str(IPv4Address(found["destination"])), found["port"]) == wanted
