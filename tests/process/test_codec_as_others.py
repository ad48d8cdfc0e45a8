"""The codec reads a message as tshark and scapy do: captures, and what a generator makes.

Where the two and the codec part on purpose (RFC 2131: what is broken is not read at all) the test
says so; all else that they read, it reads alike.
"""

import random
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple
from unittest import mock
from xml.etree import ElementTree

import pytest

from fastdhcp._codec import decode
from fastdhcp.packet import DecodeError, Packet
from tests.lab.packet import frame
from tests.lab.process import tool

ROOT = Path(__file__).resolve().parents[2]
OWN = ROOT / "tests" / "captures"
SHARED = ROOT.parent / "shared" / "captures"
SEED = 2131
GENERATED = 400
COOKIE = b"\x63\x82\x53\x63"
# tshark takes the values of others apart, and random ones are no values of them.
CODES = (12, 12, 14, 15, 17, 60, 64, 66, 67, *range(224, 249), *range(250, 255))
PAD, OVERLOAD, END = 0, 52, 255
FRAME_HEAD = 42  # Ethernet, IP and UDP
FILE, SNAME = slice(108, 236), slice(44, 108)


class Seen(NamedTuple):
    """What another decoder says: the header's fields, and the options in the order of the areas."""

    header: dict[str, int | str]
    options: list[tuple[int, bytes]]
    broken: bool

    @property
    def joined(self) -> dict[int, bytes]:
        """RFC 3396 7: all parts of an option are one value."""
        found: dict[int, bytes] = {}
        for code, value in self.options:
            found[code] = found.get(code, b"") + value
        return found


# ---- messages


def captured(path: Path) -> list[bytes]:
    """The payloads of the datagrams to or from the two ports."""
    from scapy.layers.inet import UDP
    from scapy.utils import rdpcap

    packets = [p for p in rdpcap(str(path)) if UDP in p and {p[UDP].sport, p[UDP].dport} & {67, 68}]
    return [bytes(p[UDP].payload) for p in packets]


def option(code: int, value: bytes) -> bytes:
    """RFC 3396 5: in parts of up to 255 octets."""
    parts = [value[at : at + 255] for at in range(0, len(value), 255)] or [b""]
    return b"".join(bytes((code, len(part))) + part for part in parts)


def area(rand: random.Random, most: int) -> bytes:
    """Options of a field: any codes, repeats among them, pads between, no more than fits."""
    data = b""
    for _ in range(rand.randrange(8)):
        code = rand.choice(CODES)
        value = rand.randbytes(rand.choice((0, 1, 2, 4, 7, 16, rand.randrange(300))))
        data += bytes(rand.randrange(3)) + option(code, value)
    return data if len(data) < most else b""


def generated(rand: random.Random) -> bytes:
    """A message as RFC 2131 2 and 4.1 have it, with all the liberties that they leave."""
    head = bytes((rand.choice((1, 2)), 1, 6, rand.randrange(4))) + rand.randbytes(24)
    data = bytearray(head + rand.randbytes(6) + bytes(202))
    overload = rand.choice((0, 0, 1, 2, 3))
    if overload & 1:
        data[FILE] = (area(rand, 127) + b"\xff").ljust(128, b"\0")
    if overload & 2:
        data[SNAME] = (area(rand, 63) + b"\xff").ljust(64, b"\0")
    kind = option(53, bytes((rand.randrange(1, 9),)))
    said = option(OVERLOAD, bytes((overload,))) if overload else b""
    parts = [kind, said, area(rand, 900)]
    rand.shuffle(parts)
    return bytes(data) + COOKIE + b"".join(parts) + b"\xff" + bytes(rand.randrange(30))


def cut(rand: random.Random, message: bytes) -> bytes:
    """The same, ending anywhere behind the cookie."""
    return message[: rand.randrange(240, len(message) + 1)]


def all_generated() -> list[bytes]:
    rand = random.Random(SEED)
    whole = [generated(rand) for _ in range(GENERATED)]
    return whole + [cut(rand, message) for message in whole[: GENERATED // 4]]


# ---- the others

HEADER = {
    "dhcp.type": "op", "dhcp.hw.type": "htype", "dhcp.hw.len": "hlen", "dhcp.hops": "hops",
    "dhcp.id": "xid", "dhcp.secs": "secs", "dhcp.flags": "flags", "dhcp.ip.client": "ciaddr",
    "dhcp.ip.your": "yiaddr", "dhcp.ip.server": "siaddr", "dhcp.ip.relay": "giaddr",
}  # fmt: skip


def write(path: Path, messages: list[bytes]) -> None:
    """A capture file (pcap, microseconds, Ethernet)."""
    data = bytes.fromhex("d4c3b2a1" "02000400" "00000000" "00000000" "ffff0000" "01000000")
    for message in messages:
        ends = ("10.77.0.1", 67), ("10.77.0.9", 68)
        sent = frame(message, *ends, b"\2\0\0\0\0\1", b"\2\0\0\0\0\2", checksum=False)
        data += bytes(8) + len(sent).to_bytes(4, "little") * 2 + sent
    path.write_bytes(data)


def tshark(path: Path, messages: list[bytes]) -> list[Seen]:
    """Of each message what tshark sees."""
    write(path, messages)
    argv = [tool("tshark"), "-n", "-r", str(path), "-T", "pdml", "-J", "dhcp _ws.malformed"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=120)
    packets = ElementTree.fromstring(done.stdout).findall("packet")
    assert len(packets) == len(messages)
    return [_of_tshark(packet, message) for packet, message in zip(packets, messages, strict=True)]


def _of_tshark(packet: ElementTree.Element, message: bytes) -> Seen:
    header: dict[str, int | str] = {}
    found: list[tuple[tuple[bool, bool, int], tuple[int, bytes]]] = []
    for field in packet.iter("field"):
        name, at = field.get("name", ""), int(field.get("pos", "0")) - FRAME_HEAD
        octets = message[at : at + int(field.get("size", "0"))]
        if name in HEADER and HEADER[name] not in header:
            dotted = name.startswith("dhcp.ip.")
            header[HEADER[name]] = ".".join(map(str, octets)) if dotted else int.from_bytes(octets)
        elif name == "dhcp.option.type" and octets[0] not in (PAD, END) and len(octets) > 1:
            # RFC 2131 4.1: the options field, then file, then sname; tshark goes by their places.
            order = at < FILE.stop, at < FILE.start, at
            found.append((order, (octets[0], octets[2 : 2 + octets[1]])))
    options = [option for _, option in sorted(found)]
    broken = any(proto.get("name") == "_ws.malformed" for proto in packet.iter("proto"))
    return Seen(header, options, broken)


def scapy(message: bytes) -> Seen:
    """What scapy sees; it knows no overload, so its walk is shown each field that 52 names."""
    from scapy.layers.dhcp import BOOTP

    head = BOOTP(message)
    fields = {name: getattr(head, name) for name in HEADER.values() if name != "flags"}
    fields["flags"] = int.from_bytes(message[10:12])
    areas = [message[240:]] if message[236:240] == COOKIE else []
    options, broken = _walk(areas[0]) if areas else ([], False)
    for code, value in list(options):
        if code == OVERLOAD and value[:1] in (b"\1", b"\3"):
            options += _walk(message[FILE])[0]
        if code == OVERLOAD and value[:1] in (b"\2", b"\3"):
            options += _walk(message[SNAME])[0]
    return Seen(fields, options, broken)


def _walk(octets: bytes) -> tuple[list[tuple[int, bytes]], bool]:
    from scapy.layers import dhcp

    with mock.patch.object(dhcp, "DHCPOptions", {}):  # values as they came, whatever the code
        found = dhcp.DHCPOptionsField("options", b"").m2i(None, octets)
    if "end" in found:
        found = found[: found.index("end")]
    options = [item for item in found if isinstance(item, tuple)]
    return options, any(isinstance(item, bytes) for item in found)


# ---- alike


def header_of(packet: Packet) -> dict[str, int | str]:
    return {name: getattr(packet, name) for name in HEADER.values()}


def check(message: bytes, seen: Seen, who: str) -> None:
    try:
        packet = decode(message)
    except DecodeError as error:
        # RFC 2132 2: a message whose options cannot be walked is not read in part; nor one without
        # DHCP's cookie, in which nobody finds options.
        told = seen.broken or (str(error) == "bad-cookie" and not seen.options)
        assert told, f"{who} reads what is dropped as {error}: {message.hex()}"
        return
    assert not seen.broken, f"{who} cannot read {message.hex()}"
    assert header_of(packet) == seen.header, who
    assert packet.options == seen.joined, f"{who}: {message.hex()}"


SOURCES = [
    *(pytest.param(path, id=path.name) for path in sorted(OWN.glob("*.pcap"))),
    *(pytest.param(path, id=f"shared-{path.name}") for path in sorted(SHARED.glob("*.pcap*"))),
    pytest.param(None, id="generated"),
]


@cache
def messages_of(path: Path | None) -> list[bytes]:
    return all_generated() if path is None else captured(path)


@pytest.mark.parametrize("path", SOURCES)
def test_tshark_reads_it_alike(tmp_path: Path, path: Path | None) -> None:
    messages = messages_of(path)
    for message, seen in zip(messages, tshark(tmp_path / "all.pcap", messages), strict=True):
        check(message, seen, "tshark")


@pytest.mark.parametrize("path", SOURCES)
def test_scapy_reads_it_alike(path: Path | None) -> None:
    for message in messages_of(path):
        check(message, scapy(message), "scapy")


def test_the_captures_are_of_all_clients_that_are_recorded() -> None:
    from tests.captures.record import CLIENTS

    assert {path.stem for path in OWN.glob("*.pcap")} == set(CLIENTS)
    assert all(len(messages_of(path)) >= 2 for path in OWN.glob("*.pcap"))


def test_the_generator_makes_what_it_is_there_for() -> None:
    """Overload, repeats, long values, broken ones: else it would prove nothing."""
    seen = [scapy(message) for message in all_generated()]
    assert sum(s.broken for s in seen) > 20
    assert sum(OVERLOAD in s.joined for s in seen) > 100
    assert sum(len(s.options) > len(s.joined) for s in seen) > 100
    assert sum(any(len(value) > 255 for value in s.joined.values()) for s in seen) > 20
