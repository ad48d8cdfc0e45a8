"""RFC 5107: option 54 as the relay agent wants it, and what clients send to that address."""

from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from fastdhcp._leases import BindingState, RecordFlag
from tests.world import Answer, Link, World, number

LINKS = (
    Link(3, "srv0", (IPv4Interface("10.77.0.1/22"),)),
    Link(5, "up0", (IPv4Interface("192.0.2.1/24"),)),
)
TEXT = """
[server]
{server}
[defaults]
lease-time = 3600
[[subnets]]
subnet = "10.78.0.0/24"
pools = ["10.78.0.10-10.78.0.250"]
"""
GIADDR, OVERRIDE, OWN = "10.78.0.1", "10.78.0.2", "192.0.2.1"
CIRCUIT = b"\1\4eth7"
INFO = CIRCUIT + b"\x0b\4" + bytes((10, 78, 0, 2))
TO_US = {"ifindex": 5, "to": OWN, "local": OWN}
CLIENT_ID = {61: b"\0client"}


def make(folder: Path, server: str = "") -> World:
    return World(folder, TEXT.format(server=server), LINKS)


def relayed(info: bytes | None = INFO, **options: bytes) -> dict:
    said = {} if info is None else {82: info}
    return {"giaddr": GIADDR, "options": said} | TO_US


def told(answer: Answer, world: World) -> tuple[str, str, int]:
    """What came, option 54, and the source of the reply."""
    return answer.text, answer.server, world.out["source"]


def bound(world: World, mac: int = 1) -> str:
    address = world.discover(mac, **relayed()).address
    asked = world.select(address, mac, server=OVERRIDE, **relayed())
    assert asked.text == f"ACK {address}"
    return address


def send(world: World, says: str, address: str, mac: int = 1, **fields) -> Answer:
    """Through the relay agent that answers to the override, or (giaddr left out) as it came."""
    kinds = {"RENEWING": (3, {}), "RELEASE": (7, {54: bytes((10, 78, 0, 2))}),
             "INFORM": (8, {})}  # fmt: skip
    kind, named = kinds[says]
    options = named | fields.pop("options", {})
    return world.send(kind, mac, ciaddr=address, options=options, **(TO_US | fields))


def test_4_every_reply_has_the_override_and_leaves_from_an_address_of_ours(tmp_path: Path) -> None:
    world = make(tmp_path)
    offer = world.discover(1, **relayed())
    assert told(offer, world) == (f"OFFER {offer.address}", OVERRIDE, number(OWN))
    asked = world.select(offer.address, 1, server=OVERRIDE, **relayed())
    assert told(asked, world) == (f"ACK {offer.address}", OVERRIDE, number(OWN))
    wrong = world.select("10.78.0.5", 2, server=OVERRIDE, **relayed())
    assert told(wrong, world) == ("NAK", OVERRIDE, number(OWN))
    inform = world.inform("10.78.0.9", 3, giaddr=GIADDR, options={82: INFO})
    assert (inform.text, inform.server) == ("ACK", OVERRIDE)


@pytest.mark.parametrize("named", ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"])
def test_what_no_host_has_for_an_address_never_goes_out(tmp_path: Path, named: str) -> None:
    world = make(tmp_path)
    info = b"\x0b\4" + bytes(map(int, named.split(".")))
    address = world.discover(1, **relayed(info)).address
    assert told(world.select(address, 1, server=OWN, **relayed(info)), world)[1] == OWN
    assert send(world, "RENEWING", address).server == OWN


def test_4_an_override_of_three_octets_counts_as_absent(tmp_path: Path) -> None:
    world = make(tmp_path)
    assert world.discover(1, **relayed(b"\x0b\3\12\116\0")).server == OWN


def test_4_a_request_for_another_server_is_not_ours_by_an_override(tmp_path: Path) -> None:
    world = make(tmp_path)
    address = world.discover(1, **relayed()).address
    for server in ("10.78.0.3", "192.0.2.9"):
        asked = world.select(address, 1, server=server, **relayed())
        assert asked.text == "silence: other-server"


@pytest.mark.parametrize("info", [INFO, None, b""], ids=["with 82", "without", "an empty one"])
@pytest.mark.parametrize("giaddr", [GIADDR, "0.0.0.0"], ids=["giaddr", "past the agent"])
def test_4_renewal_and_release_at_the_override_are_ours(
    tmp_path: Path, info: bytes | None, giaddr: str
) -> None:
    """What is unicast there comes through the relay agent, which may add nothing to it."""
    world = make(tmp_path)
    address = bound(world)
    said = {} if info is None else {82: info}
    for _ in range(2):
        world.set_now(world.now + 1800)
        renewal = send(world, "RENEWING", address, giaddr=giaddr, options=said)
        assert told(renewal, world) == (f"ACK {address}", OVERRIDE, number(OWN))
    inform = send(world, "INFORM", address, giaddr=giaddr, options=said)
    assert told(inform, world) == ("ACK", OVERRIDE, number(OWN))
    released = send(world, "RELEASE", address, giaddr=giaddr, options=said)
    assert released.text == "silence: done"
    assert world.state(address) == BindingState.FREE


@pytest.mark.parametrize("info", [INFO, None], ids=["with 82", "without"])
def test_4_a_decline_that_names_the_override_is_ours(tmp_path: Path, info: bytes | None) -> None:
    world = make(tmp_path)
    address = bound(world)
    declined = world.decline(address, 1, server=OVERRIDE, **relayed(info))
    assert declined.text == "silence: done"
    assert world.state(address) == BindingState.DECLINED


def test_4_a_request_repeated_without_82_is_ours(tmp_path: Path) -> None:
    world = make(tmp_path)
    address = bound(world)
    again = world.select(address, 1, server=OVERRIDE, **relayed(None))
    assert told(again, world) == (f"ACK {address}", OVERRIDE, number(OWN))


def test_two_relay_agents_that_stand_in_for_us_do_not_cost_a_lease(tmp_path: Path) -> None:
    """Both of a VRRP pair forward a broadcast REQUEST; each has another override."""
    for first in (0, 1):
        world = make(tmp_path)
        infos = INFO, CIRCUIT + b"\x0b\4" + bytes((10, 78, 0, 3))
        address = world.discover(1, **relayed(infos[0])).address
        answers = {
            info: world.select(address, 1, server=OVERRIDE, **relayed(infos[info])).text
            for info in (first, 1 - first)
        }
        assert answers == {0: f"ACK {address}", 1: "silence: other-server"}
        assert world.state(address) == BindingState.ACTIVE


def test_only_the_holder_is_answered_under_the_override(tmp_path: Path) -> None:
    world = make(tmp_path)
    address = bound(world)
    assert send(world, "RELEASE", address, 2).text == "silence: other-server"
    stranger = send(world, "INFORM", address, 2)
    assert (stranger.text, stranger.server) == ("ACK", OWN)
    assert world.state(address) == BindingState.ACTIVE


def test_an_82_without_an_override_ends_it(tmp_path: Path) -> None:
    world = make(tmp_path)
    address = bound(world)
    world.set_now(world.now + 1800)
    plain = send(world, "RENEWING", address, giaddr=GIADDR, options={82: CIRCUIT})
    assert told(plain, world) == (f"ACK {address}", OWN, number(OWN))
    assert not world.memory.lease(0, number(address)).flags & RecordFlag.RECORD_OVERRIDE
    world.set_now(world.now + 1800)
    assert send(world, "RENEWING", address).server == OWN
    assert send(world, "RELEASE", address).text == "silence: other-server"


def test_who_names_our_own_address_is_answered_by_it(tmp_path: Path) -> None:
    """A client that has moved to a relay agent without an override, say."""
    world = make(tmp_path)
    address = bound(world)
    asked = world.select(address, 1, server=OWN, **relayed(None))
    assert told(asked, world) == (f"ACK {address}", OWN, number(OWN))


def test_a_new_client_of_the_address_does_not_inherit_it(tmp_path: Path) -> None:
    world = make(tmp_path)
    address = bound(world)
    send(world, "RELEASE", address)
    assert world.discover(2, asks=address, giaddr=GIADDR, **TO_US).address == address
    asked = world.select(address, 2, server=OWN, giaddr=GIADDR, **TO_US)
    assert told(asked, world) == (f"ACK {address}", OWN, number(OWN))
    world.set_now(world.now + 1800)
    assert send(world, "RENEWING", address, 2).server == OWN


@pytest.mark.parametrize("long", [b"", b"\2\xa0" + b"x" * 160], ids=["short", "long"])
def test_it_is_found_wherever_82_stands_in_the_record(tmp_path: Path, long: bytes) -> None:
    world = make(tmp_path, 'identity = ["circuit-id", "hw-address"]')
    info = long + INFO
    address = world.discover(1, **relayed(info)).address
    world.select(address, 1, server=OVERRIDE, **relayed(info))
    world.set_now(world.now + 1800)
    renewal = send(world, "RENEWING", address)
    assert told(renewal, world) == (f"ACK {address}", OVERRIDE, number(OWN))
    assert send(world, "RELEASE", address).text == "silence: done"


def test_it_outlives_a_restart(tmp_path: Path) -> None:
    """The flag is of the record as it is journalled."""
    from fastdhcp._entry import entries

    world = make(tmp_path)
    bound(world)
    flags = [entry["flags"] for entry in entries(world.settle())]
    assert flags == [RecordFlag.RECORD_OVERRIDE]
