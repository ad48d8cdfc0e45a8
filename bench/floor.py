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


def judge(
    contender: str, rate_ratio: float, cpu_ratio: float, errors: int
) -> Iterator[tuple[str, bool]]:
    """What is asked of a contender, in words, and whether it holds; nothing if it has no floor."""
    if contender not in FLOORS:
        return
    floor = FLOORS[contender]
    yield f"{contender}: rate {rate_ratio:.2f}, at least {floor.rate}", rate_ratio >= floor.rate
    if floor.cpu is not None:
        yield f"{contender}: CPU {cpu_ratio:.2f}, at most {floor.cpu}", cpu_ratio <= floor.cpu
    yield f"{contender}: {errors} wrong answers", errors == 0
