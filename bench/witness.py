"""perfdhcp, Kea's load generator, as a witness that is not ours.

At one low rate it and this generator are to see the same server: as many leases, as fast, for as
much CPU. It sends packet by packet and waits for nobody, so it reaches no server's peak.
"""

import re
import statistics
import subprocess

from fastdhcp_bench.contenders import Contender
from fastdhcp_bench.network import SERVER_ADDRESS, Network
from fastdhcp_bench.result import Witness
from fastdhcp_bench.rounds import ContenderError, standing, watched
from fastdhcp_bench.setup import Setup
from fastdhcp_bench.usage import Watch

WITNESS_RATE = 2000
"""Exchanges started a second: what perfdhcp keeps up with."""
OWN_ADDRESS = "10.128.0.254"
"""giaddr of its exchanges."""
DROP_S = 1.0
"""What perfdhcp takes for lost, and this generator beside it."""
LAST_US = 1_000_000
"""How long it waits for the last answers; without that they count as lost."""


def perfdhcp_says(contender: Contender, setup: Setup) -> Witness:
    """A run of perfdhcp over a new stand of the contender.

    Raises as ``standing``, and ContenderError if perfdhcp is not there or says nothing.
    """
    with standing(contender, setup) as stand:
        generator = _start(stand.network, setup)
        with watched(stand.network, stand.server.pid, generator.pid) as watch:
            said, _ = generator.communicate()
        stand.end()
    sent, received, delays = read(said)
    rate = received[1] / setup.seconds
    return Witness(
        contender=contender.name,
        by="perfdhcp",
        asked=setup.rate,
        rate=rate,
        lost=1 - received[1] / sent[0],
        offer_ms=delays[0],
        ack_ms=delays[1],
        cpu_us=_served(watch, setup.seconds) / max(rate, 1) * 1e6,
    )


def _start(network: Network, setup: Setup) -> subprocess.Popen[str]:
    # It sends by the interface that has its address, whatever the route is.
    network.generator.call("ip", "addr", "add", f"{OWN_ADDRESS}/32", "dev", "gen0")
    argv = [
        "perfdhcp", "-4", "-r", f"{setup.rate:.0f}", "-R", str(setup.clients),
        "-p", f"{setup.seconds:.0f}", "-W", str(LAST_US), "-l", OWN_ADDRESS, SERVER_ADDRESS,
    ]  # fmt: skip
    pipe = subprocess.PIPE
    return subprocess.Popen(
        network.generator.argv(argv), stdout=pipe, stderr=subprocess.STDOUT, text=True
    )


def _served(watch: Watch, seconds: float) -> float:
    """Cores that the server's side used, over the whole seconds in which perfdhcp was at it."""
    first = min(watch.taken, default=0)
    seen = (watch.during(first + number) for number in range(max(int(seconds) - 1, 1)))
    served = [used.served for used in seen if used]
    return statistics.fmean(served) if served else 0.0


def read(text: str) -> tuple[list[int], list[int], list[float]]:
    """From perfdhcp's words, for each of the two exchanges: sent, received, mean milliseconds.

    Raises ContenderError if they are not all there.
    """

    def found(name: str) -> list[str]:
        return re.findall(rf"^{name}: ([0-9.]+)", text, re.MULTILINE)

    sent, received = ([*map(int, found(f"{kind} packets"))] for kind in ("sent", "received"))
    delays = [*map(float, found("avg delay"))]
    if not len(sent) == len(received) == len(delays) == 2 or not sent[0]:
        raise ContenderError(f"perfdhcp (Debian: kea-admin) counted nothing:\n{text[-2000:]}")
    return sent, received, delays
