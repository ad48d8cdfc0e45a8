"""Lines about packets: who asks from where nobody is served, who declines an address."""

import re

import pytest

from fastdhcp.supervisor.troubles import LINES_MAX
from tests.lab import Lab, LinkClient, RelayAgent, build
from tests.lab.packet import DECLINE, DISCOVER, NAK, REQUEST, mac
from tests.lab.servers import FastDHCP
from tests.lab.wire import dora

from .conftest import SERVER, eventually, lan

pytestmark = pytest.mark.net


def test_who_asks_from_where_there_is_no_subnet_is_named_once_with_a_count(
    lab: Lab, link: LinkClient, relay: RelayAgent
) -> None:
    server = FastDHCP(lab, "server", lan())
    for n in range(5):
        relay.send(build(DISCOVER, mac(n), n, giaddr="10.99.0.1"))
    line = server.process.wait_for("warning no-subnet .*")[0]
    assert re.search(r"hw-address=02:\S+ interface=rel0 giaddr=10\.99\.0\.1 packets=1$", line)
    lab.veth("server:oth0=10.98.0.1/24", "elsewhere:cli9")
    other = LinkClient(lab.netns("elsewhere"), "cli9")
    lab.callback(other)
    other.silence(build(DISCOVER, mac(7), 7))
    server.process.wait_for(f"no-subnet hw-address={mac(7).hex(':')} interface=oth0 packets=1")
    assert server.process.text().count("warning no-subnet") == 2


def test_of_many_places_only_some_are_named(lab: Lab, link: LinkClient, relay: RelayAgent) -> None:
    server = FastDHCP(lab, "server", lan())
    for n in range(LINES_MAX + 20):
        relay.send(build(DISCOVER, mac(n), n, giaddr=f"10.99.0.{n + 1}"))
    named = "warning no-subnet"
    assert eventually(lambda: server.process.text().count(named) == LINES_MAX)
    assert not eventually(lambda: server.process.text().count(named) > LINES_MAX, timeout=2)
    dora(link.ask, mac(200))


def test_an_address_that_a_client_declines_is_named_with_who(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan())
    address = dora(link.ask, mac(1)).yiaddr
    packet = build(DECLINE, mac(1), 5, options={50: address, 54: SERVER})
    link.silence(packet)
    line = server.process.wait_for("warning address-declined .*")[0]
    assert f"address={address} hw-address={mac(1).hex(':')} interface=srv0" in line
    assert f"`fastdhcp leases release {address} --now`" in line
    assert re.search(r"nobody is given it until 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ; find", line)
    link.silence(packet)  # nothing is declined by it any more
    assert not eventually(lambda: server.process.text().count("address-declined") > 1, timeout=2)


def test_who_is_refused_is_named(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan())
    asked = build(REQUEST, mac(1), 5, options={50: "10.99.0.9"})
    assert link.exchange(asked).message.type == NAK
    line = server.process.wait_for("warning request-refused .*")[0]
    who = f"hw-address={mac(1).hex(':')} interface=srv0"
    assert line.endswith(f"{who} requested=10.99.0.9 packets=1")


def test_a_reply_that_finds_no_route_to_the_relay_agent_is_named(
    lab: Lab, link: LinkClient, relay: RelayAgent
) -> None:
    config = lan()
    config["subnets"].append({"subnet": "10.88.0.0/24", "pools": ["10.88.0.10-10.88.0.20"]})
    server = FastDHCP(lab, "server", config)
    lab.ip("server", "route", "flush", "10.88.0.0/24")
    relay.send(build(DISCOVER, mac(1), 5, giaddr="10.88.0.1"))
    line = server.process.wait_for("warning send-failed .*")[0]
    assert 'giaddr=10.88.0.1' in line
    assert 'text="Network is unreachable"' in line
