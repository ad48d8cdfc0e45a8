"""Leases that a new policy leaves without a pool: who holds one is refused at the next renewal."""

from fastdhcp._owners import stranded
from tests.world import World

POOL = '[[subnets]]\nsubnet = "10.77.0.0/22"\npools = ["{}"]\n'
HEAD = "[defaults]\nauthoritative = true\n"
ALL = 1 << 20
OWN = '''[[subnets.reservations]]
hw-address = "02:ee:00:00:00:03"
address = "{}"
'''


def leases(world: World, *clients: int) -> list[str]:
    given = []
    for client in clients:
        given.append(world.discover(client).address)
        assert world.select(given[-1], client).text == f"ACK {given[-1]}"
    return given


def test_leases_that_no_pool_gives_any_more_are_counted_by_subnet(tmp_path):
    world = World(tmp_path, HEAD + POOL.format("10.77.1.1-10.77.1.250"))
    addresses = leases(world, *range(1, 71))
    assert stranded(world.memory, ALL) == {}
    world.configure(HEAD + POOL.format("10.77.1.9-10.77.1.9"))
    kept = "10.77.1.9" in addresses
    assert stranded(world.memory, ALL) == {(0, 1): 70 - kept}
    assert stranded(world.memory, 10) == {(0, 1): 10}
    lost = next(i for i, address in enumerate(addresses) if address != "10.77.1.9")
    assert world.reboot(addresses[lost], lost + 1).text == "NAK"
    world.configure(HEAD)
    assert stranded(world.memory, ALL) == {(0, 1): 70}


def test_a_lease_that_is_its_clients_by_a_reservation_is_none_of_them(tmp_path):
    world = World(tmp_path, HEAD + POOL.format("10.77.1.1-10.77.1.9"))
    other, own = leases(world, 2, 3)
    gone = HEAD + POOL.format("10.77.2.1-10.77.2.9")
    world.configure(gone + OWN.format(own))
    assert stranded(world.memory, ALL) == {(0, 1): 1}
    assert world.reboot(own, 3).text == f"ACK {own}"
    world.configure(gone + OWN.format(other))
    assert stranded(world.memory, ALL) == {(0, 1): 2}


def test_a_lease_that_has_ended_is_nobodys_loss(tmp_path):
    world = World(tmp_path, HEAD + POOL.format("10.77.1.1-10.77.1.9"))
    leases(world, 1)
    world.configure(HEAD)
    world.set_now(world.now + 10_000_000)
    assert stranded(world.memory, ALL) == {}
