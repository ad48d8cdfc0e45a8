"""What a start reads of the last commit: how far the rings are on disk, and what the clock was."""

import uuid

import pytest

from fastdhcp.store.batch import header_size, write_header
from fastdhcp.store.clock import Clock, Mark, Reading
from fastdhcp.store.database import META_CLOCK, META_SEGMENT, Database, DataLost
from fastdhcp.store.ids import Ids
from fastdhcp.store.recovery import begin_run, committed
from tests.batches import batch_of
from tests.segments import make_memory

S = 10**9
OTHER_BOOT = str(uuid.UUID(int=7))
POSITIONS, LATER = [8, 0, 16, 0], [80, 8, 16, 0]


def batch(memory, heads, node_time_s=1, run=None):
    """Header 2 of an earlier boot whose wall clock nobody believed."""
    made = bytearray(header_size(memory.rings))
    mark = Mark(0, Reading(OTHER_BOOT, node_time_s * S, 1, False))
    run = memory.segment_id if run is None else run
    write_header(made, node_time_s, run, heads, mark)
    return made


@pytest.fixture
def memory():
    return make_memory(2)


@pytest.fixture
def database(tmp_path, memory):
    made = Database(tmp_path / "leases")
    with made.write() as transaction:
        transaction.put_meta(META_SEGMENT, [memory.segment_id, POSITIONS])
    yield made
    made.close()


def append(database, made):
    with database.write() as transaction:
        transaction.append(1, made)


def test_positions_are_those_of_the_last_batch(database, memory):
    append(database, batch(memory, LATER))
    assert committed(database, memory) == LATER


@pytest.mark.parametrize("journal", ["empty", "header 1", "another run"])
def test_positions_are_those_of_the_start_if_the_run_has_no_batch_yet(database, memory, journal):
    if journal == "header 1":
        append(database, batch_of(1, 1, b""))
    if journal == "another run":
        append(database, batch(memory, LATER, run=memory.segment_id ^ 1))
    assert committed(database, memory) == POSITIONS


def test_a_disk_of_another_run_is_none_of_these_segments(database, memory):
    append(database, batch(memory, LATER))
    with database.write() as transaction:
        transaction.put_meta(META_SEGMENT, [memory.segment_id ^ 1, POSITIONS])
    with pytest.raises(DataLost, match="of another run"):
        committed(database, memory)


@pytest.mark.parametrize(("in_meta_s", "in_batch_s"), [(5000, 9000), (9000, 5000)])
def test_node_time_goes_on_from_the_newer_of_both_marks(database, memory, in_meta_s, in_batch_s):
    with database.write() as transaction:
        reading = Reading(OTHER_BOOT, in_meta_s * S, 1, False)
        transaction.put_meta(META_CLOCK, Mark(0, reading).packed())
    append(database, batch(memory, LATER, in_batch_s))
    begin_run(database, memory, Clock(), Ids())
    assert 9000 <= memory.now() < 9002
