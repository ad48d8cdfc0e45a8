"""Numbers for VRFs, subnets and classes: stable, on disk, never used for another."""

import pytest

from fastdhcp.store.database import Database
from fastdhcp.store.ids import Ids

FIRST = {
    "vrfs": ["blue", "red"],
    "subnets": [["", "10.0.0.0/8"], ["blue", "10.0.0.0/8"], ["red", "10.1.0.0/16"]],
    "classes": ["phones"],
}


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / "leases")
    yield made
    made.close()


def assign(database, names):
    """A start of the store: load, assign, save."""
    ids = Ids.load(database)
    found = ids.assign(names)
    if ids.changed:
        with database.write() as transaction:
            ids.save(transaction)
        ids.saved()
    return found


def test_numbers_begin_at_one_and_the_default_vrf_is_zero(database):
    assert assign(database, FIRST) == {
        "vrfs": {"blue": 1, "red": 2},
        "subnets": [1, 2, 3],
        "classes": {"phones": 1},
    }


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ({"subnets": [["red", "10.1.0.0/16"]]}, [3]),
        ({"subnets": [["red", "10.1.0.0/16"], ["", "10.0.0.0/8"]]}, [3, 1]),
        ({"subnets": [["", "10.1.0.0/16"]]}, [4]),
        ({"subnets": [["blue", "10.1.0.0/16"], ["blue", "10.0.0.0/8"]]}, [4, 2]),
        ({"vrfs": ["green"], "subnets": [["green", "10.0.0.0/8"]]}, [4]),
        ({"subnets": []}, []),
        ({}, []),
    ],
    ids=["kept", "another order", "same prefix, default VRF", "same prefix, another VRF",
         "a new VRF", "none left", "nothing said"],
)  # fmt: skip
def test_a_subnet_is_known_by_vrf_and_prefix(database, names, wanted):
    assign(database, FIRST)
    assert assign(database, names)["subnets"] == wanted


def test_what_went_keeps_its_number(database):
    assign(database, FIRST)
    assign(database, {"vrfs": ["green"], "subnets": [["green", "10.9.0.0/16"]]})
    again = assign(database, {**FIRST, "vrfs": ["blue", "green", "red"]})
    assert again["vrfs"] == {"blue": 1, "green": 3, "red": 2}
    assert again["subnets"] == [1, 2, 3]


def test_what_was_not_saved_was_never_given(database):
    assert Ids.load(database).assign(FIRST)["subnets"] == [1, 2, 3]
    assert assign(database, {"subnets": [["", "10.5.0.0/16"]]})["subnets"] == [1]


def test_nothing_new_is_nothing_to_save(database):
    assign(database, FIRST)
    ids = Ids.load(database)
    ids.assign(FIRST)
    assert not ids.changed
