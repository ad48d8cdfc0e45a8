"""Thirty kills under load (`make crash`: as many as are asked for): I1, I2, I3, I7, I10.

What every kill is measured by stands in campaign.py; the seed is printed with a failure.
"""

import secrets
from collections.abc import Callable

import pytest

from tests.crash.campaign import Campaign
from tests.crash.site import Name, Site
from tests.lab import Lab
from tests.lab.patience import PATIENCE_S

pytestmark = [pytest.mark.net, pytest.mark.timeout(900)]

KILLS = 30
WORKER_BACK_S = 0.5
STORE_BACK_S = 2.0
ORPHANS_S = 1.0
"""By a Stopwatch: who waits for a core does not count."""


@pytest.fixture
def seed() -> int:
    return secrets.randbelow(1 << 32)


def test_no_kill_loses_or_doubles_a_lease(
    lab: Lab, seed: int, record_property: Callable[[str, object], None]
) -> None:
    record_property("seed", seed)
    print(f"seed {seed}")
    site = Site(lab, seed)
    site.start()
    campaign = Campaign(site, seed)
    campaign.run(KILLS)
    report = campaign.report()
    print(report)
    assert not campaign.faults, report
    assert campaign.kills == KILLS
    pack = site.pack
    assert min(pack.done) > 1000, "there was no load"
    assert min(pack.releases, pack.ledger.changed_hands, sum(pack.again)) > 0
    assert len(pack.reserved.late) > 20 and pack.reserved.switched > 1 and pack.reserved.told > 500
    assert pack.reserved.had
    assert max(campaign.workers.ran_s) <= WORKER_BACK_S, report
    assert max(campaign.stores.ran_s) <= STORE_BACK_S, report
    assert max(campaign.orphans_s) <= ORPHANS_S, report
    pack.quiesce()
    assert export_by_command(site) >= pack.ledger.count_live() > 0
    site.expect(lambda: pids_in_status(site) == site.children(), PATIENCE_S, "all pids in status")


def pids_in_status(site: Site) -> dict[Name, int]:
    assert site.server is not None
    processes = site.server.status()["processes"]
    assert isinstance(processes, list)
    return {(process["role"], process["index"]): process["pid"] for process in processes}


def export_by_command(site: Site) -> int:
    """``leases export`` as the operator calls it: how many are active."""
    assert site.server is not None
    return sum(lease["state"] == "active" for lease in site.server.leases())
