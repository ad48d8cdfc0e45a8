"""From the raw text's tables to schema structs; every wrong key and type is reported, not only the
first. What is broken is left out (None in a list, the default for a key), so that the rest can be
looked at too.
"""

import difflib
import types
import typing
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import NODEFAULT, Struct, UnsetType

from fastdhcp.config import later, schema
from fastdhcp.config.errors import key_text
from fastdhcp.config.keys import (
    ADDRESS_LEVELS,
    LINK_LEVELS,
    NUMBER,
    TEXT,
    TEXTS,
    TRUTH,
    keys_of,
)
from fastdhcp.config.model import Params, Relays, Server
from fastdhcp.config.report import Report, Where, unknown
from fastdhcp.config.schema import OTHERS, AnywhereReservation, File, Reservation, Scope
from fastdhcp.options import BY_NAME, shown

# What would be right, for the keys whose type does not say it.
_WANTED = {
    **{
        key.name: key.kind.wanted
        for model in (Server, Relays, Params, *later.MODELS, *filter(None, later.TABLES.values()))
        for key in keys_of(model).values()
        if key.kind not in (NUMBER, TEXT, TEXTS, TRUTH)
    },
    "pools": 'a range such as "10.0.0.10-10.0.0.99", or a table with `range`',
    "options": "a table of options by name",
    "always-send": "the name of an option, or its code",
    "never-send": "the name of an option, or its code",
    "type": 'the name of a type such as "addresses", or a list of them',
}
_OF_ADDRESSES = {
    key.name for key in keys_of(Params).values() if key.levels == ADDRESS_LEVELS
}
_OF_LINKS = {key.name for key in keys_of(Params).values() if key.levels == LINK_LEVELS}
_WANTED_BY_TYPE = {
    str: "text in quotes",
    int: "a whole number",
    bool: "true or false",
    dict: "a table",
    list: "a list",
}
_FOUND = {
    str: "text", int: "a number", float: "a number with a point", bool: "true or false",
    dict: "a table", list: "a list", type(None): "null",
}  # fmt: skip


def build(report: Report, where: Where, raw: object) -> File | None:
    """The structs of one file. None: not even its outermost form is right (and that is told)."""
    _set_aside(raw)
    try:
        return msgspec.convert(raw, File)
    except msgspec.ValidationError:
        return typing.cast("File | None", _struct(report, where, File, raw))


_KEYS: dict[type[Struct], set[str]] = {
    kind: {field.encode_name for field in msgspec.structs.fields(kind)} - {OTHERS}
    for kind in (Reservation, AnywhereReservation)
}


def _set_aside(raw: object) -> None:
    """In each reservation, the keys with text that no reservation has: they may be names of
    [identifiers], which another file may say."""
    if not isinstance(raw, dict):
        return
    _set_aside_in(raw, AnywhereReservation)
    subnets = raw.get("subnets")
    for subnet in subnets if isinstance(subnets, list) else []:
        _set_aside_in(subnet, Reservation)


def _set_aside_in(table: object, kind: type[Struct]) -> None:
    rows = table.get("reservations") if isinstance(table, dict) else None
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and not row.keys() <= _KEYS[kind]:
            others = {
                key: row.pop(key)
                for key in row.keys() - _KEYS[kind]
                if isinstance(row[key], str)
            }
            if others:
                row[OTHERS] = others


def _struct(report: Report, where: Where, kind: type[Struct], raw: object) -> Struct | None:
    if not isinstance(raw, dict):
        report.error(where, _mismatch(raw, _single(where, raw)))
        return None
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    values: dict[str, Any] = {}
    complete = True
    for key, value in raw.items():
        field = fields.pop(key, None)
        if field is None:
            report.error(where.at(key), unknown_key(kind, key))
            continue
        built = _value(report, where.at(key), field.type, value, key)
        if built is None:
            complete = complete and not field.required
        else:
            values[field.name] = built
    for name, field in fields.items():
        if field.default is NODEFAULT and field.default_factory is NODEFAULT:
            report.error(where, f"`{name}` is missing; write {_example(name)}")
            complete = False
    return kind(**values) if complete else None


def unknown_key(kind: type[Struct], key: str, more: Iterable[str] = ()) -> str:
    """What is said of a key that a table has not; `more`: keys beside those of its kind."""
    known = [*(field.encode_name for field in msgspec.structs.fields(kind)), *more]
    unserved = later.NAMES if not issubclass(kind, schema.Promised) else ()
    known = [name for name in known if name != OTHERS and name not in unserved]
    if issubclass(kind, Scope):
        if key in _OF_LINKS:
            return "belongs to a whole link; write it in the subnet, or in [defaults]"
        if key in _OF_ADDRESSES:
            return "counts when the client is gone; write it in the pool or the subnet"
        if key in BY_NAME:
            return f"is an option; write it as options.{key}"
    if not difflib.get_close_matches(key, known, 1, _SLIP) and (home := _home_of(kind, key)):
        return home
    return unknown("a key here", key, known)


_SLIP = 0.9  # what is spelt so nearly alike is meant here, and not elsewhere
# Tables by which a key that stands in another one is known.
_HOMES: dict[str, type[Struct]] = {
    "[server]": schema.Server,
    "[control]": schema.Control,
    "[relays]": schema.Relays,
    "[defaults]": schema.Defaults,
    "[[subnets]]": schema.Subnet,
}
_ADDRESSES = ("address", "ip-address", "fixed-address", "ip")


def _home_of(kind: type[Struct], key: str) -> str | None:
    """What is said of a key that is right elsewhere; None: it is right nowhere."""
    if issubclass(kind, AnywhereReservation) and key in _ADDRESSES:
        return "belongs to a subnet; write the reservation in [[subnets.reservations]]"
    if issubclass(kind, schema.SharedNetwork) and key in ("subnets", "subnet", "pools"):
        return 'is not a key here; write [[subnets]] with shared-network = "..." there'
    if issubclass(kind, Reservation) and key in _names_of(schema.Subnet):
        return "is a key of [[subnets]]; write it above [[subnets.reservations]]"
    if issubclass(kind, File) and key in _names_of(schema.Subnet) - _names_of(schema.Defaults):
        return None  # [[subnet]] is meant, most likely
    for name, home in _HOMES.items():
        if key in _names_of(home) and not issubclass(kind, home):
            if issubclass(kind, Scope) and home is schema.Defaults:
                return None  # why it may not stand here is told
            return f"is a key of {name}; write it there"
    return None


def _names_of(kind: type[Struct]) -> set[str]:
    names = {field.encode_name for field in msgspec.structs.fields(kind)}
    return names - {OTHERS} - later.NAMES


def _value(report: Report, where: Where, kind: Any, value: object, key: str) -> Any:
    """The value of a key, or None if it is not of its type (and that is told)."""
    choices = [choice for choice in _choices(kind) if choice is not UnsetType]
    for choice in choices:
        origin = typing.get_origin(choice) or choice
        if isinstance(origin, type) and issubclass(origin, Struct):
            if isinstance(value, dict) or len(choices) == 1:
                return _struct(report, where, origin, value)
        elif origin is list and isinstance(value, list):
            (inner,) = typing.get_args(choice)
            return [_value(report, where.at(i), inner, item, key) for i, item in enumerate(value)]
        elif type(value) is origin:  # not isinstance: true is no number
            return value
    first = typing.get_origin(choices[0]) or choices[0]
    wanted = _WANTED_BY_TYPE.get(first, "a table")
    if first is not list:  # what a key wants is said of a list's members, not of the list
        wanted = _WANTED.get(key, wanted)
    elif isinstance(value, str):
        wanted += f", as in [{shown(value)}]"
    elif isinstance(value, dict) and _holds_tables(choices[0]):
        wanted += f"; {_table_of_many(where)}"
    if isinstance(value, str) and first in (int, bool) and _is_of(first, value):
        wanted += f"; write {value} without quotes"
    report.error(where, _mismatch(value, wanted))
    return None


def _is_of(kind: type, text: str) -> bool:
    """Whether a text would be a number, or a truth, but for its quotes."""
    if kind is bool:
        return text in ("true", "false")
    return text.isascii() and text.isdecimal() and len(text) < 20


def _holds_tables(kind: Any) -> bool:
    """Whether a list is one of tables, and of nothing else."""
    (inner,) = typing.get_args(kind)
    origin = typing.get_origin(inner) or inner
    return isinstance(origin, type) and issubclass(origin, Struct | dict)


def _table_of_many(where: Where) -> str:
    if where.source.is_json:
        return "put it into a list: [{...}]"
    name = ".".join(step for step in where.path if isinstance(step, str))
    return f"a table of which there may be several has two brackets: [[{name}]]"


def _single(where: Where, value: object) -> str:
    if isinstance(value, list) and not where.source.is_json and all(type(v) is dict for v in value):
        return f"a table; there is one, with single brackets: [{key_text(where.path)}]"
    return "a table"


def _choices(kind: Any) -> tuple[Any, ...]:
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return typing.get_args(kind)
    return (kind,)


def _mismatch(value: object, wanted: str) -> str:
    return f"is {_FOUND.get(type(value), 'a date or time')}, must be {wanted}"


def _example(key: str) -> str:
    return {
        "subnet": 'a prefix such as subnet = "10.0.0.0/24"',
        "range": 'addresses such as range = "10.0.0.10-10.0.0.99"',
        "name": 'a name such as name = "lan-a"',
        "class": 'the name of a class such as class = "phones"',
        "address": 'an address such as address = "10.0.0.50"',
        "code": "the option's code such as code = 224",
        "type": 'a type such as type = "addresses"',
    }.get(key, "it")
