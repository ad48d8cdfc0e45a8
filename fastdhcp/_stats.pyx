"""Counters, as Python sees them: their names."""

from fastdhcp._stats cimport Counter, DropReason


def drop_names() -> list:
    """The names of the drop reasons by number, as metrics and log write them (`bad-hlen`)."""
    names = {int(v): v.name for v in DropReason}
    return [names[i].removeprefix("DROP_").lower().replace("_", "-")
            for i in range(int(DropReason.DROP_REASON_COUNT))]


def counter_words() -> dict:
    """Number of a process's first word of each counter, by the counter's name."""
    return {v.name: int(v) for v in Counter}
