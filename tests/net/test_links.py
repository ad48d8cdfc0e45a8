"""Kinds of links: a bridge, several links at once, and which of them are served."""

import time
from typing import Any

import pytest

from tests.lab import Frame, Lab, LinkClient, RelayAgent, build
from tests.lab.packet import ACK, DISCOVER, OFFER, REQUEST, mac
from tests.lab.servers import FastDHCP
from tests.lab.wire import dora

from .conftest import SERVER, eventually, lan

pytestmark = pytest.mark.net


def serving(*interfaces: str, **tables: Any) -> dict[str, Any]:
    return {**lan(), "server": {"interfaces": list(interfaces)}, **tables}


def stations(lab: Lab, interface: str, namespace: str = "client") -> LinkClient:
    made = LinkClient(lab.netns(namespace), interface)
    lab.callback(made)
    return made


def assert_served(link: LinkClient, n: int) -> None:
    """The whole of it: a frame to a client without an address, and a broadcast."""
    offer = link.exchange(build(DISCOVER, mac(n), n))
    assert (offer.ether_target, offer.target) == (mac(n), (offer.message.yiaddr, 68))
    ack = dora(link.ask, mac(n), flags=0x8000)
    assert ack.type == ACK


def test_a_bridge_with_two_ports(lab: Lab) -> None:
    for n in (0, 1):
        lab.veth(f"server:port{n}", f"client:cli{n}")
    lab.bridge(f"server:br0={SERVER}/22", "port0", "port1")
    FastDHCP(lab, "server", serving("br0"))
    for n in (0, 1):
        assert_served(stations(lab, f"cli{n}"), n)


def two_links(lab: Lab) -> tuple[LinkClient, LinkClient]:
    lab.veth(f"server:srv0={SERVER}/22", "client:cli0")
    lab.veth("server:srv1=10.88.0.1/24", "client:cli1")
    return stations(lab, "cli0"), stations(lab, "cli1")


TWO = [
    {"subnet": "10.77.0.0/22", "pools": ["10.77.1.1-10.77.1.9"]},
    {"subnet": "10.88.0.0/24", "pools": ["10.88.0.10-10.88.0.19"]},
]


def test_one_mac_on_two_links_holds_two_leases(lab: Lab) -> None:
    """The second does not end the first (openwrt/odhcpd 201): a binding is of (network, client)."""
    one, other = two_links(lab)
    FastDHCP(lab, "server", serving("srv0", "srv1", subnets=TWO))
    leases = [dora(link.ask, mac(1)) for link in (one, other)]
    assert [lease.yiaddr.rsplit(".", 2)[0] for lease in leases] == ["10.77", "10.88"]
    assert [lease.server_id for lease in leases] == [SERVER, "10.88.0.1"]
    for link, lease in ((one, leases[0]), (other, leases[1])):
        again = link.ask(build(REQUEST, mac(1), 9, options={50: lease.yiaddr}))
        assert (again.type, again.yiaddr) == (ACK, lease.yiaddr)


def test_without_a_list_the_links_with_an_address_in_a_subnet_are_served(lab: Lab) -> None:
    one, other = two_links(lab)
    config = {"subnets": TWO[:1], "defaults": {"lease-time": 600}}
    FastDHCP(lab, "server", config)
    assert_served(one, 1)
    other.silence(build(DISCOVER, mac(2), 2), timeout=0.3)


def test_a_link_that_is_not_listed_is_silence(lab: Lab) -> None:
    one, other = two_links(lab)
    FastDHCP(lab, "server", serving("srv1", subnets=TWO))
    assert_served(other, 1)
    one.silence(build(DISCOVER, mac(2), 2), timeout=0.3)


def test_an_empty_list_serves_relay_agents_alone(lab: Lab) -> None:
    one, _ = two_links(lab)
    FastDHCP(lab, "server", serving(subnets=TWO))
    one.silence(build(DISCOVER, mac(2), 2), timeout=0.3)
    lab.ip("client", "address", "add", "10.88.0.2/24", "dev", "cli1")
    relay = RelayAgent(lab.netns("client"), "10.88.0.2", "10.88.0.1")
    lab.callback(relay)
    assert dora(relay.exchange, mac(3), giaddr="10.88.0.2").yiaddr.startswith("10.88.0.")


def test_a_shared_network_of_two_addresses_on_one_link(lab: Lab) -> None:
    """Pools of 9 and 10 addresses: all 19 are given, then there is silence."""
    lab.veth(f"server:srv0={SERVER}/22", "client:cli0")
    lab.ip("server", "address", "add", "10.88.0.1/24", "dev", "srv0")
    shared = [{**subnet, "shared-network": "both"} for subnet in TWO]
    FastDHCP(lab, "server", serving("srv0", subnets=shared))
    link = stations(lab, "cli0")
    assert len({dora(link.ask, mac(n)).yiaddr for n in range(19)}) == 19
    link.silence(build(DISCOVER, mac(99), 99), timeout=0.3)


def packet_sockets(lab: Lab) -> int:
    return len(lab.run("server", ["cat", "/proc/thread-self/net/packet"]).stdout.splitlines()) - 1


def test_relay_agents_alone_are_served_without_any_capability(lab: Lab, relay: RelayAgent) -> None:
    """`interfaces = []` and a port of one's own: no packet socket is opened, none is needed."""
    config = serving()
    config["server"] = {"interfaces": [], "workers": 2, "listen": "0.0.0.0:6767"}
    bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    server = FastDHCP(lab, "server", config, wrapper=bare)
    for n in range(8):
        packet = build(DISCOVER, mac(n), n, giaddr="10.77.0.2")
        relay.socket.sendto(packet, ("192.168.9.1", 6767))
        (reply,) = relay.collect()
        assert reply.message.type == OFFER
    assert packet_sockets(lab) == 0

    config["server"]["interfaces"] = ["rel0"]
    server.write(config)
    server.reload("reload-refused text=.*server.interfaces: CAP_NET_RAW")


def test_the_first_local_link_may_come_by_a_reload(
    lab: Lab, link: LinkClient, relay: RelayAgent
) -> None:
    config = serving()
    server = FastDHCP(lab, "server", config)
    link.silence(build(DISCOVER, mac(1), 1))
    assert packet_sockets(lab) == 0
    server.write(serving("srv0"))
    server.reload()
    assert packet_sockets(lab) > 0
    for n in range(8):  # of every worker
        frame = link.exchange(build(DISCOVER, mac(n), 8 + n))
        assert frame.ether_target == mac(n)
    assert server.stop() == 0


def test_a_server_that_serves_no_link_of_its_host_says_so(lab: Lab, link: LinkClient) -> None:
    lab.ip("server", "address", "flush", "dev", "srv0")
    lab.ip("server", "address", "add", "10.99.0.1/24", "dev", "srv0")
    config = lan()
    del config["server"]["interfaces"]
    server = FastDHCP(lab, "server", config)
    server.process.wait_for("alarm-on name=no-link-served .*interfaces = \\[\\]")
    alarms = server.status()["alarms"]
    assert isinstance(alarms, list)
    assert [alarm["name"] for alarm in alarms] == ["no-link-served"]

    lab.ip("server", "address", "add", f"{SERVER}/22", "brd", "+", "dev", "srv0")
    server.process.wait_for("alarm-off name=no-link-served")
    assert dora(link.ask, mac(1)).type == ACK

    at = len(server.process.text())
    lab.ip("server", "address", "del", f"{SERVER}/22", "dev", "srv0")
    server.process.wait_for("alarm-on name=no-link-served", after=at)
    at = len(server.process.text())
    server.write(serving())  # all clients come by relay agents, it says now
    server.reload()
    server.process.wait_for("alarm-off name=no-link-served", after=at)


# ---- an address that goes and comes, and what the link carries


def test_a_link_that_loses_its_address_is_silence_and_served_again_when_it_has_one(
    lab: Lab, link: LinkClient
) -> None:
    """Option 54 is never 0.0.0.0, nor is anybody acknowledged who names that."""
    subnet = {**lan()["subnets"][0], "interface": "srv0"}
    server = FastDHCP(lab, "server", {**lan(), "subnets": [subnet]})
    lease = dora(link.ask, mac(1))
    lab.ip("server", "address", "flush", "dev", "srv0")
    server.process.wait_for("interfaces-changed")
    link.silence(build(DISCOVER, mac(2), 2), timeout=0.3)
    for named in ({}, {54: "0.0.0.0"}):
        asked = build(REQUEST, mac(1), 3, options={50: lease.yiaddr, **named})
        link.silence(asked, timeout=0.3)
    assert eventually(lambda: server.dropped().get("no-server-address") == 3)
    lab.ip("server", "address", "add", "10.77.0.9/22", "dev", "srv0")
    assert eventually(lambda: bool(asked_again(link)))
    assert dora(link.ask, mac(1)).server_id == "10.77.0.9"


def asked_again(link: LinkClient) -> list[Frame]:
    link.broadcast(build(DISCOVER, mac(3), 4), mac(3))
    return link.answers(4, timeout=0.2)


def test_rfc2131_4_3_2_who_names_one_of_our_addresses_is_answered_by_it(
    lab: Lab, link: LinkClient
) -> None:
    lab.ip("server", "address", "add", "10.77.0.2/22", "dev", "srv0")
    FastDHCP(lab, "server", lan())
    offer = link.ask(build(DISCOVER, mac(1), 1))
    for named in (SERVER, "10.77.0.2"):
        asked = build(REQUEST, mac(1), 2, options={50: offer.yiaddr, 54: named})
        ack = link.exchange(asked)
        assert (ack.message.type, ack.message.server_id, ack.source[0]) == (ACK, named, named)


LONG = {str(code): "hex:" + "ab" * 200 for code in range(225, 231)}
WHOLE = {55: bytes(range(225, 231)), 57: b"\x05\xdc"}  # 1500


@pytest.mark.parametrize("flags", [0, 0x8000], ids=["frame", "broadcast"])
def test_no_reply_is_longer_than_the_link_carries(lab: Lab, link: LinkClient, flags: int) -> None:
    """A frame would not leave, a broadcast would go in fragments; a change is followed."""
    server = FastDHCP(lab, "server", lan(options=LONG))

    def size(n: int) -> int:
        offer = link.exchange(build(DISCOVER, mac(n), n, flags=flags, options=WHOLE)).message
        return len(offer.raw) + 28

    assert size(1) > 1300
    for n, mtu in ((2, 800), (3, 600)):
        at = len(server.process.text())
        lab.ip("server", "link", "set", "srv0", "mtu", str(mtu))
        server.process.wait_for("interfaces-changed", after=at)
        assert mtu - 202 < size(n) <= mtu


def outages(server: FastDHCP) -> list[tuple[str, str]]:
    alarms = server.status()["alarms"]
    assert isinstance(alarms, list)
    return [(alarm["name"], alarm["subject"]) for alarm in alarms]


@pytest.mark.parametrize("named", [True, False], ids=["named", "by its address"])
def test_a_link_that_goes_down_while_it_is_served_is_an_alarm(
    lab: Lab, link: LinkClient, named: bool
) -> None:
    config = lan()
    if not named:
        del config["server"]["interfaces"]
    server = FastDHCP(lab, "server", config)
    assert dora(link.ask, mac(1)).type == ACK
    assert outages(server) == []
    lab.ip("server", "link", "set", "srv0", "down")
    server.process.wait_for("alarm-on name=interface-not-served subject=srv0 .*srv0 is down")
    assert eventually(lambda: outages(server) == [("interface-not-served", "srv0")])
    lab.ip("server", "link", "set", "srv0", "up")
    server.process.wait_for("alarm-off name=interface-not-served subject=srv0")
    assert eventually(lambda: outages(server) == [])
    assert dora(link.ask, mac(2)).type == ACK


def test_a_link_that_lost_its_address_is_missed_over_a_reload(lab: Lab, link: LinkClient) -> None:
    config = lan()
    del config["server"]["interfaces"]
    server = FastDHCP(lab, "server", config)
    assert dora(link.ask, mac(1)).type == ACK
    lab.ip("server", "address", "del", f"{SERVER}/22", "dev", "srv0")
    server.process.wait_for("alarm-on name=interface-not-served subject=srv0 .*no IPv4 address")
    server.reload()
    assert ("interface-not-served", "srv0") in outages(server)
    lab.ip("server", "address", "add", f"{SERVER}/22", "dev", "srv0")
    server.process.wait_for("alarm-off name=interface-not-served subject=srv0")
    assert eventually(lambda: outages(server) == [])
    assert dora(link.ask, mac(2)).type == ACK


def test_a_link_without_carrier_is_an_alarm_and_no_new_policy(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan())
    assert dora(link.ask, mac(1)).type == ACK
    lab.ip("client", "link", "set", "cli0", "down")
    line = server.process.wait_for("alarm-on name=interface-not-served subject=srv0 .*")[0]
    assert "srv0 has no carrier: check the cable and the port at its other end" in line
    changes = "srv0: up, 10.77.0.1/22 -> no carrier, 10.77.0.1/22"
    server.process.wait_for(f'interfaces-changed interfaces=srv0 generation=1 changes="{changes}"')
    assert eventually(lambda: "no carrier" in server.command("status").stdout)
    lab.ip("client", "link", "set", "cli0", "up")
    server.process.wait_for("alarm-off name=interface-not-served subject=srv0")
    assert server.status()["generation"] == 1
    with pytest.raises(OSError, match="Network is down"):
        link.answers(1)  # what the station's socket has of it
    assert dora(link.ask, mac(2)).type == ACK


def test_a_link_that_flaps_is_told_now_and_then(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan())
    for _ in range(10):
        for state in ("down", "up"):
            lab.ip("server", "link", "set", "srv0", state)
            time.sleep(0.2)
    server.process.wait_for("alarm-off name=interface-not-served subject=srv0")
    assert eventually(lambda: outages(server) == [])
    assert server.process.text().count("interfaces-changed") <= 6
    assert server.status()["generation"] == 1
    assert dora(link.ask, mac(1)).type == ACK
