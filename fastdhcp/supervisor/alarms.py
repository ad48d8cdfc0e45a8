"""Alarms: what is wrong now, since when, in words; each is logged when it comes and goes."""

import dataclasses
import time

from fastdhcp.log import Log


@dataclasses.dataclass(frozen=True)
class Alarm:
    """``name`` is kebab-case and does not change; ``since`` is Unix time in seconds."""

    name: str
    text: str
    since: float


class Alarms:
    """The alarms that are on, by name."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._on: dict[str, Alarm] = {}

    def raise_alarm(self, name: str, text: str) -> bool:
        """True if it was not on yet; a new text of one that is on is kept without a line."""
        before = self._on.get(name)
        self._on[name] = Alarm(name, text, before.since if before else time.time())
        if before is None:
            self._log.error("alarm-on", name=name, text=text)
        return before is None

    def clear(self, name: str) -> bool:
        """True if it was on."""
        before = self._on.pop(name, None)
        if before is not None:
            lasted = round(time.time() - before.since, 1)
            self._log.notice("alarm-off", name=name, lasted=f"{lasted}s")
        return before is not None

    def listed(self) -> list[dict[str, object]]:
        """For status, the oldest first."""
        alarms = sorted(self._on.values(), key=lambda alarm: alarm.since)
        return [dataclasses.asdict(alarm) for alarm in alarms]

    def __contains__(self, name: str) -> bool:
        return name in self._on
