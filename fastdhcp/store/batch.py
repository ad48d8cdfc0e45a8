"""A batch of the journal: its header, then the entries as the rings held them.

Header 2 says of which run the batch is (the segments' id), how far that run's rings are on disk
with it, and what the clocks were then: beside its batch a commit writes nothing. Header 1, an older
version's, has the two times only; positions and clock stood in ``meta`` then.
"""

import functools
import struct
from typing import NamedTuple
from uuid import UUID

from fastdhcp.store.clock import Mark, Reading

_HEADER_1 = struct.Struct("<IIq")
"""Format, node time in seconds, wall time in nanoseconds. Header 2 begins with the same."""
_NEWEST = 2
_BELIEVED = 1
FIXED_SIZE = 64
"""Of header 2 without the rings' heads. No two batches agree in them: run and clocks are there."""


class Header(NamedTuple):
    """``size`` in bytes, ``wall_ns`` of this machine's wall clock. Of header 1 ``run`` is 0,
    ``heads`` empty and ``mark`` None."""

    size: int
    node_time_s: int
    wall_ns: int
    run: int = 0
    heads: tuple[int, ...] = ()
    mark: Mark | None = None


@functools.cache
def _header_2(rings: int) -> struct.Struct:
    """The times, run, boot time and offset of node time (ns), boot id, flags, rings, their heads;
    the entries behind it stand at a multiple of eight bytes."""
    return struct.Struct(f"<IIqQqq16sII{rings}Q")


@functools.cache
def _packed(boot_id: str) -> bytes:
    return UUID(boot_id).bytes


def header_size(rings: int) -> int:
    """Bytes before the entries of a batch that is written now."""
    return _header_2(rings).size


def write_header(
    batch: bytearray, node_time_s: int, run: int, heads: list[int], mark: Mark
) -> None:
    """Header 2, into the room that the batch has for it."""
    now = mark.reading
    _header_2(len(heads)).pack_into(
        batch, 0, _NEWEST, node_time_s, now.wall_ns, run, now.boot_ns, mark.offset_ns,
        _packed(now.boot_id), _BELIEVED if now.believed else 0, len(heads), *heads,
    )  # fmt: skip


def read_header(batch: bytes | bytearray | memoryview) -> Header:
    """Raises ValueError, in words, if it begins no batch."""
    if len(batch) < _HEADER_1.size:
        raise ValueError("the journal is damaged: a batch without a header")
    number, node_time_s, wall_ns = _HEADER_1.unpack_from(batch)
    if number == 1:
        return Header(_HEADER_1.size, node_time_s, wall_ns)
    if number != _NEWEST:
        raise ValueError(f"the journal is damaged: a batch of format {number}")
    try:
        return _read_header_2(batch)
    except struct.error:
        raise ValueError("the journal is damaged: a batch whose header is cut short") from None


def _read_header_2(batch: bytes | bytearray | memoryview) -> Header:
    fixed = _header_2(0)
    *_, rings = fixed.unpack_from(batch)
    if rings > (len(batch) - fixed.size) // 8:
        raise struct.error
    whole = _header_2(rings)
    found = whole.unpack_from(batch)
    _, node_time_s, wall_ns, run, boot_ns, offset_ns, boot_id, flags, _ = found[:9]
    reading = Reading(str(UUID(bytes=boot_id)), boot_ns, wall_ns, bool(flags & _BELIEVED))
    return Header(whole.size, node_time_s, wall_ns, run, found[9:], Mark(offset_ns, reading))
