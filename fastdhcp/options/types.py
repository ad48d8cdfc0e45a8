"""The types of option values: how each is written in the configuration, and its octets.

A type is a pair of functions. `write` makes the octets of what the configuration says, or raises
OptionError; `read` makes of octets what the configuration would say, or raises ValueError. Types
are combined: `array` repeats one, `record` puts several in a row, `sized` puts a length before one.
"""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Any, TypeVar

from fastdhcp.options.errors import OptionError, shown

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
U32_MAX = 0xFFFFFFFF

T = TypeVar("T")
Value = Any
"""Texts, numbers, truths, and lists and tables of them: what TOML and JSON can say."""


@dataclass(frozen=True, slots=True)
class Type:
    """`name`: as [[option-definitions]] writes it. `read` begins at a place of the octets and says
    where it ended. `open`: it takes all octets that are left, so nothing may stand behind it."""

    name: str
    write: Callable[[object], bytes]
    read: Callable[[bytes, int], tuple[Value, int]]
    open: bool = False

    def value(self, octets: bytes) -> Value:
        """What the configuration would say of these octets. Raises ValueError."""
        try:
            value, end = self.read(octets, 0)
        except (IndexError, UnicodeDecodeError) as error:
            raise ValueError("ends too early, or is no text") from error
        if end != len(octets):
            raise ValueError(f"has {len(octets) - end} octets too many")
        return value


def taken(octets: bytes, at: int, size: int) -> bytes:
    """`size` octets at a place. Raises IndexError if there are fewer."""
    if at + size > len(octets):
        raise IndexError
    return octets[at : at + size]


# ---- one address, one text, octets


def address_bytes(value: object) -> bytes:
    """Four octets of "10.0.0.1". Raises OptionError for anything but a dotted quad."""
    if isinstance(value, str):
        try:
            return socket.inet_pton(socket.AF_INET, value)
        except (OSError, ValueError):
            pass
    raise OptionError(f"{shown(value)} is not an address; write four numbers as in 10.0.0.1")


def hex_bytes(value: object) -> bytes:
    """Octets of "hex:0a0b0c" ("hex:0a:0b:0c" too). Raises OptionError."""
    if isinstance(value, str) and value.startswith("hex:"):
        digits = value[4:].replace(":", "")
        try:
            return bytes.fromhex(digits)
        except ValueError:
            pass
    raise OptionError(f'{shown(value)} is not hex; write "hex:" and pairs of digits, "hex:0a0b"')


def _write_address(value: object) -> bytes:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return address_bytes(value)


def _read_address(octets: bytes, at: int) -> tuple[Value, int]:
    return socket.inet_ntoa(taken(octets, at, 4)), at + 4


def _write_address6(value: object) -> bytes:
    if isinstance(value, str) and "%" not in value:
        try:
            return IPv6Address(value).packed
        except ValueError:
            pass
    raise OptionError(f"{shown(value)} is not an IPv6 address; write one as in 2001:db8::")


def _read_address6(octets: bytes, at: int) -> tuple[Value, int]:
    return str(IPv6Address(taken(octets, at, 16))), at + 16


def _write_text(value: object) -> bytes:
    if not isinstance(value, str):
        raise OptionError(f"must be text, not {shown(value)}")
    if not value.isascii() or not value.isprintable():
        raise OptionError(
            f"{shown(value)} is not printable ASCII; give the option by its code, in hex"
        )
    return value.encode("ascii")


def _read_text(octets: bytes, at: int) -> tuple[Value, int]:
    """RFC 2132 2: a receiver must take a text with a NUL behind it, too."""
    text = octets[at:].rstrip(b"\0").decode("ascii")
    if not text or not text.isprintable():
        raise ValueError("is no text")
    return text, len(octets)


def _read_bytes(octets: bytes, at: int) -> tuple[Value, int]:
    return f"hex:{octets[at:].hex()}", len(octets)


ADDRESS = Type("address", _write_address, _read_address)
ADDRESS6 = Type("address6", _write_address6, _read_address6)
TEXT = Type("text", _write_text, _read_text, open=True)
BYTES = Type("bytes", hex_bytes, _read_bytes, open=True)


# ---- numbers, truths


def number(
    name: str, size: int, *, signed: bool = False, allowed: range | tuple[int, ...] | None = None
) -> Type:
    """A number of `size` octets; `allowed`: which it may be, by default all that fit."""
    low = -(1 << (8 * size - 1)) if signed else 0
    right = range(low, low + (1 << (8 * size))) if allowed is None else allowed

    def write(value: object) -> bytes:
        if isinstance(value, bool) or not isinstance(value, int) or value not in right:
            if isinstance(value, str) and value.isascii() and value[:9].isdecimal():
                raise OptionError(f"{shown(value)} is text; write {value[:9]} without quotes")
            raise OptionError(f"{shown(value)} is not right; write {_numbers(right)}")
        return value.to_bytes(size, signed=signed)

    def read(octets: bytes, at: int) -> tuple[Value, int]:
        return int.from_bytes(taken(octets, at, size), signed=signed), at + size

    return Type(name, write, read)


def _numbers(allowed: range | tuple[int, ...]) -> str:
    if isinstance(allowed, range):
        return f"a number from {allowed[0]} to {allowed[-1]}"
    return f"{', '.join(map(str, allowed[:-1]))} or {allowed[-1]}"


U8, U16, U32 = number("u8", 1), number("u16", 2), number("u32", 4)
I8, I16, I32 = (number(f"i{8 * n}", n, signed=True) for n in (1, 2, 4))


def _write_flag(value: object) -> bytes:
    if not isinstance(value, bool):
        raise OptionError(f"{shown(value)} is not right; write true or false")
    return bytes((value,))


def _read_flag(octets: bytes, at: int) -> tuple[Value, int]:
    (octet,) = taken(octets, at, 1)
    if octet > 1:
        raise ValueError("is neither 0 nor 1")
    return bool(octet), at + 1


def _write_empty(value: object) -> bytes:
    if value is not True:
        raise OptionError(f"{shown(value)} is not right; write true, or leave the option out")
    return b""


def _write_duration(value: object) -> bytes:
    seconds: object = value
    if isinstance(value, str):
        digits, unit = value[:-1].strip(), value[-1:]
        if unit in SECONDS and digits.isascii() and digits.isdecimal() and len(digits) <= 10:
            seconds = int(digits) * SECONDS[unit]
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds <= U32_MAX:
        raise OptionError(
            f"{shown(value)} is not a time; write seconds up to {U32_MAX}, or a number with "
            's, m, h, d or w: "30m"'
        )
    return seconds.to_bytes(4)


FLAG = Type("flag", _write_flag, _read_flag)  # RFC 2132 4.1: one octet, 0 or 1
EMPTY = Type("empty", _write_empty, lambda _, at: (True, at))  # that it is there says it all
DURATION = Type("duration", _write_duration, U32.read)


# ---- several


def items(value: object, what: str, example: str) -> list[object]:
    """The members of a list. Raises OptionError for anything else."""
    if isinstance(value, list):
        return value
    raise OptionError(f"must be {what}, as in {example}, not {shown(value)}")


def within(step: str | int, write: Callable[[object], T], value: object) -> T:
    """What `write` makes of a part of a value; what is wrong is told with its place, `step`."""
    try:
        return write(value)
    except OptionError as error:
        raise OptionError(str(error), step, *error.path) from None


def array(name: str, inner: Type, what: str, example: str) -> Type:
    """A value of `inner` after the other. `what`, `example`: what would be right, in words."""

    def write(value: object) -> bytes:
        members = enumerate(items(value, what, example))
        return b"".join([within(place, inner.write, item) for place, item in members])

    def read(octets: bytes, at: int) -> tuple[Value, int]:
        if at == len(octets):
            raise ValueError("is empty")
        values = []
        while at < len(octets):
            value, at = inner.read(octets, at)
            values.append(value)
        return values, at

    return Type(name, write, read, open=True)


def record(fields: Sequence[Type], example: str) -> Type:
    """One value after the other, written as a list."""
    name = f"[{', '.join(field.name for field in fields)}]"
    what = f"a list of {len(fields)}, {name}"

    def write(value: object) -> bytes:
        members = items(value, what, example)
        if len(members) != len(fields):
            raise OptionError(f"has {len(members)} members; write {what}, as in {example}")
        pairs = enumerate(zip(fields, members, strict=True))
        return b"".join([within(place, field.write, member) for place, (field, member) in pairs])

    def read(octets: bytes, at: int) -> tuple[Value, int]:
        values = []
        for field in fields:
            value, at = field.read(octets, at)
            values.append(value)
        return values, at

    return Type(name, write, read, open=fields[-1].open)


def sized(inner: Type, size: int) -> Type:
    """A value behind its length, a number of `size` octets."""
    most = (1 << (8 * size)) - 1

    def write(value: object) -> bytes:
        octets = inner.write(value)
        if not 1 <= len(octets) <= most:
            raise OptionError(f"takes {len(octets)} octets; each takes 1 to {most} here")
        return len(octets).to_bytes(size) + octets

    def read(octets: bytes, at: int) -> tuple[Value, int]:
        length = int.from_bytes(taken(octets, at, size))
        at += size
        return inner.value(taken(octets, at, length)), at + length

    return Type(inner.name, write, read)


ADDRESSES = array("addresses", ADDRESS, "a list of addresses", '["10.0.0.1"]')
