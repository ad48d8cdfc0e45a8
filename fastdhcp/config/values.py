"""The values of the configuration: times, sizes, addresses, ranges, prefixes, identifiers.

Each function takes what the user wrote and returns what the server works with, or raises ValueError
with a text that says what is wrong and what would be right.
"""

import re
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from fastdhcp.options import address_bytes, hex_bytes, shown
from fastdhcp.words import address_text

TIME_MAX = 0x7FFFFFFF  # seconds: a dynamic lease is shorter than 2^31 s
INFINITE = 0xFFFFFFFF  # RFC 2132 9.2: a lease time without end
NAME_MAX = 64
IDENTIFIER_MAX = 255
INTERFACE_NAME_MAX = 15  # IFNAMSIZ - 1
CHADDR_MAX = 16
CHADDR_ETHERNET = 6
HTYPE_ETHERNET = 1
BOOT_FILE_MAX = 127  # RFC 2131 2: `file` has 128 octets and ends with a zero
SERVER_NAME_MAX = 63  # likewise `sname`, of 64

_TIME_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_FINE_UNITS = {"us": 1, "ms": 1000, "s": 1_000_000}
_SIZE_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_NUMBER = re.compile(r"([0-9]{1,18})\s*([A-Za-z]*)", re.ASCII)
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)%")
_PREFIX_LEN = re.compile(r"[0-9]{1,2}")
_PORT = re.compile(r"[0-9]{1,5}")
_HARDWARE = re.compile(
    r"(?:(?P<htype>[0-9]{1,3})/)?(?P<chaddr>[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2})*"
    r"|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2})"
)
_INTERFACE = re.compile(r"[^\s/:]+")


T = TypeVar("T")


class Members(ValueError):
    """Members of a list that are wrong: the place of each, and what is said of it."""

    def __init__(self, found: Sequence[tuple[int, str]]) -> None:
        super().__init__("; ".join(text for _, text in found))
        self.found = found


def each(read: Callable[[str], T]) -> Callable[[list[str]], tuple[T, ...]]:
    """A reader of lists, by the reader of a member; a member that stands twice counts once."""

    def read_all(written: list[str]) -> tuple[T, ...]:
        good: list[T] = []
        wrong: list[tuple[int, str]] = []
        for place, member in enumerate(written):
            if member is None:  # its type is wrong, and told
                continue
            try:
                good.append(read(member))
            except ValueError as error:
                wrong.append((place, str(error)))
        if wrong:
            raise Members(wrong)
        return tuple(dict.fromkeys(good))

    return read_all


def one_of(*known: str) -> Callable[[str], str]:
    """A reader of one word among several."""

    def read(written: str) -> str:
        if written not in known:
            wanted = " or ".join(f'"{name}"' for name in known)
            raise ValueError(f"{shown(written)} is not known; write {wanted}")
        return written

    return read


def ranking(written: list[str]) -> tuple[str, ...]:
    """Words in an order that counts; which of them are known is looked at elsewhere."""
    if not written:
        raise ValueError("is empty; write one or more names")
    words = '"" is no name; write one'
    wrong = [(place, words) for place, name in enumerate(written) if name == ""]
    if wrong:
        raise Members(wrong)
    return tuple(name for name in written if name is not None)


def number(value: int, low: int, high: int) -> int:
    """A whole number within limits."""
    if not low <= value <= high:
        raise ValueError(f"{shown(value)} is out of range; write a number from {low} to {high}")
    return value


def fraction(value: float, low: float, high: float) -> float:
    """A part of a whole, within limits."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{shown(value)} is out of range; write a number from {low} to {high}")
    return float(value)


def percent(text: str) -> float:
    """A part of a whole of "1%" or "2.5%"."""
    match = _PERCENT.fullmatch(text)
    if match is None or float(match[1]) > 100:
        raise ValueError(f'{shown(text)} is not a part of a whole; write one as in "1%"')
    return float(match[1]) / 100


def count_or_all(value: int | str) -> int | None:
    """A whole number from 0; None of "all"."""
    if value == "all":
        return None
    if isinstance(value, str) or value < 0:
        raise ValueError(f'{shown(value)} is no count; write a whole number, or "all"')
    return value


def path(text: str) -> Path:
    """A file or directory, as the kernel allows its name."""
    if not text or "\0" in text:
        raise ValueError(f"{shown(text)} is not a path; write one as in \"/var/lib/fastdhcp\"")
    return Path(text)


def _scaled(value: int | str, units: dict[str, int], bare: int) -> int | None:
    """A number with a unit of `units`; `bare`: what a number without one counts."""
    if isinstance(value, int):
        return value * bare
    match = _NUMBER.fullmatch(value.strip())
    if match is None:
        return None
    digits, unit = match.groups()
    factor = units.get(unit, 0) if unit else bare
    return int(digits) * factor if factor else None


def seconds(value: int | str, low: int = 1) -> int:
    """Seconds of 90, "90", "90s", "30m", "12h", "7d" or "2w"."""
    found = _scaled(value, _TIME_UNITS, 1)
    if found is None:
        raise ValueError(
            f'{shown(value)} is not a time; write seconds, or a number with s, m, h, d or w: "30m"'
        )
    if not low <= found <= TIME_MAX:
        raise ValueError(
            f"{shown(value)} is out of range; write a time from {low} s to {TIME_MAX} s"
        )
    return found


def lease_seconds(value: int | str) -> int:
    """Seconds of a time, or INFINITE of "infinite"."""
    if value == "infinite":
        return INFINITE
    try:
        return seconds(value)
    except ValueError as error:
        raise ValueError(f'{error}, or "infinite"') from None


def microseconds(value: int | str, high: int) -> int:
    """Microseconds of "500us", "2ms" or "0s"; a bare number counts seconds."""
    found = _scaled(value, _FINE_UNITS, 1_000_000)
    if found is None:
        raise ValueError(f'{shown(value)} is not a short time; write one as in "500us" or "2ms"')
    if not 0 <= found <= high:
        raise ValueError(f"{shown(value)} is out of range; write a time from 0 us to {high} us")
    return found


def octets(value: int | str, low: int, high: int) -> int:
    """Octets of 1048576, "1024K", "32M", "4G" or "1T"."""
    found = _scaled(value, _SIZE_UNITS, 1)
    if found is None:
        raise ValueError(
            f'{shown(value)} is not a size; write octets, or a number with K, M, G or T: "32M"'
        )
    if not low <= found <= high:
        raise ValueError(
            f"{shown(value)} is out of range; write a size from {size_text(low)} to "
            f"{size_text(high)}"
        )
    return found


def size_text(size: int) -> str:
    """A size as the configuration writes it: "32M"."""
    for unit in ("T", "G", "M", "K"):
        if size >= _SIZE_UNITS[unit] and size % _SIZE_UNITS[unit] == 0:
            return f"{size // _SIZE_UNITS[unit]}{unit}"
    return str(size)


def address(text: str) -> int:
    """An address in host order of a dotted quad."""
    return int.from_bytes(address_bytes(text))


def prefix(text: str) -> tuple[int, int]:
    """Address and length of "10.77.0.0/22"."""
    written, slash, length_text = text.partition("/")
    if not slash or not _PREFIX_LEN.fullmatch(length_text) or int(length_text) > 32:
        raise ValueError(f'{shown(text)} is not a prefix; write one as in "10.77.0.0/22"')
    first = address(written)
    length = int(length_text)
    network = first >> (32 - length) << (32 - length)
    if network != first:
        raise ValueError(
            f'{shown(text)} has bits beyond its length; write "{address_text(network)}/{length}"'
        )
    return first, length


def address_range(text: str) -> tuple[int, int]:
    """First and last address of "a-b", of a prefix, or of one address."""
    if "/" in text:
        first, length = prefix(text)
        return first, first | (0xFFFFFFFF >> length)
    low, dash, high = text.partition("-")
    first = address(low.strip())
    last = address(high.strip()) if dash else first
    if last < first:
        right = f"{address_text(last)}-{address_text(first)}"
        raise ValueError(f'{shown(text)} ends before it begins; write "{right}"')
    return first, last


def host_port(text: str, low_port: int) -> tuple[str, int]:
    """Host and port of "0.0.0.0:67" or "[::1]:8067"; hosts are addresses, not names."""
    host, colon, port_text = text.rpartition(":")
    family = socket.AF_INET
    if host.startswith("[") and host.endswith("]"):
        family = socket.AF_INET6
        host = host[1:-1]
    try:
        if not colon or not _PORT.fullmatch(port_text):
            raise OSError
        socket.inet_pton(family, host)
    except (OSError, ValueError):
        near = f"{'0.0.0.0' if low_port else '127.0.0.1'}:{port_text}"
        right = near if not host and _PORT.fullmatch(port_text) else "127.0.0.1:8067"
        raise ValueError(f'{shown(text)} is not address:port; write one as in "{right}"') from None
    port = int(port_text)
    if not low_port <= port <= 65535:
        raise ValueError(f"port {port} is out of range; write one from {low_port} to 65535")
    return host, port


def host4_port(text: str, low_port: int) -> tuple[str, int]:
    """As host_port(), of IPv4: where DHCPv4 is spoken."""
    host, port = host_port(text, low_port)
    if ":" in host:
        raise ValueError(f'{shown(text)} is not an IPv4 address; write one as in "0.0.0.0:67"')
    return host, port


def interface_name(text: str) -> str:
    """The name of a network interface, as the kernel allows it."""
    size = len(text.encode())
    if not 1 <= size <= INTERFACE_NAME_MAX or text in (".", "..") or not _INTERFACE.fullmatch(text):
        raise ValueError(
            f"{shown(text)} is not the name of an interface; write one of 1 to "
            f'{INTERFACE_NAME_MAX} characters without space, "/" or ":", as in "eth0"'
        )
    return text


def plain_name(text: str) -> str:
    """A name of a VRF or shared network: printable, 1 to NAME_MAX characters."""
    if not 1 <= len(text) <= NAME_MAX or not text.isprintable() or text.strip() != text:
        raise ValueError(f"{shown(text)} is not a name; write 1 to {NAME_MAX} printable characters")
    return text


def hardware_identity(text: str) -> bytes:
    """htype and chaddr of "02:ee:00:00:00:01" or "02ee.0000.0001"; before a slash another htype:
    "6/02:..."."""
    match = _HARDWARE.fullmatch(text)
    htype = int(match["htype"] or HTYPE_ETHERNET) if match else 0
    if match is None or not 1 <= htype <= 255:
        raise ValueError(
            f'{shown(text)} is not a hardware address; write one as in "02:ee:00:00:00:01"'
        )
    chaddr = bytes.fromhex(re.sub("[:.-]", "", match["chaddr"]))
    wanted = CHADDR_ETHERNET if htype == HTYPE_ETHERNET else CHADDR_MAX
    if len(chaddr) > wanted or (htype == HTYPE_ETHERNET and len(chaddr) != wanted):
        right = wanted if htype == HTYPE_ETHERNET else f"1 to {wanted}"
        raise ValueError(f"{shown(text)} has {len(chaddr)} octets; write {right}")
    return bytes((htype,)) + chaddr


def identifier(text: str, low: int = 1) -> bytes:
    """The octets of "hex:..." or of text; `low`: the least that counts."""
    found = hex_bytes(text) if text.startswith("hex:") else text.encode()
    if not low <= len(found) <= IDENTIFIER_MAX:
        raise ValueError(f"{shown(text)} has {len(found)} octets; write {low} to {IDENTIFIER_MAX}")
    return found


def printable(text: str, most: int) -> bytes:
    """Printable ASCII of 1 to `most` octets."""
    if not 1 <= len(text) <= most or not text.isascii() or not text.isprintable():
        raise ValueError(
            f"{shown(text)} does not fit; write 1 to {most} printable ASCII characters"
        )
    return text.encode("ascii")
