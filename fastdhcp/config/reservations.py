"""Reservations of all files, and the file table that is made of them (_reservations.pxd).

Rows of TOML and rows of CSV files become one table in a sealed memfd. A file is read anew only if
it has changed, and the table is made anew only if something in it has: a reload with a million
reservations that are as they were costs next to nothing.
"""

import os
import struct
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import F_ADD_SEALS, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_WRITE, fcntl
from mmap import PROT_READ, mmap
from typing import Any

from fastdhcp._reservations import (
    CLASS_ID_MAX,
    Trouble,
    fill_table,
    table_blocks,
    table_size,
)
from fastdhcp._rows import Rows
from fastdhcp.config.report import Report, Where
from fastdhcp.config.values import HTYPE_ETHERNET
from fastdhcp.options import shown
from fastdhcp.words import address_text

_PREFIX = struct.Struct("<5I")  # VRF's place, first, last, network's number, network's index


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one kind of file, and where each of them stands."""

    rows: Rows
    where: Callable[[int, str], Where]
    """The place of a row's key."""
    says: object = None
    """What the rows say, to be compared; None: this very part alone says it."""
    classes: frozenset[str] = frozenset()
    """Those that the rows name, if nobody else has been told."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """A subnet as rows find theirs: `vrf` by name, `network` by its place, `number` its number."""

    vrf: str
    name: str
    first: int
    last: int
    network: int
    number: int


@dataclass(frozen=True, slots=True)
class Made:
    """A table with a run's numbers. `network_kinds`: what kinds of identifier the reservations of
    each network use, those of its VRF that are of no subnet included (bits by IdentityKind)."""

    fd: int
    network_kinds: Sequence[int]
    general_kinds: Sequence[int]

    def __del__(self) -> None:
        os.close(self.fd)

    @contextmanager
    def mapped(self) -> Iterator[mmap]:
        """The table, to be read."""
        with mmap(self.fd, 0, prot=PROT_READ) as table:
            yield table


class ReservationTable:
    """All reservations of a configuration. `overlays`, `options`: what single ones have of their
    own, in the order in which the image's tables begin with them."""

    def __init__(
        self,
        parts: Sequence[Part],
        vrfs: Sequence[str],
        classes: Sequence[str],
        prefixes: Sequence[Prefix],
        networks: Sequence[str],
        overlays: Sequence[Mapping[str, Any]],
        options: Sequence[Any],
    ) -> None:
        self._parts = parts
        self._rows = [part.rows for part in parts]
        self.vrfs = vrfs
        self._classes = classes
        self._prefixes = sorted(prefixes, key=lambda p: (vrfs.index(p.vrf), p.first))
        self._packed = _packed(self._prefixes, vrfs)
        self._networks = [vrfs.index(vrf) for vrf in networks]
        self.overlays = overlays
        self.options = options
        self._made: tuple[tuple[object, ...], Made] | None = None
        self._graces = any("reuse_grace_s" in chosen for chosen in overlays)

    def __len__(self) -> int:
        return sum(map(len, self._rows))

    def blocks(self) -> Iterator[tuple[str, int]]:
        """VRF and number of each block of 256 addresses with a reserved one."""
        for found in table_blocks(self._rows):
            yield self.vrfs[found >> 32], found & 0xFFFFFFFF

    def check(self, report: Report) -> None:
        """Says which rows contradict others, or lie in no subnet."""
        if self._made is not None:
            return  # it is the one of the configuration before, in which all was right
        numbers = tuple(range(len(self.vrfs))), tuple(range(1, len(self._classes) + 1))
        try:
            made, troubles = self._make(*numbers)
        except OverflowError as error:
            report.error(self._place(len(self) - 1), error)
            return
        self._made = numbers, made  # these numbers may well be those that the store gives
        for trouble, part, row, other in troubles:
            self._tell(report, Trouble(trouble), self._parts[part], row, other)

    def reusable(self, other: "ReservationTable | None") -> "ReservationTable":
        """The other one, if all of this is in it and nothing else: it is made already."""
        return other if other is not None and other._says() == self._says() else self

    def _says(self) -> tuple[object, ...]:
        told = [part.says if part.says is not None else id(part) for part in self._parts]
        return (
            told, list(self.vrfs), list(self._classes), self._packed, self._networks,
            list(self.overlays), list(self.options),
        )  # fmt: skip

    def kinds(self, network: int) -> int:
        """What kinds of identifier the reservations of a network use, by its place; after
        check()."""
        return self._made[1].network_kinds[network] if self._made is not None else 0

    def all_kinds(self) -> int:
        """Likewise, of all reservations."""
        if self._made is None:
            return 0
        found = 0
        for kinds in (*self._made[1].network_kinds, *self._made[1].general_kinds):
            found |= kinds
        return found

    def made(self, vrfs: Mapping[str, int], classes: Mapping[str, int]) -> Made:
        """The table with these numbers of VRFs and classes. Raises OSError; OverflowError with
        file and line if the number of a class is too high for it."""
        numbers = tuple(vrfs[name] if name else 0 for name in self.vrfs)
        ids = tuple(classes.get(name, 0) for name in self._classes)
        if self._made is None or self._made[0] != (numbers, ids):
            made, troubles = self._make(numbers, ids)
            if troubles:
                report = Report()
                for _, part, row, _ in troubles:
                    self._tell_class(report, self._parts[part], row, ids)
                raise OverflowError(str(report.errors()[0]))
            self._made = (numbers, ids), made
        return self._made[1]

    def _make(
        self, vrfs: Iterable[int], classes: Iterable[int]
    ) -> tuple[Made, list[tuple[int, int, int, int | None]]]:
        size = table_size(self._rows)
        fd = os.memfd_create("fastdhcp-reservations", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(fd, size)
            with mmap(fd, size) as room:
                kinds, general, troubles = fill_table(
                    room, self._rows, array("I", vrfs), array("I", classes), self._packed,
                    len(self._networks), self._graces,
                )  # fmt: skip
            fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
        except BaseException:
            os.close(fd)
            raise
        ofs = [general[vrf] for vrf in self._networks]
        return Made(fd, list(kinds)[: len(self._networks)], ofs), troubles

    def _tell(
        self, report: Report, trouble: Trouble, part: Part, row: int, other: int | None
    ) -> None:
        where, text = part.where, address_text(part.rows.address(row))
        if trouble is Trouble.TROUBLE_NO_SUBNET:
            words = "lies in no subnet of its VRF; write one of a subnet, or leave it out"
            report.error(where(row, "address"), f"{text} {words}")
        elif trouble is Trouble.TROUBLE_EDGE:
            prefix = self._prefix_of(part.rows, row)
            words = f"is not a host's address in {prefix.name}; write one from {_usable(prefix)}"
            report.error(where(row, "address"), f"{text} {words}")
        elif trouble is Trouble.TROUBLE_ADDRESS_TWICE:
            told = f"{text} is reserved already, at {self._place(other)}"
            report.error(where(row, "address"), told)
        else:
            report.error(
                where(row, ""),
                f"{_identity_text(part.rows, row)} has a reservation in this network already, at "
                f"{self._place(other)}; write one for each client",
            )

    def _tell_class(self, report: Report, part: Part, row: int, ids: Sequence[int]) -> None:
        """A class that a cell has no room for: check() cannot know what the store numbered it."""
        places = (place - 1 for place in part.rows.classes(row))
        place = next(place for place in places if ids[place] > CLASS_ID_MAX)
        report.error(
            part.where(row, "classes"),
            f'"{self._classes[place]}" is number {ids[place]} of all classes that this state '
            f"directory ever had; reservations can name the first {CLASS_ID_MAX}: give the class "
            "the name of an earlier one",
        )

    def _place(self, number: int | None) -> Where:
        """Where the row with this number among all stands."""
        assert number is not None
        for part in self._parts:
            if number < len(part.rows):
                return part.where(number, "")
            number -= len(part.rows)
        raise IndexError(number)

    def _prefix_of(self, rows: Rows, row: int) -> Prefix:
        address, vrf = rows.address(row), self.vrfs[rows.vrf(row)]
        found = (p for p in self._prefixes if p.vrf == vrf and p.first <= address <= p.last)
        return next(found)


def _packed(prefixes: Iterable[Prefix], vrfs: Sequence[str]) -> bytes:
    places = {name: place for place, name in enumerate(vrfs)}
    return b"".join(
        _PREFIX.pack(places[p.vrf], p.first, p.last, p.number, p.network) for p in prefixes
    )


def _identity_text(rows: Rows, row: int) -> str:
    """An identifier as one would write it."""
    is_hardware, octets = rows.identity(row)
    if is_hardware:
        chaddr = octets[1:].hex(":")
        return f'"{chaddr}"' if octets[0] == HTYPE_ETHERNET else f'"{octets[0]}/{chaddr}"'
    text = octets.decode("ascii", "replace")
    return shown(text) if text.isprintable() and text.isascii() else f'"hex:{octets.hex()}"'


def _usable(prefix: Prefix) -> str:
    edge = 1 if prefix.last - prefix.first > 1 else 0
    return f"{address_text(prefix.first + edge)} to {address_text(prefix.last - edge)}"
