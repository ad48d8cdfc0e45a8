"""A round: one contender, started anew in a network of its own, loaded, and stopped."""

import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fastdhcp_bench.contenders import Contender
from fastdhcp_bench.moments import Tally, moments_of, tally
from fastdhcp_bench.network import Namespace, Network, bench_network
from fastdhcp_bench.result import Round
from fastdhcp_bench.run import Report
from fastdhcp_bench.running import running
from fastdhcp_bench.setup import Setup
from fastdhcp_bench.usage import Parties, Watch

PROBE_CLIENT = 2**24 - 1
"""Number of the client that asks whether a server is ready; none of a run has it."""
START_S = 30
BUSY = 0.9
"""A core or a machine that is this much used is at its limit."""


class ContenderError(RuntimeError):
    """A contender did not start, or died."""


@dataclass(frozen=True)
class Stand:
    """A contender that has given a lease, and its network."""

    contender: Contender
    network: Network
    server: subprocess.Popen[bytes]
    log: Path

    def end(self) -> None:
        """Nothing more is asked of it. Raises ContenderError if it has died."""
        if self.server.poll() is not None:
            raise ContenderError(f"{self.contender.name} ended:\n{self.log.read_text()[-2000:]}")


@contextlib.contextmanager
def standing(contender: Contender, setup: Setup) -> Iterator[Stand]:
    """Start it; stop it with the context.

    Raises ContenderError if it gives no lease, NetworkError if the network cannot be made.
    """
    with (
        bench_network(
            nic=setup.nic, server_gro=setup.server_gro, relayed=not setup.on_link
        ) as network,
        running(
            contender, setup.directory, setup.workers, relayed=not setup.on_link,
            trains="always" if setup.nic else "auto", inside=network.server,
        ) as (server, log),
    ):  # fmt: skip
        _wait_ready(server, network.generator, setup.arguments, log)
        yield Stand(contender, network, server, log)


def start_load(namespace: Namespace, *arguments: str) -> subprocess.Popen[bytes]:
    """The generator, in a process of its own, with its report to come as JSON."""
    argv = [sys.executable, "-P", "-m", "fastdhcp_bench.cli", "--json"]
    argv += arguments
    pipe = subprocess.PIPE
    return subprocess.Popen(namespace.argv(argv), stdout=pipe, stderr=pipe)


def finish_load(generator: subprocess.Popen[bytes]) -> Report:
    said, complained = generator.communicate()
    if not said:
        raise ContenderError(f"the generator failed: {complained.decode().strip()}")
    return msgspec.json.decode(said, type=Report)


def _wait_ready(
    server: subprocess.Popen[bytes], generator: Namespace, arguments: Sequence[str], log: Path
) -> None:
    """Until a client got a lease: the one sign of readiness that every server gives."""
    probe = (*arguments, "--clients", "1", "--first", str(PROBE_CLIENT), "--exchanges", "1")
    deadline = time.monotonic() + START_S
    while not finish_load(start_load(generator, *probe, "--timeout", "0.1", "--tries", "3")).good:
        if server.poll() is not None or time.monotonic() > deadline:
            raise ContenderError(f"no lease from it:\n{log.read_text()[-2000:]}")


def _limit(found: Tally, workers: int) -> str:
    """Which side could not do more."""
    if found.busy_cores > BUSY * (os.cpu_count() or 1):
        return "machine"
    if found.generator_cores > BUSY:
        return "generator"
    if found.server_cores > BUSY * workers:
        return "server"
    return "none: waiting for the disk or the window"


@contextlib.contextmanager
def watched(network: Network, server: int, generator: int) -> Iterator[Watch]:
    """Who uses what, while a generator is at work; it is put on the core that is its own."""
    if network.generator_core is not None:
        os.sched_setaffinity(generator, {network.generator_core})
    with Watch(Parties(server, generator, network.generator_end)) as watch:
        yield watch


def measure_once(contender: Contender, setup: Setup) -> Round:
    """Start it in a new network, load it, stop it.

    Raises as ``standing``, and ContenderError if no whole second was measured.
    """
    with standing(contender, setup) as stand:
        generator = start_load(stand.network.generator, *setup.load)
        with watched(stand.network, stand.server.pid, generator.pid) as watch:
            report = finish_load(generator)
        dropped = stand.network.dropped()
        stand.end()
    moments = moments_of(report.by_second, watch)
    if not moments and not setup.storm:
        raise ContenderError(f"{contender.name}: no whole second seen; give --seconds 2 or more")
    found = tally(moments)
    return Round(
        contender=contender.name,
        rate=report.rate if setup.storm else found.rate,
        cpu_us=found.cpu_us,
        server_us=found.server_us,
        other_cores=statistics.fmean(moment.others for moment in moments) if moments else 0.0,
        limit=_limit(found, setup.workers),
        dropped=dropped,
        moments=moments,
        report=report,
    )
