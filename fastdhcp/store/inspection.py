"""The store's file, looked at before LMDB maps it, for LMDB believes whatever stands there.

A page that is missing because the file was cut short is SIGBUS, and a page of rubbish an assertion:
the process would end without a word. So what the newer of the two meta pages can reach is walked
through first. Only pages of branches and leaves are read: milliseconds for a million leases.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

_PAGE_HEADER = struct.Struct("<QHHHH")  # number, spare, flags, lower and upper bound of free space
_META = struct.Struct("<II16x")  # magic, version of the format
_TABLE = struct.Struct("<IHHQQQQQ")  # pad (here: the page size), flags, depth, counts, root
_NEWEST = struct.Struct("<QQ")  # last page in use, transaction
_NODE = struct.Struct("<HHHH")  # data size in two halves, flags, key size
_NUMBER = struct.Struct("<Q")
_MAGIC, _VERSION = 0xBEEFC0DE, 1
_BRANCH, _LEAF, _IS_META = 0x01, 0x02, 0x08
_OVERFLOW_NODE, _TABLE_NODE = 0x01, 0x02
_NO_PAGE = (1 << 64) - 1
_PAGE_SIZES = [1 << bits for bits in range(9, 17)]
_TABLES_AT = _PAGE_HEADER.size + _META.size
_NEWEST_AT = _TABLES_AT + 2 * _TABLE.size


def inspect(path: Path) -> None:
    """Does nothing about a file that is missing or empty: LMDB makes that anew.

    Raises ValueError, in words that go on from the file's name; OSError.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if os.fstat(fd).st_size:
            _File(fd).walk()
    finally:
        os.close(fd)


class _File:
    """One environment's file, as far as it is written: offsets of LMDB's format 0.9."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._size = os.fstat(fd).st_size
        first = self._meta(0)
        (self._page_size,) = struct.unpack_from("<I", first, _TABLES_AT)
        if self._page_size not in _PAGE_SIZES:
            raise ValueError(f"is damaged: it says that a page has {self._page_size} bytes")
        second = self._meta(self._page_size)
        self._newer = max(first, second, key=lambda page: _NEWEST.unpack_from(page, _NEWEST_AT)[1])
        self._last = _NEWEST.unpack_from(self._newer, _NEWEST_AT)[0]

    def walk(self) -> None:
        """Every page that can be reached. Raises ValueError."""
        at = (_TABLES_AT, _TABLES_AT + _TABLE.size)
        left = [root for place in at for root in _root(self._newer, place)]
        seen = 0
        while left:
            number = left.pop()
            seen += 1
            if seen > self._last + 1:
                raise ValueError("is damaged: its pages lead in a circle")
            try:
                left += self._children(self._page(number))
            except struct.error as error:
                raise ValueError(f"is damaged in page {number}") from error

    def _meta(self, at: int) -> bytes:
        page = os.pread(self._fd, _NEWEST_AT + _NEWEST.size, at)
        if len(page) < _NEWEST_AT + _NEWEST.size:
            raise ValueError(f"is cut short, to {self._size} bytes")
        flags = _PAGE_HEADER.unpack_from(page)[2]
        magic, version = _META.unpack_from(page, _PAGE_HEADER.size)
        if magic != _MAGIC or not flags & _IS_META:
            text = "is not a lease store: it is another program's file, or was overwritten"
            raise ValueError(text)
        if version != _VERSION:
            raise ValueError(f"is of LMDB's format {version}; this version reads {_VERSION}")
        return page

    def _page(self, number: int) -> bytes:
        self._check_room(number, 1)
        page = os.pread(self._fd, self._page_size, number * self._page_size)
        if _PAGE_HEADER.unpack_from(page)[0] != number:
            raise ValueError(f"is damaged in page {number}")
        return page

    def _check_room(self, number: int, pages: int) -> None:
        end = (number + pages) * self._page_size
        if number + pages - 1 > self._last:
            raise ValueError(f"is damaged: page {number} is beyond its last one")
        if end > self._size:
            raise ValueError(f"is cut short, to {self._size} bytes: there are pages up to {end}")

    def _children(self, page: bytes) -> Iterator[int]:
        """Pages that this one names; values on pages of their own need only be there."""
        number, _, flags, lower, _ = _PAGE_HEADER.unpack_from(page)
        if not flags & (_BRANCH | _LEAF):
            raise ValueError(f"is damaged in page {number}")
        for place in range(_PAGE_HEADER.size, lower, 2):
            (at,) = struct.unpack_from("<H", page, place)
            low, high, kind, key_size = _NODE.unpack_from(page, at)
            value_at = at + _NODE.size + key_size
            if flags & _BRANCH:
                yield low | high << 16 | kind << 32
            elif kind & _OVERFLOW_NODE:
                (first,) = _NUMBER.unpack_from(page, value_at)
                whole = _PAGE_HEADER.size + (low | high << 16)
                self._check_room(first, -(-whole // self._page_size))
            elif kind & _TABLE_NODE:
                yield from _root(page, value_at)


def _root(page: bytes, at: int) -> list[int]:
    """The root page of a table's description; none if the table is empty."""
    root = _TABLE.unpack_from(page, at)[-1]
    return [] if root == _NO_PAGE else [root]
