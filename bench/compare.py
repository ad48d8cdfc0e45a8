"""`fastdhcp bench compare`: servers side by side in interleaved rounds, under one generator.

The first contender is the measure of the others. In each round each is started anew in a network
namespace of its own, with an empty state directory, and loaded with DORAs of many clients behind
one relay address, every answer checked. Seconds in which others used the machine are left out. A
figure is the median over the rounds.
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
from fastdhcp_bench.host import Host
from fastdhcp_bench.moments import OTHERS_CORES, Moment, Tally, moments_of, tally
from fastdhcp_bench.network import (
    RELAY_ADDRESS,
    SERVER_ADDRESS,
    Namespace,
    Network,
    NetworkError,
    bench_network,
)
from fastdhcp_bench.policy import MESSAGES
from fastdhcp_bench.run import Report
from fastdhcp_bench.usage import Parties, Watch

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
    nic: bool
    server_gro: bool
    policy: str | None = None


class Round(msgspec.Struct, kw_only=True):
    """One contender in one round.

    Figures are of the seconds in which others left the machine alone, or of all if there is none.
    cpu_us is what the server's side used an exchange, kernel included; server_us is of its
    processes alone. other_cores is what others used in all seconds.
    """

    contender: str
    rate: float
    cpu_us: float
    server_us: float
    other_cores: float
    left_out: int
    limit: str
    moments: list[Moment]
    report: Report


class Line(msgspec.Struct, kw_only=True):
    """A contender's medians; ratios are to the first contender's of the same round."""

    contender: str
    rate: float
    rate_ratio: float
    rate_ratio_range: tuple[float, float]
    cpu_us: float
    cpu_ratio: float
    server_us: float
    p50_ms: float
    p99_ms: float
    other_cores: float
    seconds: int
    left_out: int
    limits: dict[str, int]
    errors: dict[str, int]


class Comparison(msgspec.Struct, kw_only=True):
    setup: Setup
    host: Host
    lines: list[Line]
    rounds: list[Round]


class ContenderError(RuntimeError):
    """A contender did not start, or died."""


def _start(namespace: Namespace, *arguments: str) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-P", "-m", "fastdhcp_bench.cli", "--json"]
    argv += ["--server", SERVER_ADDRESS, "--relay", RELAY_ADDRESS, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(namespace.argv(argv), stdout=pipe, stderr=pipe)


def _finish(generator: subprocess.Popen[bytes]) -> Report:
    said, complained = generator.communicate()
    if not said:
        raise ContenderError(f"the generator failed: {complained.decode().strip()}")
    return msgspec.json.decode(said, type=Report)


def _wait_ready(
    server: subprocess.Popen[bytes], generator: Namespace, messages: Sequence[str], log: Path
) -> None:
    """Until a client got a lease: the one sign of readiness that every server gives."""
    probe = (*messages, "--clients", "1", "--first", str(PROBE_CLIENT), "--exchanges", "1")
    deadline = time.monotonic() + START_S
    while not _finish(_start(generator, *probe, "--timeout", "0.1", "--tries", "3")).good:
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


def _limit(found: Tally, workers: int) -> str:
    """Which side could not do more."""
    if found.busy_cores > BUSY * (os.cpu_count() or 1):
        return "machine"
    if found.generator_cores > BUSY:
        return "generator"
    if found.server_cores > BUSY * workers:
        return "server"
    return "none: waiting for the disk or the window"


def _load(
    setup: Setup, network: Network, server: int, messages: Sequence[str]
) -> tuple[Report, Watch]:
    generator = _start(
        network.generator, "--mode", setup.mode, "--clients", str(setup.clients),
        "--window", str(setup.window), "--seconds", str(setup.seconds),
        "--warmup", str(setup.warmup), *messages,
    )  # fmt: skip
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
        bench_network(nic=setup.nic, server_gro=setup.server_gro) as network,
        _running(contender, setup, network.server) as (server, log),
    ):
        messages = MESSAGES if setup.policy else ()
        _wait_ready(server, network.generator, messages, log)
        report, watch = _load(setup, network, server.pid, messages)
        if server.poll() is not None:
            raise ContenderError(f"{contender.name} ended:\n{log.read_text()[-2000:]}")
    moments = moments_of(report.by_second, watch)
    if not moments:
        raise ContenderError(
            f"{contender.name}: no whole second was seen; give --seconds 2 or more"
        )
    found = tally(moments)
    return Round(
        contender=contender.name,
        rate=found.rate,
        cpu_us=found.cpu_us,
        server_us=found.server_us,
        other_cores=statistics.mean(moment.others for moment in moments),
        left_out=sum(not moment.kept for moment in moments),
        limit=_limit(found, setup.workers),
        moments=moments,
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
        server_us=statistics.median(r.server_us for r in rounds),
        p50_ms=statistics.median(latency["p50_ns"] for latency in latencies) / 1e6,
        p99_ms=statistics.median(latency["p99_ns"] for latency in latencies) / 1e6,
        other_cores=statistics.median(r.other_cores for r in rounds),
        seconds=sum(len(r.moments) for r in rounds),
        left_out=sum(r.left_out for r in rounds),
        limits=limits,
        errors=errors,
    )


def compare(contenders: list[Contender], setup: Setup) -> Comparison:
    """All rounds. Raises as ``measure_once``."""
    host = Host.of(Path(setup.directory or tempfile.gettempdir()))
    by_name: dict[str, list[Round]] = {contender.name: [] for contender in contenders}
    for number in range(setup.rounds):
        for contender in contenders:
            made = measure_once(contender, setup)
            by_name[contender.name].append(made)
            click.echo(
                f"round {number + 1}: {made.contender:<10} {made.rate:>9.0f}/s"
                f" {made.cpu_us:>7.2f} us/exchange, others {made.other_cores:.2f} cores,"
                f" {made.left_out} of {len(made.moments)} s left out",
                err=True,
            )
    base = by_name[contenders[0].name]
    return Comparison(
        setup=setup,
        host=host,
        lines=[_line(name, rounds, base) for name, rounds in by_name.items()],
        rounds=[made for rounds in by_name.values() for made in rounds],
    )


def _render(comparison: Comparison) -> str:
    setup = comparison.setup
    text = [
        str(comparison.host),
        f"{setup.workers} workers, {setup.clients} clients, window {setup.window}, {setup.mode}, "
        f"{setup.rounds} rounds of {setup.seconds:g} s, "
        + ("ends of the link like a NIC's" if setup.nic else "plain ends of the link"),
        "CPU us an exchange: server and kernel less the generator; processes: the server's alone; "
        f"others: cores; seconds in which they used over {OTHERS_CORES:g} are left out",
        f"{'':<10} {'exchanges/s':>11} {'ratio (min..max)':>17} {'CPU us':>7} {'ratio':>5} "
        f"{'processes':>9} {'p50 ms':>7} {'p99 ms':>7} {'others':>6} {'left out':>9}  at its limit",
    ]
    for line in comparison.lines:
        low, high = line.rate_ratio_range
        limits = ", ".join(f"{limit} {count}x" for limit, count in line.limits.items())
        text.append(
            f"{line.contender:<10} {line.rate:>11.0f} {line.rate_ratio:>4.2f} "
            f"({low:.2f}..{high:.2f}) {line.cpu_us:>7.2f} {line.cpu_ratio:>5.2f} "
            f"{line.server_us:>9.2f} {line.p50_ms:>7.2f} {line.p99_ms:>7.2f} "
            f"{line.other_cores:>6.2f} {line.left_out:>2} of {line.seconds:>2} s  {limits}"
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
@click.option("--clients", default=1_000_000, show_default=True)
@click.option("--window", default=512, show_default=True)
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
    whole = msgspec.json.encode(comparison)
    if out:
        Path(out).write_bytes(whole)
    click.echo(whole if as_json else _render(comparison))
    held = not any(line.errors for line in comparison.lines)
    if floor:
        held = _judge(comparison) and held
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
