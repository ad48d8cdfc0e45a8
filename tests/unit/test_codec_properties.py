"""What holds for every message: round trips, the order of areas, and the plain twin's word."""

import dataclasses
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from fastdhcp._codec import decode, decode_request, encode
from fastdhcp.packet import EncodeError
from tests.fuzz.codec_twin import split_area, twin_decode
from tests.fuzz.fuzz_codec import check, outcome

addresses = st.ip_addresses(v=4).map(str)
texts = st.binary(max_size=60).map(lambda text: text.replace(b"\0", b"x"))
values = st.one_of(st.binary(max_size=20), st.binary(max_size=160), st.binary(max_size=700))
codes = st.integers(1, 254).filter(lambda code: code not in (52, 53))
fields = st.fixed_dictionaries(
    {
        "op": st.integers(1, 2),
        "htype": st.integers(0, 255),
        "hops": st.integers(0, 255),
        "xid": st.integers(0, 0xFFFFFFFF),
        "secs": st.integers(0, 0xFFFF),
        "flags": st.integers(0, 0xFFFF),
        "ciaddr": addresses,
        "yiaddr": addresses,
        "siaddr": addresses,
        "giaddr": addresses,
        "chaddr": st.binary(max_size=16),
        "sname": texts,
        "file": texts,
        "message_type": st.none() | st.integers(1, 18),
        "options": st.dictionaries(codes, values, max_size=12),
    }
)
max_sizes = st.integers(576, 2076)


@given(fields, max_sizes)
def test_what_is_written_is_read_back(message, max_size):
    try:
        data = encode(**message, max_size=max_size)
    except EncodeError as error:
        assert "no room" in str(error)
        return
    assert 300 <= len(data) <= max(300, max_size - 28)
    packet = decode(data)
    assert packet == twin_decode(data)
    packet.options.pop(52, None)
    wanted = message["options"]
    if message["message_type"] is not None:
        wanted = {53: bytes([message["message_type"]]), **wanted}
    assert dataclasses.asdict(packet) == {
        **message, "hlen": len(message["chaddr"]), "options": wanted,
    }  # fmt: skip


@given(fields, max_sizes)
def test_rfc2132_9_3_options_stay_whole_and_in_order(message, max_size):
    """In each area options keep their order; only what is over 255 bytes is in parts."""
    try:
        data = encode(**message, max_size=max_size)
    except EncodeError:
        return
    overload = decode(data).options.get(52, b"\0")[0]
    main = split_area(data[240:])
    assert [code for code, _ in main[:2] if code in (52, 53)] == [
        *[53] * (message["message_type"] is not None), *[52] * bool(overload),
    ]  # fmt: skip
    if 82 in message["options"]:
        assert main[-1][0] == 82
    order = [53, 52, *(code for code in message["options"] if code != 82), 82]
    areas = [main]
    areas += [split_area(data[108:236])] if overload & 1 else []
    areas += [split_area(data[44:108])] if overload & 2 else []
    for area in areas:
        assert area or area is main
        assert [order.index(code) for code, _ in area] == sorted(
            order.index(code) for code, _ in area
        )
    for code, value in message["options"].items():
        parts = [part for area in areas for c, part in area if c == code]
        assert b"".join(parts) == value
        assert len(parts) == 1 or len(value) > 255


@given(st.binary(max_size=2100))
@example(b"\1" + bytes(235))
def test_any_bytes_are_read_or_dropped_by_name(data):
    assert outcome(decode, data) == outcome(twin_decode, data)


@given(st.binary(max_size=400), st.binary(max_size=64), st.binary(max_size=128))
def test_any_options_say_what_the_twin_says(options, sname, file):
    head = b"\1\1\6\0" + bytes(40) + sname.ljust(64, b"\0") + file.ljust(128, b"\0")
    check(head + b"\x63\x82\x53\x63" + options)


@given(st.binary(min_size=1, max_size=600), st.lists(st.integers(0, 600), max_size=6))
def test_rfc3396_7_any_cut_of_a_value_is_the_same_value(value, cuts):
    edges = sorted({0, len(value), *(cut for cut in cuts if cut < len(value))})
    parts = [value[a:b] for a, b in pairwise(edges)]
    parts = [part[i : i + 255] for part in parts for i in range(0, len(part), 255)]
    options = b"".join(bytes([60, len(part)]) + part + b"\0\x35\0" for part in parts)
    data = b"\1\1\6\0" + bytes(232) + b"\x63\x82\x53\x63\x35\1\1" + options
    assert decode_request(data)["vendor_class"] == value
