"""Capture files: the DHCP messages to a server in a pcap or pcapng file.

Read by what tcpdump and Wireshark write: frames of Ethernet (VLAN tags too), Linux' "any" device,
loopback and raw IP; IPv4 and UDP. A file may say anything: each length is held against a limit
before it is believed, and what cannot be read ends the reading with words.
"""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

PACKET_SIZE_MAX = 1 << 18
"""Octets of a packet: tcpdump's own largest snapshot."""
BLOCK_SIZE_MAX = 1 << 24
"""Octets of a pcapng block; those that are not packets (secrets, names) may be large."""
INTERFACES_MAX = 1024

_PCAP = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">", b"\x4d\x3c\xb2\xa1": "<",
         b"\xa1\xb2\x3c\x4d": ">"}  # fmt: skip
"""By the first octets, in microseconds or nanoseconds: the order of a number's octets."""
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_GZIP = b"\x1f\x8b"
_PCAP_HEAD_SIZE = 24
_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 1, 2, 3, 6
_IF_NAME = 2  # option of an interface's block

_ETHERNET, _LINUX, _LINUX2 = 1, 113, 276
_RAW = (12, 14, 101, 228)
_LOOPBACK = (0, 108)
_IPV4 = 0x0800
_VLAN = (0x8100, 0x88A8, 0x9100)
_UDP = 17
_FRAGMENT = 0x3FFF  # more follow, or where it belongs
PORT_SERVER = 67
_BOOTREQUEST = 1
_HEAD_SIZE = 236  # of a message, before the cookie (RFC 951)
_COOKIE = b"\x63\x82\x53\x63"


class CaptureError(ValueError):
    """The file is no capture, or cannot be read any further; the text says why."""


@dataclass(frozen=True, slots=True)
class Captured:
    """A message to a server. `number` counts the packets of the file from 1. `interface`: where
    the file says so. `cut`: octets of the message that were not captured."""

    number: int
    source: str
    destination: str
    source_port: int
    interface: str | None
    message: bytes
    cut: int


class _Frame(NamedTuple):
    link: int
    interface: str | None
    data: bytes


@dataclass(slots=True)
class _Section:
    """What packets of a pcapng section refer to."""

    order: str
    interfaces: list[tuple[int, str | None]] = field(default_factory=list)


def messages(path: Path) -> Iterator[Captured]:
    """The messages to a server, in the order of the file. Raises CaptureError, also after some."""
    try:
        with path.open("rb") as file:
            for number, frame in enumerate(_frames(file), 1):
                found = _message(number, frame)
                if found is not None:
                    yield found
    except OSError as error:
        raise CaptureError(error.strerror or str(error)) from error


def _frames(file: BinaryIO) -> Iterator[_Frame]:
    magic = file.read(4)
    if magic in _PCAP:
        yield from _pcap(file, _PCAP[magic])
    elif magic == _PCAPNG:
        yield from _pcapng(file)
    elif magic.startswith(_GZIP):
        raise CaptureError("is compressed; unpack it with gunzip first")
    else:
        raise CaptureError("is neither a pcap nor a pcapng file")


# ---- pcap


def _pcap(file: BinaryIO, order: str) -> Iterator[_Frame]:
    head = _exactly(file, _PCAP_HEAD_SIZE - 4, "its head")
    link = struct.unpack(f"{order}I", head[-4:])[0] & 0xFFFF  # above it: how long the FCS is
    record = struct.Struct(f"{order}4I")
    number = 0
    while start := file.read(record.size):
        number += 1
        start += _exactly(file, record.size - len(start), f"packet {number}")
        size = record.unpack(start)[2]
        if size > PACKET_SIZE_MAX:
            raise CaptureError(f"packet {number} claims {size} octets: the file is damaged")
        yield _Frame(link, None, _exactly(file, size, f"packet {number}"))


def _exactly(file: BinaryIO, size: int, what: str) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise CaptureError(f"ends inside {what}")
    return data


# ---- pcapng (draft-ietf-opsawg-pcapng)


def _pcapng(file: BinaryIO) -> Iterator[_Frame]:
    section = _section(file)
    while kind_and_size := file.read(8):
        kind_and_size += _exactly(file, 8 - len(kind_and_size), "a block")
        if kind_and_size.startswith(_PCAPNG):
            file.seek(-4, 1)
            section = _section(file)
            continue
        kind, size = struct.unpack(f"{section.order}2I", kind_and_size)
        body = _block(file, size)
        if kind == _INTERFACE:
            _add_interface(section, body)
        elif kind in (_PACKET, _OLD_PACKET, _SIMPLE_PACKET):
            yield _packet(section, kind, body)


def _section(file: BinaryIO) -> _Section:
    """From the size of the section's first block on."""
    head = _exactly(file, 8, "the head of a section")
    order = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}.get(head[4:])
    if order is None:
        raise CaptureError("a section begins with no order of octets: the file is damaged")
    (size,) = struct.unpack(f"{order}I", head[:4])
    _block(file, size, taken=12)
    return _Section(order)


def _block(file: BinaryIO, size: int, taken: int = 8) -> bytes:
    """The body of a block, of whose `size` octets `taken` are read; its size stands behind it."""
    if size % 4 or not taken + 4 <= size <= BLOCK_SIZE_MAX:
        raise CaptureError(f"a block claims {size} octets: the file is damaged")
    return _exactly(file, size - taken, "a block")[:-4]


def _add_interface(section: _Section, body: bytes) -> None:
    if len(body) < 8 or len(section.interfaces) == INTERFACES_MAX:
        raise CaptureError("an interface cannot be read: the file is damaged")
    (link,) = struct.unpack_from(f"{section.order}H", body)
    name = None
    at = 8
    while at + 4 <= len(body):
        code, size = struct.unpack_from(f"{section.order}2H", body, at)
        if code == _IF_NAME:
            name = body[at + 4 : at + 4 + size].rstrip(b"\0").decode(errors="replace")
        if code == 0:
            break
        at += 4 + size + -size % 4
    section.interfaces.append((link, name))


def _packet(section: _Section, kind: int, body: bytes) -> _Frame:
    forms = {_PACKET: "I8xI4x", _OLD_PACKET: "H10xI4x", _SIMPLE_PACKET: "I"}
    form = struct.Struct(section.order + forms[kind])
    if len(body) < form.size:
        raise CaptureError("a packet has no room for its head: the file is damaged")
    if kind == _SIMPLE_PACKET:
        which, size = 0, min(form.unpack_from(body)[0], len(body) - form.size)
    else:
        which, size = form.unpack_from(body)
    if size > PACKET_SIZE_MAX or form.size + size > len(body) or which >= len(section.interfaces):
        raise CaptureError("a packet is of no interface, or longer than its block: damaged")
    link, name = section.interfaces[which]
    return _Frame(link, name, body[form.size : form.size + size])


# ---- frames


def _message(number: int, frame: _Frame) -> Captured | None:
    """The message to a server in a frame; None: it carries something else."""
    ip = _ip(frame)
    if len(ip) < 20 or ip[0] >> 4 != 4 or ip[9] != _UDP:
        return None
    if int.from_bytes(ip[6:8]) & _FRAGMENT:
        return None
    at = (ip[0] & 15) * 4
    if at < 20 or len(ip) < at + 8:
        return None
    source_port, port, size = struct.unpack_from("!3H", ip, at)
    data = ip[at + 8 : at + size] if size >= 8 else b""
    cut = size - 8 - len(data)
    if not data or len(data) + cut <= _HEAD_SIZE or data[0] != _BOOTREQUEST:
        return None
    if port != PORT_SERVER and data[_HEAD_SIZE : _HEAD_SIZE + 4] != _COOKIE:
        return None
    return Captured(
        number=number,
        source=socket.inet_ntoa(ip[12:16]),
        destination=socket.inet_ntoa(ip[16:20]),
        source_port=source_port,
        interface=frame.interface,
        message=data,
        cut=cut,
    )


def _ip(frame: _Frame) -> bytes:
    """The IPv4 packet of a frame; empty: there is none."""
    data = frame.data
    if frame.link in _RAW:
        return data
    if frame.link in _LOOPBACK:
        return data[4:]
    if frame.link == _ETHERNET:
        return _behind(data, 12)
    if frame.link == _LINUX:
        return _behind(data, 14)
    if frame.link == _LINUX2:
        return data[20:] if int.from_bytes(data[:2]) == _IPV4 else b""
    return b""


def _behind(data: bytes, at: int) -> bytes:
    """What follows the protocol at `at`, past tags of VLANs."""
    while int.from_bytes(data[at : at + 2]) in _VLAN:
        at += 4
    return data[at + 2 :] if int.from_bytes(data[at : at + 2]) == _IPV4 else b""
