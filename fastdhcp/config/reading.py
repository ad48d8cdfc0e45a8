"""One file: its octets, the text, the tables, the structs; what cannot be read is told in words.

Whatever the octets are, it ends with structs or with problems: a parser's exceptions stay here.
"""

import json
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from fastdhcp.config import schema
from fastdhcp.config.octets import open_octets, read_octets
from fastdhcp.config.report import Report, Source, Where
from fastdhcp.config.structure import build
from fastdhcp.words import printable

FILE_SIZE_MAX = 256 << 20
"""Octets: some millions of reservations. What is longer is no configuration, and reading it would
take the memory that the server needs."""
_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_TOML_PLACE = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")
_TOML_TWICE = re.compile(r"Cannot declare \((.*)\) twice")
_TOML_CURES = {
    "Cannot overwrite a value": "it is there already; write it once (a list's tables have [[ ]])",
    "Illegal character '\\n'": "text ends in its line; is a quote missing?",
    "Invalid value": "text stands in quotes, and so do times and sizes with a unit",
    "Expected newline or end of document after a statement": "text stands in quotes, and so do "
    "times and sizes with a unit",
}
_TABLE_OVER_LINES = "a table in { } stands in one line; or write it as a [table] of its own"
_ELSEWHERE = (
    (re.compile(r'"Dhcp[46]"\s*:'), "is a configuration of Kea"),
    (re.compile(r"^\s*subnet\s+[\d.]+\s+netmask\s", re.MULTILINE), "is a configuration of dhcpd"),
    (re.compile(r"^\s*(dhcp-range|dhcp-host)\s*=", re.MULTILINE), "is a configuration of dnsmasq"),
)
"""What other servers read, by what stands in it."""
_LONG_NUMBER = re.compile(r"[0-9_]{4300}")  # digits that Python reads at most
_HALF = re.compile(r"\\u[dD][89a-fA-F]")  # JSON: perhaps half of a pair of surrogates


def read_file(report: Report, path: Path) -> tuple[Source, schema.File | None]:
    """A file and its structs; None: it could not be read (and that is told)."""
    source = Source(str(path), "", is_json=path.suffix == ".json")
    try:
        with open_octets(path) as file:
            octets = read_octets(file, FILE_SIZE_MAX)
    except OSError as error:
        report.error(Where(source), f"cannot be read: {error.strerror}")
        return source, None
    except ValueError:  # NUL in the path
        report.error(Where(source), "cannot be read: no file has such a name")
        return source, None
    if len(octets) > FILE_SIZE_MAX:
        report.error(Where(source), f"is longer than {FILE_SIZE_MAX >> 20} MB: no configuration is")
        return source, None
    raw = _parse(report, source) if _decode(report, source, octets) else None
    return source, None if raw is None else build(report, Where(source), raw)


def place_of(paths: Iterable[Path], key: tuple[str, ...]) -> str | None:
    """FILE:LINE of a key in files that were read before; None: it is in none of them, as they are
    now."""
    for path in paths:
        source = Source(str(path), "", is_json=path.suffix == ".json")
        try:
            source.text = path.read_text().replace("\r\n", "\n")
        except (OSError, UnicodeDecodeError):
            continue
        if (line := source.line_of(key)) is not None:
            return printable(f"{path}:{line}")
    return None


def _decode(report: Report, source: Source, octets: bytes) -> bool:
    """The text of the file, with every line ended by a newline alone."""
    if octets.startswith(_BOM):
        _syntax(report, source, 1, "begins with a byte order mark; save it as UTF-8 without one")
        return False
    if octets.startswith(_UTF_16):
        _syntax(report, source, 1, "is UTF-16 text; save it as UTF-8")
        return False
    try:
        text = octets.decode()
    except UnicodeDecodeError as error:
        _syntax(report, source, octets.count(b"\n", 0, error.start) + 1, "is not UTF-8 text")
        return False
    source.text = text.replace("\r\n", "\n").replace("\r", "\n")
    return True


def _syntax(report: Report, source: Source, line: int, text: str) -> None:
    source.lines = {("",): line}  # the only place that can be told in a text that is no TOML
    report.error(Where(source, ("",)), text)


def _parse(report: Report, source: Source) -> object:
    for words, told in _ELSEWHERE:
        if (found := words.search(source.text)) and not _is_ours(source):
            line = source.text.count("\n", 0, found.start()) + 1
            _syntax(report, source, line, f"{told}; docs/COMING-FROM.md says how to write it here")
            return None
    try:
        return _parse_json(report, source) if source.is_json else tomllib.loads(source.text)
    except json.JSONDecodeError as error:
        _syntax(report, source, error.lineno, f"is not JSON: {error.msg}")
    except tomllib.TOMLDecodeError as error:
        _syntax(report, source, *_toml_words(source.text, str(error)))
    except RecursionError:
        _syntax(report, source, 1, "nests lists or tables too deep to be read")
    except ValueError:
        long = _LONG_NUMBER.search(source.text)
        line = source.text.count("\n", 0, long.start()) + 1 if long else 1
        _syntax(report, source, line, "holds a number of more than 4300 digits")
    return None


def _is_ours(source: Source) -> bool:
    """Whether such words stand in what is whole: then they are a comment's, or an unknown key's."""
    if source.is_json:
        return False
    try:
        tomllib.loads(source.text)
    except (ValueError, RecursionError):
        return False
    return True


def _toml_words(text: str, said: str) -> tuple[int, str]:
    """Line and words for what the parser says."""
    place = _TOML_PLACE.search(said)
    last = text.rstrip().count("\n") + 1
    line = int(place.group(1)) if place and place.group(1) else last
    said = _TOML_PLACE.sub("", said).strip()
    if twice := _TOML_TWICE.fullmatch(said):
        name = ".".join(re.findall(r"'([^']*)'", twice.group(1)))
        return line, (
            f"is not TOML: [{name}] is there already; put its keys under one header (a list's "
            "tables have [[ ]])"
        )
    cure = f"; {_TOML_CURES[said]}" if said in _TOML_CURES else ""
    if said in ("Unclosed inline table", "Invalid initial character for a key part"):
        before = "\n".join(text.split("\n")[max(line - 2, 0) : line])
        cure = f"; {_TABLE_OVER_LINES}" if "{" in before else cure
    return line, f"is not TOML: {said}{cure}"


def _parse_json(report: Report, source: Source) -> object:
    doubles: list[str] = []

    def table(pairs: list[tuple[str, object]]) -> dict[str, object]:
        members = dict(pairs)
        if len(members) != len(pairs):
            keys = [key for key, _ in pairs]
            doubles.extend(sorted({key for key in keys if keys.count(key) > 1}))
        return members

    raw: object = json.loads(source.text, object_pairs_hook=table)
    if _HALF.search(source.text) and (line := _half_line(raw, source)):
        _syntax(report, source, line, "holds half of a surrogate pair, that is no character")
        return None
    for key in doubles:
        report.error(Where(source), f"`{key}` stands twice in one object; write it once")
    return raw


def _half_line(raw: object, source: Source) -> int:
    """The line of the first escape that may be meant; 0: all of them are whole pairs."""
    try:
        json.dumps(raw, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        half = _HALF.search(source.text)
        assert half is not None
        return source.text.count("\n", 0, half.start()) + 1
    return 0
