"""Programs: a table of expressions by hand, said of one packet and of what repeats, is empty or is
not there."""

import pytest

from fastdhcp._codec import encode
from fastdhcp._program import evaluate
from fastdhcp.config.expressions import compile_expression
from fastdhcp.config.programs import constant_of, small_image

MAC = b"\x02\xee\0\0\0\1"


def message(options: dict | list | tuple = (), **fields) -> bytes:
    return encode(**{"chaddr": MAC, "message_type": 1, "options": options} | fields)


def value_of(text: str, data: bytes, **said) -> bytes | None:
    return evaluate(small_image(compile_expression(text, value=True)), 0, data, **said)[1]


def is_true(text: str, data: bytes, **said) -> bool:
    expression = compile_expression(text)
    bits = {name: place for place, name in enumerate(sorted(expression.classes))}
    return evaluate(small_image(expression, classes=bits), 0, data, **said)[0]


# RFC 3925: enterprise, length, data; RFC 3046: code, length, data.
VENDORS = b"\0\0\x11\x8b\x09\x01\x03abc\x02\x02xy" + b"\0\0\x0d\xe9\x04\x01\x02pq"
CLASSES = b"\0\0\x11\x8b\x03one" + b"\0\0\x0d\xe9\x03two" + b"\0\0\x11\x8b\x05three"
REQUEST = message(
    [
        (12, b"Host-1"), (50, bytes((10, 0, 0, 7))), (57, b"\x05\xdc"), (60, b"docsis3.0:0524"),
        (61, b"\x01" + MAC), (77, b""), (80, b""), (93, b"\0\x07"),
        (43, b"\x01\x02ab\0\x02\x00\x02\x01z\xff\x03\x01q"), (124, CLASSES), (125, VENDORS),
        (82, b"\x01\x09eth 1/1/7\x02\0\x02\x06\x02\xaa\0\0\0\7"),
    ],
    giaddr="10.1.0.1", ciaddr="10.0.0.9", xid=0x01020304,
)  # fmt: skip

# Expression, what it says of REQUEST.
VALUES = [
    ("'text'", b"text"), ("0x0a0B", b"\x0a\x0b"), ("0xabc", b"\x0a\xbc"), ("7", b"\0\0\0\7"),
    ("10.0.0.1", b"\x0a\0\0\1"), ("''", b""),
    ("option[60].hex", b"docsis3.0:0524"), ("option[host-name].hex", b"Host-1"),
    ("option[60].text", b"docsis3.0:0524"), ("option[50].text", b"10.0.0.7"),
    ("option[57].text", b"1500"), ("option[53].text", b"1"),
    ("option[80].hex", b""), ("option[15].hex", b""), ("option[250].hex", b""),
    ("option[43].option[1].hex", b"ab"), ("option[43].option[2].hex", b"z"),
    ("option[43].option[3].hex", b""), ("option[82].option[1].hex", b"eth 1/1/7"),
    ("relay4[1].hex", b"eth 1/1/7"), ("relay4[2].hex", b"\x02\xaa\0\0\0\7"),
    ("relay4[remote-id].hex", b"\x02\xaa\0\0\0\7"), ("relay4[6].hex", b""),
    ("option[82].hex", b"\x01\x09eth 1/1/7\x02\0\x02\x06\x02\xaa\0\0\0\7"),
    ("vendor[4491].option[1].hex", b"abc"), ("vendor[3561].option[1].hex", b"pq"),
    ("vendor[*].option[2].hex", b"xy"), ("vendor[9].option[1].hex", b""),
    ("vendor.enterprise", b"\0\0\x11\x8b"), ("vendor-class.enterprise", b"\0\0\x11\x8b"),
    ("vendor-class[4491].data", b"one"), ("vendor-class[4491].data[1]", b"three"),
    ("vendor-class[4491].data[2]", b""), ("vendor-class[*].data[1]", b"two"),
    ("pkt4.mac", MAC), ("pkt4.hlen", b"\0\0\0\6"), ("pkt4.htype", b"\0\0\0\1"),
    ("pkt4.msgtype", b"\0\0\0\1"), ("pkt4.transid", b"\1\2\3\4"), ("pkt4.ciaddr", b"\x0a\0\0\x09"),
    ("pkt4.giaddr", b"\x0a\1\0\1"), ("pkt4.yiaddr", bytes(4)), ("pkt4.siaddr", bytes(4)),
    ("pkt.len", len(REQUEST).to_bytes(4)), ("pkt.src", b"\x0a\1\0\1"), ("pkt.dst", b"\x0a\0\0\2"),
    ("substring(option[60].hex, 0, 6)", b"docsis"), ("substring(option[60].hex, 6, 3)", b"3.0"),
    ("substring(option[60].hex, -4, all)", b"0524"), ("substring(option[60].hex, -4, 2)", b"05"),
    ("substring(option[60].hex, 6, -3)", b"sis"), ("substring(option[60].hex, 2, -9)", b"do"),
    ("substring(option[60].hex, 14, 1)", b""), ("substring(option[60].hex, -15, 4)", b""),
    ("substring(option[60].hex, 10, 99)", b"0524"), ("substring(option[15].hex, 0, 4)", b""),
    ("concat('a', option[12].hex)", b"aHost-1"), ("'a' + 'b' + 'c'", b"abc"),
    ("relay4[2].hex + '/' + relay4[1].hex", b"\x02\xaa\0\0\0\7/eth 1/1/7"),
    ("option[15].hex + 'x' + option[15].hex", b"x"),
    ("split(option[60].hex, '.:', 1)", b"docsis3"), ("split(option[60].hex, '.:', 3)", b"0524"),
    ("split(option[60].hex, '.:', 4)", b""), ("split(option[60].hex, '', 2)", b"docsis3.0:0524"),
    ("split('..a', '.', 1)", b""), ("split('..a', '.', 3)", b"a"), ("split('', '.', 1)", b""),
    ("ifelse(option[82].exists, 'yes', 'no')", b"yes"), ("ifelse(known, 'yes', 'no')", b"no"),
    ("ifelse(known, 'a', ifelse(relay4[9].exists, 'b', 'c'))", b"c"),
    ("hexstring(pkt4.mac, ':')", b"02:ee:00:00:00:01"),
    ("hexstring(pkt4.mac, '')", b"02ee00000001"),
    ("hexstring(option[15].hex, ':')", b""), ("lcase(option[12].hex)", b"host-1"),
    ("ucase(option[12].hex)", b"HOST-1"), ("lcase(0x80c0ff)", b"\x80\xc0\xff"),
    ("addrtotext(pkt4.giaddr)", b"10.1.0.1"), ("addrtotext(255.255.255.255)", b"255.255.255.255"),
    ("addrtotext(option[60].hex)", b""), ("uint8totext(0xff)", b"255"),
    ("uint16totext(option[57].hex)", b"1500"), ("uint32totext(0xffffffff)", b"4294967295"),
    ("int8totext(0x80)", b"-128"), ("int16totext(0xffff)", b"-1"),
    ("int32totext(0x80000000)", b"-2147483648"), ("int32totext(7)", b"7"),
    ("int8totext(0x00)", b"0"),
    ("uint8totext(substring(option[57].hex, 0, 1)) + '.' + uint8totext(0x00)", b"5.0"),
]  # fmt: skip
TESTS = [
    ("option[60].hex == 'docsis3.0:0524'", True), ("option[60].hex != 'docsis3.0:0524'", False),
    ("'Host-1' == option[12].hex", True), ("option[12].hex == option[12].text", True),
    ("option[15].hex == ''", True), ("option[15].hex == option[224].hex", True),
    ("pkt4.msgtype == 1", True), ("pkt4.hlen == 6 and pkt4.htype == 1", True),
    ("pkt4.giaddr == 10.1.0.1", True), ("pkt4.giaddr != 0.0.0.0", True),
    ("option[93].hex == 0x0007", True), ("option[93].hex in (0x0006, 0x0007)", True),
    ("option[93].hex in (0x0006, 0x0009)", False),
    ("option[12].hex in ('a', option[60].hex, 'Host-1')", True),
    ("option[12].hex in (option[60].hex, substring(option[60].hex, 0, 6))", False),
    ("option[80].exists", True), ("option[77].exists", True), ("option[15].exists", False),
    ("option[250].exists", False), ("relay4[2].exists", True), ("relay4[6].exists", False),
    ("option[82].exists", True), ("option[43].option[2].exists", True),
    ("option[43].option[3].exists", False), ("vendor.exists", True), ("vendor[*].exists", True),
    ("vendor[4491].exists", True), ("vendor[9].exists", False),
    ("vendor[4491].option[2].exists", True), ("vendor[3561].option[2].exists", False),
    ("vendor-class[3561].exists", True), ("vendor-class.exists", True),
    ("known", False), ("unknown", True), ("member('KNOWN')", False), ("member('all')", True),
    ("member('bootp')", False), ("member('modem')", False),
    ("not option[15].exists and not known", True), ("not (option[80].exists or known)", False),
    ("known or option[80].exists and member('modem')", False),
    ("(known or option[80].exists) and not member('modem')", True),
    ("known and known or unknown", True), ("not not unknown", True),
    ("ifelse(known, option[12].hex, option[60].hex) == 'Host-1'", False),
    ("substring(option[60].hex, 0, 6) == 'docsis' and relay4[1].exists", True),
]  # fmt: skip
HOW = {"source": 0x0A010001, "destination": 0x0A000002}


@pytest.mark.parametrize(("text", "wanted"), VALUES, ids=[text for text, _ in VALUES])
def test_2131_a_value_is_made_of_the_packet(text: str, wanted: bytes) -> None:
    assert (value_of(text, REQUEST, **HOW) or b"") == wanted


@pytest.mark.parametrize(("text", "wanted"), TESTS, ids=[text for text, _ in TESTS])
def test_2131_a_test_is_true_or_false(text: str, wanted: bool) -> None:
    assert is_true(text, REQUEST, **HOW) is wanted


def test_3396_repeats_of_an_option_that_a_program_reads_are_joined() -> None:
    """RFC 3396 7, for a slot that the server itself does not look at."""
    twice = message([(224, b"ab"), (60, b"x"), (224, b"cd"), (60, b"y")])
    assert value_of("option[224].hex", twice) == b"abcd"
    assert value_of("option[224].hex + option[60].hex", twice) == b"abcdxy"


def test_2131_a_slot_of_a_program_holds_nothing_of_the_packet_before() -> None:
    image = small_image(compile_expression("option[224].hex == 'ab'"))
    for data, wanted in ((message({224: b"ab"}), True), (message(), False)) * 3:
        assert evaluate(image, 0, data)[0] is wanted


@pytest.mark.parametrize(
    ("info", "wanted"),
    [
        (b"\x01\x02aa\x01\x02cc", b"aa"), (b"\x01\0\x01\x02aa", b"aa"), (b"\x01\0\x01\0", b""),
        (b"\x02\x02bb\x01\x05a", b""), (b"\x01\x02aa\x01", b"aa"), (b"", None),
    ],
)  # fmt: skip
def test_3046_of_repeated_sub_options_the_first_that_is_not_empty(
    info: bytes, wanted: bytes | None
) -> None:
    data = message({82: info} if wanted is not None else ())
    assert (value_of("relay4[1].hex", data) or b"") == (wanted or b"")
    there = any(info[at] == 1 for at in (0, 4) if len(info) > at) and wanted is not None
    assert is_true("relay4[1].exists", data) is (there and info != b"\x02\x02bb\x01\x05a")


def test_3046_what_is_recalled_of_a_record_is_read_in_place_of_the_message() -> None:
    """A unicast renewal passes no relay agent."""
    said = {"relay_info": b"\x02\x03new"}
    assert value_of("relay4[2].hex", message({82: b"\x02\x03old"}), **said) == b"new"
    assert value_of("option[82].hex", message(), **said) == b"\x02\x03new"


def test_951_a_message_without_option_53_is_bootp() -> None:
    assert is_true("member('BOOTP') and pkt4.msgtype == 0", message(message_type=None))


@pytest.mark.parametrize("bit", [0, 1, 63, 64, 127, 128, 255])
def test_member_asks_for_the_bit_of_its_class(bit: int) -> None:
    image = small_image(compile_expression("member('modem')"), classes={"modem": bit})
    assert evaluate(image, 0, REQUEST, classes=1 << bit)[0]
    assert not evaluate(image, 0, REQUEST, classes=(1 << 256) - 1 - (1 << bit))[0]


def test_known_is_that_a_reservation_was_found() -> None:
    assert is_true("known and not unknown", REQUEST, known=True)


def test_what_is_made_beyond_256_octets_is_empty() -> None:
    """And what was made before stays as it is."""
    long = message({60: b"x" * 129, 224: b"y" * 200})
    assert value_of("hexstring(option[60].hex, '')", long) is None
    assert value_of("ucase(option[224].hex)", long) == b"Y" * 200
    assert value_of("ucase(option[224].hex) + 'z'", long) == b"Y" * 200 + b"z"
    assert (
        value_of("ifelse(lcase(option[224].hex) + option[60].hex == '', 'no', '')", long) == b"no"
    )
    assert value_of("option[224].hex", message({224: b"z" * 900})) == b"z" * 900


def whole_of(text: str, data: bytes) -> bytes | None:
    expression = compile_expression(text, value=True, whole=True)
    return evaluate(small_image(expression), 0, data, whole=True)[1]


# Expression, what a client is known by.
WHOLE = [
    ("relay4[2].hex + '/' + relay4[1].hex", b"\x02\xaa\0\0\0\7/eth 1/1/7"),
    ("relay4[6].hex + '/' + relay4[1].hex", None), ("relay4[1].hex + '/' + relay4[6].hex", None),
    ("relay4[6].hex", None), ("'' + relay4[1].hex", b"eth 1/1/7"), ("option[80].hex + 'x'", None),
    ("'port ' + split(relay4[1].hex, '/', 3)", b"port 7"),
    ("'port ' + split(relay4[1].hex, '/', 4)", None),
    ("substring(relay4[1].hex, 4, all) + ucase(relay4[6].hex)", None),
    ("substring(relay4[6].hex + 'x', 0, 1)", None), ("hexstring(pkt4.mac, '') + ''",
                                                     b"02ee00000001"),
    ("split(relay4[1].hex + 'x', relay4[6].hex, 1)", None),
    ("ifelse(relay4[6].exists, relay4[6].hex, '') + relay4[1].hex", b"eth 1/1/7"),
    ("ifelse(relay4[6].hex == '', 'none', relay4[6].hex) + relay4[1].hex", b"noneeth 1/1/7"),
    ("ifelse(relay4[1].exists, relay4[6].hex, '') + relay4[1].hex", None),
    ("ifelse(relay4[1].exists, relay4[1].hex, relay4[6].hex)", b"eth 1/1/7"),
    ("ifelse(ifelse(known, 'a', relay4[6].hex) == '', 'b', 'c')", b"b"),
    ("hexstring(option[43].hex + option[125].hex + option[125].hex + option[125].hex, ':')"
     " + 'x'", None),
    ("'x' + hexstring(relay4[1].hex, option[124].hex + option[125].hex)", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), WHOLE, ids=[text for text, _ in WHOLE])
def test_3046_what_lacks_a_part_is_no_identifier(text: str, wanted: bytes | None) -> None:
    assert (whole_of(text, REQUEST) or None) == wanted


def test_a_part_that_is_needed_changes_nothing_of_an_ordinary_value() -> None:
    """Absent is empty there, as in Kea."""
    expression = compile_expression("relay4[6].hex + '/'", value=True, whole=True)
    assert evaluate(small_image(expression), 0, REQUEST)[1] == b"/"
    plain = compile_expression("relay4[6].hex + '/'", value=True)
    assert "needed" not in [step.op for step in plain.steps]


@pytest.mark.parametrize(("size", "wanted"), [(255, True), (256, False), (900, False)])
def test_no_identifier_is_longer_than_what_is_kept(size: int, wanted: bool) -> None:
    assert bool(whole_of("option[60].hex", message({60: b"x" * size}))) is wanted


@pytest.mark.parametrize(("sent", "seen"), [
    (b"Host\0", b"Host"), (b"Host\0\0", b"Host"), (b"a\0b", b"a\0b"), (b"", b""), (b"\0", b""),
])  # fmt: skip
def test_2132_2_option_12_has_no_nul_behind_it(sent: bytes, seen: bytes) -> None:
    data = message({12: sent})
    assert (value_of("option[12].hex", data) or b"") == seen
    assert is_true("option[12].exists", data) is (seen != b"")
    assert is_true("substring(option[12].hex, 0, 4) == 'Host'", data) is seen.startswith(b"Host")


def test_values_that_are_made_side_by_side_are_joined_without_a_copy() -> None:
    """Four parts of 60 octets would need 600 if each sum were made anew."""
    data = message({224: b"P" * 60})
    part = "lcase(option[224].hex)"
    assert value_of(f"{part} + {part} + {part} + {part}", data) == b"p" * 240


def test_what_reads_nothing_is_constant() -> None:
    always = compile_expression("member('all') and not (addrtotext(10.0.0.1) in ('x', 'y'))")
    assert always.is_constant and constant_of(always) is True
    assert constant_of(compile_expression("not member('all')")) is False
    assert constant_of(compile_expression("'a' + uint8totext(0x07)", value=True)) == b"a7"
