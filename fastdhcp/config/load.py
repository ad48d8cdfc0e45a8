"""From the files to a Configuration: read, include, merge, resolve, and hold the parts together."""

import itertools
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from msgspec import UNSET, UnsetType

from fastdhcp.collector import paused
from fastdhcp.config import later, schema
from fastdhcp.config.advice import advise, advise_on_addresses
from fastdhcp.config.class_tables import check_programs
from fastdhcp.config.classes import advise_on_classes, read_classes
from fastdhcp.config.definitions import read_definitions, written_definitions
from fastdhcp.config.errors import ConfigError, Problem
from fastdhcp.config.identifiers import read_identifiers, warn_of_unnamed
from fastdhcp.config.kept import Owned, read_anywhere, toml_part
from fastdhcp.config.model import (
    DEFAULT_VRF,
    IDENTITY_KINDS,
    Configuration,
    Network,
    Subnet,
)
from fastdhcp.config.names import Names
from fastdhcp.config.networks import network_numbers
from fastdhcp.config.reading import read_file
from fastdhcp.config.relays import Links, relay_settings, vrfs
from fastdhcp.config.report import Report, Source, Where
from fastdhcp.config.reservation_files import read_reservation_files
from fastdhcp.config.reservations import Part, Prefix, ReservationTable
from fastdhcp.config.scopes import outermost, scope_options, scope_values
from fastdhcp.config.server import check_identity, check_room, control_settings, server_settings
from fastdhcp.config.shared import shared_networks, warn_of_unused
from fastdhcp.config.subnets import Draft, draft_subnet, touched_blocks
from fastdhcp.config.vendor_options import check_vendor_options
from fastdhcp.options import shown

_MAGIC = re.compile(r"[*?\[]")
_TABLES = ("server", "control", "defaults", "relays", "identifiers", *later.TABLES)
_LISTS = (
    "option_definitions", "classes", "subnets", "reservations", "shared_networks", "vrfs"
)  # fmt: skip


@dataclass(slots=True)
class _Files:
    """All files of a configuration, and each table with the place that it stands at; of lists those
    of all files together. `whole`: none was unreadable, so what is named and not there is missing.
    """

    report: Report
    whole: bool = True
    paths: list[Path] = field(default_factory=list)
    tables: dict[str, tuple[Where, Any]] = field(default_factory=dict)
    lists: dict[str, list[tuple[Where, Any]]] = field(
        default_factory=lambda: {name: [] for name in _LISTS}
    )

    def table(self, name: str, kind: type[Any]) -> tuple[Where, Any]:
        """A table and its place; an empty one if nobody wrote it."""
        if name in self.tables:
            return self.tables[name]
        return Where(Source(str(self.paths[0]), "", is_json=False), (name,)), kind()


def load(path: Path) -> Configuration:
    """The configuration of a file and of all that it includes.

    Raises ConfigError with all problems that were found.
    """
    configuration, errors, _ = examine(path)
    if configuration is None:
        raise ConfigError(errors)
    return configuration


def check(path: Path) -> tuple[list[Problem], list[Problem]]:
    """Errors and warnings of a file and of all that it includes."""
    _, errors, warnings = examine(path)
    return errors, warnings


@paused()
def examine(path: Path) -> tuple[Configuration | None, list[Problem], list[Problem]]:
    """The configuration (None if there is an error), the errors and the warnings."""
    report = Report()
    files = _Files(report)
    _read_all(files, path)
    configuration = _resolve(files) if files.paths and files.whole else None
    if configuration is not None and not report.failed:
        written = [where for where, _ in files.lists["classes"]]
        check_programs(report, configuration, written, files.table("identifiers", dict)[0])
    if configuration is None or report.failed:
        return None, report.errors(), report.warnings()
    return replace(configuration, warnings=tuple(report.warnings())), [], report.warnings()


def _read_all(files: _Files, path: Path) -> None:
    source, parsed = read_file(files.report, path)
    if parsed is None:
        return
    _add(files, path, source, parsed)
    patterns = [] if isinstance(parsed.server, UnsetType) else parsed.server.include
    for i, pattern in enumerate(patterns):
        if pattern is None:  # its type is wrong, and told
            continue
        here = Where(source, ("server", "include", i))
        for member in _found(files.report, here, path.parent, pattern):
            if member in files.paths:
                files.report.error(here, f'"{member}" is read already; include each file once')
                continue
            inner, structs = read_file(files.report, member)
            if structs is None:
                files.whole = False
            else:
                _add(files, member, inner, structs)


def _found(report: Report, here: Where, folder: Path, pattern: str) -> list[Path]:
    """The files of a pattern; that there are none is told."""
    try:
        found = _included(folder, pattern)
    except FileNotFoundError:
        found = []
    except PermissionError as error:
        report.error(here, f'"{error.filename}" cannot be read: {error.strerror}')
        return []
    except (ValueError, NotImplementedError, OSError, RecursionError, IndexError):
        words = 'is not a pattern of files; write one as in "subnets.d/*.toml"'
        report.error(here, f"{shown(pattern)} {words}")
        return []
    if not found and not _MAGIC.search(pattern):
        report.error(here, f'there is no file "{folder / pattern}"')
    elif not found:
        report.warn(here, f'no file matches "{folder / pattern}"')
    return found


def _included(folder: Path, pattern: str) -> list[Path]:
    """Files of a pattern, sorted by name; relative ones start at the file's folder. A link that
    leads nowhere is among them: it is a file that is missing; and so is a pipe that is named.
    Raises OSError."""
    base = Path(pattern)
    if base.is_absolute():
        folder, pattern = Path(base.anchor), str(base.relative_to(base.anchor))
    fixed = itertools.takewhile(lambda part: not _MAGIC.search(part), Path(pattern).parts[:-1])
    os.scandir(folder.joinpath(*fixed)).close()  # glob() finds nothing where it may not look
    found = folder.glob(pattern)
    if not _MAGIC.search(pattern):
        return [member for member in found if not member.is_dir()]
    return sorted(member for member in found if member.is_file() or not member.exists())


def _add(files: _Files, path: Path, source: Source, parsed: schema.File) -> None:
    files.paths.append(path)
    for name in _TABLES:
        table = getattr(parsed, name)
        if table is UNSET:
            continue
        where = Where(source, (name,))
        if name in files.tables:
            first = files.tables[name][0]
            files.report.error(where, f"stands at {first} already; write it in one file only")
            continue
        files.tables[name] = (where, table)
        if name in later.TABLES:
            later.tell_table(files.report, where, name, table)
    for name, found in files.lists.items():
        key = name.replace("_", "-")
        for i, table in enumerate(getattr(parsed, name)):
            if table is not None:
                found.append((Where(source, (key, i)), table))


def _resolve(files: _Files) -> Configuration:
    report = files.report
    server_where, server_table = files.table("server", schema.Server)
    server = server_settings(report, server_where, server_table, files.paths[0].parent)
    control_where, control_table = files.table("control", schema.Control)
    control = control_settings(report, control_where, control_table)
    defaults_where, defaults_table = files.table("defaults", schema.Defaults)
    definitions = read_definitions(report, files.lists["option_definitions"])
    defaults = scope_values(report, defaults_where, defaults_table, outermost(definitions))
    links = shared_networks(report, files.lists["shared_networks"], defaults)
    classes = read_classes(report, files.lists["classes"], definitions)
    places_of_classes = {found.name: place for place, found in enumerate(classes.written, 1)}
    names_at, written = files.table("identifiers", dict)
    identifiers, own_kinds = read_identifiers(
        report, names_at, written, schema.RESERVATION_KEYS, server.identity
    )
    named = Names({**IDENTITY_KINDS, **own_kinds}, places_of_classes)
    check_identity(report, server_where, server, named.kinds)
    drafts = [
        draft
        for where, subnet in files.lists["subnets"]
        if (draft := draft_subnet(report, where, subnet, defaults, links, classes, named))
        is not None
    ]
    drafts.sort(key=lambda draft: (draft.vrf, draft.first))
    _check_overlaps(report, drafts)
    networks = _networks(report, drafts, server.interfaces)
    warn_of_unused(report, links, [draft.shared_network for draft in drafts])
    known = vrfs(report, files.lists["vrfs"], drafts)
    names = [vrf.name for vrf in known if vrf.name != DEFAULT_VRF]
    places = {key: place for place, key in enumerate(networks)}
    relays_where, relays_table = files.table("relays", schema.Relays)
    relays = relay_settings(report, relays_where, relays_table, Links(places, drafts, names))
    paths = _reservation_files(files, server_where, server.reservation_files)
    named = replace(named, vrfs=[DEFAULT_VRF, *names])
    kept = [(where, draft.vrf, row) for draft in drafts for where, row in draft.reservations]
    for where, table in files.lists["reservations"]:
        kept += read_anywhere(report, where, table, defaults, named)
    owned = Owned()
    parts = [toml_part(kept, named.vrfs, owned), *read_reservation_files(report, paths, named)]
    reservations = _reservations(report, drafts, networks, named, parts, owned)
    touched = touched_blocks(drafts, reservations.blocks())
    blocks = sum(last - first + 1 for _, first, last in touched)
    room = check_room(report, server_where, server, blocks)
    options = scope_options(report, defaults_where, defaults_table, definitions)
    reserved = {key for key, place in places.items() if reservations.kinds(place)}
    advise(report, drafts, defaults_where, options, reserved)
    check_vendor_options(report, drafts, (defaults_where, options), classes)
    classes.reserved.update(named.given, *(part.classes for part in parts))
    classes.named.update(classes.reserved)
    advise_on_classes(report, classes)
    warn_of_unnamed(report, names_at, identifiers, server.identity, reservations.all_kinds())
    advise_on_addresses(report, (server_where, server), (control_where, control), drafts)
    _warn_of_no_subnets(files)
    return Configuration(
        files=tuple(files.paths),
        server=replace(server, max_addresses=room),
        control=control,
        params=defaults.params,
        options=options,
        networks=tuple(networks.values()),
        subnets=_subnets(drafts, places),
        reservations=reservations,
        identifiers=identifiers,
        relays=relays,
        vrfs=known,
        definitions=written_definitions(files.lists["option_definitions"]),
        classes=classes.written,
        block_count=blocks,
    )


def _warn_of_no_subnets(files: _Files) -> None:
    if not files.lists["subnets"] and not files.report.failed:
        where = Where(Source(str(files.paths[0]), "", is_json=False))
        files.report.warn(where, "there are no [[subnets]]: nobody gets an address")


def _subnets(drafts: list[Draft], places: dict[tuple[str, bool, str], int]) -> tuple[Subnet, ...]:
    return tuple(
        Subnet(
            vrf=draft.vrf,
            name=draft.name,
            address=draft.first,
            prefix_len=draft.prefix_len,
            network=places[draft.network_key],
            params=draft.params,
            options=draft.options,
            pools=draft.pools,
            guard=draft.guard,
            whens=draft.whens,
            levels=draft.levels,
        )
        for draft in drafts
    )


def _check_overlaps(report: Report, drafts: list[Draft]) -> None:
    """No address belongs to two subnets of a VRF. `drafts` are sorted by VRF and address."""
    widest: Draft | None = None
    for draft in drafts:
        if widest is not None and widest.vrf == draft.vrf and draft.first <= widest.last:
            report.error(
                draft.where.at("subnet"),
                f"{draft.name} overlaps {widest.name} (at {widest.where}); "
                "give each address to one subnet",
            )
        if widest is None or widest.vrf != draft.vrf or draft.last > widest.last:
            widest = draft


def _networks(
    report: Report, drafts: list[Draft], served: tuple[str, ...] | None
) -> dict[tuple[str, bool, str], Network]:
    """Networks by key, in the order of their first subnets; one interface is one network's link."""
    members: dict[tuple[str, bool, str], list[int]] = {}
    for place, draft in enumerate(drafts):
        members.setdefault(draft.network_key, []).append(place)
    links: dict[str, Draft] = {}
    networks = {}
    for key, places in members.items():
        interface: str | None = None
        for draft in (drafts[place] for place in places):
            if draft.interface is not None:
                _check_interface(report, draft, interface, served, links)
                interface = draft.interface
        vrf, shared, name = key
        networks[key] = Network(vrf, name, shared, interface, tuple(places))
    return networks


def _check_interface(
    report: Report,
    draft: Draft,
    interface: str | None,
    served: tuple[str, ...] | None,
    links: dict[str, Draft],
) -> None:
    name = draft.interface or ""
    here = draft.where.at("interface")
    if interface is not None and interface != name:
        report.error(
            here, f'"{name}" is not "{interface}"; subnets of one shared network have one interface'
        )
    other = links.setdefault(name, draft)
    if other.network_key != draft.network_key:
        report.error(
            here,
            f'"{name}" is the link of {other.name} (at {other.where}); give both the same '
            "shared-network",
        )
    if served is not None and name not in served:
        report.error(here, f'"{name}" is not in server.interfaces; add it there')


def _reservation_files(
    files: _Files, where: Where, patterns: tuple[Path, ...]
) -> list[tuple[Where, Path]]:
    """The files of reservations, and where each is named."""
    paths = []
    for i, pattern in enumerate(patterns):
        here = where.at("reservation-files", i)
        found = _found(files.report, here, files.paths[0].parent, str(pattern))
        paths += [(here, path) for path in found]
    return paths


def _reservations(
    report: Report,
    drafts: list[Draft],
    networks: dict[tuple[str, bool, str], Network],
    names: Names,
    parts: list[Part],
    owned: Owned,
) -> ReservationTable:
    """The reservations of all files, held against each other and against the subnets."""
    numbers = network_numbers(list(networks.values()))
    places = {key: place for place, key in enumerate(networks)}
    prefixes = []
    for draft in drafts:
        network = places[draft.network_key]
        prefixes.append(
            Prefix(draft.vrf, draft.name, draft.first, draft.last, network, numbers[network])
        )
    table = ReservationTable(
        parts=parts,
        vrfs=names.vrfs,
        classes=list(names.classes),
        prefixes=prefixes,
        networks=[network.vrf for network in networks.values()],
        overlays=owned.overlays,
        options=owned.options,
    )
    table = table.reusable(_last.get("table"))
    table.check(report)
    if not report.failed:
        _last["table"] = table
    return table


_last: dict[str, ReservationTable] = {}
"""The table of the configuration that was read last without an error."""
