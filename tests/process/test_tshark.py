"""What is configured is what tshark reads, of every option, and it finds no fault with any."""

import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fastdhcp._codec import encode
from fastdhcp.options import BY_NAME, decode
from tests.lab.process import tool
from tests.unit.test_options import ENCODINGS

ACK, ETHERNET = 5, 1
CASES = [(name, octets) for _, name, _, octets in ENCODINGS]
IN_OTHER_WORDS = {
    "classless-static-routes": {"0.0.0.0/0": "default"},
    "v4-lost": {"lost.example": "\\004lost\\aexample"},
    "v4-portparams": {"4608": "1200"},
}
"""How tshark shows parts of a value that it shows otherwise than we do."""
UNREAD = {"v4-pcp-servers", "isns", "client-ndi"}
"""What it takes apart and shows only some parts of, or as single bits."""


def frame(message: bytes) -> bytes:
    """The message in UDP, IP and Ethernet, without checksums."""
    udp = struct.pack("!HHHH", 67, 68, 8 + len(message), 0) + message
    addresses = bytes((10, 77, 0, 1, 10, 77, 0, 9))
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    return b"\2" * 12 + b"\x08\x00" + head + addresses + udp


def capture(path: Path) -> None:
    """A capture file with an ACK for each case (pcap, microseconds)."""
    data = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, ETHERNET)
    for name, octets in CASES:
        options = {BY_NAME[name].code: bytes.fromhex(octets)}
        sent = frame(encode(op=2, chaddr=b"\2" * 6, message_type=ACK, options=options))
        data += struct.pack("<IIII", 0, 0, len(sent), len(sent)) + sent
    path.write_bytes(data)


def leaves(value: object) -> Iterator[str]:
    """The texts and numbers of a value; octets and truths are shown in many ways."""
    if isinstance(value, dict):
        value = [part for key, part in value.items() if key != "data"]
    if isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif not isinstance(value, bool) and not str(value).startswith("hex:"):
        yield str(value)


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, list[str]]]:
    """Of each case the octets that tshark saw, and its lines about them."""
    path = tmp_path_factory.mktemp("tshark") / "options.pcap"
    capture(path)
    argv = [tool("tshark"), "-n", "-r", str(path), "-T", "pdml", "-J", "dhcp"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=120)
    found = []
    for (name, _), packet in zip(CASES, ElementTree.fromstring(done.stdout), strict=True):
        code = str(BY_NAME[name].code)
        (option,) = [
            field
            for field in packet.iter("field")
            if field.get("name") == "dhcp.option.type" and field.get("show") == code
        ]
        fields = list(option.iter("field"))
        value = next(f.get("value", "") for f in fields if f.get("name") == "dhcp.option.value")
        frame_of = ("dhcp.option.type", "dhcp.option.length", "dhcp.option.value")
        own = [f for f in fields if f.get("name") not in frame_of]
        found.append((value, [f.get("showname") or f.get("show") or "" for f in own]))
    return found


@pytest.mark.parametrize("place", range(len(CASES)), ids=[name for name, _ in CASES])
def test_tshark_reads_it_alike(read: list[tuple[str, list[str]]], place: int) -> None:
    (name, octets), (seen, lines) = CASES[place], read[place]
    assert seen == octets.replace(" ", "")
    assert [line for line in lines if "Severity level: Error" in line or "Malformed" in line] == []
    if lines and name not in UNREAD:
        other = IN_OTHER_WORDS.get(name, {})
        text = "\n".join(lines)
        for leaf in leaves(decode(BY_NAME[name].code, bytes.fromhex(octets))):
            assert other.get(leaf, leaf) in text


def test_tshark_takes_most_of_them_apart(read: list[tuple[str, list[str]]]) -> None:
    named = {name for (name, _), (_, lines) in zip(CASES, read, strict=True) if lines}
    assert len(named) > 95
