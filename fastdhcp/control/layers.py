"""What gives a client what it is sent: its classes, by the parts of their tests, and layers."""

import contextlib
from collections.abc import Mapping
from typing import Any

from fastdhcp import words
from fastdhcp.config.model import OPTION_LEVELS
from fastdhcp.config.parts import Way, parts_of, run_parts
from fastdhcp.config.tokens import ExpressionError
from fastdhcp.control.catalog import Catalog
from fastdhcp.control.messages import ExplainedClass, ExplainedOption, ExplainedPart
from fastdhcp.options import Option

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
