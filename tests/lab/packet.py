"""DHCP messages and the frames that carry them, written and read apart from the product's codec."""

import dataclasses
import socket
import struct
from collections.abc import Mapping

MAGIC = b"\x63\x82\x53\x63"
DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
BROADCAST_MAC = b"\xff" * 6
BROADCAST_FLAG = 0x8000
_HEADER = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s")


def mac(n: int) -> bytes:
    """The n-th client's hardware address, locally administered."""
    return b"\x02\xcc" + n.to_bytes(4, "big")


@dataclasses.dataclass(frozen=True)
class Message:
    """A DHCP message as read: repeats of an option joined, ``layout`` their codes as they stood."""

    op: int
    htype: int
    hlen: int
    hops: int
    xid: int
    secs: int
    flags: int
    ciaddr: str
    yiaddr: str
    siaddr: str
    giaddr: str
    chaddr: bytes
    sname: bytes = dataclasses.field(repr=False)
    file: bytes = dataclasses.field(repr=False)
    options: dict[int, bytes]
    layout: tuple[int, ...]
    raw: bytes = dataclasses.field(repr=False)

    @property
    def type(self) -> int:
        """Option 53, 0 without it."""
        return self.options.get(53, b"\0")[0]

    @property
    def server_id(self) -> str | None:
        value = self.options.get(54)
        return socket.inet_ntoa(value) if value else None

    @property
    def lease_time(self) -> int | None:
        value = self.options.get(51)
        return int.from_bytes(value, "big") if value else None

    @classmethod
    def parse(cls, raw: bytes) -> "Message":
        """Raises ValueError if it is no DHCP message."""
        if len(raw) < 240 or raw[236:240] != MAGIC:
            raise ValueError(f"no DHCP message: {len(raw)} octets")
        op, htype, hlen, hops, xid, secs, flags, *addresses = _HEADER.unpack_from(raw)
        chaddr, sname, file = addresses[4:]
        options, layout = _options(raw)
        ciaddr, yiaddr, siaddr, giaddr = map(socket.inet_ntoa, addresses[:4])
        return cls(
            op, htype, hlen, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr,
            chaddr[:hlen], sname, file, options, layout, raw,
        )  # fmt: skip


def _options(raw: bytes) -> tuple[dict[int, bytes], tuple[int, ...]]:
    options: dict[int, bytes] = {}
    layout: list[int] = []
    at = 240
    while at < len(raw):
        code = raw[at]
        layout.append(code)
        if code == 255:
            return options, tuple(layout)
        if code:
            size = raw[at + 1]
            options[code] = options.get(code, b"") + raw[at + 2 : at + 2 + size]
            at += 1 + size
        at += 1
    raise ValueError("no END option")


OptionValue = bytes | str | int


def build(
    kind: int,
    chaddr: bytes,
    xid: int = 0x12345678,
    *,
    options: Mapping[int, OptionValue] | None = None,
    tail: bytes = b"\xff",
    size_min: int = 300,
    op: int = 1,
    htype: int = 1,
    hlen: int | None = None,
    hops: int = 0,
    secs: int = 0,
    flags: int = 0,
    ciaddr: str = "0.0.0.0",
    yiaddr: str = "0.0.0.0",
    siaddr: str = "0.0.0.0",
    giaddr: str = "0.0.0.0",
    sname: bytes = b"",
    file: bytes = b"",
) -> bytes:
    """A message of type ``kind`` (0: no option 53) with the options in the order given.

    An option's value is octets, an address as dotted text, or a number of four octets. ``tail``
    ends the options; give it to send what no client should.
    """
    hlen = len(chaddr) if hlen is None else hlen
    addresses = map(socket.inet_aton, (ciaddr, yiaddr, siaddr, giaddr))
    head = _HEADER.pack(op, htype, hlen, hops, xid, secs, flags, *addresses, chaddr, sname, file)
    body = bytes((53, 1, kind)) if kind else b""
    for code, value in (options or {}).items():
        body += _option(code, value)
    return (head + MAGIC + body + tail).ljust(size_min, b"\0")


def _option(code: int, value: OptionValue) -> bytes:
    if isinstance(value, str):
        value = socket.inet_aton(value)
    elif isinstance(value, int):
        value = value.to_bytes(4, "big")
    return bytes((code, len(value))) + value


@dataclasses.dataclass(frozen=True)
class Frame:
    """A UDP datagram over IPv4 over Ethernet, as it stood on the link."""

    at: float
    ether_source: bytes
    ether_target: bytes
    source: tuple[str, int]
    target: tuple[str, int]
    payload: bytes

    @property
    def message(self) -> Message:
        return Message.parse(self.payload)

    @classmethod
    def parse(cls, raw: bytes, at: float) -> "Frame | None":
        """None for anything but an unfragmented UDP datagram."""
        if len(raw) < 42 or raw[12:14] != b"\x08\x00" or raw[23] != socket.IPPROTO_UDP:
            return None
        udp = 14 + (raw[14] & 15) * 4
        sport, dport, size = struct.unpack_from("!HHH", raw, udp)
        source, target = map(socket.inet_ntoa, (raw[26:30], raw[30:34]))
        payload = raw[udp + 8 : udp + size]
        return cls(at, raw[6:12], raw[:6], (source, sport), (target, dport), payload)


def frame(
    payload: bytes,
    source: tuple[str, int],
    target: tuple[str, int],
    ether_source: bytes,
    ether_target: bytes = BROADCAST_MAC,
    *,
    checksum: bool = True,
) -> bytes:
    """An Ethernet frame with a UDP datagram; ``checksum=False`` sends 0, "none" (RFC 768)."""
    addresses = socket.inet_aton(source[0]) + socket.inet_aton(target[0])
    size = 8 + len(payload)
    udp = struct.pack("!HHHH", source[1], target[1], size, 0) + payload
    if checksum:
        value = _sum(addresses + struct.pack("!HH", socket.IPPROTO_UDP, size) + udp) or 0xFFFF
        udp = udp[:6] + value.to_bytes(2, "big") + udp[8:]
    head = struct.pack("!BBHHHBBH", 0x45, 0x10, 20 + size, 0, 0, 64, socket.IPPROTO_UDP, 0)
    check = _sum(head + addresses).to_bytes(2, "big")
    return ether_target + ether_source + b"\x08\x00" + head[:10] + check + addresses + udp


def _sum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
