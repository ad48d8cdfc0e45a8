"""Expressions: what is wrong in one, at its column and with its cure; and what is known of one."""

import pytest

from fastdhcp.config.expressions import Expression, compile_expression
from fastdhcp.config.programs import ProgramError, ProgramTable, small_image
from fastdhcp.config.reads import Sizes
from fastdhcp.config.tables import Blob, read_header, read_rows
from fastdhcp.config.tokens import ExpressionError
from fastdhcp.config.weights import WEIGHTS
from fastdhcp.options import TYPES, Option

CLASSES = ("modem", "gold")

# Expression, column, words.
WRONG = [
    (
        "",
        1,
        "is empty; write a test such as option[60].hex == 'PXEClient'",
    ),
    (
        "   ",
        1,
        "is empty; write a test such as option[60].hex == 'PXEClient'",
    ),
    (
        "option[60].hex",
        1,
        "is a value, and a test is wanted; compare it: ... == '...'",
    ),
    (
        "option[60].hex = 'x'",
        16,
        "\"= 'x'\" is no word of an expression: write == to compare",
    ),
    (
        'option[60].hex == "x"',
        19,
        "\"\"x\"\" is no word of an expression: text stands in single quotes: 'PXEClient'",
    ),
    (
        "option[60].hex == 'x",
        19,
        "\"'x\" is no word of an expression: text ends in its line; is a quote missing?",
    ),
    (
        "option[60].hex == x",
        19,
        "`x` is no word of an expression; text stands in single quotes: 'x'",
    ),
    (
        "known && known",
        7,
        '"&& known" is no word of an expression: write `and`',
    ),
    (
        "known || known",
        7,
        '"|| known" is no word of an expression: write `or`',
    ),
    (
        "!known",
        1,
        '"!known" is no word of an expression: write `not`, or != between two values',
    ),
    (
        "pkt4.hlen > 5",
        11,
        '"> 5" is no word of an expression: only == and != compare; write == for each value, '
        "or in (...)",
    ),
    (
        "option[93].hex == 0xg",
        19,
        '"0xg" is no word of an expression: hex is 0x and digits 0 to 9, a to f: 0x0007',
    ),
    (
        "pkt4.mac == 02:ee:00:00:00:01",
        15,
        '":ee:00:00:00" is no word of an expression: an address is four numbers, 10.0.0.1, '
        "and octets are 0x0a0b0c",
    ),
    (
        "pkt4.ciaddr == 10.0.0",
        16,
        '"10.0.0" is no word of an expression: a number has digits alone, an address four '
        "numbers (10.0.0.1); text stands in single quotes",
    ),
    (
        "pkt4.ciaddr == 10.0.0.256",
        16,
        "10.0.0.256 is no address; its numbers go from 0 to 255",
    ),
    (
        "pkt4.hlen == 12x",
        14,
        '"12x" is no word of an expression: a number has digits alone, an address four '
        "numbers (10.0.0.1); text stands in single quotes",
    ),
    (
        "known # staff",
        7,
        '"# staff" is no word of an expression: an expression has no comments; write them '
        "beside it",
    ),
    (
        "known ; known",
        7,
        '";" means nothing in an expression; leave it out',
    ),
    (
        "known known",
        7,
        "`known` stands where the expression is whole; join tests by `and` or `or`",
    ),
    (
        "known and",
        10,
        "the expression ends where a value or a test has to stand",
    ),
    (
        "and known",
        1,
        "`and` joins two tests; one is missing before it",
    ),
    (
        "known and option[60].hex",
        11,
        "`and` joins tests, and this is a value; compare it: ... == '...', or write .exists",
    ),
    (
        "not option[60].hex",
        5,
        "`not` takes a test, and this is a value; compare it: ... == '...', or write .exists",
    ),
    (
        "known == known",
        10,
        "`==` compares values, and this is true or false already; leave it alone",
    ),
    (
        "known + 'a' == 'b'",
        1,
        "`+` joins values, and this is true or false already; leave it alone",
    ),
    (
        "'a' == 'a'",
        5,
        "compares two values that are written out: it always says the same",
    ),
    (
        "option[12].hex == 'a' == 'b'",
        23,
        "a comparison has two sides; join two by `and`",
    ),
    (
        "option[12].hex in 'a'",
        19,
        "`in` looks among values in brackets; write in ('a', ...)",
    ),
    (
        "option[12].hex in ('a' 'b')",
        24,
        "\"'b'\" stands where `)` or a comma follows a value of `in`",
    ),
    (
        "option[12].hex in ('a', 'a')",
        25,
        "stands twice in one `in`; write it once",
    ),
    (
        "option[12].hex not in ('a', 'b')",
        16,
        "`not` stands before a test; write not (... in (...))",
    ),
    (
        "known in ('a')",
        1,
        "`in` looks for a value, and this is true or false already; leave it alone",
    ),
    (
        "(known",
        7,
        "the bracket at column 1 is still open; write `)`",
    ),
    (
        "known or ((known)",
        18,
        "the bracket at column 10 is still open; write `)`",
    ),
    (
        "option[93].hex in 0x07",
        19,
        "`in` looks among values in brackets; write in (0x07, ...)",
    ),
    (
        "pkt4.mac == '00:11:22:33:44:55'",
        10,
        "can never be equal: at most 16 octets, the other side has 17 octets; write "
        "0x001122334455 without quotes",
    ),
    (
        "option[\u0666\u0660].exists",
        8,
        '"\u0666" means nothing in an expression; leave it out',
    ),
    (
        "option[vendor-class-id].exists",
        8,
        "no option is called `vendor-class-id`; do you mean `vendor-class-identifier`?",
    ),
    (
        "known)",
        6,
        "`)` stands where the expression is whole; join tests by `and` or `or`",
    ),
    (
        "(((((((((((((((((((((((((((((((((known)))))))))))))))))))))))))))))))))",
        33,
        "stands in more than 32 brackets; split it into classes",
    ),
    (
        "substrng(option[60].hex, 0, 1) == 'a'",
        1,
        "`substrng` is no word of an expression; do you mean `substring`?",
    ),
    (
        "match('a', option[60].hex)",
        1,
        "`match` is not served; compare by substring(...) == or `in (...)`",
    ),
    (
        "substring option[60].hex == 'a'",
        11,
        "`option` stands where `(` follows `substring`",
    ),
    (
        "substring(option[60].hex, 0) == 'a'",
        28,
        "`)` stands where `,` follows; write substring(value, start, length or all)",
    ),
    (
        "substring(option[60].hex, 'a', 1) == 'a'",
        27,
        "\"'a'\" stands where a number has to; write substring(value, start, length or all)",
    ),
    (
        "substring(option[60].hex, 0, 99999) == 'a'",
        30,
        "99999 is no length; write a number from -32767 to 32767",
    ),
    (
        "substring(option[60].hex, 0, 0) == 'a'",
        1,
        "takes no octet of it, which has any number of octets; write substring(value, start, "
        "length), the first octet is 0",
    ),
    (
        "substring(pkt4.giaddr, 4, 1) == 'a'",
        1,
        "takes no octet of it, which has 4 octets; write substring(value, start, length), the"
        " first octet is 0",
    ),
    (
        "substring(known, 0, 1) == 'a'",
        11,
        "`substring` takes a value here, and this is true or false already; leave it alone",
    ),
    (
        "split(option[60].hex, '.', 0) == 'a'",
        28,
        "0 is no field; write a number from 1 to 32767",
    ),
    (
        "ifelse('a', 'b', 'c') == 'b'",
        8,
        "`ifelse` takes a test first, and this is a value; compare it: ... == '...', or write"
        " .exists",
    ),
    (
        "lcase(option[60].hex, 1) == 'a'",
        21,
        "`,` stands where `)` closes it; write lcase(value)",
    ),
    (
        "member(modem)",
        8,
        "`modem` stands where a class has to: write member('modem')",
    ),
    (
        "member('')",
        8,
        "\"''\" stands where a class has to: write member('modem')",
    ),
    (
        "member('modme')",
        8,
        "no class is called 'modme'; do you mean 'modem'?",
    ),
    (
        "member 'modem'",
        8,
        "\"'modem'\" stands where `(` follows `member`",
    ),
    (
        "option.hex == 'a'",
        8,
        "names no option; write its code in brackets: [60]",
    ),
    (
        "option[0].hex == 'a'",
        8,
        "0 is no code of options; they go from 1 to 254",
    ),
    (
        "option[255].exists",
        8,
        "255 is no code of options; they go from 1 to 254",
    ),
    (
        "option[zzz].hex == 'a'",
        8,
        "no option is called `zzz`; write its code",
    ),
    (
        "option[hostname].hex == 'a'",
        8,
        "no option is called `hostname`; do you mean `host-name`?",
    ),
    (
        "option[60] == 'a'",
        11,
        ".hex, .text or .exists is missing",
    ),
    (
        "option[60].octets == 'a'",
        12,
        "`octets` is not right here; write .hex, .text or .exists",
    ),
    (
        "option[60].hex.hex == 'a'",
        16,
        "`hex` is too much; leave it out",
    ),
    (
        "option[93].text == 'a'",
        12,
        "option[93] is no text; write .hex, or hexstring(option[93].hex, ':')",
    ),
    (
        "option[60].'a' == 'b'",
        12,
        "\"'a'\" stands where a name such as hex has to",
    ),
    (
        "option['a'].hex == 'b'",
        8,
        "\"'a'\" stands in brackets, where a code or a name has to",
    ),
    (
        "relay4.exists",
        8,
        "names no sub-option; write its code in brackets: [1]",
    ),
    (
        "relay4[0].hex == 'a'",
        8,
        "0 is no code of sub-options; they go from 1 to 255",
    ),
    (
        "relay4[circuit].hex == 'a'",
        8,
        "no sub-option is called `circuit`; do you mean `circuit-id`?",
    ),
    (
        "vendor[cablelabs].exists",
        8,
        "`cablelabs` is no enterprise number; write one such as 4491, or *",
    ),
    (
        "vendor[4294967296].exists",
        8,
        "4294967296 is no enterprise number; write 0 to 4294967295",
    ),
    (
        "vendor[4491].hex == 'a'",
        14,
        "`hex` is not right here; write .exists or .option",
    ),
    (
        "vendor[4491].option.hex == 'a'",
        21,
        "names no sub-option; write its code in brackets: [1]",
    ),
    (
        "vendor.option[1].hex == 'a'",
        8,
        "`option` is not right here; write [4491] behind it, .exists or .enterprise",
    ),
    (
        "vendor-class[4491].data[256] == 'a'",
        25,
        "`[256]` is no place in the data; write one from 0 to 255",
    ),
    (
        "vendor-class[4491].option[1].hex == 'a'",
        20,
        "`option` is not right here; write .exists or .data",
    ),
    (
        "pkt4.secs == 1",
        6,
        "`secs` is not right here; write .mac, .hlen, .htype, .msgtype, .transid, .ciaddr, "
        ".yiaddr, .siaddr or .giaddr",
    ),
    (
        "pkt6.msgtype == 1",
        1,
        "`pkt6` is of DHCPv6; fields of the packet are pkt4.mac, pkt4.giaddr and so on",
    ),
    (
        "relay6[0].option[1].exists",
        1,
        "`relay6` is of DHCPv6; option 82 is relay4[N]",
    ),
    (
        "pkt.interface == 'a'",
        5,
        "`interface` is not right here; write .iface, .src, .dst or .len",
    ),
    (
        "pkt4.giaddr.hex == 10.0.0.1",
        13,
        "`hex` is too much; leave it out",
    ),
    (
        "option[93].hex == 7",
        16,
        "can never be equal: 2 octets or a multiple, a number has 4 octets; write 0x0007",
    ),
    (
        "option[57].hex == 1500",
        16,
        "can never be equal: 2 octets, a number has 4 octets; write 0x05dc",
    ),
    (
        "pkt4.hlen == 0x06",
        11,
        "can never be equal: 4 octets, the other side has 1 octet; write 6, or 0x00000006",
    ),
    (
        "pkt4.hlen == '6'",
        11,
        "can never be equal: 4 octets, the other side has 1 octet; write 6",
    ),
    (
        "pkt4.giaddr == 0x0a",
        13,
        "can never be equal: 4 octets, the other side has 1 octet; write 10, or 0x0000000a",
    ),
    (
        "substring(option[60].hex, 0, 6) == 'docsis3'",
        33,
        "can never be equal: at most 6 octets, the other side has 7 octets; compare with at "
        "most 6 octets",
    ),
    (
        "option[93].hex in (0x0007, 9)",
        28,
        "can never be equal: 2 octets or a multiple, a number has 4 octets; write 0x0009",
    ),
    (
        "pkt4.giaddr == option[57].hex",
        13,
        "4 octets and 2 octets can never be equal; compare values of one length, as "
        "substring(...) makes them",
    ),
    (
        "option[50].hex == '10.0.0.1'",
        16,
        "can never be equal: 4 octets, the other side has 8 octets; write a number, an "
        "address, or hex of 4 octets",
    ),
    (
        "option[57].hex in (pkt4.giaddr)",
        20,
        "2 octets and 4 octets can never be equal; leave it out",
    ),
    (
        "uint8totext(option[57].hex) == '1'",
        13,
        "uint8totext takes 1 octet, and this has 2 octets; write uint16totext",
    ),
    (
        "addrtotext(option[57].hex) == '1'",
        12,
        "addrtotext takes 4 octets, and this has 2 octets; write uint16totext",
    ),
    (
        "option[60].hex == 4294967296",
        19,
        "4294967296 is no number here; write one from 0 to 4294967295",
    ),
    (
        "option[60].hex == -1",
        19,
        "-1 is no number here; write one from 0 to 4294967295",
    ),
    (
        "true",
        1,
        "`true` is no word of an expression; member('all') is always true",
    ),
    (
        "option[60].hex == exists",
        19,
        "`exists` stands behind what may be there: option[82].exists",
    ),
    (
        "::1 == pkt4.giaddr",
        1,
        '"::1 == pkt4." is no word of an expression: an address is four numbers, 10.0.0.1, '
        "and octets are 0x0a0b0c",
    ),
    (
        "option[60].hex == all",
        19,
        "`all` is a length of substring alone",
    ),
    (
        "known and in",
        11,
        "`in` looks for a value, which is missing before it",
    ),
    (
        "not",
        4,
        "the expression ends where a value or a test has to stand",
    ),
    (
        "+ 'a' == 'b'",
        1,
        "`+` stands where a value or a test has to stand",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "column", "words"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_told_at_its_column_with_its_cure(
    text: str, column: int, words: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, classes=CLASSES)
    assert (caught.value.line, caught.value.column, caught.value.words) == (1, column, words)
    assert str(caught.value) == f"column {column}: {words}"


def test_in_a_text_of_several_lines_the_line_is_told() -> None:
    with pytest.raises(ExpressionError, match=r"^line 2, column 18: .* write == to compare$"):
        compile_expression("known or\n  option[60].hex = 'x'")


def test_brackets_have_a_limit() -> None:
    compile_expression("(" * 32 + "known" + ")" * 32)
    with pytest.raises(ExpressionError, match=r"^column 33: .*more than 32 brackets") as caught:
        compile_expression("(" * 33 + "known" + ")" * 33)
    assert caught.value.column == 33
    with pytest.raises(ExpressionError, match="more than 32 brackets"):
        compile_expression("not " * 33 + "known")


def test_a_text_has_a_limit() -> None:
    with pytest.raises(ExpressionError, match=r"^column 4097: .*at most 4096 characters"):
        compile_expression("known" + " " * 5000)


def test_a_program_has_at_most_64_instructions() -> None:
    names = ", ".join(f"'h{i}'" for i in range(62))
    assert len(compile_expression(f"option[12].hex in ({names})").steps) == 64
    with pytest.raises(ExpressionError, match=r"^column 1: takes 65 instructions; one may take 64"):
        compile_expression(f"option[12].hex in ({names}, 'one more')")


def test_a_program_holds_at_most_8_values_at_a_time() -> None:
    def nested(depth: int) -> str:
        return "'a' + (" * (depth - 1) + "option[12].hex" + ")" * (depth - 1)

    assert compile_expression(nested(8), value=True)
    with pytest.raises(ExpressionError, match=r"holds more than 8 values at a time"):
        compile_expression(nested(9), value=True)


def test_a_test_is_no_value_and_a_value_no_test() -> None:
    with pytest.raises(ExpressionError, match=r"^column 1: is a test, and a value is wanted"):
        compile_expression("relay4[1].exists", value=True)
    with pytest.raises(ExpressionError, match=r"^column 1: is a value, and a test is wanted"):
        compile_expression("relay4[1].hex")


def test_all_programs_together_have_8192_instructions() -> None:
    programs = ProgramTable(Blob())
    for number in range(8192 // 64):
        names = ", ".join(f"'{number}-{i}'" for i in range(62))
        programs.place(compile_expression(f"option[12].hex in ({names})"))
    programs.place(compile_expression(f"option[12].hex in ({names})"))
    with pytest.raises(ProgramError, match=r"more than 8192 instructions; put what many"):
        programs.place(compile_expression("known"))


def test_programs_may_name_24_options_that_the_server_does_not_look_at() -> None:
    programs = ProgramTable(Blob())
    for code in range(128, 152):
        programs.place(compile_expression(f"option[{code}].exists"))
    programs.place(compile_expression("option[60].exists and option[128].exists"))
    with pytest.raises(ProgramError, match=r"read more than 24 options .*; read fewer of them"):
        programs.place(compile_expression("option[200].exists"))


def test_equal_programs_stand_once_and_the_image_says_what_they_read() -> None:
    texts = ("option[60].hex == 'a'", "relay4[1].exists", "option[60].hex == 'a'")
    image = small_image(*map(compile_expression, texts))
    assert [row.count for row in read_rows(image, "programs")] == [1, 1]
    assert read_header(image).programs_read == 1
    assert read_header(small_image(compile_expression(texts[0]))).programs_read == 0


def test_a_name_of_the_configuration_is_an_option() -> None:
    named = compile_expression("option[our-own].hex == 'a'", names=own("text"))
    assert named.options == {224}


def own(type_name: str, code: int = 224) -> dict[str, Option]:
    return {"our-own": Option(code, "our-own", TYPES[type_name], "")}


def test_an_option_that_is_defined_is_of_the_type_that_it_has_there() -> None:
    """Also one whose code has a meaning of its own: 150 is addresses, if nobody says otherwise."""
    for read in ("option[our-own]", "option[150]"):
        assert compile_expression(f"{read}.hex == 'tftp1'", names=own("text", 150))
        assert compile_expression(f"{read}.text == 'tftp1'", names=own("text", 150))
    with pytest.raises(ExpressionError, match="can never be equal: 4 octets or a multiple"):
        compile_expression("option[150].hex == 'tftp1'")
    with pytest.raises(ExpressionError, match="can never be equal: 2 octets"):
        compile_expression("option[our-own].hex == 'abc'", names=own("u16"))


def test_a_long_sum_is_told_and_does_not_exhaust_the_reader() -> None:
    long = " + ".join(["'a'"] * 400)
    with pytest.raises(ExpressionError, match="joins more than 64 values; write fewer `"):
        compile_expression(f"{long} == 'a'")
    with pytest.raises(ExpressionError, match="joins more than 64 values"):
        compile_expression("(" + " + ".join(["'a'"] * 30) + ")" + " + 'a'" * 40 + " == 'a'")


@pytest.mark.parametrize(
    ("text", "options", "classes", "not_kept"),
    [
        ("relay4[2].hex + '/' + relay4[1].hex", {82}, set(), ()),
        ("option[61].hex + option[12].hex + pkt4.mac", {61, 12}, set(), ()),
        ("pkt4.htype + pkt4.hlen", set(), set(), ()),
        ("option[60].hex", {60}, set(), ("option[60]",)),
        ("addrtotext(pkt4.giaddr) + pkt.iface", set(), set(), ("pkt4.giaddr", "pkt.iface")),
        (
            "ifelse(member('modem') or known, 'a', relay4[1].hex)",
            {82}, {"modem"}, ("member('modem')", "known"),
        ),
        ("ifelse(member('bootp'), 'a', 'b')", set(), set(), ("member('bootp')",)),
        ("vendor[4491].option[1].hex", {125}, set(), ("option[125]",)),
    ],
)  # fmt: skip
def test_it_is_known_what_an_expression_reads_and_whether_a_record_keeps_it(
    text: str, options: set[int], classes: set[str], not_kept: tuple[str, ...]
) -> None:
    expression = compile_expression(text, value=True)
    assert (expression.options, expression.classes) == (options, classes)
    assert (expression.not_kept, expression.is_kept) == (not_kept, not not_kept)
    assert expression.reads_relay_info is (82 in options)
    assert not expression.is_constant


@pytest.mark.parametrize(
    ("text", "literals"),
    [
        ("option[60].hex == 'a'", (b"a",)), ("'a' == option[60].hex", (b"a",)),
        ("option[60].hex in ('a', 'b')", (b"a", b"b")), ("option[60].hex != 'a'", None),
        ("option[60].hex in ('a', option[12].hex)", None), ("option[60].exists", None),
        ("option[60].hex == option[12].hex", None), ("not (option[60].hex == 'a')", None),
        ("option[60].hex == 'a' and known", None),
    ],
)  # fmt: skip
def test_a_test_that_compares_one_value_with_literals_says_so(
    text: str, literals: tuple[bytes, ...] | None
) -> None:
    compared = compile_expression(text).compared
    if literals is None:
        assert compared is None
    else:
        assert compared is not None
        assert compared == (compile_expression("option[60].hex", value=True), literals)


def test_the_longest_way_is_what_a_program_costs() -> None:
    def cost(text: str) -> int:
        return compile_expression(text).cost

    assert cost("option[60].hex == 'a'") < cost("substring(option[60].hex, 1, 1) == 'a'")
    assert cost("not (option[60].hex == 'a')") == cost("option[60].hex == 'a'") + WEIGHTS["not"]
    short, long = "option[12].hex", "hexstring(option[12].hex, ':')"
    one_way = cost(f"ifelse(known, {long}, {short}) == 'a'")
    assert cost(f"{long} == 'a'") < one_way < cost(f"{short} == 'a' or {long} == 'a'") + 100
    assert one_way < cost(f"{long} == 'a' or {long} == 'b'")


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        (Sizes(1, 1), "1 octet"), (Sizes(2, 2), "2 octets"), (Sizes(0, 6), "at most 6 octets"),
        (Sizes(2, 2048, 2), "2 octets or a multiple"), (Sizes(3, 7), "3 to 7 octets"),
        (Sizes(3, 2048), "at least 3 octets"), (Sizes(0, 2048), "any number of octets"),
    ],
)  # fmt: skip
def test_a_number_of_octets_in_words(sizes: Sizes, told: str) -> None:
    assert sizes.told == told


def test_what_has_the_other_number_of_octets_only_when_it_is_absent_may_be_equal() -> None:
    """RFC 2132 9.10: option 57 has two octets, if it is there."""
    empty: Expression = compile_expression("option[57].hex == ''")
    assert empty.compared is not None and empty.compared[1] == (b"",)
    assert compile_expression("option[57].hex == option[12].hex")
    assert compile_expression("option[57].hex == substring(option[50].hex, 0, 2)")
