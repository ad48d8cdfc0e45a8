"""What is wrong in a configuration, and where it stands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Path = tuple[str | int, ...]  # keys and places in lists: ("subnets", 0, "pools", 1)


def key_text(path: Path) -> str:
    """A key path as people read it: `subnets[0].pools[1].lease-time`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong (or not served yet): `FILE:LINE: key.path: text`. Lines from 1."""

    file: str
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        return f"{self.file}:{self.line}: {key}{self.text}"


class ConfigError(Exception):
    """A configuration that cannot be used, with all of its problems in the order of the text."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))
