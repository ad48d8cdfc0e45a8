"""[[option-definitions]]: options that no standard has, and those of a vendor's space."""

import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import UNSET

from fastdhcp.config import schema
from fastdhcp.config.report import Report, Source, Where, nearest
from fastdhcp.config.values import plain_name
from fastdhcp.options import (
    CODE_MAX,
    DHCP,
    STANDARD,
    TYPES,
    Definitions,
    Option,
    OptionError,
    Space,
    Type,
    array,
    record,
    shown,
    space_type,
)

_SPACE = "space:"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_REFUSED = Type("", lambda _: b"?", lambda octets, _: (octets.hex(), len(octets)), open=True)
"""Of an option whose definition is wrong: any value will do."""
_TYPES_ELSEWHERE = {
    "string": "text",
    "fqdn": "name",
    "domain-list": "names",
    "domain-name": "name",
    "ip-address": "address",
    "ipv4-address": "address",
    "ipv6-address": "address6",
    "boolean": "flag",
    "binary": "bytes",
    "hex": "bytes",
    "uint8": "u8",
    "uint16": "u16",
    "uint32": "u32",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "integer": "u32",
}
"""As other servers call them."""
_KEYS = ("space", "enterprise", "data")  # what stands beside sub-options in a table of 43 or 125


def read_definitions(
    report: Report, written: Sequence[tuple[Where, schema.OptionDefinition]]
) -> Definitions:
    """All option spaces: those of standards, and what is written."""
    if not written:
        return STANDARD
    definitions = Definitions()
    owners: dict[tuple[str, int], Where] = {}
    for where, table in written:
        name = DHCP if table.space is UNSET else table.space
        try:
            space = definitions.space(plain_name(name))
        except ValueError as error:
            report.error(where.at("space"), error)
            continue
        _add(report, where, table, definitions, space, owners)
    for where, table in written:
        if isinstance(table.type, str) and table.type.startswith(_SPACE):
            _check_space(report, where, table.type.removeprefix(_SPACE), definitions)
    return definitions


def written_definitions(
    written: Sequence[tuple[Where, schema.OptionDefinition]],
) -> tuple[Mapping[str, object], ...]:
    """The tables as the configuration has them."""
    return tuple(msgspec.to_builtins(table) for _, table in written)


def definitions_of(data: bytes) -> Definitions:
    """All option spaces, of an image's table of definitions."""
    if not data:
        return STANDARD
    tables = msgspec.json.decode(data, type=list[schema.OptionDefinition])
    nowhere = Where(Source("", "", is_json=False))
    return read_definitions(Report(), [(nowhere, table) for table in tables])


def _add(
    report: Report,
    where: Where,
    table: schema.OptionDefinition,
    definitions: Definitions,
    space: Space,
    owners: dict[tuple[str, int], Where],
) -> None:
    """One definition to its space; `owners`: where each code of a space is defined."""
    option = _option(report, where, table, definitions, space)
    if option is None:
        if isinstance(table.name, str):  # a name all the same: what gives it a value is not wrong
            space.by_name.setdefault(table.name, Option(CODE_MAX, table.name, _REFUSED, ""))
        return
    known = space.by_name.get(option.name)
    if (space.name, option.code) in owners:
        words = f"{option.code} is defined already, at {owners[space.name, option.code]}"
        report.error(where.at("code"), f"{words}; define it once")
    elif known is not None:
        words = f"{shown(option.name)} is the name of option {known.code} already"
        report.error(where.at("name"), f"{words}; take another name, or leave this out")
    else:
        owners[space.name, option.code] = where
        space.add(option)


def _option(
    report: Report,
    where: Where,
    table: schema.OptionDefinition,
    definitions: Definitions,
    space: Space,
) -> Option | None:
    code, name = table.code, table.name
    standard = definitions.dhcp.by_code.get(code) if space is definitions.dhcp else None
    if not 1 <= code <= CODE_MAX:
        words = f"is not the code of an option; codes go from 1 to {CODE_MAX}"
        report.error(where.at("code"), f"{shown(code)} {words}")
        return None
    if standard is not None and standard.server:
        words = f"option {code} ({standard.name}) is written by the server itself; leave it out"
        report.error(where.at("code"), words)
        return None
    if not _NAME.fullmatch(name) or name.isdecimal() or name in _KEYS:
        words = 'letters, digits and "-", as in "menu-url"'
        report.error(where.at("name"), f"{shown(name)} is not the name of an option; write {words}")
        return None
    try:
        return Option(code, name, _type(table, definitions), "")
    except OptionError as error:
        report.error(where.at("array" if error.path == ("array",) else "type"), error)
        return None


def _type(table: schema.OptionDefinition, definitions: Definitions) -> Type:
    """Raises OptionError; its path is ("array",) where the type alone would do."""
    written = table.type
    if isinstance(written, str) and written.startswith(_SPACE):
        kind = space_type(definitions.space(written.removeprefix(_SPACE)))
    elif isinstance(written, str):
        kind = _simple(written)
    else:
        kind = _record(written)
    if not table.array:
        return kind
    if kind.open:
        words = f"{kind.name} takes all octets that are left, so it cannot be repeated"
        cure = "write a type of a size of its own, or leave `array` out"
        raise OptionError(f"{words}; {cure}", "array")
    if kind.name == "empty":
        raise OptionError("empty has no octets, so it cannot be repeated; leave it out", "array")
    return array(f"{kind.name}...", kind, f"a list, each {kind.name}", "[..., ...]")


def _record(written: Sequence[str]) -> Type:
    if not written:
        raise OptionError('is empty; write the types of a record, as in ["u8", "address"]')
    fields = []
    for place, name in enumerate(written):
        if name is None:  # its type is wrong, and told
            name = "bytes"
        kind = _simple(name)
        if kind.open and place != len(written) - 1:
            words = f"{shown(name)} takes all octets that are left; write it last"
            raise OptionError(words)
        fields.append(kind)
    return record(fields, "[..., ...]")


def _simple(name: str) -> Type:
    kind = TYPES.get(name)
    if kind is not None:
        return kind
    near = _TYPES_ELSEWHERE.get(name) or nearest(name, TYPES)
    cure = f'did you mean "{near}"?' if near else f"write one of {', '.join(TYPES)}, space:NAME"
    raise OptionError(f"{shown(name)} is not a type; {cure}")


def _check_space(report: Report, where: Where, name: str, definitions: Definitions) -> None:
    if name == DHCP or not definitions.space(name).by_name:
        words = f"there is no option space {shown(name)}"
        report.error(where.at("type"), f"{words}; define its options in [[option-definitions]]")
