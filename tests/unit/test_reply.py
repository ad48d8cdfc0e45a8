"""Replies byte by byte, each case named by the RFC section that it stands for."""

from ipaddress import IPv4Address, IPv4Interface
from typing import Any, NamedTuple

import pytest

from fastdhcp._codec import decode, encode
from fastdhcp.config.compile import Compiled
from tests._trial_replies import ReplyMaker
from tests.policies import Link, compile_text

DISCOVER, OFFER, REQUEST, ACK, NAK, INFORM = 1, 2, 3, 5, 6, 8
SERVER = int(IPv4Address("10.77.0.1"))
CLIENT = int(IPv4Address("10.77.1.5"))
CHADDR = bytes.fromhex("02ee00000001")
INFINITE = 0xFFFFFFFF
OPTIONS_AT = 240

POLICY = """
[server]
workers = 1
[defaults]
next-server = "10.77.0.8"
[defaults.options]
domain-name-servers = ["10.77.0.2", "10.77.0.3"]
domain-name = "campus.example"
"224" = "hex:0a0b0c"
[[subnets]]
subnet = "10.77.0.0/22"
pools = [
    "10.77.1.1-10.77.1.250",
    { range = "10.77.2.1-10.77.2.9", options = { domain-name = "pool.example" } },
]
options = { routers = ["10.77.0.1"], v6-only-preferred = 300 }
[[subnets.reservations]]
hw-address = "02:ee:00:00:00:07"
address = "10.77.0.50"
hostname = "printer-7"
options = { domain-name = "kept.example" }
"""
HEAD = "35010236040a4d0001"  # OFFER, server identifier
TIMES = "330400000e10 3a0400000708 3b0400000c4e"  # 3600, half, seven eighths
MASK, ROUTERS = "0104fffffc00", "03040a4d0001"
SERVERS = "06080a4d00020a4d0003"
DOMAIN = "0f0e" + b"campus.example".hex()


def compiled(text: str = POLICY, generation: int = 1) -> Compiled:
    return compile_text(text, generation)


@pytest.fixture
def maker() -> ReplyMaker:
    return ReplyMaker(compiled())


def request(kind: int = DISCOVER, **fields: Any) -> bytes:
    fields.setdefault("chaddr", CHADDR)
    return encode(xid=0x3903F326, message_type=kind, **fields)


def make(maker: ReplyMaker, data: bytes, kind: int = OFFER, **where: int) -> bytes:
    where.setdefault("subnet", 0)
    where.setdefault("pool", 0)
    where.setdefault("lease_s", 3600)
    where.setdefault("yiaddr", CLIENT)
    reply = maker.make(data, reply_type=kind, server_id=SERVER, **where)
    assert reply is not None
    message = reply["message"]
    assert isinstance(message, bytes)
    return message


def options_of(message: bytes) -> str:
    """The options field in hex, up to its END; nothing but zeros may follow."""
    at = OPTIONS_AT
    while message[at] != 255:
        at += 2 + message[at + 1]
    assert not message[at + 1 :].strip(b"\0")
    return message[OPTIONS_AT:at].hex()


class Case(NamedTuple):
    name: str
    options: dict[int, bytes]
    wanted: str


CASES = [
    Case(
        "RFC 2131 4.3.1: without option 55 all that is configured, in the order of the codes",
        {},
        HEAD + TIMES + MASK + ROUTERS + SERVERS + DOMAIN + "e0030a0b0c",
    ),
    Case(
        "RFC 2132 9.8: what is asked for, in the client's order",
        {55: bytes((15, 6, 224))},
        HEAD + TIMES + DOMAIN + SERVERS + "e0030a0b0c",
    ),
    Case("RFC 2132 9.8: what is not configured is left out", {55: b"\x2a\x1c"}, HEAD + TIMES),
    Case("RFC 2132 9.8: asked for twice, sent once", {55: b"\x06\x06"}, HEAD + TIMES + SERVERS),
    Case(
        "RFC 2132 3.3: the mask before the routers, whatever the client's order",
        {55: bytes((3, 15, 1))},
        HEAD + TIMES + MASK + ROUTERS + DOMAIN,
    ),
    Case(
        "RFC 2132 9.8: the frame's own options are there once, asked for or not",
        {55: bytes((51, 53, 54, 58, 59, 61, 82, 255, 0, 6))},
        HEAD + TIMES + SERVERS,
    ),
    Case(
        "RFC 8925 3.2: option 108 to who asks for it",
        {55: b"\x6c"},
        HEAD + TIMES + "6c040000012c",
    ),
    Case(
        "RFC 6842 3: option 61 is returned as it came",
        {55: b"\x06", 61: b"\x00client-7"},
        HEAD + TIMES + SERVERS + "3d09" + b"\x00client-7".hex(),
    ),
    Case(
        "RFC 3046 2.2: option 82 is echoed last, whatever giaddr is",
        {55: b"\x06", 61: b"\x00ab", 82: b"\x01\x02\xff\x00"},
        HEAD + TIMES + SERVERS + "3d03006162" + "52040102ff00",
    ),
    Case("RFC 3046 2.2: an empty option 82 too", {55: b"\x06", 82: b""},
         HEAD + TIMES + SERVERS + "5200"),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_options_of_an_offer(maker: ReplyMaker, case: Case) -> None:
    message = make(maker, request(options=case.options))
    assert options_of(message) == case.wanted.replace(" ", "")


RELAYED = {"giaddr": SERVER}


@pytest.mark.parametrize(
    ("client_id", "fields", "options", "size"),
    [
        pytest.param(2, RELAYED, {55: b"\1"}, 300, id="nothing below 300"),
        pytest.param(70, RELAYED, {}, 384, id="to the next step, to a relay agent"),
        pytest.param(60, RELAYED, {}, 384, id="the same for another length"),
        pytest.param(70, {"flags": 0x8000}, {}, 384, id="and by broadcast"),
        pytest.param(60, {}, {}, 373, id="not to one client"),
        pytest.param(220, RELAYED, {}, 548, id="to 576 octets, IP and UDP headers in it"),
        pytest.param(220, RELAYED, {57: (1500).to_bytes(2, "big")}, 576, id="further with 57"),
        pytest.param(220, RELAYED, {57: (577).to_bytes(2, "big")}, 549, id="as far as 57"),
    ],
)
def test_rfc2131_4_1_where_trains_leave_replies_are_padded_to_a_few_lengths(
    client_id: int, fields: dict[str, int], options: dict[int, bytes], size: int
) -> None:
    links = [Link(1, "srv0", [IPv4Interface("10.77.0.1/22")], trains=True)]
    maker = ReplyMaker(compile_text(POLICY, links=links))
    options = {61: b"\7" * client_id} | options
    make(maker, request(options={57: b"\x05\xdc", 61: b"\xff" * 255}, **RELAYED))  # in its place
    message = make(maker, request(options=options, **fields))
    assert len(message) == size
    plain = make(ReplyMaker(compiled()), request(options=options, **fields))
    assert message.rstrip(b"\0") == plain.rstrip(b"\0")


@pytest.mark.parametrize("natural", [1220, 1240, 1252, 1255, 1400])
def test_no_padding_has_a_reply_cut_on_its_way(natural: int) -> None:
    """Of the path to a relay agent nothing is known. Tunnels take 1,280 octets in one piece."""
    address = IPv4Interface("10.77.0.1/22")
    large = "".join(f'"{code}" = "hex:{"ab" * 250}"\n' for code in range(225, 228))
    policy = POLICY.replace('"224" =', large + '"224" =')
    plain, maker = (
        ReplyMaker(compile_text(policy, links=[Link(1, "srv0", [address], trains=trains)]))
        for trains in (False, True)
    )
    options = {57: b"\x05\xdc", 61: b"\7"}
    spare = natural - len(make(plain, request(options=options, **RELAYED)))
    options[61] *= 1 + min(spare, 200)
    if spare > 200:
        options[82] = b"\1" * (spare - 202)
    assert len(make(plain, request(options=options, **RELAYED))) == natural
    message = make(maker, request(options=options, **RELAYED))
    assert len(message) == max(natural, 1252)


@pytest.mark.parametrize("octets", [b"", b"\1", b"\0" * 300], ids=len)
@pytest.mark.parametrize("kind", [OFFER, ACK, NAK])
def test_rfc6842_3_option_61_comes_back_whatever_its_length(
    maker: ReplyMaker, kind: int, octets: bytes
) -> None:
    """Also where it names nobody (RFC 2132 9.14)."""
    lease_s = 0 if kind == NAK else 3600
    message = make(maker, request(options={61: octets}), kind, lease_s=lease_s)
    assert decode(message).options[61] == octets


@pytest.mark.parametrize("asked", [{}, {55: bytes((15, 6, 3, 1, 224))}], ids=["all", "a list"])
def test_rfc2131_3_1_the_ack_has_what_the_offer_had(maker: ReplyMaker, asked: dict) -> None:
    offer, ack = (decode(make(maker, request(sent, options=asked), kind)).options
                  for sent, kind in ((DISCOVER, OFFER), (REQUEST, ACK)))  # fmt: skip
    assert (offer.pop(53), ack.pop(53)) == (b"\2", b"\5")
    assert list(ack.items()) == list(offer.items())


NEAREST = [
    ("the subnet's over the defaults", {"pool": 0}, {15: b"campus.example"}),
    ("the pool's over the subnet's", {"pool": 1}, {15: b"pool.example"}),
    (
        "the reservation's over all, with its hostname",
        {"pool": 1, "reservation": 0},
        {15: b"kept.example", 12: b"printer-7"},
    ),
]


@pytest.mark.parametrize("where, wanted", [row[1:] for row in NEAREST],
                         ids=[row[0] for row in NEAREST])
def test_the_nearest_layer_wins(
    maker: ReplyMaker, where: dict[str, int], wanted: dict[int, bytes]
) -> None:
    message = make(maker, request(options={55: b"\x0f\x0c"}), **where)
    options = decode(message).options
    assert {code: options[code] for code in options if code in (12, 15)} == wanted


def test_rfc3442_who_gets_classless_routes_gets_no_routers_beside_them() -> None:
    text = POLICY.replace(
        'options = { routers = ["10.77.0.1"]',
        'options = { classless-static-routes = [["10.0.0.0/8", "10.77.0.1"]], '
        'routers = ["10.77.0.1"]',
    )
    maker = ReplyMaker(compiled(text))
    assert decode(make(maker, request(options={55: b"\x79\x03"}))).options.keys() & {3, 121} == {
        121
    }
    assert decode(make(maker, request(options={55: b"\x03"}))).options.keys() & {3, 121} == {3}


# ---- the header (RFC 2131 table 3)


def test_rfc2131_table_3_header_of_an_offer(maker: ReplyMaker) -> None:
    data = request(hops=3, secs=9, flags=0x8000, giaddr="10.77.0.9", siaddr="9.9.9.9",
                   yiaddr="9.9.9.8", sname=b"theirs", file=b"theirs", options={55: b"\x06"})
    message = make(maker, data)
    assert message[:44].hex() == (
        "02010600" "3903f326" "00008000" "00000000" "0a4d0105" "0a4d0008" "0a4d0009"
        "02ee0000000100000000000000000000"
    )
    assert not message[44:236].strip(b"\0")
    assert message[236:240].hex() == "63825363"
    assert len(message) == 300


@pytest.mark.parametrize("kind, wanted", [(ACK, "10.77.1.5"), (OFFER, "0.0.0.0")])
def test_rfc2131_table_3_ciaddr_is_in_an_ack_only(
    maker: ReplyMaker, kind: int, wanted: str
) -> None:
    message = make(maker, request(REQUEST, ciaddr="10.77.1.5"), kind)
    assert decode(message).ciaddr == wanted


def test_rfc2131_table_3_a_nak_is_built_of_its_own(maker: ReplyMaker) -> None:
    options = {55: b"\x01\x03", 61: b"\x00ab", 82: b"\x01\x00"}
    data = request(REQUEST, ciaddr="10.77.1.5", options=options)
    message = make(maker, data, NAK, yiaddr=0, lease_s=0)
    reply = decode(message)
    assert (reply.ciaddr, reply.yiaddr, reply.siaddr) == ("0.0.0.0",) * 3
    assert list(reply.options) == [53, 54, 56, 61, 82]
    assert reply.options[56].decode().isprintable()


@pytest.mark.parametrize("giaddr, flags", [("10.77.0.9", 0x8000), ("0.0.0.0", 0)])
def test_rfc2131_4_3_2_a_relayed_nak_has_the_broadcast_bit(
    maker: ReplyMaker, giaddr: str, flags: int
) -> None:
    message = make(maker, request(REQUEST, giaddr=giaddr), NAK, yiaddr=0, lease_s=0)
    assert decode(message).flags == flags


def test_rfc2131_4_3_5_the_ack_of_an_inform_has_no_times_and_no_yiaddr(maker: ReplyMaker) -> None:
    data = request(INFORM, ciaddr="10.77.1.200", options={55: b"\x06"})
    message = make(maker, data, ACK, yiaddr=0, lease_s=0)
    assert decode(message).yiaddr == "0.0.0.0"
    assert decode(message).ciaddr == "10.77.1.200"
    assert options_of(message) == "35010536040a4d0001" + SERVERS


def test_the_boot_file_stands_in_file() -> None:
    text = POLICY.replace("[defaults]\n", '[defaults]\nboot-file = "pxe/boot.img"\n')
    assert decode(make(ReplyMaker(compiled(text)), request())).file == b"pxe/boot.img"


def test_the_servers_name_stands_in_sname() -> None:
    text = POLICY.replace("[defaults]\n", '[defaults]\nserver-name = "boot.campus.example"\n')
    assert decode(make(ReplyMaker(compiled(text)), request())).sname == b"boot.campus.example"


# ---- times (RFC 2131 4.4.5)

TIME_CASES = [
    ("half and seven eighths", "", 3600, (3600, 1800, 3150)),
    ("configured", "renewal-time = 600\nrebinding-time = 900", 3600, (3600, 600, 900)),
    ("not below the time granted", "renewal-time = 800\nrebinding-time = 900", 800,
     (800, 400, 700)),
    ("T1 before T2", "renewal-time = 3200", 3600, (3600, 1575, 3150)),
    ("no T1, no T2 in a lease without end", "", INFINITE, (INFINITE, None, None)),
    ("near the largest", "", 2**31 - 1, (2**31 - 1, 2**30 - 1, 1879048191)),
]


def times_of(message: bytes) -> tuple[int | None, ...]:
    options = decode(message).options
    return tuple(
        int.from_bytes(options[code], "big") if code in options else None for code in (51, 58, 59)
    )


@pytest.mark.parametrize("text, lease_s, wanted", [row[1:] for row in TIME_CASES],
                         ids=[row[0] for row in TIME_CASES])
def test_rfc2131_4_4_5_times(text: str, lease_s: int, wanted: tuple[int | None, ...]) -> None:
    maker = ReplyMaker(compiled(POLICY.replace("[defaults]\n", f"[defaults]\n{text}\n")))
    assert times_of(make(maker, request(), ACK, lease_s=lease_s)) == wanted


LOWER_CASES = [
    # expiry = decided at 100 + lease 3600 + 2
    ("at once", 100, (3600, 1800, 3150)),
    ("a second later the spare is used up", 101, (3600, 1800, 3150)),
    ("the rest, with T1 and T2 in proportion", 2101, (1600, 800, 1400)),
    ("the last second", 3700, (1, 0, 0)),
    ("nothing left", 3701, None),
    ("past", 5000, None),
]


@pytest.mark.parametrize("now, wanted", [row[1:] for row in LOWER_CASES],
                         ids=[row[0] for row in LOWER_CASES])
def test_a_held_reply_tells_what_is_left(
    maker: ReplyMaker, now: int, wanted: tuple[int, int, int] | None
) -> None:
    make(maker, request(), ACK)
    reply = maker.lower(3702, now)
    assert (reply and times_of(reply["message"])) == wanted


def test_a_held_reply_without_end_stays_so(maker: ReplyMaker) -> None:
    make(maker, request(), ACK, lease_s=INFINITE)
    reply = maker.lower(INFINITE, 4000000000)
    assert reply is not None
    assert times_of(reply["message"]) == (INFINITE, None, None)


# ---- size (RFC 2132 9.3, 9.10; RFC 3396)


def big_policy(size: int) -> str:
    option = f'"225" = "hex:{"ab" * size}"'
    return POLICY.replace("[defaults.options]\n", f"[defaults.options]\n{option}\n")


def test_rfc2132_9_10_option_57_bounds_the_reply_and_overload_helps() -> None:
    maker = ReplyMaker(compiled(big_policy(240)))
    lists = {55: bytes((6, 225, 15))}
    whole = make(maker, request(options={**lists, 57: (1500).to_bytes(2, "big")}))
    assert 52 not in decode(whole).options
    small = make(maker, request(options={**lists, 57: (576).to_bytes(2, "big"), 61: b"\1" * 20}))
    assert len(small) + 28 <= 576
    reply = decode(small)
    assert reply.options[52] == b"\x01"
    assert reply.options[225] == b"\xab" * 240
    assert reply.options[15] == b"campus.example"
    assert small[108:108 + 16] == bytes.fromhex(DOMAIN)


@pytest.mark.parametrize(
    ("keys", "overload", "file", "sname"),
    [
        ("", b"\1", bytes.fromhex(DOMAIN), b""),
        ('server-name = "boot"', b"\1", bytes.fromhex(DOMAIN), b"boot"),
        ('boot-file = "pxe"', b"\2", b"pxe", bytes.fromhex(DOMAIN)),
        ('boot-file = "pxe"\nserver-name = "boot"', None, b"pxe", b"boot"),
    ],
)
def test_rfc2132_9_3_options_take_no_field_that_has_its_own_content(
    keys: str, overload: bytes | None, file: bytes, sname: bytes
) -> None:
    text = big_policy(240).replace("[defaults]\n", f"[defaults]\n{keys}\n")
    options = {55: bytes((6, 225, 15)), 57: (576).to_bytes(2, "big"), 61: b"\1" * 20}
    message = make(ReplyMaker(compiled(text)), request(options=options))
    assert decode(message).options.get(52) == overload
    assert message[108:236].startswith(file)
    assert message[44:108].startswith(sname)
    assert (15 in decode(message).options) == (overload is not None)


def test_rfc2132_9_10_without_option_57_a_reply_keeps_to_576() -> None:
    maker = ReplyMaker(compiled(big_policy(900)))
    message = make(maker, request(options={55: bytes((6, 225, 15))}))
    assert len(message) + 28 <= 576
    # What finds no room is left out; what is asked for behind it still comes.
    assert decode(message).options.keys() == {53, 54, 51, 58, 59, 6, 15, 52} - {52}


@pytest.mark.parametrize(
    "said, mtu, most",
    [(1500, 1500, 1500), (1500, 1400, 1400), (None, 1400, 576), (1500, 576, 576), (None, 500, 500),
     (1500, 68, 328), (1500, 9000, 1500), (1500, 0, 1500)],
)
def test_no_reply_is_longer_than_the_link(said: int | None, mtu: int, most: int) -> None:
    """A longer frame does not leave; a broadcast goes in fragments, which boot ROMs lose."""
    text = big_policy(900).replace("ab" * 900, "ab" * 200)
    for code in range(226, 230):
        text = text.replace('"225" =', f'"{code}" = "hex:{"cd" * 200}"\n"225" =')
    maker = ReplyMaker(compiled(text))
    options = {55: bytes(range(225, 230))} | ({57: said.to_bytes(2, "big")} if said else {})
    message = make(maker, request(options=options), mtu=mtu)
    assert most - 202 < len(message) + 28 <= most
    assert times_of(message) == (3600, 1800, 3150)


def test_what_must_be_echoed_and_no_link_holds_is_refused(maker: ReplyMaker) -> None:
    data = request(options={61: b"\1" * 255, 82: b"\x01\xc8" + b"c" * 200}, max_size=1500)
    where = {"subnet": 0, "pool": 0, "lease_s": 3600, "yiaddr": CLIENT}
    for kind in (OFFER, ACK, NAK):
        assert maker.make(data, reply_type=kind, server_id=SERVER, mtu=550, **where) is None
        for mtu, relay_info in ((700, False), (800, True)):
            reply = maker.make(data, reply_type=kind, server_id=SERVER, mtu=mtu, **where)
            assert reply is not None
            options = decode(reply["message"]).options
            assert (61 in options, 82 in options) == (True, relay_info)


def test_rfc3396_a_long_option_is_sent_in_parts() -> None:
    maker = ReplyMaker(compiled(big_policy(300)))
    message = make(maker, request(options={55: b"\xe1", 57: b"\x05\xdc"}))
    assert decode(message).options[225] == b"\xab" * 300
    assert "e1ff" in options_of(message)


def test_what_must_be_echoed_is_never_cut(maker: ReplyMaker) -> None:
    """61 and 82 alone pass 576 bytes: the client still gets its lease."""
    data = request(options={61: b"\1" * 255, 82: b"\x01\xc8" + b"c" * 200}, max_size=1500)
    message = make(maker, data)
    options = decode(message).options
    assert len(message) > 548
    assert options[61] == b"\1" * 255
    assert options[82] == b"\x01\xc8" + b"c" * 200
    assert options[51] == b"\x00\x00\x0e\x10"


def test_rfc3046_2_2_an_82_that_no_datagram_holds_is_left_out(maker: ReplyMaker) -> None:
    data = request(options={82: (b"\x01\xc8" + b"c" * 200) * 6}, max_size=2000)
    message = make(maker, data, lease_s=60)
    assert 82 not in decode(message).options
    assert maker.relay_infos_left_out == 1
