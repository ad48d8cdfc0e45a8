"""Keys that nothing serves yet: read, checked, and named by `check`, the log and status.

Who writes them today runs the same configuration when they are served. A key that is served then
goes from here to its model (model.py), with who reads it.
"""

import dataclasses
from pathlib import Path

from msgspec import UNSET

from fastdhcp.config import values
from fastdhcp.config.keys import SHORT_TIME, TEXT, TEXTS, Kind, keys_of
from fastdhcp.config.keys import key as row
from fastdhcp.config.report import Report, Where

TABLES = ("leasequery", "history", "log", "failover", "limits", "alarms", "ddns")
"""Whole tables; what is in them is not looked at, but for [leasequery]."""
FRACTION = Kind(int | float, "a number such as 0.05")
COUNT_OR_ALL = Kind(int | str, 'a whole number, or "all"')
PROBE_TIME_MAX_US = 10_000_000
NOT_SERVED = "not served yet; it is ignored"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServerKeys:
    """Of [server]."""

    reload_orphans_max: float = row(
        "reload-orphans-max", TEXT, values.percent, default="1%", later=True
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ControlKeys:
    """Of [control]."""

    certificate: Path | None = row("certificate", TEXT, values.path, later=True)
    key: Path | None = row("key", TEXT, values.path, later=True)
    hosts: tuple[str, ...] = row(
        "hosts", TEXTS, values.each(values.plain_name), default=[], later=True
    )
    metrics_pools: int | None = row(
        "metrics-pools",
        COUNT_OR_ALL,
        values.count_or_all,
        default=2000,
        later=True,
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LeasequeryKeys:
    """Of [leasequery]."""

    bulk_listen: tuple[str, int] | None = row(
        "bulk-listen", TEXT, values.host4_port, limits=(1,), later=True
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScopeKeys:
    """Of [defaults], and of all that is nearer."""

    cache_threshold: float = row(
        "cache-threshold",
        FRACTION,
        values.fraction,
        limits=(0, 0.9),
        default=0,
        later=True,
    )
    adaptive_threshold: float = row(
        "adaptive-threshold",
        FRACTION,
        values.fraction,
        limits=(0, 1),
        default=1,
        later=True,
    )
    drain: str = row("drain", TEXT, values.one_of("no", "new", "renew"), default="no", later=True)
    probe: str = row(
        "probe", TEXT, values.one_of("off", "icmp", "arp", "auto"), default="off", later=True
    )
    probe_time_us: int = row(
        "probe-time",
        SHORT_TIME,
        values.microseconds,
        limits=(PROBE_TIME_MAX_US,),
        default="500ms",
        later=True,
    )
    decline_share: float = row(
        "decline-share",
        FRACTION,
        values.fraction,
        limits=(0, 1),
        default=0.05,
        later=True,
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SubnetKeys:
    """Of a subnet alone."""

    label: str = row("label", TEXT, values.plain_name, later=True)


MODELS: tuple[type, ...] = (ServerKeys, ControlKeys, LeasequeryKeys, ScopeKeys, SubnetKeys)
_ROWS = {model: tuple(keys_of(model).values()) for model in MODELS}
NAMES = frozenset(found.name for rows in _ROWS.values() for found in rows)
"""What nobody is told to write in place of another key."""


def tell_later(report: Report, where: Where, written: object, model: type) -> None:
    """Names each key of `model` that is written, and what is wrong with it."""
    for found in _ROWS[model]:
        value = getattr(written, found.attribute, UNSET)
        if value is UNSET:
            continue
        here = where.at(found.name)
        try:
            found.read(value)
        except ValueError as error:
            report.error(here, error)
        report.warn(here, NOT_SERVED)
