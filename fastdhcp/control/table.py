"""Reads of the lease table for commands: in threads, in bounded pieces, costly ones kept a while.

A read copies records between two equal readings of their lock words and never takes a lock, so no
worker waits for it.
"""

import asyncio
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import TypeVar

from fastdhcp._lease import Lease as Record
from fastdhcp._leases import BLOCK_SIZE
from fastdhcp._memory import Memory
from fastdhcp._owners import client_reservation
from fastdhcp.control.catalog import Catalog, PoolName
from fastdhcp.control.lease import Lease, WallClock, lease_of, unbound
from fastdhcp.words import address_number

PIECE_BLOCKS = 8
"""Blocks read in one go: 2,048 leases take some 10 ms."""
LOCKED_TRIES = 40
LOCKED_WAIT_S = 0.05
"""A record stays locked that long only if its holder died; a repair takes less than 2 s."""
CENSUS_KEPT_S = 1.0
CENSUS_SHARE = 20
"""Counting is done again after this many times what it took: at most 5 % of a core."""

Place = tuple[int, int]
"""VRF and address."""
T = TypeVar("T")


class RecordLocked(Exception):
    """A record stays locked: the process that holds it died and is not repaired yet."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Addresses of a pool by the state that lists show; `active` without those `pending`."""

    free: int
    offered: int
    active: int
    pending: int
    grace: int
    declined: int


POOL_STATES = tuple(field.name for field in fields(Tally))


@dataclass(frozen=True, slots=True)
class Census:
    """The addresses in use: of each pool, and `total` of the whole table, in pools or not."""

    pools: Sequence[tuple[PoolName, Tally]] = ()
    total: Tally = Tally(0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Page:
    """Leases in the order of VRF and address, and where the next page starts (None: the end)."""

    leases: Sequence[Lease]
    next: Place | None


class Table:
    """The lease table with the names that belong to it."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.catalog = Catalog()
        self.wall = WallClock()
        self._blocks: list[tuple[int, int, int]] = []
        self._census = Census()
        self._census_until_s = 0.0
        self._census_lock = asyncio.Lock()
        self._scan_lock = asyncio.Lock()

    def set_catalog(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._census_until_s = 0.0

    def now(self) -> int:
        """Node time, with the wall clock held against it."""
        self.wall.read(self.memory.time_offset_ns)
        return self.memory.now()

    async def lease(self, vrf: int, address: int) -> Lease | None:
        """What stands at an address; None if no subnet holds it and it was never bound."""
        record = await self._read(partial(self.memory.lease, vrf, address))
        if record is not None and record.version:
            return self._shown(record, self.now())
        subnet = self.catalog.subnet_at(vrf, address)
        if record is not None and record.offer_until > self.now():
            return self._shown(record, self.now())
        if subnet is None:
            return None
        reservation = self.catalog.reservations.at(vrf, address)
        return unbound(vrf, address, subnet.name, reservation, self.catalog.vrfs.get(vrf))

    async def find(self, chaddr: bytes) -> list[Lease]:
        """Every address that is or was last bound to this hardware address, by a scan; one scan
        at a time."""
        async with self._scan_lock:
            records = await self._read(partial(self.memory.find, chaddr))
        now = self.now()
        return [self._shown(record, now) for record in records]

    async def page(self, after: Place | None, limit: int, keep: Callable[[Lease], bool]) -> Page:
        """At most `limit` leases behind `after` that are wanted."""
        found: list[Lease] = []
        async for leases in self.pieces(after):
            wanted = [lease for lease in leases if keep(lease)]
            if len(found) + len(wanted) > limit:
                found += wanted[: limit - len(found)]
                return Page(found, _place_of(found[-1]) if found else after)
            found += wanted
        return Page(found, None)

    async def pieces(self, after: Place | None) -> AsyncIterator[list[Lease]]:
        """All leases behind `after`, that were ever bound or are offered, piece by piece."""
        from_block = -1, -1
        if after is not None:
            from_block = after[0], after[1] // BLOCK_SIZE - 1
        while True:
            blocks = self.blocks()
            at = bisect_right(blocks, from_block, key=lambda block: block[:2])
            piece = blocks[at : at + PIECE_BLOCKS]
            if not piece:
                return
            shown = await self._read(partial(self._piece, piece, after))
            if shown:
                yield shown
            from_block = piece[-1][:2]

    def blocks(self) -> list[tuple[int, int, int]]:
        """Blocks in use, sorted by VRF and address; looked for again when there are more."""
        if len(self._blocks) != self.memory.block_count:
            self._blocks = self.memory.blocks()
        return self._blocks

    async def census(self) -> Census:
        """Addresses counted by state, at most a second ago (or 20 times what counting takes)."""
        async with self._census_lock:
            while (started_s := time.monotonic()) >= self._census_until_s:
                catalog = self.catalog
                counted, total = await asyncio.to_thread(self._counted)
                if catalog is not self.catalog:
                    continue  # counted by a policy that is gone
                tallies = [Tally(*row) for row in counted]
                pools = list(zip(catalog.pools, tallies, strict=True))
                self._census = Census(pools, Tally(0, *total))
                took_s = time.monotonic() - started_s
                self._census_until_s = started_s + max(CENSUS_KEPT_S, CENSUS_SHARE * took_s)
            return self._census

    def _counted(self) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
        return [*self.memory.tally()], self.memory.census()

    def _piece(self, blocks: Sequence[tuple[int, int, int]], after: Place | None) -> list[Lease]:
        now = self.now()
        return [
            self._shown(record, now)
            for _, _, number in blocks
            for record in self.memory.block_leases(number, ever=True)
            if after is None or (record.vrf, record.address) > after
        ]

    def _shown(self, record: Record, now: int) -> Lease:
        subnet = self.catalog.names_by_id.get(record.subnet_id)
        if subnet is None or not record.version:
            holder = self.catalog.subnet_at(record.vrf, record.address)
            subnet = holder.name if holder else None
        kept = self.catalog.reservations
        return lease_of(
            record,
            now,
            self.wall,
            subnet,
            reservation=kept.at(record.vrf, record.address) if kept else None,
            own=kept.of(client_reservation(self.memory, record.number)) if kept else None,
            vrf_name=self.catalog.vrfs.get(record.vrf),
            class_=self.catalog.classes_by_id.get(record.class_id),
        )

    async def _read(self, read: Callable[[], T]) -> T:
        """In a thread; again while a record is locked. Raises RecordLocked."""
        for _ in range(LOCKED_TRIES):
            try:
                return await asyncio.to_thread(read)
            except TimeoutError:
                await asyncio.sleep(LOCKED_WAIT_S)
        raise RecordLocked(
            "a record is locked: the process that held it died and is being repaired; try again"
        )


def _place_of(lease: Lease) -> Place:
    return lease.vrf, address_number(lease.address)
