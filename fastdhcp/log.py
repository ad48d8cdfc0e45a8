"""Log lines on standard error: one event a line, its stable name, then its facts as key=value.

``2026-11-25T12:35:17.204Z info lease-table addresses=1048576 size=332M``

Event names are kebab-case and do not change once they are released: alerts are written on them.
Under journald, which keeps the time itself, the prefix is the priority alone (``<6>``). With
``FASTDHCP_LOG=json`` each line is a JSON object with ``time``, ``level`` and ``event``.
"""

import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import IntEnum

FORMATS = ("text", "json", "journal")
_BARE = re.compile(r"[^\s\"'=\\]+")


class Level(IntEnum):
    """Priorities of syslog (RFC 5424 table 2), as far as they are used here."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7


class Log:
    """Writes events to a file descriptor, each line in one write so that processes do not mix.

    ``process`` is named in every line if it is set: the supervisor's lines have none.
    """

    def __init__(self, form: str = "text", fd: int = 2, process: str = "") -> None:
        if form not in FORMATS:
            raise ValueError(f"log format {form!r}: one of {', '.join(FORMATS)}")
        self.form = form
        self.fd = fd
        self.process = process

    def error(self, event: str, **facts: object) -> None:
        self.write(Level.ERROR, event, facts)

    def warning(self, event: str, **facts: object) -> None:
        self.write(Level.WARNING, event, facts)

    def notice(self, event: str, **facts: object) -> None:
        self.write(Level.NOTICE, event, facts)

    def info(self, event: str, **facts: object) -> None:
        self.write(Level.INFO, event, facts)

    def write(self, level: Level, event: str, facts: Mapping[str, object]) -> None:
        """One line. A log that cannot be written to stops no server."""
        if self.process:
            facts = {**facts, "process": self.process}
        line = render(self.form, level, event, facts)
        try:
            os.write(self.fd, line.encode(errors="backslashreplace") + b"\n")
        except OSError:
            return


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
