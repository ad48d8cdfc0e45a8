"""What nobody foresaw: logged with its trace, counted, an alarm until a turn goes well."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fastdhcp.log import Log
from fastdhcp.supervisor.alarms import Alarms
from fastdhcp.supervisor.defects import AGAIN_S, Defects
from fastdhcp.supervisor.threads import in_thread
from tests.log_lines import Lines


def made() -> tuple[Defects, Alarms, Lines, list[None]]:
    """The last one grows by one with each defect."""
    lines = Lines()
    counted: list[None] = []
    alarms = Alarms(Log("journal", os.open(os.devnull, os.O_WRONLY)))
    return Defects(alarms, lines.log, lambda: counted.append(None)), alarms, lines, counted


def test_what_nobody_foresaw_ends_one_turn_and_is_an_alarm_until_the_next() -> None:
    defects, alarms, lines, counted = made()
    with defects.caught("vitals"):
        raise UnicodeEncodeError("utf-8", "br\udcff1", 2, 3, "surrogates not allowed")
    (line,) = lines.taken()
    assert line.startswith("<3>internal-error task=vitals ")
    assert "UnicodeEncodeError" in line and "test_defects.py" in line
    assert [(alarm["name"], alarm["subject"]) for alarm in alarms.listed()] == [
        ("internal-error", "vitals")
    ]
    with defects.caught("status"):
        pass
    assert "internal-error" in alarms
    with defects.caught("vitals"):
        pass
    assert "internal-error" not in alarms
    assert len(counted) == 1


def test_a_task_that_fails_at_each_turn_is_counted_and_does_not_fill_the_log() -> None:
    defects, _, lines, counted = made()
    for _ in range(int(AGAIN_S)):
        with defects.caught("status"):
            raise KeyError("control")
    assert len(lines.taken()) == 1
    assert len(counted) == AGAIN_S


def test_who_is_told_to_end_ends() -> None:
    defects, _, lines, counted = made()
    with pytest.raises(asyncio.CancelledError), defects.caught("status"):
        raise asyncio.CancelledError
    assert (counted, lines.taken()) == ([], [])


def test_a_thread_returns_or_raises_what_its_work_does() -> None:
    assert asyncio.run(in_thread(lambda: 7)) == 7
    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_thread(lambda: 1 // 0))


def test_a_thread_that_hangs_keeps_nobody_from_going_on_nor_from_ending(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    code = (
        "import asyncio, sys, pathlib\n"
        "from fastdhcp.supervisor.threads import in_thread\n"
        "async def main():\n"
        "    work = in_thread(pathlib.Path(sys.argv[1]).read_text)\n"
        "    try: await asyncio.wait_for(work, 0.2)\n"
        "    except TimeoutError: print('in time')\n"
        "asyncio.run(main())\n"
    )
    before = time.monotonic()
    argv = [sys.executable, "-c", code, str(fifo)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "in time\n", "")
    assert time.monotonic() - before < 10
