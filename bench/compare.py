"""`fastdhcp bench compare`: servers side by side in interleaved rounds, under one generator.

The first contender is the measure of the others. In each round each is started anew in a network
namespace of its own, with an empty state directory, and loaded with DORAs of many clients behind
one relay address, every answer checked. Seconds in which others used the machine are left out. A
figure is the median over the rounds.
"""

import sys
import tempfile
from pathlib import Path

import click
import msgspec

from fastdhcp_bench.contenders import Contender, find_contender
from fastdhcp_bench.floor import judge
from fastdhcp_bench.host import Host
from fastdhcp_bench.network import NetworkError
from fastdhcp_bench.result import (
    Comparison,
    Line,
    Round,
    Witness,
    latency_of,
    line_of,
    overload_of,
    witness_of,
)
from fastdhcp_bench.rounds import ContenderError, measure_once
from fastdhcp_bench.setup import Setup
from fastdhcp_bench.table import render
from fastdhcp_bench.witness import DROP_S, WITNESS_RATE, perfdhcp_says

LOW_RATE = 1000
"""Exchanges a second that leave any server idle most of the time."""
LOW = 0.0
"""In place of a share of a contender's own rate: LOW_RATE."""
LOADS = (LOW, 0.5)
CURVE = (LOW, 0.25, 0.5, 0.75, 0.9)
OPEN_WINDOW = 65_536
"""Under a rate: the clients come whether or not those before them were answered."""
OVERLOAD = 2.0
RENEWALS = 0.1
"""Part of the starts that are renewals, in an overload."""
PATIENCE_S = 4.0
"""RFC 2131 4.1: what a client waits for its first answer, one more or less."""
MINUTE_S = 60
"""From here on a round shows whether each second is like the others."""


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


def _at_share(setup: Setup, line: Line, share: float) -> Setup:
    """An open loop at this share of the contender's own rate."""
    rate = line.rate * share if share else LOW_RATE
    window = min(OPEN_WINDOW, setup.clients)
    return msgspec.structs.replace(setup, rate=rate, window=window)


def _overloaded(setup: Setup, line: Line) -> Setup:
    """More than it can serve, as far as there are clients, and renewals among them."""
    rate = line.rate * OVERLOAD
    return msgspec.structs.replace(
        setup, rate=rate, window=setup.clients, renewals=RENEWALS, once=PATIENCE_S
    )


def compare(
    contenders: list[Contender],
    setup: Setup,
    *,
    loads: tuple[float, ...] = (),
    overload: bool = False,
    witness: bool = False,
) -> Comparison:
    """All rounds; then again at each of the loads, at twice each one's own rate, and by perfdhcp.

    Raises as ``measure_once`` and ``perfdhcp_says``.
    """
    host = Host.of(Path(setup.directory or tempfile.gettempdir()))
    by_name = _rounds(contenders, dict.fromkeys((c.name for c in contenders), setup))
    base = by_name[contenders[0].name]
    lines = {name: line_of(rounds, base) for name, rounds in by_name.items()}
    found = Comparison(setup=setup, host=host, lines=[*lines.values()])
    found.rounds += [made for rounds in by_name.values() for made in rounds]
    for share in loads:
        setups = {name: _at_share(setup, line, share) for name, line in lines.items()}
        for name, rounds in _rounds(contenders, setups).items():
            found.latencies.append(latency_of(setups[name].rate, rounds))
            found.rounds += rounds
    if overload:
        setups = {name: _overloaded(setup, line) for name, line in lines.items()}
        for name, rounds in _rounds(contenders, setups).items():
            found.overloads.append(overload_of(setups[name].rate, rounds, lines[name].rate))
            found.rounds += rounds
    if witness:
        for contender in contenders:
            found.witnesses += _both(contender, setup)
    return found


def _both(contender: Contender, setup: Setup) -> list[Witness]:
    """perfdhcp at a low rate, and this generator at the same."""
    same = msgspec.structs.replace(
        setup, rate=WITNESS_RATE, window=min(OPEN_WINDOW, setup.clients), once=DROP_S
    )
    return [perfdhcp_says(contender, same), witness_of(WITNESS_RATE, measure_once(contender, same))]


def _judge(comparison: Comparison) -> bool:
    """Says of each contender with a floor whether it stands above it."""
    found = [
        verdict
        for line in comparison.lines
        for verdict in judge(
            line.contender, line.rate_ratio, line.cpu_ratio, sum(line.errors.values()),
            line.slowest if comparison.setup.seconds >= MINUTE_S else None,
        )
    ]  # fmt: skip
    for text, holds in found:
        click.echo(f"{'held  ' if holds else 'MISSED'} {text}", err=True)
    return all(holds for _, holds in found)


def _refuse(setup: Setup, loads: tuple[float, ...], overload: bool, witness: bool) -> None:
    """Raises click.UsageError for what does not go together."""
    if setup.storm and (loads or overload):
        raise click.UsageError(
            "--latency, --curve and --overload are of an open loop, which a storm is not"
        )
    if setup.on_link and (overload or witness or setup.mode != "dora" or setup.renewals):
        raise click.UsageError(
            "clients on the link get leases and no more: --overload, --witness, --renewals and "
            "other modes are of clients behind relay agents"
        )
    if setup.broadcast and setup.frames:
        raise click.UsageError("--broadcast or --frames: clients are answered by one of them")


@click.command("compare")
@click.argument("contenders", nargs=-1)
@click.option("--rounds", default=3, show_default=True)
@click.option("--seconds", default=5.0, show_default=True, help="Seconds measured in each round.")
@click.option("--warmup", default=1.0, show_default=True)
@click.option("--clients", default=1_000_000, show_default=True)
@click.option("--window", default=512, show_default=True)
@click.option("--rate", default=0.0, help="Exchanges to start a second; 0: what the window lets.")
@click.option("--renewals", default=0.0, help="Part of the starts that are renewals, as in 0.1.")
@click.option("--relays", default=1, show_default=True, help="Relay agents, interleaved.")
@click.option("--burst", default=1, show_default=True, help="Clients in a row of one relay agent.")
@click.option("--broadcast", is_flag=True, help="Clients on the link, answered by broadcast.")
@click.option("--frames", is_flag=True, help="Clients on the link, answered by frames.")
@click.option("--storm", is_flag=True, help="All clients at once, until each has a lease.")
@click.option("--latency", is_flag=True, help="Again at 1,000 starts a second, and at half load.")
@click.option("--curve", is_flag=True, help="Also at a quarter, three quarters and nine tenths.")
@click.option(
    "--overload", is_flag=True,
    help="Again at twice each one's rate, a tenth of it renewals, nothing asked twice.",
)  # fmt: skip
@click.option("--witness", is_flag=True, help="Also by perfdhcp, beside this generator.")
@click.option("--workers", default=2, show_default=True)
@click.option("--mode", type=click.Choice(["dora", "discover", "renew", "reboot"]), default="dora")
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
    curve: bool,
    overload: bool,
    witness: bool,
    **asked: int | float | str | bool | None,
) -> None:
    """Measure CONTENDERS beside the first of them; default: echo durable async.

    Each is a name (echo, durable, reference, async, kea, dhcpd, dnsmasq) or NAME=COMMAND, where
    {workers} and {directory} are filled in. Needs root, iproute2, ethtool and util-linux.
    """
    setup = msgspec.convert(asked, Setup)
    loads = CURVE if curve else LOADS if latency else ()
    _refuse(setup, loads, overload, witness)
    usual = ("durable", "reference") if setup.policy else ("echo", "durable", "async")
    try:
        chosen = [find_contender(text) for text in contenders or usual]
        comparison = compare(chosen, setup, loads=loads, overload=overload, witness=witness)
    except (NetworkError, ContenderError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    whole = msgspec.json.encode(comparison)
    if out:
        Path(out).write_bytes(whole)
    click.echo(whole if as_json else render(comparison))
    held = not comparison.wrong
    if floor:
        held = _judge(comparison) and held
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
