"""The tests' stopwatch: sleep is a program's own, a core that others have is not."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.patience import Stopwatch, end_of, eventually

BURN = [sys.executable, "-c", "print(flush=True)\nwhile True: pass"]


@pytest.fixture
def rivals() -> Iterator[list[int]]:
    """Two processes that want one core."""
    core = {min(os.sched_getaffinity(0))}
    started = [subprocess.Popen(BURN, stdout=subprocess.PIPE) for _ in range(2)]
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()
        os.sched_setaffinity(process.pid, core)
    yield [process.pid for process in started]
    for process in started:
        process.kill()
        process.communicate()


def test_sleep_counts() -> None:
    watch = Stopwatch()
    time.sleep(0.3)
    assert watch.seconds() >= 0.28


def test_a_stopped_process_counts(rivals: list[int]) -> None:
    """Who does not want a core waits for none: a program that hangs is found out."""
    for pid in rivals:
        os.kill(pid, signal.SIGSTOP)
        stat = Path(f"/proc/{pid}/stat")
        assert eventually(lambda stat=stat: stat.read_text().rsplit(") ", 1)[1][0] == "T")
    watch = Stopwatch(*rivals)
    time.sleep(0.3)
    assert watch.seconds() >= 0.28


def test_what_is_waited_for_a_core_does_not_count(rivals: list[int]) -> None:
    began, watch = time.monotonic(), Stopwatch(rivals[0])
    time.sleep(1)
    assert watch.seconds() < 0.8 * (time.monotonic() - began)


def test_the_wait_of_one_that_has_ended_is_kept(rivals: list[int]) -> None:
    watch = Stopwatch(rivals[0])
    time.sleep(0.5)
    waited_s = watch.look()
    os.kill(rivals[0], signal.SIGKILL)
    os.waitpid(rivals[0], 0)
    assert watch.look() >= waited_s > 0


def test_an_end_has_its_code_and_its_seconds() -> None:
    process = subprocess.Popen(["sh", "-c", "sleep 0.3; exit 7"])
    code, seconds = end_of(process)
    assert code == 7
    assert seconds >= 0.2


def test_eventually_ends_when_it_is_so_or_the_time_is_up() -> None:
    seen = iter((False, False, True))
    assert eventually(lambda: next(seen))
    assert not eventually(lambda: False, timeout=0.05)
