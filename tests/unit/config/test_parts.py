"""The parts of an expression: each test and each value, with its text as one would write it."""

import pytest

from fastdhcp._codec import encode
from fastdhcp.config.expressions import compile_expression
from fastdhcp.config.parts import PARTS_MAX, Way, parts_of, run_parts, written
from fastdhcp.config.syntax import parse
from fastdhcp.options import TYPES, Option

SAME = [
    "option[60].hex == 'PXEClient'",
    "substring(option[60].hex, 0, 6) == 'docsis' and not member('modem')",
    "option[93].hex in (0x0007, 0x0009)",
    "(member('a') or member('b')) and option[82].exists",
    "not (member('a') and member('b'))",
    "relay4[2].hex != relay4[1].hex",
    "option[43].option[1].exists",
    "vendor[4491].option[2].hex == 'x'",
    "vendor[*].exists",
    "vendor.enterprise == 4491",
    "vendor-class[4491].data[0] == 'x'",
    "pkt4.mac == 0x02ee00000001",
    "pkt4.giaddr == 10.0.0.1",
    "pkt.iface == 'eth0'",
    "hexstring(pkt4.mac, ':') == 'aa:bb'",
    "substring(option[60].hex, 2, all) == 'x'",
    "split(option[60].hex, '/', 2) == 'x'",
    "ifelse(member('a'), option[60].hex, 'none') == 'none'",
    "concat(lcase(option[12].hex), 'x') == 'yx'",
    "known and not member('bootp')",
]


@pytest.mark.parametrize("text", SAME)
def test_what_is_written_reads_as_the_same(text: str) -> None:
    """As it was, or at least with the same program."""
    again = written(parse(text))
    assert again == text
    assert compile_expression(again).steps == compile_expression(text).steps


def test_the_tests_and_the_values_in_them() -> None:
    text = "substring(option[60].hex,0,6)=='docsis' and not (member('a') or option[93].hex in (7))"
    found = parts_of(text.replace("(7)", "(0x0007)"))
    assert [(part.text, part.expression.is_test) for part in found] == [
        ("substring(option[60].hex, 0, 6) == 'docsis'", True),
        ("substring(option[60].hex, 0, 6)", False),
        ("member('a')", True),
        ("option[93].hex in (0x0007)", True),
        ("option[93].hex", False),
    ]


def test_names_of_the_configuration_are_known() -> None:
    own = {"menu-url": Option(224, "menu-url", TYPES["text"], "")}
    (test, value) = parts_of("option[menu-url].hex == 'x'", own)
    assert value.text == "option[menu-url].hex"
    assert test.expression.options == value.expression.options == {224}


def test_a_long_expression_has_its_first_parts() -> None:
    text = " or ".join(f"option[{code}].exists" for code in range(1, 50))
    assert len(parts_of(text)) == PARTS_MAX


def told(text: str, way: Way, **options: bytes) -> list[tuple[str, bool | bytes | None]]:
    """What each part says of a DISCOVER with these options (`o60`)."""
    sent = {int(name[1:]): value for name, value in options.items()}
    message = encode(chaddr=bytes.fromhex("02ee00000001"), message_type=1, options=sent)
    found = run_parts(parts_of(text), message, way, {"modem": 7})
    return [
        (part.text, truth if part.expression.is_test else value) for part, truth, value in found
    ]


def test_each_part_says_what_it_finds() -> None:
    text = "substring(option[60].hex, 0, 6) == 'docsis' and not member('modem')"
    assert told(text, Way(classes=1 << 7), o60=b"docsis3.0") == [
        ("substring(option[60].hex, 0, 6) == 'docsis'", True),
        ("substring(option[60].hex, 0, 6)", b"docsis"), ("member('modem')", True),
    ]  # fmt: skip
    assert told(text, Way()) == [
        ("substring(option[60].hex, 0, 6) == 'docsis'", False),
        ("substring(option[60].hex, 0, 6)", None), ("member('modem')", False),
    ]  # fmt: skip


def test_a_part_reads_what_is_known_beside_the_message() -> None:
    way = Way(relay_info=b"\2\1x", known=True, interface="eth1", source=0x0A000001)
    assert told("relay4[2].hex == 'x'", way) == [
        ("relay4[2].hex == 'x'", True), ("relay4[2].hex", b"x"),
    ]  # fmt: skip
    assert told("known", way) == [("known", True)]
    assert told("pkt.iface == 'eth1'", way)[0] == ("pkt.iface == 'eth1'", True)
    assert told("pkt.src == 10.0.0.1", way)[0] == ("pkt.src == 10.0.0.1", True)
