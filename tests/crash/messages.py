"""DHCP messages of the client pack: written and read in a few microseconds, by hand.

Apart from the product's codec, and from the lab's, which is made for reading and not for load.
"""

import struct
from dataclasses import dataclass

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE = range(1, 8)
REQUESTED, LEASE_TIME, SERVER_ID, CLIENT_ID, RELAY_INFO = 50, 51, 54, 61, 82
_HEAD = struct.Struct("!BBBBIHHIIII16s")
_REPLY = struct.Struct("!4xI8xI4xI6s")
_MAGIC = b"\x63\x82\x53\x63"
_EMPTY = bytes(192) + _MAGIC
OPTIONS_AT = 240
SIZE_MIN = 300


def address_option(code: int, address: int) -> bytes:
    """An option of four octets."""
    return struct.pack("!BBI", code, 4, address)


def option(code: int, value: bytes) -> bytes:
    return bytes((code, len(value))) + value


def message(
    kind: int, xid: int, chaddr: bytes, options: bytes, ciaddr: int = 0, giaddr: int = 0
) -> bytes:
    """A BOOTREQUEST of this type; ``options`` follow option 53."""
    hops = 1 if giaddr else 0
    head = _HEAD.pack(1, 1, 6, hops, xid, 0, 0, ciaddr, 0, 0, giaddr, chaddr)
    whole = head + _EMPTY + bytes((53, 1, kind)) + options + b"\xff"
    return whole.ljust(SIZE_MIN, b"\0")


@dataclass(slots=True)
class Reply:
    """What the pack looks at in a BOOTREPLY."""

    kind: int
    xid: int
    yiaddr: int
    giaddr: int
    chaddr: bytes
    server_id: int
    lease_s: int
    relay_info: bytes


def parse(raw: bytes) -> Reply:
    """Raises ValueError, IndexError or struct.error if it is no DHCP reply."""
    if raw[0] != 2 or raw[OPTIONS_AT - 4 : OPTIONS_AT] != _MAGIC:
        raise ValueError(f"no reply: {raw.hex()}")
    xid, yiaddr, giaddr, chaddr = _REPLY.unpack_from(raw)
    kind = server_id = lease_s = 0
    relay_info = b""
    at = OPTIONS_AT
    while (code := raw[at]) != 255:
        if not code:
            at += 1
            continue
        end = at + 2 + raw[at + 1]
        if code == 53:
            kind = raw[at + 2]
        elif code == SERVER_ID:
            server_id = int.from_bytes(raw[at + 2 : end], "big")
        elif code == LEASE_TIME:
            lease_s = int.from_bytes(raw[at + 2 : end], "big")
        elif code == RELAY_INFO:
            relay_info = raw[at + 2 : end]
        at = end
    return Reply(kind, xid, yiaddr, giaddr, chaddr, server_id, lease_s, relay_info)
