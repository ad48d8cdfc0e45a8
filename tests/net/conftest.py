"""The server under test, by --servers, and the ground on which the packet tables are tried."""

import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Frame, Lab, LinkClient, Message, RelayAgent
from tests.lab.packet import mac
from tests.lab.patience import eventually as eventually
from tests.lab.servers import SERVERS, Server, Site, Subnet
from tests.lab.toml import Config
from tests.lab.wire import only

LAN = Subnet("10.77.0.0/22", ("10.77.1.1", "10.77.1.250"), "10.77.0.1",
             reserved=(("02:ee:00:00:00:01", "10.77.0.50"),))  # fmt: skip
VLAN_A = Subnet("10.88.0.0/24", ("10.88.0.10", "10.88.0.250"), "10.88.0.1")
VLAN_B = Subnet("10.89.0.0/24", ("10.89.0.10", "10.89.0.250"), "10.89.0.1")
SITE = Site(subnets=(LAN, VLAN_A, VLAN_B), interfaces=("srv0", "rel0"), local=("srv0",))


SERVER = "10.77.0.1"
"""The server's address on the link that ``link`` makes."""


def lan(pool: str = "10.77.1.1-10.77.2.250", *, workers: int = 2, **defaults: Any) -> Config:
    """fastdhcp's configuration for one subnet on srv0; keys of [defaults] with underscores."""
    keys = {key.replace("_", "-"): value for key, value in defaults.items()}
    return {
        "server": {"interfaces": ["srv0"], "workers": workers},
        "control": {"listen": "127.0.0.1:8067"},
        "defaults": {"lease-time": 600, "authoritative": True, **keys},
        "subnets": [{"subnet": "10.77.0.0/22", "pools": [pool]}],
    }


class Stations:
    """A server's lab, and stations on any of the links of its namespace ``client``."""

    def __init__(self, lab: Lab, server: Server) -> None:
        self.lab, self.server = lab, server
        self._links: dict[str, LinkClient] = {}

    def link(self, interface: str) -> LinkClient:
        if interface not in self._links:
            made = LinkClient(self.lab.netns("client"), interface)
            self.lab.callback(made)
            self._links[interface] = made
        return self._links[interface]


class Ground:
    """One server with a link of its own (srv0) and a router with two VLANs behind it (rel0).

    ``link`` are stations on the link, ``relays`` a relay agent for each VLAN by its giaddr; every
    call of ``chaddr`` names a client that was never seen before.
    """

    LINK_SERVER, RELAYED_SERVER = "10.77.0.1", "192.168.9.1"
    UNSERVED = "192.168.9.2"

    def __init__(self, lab: Lab, server_class: type[Server]) -> None:
        self.lab = lab
        lab.veth(f"server:srv0={self.LINK_SERVER}/22", "client:cli0")
        lab.veth(f"server:rel0={self.RELAYED_SERVER}/30", f"relay:up0={self.UNSERVED}/30")
        for vlan in ("10.88.0", "10.89.0"):
            lab.ip("relay", "address", "add", f"{vlan}.1/24", "dev", "up0")
            lab.ip("server", "route", "add", f"{vlan}.0/24", "via", self.UNSERVED)
        self.server = server_class(lab, "server", SITE)
        self.link = LinkClient(lab.netns("client"), "cli0")
        names = ("10.88.0.1", "10.89.0.1", self.UNSERVED)
        self.relays = {name: self.relay_agent(name) for name in names}
        for closer in (self.link, *self.relays.values()):
            lab.callback(closer)
        self._numbers = itertools.count(1)
        rows = lab.ip("server", "-br", "link", "show", "srv0").split()
        self.server_mac = bytes.fromhex(rows[2].replace(":", ""))

    def relay_agent(self, address: str) -> RelayAgent:
        return RelayAgent(self.lab.netns("relay"), address, self.RELAYED_SERVER)

    def chaddr(self) -> bytes:
        return mac(next(self._numbers))

    def on_link(self, payload: bytes) -> Message:
        """The one answer to a broadcast."""
        return self.link.exchange(payload).message

    def renew(self, payload: bytes) -> Frame:
        """The one answer to a unicast from ciaddr, as sent by a station that renews.

        The lab's stations answer no ARP, so the server's neighbour table is told their MAC.
        """
        sent = Message.parse(payload)
        entry = sent.ciaddr, "lladdr", sent.chaddr.hex(":"), "dev", "srv0"
        self.lab.ip("server", "neighbour", "replace", *entry)
        ends = sent.ciaddr, self.LINK_SERVER, self.server_mac
        self.link.unicast(payload, sent.chaddr, *ends)
        return only(self.link.answers(sent.xid))

    def by_relay(self, giaddr: str = "10.88.0.1") -> Callable[[bytes], Message]:
        """The exchanger of a relay agent."""
        return self.relays[giaddr].exchange


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``server_class`` is each server that --servers names; so is that of ``ground``."""
    names = metafunc.config.option.servers.split(",")
    classes = [SERVERS[name] for name in names]
    if "server_class" in metafunc.fixturenames:
        metafunc.parametrize("server_class", classes, ids=names)
    elif "ground" in metafunc.fixturenames:
        metafunc.parametrize("ground", classes, ids=names, indirect=True, scope="module")


@pytest.fixture(scope="module")
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """One server for a whole table; each row brings clients of its own."""
    with Lab() as lab:
        yield Ground(lab, request.param)


@pytest.fixture
def link(lab: Lab) -> LinkClient:
    """Stations on the server's link srv0."""
    lab.veth(f"server:srv0={SERVER}/22", "client:cli0")
    made = LinkClient(lab.netns("client"), "cli0")
    lab.callback(made)
    return made


@pytest.fixture
def relay(lab: Lab) -> RelayAgent:
    """A relay agent with giaddr 10.77.0.2, which the server reaches by a link of its own."""
    lab.veth("server:rel0=192.168.9.1/30", "relay:up0=192.168.9.2/30")
    lab.ip("relay", "address", "add", "10.77.0.2/32", "dev", "up0")
    lab.ip("server", "route", "add", "10.77.0.2/32", "via", "192.168.9.2")
    made = RelayAgent(lab.netns("relay"), "10.77.0.2", "192.168.9.1")
    lab.callback(made)
    return made


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one: a socket's path has room for 107 octets."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp") as made:
        yield Path(made)
