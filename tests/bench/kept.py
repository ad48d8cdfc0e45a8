"""What a packet cost when it was last kept, and whether it costs more now.

The figures stand in instructions.json, one set for each toolchain: compiler and its optimization,
libc, machine. What another toolchain makes is another figure: it is measured and said, and judged
by nobody.
"""

import json
import platform
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = Path(__file__).with_name("instructions.json")
RISE_MAX = 0.05
_PRODUCER = re.compile(rb"GNU C(\d+ [\d.]+)[^\0]* (-O\w+)[^\0]*\0")  # of several -O the last counts


@dataclass(frozen=True)
class Toolchain:
    """What a compiled module was made with, as far as it changes how many instructions it has."""

    compiler: str
    optimization: str
    libc: str
    machine: str

    def __str__(self) -> str:
        return f"{self.compiler} {self.optimization}, {self.libc}, {self.machine}"


Figures = Mapping[str, float]
"""Instructions by case."""


def toolchain(module: Path) -> Toolchain:
    """Of a compiled module, by its debug information. Raises ValueError without it."""
    found = _PRODUCER.search(module.read_bytes())
    if found is None:
        raise ValueError(f"{module} does not say what it was compiled by; compile it with gcc -g")
    return Toolchain(
        compiler=f"gcc {found[1].decode().partition(' ')[2]}",
        optimization=found[2].decode(),
        libc=" ".join(platform.libc_ver()),
        machine=platform.machine(),
    )


def kept(by: Toolchain, file: Path = FILE) -> Figures | None:
    """The figures of a toolchain; None: it has none."""
    for one in json.loads(file.read_text()):
        if one["toolchain"] == asdict(by):
            return dict(one["instructions"])
    return None


def keep(by: Toolchain, figures: Figures, file: Path = FILE) -> None:
    """Puts them in the place of those of the same toolchain."""
    others = [one for one in json.loads(file.read_text()) if one["toolchain"] != asdict(by)]
    whole = {case: round(figure) for case, figure in figures.items()}
    text = json.dumps([*others, {"toolchain": asdict(by), "instructions": whole}], indent=2)
    file.write_text(text + "\n")


def risen(now: Figures, before: Figures) -> list[str]:
    """The cases that cost over 5 % more, in words."""
    return [
        f"{case}: {now[case]:.0f} instructions, {before[case]:.0f} before "
        f"({now[case] / before[case] - 1:+.1%}; at most {RISE_MAX:+.0%})"
        for case in before
        if case in now and now[case] > before[case] * (1 + RISE_MAX)
    ]
