"""Offers that stand, and messages of one second: what is kept, and what is recorded."""

import pytest

from fastdhcp import _store
from fastdhcp._leases import BindingState
from tests.world import INFINIBAND, World, number

POOL = """
[defaults]
lease-time = 3600
lease-time-max = 7200
{defaults}
[[subnets]]
subnet = "10.77.0.0/22"
interface = "srv0"
pools = ["{pool}"]
{subnet}
"""


def text(pool="10.77.1.1-10.77.1.20", defaults="", subnet=""):
    return POOL.format(pool=pool, defaults=defaults, subnet=subnet)


ELSEWHERE = '[[subnets.reservations]]\nhw-address = "02:ee:00:00:00:63"\naddress = "10.77.1.1"\n'


# ---- a held address that is no longer allowed


@pytest.mark.parametrize("changed", [
    text("10.77.2.1-10.77.2.20"), text(subnet='exclude = ["10.77.1.1"]'), text(subnet=ELSEWHERE),
], ids=["pool removed", "excluded", "reserved for another"])
def test_who_may_not_keep_its_address_keeps_what_it_was_offered(tmp_path, changed):
    world = World(tmp_path, text())
    held = world.bind(1)
    world.configure(changed)
    offered = world.discover(1).address
    assert offered not in ("", held)
    for _ in range(5):
        assert world.discover(1).address == offered
    assert world.select(offered, 1).text == f"ACK {offered}"
    assert world.state(held) == BindingState.PENDING
    assert world.discover(1).address == offered


def test_and_so_it_is_when_it_held_one_before_that(tmp_path):
    world = World(tmp_path, text())
    held = world.bind(1)
    world.release(held, 1)
    world.configure(text("10.77.2.1-10.77.2.20"))
    assert {world.discover(1).address for _ in range(5)} == {"10.77.2.1"}


# ---- an offer of one's own lease that has ended


def expired(tmp_path, defaults="", after=3602 + 60):
    """A lease whose reuse-grace has 4 seconds left."""
    world = World(tmp_path, text("10.77.1.1-10.77.1.1", defaults))
    world.bind(1)
    world.set_now(world.now + after)
    return world


def sweep(world, seconds=0):
    world.set_now(world.now + seconds)
    _store.sweep(world.memory, 0, 1000)
    return world.state("10.77.1.1")


def test_an_offer_of_ones_own_ended_lease_is_held_as_any_is(tmp_path):
    world = expired(tmp_path)
    assert world.discover(1).text == "OFFER 10.77.1.1"
    assert sweep(world, 30) == BindingState.ACTIVE  # the grace is over
    assert world.discover(2).text == "silence: pool-exhausted"
    assert world.select("10.77.1.1", 1).text == "ACK 10.77.1.1"
    assert sweep(world, 40) == BindingState.ACTIVE


def test_it_lapses_as_any_does(tmp_path):
    world = expired(tmp_path)
    world.discover(1)
    assert sweep(world, 59) == BindingState.ACTIVE
    assert sweep(world, 2) == BindingState.FREE
    assert world.discover(2).text == "OFFER 10.77.1.1"


def test_no_hold_no_offer(tmp_path):
    world = expired(tmp_path, "offer-hold = 0")
    assert world.discover(1).text == "OFFER 10.77.1.1"
    assert sweep(world, 5) == BindingState.FREE


def test_a_lease_that_outlives_the_offer_needs_none(tmp_path):
    world = World(tmp_path, text())
    address = world.bind(1)
    before = world.memory.lease(0, number(address))
    assert world.discover(1).address == address
    after = world.memory.lease(0, number(address))
    assert (after.offer_until, after.version) == (0, before.version)


def test_a_release_ends_that_offer_too(tmp_path):
    world = expired(tmp_path)
    world.discover(1)
    assert world.release("10.77.1.1", 1).text == "silence: done"
    assert world.discover(2).text == "OFFER 10.77.1.1"


# ---- a second message within the second


NEWS = {
    "host name": {12: b"laptop"},
    "circuit": {82: b"\1\4eth9"},
    "client identifier": {61: b"\0\1\2"},
    "longer time": {51: (7200).to_bytes(4, "big")},
}


@pytest.mark.parametrize("news", NEWS)
@pytest.mark.parametrize("says", ["reboot", "renew", "select"])
def test_what_is_new_within_the_second_is_recorded(tmp_path, news, says):
    server = '[server]\nworkers = 2\nidentity = ["hw-address"]\n'
    world = World(tmp_path, server + text())
    address = world.bind(1)
    known = {12: b"desktop", 82: b"\1\4eth7", 61: b"\0\0\0"}
    assert getattr(world, says)(address, 1, options=dict(known)).text == f"ACK {address}"
    version = world.memory.lease(0, number(address)).version
    again = getattr(world, says)(address, 1, options=dict(known))
    assert again.text == f"ACK {address}"
    assert world.memory.lease(0, number(address)).version == version
    answer = getattr(world, says)(address, 1, options=known | NEWS[news])
    lease = world.memory.lease(0, number(address))
    assert lease.version == version + 1
    said = known | NEWS[news]
    assert (lease.hostname, lease.relay_info, lease.client_id) == (said[12], said[82], said[61])
    assert (answer.lease_s, lease.expiry) == (
        (7200, world.now + 7202) if 51 in said else (3600, world.now + 3602))


def test_other_hardware_within_the_second_is_recorded(tmp_path):
    world = World(tmp_path, text())
    who = {61: b"\0\1\2"}
    address = world.bind(1, options=who)
    assert world.reboot(address, 2, options=dict(who)).text == f"ACK {address}"
    assert world.memory.lease(0, number(address)).chaddr == b"\2\xee\0\0\0\2"


def test_who_has_no_hardware_address_is_heard_once_a_second_too(tmp_path):
    world = World(tmp_path, text())
    who = {"htype": INFINIBAND, "options": {61: b"\xff\0\0\0\1\0\4port"}}
    address = world.bind(1, **who)
    lease = world.memory.lease(0, number(address))
    for _ in range(3):
        assert world.select(address, 1, **who).text == f"ACK {address}"
    assert world.memory.lease(0, number(address)).version == lease.version


def test_what_is_left_unsaid_within_the_second_changes_nothing(tmp_path):
    world = World(tmp_path, text())
    address = world.bind(1, options={12: b"laptop", 61: b"\0\1\2"})
    lease = world.memory.lease(0, number(address))
    world.reboot(address, 1, options={61: b"\0\1\2"})
    assert world.memory.lease(0, number(address)).version == lease.version
