"""What a comparison found: rounds, the contenders' lines, and latencies by load."""

import statistics
from collections import Counter

import msgspec

from fastdhcp_bench.host import Host
from fastdhcp_bench.moments import Moment, counted_of
from fastdhcp_bench.run import Report
from fastdhcp_bench.setup import Setup


class Round(msgspec.Struct, kw_only=True):
    """One contender in one round.

    Figures are of the seconds in which others left the machine alone, or of all if there is none.
    cpu_us is what the server's side used an exchange, kernel included; server_us is of its
    processes alone. other_cores is what others used in all seconds. A storm's rate is of all of
    it, and its CPU of its whole seconds: 0 if it had none. dropped is what the kernel dropped, by
    place; a train counts as one.
    """

    contender: str
    rate: float
    cpu_us: float
    server_us: float
    other_cores: float
    limit: str
    dropped: dict[str, int]
    moments: list[Moment]
    report: Report

    @property
    def left_out(self) -> int:
        return sum(not moment.kept for moment in self.moments)

    @property
    def slowest(self) -> float:
        """The slowest second that counts, as a part of the mean of those; 1 if there is none."""
        counted = [moment.completed for moment in counted_of(self.moments)]
        return min(counted) / max(statistics.mean(counted), 1) if counted else 1.0


class Line(msgspec.Struct, kw_only=True):
    """A contender's medians; ratios are to the first contender's of the same round.

    slowest is the slowest second of all rounds, beside the mean of its round. took_s is how long
    the generator was at it.
    """

    contender: str
    rate: float
    rate_ratio: float
    rate_ratio_range: tuple[float, float]
    cpu_us: float
    cpu_ratio: float
    server_us: float
    p50_ms: float
    p99_ms: float
    slowest: float
    took_s: float
    other_cores: float
    seconds: int
    left_out: int
    retransmissions: int
    dropped: dict[str, int]
    limits: dict[str, int]
    errors: dict[str, int]


class Latency(msgspec.Struct, kw_only=True):
    """Medians of a contender's latencies when ``asked`` exchanges start a second."""

    contender: str
    asked: float
    rate: float
    offer_p50_ms: float
    ack_p50_ms: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    seconds: int
    left_out: int
    errors: dict[str, int] = {}


class Overload(msgspec.Struct, kw_only=True):
    """Medians of a contender that is asked for more than it can serve.

    asked and started are exchanges a second: what was to be started, and what the generator came
    to. peak_share is the rate beside that of the closed loop; renewed_at_once the share of the
    renewals that were answered at the first try. Latencies are of those that completed, and that
    some did not is no error.
    """

    contender: str
    asked: float
    started: float
    rate: float
    peak_share: float
    p50_ms: float
    p99_ms: float
    renewals: int
    renewed_at_once: float
    dropped: dict[str, int]
    seconds: int
    left_out: int
    errors: dict[str, int] = {}


class Witness(msgspec.Struct, kw_only=True):
    """What one generator saw of a contender at a low rate; two of them are to agree.

    lost is the part of the exchanges that did not complete; nothing is asked twice. Latencies are
    means.
    """

    contender: str
    by: str
    asked: float
    rate: float
    lost: float
    offer_ms: float
    ack_ms: float
    cpu_us: float


class Comparison(msgspec.Struct, kw_only=True):
    setup: Setup
    host: Host
    lines: list[Line]
    latencies: list[Latency] = []
    overloads: list[Overload] = []
    witnesses: list[Witness] = []
    rounds: list[Round] = []

    @property
    def wrong(self) -> bool:
        """Whether any answer was, in whatever rounds."""
        return any(
            [line.errors for line in self.lines]
            + [latency.errors for latency in self.latencies]
            + [overload.errors for overload in self.overloads]
        )


def _milliseconds(rounds: list[Round], what: str, figure: str) -> float:
    found: list[int] = [made.report.counts["latency"][what][f"{figure}_ns"] for made in rounds]
    return statistics.median(found) / 1e6


def _ratio(figure: float, base: float) -> float:
    return figure / base if base else 0.0


def _dropped(rounds: list[Round]) -> dict[str, int]:
    dropped: Counter[str] = Counter()
    for made in rounds:
        dropped.update(made.dropped)
    return {place: count for place, count in dropped.items() if count}


def _errors(rounds: list[Round]) -> dict[str, int]:
    errors: Counter[str] = Counter()
    for made in rounds:
        errors.update(made.report.errors)
    return dict(errors)


def line_of(rounds: list[Round], base: list[Round]) -> Line:
    """A contender's, from all its rounds and those of the first contender."""
    ratios = [_ratio(r.rate, b.rate) for r, b in zip(rounds, base, strict=True)]
    return Line(
        contender=rounds[0].contender,
        rate=statistics.median(r.rate for r in rounds),
        rate_ratio=statistics.median(ratios),
        rate_ratio_range=(min(ratios), max(ratios)),
        cpu_us=statistics.median(r.cpu_us for r in rounds),
        cpu_ratio=statistics.median(
            _ratio(r.cpu_us, b.cpu_us) for r, b in zip(rounds, base, strict=True)
        ),
        server_us=statistics.median(r.server_us for r in rounds),
        p50_ms=_milliseconds(rounds, "exchange", "p50"),
        p99_ms=_milliseconds(rounds, "exchange", "p99"),
        slowest=min(r.slowest for r in rounds),
        took_s=statistics.median(r.report.seconds for r in rounds),
        other_cores=statistics.median(r.other_cores for r in rounds),
        seconds=sum(len(r.moments) for r in rounds),
        left_out=sum(r.left_out for r in rounds),
        retransmissions=sum(r.report.counts["retransmissions"] for r in rounds),
        dropped=_dropped(rounds),
        limits=dict(Counter(r.limit for r in rounds)),
        errors=_errors(rounds),
    )


def latency_of(asked: float, rounds: list[Round]) -> Latency:
    """A contender's at one load. Latencies are of whole rounds, whoever else was there."""
    return Latency(
        contender=rounds[0].contender,
        asked=asked,
        rate=statistics.median(r.rate for r in rounds),
        offer_p50_ms=_milliseconds(rounds, "offer", "p50"),
        ack_p50_ms=_milliseconds(rounds, "ack", "p50"),
        p50_ms=_milliseconds(rounds, "exchange", "p50"),
        p99_ms=_milliseconds(rounds, "exchange", "p99"),
        max_ms=_milliseconds(rounds, "exchange", "max"),
        seconds=sum(len(r.moments) for r in rounds),
        left_out=sum(r.left_out for r in rounds),
        errors=_errors(rounds),
    )


def overload_of(asked: float, rounds: list[Round], peak: float) -> Overload:
    """A contender's under more than its peak. Latencies and renewals are of whole rounds."""
    counts = [made.report.counts for made in rounds]
    return Overload(
        contender=rounds[0].contender,
        asked=asked,
        started=statistics.median(
            count["started"] / made.report.seconds
            for count, made in zip(counts, rounds, strict=True)
        ),
        rate=statistics.median(r.rate for r in rounds),
        peak_share=statistics.median(_ratio(r.rate, peak) for r in rounds),
        p50_ms=_milliseconds(rounds, "exchange", "p50"),
        p99_ms=_milliseconds(rounds, "exchange", "p99"),
        renewals=sum(count["renewals"] for count in counts),
        renewed_at_once=statistics.median(
            _ratio(count["renewed-at-once"], count["renewals"]) for count in counts
        ),
        dropped=_dropped(rounds),
        seconds=sum(len(r.moments) for r in rounds),
        left_out=sum(r.left_out for r in rounds),
        errors={n: c for n, c in _errors(rounds).items() if n != "unanswered"},
    )


def witness_of(asked: float, made: Round) -> Witness:
    """This generator's own word, from a round at that rate."""
    counts = made.report.counts
    return Witness(
        contender=made.contender,
        by="bench",
        asked=asked,
        rate=made.rate,
        lost=_ratio(counts["failed"], counts["started"]),
        offer_ms=counts["latency"]["offer"]["mean_ns"] / 1e6,
        ack_ms=counts["latency"]["ack"]["mean_ns"] / 1e6,
        cpu_us=made.cpu_us,
    )
