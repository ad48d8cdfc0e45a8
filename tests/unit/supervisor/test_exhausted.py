"""Subnets without a free address: an alarm for each that names it, and ends when it is over."""

from pathlib import Path

import pytest

from fastdhcp._memory import boot_time_ns
from fastdhcp.config import load
from fastdhcp.config.compile import Ids
from fastdhcp.supervisor.alarms import Alarms
from fastdhcp.supervisor.exhausted import FREED_S, NAMED_MAX, QUIET_S, Exhausted
from fastdhcp.supervisor.generation import Generation
from tests.log_lines import Lines
from tests.world import World

RED, DEFAULT = 1, 0
SUBNETS = 30


def policy(pool: str = "10.90.12.9-10.90.12.9") -> str:
    """A subnet of one address in the default VRF, many in VRF red; `pool` is that of the 13th."""
    pools = {number: f"10.90.{number}.9-10.90.{number}.9" for number in range(SUBNETS)} | {12: pool}
    red = [
        f'[[subnets]]\nvrf = "red"\nsubnet = "10.90.{number}.0/24"\npools = ["{pools[number]}"]\n'
        for number in range(SUBNETS)
    ]
    own = '[[subnets]]\nsubnet = "10.77.0.0/22"\npools = ["10.77.1.1-10.77.1.1"]\n'
    return '[[vrfs]]\nname = "red"\nvpn-id = "00000c:1"\n' + own + "".join(red)


class Rig:
    """The numbers of subnets are their places: 1 is the default VRF's, 2 is 10.90.0.0/24."""

    def __init__(self, folder: Path, text: str) -> None:
        self.lines = Lines()
        self.alarms = Alarms(self.lines.log)
        self.exhausted = Exhausted(self.alarms)
        self.world = World(folder, text)
        self.generation = self.made()

    def read(self, text: str) -> None:
        self.world.configure(text)
        self.generation = self.made()

    def made(self) -> Generation:
        config = load(self.world.folder / "fastdhcp.toml")
        ids = Ids({"": 0, "red": RED}, list(range(1, len(config.subnets) + 1)))
        return Generation(self.world.generation, config, (), ids, -1, -1, (), 0.0)

    def in_vain(self, now_s: float, *subnets: int) -> None:
        for subnet in subnets:
            vrf = DEFAULT if subnet == 1 else RED
            row = {"vrf": vrf, "subnet_id": subnet, "time_ns": boot_time_ns()}
            self.exhausted.see({**row, "generation": self.generation.number}, now_s)

    def look(self, now_s: float) -> list[object]:
        self.exhausted.look(self.world.memory, self.generation, now_s)
        return [alarm["subject"] for alarm in self.alarms.listed()]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, policy())


def hold(rig: Rig, client: int) -> str:
    """The default VRF's one address, taken."""
    address = rig.world.discover(client).address
    assert rig.world.select(address, client).text == f"ACK {address}"
    return address


def test_it_names_the_subnet_whose_clients_ask_in_vain_and_its_vrf(rig: Rig) -> None:
    rig.in_vain(100.0, *[14] * 37)
    assert rig.look(100.0) == ["red 10.90.12.0/24"]
    text = str(rig.alarms.listed()[0]["text"])
    assert text.startswith("37 messages found no free address in 10.90.12.0/24 (VRF red), the last")
    assert text.endswith("Z; 0 of 1 addresses of its pools are used: 0 active")


def test_one_that_runs_dry_a_moment_later_is_told_too(rig: Rig) -> None:
    rig.in_vain(100.0, 2)
    rig.look(100.0)
    rig.in_vain(101.0, 3)
    assert rig.look(101.0) == ["red 10.90.0.0/24"]  # pools are not counted each second
    assert rig.look(106.0) == ["red 10.90.0.0/24", "red 10.90.1.0/24"]
    assert sum("alarm-on" in line for line in rig.lines.taken()) == 2


def test_it_ends_when_an_address_is_free_again(rig: Rig) -> None:
    address = hold(rig, 1)
    assert rig.world.discover(2).text == "silence: pool-exhausted"
    rig.in_vain(100.0, 1)
    assert rig.look(100.0) == ["10.77.0.0/22"]
    assert "1 of 1 addresses of its pools are used: 1 active" in rig.alarms.listed()[0]["text"]
    assert rig.look(106.0) == ["10.77.0.0/22"]
    rig.world.release(address, 1)
    rig.world.set_now(rig.world.now + 100_000)
    assert rig.look(100.0 + FREED_S + 2) == []


def test_free_addresses_that_these_clients_may_not_have_are_no_end(rig: Rig) -> None:
    rig.in_vain(100.0, 2)  # its pool is free: others' classes are meant
    assert rig.look(100.0)
    assert rig.look(100.0 + QUIET_S - 1)
    assert rig.look(110.0 + QUIET_S) == []


def test_a_reload_that_mends_it_ends_it_and_one_that_removes_the_subnet(rig: Rig) -> None:
    hold(rig, 1)
    rig.in_vain(100.0, 1, 14)
    assert len(rig.look(100.0)) == 2
    rig.read(policy().replace("10.77.1.1-10.77.1.1", "10.77.1.1-10.77.1.9"))
    assert rig.look(100.5) == ["red 10.90.12.0/24"]
    rig.read(policy().partition('[[subnets]]\nvrf = "red"')[0])
    assert rig.look(101.0) == []


def test_many_subnets_are_not_an_alarm_each(rig: Rig) -> None:
    rig.in_vain(100.0, *range(2, SUBNETS + 2))
    assert len(rig.look(100.0)) == NAMED_MAX + 1
    others = {alarm["subject"]: alarm["text"] for alarm in rig.alarms.listed()}["others"]
    assert others == "10 more subnets have no free address: `fastdhcp pools`"


def test_where_hosts_without_a_lease_use_the_pool_it_says_so(rig: Rig) -> None:
    address = hold(rig, 1)
    rig.world.decline(address, 1)
    rig.in_vain(100.0, 1)
    rig.look(100.0)
    (alarm,) = rig.alarms.listed()
    assert "0 active, 1 declined" in str(alarm["text"])
    assert "leases release ADDRESS --now" in str(alarm["cure"])
