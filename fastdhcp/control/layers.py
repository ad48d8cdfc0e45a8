"""What gives a client what it is sent: its classes, by the parts of their tests, and layers; and
what it is not sent, with the reason."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from fastdhcp import words
from fastdhcp.config.model import OPTION_LEVELS
from fastdhcp.config.parts import Way, parts_of, run_parts
from fastdhcp.config.tokens import ExpressionError
from fastdhcp.control.catalog import Catalog
from fastdhcp.control.messages import ExplainedClass, ExplainedOption, ExplainedPart, NotSent
from fastdhcp.options import Option
from fastdhcp.packet import Packet

HOSTNAME = 12
_ECHOED = "echoed, as it came"
_SERVERS: Mapping[int, str] = {
    1: "the subnet's prefix",
    53: "the reply",
    54: "the server's address",
    56: "the reply",
    **dict.fromkeys((61, 82, 118, 221), _ECHOED),
}
"""What gives the options that the server itself writes."""
_TIMES: Mapping[int, str] = {51: "lease-time", 58: "renewal-time", 59: "rebinding-time"}
Found = Mapping[str, Any]


# ---- classes


def classes_of(message: bytes, way: Way, catalog: Catalog) -> list[ExplainedClass]:
    """Each class with its test's parts, as they are of a message; of those without a test the ones
    that the client is of."""
    bits = {found.name: bit for bit, found in enumerate(catalog.classes)}
    names = catalog.definitions.dhcp.by_name
    explained = []
    for name, bit in bits.items():
        test = catalog.classes[bit].test
        matches = bool(way.classes >> bit & 1)
        if test or (matches and name != "all"):
            parts = _parts(test, names, message, way, bits) if test else []
            explained.append(ExplainedClass(name=name, matches=matches, test=test or None,
                                            parts=parts))  # fmt: skip
    return explained


def _parts(
    test: str, names: Mapping[str, Option], message: bytes, way: Way, bits: Mapping[str, int]
) -> list[ExplainedPart]:
    with contextlib.suppress(ExpressionError):  # it compiled when the policy was made
        return [
            ExplainedPart(text=part.text, truth=truth)
            if part.expression.is_test
            else ExplainedPart(text=part.text, value=_octets(value))
            for part, truth, value in run_parts(parts_of(test, names), message, way, bits)
        ]
    return []


def _octets(value: bytes | None) -> str | None:
    """None: absent."""
    return "" if value == b"" else None if value is None else words.identifier_text(value)


# ---- options


def option_of(
    code: int, octets: bytes, found: Found, catalog: Catalog, given: Mapping[str, str]
) -> ExplainedOption:
    """An option of the reply, with its value as the configuration writes it. `given`: who gave the
    times."""
    known = catalog.definitions.dhcp.by_code.get(code)
    value: object = f"hex:{octets.hex()}"
    if known is not None:
        with contextlib.suppress(ValueError):  # in hex, what is none of its type
            value = known.type.value(octets)
    return ExplainedOption(
        code=code,
        name=known.name if known else None,
        value=value,
        layer=given.get(_TIMES.get(code, "")) or _layer(code, octets, found, catalog),
    )


def _layer(code: int, octets: bytes, found: Found, catalog: Catalog) -> str:
    """Who gave it, in words."""
    if code in _SERVERS:
        return _SERVERS[code]
    if code == HOSTNAME and octets == found.get("own_hostname"):
        return "reservation"
    if code not in found["sources"]:
        return "the server"
    kind, level, number = found["sources"][code]
    return layer_text(kind, level, number, found, catalog)


def layer_text(kind: str, level: int, number: int, found: Found, catalog: Catalog) -> str:
    """A layer of who is answered so, in words."""
    subnet = catalog.subnets[found["subnet"]].name if found["subnet"] is not None else ""
    if kind == "subnet":
        return OPTION_LEVELS[level] or f"subnet {subnet}"
    if kind == "pool":
        return f"pool {catalog.pools[found['pool']].name}"
    if kind == "reservation":
        return "reservation"
    name = f"class {catalog.classes[number].name}"
    return name if kind == "class" else f"{name}, {kind}"


# ---- what is not sent

NAK = 6
_OTHERS = (50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 61, 82, 90, 118, 221)
"""What the server itself writes, and what only clients send."""
_ASKED_ONLY = (108, 116, 159)
"""Without option 55 these stay away too (RFC 8925 3.3, RFC 2563 2.3, RFC 7618 8)."""
_ROUTES, _CLASSLESS_ROUTES, _MS_ROUTES = (3, 33), (121, 249), 249
"""249 is another code of 121: it is missing where it is asked for alone."""
_SERVER_NAME, _BOOT_FILE = 66, 67
_PARAMETERS, _SIZE = 55, 57
SIZE_MIN = 576
"""Octets of a message that every client takes (RFC 2131 2)."""


def not_sent(asked: Packet, reply: Packet | None, found: Found, catalog: Catalog) -> list[NotSent]:
    """In the order of their codes; of a NAK there are none."""
    if reply is None or found["reply_type"] == NAK:
        return []
    return sorted(_missing(asked, reply, found, catalog), key=lambda one: one.code)


def _missing(
    asked: Packet, reply: Packet, found: Found, catalog: Catalog
) -> Iterator[NotSent]:
    list_ = asked.options.get(_PARAMETERS)
    policy = {*found["sources"]} - {_MS_ROUTES}
    for code in (policy | {*(list_ or b"")}) - {0, 255, *_OTHERS, *reply.options}:
        known = catalog.definitions.dhcp.by_code.get(code)
        why = _without_value(code, reply)
        if code in found["sources"]:
            kind, level, number = found["sources"][code]
            where = layer_text(kind, level, number, found, catalog)
            why = f"{_why(code, list_, asked, reply, found)} (it stands in {where})"
        yield NotSent(code=code, name=known.name if known else None, why=why)


def _without_value(code: int, reply: Packet) -> str:
    return _in_field(code, reply) or "asked for, but it has no value here"


def _in_field(code: int, reply: Packet) -> str | None:
    if (code == _SERVER_NAME and reply.sname) or (code == _BOOT_FILE and reply.file):
        return "it stands in the field of the header"
    return None


def _why(code: int, list_: bytes | None, asked: Packet, reply: Packet, found: Found) -> str:
    """Of an option that the policy has a value for."""
    if code != _MS_ROUTES and code in found["withheld"]:
        return "never-send says so"
    if list_ is None and code in _ASKED_ONLY:
        return "the client has no option 55, and this one goes to who asks for it alone"
    if list_ is not None and code not in list_:
        return "not asked for: option 55 does not name it, nor does always-send"
    if code in _ROUTES and any(routes in reply.options for routes in _CLASSLESS_ROUTES):
        return "classless routes are sent instead of it (RFC 3442)"
    return _in_field(code, reply) or f"no room: {_room(asked)}"


def _room(asked: Packet) -> str:
    octets = asked.options.get(_SIZE, b"")
    if len(octets) != 2:
        return f"{SIZE_MIN} octets, for the client has no option 57"
    return f"{max(int.from_bytes(octets), SIZE_MIN)} octets, by its option 57"
