"""Commits that take seconds: one alarm as long as they come again and again."""

from fastdhcp.supervisor.alarms import Alarms

SLOW_S = 1.0
"""A commit that takes so long is an alarm, never a death."""
QUIET_S = 30.0
"""Without such a commit for so long the alarm ends."""


class SlowStore:
    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._slow_s: float | None = None  # when one was seen last
        self._slowest_s = 0.0

    def look(self, busy_s: float, now_s: float) -> None:
        """``busy_s``: how long the commit has taken that is under way; 0: there is none."""
        if busy_s >= SLOW_S:
            self._slow_s, self._slowest_s = now_s, max(self._slowest_s, busy_s)
            text = f"a commit has taken {busy_s:.1f} s so far"
        elif self._slow_s is None:
            return
        elif now_s - self._slow_s >= QUIET_S:
            self._slow_s, self._slowest_s = None, 0.0
            self._alarms.clear("store-slow")
            return
        else:
            text = f"the last slow commit was {now_s - self._slow_s:.0f} s ago"
        self._alarms.raise_alarm("store-slow", f"{text}; the slowest took {self._slowest_s:.1f} s")
