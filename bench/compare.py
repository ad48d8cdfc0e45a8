"""`fastdhcp bench compare`: servers side by side in interleaved rounds, under one generator.

The first contender is the measure of the others. In each round each is started anew in a network
namespace of its own, with an empty state directory, nothing pinned, and loaded with DORAs of many
clients behind one relay address, every answer checked. A figure is the median over the rounds.
"""

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import msgspec

from fastdhcp_bench.contenders import Contender, find_contender
from fastdhcp_bench.floor import judge
from fastdhcp_bench.machine import Sample
from fastdhcp_bench.network import (
    RELAY_ADDRESS,
    SERVER_ADDRESS,
    Namespace,
    NetworkError,
    bench_network,
    group_cpu_seconds,
)
from fastdhcp_bench.policy import MESSAGES
from fastdhcp_bench.run import Report

PROBE_CLIENT = 2**24 - 1
"""Number of the client that asks whether a server is ready; none of a run has it."""
START_S = 30
STOP_S = 10
BUSY = 0.9
"""A core or a machine that is this much used is at its limit."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for all contenders."""

    rounds: int
    seconds: float
    warmup: float
    clients: int
    window: int
    workers: int
    mode: str
    directory: str | None
    server_gro: bool
    policy: str | None = None


class Round(msgspec.Struct, kw_only=True):
    """One contender in one round.

    cpu_us is the server's, all its processes, per exchange. other_cores is what neither server nor
    generator used of the machine: on a machine that is not quiet, it is taken from both.
    """

    contender: str
    rate: float
    cpu_us: float
    other_cores: float
    limit: str
    report: Report


class Line(msgspec.Struct, kw_only=True):
    """A contender's medians; ratios are to the first contender's of the same round."""

    contender: str
    rate: float
    rate_ratio: float
    rate_ratio_range: tuple[float, float]
    cpu_us: float
    cpu_ratio: float
    p50_ms: float
    p99_ms: float
    other_cores: float
    limits: dict[str, int]
    errors: dict[str, int]


class Comparison(msgspec.Struct, kw_only=True):
    setup: Setup
    cores: int
    kernel: str
    lines: list[Line]
    rounds: list[Round]


class ContenderError(RuntimeError):
    """A contender did not start, or died."""


def _generate(namespace: Namespace, *arguments: str) -> Report:
    argv = [sys.executable, "-P", "-m", "fastdhcp_bench.cli", "--json"]
    argv += ["--server", SERVER_ADDRESS, "--relay", RELAY_ADDRESS, *arguments]
    done = subprocess.run(namespace.argv(argv), capture_output=True)
    if not done.stdout:
        raise ContenderError(f"the generator failed: {done.stderr.decode().strip()}")
    return msgspec.json.decode(done.stdout, type=Report)


def _wait_ready(
    server: subprocess.Popen[bytes], generator: Namespace, messages: Sequence[str], log: Path
) -> None:
    """Until a client got a lease: the one sign of readiness that every server gives."""
    probe = (*messages, "--clients", "1", "--first", str(PROBE_CLIENT), "--exchanges", "1")
    deadline = time.monotonic() + START_S
    while not _generate(generator, *probe, "--timeout", "0.1", "--tries", "3").good:
        if server.poll() is not None or time.monotonic() > deadline:
            raise ContenderError(f"no lease from it:\n{log.read_text()[-2000:]}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    """TERM for the leader, which stops its own; what is left of the group is killed."""
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(STOP_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


@contextlib.contextmanager
def _running(
    contender: Contender, setup: Setup, namespace: Namespace
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    with tempfile.TemporaryDirectory(prefix="fastdhcp-bench-", dir=setup.directory) as folder:
        directory = Path(folder)
        directory.chmod(0o755)
        log = directory / "log"
        command = contender.prepare(directory, setup.workers)
        with log.open("wb") as out:
            server = subprocess.Popen(
                namespace.argv(command), stdout=out, stderr=out, start_new_session=True
            )
        try:
            yield server, log
        finally:
            _stop(server)


def _limit(report: Report, server_cores: float, workers: int) -> str:
    """Which side could not do more."""
    if report.machine_idle < 1 - BUSY:
        return "machine"
    if report.generator_cpu > BUSY:
        return "generator"
    if server_cores > BUSY * workers:
        return "server"
    return "none: waiting for the disk or the window"


def measure_once(contender: Contender, setup: Setup) -> Round:
    """Start it in a new network, load it, stop it.

    Raises ContenderError if it gives no lease, NetworkError if the network cannot be made.
    """
    with (
        bench_network(server_gro=setup.server_gro) as (its, ours),
        _running(contender, setup, its) as (server, log),
    ):
        messages = MESSAGES if setup.policy else ()
        _wait_ready(server, ours, messages, log)
        before, machine, began = group_cpu_seconds(server.pid), Sample.take(), time.monotonic()
        report = _generate(
            ours, "--mode", setup.mode, "--clients", str(setup.clients),
            "--window", str(setup.window), "--seconds", str(setup.seconds),
            "--warmup", str(setup.warmup), *messages,
        )  # fmt: skip
        cpu, took = group_cpu_seconds(server.pid) - before, time.monotonic() - began
        machine = Sample.take() - machine
        if server.poll() is not None:
            raise ContenderError(f"{contender.name} ended:\n{log.read_text()[-2000:]}")
    return Round(
        contender=contender.name,
        rate=report.rate,
        cpu_us=cpu / max(report.exchanges_total, 1) * 1e6,
        other_cores=(machine.total - machine.idle - machine.children - machine.own - cpu) / took,
        limit=_limit(report, cpu / took, setup.workers),
        report=report,
    )


def _line(name: str, rounds: list[Round], base: list[Round]) -> Line:
    ratios = [r.rate / b.rate for r, b in zip(rounds, base, strict=True)]
    latencies = [r.report.counts["latency"]["exchange"] for r in rounds]
    errors: dict[str, int] = {}
    limits: dict[str, int] = {}
    for r in rounds:
        limits[r.limit] = limits.get(r.limit, 0) + 1
        for kind, count in r.report.errors.items():
            errors[kind] = errors.get(kind, 0) + count
    return Line(
        contender=name,
        rate=statistics.median(r.rate for r in rounds),
        rate_ratio=statistics.median(ratios),
        rate_ratio_range=(min(ratios), max(ratios)),
        cpu_us=statistics.median(r.cpu_us for r in rounds),
        cpu_ratio=statistics.median(r.cpu_us / b.cpu_us for r, b in zip(rounds, base, strict=True)),
        p50_ms=statistics.median(latency["p50_ns"] for latency in latencies) / 1e6,
        p99_ms=statistics.median(latency["p99_ns"] for latency in latencies) / 1e6,
        other_cores=statistics.median(r.other_cores for r in rounds),
        limits=limits,
        errors=errors,
    )


def compare(contenders: list[Contender], setup: Setup) -> Comparison:
    """All rounds. Raises as ``measure_once``."""
    by_name: dict[str, list[Round]] = {contender.name: [] for contender in contenders}
    for number in range(setup.rounds):
        for contender in contenders:
            made = measure_once(contender, setup)
            by_name[contender.name].append(made)
            click.echo(
                f"round {number + 1}: {made.contender:<10} {made.rate:>9.0f}/s"
                f" {made.cpu_us:>7.2f} us/exchange, others {made.other_cores:.2f} cores",
                err=True,
            )
    base = by_name[contenders[0].name]
    return Comparison(
        setup=setup,
        cores=os.cpu_count() or 1,
        kernel=os.uname().release,
        lines=[_line(name, rounds, base) for name, rounds in by_name.items()],
        rounds=[made for rounds in by_name.values() for made in rounds],
    )


def _render(comparison: Comparison) -> str:
    setup = comparison.setup
    text = [
        f"{comparison.cores} cores, Linux {comparison.kernel}; {setup.workers} workers, "
        f"{setup.clients} clients, window {setup.window}, {setup.mode}, {setup.rounds} rounds of "
        f"{setup.seconds:g} s",
        f"{'':<10} {'exchanges/s':>11} {'ratio (min..max)':>19} {'CPU us':>8} {'ratio':>6} "
        f"{'p50 ms':>8} {'p99 ms':>8} {'others':>6}  at its limit",
    ]
    text[0] += "; others: cores that neither server nor generator used"
    for line in comparison.lines:
        low, high = line.rate_ratio_range
        limits = ", ".join(f"{limit} {count}x" for limit, count in line.limits.items())
        text.append(
            f"{line.contender:<10} {line.rate:>11.0f} {line.rate_ratio:>6.2f} "
            f"({low:.2f}..{high:.2f}) {line.cpu_us:>8.2f} {line.cpu_ratio:>6.2f} "
            f"{line.p50_ms:>8.2f} {line.p99_ms:>8.2f} {line.other_cores:>6.2f}  {limits}"
        )
        text += [f"  ERROR {kind}: {count}" for kind, count in line.errors.items()]
    return "\n".join(text)


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
@click.option("--clients", default=60_000, show_default=True)
@click.option("--window", default=512, show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--mode", type=click.Choice(["dora", "renew", "reboot"]), default="dora")
@click.option("--directory", metavar="DIR", help="Folder for the state directories.")
@click.option("--server-gro", is_flag=True, help="Switch GRO on for the server's link.")
@click.option(
    "--policy", type=click.Choice(["reference"]),
    help="Clients as a large policy has them; default: durable beside the same with that policy.",
)  # fmt: skip
@click.option("--floor", is_flag=True, help="Exit 1 if a promised ratio to the echo is missed.")
@click.option("--json", "as_json", is_flag=True, help="Print all rounds as one JSON object.")
def main(
    contenders: tuple[str, ...],
    as_json: bool,
    floor: bool,
    **setup: int | float | str | bool | None,
) -> None:
    """Measure CONTENDERS beside the first of them; default: echo durable async.

    Each is a name (echo, durable, reference, async, kea, dnsmasq) or NAME=COMMAND, where {workers}
    and {directory} are filled in. Needs root, iproute2, ethtool and util-linux.
    """
    try:
        usual = ("durable", "reference") if setup["policy"] else ("echo", "durable", "async")
        chosen = [find_contender(text) for text in contenders or usual]
        comparison = compare(chosen, msgspec.convert(setup, Setup))
    except (NetworkError, ContenderError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(msgspec.json.encode(comparison) if as_json else _render(comparison))
    held = not any(line.errors for line in comparison.lines)
    if floor:
        held = _judge(comparison) and held
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
