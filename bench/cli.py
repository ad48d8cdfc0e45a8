"""`fastdhcp bench`: the load generator on the command line."""

import sys
from typing import Any, get_args

import click
import msgspec

from fastdhcp_bench.compare import main as compare
from fastdhcp_bench.flat import flat
from fastdhcp_bench.idle import idle
from fastdhcp_bench.last import last
from fastdhcp_bench.plots import plot
from fastdhcp_bench.run import Mode, Plan, Report, measure
from fastdhcp_bench.serve import serve


def _milliseconds(ns: int) -> str:
    return f"{ns / 1e6:.2f}"


def _render(report: Report) -> str:
    counts = report.counts
    lines = [
        f"{counts['completed']} exchanges in {report.seconds:.2f} s: {report.rate:.0f}/s",
        f"failed {counts['failed']}, unfinished {report.unfinished}, "
        f"retransmissions {counts['retransmissions']}, late {counts['late']}, "
        f"duplicates {counts['duplicates']}",
        f"clients with a lease {report.bound}",
        f"generator used {report.generator_cpu:.0%} of a core; "
        f"the machine was {report.machine_idle:.0%} idle",
        "ms          p50      p90      p99      max",
    ]
    for name, latency in counts["latency"].items():
        figures = (_milliseconds(latency[f"{k}_ns"]) for k in ("p50", "p90", "p99", "max"))
        lines.append(f"{name:<9}" + " ".join(f"{figure:>8}" for figure in figures))
    if report.by_second:
        lines.append("by second: " + " ".join(str(s.completed) for s in report.by_second))
    if renewals := counts["renewals"]:
        at_once = counts["renewed-at-once"] / renewals
        lines.append(f"renewals {renewals}, answered at the first try {at_once:.2%}")
    lines += [f"ERROR {name}: {count}" for name, count in report.errors.items()]
    lines.append(f"result hash {report.result_hash}")
    return "\n".join(lines)


def _expected(texts: tuple[str, ...]) -> dict[int, bytes]:
    expected = {}
    for text in texts:
        code, _, value = text.partition("=")
        try:
            expected[int(code)] = bytes.fromhex(value)
        except ValueError:
            raise click.UsageError(f"--expect {text}: write CODE=HEX, as in 1=ffffff00") from None
    return expected


def _lists(texts: tuple[str, ...]) -> tuple[bytes, ...]:
    try:
        return tuple(bytes(map(int, text.split(","))) for text in texts)
    except ValueError:
        raise click.UsageError("--request-list: write codes of options, as in 1,3,6") from None


def _complete(plan: dict[str, Any], context: click.Context) -> None:
    """Defaults that depend on other options.

    Raises click.UsageError if the server or the relay agent is missing.
    """
    on_link = bool(plan["interface"])
    if plan["server"] is None and on_link:
        plan["server"] = "255.255.255.255"
    if plan["relay"] is None and on_link:
        plan["relay"] = "0.0.0.0"
    for name in ("server", "relay"):
        if plan[name] is None:
            raise click.UsageError(f"--{name} ADDR is required", context)
    if plan["relay_port"] is None:
        plan["relay_port"] = 68 if on_link else 67
    if plan["timeout"] is None:
        plan["timeout"] = 4.0 if plan["storm"] else 1.0


@click.group(invoke_without_command=True)
@click.option("--server", metavar="ADDR", help="The DHCP server's address.")
@click.option("--relay", metavar="ADDR", help="giaddr: an address of this host.")
@click.option("--relays", default=1, show_default=True, help="Relay agents, from that address on.")
@click.option("--burst", default=1, show_default=True, help="Clients in a row of one relay agent.")
@click.option(
    "--interface", metavar="NAME", default="",
    help="No relay agent: clients on this link, answered by broadcast.",
)  # fmt: skip
@click.option(
    "--frames", is_flag=True,
    help="They can be answered before they have an address: without the BROADCAST bit.",
)  # fmt: skip
@click.option("--server-port", default=67, show_default=True)
@click.option("--relay-port", type=int, help="[default: 67; 68 with --interface]")
@click.option("--clients", default=1000, show_default=True, help="Number of clients.")
@click.option("--first", default=0, show_default=True, help="Number of the first client.")
@click.option("--window", default=64, show_default=True, help="Most exchanges in flight.")
@click.option("--mode", type=click.Choice(get_args(Mode)), default="dora")
@click.option("--seconds", type=float, help="Seconds to measure  [default: 10]")
@click.option("--exchanges", type=int, help="Number of exchanges to measure, instead.")
@click.option("--warmup", default=0.0, help="Seconds before the measurement starts.")
@click.option("--rate", default=0.0, help="Most exchanges started per second; 0: no limit.")
@click.option("--renewals", default=0.0, help="Part of the starts that are renewals, as in 0.1.")
@click.option(
    "--storm", is_flag=True,
    help="All clients at once, each until it has a lease; waits as in RFC 2131, from --timeout on.",
)  # fmt: skip
@click.option("--timeout", type=float, help="Seconds to a retransmission  [default: 1; storm: 4]")
@click.option("--tries", default=4, show_default=True, help="Most transmissions of a message.")
@click.option("--seed", default=1, show_default=True)
@click.option("--train", default=64, show_default=True, help="Messages per system call.")
@click.option("--client-id", is_flag=True, help="Send option 61.")
@click.option("--hostname", is_flag=True, help="Send option 12.")
@click.option("--lease-time", is_flag=True, help="Ask for a longer lease time each time.")
@click.option("--circuit-id", is_flag=True, help="Send option 82 with one circuit-id per client.")
@click.option("--circuit-id-size", default=15, show_default=True, help="Its octets.")
@click.option("--vendor-class", default="", metavar="TEXT", help="Send option 60.")
@click.option(
    "--request-list", "lists", multiple=True, metavar="CODES",
    help="Option 55, as in 1,3,6; of several each client has one.",
)  # fmt: skip
@click.option(
    "--expect", multiple=True, metavar="CODE=HEX", help="An option that each answer must carry."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.pass_context
def bench(
    context: click.Context,
    /,
    seconds: float | None,
    exchanges: int | None,
    warmup: float,
    as_json: bool,
    expect: tuple[str, ...],
    lists: tuple[str, ...],
    mode: Mode,
    **plan: Any,
) -> None:
    """Load a DHCP server with many clients behind relay agents, and check every answer.

    The relay agents' addresses must be this host's, and the server must have subnets for them. Exit
    code 1 if any answer was wrong, none came, or one was missing after the last try.
    """
    if context.invoked_subcommand is not None:
        return
    _complete(plan, context)
    if seconds is None:
        seconds = 1e9 if exchanges or plan["storm"] else 10.0
    try:
        asked = {"request_lists": _lists(lists)} if lists else {}
        whole = {**plan, **asked, "mode": mode, "expect": _expected(expect)}
        made = msgspec.convert(whole, Plan)
        report = measure(made, seconds=seconds, exchanges=exchanges or 0, warmup=warmup)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(msgspec.json.encode(report) if as_json else _render(report))
    sys.exit(0 if report.good else 1)


bench.add_command(compare)
bench.add_command(flat)
bench.add_command(idle)
bench.add_command(last)
bench.add_command(plot)
bench.add_command(serve)


if __name__ == "__main__":
    bench()
