"""Log lines in their three forms."""

import fcntl
import json
import os
import pty
import re
import socket
import subprocess
import sys
import termios
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fastdhcp._stats import counter_words
from fastdhcp.log import Level, Log, chosen_format, render, write_in_turn, writer_to
from tests.segments import make_memory

NOW = datetime(2026, 11, 25, 12, 0, 1, 234567, UTC)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, ""),
        ({"workers": 2}, " workers=2"),
        ({"beat_age": 1.23456}, " beat-age=1.235"),
        ({"text": "port 67 is taken"}, ' text="port 67 is taken"'),
        ({"text": 'a "name"\nand a line'}, ' text="a \\"name\\"\\nand a line"'),
        ({"text": ""}, ' text=""'),
        ({"equation": "a=b"}, ' equation="a=b"'),
        ({"pools": ["a", "b"]}, " pools=a,b"),
        ({"on": True, "off": False}, " on=yes off=no"),
        ({"leases": None, "count": 0}, " count=0"),
        ({"name": "büro"}, " name=büro"),
        ({"name": "br\udcff1"}, ' name="br\\udcff1"'),
        ({"name": "a\x1b[2Jb"}, ' name="a\\u001b[2Jb"'),
    ],
)
def test_facts_are_written_so_that_a_line_can_be_taken_apart(
    facts: dict[str, object], words: str
) -> None:
    line = render("text", Level.INFO, "store-recovered", facts, NOW)
    assert line == f"2026-11-25T12:00:01.234Z info store-recovered{words}"
    assert render("journal", Level.ERROR, "x", facts, NOW) == f"<3>x{words}"


def test_json() -> None:
    line = render("json", Level.WARNING, "pool-exhausted", {"pools": ["a b"], "n": 1}, NOW)
    assert json.loads(line) == {
        "time": "2026-11-25T12:00:01.234Z",
        "level": "warning",
        "event": "pool-exhausted",
        "pools": ["a b"],
        "n": 1,
    }


def test_the_format_follows_the_switch_then_the_journal() -> None:
    found = os.fstat(2)
    journal = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
    assert chosen_format({}) == "text"
    assert chosen_format({"JOURNAL_STREAM": "1:1"}) == "text"
    assert chosen_format(journal) == "journal"
    assert chosen_format({**journal, "FASTDHCP_LOG": "json"}) == "json"


def test_a_line_names_the_process_and_is_one_write() -> None:
    read, write = os.pipe()
    Log("text", write, "worker-1").error("lock-timeout", address="10.0.0.1")
    assert os.read(read, 1000).endswith(b" error lock-timeout address=10.0.0.1 process=worker-1\n")


def test_a_log_nobody_reads_stops_no_server() -> None:
    read, write = os.pipe()
    os.close(read)
    with pytest.raises(BrokenPipeError):
        os.write(write, b"it is broken\n")
    Log("text", write).info("ready")


# ---- a log that nobody reads


class Pipe:
    """A pipe of one page whose writing end waits, as a shell hands it down."""

    def __init__(self) -> None:
        self.read_end, self.fd = os.pipe()
        fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, 4096)

    def fill(self) -> None:
        os.write(self.fd, b"x" * 4096)

    def read(self) -> bytes:
        return os.read(self.read_end, 100_000)


def test_a_full_pipe_drops_lines_and_says_how_many() -> None:
    pipe = Pipe()
    log, memory = Log("text", pipe.fd), make_memory()
    log.info("before")
    os.write(pipe.fd, b"x" * (4096 - 40))
    log.info("lost", text="long enough to find no room there")
    log.count_in(memory)
    log.info("lost", text="long enough to find no room there")
    log.info("lost", text="long enough to find no room there")
    assert log.dropped == memory.counters()[counter_words()["COUNT_LOG_DROPPED"]] == 3
    assert b"before\nxxx" in pipe.read()
    log.info("after")
    assert [line.split(maxsplit=1)[1] for line in pipe.read().decode().splitlines()] == [
        "warning log-dropped lines=3",
        "info after",
    ]
    assert log.catch_up()
    log.info("again")
    assert b"log-dropped" not in pipe.read()


def test_what_was_dropped_is_said_without_another_line() -> None:
    pipe = Pipe()
    log = Log("text", pipe.fd, "store")
    pipe.fill()
    log.info("lost")
    assert not log.catch_up()
    pipe.read()
    assert log.catch_up()
    assert pipe.read().endswith(b" warning log-dropped lines=1 process=store\n")


def test_others_who_share_the_pipe_still_wait() -> None:
    """O_NONBLOCK belongs to the open file: the shell's other programs would fail by it."""
    pipe = Pipe()
    Log("text", pipe.fd).info("ready")
    assert not fcntl.fcntl(pipe.fd, fcntl.F_GETFL) & os.O_NONBLOCK


def test_a_line_that_was_begun_is_ended_before_another_comes() -> None:
    pipe = Pipe()
    log = Log("text", pipe.fd)
    log.error("process-failed", trace="long " * 2000)
    log.info("lost")
    got = b""
    while not log.catch_up():
        got += pipe.read()
    got += pipe.read()
    first, second = got.decode().splitlines()
    assert first.endswith('long "')
    assert first.count("long") == 2000
    assert second.endswith("log-dropped lines=1")


def test_a_full_socket_drops_lines() -> None:
    """journald's, while it is stopped."""
    ours, theirs = socket.socketpair()
    log = Log("journal", theirs.fileno())
    while not log.dropped:
        log.info("ready", text="x" * 1000)
    received = b""
    while not log.catch_up():
        received += ours.recv(1 << 20)
    theirs.shutdown(socket.SHUT_WR)
    while piece := ours.recv(1 << 20):
        received += piece
    lines = received.splitlines()
    assert lines[-1] == b"<4>log-dropped lines=1"
    assert set(lines[:-1]) == {b"<6>ready text=" + b"x" * 1000}


def test_a_stopped_terminal_drops_lines() -> None:
    """Ctrl-S."""
    ours, terminal = pty.openpty()
    log = Log("text", terminal)
    termios.tcflow(terminal, termios.TCOOFF)
    log.info("lost")
    assert log.dropped == 1
    termios.tcflow(terminal, termios.TCOON)
    assert log.catch_up()
    assert os.read(ours, 1000).endswith(b"log-dropped lines=1\r\n")


def test_a_file_is_written_as_the_shell_opened_it(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"older\n")
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    Log("journal", fd).info("ready")
    assert path.read_bytes() == b"older\n<6>ready\n"


def test_a_pipe_of_another_user_is_not_waited_for_either() -> None:
    """It cannot be opened again: what fits in one page is written, one process at a time."""
    pipe = Pipe()
    assert write_in_turn(pipe.fd, b"a line\n") == 7
    assert pipe.read() == b"a line\n"
    assert write_in_turn(pipe.fd, b"x" * 9000) == 4096
    with pytest.raises(BlockingIOError):
        write_in_turn(pipe.fd, b"a line\n")


def test_nobody_fills_the_pipe_between_look_and_write() -> None:
    pipe = Pipe()
    hold = (
        f"import fcntl, sys\nfcntl.lockf({pipe.fd}, fcntl.LOCK_EX)\n"
        "print(flush=True)\nsys.stdin.read()"
    )
    argv = [sys.executable, "-c", hold]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[pipe.fd]
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(OSError, match="temporarily unavailable"):
            write_in_turn(pipe.fd, b"a line\n")
        other.communicate()
    assert write_in_turn(pipe.fd, b"a line\n") == 7


def test_a_descriptor_that_is_closed_is_no_log() -> None:
    read, write = os.pipe()
    os.close(read)
    os.close(write)
    with pytest.raises(OSError, match="Bad file descriptor"):
        writer_to(write)
    log = Log("text", write)
    log.info("ready")
    assert log.dropped == 1


# ---- what Python and its libraries would print


def lines_of(code: str, redirect: str = "") -> list[str]:
    """What a process that captures writes on standard error, line by line, without the time."""
    head = "from fastdhcp.log import capture, capture_logging, log\ncapture()\ncapture_logging()\n"
    argv = ["sh", "-c", f'exec "$@" {redirect}', "sh", sys.executable, "-c", head + code]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30)
    lines = done.stderr.splitlines()
    form = re.compile(r"2\d{3}-\S+Z (error|warning|info) ")
    assert [line for line in lines if not form.match(line)] == []
    return [line.split(maxsplit=1)[1] for line in lines]


TASK = """
import asyncio
async def fails(): raise OSError("no luck")
async def main(): asyncio.create_task(fails()); await asyncio.sleep(0)
asyncio.run(main())
"""
UNRAISABLE = """
class Last:
    def __del__(self): raise ValueError("at the end")
Last()
"""
THREAD = """
import threading
def fails(): raise KeyError("x")
t = threading.Thread(target=fails); t.start(); t.join()
"""


@pytest.mark.parametrize(
    ("code", "start", "text"),
    [
        ("import logging; logging.getLogger('uvicorn.error').warning('Invalid %s', 'request')",
         'warning library-message logger=uvicorn.error text="Invalid request"', ""),
        ("import logging; logging.getLogger('x').info('not said')", None, ""),
        ("import warnings; warnings.warn('old')",
         'warning library-message logger=warnings text="UserWarning: old"', ""),
        ("import sys; print('two', 'words', file=sys.stderr)",
         'warning library-message logger=stderr text="two words"', ""),
        ("import sys; sys.stderr.write('no end')",
         'warning library-message logger=stderr text="no end"', ""),
        ("1 / 0", 'error internal-error error="ZeroDivisionError: division by zero"', "line 4"),
        (TASK, "error library-message logger=asyncio text=", "OSError: no luck"),
        (UNRAISABLE, 'error internal-error error="ValueError: at the end"', "Last.__del__"),
        (THREAD, "error internal-error error=\"KeyError: 'x'\"", "Thread-1"),
    ],
    ids=["logging", "quiet", "warning", "print", "unended", "uncaught", "task", "unraisable",
         "thread"],
)  # fmt: skip
def test_what_libraries_print_is_a_line_of_the_log(code: str, start: str | None, text: str) -> None:
    lines = lines_of(code)
    assert len(lines) == (start is not None)
    for line in lines:
        assert line.startswith(str(start))
        assert text in line


def test_a_closed_standard_error_is_not_the_next_file_opened(tmp_path: Path) -> None:
    """Lines of the log would be written into it."""
    path = tmp_path / "data"
    path.write_text("data")
    lines_of(f"f = open({str(path)!r}, 'r+')\nlog.info('ready')\nf.close()", "2>&-")
    assert path.read_text() == "data"
