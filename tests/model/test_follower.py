"""Who follows the journal knows the table: after any power cut, by batches alone.

A store is cut off in the middle of its work again and again. What a chunk of the checkpoint had
ahead of the journal comes back with the next start, and must come to the follower, too (a failover
peer; history), under a number that no other batch has.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from fastdhcp import _store
from fastdhcp._journal import ChangeKind
from fastdhcp.store import commits as commits_module
from fastdhcp.store.checkpoint import Checkpoint
from fastdhcp.store.clock import Clock
from fastdhcp.store.commits import Commits
from fastdhcp.store.database import Database
from fastdhcp.store.ids import Ids
from fastdhcp.store.recovery import begin_run, recover, unabsorbed
from tests import _trial
from tests.policies import compile_text
from tests.segments import make_memory, make_segments, records_of

WORKERS = 2
FIRST = 0x0A4D0100  # 10.77.1.0
ADDRESSES = 300  # of five chunks
IDENTITY = ["hw-address"]
POLICY = """
[[subnets]]
subnet = "10.77.0.0/16"
pools = ["10.77.1.0-10.77.4.255"]
"""


class Run:
    """From one start of everything to its power cut."""

    def __init__(self, path: Path, random: random.Random, image: tuple[int, int]) -> None:
        self.random = random
        fds = make_segments(workers=WORKERS, segment_id=random.getrandbits(63) + 1)
        self.memory, *self.workers = (make_memory(p, fds=fds) for p in (WORKERS, 0, 1))
        for memory in (self.memory, *self.workers):
            memory.set_image(*image)
        self.database, clock = Database(path), Clock()
        ids = Ids.load(self.database)
        begin_run(self.database, self.memory, clock, ids)
        recover(self.database, self.memory, clock, IDENTITY, fds["bits"])
        self.checkpoint = Checkpoint(self.memory, self.database, 1 << 30, 0.0)
        self.commits = Commits(
            self.database, self.memory, clock, self.checkpoint, ids, published=lambda: None
        )

    def change(self) -> None:
        """Some worker's, of some address."""
        number = self.random.randrange(ADDRESSES)
        worker = self.workers[number % WORKERS]
        lease = worker.lease(0, FIRST + number)
        kind = ChangeKind.CHANGE_BIND
        if lease is not None and lease.state != 0:
            kind = self.random.choice([ChangeKind.CHANGE_RENEW, ChangeKind.CHANGE_END])
        key = number.to_bytes(16, "big")
        expiry = self.memory.now() + self.random.randrange(3600, 7200)
        result = _trial.apply(worker, kind, 0, FIRST + number, key, key[-6:], expiry=expiry)
        assert result[0] == "applied"

    def commit(self) -> None:
        if self.random.random() < 0.3:
            self.checkpoint.want()
        self.commits.commit(by_log=self.random.random() < 0.6)

    def cut(self) -> None:
        """The power goes: the disk stays as it is, memory does not."""
        self.commits.redo.close()
        self.database.close()


class Follower:
    """Reads batches as they are published, and builds the table of them."""

    def __init__(self) -> None:
        self.memory = make_memory(0)
        self.sequence = 0

    def read(self, run: Run) -> None:
        batches = {s: bytes(b) for s, b in run.database.batches(self.sequence + 1)}
        batches |= dict(unabsorbed(run.database))
        for sequence in sorted(batches):
            if self.sequence < sequence <= run.memory.published:
                assert sequence == self.sequence + 1  # no gap
                batch = memoryview(batches[sequence])
                entries = batch[run.database.header_of(batch).size :]
                _store.replay_batch(self.memory, entries, sequence)
                self.sequence = sequence
        assert self.sequence == run.memory.published


def between(work: Callable[[], None], steps: set[str]) -> Callable[[str], None]:
    """A crash_point() that lets others work at some steps of a commit."""
    return lambda step: work() if step in steps else None


@pytest.mark.parametrize("seed", range(8))
def test_who_follows_the_journal_has_the_table_after_each_power_cut(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = compile_text(POLICY).memfds()
    chance, follower, path = random.Random(seed), Follower(), tmp_path / "leases"
    for _ in range(6):
        run = Run(path, chance, image)
        follower.read(run)
        assert records_of(follower.memory) == records_of(run.memory)
        # While a commit takes, copies chunks and writes, workers go on.
        step = between(run.change, {"commit-after-take", "commit-before-sync"})
        monkeypatch.setattr(commits_module, "crash_point", step)
        for _ in range(chance.randrange(30)):
            for _ in range(chance.randrange(12)):
                run.change()
            run.commit()
            follower.read(run)
        run.cut()


def test_a_change_that_only_a_chunk_has_is_the_first_batch_of_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = compile_text(POLICY).memfds()
    path = tmp_path / "leases"
    run = Run(path, random.Random(1), image)
    run.change()
    run.checkpoint.want()
    step = between(run.change, {"commit-after-take"})
    monkeypatch.setattr(commits_module, "crash_point", step)
    run.commits.commit()
    assert run.memory.published == 1
    known = records_of(run.memory)
    run.cut()
    run = Run(path, random.Random(2), image)
    assert records_of(run.memory) == known
    assert run.memory.published == 2
    follower = Follower()
    follower.read(run)
    assert records_of(follower.memory) == known
    run.cut()
    run = Run(path, random.Random(3), image)
    assert run.memory.published == 2  # once is enough
    run.cut()
