"""The floor: what each durability must reach beside the echo, for less than which CPU."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Floor:
    """Ratios to the echo: exchanges a second at least, server CPU an exchange at most."""

    rate: float
    cpu: float | None = None


FLOORS = {"durable": Floor(rate=0.40, cpu=2.2), "async": Floor(rate=0.55)}
"""By the contender's name."""
SLOWEST = 0.85
"""Of a minute: no second that others left alone is slower than this part of the mean."""


def judge(
    contender: str, rate_ratio: float, cpu_ratio: float, errors: int, slowest: float | None = None
) -> Iterator[tuple[str, bool]]:
    """What is asked of a contender, in words, and whether it holds; nothing if it has no floor.

    ``slowest`` is the slowest second of a round beside its mean, where that is asked.
    """
    if contender not in FLOORS:
        return
    floor = FLOORS[contender]
    yield f"{contender}: rate {rate_ratio:.2f}, at least {floor.rate}", rate_ratio >= floor.rate
    if floor.cpu is not None:
        yield f"{contender}: CPU {cpu_ratio:.2f}, at most {floor.cpu}", cpu_ratio <= floor.cpu
    if slowest is not None:
        text = f"{contender}: slowest second {slowest:.2f} of the mean, at least {SLOWEST}"
        yield text, slowest >= SLOWEST
    yield f"{contender}: {errors} wrong answers", errors == 0
