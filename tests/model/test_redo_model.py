"""Every interleaving of workers, the redo log, the database and deaths with or without the power:
no acknowledged lease is lost, no batch is taken for another, and the journal has no gap.

Each rule of the order is needed: with any one of them taken out there is a way to harm.
"""

import pytest

from tests.model.explore import explore
from tests.model.redo import RULES, Bounds, Model

SHORT = (
    Bounds(3, 2),
    Bounds(2, 2, failures=1, full=1),
    Bounds(2, 1, failures=1, full=1, passes=1),
    Bounds(2, 2, acts=1),
    Bounds(2, 1, acts=2),
)
LONG = (
    Bounds(5, 2),
    Bounds(3, 4),
    Bounds(3, 2, failures=1, full=1),
    Bounds(3, 2, failures=2),
    Bounds(3, 2, passes=1),
    Bounds(2, 2, failures=1, full=1, passes=1),
    Bounds(2, 1, failures=1, full=1, passes=1, acts=1),
    Bounds(2, 2, passes=2),
    Bounds(3, 2, acts=2),
    Bounds(2, 3, failures=1, acts=1),
    Bounds(2, 2, acts=3),
)
"""A minute and a half."""
FAILING = Bounds(2, 2, failures=1, full=1)
FOUND_IN = {
    "goes-on": Bounds(2, 1, acts=2),
    "run": Bounds(2, 1, acts=1),
    "rebuilt-above": Bounds(1, 2, acts=1),
    "database's-last": Bounds(2, 1, passes=1),
}
"""Where the other rules are not enough to see what one is for."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The larger bounds with --long."""
    if "bounds" in metafunc.fixturenames:
        is_long = metafunc.config.getoption("--long")
        metafunc.parametrize("bounds", SHORT + LONG if is_long else SHORT, ids=_words)


def _words(bounds: Bounds) -> str:
    return ", ".join(f"{count} {name}" for name, count in bounds._asdict().items() if count)


def test_no_interleaving_does_harm(bounds: Bounds) -> None:
    states, way = explore(Model(bounds))
    assert way == []
    assert states > 5_000


def test_two_workers_of_two_rings_are_no_other_case(pytestconfig: pytest.Config) -> None:
    bounds = Bounds(3, 2) if pytestconfig.option.long else Bounds(2, 2)
    states, way = explore(Model(bounds, rings=2))
    assert way == []
    assert states > 20_000


@pytest.mark.parametrize("rule", RULES)
def test_without_any_one_rule_there_is_a_way_to_harm(rule: str) -> None:
    assert explore(Model(FOUND_IN.get(rule, FAILING), rule))[1], RULES[rule]


def test_a_log_that_starts_over_early_loses_what_was_told() -> None:
    """The commit can be seen, and is not on disk when the power goes."""
    _, way = explore(Model(FAILING, "database-synced"))
    assert way[-1] == "an acknowledged lease is lost"
    assert way.index("the log starts over") < way.index("power cut")


def test_a_frame_behind_one_that_failed_is_not_found() -> None:
    _, way = explore(Model(FAILING, "given-up"))
    assert way.index("frame fails") < way.index("frame synced") < way.index("a successor attaches")
    assert way[-1] == "positions on disk are behind those that were published"


def test_a_log_that_went_and_came_back_is_not_taken_for_the_new_files() -> None:
    """Its name goes, new files are made of memory, and after a power cut the name is there."""
    _, way = explore(Model(FOUND_IN["rebuilt-above"], "rebuilt-above"))
    assert way.index("the log is removed under it") < way.index("a successor makes new files")
    assert way[-1] == "a batch stands on others than those that it was made behind"
