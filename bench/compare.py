"""`fastdhcp bench compare`: servers side by side in interleaved rounds, under one generator.

The first contender is the measure of the others. In each round each is started anew in a network
namespace of its own, with an empty state directory, and loaded with DORAs of many clients behind
one relay address, every answer checked. Seconds in which others used the machine are left out. A
figure is the median over the rounds.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from fastdhcp_bench.contenders import Contender, find_contender
from fastdhcp_bench.floor import judge
from fastdhcp_bench.host import Host
from fastdhcp_bench.moments import Tally, moments_of, tally
from fastdhcp_bench.network import Namespace, Network, NetworkError, bench_network
from fastdhcp_bench.result import Comparison, Round, latency_of, line_of
from fastdhcp_bench.run import Report
from fastdhcp_bench.running import running
from fastdhcp_bench.setup import Setup
from fastdhcp_bench.table import render
from fastdhcp_bench.usage import Parties, Watch

PROBE_CLIENT = 2**24 - 1
"""Number of the client that asks whether a server is ready; none of a run has it."""
START_S = 30
LOW_RATE = 1000
"""Exchanges a second that leave any server idle most of the time."""
OPEN_WINDOW = 65_536
"""Under a rate: the clients come whether or not those before them were answered."""
BUSY = 0.9
"""A core or a machine that is this much used is at its limit."""


class ContenderError(RuntimeError):
    """A contender did not start, or died."""


def _start(namespace: Namespace, *arguments: str) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-P", "-m", "fastdhcp_bench.cli", "--json"]
    argv += arguments
    pipe = subprocess.PIPE
    return subprocess.Popen(namespace.argv(argv), stdout=pipe, stderr=pipe)


def _finish(generator: subprocess.Popen[bytes]) -> Report:
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
    while not _finish(_start(generator, *probe, "--timeout", "0.1", "--tries", "3")).good:
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


def _load(setup: Setup, network: Network, server: int) -> tuple[Report, Watch]:
    generator = _start(network.generator, *setup.load)
    if network.generator_core is not None:
        os.sched_setaffinity(generator.pid, {network.generator_core})
    with Watch(Parties(server, generator.pid, network.generator_end)) as watch:
        return _finish(generator), watch


def measure_once(contender: Contender, setup: Setup) -> Round:
    """Start it in a new network, load it, stop it.

    Raises ContenderError if it gives no lease or no whole second was measured, NetworkError if the
    network cannot be made.
    """
    with (
        bench_network(
            nic=setup.nic, server_gro=setup.server_gro, relayed=not setup.broadcast
        ) as network,
        running(
            contender, setup.directory, setup.workers, relayed=not setup.broadcast,
            trains="always" if setup.nic else "auto", inside=network.server,
        ) as (server, log),
    ):  # fmt: skip
        _wait_ready(server, network.generator, setup.arguments, log)
        report, watch = _load(setup, network, server.pid)
        dropped = network.dropped()
        if server.poll() is not None:
            raise ContenderError(f"{contender.name} ended:\n{log.read_text()[-2000:]}")
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


def _rounds(contenders: list[Contender], setups: dict[str, Setup]) -> dict[str, list[Round]]:
    """All rounds, interleaved; each contender has a setup of its own."""
    by_name: dict[str, list[Round]] = {contender.name: [] for contender in contenders}
    for number in range(max(setup.rounds for setup in setups.values())):
        for contender in contenders:
            made = measure_once(contender, setups[contender.name])
            by_name[contender.name].append(made)
            click.echo(
                f"round {number + 1}: {made.contender:<10} {made.rate:>9.0f}/s"
                f" {made.cpu_us:>7.2f} us/exchange, others {made.other_cores:.2f} cores,"
                f" {made.left_out} of {len(made.moments)} s left out",
                err=True,
            )
    return by_name


def compare(contenders: list[Contender], setup: Setup, *, latency: bool = False) -> Comparison:
    """All rounds; with latency then again at low load and at half of each one's own rate.

    Raises as ``measure_once``.
    """
    host = Host.of(Path(setup.directory or tempfile.gettempdir()))
    by_name = _rounds(contenders, dict.fromkeys((c.name for c in contenders), setup))
    base = by_name[contenders[0].name]
    lines = [line_of(rounds, base) for rounds in by_name.values()]
    rounds = [made for found in by_name.values() for made in found]
    latencies = []
    for load in ("low", "half") if latency else ():
        rates = {line.contender: LOW_RATE if load == "low" else line.rate / 2 for line in lines}
        setups = {
            name: msgspec.structs.replace(setup, rate=rate, window=min(OPEN_WINDOW, setup.clients))
            for name, rate in rates.items()
        }
        for name, found in _rounds(contenders, setups).items():
            latencies.append(latency_of(rates[name], found))
            rounds += found
    return Comparison(setup=setup, host=host, lines=lines, latencies=latencies, rounds=rounds)


def _judge(comparison: Comparison) -> bool:
    """Says of each contender with a floor whether it stands above it."""
    found = [
        verdict
        for line in comparison.lines
        for verdict in judge(
            line.contender, line.rate_ratio, line.cpu_ratio, sum(line.errors.values())
        )
    ]
    for text, holds in found:
        click.echo(f"{'held  ' if holds else 'MISSED'} {text}", err=True)
    return all(holds for _, holds in found)


@click.command("compare")
@click.argument("contenders", nargs=-1)
@click.option("--rounds", default=3, show_default=True)
@click.option("--seconds", default=5.0, show_default=True, help="Seconds measured in each round.")
@click.option("--warmup", default=1.0, show_default=True)
@click.option("--clients", default=1_000_000, show_default=True)
@click.option("--window", default=512, show_default=True)
@click.option("--rate", default=0.0, help="Exchanges to start a second; 0: what the window lets.")
@click.option("--relays", default=1, show_default=True, help="Relay agents, interleaved.")
@click.option("--burst", default=1, show_default=True, help="Clients in a row of one relay agent.")
@click.option("--broadcast", is_flag=True, help="Clients on the link, answered by broadcast.")
@click.option("--storm", is_flag=True, help="All clients at once, until each has a lease.")
@click.option("--latency", is_flag=True, help="Again at 1,000 starts a second, and at half load.")
@click.option("--workers", default=2, show_default=True)
@click.option("--mode", type=click.Choice(["dora", "renew", "reboot"]), default="dora")
@click.option("--directory", metavar="DIR", help="Folder for the state directories.")
@click.option(
    "--nic", is_flag=True,
    help="Ends like a NIC's: NAPI threads and GRO; generator and its end on the last core.",
)  # fmt: skip
@click.option("--server-gro", is_flag=True, help="Switch GRO on for the server's link.")
@click.option(
    "--policy", type=click.Choice(["reference"]),
    help="Clients as a large policy has them; default: durable beside the same with that policy.",
)  # fmt: skip
@click.option("--floor", is_flag=True, help="Exit 1 if a promised ratio to the echo is missed.")
@click.option("--json", "as_json", is_flag=True, help="Print all rounds as one JSON object.")
@click.option("--out", metavar="FILE", help="Write that object to FILE, beside the table.")
def main(
    contenders: tuple[str, ...],
    as_json: bool,
    out: str | None,
    floor: bool,
    latency: bool,
    **setup: int | float | str | bool | None,
) -> None:
    """Measure CONTENDERS beside the first of them; default: echo durable async.

    Each is a name (echo, durable, reference, async, kea, dnsmasq) or NAME=COMMAND, where {workers}
    and {directory} are filled in. Needs root, iproute2, ethtool and util-linux.
    """
    try:
        if latency and setup["storm"]:
            raise click.UsageError("--latency is of an open loop, which a storm is not")
        usual = ("durable", "reference") if setup["policy"] else ("echo", "durable", "async")
        chosen = [find_contender(text) for text in contenders or usual]
        comparison = compare(chosen, msgspec.convert(setup, Setup), latency=latency)
    except (NetworkError, ContenderError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    whole = msgspec.json.encode(comparison)
    if out:
        Path(out).write_bytes(whole)
    click.echo(whole if as_json else render(comparison))
    held = not any(line.errors for line in comparison.lines)
    if floor:
        held = _judge(comparison) and held
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
