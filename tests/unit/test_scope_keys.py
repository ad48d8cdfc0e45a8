"""Every key of a scope takes effect at every level that accepts it, and the nearest one wins.

What a key does is seen from outside: in what is answered, or in how long an address is kept. A key
without an effect here is one that nobody has shown to work.
"""

import json
from collections.abc import Callable
from typing import NamedTuple

import pytest

from fastdhcp import _store
from fastdhcp._codec import decode
from fastdhcp._leases import BindingState
from fastdhcp.config import check
from fastdhcp.config.keys import ADDRESS_LEVELS, LEVELS, LINK_LEVELS, Key, keys_of
from fastdhcp.config.later import NOT_SERVED, ScopeKeys
from fastdhcp.config.model import Params
from tests._trial_replies import ReplyMaker
from tests.world import World, number

STRANGER, KNOWN = 1, 9  # a client without, and one with a reservation, whose address is in a pool
KEPT = "10.77.1.15"
# The levels of a place, with `when` of the two places that it may stand in.
PLACES = [*LEVELS[: LEVELS.index("when")], "when of a subnet", "when of a pool", "reservation"]
POLICY = """
[defaults]
{defaults}
[[shared-networks]]
name = "lan-a"
{shared-network}
[[classes]]
name = "everyone"
test = "pkt4.htype == 1"
{class}
[[subnets]]
subnet = "10.77.0.0/22"
shared-network = "lan-a"
{subnet}
when = [{{ class = "everyone"{when of a subnet} }}]
pools = [
    {{ range = "10.77.1.1-10.77.1.20", when = [{{ class = "everyone"{when of a pool} }}]{pool} }},
    "10.77.2.1-10.77.2.9",
]
[[subnets.reservations]]
hw-address = "02:ee:00:00:00:09"
address = "10.77.1.15"
{reservation}
"""
INLINE = ("pool", "when of a subnet", "when of a pool")


def text(**written: str) -> str:
    lines = {place: written.get(place, "") for place in PLACES}
    return POLICY.format(
        **lines | {place: f", {written[place]}" for place in INLINE if place in written}
    )


def nearest(key: str, place: str, far: str, near: str) -> str:
    """`near` at the place, `far` at all that are farther."""
    farther = [
        other for other in PLACES[: PLACES.index(place)] if _level(other) in levels_of(key)
    ]
    return text(**dict.fromkeys(farther, f"{key} = {far}"), **{place: f"{key} = {near}"})


def _level(place: str) -> str:
    return place.partition(" ")[0]


def levels_of(key: str) -> tuple[str, ...]:
    """Of a key, or of `options`."""
    return next((row.levels for row in keys_of(Params).values() if row.name == key), LEVELS)


# ---- what is seen of a key

def offered_s(asked: int | None) -> Callable[[World, int], object]:
    options = {} if asked is None else {51: asked.to_bytes(4)}
    return lambda world, mac: world.discover(mac, options=options).lease_s


def reply(world: World, mac: int) -> dict:
    """The OFFER as it leaves."""
    world.discover(mac)
    out = world.out
    places = {name: out[name] for name in ("subnet", "pool", "reservation")}
    return ReplyMaker(world.compiled).make(
        world.data, reply_type=out["reply_type"], server_id=number("10.77.0.1"),
        yiaddr=out["yiaddr"], lease_s=out["lease_s"], classes=out["classes"],
        **{name: place for name, place in places.items() if place is not None},
    )  # fmt: skip


def option(code: int) -> Callable[[World, int], object]:
    def seen(world: World, mac: int) -> object:
        return decode(reply(world, mac)["message"]).options[code]

    return seen


def octets(first: int, last: int) -> Callable[[World, int], object]:
    return lambda world, mac: reply(world, mac)["message"][first:last].rstrip(b"\0")


def hold_s(world: World, mac: int) -> object:
    address = world.discover(mac).address
    return world.memory.lease(0, number(address)).offer_until - world.now


def quarantine_s(world: World, mac: int) -> object:
    address = world.bind(mac)
    world.decline(address, mac)
    return world.memory.lease(0, number(address)).expiry - world.now


def grace_s(world: World, mac: int) -> object:
    """Seconds from a lease's end until the store ends the binding."""
    address = world.bind(mac)
    end = world.memory.lease(0, number(address)).expiry
    for after in range(60):
        world.set_now(end + after)
        _store.sweep(world.memory, 0, 1000)
        if world.state(address) == BindingState.FREE:
            return after
    return None


def to_rapid_commit(world: World, mac: int) -> object:
    return world.discover(mac, options={80: b""}).text.partition(" ")[0]


def to_bootp(world: World, mac: int) -> object:
    return world.send(None, mac).text.partition(" ")[0]


def bootp_s(world: World, mac: int) -> object:
    world.configure((world.folder / "fastdhcp.toml").read_text().replace(
        "[defaults]\n", "[defaults]\nbootp = true\n"))
    return world.send(None, mac).lease_s


def to_a_stranger(world: World, mac: int) -> object:
    """Of an address that is another link's: NAK, or silence."""
    return world.reboot("10.99.0.9", mac).text.partition(":")[0]


class Effect(NamedTuple):
    """`far`, `near`: as written; `seen`: what `near` comes to."""

    far: str
    near: str
    seen: object
    look: Callable[[World, int], object]


def u32(seconds: int) -> bytes:
    return seconds.to_bytes(4)


EFFECTS = {
    "lease-time": Effect("600", '"15m"', 900, offered_s(None)),
    "lease-time-min": Effect("100", "200", 200, offered_s(1)),
    "lease-time-max": Effect("4000", "5000", 5000, offered_s(100_000)),
    "renewal-time": Effect("100", "200", u32(200), option(58)),
    "rebinding-time": Effect("2000", "3000", u32(3000), option(59)),
    "offer-hold": Effect("10", "20", 20, hold_s),
    "decline-time": Effect("1000", "2000", 2000, quarantine_s),
    "reuse-grace": Effect("50", "7", 7, grace_s),
    "bootp-lease-time": Effect('"1d"', '"infinite"', 0xFFFFFFFF, bootp_s),
    "rapid-commit": Effect("false", "true", "ACK", to_rapid_commit),
    "bootp": Effect("false", "true", "ACK", to_bootp),
    "authoritative": Effect("false", "true", "NAK", to_a_stranger),
    "next-server": Effect('"10.77.0.7"', '"10.77.0.8"', bytes((10, 77, 0, 8)), octets(20, 24)),
    "boot-file": Effect('"far"', '"near"', b"near", octets(108, 236)),
    "server-name": Effect('"far"', '"near"', b"near", octets(44, 108)),
    "options": Effect('{ tz-name = "far" }', '{ tz-name = "near" }', b"near", option(101)),
}
SERVED = [*keys_of(Params).values()]
WALK = [
    (key, place, mac)
    for key in [*(key.name for key in SERVED), "options"]
    for place in PLACES
    if _level(place) in levels_of(key)
    for mac in (STRANGER, KNOWN)
    if mac == KNOWN or place != "reservation"
]


def test_every_key_that_is_served_has_an_effect() -> None:
    assert {key.name for key in SERVED} | {"options"} == set(EFFECTS)


@pytest.mark.parametrize(("key", "place", "mac"), WALK)
def test_a_key_takes_effect_at_its_level(tmp_path, key: str, place: str, mac: int) -> None:
    far, near, seen, look = EFFECTS[key]
    assert look(World(tmp_path, nearest(key, place, far, near)), mac) == seen


@pytest.mark.parametrize("far", ["50", "0"])
@pytest.mark.parametrize("level", ["pool", "reservation"])
def test_only_what_has_a_grace_of_its_own_is_held_by_it(tmp_path, far: str, level: str) -> None:
    """A longer one and a shorter one, and 0; the neighbours keep the subnet's."""
    world = World(tmp_path, text(subnet=f"reuse-grace = {far}", **{level: "reuse-grace = 7"}))
    assert grace_s(world, KNOWN) == 7
    assert grace_s(world, STRANGER) == (7 if level == "pool" else int(far))


@pytest.mark.parametrize(
    ("key", "level"),
    [
        pytest.param(key, place, id=f"{key.name} {place}")
        for key in keys_of(ScopeKeys).values()
        for place in PLACES
    ],
)
def test_a_key_that_is_not_served_yet_says_so_everywhere(tmp_path, key: Key, level: str) -> None:
    path = tmp_path / "fastdhcp.toml"
    path.write_text(text(**{level: f"{key.name} = {json.dumps(key.default)}"}))
    errors, warnings = check(path)
    assert errors == []
    assert [w.text for w in warnings if w.key.endswith(key.name)] == [NOT_SERVED]


@pytest.mark.parametrize(
    ("key", "place"),
    [(key.name, place) for key in SERVED for place in PLACES if _level(place) not in key.levels],
)
def test_a_key_is_refused_by_name_where_it_does_not_belong(tmp_path, key: str, place: str) -> None:
    path = tmp_path / "fastdhcp.toml"
    path.write_text(text(**{place: f"{key} = true"}))
    errors, _ = check(path)
    told = {
        LINK_LEVELS: "belongs to a whole link; write it in the subnet, or in [defaults]",
        ADDRESS_LEVELS: "counts when the client is gone; write it in the pool or the subnet",
    }[levels_of(key)]
    assert [(error.key.rpartition(".")[2], error.text) for error in errors] == [(key, told)]


# ---- times of one class beside limits of a farther scope


@pytest.mark.parametrize(
    ("subnet", "of_class", "asked", "told"),
    [
        ("", "lease-time = 7200", None, 7200),
        ("", "lease-time = 7200", 100_000, 7200),
        ("lease-time-max = 4000", "lease-time = 7200", None, 7200),
        ("lease-time-max = 9000", "lease-time = 7200", 100_000, 9000),
        ("lease-time-min = 3000", "lease-time = 600", 1, 600),
        ("lease-time-min = 300", "lease-time = 600", 1, 300),
        ("", "lease-time-max = 1800", None, 1800),
        ("", "lease-time-min = 9000", 1, 9000),
        ("lease-time-max = 4000", "lease-time-min = 5000", None, 5000),
        ("lease-time-min = 3000", "lease-time-max = 2000", None, 2000),
    ],
)
def test_rfc2131_4_3_1_the_nearer_of_times_that_contradict_each_other_counts(
    tmp_path, subnet: str, of_class: str, asked: int | None, told: int
) -> None:
    world = World(tmp_path, text(subnet=subnet, **{"class": of_class}))
    assert offered_s(asked)(world, STRANGER) == told
