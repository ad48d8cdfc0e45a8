"""Who uses the machine's CPU: server, generator, the two ends of the link, others; by the second.

All from /proc. A core is busy while it is not idle, whoever is charged for it: a softirq that runs
in a process's time is charged to that process on some kernels and to nobody on others. So what the
server costs is what was busy less the generator's and less the others', and has in it what
the kernel did for it: softirqs, the thread of its link's end, those of the disk.
"""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

TICKS = os.sysconf("SC_CLK_TCK")
PF_KTHREAD = 0x00200000
"""linux/sched.h: a thread of the kernel."""


@dataclass(frozen=True)
class Process:
    """A process, as /proc/PID/stat has it. CPU is in seconds, of children waited for too."""

    pid: int
    name: str
    group: int
    session: int
    kernel: bool
    cpu: float


def read_stat(text: str) -> Process:
    """From the one line of /proc/PID/stat; the name may have spaces and brackets in it."""
    pid, _, rest = text.partition(" (")
    name, _, rest = rest.rpartition(") ")
    fields = rest.split()
    return Process(
        pid=int(pid),
        name=name,
        group=int(fields[2]),
        session=int(fields[3]),
        kernel=bool(int(fields[6]) & PF_KTHREAD),
        cpu=sum(map(int, fields[11:15])) / TICKS,
    )


def processes() -> Iterator[Process]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it ended while we looked
                yield read_stat(Path(f"/proc/{entry.name}/stat").read_text())


def group_cpu_seconds(group: int) -> float:
    """CPU time, user and system, of all processes of a process group or session.

    Children that ended and were waited for are in it.
    """
    return sum(found.cpu for found in processes() if group in (found.group, found.session))


NOBODY = -1
"""No process: a party that is not there."""


@dataclass(frozen=True)
class Parties:
    """Who takes part: the server's session, the generator's process, threads of its link's end."""

    server: int
    generator: int
    generator_end: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Usage:
    """Seconds of CPU: since boot, or, as a difference, in a while.

    busy       of all cores, whatever for
    server     of the server's processes alone
    generator  of its process and of the thread of its link's end
    others     of processes that take no part
    stolen     what the hypervisor gave to other machines
    own        of this process, which looks
    """

    busy: float
    server: float
    generator: float
    others: float
    stolen: float
    own: float

    @classmethod
    def take(cls, parties: Parties) -> Self:
        sums = {"server": 0.0, "generator": 0.0, "others": 0.0, "own": 0.0, "kernel": 0.0}
        for found in processes():
            sums[_party(found, parties)] += found.cpu
        del sums["kernel"]
        line = Path("/proc/stat").read_text().split("\n", 1)[0].split()
        # user nice system idle iowait irq softirq steal. Idle time is exact where the others are
        # counted by ticks.
        idle, stolen = (int(line[4]) + int(line[5])) / TICKS, int(line[8]) / TICKS
        busy = time.monotonic() * (os.cpu_count() or 1) - idle
        return cls(busy=busy, stolen=stolen, **sums)

    def __sub__(self, other: "Usage") -> "Usage":
        return Usage(
            self.busy - other.busy,
            self.server - other.server,
            self.generator - other.generator,
            max(self.others - other.others, 0.0),  # one that nobody waits for takes its time away
            self.stolen - other.stolen,
            self.own - other.own,
        )

    @property
    def served(self) -> float:
        """What the server's side cost: its processes and what the kernel did for them."""
        return self.busy - self.generator - self.others - self.own


def _party(found: Process, parties: Parties) -> str:
    if parties.server in (found.group, found.session):
        return "server"
    if found.pid == parties.generator or found.pid in parties.generator_end:
        return "generator"
    if found.pid == os.getpid():
        return "own"
    return "kernel" if found.kernel else "others"


class Watch:
    """Takes the usage at each whole second of CLOCK_MONOTONIC, in a thread, until it is left."""

    def __init__(self, parties: Parties) -> None:
        self.parties = parties
        self.taken: dict[int, Usage] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        second = int(time.monotonic()) + 1
        while not self._over.wait(max(second - time.monotonic(), 0)):
            self.taken[second] = Usage.take(self.parties)
            second = int(time.monotonic()) + 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def during(self, second: int) -> Usage | None:
        """What was used from this second to the next; None if it was not seen from end to end."""
        if second in self.taken and second + 1 in self.taken:
            return self.taken[second + 1] - self.taken[second]
        return None
