"""The directory of blocks as an explicit-state model: two workers, the store, two blocks of which
both hash to one place.

A worker that needs a block looks for it, counts it, draws a number or takes the spare that it has,
writes the number's row, and enters it by one compare-and-swap; if another was sooner, the number is
its spare, and the count goes down again. Then it binds the block's one address and tells its
client, when that is on disk. It may die between any two steps: its spare stays with its successor.
The store may attach at any time: it copies the record of every number that counts, to the place on
disk of the block in the number's row. `explore` goes through all interleavings breadth first. What
follows the directory (slot, lock, ring) is the business of the model of records and rings, and one
step here. The order is that of leases_enter.

`spared`: the first worker has a spare from before.
"""

from collections.abc import Iterator
from typing import NamedTuple

RULES = {
    "drawn": "a number is drawn by one addition, so no two draw the same",
    "row-first": "the row is written before the directory names the number",
    "swap": "the entry is made only if its place is still empty",
    "look-again": "who finds its place taken looks whose it is",
    "kept": "a number that was drawn in vain is kept for the next block, not given back",
    "taken-first": "a spare is taken out of its place before it is used",
    "outlives": "a spare outlives its process",
    "counted-down-last": "the count goes down when the number is a spare, not before",
    "named": "a number counts only if the directory names it by the block in its row",
}
BLOCKS = (1, 2)
COUNT_MAX = len(BLOCKS)
NUMBERS = COUNT_MAX + 1
"""Who draws has no spare, so of two workers' spares one at most is out when a number is drawn."""
PACKETS = 4
EMPTY = 0


class Worker(NamedTuple):
    """`block` EMPTY: it is between two packets. `number` is what it has in hand."""

    does: str = "rest"
    block: int = EMPTY
    place: int = 0
    number: int | None = None
    uses: int = 0
    spare: int | None = None


class State(NamedTuple):
    """By number: rows, records (whose the address is). By block: disk, told."""

    drawn: int
    count: int
    directory: tuple[int, ...]  # by place: number + 1
    rows: tuple[int, ...]
    records: tuple[int, ...]
    disk: tuple[int, ...]
    told: tuple[int, ...]
    workers: tuple[Worker, Worker]
    copies: tuple[int, ...]  # numbers that the store has yet to copy
    packets: int
    deaths: int
    attaches: int
    wrong: str = ""


Moves = Iterator[tuple[str, State]]


class Model:
    def __init__(self, without: str = "", *, spared: bool = False) -> None:
        assert without in ("", *RULES)
        self.without = without
        self.spared = spared

    def start(self) -> State:
        zeros = (EMPTY,) * NUMBERS
        none = (EMPTY,) * (len(BLOCKS) + 1)
        workers = (Worker(spare=0 if self.spared else None), Worker())
        drawn, directory = int(self.spared), (EMPTY,) * (len(BLOCKS) + 1)
        return State(drawn, 0, directory, zeros, zeros, none, none, workers, (), PACKETS, 1, 1)

    def moves(self, s: State) -> Moves:
        for number in (0, 1):
            yield from self._work(s, number)
        yield from self._store(s)

    def harm(self, s: State) -> str:
        """What is wrong with a state; "": nothing."""
        if s.wrong:
            return s.wrong
        named = [entry for entry in s.directory if entry]
        if len(set(named)) < len(named):
            return "two blocks have one number"
        if s.drawn - sum(worker.spare is not None for worker in s.workers) > s.count:
            return "a number is neither counted nor a spare"
        if not s.copies and any(told not in (EMPTY, s.disk[b]) for b, told in enumerate(s.told)):
            return "an acknowledged lease is not on disk"
        return ""

    def _is_kept(self, rule: str) -> bool:
        return rule != self.without

    # ---- a worker

    def _work(self, s: State, who: int) -> Moves:
        worker = s.workers[who]
        name = f"worker {who}"
        if s.deaths and worker.does != "rest":
            left = Worker(spare=worker.spare if self._is_kept("outlives") else None)
            yield f"{name} dies", self._with(s, who, left)._replace(deaths=s.deaths - 1)
        match worker.does:
            case "rest" if s.packets:
                for block in BLOCKS:
                    begun = worker._replace(does="look", block=block, place=0)
                    begun_state = self._with(s, who, begun)._replace(packets=s.packets - 1)
                    yield f"{name} needs block {block}", begun_state
            case "look":
                yield from self._look(s, who, worker, name)
            case "count":
                yield from self._count(s, who, name)
            case "draw":
                yield from self._draw(s, who, worker, name)
            case "add":
                added = self._goes(s, who, does=self._after_draw())
                yield f"{name} adds one", added._replace(drawn=(worker.number or 0) + 1)
            case "row":
                rows = _put(s.rows, worker.number, worker.block)
                written = self._goes(s, who, does="enter")
                if not self._is_kept("row-first"):
                    written = self._used(s, who, worker)
                yield f"{name} writes row {worker.number}", written._replace(rows=rows)
            case "enter":
                yield from self._enter(s, who, worker, name)
            case "clear":
                yield f"{name} has no spare", self._goes(s, who, does="use", spare=None)
            case "keep" | "count down":
                yield from self._keep(s, who, worker, name)
            case "use":
                yield from self._use(s, who, worker, name)
            case "tell":
                yield from self._tell(s, who, worker, name)

    def _look(self, s: State, who: int, worker: Worker, name: str) -> Moves:
        entry = s.directory[worker.place]
        if not entry:
            does = "count" if worker.number is None else "enter"
            yield f"{name} finds place {worker.place} empty", self._goes(s, who, does=does)
        elif s.rows[entry - 1] != worker.block:
            if worker.place + 1 < len(s.directory):
                yield f"{name} looks on", self._goes(s, who, place=worker.place + 1)
        elif worker.number is None:
            yield f"{name} finds number {entry - 1}", self._goes(s, who, does="use", uses=entry - 1)
        else:
            does = "keep" if self._is_kept("counted-down-last") else "count down"
            yield f"{name} finds it entered", self._goes(s, who, does=does, uses=entry - 1)

    def _count(self, s: State, who: int, name: str) -> Moves:
        if s.count < COUNT_MAX:
            yield f"{name} counts", self._goes(s, who, does="draw")._replace(count=s.count + 1)
        else:
            yield f"{name} finds the table full", self._goes(s, who, does="rest", block=EMPTY)

    def _after_draw(self) -> str:
        return "row" if self._is_kept("row-first") else "enter"

    def _draw(self, s: State, who: int, worker: Worker, name: str) -> Moves:
        then = self._after_draw()
        if worker.spare is not None:
            spare = None if self._is_kept("taken-first") else worker.spare
            taken = self._goes(s, who, does=then, number=worker.spare, spare=spare)
            yield f"{name} takes {worker.spare}", taken
        elif s.drawn >= NUMBERS:
            yield f"{name} draws in vain", s._replace(wrong="no number is left")
        elif self._is_kept("drawn"):
            drawn = self._goes(s, who, does=then, number=s.drawn)
            yield f"{name} draws {s.drawn}", drawn._replace(drawn=s.drawn + 1)
        else:
            yield f"{name} reads {s.drawn}", self._goes(s, who, does="add", number=s.drawn)

    def _enter(self, s: State, who: int, worker: Worker, name: str) -> Moves:
        place, number = worker.place, worker.number or 0
        if s.directory[place] and self._is_kept("swap"):
            onward = 0 if self._is_kept("look-again") else 1
            if place + onward < len(s.directory):
                again = self._goes(s, who, does="look", place=place + onward)
                yield f"{name} lost place {place}", again
            return
        entered = s._replace(directory=_put(s.directory, place, number + 1))
        if self._is_kept("row-first"):
            entered = self._used(entered, who, worker)
        else:
            entered = self._goes(entered, who, does="row")
        yield f"{name} enters {number}", entered

    def _used(self, s: State, who: int, worker: Worker) -> State:
        """The number in hand is the block's."""
        does = "clear" if worker.number == worker.spare else "use"
        return self._goes(s, who, does=does, uses=worker.number, number=None)

    def _keep(self, s: State, who: int, worker: Worker, name: str) -> Moves:
        if worker.does == "keep":
            then = "count down" if self._is_kept("counted-down-last") else "use"
            kept = self._goes(s, who, does=then, number=None, spare=worker.number)
            if not self._is_kept("kept"):
                kept = self._goes(kept, who, spare=worker.spare)._replace(drawn=s.drawn - 1)
            yield f"{name} keeps {worker.number}", kept
        else:
            then = "use" if self._is_kept("counted-down-last") else "keep"
            down = self._goes(s, who, does=then)._replace(count=s.count - 1)
            yield f"{name} counts down", down

    def _use(self, s: State, who: int, worker: Worker, name: str) -> Moves:
        client = who + 1
        if s.records[worker.uses] not in (EMPTY, client):
            yield f"{name} finds it bound", self._goes(s, who, does="rest", block=EMPTY)
            return
        bound = s._replace(records=_put(s.records, worker.uses, client))
        yield f"{name} binds in {worker.uses}", self._goes(bound, who, does="tell")

    def _tell(self, s: State, who: int, worker: Worker, name: str) -> Moves:
        client, block = who + 1, worker.block
        wrong = "in two hands" if s.told[block] not in (EMPTY, client) else ""
        told = s._replace(told=_put(s.told, block, client), disk=_put(s.disk, block, client),
                          wrong=wrong)
        yield f"{name} tells its client", self._goes(told, who, does="rest", block=EMPTY)

    # ---- the store

    def _store(self, s: State) -> Moves:
        if s.copies:
            number = s.copies[0]
            disk = _put(s.disk, s.rows[number], s.records[number])
            yield f"store copies {number}", s._replace(disk=disk, copies=s.copies[1:])
        elif s.attaches:
            counted = tuple(n for n in range(NUMBERS) if self._counts(s, n))
            yield "store attaches", s._replace(copies=counted, attaches=s.attaches - 1)

    def _counts(self, s: State, number: int) -> bool:
        named = not self._is_kept("named") or number + 1 in s.directory
        return s.rows[number] != EMPTY and named

    def _goes(self, s: State, who: int, **now: object) -> State:
        return self._with(s, who, s.workers[who]._replace(**now))  # type: ignore[arg-type]

    def _with(self, s: State, who: int, worker: Worker) -> State:
        other = s.workers[1 - who]
        return s._replace(workers=(other, worker) if who else (worker, other))


def _put(values: tuple[int, ...], at: int | None, value: int) -> tuple[int, ...]:
    assert at is not None
    return (*values[:at], value, *values[at + 1 :])
