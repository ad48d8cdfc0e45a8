"""An identifier that lacks a part names nobody: what two clients share is no client's name.

RFC 3046 3.1, 3.2 (circuit and remote identifiers), RFC 2131 4.2 (what a client is known by) and
4.3.4 (a lease is its client's alone).
"""

from pathlib import Path

import pytest

from fastdhcp import _store
from tests.world import World, number

PORT = "relay4[2].hex + '/' + relay4[1].hex"
HEX = "hexstring(relay4[1].hex, ':') + '/' + hexstring(relay4[2].hex, ':')"
SILENCE = "silence: no-client-address"
AGENT = {"giaddr": "10.77.0.1"}


def text(expression: str, identity: str = '["port"]', more: str = "") -> str:
    return f"""
[server]
workers = 2
identity = {identity}
[identifiers]
port = "{expression}"
[[subnets]]
subnet = "10.77.0.0/22"
pools = ["10.77.1.1-10.77.1.20"]
{more}
"""


def info(circuit: bytes = b"", remote: bytes = b"") -> dict[int, bytes]:
    parts = ((1, circuit), (2, remote))
    return {82: b"".join(bytes((code, len(value))) + value for code, value in parts if value)}


@pytest.mark.parametrize("relay_info", [
    b"\2\6dslam7", b"\1\3p/1", b"\5\4\x64\x40\0\0", b"\x0a\1\0", b"\1\0\2\6dslam7",
], ids=["remote-id", "circuit-id", "link selection", "flags", "empty circuit-id"])  # fmt: skip
def test_3046_two_boxes_without_a_part_are_not_one_client(
    tmp_path: Path, relay_info: bytes
) -> None:
    world = World(tmp_path, text(PORT))
    sent = {82: relay_info}
    if 5 in relay_info[:1]:
        sent = {82: b"\5\4\x0a\x4d\0\0"}
    assert world.discover(1, options=sent, **AGENT).text == SILENCE
    world.configure(text(PORT, '["port", "hw-address"]'))
    assert world.bind(1, options=sent, **AGENT) != world.bind(2, options=sent, **AGENT)


@pytest.mark.parametrize(("expression", "one", "other"), [
    (HEX, info(b"C" * 60, b"R" * 30), info(b"C" * 60, b"S" * 30)),
    (HEX, info(b"C" * 90, b"R" * 9), info(b"D" * 90, b"R" * 9)),
    (PORT, info(b"eth 1/1", b"R" * 240), info(b"eth 1/2", b"R" * 240)),
], ids=["a sum", "a part", "one that fits"])  # fmt: skip
def test_3046_what_finds_no_room_is_not_shortened(
    tmp_path: Path, expression: str, one: dict, other: dict
) -> None:
    world = World(tmp_path, text(expression, '["port", "hw-address"]'))
    assert world.bind(1, options=one, **AGENT) != world.bind(2, options=other, **AGENT)
    # Only what fits names the port.
    again = world.discover(3, options=one, **AGENT).address
    assert (again == "10.77.1.1") is (expression == PORT)


def test_what_is_longer_than_a_record_keeps_names_nobody(tmp_path: Path) -> None:
    """Of 256 octets the last one was cut: it is what two ports differ in."""
    world = World(tmp_path, text("relay4[1].hex + relay4[2].hex"))
    for last in (b"1", b"2"):
        sent = info(b"C" * 125, b"R" * 125 + last)
        assert world.discover(1, options=sent, **AGENT).text != SILENCE
        sent = {82: info(b"C" * 130)[82] + info(b"", b"R" * 125 + last)[82]}
        assert world.discover(1, options=sent, **AGENT).text == SILENCE


def test_a_part_that_is_only_tested_may_be_absent(tmp_path: Path) -> None:
    expression = "ifelse(relay4[2].exists, relay4[2].hex + '/', '') + relay4[1].hex"
    world = World(tmp_path, text(expression))
    with_both = world.bind(1, options=info(b"p/1", b"olt7"), **AGENT)
    with_one = world.bind(2, options=info(b"p/1"), **AGENT)
    assert with_both != with_one
    assert world.renew(with_one, 2).text == f"ACK {with_one}"
    assert world.discover(3, options=info(b"", b"olt7"), **AGENT).text == SILENCE


def test_without_option_82_a_name_may_say_what_stands_in_its_place(tmp_path: Path) -> None:
    world = World(tmp_path, text("ifelse(relay4[1].exists, relay4[1].hex, pkt4.mac)"))
    assert world.bind(1) != world.bind(2)


BOX_A = {61: b"\0box-A", 12: b"box-a"}


def test_2131_4_3_4_a_box_that_was_taken_away_has_no_part_in_its_successors_lease(
    tmp_path: Path,
) -> None:
    """The new one says no option 61: what the old one said of itself must not stay."""
    world = World(tmp_path, text(PORT))
    line = info(b"p/1", b"olt7")
    address = world.bind(1, options=line | BOX_A, **AGENT)
    world.settle()
    assert world.bind(2, options=line, **AGENT) == address
    lease = world.memory.lease(0, number(address))
    assert (lease.client_id, lease.hostname, lease.relay_info) == (b"", b"", line[82])
    world.settle()
    assert world.renew(address, 1, options=BOX_A).text == SILENCE
    assert world.release(address, 1, options=BOX_A).text == SILENCE
    assert world.renew(address, 2).text == f"ACK {address}"


@pytest.mark.parametrize("sent", [
    {12: b"printer\0"}, {12: b"printer"}, {61: b"x"}, {61: b"\0" + b"x" * 254},
    {61: b"\0" + b"x" * 255}, {12: b"\0"}, {},
], ids=["NUL", "no NUL", "short 61", "long 61", "too long 61", "only NUL", "nothing"])  # fmt: skip
def test_2132_2_a_record_makes_the_key_that_its_message_made(tmp_path: Path, sent: dict) -> None:
    """A text loses its NULs (RFC 2132 2); no record keeps an option 61 that names nobody."""
    expression = "ifelse(option[12].exists, option[12].hex, option[61].hex)"
    world = World(tmp_path, text(expression, '["hw-address"]'))
    address = world.bind(1, options=sent)
    world.configure(text(expression, '["port", "hw-address"]'))
    _store.rekey(world.memory)
    _store.reindex(world.memory)
    world.settle()
    assert world.renew(address, 1, options=sent).text == f"ACK {address}"
    assert world.discover(1, options=sent).address == address


def test_an_option_82_too_long_to_be_kept_takes_the_place_of_the_one_before(
    tmp_path: Path,
) -> None:
    """A renewal is not judged by the port of long ago; by the relay agent it still comes."""
    world = World(tmp_path, text(PORT, '["port", "client-id"]'))
    line = info(b"p/1", b"olt7")
    longer = {82: line[82] + bytes((9, 250)) + bytes(250)}
    address = world.bind(1, options=line, **AGENT)
    world.settle()
    assert world.renew(address, 1).text == f"ACK {address}"
    assert world.rebind(address, 1, options=longer, **AGENT).text == f"ACK {address}"
    world.settle()
    assert world.memory.lease(0, number(address)).relay_info == b""
    assert world.renew(address, 1).text == SILENCE
    assert world.rebind(address, 1, options=longer, **AGENT).text == f"ACK {address}"
