"""The echo: what it answers."""

import pytest

from fastdhcp_bench._echo import answer
from fastdhcp_bench.ledger import chaddr_of
from tests.process.test_bench_load import options_of, with_options

SERVER_ID = 0xC0A80101
HEADER = (
    b"\x01\x01\x06\x01" + b"\xaa\xbb\xcc\xdd" + bytes(16)
    + bytes((10, 1, 2, 3)) + chaddr_of(0x010203) + bytes(10 + 192) + b"\x63\x82\x53\x63"
)  # fmt: skip


@pytest.mark.parametrize(("asked", "answered"), [(1, 2), (3, 5)])
def test_discover_draws_an_offer_and_request_an_ack(asked: int, answered: int) -> None:
    got = answer(with_options(HEADER, {53: bytes((asked,))}), SERVER_ID)
    assert got[:4] == b"\x02\x01\x06\x01" and got[4:8] == b"\xaa\xbb\xcc\xdd"
    assert got[16:20] == b"\x0a\x01\x02\x03" and got[24:28] == bytes((10, 1, 2, 3))
    assert options_of(got) == {
        53: bytes((answered,)),
        54: b"\xc0\xa8\x01\x01",
        51: b"\0\0\x0e\x10",
        1: b"\xff\0\0\0",
    }
    assert len(got) == 300


@pytest.mark.parametrize("size", [0, 1, 20, 255])
def test_option_82_comes_back_last(size: int) -> None:
    relay_info = bytes(range(size))
    got = answer(with_options(HEADER, {53: b"\1", 82: relay_info, 12: b"x"}), SERVER_ID)
    assert list(options_of(got))[-1] == 82 and options_of(got)[82] == relay_info


@pytest.mark.parametrize(
    ("why", "message"),
    [
        ("RELEASE", with_options(HEADER, {53: b"\x07"})),
        ("INFORM", with_options(HEADER, {53: b"\x08"})),
        ("no option 53", with_options(HEADER, {12: b"x"})),
        ("BOOTREPLY", b"\2" + with_options(HEADER, {53: b"\1"})[1:]),
        ("no cookie", HEADER[:236] + b"\0" * 64),
        ("short", HEADER[:239]),
        ("empty", b""),
        ("an option past the end", HEADER + b"\x35\x01\x01\x0c\xff"),
    ],
)
def test_it_is_silent_to(why: str, message: bytes) -> None:
    assert answer(message, SERVER_ID) == b""
