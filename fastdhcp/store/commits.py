"""Group commit: what all rings hold becomes one batch of the journal, on disk with one sync.

The batch, in whose header are the rings' positions and a mark of the node's clock, is written to
the redo log. After it, and not before, the rings' tails move and their durable positions are
published: an ACK that leaves is on disk. A transaction puts the batches of a while into the
database, with the checkpoint's part, and the log starts over. Without a log, and where no reply
waits for the disk, each batch has a transaction.
"""

import time
from collections.abc import Callable

from fastdhcp import _store
from fastdhcp._leases import StoreState
from fastdhcp._memory import Memory, boot_time_ns
from fastdhcp._stats import Counter
from fastdhcp.crash import crash_point
from fastdhcp.store.batch import header_size, write_header
from fastdhcp.store.busy import busy
from fastdhcp.store.checkpoint import Checkpoint
from fastdhcp.store.clock import Clock, Mark
from fastdhcp.store.database import META_CLOCK, Database, DiskFull, tip_after
from fastdhcp.store.ids import Ids
from fastdhcp.store.redo import RedoLog

MARK_INTERVAL_S = 60.0
"""The clock's mark on disk is never older, so that a reboot costs no more of node time."""
CHUNKS_HOLD_S = 1.0
"""After a commit that failed with chunks in it and did without, none are written for this long."""

FREED_BYTES = 256 << 10
"""So much of the journal must have become removable on a full disk before it counts as healed."""


class Commits:
    """What the store writes. ``sequence`` is the last batch on disk.

    ``published`` is called when more of the rings is durable. ``trouble``: why the last
    transaction, or its part of the checkpoint, did not reach the disk; None when all is well. The
    memory's store_state says whether commits go through.
    """

    def __init__(
        self,
        database: Database,
        memory: Memory,
        clock: Clock,
        checkpoint: Checkpoint,
        ids: Ids,
        published: Callable[[], None],
    ) -> None:
        self.sequence = checkpoint.last
        memory.sequence = max(memory.sequence, checkpoint.last)
        memory.published = checkpoint.last
        self.trouble: str | None = None
        self._database = database
        self._memory = memory
        self._clock = clock
        self._checkpoint = checkpoint
        self._ids = ids
        self._published = published
        self._tip = database.tip()  # as it was committed last
        self._header_size = header_size(memory.rings)
        self._hold_until_s = 0.0
        self._freed_bytes = 0  # of the checkpoint, when trouble began
        self._marked_s = time.monotonic()
        with busy(memory):
            self.redo = RedoLog(database.path, self._marked_s)

    def is_due(self, now: float) -> bool:
        """A transaction is due although no ring holds anything."""
        if self._ids.changed or now >= self.redo.follow_s():
            return True
        if self._checkpoint.wait_s(now) <= 0:
            return now >= self._hold_until_s
        return now >= self._marked_s + MARK_INTERVAL_S

    def wait_s(self, now: float) -> float:
        """Until is_due(), if nothing else happens."""
        checkpoint_s = max(self._checkpoint.wait_s(now), self._hold_until_s - now)
        due_s = min(self._marked_s + MARK_INTERVAL_S, self.redo.follow_s()) - now
        return max(min(checkpoint_s, due_s), 0.0)

    def are_there(self) -> bool:
        """Whether the file has what was committed last: somebody may have written over it."""
        return self._database.tip() == self._tip

    def commit(self, *, by_log: bool = False) -> bool:
        """One turn. ``by_log``: replies wait for it, so a transaction can come later. False: the
        disk is full, what it was for was not published, and it is to be called again.

        Raises DatabaseError if this process can commit no more.
        """
        now = time.monotonic()
        if by_log and self._timed(self._log) and not self.is_due(now):
            return True
        return self._timed(lambda: self._attempt(now))

    def _timed(self, work: Callable[[], bool]) -> bool:
        """The log's sync and the database's each have their own time: others take a store that is
        busy for too long for one that fails."""
        began_ns = boot_time_ns()
        with busy(self._memory):
            done = work()
        if done:
            took_us = (boot_time_ns() - began_ns) // 1000
            self._memory.add(Counter.COUNT_COMMITS)
            self._memory.observe(Counter.COUNT_COMMIT_TIME, Counter.COUNT_COMMIT_SUM, took_us)
        return done

    def _log(self) -> bool:
        """False: what the rings hold, if anything, takes a transaction."""
        if self.trouble is not None:
            return False
        batch, heads, _ = self._take()
        if len(batch) == self._header_size:
            return False
        sequence = self._memory.sequence = self.sequence + 1
        if not self.redo.append(sequence, batch):
            return False
        crash_point("log-after-sync")
        self.sequence = sequence
        self._publish(heads)
        return True

    def _take(self) -> tuple[bytearray, list[int], Mark]:
        """A batch of what the rings hold, how far it reaches, and the mark in its header."""
        crash_point("commit-before-take")
        batch, heads = _store.take(self._memory, self._header_size)
        crash_point("commit-after-take")
        mark = Mark(self._memory.time_offset_ns, self._clock.read())
        write_header(batch, self._memory.now(), self._memory.segment_id, heads, mark)
        return batch, heads, mark

    def _publish(self, heads: list[int]) -> None:
        self._memory.published = self.sequence
        _store.settle(self._memory, heads)
        crash_point("commit-settled")
        self._published()

    def _attempt(self, now: float) -> bool:
        chunks = now >= self._hold_until_s
        try:
            self._transact(now, chunks)
        except DiskFull as full:
            self._fail(full)
            if not chunks or not self._spare_chunks(now):
                self._memory.store_state = StoreState.STORE_FAILING
                self._free_room()
                return False
            return True
        if self.trouble is not None and chunks and self._is_healed():
            self.trouble = None
            self._memory.store_state = StoreState.STORE_OK
        return True

    def _is_healed(self) -> bool:
        """One transaction that found pages is no room for the next: workers that were let to
        change bindings would wait in vain, and their clients with them."""
        if self._checkpoint.freed_bytes - self._freed_bytes >= FREED_BYTES:
            return True
        return self._database.has_room()

    def _fail(self, full: DiskFull) -> None:
        if self.trouble is None:
            self._freed_bytes = self._checkpoint.freed_bytes
        self._checkpoint.failed()
        self._memory.add(Counter.COUNT_COMMIT_FAILED)
        self.trouble = str(full)

    def _spare_chunks(self, now: float) -> bool:
        """The checkpoint's part may be what there is no room for: leases go first."""
        self._hold_until_s = now + CHUNKS_HOLD_S
        try:
            self._transact(now, chunks=False)
        except DiskFull as full:
            self._fail(full)
            # The next try is the whole transaction again: a checkpoint is what frees the journal.
            self._hold_until_s = 0.0
            return False
        return True

    def _free_room(self) -> None:
        """Removing batches needs no byte of the disk: LMDB works in the pages freed before."""
        if not self._checkpoint.trimmable:
            return
        try:
            with self._database.write() as transaction:
                self._checkpoint.trim(transaction)
        except DiskFull:
            self._checkpoint.failed()
        else:
            self._checkpoint.committed()

    def _transact(self, now: float, chunks: bool) -> None:
        batch, heads, mark = self._take()
        batches = list(self.redo.batches)
        if len(batch) > self._header_size:
            batches.append((self.sequence + 1, batch))
        sequence = batches[-1][0] if batches else self.sequence
        self._memory.sequence = max(self._memory.sequence, sequence)
        with self._database.write() as transaction:
            transaction.expect(self._tip)
            for number, logged in batches:
                transaction.append(number, logged)
            if not batches:
                transaction.put_meta(META_CLOCK, mark.packed())
            self._checkpoint.write(transaction, sequence, heads, now, chunks)
            self._ids.save(transaction)
            crash_point("commit-before-sync")
        crash_point("commit-after-sync")
        self._marked_s = now
        self._ids.saved()
        self._checkpoint.committed()
        for number, logged in batches:
            self._checkpoint.appended(number, len(logged))
        if batches:
            self._tip = tip_after(*batches[-1])
        self.sequence = sequence
        self.redo.followed(now)
        self._publish(heads)
