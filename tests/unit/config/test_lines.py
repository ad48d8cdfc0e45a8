"""The line of each key in a TOML or JSON text."""

import json
import tomllib

from hypothesis import given
from hypothesis import strategies as st

from fastdhcp.config.errors import Path
from fastdhcp.config.lines import find_line, json_lines, toml_lines

TOML = '''\
# a comment with [a.header] and a = "b"
top = 1
"quoted.key" = { inner = [1, 2], dotted.key = "}" }

[table] # comment
text = """
[no.header]
not = "a key"
"""
literal = \'\'\'
x = 1\'\'\'
list = [
  "a", # comment with ]
  { b = 1 }, [
    { c = 2 }],
]

[[rows]]
name = "first"
[rows.sub]
deep = true
[[rows.inner]]
[[rows.inner]]
x = 2024-01-01T00:00:00Z

[[rows]]
[[rows.inner]]
x.y = 'it is "quoted"'
last = 1
'''

WANTED: list[tuple[Path, int]] = [
    (("top",), 2),
    (("quoted.key",), 3),
    (("quoted.key", "inner", 1), 3),
    (("quoted.key", "dotted", "key"), 3),
    (("table",), 5),
    (("table", "text"), 6),
    (("table", "literal"), 10),
    (("table", "list"), 12),
    (("table", "list", 0), 13),
    (("table", "list", 1, "b"), 14),
    (("table", "list", 2, 0, "c"), 15),
    (("rows", 0), 18),
    (("rows", 0, "name"), 19),
    (("rows", 0, "sub", "deep"), 21),
    (("rows", 0, "inner", 0), 22),
    (("rows", 0, "inner", 1, "x"), 24),
    (("rows", 1), 26),
    (("rows", 1, "inner", 0, "x", "y"), 28),
    (("rows", 1, "inner", 0, "last"), 29),
]


def test_toml() -> None:
    tomllib.loads(TOML)
    lines = toml_lines(TOML)
    assert [(path, lines.get(path)) for path, _ in WANTED] == WANTED


def test_json() -> None:
    text = '{"a": [1,\n {"b\\"": "}"}],\n"c": {"d": null,\n "e": -1.5e3}}'
    json.loads(text)
    lines = json_lines(text)
    assert lines[("a", 1, 'b"')] == 2
    assert lines[("c",)] == 3
    assert lines[("c", "e")] == 4


def test_the_nearest_table_stands_for_a_key_that_is_missing() -> None:
    lines = toml_lines(TOML)
    assert find_line(lines, ("rows", 1, "missing", "deeper")) == 26
    assert find_line(lines, ("nothing",)) == 1


_KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=6)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES)
def test_every_key_of_any_json_is_found(value: object) -> None:
    lines = json_lines(json.dumps(value, indent=1))
    assert set(lines) == set(_paths(value, ()))


def _paths(value: object, path: Path) -> list[Path]:
    paths = [path]
    if isinstance(value, dict):
        for key, inner in value.items():
            paths += _paths(inner, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            paths += _paths(inner, (*path, i))
    return paths
