"""`fastdhcp bench last`: what the last free address of a large pool costs beside its first.

Newcomers come one at a time, with nobody else about: the first to an empty pool, the last to one
that others have filled but for them. Then the pool is full, and clients anywhere in it release
their leases, one each time: a newcomer takes what is the only free address.
"""

import sys
import time
from collections.abc import Callable

import click
import msgspec

from fastdhcp_bench.contenders import wide
from fastdhcp_bench.flat import GOLDEN
from fastdhcp_bench.network import RELAY_ADDRESS, SERVER_ADDRESS, NetworkError
from fastdhcp_bench.rounds import ContenderError, standing
from fastdhcp_bench.run import Generator, Plan
from fastdhcp_bench.setup import Setup
from fastdhcp_bench.talk import PRIME_S, SETTLE_S, settle_down, talking

NEWCOMERS_RELAY = "10.128.0.2"
NEWCOMERS_FIRST = 1 << 24
"""The number of the first of them: none of the others has it."""
RELEASING = (0, 0, 0, 1000)
PAUSE_S = 0.01
"""Between two newcomers: a RELEASE is not answered, and may be another worker's."""
MOST = 2.0
"""The median of the last and of those freed, as a multiple of the first: the most promised."""
MS = 1e6


class Times(msgspec.Struct, frozen=True):
    """Of newcomers to a pool in some state, milliseconds: medians, and the slowest exchange."""

    state: str
    offer: float
    exchange: float
    slowest: float


def places(bits: int) -> int:
    """Addresses of a subnet of so long a prefix that clients can have: all but the first and the
    last, and the one of the client that asked whether the server is ready."""
    return (1 << (32 - bits)) - 3


def _hold(state: str, newcomers: Generator, count: int, before: Callable[[], None]) -> Times:
    """So many newcomers, one at a time."""
    newcomers.clear()
    for _ in range(count):
        before()
        time.sleep(PAUSE_S)
        newcomers.run(exchanges=1)
    counts = newcomers.report(hashed=False).counts
    if counts["completed"] < count:
        raise ContenderError(f"{state}: {counts['completed']} of {count} got a lease")
    offer, exchange = counts["latency"]["offer"], counts["latency"]["exchange"]
    return Times(state, offer["p50_ns"] / MS, exchange["p50_ns"] / MS, exchange["max_ns"] / MS)


def come_and_go(bits: int, count: int, window: int) -> None:
    """The generator: says what the first took, when the pool is filled but for `count`, and, having
    been told to go on, the rest."""
    server = SERVER_ADDRESS
    newcomers = Plan(
        server=server, relay=NEWCOMERS_RELAY, clients=3 * count + 1, first=NEWCOMERS_FIRST, window=1
    )
    others = Plan(
        server=server, relay=RELAY_ADDRESS, clients=places(bits) - 2 * count, window=window
    )
    with Generator(newcomers) as few, Generator(others) as many:
        print(msgspec.json.encode(_hold("empty", few, count, lambda: None)).decode(), flush=True)
        print(many.prime(PRIME_S), flush=True)
        sys.stdin.readline()
        found = [_hold("filled but for them", few, count, lambda: None)]
        few.run(exchanges=1)
        if few.load.bound > 2 * count:
            raise ContenderError("the pool had more than its addresses")
        many.load.reorder(round(others.clients * GOLDEN))
        many.load.weigh(RELEASING)
        found.append(_hold("full but for one", few, count, lambda: many.run(exchanges=1)))
        print(msgspec.json.encode(found).decode(), flush=True)


def measure(bits: int, count: int, setup: Setup, settle: float) -> list[Times]:
    """Raises as ``standing``, and ContenderError if not every client got a lease that was to."""
    with (
        standing(wide(bits), setup) as stand,
        talking(stand, "fastdhcp_bench.last", str(bits), str(count), str(setup.window)) as them,
    ):
        first = msgspec.json.decode(them.hear(), type=Times)
        if (bound := int(them.hear())) < places(bits) - 2 * count:
            raise ContenderError(f"only {bound} of {places(bits) - 2 * count} got a lease")
        click.echo(f"{bound} have a lease; waiting for the checkpoint", err=True)
        settle_down([stand], settle)
        them.say("go on")
        found = [first, *msgspec.json.decode(them.hear(), type=list[Times])]
        stand.end()
    return found


def render(found: list[Times]) -> str:
    first = found[0]
    rows = ["the pool             OFFER ms   ratio  exchange ms   ratio  slowest ms"]
    for times in found:
        rows.append(
            f"{times.state:<21}{times.offer:>8.3f}{times.offer / first.offer:>8.2f}"
            f"{times.exchange:>13.3f}{times.exchange / first.exchange:>8.2f}{times.slowest:>12.2f}"
        )
    return "\n".join(rows)


def missed(found: list[Times]) -> list[str]:
    """What is over the promise, in words."""
    first, *later = found
    return [
        f"{times.state}: {name} {ratio:.2f} times the first's, at most {MOST:g}"
        for times in later
        for name, ratio in (
            ("the OFFER", times.offer / first.offer),
            ("the exchange", times.exchange / first.exchange),
        )
        if ratio > MOST
    ]


@click.command("last")
@click.option("--bits", type=click.IntRange(8, 24), default=8, show_default=True, help="Prefix.")
@click.option("--count", default=200, show_default=True, help="Newcomers to each state.")
@click.option("--window", default=512, show_default=True, help="Of those who fill the pool.")
@click.option("--workers", default=2, show_default=True)
@click.option("--settle", default=SETTLE_S, show_default=True, help="Seconds once it is filled.")
@click.option("--nic", is_flag=True, help="Ends like a NIC's, as of `compare`.")
@click.option("--directory", metavar="DIR", help="Folder for the state directory.")
@click.option("--floor", is_flag=True, help="Exit 1 if a promised ratio is missed.")
def last(
    bits: int, count: int, window: int, workers: int, settle: float, nic: bool,
    directory: str | None, floor: bool,
) -> None:  # fmt: skip
    """Time the last free address of a pool, all of a /8, beside the first.

    A /8 takes 8 GB of memory and 5 of disk. Needs root, as `compare`.
    """
    setup = Setup(
        rounds=1, seconds=0, warmup=0, clients=places(bits), window=min(window, places(bits)),
        workers=workers, mode="dora", directory=directory, nic=nic,
    )  # fmt: skip
    try:
        found = measure(bits, count, setup, settle)
    except (NetworkError, ContenderError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(render(found))
    too_slow = missed(found)
    for text in too_slow if floor else ():
        click.echo(f"MISSED {text}", err=True)
    sys.exit(1 if floor and too_slow else 0)


if __name__ == "__main__":
    come_and_go(*map(int, sys.argv[1:4]))
