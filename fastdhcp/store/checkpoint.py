"""The checkpoint: chunks of the table written behind the journal, so that the journal can go.

A pass begins at journal sequence S with the chunks that are dirty then. Each is copied and put
into some commit; when all of them have been committed, everything up to S is in ``leases``, and
the journal up to S is removed, a few batches a commit. Passes are spread out, so that a checkpoint
is never felt: a handful of chunks rides on each commit that happens anyway.
"""

import math
from collections import deque

from fastdhcp import _chunks
from fastdhcp._memory import Memory
from fastdhcp._stats import Counter
from fastdhcp._strays import stray_floors
from fastdhcp.crash import crash_point
from fastdhcp.store.database import META_CHECKPOINT, META_GONE, Database, Write, read_floors

PASS_INTERVAL_S = 30.0
"""From the start of a pass to the next, unless the journal's tail is too long before."""
PASS_SPREAD_S = 20.0
"""A pass takes about so long, however many chunks it has."""
TAIL_BYTES_MAX = 128 << 20
"""Of the journal behind the checkpoint: what a recovery has to replay."""
CHUNKS_MAX = 16
"""Of one commit: some 200 KB, under a millisecond more of sync."""
CHUNK_BYTES_MAX = 256 << 10
TRIM_MAX = 64
"""Batches removed by one commit."""
LOCKED_S = 0.1
"""A chunk of which a record was locked is looked at again after this."""


class Checkpoint:
    """The passes, and what the journal holds behind them.

    ``sequence``: everything up to it is in ``leases``; ``last``: of the last batch on disk.
    ``tail_bytes``: of the batches between them, at a start rounded up to what the journal takes.
    ``freed_bytes``: of all batches that passes have made removable, ever.
    ``bound``: of ``tail_bytes``, above it a pass begins at once. ``at_end``: goes into ``meta``
    with the end of the next pass.
    """

    def __init__(self, memory: Memory, database: Database, bound: int, now: float) -> None:
        sequence = database.read_meta(META_CHECKPOINT)
        self.sequence = sequence if isinstance(sequence, int) else 0
        self._first, last = database.sequences()
        self.last = max(last, self.sequence)
        self.tail_bytes = database.journal_bytes() if last > self.sequence else 0
        self.bound = bound
        self.freed_bytes = 0
        self.at_end: dict[bytes, object] = {}
        self._floors = read_floors(database)
        self._memory = memory
        self._left: deque[int] = deque()
        self._written: list[int] = []
        self._total = 0
        self._target = 0  # S of the pass under way
        self._ending = False
        self._wanted = False
        self.in_pass = False
        self._began_s = now  # the first pass is no sooner after a start than after another pass
        self._base_bytes = 0
        self._locked_until_s = 0.0
        self._trimmed = self._trimmed_to = 0

    @property
    def trimmable(self) -> bool:
        return 0 < self._first <= self._behind(self.last)

    def _behind(self, last: int) -> int:
        """Up to it the journal may go. The ``last`` batch stays: it says how far the rings are on
        disk and what the clock was, and the file is known by it."""
        return min(self.sequence, last - 1)

    def want(self) -> None:
        """A pass is to begin at once, whether the journal asks for one or not."""
        self._wanted = True

    def appended(self, sequence: int, size: int) -> None:
        """A batch of ``size`` bytes is on disk."""
        self.last = sequence
        self._first = self._first or sequence
        self.tail_bytes += size

    def wait_s(self, now: float) -> float:
        """Until the checkpoint wants a commit of its own, if none comes otherwise; 0: now."""
        if self.trimmable:
            return 0.0
        if self.in_pass:
            due_s = 0.0 if self.is_late(now) else self._handful_s() - now
            return max(due_s, self._locked_until_s - now, 0.0)
        if self._wanted or self.tail_bytes > self.bound:
            return 0.0
        if self.last > self.sequence:
            return max(self._began_s + PASS_INTERVAL_S - now, 0.0)
        return math.inf

    def write(
        self, transaction: Write, sequence: int, heads: list[int], now: float, chunks: bool = True
    ) -> None:
        """Adds its part to a transaction, with or before which batch ``sequence`` is the last; that
        one reaches to ``heads`` of the rings.

        ``chunks=False``: only what frees room. After it either committed() or failed() is due.
        """
        self._trim(transaction, sequence)
        if not chunks:
            return
        if not self.in_pass and self._is_due(now):
            self._begin(now)
        if self.in_pass:
            self._write_chunks(transaction, sequence, heads, now)
        if self.in_pass and not self._left:
            transaction.put_meta(META_CHECKPOINT, self._target)
            for key, value in self.at_end.items():
                transaction.put_meta(key, value)
            self._ending = True
            crash_point("checkpoint-end-before-sync")

    def trim(self, transaction: Write) -> None:
        """A transaction that frees room, and does nothing else."""
        self._trim(transaction, self.last)

    def committed(self) -> None:
        """The transaction is on disk."""
        if self._written:
            self._memory.add(Counter.COUNT_CHECKPOINT_CHUNKS, len(self._written))
            self._written.clear()
        if self._trimmed:
            short = self._trimmed < TRIM_MAX
            self._first = self._trimmed_to + 1 if short else self._first + self._trimmed
            self._trimmed = 0
        if self._ending:
            self.sequence = self._target
            self.tail_bytes -= self._base_bytes
            self.freed_bytes += self._base_bytes
            self.in_pass = False
            self._ending = False
            self.at_end.clear()
            crash_point("checkpoint-end-after-sync")

    def failed(self) -> None:
        """Nothing of the transaction has happened: its chunks are dirty as before."""
        for chunk in self._written:
            _chunks.mark_dirty(self._memory, chunk)
        self._left.extend(self._written)
        self._written.clear()
        self._trimmed = 0
        self._ending = False

    def _is_due(self, now: float) -> bool:
        if self._wanted or self.tail_bytes > self.bound:
            return True
        return self.last > self.sequence and now >= self._began_s + PASS_INTERVAL_S

    def _begin(self, now: float) -> None:
        # What the journal holds up to here has set its dirty bits already: an entry's bit is set
        # before the entry is published. So S first, then the bits.
        self.in_pass = True
        self._wanted = False
        self._target = self.last
        self._base_bytes = self.tail_bytes
        self._left.extend(_chunks.dirty_chunks(self._memory))
        self._total = len(self._left)
        self._began_s = now
        crash_point("checkpoint-begun")

    def _handful_s(self) -> float:
        """When the next CHUNKS_MAX chunks are due by time."""
        if self._total <= CHUNKS_MAX:
            return self._began_s
        done = self._total - len(self._left) + min(CHUNKS_MAX, len(self._left))
        return self._began_s + PASS_SPREAD_S * done / max(self._total, 1)

    def is_late(self, now: float) -> bool:
        """More chunks are due than one commit carries: the next should not wait."""
        return self.in_pass and self._due(now) > CHUNKS_MAX

    def _allowance(self, now: float) -> int:
        """How many chunks this commit is to carry."""
        return min(self._due(now), CHUNKS_MAX)

    def _due(self, now: float) -> int:
        """How many chunks are due: the pass keeps step with time and journal."""
        if self._total <= CHUNKS_MAX:
            return len(self._left)
        by_time = (now - self._began_s) / PASS_SPREAD_S
        by_tail = (self.tail_bytes - self._base_bytes) / self.bound
        due = math.ceil(self._total * min(max(by_time, by_tail), 1.0))
        return due - (self._total - len(self._left))

    def _write_chunks(
        self, transaction: Write, sequence: int, heads: list[int], now: float
    ) -> None:
        if now < self._locked_until_s:
            return
        size = 0
        for _ in range(min(self._allowance(now), len(self._left))):
            chunk = self._left.popleft()
            copy = _chunks.copy_chunk(self._memory, chunk, sequence, heads)
            if copy is None:
                self._left.append(chunk)
                self._locked_until_s = now + LOCKED_S
                continue
            # Noted before it is put: its bit is clear, and a failure sets it again.
            self._written.append(chunk)
            crash_point("checkpoint-copied")
            self._put(transaction, _chunks.chunk_key(self._memory, chunk), copy)
            crash_point("checkpoint-put")
            size += len(copy)
            if size >= CHUNK_BYTES_MAX:
                return

    def _put(self, transaction: Write, key: bytes, copy: bytes) -> None:
        """Outside the policy, and with nothing that lives in it, it goes from the disk."""
        floors = stray_floors(self._memory, copy)
        if floors is None:
            transaction.put_chunk(key, copy)
            return
        transaction.drop_chunk(key)
        # Never lower, even if this transaction fails.
        self._floors = max(self._floors[0], floors[0]), max(self._floors[1], floors[1])
        transaction.put_meta(META_GONE, self._floors)

    def _trim(self, transaction: Write, last: int) -> None:
        self._trimmed_to = self._behind(last)
        if not 0 < self._first <= self._trimmed_to:
            return
        crash_point("trim-before")
        self._trimmed = transaction.trim(self._trimmed_to, TRIM_MAX)
        crash_point("trim-after")


def tail_bound(database: Database, journal_size_max: int) -> int:
    """Bytes of journal behind the checkpoint after which a pass begins at once."""
    return max(min(TAIL_BYTES_MAX, journal_size_max, database.filesystem_bytes() // 16), 1 << 16)
