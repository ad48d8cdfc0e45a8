"""A record as people read it: its state, its times, its identifiers (docs/API.md, A lease)."""

from typing import Any

import pytest

from fastdhcp import words
from fastdhcp._journal import ChangeKind
from fastdhcp._memory import INFINITE, Memory
from fastdhcp.control.catalog import Reservation
from fastdhcp.control.lease import STATES, Lease, WallClock, lease_of
from tests._trial import apply
from tests.segments import ADDRESS, CHADDR, KEY, OTHER_KEY, make_memory

BIND, RENEW, END = ChangeKind.CHANGE_BIND, ChangeKind.CHANGE_RENEW, ChangeKind.CHANGE_END
PEND, DECLINE = ChangeKind.CHANGE_PEND, ChangeKind.CHANGE_DECLINE
OFFER, LAPSE = ChangeKind.CHANGE_OFFER, ChangeKind.CHANGE_LAPSE
NOW = 100
BOUND = (BIND, {"expiry": 200})
KEPT = Reservation("hw-address", b"\x01" + CHADDR, b"printer-7")

# What happened; seen at; reserved; state, expires (node time).
STORIES = [
    ("offered", [(OFFER, {"offer_until": 160})], 100, False, "offered", 160),
    ("an offer that nobody took", [(OFFER, {"offer_until": 160})], 160, False, "free", None),
    ("lapsed", [(OFFER, {"offer_until": 160}), (LAPSE, {})], 100, False, "free", None),
    ("bound", [BOUND], 199, False, "active", 200),
    ("bound through its reservation", [BOUND], 199, True, "active", 200),
    ("renewed", [BOUND, (RENEW, {"expiry": 300})], 250, False, "active", 300),
    ("in its grace", [BOUND], 200, False, "expired", 200),
    ("ended by time", [BOUND, (END, {"now": 264})], 300, False, "expired", 200),
    ("ended before its time", [BOUND, (END, {"now": 150})], 300, False, "expired", 150),
    ("ended by time, reserved", [BOUND, (END, {"now": 264})], 300, True, "reserved", 200),
    ("offered to another",
     [BOUND, (END, {"now": 264}), (OFFER, {"offer_until": 360, "key": OTHER_KEY})],
     300, False, "offered", 360),
    ("not to be renewed", [BOUND, (PEND, {})], 150, False, "active", 200),
    ("not to be renewed, and over", [BOUND, (PEND, {})], 200, False, "expired", 200),
    ("declined", [BOUND, (DECLINE, {"expiry": 900})], 150, False, "declined", 900),
    ("declined, never bound", [(OFFER, {"offer_until": 160}), (DECLINE, {"expiry": 900})],
     150, False, "declined", 900),
    ("for ever", [(BIND, {"expiry": INFINITE})], 10**9, True, "active", None),
]  # fmt: skip


def change(memory: Memory, kind: ChangeKind, fields: dict[str, Any]) -> None:
    fields = {"now": NOW, **fields}
    result = apply(memory, kind, 0, ADDRESS, fields.pop("key", KEY), CHADDR, **fields)
    assert result[0] == "applied"


def seen(
    memory: Memory, now: int, reserved: Reservation | bool = False, own: Reservation | None = None
) -> Lease:
    """With a wall clock that says node time."""
    reservation = KEPT if reserved is True else reserved or None
    record = memory.lease(0, ADDRESS)
    assert record is not None
    return lease_of(record, now, WallClock(), "10.77.0.0/22", reservation, own)


@pytest.mark.parametrize(
    ("story", "now", "reserved", "state", "expires"),
    [case[1:] for case in STORIES],
    ids=[case[0] for case in STORIES],
)
def test_state_and_expiry(
    story: list[tuple[ChangeKind, dict[str, Any]]],
    now: int,
    reserved: bool,
    state: str,
    expires: int | None,
) -> None:
    memory = make_memory(now=NOW)
    for kind, fields in story:
        change(memory, kind, fields)
    lease = seen(memory, now, reserved)
    assert (lease.state, lease.expires) == (state, expires)
    assert lease.state in STATES
    assert lease.pending == (state == "active" and story[-1][0] == PEND)


def test_an_address_that_was_only_offered_knows_its_place() -> None:
    memory = make_memory(now=NOW)
    change(memory, OFFER, {"offer_until": 160})
    ((_, _, block),) = memory.blocks()
    (record,) = memory.block_leases(block)
    assert (record.vrf, record.address) == (0, ADDRESS)


def test_identifiers_are_those_of_the_last_client() -> None:
    memory = make_memory(now=NOW)
    relay_info = bytes([1, 7]) + b"ge-0/01" + bytes([2, 2, 0xAB, 0x00, 9, 1, 1])
    change(memory, BIND, {"expiry": 200, "client_id": b"\x01\x02", "relay_info": relay_info,
                          "hostname": b"printer-7\0"})  # fmt: skip
    change(memory, END, {})
    lease = seen(memory, 300)
    assert lease.hw_address == "02:ee:00:00:00:01"
    assert lease.client_id == "hex:0102"
    assert lease.hostname == "printer-7"
    assert (lease.circuit_id, lease.remote_id) == ("ge-0/01", "hex:ab00")
    assert lease.starts == NOW


@pytest.mark.parametrize(("own", "hostname"), [(KEPT, "printer-7"), (None, None)])
def test_a_reserved_clients_lease_names_reservation_and_hostname(
    own: Reservation | None, hostname: str | None
) -> None:
    """A stranger who still holds the address is not given the name."""
    memory = make_memory(now=NOW)
    change(memory, BIND, {"expiry": 200})
    lease = seen(memory, 150, KEPT, own)
    assert (lease.reservation, lease.hostname) == ("hw-address=02:ee:00:00:00:01", hostname)
    change(memory, END, {})
    ended = seen(memory, 300, KEPT, own)
    assert (ended.state, ended.hostname) == ("reserved", "printer-7")


def test_the_name_that_a_reserved_client_gives_itself_comes_first() -> None:
    memory = make_memory(now=NOW)
    change(memory, BIND, {"expiry": 200, "hostname": b"own-name"})
    assert seen(memory, 150, KEPT, KEPT).hostname == "own-name"


def test_a_reservation_without_an_address_is_shown_with_its_client_alone() -> None:
    memory = make_memory(now=NOW)
    change(memory, BIND, {"expiry": 200})
    lease = seen(memory, 150, own=KEPT)
    assert (lease.reservation, lease.hostname) == ("hw-address=02:ee:00:00:00:01", "printer-7")
    change(memory, END, {})
    ended = seen(memory, 300, own=KEPT)
    assert (ended.state, ended.hostname) == ("expired", "printer-7")
    change(memory, OFFER, {"offer_until": 360, "key": OTHER_KEY})
    other = seen(memory, 300, own=KEPT)
    assert (other.reservation, other.hostname) == (None, None)


def test_an_offer_shows_no_other_clients_identifiers() -> None:
    memory = make_memory(now=NOW)
    change(memory, BIND, {"expiry": 200, "hostname": b"printer-7"})
    change(memory, END, {})
    change(memory, OFFER, {"offer_until": 360, "key": OTHER_KEY})
    lease = seen(memory, 300)
    assert (lease.hw_address, lease.hostname, lease.starts) == (None, None, None)


def test_an_offer_to_the_same_client_shows_who_it_is() -> None:
    memory = make_memory(now=NOW)
    change(memory, BIND, {"expiry": 200})
    change(memory, END, {})
    change(memory, OFFER, {"offer_until": 360})
    assert seen(memory, 300).hw_address == "02:ee:00:00:00:01"


def test_a_wall_clock_that_is_nudged_moves_no_time_shown() -> None:
    memory = make_memory(now=NOW)
    clock = WallClock()
    clock.read(memory.time_offset_ns)
    first = clock.instant(500)
    clock.read(memory.time_offset_ns - 4 * 10**8)
    assert clock.instant(500) == first
    clock.read(memory.time_offset_ns - 30 * 10**9)
    assert first is not None and clock.instant(500) == pytest.approx(first + 30, abs=1)


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"", None),
        (b"pc-7", "pc-7"),
        (b"two words", "two words"),
        (b"\x01\x02\xee", "hex:0102ee"),
        (b"line\nbreak", "hex:6c696e650a627265616b"),
        (b"hex:01", "hex:6865783a3031"),
        ("büro".encode(), "hex:62c3bc726f"),
    ],
)
def test_identifiers_are_text_or_hex_and_never_both(octets: bytes, text: str | None) -> None:
    assert words.identifier_text(octets) == text


@pytest.mark.parametrize(
    "text", ["02:ee:00:00:00:01", "02-EE-00-00-00-01", "02ee.0000.0001", "02ee00000001"]
)
def test_hardware_addresses_are_read_as_people_write_them(text: str) -> None:
    assert words.hardware_bytes(text) == CHADDR


@pytest.mark.parametrize("text", ["", "02:ee:0", "gg:00", "1", "00" * 17, "10.77.1.5.300"])
def test_what_is_no_hardware_address(text: str) -> None:
    with pytest.raises(ValueError, match="is not a hardware address"):
        words.hardware_bytes(text)


def test_3046_sub_options_as_far_as_they_can_be_read() -> None:
    assert words.relay_sub_options(bytes.fromhex("0102aabb 0903")) == {1: b"\xaa\xbb"}
    assert words.relay_sub_options(bytes.fromhex("0100 02")) == {1: b""}
    assert list(words.relay_parts(bytes.fromhex("0100 0101aa"))) == [(1, b""), (1, b"\xaa")]
