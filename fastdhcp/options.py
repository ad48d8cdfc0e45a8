"""Every option: code, name, kind and RFC; and the encoding of configured values into octets.

A value is encoded as the octets of the option's data, without code and length. It may be longer
than 255 octets: it is split where the reply is laid down (RFC 3396).
"""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

# A reply has 1472 - 240 octets for all its options (_wire.pxd); one value may not take them all.
VALUE_SIZE_MAX = 1024
LABEL_SIZE_MAX = 63  # RFC 1035 2.3.4
NAME_SIZE_MAX = 255
POINTER = 0xC000  # RFC 1035 4.1.4: the first octet of a pointer has its two high bits set
POINTER_AT_MAX = 0x3FFF


SHOWN_MAX = 60  # characters of a value that a problem repeats


class OptionError(ValueError):
    """A value that an option cannot carry: the text says what is wrong and what would be right."""


class Kind(Enum):
    """How a value is written in the configuration, and how it is encoded."""

    ADDRESS = "one address"
    ADDRESSES = "a list of addresses"
    ADDRESS_PAIRS = "a list of [destination, router]"
    TEXT = "text"
    NAMES = "a list of domain names"
    ROUTES = "a list of [prefix, router]"
    U8 = "a number from 0 to 255"
    U16 = "a number from 0 to 65535"
    U32 = "a number from 0 to 4294967295"
    I32 = "a number from -2147483648 to 2147483647"
    BYTES = '"hex:..."'
    SERVER = "written by the server itself"


@dataclass(frozen=True, slots=True)
class Option:
    """One option, or one sub-option of 82. `allowed`: the numbers that a number may be."""

    code: int
    name: str
    kind: Kind
    rfc: str
    allowed: range | tuple[int, ...] | None = None


OPTIONS: tuple[Option, ...] = (
    Option(1, "subnet-mask", Kind.SERVER, "2132 3.3"),
    Option(2, "time-offset", Kind.I32, "2132 3.4"),
    Option(3, "routers", Kind.ADDRESSES, "2132 3.5"),
    Option(4, "time-servers", Kind.ADDRESSES, "2132 3.6"),
    Option(6, "domain-name-servers", Kind.ADDRESSES, "2132 3.8"),
    Option(7, "log-servers", Kind.ADDRESSES, "2132 3.9"),
    Option(12, "host-name", Kind.TEXT, "2132 3.14"),
    Option(15, "domain-name", Kind.TEXT, "2132 3.17"),
    Option(17, "root-path", Kind.TEXT, "2132 3.19"),
    Option(26, "interface-mtu", Kind.U16, "2132 5.1", range(68, 65536)),
    Option(28, "broadcast-address", Kind.ADDRESS, "2132 5.3"),
    Option(33, "static-routes", Kind.ADDRESS_PAIRS, "2132 5.8"),
    Option(42, "ntp-servers", Kind.ADDRESSES, "2132 8.3"),
    Option(43, "vendor-encapsulated-options", Kind.BYTES, "2132 8.4"),
    Option(44, "netbios-name-servers", Kind.ADDRESSES, "2132 8.5"),
    Option(46, "netbios-node-type", Kind.U8, "2132 8.7", (1, 2, 4, 8)),
    Option(47, "netbios-scope", Kind.TEXT, "2132 8.8"),
    Option(50, "requested-address", Kind.SERVER, "2132 9.1"),
    Option(51, "lease-time", Kind.SERVER, "2132 9.2"),
    Option(52, "option-overload", Kind.SERVER, "2132 9.3"),
    Option(53, "message-type", Kind.SERVER, "2132 9.6"),
    Option(54, "server-id", Kind.SERVER, "2132 9.7"),
    Option(55, "parameter-request-list", Kind.SERVER, "2132 9.8"),
    Option(56, "message", Kind.SERVER, "2132 9.9"),
    Option(57, "maximum-message-size", Kind.SERVER, "2132 9.10"),
    Option(58, "renewal-time", Kind.SERVER, "2132 9.11"),
    Option(59, "rebinding-time", Kind.SERVER, "2132 9.12"),
    Option(61, "client-id", Kind.SERVER, "2132 9.14"),
    Option(66, "tftp-server-name", Kind.TEXT, "2132 9.4"),
    Option(67, "boot-file-name", Kind.TEXT, "2132 9.5"),
    Option(80, "rapid-commit", Kind.SERVER, "4039 4"),
    Option(81, "client-fqdn", Kind.SERVER, "4702 2"),
    Option(82, "relay-agent-information", Kind.SERVER, "3046 2.0"),
    Option(90, "authentication", Kind.SERVER, "3118 2"),
    Option(100, "posix-timezone", Kind.TEXT, "4833 2"),
    Option(101, "tz-name", Kind.TEXT, "4833 2"),
    Option(108, "v6-only-preferred", Kind.U32, "8925 3.1"),
    Option(114, "captive-portal", Kind.TEXT, "8910 2.1"),
    Option(118, "subnet-selection", Kind.SERVER, "3011"),
    Option(119, "domain-search", Kind.NAMES, "3397 2"),
    Option(121, "classless-static-routes", Kind.ROUTES, "3442"),
    Option(150, "tftp-servers", Kind.ADDRESSES, "5859"),
)

# Relay agent information (option 82), by the code of the sub-option.
RELAY_SUB_OPTIONS: tuple[Option, ...] = (
    Option(1, "circuit-id", Kind.BYTES, "3046 3.1"),
    Option(2, "remote-id", Kind.BYTES, "3046 3.2"),
    Option(4, "docsis-device-class", Kind.U32, "3256"),
    Option(5, "link-selection", Kind.ADDRESS, "3527"),
    Option(6, "subscriber-id", Kind.TEXT, "3993"),
    Option(7, "radius-attributes", Kind.BYTES, "4014"),
    Option(8, "authentication", Kind.BYTES, "4030"),
    Option(9, "vendor-specific", Kind.BYTES, "4243"),
    Option(10, "relay-agent-flags", Kind.U8, "5010"),
    Option(11, "server-id-override", Kind.ADDRESS, "5107"),
    Option(12, "relay-agent-identifier", Kind.BYTES, "6925"),
    Option(19, "relay-source-port", Kind.U16, "8357"),
    Option(151, "virtual-subnet-selection", Kind.BYTES, "6607"),
    Option(152, "virtual-subnet-selection-control", Kind.BYTES, "6607"),
)

BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}
BY_CODE: Mapping[int, Option] = {option.code: option for option in OPTIONS}
RELAY_BY_NAME: Mapping[str, Option] = {option.name: option for option in RELAY_SUB_OPTIONS}
RELAY_BY_CODE: Mapping[int, Option] = {option.code: option for option in RELAY_SUB_OPTIONS}

# What the configuration may name.
CONFIGURABLE = tuple(option for option in OPTIONS if option.kind is not Kind.SERVER)


def shown(value: object) -> str:
    """A value as the configuration writes it, cut if it is long."""
    if isinstance(value, str):
        text = f'"{value}"'
    elif isinstance(value, bool):
        text = str(value).lower()
    else:
        try:
            text = str(value)
        except (ValueError, RecursionError):  # Python writes no 5,000 digits, and no 1,000 lists
            text = "what is written"
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."


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


def name_bytes(name: object, labels: dict[str, int], at: int) -> bytes:
    """A domain name in the encoding of RFC 1035 3.1, for the place `at` of the option's data.

    `labels` holds the places of the names encoded before, for compression (RFC 3397 2); those of
    this name are added.
    """
    if not isinstance(name, str) or not name.strip("."):
        raise OptionError(f'{shown(name)} is not a domain name; write one as in "lab.example"')
    parts = name.removesuffix(".").split(".")
    if sum(len(part) + 1 for part in parts) + 1 > NAME_SIZE_MAX:
        raise OptionError(f"{shown(name)} is longer than a domain name may be, 255 octets")
    data = b""
    for i, part in enumerate(parts):
        rest = ".".join(parts[i:]).lower()
        if rest in labels:
            return data + (POINTER | labels[rest]).to_bytes(2)
        if at + len(data) <= POINTER_AT_MAX:
            labels[rest] = at + len(data)
        data += _label_bytes(part, name)
    return data + b"\0"


def encode(option: Option, value: object) -> bytes:
    """The octets of an option's data for a value as the configuration writes it.

    Raises OptionError if the value is not of the option's kind, breaks a limit of its RFC, is empty
    (RFC 2132 2: what has no data has no option) or takes over VALUE_SIZE_MAX octets.
    """
    encoder = _ENCODERS.get(option.kind)
    if encoder is None:
        raise OptionError(f"option {option.code} is {option.kind.value}; leave it out")
    return _sized(encoder(option, value))


def encode_code(code: int, value: object) -> bytes:
    """The octets of an option named by its code: "hex:..." whatever its kind.

    Raises OptionError; also for 0, 255 and what the server itself writes.
    """
    if not 1 <= code <= 254:
        raise OptionError(f"{code} is not the code of an option; codes go from 1 to 254")
    known = BY_CODE.get(code)
    if known is not None and known.kind is Kind.SERVER:
        raise OptionError(f"option {code} ({known.name}) is {known.kind.value}; leave it out")
    return _sized(hex_bytes(value))


def _sized(data: bytes) -> bytes:
    if not data:
        raise OptionError("is empty; give a value, or leave the option out")
    if len(data) > VALUE_SIZE_MAX:
        raise OptionError(f"takes {len(data)} octets; an option may take {VALUE_SIZE_MAX}")
    return data


def _label_bytes(label: str, name: str) -> bytes:
    if not label:
        raise OptionError(f"{shown(name)} has an empty label; write single dots between labels")
    if not label.isascii() or not label.isprintable() or " " in label:
        raise OptionError(f"{shown(name)} is not ASCII; write labels in their xn-- form")
    if len(label) > LABEL_SIZE_MAX:
        raise OptionError(f'label "{label[:20]}..." has {len(label)} octets; a label may have 63')
    return bytes((len(label),)) + label.encode("ascii")


def _list(option: Option, value: object, example: str) -> list[object]:
    if isinstance(value, list):
        return value
    raise OptionError(f"must be {option.kind.value}, as in {example}, not {shown(value)}")


def _encode_address(_: Option, value: object) -> bytes:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return address_bytes(value)


def _encode_addresses(option: Option, value: object) -> bytes:
    return b"".join(map(address_bytes, _list(option, value, '["10.0.0.1"]')))


def _pair(item: object, example: str) -> tuple[object, object]:
    if isinstance(item, list) and len(item) == 2:
        return item[0], item[1]
    raise OptionError(f"{shown(item)} is not a pair; write {example}")


def _encode_address_pairs(option: Option, value: object) -> bytes:
    data = b""
    for item in _list(option, value, '[["10.1.0.1", "10.0.0.1"]]'):
        destination, router = _pair(item, '["10.1.0.1", "10.0.0.1"]')
        octets = address_bytes(destination)
        if octets == bytes(4):  # RFC 2132 5.8: the default route is not legal here
            raise OptionError("0.0.0.0 may not be a destination here; name the router in `routers`")
        data += octets + address_bytes(router)
    return data


def _encode_text(_: Option, value: object) -> bytes:
    if not isinstance(value, str):
        raise OptionError(f"must be text, not {shown(value)}")
    if not value.isascii() or not value.isprintable():
        raise OptionError(
            f"{shown(value)} is not printable ASCII; give the option by its code, in hex"
        )
    return value.encode("ascii")


def _encode_names(option: Option, value: object) -> bytes:
    data = b""
    labels: dict[str, int] = {}
    for name in _list(option, value, '["lab.example"]'):
        data += name_bytes(name, labels, len(data))
    return data


def _encode_routes(option: Option, value: object) -> bytes:
    data = b""
    for item in _list(option, value, '[["10.0.0.0/8", "10.77.0.1"]]'):
        prefix, router = _pair(item, '["10.0.0.0/8", "10.77.0.1"]')
        data += _prefix_bytes(prefix) + address_bytes(router)
    return data


def _prefix_bytes(prefix: object) -> bytes:
    """RFC 3442: the prefix length, then the significant octets of the destination."""
    address, slash, text = prefix.partition("/") if isinstance(prefix, str) else ("", "", "")
    if not slash or not text.isdecimal() or not text.isascii() or int(text) > 32:
        raise OptionError(f"{shown(prefix)} is not a prefix; write one as in 10.0.0.0/8")
    length = int(text)
    octets = address_bytes(address)
    bits = int.from_bytes(octets)
    network = bits >> (32 - length) << (32 - length)
    if bits != network:
        right = socket.inet_ntop(socket.AF_INET, network.to_bytes(4))
        raise OptionError(f"{shown(prefix)} has bits beyond its length; write {right}/{length}")
    return bytes((length,)) + octets[: (length + 7) // 8]


def _encode_number(size: int, signed: bool) -> Callable[[Option, object], bytes]:
    low = -(1 << (8 * size - 1)) if signed else 0
    whole = range(low, low + (1 << (8 * size)))

    def encode_number(option: Option, value: object) -> bytes:
        allowed = whole if option.allowed is None else option.allowed
        if isinstance(value, bool) or not isinstance(value, int) or value not in allowed:
            raise OptionError(f"{shown(value)} is not right; write {_numbers(allowed)}")
        return value.to_bytes(size, signed=signed)

    return encode_number


def _numbers(allowed: range | tuple[int, ...]) -> str:
    if isinstance(allowed, range):
        return f"a number from {allowed[0]} to {allowed[-1]}"
    return f"{', '.join(map(str, allowed[:-1]))} or {allowed[-1]}"


_ENCODERS: Mapping[Kind, Callable[[Option, object], bytes]] = {
    Kind.ADDRESS: _encode_address,
    Kind.ADDRESSES: _encode_addresses,
    Kind.ADDRESS_PAIRS: _encode_address_pairs,
    Kind.TEXT: _encode_text,
    Kind.NAMES: _encode_names,
    Kind.ROUTES: _encode_routes,
    Kind.U8: _encode_number(1, signed=False),
    Kind.U16: _encode_number(2, signed=False),
    Kind.U32: _encode_number(4, signed=False),
    Kind.I32: _encode_number(4, signed=True),
    Kind.BYTES: lambda _, value: hex_bytes(value),
}
