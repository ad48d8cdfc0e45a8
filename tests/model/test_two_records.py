"""Every interleaving of two nodes that hear of one address, and of the clients that ask either.

When all is delivered both have the same; no answer is answered for ever; nobody gets an address
while another's promise runs, nobody is told more than the peer knows or MCLT; what nobody renews is
free in the end, on both. Without most of its rules there is a way to harm; for the others it takes
what is not here.
"""

import pytest

from fastdhcp._merge import merge
from tests.model.explore import explore
from tests.model.merge_twin import RULES, Twin
from tests.model.two_records import Bounds, Inc, Model

CROSSING = Bounds(2, releases=2, clients=1, left_out=1)
LEFT_OUT = Bounds(2, releases=1, clients=1, left_out=1)
SKIPPED = Bounds(2, releases=2, clients=1, left_out=3, again=1)
SHORT = (
    Bounds(3, releases=1),
    Bounds(2, ticks=1),
    Bounds(1, ends=2),
    Bounds(2, releases=1, declines=1),
    Bounds(2, releases=1, clients=1, gives=1),
    Bounds(1, ticks=5, clients=1),
    CROSSING,
)
LONG = (
    Bounds(4, releases=1),
    Bounds(3, releases=1, declines=1, ends=1),
    Bounds(2, releases=1, gives=2, ticks=1, left_out=1),
    Bounds(1, releases=1, ticks=5, clients=1),
    SKIPPED,
    Bounds(3, releases=2, clients=1, left_out=1),
)
"""A minute and a half."""
FOUND_IN = {
    "newer-unheard": (CROSSING, 0),
    "newer-refused": (SKIPPED, 0),
    "raised": (CROSSING, 1),
    "older-revives": (CROSSING, 0),
    "this-incarnation": (CROSSING, 0),
    "max": (Bounds(1, ends=1, ticks=1), 0),
    "declined-wins": (Bounds(2, declines=1), 0),
    "ended-stays": (Bounds(1, ends=2), 0),
    "newer-details": (Bounds(2), 0),
    "home-rests": (Bounds(2, ticks=1), 1),
    "mine-again": (LEFT_OUT, 0),
    "unheard-refuses": (LEFT_OUT, 0),
    "answer-is-change": (Bounds(2), 0),
}
"""Bounds and transit in which a rule is missed."""
NOT_HERE = {
    "higher-wins": "two epochs",
    "same-client": "a stale update after the address was given anew",
    "home-revives": "a page that was seized",
    "lost-store-refuses": "a lost store",
    "expiry-refuses": "clocks of two rates",
    "own-more": "a clock that jumped: what the peer has not is kept by newer-unheard",
    "acked-anew": "a peer that is declared down",
    "adds-nothing": "a count of writes: home-rests ends it",
}
"""What it would take to miss the others. Each is one row of the table."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The larger bounds with --long."""
    if "bounds" in metafunc.fixturenames:
        is_long = metafunc.config.getoption("--long")
        metafunc.parametrize("bounds", SHORT + LONG if is_long else SHORT, ids=_words)


def _words(bounds: Bounds) -> str:
    return ", ".join(f"{count} {name}" for name, count in bounds._asdict().items() if count)


@pytest.mark.parametrize("transit", [0, 1])
def test_no_interleaving_does_harm(bounds: Bounds, transit: int) -> None:
    states, way = explore(Model(bounds, merge, transit))
    assert way == []
    assert states > 100


@pytest.mark.parametrize("rule", FOUND_IN)
def test_without_a_rule_there_is_a_way_to_harm(rule: str) -> None:
    bounds, transit = FOUND_IN[rule]
    assert explore(Model(bounds, Twin(rule).merge, transit))[1], RULES[rule]


def test_what_is_proposed_never_lives_again_under_its_incarnation() -> None:
    """Its client asks at home while the peer agrees."""

    def same(inc: Inc) -> Inc:
        return inc

    _, way = explore(Model(Bounds(1, releases=1), Twin("new-incarnation").merge, revived=same))
    assert way[-1] == "told more than the peer knows"


def test_each_rule_is_missed_or_it_is_said_why_not() -> None:
    assert sorted([*FOUND_IN, *NOT_HERE, "new-incarnation"]) == sorted(RULES)


def test_two_changes_that_cross_do_not_answer_each_other_for_ever() -> None:
    """Of the same second; each time gains a second on its way."""
    bounds, transit = FOUND_IN["home-rests"]
    _, way = explore(Model(bounds, Twin("home-rests").merge, transit))
    assert way[-1] == "echoes do not end"
    assert explore(Model(bounds, merge, transit))[1] == []


def test_an_extension_that_a_newer_incarnation_meets_is_not_forgotten() -> None:
    """The peer takes the revival over it, agrees to its proposal, and only that is sent."""
    bounds, transit = FOUND_IN["newer-unheard"]
    _, way = explore(Model(bounds, Twin("newer-unheard").merge, transit))
    assert way[-1] == "it is given while its promise runs"
    assert "one to a is left out" in way
