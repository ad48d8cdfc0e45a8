"""The store is busy while it waits for the disk, and not when it waits for room."""

from pathlib import Path

import pytest

from fastdhcp import _store
from fastdhcp._journal import ChangeKind
from fastdhcp.store import commits, redo
from fastdhcp.store.busy import busy
from fastdhcp.store.checkpoint import Checkpoint
from fastdhcp.store.clock import Clock
from fastdhcp.store.database import META_SEGMENT, Database, DiskFull
from fastdhcp.store.ids import Ids
from fastdhcp.store.recovery import attach
from tests import _trial
from tests.batches import batch_of
from tests.segments import make_memory, make_segments

STORE = 2
MAP_SIZE = 1 << 17


def test_the_store_is_busy_for_the_time_of_the_block() -> None:
    memory = make_memory(STORE)
    with busy(memory):
        assert memory.busy_since_ns(STORE)
    assert memory.busy_since_ns(STORE) == 0


def test_a_store_that_finds_no_room_when_it_attaches_is_not_busy(tmp_path: Path) -> None:
    memory = make_memory(STORE)
    database = Database(tmp_path / "leases", map_size=MAP_SIZE)
    with database.write() as transaction:
        transaction.put_meta(META_SEGMENT, [memory.segment_id, [0] * memory.rings])
        transaction.append(1, batch_of(0, 0, b""))
    reader = database.batches()
    next(reader)  # it pins every page that is freed from now on
    with pytest.raises(DiskFull):
        for number in range(MAP_SIZE):
            with database.write() as transaction:
                transaction.put_meta(b"number", number)
    with pytest.raises(DiskFull):
        attach(database, memory, Clock())
    assert memory.busy_since_ns(STORE) == 0


def test_the_time_of_the_log_is_not_on_the_bill_of_the_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the two may take as long as a commit may: workers take one that stalls for one that
    fails."""
    fds = make_segments()
    memory = make_memory(STORE, fds=fds)
    database = Database(tmp_path / "leases")
    checkpoint = Checkpoint(memory, database, 1 << 20, 0.0)
    ids = Ids.load(database)
    since: dict[str, int] = {}

    def look(step: str) -> None:
        since[step] = memory.busy_since_ns(STORE)

    monkeypatch.setattr(redo, "FOLLOW_S", 0.0)
    monkeypatch.setattr(redo, "crash_point", look)
    monkeypatch.setattr(commits, "crash_point", look)
    made = commits.Commits(database, memory, Clock(), checkpoint, ids, lambda: None)
    worker = make_memory(0, fds=fds)
    _trial.apply(worker, ChangeKind.CHANGE_BIND, 0, 0x0A4D0001, bytes(16), bytes(6), expiry=9000)
    assert made.commit(by_log=True)
    assert not _store.pending_bytes(memory)
    assert 0 < since["log-before-sync"] < since["commit-before-sync"]
    assert memory.busy_since_ns(STORE) == 0
