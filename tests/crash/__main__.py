"""``python -m tests.crash``: kills under load, as many as are asked for."""

import argparse
import secrets
import sys

from tests.crash.campaign import Campaign
from tests.crash.site import Site
from tests.lab import Lab, namespaces


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--clients", type=int, default=1200)
    parser.add_argument("--only", help="one kind of kill")
    asked = parser.parse_args()
    seed = secrets.randbelow(1 << 32) if asked.seed is None else asked.seed
    print(f"seed {seed}", flush=True)
    namespaces.enter()
    with Lab() as lab:
        site = Site(lab, seed, clients=asked.clients, workers=asked.workers)
        site.start()
        campaign = Campaign(site, seed, say=lambda line: print(line, flush=True))
        try:
            if asked.only:
                for number in range(asked.kills):
                    campaign.round(asked.only, number + 1)
            else:
                campaign.run(asked.kills)
        finally:
            print(campaign.report(), flush=True)
            if campaign.faults:
                print(f"seed {seed}\n{lab.logs()}")
    return 1 if campaign.faults else 0


if __name__ == "__main__":
    sys.exit(main())
