"""How a store starts: afresh from disk into new segments, or attached under living workers.

First of all the database gets what only the redo log has: all else is as if there were none.
A fresh start replays chunks, then the journal behind the checkpoint, and says so by the segments'
ready word; a store that dies before that gets new segments. An attaching store finds the ready
word and never rebuilds the table: the segments are newer than the disk.
"""

import contextlib
import operator
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass

from fastdhcp import _chunks, _store
from fastdhcp._leases import BLOCK_SIZE
from fastdhcp._memory import Memory
from fastdhcp._strays import Strays, without
from fastdhcp.crash import crash_point
from fastdhcp.store.batch import Header, header_size, read_header, write_header
from fastdhcp.store.busy import busy
from fastdhcp.store.clock import Clock, Mark, settle_offset
from fastdhcp.store.database import (
    FORMAT_AHEAD,
    META_CHECKPOINT,
    META_CLOCK,
    META_EPOCH,
    META_FORMAT,
    META_GONE,
    META_IDENTITY,
    META_SECRET,
    META_SEGMENT,
    RESTORE,
    Database,
    DatabaseError,
    DataLost,
    DiskFull,
    Write,
    read_floors,
)
from fastdhcp.store.ids import Ids
from fastdhcp.store.redo import REDO_NAME, frames, shorten

BEAT_CHUNKS = 1024
"""A long recovery shows that it lives: after so many chunks or batches."""
DROP_MAX = 4096
"""Chunks that go from the disk in one transaction."""
LOCKED_S = 0.01
"""Until a chunk of which a record was locked is looked at again."""
_TAKEN = int.from_bytes((b"\xff" * 32 + bytes(32)) * ((1 << 20) // 64), "little")
MIXED: list[str] = []
"""``identity`` in ``meta`` while chunks with keys of the old order may still be on disk."""


@dataclass(frozen=True)
class Recovered:
    """``leases``: addresses bound; ``rekeyed``: the client keys were made anew."""

    leases: int
    rekeyed: bool


def absorb(database: Database) -> None:
    """Puts what the redo log has, and the journal has not, into the journal; on disk when it
    returns. Raises DiskFull, DataLost, DatabaseError."""
    missing = list(unabsorbed(database))
    if not missing:
        return
    try:
        _absorb(database, missing)
    except DiskFull:
        with contextlib.suppress(OSError):
            shorten(database.path)
        _absorb(database, missing)


def _absorb(database: Database, missing: list[tuple[int, bytes]]) -> None:
    with database.write() as transaction:
        for sequence, batch in missing:
            transaction.append(sequence, batch)
        crash_point("absorb-before-sync")
    crash_point("absorb-after-sync")


def unabsorbed(database: Database) -> Iterator[tuple[int, bytes]]:
    """What the redo log has and the journal has not; only of the run that the database is of, for a
    backup may have been put there. Raises DataLost, DatabaseError."""
    match database.read_meta(META_SEGMENT):
        case [int(run), _]:
            try:
                yield from frames(database.path, _last_batch(database), run)
            except OSError as error:
                raise DataLost(
                    f"{database.path / REDO_NAME} cannot be read ({error.strerror}); it may have "
                    "the leases of the last tenth of a second: remove it to start without them"
                ) from error


def begin_run(database: Database, memory: Memory, clock: Clock, ids: Ids) -> None:
    """Fresh start, before the policy is known: node time, epoch, secret, ids.

    Raises DatabaseError.
    """
    with busy(memory):
        absorb(database)
    now = clock.read()
    secret = database.read_meta(META_SECRET)
    if not isinstance(secret, bytes):
        secret = secrets.token_bytes(16)
    epoch = database.read_meta(META_EPOCH)
    epoch = epoch + 1 if isinstance(epoch, int) else 1
    offset_ns = settle_offset(_stored_mark(database), now)
    with database.write() as transaction:
        transaction.put_meta(META_SECRET, secret)
        transaction.put_meta(META_EPOCH, epoch)
        transaction.put_meta(META_CLOCK, Mark(offset_ns, now).packed())
        ids.save(transaction)
        crash_point("fresh-before-run")
    crash_point("fresh-run")
    ids.saved()
    memory.secret = secret
    memory.epoch = epoch
    memory.time_offset_ns = offset_ns


def recover(
    database: Database,
    memory: Memory,
    clock: Clock,
    identity: list[str],
    bits_fd: int,
    policy_blocks: int = 0,
) -> Recovered:
    """Fresh start, under the policy: table from disk, then the ready word.

    ``policy_blocks``: that pools and reservations touch. Raises DatabaseError if the store is
    damaged or the table too small for it.
    """
    try:
        strays = find_strays(database, memory)
        _check_room(memory, policy_blocks + strays.blocks())
        ahead = replay_disk(database, memory, strays.gone())
    except ValueError as error:
        raise DataLost(f"{database.path}: {error}; {RESTORE}") from error
    except MemoryError as error:
        raise DatabaseError(f"{database.path}: {error}") from error
    rekeyed = database.read_meta(META_IDENTITY) not in (None, identity)
    if rekeyed:
        _store.rekey(memory)
        _chunks.mark_all_dirty(memory)
        _store.reindex(memory)
    with busy(memory):
        drop_strays(database, memory, strays)
        batch = rejournal(database, memory, clock, ahead)
        with database.write() as transaction:
            if batch is not None:
                transaction.append(_last_batch(database) + 1, batch)
            transaction.put_format()
            transaction.put_meta(META_SEGMENT, [memory.segment_id, [0] * memory.rings])
            transaction.put_meta(META_IDENTITY, MIXED if rekeyed else identity)
            transaction.put_meta(META_CLOCK, Mark(memory.time_offset_ns, clock.read()).packed())
            crash_point("fresh-before-sync")
    crash_point("fresh-committed")
    memory.ready = True
    crash_point("fresh-ready")
    return Recovered(bits_set(bits_fd), rekeyed)


def attach(database: Database, memory: Memory, clock: Clock) -> None:
    """Takes over from a store that died under living workers. May be called again if it raises.

    Raises DiskFull, DataLost as committed(), DatabaseError.
    """
    positions = committed(database, memory)
    with busy(memory):
        absorb(database)
    # What the dead one copied and did not commit is in the journal, but no bit says so any more.
    _chunks.mark_all_dirty(memory)
    crash_point("attach-dirty")
    with busy(memory), database.write() as transaction:
        # Its last commit may be seen without being on disk: this sync covers it.
        transaction.put_format()
        transaction.put_meta(META_CLOCK, Mark(memory.time_offset_ns, clock.read()).packed())
        crash_point("attach-before-sync")
    crash_point("attach-committed")
    _store.settle(memory, positions)
    crash_point("attach-published")


def committed(database: Database, memory: Memory) -> list[int]:
    """How far the rings of these segments are on disk. Raises DataLost if the disk does not belong
    to them, or has less than was acknowledged: a backup, say."""
    match database.read_meta(META_SEGMENT):
        case [memory.segment_id, list(positions)] if len(positions) == memory.rings:
            last = last_header(database)
            if last and last.run == memory.segment_id:
                positions = list(last.heads)
            durable = [memory.ring_durable(ring) for ring in range(memory.rings)]
            if all(map(operator.ge, positions, durable)):
                return positions
            raise DataLost(f"{database.path}: is older than the table in memory")
    raise DataLost(f"{database.path}: is of another run than the table in memory")


def last_header(database: Database) -> Header | None:
    """Of the last batch on disk."""
    missing = list(unabsorbed(database))
    return read_header(missing[-1][1]) if missing else database.last_header()


def rebuild(
    database: Database, memory: Memory, clock: Clock, ids: Ids, identity: list[str], sequence: int
) -> int:
    """A checkpoint of the whole table into new files, under living workers, in one transaction.

    ``sequence`` is the last batch that the old files had; their journal is gone, and who follows it
    finds a gap there. Returns the first sequence that the new one has. May be called again if it
    raises DatabaseError.
    """
    # An entry is published before the record says it, and the record is locked between: what is
    # copied after this has all that these entries say.
    room = header_size(memory.rings)
    batch, heads = _store.take(memory, room)
    mark = Mark(memory.time_offset_ns, clock.read())
    with busy(memory), database.write() as transaction:
        if len(batch) > room:
            write_header(batch, memory.now(), memory.segment_id, heads, mark)
            transaction.append(sequence + 1, batch)
            _copy_table(transaction, memory, sequence + 1, heads)
        else:
            _copy_table(transaction, memory, sequence, heads)
        crash_point("rebuild-copied")
        transaction.put_meta(META_SECRET, memory.secret)
        transaction.put_meta(META_EPOCH, memory.epoch)
        transaction.put_meta(META_IDENTITY, identity)
        transaction.put_meta(META_CLOCK, mark.packed())
        transaction.put_meta(META_SEGMENT, [memory.segment_id, heads])
        transaction.put_meta(META_CHECKPOINT, sequence)
        transaction.put_meta(META_GONE, memory.floors)
        ids.save_all(transaction)
    ids.saved()
    _store.settle(memory, heads)
    return sequence + 1


def _copy_table(transaction: Write, memory: Memory, sequence: int, heads: list[int]) -> None:
    """Every chunk. One with a locked record is come back for: its holder lives, or is repaired."""
    _chunks.mark_all_dirty(memory)
    left = _chunks.dirty_chunks(memory)
    while left:
        locked = []
        for chunk in left:
            copy = _chunks.copy_chunk(memory, chunk, sequence, heads)
            if copy is None:
                locked.append(chunk)
            else:
                transaction.put_chunk(_chunks.chunk_key(memory, chunk), copy)
        left = locked
        if left:
            time.sleep(LOCKED_S)


def bits_set(fd: int) -> int:
    """How many addresses the bitmap holds as taken; holes of the segment are not touched.

    Of each block's line (_leases.pxd) the first half is meant: the other says what is reserved.
    """
    total = 0
    for start, end in _extents(fd):
        for at in range(start, end, 1 << 20):
            piece = os.pread(fd, min(1 << 20, end - at), at)
            total += (int.from_bytes(piece, "little") & _TAKEN).bit_count()
    return total


def find_strays(database: Database, memory: Memory) -> Strays:
    """What is outside the policy. Raises ValueError, DatabaseError."""
    strays = Strays(memory)
    for count, (_, chunk) in enumerate(database.chunks()):
        strays.look(chunk)
        if count % BEAT_CHUNKS == 0:
            memory.beat()
    for count, (_, batch) in enumerate(database.batches(_first_batch(database))):
        strays.look(batch[database.header_of(batch).size :])
        if count % BEAT_CHUNKS == 0:
            memory.beat()
    return strays


def drop_strays(database: Database, memory: Memory, strays: Strays) -> None:
    """Chunks outside the policy in which nothing lives go from the disk. How high they counted
    stays: who follows the journal, or is the peer, goes by numbers that are never lower."""
    before, now = read_floors(database), strays.floors()
    memory.floors = max(before[0], now[0]), max(before[1], now[1])
    gone = sorted(strays.gone())
    for first in range(0, len(gone), DROP_MAX):
        with database.write() as transaction:
            transaction.put_meta(META_GONE, memory.floors)
            for chunk in gone[first : first + DROP_MAX]:
                transaction.drop_chunk(chunk.to_bytes(8))
        crash_point("strays-dropped")


def _check_room(memory: Memory, needed: int) -> None:
    if needed > memory.block_limit:
        raise MemoryError(
            f"server.max-addresses is too small: pools, reservations and the leases outside them "
            f"need {needed} blocks of {BLOCK_SIZE} addresses, and there is room for "
            f"{memory.block_limit}; write at least {needed * BLOCK_SIZE}"
        )


def _first_batch(database: Database) -> int:
    """The first sequence behind the checkpoint."""
    checkpoint = database.read_meta(META_CHECKPOINT)
    return checkpoint + 1 if isinstance(checkpoint, int) else 1


def _last_batch(database: Database) -> int:
    """The last sequence that the journal has or had."""
    return max(database.sequences()[1], _first_batch(database) - 1)


def replay_disk(
    database: Database, memory: Memory, gone: frozenset[int] = frozenset()
) -> list[bytes]:
    """The table as the disk has it: chunks, then the journal behind the checkpoint, by version;
    but the chunks that are ``gone``, keys as numbers. Returns the keys of those that are ahead of
    the journal.

    Raises ValueError for damaged entries, MemoryError if the table has no room, DatabaseError.
    """
    count = 0
    last = _last_batch(database)
    ahead = []
    for key, chunk in database.chunks():
        if int.from_bytes(key) in gone:
            continue
        if _store.replay_chunk(memory, chunk) > last:
            ahead.append(bytes(key))
        count += 1
        if count % BEAT_CHUNKS == 0:
            memory.beat()
    crash_point("fresh-chunks")
    for sequence, batch in database.batches(_first_batch(database)):
        entries: bytes | memoryview = batch[database.header_of(batch).size :]
        if gone:
            entries = without(entries, gone)
        _store.replay_batch(memory, entries, sequence)
        _chunks.mark_batch_dirty(memory, entries)
        count += 1
        if count % BEAT_CHUNKS == 0:
            memory.beat()
    crash_point("fresh-replayed")
    return ahead


def rejournal(
    database: Database, memory: Memory, clock: Clock, ahead: list[bytes]
) -> bytearray | None:
    """A batch of what these chunks hold ahead of the journal: their commit copied what no batch had
    yet. In none, it would be a change that nobody who follows the journal ever hears of.

    None: there is nothing, or nobody knows, for in an older format any change may be said to be
    ahead. Who follows has to copy that one.
    """
    batch = bytearray(header_size(memory.rings))
    match database.read_meta(META_FORMAT):
        case int(found) if found >= FORMAT_AHEAD:
            for key in ahead:
                batch += _chunks.ahead_entries(memory, key, _last_batch(database))
    if len(batch) == header_size(memory.rings):
        return None
    mark = Mark(memory.time_offset_ns, clock.read())
    write_header(batch, memory.now(), memory.segment_id, [0] * memory.rings, mark)
    return batch


def _stored_mark(database: Database) -> Mark | None:
    """The newest: of ``meta``, or of the last batch."""
    value = database.read_meta(META_CLOCK)
    last = database.last_header()
    try:
        marks = [] if value is None else [Mark.parse(value)]
    except ValueError as error:
        raise DatabaseError(f"{database.path}: {error}") from error
    if last and last.mark:
        marks.append(last.mark)
    return max(marks, key=lambda mark: mark.node_time_ns, default=None)


def _extents(fd: int) -> Iterator[tuple[int, int]]:
    """Where a sparse file has data."""
    at, size = 0, os.fstat(fd).st_size
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            return
        at = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, at
