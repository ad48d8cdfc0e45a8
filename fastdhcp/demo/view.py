"""The demo on a terminal: leases as they come, rates, latencies, pools."""

import time
from collections.abc import Sequence
from typing import Protocol

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fastdhcp.demo.pools import Pool
from fastdhcp.demo.tally import Kind, Tally, percentile

NAMES: dict[Kind, str] = {"offer": "OFFER", "ack": "ACK", "renewal": "renewal"}
REFRESH_S = 0.25
LEASES_MAX = 24
CHROME = 12
"""Lines of the view that hold no leases."""
WIDE = 110
"""Columns from which on there is room for all of a lease."""


class View(Protocol):
    """Shows the state of things now and then."""

    every: float

    def show(self, tally: Tally, pools: Sequence[Pool], elapsed: float, storm: str) -> None: ...
    def close(self) -> None: ...


class LineView:
    """One line a second, for what is no terminal."""

    every = 1.0
    _storm = ""

    def show(self, tally: Tally, pools: Sequence[Pool], elapsed: float, storm: str) -> None:
        rates, counts = tally.rates(), tally.counts
        used = ", ".join(f"{p.subnet} {p.used}/{p.size}" for p in pools)
        ack = percentile(tally.recent("ack") or tally.recent("renewal"), 0.5)
        click.echo(
            f"{elapsed:5.1f} s  {tally.held()} leases held  {rates['ack']:.0f} leases/s  "
            f"{rates['renewal']:.0f} renewals/s  ACK p50 {ack * 1e3:.1f} ms  "
            f"given {counts['dora']} renewed {counts['renewal']} released {counts['release']}  "
            f"pools {used or '-'}"
        )
        if storm != self._storm:
            self._storm = storm
            click.echo(storm)

    def close(self) -> None:
        pass


class LiveView:
    """The whole terminal, drawn anew."""

    every = REFRESH_S

    def __init__(self, url: str) -> None:
        self._url = url
        self._console = Console()
        self._live = Live(console=self._console, auto_refresh=False, screen=True)
        self._live.start()

    def show(self, tally: Tally, pools: Sequence[Pool], elapsed: float, storm: str) -> None:
        grid = Table.grid(expand=True, padding=(0, 1))
        wide = self._console.width >= WIDE
        grid.add_column(ratio=3 if wide else 1)
        grid.add_column(ratio=2 if wide else 1)
        room = max(4, min(LEASES_MAX, self._console.height - CHROME))
        parts: list[RenderableType] = [
            _figures(tally),
            _latencies(tally),
            _pools(pools),
            Text(storm, style="yellow"),
        ]
        right = Table.grid()
        for part in parts:
            right.add_row(part)
            right.add_row()
        grid.add_row(_leases(tally, room, wide=wide), right)
        head = Text.assemble(
            ("fastdhcp demo", "bold"), f"  {elapsed:.0f} s  API ", (self._url, "cyan underline"),
            "  Ctrl-C ends",
        )  # fmt: skip
        self._live.update(Panel(Group(head, Text(), grid)), refresh=True)

    def close(self) -> None:
        self._live.stop()


def _leases(tally: Tally, room: int, *, wide: bool) -> Table:
    table = Table(title="latest leases", box=None, expand=True, title_justify="left")
    for name in ("time", "address", "hw-address", "from", "DORA ms"):
        if wide or name not in ("time", "hw-address"):
            table.add_column(name, justify="right" if name == "DORA ms" else "left", no_wrap=True)
    for lease in list(tally.latest)[-room:][::-1]:
        clock = time.strftime("%H:%M:%S", time.localtime(lease.at))
        took = f"{lease.seconds * 1e3:.1f}"
        if wide:
            table.add_row(clock, lease.address, lease.hw_address, lease.way, took)
        else:
            table.add_row(lease.address, lease.way, took)
    return table


def _figures(tally: Tally) -> Table:
    table, rates, counts = Table.grid(padding=(0, 2)), tally.rates(), tally.counts
    table.add_row("held now", f"[bold green]{tally.held()}")
    table.add_row("leases/s", f"{rates['ack']:.0f}  (most {tally.peak})")
    table.add_row("renewals/s", f"{rates['renewal']:.0f}")
    table.add_row("given", f"{counts['dora']}")
    table.add_row("renewed, released", f"{counts['renewal']}, {counts['release']}")
    bad = counts["nak"] + counts["unanswered"]
    table.add_row("duplicates", f"[{'red' if counts['doubled'] else 'green'}]{counts['doubled']}")
    words = f"{counts['nak']}, {counts['unanswered']}"
    table.add_row("refused, unanswered", f"[{'red' if bad else 'green'}]{words}")
    return table


def _latencies(tally: Tally) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("ms")
    for name in ("p50", "p99", "max"):
        table.add_column(name, justify="right")
    for kind, name in NAMES.items():
        table.add_row(name, *_milliseconds(tally.recent(kind), 0.5, 0.99, 1.0))
    return table


def _pools(pools: Sequence[Pool]) -> Table:
    table = Table.grid(padding=(0, 1))
    for pool in pools:
        bar = ProgressBar(total=max(pool.size, 1), completed=pool.used, width=12)
        table.add_row(pool.subnet, bar, f"{pool.used}/{pool.size}")
    return table


def summary(tally: Tally, elapsed: float) -> str:
    """The last word: how many, how fast, how long they waited, and whether all was right."""
    counts = tally.counts
    lines = [
        f"{counts['dora']} leases given in {elapsed:.1f} s (most in a second {tally.peak}), "
        f"{counts['renewal']} renewed, {counts['release']} released; {tally.held()} held at the "
        "end",
        f"{'ms':<10}{'p50':>8}{'p90':>8}{'p99':>8}{'max':>8}",
    ]
    for kind, name in NAMES.items():
        values = sorted(tally.latencies[kind])
        figures = _milliseconds(values, 0.5, 0.9, 0.99, 1.0)
        lines.append(f"{name:<10}" + "".join(f"{figure:>8}" for figure in figures))
    lines.append(
        f"duplicate addresses {counts['doubled']}, refused {counts['nak']}, "
        f"unanswered {counts['unanswered']}, sent again {counts['retransmission']}"
    )
    return "\n".join(lines)


def _milliseconds(ordered: list[float], *parts: float) -> list[str]:
    """Percentiles of sorted seconds; a dash where there are none."""
    return [f"{percentile(ordered, part) * 1e3:.2f}" if ordered else "-" for part in parts]
