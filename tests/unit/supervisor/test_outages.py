"""Interfaces whose clients go unanswered: an alarm for each, as long as it lasts."""

import dataclasses
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from fastdhcp.config import Configuration, load
from fastdhcp.config.compile import Ids
from fastdhcp.interfaces import Interface
from fastdhcp.supervisor.alarms import Alarms
from fastdhcp.supervisor.generation import Generation
from fastdhcp.supervisor.outages import Outages
from tests.log_lines import Lines

NAMED = '[server]\ninterfaces = ["srv0"]\n'
SUBNET = '[[subnets]]\nsubnet = "10.77.0.0/22"\npools = ["10.77.1.1-10.77.1.250"]\n'
SRV0 = Interface(3, "srv0", up=True, loopback=False, mtu=1500,
                 addresses=(IPv4Interface("10.77.0.1/22"),))  # fmt: skip
DOWN = dataclasses.replace(SRV0, up=False)
BARE = dataclasses.replace(SRV0, addresses=())
ELSEWHERE = dataclasses.replace(SRV0, addresses=(IPv4Interface("10.99.0.1/22"),))


class Rig:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.alarms = Alarms(Lines().log)
        self.outages = Outages(self.alarms)
        self.config: Configuration

    def read(self, text: str) -> None:
        path = self.folder / "f.toml"
        path.write_text(text)
        self.config = load(path)

    def see(self, *interfaces: Interface) -> list[tuple[object, object]]:
        generation = Generation(1, self.config, interfaces, Ids({}, []), -1, -1, (), 0.0)
        self.outages.look(generation)
        return [(alarm["subject"], alarm["text"]) for alarm in self.alarms.listed()]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_one_that_is_named_is_missed_from_the_start(rig: Rig) -> None:
    rig.read(NAMED + SUBNET)
    assert rig.see() == [("srv0", "srv0 does not exist: it is served as soon as it does")]
    assert rig.see(BARE) == [
        ("srv0", "srv0 has no IPv4 address: it is served as soon as it has one")
    ]
    assert rig.see(DOWN) == [("srv0", "srv0 is down: it is served as soon as it is up")]
    assert rig.see(SRV0) == []
    assert rig.see(DOWN) == [("srv0", "srv0 is down: it is served as soon as it is up")]


def test_one_that_is_not_named_is_missed_when_it_was_served(rig: Rig) -> None:
    rig.read(SUBNET)
    assert rig.see() == rig.see(ELSEWHERE) == []
    assert rig.see(SRV0) == []
    assert rig.see(DOWN) == [("srv0", "srv0 is down: it is served as soon as it is up")]
    assert rig.see(ELSEWHERE) == [
        ("srv0", "srv0 has no address in a subnet any more: its clients get none")
    ]
    assert rig.see() == [("srv0", "srv0 does not exist: it is served as soon as it does")]
    assert rig.see(SRV0) == []


def test_one_with_an_address_in_a_subnet_is_missed_from_the_start(rig: Rig) -> None:
    rig.read(SUBNET)
    assert rig.see(DOWN) == [("srv0", "srv0 is down: it is served as soon as it is up")]
    rig.read(SUBNET)  # a reload changes nothing of that
    assert rig.see(DOWN) == [("srv0", "srv0 is down: it is served as soon as it is up")]
    assert rig.see(SRV0) == []


def test_one_without_carrier_is_missed(rig: Rig) -> None:
    idle = dataclasses.replace(SRV0, carrier=False)
    text = "srv0 has no carrier: check the cable and the port at its other end"
    for written in (NAMED + SUBNET, SUBNET):
        rig.read(written)
        assert rig.see(idle) == [("srv0", text)]
        assert rig.see(SRV0) == []


def test_a_reload_is_the_operators_word_that_one_that_is_not_there_is_gone(rig: Rig) -> None:
    rig.read(SUBNET)
    rig.see(SRV0)
    assert rig.see()
    rig.read(SUBNET)
    assert rig.see() == []


def test_one_that_lost_its_address_is_missed_over_a_reload(rig: Rig) -> None:
    lost = [("srv0", "srv0 has no IPv4 address: it is served as soon as it has one")]
    moved = [("srv0", "srv0 has no address in a subnet any more: its clients get none")]
    rig.read(SUBNET)
    assert rig.see(SRV0) == []
    assert rig.see(BARE) == lost
    for _ in range(2):
        rig.read(SUBNET)
        assert rig.see(BARE) == lost
    rig.read(SUBNET)
    assert rig.see(ELSEWHERE) == moved
    assert rig.see(SRV0) == []


@pytest.mark.parametrize(
    "text", ["[server]\ninterfaces = []\n" + SUBNET, SUBNET.replace("10.77", "10.78")]
)
def test_one_that_a_reload_means_no_more_is_missed_no_more(rig: Rig, text: str) -> None:
    rig.read(SUBNET)
    rig.see(SRV0)
    assert rig.see(BARE)
    rig.read(text)
    assert rig.see(BARE) == []
    rig.read(SUBNET)
    assert rig.see(BARE) == []


def test_one_whose_name_is_taken_out_is_missed_no_more(rig: Rig) -> None:
    rig.read(NAMED + SUBNET)
    assert rig.see(DOWN)
    rig.read("[server]\ninterfaces = []\n" + SUBNET)
    assert rig.see(DOWN) == []
