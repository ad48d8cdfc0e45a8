"""Files of reservations: CSV, a million rows of it in a second or two.

The first line names the columns. Rows that are as most are read in C (_rows.pyx); what is written
otherwise is looked at here, a row at a time, and so are all that are wrong.
"""

import csv
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fastdhcp._rows import Column, CsvReader, Rows
from fastdhcp.config import values
from fastdhcp.config.errors import Path as KeyPath
from fastdhcp.config.names import Names, read_identity
from fastdhcp.config.notation import IN_CSV, doubt_of_identifier
from fastdhcp.config.octets import open_octets, read_octets
from fastdhcp.config.report import KNOWN_ELSEWHERE, Report, Source, Where, nearest, unknown
from fastdhcp.config.reservations import Part

FILE_SIZE_MAX = 2 << 30
ERRORS_MAX = 20
"""Wrong rows of a file that are told one by one."""
_PIECE = 1 << 17
_BOM = b"\xef\xbb\xbf"
_BLANKS = "".join(map(chr, range(0x21)))
"""What is not taken at the edge of a field, as in _rows.pyx."""
_COLUMNS = {
    "address": Column.COLUMN_ADDRESS,
    "hostname": Column.COLUMN_HOSTNAME,
    "classes": Column.COLUMN_CLASSES,
    "vrf": Column.COLUMN_VRF,
    "boot-file": Column.COLUMN_BOOT_FILE,
    "next-server": Column.COLUMN_NEXT_SERVER,
}

Stamp = tuple[int, int, int, int]


@dataclass
class _Known:
    """A file as it was read last, and by which names."""

    stamp: Stamp
    names: tuple[object, ...]
    part: Part
    doubts: list[tuple[Where, str]]


_known: dict[Path, _Known] = {}


def read_reservation_files(
    report: Report, wheres: Iterable[tuple[Where, Path]], names: Names
) -> list[Part]:
    """The rows of each file. One that has not changed since it was read last is not read again."""
    parts = []
    wheres = list(wheres)
    for path in _known.keys() - {path for _, path in wheres}:
        del _known[path]
    for where, path in wheres:
        try:
            with open_octets(path) as file:
                stamp = _stamp(file.fileno())
                known = _known.get(path)
                if known is not None and (known.stamp, known.names) == (stamp, names.key):
                    parts.append(known.part)
                    _warn(report, known.doubts)
                    continue
                octets = b"" if stamp[1] > FILE_SIZE_MAX else read_octets(file, FILE_SIZE_MAX)
                if max(stamp[1], len(octets)) > FILE_SIZE_MAX:
                    raise ValueError(f"is longer than {FILE_SIZE_MAX >> 30} GB")
        except OSError as error:
            report.error(where, f'"{path}" cannot be read: {error.strerror}')
            continue
        except ValueError as error:
            report.error(where, f'"{path}" {error}')
            continue
        reading = _Reading(report, path, replace(names, given=set()))
        rows = reading.read(octets)
        part = Part(rows, reading.where, classes=frozenset(reading.names.given))
        _warn(report, reading.doubts)
        if not reading.wrong:
            _known[path] = _Known(stamp, names.key, part, reading.doubts)
        parts.append(part)
    return parts


def _warn(report: Report, doubts: list[tuple[Where, str]]) -> None:
    for where, text in doubts:
        report.warn(where, text)


def _stamp(fd: int) -> Stamp:
    found = os.fstat(fd)
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@dataclass
class _Reading:
    """One file while it is read. `wrong`: rows that are."""

    report: Report
    path: Path
    names: Names
    columns: list[str] = field(default_factory=list)
    rows: Rows = field(default_factory=Rows)
    wrong: int = 0
    doubts: list[tuple[Where, str]] = field(default_factory=list)

    def read(self, octets: bytes) -> Rows:
        """All rows that are right."""
        end = octets.find(b"\n") + 1 or len(octets)
        try:
            octets.decode()
        except UnicodeDecodeError as error:
            line = octets.count(b"\n", 0, error.start) + 1
            self._error(line, "", "is not UTF-8 text; save the file as UTF-8")
            return self.rows
        begin = len(_BOM) if octets.startswith(_BOM) else 0
        codes = self._heads(octets[begin:end].decode().rstrip("\r\n"))
        if codes is None:
            return self.rows
        self._doubt(octets, end)
        reader = CsvReader(self.rows, octets, codes, end)
        while (found := reader.read()) is not None:
            self._look(reader, *found)
        if self.wrong > ERRORS_MAX:
            more = f"has {self.wrong - ERRORS_MAX} more rows that are wrong"
            self.report.error(self._where(1, ""), more)
        self.rows.trim()
        return self.rows

    def where(self, row: int, key: str) -> Where:
        """The place of a row's column; with no key, of its identifier."""
        return self._where(self.rows.line(row), key or self.columns[0])

    def _where(self, line: int, column: str) -> Where:
        path: KeyPath = (column,)
        return Where(Source(str(self.path), "", is_json=False, lines={path: line}), path)

    def _error(self, line: int, column: str, text: object) -> None:
        self.wrong += 1
        if self.wrong <= ERRORS_MAX:
            self.report.error(self._where(line, column), text)

    # ---- the first line

    def _heads(self, line: str) -> list[int] | None:
        """What the columns hold. None: that cannot be said (and is told)."""
        try:
            self.columns = [name.strip() for name in _split(line)]
        except csv.Error as error:
            told = "ends its lines in CR alone; save it with LF, or with CR and LF"
            self._error(1, "", told if "\r" in line else f"is not CSV: {error}")
            return None
        known = {**self.names.kinds, **_COLUMNS}
        if absent := self._no_heads(line, known):
            self._error(1, "", absent)
            return None
        for place, name in enumerate(self.columns):
            if name not in known:
                self._error(1, name, unknown("a column", name, known))
            elif name in self.columns[:place]:
                self._error(1, name, "is there already; name each column once")
        if not self.wrong and not self._identifiers():
            kinds = ", ".join(f'"{name}"' for name in self.names.kinds)
            self._error(1, "", f"names no identifier; one column must be one of {kinds}")
        return None if self.wrong else [known[name] for name in self.columns]

    def _no_heads(self, line: str, known: Mapping[str, int]) -> str | None:
        """What is said of a first line that names no column at all."""
        if any(name in known for name in self.columns):
            return None
        if ";" in line and any(name.strip() in known for name in line.split(";")):
            return "separates its columns by semicolons; write commas"
        if line.startswith("#"):
            return "begins with #, and CSV has no comments; the first line names the columns"
        if not any(nearest(name, known) or name in KNOWN_ELSEWHERE for name in self.columns):
            example = "hw-address,address,hostname"
            return f"names no columns; write a first line that does, such as {example}"
        return None

    def _doubt(self, octets: bytes, at: int) -> None:
        """Warns of the first identifier in each column that is octets as others write them."""
        for place, name in enumerate(self.columns):
            if name not in self.names.kinds or name == "hw-address":
                continue
            before = rb"^(?:[^,\n]*,){%d}" % place
            row = re.compile(before + rb'"?(' + IN_CSV + rb')"?(?=[,\r]|$)', re.MULTILINE)
            if (found := _search(row, octets, at)) is not None:
                text = doubt_of_identifier(found[1].decode())
                line = octets.count(b"\n", 0, found.start()) + 1
                self.doubts.append((self._where(line, name), f"{text}"))

    def _identifiers(self) -> list[str]:
        return [name for name in self.columns if name in self.names.kinds]

    # ---- a row that asks for a second look

    def _look(self, reader: CsvReader, line: int, octets: bytes) -> None:
        before = self.wrong
        try:
            fields = _split(octets.decode())
        except csv.Error as error:
            self._error(line, self.columns[0], f"is not CSV: {error}")
            return
        if octets.startswith(b"#"):
            self._error(line, "", "begins with #, and CSV has no comments; take the line out")
            return
        if len(fields) != len(self.columns):
            count = f"{len(fields)} field{'' if len(fields) == 1 else 's'}"
            told = f"the row has {count}, and the first line names {len(self.columns)}"
            self._error(line, self.columns[min(len(fields), len(self.columns)) - 1], told)
            return
        row: dict[str, Any] = {}
        for column, text in zip(self.columns, fields, strict=True):
            if text:
                self._field(line, column, text, row, reader)
        if self.wrong == before and "kind" not in row:
            known = ", ".join(self._identifiers())
            self._error(line, self._identifiers()[0], f"the row has no identifier; write {known}")
        if self.wrong == before:
            self.rows.add(**row, line=line)

    def _field(
        self, line: int, column: str, text: str, row: dict[str, Any], reader: CsvReader
    ) -> None:
        try:
            if text != text.strip(_BLANKS):
                raise ValueError(
                    "has a space before or after it; take it out (in an identifier write hex:20)"
                )
            if column in self.names.kinds:
                if "kind" in row:
                    raise ValueError("the row has another identifier already; write one in each")
                row["kind"] = self.names.kinds[column]
                row["identity"] = read_identity(column, text)
            else:
                _READERS[column](self.names, reader, text, row)
        except ValueError as error:
            self._error(line, column, error)


def _search(row: re.Pattern[bytes], octets: bytes, at: int) -> re.Match[bytes] | None:
    """The first line that is found, a piece of the file at a time: between two pieces others get
    the interpreter, of which a search in all of a large file would keep them for a second."""
    while at < len(octets):
        end = octets.find(b"\n", at + _PIECE) + 1 or len(octets)
        if (found := row.search(octets, at, end)) is not None:
            return found
        at = end
    return None


def _split(line: str) -> list[str]:
    """The fields of a line. Raises csv.Error."""
    found = list(csv.reader([line], strict=True))
    return found[0] if found else [""]


def _address(names: Names, reader: CsvReader, text: str, row: dict[str, Any]) -> None:
    row["address"] = values.address(text)
    if row["address"] == 0:
        raise ValueError("0.0.0.0 is no host's address; leave it empty for a row without address")


def _hostname(names: Names, reader: CsvReader, text: str, row: dict[str, Any]) -> None:
    row["hostname"] = values.printable(text, values.IDENTIFIER_MAX)


def _boot_file(names: Names, reader: CsvReader, text: str, row: dict[str, Any]) -> None:
    row["boot_file"] = values.printable(text, values.BOOT_FILE_MAX)


def _next_server(names: Names, reader: CsvReader, text: str, row: dict[str, Any]) -> None:
    row["next_server"] = values.address(text)


def _classes(names: Names, reader: CsvReader, text: str, row: dict[str, Any]) -> None:
    row["classes"] = names.class_places(text.split("+"))
    reader.learn_classes(text.encode(), row["classes"])


def _vrf(names: Names, reader: CsvReader, text: str, row: dict[str, Any]) -> None:
    row["vrf"] = names.vrf(text)
    reader.learn_vrf(text.encode(), row["vrf"])


_READERS: Mapping[str, Callable[[Names, CsvReader, str, dict[str, Any]], None]] = {
    "address": _address,
    "hostname": _hostname,
    "boot-file": _boot_file,
    "next-server": _next_server,
    "classes": _classes,
    "vrf": _vrf,
}
