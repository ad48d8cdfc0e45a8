"""Every interleaving of two workers that enter blocks, with a death and an attach: no block has two
numbers, no number two blocks, none is wasted that is not counted, and what the store copies is what
was acknowledged.

Each rule of the order is needed: with any one of them taken out there is a way to harm.
"""

import pytest

from tests.model.directory import RULES, Model
from tests.model.explore import explore


@pytest.mark.parametrize("spared", [False, True], ids=["no spare", "a spare"])
def test_no_interleaving_does_harm(spared: bool) -> None:
    states, way = explore(Model(spared=spared))
    assert way == []
    assert states > 100_000


@pytest.mark.parametrize("rule", RULES)
def test_without_any_one_rule_there_is_a_way_to_harm(rule: str) -> None:
    spared = rule == "taken-first"
    assert explore(Model(rule, spared=spared))[1], RULES[rule]


def test_a_number_that_nobody_entered_would_overwrite_what_is_on_disk() -> None:
    """Its row says the block of another's number, and its records are zeros."""
    assert explore(Model("named"))[1][-1] == "an acknowledged lease is not on disk"
