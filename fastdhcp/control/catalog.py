"""Names in a policy image: its subnets, pools, reservations, as the configuration has them."""

import mmap
import os
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from struct import Struct

from fastdhcp.config import tables


@dataclass(frozen=True, slots=True)
class SubnetName:
    """`id` is the number that records carry; the addresses are within it."""

    id: int
    vrf: int
    name: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class PoolName:
    """`size`: addresses that it may give, without exclusions and the server's own."""

    vrf: int
    subnet: str
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Catalog:
    """One generation's names. `pools` are in the order of Memory.tally()."""

    generation: int = 0
    durable: bool = True
    subnets: Sequence[SubnetName] = ()
    pools: Sequence[PoolName] = ()
    names_by_id: Mapping[int, str] = field(default_factory=dict)
    reserved: Sequence[int] = ()  # VRF << 32 | address, sorted

    @classmethod
    def read(cls, image_fd: int) -> "Catalog":
        """From a policy image. Raises ValueError if it is of another layout."""
        size = os.fstat(image_fd).st_size
        with mmap.mmap(image_fd, size, prot=mmap.PROT_READ) as image:
            return _read(image)

    def is_reserved(self, vrf: int, address: int) -> bool:
        key = vrf << 32 | address
        at = bisect_left(self.reserved, key)
        return at < len(self.reserved) and self.reserved[at] == key

    def subnet_at(self, vrf: int, address: int) -> SubnetName | None:
        """The subnet that holds an address."""
        at = bisect_right(self.subnets, (vrf, address), key=lambda s: (s.vrf, s.first)) - 1
        found = self.subnets[at] if at >= 0 else None
        return found if found and found.vrf == vrf and address <= found.last else None


def _read(image: mmap.mmap) -> Catalog:
    magic, layout, _, _, generation, _, _, _, _, durable, _ = tables.HEADER.unpack_from(image)
    if (magic, layout) != (tables.IMAGE_MAGIC, tables.IMAGE_LAYOUT):
        raise ValueError("the policy image is not of this layout")
    subnets = [_subnet(image, row) for row in _rows(image, "subnets", tables.SUBNET)]
    # vrf, address of each Reservation.
    reserved = array(
        "Q", (r[0] << 32 | r[1] for r in _rows(image, "reservations", tables.RESERVATION))
    )
    return Catalog(
        generation=generation,
        durable=bool(durable),
        subnets=subnets,
        pools=[_pool(image, row, subnets) for row in _rows(image, "pools", tables.POOL)],
        names_by_id={subnet.id: subnet.name for subnet in subnets},
        reserved=array("Q", sorted(reserved)),
    )


def _rows(image: mmap.mmap, name: str, row: Struct) -> list[tuple[int, ...]]:
    """Rows of a table; their fields are those of the struct in _image.pxd."""
    place = tables.HEADER.size + tables.TABLES.index(name) * tables.TABLE.size
    at, count = tables.TABLE.unpack_from(image, place)
    return list(row.iter_unpack(image[at : at + count * row.size]))


def _text(image: mmap.mmap, at: int, size: int) -> str:
    return image[at : at + size].decode()


def _subnet(image: mmap.mmap, row: tuple[int, ...]) -> SubnetName:
    vrf, address, mask, _, number, _, _, _, _, name_at, name_len, _ = row
    last = address | ~mask & 0xFFFFFFFF
    return SubnetName(number, vrf, _text(image, name_at, name_len), address, last)


def _pool(image: mmap.mmap, row: tuple[int, ...], subnets: Sequence[SubnetName]) -> PoolName:
    vrf, subnet, size, name_at, name_len = row[0], row[3], row[11], row[12], row[13]
    return PoolName(vrf, subnets[subnet].name, _text(image, name_at, name_len), size)
