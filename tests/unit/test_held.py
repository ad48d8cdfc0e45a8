"""Replies that wait: out when durable, only while true, and never more than was decided."""

import os
from typing import Any, cast

import pytest

from fastdhcp import _store
from fastdhcp._journal import ChangeKind
from fastdhcp._memory import Memory, boot_time_ns
from fastdhcp._stats import Counter, DropReason
from fastdhcp._trace import Outcome
from tests import _trial
from tests._trial_replies import HeldQueue
from tests.segments import CHADDR, KEY, OTHER_KEY, make_segments

ADDRESS = 0x0A4D0105
NOW = 100
LEASE = 3600
EXPIRY = NOW + LEASE + 2
RECORD_SIZE = 256


class Ground:
    """A worker's and the store's view of real segments, and the worker's held queue."""

    def __init__(self) -> None:
        self.fds = make_segments()
        self.memory = Memory(self.fds, 0)
        self.memory.time_offset_ns = NOW * 10**9 - boot_time_ns() + 10**8
        self.memory.epoch = 1
        self.queue = HeldQueue(self.memory)

    def bind(self, address: int = ADDRESS, key: bytes = KEY) -> tuple[Any, ...]:
        """Bound and not yet on disk: number, incarnation, ring, position."""
        result, ring, position, incarnation, _ = _trial.apply(
            self.memory, ChangeKind.CHANGE_BIND, 0, address, key, CHADDR, expiry=EXPIRY, now=NOW
        )
        assert result == "applied"
        lease = self.memory.lease(0, address)
        assert lease is not None
        return lease.number, incarnation, ring, position

    def hold(self, bound: tuple[Any, ...], expiry: int = EXPIRY, lease_s: int = LEASE) -> int:
        number, incarnation, ring, position = bound
        return self.queue.push(number, incarnation, ring, position, expiry, NOW, lease_s)

    def commit(self) -> None:
        _, heads = _store.take(self.memory)
        _store.settle(self.memory, heads)

    def stale(self) -> int:
        return self.dropped(DropReason.DROP_HELD_STALE)

    def dropped(self, reason: DropReason) -> int:
        return self.memory.process_counters(0)[int(Counter.COUNT_DROPPED) + int(reason)]

    def fates(self) -> list[tuple[object, object]]:
        """What became of each reply, and why, in the order in which they were held."""
        rows = self.memory.trace(0, 0, 100)
        return [(row["outcome"], DropReason(cast(int, row["reason"]))) for row in rows]


@pytest.fixture
def ground() -> Ground:
    return Ground()


def test_no_reply_leaves_before_its_change_is_durable(ground: Ground) -> None:
    held = ground.hold(ground.bind())
    assert ground.queue.release(NOW) == []
    assert not ground.queue.due
    ground.commit()
    assert ground.queue.due
    assert ground.queue.release(NOW) == [(held, LEASE)]
    assert ground.queue.waiting == 0


def test_replies_leave_in_the_order_of_their_changes(ground: Ground) -> None:
    held = [ground.hold(ground.bind(ADDRESS + n)) for n in range(20)]
    ground.commit()
    late = ground.hold(ground.bind(ADDRESS + 20))
    assert [number for number, _ in ground.queue.release(NOW)] == held
    assert ground.queue.waiting == 1
    ground.commit()
    assert ground.queue.release(NOW) == [(late, LEASE)]


def test_a_repeated_request_waits_for_the_change_that_it_restates(ground: Ground) -> None:
    """Whoever made that change: the position is another worker's, in another ring."""
    other = Memory(ground.fds, 1)
    result, ring, position, incarnation, _ = _trial.apply(
        other, ChangeKind.CHANGE_BIND, 0, ADDRESS, KEY, CHADDR, expiry=EXPIRY, now=NOW
    )
    assert (result, ring) == ("applied", 1)
    lease = ground.memory.lease(0, ADDRESS)
    assert lease is not None
    held = ground.hold((lease.number, incarnation, ring, position))
    assert ground.queue.release(NOW) == []
    ground.commit()
    assert ground.queue.release(NOW) == [(held, LEASE)]


def test_one_ring_does_not_hold_up_another(ground: Ground) -> None:
    mine = ground.bind()
    waits = ground.queue.push(mine[0], mine[1], 1, 1 << 40, EXPIRY, NOW, LEASE)
    leaves = ground.hold(mine)
    ground.commit()
    assert ground.queue.release(NOW) == [(leaves, LEASE)]
    assert ground.queue.waiting == 1
    assert waits != leaves


TIMES = [
    ("at once: all of it", NOW, LEASE),
    ("a second later: the spare is used up", NOW + 1, LEASE),
    ("seven seconds later: what is left", NOW + 7, LEASE - 6),
]


@pytest.mark.parametrize("now, wanted", [row[1:] for row in TIMES], ids=[row[0] for row in TIMES])
def test_it_tells_what_is_left_until_the_instant_decided(
    ground: Ground, now: int, wanted: int
) -> None:
    held = ground.hold(ground.bind())
    ground.commit()
    assert ground.queue.release(now) == [(held, wanted)]


def test_a_renewal_by_another_decision_gives_it_no_longer_time(ground: Ground) -> None:
    """The record says more by now: the reply never says more than its own decision made durable."""
    held = ground.hold(ground.bind())
    _trial.apply(ground.memory, ChangeKind.CHANGE_RENEW, 0, ADDRESS, KEY, CHADDR,
                  expiry=EXPIRY + 5000, now=NOW + 5)
    ground.commit()
    assert ground.queue.release(NOW + 5) == [(held, LEASE - 4)]


def _end(ground: Ground) -> None:
    _trial.apply(ground.memory, ChangeKind.CHANGE_END, 0, ADDRESS, KEY, CHADDR, now=NOW)


def _end_and_bind_another(ground: Ground) -> None:
    _end(ground)
    ground.bind(key=OTHER_KEY)


def _pend(ground: Ground) -> None:
    _trial.apply(ground.memory, ChangeKind.CHANGE_PEND, 0, ADDRESS, KEY, CHADDR, now=NOW)


@pytest.mark.parametrize("change", [_end, _end_and_bind_another, _pend])
def test_what_is_no_longer_true_is_dropped(ground: Ground, change: Any) -> None:
    ground.hold(ground.bind())
    change(ground)
    ground.commit()
    assert ground.queue.release(NOW) == []
    assert (ground.queue.waiting, ground.stale()) == (0, 1)
    assert ground.fates() == [(Outcome.OUTCOME_DROPPED, DropReason.DROP_HELD_STALE)]


def test_nothing_left_of_it_is_dropped(ground: Ground) -> None:
    ground.hold(ground.bind(), expiry=NOW + 5, lease_s=3)
    ground.commit()
    assert ground.queue.release(NOW + 5) == []
    assert ground.stale() == 1


def test_what_the_store_cannot_commit_does_not_fill_the_queue_for_ever(ground: Ground) -> None:
    ground.hold(ground.bind())
    assert ground.queue.release(NOW + 8) == []
    assert ground.queue.waiting == 1
    assert ground.fates() == [(Outcome.OUTCOME_HELD, DropReason.DROP_NONE)]
    ground.queue.release(NOW + 9)
    assert (ground.queue.waiting, ground.stale()) == (0, 0)
    assert ground.dropped(DropReason.DROP_HELD_AGED) == 1
    assert ground.fates() == [(Outcome.OUTCOME_DROPPED, DropReason.DROP_HELD_AGED)]


def test_what_becomes_of_it_is_not_written_upon_another_packet(ground: Ground) -> None:
    """The ring of these segments has 64 entries: that of the first reply is the 65th's by then."""
    number, incarnation, ring, position = bound = ground.bind()
    ground.hold(bound)
    for _ in range(64):
        ground.queue.push(number, incarnation, ring, position, EXPIRY, NOW + 5, LEASE)
    ground.queue.release(NOW + 9)
    assert ground.dropped(DropReason.DROP_HELD_AGED) == 1
    (last,) = ground.memory.trace_last(0, 1)
    assert (last["number"], last["outcome"]) == (64, Outcome.OUTCOME_HELD)
    assert set(ground.fates()) == {(Outcome.OUTCOME_HELD, DropReason.DROP_NONE)}


def test_a_locked_record_is_looked_at_again_and_holds_up_nobody(ground: Ground) -> None:
    locked = ground.bind()
    first = ground.hold(locked)
    second = ground.hold(ground.bind(ADDRESS + 1))
    ground.commit()
    _set_lock(ground, locked[0], owner=2)
    assert ground.queue.release(NOW) == [(second, LEASE)]
    assert ground.queue.waiting == 1
    assert ground.queue.due, "the worker must not sleep"
    assert ground.queue.release(NOW) == []
    _set_lock(ground, locked[0], owner=0)
    assert ground.queue.release(NOW) == [(first, LEASE)]
    assert not ground.queue.due


def test_more_than_one_batch_waits_for_its_turn(ground: Ground) -> None:
    bound = ground.bind()
    held = [ground.hold(bound) for _ in range(300)]
    ground.commit()
    first = ground.queue.release(NOW)
    assert len(first) == 256
    assert ground.queue.due
    rest = ground.queue.release(NOW)
    assert [number for number, _ in first + rest] == held


def test_a_full_queue_says_so_before_anything_is_changed(ground: Ground) -> None:
    bound = ground.bind()
    while ground.queue.room:
        ground.hold(bound)
    assert ground.queue.waiting == 32768
    ground.commit()
    ground.queue.release(NOW)
    assert ground.queue.room


def _set_lock(ground: Ground, number: int, owner: int) -> None:
    """Writes the upper half of the record's lock word: the owner, 0 = free."""
    os.pwrite(ground.fds["records"], owner.to_bytes(4, "little"), number * RECORD_SIZE + 4)
