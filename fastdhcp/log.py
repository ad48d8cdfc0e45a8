"""Log lines on standard error: one event a line, its stable name, then its facts as key=value.

``2026-11-25T12:35:17.204Z info lease-table addresses=1048576 size=332M``

Event names are kebab-case and do not change once they are released: alerts are written on them.
Under journald, which keeps the time itself, the prefix is the priority alone (``<6>``). With
``FASTDHCP_LOG=json`` each line is a JSON object with ``time``, ``level`` and ``event``.

No process waits for its log: a line that finds no room is dropped and counted, and how many were
is the first thing said when there is room again (``log-dropped``).
"""

import contextlib
import fcntl
import io
import json
import os
import re
import select
import socket
import stat
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from enum import IntEnum
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from fastdhcp._memory import Memory

FORMATS = ("text", "json", "journal")
_BARE = re.compile(r"[^\s\"'=\\]+")
_PIECE = select.PIPE_BUF
"""Octets that a pipe takes whole, and without waiting, if poll() says that there is room."""
_TURN_TRIES, _TURN_WAIT_S = 10, 0.0005
"""For a pipe that is not ours to open: how long to wait while another process of ours writes."""

Writer = Callable[[bytes], int]
"""Takes octets and says how many were taken. Raises OSError at once if none can be."""


class Level(IntEnum):
    """Priorities of syslog (RFC 5424 table 2), as far as they are used here."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7


class Log:
    """Writes events to a file descriptor, each line in one write so that processes do not mix.

    ``process`` is named in every line if it is set: the supervisor's lines have none. ``dropped``
    counts the lines that were lost.
    """

    def __init__(self, form: str = "text", fd: int = 2, process: str = "") -> None:
        if form not in FORMATS:
            raise ValueError(f"log format {form!r}: one of {', '.join(FORMATS)}")
        self.form = form
        self.fd = fd
        self.process = process
        self.dropped = 0
        self._count: Callable[[int], object] = lambda lines: None
        self._untold = 0
        self._rest = b""  # of a line that was taken in part: nothing may come between
        self._writer: Writer | None = None
        self._lock = threading.RLock()  # what the interpreter cannot raise is logged wherever it is

    def error(self, event: str, **facts: object) -> None:
        self.write(Level.ERROR, event, facts)

    def warning(self, event: str, **facts: object) -> None:
        self.write(Level.WARNING, event, facts)

    def notice(self, event: str, **facts: object) -> None:
        self.write(Level.NOTICE, event, facts)

    def info(self, event: str, **facts: object) -> None:
        self.write(Level.INFO, event, facts)

    def write(self, level: Level, event: str, facts: Mapping[str, object]) -> None:
        """One line, or none: a log that cannot be written to stops no server, nor makes it wait."""
        line = self._line(level, event, facts)
        with self._lock:
            if self.catch_up() and self._put(line):
                return
            self.dropped += 1
            self._untold += 1
        self._count(1)

    def count_in(self, memory: "Memory") -> None:
        """Has lost lines counted with what this process counts, those of before included."""
        from fastdhcp._stats import counter_words

        self._count = partial(memory.add, counter_words()["COUNT_LOG_DROPPED"])
        self._count(self.dropped)

    def catch_up(self) -> bool:
        """Says how many lines were lost, if there is room now. False: there is none."""
        with self._lock:
            while self._rest:
                line, self._rest = self._rest, b""
                if not self._put(line):
                    self._rest = line
                    return False
            if self._untold:
                facts = {"lines": self._untold}
                if not self._put(self._line(Level.WARNING, "log-dropped", facts)):
                    return False
                self._untold = 0
            return True

    def _line(self, level: Level, event: str, facts: Mapping[str, object]) -> bytes:
        if self.process:
            facts = {**facts, "process": self.process}
        return render(self.form, level, event, facts).encode(errors="backslashreplace") + b"\n"

    def _put(self, line: bytes) -> bool:
        """False if nothing of it was taken. What is left of it comes before any other line."""
        try:
            if self._writer is None:
                self._writer = writer_to(self.fd)
            taken = self._writer(line)
        except OSError:
            return False
        self._rest = line[taken:]
        return taken > 0


def writer_to(fd: int) -> Writer:
    """How to write to a descriptor that others may share, without ever waiting for its reader.

    O_NONBLOCK belongs to the open file, which a shell or the parent has too: a pipe or terminal is
    opened once more, as one of our own. Files and other devices make nobody wait for a reader.
    Raises OSError if nothing is open there.
    """
    mode = os.fstat(fd).st_mode
    if stat.S_ISSOCK(mode):
        sock = socket.socket(fileno=os.dup(fd))
        return lambda data: sock.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    if not stat.S_ISFIFO(mode) and not os.isatty(fd):
        return partial(os.write, fd)
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        return partial(os.write, os.open(f"/proc/self/fd/{fd}", flags))
    except OSError:  # another user's, as under `sudo -u`, or no /proc
        return partial(write_in_turn, fd)


def write_in_turn(fd: int, data: bytes) -> int:
    """Writes what fits without waiting, when no other process of ours is doing so.

    Raises BlockingIOError.
    """
    with _turn(fd):
        if not select.select([], [fd], [], 0)[1]:
            raise BlockingIOError
        return os.write(fd, data[:_PIECE])


@contextlib.contextmanager
def _turn(fd: int) -> Iterator[None]:
    """Between poll and write nobody else may fill the pipe: a lock of the process on its inode."""
    for again in range(_TURN_TRIES, -1, -1):
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:
            if not again:
                raise
            time.sleep(_TURN_WAIT_S)
    try:
        yield
    finally:
        fcntl.lockf(fd, fcntl.LOCK_UN)


def render(
    form: str, level: Level, event: str, facts: Mapping[str, object], now: datetime | None = None
) -> str:
    """The line of an event, without its end. Facts that are None are left out."""
    stamp = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    named = {k.replace("_", "-"): v for k, v in facts.items() if v is not None}
    if form == "json":
        head = {"time": stamp, "level": level.name.lower(), "event": event}
        return json.dumps({**head, **named}, default=str, ensure_ascii=False)
    words = [event, *(f"{key}={_value(value)}" for key, value in named.items())]
    if form == "journal":
        return f"<{level:d}>" + " ".join(words)
    return " ".join([stamp, level.name.lower(), *words])


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, list | tuple):
        value = ",".join(str(item) for item in value)
    text = str(value)
    if not text.isprintable():  # what moves a cursor, and octets that are no UTF-8
        return json.dumps(text)
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def chosen_format(environment: Mapping[str, str] | None = None) -> str:
    """``FASTDHCP_LOG`` if it names a format; else ``journal`` if standard error is journald's."""
    environment = os.environ if environment is None else environment
    wanted = environment.get("FASTDHCP_LOG", "")
    if wanted in FORMATS:
        return wanted
    return "journal" if _is_journal(environment.get("JOURNAL_STREAM", "")) else "text"


def _is_journal(stream: str) -> bool:
    """systemd sets JOURNAL_STREAM to device:inode of the socket; a child may have redirected."""
    try:
        found = os.fstat(2)
    except OSError:
        return False
    return stream == f"{found.st_dev}:{found.st_ino}"


log = Log(chosen_format())
"""What this process logs to."""


# ---- what Python and its libraries would print


def capture() -> None:
    """From now on all that would be printed on standard error goes through the log, in its form."""
    for fd in range(3):
        _keep_open(fd)
    sys.excepthook = _unforeseen
    sys.unraisablehook = lambda found: _unforeseen(
        found.exc_type, found.exc_value, found.exc_traceback, found.object
    )
    threading.excepthook = lambda found: _unforeseen(
        found.exc_type, found.exc_value, found.exc_traceback, found.thread
    )
    warnings.showwarning = _warned
    sys.stderr = Printed()


def capture_logging() -> None:
    """The same for the standard module logging; apart, as a worker has no need of it."""
    import logging

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            level = Level.ERROR if record.levelno >= logging.ERROR else Level.WARNING
            facts: dict[str, object] = {"logger": record.name, "text": record.getMessage()}
            if record.exc_info and record.exc_info[1]:
                facts |= facts_of(record.exc_info[1])
            log.write(level, "library-message", facts)

    logging.basicConfig(handlers=[Handler()], level=logging.WARNING, force=True)
    logging.raiseExceptions = False


class Printed(io.TextIOBase):
    """Standard error for what knows no log: each line is an event."""

    def __init__(self) -> None:
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            if line.strip():
                log.warning("library-message", logger="stderr", text=line)
        return len(text)

    def flush(self) -> None:
        if self._begun:
            self.write("\n")

    def fileno(self) -> int:
        """For faulthandler, which writes when nothing else can."""
        return log.fd

    def writable(self) -> bool:
        return True


def _unforeseen(
    kind: type[BaseException],
    error: BaseException | None,
    trace: TracebackType | None,
    where: object = None,
) -> None:
    facts = facts_of(error) if error is not None else {"error": kind.__name__}
    where = None if where is None else repr(where)
    log.error("internal-error", **facts, where=where)


def facts_of(error: BaseException) -> dict[str, object]:
    """What is wrong must be found in one line of the log."""
    return {"error": told(error), "trace": "".join(traceback.format_exception(error))}


def told(error: BaseException) -> str:
    """An error that nobody foresaw, without its trace."""
    return f"{type(error).__name__}: {error}"


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    place = f"{filename}:{lineno}"
    text = f"{category.__name__}: {message}"
    log.warning("library-message", logger="warnings", text=text, place=place)


def _keep_open(fd: int) -> None:
    """A standard descriptor that was closed would be the next file opened: lines would go there."""
    try:
        os.fstat(fd)
    except OSError:
        os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
