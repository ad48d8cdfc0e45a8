"""A key of the configuration is one row: the field of the model that it becomes, and how.

A row says how the key is written, who reads it within which limits, what stands if nobody writes
it, whether a reload may change it, and at which levels it may stand. The tables of the schema, the
readers, the refusals of a reload and the tests of reference.toml are made of these rows.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

# What belongs to a link, and so to nothing within one.
LINK_LEVELS = ("defaults", "shared-network", "subnet")
LEVELS = (*LINK_LEVELS, "pool", "class", "when", "reservation")
"""From the farthest to the nearest, that wins. A `when` stands in a subnet or a pool."""
ADDRESS_LEVELS = (*LINK_LEVELS, "pool", "reservation")  # what counts when the client is gone


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """How a value is written: its type, and what would be right, in words."""

    written: Any
    wanted: str


TIME = Kind(int | str, 'a number of seconds, or a time such as "30m"')
SHORT_TIME = Kind(int | str, 'a short time such as "500us"')
SIZE = Kind(int | str, 'a size such as "32M"')
TEXT = Kind(str, "text in quotes")
TEXTS = Kind(list[str], "text in quotes")  # said of a member
NUMBER = Kind(int, "a whole number")
TRUTH = Kind(bool, "true or false")


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """One row. `default`: as one would write it; None: there is nothing to write, `unset` says."""

    name: str
    kind: Kind
    reader: Callable[..., Any]
    limits: tuple[float, ...]
    default: object
    unset: Callable[[], Any]
    restart: bool
    later: bool
    caution: str
    levels: tuple[str, ...]

    @property
    def attribute(self) -> str:
        """The field of the schema's table."""
        return self.name.replace("-", "_")

    def read(self, written: object) -> Any:
        """What it is worth. Raises ValueError with what is wrong and what would be right."""
        return self.reader(written, *self.limits)


def key(
    name: str,
    kind: Kind,
    reader: Callable[..., Any],
    *,
    limits: tuple[float, ...] = (),
    default: object = None,
    unset: object = None,
    restart: bool = False,
    later: bool = False,
    caution: str = "",
    levels: tuple[str, ...] = LEVELS,
) -> Any:
    """A field of the model that a key is read into.

    `unset` is what an unwritten key without `default` is worth, or a function that says it.
    `restart`: a reload may not change it. `later`: accepted, and said to be not served yet.
    `caution`: what `check` says where it is true. `levels` counts for values of scopes alone.
    """

    def fallback() -> Any:
        if default is not None:
            return reader(default, *limits)
        return unset() if callable(unset) else unset

    row = Key(name, kind, reader, limits, default, fallback, restart, later, caution, levels)
    return dataclasses.field(metadata={"key": row})


def keys_of(model: type, level: str | None = None) -> dict[str, Key]:
    """The rows of a model by its field: all, or those that `level` accepts."""
    return {name: row for name, row in _rows(model) if level is None or level in row.levels}


def _rows(model: Any) -> Iterator[tuple[str, Key]]:
    for field in dataclasses.fields(model):
        if "key" in field.metadata:
            yield field.name, field.metadata["key"]
