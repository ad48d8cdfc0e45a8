"""Node time: seconds since the store's first start, through every restart and reboot.

Node time is CLOCK_BOOTTIME plus an offset. The offset is settled once, when the store starts
afresh, and then stands for the whole run: a wall clock that jumps moves no lease. Downtime between
two boots counts only if the wall clock was right at both ends; where that is not sure, leases last
longer, never shorter.
"""

import ctypes
import struct
import time
from pathlib import Path
from typing import NamedTuple

from fastdhcp._memory import boot_time_ns

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TRUST_SYNCHRONIZED = "synchronized"
TRUST_ALWAYS = "always"
_STA_UNSYNC = 0x0040  # linux/timex.h: the clock is not synchronized
_TIMEX_SIZE = 208
_TIMEX_STATUS_AT = 40


class Reading(NamedTuple):
    """Both clocks of this machine at one instant, in nanoseconds.

    ``boot_id`` is the kernel's name of this boot; ``believed``: the wall clock is taken as right.
    """

    boot_id: str
    boot_ns: int
    wall_ns: int
    believed: bool


class Mark(NamedTuple):
    """A reading as it is kept on disk, with the offset that held then."""

    offset_ns: int
    reading: Reading

    @property
    def node_time_ns(self) -> int:
        """It never goes back: of two marks of a store the higher one is the newer."""
        return self.reading.boot_ns + self.offset_ns

    @classmethod
    def parse(cls, value: object) -> "Mark":
        """From what packed() made. Raises ValueError."""
        match value:
            case [int(offset_ns), str(boot_id), int(boot_ns), int(wall_ns), bool(believed)]:
                return cls(offset_ns, Reading(boot_id, boot_ns, wall_ns, believed))
        raise ValueError(f"this is no mark of the node's clock: {value!r}")

    def packed(self) -> list[object]:
        r = self.reading
        return [self.offset_ns, r.boot_id, r.boot_ns, r.wall_ns, r.believed]


def settle_offset(mark: Mark | None, now: Reading) -> int:
    """The offset in nanoseconds for a run that begins now; ``mark`` is the last one on disk.

    On the same boot the stored offset holds. After a reboot node time goes on from the mark, plus
    the downtime if the wall clock was believed then and now and did not go back.
    """
    if mark is None:
        return -now.boot_ns
    if mark.reading.boot_id == now.boot_id:
        return mark.offset_ns
    downtime_ns = 0
    if mark.reading.believed and now.believed:
        downtime_ns = max(now.wall_ns - mark.reading.wall_ns, 0)
    return mark.node_time_ns + downtime_ns - now.boot_ns


class Clock:
    """This machine's clocks, read as ``trust-wall-clock`` says."""

    def __init__(self, trust: str = TRUST_SYNCHRONIZED) -> None:
        self._boot_id = BOOT_ID.read_text().strip()
        self._believed = False
        self.trust(trust)

    def trust(self, word: str) -> None:
        """Takes ``trust-wall-clock`` from a new policy: counts from the next mark on."""
        if word not in (TRUST_SYNCHRONIZED, TRUST_ALWAYS):
            raise ValueError(f"trust-wall-clock {word!r}: synchronized or always")
        self._always = word == TRUST_ALWAYS
        self.refresh()

    def refresh(self) -> None:
        """Asks the kernel anew whether the wall clock is synchronized: about once a second."""
        self._believed = self._always or is_synchronized()

    def read(self) -> Reading:
        return Reading(self._boot_id, boot_time_ns(), time.time_ns(), self._believed)


def is_synchronized() -> bool:
    """True if the kernel says that something keeps the wall clock right (NTP, PTP)."""
    timex = ctypes.create_string_buffer(_TIMEX_SIZE)  # modes = 0: only asks
    if ctypes.CDLL(None, use_errno=True).adjtimex(timex) < 0:
        return False
    (status,) = struct.unpack_from("i", timex, _TIMEX_STATUS_AT)
    return not status & _STA_UNSYNC
