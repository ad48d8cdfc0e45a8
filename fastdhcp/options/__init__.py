"""Every option of DHCP: code, name, type and RFC; and the encoding of configured values.

A value is encoded as the octets of the option's data, without code and length. It may be longer
than 255 octets: it is split where the reply is laid down (RFC 3396).
"""

from collections.abc import Mapping

from fastdhcp.options.errors import OptionError, shown
from fastdhcp.options.spaces import (
    CODE_MAX,
    DHCP,
    STANDARD,
    VALUE_SIZE_MAX,
    Definitions,
    Space,
    space_type,
    vendors,
)
from fastdhcp.options.table import OPTIONS, RELAY_SUB_OPTIONS, TYPES, Option
from fastdhcp.options.types import Type, Value, address_bytes, array, hex_bytes, record

__all__ = [
    "BY_CODE",
    "BY_NAME",
    "CODE_MAX",
    "CONFIGURABLE",
    "DHCP",
    "OPTIONS",
    "RELAY_BY_CODE",
    "RELAY_BY_NAME",
    "RELAY_SUB_OPTIONS",
    "STANDARD",
    "TYPES",
    "VALUE_SIZE_MAX",
    "Definitions",
    "Option",
    "OptionError",
    "Space",
    "Type",
    "Value",
    "address_bytes",
    "array",
    "decode",
    "encode",
    "encode_code",
    "hex_bytes",
    "record",
    "shown",
    "space_type",
    "vendors",
]

BY_NAME: Mapping[str, Option] = STANDARD.dhcp.by_name
BY_CODE: Mapping[int, Option] = STANDARD.dhcp.by_code
RELAY_BY_NAME: Mapping[str, Option] = {option.name: option for option in RELAY_SUB_OPTIONS}
RELAY_BY_CODE: Mapping[int, Option] = {option.code: option for option in RELAY_SUB_OPTIONS}

# What the configuration may name.
CONFIGURABLE = tuple(option for option in BY_CODE.values() if not option.server)


def encode(option: Option, value: object) -> bytes:
    """The octets of an option's data for a value as the configuration writes it.

    Raises OptionError if the value is not of the option's type, breaks a limit of its RFC, is empty
    (RFC 2132 2: what has no data has no option) or takes over VALUE_SIZE_MAX octets.
    """
    return STANDARD.dhcp.encode(option.name, value)[1]


def encode_code(code: int, value: object) -> bytes:
    """The octets of an option named by its code: "hex:..." whatever its type.

    Raises OptionError; also for 0, 255 and what the server itself writes.
    """
    return STANDARD.dhcp.encode(str(code), value)[1]


def decode(code: int, octets: bytes) -> Value:
    """A value as the configuration writes it; "hex:..." where the octets are none of its type."""
    option = BY_CODE.get(code)
    try:
        return option.type.value(octets) if option else f"hex:{octets.hex()}"
    except ValueError:
        return f"hex:{octets.hex()}"
