"""Capture files: what is read of them, and that no file does harm."""

import socket
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastdhcp._codec import encode
from fastdhcp.cli.capture import Captured, CaptureError, messages

MESSAGE = encode(chaddr=bytes.fromhex("02ee00000001"), xid=7, message_type=1)
REPLY = encode(op=2, chaddr=bytes.fromhex("02ee00000001"), xid=7, message_type=2)
ETHERNET, LINUX, LINUX2, RAW, LOOPBACK = 1, 113, 276, 101, 0


def ip(data: bytes = MESSAGE, *, port: int = 67, protocol: int = 17, fragment: int = 0,
       words: int = 5, source: str = "0.0.0.0", destination: str = "255.255.255.255") -> bytes:
    udp = struct.pack("!4H", 68, port, 8 + len(data), 0) + data
    head = struct.pack("!BBHHHBBH", 0x40 | words, 0, words * 4 + len(udp), 0, fragment, 64,
                       protocol, 0)
    head += socket.inet_aton(source) + socket.inet_aton(destination)
    return head.ljust(words * 4, b"\1") + udp


def ethernet(packet: bytes, *tags: int) -> bytes:
    return bytes(12) + b"".join(struct.pack("!HH", tag, 7) for tag in tags) + b"\x08\x00" + packet


def pcap(*frames: bytes, link: int = ETHERNET, order: str = "<", magic: int = 0xA1B2C3D4) -> bytes:
    head = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65536, link)
    return head + b"".join(
        struct.pack(f"{order}4I", 1, 2, len(frame), len(frame)) + frame for frame in frames
    )


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + size + body + size


def pcapng(*blocks: bytes, order: str = "<") -> bytes:
    section = struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1)
    return block(0x0A0D0D0A, section, order) + b"".join(blocks)


def interface(link: int = ETHERNET, name: bytes = b"", order: str = "<") -> bytes:
    body = struct.pack(f"{order}HHI", link, 0, 0)
    if name:
        body += struct.pack(f"{order}HH", 9, 1) + b"\x06\0\0\0"
        body += struct.pack(f"{order}HH", 2, len(name)) + name + bytes(-len(name) % 4)
        body += bytes(4)
    return block(1, body, order)


def enhanced(frame: bytes, which: int = 0, order: str = "<") -> bytes:
    return block(6, struct.pack(f"{order}5I", which, 0, 0, len(frame), len(frame)) + frame, order)


def read(folder: Path, data: bytes) -> list[Captured]:
    path = folder / "file.pcap"
    path.write_bytes(data)
    return list(messages(path))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D])
def test_pcap_in_both_orders_and_units(tmp_path: Path, order: str, magic: int) -> None:
    frames = (ethernet(ip(REPLY)), ethernet(ip(source="10.0.0.1", destination="10.0.0.2")))
    (found,) = read(tmp_path, pcap(*frames, order=order, magic=magic))
    assert found == Captured(2, "10.0.0.1", "10.0.0.2", 68, None, MESSAGE, 0)


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_says_by_which_interface(tmp_path: Path, order: str) -> None:
    data = pcapng(
        interface(ETHERNET, b"eth1", order), interface(RAW, order=order),
        block(5, b"statistics", order), enhanced(ip(), 1, order),
        enhanced(ethernet(ip()), 0, order), order=order,
    )  # fmt: skip
    found = read(tmp_path, data)
    assert [(f.number, f.interface, f.message) for f in found] == [
        (1, None, MESSAGE), (2, "eth1", MESSAGE),
    ]  # fmt: skip


def test_pcapng_has_old_and_simple_packets_and_more_sections(tmp_path: Path) -> None:
    frame = ethernet(ip())
    old = block(2, struct.pack("<HHIIII", 0, 0, 0, 0, len(frame), len(frame)) + frame)
    simple = block(3, struct.pack("<I", len(frame)) + frame)
    data = pcapng(interface(), old) + pcapng(interface(), simple)
    big = pcapng(interface(order=">"), enhanced(frame, order=">"), order=">")
    assert [found.message for found in read(tmp_path, data + big)] == [MESSAGE] * 3


@pytest.mark.parametrize(
    ("link", "frame"),
    [
        (ETHERNET, ethernet(ip(), 0x8100)),
        (ETHERNET, ethernet(ip(), 0x88A8, 0x8100)),
        (ETHERNET, ethernet(ip(words=8))),
        (LINUX, bytes(14) + b"\x08\x00" + ip()),
        (LINUX2, b"\x08\x00" + bytes(18) + ip()),
        (RAW, ip()),
        (LOOPBACK, b"\2\0\0\0" + ip()),
        (ETHERNET, ethernet(ip(port=1067))),
    ],
)
def test_frames_of_many_kinds(tmp_path: Path, link: int, frame: bytes) -> None:
    (found,) = read(tmp_path, pcap(frame, link=link))
    assert found.message == MESSAGE


@pytest.mark.parametrize(
    "frame",
    [
        b"", ethernet(b""), bytes(12) + b"\x86\xdd" + ip(), ethernet(ip(protocol=6)),
        ethernet(ip(fragment=0x2000)), ethernet(ip(fragment=1)), ethernet(ip(REPLY)),
        ethernet(ip(MESSAGE[:100])), ethernet(ip(words=4)), ethernet(b"\x60" + ip()[1:]),
        ethernet(ip(MESSAGE[:236] + bytes(8), port=1067)), ethernet(ip(), *[0x8100] * 2)[:20],
    ],
)  # fmt: skip
def test_what_is_no_message_to_a_server_is_passed_over(tmp_path: Path, frame: bytes) -> None:
    assert read(tmp_path, pcap(frame)) == []


def test_rfc951_a_bootp_message_needs_no_cookie(tmp_path: Path) -> None:
    message = MESSAGE[:236] + bytes(64)
    assert [found.message for found in read(tmp_path, pcap(ethernet(ip(message))))] == [message]


def test_a_message_that_was_not_captured_whole_says_so(tmp_path: Path) -> None:
    (found,) = read(tmp_path, pcap(ethernet(ip())[:-30]))
    assert (found.message, found.cut) == (MESSAGE[:-30], 30)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is neither a pcap nor a pcapng file"),
        (b"GET / HTTP/1.1", "is neither a pcap nor a pcapng file"),
        (b"\x1f\x8b\x08\0", "is compressed; unpack it with gunzip first"),
        (pcap()[:10], "ends inside its head"),
        (pcap(b"x" * 20)[:-1], "ends inside packet 1"),
        (pcap(b"x" * 20)[:30], "ends inside packet 1"),
        (pcap() + struct.pack("<4I", 0, 0, 1 << 31, 1), "packet 1 claims 2147483648 octets: "
                                                        "the file is damaged"),
        (pcapng()[:6], "ends inside the head of a section"),
        (pcapng()[:8] + b"abcd", "a section begins with no order of octets: the file is damaged"),
        (pcapng(struct.pack("<2I", 5, 13)), "a block claims 13 octets: the file is damaged"),
        (pcapng(struct.pack("<2I", 5, 8)), "a block claims 8 octets: the file is damaged"),
        (pcapng(struct.pack("<2I", 5, 1 << 30)), "a block claims 1073741824 octets: the file is "
                                                 "damaged"),
        (pcapng(b"\5\0\0"), "ends inside a block"),
        (pcapng(interface()[:-6]), "ends inside a block"),
        (pcapng(block(1, b"")), "an interface cannot be read: the file is damaged"),
        (pcapng(*[interface()] * 1025), "an interface cannot be read: the file is damaged"),
        (pcapng(interface(), block(6, b"x")), "a packet has no room for its head: the file is "
                                              "damaged"),
        (pcapng(enhanced(b"")), "a packet is of no interface, or longer than its block: damaged"),
        (pcapng(interface(), block(6, struct.pack("<5I", 0, 0, 0, 400, 400))),
         "a packet is of no interface, or longer than its block: damaged"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(CaptureError) as raised:
        read(tmp_path, data)
    assert str(raised.value) == words


def test_what_stands_before_the_damage_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes(pcap(ethernet(ip()), ethernet(ip()))[:-5])
    found = messages(path)
    assert next(found).number == 1
    with pytest.raises(CaptureError, match="ends inside packet 2"):
        next(found)
    with pytest.raises(CaptureError, match="No such file"):
        next(messages(tmp_path / "none"))


def damaged(data: bytes, changes: list[tuple[int, int]]) -> bytes:
    """Some octets of a good file replaced."""
    made = bytearray(data)
    for at, octet in changes:
        made[at % len(made)] = octet
    return bytes(made)


GOOD = (
    pcap(ethernet(ip()), ethernet(ip(), 0x8100)),
    pcapng(interface(ETHERNET, b"eth1"), enhanced(ethernet(ip())), enhanced(ethernet(ip(REPLY)))),
)
CHANGES = st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=12)


@given(st.sampled_from(GOOD), CHANGES, st.integers(0, 2000))
def test_any_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    """Whatever stands in it: messages of at most what the file has, or CaptureError."""
    path = tmp_path_factory.getbasetemp() / "hostile.pcap"
    path.write_bytes(damaged(data, changes)[: len(data) - cut if cut < len(data) else None])
    total = 0
    try:
        for found in messages(path):
            total += len(found.message)
    except CaptureError:
        pass
    assert total <= path.stat().st_size
