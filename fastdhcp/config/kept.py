"""One reservation as TOML has it: its identifier, its address, and what it has of its own."""

from collections.abc import Iterable, Sequence

from msgspec import UNSET, UnsetType

from fastdhcp._rows import Rows
from fastdhcp.config import schema, values
from fastdhcp.config.model import Chosen, Options, Reservation
from fastdhcp.config.names import Names, read_identity
from fastdhcp.config.notation import doubt_of_identifier
from fastdhcp.config.report import Report, Where
from fastdhcp.config.reservations import Part
from fastdhcp.config.scopes import ScopeValues, scope_options, scope_values
from fastdhcp.config.structure import unknown_key
from fastdhcp.config.tables import Blob, LayerTable, OverlayTable

IDENTIFIERS = ("hw_address", "client_id", "circuit_id", "remote_id", "subscriber_id")
"""What people reserve by, the usual first."""
_IN_THE_ROW = ("next_server", "boot_file")
"""Keys of [defaults] that stand in the row itself; the others are one of its overlay."""


def read_address(report: Report, where: Where, written: str | UnsetType) -> int | None:
    """The address of a reservation, 0 if none is written. None: it is wrong, and that is told."""
    if isinstance(written, UnsetType):
        return 0
    try:
        return values.address(written)
    except ValueError as error:
        report.error(where.at("address"), error)
        return None


def read_reservation(
    report: Report,
    where: Where,
    table: schema.Client,
    scope: ScopeValues,
    names: Names,
    address: int,
    home: int,
) -> Reservation | None:
    """A reservation resolved within `scope`. None: nobody could say whose it is (and that is
    told)."""
    identity = _identity(report, where, table, names)
    hostname = b""
    if table.hostname is not UNSET:
        try:
            hostname = values.printable(table.hostname, values.IDENTIFIER_MAX)
        except ValueError as error:
            report.error(where.at("hostname"), error)
    classes: tuple[int, ...] = ()
    try:
        classes = names.class_places([name for name in table.classes if name is not None])
    except ValueError as error:
        report.error(where.at("classes"), error)
    resolved = scope_values(report, where, table, scope, reserved=True)
    options = scope_options(report, where, table, scope.definitions)
    if identity is None:
        return None
    return Reservation(
        kind=identity[0],
        identity=identity[1],
        address=address,
        home=home,
        hostname=hostname,
        next_server=resolved.params.next_server if _wrote(table, "next_server") else 0,
        boot_file=resolved.params.boot_file if _wrote(table, "boot_file") else b"",
        classes=classes,
        chosen={name: value for name, value in resolved.own.items() if name not in _IN_THE_ROW},
        options=options,
    )


def read_anywhere(
    report: Report,
    where: Where,
    table: schema.AnywhereReservation,
    defaults: ScopeValues,
    names: Names,
) -> list[tuple[Where, str, Reservation]]:
    """One of no subnet, with its VRF; none if it is wrong (and that is told)."""
    vrf = 0
    if not isinstance(table.vrf, UnsetType):
        try:
            vrf = names.vrf(table.vrf)
        except ValueError as error:
            report.error(where.at("vrf"), error)
    found = read_reservation(report, where, table, defaults, names, 0, 0)
    return [] if found is None else [(where, names.vrfs[vrf], found)]


def _wrote(table: schema.Client, attribute: str) -> bool:
    return getattr(table, attribute) is not UNSET


def _identity(
    report: Report, where: Where, table: schema.Client, names: Names
) -> tuple[int, bytes] | None:
    written = {
        name.replace("_", "-"): getattr(table, name) for name in IDENTIFIERS if _wrote(table, name)
    }
    for name, text in table.others.items():
        if name in names.kinds:
            written[name] = text
        else:
            report.error(where.at(name), unknown_key(type(table), name, names.kinds))
    refused = any(report.is_told(where.at(name)) for name in (*names.kinds, *table.others))
    if not written and refused:
        return None  # most likely that is the identifier
    if len(written) != 1:
        count = "none" if not written else f"{len(written)}"
        known = ", ".join(f"`{name}`" for name in IDENTIFIERS).replace("_", "-")
        if len(names.kinds) > len(IDENTIFIERS):
            known += ", or a name of [identifiers]"
        report.error(where, f"has {count} of the identifiers; write exactly one of {known}")
        return None
    ((kind, text),) = written.items()
    try:
        octets = read_identity(kind, text)
    except ValueError as error:
        report.error(where.at(kind), error)
        return None
    if kind != "hw-address" and (doubt := doubt_of_identifier(text)):
        report.warn(where.at(kind), doubt)
    return names.kinds[kind], octets


class Owned:
    """What single reservations have of their own, and its numbers: 0 for nothing. They are those of
    the image's tables, in which these come first."""

    def __init__(self) -> None:
        self._overlays = OverlayTable(Blob())
        self._layers = LayerTable(Blob())
        self.overlays: list[Chosen] = []
        self.options: list[Options] = []

    def overlay_number(self, chosen: Chosen) -> int:
        number = self._overlays.place(chosen)
        if number > len(self.overlays):
            self.overlays.append(chosen)
        return number

    def options_number(self, options: Options) -> int:
        number = self._layers.place(options)
        if number > len(self.options):
            self.options.append(options)
        return number


def toml_part(
    kept: Iterable[tuple[Where, str, Reservation]], vrfs: Sequence[str], owned: Owned
) -> Part:
    """The rows of TOML: where each stands, and its VRF."""
    places = {name: place for place, name in enumerate(vrfs)}
    rows = Rows()
    wheres: list[Where] = []
    says = []
    for where, vrf, row in kept:
        wheres.append(where)
        says.append((vrf, row))
        rows.add(
            kind=row.kind,
            identity=row.identity,
            vrf=places[vrf],
            address=row.address,
            home=row.home,
            next_server=row.next_server,
            hostname=row.hostname,
            boot_file=row.boot_file,
            classes=row.classes,
            options=owned.options_number(row.options),
            overlay=owned.overlay_number(row.chosen),
        )
    rows.trim()

    def place(row: int, key: str) -> Where:
        return wheres[row].at(key) if key else wheres[row]

    return Part(rows, place, says)
