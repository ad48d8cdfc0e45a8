"""`fastdhcp bench flat`: what a known client costs among few leases and among many.

For each number of leases a server stands, with that many clients that hold one. Rounds go from one
to the next; the others' processes are stopped meanwhile, so that the machine is one server's.
"""

import contextlib
import os
import signal
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import click
import msgspec

from fastdhcp_bench.contenders import find_contender, wide
from fastdhcp_bench.memory import session_processes
from fastdhcp_bench.moments import Moment, Tally, moments_of, tally
from fastdhcp_bench.network import POOL_SIZE, RELAY_ADDRESS, SERVER_ADDRESS, NetworkError
from fastdhcp_bench.rounds import ContenderError, Stand, standing, watched
from fastdhcp_bench.run import Generator, Mode, Plan, Report
from fastdhcp_bench.setup import Setup
from fastdhcp_bench.talk import PRIME_S, SETTLE_S, Talk, settle_down, talking

GOLDEN = 0.618
"""Part of all clients between two that come one after the other."""
CLIENTS_MAX = (1 << 24) - 1
"""The generator's, but for the one that asks whether a server is ready."""
MODES: tuple[Mode, ...] = ("discover", "renew")
WARMUP_S = 1.0
TRIES = 3
MILLION = 1_000_000
MOST, MOST_BEYOND = 1.10, 1.15
"""CPU of an exchange with up to a million leases, and with more, as a multiple of that with the
fewest: the most that is promised."""


class Turn(msgspec.Struct, frozen=True):
    """What a generator is to do: exchanges of this kind for so long."""

    mode: Mode
    seconds: float


def take_turns(clients: int, window: int) -> None:
    """The generator: gives all clients their leases, then does what standard input says, a Turn a
    line, and says what came of it, a Report a line."""
    plan = Plan(
        server=SERVER_ADDRESS, relay=RELAY_ADDRESS, clients=clients, window=window, lease_time=True
    )
    with Generator(plan) as generator:
        print(generator.prime(PRIME_S), flush=True)
        # Not in the order in which they got their addresses: each comes far from the one before.
        generator.load.reorder(round(clients * GOLDEN))
        for line in sys.stdin:
            turn = msgspec.json.decode(line, type=Turn)
            generator.turn_to(turn.mode)
            generator.run(seconds=WARMUP_S + 1 - (time.monotonic() + WARMUP_S) % 1)
            generator.clear()
            generator.run(seconds=turn.seconds)
            generator.drain()
            print(msgspec.json.encode(generator.report(hashed=False)).decode(), flush=True)


@dataclass(frozen=True)
class Place:
    """A server that holds so many leases, and its clients."""

    clients: int
    stand: Stand
    generator: Talk

    def signal(self, number: signal.Signals) -> None:
        """To the server's processes."""
        for process in session_processes(self.stand.server.pid):
            os.kill(int(process.name), number)

    def measure(self, turn: Turn) -> tuple[Tally, Report]:
        """A round, with the others stopped; again, if none of its seconds was seen whole.

        Raises ContenderError if that does not help, or somebody died.
        """
        self.signal(signal.SIGCONT)
        for _ in range(TRIES):
            moments, report = self._take(turn)
            if moments:
                self.signal(signal.SIGSTOP)
                return tally(moments), report
        raise ContenderError("no whole second seen; give --seconds 2 or more")

    def _take(self, turn: Turn) -> tuple[list[Moment], Report]:
        process = self.generator.process.pid
        with watched(self.stand.network, self.stand.server.pid, process) as watch:
            self.generator.say(msgspec.json.encode(turn).decode())
            report = msgspec.json.decode(self.generator.hear(), type=Report)
        self.stand.end()
        return moments_of(report.by_second, watch), report


@contextlib.contextmanager
def placed(clients: int, setup: Setup) -> Iterator[Place]:
    """A server with the leases of so many clients. Raises as ``standing``, ContenderError."""
    contender = find_contender("durable") if clients <= POOL_SIZE else wide()
    asked = str(clients), str(min(setup.window, clients))
    with (
        standing(contender, setup) as stand,
        talking(stand, "fastdhcp_bench.flat", *asked) as generator,
    ):
        place = Place(clients, stand, generator)
        bound = int(generator.hear())
        if bound < clients:
            raise ContenderError(f"only {bound} of {clients} clients got a lease")
        try:
            yield place
        finally:
            place.signal(signal.SIGCONT)  # or it would not hear that it is to stop


class Line(msgspec.Struct, kw_only=True):
    """Medians over the rounds; ratios are to the first number of leases in the same round."""

    mode: str
    leases: int
    rate: float
    rate_ratio: float
    cpu_us: float
    server_us: float
    cpu_ratio: float
    cpu_ratio_range: tuple[float, float]
    errors: dict[str, int]


Rounds = dict[tuple[str, int], list[tuple[Tally, Report]]]


def measure(sizes: list[int], setup: Setup, settle: float) -> Rounds:
    """All rounds, interleaved; kind after kind. Raises as ``placed``."""
    rounds: Rounds = {}
    with contextlib.ExitStack() as stack:
        places = [stack.enter_context(placed(size, setup)) for size in sizes]
        click.echo("all have their leases; waiting for the checkpoints", err=True)
        settle_down([place.stand for place in places], settle)
        for place in places:
            place.signal(signal.SIGSTOP)
        for mode in MODES:
            for number in range(setup.rounds):
                for place in places:
                    found = place.measure(Turn(mode, setup.seconds))
                    rounds.setdefault((mode, place.clients), []).append(found)
                    click.echo(
                        f"round {number + 1}: {mode:<9}{place.clients:>9} leases"
                        f"{found[0].rate:>10.0f}/s {found[0].cpu_us:>6.2f} us/exchange",
                        err=True,
                    )
    return rounds


def lines_of(rounds: Rounds) -> list[Line]:
    lines = []
    first = min(leases for _, leases in rounds)
    for (mode, leases), found in rounds.items():
        base = rounds[mode, first]
        pairs = [(t, b) for (t, _), (b, _) in zip(found, base, strict=True)]
        cpu = [t.cpu_us / b.cpu_us for t, b in pairs]
        errors: dict[str, int] = {}
        for _, report in found:
            errors |= report.errors
        lines.append(
            Line(
                mode=mode,
                leases=leases,
                rate=statistics.median(t.rate for t, _ in found),
                rate_ratio=statistics.median(t.rate / b.rate for t, b in pairs),
                cpu_us=statistics.median(t.cpu_us for t, _ in found),
                server_us=statistics.median(t.server_us for t, _ in found),
                cpu_ratio=statistics.median(cpu),
                cpu_ratio_range=(min(cpu), max(cpu)),
                errors=errors,
            )
        )
    return lines


def render(lines: list[Line]) -> str:
    rows = ["mode         leases    rate/s   ratio  CPU us  processes   ratio (min..max)"]
    for line in lines:
        low, high = line.cpu_ratio_range
        rows.append(
            f"{line.mode:<9}{line.leases:>10}{line.rate:>10.0f}{line.rate_ratio:>8.2f}"
            f"{line.cpu_us:>8.2f}{line.server_us:>11.2f}{line.cpu_ratio:>8.2f}"
            f" ({low:.2f}..{high:.2f})"
        )
        rows += [f"  ERROR {name}: {count}" for name, count in line.errors.items()]
    return "\n".join(rows)


def missed(lines: list[Line]) -> list[str]:
    """What is over the promise, or was answered wrongly, in words."""
    found = []
    for line in lines:
        most = MOST if line.leases <= MILLION else MOST_BEYOND
        if line.cpu_ratio > most:
            found.append(
                f"{line.mode} among {line.leases} leases: {line.cpu_ratio:.2f} of the CPU, at most "
                f"{most:.2f}"
            )
        found += [f"{line.mode} among {line.leases} leases: {name}" for name in line.errors]
    return found


@click.command("flat")
@click.argument("leases", nargs=-1, type=click.IntRange(1, CLIENTS_MAX))
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=2.0, show_default=True, help="Seconds measured in each round.")
@click.option("--window", default=512, show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--settle", default=SETTLE_S, show_default=True, help="Seconds before the rounds.")
@click.option("--nic", is_flag=True, help="Ends like a NIC's, as of `compare`.")
@click.option("--directory", metavar="DIR", help="Folder for the state directories.")
@click.option("--floor", is_flag=True, help="Exit 1 if a promised ratio is missed.")
def flat(
    leases: tuple[int, ...], rounds: int, seconds: float, window: int, workers: int,
    settle: float, nic: bool, directory: str | None, floor: bool,
) -> None:  # fmt: skip
    """Measure known clients among so many LEASES (default: 1000 1000000), beside the fewest.

    A server for each number, all at once: 16 million leases take 8 GB of memory and 5 of disk.
    discover: a DISCOVER of who has a lease, and its OFFER, which changes nothing. renew: renewals
    that each ask for a longer lease time, so that each is a change. Needs root, as `compare`.
    """
    sizes = sorted(leases or (1000, MILLION))
    setup = Setup(
        rounds=rounds, seconds=seconds, warmup=WARMUP_S, clients=max(sizes), window=window,
        workers=workers, mode="dora", directory=directory, nic=nic,
    )  # fmt: skip
    try:
        lines = lines_of(measure(sizes, setup, settle))
    except (NetworkError, ContenderError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(render(lines))
    found = missed(lines)
    for text in found if floor else ():
        click.echo(f"MISSED {text}", err=True)
    sys.exit(1 if floor and found else 0)


if __name__ == "__main__":
    take_turns(int(sys.argv[1]), int(sys.argv[2]))
