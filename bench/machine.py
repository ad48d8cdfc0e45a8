"""What the whole machine did in a while, from /proc/stat."""

import os
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Sample:
    """CPU times since boot, all cores together, in seconds; this process's own; its children's.

    Only of children that have been waited for.
    """

    total: float
    idle: float
    softirq: float
    own: float
    children: float

    @classmethod
    def take(cls) -> Self:
        line = Path("/proc/stat").read_text().split("\n", 1)[0]
        # user nice system idle iowait irq softirq steal; guest time is part of user.
        times = [int(word) / os.sysconf("SC_CLK_TCK") for word in line.split()[1:9]]
        own, children = (
            usage.ru_utime + usage.ru_stime
            for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        )
        return cls(sum(times), times[3] + times[4], times[6], own, children)

    def __sub__(self, other: "Sample") -> "Sample":
        return Sample(
            self.total - other.total,
            self.idle - other.idle,
            self.softirq - other.softirq,
            self.own - other.own,
            self.children - other.children,
        )

    def __add__(self, other: "Sample") -> "Sample":
        return Sample(
            self.total + other.total,
            self.idle + other.idle,
            self.softirq + other.softirq,
            self.own + other.own,
            self.children + other.children,
        )


NOTHING = Sample(0, 0, 0, 0, 0)
