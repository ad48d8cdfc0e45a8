"""Keys that nothing serves yet: read, checked, and named by `check`, the log and status.

Who writes them today runs the same configuration when they are served. A key that is served then
goes from here to its model (model.py), with who reads it.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import UNSET

from fastdhcp.config import values
from fastdhcp.config.keys import NUMBER, SHORT_TIME, SIZE, TEXT, TEXTS, TIME, TRUTH, Kind, keys_of
from fastdhcp.config.keys import key as row
from fastdhcp.config.report import Report, Where
from fastdhcp.options import shown

FRACTION = Kind(int | float, "a number such as 0.05")
COUNT_OR_ALL = Kind(int | str, 'a whole number, or "all"')
PROBE_TIME_MAX_US = 10_000_000
DEADLINE_MAX_US = 10_000_000
LEASES_MAX = 1 << 30
NOT_SERVED = "not served yet; it is ignored"


def _words(text: str) -> str:
    """What is read when it is served."""
    if not text or not text.isprintable():
        raise ValueError(f"{shown(text)} is not printable text; write some")
    return text


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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HistoryKeys:
    """Of [history]."""

    enabled: bool = row("enabled", TRUTH, bool, default=True, later=True)
    retention_s: int = row("retention", TIME, values.seconds, default="180d", later=True)
    max_size: int = row(
        "max-size", SIZE, values.octets, limits=(1 << 20, 1 << 40), default="20G", later=True
    )
    troubles_s: int = row("troubles", TIME, values.seconds, default="7d", later=True)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogKeys:
    """Of [log]."""

    leases: str = row(
        "leases", TEXT, values.one_of("auto", "all", "off", "file", "syslog"), default="auto",
        later=True,
    )  # fmt: skip
    file: Path | None = row("file", TEXT, values.path, later=True)


_NODE = values.one_of("a", "b")
_MODE = values.one_of("hot-standby", "load-balance")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FailoverKeys:
    """Of [failover]."""

    node: str = row("node", TEXT, _NODE, later=True)
    peer: tuple[str, int] = row("peer", TEXT, values.host_port, limits=(1,), later=True)
    listen: tuple[str, int] = row("listen", TEXT, values.host_port, limits=(1,), later=True)
    mode: str = row("mode", TEXT, _MODE, default="hot-standby", later=True)
    active: str = row("active", TEXT, _NODE, default="a", later=True)
    standby_share: float = row(
        "standby-share", TEXT, values.percent, default="10%", later=True
    )
    mclt_s: int = row("mclt", TIME, values.seconds, default="30m", later=True)
    deadline_us: int = row(
        "deadline", SHORT_TIME, values.microseconds, limits=(DEADLINE_MAX_US,), default="50ms",
        later=True,
    )  # fmt: skip
    patience_s: int = row("patience", TIME, values.seconds, default="64s", later=True)
    ping_s: int = row("ping", TIME, values.seconds, default="1s", later=True)
    certificate: Path | None = row("certificate", TEXT, values.path, later=True)
    key: Path | None = row("key", TEXT, values.path, later=True)
    peer_certificate: Path | None = row("peer-certificate", TEXT, values.path, later=True)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WitnessKeys:
    """Of [failover.witness]."""

    endpoints: tuple[str, ...] = row(
        "endpoints", TEXTS, values.each(_words), default=[], later=True
    )
    certificate: Path | None = row("certificate", TEXT, values.path, later=True)
    key: Path | None = row("key", TEXT, values.path, later=True)
    ttl_s: int = row("ttl", TIME, values.seconds, later=True)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LimitKeys:
    """Of each of [[limits]]."""

    name: str = row("name", TEXT, values.plain_name, later=True)
    class_: str = row("class", TEXT, values.plain_name, later=True)
    by: str = row("by", TEXT, _words, later=True)
    leases: int = row("leases", NUMBER, values.number, limits=(0, LEASES_MAX), later=True)
    at_limit: str = row(
        "at-limit", TEXT, values.one_of("refuse", "replace", "replace-silent"), default="refuse",
        later=True,
    )  # fmt: skip
    subnets: tuple[tuple[int, int], ...] = row(
        "subnets", TEXTS, values.each(values.prefix), default=[], later=True
    )


MODELS: tuple[type, ...] = (ServerKeys, ControlKeys, ScopeKeys, SubnetKeys)
"""In tables that are served."""
TABLES: Mapping[str, type | None] = {
    "leasequery": LeasequeryKeys,
    "history": HistoryKeys,
    "log": LogKeys,
    "failover": FailoverKeys,
    "limits": LimitKeys,
    "alarms": None,
    "ddns": None,
}
"""Whole tables. None: its keys are not settled, and what is in it is not looked at."""
NAMES = frozenset(found.name for model in MODELS for found in keys_of(model).values())
"""What nobody is told to write in place of another key."""


def tell_later(report: Report, where: Where, written: object, model: type) -> None:
    """Names each key of `model` that is written, and what is wrong with it."""
    for here in _read(report, where, written, model):
        report.warn(here, NOT_SERVED)


def tell_table(report: Report, where: Where, name: str, written: Any) -> None:
    """Names a whole table, and what is wrong with its keys."""
    report.warn(where, NOT_SERVED)
    model = TABLES[name]
    if model is None:
        return
    members = [(where, written)]
    if isinstance(written, list):
        members = [(where.at(place), one) for place, one in enumerate(written)]
    for here, one in members:
        _read(report, here, one, model)
    _read(report, where.at("witness"), getattr(written, "witness", UNSET), WitnessKeys)


def _read(report: Report, where: Where, written: object, model: type) -> list[Where]:
    """Where keys of `model` are written; what is wrong with one is told."""
    places = []
    for found in keys_of(model).values():
        value = getattr(written, found.attribute, UNSET)
        if value is UNSET:
            continue
        here = where.at(found.name)
        try:
            found.read(value)
        except ValueError as error:
            report.error(here, error)
        places.append(here)
    return places
