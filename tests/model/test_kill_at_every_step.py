"""One process is killed at every numbered step of Apply; the supervisor's repair comes after it.

The steps are those of _journal's head comment. Whatever the step, afterwards: nobody's lock is
left; the bit agrees with the record; the change is there whole if its entry was published, and not
at all if it was not; and a table recovered from the entries equals the table.
"""

import os
import signal

import pytest

from fastdhcp import _chunks, _store
from fastdhcp import _journal as journal
from fastdhcp._entry import entries
from fastdhcp._journal import ChangeKind
from fastdhcp._leases import BindingState
from tests import _trial
from tests.segments import (
    ADDRESS,
    CHADDR,
    KEY,
    OTHER_KEY,
    make_memory,
    make_segments,
    records_of,
)

ENTRY_STEPS = range(1, 17)
OFFER_STEPS = [1, 2, 3, 4, 20, 21, 22, 23, 14, 15, 16]
PUBLISHED = 7  # from this step on the entry counts

STARTS = {
    "never bound": [],
    "offered": [(ChangeKind.CHANGE_OFFER, {"offer_until": 160})],
    "active": [(ChangeKind.CHANGE_BIND, {"expiry": 3700, "hostname": b"h" * 40})],
    "pending": [
        (ChangeKind.CHANGE_BIND, {"expiry": 3700}),
        (ChangeKind.CHANGE_PEND, {}),
    ],
    "free again": [
        (ChangeKind.CHANGE_BIND, {"expiry": 3700}),
        (ChangeKind.CHANGE_END, {}),
    ],
}

CHANGES = [
    ("never bound", ChangeKind.CHANGE_BIND, {"expiry": 5000, "client_id": b"c" * 60}),
    ("offered", ChangeKind.CHANGE_BIND, {"expiry": 5000}),
    ("free again", ChangeKind.CHANGE_BIND, {"expiry": 5000, "key": OTHER_KEY}),
    ("active", ChangeKind.CHANGE_RENEW, {"expiry": 5000}),
    ("active", ChangeKind.CHANGE_RENEW, {"expiry": 5000, "relay_info": b"r" * 100}),
    ("active", ChangeKind.CHANGE_END, {}),
    ("active", ChangeKind.CHANGE_DECLINE, {"expiry": 90000}),
    ("active", ChangeKind.CHANGE_PEND, {}),
    ("pending", ChangeKind.CHANGE_END, {}),
    ("offered", ChangeKind.CHANGE_DECLINE, {"expiry": 90000}),
]
OFFERS = [
    ("never bound", ChangeKind.CHANGE_OFFER, {"offer_until": 170}),
    ("free again", ChangeKind.CHANGE_OFFER, {"offer_until": 170, "key": OTHER_KEY}),
    ("offered", ChangeKind.CHANGE_OFFER, {"offer_until": 190}),
    ("offered", ChangeKind.CHANGE_LAPSE, {}),
]


def apply(memory, kind, fields):
    fields = dict(fields)
    return _trial.apply(memory, kind, 0, ADDRESS, fields.pop("key", KEY), CHADDR, now=100,
                         **fields)


def die_at(fds, step, kind, fields):
    """A worker process makes the change and dies at the step. False: it never came there."""
    pid = os.fork()
    if pid == 0:
        try:
            memory = make_memory(0, fds=fds)
            memory.set_kill_step(step)
            apply(memory, kind, fields)
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def check_agreement(memory):
    lease = memory.lease(0, ADDRESS)  # raises TimeoutError if a lock is left
    taken = lease.state != BindingState.FREE or lease.offer_until != 0
    assert memory.bit(0, ADDRESS) == taken
    return lease


def recovered(data):
    memory = make_memory()
    _store.replay_batch(memory, data, 1)
    return records_of(memory)


def prepare(start):
    fds = make_segments()
    memory = make_memory(2, fds=fds)  # the store's place: it settles, and repairs here
    memory.epoch = 1
    worker = make_memory(0, fds=fds)
    for kind, fields in STARTS[start]:
        apply(worker, kind, fields)
    return fds, memory


@pytest.mark.parametrize("settled", [True, False], ids=["durable before", "not durable"])
@pytest.mark.parametrize("step", ENTRY_STEPS)
@pytest.mark.parametrize(("start", "kind", "fields"), CHANGES)
def test_a_change_is_whole_or_not_at_all(start, kind, fields, step, settled):
    fds, memory = prepare(start)
    first, heads = _store.take(memory)
    if settled:
        _store.settle(memory, heads)
    before = records_of(memory)
    died = die_at(fds, step, kind, fields)
    short = kind in (ChangeKind.CHANGE_RENEW, ChangeKind.CHANGE_END) and settled
    assert died or (short and step in (8, 9)) or (kind == ChangeKind.CHANGE_RENEW
                                                 and step in (8, 9))
    journal.repair(memory, 0)
    check_agreement(memory)
    last, heads = _store.take(memory)
    everything = first + last if settled else last
    assert recovered(everything) == records_of(memory)
    if died and step < PUBLISHED:
        assert records_of(memory) == before
        assert heads[0] == memory.ring_durable(0) or not settled
    else:
        assert records_of(memory) != before
        assert memory.lease(0, ADDRESS).version == (before[0, ADDRESS][9] + 1 if before else 1)
    # The next process in its place works on.
    replacement = make_memory(0, fds=fds)
    assert apply(replacement, ChangeKind.CHANGE_BIND, {"expiry": 7000})[0] == "applied"


@pytest.mark.parametrize("step", OFFER_STEPS)
@pytest.mark.parametrize(("start", "kind", "fields"), OFFERS)
def test_an_offer_that_was_cut_short_leaks_no_address(start, kind, fields, step):
    fds, memory = prepare(start)
    assert die_at(fds, step, kind, fields)
    journal.repair(memory, 0)
    lease = check_agreement(memory)
    assert lease.state == BindingState.FREE
    # What is offered now lapses by the sweep; afterwards the address is free.
    memory.time_offset_ns += 10**12
    _store.sweep(memory, 0, 100)
    assert not memory.bit(0, ADDRESS)
    assert memory.lease(0, ADDRESS).offer_until == 0


def test_a_record_locked_by_the_living_is_left_alone():
    fds, memory = prepare("active")
    assert die_at(fds, 2, ChangeKind.CHANGE_RENEW, {"expiry": 5000})  # named, not locked
    assert journal.repair(memory, 0) is False
    check_agreement(memory)


def test_a_chunk_with_a_locked_record_stays_open():
    fds, memory = prepare("active")
    chunk = _chunks.dirty_chunks(memory)[0]
    heads = [memory.ring_head(ring) for ring in range(memory.rings)]
    assert die_at(fds, 6, ChangeKind.CHANGE_RENEW, {"expiry": 5000})
    assert _chunks.copy_chunk(memory, chunk, 1, heads) is None
    assert _chunks.dirty_chunks(memory) == [chunk]
    journal.repair(memory, 0)
    assert entries(_chunks.copy_chunk(memory, chunk, 1, heads))[0]["expiry"] == 3700
