"""`fastdhcp bench`: the load generator on the command line."""

import sys

import click
import msgspec

from fastdhcp_bench.compare import main as compare
from fastdhcp_bench.run import Mode, Plan, Report, measure


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


@click.group(invoke_without_command=True)
@click.option("--server", metavar="ADDR", help="The DHCP server's address.")
@click.option("--relay", metavar="ADDR", help="giaddr: an address of this host.")
@click.option("--server-port", default=67, show_default=True)
@click.option("--relay-port", default=67, show_default=True)
@click.option("--clients", default=1000, show_default=True, help="Number of clients.")
@click.option("--first", default=0, show_default=True, help="Number of the first client.")
@click.option("--window", default=64, show_default=True, help="Most exchanges in flight.")
@click.option("--mode", type=click.Choice(["dora", "renew", "reboot", "mix"]), default="dora")
@click.option("--seconds", type=float, help="Seconds to measure  [default: 10]")
@click.option("--exchanges", type=int, help="Number of exchanges to measure, instead.")
@click.option("--warmup", default=0.0, help="Seconds before the measurement starts.")
@click.option("--rate", default=0.0, help="Most exchanges started per second; 0: no limit.")
@click.option("--timeout", default=1.0, show_default=True, help="Seconds before a retransmission.")
@click.option("--tries", default=4, show_default=True, help="Most transmissions of a message.")
@click.option("--seed", default=1, show_default=True)
@click.option("--train", default=64, show_default=True, help="Messages per system call.")
@click.option("--client-id", is_flag=True, help="Send option 61.")
@click.option("--hostname", is_flag=True, help="Send option 12.")
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
    **plan: str | int | float | bool | None,
) -> None:
    """Load a DHCP server with many clients behind one relay agent, and check every answer.

    The relay agent's address must be this host's, and the server must have a subnet for it. Exit
    code 1 if any answer was wrong, none came, or one was missing after the last try.
    """
    if context.invoked_subcommand is not None:
        return
    for name in ("server", "relay"):
        if plan[name] is None:
            raise click.UsageError(f"--{name} ADDR is required", context)
    if seconds is None:
        seconds = 1e9 if exchanges else 10.0
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


if __name__ == "__main__":
    bench()
