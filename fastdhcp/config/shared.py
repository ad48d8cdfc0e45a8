"""Shared networks as tables of their own: values between [defaults] and the subnets that name them.

They are folded into their subnets here, so that nothing of them is left on a packet's way.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fastdhcp.config import schema, values
from fastdhcp.config.model import Options
from fastdhcp.config.report import Report, Where, nearest
from fastdhcp.config.scopes import ScopeValues, scope_options, scope_values
from fastdhcp.options import shown


@dataclass(frozen=True, slots=True)
class SharedNetwork:
    """What is written for a link: its values within [defaults], and its own options."""

    where: Where
    values: ScopeValues
    options: Options


def shared_networks(
    report: Report, tables: Iterable[tuple[Where, schema.SharedNetwork]], defaults: ScopeValues
) -> dict[str, SharedNetwork]:
    """The tables by name; a name means the subnets that have it, in whatever VRF."""
    found: dict[str, SharedNetwork] = {}
    for where, table in tables:
        own = scope_values(report, where, table, defaults)
        network = SharedNetwork(where, own, scope_options(report, where, table, own.definitions))
        try:
            name = values.plain_name(table.name)
        except ValueError as error:
            report.error(where.at("name"), error)
            continue
        other = found.setdefault(name, network)
        if other is not network:
            words = f"{shown(name)} stands at {other.where} already; write one table of a name"
            report.error(where.at("name"), words)
    return found


def warn_of_unused(
    report: Report, networks: Mapping[str, SharedNetwork], used: Sequence[str | None]
) -> None:
    """Says which tables no subnet names: most likely one of the two is misspelt."""
    if report.failed:
        return  # what is refused may be the subnet
    others = [name for name in used if name is not None and name not in networks]
    for name, network in networks.items():
        if name not in used:
            near = nearest(name, others)
            cure = f"; a subnet has {shown(near)}: did you mean that?" if near else ""
            report.warn(
                network.where.at("name"),
                f"no subnet has shared-network = {shown(name)}: nobody gets these values{cure}",
            )
