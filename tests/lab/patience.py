"""How long to wait, and how to time a program without judging the machine that it runs on."""

import os
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 60.0
"""For what must come: the wait ends when it does, and fails only if it never does."""


def eventually(said: Callable[[], bool], timeout: float = PATIENCE_S) -> bool:
    """Whether it becomes true in time: counters are read while the workers go on."""
    limit = time.monotonic() + timeout
    while not said():
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True


def waited_s(pid: int) -> float:
    """How long a process was ready to run and had no core, since its start; 0: it is gone."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


class Stopwatch:
    """Seconds since it was made, less those for which we, or one of the processes that the time
    depends upon, were ready to run and had no core: on a quiet machine, the wall's."""

    def __init__(self, *pids: int) -> None:
        self._before = {pid: waited_s(pid) for pid in (os.getpid(), *pids)}
        self._waited = dict(self._before)
        self._began = time.monotonic()

    def look(self, *started: int) -> float:
        """The seconds waited for a core so far; ``started``: by processes that came meanwhile, too.
        Who has been reaped counts with what the last look saw."""
        for pid in {*self._before, *started}:
            self._waited[pid] = max(waited_s(pid), self._waited.get(pid, 0.0))
        return sum(waited - self._before.get(pid, 0.0) for pid, waited in self._waited.items())

    def seconds(self, *started: int) -> float:
        """``started``: as for ``look``."""
        took = time.monotonic() - self._began
        return max(took - self.look(*started), 0.0)


def end_of(process: subprocess.Popen[bytes]) -> tuple[int, float]:
    """The exit code of a process that is about to end, and the seconds until then by a Stopwatch.
    AssertionError."""
    watch = Stopwatch(process.pid)
    handle = os.pidfd_open(process.pid)
    assert select.select([handle], [], [], PATIENCE_S)[0], "it does not end"
    os.close(handle)
    took = watch.seconds()  # not reaped yet: its figures are still there
    return process.wait(), took
