"""Values of every type, as the configuration would write them: written, read, and the same again;
and octets of any kind, that are a value or are refused, whatever they are."""

import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastdhcp.options import BY_CODE, TYPES, Type, Value, array, decode, encode, record

ADDRESS = st.ip_addresses(v=4).map(str)
LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=63)
NAME = st.lists(LABEL, min_size=1, max_size=8).map(".".join).filter(lambda n: len(n) <= 253)
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=60)
HEX = st.binary(min_size=1, max_size=40).map(lambda octets: f"hex:{octets.hex()}")


def numbers(octets: int, *, signed: bool = False) -> st.SearchStrategy[int]:
    low = -(1 << (8 * octets - 1)) if signed else 0
    return st.integers(low, low + (1 << (8 * octets)) - 1)


@st.composite
def routes(draw: st.DrawFn) -> list[str]:
    length = draw(st.integers(0, 32))
    bits = draw(st.integers(0, 0xFFFFFFFF)) >> (32 - length) << (32 - length)
    quad = ".".join(map(str, bits.to_bytes(4)))
    return [f"{quad}/{length}", draw(ADDRESS)]


VALUES: dict[str, st.SearchStrategy[Value]] = {
    "text": TEXT,
    "address": ADDRESS,
    "addresses": st.lists(ADDRESS, min_size=1, max_size=20),
    "address6": st.ip_addresses(v=6).map(lambda address: str(address).partition("%")[0]),
    "u8": numbers(1), "u16": numbers(2), "u32": numbers(4),
    "i8": numbers(1, signed=True), "i16": numbers(2, signed=True), "i32": numbers(4, signed=True),
    "flag": st.booleans(),
    "empty": st.just(True),
    "duration": numbers(4),
    "name": NAME,
    "names": st.lists(NAME, min_size=1, max_size=5),
    "routes": st.lists(routes(), min_size=1, max_size=10),
    "bytes": HEX,
}  # fmt: skip
RESOLVER = st.fixed_dictionaries(
    {
        "name": NAME, "priority": numbers(2),
        "addresses": st.lists(ADDRESS, min_size=1, max_size=9),
        "alpn": st.lists(TEXT, min_size=1, max_size=3),
    },
    optional={"port": numbers(2), "dohpath": TEXT, "key65280": HEX},
)  # fmt: skip
NAMELY = st.fixed_dictionaries({"name": NAME, "priority": numbers(2)})
OF_OPTIONS: dict[int, st.SearchStrategy[Value]] = {
    33: st.lists(st.tuples(ADDRESS.filter(lambda a: a != "0.0.0.0"), ADDRESS).map(list),
                 min_size=1, max_size=9),
    119: st.lists(NAME, min_size=1, max_size=4),
    120: st.one_of(st.lists(ADDRESS, min_size=1, max_size=9),
                   st.lists(NAME.filter(lambda n: not n.replace(".", "").isdecimal()), min_size=1,
                            max_size=3)),
    125: st.dictionaries(numbers(4), HEX, min_size=1, max_size=5).map(
        lambda found: [{"enterprise": number, "data": data} for number, data in found.items()]
    ),
    143: st.lists(TEXT, min_size=1, max_size=5),
    158: st.lists(st.lists(ADDRESS, min_size=1, max_size=9), min_size=1, max_size=5),
    162: st.lists(st.one_of(RESOLVER, NAMELY), min_size=1, max_size=2),
    212: st.tuples(numbers(1), numbers(1), VALUES["address6"], VALUES["addresses"]).map(list),
}  # fmt: skip


def test_every_type_has_values_here() -> None:
    assert set(VALUES) == set(TYPES)


@pytest.mark.parametrize("name", VALUES)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_2132_2_a_value_is_read_as_it_was_written(name: str, data: st.DataObject) -> None:
    value = data.draw(VALUES[name])
    assert TYPES[name].value(TYPES[name].write(value)) == value


@pytest.mark.parametrize("code", OF_OPTIONS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_an_options_value_is_read_as_it_was_written(code: int, data: st.DataObject) -> None:
    value = data.draw(OF_OPTIONS[code])
    assert decode(code, encode(BY_CODE[code], value)) == value


FIXED = [name for name in VALUES if not TYPES[name].open and name != "empty"]


@given(st.lists(st.sampled_from(FIXED), min_size=1, max_size=4), st.booleans(), st.data())
@settings(max_examples=150, deadline=None)
def test_a_record_is_read_as_it_was_written(
    names: list[str], last: bool, data: st.DataObject
) -> None:
    if last:
        names = [*names, "names"]
    kind = record([TYPES[name] for name in names], "")
    value = [data.draw(VALUES[name]) for name in names]
    assert kind.value(kind.write(value)) == value
    if not kind.open:
        several: Type = array("", kind, "", "")
        values = [value, *([data.draw(VALUES[name]) for name in names] for _ in range(2))]
        assert several.value(several.write(values)) == values


@given(st.integers(1, 254), st.binary(max_size=80))
@example(120, b"\0")
@example(120, b"\1")
@settings(max_examples=3000, deadline=None)
def test_any_octets_are_a_value_or_none(code: int, octets: bytes) -> None:
    """What is shown as a value would be sent as these octets again, but for what RFCs let differ:
    a NUL behind a text, and where a name is compressed."""
    shown = decode(code, octets)
    if str(shown).startswith("hex:"):
        return
    with contextlib.suppress(KeyError, ValueError):
        assert decode(code, BY_CODE[code].type.write(shown)) == shown
