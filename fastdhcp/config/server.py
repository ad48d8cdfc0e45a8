"""Tables whose keys are rows of the model, and what of them a reload may change."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from msgspec import UNSET, Struct

from fastdhcp._leases import BLOCK_SIZE
from fastdhcp.config import later, schema
from fastdhcp.config.errors import key_text
from fastdhcp.config.keys import keys_of
from fastdhcp.config.later import tell_later
from fastdhcp.config.model import ADDRESSES_MAX, Configuration, Control, Server
from fastdhcp.config.reading import place_of
from fastdhcp.config.report import Report, Where
from fastdhcp.options import shown

ADDRESSES_MIN = 1_000_000  # room is kept for at least a million


def server_settings(report: Report, where: Where, written: schema.Server, folder: Path) -> Server:
    """[server] resolved; `folder` is where relative paths start. max_addresses is settled later."""
    found = read_keys(report, where, written, Server)
    tell_later(report, where, written, later.ServerKeys)
    for name, value in found.items():
        if isinstance(value, Path):
            found[name] = folder / value
    return Server(**found, max_addresses_given=bool(found["max_addresses"]))


def control_settings(report: Report, where: Where, written: schema.Control) -> Control:
    """[control] resolved."""
    tell_later(report, where, written, later.ControlKeys)
    return Control(**read_keys(report, where, written, Control))


def read_keys(report: Report, where: Where, written: Struct, model: type) -> dict[str, Any]:
    """The values of all keys of a table, by the field of its model. What is wrong is told, and
    counts as if it were not written."""
    found = {}
    for field, key in keys_of(model).items():
        value = getattr(written, key.attribute)
        try:
            found[field] = key.unset() if value is UNSET else key.read(value)
        except ValueError as error:
            report.error(where.at(key.name), error)
            found[field] = key.unset()
    return found


def check_identity(report: Report, where: Where, server: Server, kinds: Iterable[str]) -> None:
    """Every word of `identity` is a kind of identifier."""
    wanted = ", ".join(f'"{name}"' for name in kinds)
    for place, name in enumerate(server.identity):
        here = where.at("identity", place)
        if name not in kinds:
            report.error(here, f"{shown(name)} is not known; write one or more of {wanted}")
        elif name in server.identity[:place]:
            report.error(here, f"{shown(name)} is there already; write each once")


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
    if server.max_addresses < needed:
        report.error(
            here,
            f"{server.max_addresses} is too few: pools and reservations touch {block_count} blocks "
            f"of {BLOCK_SIZE} addresses; write at least {needed}, or leave it out",
        )
    return server.max_addresses


def told_refusals(old: Configuration, new: Configuration) -> list[str]:
    """As reload_refusals(), each with the file and line of its key, if that is written."""
    told = []
    for refusal in reload_refusals(old, new):
        key, _, _ = refusal.partition(": ")
        table, _, name = key.partition(".")
        place = place_of(new.files, (table, name))
        told.append(f"{place}: {refusal}" if place else refusal)
    return told


def reload_refusals(old: Configuration, new: Configuration) -> list[str]:
    """Why a running server cannot take `new` in place of `old`; empty: it can.

    `old` is what the server was started with. Each text begins with the key.
    """
    changed = [
        (table, field, key)
        for table, before, after in (
            ("server", old.server, new.server),
            ("control", old.control, new.control),
        )
        for field, key in keys_of(type(before)).items()
        if key.restart and getattr(before, field) != getattr(after, field)
    ]
    refusals = [
        f"{key_text((table, key.name))}: cannot change while the server runs; restart it"
        for table, field, key in changed
        if field != "max_addresses" or new.server.max_addresses_given
    ]
    if old.server.identity == new.server.identity and old.identity_terms != new.identity_terms:
        before = set(old.identity_terms)
        changed_terms = [term for term in new.identity_terms if term not in before]
        refusals += [
            f"identifiers.{term.partition(' ')[0]}: cannot change while the server runs, for "
            "server.identity names it; restart it"
            for term in changed_terms
        ]
    if new.block_count > old.block_limit:
        refusals.append(
            f"server.max-addresses: pools and reservations touch {new.block_count} blocks of "
            f"{BLOCK_SIZE} addresses, and there is room for {old.block_limit}; restart the server "
            f"with at least {new.block_count * BLOCK_SIZE}"
        )
    return refusals
