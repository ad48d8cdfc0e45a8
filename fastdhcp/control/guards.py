"""Which guard keeps a client out, in words: of which pool or subnet, by which class."""

from collections.abc import Iterator, Sequence

from fastdhcp.control.catalog import Catalog, GuardNames, PoolName

POOLS_MAX = 8
"""Pools of a link that are told one by one."""


def why_kept_out(pool: PoolName, classes: int, catalog: Catalog) -> str | None:
    """Why a pool is not for a client of these classes (a bit each); None: its guards let it in."""
    subnet = catalog.subnets[pool.place]
    for what, name, place in (
        ("pool", pool.name, pool.guard),
        ("subnet", subnet.name, subnet.guard),
    ):
        if place and (words := _words(catalog.guards[place], classes, catalog)):
            return f"{what} {name} {words}"
    return None


def who_is_let_in(network: int, classes: int, catalog: Catalog) -> list[str]:
    """The same of each pool of a link that keeps the client out, each guard once."""
    found = dict.fromkeys(_kept_out(network, classes, catalog))
    told = list(found)[:POOLS_MAX]
    if more := len(found) - len(told):
        told.append(f"and {more} more likewise")
    return told


def _kept_out(network: int, classes: int, catalog: Catalog) -> Iterator[str]:
    for pool in catalog.pools:
        if catalog.subnets[pool.place].network == network:
            why = why_kept_out(pool, classes, catalog)
            if why is not None:
                yield why


def _words(guard: GuardNames, classes: int, catalog: Catalog) -> str | None:
    denied = [number for number in guard.deny if classes >> number & 1]
    if denied:
        return f"denies class {catalog.classes[denied[0]].name}, and the client is of it"
    if guard.allow and not any(classes >> number & 1 for number in guard.allow):
        wanted = _listed([catalog.classes[number].name for number in guard.allow])
        if len(guard.allow) == 1:
            return f"allows class {wanted} alone, and the client is not of it"
        return f"allows classes {wanted} alone, and the client is of none of them"
    return None


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
