"""Answers as text for people: aligned columns, ages, instants."""

import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, TypeVar

import click

Cell = str | int | float | None
GAP = "  "
CUT = "…"
CUT_WIDTH_MIN = 6
"""A cell is cut to no less than that."""
Cells = Sequence[Sequence[Cell]]
T = TypeVar("T")


def table(heads: Sequence[str], rows: Cells) -> str:
    """Columns as wide as they need to be; numbers to the right."""
    shown = [list(map(_cell, row)) for row in rows]
    return _laid_out(heads, shown, _widths(heads, shown), _numeric(heads, rows))


def echo_table(
    heads: Sequence[str],
    rows: Cells,
    *,
    spare: Sequence[str] = (),
    cut: Sequence[str] = (),
    wide: bool,
) -> None:
    """Prints a table no wider than the terminal, unless `wide`. Where there is none, programs read
    on, and it is as wide as COLUMNS says, if that is set.

    Columns in which nothing stands go; then those of `spare` as far as needed, the first of them
    first; then cells of `cut` are cut. Which columns went is said on standard error.
    """
    wide = wide or not (sys.stdout.isatty() or "COLUMNS" in os.environ)
    width = None if wide else shutil.get_terminal_size().columns
    text, left_out = fitted(heads, rows, spare, cut, width)
    click.echo(text)
    if left_out:
        click.echo(f"not shown: {', '.join(left_out)} (--wide shows all columns)", err=True)


def fitted(
    heads: Sequence[str],
    rows: Cells,
    spare: Sequence[str],
    cut: Sequence[str],
    width: int | None,
) -> tuple[str, list[str]]:
    """The text of echo_table, and the heads of the columns that had to go."""
    kept = [i for i in range(len(heads)) if not rows or any(row[i] is not None for row in rows)]
    heads, rows = _columns(heads, rows, kept)
    shown = [list(map(_cell, row)) for row in rows]
    widths, numeric = _widths(heads, shown), _numeric(heads, rows)
    kept, left_out = list(range(len(heads))), []
    for at in (heads.index(head) for head in spare if head in heads):
        if width is not None and _total([widths[i] for i in kept]) > width:
            kept.remove(at)
            left_out.append(heads[at])
    for at in (heads.index(head) for head in cut if head in heads):
        too_much = _total([widths[i] for i in kept]) - (width or sys.maxsize)
        widths[at] -= max(0, min(too_much, widths[at] - CUT_WIDTH_MIN))
    heads, shown = _columns(heads, shown, kept)
    return _laid_out(heads, shown, [widths[i] for i in kept], [numeric[i] for i in kept]), left_out


def _columns(
    heads: Sequence[str], rows: Sequence[Sequence[T]], kept: Sequence[int]
) -> tuple[list[str], list[list[T]]]:
    return [heads[i] for i in kept], [[row[i] for i in kept] for row in rows]


def _widths(heads: Sequence[str], shown: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(heads, *shown, strict=True)]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _numeric(heads: Sequence[str], rows: Cells) -> list[bool]:
    return [
        bool(rows) and all(isinstance(row[i], int | float | None) for row in rows)
        for i in range(len(heads))
    ]


def _laid_out(
    heads: Sequence[str],
    shown: Sequence[Sequence[str]],
    widths: Sequence[int],
    right: Sequence[bool],
) -> str:
    lines = []
    for cells in (heads, *shown):
        padded = (
            _short(cell, width).rjust(width) if to_right else _short(cell, width).ljust(width)
            for cell, width, to_right in zip(cells, widths, right, strict=True)
        )
        lines.append(GAP.join(padded).rstrip())
    return "\n".join(lines)


def _short(cell: str, width: int) -> str:
    return cell if len(cell) <= width else cell[: width - len(CUT)] + CUT


def vrf_of(row: Mapping[str, Any]) -> Cell:
    """The VRF of a lease, pool or decision, by its name if it has one; the default VRF is not
    shown."""
    return row.get("vrf-name") or row["vrf"] or None


def vrf_in_full(row: Mapping[str, Any]) -> str:
    """Name and number: `customer-7 (3)`, `default (0)`."""
    name = row.get("vrf-name") or ("" if row["vrf"] else "default")
    return f"{name} ({row['vrf']})" if name else str(row["vrf"])


def fields(pairs: Sequence[tuple[str, Cell]]) -> str:
    """One field a line, names to the left."""
    width = max(len(name) for name, _ in pairs)
    return "\n".join(f"{name.ljust(width)}  {_cell(value)}" for name, value in pairs)


def instant(unix_s: float | None, never: str = "-") -> str:
    """Local time, with its zone."""
    if unix_s is None:
        return never
    return datetime.fromtimestamp(unix_s).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def zone() -> tuple[tzinfo | None, str]:
    """The zone of this moment and its name: a column that names it in its head has no other."""
    now = datetime.now().astimezone()
    return now.tzinfo, now.strftime("%Z")


def age(since_unix_s: float | None) -> str:
    return "-" if since_unix_s is None else duration(time.time() - since_unix_s)


def duration(seconds: float) -> str:
    """The two largest units: `2d 3h`, `4m 10s`."""
    rest = max(round(seconds), 0)
    parts: list[str] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, rest = divmod(rest, size)
        if count or parts or unit == "s":
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])


def _cell(value: Cell) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)
