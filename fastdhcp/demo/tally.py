"""What the demo's clients have seen: counts, latencies, the latest leases, who holds what."""

import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["offer", "ack", "renewal"]
KINDS: tuple[Kind, ...] = ("offer", "ack", "renewal")
LATEST = 64
RECENT_S = 5.0
"""Live rates and latencies are those of this long."""


@dataclass(frozen=True, slots=True)
class NewLease:
    """A lease as it came. `at` is time.time(); `seconds` from DISCOVER to ACK."""

    at: float
    address: str
    hw_address: str
    way: str
    seconds: float


@dataclass
class Tally:
    """Filled by the clients; times are time.monotonic() unless named otherwise."""

    latest: deque[NewLease] = field(default_factory=lambda: deque(maxlen=LATEST))
    counts: Counter[str] = field(default_factory=Counter)
    """dora, renewal, release, retransmission, unanswered, nak, doubled."""
    latencies: dict[Kind, list[float]] = field(default_factory=lambda: {k: [] for k in KINDS})
    peak: int = 0
    """Most DORAs in one second."""
    _recent: deque[tuple[float, str, float]] = field(default_factory=deque)
    _holders: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    _second: tuple[int, int] = (0, 0)

    def answered(self, kind: Kind, seconds: float) -> None:
        self.latencies[kind].append(seconds)
        self._recent.append((time.monotonic(), kind, seconds))

    def leased(self, hw_address: bytes, address: str, until: float, way: str, took: float) -> None:
        """One DORA. Counts an address that another client still holds: there must be none."""
        self.counts["dora"] += 1
        self._hold(hw_address, address, until)
        self.latest.append(NewLease(time.time(), address, hw_address.hex(":"), way, took))
        second, number = self._second
        now = int(time.monotonic())
        self._second = (now, number + 1 if now == second else 1)
        self.peak = max(self.peak, self._second[1])

    def renewed(self, hw_address: bytes, address: str, until: float) -> None:
        self.counts["renewal"] += 1
        self._hold(hw_address, address, until)

    def released(self, address: str) -> None:
        self.counts["release"] += 1
        self._holders.pop(address, None)

    def held(self) -> int:
        """Leases that clients have now."""
        now = time.monotonic()
        return sum(until > now for _, until in self._holders.values())

    def rates(self) -> dict[str, float]:
        """Answers a second by kind, lately."""
        now = time.monotonic()
        self._forget(now)
        seen = Counter(kind for _, kind, _ in self._recent)
        span = min(RECENT_S, max(now - self._recent[0][0], 1.0)) if self._recent else 1.0
        return {kind: seen[kind] / span for kind in KINDS}

    def recent(self, kind: Kind) -> list[float]:
        """Latencies lately, sorted."""
        self._forget(time.monotonic())
        return sorted(seconds for _, seen, seconds in self._recent if seen == kind)

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0][0] < now - RECENT_S:
            self._recent.popleft()

    def _hold(self, hw_address: bytes, address: str, until: float) -> None:
        holder, held_until = self._holders.get(address, (hw_address, 0.0))
        if holder != hw_address and held_until > time.monotonic():
            self.counts["doubled"] += 1
        self._holders[address] = hw_address, until


def percentile(ordered: list[float], part: float) -> float:
    """Of sorted values; 0 without any."""
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] if ordered else 0.0
