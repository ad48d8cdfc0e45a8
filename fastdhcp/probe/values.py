"""Options of an answer by name, their values as an operator reads them."""

from collections.abc import Mapping

from fastdhcp.options import BY_CODE, RELAY_BY_CODE, Option, Value
from fastdhcp.words import relay_parts, relay_sub_options

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
    return _read(BY_CODE.get(code), data)


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
        return ", ".join(
            " via ".join(map(one_line, part)) if isinstance(part, list) else one_line(part)
            for part in shown
        )
    return str(shown)


def _read(option: Option | None, data: bytes) -> Value:
    if option is None or option.type.name == "bytes":
        return printable(data)
    try:
        return option.type.value(data)
    except ValueError:
        return f"hex:{data.hex()}"


def _relay_info(data: bytes) -> Value:
    """Sub-options of option 82 (RFC 3046 2.0)."""
    if sum(2 + len(part) for _, part in relay_parts(data)) != len(data):
        return f"hex:{data.hex()}"
    shown: dict[str, Value] = {}
    for code, part in relay_sub_options(data).items():
        known = RELAY_BY_CODE.get(code)
        shown[known.name if known else str(code)] = _read(known, part)
    return shown
