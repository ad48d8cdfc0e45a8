"""An OFFER without an address: who asks is told that it can do without (RFC 2563, RFC 8925)."""

from pathlib import Path

import pytest

from fastdhcp._codec import decode, encode
from fastdhcp._leases import BindingState
from fastdhcp.packet import Packet
from tests._trial_replies import ReplyMaker
from tests.unit.packets import frame
from tests.world import World, number

POLICY = """
[defaults]
lease-time = 3600
{defaults}
[defaults.options]
domain-name = "campus.example"
[[classes]]
name = "phone"
test = "option[60].text == 'phone'"
{phone}
[[subnets]]
subnet = "10.77.0.0/22"
interface = "srv0"
pools = ["10.77.1.1-10.77.1.1"]
{subnet}
[[subnets.reservations]]
hw-address = "02:ee:00:00:00:09"
{reservation}
"""
ASKS = "37026c0f"  # option 55: 108, 15
MAY = "740101"  # option 116 as a client sends it
RAPID = "5000"
TYPE, SERVER = "350102", "36040a4d0001"
V6_ONLY, MAKE_UP_NONE = "6c0400000708", "740100"
GIVEN = "options = {{ {} }}".format
V6 = GIVEN("v6-only-preferred = 1800")


def ground(folder: Path, **written: str) -> World:
    places = dict.fromkeys(("defaults", "phone", "subnet", "reservation"), "")
    return World(folder, POLICY.format(**places | written))


def answer(world: World, options: str, mac: int = 2, **fields: str) -> Packet | str:
    """What leaves for a DISCOVER, or why nothing does."""
    data = frame("350101" + options + "ff", **fields)
    data = data[:28] + b"\2\xee" + mac.to_bytes(4) + data[34:]
    found = ReplyMaker(world.image).answer(
        world.memory, data, ifindex=3, local=number("10.77.0.1"), now=world.now
    )
    return decode(found["message"]) if isinstance(found, dict) else found


def said(world: World, options: str, mac: int = 2, **fields: str) -> str:
    """The options of an OFFER without an address, in hex; else the address, or why none."""
    found = answer(world, options, mac, **fields)
    if isinstance(found, str):
        return found
    if found.yiaddr != "0.0.0.0":
        return found.yiaddr + (" for good" if found.options[53] == b"\5" else "")
    assert not found.options.keys() & {51, 58, 59}
    return "".join(f"{code:02x}{len(value):02x}{value.hex()}"
                   for code, value in found.options.items())  # fmt: skip


# ---- RFC 2563


def test_rfc2563_2_3_who_asks_and_gets_no_address_is_told_to_make_up_none(tmp_path) -> None:
    world = ground(tmp_path, subnet=GIVEN("auto-config = 0"))
    world.bind(1)
    assert said(world, MAY + "3d03006d65") == TYPE + SERVER + MAKE_UP_NONE + "3d03006d65"


@pytest.mark.parametrize("options", ["", "370174"])
def test_rfc2563_2_3_who_does_not_send_it_is_met_with_silence(tmp_path, options: str) -> None:
    world = ground(tmp_path, subnet=GIVEN("auto-config = 0"))
    world.bind(1)
    assert said(world, options) == "pool-exhausted"


@pytest.mark.parametrize("written", ["", GIVEN("auto-config = 1")])
def test_rfc2563_2_3_where_clients_may_make_one_up_there_is_silence(tmp_path, written) -> None:
    world = ground(tmp_path, subnet=written)
    world.bind(1)
    assert said(world, MAY) == "pool-exhausted"


@pytest.mark.parametrize("place", ["phone", "reservation"])
def test_rfc2563_2_3_it_may_be_the_clients_own(tmp_path, place: str) -> None:
    world = ground(tmp_path, **{place: GIVEN("auto-config = 0")})
    world.bind(1)
    told = TYPE + SERVER + MAKE_UP_NONE
    assert said(world, MAY) == "pool-exhausted"
    assert said(world, MAY + "3c05" + b"phone".hex()) == (
        told if place == "phone" else "pool-exhausted")
    assert said(world, MAY, 9) == (told if place == "reservation" else "pool-exhausted")


@pytest.mark.parametrize(("overload", "field"), [(1, "file"), (2, "sname")])
def test_rfc2563_2_3_it_is_found_in_file_and_sname_too(tmp_path, overload, field) -> None:
    world = ground(tmp_path, subnet=GIVEN("auto-config = 0"))
    world.bind(1)
    assert said(world, f"3401{overload:02x}", **{field: MAY + "ff"}) == TYPE + SERVER + MAKE_UP_NONE


def test_rfc2563_2_3_an_address_is_given_without_it(tmp_path) -> None:
    world = ground(tmp_path, subnet=GIVEN("auto-config = 0"))
    found = answer(world, MAY)
    assert isinstance(found, Packet)
    assert (found.yiaddr, 116 in found.options) == ("10.77.1.1", False)


# ---- RFC 8925


def test_rfc8925_3_3_who_asks_is_told_and_gets_no_address(tmp_path) -> None:
    world = ground(tmp_path, subnet=V6)
    assert said(world, ASKS) == TYPE + SERVER + V6_ONLY
    assert said(world, "", 3) == "10.77.1.1", "nothing is kept for the other"


def test_rfc8925_3_3_who_does_not_ask_gets_an_address_without_it(tmp_path) -> None:
    world = ground(tmp_path, subnet=V6)
    found = answer(world, "37010f")
    assert isinstance(found, Packet)
    assert (found.yiaddr, 108 in found.options) == ("10.77.1.1", False)


def test_rfc8925_3_3_who_asks_where_it_is_not_configured_gets_an_address(tmp_path) -> None:
    assert said(ground(tmp_path), ASKS) == "10.77.1.1"
    elsewhere = ground(tmp_path, phone=V6)
    assert said(elsewhere, ASKS) == "10.77.1.1"
    assert said(elsewhere, ASKS + "3c05" + b"phone".hex()) == TYPE + SERVER + V6_ONLY
    never = ground(tmp_path, subnet=V6 + "\nnever-send = [108]")
    assert said(never, ASKS) == "10.77.1.1"


def test_rfc8925_3_3_a_pool_or_a_reservation_may_have_it(tmp_path) -> None:
    own = ground(tmp_path, reservation='address = "10.77.0.50"\n' + V6)
    assert said(own, ASKS, 9) == TYPE + SERVER + V6_ONLY
    assert said(own, ASKS) == "10.77.1.1"
    pool = '{ range = "10.77.1.1-10.77.1.1", ' + V6 + " }"
    text = POLICY.format(defaults="", phone="", subnet="", reservation="")
    assert said(World(tmp_path, text.replace('"10.77.1.1-10.77.1.1"', pool)), ASKS) == (
        TYPE + SERVER + V6_ONLY)


def test_rfc8925_3_3_a_request_is_processed_all_the_same(tmp_path) -> None:
    world = ground(tmp_path, subnet=V6)
    data = encode(xid=1, chaddr=b"\2\xee\0\0\0\2", message_type=3, options={
        50: bytes((10, 77, 1, 1)), 54: bytes((10, 77, 0, 1)), 55: bytes((108,))})  # fmt: skip
    found = ReplyMaker(world.image).answer(world.memory, data, ifindex=3,
                                           local=number("10.77.0.1"), now=world.now)
    ack = decode(found["message"])
    assert (ack.options[53], ack.yiaddr, ack.options[108].hex()) == (b"\5", "10.77.1.1", "00000708")


def test_rfc8925_3_3_it_goes_before_rapid_commit(tmp_path) -> None:
    world = ground(tmp_path, defaults="rapid-commit = true", subnet=V6)
    assert said(world, ASKS + RAPID) == TYPE + SERVER + V6_ONLY
    assert world.state("10.77.1.1") == BindingState.FREE
    assert said(world, RAPID) == "10.77.1.1 for good"


@pytest.mark.parametrize(("sent", "told"), [
    (ASKS, V6_ONLY), (ASKS + MAY, V6_ONLY + MAKE_UP_NONE), (MAY, MAKE_UP_NONE),
])  # fmt: skip
@pytest.mark.parametrize("exhausted", [False, True])
def test_rfc8925_3_3_1_with_or_without_116(tmp_path, exhausted, sent: str, told: str) -> None:
    """Who asks for 108 alone is answered, too, where no address is left."""
    world = ground(tmp_path, subnet=GIVEN("v6-only-preferred = 1800, auto-config = 0"))
    if exhausted:
        world.bind(1)
    elif sent == MAY:
        told = ""
    assert said(world, sent) == (TYPE + SERVER + told if told else "10.77.1.1")
