"""Types that one RFC each has of its own: routes, address pairs, SIP servers, resolvers."""

import socket

from fastdhcp.options.errors import OptionError, shown
from fastdhcp.options.names import NAME, NAMES, read_name
from fastdhcp.options.types import (
    ADDRESS,
    ADDRESSES,
    TEXT,
    U16,
    Type,
    Value,
    address_bytes,
    array,
    hex_bytes,
    items,
    record,
    sized,
    taken,
    within,
)

_ROUTES_EXAMPLE = '[["10.0.0.0/8", "10.77.0.1"]]'


def _pair(item: object, example: str) -> tuple[object, object]:
    if isinstance(item, list) and len(item) == 2:
        return item[0], item[1]
    raise OptionError(f"{shown(item)} is not a pair; write {example}")


# ---- RFC 2132 4.3, 5.8: two addresses each


def _address_pairs(second: str, example: str, *, default_route: bool) -> Type:
    what = f"a list of [address, {second}]"

    def write(value: object) -> bytes:
        data = b""
        for item in items(value, what, f"[{example}]"):
            first, other = _pair(item, example)
            octets = address_bytes(first)
            if octets == bytes(4) and not default_route:  # RFC 2132 5.8: it is not legal here
                words = "0.0.0.0 may not be a destination here; name the router in `routers`"
                raise OptionError(words)
            data += octets + address_bytes(other)
        return data

    def read(octets: bytes, at: int) -> tuple[Value, int]:
        first, at = ADDRESS.read(octets, at)
        other, at = ADDRESS.read(octets, at)
        return [first, other], at

    pair = Type("pair", write, read)
    return Type(f"[address, {second}]...", write, array("", pair, what, example).read, open=True)


STATIC_ROUTES = _address_pairs("router", '["10.1.0.1", "10.0.0.1"]', default_route=False)
POLICY_FILTER = _address_pairs("mask", '["10.1.0.0", "255.255.0.0"]', default_route=True)


# ---- RFC 3442: classless routes


def _write_routes(value: object) -> bytes:
    data = b""
    for item in items(value, "a list of [prefix, router]", _ROUTES_EXAMPLE):
        prefix, router = _pair(item, '["10.0.0.0/8", "10.77.0.1"]')
        data += _prefix_bytes(prefix) + address_bytes(router)
    return data


def _prefix_bytes(prefix: object) -> bytes:
    """The prefix length, then the significant octets of the destination."""
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


def _read_route(octets: bytes, at: int) -> tuple[Value, int]:
    (length,) = taken(octets, at, 1)
    if length > 32:
        raise ValueError("is no prefix length")
    size = (length + 7) // 8
    destination = taken(octets, at + 1, size).ljust(4, bytes(1))
    router, end = ADDRESS.read(octets, at + 1 + size)
    return [f"{socket.inet_ntoa(destination)}/{length}", router], end


_ROUTE = Type("route", _write_routes, _read_route)
ROUTES = Type("routes", _write_routes, array("", _ROUTE, "", "").read, open=True)


# ---- RFC 3361: names or addresses, told apart by a first octet

_SIP_NAMES, _SIP_ADDRESSES = 0, 1


def _write_sip(value: object) -> bytes:
    servers = items(value, "a list of domain names, or one of addresses", '["sip.example"]')
    quads = [isinstance(s, str) and s.replace(".", "").isdecimal() for s in servers]
    if all(quads):
        return bytes((_SIP_ADDRESSES,)) + ADDRESSES.write(value) if servers else b""
    if any(quads):
        raise OptionError(f"{shown(value)} mixes names and addresses; write all of one kind")
    return bytes((_SIP_NAMES,)) + NAMES.write(value)


def _read_sip(octets: bytes, at: int) -> tuple[Value, int]:
    (encoding,) = taken(octets, at, 1)
    if encoding > _SIP_ADDRESSES:
        raise ValueError("is no encoding of RFC 3361")
    if len(octets) == at + 1:
        raise ValueError("names no server")
    kind = ADDRESSES if encoding == _SIP_ADDRESSES else NAMES
    # RFC 1035 4.1.4: a pointer counts from the first name.
    return kind.value(octets[at + 1 :]), len(octets)


SIP_SERVERS = Type("names or addresses", _write_sip, _read_sip, open=True)


# ---- RFC 9463 5.1: resolvers with their parts

_RESOLVER_KEYS = ("name", "priority", "addresses", "alpn", "port", "dohpath")
_RESOLVER_EXAMPLE = '[{ name = "dns.example", addresses = ["10.0.0.1"], alpn = ["dot"] }]'
_ALPN, _PORT, _DOHPATH = 1, 3, 7  # RFC 9460 14.3.2, RFC 9461 5
_HINTS = (4, 6)  # ipv4hint, ipv6hint: RFC 9463 5.1 has none of them
_SINGLE_PRIORITY = 1


def _write_resolver(value: object) -> bytes:
    """Priority, name, and unless it is the name alone: addresses and service parameters."""
    if not isinstance(value, dict):
        raise OptionError(f"{shown(value)} is not a table; write {_RESOLVER_EXAMPLE}")
    for key in value:
        if key not in _RESOLVER_KEYS and not _parameter_key(key):
            raise OptionError(f"is not a key here; write one of {', '.join(_RESOLVER_KEYS)}", key)
    if "name" not in value:
        raise OptionError(f"`name` is missing; write {_RESOLVER_EXAMPLE}")
    name = within("name", NAME.write, value["name"])
    head = within("priority", U16.write, value.get("priority", _SINGLE_PRIORITY))
    head += bytes((len(name),)) + name
    parameters = _parameters(value)
    if "addresses" not in value:
        if parameters:
            raise OptionError(f"`addresses` is missing beside {next(iter(parameters))}")
        return head  # RFC 9463 3.1.6: the name alone
    addresses = within("addresses", ADDRESSES.write, value["addresses"])
    if not 4 <= len(addresses) <= 252:
        raise OptionError("takes 1 to 63 addresses", "addresses")
    if "alpn" not in parameters:  # RFC 9463 5.1: how the resolver is spoken to
        raise OptionError('`alpn` is missing; write it as in alpn = ["dot", "h2"]')
    body = b""
    for number, octets in sorted(parameters.values()):
        body += number.to_bytes(2) + len(octets).to_bytes(2) + octets
    return head + bytes((len(addresses),)) + addresses + body


def _parameter_key(key: str) -> int:
    """The number of "key65280" (RFC 9460 2.1); 0: it is none."""
    digits = key.removeprefix("key")
    return int(digits) if key != digits and digits.isdecimal() and len(digits) <= 5 else 0


def _parameters(value: dict[str, object]) -> dict[str, tuple[int, bytes]]:
    """RFC 9460 2.2: number and octets of each service parameter, by its key."""
    found: dict[str, tuple[int, bytes]] = {}
    for key, written in value.items():
        if key == "alpn":
            found[key] = _ALPN, within(key, _PROTOCOLS.write, written)
        elif key == "port":
            found[key] = _PORT, within(key, U16.write, written)
        elif key == "dohpath":
            found[key] = _DOHPATH, within(key, TEXT.write, written)
        elif number := _parameter_key(key):
            if number in (_ALPN, _PORT, _DOHPATH, *_HINTS) or number > 0xFFFF:
                raise OptionError("may not be written by its number here; leave it out", key)
            found[key] = number, within(key, hex_bytes, written)
    return found


_HEX = Type("bytes", hex_bytes, lambda octets, at: (f"hex:{octets[at:].hex()}", len(octets)))
_PROTOCOLS = array("", sized(TEXT, 1), "a list of protocols", '["dot", "h2"]')


def _read_resolver(octets: bytes, at: int) -> tuple[Value, int]:
    priority, at = U16.read(octets, at)
    size = octets[at]
    name, end = read_name(taken(octets, at + 1, size), 0)
    if end != size:
        raise ValueError("is no name")
    found: dict[str, Value] = {"priority": priority, "name": name}
    at += 1 + size
    if at == len(octets):
        return found, at
    size = octets[at]
    found["addresses"] = ADDRESSES.value(taken(octets, at + 1, size))
    at += 1 + size
    readers = {_ALPN: ("alpn", _PROTOCOLS), _PORT: ("port", U16), _DOHPATH: ("dohpath", TEXT)}
    while at < len(octets):
        number, at = U16.read(octets, at)
        size, at = U16.read(octets, at)
        key, kind = readers.get(number, (f"key{number}", _HEX))
        found[key] = kind.value(taken(octets, at, size))
        at += size
    return found, at


_RESOLVER = Type("resolver", _write_resolver, _read_resolver, open=True)
RESOLVERS = array("resolvers", sized(_RESOLVER, 2), "a list of resolvers", _RESOLVER_EXAMPLE)


# ---- Intel's PXE 2.1: servers and menu within option 43


def _write_counted(value: object) -> bytes:
    octets = ADDRESSES.write(value)
    if not 4 <= len(octets) <= 4 * 255:
        raise OptionError("takes 1 to 255 addresses")
    return bytes((len(octets) // 4,)) + octets


def _read_counted(octets: bytes, at: int) -> tuple[Value, int]:
    end = at + 1 + 4 * octets[at]
    return ADDRESSES.value(taken(octets, at + 1, end - at - 1)), end


_COUNTED = Type("addresses", _write_counted, _read_counted)
BOOT_SERVERS = array(
    "[u16, addresses]...",
    record((U16, _COUNTED), '[1, ["10.0.0.1"]]'),
    "a list of [type, addresses]",
    '[[1, ["10.0.0.1"]]]',
)
BOOT_MENU = array(
    "[u16, text]...",
    record((U16, sized(TEXT, 1)), '[1, "Install"]'),
    "a list of [type, text]",
    '[[0, "Local disk"], [1, "Install"]]',
)


# ---- lists of what has its length before it

SERVER_LISTS = array(
    "addresses, by server", sized(ADDRESSES, 1), "a list of lists of addresses", '[["10.0.0.1"]]'
)
"""RFC 7291 4: the addresses of one server, then those of the next."""

URIS = array("texts", sized(TEXT, 2), "a list of texts", '["https://boot.example/"]')
"""RFC 8572 8.3."""
