"""Subnets: prefix, pools and reservations of each, what of its addresses is never given, and the
blocks that they touch."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from msgspec import UNSET

from fastdhcp._leases import BLOCK_SIZE
from fastdhcp.config import schema, values
from fastdhcp.config.classes import Classes, read_guard, read_whens
from fastdhcp.config.kept import read_address, read_reservation
from fastdhcp.config.later import SubnetKeys, tell_later
from fastdhcp.config.model import (
    DEFAULT_VRF,
    Guard,
    Levels,
    Options,
    Params,
    Pool,
    Range,
    Reservation,
    Subnet,
    When,
    layered,
)
from fastdhcp.config.names import Names
from fastdhcp.config.report import Report, Where
from fastdhcp.config.scopes import ScopeValues, scope_options, scope_values
from fastdhcp.config.shared import SharedNetwork
from fastdhcp.words import address_text

PREFIX_LEN_MIN = 8
DEFAULT_VRF_NAME = "default"  # may be written for the VRF that needs no name


@dataclass(frozen=True, slots=True)
class Draft:
    """A subnet resolved on its own, before it is held against the others."""

    where: Where
    vrf: str
    name: str
    first: int
    prefix_len: int
    interface: str | None
    shared_network: str | None
    params: Params
    options: Options
    pools: tuple[Pool, ...]
    reservations: tuple[tuple[Where, Reservation], ...]
    guard: Guard
    whens: tuple[When, ...]
    levels: Levels

    @property
    def last(self) -> int:
        """The highest address of the prefix."""
        return self.first | (0xFFFFFFFF >> self.prefix_len)

    @property
    def network_key(self) -> tuple[str, bool, str]:
        """VRF, whether the network is shared, and its name."""
        shared = self.shared_network is not None
        return self.vrf, shared, self.shared_network or self.name


def draft_subnet(
    report: Report,
    where: Where,
    subnet: schema.Subnet,
    defaults: ScopeValues,
    networks: Mapping[str, SharedNetwork],
    classes: Classes,
    names: Names,
) -> Draft | None:
    """Resolves one subnet, within its shared network if that has a table. None: its prefix is not
    right (and that is told)."""
    try:
        first, prefix_len = values.prefix(subnet.subnet)
        _check_prefix(subnet.subnet, first, prefix_len)
    except ValueError as error:
        report.error(where.at("subnet"), error)
        return None
    last = first | (0xFFFFFFFF >> prefix_len)
    link = subnet.shared_network
    network = networks.get(link) if isinstance(link, str) else None
    tell_later(report, where, subnet, SubnetKeys)
    scope = scope_values(report, where, subnet, network.values if network else defaults)
    options = scope_options(report, where, subnet, scope.definitions)
    pools = _pools(report, where, subnet, (first, last), scope, classes)
    kept = _reservations(report, where, subnet, (first, last), pools, scope, names)
    never = merged(_unusable(first, last) + _excluded(report, where, subnet, first, last))
    return Draft(
        where=where,
        vrf=_vrf(report, where, subnet),
        name=subnet.subnet,
        first=first,
        prefix_len=prefix_len,
        interface=_name(report, where, "interface", subnet.interface),
        shared_network=_name(report, where, "shared-network", subnet.shared_network),
        params=scope.params,
        options=layered(network.options, options) if network else options,
        pools=_without(report, pools, never, sorted(row.address for _, row in kept)),
        reservations=kept,
        guard=read_guard(report, where, subnet, classes),
        whens=read_whens(report, where, subnet, classes),
        levels=scope.levels,
    )


@dataclass(frozen=True, slots=True)
class _Range:
    """A pool before it is known what of it is never given."""

    where: Where
    pool: Pool
    scope: ScopeValues


def merged(ranges: Sequence[Range]) -> list[Range]:
    """The same addresses as sorted ranges that neither overlap nor touch."""
    if len(ranges) < 2:
        return list(ranges)
    result: list[Range] = []
    for first, last in sorted(ranges):
        if result and first <= result[-1][1] + 1:
            if last > result[-1][1]:
                result[-1] = (result[-1][0], last)
        else:
            result.append((first, last))
    return result


def touched_blocks(
    subnets: Iterable[Draft | Subnet], reserved: Iterable[tuple[str, int]]
) -> Iterator[tuple[str, int, int]]:
    """The blocks of the table that pools and reservations touch: VRF, first and last of each run,
    by their number in it. `reserved`: VRF and block of reserved addresses."""
    touched: dict[str, list[Range]] = {}
    for subnet in subnets:
        ranges = touched.setdefault(subnet.vrf, [])
        ranges += [(pool.first // BLOCK_SIZE, pool.last // BLOCK_SIZE) for pool in subnet.pools]
    for vrf, block in reserved:
        touched.setdefault(vrf, []).append((block, block))
    for vrf, ranges in touched.items():
        for first, last in merged(ranges):
            yield vrf, first, last


def clipped(ranges: list[Range], first: int, last: int) -> tuple[Range, ...]:
    """What of sorted, separate ranges lies between two addresses."""
    begin = bisect_left(ranges, (first, 0))
    if begin and ranges[begin - 1][1] >= first:
        begin -= 1
    result = []
    for low, high in ranges[begin:]:
        if low > last:
            break
        result.append((max(low, first), min(high, last)))
    return tuple(result)


def _check_prefix(text: str, first: int, prefix_len: int) -> None:
    if prefix_len < PREFIX_LEN_MIN:
        raise ValueError(f'"{text}" is too large; write a prefix length from 8 to 32')
    if first >> 24 == 0 or 224 <= first >> 24 <= 239 or first == 0xFFFFFFFF:
        raise ValueError(f'"{text}" holds no addresses of hosts; write a unicast prefix')


def _unusable(first: int, last: int) -> list[Range]:
    """Network and broadcast address; /31 and /32 have neither (RFC 3021)."""
    return [(first, first), (last, last)] if last - first > 1 else []


def _usable(first: int, last: int) -> str:
    edge = 1 if last - first > 1 else 0
    return f"{address_text(first + edge)} to {address_text(last - edge)}"


def _vrf(report: Report, where: Where, subnet: schema.Subnet) -> str:
    if subnet.vrf is UNSET or subnet.vrf == DEFAULT_VRF_NAME:
        return DEFAULT_VRF
    return _name(report, where, "vrf", subnet.vrf) or DEFAULT_VRF


def _name(report: Report, where: Where, key: str, written: object) -> str | None:
    if not isinstance(written, str):
        return None
    try:
        read = values.interface_name if key == "interface" else values.plain_name
        return read(written)
    except ValueError as error:
        report.error(where.at(key), error)
        return None


def _excluded(
    report: Report, where: Where, subnet: schema.Subnet, first: int, last: int
) -> list[Range]:
    read = values.each(lambda text: _range_within(text, subnet.subnet, first, last))
    try:
        return list(read(subnet.exclude))
    except ValueError as error:
        report.error(where.at("exclude"), error)
        return []


def _range_within(text: str, prefix: str, first: int, last: int) -> Range:
    low, high = values.address_range(text)
    if low < first or high > last:
        raise ValueError(
            f'"{text}" is not within {prefix}; write addresses from {_usable(first, last)}'
        )
    return low, high


def _pools(
    report: Report,
    where: Where,
    subnet: schema.Subnet,
    bounds: Range,
    scope: ScopeValues,
    classes: Classes,
) -> list[_Range]:
    """The pools by their first address, still without holes."""
    pools: list[tuple[int, _Range]] = []
    for i, item in enumerate(subnet.pools):
        if item is None:
            continue
        table = schema.Pool(range=item) if isinstance(item, str) else item
        here = where.at("pools", i)
        try:
            first, last = _range_within(table.range, subnet.subnet, *bounds)
        except ValueError as error:
            report.error(here if isinstance(item, str) else here.at("range"), error)
            continue
        own = scope_values(report, here, table, scope)
        options = scope_options(report, here, table, scope.definitions)
        pool = Pool(
            table.range,
            first,
            last,
            holes=(),
            params=own.params,
            options=options,
            guard=read_guard(report, here, table, classes),
            whens=read_whens(report, here, table, classes),
            levels=own.levels,
        )
        pools.append((i, _Range(here, pool, own)))
    pools.sort(key=lambda numbered: numbered[1].pool.first)
    for (i, low), (k, high) in pairwise(pools):
        if high.pool.first <= low.pool.last:
            nearer, other = (high, low) if k > i else (low, high)
            report.error(
                nearer.where,
                f'"{nearer.pool.name}" overlaps "{other.pool.name}" (at {other.where}); give each '
                "address to one pool",
            )
    return [found for _, found in pools]


def _without(
    report: Report, pools: list[_Range], never: list[Range], reserved: list[int]
) -> tuple[Pool, ...]:
    """The pools with what of them is never given; `reserved`: addresses, sorted."""
    result = []
    for found in pools:
        pool = replace(found.pool, holes=clipped(never, found.pool.first, found.pool.last))
        within = reserved[bisect_left(reserved, pool.first) : bisect_right(reserved, pool.last)]
        if pool.size <= sum(not clipped(never, address, address) for address in within):
            report.warn(found.where, f'"{pool.name}" has no address left to give')
        result.append(pool)
    return tuple(result)


def _reservations(
    report: Report,
    where: Where,
    subnet: schema.Subnet,
    bounds: Range,
    pools: list[_Range],
    scope: ScopeValues,
    names: Names,
) -> tuple[tuple[Where, Reservation], ...]:
    first, last = bounds
    firsts = [found.pool.first for found in pools]
    kept: list[tuple[Where, Reservation]] = []
    for i, table in enumerate(subnet.reservations):
        if table is None:
            continue
        here = where.at("reservations", i)
        address = read_address(report, here, table.address)
        # The values of the pool that the address lies in are nearer than the subnet's.
        near = bisect_right(firsts, address or 0) - 1
        within = near >= 0 and (address or 0) <= pools[near].pool.last
        outer = pools[near].scope if within else scope
        found = read_reservation(report, here, table, outer, names, address or 0, first)
        if found is None or address is None:
            continue
        if address and not _is_host(address, first, last):
            usable = _usable(first, last)
            report.error(
                here.at("address"),
                f"{address_text(address)} is not a host's address in {subnet.subnet}; write one "
                f"from {usable}",
            )
        else:
            kept.append((here, found))
    return tuple(kept)


def _is_host(address: int, first: int, last: int) -> bool:
    return first <= address <= last and (address, address) not in _unusable(first, last)
