"""The whole server dies, again and again, at one step of Apply or one point of the store's work.

tests/model cuts each step with bare processes, tests/crash/test_store_kills.py each point of the
store with a rig; here it is the server under load, with everything that can be under way.
"""

import secrets

import pytest

from tests.crash.campaign import Campaign
from tests.crash.site import Site
from tests.lab import Lab

pytestmark = [pytest.mark.net, pytest.mark.timeout(900)]

APPLY_STEPS = [*range(1, 17), *range(20, 24)]
"""Numbered at the head of fastdhcp/_journal.pyx."""
ENTER_STEPS = [24, 25, 26]
"""Of a block that is entered: numbered there, too."""
APPLY_STEPS_SHORT = [3, 6, 7, 9, 12, 14, 15, 21, 22]
STORE_POINTS = {
    "commit-before-take": 300,
    "commit-after-take": 300,
    "log-before-write": 300,
    "log-before-sync": 300,
    "log-after-sync": 300,
    "commit-before-sync": 10,
    "commit-after-sync": 10,
    "commit-settled": 300,
    "commit-woken": 300,
    "checkpoint-begun": 2,
    "checkpoint-copied": 30,
    "checkpoint-put": 30,
    "checkpoint-end-before-sync": 2,
    "checkpoint-end-after-sync": 2,
    "trim-before": 5,
    "trim-after": 5,
}
"""Points, and when a store comes by for the how-manieth time it dies there: late enough that each
successor gets something done before its own turn comes."""
STORE_POINTS_SHORT = ["log-before-sync", "log-after-sync", "commit-after-sync", "trim-after"]
CHANGES = 600
"""Of one worker, before it dies at its step."""
LOAD_S, LOAD_LONG_S = 1.5, 4.0
WAIT_S = 400.0
"""For two deaths: a machine that is busy with other things makes few changes a second."""


def die_and_die_again(
    lab: Lab, crash: str, load_s: float, *, spread: bool = False, exchanges_min: int = 500
) -> None:
    """Load until two have died there, and on; then all sides agree, then a start from disk."""
    seed = secrets.randbelow(1 << 32)
    print(f"{crash} seed {seed}")
    site = Site(lab, seed, workers=2, spread=spread)
    site.start(crash)
    campaign = Campaign(site, seed)
    site.pack.run(load_s)
    site.expect(lambda: site.deaths() >= 2, WAIT_S, "two deaths at that step")
    campaign.audit()
    campaign.kill_all()
    campaign.audit()
    report = campaign.report()
    assert not campaign.faults, report
    assert sum(site.pack.done) > exchanges_min, report


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The whole tables with --long."""
    is_long = metafunc.config.getoption("--long")
    for name, whole, short in (
        ("step", APPLY_STEPS, APPLY_STEPS_SHORT),
        ("point", list(STORE_POINTS), STORE_POINTS_SHORT),
    ):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, whole if is_long else short)


@pytest.fixture
def load_s(request: pytest.FixtureRequest) -> float:
    return LOAD_LONG_S if request.config.getoption("--long") else LOAD_S


def test_a_worker_dies_at_a_step_of_apply(lab: Lab, step: int, load_s: float) -> None:
    die_and_die_again(lab, f"worker:{step}:{CHANGES}", load_s)


@pytest.mark.parametrize("enter_step", ENTER_STEPS)
def test_a_worker_dies_where_it_enters_a_block(lab: Lab, enter_step: int, load_s: float) -> None:
    """Each enters one and dies at the next, soon: there are many, and each comes into use."""
    crash = f"worker:{enter_step}:2"
    die_and_die_again(lab, crash, 2 * load_s, spread=True, exchanges_min=100)


def test_the_store_dies_at_a_point(lab: Lab, point: str, load_s: float) -> None:
    die_and_die_again(lab, f"store:{point}:{STORE_POINTS[point]}", load_s)
