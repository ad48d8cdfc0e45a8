"""docs/reference.md says what reference.toml and the rows of the model say."""

import pytest

from fastdhcp.config.keys import Key, keys_of
from tests.reference_page import MODELS, PAGE, page, sections

TEXT = PAGE.read_text()
ROWS = [
    pytest.param(section, key, id=f"{section}.{key.name}")
    for section, models in MODELS.items()
    for model in models
    for key in keys_of(model).values()
]


def test_the_page_is_as_it_would_be_made() -> None:
    assert page() == TEXT, "run `make docs`"


@pytest.mark.parametrize(("section", "key"), ROWS)
def test_each_row_of_the_model_has_one_of_the_page(section: str, key: Key) -> None:
    _, _, rest = TEXT.partition(f"\n## `{section}`\n")
    rows = [line for line in rest.partition("\n## ")[0].split("\n") if f"| `{key.name}` |" in line]
    assert len(rows) == 1
    assert ("*restart*" in rows[0]) == key.restart
    assert ("*not served yet*" in rows[0]) == key.later


def test_words_on_the_marks_stay_whole() -> None:
    for words in (
        "HUP reads the files again. [no HUP] marks what needs a restart",
        "[link] marks what belongs to a whole link", "[address] marks what counts",
        "| *restart* Worker processes", "| *link* Whether the server", "| *address* How long",
        "but those of [link] and [address], and options",
    ):  # fmt: skip
        assert words in TEXT
    assert "] Worker processes" not in TEXT


def test_a_list_has_one_section_with_each_key() -> None:
    """Whose key stands in more of its tables has one row, unless more is said of it."""
    headings = [line for line in TEXT.split("\n") if line.startswith("## ")]
    assert len(headings) == len(set(headings))
    text = "# One.\n[[a]]\n# Said.\nx = 1\ny = 2\n\n[[a]]\nx = 3\nz = 4  # more\n"
    (_, found) = sections(text)
    assert found.rows == [("x", "1", "Said"), ("y", "2", "likewise"), ("z", "4", "more")]


def test_a_section_has_its_keys_with_what_is_said_of_them() -> None:
    text = (
        "# All of it.\n\n# Of a table.\n[[subnets]]\n# Two\n# lines.\na = 1  # and more\nb = [\n"
        '    "x#y",\n    2,\n]\n\nc = {}\n# Kept.\n\n[log]\n'
    )
    first, subnets, log = sections(text)
    assert first.text == ["All of it."]
    assert (subnets.text, log.text, log.rows) == (["Of a table.", "Kept."], [], [])
    assert subnets.rows == [
        ("a", "1", "Two lines. and more"), ("b", '["x#y", 2, ]', "likewise"),
        ("c", "{}", "see above"),
    ]  # fmt: skip
