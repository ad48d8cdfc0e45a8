"""Unmodified clients of the trade, by real broadcast and through a real relay agent.

The harness itself is proven by --servers dnsmasq,kea.
"""

import dataclasses
import ipaddress
import signal

import pytest

from tests.lab import Capture, Lab
from tests.lab.clients import (
    CLIENTS,
    OBTAINED,
    RENEWED,
    Dhclient,
    Dhcpcd,
    Event,
    RealClient,
    Udhcpc,
    dhcrelay,
    perfdhcp,
)
from tests.lab.packet import ACK, DISCOVER, OFFER, RELEASE, REQUEST, Frame
from tests.lab.patience import eventually
from tests.lab.servers import FastDHCP, Kea, Server, Site, Subnet

pytestmark = pytest.mark.net

SITE = Site(lease_time=120, renewal_time=3, rebinding_time=90)
SERVER = "10.77.0.1"

TABLE = [
    pytest.param(Dhclient, id="dhclient"),
    pytest.param(Udhcpc, id="udhcpc"),
    pytest.param(
        Dhcpcd,
        id="dhcpcd",
        marks=pytest.mark.root("dhcpcd cannot separate its privileges in a user namespace"),
    ),
]


def in_pool(address: str) -> bool:
    first, last = map(ipaddress.IPv4Address, SITE.subnets[0].pool)
    return first <= ipaddress.IPv4Address(address) <= last


def kinds(frames: list[Frame], xid: int | None = None) -> list[int]:
    return [f.message.type for f in frames if xid in (None, f.message.xid)]


def assert_obtained(bound: Event, capture: Capture) -> None:
    """RFC 2131 3.1, steps 1-5, on the wire and in what the client learnt."""
    assert in_pool(bound.address)
    assert bound.values["length"] == "22"
    assert bound.values["routers"] == SITE.subnets[0].router
    assert bound.values["dns"] == SITE.name_server
    assert bound.values["domain"] == SITE.domain
    capture.read()
    seen = kinds(capture.frames)
    assert seen.index(DISCOVER) < seen.index(OFFER) < seen.index(REQUEST) < seen.index(ACK)


def renewal(frames: list[Frame], address: str) -> tuple[Frame, Frame]:
    """The REQUEST of a renewal (RFC 2131 4.3.2: ciaddr filled in, no server id) and its ACK."""
    asked = next(f for f in frames if f.message.type == REQUEST and f.message.ciaddr == address)
    assert 54 not in asked.message.options
    assert asked.target == (SERVER, 67)
    xid = asked.message.xid
    ack = next(f for f in frames if f.message.type == ACK and f.message.xid == xid)
    return asked, ack


@pytest.mark.parametrize("client_class", TABLE)
def test_a_client_on_the_link_obtains_renews_and_releases(
    lab: Lab, server_class: type[Server], client_class: type[RealClient]
) -> None:
    lab.veth(f"server:srv0={SERVER}/22", "client:cli0")
    server = server_class(lab, "server", SITE)
    capture = Capture(lab.netns("server"), "srv0", outgoing=True)
    lab.callback(capture)
    client = client_class(lab, "client", "cli0")

    bound = client.wait_for(OBTAINED)
    assert_obtained(bound, capture)

    seen = len(client.events())
    capture.frames.clear()
    client.renew()
    renewed = client.wait_for(RENEWED, after=seen)
    assert renewed.address == bound.address
    capture.read()
    _, ack = renewal(capture.frames, bound.address)
    assert (ack.message.yiaddr, ack.target) == (bound.address, (bound.address, 68))

    client.release()
    said = capture.collect(lambda f: f.message.type == RELEASE, count=1)
    assert [f.message.ciaddr for f in said] == [bound.address]
    if isinstance(server, FastDHCP):
        lease = server.lease(bound.address)
        assert lease is not None
        assert lease["state"] == "released"


@pytest.mark.parametrize("client_class", TABLE)
def test_a_client_gets_the_address_it_had_before(
    lab: Lab, server_class: type[Server], client_class: type[RealClient]
) -> None:
    """RFC 2131 4.3.1: the client's previous address, after a release and a start from nothing."""
    if server_class is Kea:
        pytest.skip("Kea forgets a released lease")
    lab.veth(f"server:srv0={SERVER}/22", "client:cli0")
    server_class(lab, "server", SITE)
    first = client_class(lab, "client", "cli0")
    bound = first.wait_for(OBTAINED)
    first.release()
    first.process.stop()
    (first.folder / "leases").unlink(missing_ok=True)
    second = first.start()
    again = first.wait_for(OBTAINED, after=len(first.events()))
    assert again.address == bound.address
    second.stop()


def test_rfc2131_3_2_dhclient_asks_for_the_lease_it_remembers(
    lab: Lab, server_class: type[Server]
) -> None:
    """INIT-REBOOT: killed without a release, started again: REQUEST with 50 and without 54."""
    lab.veth(f"server:srv0={SERVER}/22", "client:cli0")
    server_class(lab, "server", SITE)
    client = Dhclient(lab, "client", "cli0")
    bound = client.wait_for(OBTAINED)
    client.process.stop(signal.SIGKILL)
    capture = Capture(lab.netns("server"), "srv0", outgoing=True)
    lab.callback(capture)
    client.start()
    again = client.wait_for("REBOOT")
    assert again.address == bound.address
    capture.read()
    assert kinds(capture.frames)[:2] == [REQUEST, ACK]
    asked = capture.frames[0].message
    assert 54 not in asked.options
    assert asked.options[50] == ipaddress.IPv4Address(bound.address).packed


@pytest.mark.parametrize("client_class", TABLE[:2])
def test_a_client_behind_dhcrelay_obtains_renews_and_releases(
    lab: Lab, server_class: type[Server], client_class: type[RealClient]
) -> None:
    """Three namespaces; dhcrelay sets giaddr and adds option 82. Renewal goes by routing."""
    lab.veth("relay:down0=10.77.0.1/22", "client:cli0")
    lab.veth("server:srv0=192.168.9.1/30", "relay:up0=192.168.9.2/30")
    lab.run("relay", ["sysctl", "-qw", "net.ipv4.ip_forward=1"])
    lab.ip("server", "route", "add", "10.77.0.0/22", "via", "192.168.9.2")
    site = dataclasses.replace(SITE, local=())
    server_class(lab, "server", site)
    dhcrelay(lab, "relay", "down0", "up0", "192.168.9.1")
    capture = Capture(lab.netns("server"), "srv0", outgoing=True)
    lab.callback(capture)
    client = client_class(lab, "client", "cli0")

    bound = client.wait_for(OBTAINED)
    assert_obtained(bound, capture)
    relayed = [f for f in capture.frames if f.message.giaddr == "10.77.0.1"]
    assert kinds(relayed)[:4] == [DISCOVER, OFFER, REQUEST, ACK]
    for request, reply in zip(relayed[0:4:2], relayed[1:4:2], strict=True):
        assert reply.target == ("10.77.0.1", 67)
        assert reply.message.options[82] == request.message.options[82]

    # The default route that a hook of the machine's own would set.
    lab.ip("client", "route", "add", "default", "via", "10.77.0.1")
    seen = len(client.events())
    client.renew()
    assert client.wait_for(RENEWED, after=seen).address == bound.address
    client.release()
    said = capture.collect(lambda f: f.message.type == RELEASE, count=1)
    # dhcrelay also picks the routed packet off its link and relays it: the server gets both.
    assert {f.message.ciaddr for f in said} == {bound.address}


def test_perfdhcp_loses_nothing(
    lab: Lab, server_class: type[Server], pytestconfig: pytest.Config
) -> None:
    """5,000 exchanges a second, each from a client of its own, all behind one relay address.

    Whatever perfdhcp sent was read, and each draws one answer. What came of the answers is its
    matter: on a busy machine it is too slow for its own small receive buffer (166 packets).
    """
    lab.veth("server:srv0=192.168.9.1/30", "relay:up0=192.168.9.2/30")
    lab.ip("relay", "address", "add", "10.77.0.1/32", "dev", "up0")
    lab.ip("server", "route", "add", "10.77.0.0/16", "via", "192.168.9.2")
    subnet = Subnet("10.77.0.0/16", pool=("10.77.1.0", "10.77.254.255"))
    big = Site(subnets=(subnet,), local=())
    server = server_class(lab, "server", big)
    rate = 5_000 if server_class is FastDHCP else 200
    exchanges = rate * (10 if pytestconfig.option.long else 3)
    result = perfdhcp(
        lab, "relay", "192.168.9.1", "10.77.0.1", rate=rate, exchanges=exchanges, clients=20_000
    )
    assert result.sent[0] >= exchanges, result.text
    assert min(result.received) > 0, result.text

    def answered() -> bool:
        """By the link: to the server's kernel a train is one datagram."""
        return lab.counters("relay", "Ip")["InReceives"] == sum(result.sent)

    assert eventually(answered), (lab.counters("relay", "Ip"), result.text)
    counters = lab.udp_counters("server")
    assert counters["InDatagrams"] == sum(result.sent)
    assert not counters["RcvbufErrors"]
    if isinstance(server, FastDHCP):
        assert not server.dropped()
        assert sent_by(server) == {"offer": result.sent[0], "ack": result.sent[1]}


def sent_by(server: FastDHCP) -> dict[str, float]:
    """Replies sent, by their type."""
    head, tail = 'fastdhcp_packets_sent_total{type="', '"}'
    found = server.metrics().items()
    return {k[len(head) : -len(tail)]: v for k, v in found if k.startswith(head) and v}


def test_every_client_of_the_table_is_known() -> None:
    assert {row.id for row in TABLE} == set(CLIENTS)
