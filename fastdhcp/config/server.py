"""The [server] and [control] tables, and what of them a reload may change."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from msgspec import UNSET, UnsetType

from fastdhcp.config import schema, values
from fastdhcp.config.errors import key_text
from fastdhcp.config.model import IDENTITY_KINDS, Configuration, Server
from fastdhcp.config.report import Report, Where

WORKERS_MAX = 60  # _leases.pxd: places for processes in the shared segments
ADDRESSES_MIN = 1_000_000  # room is kept for at least a million
ADDRESSES_MAX = 1 << 30
COMMIT_DELAY_US_MAX = 100_000
BLOCK_SIZE = 256

T = TypeVar("T")


def server_settings(report: Report, where: Where, written: schema.Server, folder: Path) -> Server:
    """[server] resolved; `folder` is where relative paths start. max_addresses is settled later."""

    def read(key: str, reader: Callable[..., T], *limits: int, default: T) -> T:
        value = getattr(written, key.replace("-", "_"))
        try:
            return reader(value, *limits)
        except ValueError as error:
            report.error(where.at(key), error)
            return default

    given = written.max_addresses
    return Server(
        interfaces=_interfaces(report, where, written.interfaces),
        listen=read("listen", values.host_port, 1, default=("0.0.0.0", 67)),
        workers=read("workers", _workers, default=1),
        state_directory=folder / written.state_directory,
        runtime_directory=folder / written.runtime_directory,
        durability=read("durability", _one_of("commit", "async"), default="commit"),
        receive_buffer=read("receive-buffer", values.octets, 1 << 16, 1 << 30, default=1 << 25),
        commit_delay_us=read("commit-delay", values.microseconds, COMMIT_DELAY_US_MAX, default=500),
        identity=_identity(report, where, written.identity),
        trust_wall_clock=read(
            "trust-wall-clock", _one_of("synchronized", "always"), default="synchronized"
        ),
        max_addresses=ADDRESSES_MIN if isinstance(given, UnsetType) else given,
        max_addresses_given=given is not UNSET,
        journal_max_size=read("journal-max-size", values.octets, 1 << 20, 1 << 40, default=1 << 32),
    )


def check_room(report: Report, where: Where, server: Server, block_count: int) -> int:
    """Addresses that the table keeps room for: as written, else twice what is needed."""
    needed = block_count * BLOCK_SIZE
    here = where.at("max-addresses")
    if needed > ADDRESSES_MAX:
        report.error(
            here,
            f"pools and reservations touch {block_count} blocks of {BLOCK_SIZE} addresses; one "
            f"server has room for {ADDRESSES_MAX} addresses",
        )
        return ADDRESSES_MAX
    if not server.max_addresses_given:
        return max(ADDRESSES_MIN, min(2 * needed, ADDRESSES_MAX))
    if not BLOCK_SIZE <= server.max_addresses <= ADDRESSES_MAX:
        report.error(
            here,
            f"{server.max_addresses} is out of range; write a number from {BLOCK_SIZE} to "
            f"{ADDRESSES_MAX}",
        )
    elif server.max_addresses < needed:
        report.error(
            here,
            f"{server.max_addresses} is too few: pools and reservations touch {block_count} blocks "
            f"of {BLOCK_SIZE} addresses; write at least {needed}, or leave it out",
        )
    return server.max_addresses


def control_address(
    report: Report, where: Where, written: schema.Control
) -> tuple[str, int] | None:
    """Host and port of the HTTP interface, or None if it is off. Port 0: any that is free."""
    if isinstance(written.listen, UnsetType):
        return None
    try:
        return values.host_port(written.listen, 0)
    except ValueError as error:
        report.error(where.at("listen"), error)
        return None


def reload_refusals(old: Configuration, new: Configuration) -> list[str]:
    """Why a running server cannot take `new` in place of `old`; empty: it can.

    `old` is what the server was started with. Each text begins with the key.
    """
    before, after = old.server, new.server
    pairs: list[tuple[str, object, object]] = [
        ("listen", before.listen, after.listen),
        ("workers", before.workers, after.workers),
        ("state-directory", before.state_directory, after.state_directory),
        ("runtime-directory", before.runtime_directory, after.runtime_directory),
        ("receive-buffer", before.receive_buffer, after.receive_buffer),
        ("identity", before.identity, after.identity),
    ]
    if after.max_addresses_given:
        pairs.append(("max-addresses", before.max_addresses, after.max_addresses))
    refusals = [
        f"{key_text(('server', key))}: cannot change while the server runs; restart it"
        for key, was, wanted in pairs
        if was != wanted
    ]
    if new.block_count > old.block_limit:
        refusals.append(
            f"server.max-addresses: pools and reservations touch {new.block_count} blocks of "
            f"{BLOCK_SIZE} addresses, and there is room for {old.block_limit}; restart the server "
            f"with at least {new.block_count * BLOCK_SIZE}"
        )
    return refusals


def _workers(written: int | UnsetType) -> int:
    if isinstance(written, UnsetType):
        return min(len(os.sched_getaffinity(0)), WORKERS_MAX)
    if not 1 <= written <= WORKERS_MAX:
        raise ValueError(f"{written} is out of range; write a number from 1 to {WORKERS_MAX}")
    return written


def _one_of(*known: str) -> Callable[[str], str]:
    def read(written: str) -> str:
        if written not in known:
            wanted = " or ".join(f'"{name}"' for name in known)
            raise ValueError(f'"{written}" is not known; write {wanted}')
        return written

    return read


def _interfaces(
    report: Report, where: Where, written: list[str] | UnsetType
) -> tuple[str, ...] | None:
    if isinstance(written, UnsetType):
        return None
    names: list[str] = []
    for i, text in enumerate(written):
        if text is None:  # its type is wrong, and told
            continue
        try:
            names.append(values.interface_name(text))
        except ValueError as error:
            report.error(where.at("interfaces", i), error)
    return tuple(dict.fromkeys(names))


def _identity(report: Report, where: Where, written: list[str]) -> tuple[str, ...]:
    known = ", ".join(f'"{name}"' for name in IDENTITY_KINDS)
    here = where.at("identity")
    if not written:
        report.error(here, f"is empty; write one or more of {known}")
    for i, name in enumerate(written):
        if name is None:
            continue
        if name not in IDENTITY_KINDS:
            report.error(here.at(i), f'"{name}" is not known; write one or more of {known}')
        elif name in written[:i]:
            report.error(here.at(i), f'"{name}" is there already; write each once')
    return tuple(name for name in written if name in IDENTITY_KINDS)
