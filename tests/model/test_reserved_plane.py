"""Every interleaving of reloads, workers and deaths: whoever goes by a generation that reserves an
address gives it to nobody else, nobody's address is in two hands, and no bit stays for ever.

Each rule of the order is needed: with any one of them taken out there is a way to harm.
"""

import itertools

import pytest

from tests.model.explore import explore
from tests.model.reserved_plane import RULES, Model

HISTORIES = [*itertools.product((False, True), repeat=3), (False, True, False, True)]
"""Whether the address is reserved: at the start, and after each reload."""


@pytest.mark.parametrize("reserves", HISTORIES, ids=str)
def test_no_interleaving_does_harm(reserves: tuple[bool, ...]) -> None:
    states, way = explore(Model(reserves))
    assert way == []
    assert states > 3000


@pytest.mark.parametrize("rule", RULES)
def test_without_any_one_rule_there_is_a_way_to_harm(rule: str) -> None:
    assert any(explore(Model(reserves, rule))[1] for reserves in HISTORIES), RULES[rule]


def test_a_bit_that_comes_late_gives_the_owners_address_away() -> None:
    """A worker that starts, or takes the generation, before the bit is set sees no reservation."""
    _, way = explore(Model((False, True), "mark-first"))
    assert way[-1] == "reserved in generation 1 of worker 0, and given away"
    assert "1 in force" in way and "bits of 1 set" not in way


def test_a_bit_that_goes_early_gives_it_away_under_who_is_behind() -> None:
    _, way = explore(Model((True, False), "all-posted"))
    assert way[-1] == "reserved in generation 0 of worker 0, and given away"
    assert way.index("bits cleared") < way.index("worker 0 decides for 2")


def test_who_offers_it_while_it_is_being_reserved_is_not_overruled() -> None:
    """The decision was made by the old generation: the client has it, and the owner waits."""
    _, way = explore(Model((False, True), "compare"))
    assert way[-1] == "in two hands"
