"""``fastdhcp probe`` against each server that we have: one DORA, and the lease given back."""

import json
import subprocess
import sys

import pytest

from tests.lab import Capture, Lab
from tests.lab.packet import RELEASE
from tests.lab.servers import SERVERS, Server, Site, environment

pytestmark = pytest.mark.net

SERVER, RELAYED_SERVER, RELAY = "10.77.0.1", "192.168.9.1", "10.77.0.2"
ALL_SERVERS = [pytest.param(made, id=name) for name, made in SERVERS.items()]


def probe(lab: Lab, namespace: str, *words: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "fastdhcp", "probe", *words]
    return lab.run(namespace, argv, **environment())


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
