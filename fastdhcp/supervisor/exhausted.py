"""Subnets whose clients ask in vain: an alarm for each, by what the traces say of it."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

from fastdhcp import words
from fastdhcp._memory import Memory, boot_time_ns
from fastdhcp.supervisor.alarms import Alarms
from fastdhcp.supervisor.generation import Generation, SubnetPools

QUIET_S = 120.0
"""A client without an address asks again after 64 s at the latest (RFC 2131 4.1)."""
FREED_S = 10.0
"""Without a message in vain for so long after more addresses are free: the alarm ends."""
TALLY_S = 5.0
"""Between two counts of the pools; or TALLY_SHARE times what a count takes."""
TALLY_SHARE = 50
NAMED_MAX = 20
"""Subnets that have an alarm of their own at a time; how many more there are is one of all."""
OTHERS = "others"
DECLINED_SHARE = 0.1
"""So many addresses of a full pool declined are a reason of their own."""
STATES = ("offered", "active", "pending", "grace", "declined")
"""Of Memory.tally(), behind the free ones."""

Row = Mapping[str, Any]
_DECLINED_CURE = (
    "hosts that have no lease use the declined addresses: `fastdhcp leases --state declined` names "
    "them; find the hosts, then `fastdhcp leases release ADDRESS --now`"
)


@dataclasses.dataclass
class _Dry:
    """A subnet: messages in vain, the last of them (monotonic and Unix seconds) and the policy that
    it met, and how many addresses were free at the first count after it."""

    messages: int
    last_s: float
    last: float
    generation: int
    free: int | None = None


class Exhausted:
    """``see`` is told each entry of a trace that found no address, ``look`` comes once a second."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._dry: dict[tuple[int, int], _Dry] = {}  # by VRF's and subnet's number
        self._on: set[str] = set()
        self._generation = 0
        self._count_at_s = 0.0

    def see(self, row: Row, now_s: float) -> None:
        last = time.time() - (boot_time_ns() - row["time_ns"]) / 1e9
        before = self._dry.get(key := (row["vrf"], row["subnet_id"]))
        self._dry[key] = _Dry(
            before.messages + 1 if before else 1, now_s, last, row["generation"]
        )

    def look(self, memory: Memory, generation: Generation, now_s: float) -> None:
        changed = generation.number != self._generation
        if not self._dry or (now_s < self._count_at_s and not changed):
            return
        began_s = time.monotonic()
        tallies = memory.tally()
        took_s = time.monotonic() - began_s
        self._count_at_s = now_s + max(TALLY_S, TALLY_SHARE * took_s)
        self._generation = generation.number
        found: dict[str, tuple[str, str | None]] = {}
        for (vrf, subnet), dry in list(self._dry.items()):
            place = generation.subnet_pools.get(subnet)
            counted = sums(place, tallies) if place else []
            if place is None or _over(dry, counted[0], now_s, generation.number):
                del self._dry[vrf, subnet]
            elif len(found) < NAMED_MAX:
                found[place.subject] = _told(place, dry, counted)
        if more := len(self._dry) - len(found):
            found[OTHERS] = f"{more} more subnets have no free address: `fastdhcp pools`", None
        for subject, (text, cure) in found.items():
            self._alarms.raise_alarm("pool-exhausted", text, subject, cure)
        for subject in self._on - found.keys():
            self._alarms.clear("pool-exhausted", subject)
        self._on = set(found)


def sums(place: SubnetPools, tallies: Sequence[Sequence[int]]) -> list[int]:
    """Addresses of all its pools: free, then by STATES."""
    rows = [tallies[number] for number in place.pools if number < len(tallies)]
    return [sum(column) for column in zip(*rows, strict=True)] or [0] * (1 + len(STATES))


def _over(dry: _Dry, free: int, now_s: float, generation: int) -> bool:
    """Free addresses alone say nothing: they may be in a pool that keeps these clients out."""
    quiet_s, changed = now_s - dry.last_s, dry.generation != generation
    if dry.free is None:
        dry.free = 0 if changed else free
    return quiet_s >= QUIET_S or (free > dry.free and (changed or quiet_s >= FREED_S))


def _told(place: SubnetPools, dry: _Dry, counted: Sequence[int]) -> tuple[str, str | None]:
    """Words, and the cure if it is not that of the table."""
    free, *used = counted
    size = sum(counted)
    last = words.instant(dry.last)[11:]
    many = words.counted(dry.messages, "message")
    text = f"{many} found no free address in {place.told}, the last at {last}; "
    if not size:
        return f"{text}it has no pool", None
    named = dict(zip(STATES, used, strict=True))
    shown = [f"{named[state]:,} {state}" for state in STATES if named[state] or state == "active"]
    text += f"{size - free:,} of {size:,} addresses of its pools are used: {', '.join(shown)}"
    heavy = not free and named["declined"] >= DECLINED_SHARE * size
    return text, _DECLINED_CURE if heavy else None
