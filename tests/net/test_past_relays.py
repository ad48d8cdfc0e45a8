"""Unicast past a relay agent, which alone says by which circuit a client comes: renewal, INFORM,
RELEASE."""

import socket

import pytest

from tests.lab import Lab, Message, RelayAgent, build
from tests.lab.packet import ACK, INFORM, RELEASE, REQUEST, mac
from tests.lab.servers import FastDHCP
from tests.lab.wire import dora

from .conftest import eventually

pytestmark = pytest.mark.net

SERVER, GIADDR = "192.168.9.1", "10.88.0.1"
CIRCUIT = b"\x01\x06eth0/7"
RESERVED = [{"circuit-id": "eth0/7", "address": "10.88.0.5"}]


class Renewing:
    """The client with its address: UDP from there, port 68, to the server's port 67."""

    def __init__(self, lab: Lab, lease: Message) -> None:
        self.lease = lease
        lab.ip("relay", "address", "add", f"{lease.yiaddr}/32", "dev", "up0")
        with lab.netns("relay"):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((lease.yiaddr, 68))
        self.socket.settimeout(3)
        lab.callback(self.socket)

    def say(self, kind: int) -> None:
        named = {54: SERVER} if kind == RELEASE else {}
        payload = build(kind, self.lease.chaddr, kind, ciaddr=self.lease.yiaddr, options=named)
        self.socket.sendto(payload, (SERVER, 67))

    def ask(self, kind: int) -> Message:
        self.say(kind)
        return Message.parse(self.socket.recv(65536))


@pytest.mark.parametrize("authoritative", [False, True])
@pytest.mark.parametrize(
    "identity", [["client-id", "hw-address"], ["circuit-id"], ["circuit-id", "hw-address"]], ids=str
)
@pytest.mark.parametrize("reservations", [RESERVED, []], ids=["reserved", "pool"])
def test_rfc2131_4_3_2_what_the_agent_said_is_remembered_by_the_lease(
    lab: Lab, authoritative: bool, identity: list[str], reservations: list[dict[str, str]]
) -> None:
    lab.veth(f"server:rel0={SERVER}/30", "relay:up0=192.168.9.2/30")
    lab.ip("relay", "address", "add", f"{GIADDR}/24", "dev", "up0")
    lab.ip("server", "route", "add", "10.88.0.0/24", "via", "192.168.9.2")
    server = FastDHCP(lab, "server", {
        "server": {"interfaces": [], "identity": identity, "workers": 2},
        "control": {"listen": "127.0.0.1:8067"},
        "defaults": {"lease-time": 600, "authoritative": authoritative},
        "subnets": [{"subnet": "10.88.0.0/24", "pools": ["10.88.0.10-10.88.0.250"],
                     "reservations": reservations}],
    })  # fmt: skip
    relay = RelayAgent(lab.netns("relay"), GIADDR, SERVER)
    lab.callback(relay)
    lease = dora(relay.exchange, mac(1), giaddr=GIADDR, options={82: CIRCUIT})
    client = Renewing(lab, lease)
    for kind in (REQUEST, REQUEST, INFORM):
        answer = client.ask(kind)
        assert (answer.type, answer.ciaddr) == (ACK, lease.yiaddr)
        assert 82 not in answer.options
    row = server.lease(lease.yiaddr)
    assert row is not None
    assert (row["state"], row["circuit-id"]) == ("active", "eth0/7")
    client.say(RELEASE)
    state = "reserved" if reservations else "released"
    assert eventually(lambda: (server.lease(lease.yiaddr) or {}).get("state") == state)
