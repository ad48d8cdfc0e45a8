"""A BOOTP client on the link: one message, one reply, and a binding that stays."""

from typing import Any

import pytest

from tests.lab import Lab, LinkClient
from tests.lab.packet import build, mac
from tests.lab.servers import FastDHCP

from .conftest import SERVER, lan

pytestmark = pytest.mark.net


def serve(lab: Lab, **defaults: Any) -> tuple[FastDHCP, LinkClient]:
    lab.veth(f"server:srv0={SERVER}/22", "client:cli0")
    server = FastDHCP(lab, "server", lan(**defaults))
    link = LinkClient(lab.netns("client"), "cli0")
    lab.callback(link)
    return server, link


def test_a_bootp_client_is_answered_when_its_binding_is_on_disk(lab: Lab) -> None:
    """RFC 1534 2. The server is killed behind the reply: what it told is there again."""
    server, link = serve(lab, bootp=True)
    found = link.exchange(build(0, mac(1)))
    reply = found.message
    assert (reply.op, reply.type, reply.yiaddr) == (2, 0, "10.77.1.1")
    assert not reply.options.keys() & set(range(50, 62))
    assert found.target == ("10.77.1.1", 68)
    assert found.ether_target == mac(1)
    assert len(found.payload) == 300
    server.process.stop(9)
    again = FastDHCP(lab, "server", lan(bootp=True))
    lease = again.lease("10.77.1.1")
    assert lease is not None
    assert (lease["state"], lease["expires"]) == ("active", None)
    assert link.ask(build(0, mac(1))).yiaddr == "10.77.1.1"
    sent = again.metrics()['fastdhcp_packets_sent_total{type="bootp"}']
    assert sent == 1


def test_a_server_that_serves_no_bootp_counts_it(lab: Lab) -> None:
    server, link = serve(lab)
    link.broadcast(build(0, mac(1)), mac(1))
    assert link.ask(build(1, mac(2))).type == 2
    assert server.dropped() == {"bootp-unknown": 1}


def test_rfc4039_two_messages_are_a_lease(lab: Lab) -> None:
    server, link = serve(lab, rapid_commit=True)
    ack = link.ask(build(1, mac(1), options={80: b""}))
    assert (ack.type, ack.yiaddr, ack.options[80]) == (5, "10.77.1.1", b"")
    lease = server.lease("10.77.1.1")
    assert lease is not None
    assert lease["state"] == "active"
