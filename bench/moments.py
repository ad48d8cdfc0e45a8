"""The seconds of a round: what each completed, what it cost whom, and which of them count."""

from collections.abc import Iterable

import msgspec

from fastdhcp_bench.run import Second
from fastdhcp_bench.usage import Watch

OTHERS_CORES = 0.1
"""A second in which others used more than this tells of them as well: it is left out."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One second. CPU is in cores; `served` is the server's with the kernel's for it."""

    completed: int
    busy: float
    served: float
    server: float
    generator: float
    others: float

    @property
    def kept(self) -> bool:
        return self.others <= OTHERS_CORES


def moments_of(seconds: Iterable[Second], watch: Watch) -> list[Moment]:
    """Those seconds of the generator's that the watch saw from end to end."""
    moments = []
    for second in seconds:
        used = watch.during(second.at)
        if used is not None:
            moments.append(
                Moment(
                    completed=second.completed,
                    busy=used.busy,
                    served=used.served,
                    server=used.server,
                    generator=used.generator,
                    others=used.others + used.stolen,
                )
            )
    return moments


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """The seconds that count, together. Microseconds are an exchange's, cores the means."""

    rate: float
    cpu_us: float
    server_us: float
    busy_cores: float
    generator_cores: float
    server_cores: float


def counted_of(moments: list[Moment]) -> list[Moment]:
    """The seconds in which others used little; all, where they never did."""
    return [moment for moment in moments if moment.kept] or moments


def tally(moments: list[Moment]) -> Tally:
    """Of the seconds that count; zeros if there are none."""
    counted = counted_of(moments)
    seconds = max(len(counted), 1)
    completed = max(sum(moment.completed for moment in counted), 1)
    return Tally(
        rate=sum(moment.completed for moment in counted) / seconds,
        cpu_us=sum(moment.served for moment in counted) / completed * 1e6,
        server_us=sum(moment.server for moment in counted) / completed * 1e6,
        busy_cores=sum(moment.busy for moment in counted) / seconds,
        generator_cores=sum(moment.generator for moment in counted) / seconds,
        server_cores=sum(moment.server for moment in counted) / seconds,
    )
