"""What is wrong in a configuration, and where it stands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fastdhcp.words import printable

Path = tuple[str | int, ...]  # keys and places in lists: ("subnets", 0, "pools", 1)


def key_text(path: Path) -> str:
    """A key path as people read it: `subnets[0].pools[1].lease-time`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong (or not served yet): `FILE:LINE: key.path: text`. Lines from 1.

    Whatever bytes the file, its name or its keys have, what is written is printable.
    """

    file: str
    line: int
    key: str
    text: str

    @property
    def place(self) -> str:
        """`FILE:LINE`."""
        return printable(f"{self.file}:{self.line}")

    @property
    def told(self) -> str:
        """`key.path: text`; what is wrong with a whole file has no key."""
        return printable(f"{self.key}: {self.text}" if self.key else self.text)

    def __str__(self) -> str:
        return f"{self.place}: {self.told}"


class ConfigError(Exception):
    """A configuration that cannot be used, with all of its problems in the order of the text."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))
