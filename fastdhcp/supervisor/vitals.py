"""Once a second: what no single packet tells, read from counters of kernel and workers."""

from collections.abc import Sequence

from fastdhcp._memory import Memory
from fastdhcp._stats import counter_words, drop_names
from fastdhcp.kernel import kernel_drops
from fastdhcp.log import Log
from fastdhcp.supervisor.alarms import Alarms

QUIET_S = 10.0
"""Without a drop for so long the alarm ends."""
EXHAUSTED_QUIET_S = 120.0
"""A client without an address asks again after 64 s at the latest (RFC 2131 4.1)."""
EXHAUSTED_AGAIN_S = 60.0
"""Between two log lines that say that pools are exhausted."""
_EXHAUSTED = counter_words()["COUNT_DROPPED"] + drop_names().index("pool-exhausted")


class Vitals:
    """Turns counters that grow into alarms and log lines."""

    def __init__(self, alarms: Alarms, log: Log) -> None:
        self._alarms = alarms
        self._log = log
        self._drops = kernel_drops()
        self._dropped_s: float | None = None
        self._exhausted = 0  # told in the log
        self._exhausted_seen = 0
        self._exhausted_at_s: float | None = None
        self._exhausted_s: float | None = None
        self._full: list[str] = []  # pools, as told last

    def look(self, memory: Memory, pool_names: Sequence[str], now_s: float) -> None:
        self.look_at_kernel(kernel_drops(), now_s)
        count = memory.counters()[_EXHAUSTED]
        if count > self._exhausted and self._may_tell(now_s):
            self._tell_exhausted(memory, count, pool_names)
            self._exhausted_s = now_s
        self.look_at_exhausted(count, now_s)

    def look_at_exhausted(self, count: int, now_s: float) -> None:
        """`count`: packets so far that found no free address."""
        if count > self._exhausted_seen:
            self._exhausted_seen, self._exhausted_at_s = count, now_s
            which = f"; full: {', '.join(self._full)}" if self._full else ""
            self._alarms.raise_alarm("pool-exhausted", f"clients get no address{which}")
        elif self._exhausted_at_s is not None and now_s - self._exhausted_at_s >= EXHAUSTED_QUIET_S:
            self._exhausted_at_s = None
            self._alarms.clear("pool-exhausted")

    def look_at_kernel(self, drops: int, now_s: float) -> None:
        new, self._drops = drops - self._drops, drops
        if new > 0:
            self._dropped_s = now_s
            text = f"the kernel dropped {new:,} packets in a second: the receive buffer was full"
            self._alarms.raise_alarm("kernel-drops", text)
        elif self._dropped_s is not None and now_s - self._dropped_s >= QUIET_S:
            self._dropped_s = None
            self._alarms.clear("kernel-drops")

    def _may_tell(self, now_s: float) -> bool:
        return self._exhausted_s is None or now_s - self._exhausted_s >= EXHAUSTED_AGAIN_S

    def _tell_exhausted(self, memory: Memory, count: int, pool_names: Sequence[str]) -> None:
        full = [
            name for name, (free, *_) in zip(pool_names, memory.tally(), strict=False) if free == 0
        ]
        dropped, self._exhausted = count - self._exhausted, count
        self._full = full[:8]
        self._log.warning("pool-exhausted", dropped=dropped, pools=self._full or None)
