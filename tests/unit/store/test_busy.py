"""The store is busy while it waits for the disk, and not when it waits for room."""

from pathlib import Path

import pytest

from fastdhcp.store.busy import busy
from fastdhcp.store.clock import Clock
from fastdhcp.store.database import META_SEGMENT, Database, DiskFull
from fastdhcp.store.recovery import attach
from tests.batches import batch_of
from tests.segments import make_memory

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
