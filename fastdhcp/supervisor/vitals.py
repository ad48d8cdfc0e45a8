"""Once a second: what no single packet tells, read from counters of kernel and workers."""

from fastdhcp.kernel import kernel_drops
from fastdhcp.supervisor.alarms import Alarms
from fastdhcp.words import counted

QUIET_S = 10.0
"""Without a drop for so long the alarm ends."""


class Vitals:
    """Turns counters that grow into alarms."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._drops = kernel_drops()
        self._dropped_s: float | None = None

    def look(self, now_s: float) -> None:
        """Raises OSError: the kernel's counters cannot be read."""
        self.look_at_kernel(kernel_drops(), now_s)

    def look_at_kernel(self, drops: int, now_s: float) -> None:
        new, self._drops = drops - self._drops, drops
        if new > 0:
            self._dropped_s = now_s
            many = counted(new, "UDP datagram")
            text = f"{many} of this network namespace, of any program, found a receive buffer full"
            self._alarms.raise_alarm("kernel-drops", text)
        elif self._dropped_s is not None and now_s - self._dropped_s >= QUIET_S:
            self._dropped_s = None
            self._alarms.clear("kernel-drops")
