"""A campaign: load, a kill at a random moment, the way back, and the books held against each other.

Everything random comes from one seed, which is printed; the moments themselves are the machine's.
"""

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median

from fastdhcp._leases import Role
from tests.crash import audit
from tests.crash.ledger import boot_time
from tests.crash.pack import Watch
from tests.crash.site import Name, Site
from tests.lab.patience import PATIENCE_S, Stopwatch

LOAD_S = (0.15, 0.8)
"""How long the load runs before a kill."""
AFTER_S = 0.25
FIRST_LOAD_S = 1.0
"""Before reservations come that find their addresses held."""
BACK_S = PATIENCE_S
"""Until a campaign gives up on a process."""
STORELESS_S = 0.25
AUDIT_TRIES = 20
SHARES = {
    "worker": 7,
    "worker again": 2,
    "workers": 2,
    "store": 4,
    "store, none follows": 3,
    "worker and store": 2,
    "control": 1,
    "reload and worker": 2,
    "reload and store": 1,
    "supervisor": 3,
    "all": 2,
    "all, twice": 1,
}
"""Of 30 kills; see the functions below."""


@dataclass
class Times:
    """Seconds from a death to the successor: to its pid, to its first answer, and to that less the
    time for which it, the supervisor and we had to wait for a core."""

    pid_s: list[float] = field(default_factory=list)
    answer_s: list[float] = field(default_factory=list)
    ran_s: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        if not self.pid_s or not self.answer_s:
            return "none"
        ran = f", of which on a core {_of(self.ran_s)}" if self.ran_s else ""
        return f"{len(self.pid_s)}, pid {_of(self.pid_s)}, answer {_of(self.answer_s)}{ran}"


def _of(seconds: list[float]) -> str:
    return f"{median(seconds) * 1e3:.0f} ms (most {max(seconds) * 1e3:.0f})"


def deck(kills: int, rng: random.Random) -> list[str]:
    """Kinds of kills in a random order, in their shares."""
    whole = [kind for kind, share in SHARES.items() for _ in range(share)]
    cards = (whole * (kills // len(whole) + 1))[:kills]
    rng.shuffle(cards)
    return cards


class Campaign:
    """Kills on one site. ``lost`` and the ledger's ``wrong`` must stay empty."""

    def __init__(self, site: Site, seed: int, say: Callable[[str], None] = print) -> None:
        self.site = site
        self.pack = site.pack
        self.rng = random.Random(seed)
        self.say = say
        self.lost: list[str] = []
        self.differs: list[str] = []
        self.workers, self.stores, self.control = Times(), Times(), Times()
        self.starts_s: list[float] = []
        self.orphans_s: list[float] = []
        self.kills = 0
        self._watch = Stopwatch(site.pid)
        with audit.living(site.pid) as view:
            self.offset_ns = view.memory.time_offset_ns
        self._acts = {
            "worker": self.kill_worker,
            "worker again": self.kill_worker_again,
            "workers": self.kill_workers,
            "store": self.kill_store,
            "store, none follows": self.kill_store_for_a_while,
            "worker and store": self.kill_worker_and_store,
            "control": self.kill_control,
            "reload and worker": self.kill_worker_in_a_reload,
            "reload and store": self.kill_store_in_a_reload,
            "supervisor": self.kill_supervisor,
            "all": self.kill_all,
            "all, twice": self.kill_all_twice,
        }

    def run(self, kills: int) -> None:
        self.pack.run(FIRST_LOAD_S)
        self.site.reload()
        for number, kind in enumerate(deck(kills, self.rng), 1):
            self.round(kind, number)

    def round(self, kind: str, number: int) -> None:
        """Load, kill, way back, load, audit."""
        began = time.monotonic()
        self.pack.paused = False
        self.pack.run(self.rng.uniform(*LOAD_S))
        self._acts[kind]()
        self.pack.run(AFTER_S)
        self._await_reload()
        self.audit()
        self.kills += 1
        live = self.pack.ledger.count_live()
        self.say(
            f"kill {number:3d} {kind:20s} {time.monotonic() - began:5.2f} s, {live} live leases, "
            f"{sum(self.pack.done)} exchanges, lost {len(self.lost)}, "
            f"wrong {len(self.pack.ledger.wrong)}, differs {len(self.differs)}"
        )

    # ---- kills

    def kill_worker(self) -> None:
        """One worker; its successor answers its clients."""
        index = self.rng.randrange(self.site.workers)
        self._await(*self._kill(("worker", index)))

    def kill_worker_again(self) -> None:
        """A worker, and its successor at some moment of its start or soon after."""
        index = self.rng.randrange(self.site.workers)
        old = self.site.children()["worker", index]
        self.site.kill([old])
        self.site.expect(lambda: self._is_new(("worker", index), old), BACK_S, "a worker's pid")
        self.pack.run(self.rng.uniform(0, 0.4))
        self._await(*self._kill(("worker", index)))

    def kill_workers(self) -> None:
        """All workers at once."""
        self._await(*self._kill(*(("worker", i) for i in range(self.site.workers))))

    def kill_store(self) -> None:
        """The store alone; until its successor is there, nobody hears of what is not on disk."""
        self._await(*self._kill(("store", self.site.workers)))

    def kill_store_for_a_while(self) -> None:
        """The store, and nobody replaces it: what was acknowledged is on disk by now."""
        with self.site.supervisor_stopped():
            self.pack.no_ack_since_s, old = self._kill(("store", self.site.workers))
            self.pack.run(STORELESS_S)
            self.look_at_disk()
            self.pack.run(STORELESS_S)
        self._await(boot_time(), old)

    def kill_worker_and_store(self) -> None:
        """A worker and the store in one moment."""
        index = self.rng.randrange(self.site.workers)
        self._await(*self._kill(("worker", index), ("store", self.site.workers)))

    def kill_worker_in_a_reload(self) -> None:
        """A worker, while it or others take a new policy."""
        self.site.reload()
        self.pack.run(self.rng.uniform(0, 0.5))
        self.kill_worker()

    def kill_store_in_a_reload(self) -> None:
        self.site.reload()
        self.pack.run(self.rng.uniform(0, 0.5))
        self.kill_store()

    def kill_control(self) -> None:
        """Control; its death costs nobody a packet."""
        name = ("control", self.site.workers + Role.ROLE_CONTROL)
        self.site.expect(lambda: name in self.site.children(), BACK_S, "control")
        died_s, old = self._kill(name)
        self.site.expect(lambda: self._is_new(name, old[name]), BACK_S, "control's pid")
        self.control.pid_s.append(boot_time() - died_s)
        self.site.expect(lambda: self._export() is not None, BACK_S, "control's answer")
        self.control.answer_s.append(boot_time() - died_s)

    def kill_supervisor(self) -> None:
        """The supervisor; all others end with it, and the next start is from disk."""
        self.orphans_s.append(self.site.kill_supervisor())
        self._start_again()

    def kill_all(self) -> None:
        self.site.kill_all()
        self._start_again()

    def kill_all_twice(self) -> None:
        """All, and all again at some moment of the next start."""
        self.site.kill_all()
        self.site.spawn()
        self.pack.run(self.rng.uniform(0, 0.8))
        self.site.kill_all()
        self._start_again()

    def _kill(self, *names: Name) -> tuple[float, dict[Name, int]]:
        children = self.site.children()
        missing = [name for name in names if name not in children]
        if missing:
            self.site.expect(
                lambda: all(name in self.site.children() for name in names), BACK_S, f"{missing}"
            )
            children = self.site.children()
        self._watch = Stopwatch(self.site.pid)
        died_s = self.site.kill([children[name] for name in names])
        return died_s, {name: children[name] for name in names}

    # ---- the way back

    def _is_new(self, name: tuple[str, int], old: int) -> bool:
        return self.site.children().get(name, old) != old

    def _await(self, died_s: float, old: dict[Name, int]) -> None:
        """Until each of the dead has a successor, and that one has answered."""
        watches = {name: Watch(died_s) for name in old}
        for (role, index), watch in watches.items():
            if role == "worker":
                self.pack.watches[index] = watch
            else:
                self.pack.ack_watch = watch
                self.pack.no_ack_since_s = self.pack.no_ack_since_s or died_s
        for name in self._in_order(old):
            self._times(name).pid_s.append(boot_time() - died_s)
            if name[0] == "store":
                self.pack.no_ack_since_s = None
        for name, watch in watches.items():
            self.site.expect(lambda w=watch: w.answered_s is not None, BACK_S, f"{name} answers")
            assert watch.answered_s is not None
            times = self._times(name)
            times.answer_s.append(watch.answered_s - died_s)
            waited_s = self._watch.look(self.site.children().get(name, 0))
            times.ran_s.append(max(watch.answered_s - died_s - waited_s, 0.0))

    def _await_reload(self) -> None:
        """Until all go by what the last reload brought; a start has brought it too."""
        reserved = self.site.reserved
        if reserved.since_s is None:
            self.site.expect(self.site.reloaded, BACK_S, "the reload is in force")
            reserved.since_s = boot_time()

    def _in_order(self, old: dict[Name, int]) -> Iterator[Name]:
        """The names, each when its successor's pid is there."""
        left = dict(old)
        while left:
            self.site.expect(lambda: any(self._is_new(*x) for x in left.items()), BACK_S, f"{left}")
            for name in [name for name, pid in left.items() if self._is_new(name, pid)]:
                del left[name]
                yield name

    def _times(self, name: Name) -> Times:
        return self.workers if name[0] == "worker" else self.stores

    def _start_again(self) -> None:
        """What is on disk, and what a start makes of it."""
        before = self.look_at_disk()
        self.site.spawn()
        began = time.monotonic()
        self.pack.ack_watch = watch = Watch(boot_time())
        self.site.expect(self.site.is_ready, BACK_S, "ready")
        self.site.reserved.since_s = boot_time()
        with audit.living(self.site.pid) as view:
            assert view.memory.time_offset_ns == self.offset_ns, "node time moved"
            self.differs += audit.goes_back(before, view)
        self.site.expect(lambda: watch.answered_s is not None, BACK_S, "an ACK")
        self.starts_s.append(time.monotonic() - began)

    # ---- the books

    def look_at_disk(self) -> dict[int, audit.State]:
        """Every ACK that was heard so far is on disk. No store lives now."""
        self.pack.turn()
        scratch = self.site.lab.folder / "scratch"
        with audit.on_disk(self.site.state, scratch, self.site.workers, self.offset_ns) as view:
            self.lost += [f"{x} (on disk)" for x in audit.lost(self.pack.ledger, view)]
            return audit.states(view)

    def audit(self) -> None:
        """Ledger, table, bitmap and export, in a pause of the load."""
        self.pack.quiesce()
        with audit.living(self.site.pid) as view:
            self.site.expect(
                lambda: view.is_idle(self.site.workers), BACK_S, "all that was published is durable"
            )
        found: list[str] = []
        for _ in range(AUDIT_TRIES):
            # The store ends what has run out, whenever it likes: one look may see it half done.
            with audit.living(self.site.pid) as view:
                lost = audit.lost(self.pack.ledger, view)
                found = audit.disagreements(view)
                found += audit.reserved_differs(view, self.site.reserved)
                if (lines := self._export()) is not None:
                    found += audit.export_differs(view, lines, self.site.reserved)
            if not lost and not found:
                break
            self.pack.run(0.05)
        self.lost += lost
        self.differs += found
        self.pack.paused = False

    def _export(self) -> list[bytes] | None:
        """None: control does not answer yet."""
        assert self.site.server is not None
        with contextlib.suppress(Exception):
            return audit.exported(self.site.server.folder / "run" / "control.sock")
        return None

    # ---- the report

    def report(self) -> str:
        pack = self.pack
        return "\n".join(
            [
                f"{self.kills} kills, {sum(pack.done)} exchanges, {pack.ledger.acks} ACKs heard "
                f"({pack.ledger.late_acks} of a lease that was being released), "
                f"{pack.releases} RELEASEs, {pack.declines} DECLINEs, {pack.naks} NAKs, "
                f"{pack.resent} retransmissions, "
                f"{pack.abandoned} given up, {pack.ledger.changed_hands} addresses changed hands",
                f"{pack.reserved.switched} reloads that brought or took "
                f"{len(pack.reserved.late)} reservations beside {len(pack.reserved.always)} and "
                f"{len(pack.reserved.named)} without an address; own addresses told "
                f"{pack.reserved.told} times, {len(pack.reserved.had)} late owners had theirs",
                f"workers: {self.workers}",
                f"stores: {self.stores}",
                f"control: {self.control}",
                f"starts: {_of(self.starts_s) if self.starts_s else 'none'}",
                f"orphans: {_of(self.orphans_s) if self.orphans_s else 'none'}",
                f"lost {len(self.lost)}, wrong {len(pack.ledger.wrong)}, "
                f"differs {len(self.differs)}, moved {len(pack.moved)}",
                *self.lost[:20],
                *pack.ledger.wrong[:20],
                *self.differs[:20],
                *pack.moved[:20],
            ]
        )

    @property
    def faults(self) -> list[str]:
        return [*self.lost, *self.pack.ledger.wrong, *self.differs, *self.pack.moved]
