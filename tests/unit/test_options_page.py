"""docs/OPTIONS.md has every option and every type, as the code has them."""

import re
from pathlib import Path

from fastdhcp.options import BY_CODE, TYPES
from fastdhcp.options.table import SPACES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "OPTIONS.md").read_text()


def test_each_option_has_its_row() -> None:
    rows = re.findall(r"^\| (\d+) \| `([\w-]+)` \| (.+) \| ([\w. ]*?) ?\|$", PAGE, re.MULTILINE)
    assert rows == [
        (str(o.code), o.name, "the server itself" if o.server else f"`{o.type.name}`", o.rfc)
        for o in BY_CODE.values()
    ]


def test_each_space_has_its_rows() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (\d+) \| `([\w-]+)` \| `(.+)` \|", PAGE, re.MULTILINE)
    assert rows == [
        (name, str(option.code), option.name, option.type.name)
        for name, options in SPACES.items()
        for option in options
    ]


def test_each_type_is_explained() -> None:
    _, _, table = PAGE.partition("| type | is written | goes out as |")
    told = re.findall(r"`([a-z0-9]+)`", "".join(re.findall(r"^\| (.*?) \| ", table, re.MULTILINE)))
    assert set(told) >= set(TYPES)
