"""The file table of reservations: made of rows, looked up by identifier and by address."""

from array import array
from collections.abc import Sequence
from enum import IntEnum
from mmap import mmap
from typing import Any

from fastdhcp._rows import Rows

PREFIX_SIZE: int
HEAD_SIZE: int
CELL_SIZE: int
CLASS_ID_MAX: int

class Trouble(IntEnum):
    TROUBLE_NO_SUBNET = 1
    TROUBLE_EDGE = 2
    TROUBLE_ADDRESS_TWICE = 3
    TROUBLE_IDENTIFIER_TWICE = 4
    TROUBLE_CLASS = 5

def table_size(parts: Sequence[Rows]) -> int:
    """Octets of the table of these Rows. Raises OverflowError."""

def table_blocks(parts: Sequence[Rows]) -> list[int]:
    """VRF's place << 32 | block of 256 addresses, of each that holds a reserved one."""

def fill_table(
    buffer: bytearray | mmap,
    parts: Sequence[Rows],
    vrfs: array[int],
    classes: array[int],
    prefixes: bytes,
    networks: int,
    graces: bool = ...,
) -> tuple[Sequence[int], Sequence[int], list[tuple[int, int, int, int | None]]]:
    """Makes the table of all rows in `buffer`: what kinds of identifier each network and each VRF
    use, and what is wrong: (Trouble, part, row, the other row's number among all)."""

def lower_pools(image_bytes: bytearray, buffer: bytes | mmap) -> None:
    """Takes what the table reserves off the sizes of an image's pools."""

class ReservationsView:
    """A file table. Raises ValueError for what is no file table of this layout, or is cut."""

    def __init__(self, buffer: bytes | bytearray | memoryview | mmap) -> None: ...
    def __len__(self) -> int: ...
    @property
    def addressed(self) -> int:
        """Reservations with an address."""
    def row(self, number: int) -> dict[str, Any]:
        """The reservation of a cell."""
    def at(self, vrf: int, address: int) -> dict[str, Any] | None:
        """The reservation of an address, or None."""
    def find(self, network: int, vrf: int, kind: int, identity: bytes) -> dict[str, Any] | None:
        """The reservation of an identifier in a network (by its number; 0: of no subnet)."""
