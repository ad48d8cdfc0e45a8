"""Checkpoint passes over a real table and a real environment, with a clock that the test turns."""

import os

import pytest

from fastdhcp import _chunks, _store
from fastdhcp._journal import ChangeKind
from fastdhcp.store.checkpoint import (
    CHUNKS_MAX,
    LOCKED_S,
    PASS_INTERVAL_S,
    PASS_SPREAD_S,
    TRIM_MAX,
    Checkpoint,
    tail_bound,
)
from fastdhcp.store.database import META_CHECKPOINT, Database
from tests import _trial
from tests.batches import batch_of
from tests.segments import make_memory, make_segments

NETWORK = 0x0A4D0000
BOUND = 1 << 20


class Bench:
    """A worker and the store of one table; commits with a journal batch for each turn."""

    def __init__(self, path, bound=BOUND):
        self.fds = make_segments()
        self.memory = make_memory(0, fds=self.fds)
        self.database = Database(path / "leases")
        self.checkpoint = Checkpoint(self.memory, self.database, bound, -PASS_INTERVAL_S)
        self.sequence = 0

    def bind(self, *chunks):
        for chunk in chunks:
            key = chunk.to_bytes(16, "little")
            result = _trial.apply(
                self.memory,
                ChangeKind.CHANGE_BIND,
                0,
                NETWORK + chunk * 64,
                key,
                key[:6],
                expiry=9000,
            )
            assert result[0] == "applied"

    def commit(self, now, fails=False, chunks=True, size=None):
        entries, heads = _store.take(self.memory)
        entries = entries if size is None else bytes(size)
        sequence = self.sequence + bool(entries)
        try:
            with self.database.write() as transaction:
                if entries:
                    transaction.append(sequence, batch_of(0, 0, entries))
                self.checkpoint.write(transaction, sequence, heads, now, chunks)
                if fails:
                    raise InterruptedError
        except InterruptedError:
            self.checkpoint.failed()
            return
        self.checkpoint.committed()
        if entries:
            self.sequence = sequence
            self.checkpoint.appended(sequence, len(entries))
        _store.settle(self.memory, heads)

    def lock(self, address):
        """The record's lock word names another process (the second) as its owner."""
        self._set_lock(address, 2 << 32)

    def unlock(self, address):
        self._set_lock(address, 1)

    def _set_lock(self, address, word):
        number = self.memory.lease(0, NETWORK).number + address - NETWORK
        os.pwrite(self.fds["records"], word.to_bytes(8, "little"), number * 256)

    def on_disk(self):
        return sorted(int.from_bytes(k[4:], "big") - NETWORK // 64
                      for k, _ in self.database.chunks())  # fmt: skip

    def dirty(self):
        return len(_chunks.dirty_chunks(self.memory))


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.database.close()


def test_a_small_pass_is_one_commit_and_then_the_journal_goes(bench):
    bench.bind(0, 1)
    bench.commit(-1.0)
    bench.bind(2)
    bench.commit(-0.5)
    assert bench.on_disk() == []  # S is what was committed before
    bench.commit(0.0)
    assert bench.on_disk() == [0, 1, 2]
    assert bench.database.read_meta(META_CHECKPOINT) == 2
    assert bench.database.sequences() == (1, 2)  # trimmed by a later transaction
    assert bench.checkpoint.trimmable and bench.checkpoint.wait_s(0.0) == 0.0
    bench.commit(0.1)
    assert bench.database.sequences() == (2, 2)  # the last says how far the rings are on disk
    assert not bench.checkpoint.trimmable


def test_a_pass_starts_at_most_every_30_seconds(bench):
    bench.bind(0)
    bench.commit(0.0)
    bench.commit(0.0)
    bench.bind(1)
    bench.commit(1.0)
    assert bench.checkpoint.wait_s(1.0) == PASS_INTERVAL_S - 1.0
    bench.commit(PASS_INTERVAL_S - 0.1)
    assert bench.on_disk() == [0]
    bench.commit(PASS_INTERVAL_S)
    assert bench.on_disk() == [0, 1]


def test_a_long_tail_starts_one_at_once(bench):
    bench.bind(0)
    bench.commit(0.0)
    bench.commit(0.0)
    bench.bind(1)
    bench.commit(1.0, size=BOUND + 8)
    bench.commit(1.0)
    assert bench.on_disk() == [0, 1]
    assert bench.checkpoint.tail_bytes == 0


def test_a_large_pass_is_spread_over_time(bench):
    bench.bind(*range(200))
    bench.commit(0.0)
    bench.commit(0.0)
    first = len(bench.on_disk())
    assert first <= 1
    bench.commit(PASS_SPREAD_S / 20)
    assert len(bench.on_disk()) == 10
    for _ in range(20):
        bench.commit(PASS_SPREAD_S / 2)
    assert len(bench.on_disk()) == 100
    assert not bench.checkpoint.is_late(PASS_SPREAD_S / 2)
    bench.commit(PASS_SPREAD_S)
    assert len(bench.on_disk()) == 100 + CHUNKS_MAX  # a few chunks a commit, however late
    assert bench.checkpoint.is_late(PASS_SPREAD_S)
    assert bench.database.read_meta(META_CHECKPOINT) is None
    for _ in range(10):
        bench.commit(PASS_SPREAD_S)
    assert len(bench.on_disk()) == 200
    assert not bench.checkpoint.is_late(PASS_SPREAD_S)
    assert bench.database.read_meta(META_CHECKPOINT) == 1


def test_a_pass_keeps_step_with_the_journal(bench):
    bench.bind(*range(200))
    bench.commit(0.0)
    bench.commit(0.0)
    for _ in range(4):
        bench.commit(0.0, size=BOUND // 8)  # half the bound
    for _ in range(8):
        bench.commit(0.0)
    assert len(bench.on_disk()) == 100


def test_an_idle_pass_asks_for_commits_by_the_handful(bench):
    bench.bind(*range(200))
    bench.commit(0.0)
    bench.commit(0.0)
    wait_s = bench.checkpoint.wait_s(0.0)
    assert 0.5 < wait_s < PASS_SPREAD_S * CHUNKS_MAX / 200 + 0.1
    bench.commit(wait_s)
    assert len(bench.on_disk()) == CHUNKS_MAX


def test_what_is_dirtied_during_a_pass_waits_for_the_next(bench):
    bench.bind(*range(100))
    bench.commit(0.0)
    bench.commit(0.0)
    bench.bind(150)
    bench.commit(1.0)
    for _ in range(10):
        bench.commit(PASS_SPREAD_S)
    assert bench.database.read_meta(META_CHECKPOINT) == 1
    assert 150 not in bench.on_disk()
    assert bench.database.sequences()[1] == 2
    bench.commit(PASS_INTERVAL_S)
    assert 150 in bench.on_disk()


def test_a_failed_commit_leaves_its_chunks_dirty_and_the_pass_open(bench):
    bench.bind(0, 1, 2)
    bench.commit(0.0)
    assert bench.dirty() == 3
    bench.commit(0.0, fails=True)
    assert bench.dirty() == 3
    assert bench.on_disk() == []
    bench.commit(0.0)
    assert bench.on_disk() == [0, 1, 2]
    assert bench.dirty() == 0


def test_a_chunk_with_a_locked_record_is_come_back_for(bench):
    bench.bind(0, 1)
    bench.commit(0.0)
    bench.lock(NETWORK + 3)
    bench.commit(0.0)
    assert bench.on_disk() == [1]
    assert bench.database.read_meta(META_CHECKPOINT) is None
    assert bench.checkpoint.wait_s(0.0) == pytest.approx(LOCKED_S)
    bench.unlock(NETWORK + 3)
    bench.commit(LOCKED_S / 2)
    assert bench.on_disk() == [1]
    bench.commit(LOCKED_S)
    assert bench.on_disk() == [0, 1]
    assert bench.database.read_meta(META_CHECKPOINT) == 1


def test_trimming_is_bounded_by_the_commit(bench):
    for i in range(TRIM_MAX + 10):
        bench.bind(i % 3)
        bench.commit(0.0, size=8)
    bench.checkpoint.want()
    bench.commit(0.0)
    bench.commit(1.0)
    first, last = bench.database.sequences()
    assert (first, last) == (TRIM_MAX + 2, TRIM_MAX + 10)  # a first pass took one
    bench.commit(1.0)
    assert bench.database.sequences() == (TRIM_MAX + 10, TRIM_MAX + 10)


def test_room_is_freed_without_writing_chunks(bench):
    bench.bind(0)
    bench.commit(0.0)
    bench.commit(0.0)
    bench.bind(1)
    bench.commit(PASS_INTERVAL_S + 1, chunks=False)
    assert bench.database.sequences() == (2, 2)
    assert bench.on_disk() == [0]


def test_a_successor_knows_where_the_checkpoint_stands(bench):
    bench.bind(0)
    bench.commit(0.0)
    bench.commit(0.0)
    bench.bind(1)
    bench.commit(1.0)
    found = Checkpoint(bench.memory, bench.database, BOUND, 0.0)
    assert (found.sequence, found.last) == (1, 2)
    assert found.tail_bytes > 0
    assert not found.trimmable


def test_the_tail_is_bounded_by_the_file_system_and_the_configuration(bench):
    assert tail_bound(bench.database, 10 << 20) == 10 << 20
    assert tail_bound(bench.database, 0) == 1 << 16
    assert tail_bound(bench.database, 1 << 40) <= bench.database.filesystem_bytes() // 16
