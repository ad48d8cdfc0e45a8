"""docs/cases/ and docs/COMING-FROM.md: every configuration that they show is a good one."""

import re
from pathlib import Path

import pytest

from fastdhcp.config.load import check

DOCS = Path(__file__).resolve().parents[3] / "docs"
CASES = sorted((DOCS / "cases").glob("*.toml"))
SHOWN = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WORDS = (DOCS / "COMING-FROM.md").read_text()
COMING_FROM = SHOWN.findall(WORDS)
RESERVATIONS = re.findall(r"^```csv\n(.*?)^```$", WORDS, re.MULTILINE | re.DOTALL)
SOMEWHERE = '\n[[subnets]]\nsubnet = "192.0.2.0/24"\npools = ["192.0.2.0/24"]\n'
"""What a piece needs to be a whole configuration."""


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_is_a_good_configuration(path: Path) -> None:
    assert check(path) == ([], [])


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_page_shows_its_configuration_as_it_is(path: Path) -> None:
    page = path.with_suffix(".md").read_text()
    assert SHOWN.findall(page)[:1] == [path.read_text()]


@pytest.mark.parametrize("number", range(len(COMING_FROM)))
def test_what_others_say_in_their_words_is_said_by_a_good_configuration(
    number: int, tmp_path: Path
) -> None:
    text = COMING_FROM[number]
    path = tmp_path / "fastdhcp.toml"
    path.write_text(text if "[[subnets]]" in text else text + SOMEWHERE)
    (tmp_path / "known.csv").write_text(RESERVATIONS[0])
    errors, warnings = check(path)
    assert (errors, warnings) == ([], []), text


def test_pieces_are_found() -> None:
    assert len(CASES) == 6
    assert len(COMING_FROM) > 7
