"""Names in a policy image: its subnets, pools, reservations, as the configuration has them."""

import mmap
import os
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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
    header = tables.read_header(image)
    subnets = [_subnet(image, row) for row in tables.read_rows(image, "subnets")]
    reserved = (row.vrf << 32 | row.address for row in tables.read_rows(image, "reservations"))
    return Catalog(
        generation=header.generation,
        durable=bool(header.durable),
        subnets=subnets,
        pools=[_pool(image, row, subnets) for row in tables.read_rows(image, "pools")],
        names_by_id={subnet.id: subnet.name for subnet in subnets},
        reserved=array("Q", sorted(reserved)),
    )


def _text(image: mmap.mmap, at: int, size: int) -> str:
    return image[at : at + size].decode()


def _subnet(image: mmap.mmap, row: Any) -> SubnetName:
    last = row.address | ~row.mask & 0xFFFFFFFF
    name = _text(image, row.name_at, row.name_len)
    return SubnetName(row.id, row.vrf, name, row.address, last)


def _pool(image: mmap.mmap, row: Any, subnets: Sequence[SubnetName]) -> PoolName:
    name = _text(image, row.name_at, row.name_len)
    return PoolName(row.vrf, subnets[row.subnet].name, name, row.size)
