"""Answers as text for people: aligned columns, ages, instants."""

import time
from collections.abc import Sequence
from datetime import datetime

Cell = str | int | float | None


def table(heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Columns as wide as they need to be; numbers to the right."""
    shown = [list(map(_cell, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *shown, strict=True)]
    right = [
        bool(rows) and all(isinstance(row[i], int | float | None) for row in rows)
        for i in range(len(heads))
    ]
    lines = []
    for cells in (heads, *shown):
        padded = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(cells, widths, right, strict=True)
        )
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def fields(pairs: Sequence[tuple[str, Cell]]) -> str:
    """One field a line, names to the left."""
    width = max(len(name) for name, _ in pairs)
    return "\n".join(f"{name.ljust(width)}  {_cell(value)}" for name, value in pairs)


def instant(unix_s: float | None, never: str = "-") -> str:
    """Local time."""
    if unix_s is None:
        return never
    return datetime.fromtimestamp(unix_s).strftime("%Y-%m-%d %H:%M:%S")


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
