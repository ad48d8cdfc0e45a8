"""Every kind of bad configuration that a test here has, as `fastdhcp check` tells it to operators.

The tables stand with what they are about (`BAD` of the tests of this folder: name, text, what is
said) and hold the very words. Here each is run as a command: exit code 78, and each problem with
file and line, and with its key, which stands in the text in some form.
"""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import tests.unit.config as folder
from fastdhcp.cli.main import main
from fastdhcp.exits import EXIT_CONFIG

KINDS_MIN = 60
PLACE = re.compile(r"(?P<line>\d+): (?:(?P<key>[a-z][\w.\[\]-]*): )?(?P<text>.+)")
VALUE = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|\b[\w.:/-]*\d[\w.:/-]*\b")
"""What differs among problems of one kind: what is quoted, and what has a digit."""


def cases() -> list[tuple[str, str, list[str]]]:
    """The rows of all tables."""
    found = []
    for module in pkgutil.iter_modules(folder.__path__):
        table = getattr(importlib.import_module(f"{folder.__name__}.{module.name}"), "BAD", [])
        found += [
            (f"{module.name.removeprefix('test_')}: {row[0]}", row[1], row[2])
            for row in table
            if isinstance(row[0], str) and isinstance(row[2], list)
        ]
    return found


CASES = cases()


def kind(problem: str) -> str:
    """What is wrong, without what is written in this case."""
    match = PLACE.match(problem)
    assert match is not None, problem
    return VALUE.sub("...", match["text"])


@pytest.mark.parametrize(("text", "wanted"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_check_tells_each_with_file_line_and_key(
    tmp_path: Path, text: str, wanted: list[str]
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    result = CliRunner().invoke(main, ["check", str(path)])
    assert result.exit_code == EXIT_CONFIG
    told = [line for line in result.stdout.splitlines() if ": warning: " not in line]
    assert len(told) == len(wanted)
    for line, problem in zip(told, wanted, strict=True):
        match = PLACE.match(line.removeprefix(f"{path}:"))
        assert match is not None, line
        assert line.startswith(f"{path}:{match['line']}: ")
        wanted_place = PLACE.match(problem)
        assert wanted_place is not None
        assert (match["line"], match["key"]) == (wanted_place["line"], wanted_place["key"])
        assert int(match["line"]) <= text.count("\n") + 1


def test_there_are_many_kinds() -> None:
    kinds = {kind(problem) for _, _, problems in CASES for problem in problems}
    assert len(kinds) >= KINDS_MIN
