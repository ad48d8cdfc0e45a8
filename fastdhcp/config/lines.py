"""In which line each key of a TOML or JSON text stands.

The parsers tell no places of what they read, so the text is gone through once more when there is
something to report. The text was parsed before: nothing is checked here.
"""

import json
import re
from contextlib import suppress

from fastdhcp.config.errors import Path

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""+|\'\'\'.*?\'\'\'+|"(?:\\.|[^"\\])*"|\'[^\']*\'', re.DOTALL
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}\n#]*")
_LINE_END = re.compile(r"[^\n]*")

Lines = dict[Path, int]


class _Scanner:
    """Goes through values; `separator` stands between key and value: "=" (TOML) or ":" (JSON)."""

    def __init__(self, text: str, separator: str) -> None:
        self.text = text
        self.separator = separator
        self.at = 0
        self.line = 1
        self.lines: Lines = {}

    def take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            return ""
        found = match.group()
        self.at = match.end()
        self.line += found.count("\n")
        return found

    def peek(self) -> str:
        self.take(_SPACE)
        return self.text[self.at : self.at + 1]

    def step(self) -> None:
        self.at += 1

    def note(self, path: Path) -> None:
        self.lines.setdefault(path, self.line)

    def key(self) -> Path:
        """One key, or several with dots between them (TOML alone has these)."""
        keys: list[str] = []
        while True:
            if self.peek() in "\"'":
                keys.append(_unquote(self.take(_STRING)))
            else:
                keys.append(self.take(_BARE_KEY))
            if self.peek() != ".":
                return tuple(keys)
            self.step()

    def pair(self, path: Path) -> None:
        self.take(_SPACE)
        line = self.line
        keys = self.key()
        for count in range(1, len(keys) + 1):
            self.lines.setdefault(path + keys[:count], line)
        if self.peek() == self.separator:
            self.step()
        before = self.at
        self.value(path + keys)
        if self.at == before:  # never twice the same place, whatever stands there
            self.step()

    def value(self, path: Path) -> None:
        opening = self.peek()
        self.note(path)
        if opening == "{":
            self.members("}", path)
        elif opening == "[":
            self.members("]", path)
        elif opening in "\"'":
            self.take(_STRING)
        else:
            self.take(_SCALAR)

    def members(self, closing: str, path: Path) -> None:
        self.step()
        index = 0
        while (found := self.peek()) not in (closing, ""):
            if found == ",":
                self.step()
            elif closing == "}":
                self.pair(path)
            else:
                self.value((*path, index))
                index += 1
        self.step()


class _Toml(_Scanner):
    """The lines of a TOML document: headers name the table that the pairs below them belong to."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "=")
        self.last_of: dict[Path, int] = {}  # arrays of tables: the place of the last one

    def document(self) -> None:
        table: Path = ()
        while found := self.peek():
            if found == "[":
                table = self.header()
            else:
                self.pair(table)

    def header(self) -> Path:
        self.step()
        is_array = self.text[self.at : self.at + 1] == "["
        if is_array:
            self.step()
        line = self.line
        keys = self.key()
        self.take(_LINE_END)
        path: Path = ()
        for count, key in enumerate(keys, 1):
            path = (*path, key)
            self.lines.setdefault(path, line)
            if is_array and count == len(keys):
                self.last_of[path] = self.last_of.get(path, -1) + 1
            if path in self.last_of:
                path = (*path, self.last_of[path])
                self.lines.setdefault(path, line)
        return path


def toml_lines(text: str) -> Lines:
    """The line of each key and list member of a TOML text."""
    scanner = _Toml(text)
    with suppress(RecursionError):  # nested deeper than Python goes: the lines before it are known
        scanner.document()
    return scanner.lines


def json_lines(text: str) -> Lines:
    """The line of each key and list member of a JSON text."""
    scanner = _Scanner(text, ":")
    with suppress(RecursionError):
        scanner.value(())
    return scanner.lines


def find_line(lines: Lines, path: Path) -> int:
    """The line of a key, or of the nearest table around it; 1 if there is none."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 1


def _unquote(text: str) -> str:
    if text.startswith("'"):
        return text[1:-1]
    try:
        return str(json.loads(text))
    except ValueError:  # an escape that TOML has and JSON has not
        return text[1:-1]
