"""The plane *reserved* as an explicit-state model: one address, two workers, the supervisor.

The supervisor sets and clears the address's bit while it brings new generations into force; the
workers give the address by whatever generation each of them goes by. `explore` goes through all
interleavings breadth first, so what it finds is a shortest way to harm. The order is that of
supervisor/policy.py; how a record changes is the business of the model of records and rings, and
one step here.
"""

from collections.abc import Iterator
from typing import NamedTuple

RULES = {
    "mark": "the bit is set at all",
    "mark-first": "before the generation is in force, for a worker may start by it at any time",
    "clear": "the bit is cleared at all",
    "all-posted": "only when every worker goes by a generation that reserves it no more",
    "undo-guarded": "after a refused reload only if no worker is behind",
    "mark-anew": "in segments that were made anew",
    "compare": "a decision counts only if the record has not moved since",
}
OWNER, STRANGER = 1, 2
NOBODY = 0


class Worker(NamedTuple):
    """`serves` None: it is between two batches. `seen`: the record's count at its decision."""

    generation: int
    serves: int | None = None
    seen: int = 0


class Supervisor(NamedTuple):
    """`is_behind`: some worker may go by an older generation than the one in force."""

    does: str
    at: int = 0
    is_behind: bool = False


class State(NamedTuple):
    reserved: bool
    holder: int
    count: int
    known: int  # the generation in force
    workers: tuple[Worker, Worker]
    supervisor: Supervisor
    deaths: int
    refusals: int
    releases: int
    wrong: str = ""


Moves = Iterator[tuple[str, State]]


class Model:
    """`reserves`: of each generation, whether it keeps the address for OWNER."""

    def __init__(self, reserves: tuple[bool, ...], without: str = "") -> None:
        assert without in ("", *RULES)
        self.reserves = reserves
        self.without = without

    def start(self) -> State:
        """Before the workers: segments of zeros."""
        worker = Worker(0)
        return State(False, NOBODY, 0, 0, (worker, worker), Supervisor("boot"), 1, 1, 1)

    def moves(self, s: State) -> Moves:
        yield from self._supervise(s)
        if s.supervisor.does != "boot":
            for number in (0, 1):
                yield from self._work(s, number)

    def harm(self, s: State) -> str:
        """What is wrong with a state; "": nothing."""
        if s.wrong:
            return s.wrong
        rests = s.supervisor.does == "rest" and not s.supervisor.is_behind
        if rests and s.reserved != self.reserves[s.known]:
            return f"the bit is {s.reserved} while nothing is under way"
        return ""

    def _is_kept(self, rule: str) -> bool:
        return rule != self.without

    # ---- the supervisor

    def _supervise(self, s: State) -> Moves:
        does, target, is_behind = s.supervisor
        match does:
            case "boot":
                marked = self._is_kept("mark-anew") and self._marks(0)
                yield "segments made", self._goes_on(s, "rest", reserved=marked)
            case "rest" if s.known + 1 < len(self.reserves):
                first = "mark" if self._is_kept("mark-first") else "take"
                yield "reload", self._goes_on(s, first, at=s.known + 1)
            case "mark":
                then = "store" if self._is_kept("mark-first") else "wait"
                marked = s.reserved or self._marks(target)
                yield f"bits of {target} set", self._goes_on(s, then, reserved=marked)
            case "store":
                yield "store takes it", self._goes_on(s, "take")
                if s.refusals:
                    yield "store refuses it", self._goes_on(s, "undo", refusals=s.refusals - 1)
            case "undo":
                clears = not self._is_kept("undo-guarded") or not is_behind
                yield "undone", self._goes_on(s, "rest", reserved=self._cleared(s, clears))
            case "take":
                then = "wait" if self._is_kept("mark-first") else "mark"
                yield f"{target} in force", self._goes_on(s, then, known=target)
            case "wait":
                posted = all(worker.generation == s.known for worker in s.workers)
                if posted or not self._is_kept("all-posted"):
                    yield "all posted", self._goes_on(s, "clear", is_behind=False)
                else:
                    yield "waits no longer", self._goes_on(s, "rest", is_behind=True)
            case "clear":
                kept = self._cleared(s, self._is_kept("clear"))
                yield "bits cleared", self._goes_on(s, "rest", reserved=kept)

    def _marks(self, generation: int) -> bool:
        return self._is_kept("mark") and self.reserves[generation]

    def _cleared(self, s: State, clears: bool) -> bool:
        return s.reserved and (self.reserves[s.known] or not clears)

    def _goes_on(
        self, s: State, does: str, at: int | None = None, is_behind: bool | None = None, **now: int
    ) -> State:
        before = s.supervisor
        target = before.at if at is None else at
        behind = before.is_behind if is_behind is None else is_behind
        return s._replace(supervisor=Supervisor(does, target, behind), **now)

    # ---- a worker

    def _work(self, s: State, number: int) -> Moves:
        worker = s.workers[number]
        name = f"worker {number}"
        if s.deaths:
            born = self._with(s, number, Worker(s.known))._replace(deaths=s.deaths - 1)
            yield f"{name} dies, its successor goes by {s.known}", born
        if worker.serves is None:
            yield from self._between_batches(s, number, worker, name)
        elif worker.seen == s.count or not self._is_kept("compare"):
            yield f"{name} gives it to {worker.serves}", self._given(s, number, worker)
        else:
            yield f"{name} decides again", self._with(s, number, Worker(worker.generation))

    def _between_batches(self, s: State, number: int, worker: Worker, name: str) -> Moves:
        if worker.generation != s.known:
            taken = self._with(s, number, Worker(s.known))
            yield f"{name} takes generation {s.known}", taken
        if s.holder and s.releases:
            free = s._replace(holder=NOBODY, count=s.count + 1, releases=s.releases - 1)
            yield f"{name} hears RELEASE", free
        if s.holder == NOBODY:
            for client in (OWNER, STRANGER):
                if client == OWNER or not self._looks_reserved(s, worker):
                    decided = worker._replace(serves=client, seen=s.count)
                    yield f"{name} decides for {client}", self._with(s, number, decided)

    def _looks_reserved(self, s: State, worker: Worker) -> bool:
        """An address whose bit is clear costs no look into the table."""
        return s.reserved and self.reserves[worker.generation]

    def _given(self, s: State, number: int, worker: Worker) -> State:
        wrong = ""
        if worker.serves == STRANGER and self.reserves[worker.generation]:
            wrong = f"reserved in generation {worker.generation} of worker {number}, and given away"
        if s.holder not in (NOBODY, worker.serves):
            wrong = "in two hands"
        told = s._replace(holder=worker.serves or NOBODY, count=s.count + 1, wrong=wrong)
        return self._with(told, number, Worker(worker.generation))

    def _with(self, s: State, number: int, worker: Worker) -> State:
        other = s.workers[1 - number]
        return s._replace(workers=(other, worker) if number else (worker, other))
