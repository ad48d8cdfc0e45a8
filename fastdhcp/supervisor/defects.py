"""Defects: exceptions that nobody foresaw. Each is logged and counted; the server goes on."""

import contextlib
import time
from collections.abc import Callable, Iterator

from fastdhcp.log import Log, facts_of, told
from fastdhcp.supervisor.alarms import Alarms

AGAIN_S = 60.0
"""Between two lines about the same task: one that fails at each turn would fill the log."""


class Defects:
    """``count`` is called for each, also for those without a line."""

    def __init__(self, alarms: Alarms, log: Log, count: Callable[[], None]) -> None:
        self._count = count
        self._alarms = alarms
        self._log = log
        self._told_s: dict[str, float] = {}

    @contextlib.contextmanager
    def caught(self, task: str) -> Iterator[None]:
        """Around one turn of a task: what it did not foresee ends this turn alone, and is an alarm
        until a turn goes well."""
        try:
            yield
        except Exception as error:
            self.note(task, error)
            self._alarms.raise_alarm("internal-error", told(error), task)
        else:
            self._alarms.clear("internal-error", task)

    def note(self, task: str, error: BaseException) -> None:
        """Logs and counts one."""
        self._count()
        now_s = time.monotonic()
        if now_s - self._told_s.get(task, -AGAIN_S) >= AGAIN_S:
            self._told_s[task] = now_s
            self._log.error("internal-error", task=task, **facts_of(error))
