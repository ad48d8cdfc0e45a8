"""Encoding: the layout on the wire, what moves where when room is short, and refusals in words."""

import dataclasses

import pytest

from fastdhcp._codec import decode, encode
from fastdhcp.packet import EncodeError
from tests.unit.packets import DISCOVER, GOOD, REQUEST, Good, frame

OPTIONS = slice(240, None)
FILE = slice(108, 236)
SNAME = slice(44, 108)
ROOM_576 = 576 - 28 - 240 - 1 - 3  # headers of IP and UDP, up to the options, END, option 53


def options_of(**fields: object) -> str:
    return encode(**fields)[OPTIONS].rstrip(b"\0").hex()  # type: ignore[arg-type]


def test_rfc2131_2_header_byte_for_byte() -> None:
    message = encode(
        op=2, htype=6, hops=1, xid=0x01020304, secs=0x0506, flags=0x8000, ciaddr="10.0.0.1",
        yiaddr="10.0.0.2", siaddr="10.0.0.3", giaddr="10.0.0.255", chaddr=b"\2\xee\0\0\0\1",
        sname=b"srv", file=b"a/b", message_type=5, options={51: b"\0\0\x0e\x10"},
    )  # fmt: skip
    assert message == frame(
        "350105" "330400000e10" "ff", op=2, htype=6, hops=1, xid=0x01020304, secs=0x0506,
        flags=0x8000, ciaddr="0a000001", yiaddr="0a000002", siaddr="0a000003", giaddr="0a0000ff",
        sname="737276", file="612f62", size=300,
    )  # fmt: skip


def test_tables_of_requests_are_written_as_they_were() -> None:
    for data in (DISCOVER, REQUEST):
        assert encode(**dataclasses.asdict(decode(data))) == data


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_what_is_read_can_be_written_and_read_again(case: Good) -> None:
    packet = decode(case.data)
    again = decode(encode(**dataclasses.asdict(packet), max_size=2076))
    for each in (packet, again):
        each.options.pop(52, None)
    assert again == packet


def test_rfc1542_2_1_at_least_300_bytes() -> None:
    assert len(encode()) == 300
    assert len(encode(message_type=2, options={43: bytes(200)})) == 240 + 3 + 202 + 1


def test_field_md_6_message_type_first_relay_info_last_end_right_after() -> None:
    options = [(82, b"\1\1a"), (54, b"\1\2\3\4"), (12, b"h"), (53, b"\2")]
    assert options_of(options=options) == "3501023604010203040c01685203010161ff"


def test_options_come_as_mapping_or_pairs() -> None:
    pairs = [(1, b"\xff\xff\0\0"), (3, b"\1\1\1\1")]
    assert encode(options=dict(pairs)) == encode(options=pairs)


def test_rfc3396_parts_of_one_code_are_one_option() -> None:
    assert options_of(options=[(43, b"a"), (12, b"h"), (43, b"b")]) == "2b0261620c0168ff"


def test_rfc4039_an_option_without_bytes() -> None:
    assert options_of(message_type=1, options={80: b""}) == "3501015000ff"


@pytest.mark.parametrize(("size", "parts"), [(255, [255]), (256, [255, 1]), (600, [255, 255, 90])])
def test_rfc3396_5_long_values_are_split(size: int, parts: list[int]) -> None:
    message = encode(message_type=2, options={43: b"a" * size, 12: b"h"})
    wanted = b"".join(b"\x2b" + bytes([part]) + b"a" * part for part in parts)
    assert message[OPTIONS].startswith(b"\x35\1\2" + wanted + b"\x0c\1h\xff")


def test_rfc2132_9_10_max_size_is_the_datagrams() -> None:
    message = encode(message_type=2, options={43: b"a" * 255, 12: b"h" * 45}, max_size=576)
    assert len(message) == 576 - 28
    assert 52 not in decode(message).options


def test_rfc2132_9_3_overload_only_when_it_is_needed() -> None:
    values = {43: b"a" * 240, 12: b"h" * (ROOM_576 - 242 - 2)}
    assert 52 not in decode(encode(message_type=2, options=values, max_size=576)).options
    values[12] += b"h"
    assert decode(encode(message_type=2, options=values, max_size=576)).options[52] == b"\1"


def test_rfc2132_9_3_what_does_not_fit_goes_to_file_then_sname() -> None:
    values = {43: b"a" * 255, 60: b"e" * 30, 12: b"b" * 100, 15: b"c" * 60, 17: b"d" * 20,
              82: b"\1\1a"}  # fmt: skip
    message = encode(message_type=2, options=values, max_size=576)
    assert message[240:246].hex() == "350102340103"
    in_file = b"\x0c\x64" + b"b" * 100 + b"\x11\x14" + b"d" * 20 + b"\xff"
    assert message[FILE].rstrip(b"\0") == in_file
    assert message[SNAME] == b"\x0f\x3c" + b"c" * 60 + b"\xff\0"
    assert message.endswith(b"\x52\3\1\1a\xff")
    assert decode(message).options == {**values, 52: b"\3", 53: b"\2"}


def test_rfc2132_9_3_a_field_with_a_name_is_not_free() -> None:
    values = {43: b"a" * 250, 12: b"b" * 60}
    packet = decode(encode(message_type=2, file=b"boot", options=values, max_size=576))
    assert (packet.options[52], packet.file, packet.options[12]) == (b"\2", b"boot", b"b" * 60)
    with pytest.raises(EncodeError, match="1 of 2 options find no room in a message of 548 bytes"):
        encode(message_type=2, file=b"boot", sname=b"srv", options=values, max_size=576)


def test_rfc3396_a_long_value_runs_from_options_into_file_and_sname() -> None:
    value = bytes(range(256)) + b"x" * 200
    message = encode(message_type=2, options={43: value}, max_size=576)
    packet = decode(message)
    assert (packet.options[52], packet.options[43]) == (b"\3", value)
    assert len(message) <= 548


def test_areas_are_used_to_the_last_byte() -> None:
    """RFC 2132 9.3: 301 bytes in 52's company, 127 in file and 63 in sname, each with its END."""
    values = {43: b"a" * 247, 60: b"b" * (ROOM_576 - 3 - 249 - 2), 12: b"c" * 125, 15: b"d" * 61}
    message = encode(message_type=2, options=values, max_size=576)
    assert len(message) == 548
    assert (message[235], message[107], message[547]) == (255, 255, 255)
    with pytest.raises(EncodeError, match="1 of 4"):
        encode(message_type=2, options=values | {15: b"d" * 62}, max_size=576)


def test_overload_that_helps_nothing_is_not_written() -> None:
    with pytest.raises(EncodeError, match="1 of 2 options"):
        encode(message_type=2, options={43: b"a" * 255, 60: b"b" * 255}, max_size=576)


REFUSED = [
    ("hlen over 16", {"hlen": 17}, "hlen is 17: it must be 0 to 16"),
    ("chaddr over 16", {"chaddr": bytes(17)}, "hlen is 17"),
    ("chaddr longer than hlen", {"hlen": 6, "chaddr": bytes(7)}, "chaddr has 7 bytes: 6 at most"),
    ("sname over 64", {"sname": b"a" * 65}, "sname has 65 bytes: 64 at most"),
    ("file over 128", {"file": b"a" * 129}, "file has 129 bytes: 128 at most"),
    ("xid over 32 bits", {"xid": 1 << 32}, "xid is 4294967296: it must be 0 to 4294967295"),
    ("secs below 0", {"secs": -1}, "secs is -1"),
    ("no address", {"giaddr": "10.0.0"}, "giaddr is no IPv4 address: '10.0.0'"),
    ("pad as an option", {"options": {0: b""}}, "an option's code is 0: it must be 1 to 254"),
    ("END as an option", {"options": {255: b""}}, "an option's code is 255"),
    ("two message types", {"message_type": 1, "options": {53: b"\2"}}, "but message_type is 1"),
    ("message type 19", {"message_type": 19}, "message_type is 19: it must be 1 to 18"),
    ("RFC 2132 9.10: 575", {"max_size": 575}, "max_size is 575: it must be 576 to 2076"),
    ("option 82 of 400", {"max_size": 576, "options": {82: bytes(400)}}, "option 82 finds no"),
]


@pytest.mark.parametrize(("fields", "words"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_refusals_in_words(fields: dict[str, object], words: str) -> None:
    with pytest.raises(EncodeError, match=words):
        encode(**fields)  # type: ignore[arg-type]
