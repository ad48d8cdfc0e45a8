"""docs/cases/: every configuration that they show is a good one."""

import re
from pathlib import Path

import pytest

from fastdhcp.config.load import check

DOCS = Path(__file__).resolve().parents[3] / "docs"
CASES = sorted((DOCS / "cases").glob("*.toml"))
SHOWN = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_is_a_good_configuration(path: Path) -> None:
    assert check(path) == ([], [])


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_page_shows_its_configuration_as_it_is(path: Path) -> None:
    page = path.with_suffix(".md").read_text()
    assert SHOWN.findall(page)[:1] == [path.read_text()]


def test_pieces_are_found() -> None:
    assert len(CASES) == 6
