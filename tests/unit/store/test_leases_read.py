"""What a start says that it has read."""

from fastdhcp.store.recovery import bits_set
from tests.world import World

POLICY = """
[[subnets]]
subnet = "10.77.0.0/22"
pools = ["10.77.1.1-10.77.1.20"]
[[subnets.reservations]]
hw-address = "02:ee:00:00:00:09"
address = "10.77.1.200"
[[subnets.reservations]]
hw-address = "02:ee:00:00:00:0a"
address = "10.77.2.63"
"""


def test_addresses_that_are_reserved_and_nobodys_are_no_leases(tmp_path):
    world = World(tmp_path, POLICY)
    assert bits_set(world.fds["bits"]) == 0
    for client in (1, 2, 9):
        world.select(world.discover(client).address, client)
    assert bits_set(world.fds["bits"]) == 3
