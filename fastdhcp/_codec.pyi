"""The codec, as tests, tools and users call it."""

from fastdhcp.packet import DecodeError as DecodeError
from fastdhcp.packet import EncodeError as EncodeError
from fastdhcp.packet import Options, Packet

REASON_NAMES: list[str]

def decode(data: bytes) -> Packet: ...
def decode_request(data: bytes) -> dict[str, int | bytes | None]: ...
def slot_table() -> tuple[bytes, int, int]:
    """(slot by code, slots in use, slots at most) of a policy that names no options of its own."""

def decode_many(data: bytes, n: int) -> int: ...
def encode(
    *,
    op: int = 1,
    htype: int = 1,
    hlen: int | None = None,
    hops: int = 0,
    xid: int = 0,
    secs: int = 0,
    flags: int = 0,
    ciaddr: str = "0.0.0.0",
    yiaddr: str = "0.0.0.0",
    siaddr: str = "0.0.0.0",
    giaddr: str = "0.0.0.0",
    chaddr: bytes = b"",
    sname: bytes = b"",
    file: bytes = b"",
    message_type: int | None = None,
    options: Options = (),
    max_size: int = 1500,
) -> bytes: ...
