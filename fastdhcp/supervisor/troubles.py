"""Decisions that operators want to hear of: who asks from where nobody is served or believed, who
is refused or declines an address, which replies could not be sent, where no address is free.
Read from the traces once a second: workers write no text.
"""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from fastdhcp import words
from fastdhcp._memory import Memory
from fastdhcp._stats import counter_words, drop_names
from fastdhcp._trace import Outcome
from fastdhcp.log import Log
from fastdhcp.supervisor.exhausted import Exhausted
from fastdhcp.supervisor.generation import Generation
from fastdhcp.words import instant

LINES_MAX = 10
"""Of one event within WINDOW_S; how many were kept back is said in the next window."""
WINDOW_S = 60.0
AGAIN_S = 60.0
"""Between two lines about packets from the same place."""
PLACES_MAX = 1024
"""Places that are remembered: giaddr is whatever a packet says."""
ENTRIES_MAX = 2048
"""Of a worker, the newest, looked at in one go: a storm must not keep the supervisor busy."""
REQUESTS_MAX = 256
"""The same where NAKs are looked for: each renewal is such an entry."""
REQUEST, DECLINE, NAK = (words.MESSAGE_NAMES.index(name) for name in ("request", "decline", "nak"))
EXHAUSTED = drop_names().index("pool-exhausted")
STRANGE = (
    "no-subnet", "relay-unknown", "relay-untrusted", "vrf-unknown", "class-not-allowed",
    "not-authoritative", "no-server-address", "send-failed",
)  # fmt: skip
"""Reasons that have a line for each place that they are met at."""

Row = Mapping[str, Any]


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
            text = f"{self._suppressed} more of the last minute are not shown: see `fastdhcp trace`"
            self._log.warning(self.event, suppressed=self._suppressed, text=text)
        self._began_s, self._lines, self._suppressed = now_s, 0, 0

    def say(self, **facts: object) -> None:
        if self._lines >= LINES_MAX:
            self._suppressed += 1
            return
        self._lines += 1
        self._log.warning(self.event, **facts)


class Troubles:
    """Follows the traces of all workers."""

    def __init__(self, log: Log, exhausted: Exhausted) -> None:
        self._exhausted = exhausted
        self._strange = {drop_names().index(name): Limited(log, name) for name in STRANGE}
        self._declined = Limited(log, "address-declined")
        self._refused = Limited(log, "request-refused")
        self._counted = [0, 0]
        self._refusals = False  # there are NAKs to be looked for
        self._read: dict[int, int] = {}
        self._heads: dict[int, int] = {}
        self._places: dict[tuple[int, str], tuple[float, int]] = {}  # said when, packets since

    def look(self, memory: Memory, generation: Generation, now_s: float) -> None:
        for lines in (*self._strange.values(), self._declined, self._refused):
            lines.turn(now_s)
        names = _Names(generation, memory)
        for worker, first, head in self._news(memory):
            news = partial(memory.trace, worker, first, ENTRIES_MAX, until=head)
            for reason in self._strange:
                for row in news(reason=reason):
                    self._see_stranger(row, names, now_s)
            for row in news(reason=EXHAUSTED):
                self._exhausted.see(row, now_s)
            for row in news(message_type=DECLINE):
                self._see_decline(row, names)
            if self._refusals:
                first = max(first, head - REQUESTS_MAX)
                for row in memory.trace(
                    worker, first, REQUESTS_MAX, until=head, message_type=REQUEST
                ):
                    self._see_request(row, names, now_s)

    def _news(self, memory: Memory) -> Iterator[tuple[int, int, int]]:
        """Workers, and their entries since the last look: from which on, and before which. They are
        read only if a counter says that there is something; a look later is soon enough for an
        entry whose count was not there yet."""
        counted = self._interesting(memory.counters())
        heads = {worker: memory.trace_head(worker) for worker in range(memory.workers)}
        if counted == self._counted:
            self._read, self._heads = self._heads, heads
            return
        self._refusals = counted[1] != self._counted[1]
        for worker, head in heads.items():
            yield worker, max(self._read.get(worker, 0), head - ENTRIES_MAX), head
        self._counted, self._read, self._heads = counted, heads, heads

    def _interesting(self, counts: list[int]) -> list[int]:
        """All that is looked for, and the NAKs among it."""
        at = counter_words()
        reasons = (*self._strange, EXHAUSTED)
        dropped = sum(counts[at["COUNT_DROPPED"] + reason] for reason in reasons)
        naks = counts[at["COUNT_SENT"] + NAK]
        return [dropped + counts[at["COUNT_RECEIVED"] + DECLINE] + naks, naks]

    def _see_decline(self, row: Row, names: "_Names") -> None:
        if row["outcome"] != Outcome.OUTCOME_DONE:
            return
        vrf = names.vrfs.get(row["vrf"]) or None
        address = words.address_text(row["requested"])
        told = f"{address} --vrf {vrf}" if vrf else address
        until = names.end_of(row["vrf"], row["requested"])
        text = (
            f"another host uses it, says the client: nobody is given it until {until}; find that "
            f"host, then `fastdhcp leases release {told} --now`"
        )
        self._declined.say(address=address, vrf=vrf, **names.sender(row), text=text)

    def _see_request(self, row: Row, names: "_Names", now_s: float) -> None:
        if row["reply_type"] == NAK:
            self._see_place(self._refused, -NAK, row, names, now_s)

    def _see_stranger(self, row: Row, names: "_Names", now_s: float) -> None:
        self._see_place(self._strange[row["reason"]], row["reason"], row, names, now_s)

    def _see_place(
        self, lines: Limited, event: int, row: Row, names: "_Names", now_s: float
    ) -> None:
        """One line a place and minute, with the packets since the last."""
        sender = names.sender(row)
        place = event, str(sender["giaddr"] or f"on {sender['interface']}")
        said_s, packets = self._places.get(place, (now_s - AGAIN_S, 0))
        packets += 1
        if now_s - said_s >= AGAIN_S:
            more = {"requested": words.address_text(_wanted(row))} if _wanted(row) else {}
            if row["outcome"] == Outcome.OUTCOME_SEND_FAILED and row["answer_us"]:
                more["text"] = os.strerror(row["answer_us"])
            lines.say(**sender, **more, packets=packets)
            said_s, packets = now_s, 0
        if place in self._places or len(self._places) < PLACES_MAX:
            self._places[place] = said_s, packets


def _wanted(row: Row) -> int:
    """The address that a REQUEST names."""
    return int(row["requested"] or row["ciaddr"]) if row["message_type"] == REQUEST else 0


class _Names:
    """What numbers in an entry stand for, by the generation in force."""

    def __init__(self, generation: Generation, memory: Memory) -> None:
        self._generation = generation
        self._memory = memory
        self._interfaces = {found.index: found.name for found in generation.interfaces}
        self.vrfs = {number: name for name, number in generation.vrfs.items()}

    def end_of(self, vrf: int, address: int) -> str:
        """Until when an address is somebody's, or declined."""
        lease = None
        with contextlib.suppress(TimeoutError):  # it is being changed at this very moment
            lease = self._memory.lease(vrf, address)
        if lease is None:
            return "its end"
        return instant(time.time() + lease.expiry - self._memory.now())

    def sender(self, row: Row) -> dict[str, object]:
        giaddr = words.address_text(row["giaddr"]) if row["giaddr"] else None
        name_of = self._generation.config.relays.name_of
        return {
            "hw_address": words.hardware_text(row["chaddr"]),
            "interface": self._interfaces.get(row["ifindex"]),
            "giaddr": giaddr,
            "relay": name_of(row["giaddr"]) if giaddr else None,
        }
