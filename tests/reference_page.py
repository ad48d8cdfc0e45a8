"""docs/reference.md, made of reference.toml and the rows of the model: `make docs` writes it.

A paragraph of reference.toml is a comment and the keys below it; a header begins a section, and a
comment right above a header, or one without a key, is the section's own text.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import fastdhcp
from fastdhcp.config import later
from fastdhcp.config.keys import ADDRESS_LEVELS, LINK_LEVELS, Key, keys_of
from fastdhcp.config.model import Control, Params, Server

ROOT = Path(__file__).resolve().parents[1]
SOURCE = Path(fastdhcp.__file__).parent / "config" / "reference.toml"
PAGE = ROOT / "docs" / "reference.md"
MODELS: dict[str, tuple[type, ...]] = {
    "[server]": (Server, later.ServerKeys),
    "[control]": (Control, later.ControlKeys),
    "[leasequery]": (later.LeasequeryKeys,),
    "[defaults]": (Params, later.ScopeKeys),
    "[[subnets]]": (later.SubnetKeys,),
    "[log]": (later.LogKeys,),
    "[history]": (later.HistoryKeys,),
    "[failover]": (later.FailoverKeys,),
    "[failover.witness]": (later.WitnessKeys,),
    "[[limits]]": (later.LimitKeys,),
}
HEADER = re.compile(r"(\[\[?[a-z.-]+\]\]?)\s*")
KEY = re.compile(r"(?P<key>[\w-]+|\"\d+\") = (?P<value>.*)")
MARKS = re.compile(r"(?:\[(?:no HUP|link|address)\] )+(?=[A-Z])")
"""What stands before all that is said of a key, and in words of the page on it."""
HEAD = """\
# Reference

Every key of a configuration, with an example. `make docs` makes this page of
[`fastdhcp/config/reference.toml`](../fastdhcp/config/reference.toml), which says the same and can
be copied from. What options are and who gets them is in [OPTIONS.md](OPTIONS.md). *restart*: a
reload may not change it. *link*: it belongs to a whole link; pools, classes and reservations do
not take it. *address*: it counts when the client is gone; classes and `when` do not take it. *not
served yet*: it is read and checked, and has no effect.
"""


@dataclass
class Section:
    """A table of the configuration."""

    name: str
    text: list[str] = field(default_factory=list)
    rows: list[tuple[str, str, str]] = field(default_factory=list)  # key, example, what it is


def page() -> str:
    """The whole of docs/reference.md."""
    return HEAD + "".join(map(_shown, sections(SOURCE.read_text())))


def sections(text: str) -> list[Section]:
    """The sections of reference.toml, in its order."""
    found = [Section("")]
    comment: list[str] = []
    fresh = True  # the comment's keys are still to come
    lines = iter(text.split("\n"))
    for line in lines:
        if line.startswith("#"):
            comment = comment if fresh else []
            comment.append(line.removeprefix("#").strip())
            fresh = True
        elif header := HEADER.fullmatch(line):
            said = [" ".join(comment)] if comment and fresh else []
            if header[1] == found[-1].name:  # one more of a list
                found[-1].text += said
            else:
                found.append(Section(header[1], said))
            comment = []
        elif match := KEY.match(line):
            value, said = _split(match["value"])
            while value.count("[") > value.count("]"):
                more, _ = _split(next(lines).strip())
                value += more if value.endswith("[") else f" {more}"
            above = " ".join(comment) if fresh else "" if said else "likewise"
            parts = [part.rstrip(".") for part in (above, said) if part]
            known = {row[0] for row in found[-1].rows}
            if parts or match["key"] not in known:
                found[-1].rows.append((match["key"], value, ". ".join(parts) or "see above"))
            fresh = False
        elif not line:
            if comment and fresh:
                found[-1].text.append(" ".join(comment))
            comment, fresh = [], True
    return found


def _split(value: str) -> tuple[str, str]:
    """A value and the comment behind it."""
    match = re.match(r'((?:"[^"]*"|[^"#])*)(?:#\s*(.*))?', value)
    assert match is not None
    return match[1].strip(), match[2] or ""


def _shown(section: Section) -> str:
    text = f"\n## `{section.name}`\n" if section.name else ""
    text += "".join(f"\n{paragraph}\n" for paragraph in section.text)
    if section.rows:
        text += "\n| key | example | what it is |\n|---|---|---|\n"
        text += "".join(_row(section, *row) for row in section.rows)
    return text


def _row(section: Section, key: str, example: str, what: str) -> str:
    row = _model_row(section.name, key)
    marks = []
    if row is not None:
        marks += ["*restart*"] if row.restart else []
        marks += ["*link*"] if row.levels == LINK_LEVELS else []
        marks += ["*address*"] if row.levels == ADDRESS_LEVELS else []
        marks += ["*not served yet*"] if row.later else []
    marked = MARKS.match(what)
    said = " ".join([*marks, what[marked.end() if marked else 0 :]])
    return f"| `{key}` | `{_cell(example)}` | {_cell(said)} |\n"


def _model_row(section: str, key: str) -> Key | None:
    rows = (row for model in MODELS.get(section, ()) for row in keys_of(model).values())
    return next((row for row in rows if row.name == key), None)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
