"""RFC 4039: a DISCOVER with option 80 is answered by an ACK, where `rapid-commit` says so."""

import pytest

from fastdhcp._codec import decode, encode
from fastdhcp._leases import BindingState
from fastdhcp.config import check
from tests._trial_replies import ReplyMaker
from tests.world import World, number

POLICY = """
[defaults]
lease-time = 3600
lease-time-min = 300
lease-time-max = 7200
{defaults}
[[subnets]]
subnet = "10.77.0.0/22"
interface = "srv0"
pools = ["10.77.1.1-10.77.1.3"]
[[subnets.reservations]]
hw-address = "02:ee:00:00:00:09"
address = "10.77.0.50"
"""
ASKS = {80: b""}


def text(defaults: str = "rapid-commit = true") -> str:
    return POLICY.format(defaults=defaults)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, text())


def test_3_1_it_is_decided_as_selecting_is_and_waits_for_the_disk(world) -> None:
    answer = world.discover(1, options=ASKS | {51: (600).to_bytes(4)})
    assert (answer.text, answer.waits) == ("ACK 10.77.1.1", True)
    assert (answer.lease_s, answer.expiry) == (600, world.now + 602)
    assert world.state("10.77.1.1") == BindingState.ACTIVE


def test_3_1_a_retransmission_gets_the_same_address(world) -> None:
    first = world.discover(1, options=ASKS)
    again = world.discover(1, options=ASKS)
    assert (again.text, again.incarnation) == (first.text, first.incarnation)


def test_3_1_who_does_not_ask_gets_an_offer(world) -> None:
    assert world.discover(1).text == "OFFER 10.77.1.1"


@pytest.mark.parametrize("written", ["", "rapid-commit = false"])
def test_3_1_who_asks_a_server_that_does_not_gets_an_offer(tmp_path, written) -> None:
    world = World(tmp_path, text(written))
    assert world.discover(1, options=ASKS).text == "OFFER 10.77.1.1"


def test_a_reserved_address_is_committed_in_place_of_the_one_held(world) -> None:
    world.configure(text().replace("00:09", "00:08"))
    held = world.bind(9)
    world.configure(text())
    assert world.discover(9, options=ASKS).text == "ACK 10.77.0.50"
    assert world.state(held) == BindingState.PENDING


def test_no_free_address_is_silence(world) -> None:
    for mac in range(1, 4):
        assert world.discover(mac, options=ASKS).text.startswith("ACK")
    assert world.discover(4, options=ASKS).text == "silence: pool-exhausted"


@pytest.mark.parametrize(("asks", "codes"), [(ASKS, True), ({}, False)])
def test_4_the_ack_says_why_it_is_one(world, asks, codes) -> None:
    world.discover(1, options=asks)
    out = world.out
    made = ReplyMaker(world.image).make(
        world.data, reply_type=out["reply_type"], server_id=number("10.77.0.1"),
        yiaddr=out["yiaddr"], lease_s=out["lease_s"], subnet=out["subnet"], pool=out["pool"],
    )  # fmt: skip
    options = decode(made["message"]).options
    assert (80 in options) == codes
    assert options.get(80, b"") == b""
    assert list(options)[:2] == [53, 54]


@pytest.mark.parametrize(("kind", "reply_type"), [(1, 2), (3, 5), (3, 6)])
def test_3_no_other_message_has_it_asked_for_or_not(world, kind: int, reply_type: int) -> None:
    asked = ASKS | {55: b"\x50\x01"}
    data = encode(xid=1, chaddr=b"\2\xee\0\0\0\1", message_type=kind, options=asked)
    lease_s = 0 if reply_type == 6 else 3600
    made = ReplyMaker(world.image).make(data, reply_type=reply_type, server_id=1, subnet=0, pool=0,
                                        yiaddr=number("10.77.1.1"), lease_s=lease_s)
    assert made is not None
    assert 80 not in decode(made["message"]).options


def test_3_2_check_says_that_the_server_must_be_alone(tmp_path) -> None:
    path = tmp_path / "fastdhcp.toml"
    path.write_text(text())
    errors, warnings = check(path)
    assert errors == []
    assert [warning.key for warning in warnings] == ["defaults.rapid-commit"]
    assert "alone on the link, or for a pair" in warnings[0].text


def test_3_1_what_the_client_may_not_hold_any_more_ends_with_the_commit(world) -> None:
    """As at a REQUEST: the address that it had is another one's by now."""
    held = world.bind(1)
    world.settle()
    world.configure(text() + f"""
[[subnets.reservations]]
hw-address = "02:ee:00:00:00:07"
address = "{held}"
""")
    answer = world.discover(1, options=ASKS)
    assert answer.text == "ACK 10.77.1.2"
    assert world.state(held) == BindingState.PENDING
