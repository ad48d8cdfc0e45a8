"""What `make restart` says of memory, and `fastdhcp bench idle` of wake-ups."""

import mmap
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fastdhcp_bench.idle import too_many, wake_ups, wake_ups_of
from fastdhcp_bench.memory import names_of, own_of, session_processes, shared_bytes
from fastdhcp_bench.restart import FLOOR, judge

MIB = 1 << 20
HOLD = """
import mmap, os, sys, time
fd = os.memfd_create("fastdhcp-some")
os.ftruncate(fd, 64 << 20)
view = mmap.mmap(fd, 64 << 20)
view[: 8 << 20] = bytes(8 << 20)
if os.fork():
    mine = bytearray(os.urandom(1 << 20) * 20)
    print(flush=True)
time.sleep(60)
"""


def mapping(path: str, **kilobytes: int) -> str:
    head = f"7f01-7f02 rw-s 00000000 00:01 2049     {path}\n"
    return head + "".join(f"{name}: {size:8} kB\n" for name, size in kilobytes.items())


def test_pages_of_segments_are_nobodys_own_and_those_of_files_are_told_apart() -> None:
    smaps = mapping("", Private_Clean=1, Private_Dirty=40)
    smaps += mapping("/memfd:fastdhcp-records (deleted)", Private_Clean=64, Private_Dirty=4096)
    smaps += mapping("/var/lib/x: y/data.mdb", Shared_Clean=8, Private_Clean=100)
    smaps += "VmFlags: rd sh mr mw me ms\n" + mapping("[heap]", Private_Dirty=2)
    assert own_of(smaps) == (42 * 1024, 101 * 1024)


def test_a_segment_counts_once_and_only_where_it_was_touched() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], stdout=subprocess.PIPE, start_new_session=True
    ) as leader:
        assert leader.stdout is not None
        leader.stdout.readline()
        found = session_processes(leader.pid)
        shared = shared_bytes(found)
        own = own_of((found[0] / "smaps").read_text())
        os.killpg(leader.pid, 9)
    assert found[0] == Path(f"/proc/{leader.pid}") and len(found) == 2
    assert shared == {"fastdhcp-some": 8 * MIB}
    assert 20 * MIB <= own.memory < 36 * MIB


def test_processes_are_called_what_ps_calls_them() -> None:
    own = Path("/proc/self")
    found = names_of([Path("/proc/1"), own])
    assert found == {Path("/proc/1"): "supervisor", own: (own / "comm").read_text().strip()}


def test_sleeps_of_all_threads_are_counted() -> None:
    program = "import threading, time\ndef nap():\n for _ in range(30): time.sleep(0.1)\n"
    program += "for _ in range(3): threading.Thread(target=nap).start()\nprint(flush=True)\n"
    program += "time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True
    ) as leader:
        assert leader.stdout is not None
        leader.stdout.readline()
        found = wake_ups_of(leader.pid, 1)
        leader.kill()
    assert 20 <= found["supervisor"] <= 60 and len(found) == 1


def test_wake_ups_of_a_process_that_works_are_few() -> None:
    before, end = wake_ups(Path("/proc/self")), time.process_time() + 0.05
    while time.process_time() < end:
        mmap.mmap(-1, mmap.PAGESIZE).close()
    assert wake_ups(Path("/proc/self")) - before < 20


def test_the_supervisor_may_wake_up_twice_a_second_the_others_once() -> None:
    found = {"supervisor": 41, "dhcp-store": 21, "dhcp-worker-0": 22, "dhcp-control": 0}
    assert too_many(found, 20) == ["dhcp-worker-0"]
    assert too_many({"supervisor": 42}, 20) == ["supervisor"]


@pytest.mark.parametrize("missed", [None, *FLOOR])
def test_a_promised_figure_that_is_missed_is_named(
    missed: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    found = FLOOR | ({missed: FLOOR[missed] * 1.1} if missed else {})
    assert judge(found) == (missed is None)
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("MISSED")]
    assert [line.split(":")[0] for line in said] == ([f"MISSED {missed}"] if missed else [])
