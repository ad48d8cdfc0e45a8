"""The redo log in front of the database as an explicit-state model: what is durable, and when.

Workers append entries to their rings. The store makes batches of them durable, by frames of the log
or by transactions of the database; it may die after any step, alone or with all others, with the
power or without. Its successor attaches, or starts afresh. Of a write that was not synced a power
cut leaves each block new, old or torn; of the database's commits the last that was synced, or a
later one. The order is that of `store/`.

Each entry is another lease, so one that is lost is missed. A durable position that is published is
an ACK that has left. A transaction may come at any time: so it does in async mode, or where the log
has no room. One that fails leaves no trace, and the next takes what the rings hold then.

Outside the model: records, locks, dirty bits (the model of records and rings has them); rings that
wrap; a database that changes under a living store; a CRC that agrees by chance; a disk that harms
blocks which it was not given.
"""

import itertools
import operator
from collections.abc import Iterator
from typing import Any, NamedTuple

RULES = {
    "frame-synced": "durable is published when the frame's sync has returned",
    "database-synced": "the log starts over when the database's sync has returned",
    "all-of-it": "a transaction has all batches since the last one, in order",
    "aligned": "a frame has its blocks for itself, so that no later write touches them",
    "crc": "a frame counts only if all of it is there",
    "not-again": "a frame of an earlier round is passed over",
    "goes-on": "a frame counts only if none is missing before it",
    "run": "a frame counts only if it is of the run that the database is of",
    "given-up": "behind a frame that failed nothing is written to that file",
    "left-there": "a log that was given up keeps its name until the database has its batches",
    "absorbed-synced": "an attach publishes when what it absorbed is synced",
    "own-sync": "an attach syncs what the dead one committed, though there is nothing to absorb",
    "log-read": "an attach counts the log's frames before it compares positions",
    "absorbed-first": "a fresh start absorbs before it gives the database its own run",
    "made-after": "a successor makes its log when what it absorbed is synced",
    "made-empty": "a running store makes a new log only if the database has all of the old one",
    "failed-silent": "a transaction that failed publishes nothing",
    "rebuilt-above": "new files made of memory begin above every sequence that a log may have",
    "database's-last": "the database's last batch stays in the journal, not only the log's",
}
"""Each is needed: without it there is a way to harm."""
BLOCKS = 3
"""Of the log's file. The frame of one entry takes one, that of more entries two."""
NO_RUN = -1
TORN = 0
"""Entries of a batch of which a part is not there."""


class Batch(NamedTuple):
    """``heads``: how far it reaches in each ring. ``entries``: a set, as bits. ``before``: the
    entries of all batches that it stands on, which the store does not write: by it the model sees
    whether a batch stands where it belongs."""

    sequence: int
    run: int
    heads: tuple[int, ...]
    entries: int
    before: int

    @property
    def blocks(self) -> int:
        return 1 if self.entries.bit_count() == 1 else 2


class Database(NamedTuple):
    """What one commit made. ``batches``: all that there ever were, of which the first ``gone`` are
    trimmed. ``chunks``: the entries that `leases` holds; ``checkpoint``: a sequence; ``base``: the
    entries that the first batch stands on; ``heads``: the rings' positions where no batch of this
    run has them."""

    run: int
    batches: tuple[Batch, ...] = ()
    gone: int = 0
    chunks: int = 0
    checkpoint: int = 0
    base: int = 0
    heads: tuple[int, ...] = ()

    @property
    def last(self) -> int:
        return self.batches[-1].sequence if self.batches else self.checkpoint

    @property
    def journal(self) -> int:
        """What the next batch stands on."""
        return self.batches[-1].before | self.batches[-1].entries if self.batches else self.base

    @property
    def entries(self) -> int:
        """What a recovery finds."""
        found = self.chunks
        for batch in self.batches[self.gone :]:
            found |= batch.entries
        return found


FOREIGN = Database(NO_RUN, (Batch(1, NO_RUN, (), 1 << 30, 0),))
"""Another server's."""


class Part(NamedTuple):
    """What a block holds: a frame's part ``number``, or what a torn write left of it."""

    batch: Batch
    number: int
    whole: bool = True


class Block(NamedTuple):
    """``seen``: what a reader gets; ``disk``: what was synced last. The same, and yet not synced:
    it is being written again with what it has."""

    seen: Part | None = None
    disk: Part | None = None
    synced: bool = True

    def left(self) -> tuple[Part | None, ...]:
        """What a power cut may leave."""
        if self.synced:
            return (self.disk,)
        torn = self.seen._replace(whole=False) if self.seen else None
        return tuple(dict.fromkeys((self.disk, self.seen, torn)))


File = tuple[Block, ...]
ZEROS: File = (Block(),) * BLOCKS


class Log(NamedTuple):
    """What its name leads to; None: nothing. ``former``: what it led to before, and may again after
    a power cut."""

    file: File | None = None
    former: File | None = None

    def left(self) -> Iterator["Log"]:
        """What a power cut may leave."""
        for file in (self.file,) if self.former is None else (self.file, self.former):
            if file is None:
                yield Log()
            else:
                for parts in itertools.product(*(block.left() for block in file)):
                    yield Log(tuple(Block(part, part) for part in parts))


class Memory(NamedTuple):
    """The segments. ``rings``: all entries of this run in each; ``table``: the records' entries;
    ``sequence``: of the last batch that was given to the disk."""

    run: int
    rings: tuple[tuple[int, ...], ...]
    tails: tuple[int, ...]
    durable: tuple[int, ...]
    table: int
    sequence: int = 0


class Store(NamedTuple):
    """``does``: its next step. ``heads``: what is to be published. ``pending``: the batches that
    only the log has. ``at``: where the next frame goes; ``usable``: it has a log."""

    does: str
    batch: Batch | None = None
    heads: tuple[int, ...] = ()
    step: int = 0
    pending: tuple[Batch, ...] = ()
    at: int = 0
    usable: bool = False


class Bounds(NamedTuple):
    """How often each may happen. ``acts``: of an operator, the making of a backup included."""

    entries: int
    crashes: int
    failures: int = 0  # of a frame's write
    full: int = 0  # the disk, for a transaction
    passes: int = 0  # of the checkpoint
    acts: int = 0


class State(NamedTuple):
    """``commits``: the last is what the database shows; a power cut leaves any of them. ``told``:
    entries whose ACK has left; ``made``, ``runs``: how many there were; ``is_robbed``: what
    only the log had is in memory alone, for somebody removed it."""

    store: Store | None
    memory: Memory | None
    commits: tuple[Database, ...]
    log: Log
    told: int
    made: int
    runs: int
    left: Bounds
    backup: Database | None = None
    is_robbed: bool = False
    wrong: str = ""


Moves = Iterator[tuple[str, State]]


class Model:
    def __init__(self, bounds: Bounds, without: str = "", rings: int = 1) -> None:
        assert without in ("", *RULES)
        self.bounds = bounds
        self.without = without
        self.rings = rings

    def start(self) -> State:
        """A new server: its store has begun the first run, and has no log yet."""
        none = (0,) * self.rings
        memory = Memory(0, ((),) * self.rings, none, none, 0)
        return State(Store("rest"), memory, (Database(0, heads=none),), Log(), 0, 0, 1, self.bounds)

    def moves(self, s: State) -> Moves:
        if s.memory is not None:
            yield from self._work(s, s.memory)
        if s.store is not None:
            step = getattr(self, "_" + s.store.does.replace(" ", "_"))
            yield from step(s, s.store)
        elif s.memory is not None:
            yield from self._attach(s, s.memory)
        else:
            yield "a store starts", s._replace(store=Store("fresh"))
            yield from self._operate(s)
        if s.left.crashes:
            yield from self._crash(s)

    def harm(self, s: State) -> str:
        """What is wrong with a state; "": nothing."""
        return s.wrong

    def _is_kept(self, rule: str) -> bool:
        return rule != self.without

    # ---- workers

    def _work(self, s: State, memory: Memory) -> Moves:
        if not s.left.entries:
            return
        for ring, entries in enumerate(memory.rings):
            rings = _put(memory.rings, ring, (*entries, s.made))
            after = memory._replace(rings=rings, table=memory.table | 1 << s.made)
            spent = _spent(s, "entries")
            yield f"worker {ring} appends {s.made}", spent._replace(memory=after, made=s.made + 1)

    # ---- the store: by the log

    def _rest(self, s: State, store: Store) -> Moves:
        assert s.memory is not None
        batch = _taken(s, store, s.memory)
        given = s._replace(memory=_given(s.memory, batch))
        if batch and store.usable and store.at + batch.blocks <= BLOCKS:
            yield f"takes {batch.sequence} for the log", _goes(given, store, "write", batch=batch)
        if batch or store.pending or s.left.passes:
            yield "takes for the database", _goes(given, store, "commit", batch=batch)
        if self._goes_up_to(s.commits[-1], store) > s.commits[-1].gone:
            yield "frees room", _goes(self._shown(s, ()), store, "freed")
        empty = not store.pending or not self._is_kept("made-empty")
        if not store.usable and empty:
            yield "unlinks the log", _goes(_unlinked(s), store, "make")
        if s.left.acts:
            yield from self._touch(s, store)

    def _touch(self, s: State, store: Store) -> Moves:
        """An operator, while the server runs. The store finds that the log's name is gone; what
        only the log had is in memory, and lost if that goes before the next commit."""
        spent = _spent(s, "acts")
        if s.backup is None:
            yield "a backup is made", spent._replace(backup=s.commits[-1])
        if store.usable:
            removed = _removed(spent)._replace(is_robbed=True)
            yield "the log is removed under it", _goes(removed, store, "rest", usable=False)

    def _make(self, s: State, store: Store) -> Moves:
        yield "makes a log", _goes(s._replace(log=Log(ZEROS)), store, "rest", usable=True, at=0)
        if s.left.failures:
            yield "cannot make a log", _goes(_spent(s, "failures"), store, "rest")

    def _write(self, s: State, store: Store) -> Moves:
        """One block after another."""
        assert s.log.file is not None and store.batch is not None
        at, file = store.at + store.step, s.log.file
        if store.step == 0 and store.at and not self._is_kept("aligned"):
            file = _put(file, at - 1, file[at - 1]._replace(synced=False))
        part = Part(store.batch, store.step)
        file = _put(file, at, Block(part, file[at].disk, synced=False))
        does = "write" if store.step + 1 < store.batch.blocks else "sync"
        written = s._replace(log=s.log._replace(file=file))
        yield f"writes block {at}", _goes(written, store, does, step=store.step + 1)

    def _sync(self, s: State, store: Store) -> Moves:
        assert s.log.file is not None and store.batch is not None
        batch, file = store.batch, s.log.file
        first = store.at - (not self._is_kept("aligned") and store.at > 0)
        ours = range(first, store.at + batch.blocks)
        synced = tuple(
            Block(block.seen, block.seen) if at in ours else block for at, block in enumerate(file)
        )
        done = store._replace(
            batch=None, step=0, pending=(*store.pending, batch), at=store.at + batch.blocks
        )
        on_disk = s._replace(log=s.log._replace(file=synced))
        yield "frame synced", _goes(on_disk, done, "settle", heads=batch.heads)
        if not self._is_kept("frame-synced"):
            yield "frame is not synced", _goes(s, done, "settle", heads=batch.heads)
        if s.left.failures:
            yield from self._frame_fails(_spent(s, "failures"), store, batch, file)

    def _frame_fails(self, s: State, store: Store, batch: Batch, file: File) -> Moves:
        """What a reader gets of it then is all, or for each block what is there: new, old, torn."""
        without = store._replace(batch=None, step=0, usable=False)
        if not self._is_kept("given-up"):
            without = without._replace(usable=True, at=store.at + batch.blocks)
        ours = range(store.at, store.at + batch.blocks)
        found = [
            tuple(Block(part, part) for part in block.left()) if at in ours else (block,)
            for at, block in enumerate(file)
        ]
        for failed in (file, *itertools.product(*found)):
            gone = not self._is_kept("left-there")
            log = Log() if gone else s.log._replace(file=failed)
            yield "frame fails", _goes(s._replace(log=log), without, "rest")

    def _settle(self, s: State, store: Store) -> Moves:
        assert s.memory is not None
        memory = s.memory._replace(tails=store.heads)
        yield "tails move", _goes(s._replace(memory=memory), store, "publish", step=0)

    def _publish(self, s: State, store: Store) -> Moves:
        assert s.memory is not None
        ring, head = store.step, store.heads[store.step]
        durable = _put(s.memory.durable, ring, head)
        after = s._replace(
            memory=s.memory._replace(durable=durable),
            told=s.told | _bits(s.memory.rings[ring][:head]),
        )
        words = f"ring {ring} is durable up to {head}"
        if ring + 1 < self.rings:
            yield words, _goes(after, store, "publish", step=ring + 1)
        else:
            yield words, _goes(after, store, "rest", step=0, heads=())

    # ---- the store: by the database

    def _commit(self, s: State, store: Store) -> Moves:
        """What was taken, what only the log has, and the checkpoint's part: the whole table as it
        is now."""
        batches = (*store.pending, store.batch) if store.batch else store.pending
        if not self._is_kept("all-of-it"):
            batches = batches[-1:]
        heads = batches[-1].heads if batches else ()
        seen = store._replace(batch=None, heads=heads)
        yield "commit is seen", _goes(self._shown(s, batches), seen, "flush")
        if s.left.passes and s.memory:
            spent = _spent(s, "passes")
            after = self._shown(spent, batches, chunks=s.memory.table)
            yield "commit is seen, a checkpoint too", _goes(after, seen, "flush")
        if s.left.full:
            full = _spent(s, "full")
            if batches and not self._is_kept("failed-silent"):
                yield "no room, but published", _goes(full, seen, "settle")
            yield "no room", _goes(full, store, "rest", batch=None)

    def _flush(self, s: State, store: Store) -> Moves:
        over = store._replace(pending=(), at=0)
        does = "settle" if store.heads else "rest"
        synced = _synced(s)._replace(is_robbed=False)
        yield "database synced, the log starts over", _goes(synced, over, does)
        if not self._is_kept("database-synced"):
            yield "the log starts over", _goes(s, over, does)

    def _freed(self, s: State, store: Store) -> Moves:
        yield "database synced", _goes(_synced(s), store, "rest")

    def _shown(self, s: State, batches: tuple[Batch, ...], chunks: int | None = None) -> State:
        """A commit of batches, perhaps with the table for a checkpoint, as all see it who look."""
        before = s.commits[-1]
        after = before._replace(batches=before.batches + batches)
        wrong = _misplaced(before, batches)
        after = after._replace(gone=self._goes_up_to(after, s.store))
        if chunks is not None:
            after = after._replace(chunks=chunks, checkpoint=before.last)
        if before.entries & ~after.entries:
            wrong = wrong or "what a reader has seen is gone"
        if after.batches and after.gone == len(after.batches):
            wrong = wrong or "the journal's last batch is gone"
        return s._replace(commits=(*s.commits, after), wrong=wrong)

    def _goes_up_to(self, database: Database, store: Store | None) -> int:
        """How many batches are trimmed after it: what the checkpoint of an earlier commit holds,
        but never the last."""
        last = database.last
        if store and store.pending and not self._is_kept("database's-last"):
            last = max(last, store.pending[-1].sequence)
        done = min(database.checkpoint, last - 1)
        return sum(batch.sequence <= done for batch in database.batches)

    # ---- a successor

    def _attach(self, s: State, memory: Memory) -> Moves:
        """It compares, and absorbs."""
        missing = self._frames(s.log.file, s.commits[-1])
        counted = missing if self._is_kept("log-read") else ()
        heads = _positions(s.commits[-1], counted)
        store = Store("join" if missing else "join as it is", heads=heads)
        after = self._shown(s, missing) if missing else s
        if any(map(operator.lt, heads + heads, memory.durable + memory.tails)):
            if s.is_robbed:
                yield "a successor makes new files", self._rebuilt(s, memory)
                return
            after = after._replace(wrong="positions on disk are behind those that were published")
        yield "a successor attaches", after._replace(store=store)

    def _rebuilt(self, s: State, memory: Memory) -> State:
        """Files of the table in memory, numbered above all that may be in a log."""
        sequence = memory.sequence if self._is_kept("rebuilt-above") else s.commits[-1].last
        heads, table = tuple(map(len, memory.rings)), memory.table
        database = Database(memory.run, (), 0, table, sequence, table, heads)
        batch = _batch(database, memory)
        if batch is not None:
            base = table & ~batch.entries
            database = database._replace(batches=(batch._replace(before=base),), base=base)
        store = Store("settle", heads=heads)
        return s._replace(
            store=store, commits=(database,), memory=_given(memory, batch), is_robbed=False
        )

    def _join(self, s: State, store: Store) -> Moves:
        yield "what it absorbed is synced", _goes(_synced(s), store, "settle")
        if not self._is_kept("absorbed-synced"):
            yield "what it absorbed is not synced", _goes(s, store, "settle")
        if not self._is_kept("made-after") and s.log != Log(ZEROS):
            yield "makes a log", s._replace(log=Log(ZEROS))

    def _join_as_it_is(self, s: State, store: Store) -> Moves:
        if self._is_kept("own-sync"):
            yield "its own commit is synced", _goes(_synced(s), store, "settle")
        else:
            yield "it commits nothing", _goes(s, store, "settle")

    def _fresh(self, s: State, store: Store) -> Moves:
        missing = self._frames(s.log.file, s.commits[-1])
        if self._is_kept("absorbed-first"):
            yield "absorbs", _goes(self._shown(s, missing), store, "begin")
        else:
            yield "absorbs nothing yet", _goes(s, store, "begin")

    def _begin(self, s: State, store: Store) -> Moves:
        yield "database synced", _goes(_synced(s), store, "name run")

    def _name_run(self, s: State, store: Store) -> Moves:
        named = s.commits[-1]._replace(run=s.runs, heads=(0,) * self.rings)
        after = s._replace(commits=(*s.commits, named), runs=s.runs + 1)
        yield f"run {s.runs} is seen", _goes(after, store, "ready")

    def _ready(self, s: State, store: Store) -> Moves:
        found, none = s.commits[-1], (0,) * self.rings
        memory = Memory(
            found.run, ((),) * self.rings, none, none, found.entries, sequence=found.last
        )
        lost = s.told & ~found.entries
        wrong = "an acknowledged lease is lost" if lost else s.wrong
        ready = _synced(s)._replace(memory=memory, is_robbed=False, wrong=wrong)
        yield "run synced, workers start", _goes(ready, store, "rest")

    def _frames(self, file: File | None, database: Database) -> tuple[Batch, ...]:
        """The batches that the log has beyond the database."""
        taken: list[Batch] = []
        after, at = database.last, 0
        while file is not None and at < len(file):
            part = file[at].seen
            if part is None or part.number:
                break
            batch = part.batch
            parts = [block.seen for block in file[at : at + batch.blocks]]
            if parts != [Part(batch, number) for number in range(batch.blocks)]:
                if self._is_kept("crc"):
                    break
                batch = batch._replace(entries=TORN)
            if batch.sequence > after + 1 and self._is_kept("goes-on"):
                break
            if batch.sequence > after or not self._is_kept("not-again"):
                if batch.run != database.run and self._is_kept("run"):
                    break
                taken.append(batch)
                after = batch.sequence
            at += len(parts)
        return tuple(taken)

    # ---- what happens to it

    def _crash(self, s: State) -> Moves:
        spent = _spent(s, "crashes")._replace(store=None)
        if s.store and s.memory:
            yield "the store dies", spent
        spent = spent._replace(memory=None)
        if s.store or s.memory:
            yield "all die", spent
        for database in s.commits:
            for log in s.log.left():
                yield "power cut", spent._replace(commits=(database,), log=log)

    def _operate(self, s: State) -> Moves:
        """While the server is stopped. What the database has not may be lost by it."""
        if not s.left.acts:
            return
        spent = _spent(s, "acts")
        if s.log.file is not None:
            yield "the log is removed", _removed(spent)
        if s.backup is not None:
            told = s.told & s.backup.entries
            yield "the backup is put in place", spent._replace(commits=(s.backup,), told=told)
        yield "another server's is put in place", spent._replace(commits=(FOREIGN,), told=0)


def _taken(s: State, store: Store, memory: Memory) -> Batch | None:
    """What the rings hold, to stand behind all that is on disk; None: nothing."""
    newest = s.commits[-1]
    return _batch(newest._replace(batches=newest.batches + store.pending), memory)


def _batch(database: Database, memory: Memory) -> Batch | None:
    entries = 0
    for ring, tail in zip(memory.rings, memory.tails, strict=True):
        entries |= _bits(ring[tail:])
    heads = tuple(map(len, memory.rings))
    batch = Batch(database.last + 1, memory.run, heads, entries, database.journal)
    return batch if entries else None


def _given(memory: Memory, batch: Batch | None) -> Memory:
    """It is about to go to disk."""
    return memory._replace(sequence=max(memory.sequence, batch.sequence)) if batch else memory


def _misplaced(database: Database, batches: tuple[Batch, ...]) -> str:
    """What is wrong with batches that are to stand behind the database's; "": nothing."""
    last, before = database.last, database.journal
    for batch in batches:
        if batch.entries == TORN:
            return "a frame that was torn is taken"
        if batch.sequence != last + 1:
            return "the journal has a gap"
        if batch.before != before:
            return "a batch stands on others than those that it was made behind"
        last, before = batch.sequence, before | batch.entries
    return ""


def _positions(database: Database, counted: tuple[Batch, ...]) -> tuple[int, ...]:
    """How far the rings of its run are on disk, with the log's frames that count."""
    batches = database.batches + counted
    return batches[-1].heads if batches and batches[-1].run == database.run else database.heads


def _synced(s: State) -> State:
    return s._replace(commits=s.commits[-1:])


def _unlinked(s: State) -> State:
    return s._replace(log=Log(None, s.log.file or s.log.former))


def _removed(s: State) -> State:
    """By somebody: what the database has not on disk is no loss of ours any more."""
    told = s.told
    for database in s.commits:
        told &= database.entries
    return _unlinked(s)._replace(told=told)


def _goes(s: State, store: Store, does: str, **now: object) -> State:
    return s._replace(store=store._replace(does=does, **now))  # type: ignore[arg-type]


def _spent(s: State, what: str) -> State:
    return s._replace(left=s.left._replace(**{what: getattr(s.left, what) - 1}))


def _bits(entries: tuple[int, ...]) -> int:
    return sum(1 << entry for entry in entries)


def _put(values: tuple[Any, ...], at: int, value: object) -> tuple[Any, ...]:
    return (*values[:at], value, *values[at + 1 :])
