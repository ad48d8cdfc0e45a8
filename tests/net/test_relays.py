"""Relay agents before a whole server: VRFs, two of one link, one whose giaddr is in no subnet, one
that stands in for the server, those that are not listed."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.lab import Lab, LinkClient, Message, RelayAgent, build
from tests.lab.packet import ACK, DISCOVER, NAK, OFFER, RELEASE, REQUEST, mac
from tests.lab.servers import FastDHCP
from tests.lab.toml import Config
from tests.lab.wire import dora

from .conftest import eventually

pytestmark = pytest.mark.net

SERVER = "192.168.9.1"
SELF, PEER, LOOPBACK = "10.88.0.2", "10.88.0.3", "192.168.77.7"
CIRCUIT, OTHER_CIRCUIT = b"\x01\x06eth0/7", b"\x01\x06eth4/7\x02\x03two"
BLUE, RED = b"\x97\x05\x00blue", b"\x97\x08\x01" + bytes.fromhex("00000100000007")
Connect = Callable[..., RelayAgent]


@pytest.fixture
def connect(lab: Lab) -> Connect:
    """Makes a relay agent with an address of its own, which the server reaches by rel0."""
    lab.veth(f"server:rel0={SERVER}/30", "relay:up0=192.168.9.2/30")

    def made(address: str, **more: int) -> RelayAgent:
        if address not in lab.ip("relay", "address"):
            lab.ip("relay", "address", "add", f"{address}/32", "dev", "up0")
            lab.ip("server", "route", "add", f"{address}/32", "via", "192.168.9.2")
        agent = RelayAgent(lab.netns("relay"), address, SERVER, **more)
        lab.callback(agent)
        return agent

    return made


def served(*subnets: Config, **tables: Any) -> Config:
    return {
        "server": {"interfaces": [], "workers": 2},
        "control": {"listen": "127.0.0.1:8067"},
        "defaults": {"lease-time": 600, "authoritative": True},
        "subnets": list(subnets),
        **{name.replace("_", "-"): table for name, table in tables.items()},
    }


def subnet(prefix: str = "10.88.0", **keys: Any) -> Config:
    pools = [f"{prefix}.10-{prefix}.250"]
    return {"subnet": f"{prefix}.0/24", "pools": pools,
            **{name.replace("_", "-"): value for name, value in keys.items()}}  # fmt: skip


def rows(server: FastDHCP, *words: str) -> list[dict[str, Any]]:
    done = server.command(*words, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


# ---- VRFs


def test_rfc6607_two_vrfs_with_one_prefix_through_one_relay_agent(
    lab: Lab, connect: Connect
) -> None:
    relay = connect(SELF)
    server = FastDHCP(lab, "server", served(
        subnet(), subnet(vrf="blue"), subnet(vrf="customer-7"),
        vrfs=[{"name": "customer-7", "vpn-id": "hex:00000100000007"}],
        relays={"agents": [{"address": SELF, "name": "pe-1"}]},
    ))  # fmt: skip
    leases = [
        dora(relay.exchange, mac(1), giaddr=SELF, options={82: CIRCUIT + said + b"\x98\x00"})
        for said in (b"", BLUE, RED)
    ]
    assert {lease.yiaddr for lease in leases} == {"10.88.0.10"}
    assert [lease.options[82] for lease in leases] == [
        CIRCUIT + b"\x98\x00", CIRCUIT + BLUE, CIRCUIT + RED,
    ]  # fmt: skip
    relay.silence(build(DISCOVER, mac(2), 9, giaddr=SELF, options={82: b"\x97\x05\x00pink"}))
    assert server.dropped() == {"vrf-unknown": 1}
    server.process.wait_for(rf"vrf-unknown hw-address=\S+ interface=rel0 giaddr={SELF} relay=pe-1")

    listed = rows(server, "leases")
    assert [(x["address"], x.get("vrf-name"), x["state"]) for x in listed] == [
        ("10.88.0.10", None, "active"), ("10.88.0.10", "blue", "active"),
        ("10.88.0.10", "customer-7", "active"),
    ]  # fmt: skip
    for name, row in zip(("default", "blue", "customer-7"), listed, strict=True):
        assert rows(server, "leases", "--vrf", name) == [row]
        assert rows(server, "leases", "--vrf", str(row["vrf"])) == [row]
        assert rows(server, "leases", "show", "10.88.0.10", "--vrf", name) == [row]
        (pool,) = rows(server, "pools", "--vrf", name)
        assert (pool["vrf"], pool["active"]) == (row["vrf"], 1)
        seen = rows(server, "trace", "--vrf", name)
        assert {entry["reply"] for entry in seen} >= {"offer", "ack"}
        assert {(entry["vrf-name"], entry["relay"]) for entry in seen} == {
            (row.get("vrf-name"), "pe-1")
        }
        (last,) = rows(server, "explain", "--last", mac(1).hex(":"), "--vrf", name)
        assert (last["link"]["vrf"], last["decision"]["vrf"]) == (row["vrf"], row["vrf"])
    table = server.command("leases").stdout.splitlines()
    assert [line.split()[0] for line in table] == ["vrf", "-", "blue", "customer-7"]
    assert f"{SELF} pe-1" in server.command("trace", "--wide").stdout

    release = build(RELEASE, mac(1), 10, ciaddr="10.88.0.10", giaddr=SELF,
                    options={54: SERVER, 82: BLUE})  # fmt: skip
    relay.send(release)
    assert eventually(lambda: rows(server, "leases", "--vrf", "blue")[0]["state"] == "released")
    done = server.command("leases", "release", "10.88.0.10", "--vrf", "customer-7", "--now")
    assert done.returncode == 0
    assert [x["state"] for x in rows(server, "leases")] == ["active", "released", "released"]
    done = server.command("leases", "--vrf", "pink")
    assert done.returncode == 2
    assert "write its number, or one of default, blue, customer-7" in done.stderr


# ---- two relay agents of one link


def test_two_vrrp_relay_agents_give_one_address_and_no_nak(lab: Lab, connect: Connect) -> None:
    """Both forward each broadcast, each with its own giaddr and option 82 (RFC 5798 says nothing of
    it, and campuses do it)."""
    agents = {SELF: connect(SELF), PEER: connect(PEER)}
    said = {SELF: CIRCUIT, PEER: OTHER_CIRCUIT}
    server = FastDHCP(lab, "server", served(subnet()))

    def both(kind: int, xid: int, **fields: Any) -> list[Message]:
        options = fields.pop("options", {})
        for giaddr, agent in agents.items():
            agent.send(build(kind, mac(1), xid, giaddr=giaddr,
                             options={**options, 82: said[giaddr]}, **fields))  # fmt: skip
        found = [agent.collect()[0].message for agent in agents.values()]
        assert [answer.options[82] for answer in found] == list(said.values())
        return found

    offers = both(DISCOVER, 1)
    assert {offer.type for offer in offers} == {OFFER}
    (address,) = {offer.yiaddr for offer in offers}
    asked = {50: address, 54: SERVER}
    steps: list[dict[str, Any]] = [
        {"options": asked},  # SELECTING
        {"ciaddr": address},  # REBINDING
        {"options": {50: address}},  # INIT-REBOOT
        {"options": asked},  # a retransmission
    ]
    for xid, fields in enumerate(steps, 2):
        for answer in both(REQUEST, xid, **fields):
            assert (answer.type, answer.yiaddr) == (ACK, address)
    assert {offer.yiaddr for offer in both(DISCOVER, 9)} == {address}
    assert not any(r.message.type == NAK for agent in agents.values() for r in agent.received)
    (lease,) = server.leases()
    assert (lease["address"], lease["state"]) == (address, "active")


# ---- where giaddr is in no subnet


def test_a_loopback_of_the_cmts_has_the_link_that_relays_names(lab: Lab, connect: Connect) -> None:
    relay = connect(LOOPBACK)
    subnets = [subnet("10.20.0", shared_network="cmts-1"),
               subnet("10.21.0", shared_network="cmts-1")]  # fmt: skip
    server = FastDHCP(lab, "server", served(*subnets))
    relay.silence(build(DISCOVER, mac(1), 1, giaddr=LOOPBACK))
    assert server.dropped() == {"no-subnet": 1}
    agents = [{"address": "192.168.77.0/24", "name": "cmts-1", "link": "cmts-1"}]
    shared = [{"name": "cmts-1", "lease-time": 300}]
    server.write(served(*subnets, relays={"agents": agents}, shared_networks=shared))
    server.reload("reloaded")
    ack = dora(relay.exchange, mac(1), giaddr=LOOPBACK)
    assert ack.yiaddr == "10.20.0.10"
    assert ack.lease_time == 300
    second = {82: b"\x05\x04\x0a\x15\x00\x00"}  # RFC 3527: the other subnet of that link
    assert dora(relay.exchange, mac(2), giaddr=LOOPBACK, options=second).yiaddr == "10.21.0.10"


# ---- RFC 5107


@pytest.mark.parametrize("info", ["with", "without"])
def test_rfc5107_renewal_and_release_come_back_through_the_relay_agent(
    lab: Lab, connect: Connect, info: str
) -> None:
    relay = connect(SELF)
    server = FastDHCP(lab, "server", served(subnet()))
    said = {82: CIRCUIT + b"\x0b\x04\x0a\x58\x00\x02"}
    lease = dora(relay.exchange, mac(1), giaddr=SELF, options=said)
    assert lease.server_id == SELF
    assert {received.source[0] for received in relay.received} == {SERVER}
    later = said if info == "with" else {}
    for xid in (1, 2):
        renewal = build(REQUEST, mac(1), xid, ciaddr=lease.yiaddr, giaddr=SELF, options=later)
        ack = relay.exchange(renewal)
        assert (ack.type, ack.yiaddr, ack.server_id) == (ACK, lease.yiaddr, SELF)
    relay.send(build(RELEASE, mac(2), 3, ciaddr=lease.yiaddr, giaddr=SELF,
                     options={54: SELF, **later}))  # fmt: skip
    relay.send(build(RELEASE, mac(1), 4, ciaddr=lease.yiaddr, giaddr=SELF,
                     options={54: SELF, **later}))  # fmt: skip
    assert eventually(lambda: (server.lease(lease.yiaddr) or {}).get("state") == "released")
    assert sum(server.dropped().values()) == 1


# ---- RFC 8357


def test_rfc8357_5_1_the_reply_goes_to_the_relay_agents_own_port(
    lab: Lab, connect: Connect
) -> None:
    relay = connect(SELF, port=40_123)
    FastDHCP(lab, "server", served(subnet()))
    lease = dora(relay.exchange, mac(1), giaddr=SELF, options={82: CIRCUIT + b"\x13\x00"})
    assert lease.options[82] == CIRCUIT + b"\x13\x00"


# ---- who is listed and believed


def test_only_relay_agents_that_are_listed_are_answered(lab: Lab, connect: Connect) -> None:
    known, other = connect(SELF), connect(PEER)
    agents = [{"address": SELF, "name": "core-1"}]
    relays = {"only-known": True, "agents": agents}
    server = FastDHCP(lab, "server", served(subnet(), relays=relays))
    dora(known.exchange, mac(1), giaddr=SELF)
    other.silence(build(DISCOVER, mac(2), 1, giaddr=PEER))
    assert server.dropped() == {"relay-unknown": 1}
    server.process.wait_for(rf"warning relay-unknown \S+ interface=rel0 giaddr={PEER} packets=1")
    server.write(served(subnet(), relays={"only-known": True, "agents": [{"address": PEER}]}))
    server.reload("reloaded")
    dora(other.exchange, mac(2), giaddr=PEER)
    known.silence(build(DISCOVER, mac(1), 1, giaddr=SELF))


def test_rfc3046_2_1_option_82_of_a_client_is_dropped_where_clients_are_not_trusted(
    lab: Lab, connect: Connect
) -> None:
    lab.veth("server:wifi0=10.66.0.1/24", "client:cli0")
    stations = LinkClient(lab.netns("client"), "cli0")
    lab.callback(stations)
    config = served(subnet(), subnet("10.66.0"), relays={"untrusted-interfaces": ["wifi0"]})
    server = FastDHCP(lab, "server", {**config, "server": {"interfaces": ["wifi0"], "workers": 2}})
    forged = {82: b"\x05\x04\x0a\x58\x00\x00"}
    stations.silence(build(DISCOVER, mac(1), 1, options=forged))
    assert server.dropped() == {"relay-untrusted": 1}
    server.process.wait_for(r"warning relay-untrusted \S+ interface=wifi0 packets=1")
    assert dora(stations.ask, mac(1)).yiaddr == "10.66.0.10"
    assert dora(connect(SELF).exchange, mac(2), giaddr=SELF, options={82: CIRCUIT}).options[82]


# ---- RFC 3011


def test_rfc3011_2_a_client_selects_a_subnet_and_is_told_so(lab: Lab, connect: Connect) -> None:
    relay = connect(SELF)
    relays = {"client-selections": True}
    FastDHCP(lab, "server", served(subnet(), subnet("10.89.0"), relays=relays))
    ack = dora(relay.exchange, mac(1), giaddr=SELF, options={118: "10.89.0.0"})
    assert (ack.yiaddr, ack.options[118]) == ("10.89.0.10", bytes((10, 89, 0, 0)))


# ---- RFC 5010


def test_rfc5010_3_the_trace_says_how_the_client_had_sent_it(lab: Lab, connect: Connect) -> None:
    relay = connect(SELF)
    server = FastDHCP(lab, "server", served(subnet()))
    for xid, info in enumerate((b"\x0a\x01\x80", b"\x0a\x01\x00", CIRCUIT, b"\x0a\x02\x80\x00")):
        relay.exchange(build(DISCOVER, mac(1), xid, giaddr=SELF, options={82: info}))
    assert eventually(lambda: len(rows(server, "trace")) == 4)
    assert [entry["client-sent"] for entry in rows(server, "trace")] == [
        "unicast", "broadcast", None, "unicast",
    ]  # fmt: skip
