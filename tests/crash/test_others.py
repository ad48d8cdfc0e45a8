"""Who is not hit does not notice, and a driver that could not fail would be no test."""

import secrets

import pytest

from tests.crash.campaign import Campaign
from tests.crash.pack import WINDOW
from tests.crash.site import Site
from tests.lab import Lab

pytestmark = [pytest.mark.net, pytest.mark.timeout(300)]

KILLS = 5
KILL_EVERY_S = 0.8
VICTIM = 0
RETRY_S = 0.5
"""An eighth of the patience that RFC 2131 4.1 asks of clients at first."""


def retransmissions(seed: int, kill: bool) -> tuple[int, int, int]:
    """Of one run: what the other workers' clients sent again, what the victim's did, and how many
    exchanges the others had."""
    with Lab() as lab:
        site = Site(lab, seed, retry_s=RETRY_S)
        site.start()
        pack = site.pack
        pack.run(KILL_EVERY_S)
        before, done = list(pack.again), list(pack.done)  # the start is not part of it
        for _ in range(KILLS):
            pack.run(KILL_EVERY_S)
            if kill:
                site.kill([site.children()["worker", VICTIM]])
        pack.run(KILL_EVERY_S)
        others = [w for w in range(site.workers) if w != VICTIM]
        again = [now - then for now, then in zip(pack.again, before, strict=True)]
        exchanges = sum(pack.done[w] - done[w] for w in others)
        return sum(again[w] for w in others), again[VICTIM], exchanges


def test_clients_of_other_workers_need_no_more_retransmissions() -> None:
    seed = secrets.randbelow(1 << 32)
    quiet = retransmissions(seed, kill=False)
    killed = retransmissions(seed, kill=True)
    print(f"seed {seed}: without a kill {quiet}, with kills {killed}")
    assert killed[1] > quiet[1], "the victim's clients did not notice either"
    # Were they held up too, each kill would cost nearly all that is under way at two workers.
    assert killed[0] < quiet[0] + KILLS * WINDOW / 2


def test_the_driver_sees_acks_that_did_not_wait_for_the_disk(lab: Lab) -> None:
    """With ``durability = "async"`` an ACK leaves before its sync: both checks must see that."""
    seed = secrets.randbelow(1 << 32)
    site = Site(lab, seed, durability="async")
    site.start()
    campaign = Campaign(site, seed)
    campaign.pack.run(0.3)
    campaign.kill_store_for_a_while()
    assert any("without a store" in wrong for wrong in site.pack.ledger.wrong)
    assert any("on disk" in lost for lost in campaign.lost)
