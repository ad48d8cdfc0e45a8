"""Files that are not a lease store, whole and damaged: real LMDB files, and what is said."""

import os
import random
import struct

import lmdb
import pytest

from fastdhcp.store.database import Database, DatabaseError
from fastdhcp.store.inspection import inspect
from tests.batches import batch_of

PAGE = 4096


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a store with some hundred pages, of all kinds that there are."""
    path = tmp_path_factory.mktemp("whole") / "leases"
    database = Database(path)
    for sequence in range(1, 200):
        with database.write() as transaction:
            transaction.append(sequence, batch_of(1, 2, bytes(sequence * 40)))
            transaction.put_chunk(sequence.to_bytes(8, "big"), bytes(sequence * 30))
    database.close()
    inspect(path / "data.mdb")
    return (path / "data.mdb").read_bytes()


def patched(whole, at, new):
    return whole[:at] + new + whole[at + len(new) :]


def newer_meta(whole):
    """Where the newer meta page begins."""
    transactions = [struct.unpack_from("<Q", whole, at + 144)[0] for at in (0, PAGE)]
    return 0 if transactions[0] > transactions[1] else PAGE


def main_root(whole):
    return struct.unpack_from("<Q", whole, newer_meta(whole) + 128)[0] * PAGE


DAMAGED = {
    "a text": (lambda w: b"leases {\n}\n" * 1000, "is not a lease store: it is another program's"),
    "zeros": (lambda w: bytes(1 << 20), "is not a lease store"),
    "SQLite": (lambda w: b"SQLite format 3\0" + bytes(PAGE), "is not a lease store"),
    "one byte": (lambda w: w[:1], "is cut short, to 1 bytes"),
    "within the first meta page": (lambda w: w[:100], "is cut short"),
    "without the second meta page": (lambda w: w[:PAGE], "is cut short"),
    "within the second meta page": (lambda w: w[: PAGE + 50], "is cut short"),
    "meta pages alone": (lambda w: w[: 2 * PAGE], "is cut short.*there are pages up to"),
    "half": (lambda w: w[: len(w) // 2], "is cut short"),
    "without its last page": (lambda w: w[:-PAGE], "is cut short"),
    "without its last byte": (lambda w: w[:-1], "is cut short"),
    "another format of LMDB": (lambda w: patched(w, 20, b"\2"), "is of LMDB's format 2"),
    "a page size of 3": (lambda w: patched(w, 40, b"\3\0\0\0"), "is damaged: it says .* 3 bytes"),
    "second meta page of rubbish": (lambda w: patched(w, PAGE, b"x" * 200), "is not a lease store"),
    "root of zeros": (lambda w: patched(w, main_root(w), bytes(PAGE)), "is damaged in page"),
    "root of rubbish": (
        lambda w: patched(w, main_root(w) + 8, b"\xff" * (PAGE - 8)),
        "is (damaged|cut short)",
    ),
    "root beyond the end": (
        lambda w: patched(w, newer_meta(w) + 128, struct.pack("<Q", 1 << 40)),
        "is damaged: page 1099511627776 is beyond its last one",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_wrong_with_it_is_said_with_a_cure(tmp_path, whole, name):
    damage, words = DAMAGED[name]
    (tmp_path / "data.mdb").write_bytes(damage(whole))
    with pytest.raises(DatabaseError, match=f"data.mdb {words}.*; put a backup in its place"):
        Database(tmp_path)


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.touch()], ids=["missing", "empty"])
def test_what_lmdb_makes_itself_is_no_damage(tmp_path, make):
    make(tmp_path / "data.mdb")
    Database(tmp_path).close()


def test_another_programs_environment_is_refused(tmp_path):
    with lmdb.open(str(tmp_path), max_dbs=4, lib_version=0) as other:
        table = other.open_db(b"people")
        with other.begin(write=True) as transaction:
            transaction.put(b"a", b"b", db=table)
    with pytest.raises(DatabaseError, match="another program's, which keeps b'people'"):
        Database(tmp_path)


def test_a_circle_ends(tmp_path, whole):
    """A branch page whose first child is the page itself."""
    for number in range(2, len(whole) // PAGE):
        at = number * PAGE
        page, _, flags, _, _, first = struct.unpack_from("<QHHHHH", whole, at)
        if page == number and flags & 1:
            whole = patched(whole, at + first, struct.pack("<HHH", number, 0, 0))
    (tmp_path / "data.mdb").write_bytes(whole)
    with pytest.raises(ValueError, match="is damaged: its pages lead in a circle"):
        inspect(tmp_path / "data.mdb")


@pytest.mark.parametrize("seed", range(8))
def test_no_store_that_is_whole_is_refused(tmp_path, seed):
    """Whatever was put, removed and given up. LMDB's last page may never have been written."""
    turn = random.Random(seed)
    database = Database(tmp_path / "leases")
    sequence = 0
    for _ in range(100):
        try:
            with database.write() as transaction:
                for _ in range(turn.randrange(4)):
                    sequence += 1
                    size = turn.choice([24, 140, 3000, 20000])
                    transaction.append(sequence, batch_of(1, 2, bytes(size)))
                for _ in range(turn.randrange(20)):
                    key = turn.randrange(2000).to_bytes(8, "big")
                    transaction.put_chunk(key, bytes(turn.choice([100, 1500, 9000])))
                transaction.trim(turn.randrange(sequence + 1), turn.randrange(64))
                if turn.random() < 0.1:
                    raise InterruptedError
        except InterruptedError:
            sequence = max(database.sequences()[1], sequence)
        inspect(tmp_path / "leases" / "data.mdb")
    database.close()


@pytest.mark.parametrize("seed", range(4))
def test_rubbish_ends_in_words_or_is_free(tmp_path, whole, seed):
    """No other exception, whatever stands there; a page that nothing reaches harms nobody."""
    turn = random.Random(seed)
    spoilt = bytearray(whole)
    for _ in range(20):
        at = turn.randrange(2, len(whole) // PAGE) * PAGE
        spoilt[at : at + 16] = os.urandom(16)
    (tmp_path / "data.mdb").write_bytes(spoilt)
    try:
        inspect(tmp_path / "data.mdb")
    except ValueError as error:
        assert "damaged" in str(error) or "cut short" in str(error)
