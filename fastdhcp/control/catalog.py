"""Names in a policy image: its VRFs, subnets, pools, reservations and relay agents, as the
configuration has them."""

import mmap
import os
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastdhcp import words
from fastdhcp._reservations import ReservationsView
from fastdhcp.config import tables
from fastdhcp.config.definitions import definitions_of
from fastdhcp.config.identifiers import FIRST_KIND
from fastdhcp.config.model import IDENTITY_KINDS
from fastdhcp.config.subnets import DEFAULT_VRF_NAME
from fastdhcp.config.tables import NOWHERE
from fastdhcp.options import STANDARD, Definitions

VRF_NUMBER = re.compile(r"[0-9]{1,9}")
_KINDS = {number: name for name, number in IDENTITY_KINDS.items()}


@dataclass(frozen=True, slots=True)
class SubnetName:
    """`id` is the number that records carry; the addresses are within it. `network`: its place in
    Catalog.networks; `guard`: in Catalog.guards."""

    id: int
    vrf: int
    name: str
    first: int
    last: int
    network: int
    guard: int


@dataclass(frozen=True, slots=True)
class PoolName:
    """`size`: addresses that it may give, without exclusions and the server's own. `place`: of its
    subnet, in Catalog.subnets; `guard`: beside that of its subnet, in Catalog.guards."""

    vrf: int
    subnet: str
    name: str
    size: int
    first: int
    last: int
    place: int
    guard: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """Whom an address is kept for; `identity` is what is compared (_reservations.pxd)."""

    kind: str
    identity: bytes
    hostname: bytes

    @property
    def name(self) -> str:
        """As the configuration has it: `hw-address=02:ee:00:00:00:01`."""
        if self.kind == "hw-address":
            return f"{self.kind}={words.hardware_text(self.identity[1:])}"
        return f"{self.kind}={words.identifier_text(self.identity)}"


class Reservations:
    """By VRF and address, as they stand in the file table: there may be a million."""

    def __init__(
        self, table: ReservationsView | None = None, identifiers: Sequence[str] = ()
    ) -> None:
        self._table = table
        self._kinds = {**_KINDS, **dict(enumerate(identifiers, FIRST_KIND))}

    def __len__(self) -> int:
        return len(self._table) if self._table is not None else 0

    def kind(self, number: int) -> str:
        """What a kind of identifier is called."""
        return self._kinds[number]

    def __bool__(self) -> bool:
        return bool(self._table)

    def at(self, vrf: int, address: int) -> Reservation | None:
        return self.of(self._table.at(vrf, address) if self._table else None)

    def named(self, number: int) -> str | None:
        """What the reservation of a cell is called; None: there is no such cell."""
        if self._table is None or number >= len(self._table):
            return None
        found = self.of(self._table.row(number))
        return found.name if found else None

    def of(self, row: Mapping[str, Any] | None) -> Reservation | None:
        """Of a row as the file table has it."""
        if row is None:
            return None
        return Reservation(self._kinds[row["kind"]], row["identity"], row["hostname"])


@dataclass(frozen=True, slots=True)
class AgentName:
    """The relay agents with a giaddr from `first` to `last`. `link`: the subnet or shared network
    that they speak for; empty: that of their giaddr."""

    first: int
    last: int
    name: str
    link: str


@dataclass(frozen=True, slots=True)
class ClassName:
    """`id` is the number that records carry; `counter`: its word among COUNT_CLASS, or NOWHERE;
    `test`: as it is written, empty where it is built in or named by reservations alone."""

    id: int
    name: str
    counter: int
    test: str


@dataclass(frozen=True, slots=True)
class GuardNames:
    """Who may have addresses, by places in Catalog.classes. `allow` empty: any of them."""

    allow: Sequence[int]
    deny: Sequence[int]


@dataclass(frozen=True, slots=True)
class Catalog:
    """One generation's names, each list in the order of the image's table."""

    generation: int = 0
    compile_s: float = 0.0
    durable: bool = True
    networks: Sequence[str] = ()
    subnets: Sequence[SubnetName] = ()
    pools: Sequence[PoolName] = ()
    names_by_id: Mapping[int, str] = field(default_factory=dict)
    classes: Sequence[ClassName] = ()
    classes_by_id: Mapping[int, str] = field(default_factory=dict)
    guards: Sequence[GuardNames] = ()
    reservations: Reservations = field(default_factory=Reservations)
    vrfs: Mapping[int, str] = field(default_factory=dict)
    """Names by number; the default VRF has none."""
    agents: Sequence[AgentName] = ()
    definitions: Definitions = STANDARD
    """What options and sub-options are called, and how their values are written."""

    @classmethod
    def read(
        cls,
        image_fd: int,
        reservations_fd: int,
        identifiers: Sequence[str] = (),
        compile_s: float = 0.0,
    ) -> "Catalog":
        """From a policy image and its file table; `identifiers`: names of [identifiers]. Raises
        ValueError if they are of another layout."""
        table = ReservationsView(_mapped(reservations_fd))
        return _read(_mapped(image_fd), Reservations(table, identifiers), compile_s)

    def subnet_at(self, vrf: int, address: int) -> SubnetName | None:
        """The subnet that holds an address."""
        at = bisect_right(self.subnets, (vrf, address), key=lambda s: (s.vrf, s.first)) - 1
        found = self.subnets[at] if at >= 0 else None
        return found if found and found.vrf == vrf and address <= found.last else None

    def pool_at(self, vrf: int, address: int) -> PoolName | None:
        """The pool whose range holds an address."""
        at = bisect_right(self.pools, (vrf, address), key=lambda p: (p.vrf, p.first)) - 1
        found = self.pools[at] if at >= 0 else None
        return found if found and found.vrf == vrf and address <= found.last else None

    def vrf_number(self, said: int | str) -> int:
        """The VRF that a number, or a name, means. Raises ValueError for a name that none has."""
        if isinstance(said, int) or VRF_NUMBER.fullmatch(said):
            return int(said)
        if said == DEFAULT_VRF_NAME:
            return 0
        for number, name in self.vrfs.items():
            if name == said:
                return number
        known = ", ".join([DEFAULT_VRF_NAME, *sorted(self.vrfs.values())])
        raise ValueError(f"{said!r} is not a VRF; write its number, or one of {known}")

    def agent_name(self, giaddr: int) -> str | None:
        """The name of the relay agent with this giaddr."""
        found = self.agent(giaddr)
        return found.name or None if found else None

    def agent(self, giaddr: int) -> AgentName | None:
        """The relay agent with this giaddr, if [relays] names it."""
        at = bisect_right(self.agents, giaddr, key=lambda agent: agent.first) - 1
        return self.agents[at] if at >= 0 and giaddr <= self.agents[at].last else None

    def serves(self, address: int) -> bool:
        """Whether a subnet of any VRF holds an address."""
        return any(self.subnet_at(vrf, address) for vrf in {0, *self.vrfs})


def _mapped(fd: int) -> mmap.mmap:
    return mmap.mmap(fd, os.fstat(fd).st_size, prot=mmap.PROT_READ)


def _read(image: mmap.mmap, reservations: Reservations, compile_s: float) -> Catalog:
    header = tables.read_header(image)
    subnets = [_subnet(image, row) for row in tables.read_rows(image, "subnets")]
    networks = [
        _text(image, row.name_at, row.name_len) for row in tables.read_rows(image, "networks")
    ]
    classes = [_class(image, row) for row in tables.read_rows(image, "classes")]
    return Catalog(
        generation=header.generation,
        compile_s=compile_s,
        durable=bool(header.durable),
        networks=networks,
        subnets=subnets,
        pools=[_pool(image, row, subnets) for row in tables.read_rows(image, "pools")],
        definitions=definitions_of(
            bytes(row.value for row in tables.read_rows(image, "definitions"))
        ),
        names_by_id={subnet.id: subnet.name for subnet in subnets},
        classes=classes,
        guards=[_guard(row, len(classes)) for row in tables.read_rows(image, "guards")],
        classes_by_id={found.id: found.name for found in classes if found.id},
        reservations=reservations,
        vrfs={
            row.vrf: _text(image, row.name_at, row.name_len)
            for row in tables.read_rows(image, "vpns")
            if row.vrf
        },
        agents=[_agent(image, row, networks, subnets) for row in tables.read_rows(image, "agents")],
    )


def _text(image: mmap.mmap, at: int, size: int) -> str:
    return image[at : at + size].decode()


def _class(image: mmap.mmap, row: Any) -> ClassName:
    name = _text(image, row.name_at, row.name_len)
    return ClassName(row.id, name, row.counter, _text(image, row.test_at, row.test_len))


def _subnet(image: mmap.mmap, row: Any) -> SubnetName:
    last = row.address | ~row.mask & 0xFFFFFFFF
    name = _text(image, row.name_at, row.name_len)
    return SubnetName(row.id, row.vrf, name, row.address, last, row.network, row.guard)


def _pool(image: mmap.mmap, row: Any, subnets: Sequence[SubnetName]) -> PoolName:
    name = _text(image, row.name_at, row.name_len)
    subnet = subnets[row.subnet].name
    return PoolName(
        row.vrf, subnet, name, row.size, row.first, row.last, row.subnet, row.guard
    )


def _guard(row: Any, classes: int) -> GuardNames:
    allow, deny = (int.from_bytes(side, "little") for side in (row.allow, row.deny))
    numbers = range(classes)
    everybody = allow == (1 << 8 * len(row.allow)) - 1
    return GuardNames(
        [] if everybody else [number for number in numbers if allow >> number & 1],
        [number for number in numbers if deny >> number & 1],
    )


def _agent(
    image: mmap.mmap, row: Any, networks: Sequence[str], subnets: Sequence[SubnetName]
) -> AgentName:
    link = ""
    if row.subnet != NOWHERE:
        link = subnets[row.subnet].name
    elif row.network != NOWHERE:
        link = networks[row.network]
    return AgentName(row.first, row.last, _text(image, row.name_at, row.name_len), link)
