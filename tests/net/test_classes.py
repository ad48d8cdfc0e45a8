"""Classes, seen from outside: pools of their own, who may renew, silence, and what is shown."""

import json

import pytest

from tests.lab import Lab, Message, RelayAgent, build
from tests.lab.packet import ACK, DISCOVER, NAK, REQUEST, mac
from tests.lab.servers import FastDHCP
from tests.lab.wire import dora

from .conftest import eventually
from .test_past_relays import Renewing

pytestmark = pytest.mark.net

SERVER, GIADDR = "192.168.9.1", "10.20.0.1"
MODEM = {60: b"docsis3.1:xyz", 82: b"\x02\x06\x02\xaa\0\0\0\x07"}
CPE = {60: b"udhcp 1.30", 82: b"\x02\x06\x02\xaa\0\0\0\x07"}
CLASSES = [
    {"name": "modem", "test": "substring(option[60].hex, 0, 6) == 'docsis'", "lease-class": True,
     "boot-file": "cm/gold.bin"},
    {"name": "cpe", "test": "relay4[2].exists and not member('modem')", "lease-class": True},
    {"name": "rogue", "test": "option[60].hex == 'rogue'", "drop": True},
]  # fmt: skip


def config(classes: list[dict[str, object]] | None = None) -> dict[str, object]:
    return {
        "server": {"interfaces": [], "workers": 2},
        "control": {"listen": "127.0.0.1:8067"},
        "defaults": {"lease-time": 600, "authoritative": True},
        "classes": classes or CLASSES,
        "subnets": [
            {"subnet": "10.20.0.0/16", "shared-network": "cmts-1",
             "pools": [{"range": "10.20.1.0-10.20.1.250", "allow": ["modem"]}]},
            {"subnet": "198.51.100.0/24", "shared-network": "cmts-1",
             "pools": [{"range": "198.51.100.10-198.51.100.250", "allow": ["cpe"]}],
             "when": [{"class": "cpe", "options": {"domain-name": "cpe.example"}}]},
        ],
    }  # fmt: skip


@pytest.fixture
def relay(lab: Lab) -> RelayAgent:
    lab.veth(f"server:rel0={SERVER}/30", "relay:up0=192.168.9.2/30")
    lab.ip("relay", "address", "add", f"{GIADDR}/16", "dev", "up0")
    for prefix in ("10.20.0.0/16", "198.51.100.0/24"):
        lab.ip("server", "route", "add", prefix, "via", "192.168.9.2")
    agent = RelayAgent(lab.netns("relay"), GIADDR, SERVER)
    lab.callback(agent)
    return agent


def bind(relay: RelayAgent, client: int, options: dict[int, bytes]) -> Message:
    return dora(relay.exchange, mac(client), giaddr=GIADDR, options=dict(options))


def test_modems_and_cpes_behind_one_cmts_have_pools_of_their_own(
    lab: Lab, relay: RelayAgent
) -> None:
    """RFC 2132 9.13 and RFC 3046: told apart by 60 and by what the relay agent says."""
    server = FastDHCP(lab, "server", config())
    modem, cpe = bind(relay, 1, MODEM), bind(relay, 2, CPE)
    assert modem.yiaddr.startswith("10.20.1.")
    assert cpe.yiaddr.startswith("198.51.100.")
    assert (modem.file.rstrip(b"\0"), cpe.file.rstrip(b"\0")) == (b"cm/gold.bin", b"")
    assert (modem.options.get(15), cpe.options.get(15)) == (None, b"cpe.example")
    relay.silence(build(DISCOVER, mac(3), 3, giaddr=GIADDR, options={60: b"rogue"}))
    relay.silence(build(DISCOVER, mac(4), 4, giaddr=GIADDR, options={60: b"printer"}))
    assert server.dropped() == {"class-drop": 1, "class-not-allowed": 1}
    shown = {lease["address"]: lease["class"] for lease in server.leases()}
    assert shown == {modem.yiaddr: "modem", cpe.yiaddr: "cpe"}
    counted = server.metrics()
    found = {n: counted[f'fastdhcp_class_packets_total{{class="{n}"}}'] for n in ("modem", "cpe")}
    assert found == {"modem": 2, "cpe": 2}
    traced = json.loads(f"[{','.join(server.command('trace', '--json').stdout.splitlines())}]")
    assert [d["classes"] for d in traced] == [
        ["all", "modem"], ["all", "modem"], ["all", "cpe"], ["all", "cpe"], ["all", "rogue"],
        ["all"],
    ]  # fmt: skip


def test_rfc2131_4_3_2_a_unicast_renewal_keeps_its_class_until_the_policy_says_otherwise(
    lab: Lab, relay: RelayAgent
) -> None:
    """Past the relay agent the class comes of option 82 of the lease. Once the guard refuses it, T1
    draws a NAK, and the address is asked for anew."""
    server = FastDHCP(lab, "server", config())
    lease = bind(relay, 2, CPE)
    client = Renewing(lab, lease)
    answer = client.ask(REQUEST)
    assert (answer.type, answer.yiaddr) == (ACK, lease.yiaddr)
    assert 82 not in answer.options
    row = server.lease(lease.yiaddr)
    assert row is not None
    assert (row["class"], row["remote-id"]) == ("cpe", "hex:02aa00000007")

    other = {"name": "cpe", "test": "relay4[2].hex == 'another'", "lease-class": True}
    server.write(config([CLASSES[0], other, CLASSES[2]]))
    server.reload()
    # RFC 2131 4.3.2: a NAK is broadcast on the link; past the relay agent it goes to ciaddr's.
    client.say(REQUEST)
    naks = 'fastdhcp_packets_sent_total{type="nak"}'
    assert eventually(lambda: server.metrics().get(naks) == 1)
    row = server.lease(lease.yiaddr)
    assert row is not None and row["state"] == "active"
    assert NAK not in [r.message.type for r in relay.received]
