"""``fastdhcp probe``: one DORA against any DHCP server, and where it stopped in words."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.lab import Capture, Lab, Message, build
from tests.lab.packet import DISCOVER, OFFER, RELEASE
from tests.lab.servers import SERVERS, Dnsmasq, Server, Site, Subnet, environment

pytestmark = pytest.mark.net

SERVER, RELAYED_SERVER, RELAY = "10.77.0.1", "192.168.9.1", "10.77.0.2"
ALL_SERVERS = [pytest.param(made, id=name) for name, made in SERVERS.items()]


def probe(lab: Lab, namespace: str, *words: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "fastdhcp", "probe", *words]
    return lab.run(namespace, argv, timeout=60, **environment())


def said(done: "subprocess.CompletedProcess[str]") -> str:
    return (done.stdout + done.stderr).lower()


@pytest.fixture
def links(lab: Lab) -> Lab:
    """A link (srv0 to cli0) and a way to a relay agent at 10.77.0.2 (rel0 to up0)."""
    lab.veth(f"server:srv0={SERVER}/22", "client:cli0")
    lab.veth(f"server:rel0={RELAYED_SERVER}/30", "relay:up0=192.168.9.2/30")
    lab.ip("relay", "address", "add", f"{RELAY}/32", "dev", "up0")
    lab.ip("server", "route", "add", f"{RELAY}/32", "via", "192.168.9.2")
    return lab


@pytest.mark.parametrize("made", ALL_SERVERS)
def test_on_the_link_any_server_gives_a_lease_and_gets_it_back(
    links: Lab, made: type[Server]
) -> None:
    made(links, "server", Site())
    capture = Capture(links.netns("server"), "srv0")
    links.callback(capture)
    done = probe(links, "client", "-i", "cli0")
    assert done.returncode == 0, said(done)
    assert "10.77.1." in done.stdout
    assert SERVER in done.stdout
    released = capture.collect(lambda f: f.message.type == RELEASE, count=1)
    assert released[0].message.ciaddr in done.stdout


@pytest.mark.parametrize("made", ALL_SERVERS)
def test_as_a_relay_agent_any_server_gives_a_lease(links: Lab, made: type[Server]) -> None:
    made(links, "server", Site(interfaces=("srv0", "rel0")))
    words = ["--relay", RELAY, "--server", RELAYED_SERVER, "--json"]
    done = probe(links, "relay", *words)
    assert done.returncode == 0, said(done)
    assert isinstance(json.loads(done.stdout), dict)
    assert "10.77.1." in done.stdout


def test_no_server_is_no_offer(links: Lab) -> None:
    done = probe(links, "client", "-i", "cli0")
    assert done.returncode == 1
    assert "no offer" in said(done)


def test_port_68_in_use_is_named(links: Lab) -> None:
    Dnsmasq(links, "server")
    with links.netns("client"):
        holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    holder.bind(("0.0.0.0", 68))
    done = probe(links, "client", "-i", "cli0")
    holder.close()
    assert "68" in said(done)
    assert "in use" in said(done)


def test_two_servers_are_both_named(lab: Lab) -> None:
    for n in (1, 2):
        lab.veth(f"server{n}:srv0=10.77.0.{n}/22", f"switch:port{n}")
    lab.veth("client:cli0", "switch:port3")
    lab.bridge("switch:br0", "port1", "port2", "port3")
    for n in (1, 2):
        pool = (f"10.77.{n}.10", f"10.77.{n}.20")
        Dnsmasq(lab, f"server{n}", Site(subnets=(Subnet(pool=pool),)))
    done = probe(lab, "client", "-i", "cli0")
    assert done.returncode == 0, said(done)
    assert "two servers" in said(done) or "2 servers" in said(done)
    assert "10.77.0.1" in said(done)
    assert "10.77.0.2" in said(done)


class OffersOnly:
    """A server that offers and never acknowledges."""

    def __init__(self, lab: Lab) -> None:
        with lab.netns("server"):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"srv0")
        self.socket.bind(("", 67))
        self.socket.settimeout(0.1)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while not self.ended.is_set():
            try:
                asked = Message.parse(self.socket.recv(2048))
            except (TimeoutError, ValueError):
                continue
            if asked.type == DISCOVER:
                self.socket.sendto(_offer(asked), ("255.255.255.255", 68))

    def close(self) -> None:
        self.ended.set()
        self.thread.join()
        self.socket.close()


def _offer(asked: Message) -> bytes:
    options = {54: SERVER, 51: 600, 1: "255.255.252.0"}
    head = {"op": 2, "flags": asked.flags, "yiaddr": "10.77.1.9", "options": options}
    return build(OFFER, asked.chaddr, asked.xid, **head)  # type: ignore[arg-type]


@pytest.fixture
def offers_only(links: Lab) -> Iterator[OffersOnly]:
    made = OffersOnly(links)
    yield made
    made.close()


def test_an_offer_without_an_ack_is_named(links: Lab, offers_only: OffersOnly) -> None:
    done = probe(links, "client", "-i", "cli0")
    assert done.returncode == 1
    assert "10.77.1.9" in said(done)
    assert "ack" in said(done)


def test_a_relay_address_that_no_subnet_of_the_server_has_is_named(links: Lab) -> None:
    Dnsmasq(links, "server")
    done = probe(links, "relay", "--relay", "192.168.9.2", "--server", RELAYED_SERVER)
    assert done.returncode == 1
    assert "192.168.9.2" in said(done)


def test_a_relay_address_that_is_not_ours_is_named(links: Lab) -> None:
    Dnsmasq(links, "server")
    done = probe(links, "relay", "--relay", "10.77.0.77", "--server", RELAYED_SERVER)
    assert done.returncode == 1
    assert "10.77.0.77" in said(done)
