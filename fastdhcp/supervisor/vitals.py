"""Once a second: what no single packet tells, read from counters of kernel and workers."""

from collections.abc import Sequence

from fastdhcp._stats import counter_words, drop_names
from fastdhcp.kernel import kernel_drops
from fastdhcp.supervisor.alarms import Alarms
from fastdhcp.words import counted

QUIET_S = 10.0
"""Without a drop for so long an alarm ends."""
_LATE = tuple(
    counter_words()["COUNT_DROPPED"] + drop_names().index(name)
    for name in ("waited-too-long", "overload")
)


class Vitals:
    """Turns counters that grow into alarms."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._kernel = _Growth(kernel_drops())
        self._late = _Growth(0)

    def look(self, counters: Sequence[int], now_s: float) -> None:
        """``counters``: of all workers. Raises OSError: the kernel's cannot be read."""
        self._look_at_late(sum(counters[word] for word in _LATE), now_s)
        self.look_at_kernel(kernel_drops(), now_s)

    def look_at_kernel(self, drops: int, now_s: float) -> None:
        if new := self._kernel.since_last(drops, now_s):
            many = counted(new, "UDP datagram")
            text = f"{many} of this network namespace, of any program, found a receive buffer full"
            self._alarms.raise_alarm("kernel-drops", text)
        elif self._kernel.is_over(now_s):
            self._alarms.clear("kernel-drops")

    def _look_at_late(self, drops: int, now_s: float) -> None:
        if new := self._late.since_last(drops, now_s):
            text = f"{counted(new, 'packet')} dropped within a second, as the server is behind"
            self._alarms.raise_alarm("overload", text)
        elif self._late.is_over(now_s):
            self._alarms.clear("overload")


class _Growth:
    """A counter, and when it grew last."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._grew_s: float | None = None

    def since_last(self, count: int, now_s: float) -> int:
        new, self._count = count - self._count, count
        if new > 0:
            self._grew_s = now_s
        return max(new, 0)

    def is_over(self, now_s: float) -> bool:
        """True once, when it has not grown for QUIET_S."""
        over = self._grew_s is not None and now_s - self._grew_s >= QUIET_S
        if over:
            self._grew_s = None
        return over
