"""What /metrics says: Prometheus text made of the counters of all processes.

Names and labels do not change once they work. Nothing is kept: each scrape reads shared memory.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastdhcp import __version__
from fastdhcp._memory import Memory
from fastdhcp._stats import (
    HISTOGRAM_BUCKETS,
    MESSAGE_TYPES,
    RECEIVED_UNREADABLE,
    counter_words,
    drop_names,
)
from fastdhcp.config.tables import NOWHERE
from fastdhcp.control.catalog import Catalog, PoolName
from fastdhcp.control.journal import Journal
from fastdhcp.control.table import POOL_STATES, Table, Tally
from fastdhcp.kernel import kernel_drops
from fastdhcp.words import COUNTERS, message_name

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "fastdhcp_"
REPLY_TYPES = ("offer", "ack", "nak", "inform")
RECEIVED_ALWAYS = (0, 1, 3, 4, 7, 8, RECEIVED_UNREADABLE)
"""Message types that are shown from the start, so that their first packet is a rate."""
SENT_ALWAYS = (2, 5, 6)
DONE_ALWAYS = (4, 7)


class Exposition:
    """The text, family by family."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def family(
        self,
        name: str,
        kind: str,
        text: str,
        samples: Iterable[tuple[Mapping[str, object], float]],
    ) -> None:
        """A counter or gauge with its samples."""
        self._head(name, kind, text)
        self._lines += [_sample(name, labels, value) for labels, value in samples]

    def histograms(
        self,
        name: str,
        text: str,
        series: Iterable[tuple[Mapping[str, object], Sequence[int], int]],
    ) -> None:
        """Each series: labels, counts by power of two of microseconds, their sum in those."""
        self._head(name, "histogram", text)
        for labels, counts, sum_us in series:
            total = 0
            for i, count in enumerate(counts):
                total += count
                bound = f"{(1 << i) / 1e6:g}" if i < len(counts) - 1 else "+Inf"
                self._lines.append(_sample(f"{name}_bucket", {**labels, "le": bound}, total))
            self._lines.append(_sample(f"{name}_sum", labels, sum_us / 1e6))
            self._lines.append(_sample(f"{name}_count", labels, total))

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    def _head(self, name: str, kind: str, text: str) -> None:
        self._lines.append(f"# HELP {PREFIX}{name} {text}")
        self._lines.append(f"# TYPE {PREFIX}{name} {kind}")


def _sample(name: str, labels: Mapping[str, object], value: float) -> str:
    pairs = ",".join(f'{key}="{_escaped(str(label))}"' for key, label in labels.items())
    number = f"{value:d}" if isinstance(value, int) else repr(value)
    return f"{PREFIX}{name}{{{pairs}}} {number}" if pairs else f"{PREFIX}{name} {number}"


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


async def exposition(table: Table, journal: Journal, status: Mapping[str, Any]) -> str:
    """All metrics now; pools are as old as Table.census() allows, and alarms as the supervisor's
    last words, ``status``."""
    memory, page = table.memory, Exposition()
    census = await table.census()
    counts = memory.counters()
    at = counter_words()
    _packets(page, counts, at)
    _supervisor(page, status)
    _classes(page, counts[at["COUNT_CLASS"] :], table.catalog)
    _waiting(page, memory, at["COUNT_WAITING"])
    _pools(page, census.pools)
    _times(page, counts, at)
    for word, (name, text) in COUNTERS.items():
        page.family(name, "counter", text, [({}, counts[at[word]])])
    _journal(page, journal)
    _server(page, memory, table.catalog)
    return page.text()


def _packets(page: Exposition, counts: Sequence[int], at: Mapping[str, int]) -> None:
    received = counts[at["COUNT_RECEIVED"] :][:MESSAGE_TYPES]
    sent = counts[at["COUNT_SENT"] :][:MESSAGE_TYPES]
    page.family(
        "packets_received_total", "counter", "Packets read, by message type.",
        _by_type(received, RECEIVED_ALWAYS),
    )  # fmt: skip
    page.family(
        "packets_sent_total", "counter", "Replies sent, by message type.",
        _by_type(sent, SENT_ALWAYS),
    )  # fmt: skip
    done = counts[at["COUNT_DONE"] :][:MESSAGE_TYPES]
    page.family(
        "packets_done_total", "counter", "Packets carried out that no reply is due to, by type.",
        _by_type(done, DONE_ALWAYS),
    )  # fmt: skip
    dropped = counts[at["COUNT_DROPPED"] :]
    reasons = [({"reason": n}, dropped[i]) for i, n in enumerate(drop_names()) if i]
    page.family(
        "packets_dropped_total", "counter", "Packets read that drew no reply, by reason.", reasons
    )


def _supervisor(page: Exposition, status: Mapping[str, Any]) -> None:
    page.family(
        "kernel_drops_total", "counter",
        "UDP datagrams of this network namespace, of any program, that found a receive buffer full "
        "since the server started.",
        [({}, kernel_drops() - status.get("kernel_drops_before", 0))],
    )  # fmt: skip
    page.family(
        "alarm", "gauge", "1 for each alarm that is on, by its name and what it is about.",
        [
            ({"name": alarm["name"], "subject": alarm["subject"] or ""}, 1)
            for alarm in status.get("alarms", ())
        ],
    )  # fmt: skip


def _by_type(
    counts: Sequence[int], always: Sequence[int]
) -> list[tuple[Mapping[str, object], float]]:
    return [
        ({"type": message_name(number)}, count)
        for number, count in enumerate(counts)
        if count or number in always
    ]


def _classes(page: Exposition, counts: Sequence[int], catalog: Catalog) -> None:
    page.family(
        "class_packets_total", "counter", "Packets of clients of a class.",
        [
            ({"class": found.name}, counts[found.counter])
            for found in catalog.classes
            if found.counter != NOWHERE
        ],
    )  # fmt: skip


def _pools(page: Exposition, tallies: Sequence[tuple[PoolName, Tally]]) -> None:
    samples: list[tuple[Mapping[str, object], float]] = []
    for pool, tally in tallies:
        labels = {"vrf": pool.vrf, "subnet": pool.subnet, "pool": pool.name}
        samples += [({**labels, "state": state}, getattr(tally, state)) for state in POOL_STATES]
    page.family("pool_addresses", "gauge", "Addresses of each pool, by state.", samples)


def _times(page: Exposition, counts: Sequence[int], at: Mapping[str, int]) -> None:
    def words(first: int) -> Sequence[int]:
        return counts[first : first + HISTOGRAM_BUCKETS]

    page.histograms(
        "commit_seconds",
        "Time of a commit, sync included.",
        [({}, words(at["COUNT_COMMIT_TIME"]), counts[at["COUNT_COMMIT_SUM"]])],
    )
    page.histograms(
        "reply_seconds",
        "Time from a packet's arrival in the kernel to its reply, by the reply's type.",
        [
            (
                {"type": name},
                words(at["COUNT_REPLY_TIME"] + i * HISTOGRAM_BUCKETS),
                counts[at["COUNT_REPLY_SUM"] + i],
            )
            for i, name in enumerate(REPLY_TYPES)
        ],
    )


def _journal(page: Exposition, journal: Journal) -> None:
    """Left out while the store on disk cannot be read: a figure that is not known is none."""
    found = journal.sequences()
    if found is None:
        return
    last, checkpoint = found
    page.family("journal_sequence", "gauge", "Sequence of the last commit.", [({}, last)])
    page.family(
        "journal_checkpoint_sequence", "gauge", "Sequence up to which the checkpoint holds all.",
        [({}, checkpoint)],
    )  # fmt: skip


def _waiting(page: Exposition, memory: Memory, word: int) -> None:
    waiting = [
        ({"process": i}, memory.process_counters(i)[word]) for i in range(memory.workers)
    ]
    page.family("replies_waiting", "gauge", "Replies that wait for the store now.", waiting)


def _server(page: Exposition, memory: Memory, catalog: Catalog) -> None:
    rings = [
        ({"process": i}, memory.ring_head(i) - memory.ring_durable(i))
        for i in range(memory.rings)
    ]
    page.family("ring_pending_bytes", "gauge", "Changes that are not yet on disk.", rings)
    page.family(
        "table_blocks", "gauge", "Blocks of 256 addresses in use.", [({}, memory.block_count)]
    )
    page.family(
        "table_blocks_max", "gauge", "Blocks that there is room for.", [({}, memory.block_limit)]
    )
    page.family(
        "store_failing", "gauge", "1 while the store cannot commit.",
        [({}, int(memory.store_fails))],
    )  # fmt: skip
    page.family(
        "policy_generation", "gauge", "Generation of the policy in force.",
        [({}, catalog.generation)],
    )  # fmt: skip
    page.family(
        "policy_compile_seconds", "gauge", "Time that the policy in force took to compile.",
        [({}, catalog.compile_s)],
    )  # fmt: skip
    page.family(
        "reservations", "gauge", "Reservations in force, by where they are kept.",
        [({"origin": "file"}, len(catalog.reservations))],
    )  # fmt: skip
    page.family("info", "gauge", "The version.", [({"version": __version__}, 1)])
