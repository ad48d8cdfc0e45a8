"""Entries and their replay: what an entry holds, when it may be short, what recovery makes of it.

Every change of a binding is an entry first, and one function turns entries into records: so a table
recovered from the entries must equal the table that wrote them.
"""

import pytest

from fastdhcp import _chunks, _journal, _store
from fastdhcp._entry import entries
from fastdhcp._journal import ChangeKind
from fastdhcp._leases import BindingState, RecordFlag
from fastdhcp._memory import INFINITE, Memory, boot_time_ns
from tests import _trial
from tests.segments import ADDRESS, CHADDR, KEY, OTHER_KEY, make_memory, make_segments, records_of


def change(memory, kind, **fields):
    fields.setdefault("now", 100)
    return _trial.apply(memory, kind, 0, ADDRESS, fields.pop("key", KEY), CHADDR, **fields)


def settle(memory):
    data, heads = _store.take(memory)
    _store.settle(memory, heads)
    return data


def test_a_binding_is_a_whole_entry_and_a_new_incarnation():
    memory = make_memory()
    result, ring, position, incarnation, expiry = change(
        memory, ChangeKind.CHANGE_BIND, expiry=3700, client_id=b"\x01" + CHADDR, hostname=b"box"
    )
    assert (result, ring, incarnation, expiry) == ("applied", 0, (1, 1), 3700)
    entry = entries(_store.take(memory)[0])[0]
    assert entry["kind"] == "whole"
    assert entry["size"] == position
    assert (entry["address"], entry["key"], entry["version"]) == (ADDRESS, KEY, 1)
    lease = memory.lease(0, ADDRESS)
    assert (lease.state, lease.hostname, lease.start) == (BindingState.ACTIVE, b"box", 100)
    assert memory.bit(0, ADDRESS)


@pytest.mark.parametrize(
    ("kind", "short"),
    [(ChangeKind.CHANGE_RENEW, "renew"), (ChangeKind.CHANGE_END, "end")],
)
def test_an_entry_is_short_only_if_the_change_before_it_is_durable(kind, short):
    memory = make_memory()
    change(memory, ChangeKind.CHANGE_BIND, expiry=3700)
    change(memory, kind, expiry=3800)
    kinds = [e["kind"] for e in entries(settle(memory))]
    assert kinds == ["whole", "whole"]
    if kind == ChangeKind.CHANGE_END:
        change(memory, ChangeKind.CHANGE_BIND, expiry=3900)
        settle(memory)
    change(memory, kind, expiry=4000)
    entry = entries(settle(memory))[0]
    assert entry["kind"] == short
    assert entry["size"] == {"renew": 40, "end": 32}[short]
    assert entry["incarnation"] == memory.lease(0, ADDRESS).incarnation


def test_expiry_never_goes_down_while_active():
    memory = make_memory()
    change(memory, ChangeKind.CHANGE_BIND, expiry=3700)
    assert change(memory, ChangeKind.CHANGE_RENEW, expiry=200)[4] == 3700
    assert memory.lease(0, ADDRESS).expiry == 3700


@pytest.mark.parametrize("durable", [False, True], ids=["whole", "short"])
@pytest.mark.parametrize(
    ("expiry", "now", "ended"),
    [
        (3700, 500, 500),  # a RELEASE, or the operator's word
        (INFINITE, 500, 500),
        (3700, 3764, 3700),  # by time: the store comes reuse-grace later
    ],
)
def test_an_end_says_when_the_binding_ended(durable, expiry, now, ended):
    memory, again = make_memory(), make_memory()
    change(memory, ChangeKind.CHANGE_BIND, expiry=expiry)
    if durable:
        _store.replay_batch(again, settle(memory), 1)
    change(memory, ChangeKind.CHANGE_END, now=now)
    assert memory.lease(0, ADDRESS).expiry == ended
    _store.replay_batch(again, settle(memory), 2)
    assert records_of(again) == records_of(memory)


@pytest.mark.parametrize(
    ("entry", "state", "expiry"),
    [
        # END of 24 bytes: header alone, its last word 0.
        ("1800 03 02 00000000 00000000 05014d0a 0200000000000000", BindingState.FREE, 3700),
        # RENEW with spare words of 0: expiry 4000, acked 0, cltt 300.
        ("2800 02 00 00000000 00000000 05014d0a 0200000000000000 a00f0000 00000000 2c010000"
         " 00000000", BindingState.ACTIVE, 4000),
    ],
)  # fmt: skip
def test_short_entries_of_an_older_version_are_read(entry, state, expiry):
    memory = make_memory()
    change(memory, ChangeKind.CHANGE_BIND, expiry=3700)
    assert _store.replay_batch(memory, bytes.fromhex(entry), 2) == 1
    lease = memory.lease(0, ADDRESS)
    assert (lease.state, lease.expiry, lease.version) == (state, expiry, 2)


def test_a_decision_upon_an_older_record_is_refused():
    memory = make_memory()
    change(memory, ChangeKind.CHANGE_OFFER, offer_until=160)
    assert change(memory, ChangeKind.CHANGE_BIND, expiry=3700, lock_seen=0)[0] == "moved"
    assert memory.lease(0, ADDRESS).state == BindingState.FREE


def test_an_offer_is_volatile_and_has_no_entry():
    memory = make_memory()
    change(memory, ChangeKind.CHANGE_OFFER, offer_until=160)
    assert _store.take(memory)[0] == b""
    assert memory.bit(0, ADDRESS)
    change(memory, ChangeKind.CHANGE_LAPSE)
    assert not memory.bit(0, ADDRESS)
    assert memory.lease(0, ADDRESS).offer_until == 0


def test_a_freed_record_keeps_whom_it_was_bound_to():
    memory = make_memory()
    change(memory, ChangeKind.CHANGE_BIND, expiry=3700, hostname=b"box")
    change(memory, ChangeKind.CHANGE_END)
    change(memory, ChangeKind.CHANGE_OFFER, key=OTHER_KEY, offer_until=160)
    lease = memory.lease(0, ADDRESS)
    assert (lease.state, lease.key, lease.hostname) == (BindingState.FREE, KEY, b"box")


@pytest.mark.parametrize("size", [0, 1, 24, 25, 64, 65, 200, 255])
def test_identifiers_of_every_length_survive_recovery(size):
    memory = make_memory()
    data = bytes(range(size % 251)) + b"x" * (size - size % 251)
    change(memory, ChangeKind.CHANGE_BIND, expiry=3700, client_id=data, relay_info=data[::-1],
           hostname=data)
    again = make_memory()
    assert _store.replay_batch(again, _store.take(memory)[0], 7) == 1
    lease = again.lease(0, ADDRESS)
    assert (lease.client_id, lease.relay_info, lease.hostname) == (data, data[::-1], data)
    assert lease.change == 7


def test_a_renewal_without_an_identifier_keeps_it_and_with_another_replaces_it():
    memory = make_memory()
    change(memory, ChangeKind.CHANGE_BIND, expiry=3700, relay_info=b"\x01\x02ab", hostname=b"a")
    settle(memory)
    change(memory, ChangeKind.CHANGE_RENEW, expiry=3800)
    assert memory.lease(0, ADDRESS).relay_info == b"\x01\x02ab"
    settle(memory)
    change(memory, ChangeKind.CHANGE_RENEW, expiry=3900, hostname=b"other")
    assert entries(settle(memory))[0]["kind"] == "whole"
    assert memory.lease(0, ADDRESS).hostname == b"other"


def test_2131_4_3_4_of_another_box_stays_only_what_it_says_itself():
    """A change of hardware is never a short entry: the replay says it too."""
    memory = make_memory()
    change(memory, ChangeKind.CHANGE_BIND, expiry=3700, client_id=b"\0box-A", hostname=b"a",
           relay_info=b"\x01\x02ab")
    settle(memory)
    other = CHADDR[:-1] + b"\x99"
    _trial.apply(memory, ChangeKind.CHANGE_RENEW, 0, ADDRESS, KEY, other, expiry=3700, now=100)
    assert [e["kind"] for e in entries(settle(memory))] == ["whole"]
    lease = memory.lease(0, ADDRESS)
    assert (lease.chaddr, lease.client_id, lease.hostname) == (other, b"", b"")
    assert lease.relay_info == b"\x01\x02ab"
    _trial.apply(memory, ChangeKind.CHANGE_RENEW, 0, ADDRESS, KEY, CHADDR, expiry=3700, now=100,
                 client_id=b"\0box-B")
    assert memory.lease(0, ADDRESS).client_id == b"\0box-B"


def test_what_is_too_long_to_be_kept_leaves_nothing_of_the_one_before():
    memory = make_memory()
    change(memory, ChangeKind.CHANGE_BIND, expiry=3700, relay_info=b"\x01\x02ab")
    settle(memory)
    for kind in ("whole", "renew"):  # then the record says it already
        change(memory, ChangeKind.CHANGE_RENEW, expiry=3700, relay_info=bytes(256))
        assert memory.lease(0, ADDRESS).relay_info == b""
        assert [e["kind"] for e in entries(settle(memory))] == [kind]


def test_replay_takes_newer_versions_only_in_any_order():
    memory = make_memory()
    change(memory, ChangeKind.CHANGE_BIND, expiry=3700)
    first = settle(memory)
    change(memory, ChangeKind.CHANGE_DECLINE, expiry=9000)
    second = settle(memory)
    again = make_memory()
    assert _store.replay_batch(again, second, 2) == 1
    assert _store.replay_batch(again, first, 1) == 0
    assert records_of(again) == records_of(memory)
    assert again.lease(0, ADDRESS).state == BindingState.DECLINED


def test_a_chunk_and_the_tail_behind_it_make_the_table_again():
    memory = make_memory()
    for low in range(100):
        _trial.apply(memory, ChangeKind.CHANGE_BIND, 0, ADDRESS - 5 + low, KEY, CHADDR,
                      expiry=3700, now=100)
    settle(memory)
    heads = [memory.ring_head(ring) for ring in range(memory.rings)]
    chunks = [_chunks.copy_chunk(memory, c, 1, heads) for c in _chunks.dirty_chunks(memory)]
    assert len(chunks) == 2
    assert _chunks.dirty_chunks(memory) == []
    change(memory, ChangeKind.CHANGE_RENEW, expiry=9000)
    tail = settle(memory)
    again = make_memory()
    assert [_store.replay_chunk(again, c) for c in chunks] == [1, 1]
    assert _store.replay_batch(again, tail, 2) == 1
    assert records_of(again) == records_of(memory)


@pytest.mark.parametrize(
    "data",
    [b"\x00", b"\x07\x00\x01" + bytes(5), b"\xff" * 64, b"\x18\x00\x09" + bytes(21),
     b"\x20\x00\x01" + bytes(29)],
)
def test_what_is_no_entry_is_refused_in_words(data):
    with pytest.raises(ValueError, match="begins no entry"):
        _store.replay_batch(make_memory(), data, 1)


def test_a_full_ring_is_named_and_changes_nothing():
    memory = make_memory(ring_size=4096)
    results = []
    for low in range(64):
        results.append(_trial.apply(memory, ChangeKind.CHANGE_BIND, 0, ADDRESS + low, KEY, CHADDR,
                                     expiry=3700)[0])
    full = results.index("ring-full")
    assert memory.lease(0, ADDRESS + full).version == 0
    assert not memory.bit(0, ADDRESS + full)
    settle(memory)
    assert _trial.apply(memory, ChangeKind.CHANGE_BIND, 0, ADDRESS + full, KEY, CHADDR,
                         expiry=3700)[0] == "applied"


def test_entries_stay_whole_around_the_end_of_the_ring():
    memory = make_memory(ring_size=4096)
    written = 0
    for turn in range(200):
        change(memory, ChangeKind.CHANGE_RENEW if turn else ChangeKind.CHANGE_BIND,
               expiry=3700 + turn, hostname=b"h" * (turn % 60))
        written += len(entries(settle(memory)))
    assert written == 200
    assert memory.lease(0, ADDRESS).version == 200


def test_the_table_says_when_it_is_full():
    memory = make_memory(blocks=2)
    _trial.apply(memory, ChangeKind.CHANGE_BIND, 0, 0x0A000000, KEY, CHADDR, expiry=1)
    _trial.apply(memory, ChangeKind.CHANGE_BIND, 7, 0x0A000000, KEY, CHADDR, expiry=1)
    with pytest.raises(MemoryError):
        _trial.apply(memory, ChangeKind.CHANGE_BIND, 0, 0x0A000100, KEY, CHADDR, expiry=1)
    assert memory.block_count == 2


def test_the_sweep_ends_what_is_due_and_no_sooner():
    memory = make_memory(now=1000)
    apply = _trial.apply
    apply(memory, ChangeKind.CHANGE_BIND, 0, ADDRESS, KEY, CHADDR, expiry=1000 - 64)
    apply(memory, ChangeKind.CHANGE_BIND, 0, ADDRESS + 1, KEY, CHADDR, expiry=1000 - 20)
    apply(memory, ChangeKind.CHANGE_OFFER, 0, ADDRESS + 2, KEY, CHADDR, offer_until=999)
    apply(memory, ChangeKind.CHANGE_OFFER, 0, ADDRESS + 3, KEY, CHADDR, offer_until=1100)
    apply(memory, ChangeKind.CHANGE_BIND, 0, ADDRESS + 4, KEY, CHADDR, expiry=INFINITE)
    apply(memory, ChangeKind.CHANGE_DECLINE, 0, ADDRESS + 5, KEY, CHADDR, expiry=990)
    assert _store.sweep(memory, 0, 1000) == (0, 1, 2)
    states = [memory.lease(0, ADDRESS + i).state for i in range(6)]
    assert states == [0, 1, 0, 0, 1, 0]
    assert [memory.bit(0, ADDRESS + i) for i in range(6)] == [False, True, False, True, True,
                                                             False]


def test_the_operator_ends_a_lease_at_once_or_only_its_renewal():
    memory = make_memory()
    assert _store.end_lease(memory, 0, ADDRESS, True) == "free"
    change(memory, ChangeKind.CHANGE_BIND, expiry=3700)
    assert _store.end_lease(memory, 0, ADDRESS, False) == "pending"
    assert memory.lease(0, ADDRESS).state == BindingState.PENDING
    assert _store.end_lease(memory, 0, ADDRESS, True) == "ended"
    lease = memory.lease(0, ADDRESS)
    assert (lease.state, lease.flags) == (BindingState.FREE, RecordFlag.RECORD_RELEASED)


def test_whoever_sleeps_is_woken_once_and_never_sleeps_over_work():
    memory = make_memory()
    assert not _store.wake_wanted(memory, 0)
    assert _store.sleep_begin(memory)
    assert _store.wake_wanted(memory, 0)
    assert not _store.wake_wanted(memory, 0)
    change(memory, ChangeKind.CHANGE_BIND, expiry=3700)
    assert not _store.sleep_begin(memory)


def test_who_died_within_a_commit_is_in_none_any_more():
    """Its successor would never hang, and the alarm `store-slow` never end, before its first."""
    fds = make_segments(workers=2)
    store, supervisor = Memory(fds, 2), Memory(fds, 3)
    store.set_busy(boot_time_ns())
    assert not _journal.repair(supervisor, 2)
    assert supervisor.busy_since_ns(2) == 0
