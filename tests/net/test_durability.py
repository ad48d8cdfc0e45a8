"""No lease is told before it is on disk (I2), seen from outside the server.

The store's syncs are made late by strace, its disk is filled to the last byte.
"""

import time
from pathlib import Path

import pytest

from tests.lab import Lab, LinkClient, Process, RelayAgent, build
from tests.lab.packet import ACK, DISCOVER, NAK, OFFER, REQUEST, mac
from tests.lab.patience import PATIENCE_S
from tests.lab.servers import FastDHCP
from tests.lab.wire import dora, leases_of

from .conftest import eventually, lan

pytestmark = pytest.mark.net

DELAY_S = 0.6
STALL_S = 7.0
GIADDR = "10.77.0.2"
SYNCS = "fsync,fdatasync,msync,sync_file_range"


def slow_disk(lab: Lab, server: FastDHCP, delay_s: float = DELAY_S) -> Process:
    """Each sync of the store begins ``delay_s`` late from here on."""
    (store,) = server.pids("store")
    late = f"--inject={SYNCS}:delay_enter={int(delay_s * 1e6)}"
    tracer = lab.start("server", ["strace", "-f", "-p", str(store), f"--trace={SYNCS}", late])
    tracer.wait_for("attached")
    return tracer


def seconds(link: LinkClient, payload: bytes, kind: int) -> float:
    """How long the answer of a type takes."""
    start = time.time()
    seen = link.exchange(payload)
    assert seen.message.type == kind
    return seen.at - start


def test_no_ack_is_sent_before_its_sync(lab: Lab, link: LinkClient) -> None:
    """An OFFER and a NAK say nothing that must last: they overtake it."""
    server = FastDHCP(lab, "server", lan())
    dora(link.ask, mac(99))
    slow_disk(lab, server)
    offer = link.ask(build(DISCOVER, mac(3), 3))
    asked = {50: offer.yiaddr, 54: offer.server_id or ""}
    start = time.time()
    link.broadcast(build(REQUEST, mac(3), 4, options=asked), mac(3))
    link.broadcast(build(DISCOVER, mac(1), 1), mac(1))
    link.broadcast(build(REQUEST, mac(2), 2, options={50: "10.99.0.1"}), mac(2))
    *others, ack = link.answers(count=3)
    assert (ack.message.type, sorted(f.message.type for f in others)) == (ACK, [OFFER, NAK])
    assert ack.at - start >= DELAY_S
    assert ack.at - max(f.at for f in others) > DELAY_S / 2
    time.sleep(3.1)  # past the spare seconds of its expiry, so that there is something to write
    reboot = build(REQUEST, mac(3), 5, options={50: offer.yiaddr})
    assert seconds(link, reboot, ACK) >= DELAY_S


def test_a_retransmitted_request_waits_for_the_sync_of_the_first(
    lab: Lab, link: LinkClient
) -> None:
    server = FastDHCP(lab, "server", lan())
    dora(link.ask, mac(99))
    slow_disk(lab, server)
    offer = link.ask(build(DISCOVER, mac(1), 1))
    asked = {50: offer.yiaddr, 54: offer.server_id or ""}
    start = time.time()
    for _ in range(4):
        link.broadcast(build(REQUEST, mac(1), 2, options=asked), mac(1))
        time.sleep(DELAY_S / 10)
    acks = link.answers(2, count=4)
    assert acks
    assert {f.message.type for f in acks} == {ACK}
    assert min(f.at for f in acks) - start >= DELAY_S


def test_a_disk_that_stalls_is_a_full_one_until_it_returns(lab: Lab, link: LinkClient) -> None:
    """No offer that could not be kept; who holds a lease is told what is left of it."""
    server = FastDHCP(lab, "server", lan(lease_time=3600))
    holder = dora(link.ask, mac(99))
    tracer = slow_disk(lab, server, STALL_S)
    offer = link.ask(build(DISCOVER, mac(1), 1))
    asked = {50: offer.yiaddr, 54: offer.server_id or ""}
    start = time.time()
    link.broadcast(build(REQUEST, mac(1), 2, options=asked), mac(1))
    time.sleep(1)
    assert link.ask(build(DISCOVER, mac(2), 3)).type == OFFER  # slow, not stalled
    time.sleep(1.5)
    link.silence(build(DISCOVER, mac(3), 4), timeout=0.5)
    assert server.status()["store"] == "failing"
    server.process.wait_for("alarm-on name=store-slow")
    reboot = build(REQUEST, mac(99), 5, options={50: holder.yiaddr})
    ack = link.ask(reboot)
    assert (ack.type, ack.yiaddr) == (ACK, holder.yiaddr)
    assert 3500 <= (ack.lease_time or 0) < 3600
    assert time.time() - start < STALL_S, "the disk came back too early for this test"
    (late,) = link.answers(2)
    assert late.message.type == ACK
    tracer.stop()
    assert eventually(lambda: server.status()["store"] == "ok")
    assert link.ask(build(DISCOVER, mac(3), 6)).type == OFFER


class SmallDisk:
    """A server whose state directory is a file system of 16 MB, and what fills it."""

    MOUNT = 'mkdir -p "$1"; mount -t tmpfs -o size=16m tmpfs "$1"; shift; exec "$@"'

    def __init__(self, lab: Lab) -> None:
        state = lab.folder / "small"
        config = lan("10.77.1.0-10.77.3.250", lease_time=3600)
        config = {**config, "server": {"interfaces": ["srv0"], "state-directory": str(state)}}
        wrapper = ["unshare", "--mount", "sh", "-ec", self.MOUNT, "sh", str(state)]
        self.server = FastDHCP(lab, "server", config, wrapper=wrapper)
        # The mount is seen through the server's own root only.
        self.filler = Path(f"/proc/{self.server.process.pid}/root{state}/filler")

    def fill(self) -> None:
        with self.filler.open("wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        self.filler.unlink()


def test_a_full_disk_stops_new_leases_alone_and_heals_without_a_restart(
    lab: Lab, link: LinkClient, relay: RelayAgent
) -> None:
    """No ACK without a durable lease; who holds one keeps being told what is left."""
    disk = SmallDisk(lab)
    ledger = leases_of(relay, GIADDR, [mac(n) for n in range(20)])
    assert len(ledger) == 20
    disk.fill()
    _until_it_fails(disk, relay)
    assert not leases_of(relay, GIADDR, [mac(n) for n in range(9000, 9050)], timeout=1)

    holder = ledger[mac(0)]
    renewal = build(REQUEST, mac(0), 7, ciaddr=holder.yiaddr, giaddr=GIADDR)
    relay.send(renewal)
    (ack,) = relay.replies(ACK, [7], timeout=PATIENCE_S)
    assert (ack.type, ack.yiaddr) == (ACK, holder.yiaddr)
    assert 60 <= (ack.lease_time or 0) <= 3600

    disk.free()
    assert eventually(lambda: bool(leases_of(relay, GIADDR, [mac(70_000)], timeout=1)))
    held = {lease["address"] for lease in disk.server.leases() if lease["state"] == "active"}
    told = {r.message.yiaddr for r in relay.received if r.message.type == ACK}
    assert len(told) > 20
    assert told <= held


def _until_it_fails(disk: SmallDisk, relay: RelayAgent) -> None:
    """Take leases, 50 at a time, until the server says that it can write no more."""
    for first in range(1000, 1000 + 600, 50):
        leases_of(relay, GIADDR, [mac(n) for n in range(first, first + 50)], timeout=1)
        if "alarm-on name=store-failing" in disk.server.process.text():
            return
    raise AssertionError(f"{len(relay.received)} replies on a full disk")
