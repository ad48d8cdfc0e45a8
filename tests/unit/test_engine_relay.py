"""What a unicast renewal does not carry: decisions that need what only the relay agent says."""

import pytest

from fastdhcp._leases import BindingState
from tests.world import World, number

POOL = """
[server]
{server}
[defaults]
lease-time = 3600
{defaults}
[[subnets]]
subnet = "10.78.0.0/24"
pools = ["10.78.0.10-10.78.0.250"]
{subnet}
"""
RESERVED = """
[[subnets.reservations]]
circuit-id = "eth0/7"
address = "10.78.0.5"
[[subnets.reservations]]
remote-id = "modem-7"
address = "10.78.0.6"
"""
GIADDR = "10.78.0.1"
CIRCUIT = b"\1\6eth0/7"
REMOTE = b"\1\3eth\2\7modem-7"
CLIENT_ID = {61: b"\0client"}


def make(folder, server="", defaults="", subnet=""):
    return World(folder, POOL.format(server=server, defaults=defaults, subnet=subnet))


def relayed(said):
    return {"giaddr": GIADDR, "options": {82: said}}


@pytest.mark.parametrize("defaults", ["", "authoritative = true"])
@pytest.mark.parametrize(("said", "address"), [(CIRCUIT, "10.78.0.5"), (REMOTE, "10.78.0.6")])
def test_a_reservation_by_what_the_agent_says_is_renewed_and_released(
    tmp_path, defaults, said, address
):
    world = make(tmp_path, defaults=defaults, subnet=RESERVED)
    assert world.bind(1, **relayed(said)) == address
    for _ in range(3):
        world.set_now(world.now + 1800)
        assert world.renew(address, 1).text == f"ACK {address}"
    answer = world.inform(address, 1, to="10.77.0.1")
    assert (answer.text, answer.reservation is not None) == ("ACK", True)
    assert world.release(address, 1).text == "silence: done"
    assert world.state(address) == BindingState.FREE


@pytest.mark.parametrize("defaults", ["", "authoritative = true"])
@pytest.mark.parametrize("identity", [
    '["circuit-id"]', '["remote-id", "circuit-id"]', '["circuit-id", "hw-address"]',
    '["circuit-id", "client-id"]',
])
@pytest.mark.parametrize("said", [CIRCUIT, b"\1\xa0" + b"x" * 160], ids=["short", "long"])
def test_a_key_by_what_the_agent_says_is_renewed_and_released(tmp_path, defaults, identity, said):
    world = make(tmp_path, f"identity = {identity}", defaults)
    address = world.bind(1, giaddr=GIADDR, options={82: said} | CLIENT_ID)
    world.set_now(world.now + 1800)
    assert world.renew(address, 1, options=CLIENT_ID).text == f"ACK {address}"
    assert world.memory.lease(0, number(address)).relay_info == said
    world.set_now(world.now + 1350)
    assert world.rebind(address, 1, **relayed(said)).text == f"ACK {address}"
    assert world.release(address, 1, options=dict(CLIENT_ID)).text == "silence: done"
    assert world.state(address) == BindingState.FREE


@pytest.mark.parametrize(("who", "verdict"), [
    ({"mac": 1}, "ACK 10.78.0.10"),
    ({"mac": 2, "options": CLIENT_ID}, "ACK 10.78.0.10"),
    ({"mac": 2}, "silence: no-client-address"),
    ({"mac": 1, "htype": 6}, "silence: no-client-address"),
    ({"mac": 2, "options": {61: b"\0clients"}}, "silence: no-client-address"),
])
def test_the_record_speaks_for_its_own_hardware_or_client_id(tmp_path, who, verdict):
    world = make(tmp_path, 'identity = ["circuit-id"]')
    address = world.bind(1, giaddr=GIADDR, options={82: CIRCUIT} | CLIENT_ID)
    assert world.renew(address, **who).text == verdict


def test_what_this_message_says_is_not_filled_up_from_the_record(tmp_path):
    world = make(tmp_path, 'identity = ["circuit-id"]')
    address = world.bind(1, **relayed(CIRCUIT))
    assert world.renew(address, 1, options={82: b"\2\1m"}).text == "silence: no-client-address"
    assert world.renew(address, 1, options={82: b""}).text == f"ACK {address}"
    assert world.memory.lease(0, number(address)).relay_info == CIRCUIT


def test_what_is_broadcast_on_a_link_or_relayed_says_all_itself(tmp_path):
    text = POOL.format(server='identity = ["circuit-id"]', defaults="", subnet='interface = "srv0"')
    world = World(tmp_path, text)
    address = world.bind(1, options={82: CIRCUIT})
    assert world.rebind(address, 1).text == "silence: no-client-address"
    assert world.renew(address, 1, giaddr=GIADDR).text == "silence: no-client-address"


def test_a_lease_that_has_ended_speaks_for_nobody(tmp_path):
    world = make(tmp_path, 'identity = ["circuit-id"]')
    address = world.bind(1, **relayed(CIRCUIT))
    world.release(address, 1)
    assert world.renew(address, 1).text == "silence: no-client-address"


def test_a_policy_that_reads_no_option_82_asks_no_record(tmp_path):
    world = make(tmp_path)
    address = world.bind(1, **relayed(CIRCUIT))
    assert world.renew(address, 1).text == f"ACK {address}"
    assert world.memory.lease(0, number(address)).relay_info == CIRCUIT
