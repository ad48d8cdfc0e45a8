"""docs/CONFORMANCE.md is true: each test that it names exists, and no MUST is open."""

import ast
import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "CONFORMANCE.md").read_text()
HEADING = re.compile(r"^## RFC (\d+): \S.*$", re.MULTILINE)
COLUMNS = "| section | requirement | what we do | test |\n|---|---|---|---|\n"
WEIGHT = re.compile(r"(MUST NOT|MUST|SHOULD NOT|SHOULD|MAY|-): \S")
TESTS = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`(?:, |$)")


class Row(NamedTuple):
    """A requirement of an RFC."""

    rfc: int
    section: str
    requirement: str
    done: str
    tests: str


def parts() -> list[tuple[int, str]]:
    """Each RFC with what stands below its heading."""
    _, *found = HEADING.split(TEXT)
    return [(int(rfc), text.strip("\n")) for rfc, text in zip(found[::2], found[1::2], strict=True)]


def rows() -> list[Row]:
    found = []
    for rfc, text in parts():
        for line in text.removeprefix(COLUMNS).split("\n"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            assert len(cells) == 4, line
            found.append(Row(rfc, *cells))
    return found


@cache
def functions_of(file: str) -> frozenset[str]:
    """The tests in a file; none if there is no such file."""
    path = ROOT / file
    nodes = ast.walk(ast.parse(path.read_text())) if path.is_file() else ()
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef))


def test_rfcs_stand_in_their_order_each_once_with_a_table() -> None:
    numbers = [rfc for rfc, _ in parts()]
    assert len(numbers) > 2, "the headings are no longer found"
    assert all(one < other for one, other in pairwise(numbers)), numbers
    assert [rfc for rfc, text in parts() if not text.startswith(COLUMNS)] == []
    assert len(re.findall(r"^#", TEXT, re.MULTILINE)) == len(numbers) + 1


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.rfc}-{row.section}")
def test_a_row_is_whole_and_the_tests_that_it_names_exist(row: Row) -> None:
    assert re.match(r"[A-Z\d][\w., ]*$", row.section), row
    assert WEIGHT.match(row.requirement), "it begins with its weight, as in `MUST: ...`"
    assert row.done, "what is done is missing"
    if row.tests != "open":
        named = TESTS.findall(row.tests)
        assert named and TESTS.sub("", row.tests) == "", "name a test as `tests/unit/x.py::test_y`"
        assert [f"{file}::{test}" for file, test in named if test not in functions_of(file)] == []


def test_no_must_is_open() -> None:
    assert [row for row in rows() if row.tests == "open" and row.requirement[:4] == "MUST"] == []
