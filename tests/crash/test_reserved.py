"""The campaign's own rules on reservations: what they let pass, and what they complain of."""

import dataclasses

import pytest

from tests.crash.clients import Client, Link
from tests.crash.reserved import Reserved, class_of

LONG, SHORT = Link(1, 64.0), Link(2, 1.0, (2, 5))
OWNER, OTHER = (Client(n, LONG, (bytes((n,)),)) for n in (4, 5))
NEW = Client(7, SHORT, (b"7",))
OWN, LATE, GHOST = 0x0A4E0101, 0x0A4F0101, 0x0A4E0102


@pytest.fixture
def book() -> Reserved:
    """One that is there from the start, and two late ones on addresses that OTHER holds."""
    made = Reserved()
    made.keep(OWN, OWNER)
    short = dataclasses.replace(OTHER, link=SHORT)
    made.choose_late({GHOST: OTHER, LATE: short}, [NEW])
    assert made.late == {GHOST: None, LATE: NEW}
    return made


def in_force(book: Reserved) -> Reserved:
    book.switch()
    book.since_s = 100.0
    return book


def test_a_reserved_address_is_told_to_nobody_else(book: Reserved) -> None:
    assert book.given(OWNER, OWN, 1.0) == ""
    assert book.given(OTHER, OWN, 1.0) == "10.78.1.1 told to 5, reserved for 4"
    assert [book.given(OTHER, address, 1.0) for address in (GHOST, LATE)] == ["", ""]
    in_force(book)
    assert book.given(OTHER, GHOST, 101.0).endswith("reserved for somebody who never came")
    assert book.given(OTHER, LATE, 101.0) == "10.79.1.1 told to 5, reserved for 7"
    assert book.given(OTHER, GHOST, 99.0) == ""  # asked before all went by it
    book.unsure()
    assert book.given(OTHER, GHOST, 101.0) == ""
    assert book.given(OTHER, OWN, 101.0) != ""  # this one stays through every reload


def test_a_client_is_told_its_own_once_that_can_be(book: Reserved) -> None:
    assert book.given(OWNER, GHOST, 1.0) == "4 is told 10.78.1.2, 10.78.1.1 is reserved for it"
    book.declined(OWN, 10.0)
    assert book.given(OWNER, 0x0A4E0103, 17.0) == ""  # in quarantine
    assert book.given(OWNER, 0x0A4E0103, 19.0) != ""
    in_force(book)
    assert book.given(NEW, 0x0A4F0102, 101.0) == ""  # somebody holds it
    assert book.given(NEW, LATE, 102.0) == ""
    assert book.given(NEW, 0x0A4F0102, 103.0) == "7 is told 10.79.1.2, 10.79.1.1 is reserved for it"


def test_only_a_reservation_may_take_a_right_to_renew(book: Reserved) -> None:
    assert book.may_lose(OTHER, GHOST)
    assert book.may_lose(NEW, 0x0A4F0102)
    assert not book.may_lose(NEW, LATE)
    assert not book.may_lose(OTHER, OWN + 7)


def test_bits_are_wanted_of_what_all_go_by(book: Reserved) -> None:
    assert book.bits() is None
    assert in_force(book).bits() == {OWN, LATE, GHOST}
    book.switch()
    assert book.bits() is None
    book.since_s = 200.0
    assert book.bits() == {OWN}


def test_a_lease_keeps_the_first_class_of_its_client() -> None:
    assert [class_of(b"\x01\x01c", b"id"), class_of(b"", b"id"), class_of(b"", b"")] == [
        "ported", "named", None,
    ]  # fmt: skip
