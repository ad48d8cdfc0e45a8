"""fastdhcp as a whole: one answer to a packet, and a name for each that gets none."""

import collections
import random
from functools import partial
from typing import Any

import pytest

from tests.lab import Lab, LinkClient, RelayAgent, build
from tests.lab.packet import ACK, DISCOVER, MAGIC, OFFER, REQUEST, frame, mac
from tests.lab.servers import FastDHCP
from tests.lab.wire import dora, leases_of

from .conftest import eventually, lan

pytestmark = pytest.mark.net


WIDE = [{"subnet": "10.64.0.0/10", "pools": ["10.78.0.0-10.79.255.255"]}]
"""A pool of 131,072 addresses on the same link."""

# One packet, one answer


def test_four_workers_200_broadcast_discovers_draw_exactly_200_offers(
    lab: Lab, link: LinkClient
) -> None:
    FastDHCP(lab, "server", lan(workers=4))
    for n in range(200):
        link.broadcast(build(DISCOVER, mac(n), n), mac(n))
    offers = link.answers(count=200, quiet=1)
    assert collections.Counter(f.message.type for f in offers) == {OFFER: 200}
    assert {f.message.chaddr for f in offers} == {mac(n) for n in range(200)}
    assert len({f.message.yiaddr for f in offers}) == 200


def test_20_000_clients_of_one_relay_agent_hold_20_000_addresses(
    lab: Lab, link: LinkClient, relay: RelayAgent
) -> None:
    """At four workers, over which one relay agent's clients spread; the export says the same."""
    server = FastDHCP(lab, "server", {**lan(workers=4), "subnets": WIDE})
    held: dict[str, str] = {}
    for first in range(0, 20_000, 250):
        acks = leases_of(relay, "10.77.0.2", [mac(n) for n in range(first, first + 250)])
        assert len(acks) == 250
        held |= {ack.yiaddr: chaddr.hex(":") for chaddr, ack in acks.items()}
    assert len(held) == 20_000
    exported = server.leases()
    assert {str(row["address"]): row["hw-address"] for row in exported} == held
    assert {row["state"] for row in exported} == {"active"}
    assert not server.dropped()


# ---- what is not answered is counted


def test_a_20_byte_packet_is_counted_under_a_drop_reason(
    lab: Lab, link: LinkClient, relay: RelayAgent
) -> None:
    server = FastDHCP(lab, "server", lan(workers=4))
    link.broadcast(b"\x01" * 20, mac(1))
    relay.send(b"\x01" * 20)
    assert eventually(lambda: server.dropped() == {"too-short": 2}), server.dropped()


NAMED = {
    "op is BOOTREPLY": (build(DISCOVER, mac(1), op=2), "not-request"),
    "hlen 17": (build(DISCOVER, mac(1), hlen=17), "bad-hlen"),
    "hlen 255": (build(DISCOVER, mac(1), hlen=255), "bad-hlen"),
    "no magic cookie": (build(DISCOVER, mac(1)).replace(MAGIC, bytes(4)), "bad-cookie"),
    "option past the end": (build(DISCOVER, mac(1), tail=b"\x0c\xff", size_min=0), "bad-options"),
    "53 of two octets": (build(0, mac(1), options={53: b"\x01\x01"}), "bad-message-type"),
    "53 is 200": (build(200, mac(1)), "bad-message-type"),
    "52 is 9": (build(DISCOVER, mac(1), options={52: b"\x09"}), "bad-overload"),
    "an OFFER": (build(OFFER, mac(1)), "server-message"),
    "BOOTP": (build(0, mac(1)), "bootp-unknown"),
    "another server's": (
        build(REQUEST, mac(1), options={50: "10.77.1.9", 54: "10.77.0.9"}),
        "other-server",
    ),
    "no subnet": (build(DISCOVER, mac(1), giaddr="172.16.0.1"), "no-subnet"),
}  # fmt: skip


def counted(server: FastDHCP, reason: str, times: float) -> bool:
    return server.dropped().get(reason, 0) == times


def test_rfc1542_5_1_what_is_sent_to_port_68_draws_nothing(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan(workers=1))
    ask = build(DISCOVER, mac(1), 1)
    link.socket.send(frame(ask, ("0.0.0.0", 68), ("255.255.255.255", 68), mac(1)))
    assert not link.answers(1, count=None, timeout=0.5)
    assert server.dropped() == {}
    assert link.ask(build(DISCOVER, mac(1), 2)).type == OFFER


def test_each_refusal_has_its_name(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan())
    for case, (payload, reason) in NAMED.items():
        before = server.dropped().get(reason, 0)
        link.broadcast(payload, mac(1))
        said = eventually(partial(counted, server, reason, before + 1))
        assert said, f"{case}: no {reason}: {server.dropped()}"
    assert not link.answers(count=None, timeout=0.2)


def test_a_packet_longer_than_any_is_counted(lab: Lab, link: LinkClient, relay: RelayAgent) -> None:
    """It comes in fragments; what stands behind END in a shorter one is nobody's business."""
    server = FastDHCP(lab, "server", lan())
    relay.send(build(DISCOVER, mac(1), 1, giaddr="10.77.0.2", size_min=9000))
    assert eventually(partial(counted, server, "too-long", 1)), server.dropped()
    relay.send(build(DISCOVER, mac(1), 2, giaddr="10.77.0.2", size_min=1400))
    assert [r.message.xid for r in relay.collect()] == [2]


def hostile(rng: random.Random, n: int) -> bytes:
    """A packet with something wrong: cut, stretched, octets changed, or nothing but noise."""
    packet = bytearray(build(rng.choice((1, 3, 4, 7, 8)), mac(n % 50), n, options={
        50: "10.77.1.9", 55: rng.randbytes(5), 61: rng.randbytes(9), 12: b"host"}))  # fmt: skip
    for _ in range(rng.randrange(1, 8)):
        at = rng.randrange(len(packet)) if rng.random() < 0.3 else rng.randrange(236, 280)
        packet[at] = rng.choice((0, 255, 52, 53, 82, rng.randrange(256)))
    match rng.randrange(4):
        case 0:
            return bytes(packet[: rng.randrange(len(packet))])
        case 1:
            return bytes(packet) + rng.randbytes(rng.randrange(1100))
        case 2:
            return rng.randbytes(rng.randrange(600))
    return bytes(packet)


def test_hostile_packets_are_answered_or_counted_and_good_clients_served(
    lab: Lab, link: LinkClient, pytestconfig: pytest.Config
) -> None:
    """The sum: each packet sent is answered, or stands under one reason, or is a kernel drop."""
    server = FastDHCP(lab, "server", {**lan(), "subnets": WIDE})
    rng = random.Random(20)
    sent = 0
    for burst in range(1000 if pytestconfig.option.long else 40):
        for _ in range(100):
            link.broadcast(hostile(rng, sent), mac(sent % 50))
            sent += 1
        assert dora(link.ask, mac(10_000 + burst)).type == ACK
        sent += 2

    def total() -> float:
        found = server.metrics()
        heads = ("fastdhcp_packets_sent_total", "fastdhcp_packets_dropped_total",
                 "fastdhcp_kernel_drops_total")  # fmt: skip
        return sum(v for k, v in found.items() if k.startswith(heads))

    assert eventually(lambda: total() == sent), (sent, server.metrics())


# ---- not authoritative (RFC 2131 4.3.2): strangers are met with silence


@pytest.mark.parametrize(
    ("case", "header"),
    [
        ("INIT-REBOOT", {"options": {50: "10.99.0.1"}}),
        ("REBINDING", {"ciaddr": "10.99.0.1"}),
        ("RENEWING a free address", {"ciaddr": "10.77.1.9"}),
    ],
)
def test_rfc2131_4_3_2_a_stranger_is_met_with_silence_unless_authoritative(
    lab: Lab, link: LinkClient, case: str, header: dict[str, Any]
) -> None:
    server = FastDHCP(lab, "server", lan(authoritative=False))
    link.silence(build(REQUEST, mac(1), 1, **header))
    assert server.dropped() == {"not-authoritative": 1}
