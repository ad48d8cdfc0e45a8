"""Rows of the policy image: a number that its field does not hold is told, and never cut."""

import pytest

from fastdhcp._image import STRUCT_SIZES
from fastdhcp.config.model import IDENTITY_KINDS
from fastdhcp.config.tables import INSTRUCTION, NETWORK, ROWS, SIZE_MAX, Blob, Row


def test_every_row_is_as_long_as_its_struct() -> None:
    assert {name: row.size for name, row in ROWS.items()} == {
        name: STRUCT_SIZES[name] for name in ROWS
    }


@pytest.mark.parametrize("row", [Row(a="B"), Row(a="H"), Row(a="I")], ids=["B", "H", "I"])
def test_the_highest_number_of_a_field_is_read_back_and_the_next_is_told(row: Row) -> None:
    highest = (1 << 8 * row.size) - 1
    assert [found.a for found in row.read(row.pack(a=highest))] == [highest]
    with pytest.raises(OverflowError, match=f"no room for a = {highest + 1}: "):
        row.pack(a=highest + 1)


def test_the_narrow_fields_of_rows_hold_what_is_written_into_them() -> None:
    """Kinds of identifier as bits, and the length of a literal (at most 4,096 characters, of at
    most four octets each)."""
    all_kinds = (2 << max(IDENTITY_KINDS.values())) - 1
    network = NETWORK.pack(
        number=1, vrf=0, member_first=0, member_count=1, name_at=0, name_len=0, kinds=all_kinds,
        kinds_any=0,
    )  # fmt: skip
    assert next(NETWORK.read(network)).kinds == all_kinds
    assert next(INSTRUCTION.read(INSTRUCTION.pack(op=1, a=255, b=4 * 4096, c=0))).b == 4 * 4096


def test_octets_beyond_4_gib_are_told() -> None:
    blob = Blob()
    blob.at = SIZE_MAX - 10
    assert blob.place(b"ten octets") == SIZE_MAX - 10
    assert blob.place(b"ten octets") == SIZE_MAX - 10
    with pytest.raises(OverflowError, match=r"4294967296 octets; at most 4 GiB fit"):
        blob.place(b"1")
