"""Whose packet it is and who answers: the server's address, and the VRF that is never guessed."""

from ipaddress import IPv4Interface

import pytest

from tests.world import Link, World

LOCAL = """
[[subnets]]
subnet = "10.77.0.0/22"
interface = "srv0"
pools = ["10.77.1.1-10.77.1.20"]
"""
BLUE = """
[[subnets]]
subnet = "10.77.0.0/22"
vrf = "blue"
interface = "blue0"
pools = ["10.77.1.1-10.77.1.20"]
"""


def links(*addresses):
    return (Link(3, "srv0", tuple(map(IPv4Interface, addresses))),
            Link(5, "up0", (IPv4Interface("192.0.2.1/24"),)))


# ---- option 54


def test_54_is_never_0_and_it_comes_back_by_itself(tmp_path):
    world = World(tmp_path, LOCAL, links("10.77.0.1/22"))
    address = world.bind(1)
    world.links = links()
    world.configure(LOCAL)
    nowhere = {"local": "0.0.0.0"}
    assert world.discover(2, **nowhere).text == "silence: no-server-address"
    for says in (world.reboot, world.rebind):
        assert says(address, 1, **nowhere).text == "silence: no-server-address"
    answer = world.select("10.77.1.9", 2, server="0.0.0.0", **nowhere)
    assert answer.text == "silence: no-server-address"
    world.links = links("10.77.0.9/22")
    world.configure(LOCAL)
    answer = world.discover(2)
    assert (answer.text, answer.server) == ("OFFER 10.77.1.2", "10.77.0.9")


@pytest.mark.parametrize(("named", "answers"), [
    ("10.77.0.1", "10.77.0.1"), ("192.0.2.1", "192.0.2.1"),
])
def test_4_3_2_who_names_an_address_of_ours_is_answered_by_it(tmp_path, named, answers):
    """dnsmasq and Kea: an offer told one address, the REQUEST is routed to another."""
    world = World(tmp_path, LOCAL, links("10.77.0.1/22", "10.77.0.2/22"))
    address = world.discover(1).address
    for to, local in (("255.255.255.255", "10.77.0.1"), ("10.77.0.2", "10.77.0.2")):
        answer = world.select(address, 1, server=named, to=to, local=local)
        assert (answer.text, answer.server) == (f"ACK {address}", answers)


def test_4_3_2_who_names_another_server_is_not_answered_by_its_address(tmp_path):
    world = World(tmp_path, LOCAL, links("10.77.0.1/22"))
    address = world.discover(1).address
    answer = world.select(address, 1, server="10.77.0.99")
    assert (answer.text, answer.server) == ("silence: other-server", "10.77.0.1")


def test_inform_and_discover_are_answered_by_the_address_that_they_came_to(tmp_path):
    world = World(tmp_path, LOCAL, links("10.77.0.1/22", "10.77.0.2/22"))
    for says in (world.discover, lambda **more: world.inform("10.77.3.9", **more)):
        answer = says(options={54: bytes((192, 0, 2, 1))}, to="10.77.0.2", local="10.77.0.2")
        assert answer.server == "10.77.0.2"


# ---- VRFs


@pytest.mark.parametrize("giaddr", ["0.0.0.0", "10.77.0.3"])
@pytest.mark.parametrize(("text", "reason"), [
    (LOCAL, "no-subnet"), (BLUE, "vrf-unknown"), (LOCAL + BLUE, "vrf-unknown"),
])
def test_an_interface_that_is_not_known_is_of_no_vrf_while_there_are_any(
    tmp_path, text, reason, giaddr
):
    blue = Link(4, "blue0", (IPv4Interface("10.77.0.1/22"),))
    world = World(tmp_path, text, (*links("10.77.0.1/22"), blue))
    answer = world.discover(1, ifindex=9, giaddr=giaddr, to="10.77.0.1")
    if giaddr != "0.0.0.0" and reason == "no-subnet":
        assert answer.text == "OFFER 10.77.1.1"
    else:
        assert answer.text == f"silence: {reason}"


def test_a_known_interface_is_of_the_vrf_that_it_has(tmp_path):
    blue = Link(4, "blue0", (IPv4Interface("10.77.0.1/22"),))
    world = World(tmp_path, LOCAL + BLUE, (*links("10.77.0.1/22"), blue))
    assert world.discover(1).text == "OFFER 10.77.1.1"
    assert world.discover(1, ifindex=4).text == "OFFER 10.77.1.1"
    assert world.memory.bit(0, 0x0A4D0101)
    assert world.memory.bit(1, 0x0A4D0101)


def test_an_address_that_is_ours_in_one_vrf_may_be_another_servers_in_the_next(tmp_path):
    """VRFs may have the same addresses; whose they are is a matter of each."""
    blue = Link(4, "blue0", (IPv4Interface("10.77.0.1/22"),))
    world = World(tmp_path, LOCAL + BLUE, (*links("10.77.0.1/22", "10.77.0.2/22"), blue))
    offered = world.discover(1, ifindex=4).address
    answer = world.select(offered, 1, server="10.77.0.2", ifindex=4)
    assert (answer.text, answer.server) == ("silence: other-server", "10.77.0.1")
    held = world.bind(1, ifindex=4)
    assert world.release(held, 1, "10.77.0.2", ifindex=4).text == "silence: other-server"
    assert world.release(held, 1, ifindex=4).text == "silence: done"
