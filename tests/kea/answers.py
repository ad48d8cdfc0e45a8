"""Kea's answers as they are kept: a line for each expression, a digit for each packet."""

from collections.abc import Mapping
from pathlib import Path

FILE = Path(__file__).with_name("answers.txt")
Answers = dict[str, tuple[bool, ...]]
HEAD = """\
# What kea-dhcp4 2.2.0 (Debian 12) says of each expression and packet (packets.py): 1 is true.
# Made by `python -m tests.kea --write`.
"""


def read_answers() -> Answers:
    """By expression, in the order of the file."""
    found: Answers = {}
    for line in FILE.read_text().splitlines():
        if not line.startswith("#"):
            digits, _, text = line.partition(" ")
            found[text] = tuple(digit == "1" for digit in digits)
    return found


def write_answers(answers: Mapping[str, tuple[bool, ...]]) -> None:
    """Keeps them."""
    lines = ["".join(map(str, map(int, said))) + f" {text}\n" for text, said in answers.items()]
    FILE.write_text(HEAD + "".join(lines))
