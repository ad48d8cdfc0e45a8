"""What a reply says of a client's name to who asks (RFC 4702)."""

from typing import Any

import pytest

from fastdhcp._codec import decode, encode
from tests._trial_replies import ReplyMaker
from tests.policies import compile_text
from tests.world import number

DISCOVER, OFFER, REQUEST, ACK, NAK, INFORM = 1, 2, 3, 5, 6, 8
S, O, E, N = 1, 2, 4, 8  # noqa: E741 - as RFC 4702 calls them
POLICY = """
[defaults]
lease-time = 3600
[defaults.options]
domain-name = "campus.example"
"224" = "hex:{long}"
[[subnets]]
subnet = "10.77.0.0/22"
interface = "srv0"
pools = ["10.77.1.1-10.77.1.1"]
"""
WIRE = b"\6laptop\6campus\7example\0"
ASCII = b"laptop.campus.example"


def text(long: int = 4) -> str:
    return POLICY.format(long="ab" * long)


@pytest.fixture(scope="module")
def maker() -> ReplyMaker:
    return ReplyMaker(bytes(compile_text(text()).image))


def reply(maker: ReplyMaker, kind: int, reply_type: int, options: dict[int, bytes],
          **fields: Any) -> dict[int, bytes]:
    request = encode(xid=1, chaddr=b"\2\xee\0\0\0\1", message_type=kind, options=options, **fields)
    lease_s = 0 if reply_type == NAK or kind == INFORM else 3600
    made = maker.make(request, reply_type=reply_type, server_id=number("10.77.0.1"), subnet=0,
                      pool=0, yiaddr=number("10.77.1.1") if lease_s else 0, lease_s=lease_s)
    assert made is not None
    return decode(made["message"]).options


FLAGS = [
    ("the client wants the server to update", S | E, N | E | O),
    ("the client updates its A record itself", E, N | E),
    ("the client wants no update", N | E, N | E),
    ("the deprecated encoding stays what it is", S, N | O),
    ("reserved bits come back as 0", 0xF0 | S | E, N | E | O),
    ("what only a server says is not copied", O | E, N | E),
]


@pytest.mark.parametrize(("sent", "told"), [row[1:] for row in FLAGS],
                         ids=[row[0] for row in FLAGS])
@pytest.mark.parametrize(("kind", "reply_type"), [(DISCOVER, OFFER), (REQUEST, ACK)])
def test_rfc4702_4_flags(maker, kind: int, reply_type: int, sent: int, told: int) -> None:
    name = WIRE if sent & E else ASCII
    options = reply(maker, kind, reply_type, {81: bytes((sent, 0, 0)) + name})
    assert options[81] == bytes((told, 255, 255)) + name


@pytest.mark.parametrize("name", [b"", b"\6laptop", WIRE])
def test_rfc4702_2_3_the_name_comes_back_as_it_came(maker, name: bytes) -> None:
    assert reply(maker, REQUEST, ACK, {81: bytes((E, 0, 0)) + name})[81][3:] == name


@pytest.mark.parametrize("sent", [b"", b"\1", b"\1\0"])
def test_rfc4702_2_what_has_no_flags_and_rcodes_is_not_answered(maker, sent: bytes) -> None:
    assert 81 not in reply(maker, REQUEST, ACK, {81: sent})


@pytest.mark.parametrize(("kind", "reply_type"), [(REQUEST, NAK), (INFORM, ACK)])
def test_rfc4702_4_without_a_lease_there_is_no_name(maker, kind: int, reply_type: int) -> None:
    assert 81 not in reply(maker, kind, reply_type, {81: b"\5\0\0" + WIRE}, ciaddr="10.77.1.1")


def test_rfc4702_4_who_sends_none_gets_none(maker) -> None:
    assert 81 not in reply(maker, REQUEST, ACK, {55: bytes((81, 15))})


@pytest.mark.parametrize("came", [b"\0\0", b"\7\x09", b"\xff\xff"])
def test_rfc4702_2_2_whatever_the_rcodes_say_they_go_out_as_255(maker, came: bytes) -> None:
    told = reply(maker, REQUEST, ACK, {81: bytes((E,)) + came + WIRE})[81]
    assert told == bytes((N | E, 255, 255)) + WIRE


def test_rfc4702_4_a_host_name_beside_it_changes_nothing(maker) -> None:
    named = {81: bytes((S | E, 0, 0)) + WIRE}
    assert reply(maker, REQUEST, ACK, named | {12: b"other"}) == reply(maker, REQUEST, ACK, named)


def test_rfc4702_2_a_long_name_in_parts_is_one(maker) -> None:
    name = b"\x3f" + b"a" * 63
    sent = bytes((S | E, 0, 0)) + name * 4 + b"\0"
    options = reply(maker, REQUEST, ACK, {57: (1400).to_bytes(2), 81: sent})
    assert options[81] == bytes((N | E | O, 255, 255)) + sent[3:]


@pytest.mark.parametrize("size", range(0, 300, 20))
def test_rfc2132_9_10_the_name_never_passes_option_57(size: int) -> None:
    """576 are 548 of the message; options that find no room go to file and sname."""
    own = ReplyMaker(bytes(compile_text(text(long=250)).image))
    request = encode(xid=1, chaddr=b"\2\xee\0\0\0\1", message_type=REQUEST,
                     options={57: (576).to_bytes(2), 61: b"\0" + b"i" * 100, 81: b"\5\0\0"
                              + b"n" * size}, max_size=1400)
    made = own.make(request, reply_type=ACK, server_id=1, subnet=0, pool=0, lease_s=3600,
                    yiaddr=number("10.77.1.1"))
    assert made is not None
    assert len(made["message"]) <= 548
    assert (81 in decode(made["message"]).options) == (size <= 172)
