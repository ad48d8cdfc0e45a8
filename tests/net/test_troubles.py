"""Lines about packets: who asks from where nobody is served, who declines an address."""

import re

import pytest

from fastdhcp.supervisor.troubles import LINES_MAX
from tests.lab import Lab, LinkClient, RelayAgent, build
from tests.lab.packet import DECLINE, DISCOVER, mac
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
    link.silence(packet)  # nothing is declined by it any more
    assert not eventually(lambda: server.process.text().count("address-declined") > 1, timeout=2)
