"""Instructions made one: which, that none is lost that is jumped to, and that jumps still land."""

import pytest

from fastdhcp.config.expressions import compile_expression
from fastdhcp.config.fusion import JUMPS, marked
from fastdhcp.config.reads import Step

ARCHITECTURES = "0x0006, 0x0007, 0x0009"


@pytest.mark.parametrize(
    ("text", "ops"),
    [
        ("option[60].exists", ["option-exists"]),
        ("option[60].hex == 'a'", ["option-is"]),
        ("'a' == option[60].hex", ["option-is"]),
        ("option[60].hex != 'a'", ["option-is", "not"]),
        ("relay4[2].exists", ["relay-exists"]),
        ("relay4[2].hex == 'a'", ["relay-is"]),
        ("substring(option[60].hex, 0, 3) == 'abc'", ["option-begins"]),
        ("substring(option[60].hex, 0, 3) == 'ab'", ["option-is"]),
        ("substring(option[60].hex, 0, all) == 'ab'", ["option-is"]),
        ("substring(substring(option[60].hex, 0, 5), 0, 3) == 'abc'", ["option-begins"]),
        ("substring(option[60].hex, 1, 3) == 'abc'", ["option", "substring", "is"]),
        ("substring(option[60].hex, 0, -3) == 'abc'", None),
        ("option[93].hex in (0x0006, 0x0007)", ["option-is", "jump-if", "option-is"]),
        (f"option[93].hex in ({ARCHITECTURES})",
         ["option-is", "jump-if", "option-is", "jump-if", "option-is"]),
        (f"option[93].hex in ({ARCHITECTURES}, 0x000b)",
         ["option", "one-of", "one-of", "one-of", "one-of", "pop"]),
        ("option[12].hex in ('a', option[60].hex)",
         ["option", "one-of", "option", "same", "pop"]),
        ("option[43].option[1].exists", ["option", "sub-option", "exists"]),
        # The value that is compared is of either way: neither is the option's alone.
        ("ifelse(known, 'x', option[60].hex) == 'a'",
         ["known", "jump-unless", "literal", "jump", "option", "is"]),
    ],
)  # fmt: skip
def test_what_stands_side_by_side_is_one(text: str, ops: list[str] | None) -> None:
    if ops is None:
        with pytest.raises(ValueError):
            compile_expression(text)
        return
    assert [step.op for step in compile_expression(text).steps] == ops


def test_jumps_land_where_they_did() -> None:
    steps = compile_expression(
        f"(known or option[93].hex in ({ARCHITECTURES})) and option[60].exists "
        "and member('bootp')"
    ).steps
    landings = [at + 1 + step.a for at, step in enumerate(steps) if step.op in JUMPS]
    assert [step.op for step in steps] == [
        "known", "jump-if", "option-is", "jump-if", "option-is", "jump-if", "option-is",
        "jump-unless", "option-exists", "jump-unless", "bootp",
    ]  # fmt: skip
    assert landings == [7, 7, 7, 11, 11]


def test_a_false_test_passes_by_its_mark_unless_it_made_octets() -> None:
    mark = Step("class", b=9)
    plain = marked(compile_expression("option[60].exists and known").steps, mark)
    assert [(step.op, step.a) for step in plain] == [
        ("option-exists", 0), ("jump-unless", 2), ("known", 0), ("class", 0),
    ]  # fmt: skip
    making = marked(compile_expression("option[60].exists and pkt4.hlen == 6").steps, mark)
    assert making[1].a == len(making) - 3  # onto the mark
