"""Pools at their end: the last address, offers that lapse, addresses that change hands."""

import time

import pytest

from tests.lab import Lab, LinkClient, build
from tests.lab.packet import DISCOVER, mac
from tests.lab.servers import FastDHCP
from tests.lab.wire import dora

from .conftest import lan

pytestmark = pytest.mark.net


def test_a_pool_goes_to_the_last_address_then_there_is_silence_and_a_name_for_it(
    lab: Lab, link: LinkClient
) -> None:
    server = FastDHCP(lab, "server", lan("10.77.1.1-10.77.1.20"))
    given = {dora(link.ask, mac(n)).yiaddr for n in range(20)}
    assert given == {f"10.77.1.{n}" for n in range(1, 21)}
    link.silence(build(DISCOVER, mac(99), 99))
    assert server.dropped() == {"pool-exhausted": 1}
    server.process.wait_for("pool-exhausted", timeout=3)


def test_a_flood_of_discovers_drains_the_pool_for_offer_hold_only(
    lab: Lab, link: LinkClient
) -> None:
    FastDHCP(lab, "server", lan("10.77.1.1-10.77.1.50", offer_hold=2, reuse_grace=0))
    for n in range(100):
        link.broadcast(build(DISCOVER, mac(n), n), mac(n))
    assert len(link.answers(count=50, timeout=3)) == 50
    time.sleep(4)
    given = {dora(link.ask, mac(500 + n)).yiaddr for n in range(50)}
    assert len(given) == 50


def test_an_address_changes_hands_only_after_its_grace(lab: Lab, link: LinkClient) -> None:
    """DESIGN I10: lease-time 2, reuse-grace 2: a stranger waits four seconds."""
    FastDHCP(lab, "server", lan("10.77.1.1-10.77.1.1", lease_time=2, reuse_grace=2))
    assert dora(link.ask, mac(1)).yiaddr == "10.77.1.1"
    bound = time.monotonic()
    taken = 0.0
    for n in range(40):
        link.broadcast(build(DISCOVER, mac(2), n), mac(2))
        if link.answers(n, count=1, timeout=0.3, quiet=0):
            taken = time.monotonic() - bound
            break
    assert 3.9 < taken < 9
    assert dora(link.ask, mac(2)).yiaddr == "10.77.1.1"
