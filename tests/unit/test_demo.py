"""The demo's relay agent by RFC section, its configuration, and what its tally can tell."""

from pathlib import Path

import pytest

from fastdhcp._codec import decode, encode
from fastdhcp.config import check
from fastdhcp.demo.relay import to_server, without_relay_info
from fastdhcp.demo.server import configuration
from fastdhcp.demo.tally import Tally, percentile

CHADDR = bytes.fromhex("026c00000007")
DISCOVER = encode(xid=7, chaddr=CHADDR, message_type=1, options={12: b"a", 55: b"\x01\x03"})


def test_a_message_to_the_server_gets_giaddr_hops_and_option_82() -> None:
    """RFC 1542 4.1.1, RFC 3046 2.1: the option is the last, and nothing else is changed."""
    relayed = to_server(DISCOVER)
    assert relayed is not None
    sent, before = decode(relayed), decode(DISCOVER)
    assert (sent.giaddr, sent.hops) == ("10.88.0.1", 1)
    assert sent.options == {**before.options, 82: b"\x01\x06port-8"}
    assert relayed.endswith(b"\x52\x08\x01\x06port-8\xff")
    assert (sent.xid, sent.chaddr, sent.flags) == (before.xid, before.chaddr, before.flags)


NOT_RELAYED = [
    ("1542 4.1.1 sixteen hops", DISCOVER[:3] + b"\x10" + DISCOVER[4:]),
    ("1542 4.1.1 another agent's giaddr", DISCOVER[:24] + b"\x0a\x00\x00\x01" + DISCOVER[28:]),
    ("a reply", b"\x02" + DISCOVER[1:]),
    ("no END", DISCOVER[:240] + b"\x0c\x01a"),
    ("an option beyond the end", DISCOVER[:240] + b"\x0c\x09a\xff"),
    ("an option's code alone", DISCOVER[:240] + b"\x0c"),
    ("no options at all", DISCOVER[:240]),
    ("cut short", DISCOVER[:100]),
]


@pytest.mark.parametrize(("name", "message"), NOT_RELAYED, ids=[row[0] for row in NOT_RELAYED])
def test_not_relayed(name: str, message: bytes) -> None:
    assert to_server(message) is None


def test_option_82_is_taken_out_of_the_answer() -> None:
    """RFC 3046 2.1."""
    answer = encode(op=2, chaddr=CHADDR, message_type=2, options={51: bytes(4), 82: b"\x01\x01a"})
    plain = without_relay_info(answer)
    assert decode(plain).options == {51: bytes(4), 53: b"\x02"}
    assert without_relay_info(plain) == plain


@pytest.mark.parametrize(("local", "relayed", "storm"), [(1, 0, 0), (100, 100, 20_000),
                                                         (10_000, 10_000, 500_000)])  # fmt: skip
def test_the_configuration_is_good(tmp_path: Path, local: int, relayed: int, storm: int) -> None:
    path = tmp_path / "fastdhcp.toml"
    path.write_text(configuration(local, relayed, storm))
    assert check(path)[0] == []


def test_pools_are_a_quarter_larger_than_their_crowds() -> None:
    text = configuration(1000, 4, 0)
    assert '"10.77.1.0-10.77.5.225"' in text  # 1250 addresses
    assert '"10.88.1.0-10.88.1.31"' in text
    assert "10.96" not in text


def test_an_address_in_two_hands_is_counted() -> None:
    tally, soon, past = Tally(), 1e12, 0.0
    tally.leased(b"a" * 6, "10.0.0.1", soon, "link", 0.1)
    tally.leased(b"a" * 6, "10.0.0.1", soon, "link", 0.1)
    tally.leased(b"b" * 6, "10.0.0.2", past, "link", 0.1)
    tally.leased(b"a" * 6, "10.0.0.2", soon, "link", 0.1)
    assert tally.counts["doubled"] == 0
    tally.leased(b"b" * 6, "10.0.0.1", soon, "link", 0.1)
    tally.renewed(b"c" * 6, "10.0.0.2", soon)
    assert tally.counts["doubled"] == 2
    tally.released("10.0.0.1")
    tally.leased(b"d" * 6, "10.0.0.1", soon, "link", 0.1)
    assert tally.counts["doubled"] == 2
    assert tally.held() == 2


def test_percentiles() -> None:
    assert percentile([], 0.5) == 0.0
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, part) for part in (0.5, 0.99, 1.0)] == [51.0, 100.0, 100.0]
