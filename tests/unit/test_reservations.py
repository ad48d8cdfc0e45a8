"""The file table of reservations against a slow twin: what was written is found, and nothing else.

RFC 2131 4.3.1: a client is given the address that was configured for it.
"""

from array import array
from random import Random
from typing import Any

import pytest

from fastdhcp._reservations import (
    CELL_SIZE,
    CLASS_ID_MAX,
    HEAD_SIZE,
    ReservationsView,
    Trouble,
    fill_table,
    table_blocks,
    table_size,
)
from fastdhcp._rows import Rows

CLIENT_ID, HW_ADDRESS, CIRCUIT_ID, REMOTE_ID = 1, 2, 3, 4
PREFIXES = [  # VRF's place, first, last, network
    (0, 0x0A000000, 0x0A0000FF, 0), (0, 0x0A000100, 0x0A0001FF, 0), (0, 0x0A010000, 0x0A01FFFF, 1),
    (1, 0x0A000000, 0x0A0000FF, 2),
]  # fmt: skip
NUMBERS = (0xAAAA0001, 0xBBBB0002, 0xCCCC0003)
"""Of the networks."""
VRFS = (0, 77)


def packed(prefixes: list[tuple[int, int, int, int]]) -> bytes:
    rows = [(vrf, first, last, NUMBERS[net], net) for vrf, first, last, net in prefixes]
    return b"".join(array("I", row).tobytes() for row in rows)


def made(
    *parts: Rows, classes: tuple[int, ...] = (11, 12, 13)
) -> tuple[ReservationsView, list[int], list[int], list[Any]]:
    """The table of these rows: kinds by network and by VRF, and what is wrong."""
    room = bytearray(table_size(parts))
    kinds, general, troubles = fill_table(
        room, parts, array("I", VRFS), array("I", classes), packed(PREFIXES), len(NUMBERS)
    )
    return ReservationsView(room), list(kinds), list(general), troubles


def rows_of(*rows: dict[str, Any]) -> Rows:
    found = Rows()
    for row in rows:
        found.add(**{"kind": CLIENT_ID, **row})
    return found


def test_a_cell_is_a_cache_line() -> None:
    assert (CELL_SIZE, HEAD_SIZE) == (64, 64)


def test_what_stands_in_a_row_is_read_back() -> None:
    long = bytes(range(200))
    view, kinds, general, troubles = made(
        rows_of(
            {"kind": HW_ADDRESS, "identity": b"\1\2\3\4\5\6\7", "address": 0x0A000009,
             "hostname": b"printer", "boot_file": b"cm/gold.bin", "next_server": 0x0A000001,
             "classes": (1, 3), "options": 4, "overlay": 5},
            {"identity": long, "home": 0x0A010000},
        ),
        rows_of({"identity": b"\0anywhere", "vrf": 1, "classes": (2,)}),
    )  # fmt: skip
    assert troubles == []
    assert (kinds, general) == ([1 << HW_ADDRESS, 1 << CLIENT_ID, 0], [0, 1 << CLIENT_ID])
    assert view.at(0, 0x0A000009) == view.row(0) == {
        "vrf": 0, "address": 0x0A000009, "network": NUMBERS[0], "kind": HW_ADDRESS,
        "identity": b"\1\2\3\4\5\6\7", "hostname": b"printer", "boot_file": b"cm/gold.bin",
        "next_server": 0x0A000001, "classes": (11, 13), "options": 4, "overlay": 5,
    }  # fmt: skip
    found = view.find(NUMBERS[1], 0, CLIENT_ID, long)
    assert found is not None
    assert (found["address"], found["identity"], found["network"]) == (0, long, NUMBERS[1])
    anywhere = view.find(0, 77, CLIENT_ID, b"\0anywhere")
    assert anywhere is not None
    assert (anywhere["vrf"], anywhere["network"], anywhere["classes"]) == (77, 0, (12,))


@pytest.mark.parametrize(
    ("network", "vrf", "kind", "identity"),
    [(NUMBERS[1], 0, 2, b"same"), (0, 0, 2, b"same"), (0, 77, 2, b"same"),
     (NUMBERS[0], 0, 3, b"same"), (NUMBERS[0], 0, 2, b"sama"), (NUMBERS[0], 0, 2, b"sam"),
     (NUMBERS[0], 0, 2, b"samee"), (NUMBERS[0], 0, 2, b"")],
)  # fmt: skip
def test_network_vrf_kind_and_octets_count(
    network: int, vrf: int, kind: int, identity: bytes
) -> None:
    view, *_ = made(rows_of({"kind": 2, "identity": b"same", "address": 0x0A000009}))
    assert view.find(NUMBERS[0], 0, 2, b"same") is not None
    assert view.find(network, vrf, kind, identity) is None


def test_random_rows_are_found_as_a_dict_finds_them() -> None:
    """Many alike: few identifiers in many networks, few octets, all lengths; random look-ups."""
    random = Random(3)
    twin: dict[tuple[int, int, int, bytes], int] = {}
    rows, taken = Rows(), set[tuple[int, int]]()
    for _ in range(20_000):
        vrf, first, last, network = random.choice(PREFIXES)
        address = random.randrange(first + 1, last)
        identity = random.randbytes(random.choice((1, 2, 7, 8, 16, 17, 40)))
        kind = random.randrange(1, 10)
        general = random.random() < 0.2
        key = (0 if general else NUMBERS[network], VRFS[vrf] if general else 0, kind, identity)
        place = VRFS[vrf], address
        if key in twin or (not general and place in taken):
            continue
        twin[key] = 0 if general else address
        if not general:
            taken.add(place)
        rows.add(kind=kind, identity=identity, vrf=vrf, address=twin[key])
    view, _, _, troubles = made(rows)
    assert troubles == []
    assert len(view) == len(twin) > 8_000
    assert view.addressed == sum(map(bool, twin.values()))
    for (network, vrf, kind, identity), address in twin.items():
        found = view.find(network, vrf, kind, identity)
        assert found is not None
        assert (found["address"], found["kind"], found["identity"]) == (address, kind, identity)
        if address:
            owner = view.at(found["vrf"], address)
            assert owner == found
    for _ in range(50_000):
        key = (random.choice((0, *NUMBERS)), 0, random.randrange(1, 10), random.randbytes(2))
        assert (view.find(*key) is not None) == (key in twin)
        place = random.choice(VRFS), random.randrange(0x0A000000, 0x0A020000)
        assert (view.at(*place) is not None) == (place in taken)


def test_rows_that_contradict_are_left_out_and_told() -> None:
    part = [
        {"identity": b"first", "address": 0x0A000009},
        {"identity": b"other", "address": 0x0A000009},  # taken
        {"identity": b"first", "address": 0x0A000109},  # of the same network, by another subnet
        {"identity": b"first", "address": 0x0A010009},  # of another network
        {"identity": b"lost", "address": 0x0B000009},
        {"identity": b"edge", "address": 0x0A0000FF},
        {"identity": b"edge", "home": 0x0A000000},
    ]
    again = [{"identity": b"edge", "address": 0x0A000011}, {"identity": b"last"}]
    view, _, _, troubles = made(rows_of(*part), rows_of(*again))
    assert troubles == [
        (Trouble.TROUBLE_ADDRESS_TWICE, 0, 1, 0),
        (Trouble.TROUBLE_IDENTIFIER_TWICE, 0, 2, 0),
        (Trouble.TROUBLE_NO_SUBNET, 0, 4, None),
        (Trouble.TROUBLE_EDGE, 0, 5, None),
        (Trouble.TROUBLE_IDENTIFIER_TWICE, 1, 0, 6),
    ]
    assert len(view) == 4
    assert view.at(0, 0x0A000011) is None


def test_blocks_of_reserved_addresses() -> None:
    rows = rows_of(
        *({"identity": b"%d" % n, "address": 0x0A000000 + n * 16} for n in range(1, 33)),
        {"identity": b"nowhere"}, {"identity": b"blue", "vrf": 1, "address": 0x0A000001},
    )  # fmt: skip
    assert table_blocks([rows]) == [0x0A0000, 0x0A0001, 0x0A0002, 1 << 32 | 0x0A0000]


@pytest.mark.parametrize("size", [0, 63, 64])
def test_what_is_cut_or_foreign_is_refused(size: int) -> None:
    view_of = bytearray(table_size([rows_of({"identity": b"x"})]))
    with pytest.raises(ValueError, match="file table"):
        ReservationsView(bytes(size))
    fill_table(view_of, [rows_of({"identity": b"x"})], array("I", VRFS), array("I"), b"", 0)
    assert len(ReservationsView(view_of)) == 1
    with pytest.raises(ValueError, match="cut"):
        ReservationsView(view_of[:-64])


# ---- fields of a cell that are narrower than what is written into them

def test_a_class_whose_id_does_not_fit_is_told_and_never_cut() -> None:
    """65,536 would be 0: no class at all; 65,538 another one."""
    rows = rows_of(
        {"identity": b"a1", "address": 0x0A000001, "classes": (1,)},
        {"identity": b"a2", "address": 0x0A000002, "classes": (1, 2)},
        {"identity": b"a3", "address": 0x0A000003, "classes": (3,)},
    )
    view, _, _, troubles = made(rows, classes=(CLASS_ID_MAX, CLASS_ID_MAX + 1, 2))
    assert troubles == [(Trouble.TROUBLE_CLASS, 0, 1, None)]
    assert view.row(0)["classes"] == (CLASS_ID_MAX,)
    assert view.at(0, 0x0A000002) is None
    assert [view.row(n)["classes"] for n in range(len(view))] == [(CLASS_ID_MAX,), (2,)]


@pytest.mark.parametrize("too_long", [
    {"identity": bytes(256)}, {"identity": b""}, {"identity": b"a1", "hostname": bytes(256)},
    {"identity": b"a1", "boot_file": bytes(128)}, {"identity": b"a1", "classes": (1, 2, 3, 1, 2)},
])  # fmt: skip
def test_a_row_with_more_than_its_cell_holds_is_none(too_long: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"a reservation has|longer than a reservation may"):
        rows_of(too_long)
    whole = rows_of({"identity": bytes(255), "hostname": bytes(255), "boot_file": bytes(127)})
    row = made(whole)[0].row(0)
    assert [len(row[name]) for name in ("identity", "hostname", "boot_file")] == [255, 255, 127]


def test_rows_that_take_over_4_gib_are_told() -> None:
    rows = Rows()
    for number in range(20_000):
        rows.add(kind=CLIENT_ID, identity=b"%0255d" % number, hostname=bytes(255))
    with pytest.raises(OverflowError, match="at most 4 GiB fit: write fewer"):
        table_size([rows] * 380)
    assert table_size([rows] * 300) < 4 << 30
