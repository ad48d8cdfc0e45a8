"""Which interfaces cut trains of replies: by ethtool, over real links. Bonds and VLANs by a table:
not every kernel that tests run on has them."""

import pytest

from fastdhcp.interfaces import Device, read_interfaces, that_stand_upon
from tests.lab import Lab

pytestmark = pytest.mark.net


def that_cut(lab: Lab) -> set[str]:
    with lab.netns("server"):
        return {interface.name for interface in read_interfaces() if interface.trains}


@pytest.fixture
def links(lab: Lab) -> Lab:
    """Two links that take trains whole, and one that does not."""
    for name, whole in (("srv0", True), ("srv1", True), ("srv2", False)):
        lab.veth(f"server:{name}", f"client:{name}")
        lab.take_trains("server", name, whole)
    return lab


def test_a_link_that_takes_trains_whole_does_not_cut_them(links: Lab) -> None:
    assert that_cut(links) == {"srv2"}
    links.take_trains("server", "srv0", False)
    assert that_cut(links) == {"srv0", "srv2"}


def test_a_bridge_cuts_nothing_as_its_ports_may_be_anything(lab: Lab) -> None:
    lab.veth("server:srv0", "client:cli0")
    lab.bridge("server:br0", "srv0")
    lab.take_trains("server", "br0", False)
    assert that_cut(lab) == {"srv0"}


def test_a_vlan_does_as_the_link_or_the_bond_below_it_and_a_bond_as_all_its_links() -> None:
    devices = [
        Device(index, 0, b"", 1500, kind, below, above)
        for index, kind, below, above in [
            (2, b"", 0, 10), (3, b"", 0, 10), (4, b"", 0, 11), (5, b"veth", 2, 11), (6, b"", 0, 0),
            (10, b"bond", 0, 0), (11, b"team", 0, 0), (12, b"bond", 0, 0),
            (20, b"vlan", 6, 0), (21, b"vlan", 5, 0), (22, b"vlan", 10, 0), (23, b"vlan", 11, 0),
            (30, b"macvlan", 6, 0),
        ]
    ]  # fmt: skip
    assert that_stand_upon(devices, {2, 3, 4, 6}) == {10, 20, 22}
