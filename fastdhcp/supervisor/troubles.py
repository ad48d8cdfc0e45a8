"""Decisions that operators want a line about: who asks from where nobody is served or believed, and
who declines an address. Read from the traces once a second: workers write no text.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from fastdhcp import words
from fastdhcp._memory import Memory
from fastdhcp._stats import counter_words, drop_names
from fastdhcp._trace import Outcome
from fastdhcp.log import Log

LINES_MAX = 10
"""Of one event within WINDOW_S; how many were kept back is said in the next window."""
WINDOW_S = 60.0
AGAIN_S = 60.0
"""Between two lines about packets from the same place."""
PLACES_MAX = 1024
"""Places that are remembered: giaddr is whatever a packet says."""
ENTRIES_MAX = 2048
"""Of a worker, the newest, looked at in one go: a storm must not keep the supervisor busy."""
DECLINE = words.MESSAGE_NAMES.index("decline")

Row = Mapping[str, Any]
NameOf = Callable[[int], str | None]
"""The name of the relay agent with a giaddr."""


class Limited:
    """Lines of one event, at most so many in a window."""

    def __init__(self, log: Log, event: str) -> None:
        self._log = log
        self.event = event
        self._began_s = 0.0
        self._lines = 0
        self._suppressed = 0

    def turn(self, now_s: float) -> None:
        """To be called once a second."""
        if now_s - self._began_s < WINDOW_S:
            return
        if self._suppressed:
            self._log.warning(self.event, suppressed=self._suppressed)
        self._began_s, self._lines, self._suppressed = now_s, 0, 0

    def say(self, **facts: object) -> None:
        if self._lines >= LINES_MAX:
            self._suppressed += 1
            return
        self._lines += 1
        self._log.warning(self.event, **facts)


class Troubles:
    """Follows the traces of all workers."""

    def __init__(self, log: Log) -> None:
        self._strangers = {
            drop_names().index(lines.event): lines
            for lines in (
                Limited(log, "no-subnet"),
                Limited(log, "relay-unknown"),
                Limited(log, "relay-untrusted"),
                Limited(log, "vrf-unknown"),
            )
        }
        self._declined = Limited(log, "address-declined")
        self._counted = 0
        self._read: dict[int, int] = {}
        self._heads: dict[int, int] = {}
        self._places: dict[tuple[int, str], tuple[float, int]] = {}  # said when, packets since

    def look(
        self, memory: Memory, interfaces: Mapping[int, str], name_of: NameOf, now_s: float
    ) -> None:
        """``interfaces``: names by index."""
        for lines in (*self._strangers.values(), self._declined):
            lines.turn(now_s)
        for worker, first, head in self._news(memory):
            news = partial(memory.trace, worker, first, ENTRIES_MAX, until=head)
            for reason in self._strangers:
                for row in news(reason=reason):
                    self._see_stranger(row, _sender(row, interfaces, name_of), now_s)
            for row in news(message_type=DECLINE):
                self._see_decline(row, _sender(row, interfaces, name_of))

    def _news(self, memory: Memory) -> Iterator[tuple[int, int, int]]:
        """Workers, and their entries since the last look: from which on, and before which. They are
        read only if a counter says that there is something; a look later is soon enough for an
        entry whose count was not there yet."""
        counted = self._interesting(memory.counters())
        heads = {worker: memory.trace_head(worker) for worker in range(memory.workers)}
        if counted == self._counted:
            self._read, self._heads = self._heads, heads
            return
        for worker, head in heads.items():
            yield worker, max(self._read.get(worker, 0), head - ENTRIES_MAX), head
        self._counted, self._read, self._heads = counted, heads, heads

    def _interesting(self, counts: list[int]) -> int:
        at = counter_words()
        dropped = sum(counts[at["COUNT_DROPPED"] + reason] for reason in self._strangers)
        return dropped + counts[at["COUNT_RECEIVED"] + DECLINE]

    def _see_decline(self, row: Row, sender: Mapping[str, object]) -> None:
        if row["outcome"] == Outcome.OUTCOME_DONE:
            address, vrf = words.address_text(row["requested"]), row["vrf"] or None
            self._declined.say(address=address, vrf=vrf, **sender)

    def _see_stranger(self, row: Row, sender: Mapping[str, object], now_s: float) -> None:
        """One line a place and minute, with the packets since the last."""
        place = row["reason"], str(sender["giaddr"] or f"on {sender['interface']}")
        said_s, packets = self._places.get(place, (now_s - AGAIN_S, 0))
        packets += 1
        if now_s - said_s >= AGAIN_S:
            self._strangers[row["reason"]].say(**sender, packets=packets)
            said_s, packets = now_s, 0
        if place in self._places or len(self._places) < PLACES_MAX:
            self._places[place] = said_s, packets


def _sender(row: Row, interfaces: Mapping[int, str], name_of: NameOf) -> dict[str, object]:
    giaddr = words.address_text(row["giaddr"]) if row["giaddr"] else None
    return {
        "hw_address": words.hardware_text(row["chaddr"]),
        "interface": interfaces.get(row["ifindex"]),
        "giaddr": giaddr,
        "relay": name_of(row["giaddr"]) if giaddr else None,
    }
