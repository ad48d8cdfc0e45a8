"""Allocation goes round: which address a new client gets, after reloads, releases and restarts."""

import pytest

from fastdhcp._store import sweep
from tests.segments import make_memory
from tests.world import World

LATELY_S = 600
"""So long after its end an address is given last."""
POOL = """
[defaults]
lease-time = {lease}
offer-hold = 1
[[subnets]]
subnet = "10.77.0.0/22"
interface = "srv0"
pools = ["10.77.1.1-10.77.1.{last}"]
"""


def text(last: int = 40, lease: int = 3600) -> str:
    return POOL.format(last=last, lease=lease)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, text())


def second_worker(world: World) -> World:
    """The same table as another worker sees it."""
    other = World.__new__(World)
    other.__dict__ |= world.__dict__
    other.memory = make_memory(1, fds=world.fds)
    other.memory.set_image(world.policy["image"])
    return other


def test_a_reload_goes_on_where_the_old_policy_was(world):
    assert [world.bind(mac) for mac in (1, 2, 3)] == ["10.77.1.1", "10.77.1.2", "10.77.1.3"]
    world.release("10.77.1.1", 1)
    world.set_now(world.now + LATELY_S + 1)
    world.configure(text(lease=7200))
    assert world.bind(4) == "10.77.1.4"


def test_a_worker_begins_where_the_others_are(world):
    assert [world.bind(mac) for mac in (1, 2, 3)] == ["10.77.1.1", "10.77.1.2", "10.77.1.3"]
    world.release("10.77.1.1", 1)
    world.set_now(world.now + LATELY_S + 1)
    other = second_worker(world)
    other.now = world.now
    assert other.bind(4) == "10.77.1.4"


def test_an_address_that_ended_lately_just_ahead_of_the_cursor_is_passed_over(world):
    for mac in range(1, 41):
        world.bind(mac)
    world.release("10.77.1.2", 2)  # the cursor is at the end: .2 is the first it will come to
    world.set_now(world.now + LATELY_S - 1)
    world.release("10.77.1.30", 30)
    world.set_now(world.now + 2)  # .2 has been free for ten minutes, .30 for seconds
    assert world.bind(41) == "10.77.1.2"


def test_the_time_of_the_end_counts_not_the_order_of_addresses(world):
    for mac in range(1, 41):
        world.bind(mac)
    world.release("10.77.1.9", 9)
    world.set_now(world.now + 60)
    world.release("10.77.1.3", 3)
    # Both ended lately; .3 comes first, .9 has waited longer.
    assert world.bind(41) == "10.77.1.9"
    assert world.bind(42) == "10.77.1.3"


def test_one_free_address_is_given_however_lately_it_ended(world):
    for mac in range(1, 41):
        world.bind(mac)
    world.release("10.77.1.7", 7)
    assert world.bind(41) == "10.77.1.7"
    assert world.discover(42).text == "silence: pool-exhausted"


def test_never_more_than_sixteen_are_passed_over(tmp_path):
    """Of twenty that ended lately, and one after them that did long ago, the search ends before."""
    world = World(tmp_path, text(last=21))
    for mac in range(1, 22):
        world.bind(mac)
    world.release("10.77.1.21", 21)
    world.set_now(world.now + LATELY_S + 1)
    for mac in range(1, 21):
        world.release(f"10.77.1.{mac}", mac)
        world.set_now(world.now + 1)
    assert world.bind(99) == "10.77.1.1"
    assert world.bind(98) == "10.77.1.21"


def test_a_lease_that_ran_out_ended_at_its_expiry(world):
    for mac in range(1, 41):
        world.bind(mac)
    world.set_now(world.now + 3600 + 70)
    sweep(world.memory, 0, 1 << 20)
    assert world.bind(50) == "10.77.1.1"  # all ended at once: the first will do


def test_what_was_seen_full_is_looked_at_again_with_a_new_policy(tmp_path):
    world = World(tmp_path, text(last=4) + 'exclude = ["10.77.1.4"]')
    for mac in (1, 2, 3):
        world.bind(mac)
    assert world.discover(4).text == "silence: pool-exhausted"
    world.configure(text(last=4))
    assert world.bind(4) == "10.77.1.4"
