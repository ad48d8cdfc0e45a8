"""Options of an answer by name, their values as an operator reads them."""

import socket
from collections.abc import Callable, Mapping

from fastdhcp.options import BY_CODE, RELAY_BY_CODE, Kind
from fastdhcp.words import relay_parts, relay_sub_options

Value = str | int | list[str] | list[int] | list[list[str]] | dict[str, "Value"]

POINTERS_MAX = 32
"""Of one compressed name: more is a loop (RFC 1035 4.1.4)."""

# What only servers write, and how it is read.
_SERVER_KINDS: Mapping[int, Kind] = {
    1: Kind.ADDRESS,
    50: Kind.ADDRESS,
    51: Kind.U32,
    54: Kind.ADDRESS,
    56: Kind.TEXT,
    57: Kind.U16,
    58: Kind.U32,
    59: Kind.U32,
    118: Kind.ADDRESS,
}
_MESSAGE_TYPE, _RELAY_INFO = 53, 82


def named(options: Mapping[int, bytes]) -> dict[str, Value]:
    """All options but 53, by name (by code where there is none), in the order of their codes."""
    shown: dict[str, Value] = {}
    for code in sorted(options):
        if code == _RELAY_INFO:
            shown["relay-agent-information"] = _relay_info(options[code])
        elif code != _MESSAGE_TYPE:
            known = BY_CODE.get(code)
            shown[known.name if known else str(code)] = value(code, options[code])
    return shown


def value(code: int, data: bytes) -> Value:
    """The value of an option; text where it is printable, else "hex:...", if it cannot be read as
    what it should be."""
    known = BY_CODE.get(code)
    kind = _SERVER_KINDS.get(code) or (known.kind if known else Kind.SERVER)
    return _read(kind, data)


def printable(data: bytes) -> str:
    """Text where it is printable ASCII, else "hex:..."."""
    shown = data.rstrip(b"\0").decode("latin-1")
    if shown and shown.isascii() and shown.isprintable():
        return shown
    return f"hex:{data.hex()}"


def one_line(shown: Value) -> str:
    """A value in one line."""
    if isinstance(shown, dict):
        return ", ".join(f"{name} {one_line(part)}" for name, part in shown.items())
    if isinstance(shown, list):
        parts = (part if isinstance(part, (str, int)) else " via ".join(part) for part in shown)
        return ", ".join(map(str, parts))
    return str(shown)


def _read(kind: Kind, data: bytes) -> Value:
    try:
        return _READERS.get(kind, printable)(data)
    except (ValueError, IndexError):
        return f"hex:{data.hex()}"


def _relay_info(data: bytes) -> Value:
    """Sub-options of option 82 (RFC 3046 2.0)."""
    if sum(2 + len(part) for _, part in relay_parts(data)) != len(data):
        return f"hex:{data.hex()}"
    shown: dict[str, Value] = {}
    for code, part in relay_sub_options(data).items():
        known = RELAY_BY_CODE.get(code)
        name = known.name if known else str(code)
        shown[name] = _read(known.kind if known else Kind.BYTES, part)
    return shown


def _number(size: int, *, signed: bool = False) -> Callable[[bytes], int]:
    def read(data: bytes) -> int:
        if len(data) != size:
            raise ValueError(f"{len(data)} octets, not {size}")
        return int.from_bytes(data, signed=signed)

    return read


def _groups(data: bytes, size: int) -> list[bytes]:
    if not data or len(data) % size:
        raise ValueError(f"{len(data)} octets are no multiple of {size}")
    return [data[at : at + size] for at in range(0, len(data), size)]


def _address(data: bytes) -> str:
    if len(data) != 4:
        raise ValueError("not four octets")
    return socket.inet_ntoa(data)


def _addresses(data: bytes) -> list[str]:
    return [socket.inet_ntoa(part) for part in _groups(data, 4)]


def _pairs(data: bytes) -> list[list[str]]:
    return [[socket.inet_ntoa(part[:4]), socket.inet_ntoa(part[4:])] for part in _groups(data, 8)]


def _routes(data: bytes) -> list[list[str]]:
    """RFC 3442: prefix length, the significant octets of the destination, the router."""
    routes, at = [], 0
    while at < len(data):
        size = (data[at] + 7) // 8
        destination, router = data[at + 1 : at + 1 + size], data[at + 1 + size : at + 5 + size]
        if data[at] > 32 or len(router) != 4:
            raise ValueError("not a route")
        prefix = f"{socket.inet_ntoa(destination.ljust(4, bytes(1)))}/{data[at]}"
        routes.append([prefix, socket.inet_ntoa(router)])
        at += 5 + size
    return routes


def _names(data: bytes) -> list[str]:
    """RFC 3397 2: names of RFC 1035 one behind the other, with pointers between them."""
    names, at = [], 0
    while at < len(data):
        name, at = _name(data, at)
        names.append(name)
    return names


def _name(data: bytes, at: int) -> tuple[str, int]:
    """The name at `at`, and where the next begins."""
    labels: list[str] = []
    after = 0
    for _ in range(POINTERS_MAX * 8):
        size = data[at]
        if size >= 0xC0:
            after = after or at + 2
            at = (size & 0x3F) << 8 | data[at + 1]
        elif size == 0:
            return ".".join(labels), after or at + 1
        else:
            labels.append(data[at + 1 : at + 1 + size].decode("ascii"))
            at += 1 + size
    raise ValueError("a name that does not end")


_READERS: Mapping[Kind, Callable[[bytes], Value]] = {
    Kind.ADDRESS: _address,
    Kind.ADDRESSES: _addresses,
    Kind.ADDRESS_PAIRS: _pairs,
    Kind.TEXT: printable,
    Kind.NAMES: _names,
    Kind.ROUTES: _routes,
    Kind.U8: _number(1),
    Kind.U16: _number(2),
    Kind.U32: _number(4),
    Kind.I32: _number(4, signed=True),
    Kind.BYTES: printable,
    Kind.SERVER: printable,
}
