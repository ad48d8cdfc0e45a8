"""A comparison as a person reads it."""

from collections.abc import Iterator

from fastdhcp_bench.contenders import CONTENDERS
from fastdhcp_bench.moments import OTHERS_CORES
from fastdhcp_bench.result import Comparison, Latency, Line, Overload, Witness


def render(comparison: Comparison) -> str:
    """The machine, what was asked, and a row for each contender."""
    setup = comparison.setup
    text = [
        str(comparison.host),
        f"{setup.workers} workers; {setup.clients_text}, {setup.load_text}",
        "CPU us an exchange: server and kernel less the generator; processes: the server's alone; "
        f"others: cores; seconds in which they used over {OTHERS_CORES:g} are left out",
        f"{'':<10} {'exchanges/s':>11} {'ratio (min..max)':>17} {'CPU us':>7} {'ratio':>5} "
        f"{'processes':>9} {'p50 ms':>7} {'p99 ms':>7} {'slowest s':>9} {'others':>6} "
        f"{'left out':>9}  at its limit",
    ]
    for line in comparison.lines:
        text.append(_row(line))
        text += _notes(line, setup.clients if setup.storm else 0)
        text += _came_back(comparison, line.contender)
    if comparison.latencies:
        text.append(
            f"{'ms, with':<10} {'starts/s':>11} {'exchanges/s':>11} {'OFFER p50':>9} "
            f"{'ACK p50':>9} {'p50':>7} {'p99':>7} {'max':>7} {'left out':>9}"
        )
        for latency in comparison.latencies:
            text += [_latency(latency), *_errors(latency.errors)]
    if comparison.overloads:
        text.append(
            f"{'overload':<10} {'asked/s':>11} {'started/s':>11} {'exchanges/s':>11} "
            f"{'of peak':>7} {'p50':>7} {'p99':>7} {'renewed at the first try':>24} {'left out':>9}"
        )
        for overload in comparison.overloads:
            text += [_overload(overload), *_errors(overload.errors)]
    if comparison.witnesses:
        text.append(
            f"{'witness':<10} {'by':>8} {'asked/s':>11} {'exchanges/s':>11} {'lost':>6} "
            f"{'OFFER mean':>10} {'ACK mean':>8} {'CPU us':>7}"
        )
        text += map(_witness, comparison.witnesses)
    return "\n".join(text)


def _row(line: Line) -> str:
    low, high = line.rate_ratio_range
    limits = ", ".join(f"{limit} {count}x" for limit, count in line.limits.items())
    return (
        f"{line.contender:<10} {line.rate:>11.0f} {line.rate_ratio:>4.2f} "
        f"({low:.2f}..{high:.2f}) {line.cpu_us:>7.2f} {line.cpu_ratio:>5.2f} "
        f"{line.server_us:>9.2f} {line.p50_ms:>7.2f} {line.p99_ms:>7.2f} {line.slowest:>9.2f} "
        f"{line.other_cores:>6.2f} {line.left_out:>2} of {line.seconds:>2} s  {limits}"
    )


def _notes(line: Line, population: int) -> Iterator[str]:
    """What is worth a row of its own; population is a storm's."""
    if line.contender in CONTENDERS and (short_cuts := CONTENDERS[line.contender].short_cuts):
        yield f"  short cuts: {short_cuts}"
    if population:
        served = "had a lease" if not line.errors else "had a lease or gave up"
        yield f"  all {population} {served} after {line.took_s:.2f} s"
    if line.retransmissions:
        yield f"  {line.retransmissions} retransmissions"
    if line.dropped:
        places = ", ".join(f"{place} {count}" for place, count in line.dropped.items())
        yield f"  dropped by the kernel: {places}"
    yield from _errors(line.errors)


def _errors(errors: dict[str, int]) -> Iterator[str]:
    for kind, count in errors.items():
        yield f"  ERROR {kind}: {count}"


def _came_back(comparison: Comparison, contender: str) -> Iterator[str]:
    """Clients take turns: when all have a lease the first one comes again."""
    setup = comparison.setup
    if setup.mode != "dora" or setup.storm:
        return
    totals = [r.report.exchanges_total for r in comparison.rounds if r.contender == contender]
    share = 1 - setup.clients / max(*totals, setup.clients)
    if share:
        yield f"  of a round up to {share:.0%} were clients that came back, whose lease is renewed"


def _latency(found: Latency) -> str:
    return (
        f"{found.contender:<10} {found.asked:>11.0f} {found.rate:>11.0f} "
        f"{found.offer_p50_ms:>9.2f} {found.ack_p50_ms:>9.2f} {found.p50_ms:>7.2f} "
        f"{found.p99_ms:>7.2f} {found.max_ms:>7.2f} {found.left_out:>2} of {found.seconds:>2} s"
    )


def _overload(found: Overload) -> str:
    dropped = "".join(f"; dropped {place} {n}" for place, n in found.dropped.items())
    return (
        f"{found.contender:<10} {found.asked:>11.0f} {found.started:>11.0f} {found.rate:>11.0f} "
        f"{found.peak_share:>7.2f} {found.p50_ms:>7.2f} {found.p99_ms:>7.2f} "
        f"{found.renewed_at_once:>24.2%} {found.left_out:>2} of {found.seconds:>2} s{dropped}"
    )


def _witness(found: Witness) -> str:
    return (
        f"{found.contender:<10} {found.by:>8} {found.asked:>11.0f} {found.rate:>11.0f} "
        f"{found.lost:>6.2%} {found.offer_ms:>10.2f} {found.ack_ms:>8.2f} {found.cpu_us:>7.1f}"
    )
