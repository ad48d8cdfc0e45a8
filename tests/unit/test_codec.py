"""Decoding: tables of bytes (tests/unit/packets.py), and what Python sees of a message."""

import dataclasses

import pytest

from fastdhcp._codec import decode, decode_many, decode_request
from fastdhcp._stats import drop_names
from fastdhcp.packet import DecodeError
from tests.unit.packets import BAD, DISCOVER, GOOD, REQUEST, Bad, Good, frame


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_request_is_read(case: Good) -> None:
    request = decode_request(case.data)
    assert {name: request[name] for name in case.fields} == case.fields


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_message_is_dropped_by_name(case: Bad) -> None:
    for read in (decode, decode_request):
        with pytest.raises(DecodeError) as caught:
            read(case.data)
        assert caught.value.reason == case.reason
        assert case.reason in drop_names()


def test_error_is_a_value_error_that_says_the_reason() -> None:
    with pytest.raises(ValueError, match=r"^bad-hlen$"):
        decode(frame("350101ff", hlen=17))


def test_rfc2131_2_packet_has_every_field() -> None:
    packet = decode(
        frame("350102" "330400000e10" "ff", op=2, hops=1, xid=7, secs=9, flags=0x8000,
              ciaddr="0a000001", yiaddr="0a000002", siaddr="0a000003", giaddr="0a0000ff",
              sname="7372763100ff", file="612f6200")
    )  # fmt: skip
    assert dataclasses.asdict(packet) == {
        "op": 2, "htype": 1, "hlen": 6, "hops": 1, "xid": 7, "secs": 9, "flags": 0x8000,
        "ciaddr": "10.0.0.1", "yiaddr": "10.0.0.2", "siaddr": "10.0.0.3", "giaddr": "10.0.0.255",
        "chaddr": bytes.fromhex("02ee00000001"), "sname": b"srv1", "file": b"a/b",
        "message_type": 2, "options": {53: b"\2", 51: b"\0\0\x0e\x10"},
    }  # fmt: skip


@pytest.mark.parametrize("kind", [2, 5, 6, 9, 11, 12, 13])
def test_rfc2132_9_6_replies_are_read_by_python_and_dropped_by_the_server(kind: int) -> None:
    reply = frame(f"3501{kind:02x}ff", op=2)
    assert decode(reply).message_type == kind
    with pytest.raises(DecodeError, match="not-request"):
        decode_request(reply)


def test_rfc2131_2_text_without_nul_fills_its_field() -> None:
    packet = decode(frame("350102ff", op=2, sname="73" * 64, file="66" * 128))
    assert (packet.sname, packet.file) == (b"s" * 64, b"f" * 128)


def test_rfc2132_9_3_overloaded_fields_are_no_names() -> None:
    packet = decode(frame("340103ff", file="0c0161ff", sname="350101ff"))
    assert (packet.sname, packet.file) == (b"", b"")
    assert packet.options == {52: b"\3", 12: b"a", 53: b"\1"}
    assert list(packet.options) == [52, 12, 53]


def test_rfc951_bootp_has_no_message_type() -> None:
    packet = decode(frame(cookie="", size=300, file="756e6978"))
    assert (packet.message_type, packet.options, packet.file) == (None, {}, b"unix")


def test_chaddr_has_hlen_bytes() -> None:
    assert [len(decode(frame(hlen=n, chaddr="aa" * 16)).chaddr) for n in range(17)] == [*range(17)]


def test_every_prefix_of_a_request_is_read_or_dropped_by_name() -> None:
    """RFC 2131 3: a message cut anywhere is no reason to fall over."""
    names = {case.reason for case in BAD}
    for size in range(len(REQUEST)):
        try:
            decode_request(REQUEST[:size])
        except DecodeError as error:
            assert error.reason in names
            assert (error.reason == "too-short") == (size < 236)


def test_decode_many_counts_what_is_no_drop() -> None:
    assert decode_many(DISCOVER, 3) == 3
    assert decode_many(DISCOVER[:100], 3) == 0
