"""The environment on disk: order, bounds, what is refused. Each in a real LMDB environment."""

import shutil
import subprocess
import sys

import pytest

from fastdhcp.store.database import (
    META_FORMAT,
    Database,
    DatabaseError,
    DataLost,
    DiskFull,
    tip_after,
)
from tests.batches import batch_of


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / "leases")
    yield made
    made.close()


def fill(database, sequences, size=100):
    for sequence in sequences:
        with database.write() as transaction:
            transaction.append(sequence, batch_of(1, 2, bytes(size)))


def test_batches_come_back_in_order_of_their_number(database):
    fill(database, range(1, 300))  # 256 and more: the key's bytes are not in order, its value is
    assert [sequence for sequence, _ in database.batches()] == list(range(1, 300))
    assert [sequence for sequence, _ in database.batches(297)] == [297, 298, 299]
    assert database.sequences() == (1, 299)


def test_an_empty_journal_has_no_sequences(database):
    assert database.sequences() == (0, 0)
    assert list(database.batches()) == []
    assert list(database.chunks()) == []


def test_a_batch_goes_behind_all_others_only(database):
    fill(database, [5])
    with pytest.raises(DatabaseError, match="not behind"), database.write() as transaction:
        transaction.append(5, b"again")
    assert database.sequences() == (5, 5)


@pytest.mark.parametrize(
    ("last", "limit", "gone", "left"),
    [(10, 4, 4, (5, 20)), (3, 100, 3, (4, 20)), (0, 100, 0, (1, 20)), (99, 100, 20, (0, 0))],
    ids=["bounded by the limit", "up to the checkpoint", "nothing", "everything"],
)
def test_trim(database, last, limit, gone, left):
    fill(database, range(1, 21))
    with database.write() as transaction:
        assert transaction.trim(last, limit) == gone
    assert database.sequences() == left


def test_a_transaction_that_raises_has_not_happened(database):
    with pytest.raises(KeyError), database.write() as transaction:
        transaction.append(1, b"x")
        transaction.put_meta(b"m", 1)
        transaction.put_chunk(b"c", b"y")
        raise KeyError
    assert database.sequences() == (0, 0)
    assert database.read_meta(b"m") is None
    assert list(database.chunks()) == []


def test_chunks_are_read_on_from_where_a_transaction_ended(database, monkeypatch):
    with database.write() as transaction:
        for i in range(50):
            transaction.put_chunk(i.to_bytes(8, "big"), bytes([i]))
    monkeypatch.setattr("fastdhcp.store.database.READ_S_MAX", 0.0)
    assert [value[0] for _, value in database.chunks()] == list(range(50))


def test_meta_keeps_what_msgpack_keeps(database):
    with database.write() as transaction:
        transaction.put_meta(b"m", [1, {"a": [2**64 - 1, -5]}, b"\0\1", None, True])
    assert database.read_meta(b"m") == [1, {"a": [2**64 - 1, -5]}, b"\0\1", None, True]


def test_another_format_is_refused_in_words(tmp_path):
    database = Database(tmp_path / "leases")
    with database.write() as transaction:
        transaction.put_meta(META_FORMAT, 99)
    database.close()
    with pytest.raises(DatabaseError, match="of format 99"):
        Database(tmp_path / "leases")


def test_what_is_no_environment_is_refused_in_words(tmp_path):
    (tmp_path / "data.mdb").write_bytes(b"no" * 8192)
    with pytest.raises(DatabaseError, match="not a lease store"):
        Database(tmp_path)


def test_a_full_map_is_named(tmp_path):
    database = Database(tmp_path / "leases", map_size=1 << 20)
    with pytest.raises(DiskFull, match="largest size"):
        fill(database, range(1, 1000), size=40000)
    first, last = database.sequences()
    assert first == 1 and 10 < last < 30
    database.close()


def test_the_tip_names_the_last_batch(database):
    assert database.tip() == b""
    fill(database, [7])
    assert database.tip() == tip_after(7, batch_of(1, 2, bytes(100)))
    before = database.tip()
    fill(database, [8])
    assert database.tip() != before


def test_nothing_is_committed_upon_another_tip(database):
    fill(database, [7])
    with pytest.raises(DataLost, match="by somebody else"), database.write() as transaction:
        transaction.expect(tip_after(7, batch_of(1, 3, bytes(100))))
    with database.write() as transaction:
        transaction.expect(database.tip())


def test_a_batch_that_begins_with_no_header_is_damage_in_this_file(database):
    with database.write() as transaction:
        transaction.append(1, b"short")
    with pytest.raises(DataLost, match=r"leases: the journal is damaged.*backup"):
        database.last_header()


def test_debians_tools_read_the_files(tmp_path):
    """Format 0.9 (a backup is mdb_copy, a look is mdb_dump)."""
    if shutil.which("mdb_stat") is None:
        pytest.fail("mdb_stat is missing: install lmdb-utils")
    database = Database(tmp_path / "leases")
    fill(database, [1, 2, 3])
    out = subprocess.run(
        ["mdb_stat", "-a", str(tmp_path / "leases")], capture_output=True, text=True, check=True
    ).stdout
    assert "Status of journal" in out and "Entries: 3" in out
    database.close()


def test_a_killed_reader_frees_its_place(tmp_path):
    database = Database(tmp_path / "leases")
    code = (
        "import os, signal, sys; from pathlib import Path;"
        "from fastdhcp.store.database import Database;"
        "d = Database(Path(sys.argv[1]), readonly=True); t = d._env.begin(); t.id();"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "leases")], check=False)
    assert database.reader_check() == 1
    assert database.reader_check() == 0
    database.close()
