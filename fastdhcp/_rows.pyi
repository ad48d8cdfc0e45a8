"""Rows of reservations as they are read: from TOML one by one, from CSV a million at a time."""

import enum
from collections.abc import Sequence

class Column(enum.IntFlag):
    COLUMN_ADDRESS = ...
    COLUMN_HOSTNAME = ...
    COLUMN_CLASSES = ...
    COLUMN_VRF = ...
    COLUMN_BOOT_FILE = ...
    COLUMN_NEXT_SERVER = ...

class Rows:
    """Rows, in the order in which they were read."""

    def __len__(self) -> int: ...
    def add(
        self,
        *,
        kind: int,
        identity: bytes,
        vrf: int = ...,
        address: int = ...,
        home: int = ...,
        next_server: int = ...,
        hostname: bytes = ...,
        boot_file: bytes = ...,
        classes: Sequence[int] = ...,
        options: int = ...,
        overlay: int = ...,
        line: int = ...,
    ) -> None:
        """One row. `home`: an address in the subnet that it is of, if it has none itself."""
    def line(self, row: int) -> int:
        """The line of its file that a row stands in; 0: it was in none."""
    def address(self, row: int) -> int:
        """The address of a row; 0: it has none."""
    def identity(self, row: int) -> tuple[bool, bytes]:
        """Whether its identifier is htype and chaddr, and the octets of it."""
    def vrf(self, row: int) -> int:
        """The place of its VRF."""
    def classes(self, row: int) -> tuple[int, ...]:
        """Places + 1 of the classes that it names."""
    def trim(self) -> None:
        """Gives back what the rows do not need."""

class CsvReader:
    """Reads a file of reservations into `rows`."""

    def __init__(self, rows: Rows, data: bytes, columns: Sequence[int], at: int) -> None: ...
    def learn_classes(self, written: bytes, classes: Sequence[int]) -> None:
        """What this field stands for from now on: places of classes + 1."""
    def learn_vrf(self, written: bytes, vrf: int) -> None:
        """Likewise a VRF, by its place."""
    def read(self) -> tuple[int, bytes] | None:
        """Reads on, to the next line that asks for a second look: its number, and its octets."""
