"""Whose reservation a lease is shown with: by any identifier, with an address and without one."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fastdhcp.control.catalog import Catalog
from fastdhcp.control.table import Table
from tests.world import World, number

POLICY = """
[identifiers]
port = "relay4[2].hex + '/' + relay4[1].hex"
[[subnets]]
subnet = "10.77.0.0/22"
pools = ["10.77.1.1-10.77.1.20"]
[[subnets.reservations]]
{of} = "{who}"
hostname = "printer-7"
{address}
[[reservations]]
subscriber-id = "gold"
hostname = "anywhere"
"""
RELAYED = {"giaddr": "10.77.0.9", "local": "10.77.0.1"}
SAID = {82: b"\1\4ge-7\2\4node", 61: b"\0seven"}
KINDS = [
    ("hw-address", "02:ee:00:00:00:07"), ("client-id", "hex:00736576656e"), ("circuit-id", "ge-7"),
    ("remote-id", "node"), ("port", "node/ge-7"),
]  # fmt: skip
BY_KIND = pytest.mark.parametrize(("of", "who"), KINDS, ids=[kind for kind, _ in KINDS])


def shown(world: World, address: str) -> tuple[str | None, str | None]:
    """What a list shows of an address: reservation and hostname."""
    table = Table(world.memory)
    policy = world.policy["image"], world.policy["reservations"]
    table.set_catalog(Catalog.read(*policy, ["port"]))
    lease = asyncio.run(table.lease(0, number(address)))
    assert lease is not None
    return lease.reservation, lease.hostname


def world_of(folder: Path, of: str, who: str, address: str = "") -> World:
    line = f'address = "{address}"' if address else ""
    return World(folder, POLICY.format(of=of, who=who, address=line))


def bind(world: World, mac: int, **options: Any) -> str:
    way = {**RELAYED, "options": {**SAID, **options.pop("options", {})}}
    address = world.discover(mac, **way).address
    assert world.select(address, mac, **way).text == f"ACK {address}"
    return address


@BY_KIND
@pytest.mark.parametrize("reserved", ["10.77.0.50", ""], ids=["with an address", "without"])
def test_a_client_that_is_known_by_any_identifier_has_its_reservations_name(
    tmp_path: Path, of: str, who: str, reserved: str
) -> None:
    world = world_of(tmp_path, of, who, reserved)
    address = bind(world, 7)
    assert (address == "10.77.0.50") == bool(reserved)
    assert shown(world, address) == (f"{of}={who}", "printer-7")


@BY_KIND
def test_a_stranger_on_the_reserved_address_has_not(tmp_path: Path, of: str, who: str) -> None:
    world = world_of(tmp_path, of, who)
    address = bind(world, 8, options={82: b"\1\4ge-8\2\5other", 61: b"\0eight"})
    assert shown(world, address) == (None, None)
    world.configure(POLICY.format(of=of, who=who, address=f'address = "{address}"'))
    assert shown(world, address) == (f"{of}={who}", None)


def test_a_reservation_of_no_subnet_is_shown_too(tmp_path: Path) -> None:
    """RFC 3993: by the subscriber-id of the relay agent."""
    world = world_of(tmp_path, "hw-address", "02:ee:00:00:00:09")
    address = bind(world, 8, options={82: b"\6\4gold"})
    assert shown(world, address) == ("subscriber-id=gold", "anywhere")


def test_a_client_whose_reserved_address_is_another_one_has_not_its_name(tmp_path: Path) -> None:
    """What it holds of a pool meanwhile it is answered by as anybody is."""
    world = world_of(tmp_path, "hw-address", "02:ee:00:00:00:09")
    address = bind(world, 7)
    world.configure(
        POLICY.format(of="hw-address", who="02:ee:00:00:00:07", address='address = "10.77.0.50"')
    )
    assert shown(world, address) == (None, None)
