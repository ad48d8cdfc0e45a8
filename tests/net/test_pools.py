"""Pools at their end: the last address, offers that lapse, addresses that change hands."""

import ipaddress
import time
from typing import Any

import pytest

from tests.lab import Frame, Lab, LinkClient, RelayAgent, build
from tests.lab.packet import DISCOVER, mac
from tests.lab.servers import FastDHCP
from tests.lab.toml import Config
from tests.lab.wire import dora, leases_of

from .conftest import lan

pytestmark = pytest.mark.net


FIRST = ipaddress.IPv4Address("10.78.0.0")
GIADDR = "10.77.0.2"
BATCH = 250
LONG_COUNT = 65_000


def pool_of(count: int, **defaults: Any) -> Config:
    """One pool of so many addresses from 10.78.0.0 on, for the clients of ``relay``."""
    pool = f"{FIRST}-{FIRST + count - 1}"
    return {**lan(**defaults), "subnets": [{"subnet": "10.64.0.0/10", "pools": [pool]}]}


def take(relay: RelayAgent, numbers: range) -> set[str]:
    """The addresses that so many clients get."""
    found: set[str] = set()
    for at in range(numbers.start, numbers.stop, BATCH):
        chaddrs = [mac(n) for n in range(at, min(at + BATCH, numbers.stop))]
        found |= {ack.yiaddr for ack in leases_of(relay, GIADDR, chaddrs).values()}
    return found


@pytest.fixture
def count(pytestconfig: pytest.Config) -> int:
    """How many addresses the pool has."""
    return LONG_COUNT if pytestconfig.option.long else 1000


def test_a_pool_goes_to_the_last_address_then_there_is_silence_and_a_name_for_it(
    lab: Lab, link: LinkClient, relay: RelayAgent, count: int
) -> None:
    server = FastDHCP(lab, "server", pool_of(count))
    assert take(relay, range(count)) == {str(FIRST + n) for n in range(count)}
    relay.silence(build(DISCOVER, mac(count), 99, giaddr=GIADDR), timeout=0.5)
    assert server.dropped() == {"pool-exhausted": 1}
    server.process.wait_for("pool-exhausted")


def test_a_flood_of_discovers_drains_the_pool_for_offer_hold_only(
    lab: Lab, link: LinkClient, relay: RelayAgent, count: int
) -> None:
    """Three times as many clients that never REQUEST (--long: 200,000); afterwards every address
    can be given."""
    flood = 200_000 if count == LONG_COUNT else 3 * count
    FastDHCP(lab, "server", pool_of(count, offer_hold=5, reuse_grace=0))
    offers: set[str] = set()
    for at in range(0, flood, BATCH):
        for n in range(at, at + BATCH):
            relay.send(build(DISCOVER, mac(n), n, giaddr=GIADDR))
        offers |= {r.message.yiaddr for r in relay.collect(count=BATCH, timeout=0.03)}
    offers |= {r.message.yiaddr for r in relay.collect(count=None, timeout=1)}
    assert offers <= {str(FIRST + n) for n in range(count)}
    assert len(offers) > 0.9 * count
    time.sleep(7)
    assert len(take(relay, range(5 * count, 6 * count))) == count


def test_an_address_changes_hands_only_after_its_grace(lab: Lab, link: LinkClient) -> None:
    """I10: lease-time 2, reuse-grace 2: a stranger waits four seconds."""
    FastDHCP(lab, "server", lan("10.77.1.1-10.77.1.1", lease_time=2, reuse_grace=2))
    asked = time.time()
    assert dora(link.ask, mac(1)).yiaddr == "10.77.1.1"
    offers: list[Frame] = []
    for n in range(100):
        link.broadcast(build(DISCOVER, mac(2), n), mac(2))
        if offers := link.answers(n, count=1, timeout=0.3, quiet=0):
            break
    assert 3.9 < offers[0].at - asked < 30
    assert dora(link.ask, mac(2)).yiaddr == "10.77.1.1"
