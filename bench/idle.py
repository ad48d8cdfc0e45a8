"""`fastdhcp bench idle`: how often a server's processes wake up when nobody asks them anything.

A wake-up is a voluntary context switch of any of a process's threads: it had gone to sleep, and was
run again.
"""

import contextlib
import sys
import time
from pathlib import Path

import click

from fastdhcp_bench.contenders import find_contender
from fastdhcp_bench.memory import names_of, session_processes
from fastdhcp_bench.network import NetworkError
from fastdhcp_bench.rounds import ContenderError, finish_load, standing, start_load
from fastdhcp_bench.setup import Setup
from fastdhcp_bench.usage import group_cpu_seconds

MOST = 1.0
MOST_SUPERVISOR = 2.0
"""Wake-ups a second that are promised at most: the supervisor looks at the others' beats."""
SLACK = 1
"""Of what comes once a second the ends of the measurement may have one more between them."""
SETTLE_S = 60.0
"""A checkpoint begins up to 30 s after the last change and takes 20 s: until then it is at work."""
WINDOW = 512


def wake_ups(process: Path) -> int:
    """Of all threads since they began."""
    count = 0
    for thread in (process / "task").iterdir():
        with contextlib.suppress(OSError):  # it ended while we looked
            for line in (thread / "status").read_text().splitlines():
                name, _, value = line.partition(":")
                count += int(value) if name == "voluntary_ctxt_switches" else 0
    return count


def wake_ups_of(session: int, seconds: float) -> dict[str, int]:
    """Of each process that is there all the time, the supervisor's first; by name."""
    before = {process: wake_ups(process) for process in session_processes(session)}
    time.sleep(seconds)
    after = {process: wake_ups(process) for process in session_processes(session)}
    names = names_of([process for process in before if process in after])
    return {name: after[process] - before[process] for process, name in names.items()}


def too_many(found: dict[str, int], seconds: float) -> list[str]:
    """The processes that woke up more often than is promised."""
    return [
        name
        for name, count in found.items()
        if count > (MOST_SUPERVISOR if name == "supervisor" else MOST) * seconds + SLACK
    ]


def measure(setup: Setup, settle: float) -> dict[str, int]:
    """Gives each client a lease, waits, and counts. Raises as ``standing``."""
    with standing(find_contender("durable"), setup) as stand:
        once = ("--exchanges", str(setup.clients), "--window", str(setup.window))
        clients = ("--clients", str(setup.clients), *setup.arguments)
        finish_load(start_load(stand.network.generator, *clients, *once))
        time.sleep(settle)
        session, began = stand.server.pid, time.monotonic()
        cpu = group_cpu_seconds(session)
        found = wake_ups_of(session, setup.seconds)
        used = (group_cpu_seconds(session) - cpu) / (time.monotonic() - began)
        stand.end()
    click.echo(f"wake-ups a second, over {setup.seconds:g} s, {setup.clients} leases:")
    for name, count in found.items():
        click.echo(f"  {name:<16}{count / setup.seconds:8.2f}")
    click.echo(f"all together used {used:.2%} of a core")
    return found


@click.command("idle")
@click.option("--seconds", default=20.0, show_default=True)
@click.option("--settle", default=SETTLE_S, show_default=True, help="Seconds before it is counted.")
@click.option("--clients", default=1000, show_default=True, help="Leases that it holds.")
@click.option("--workers", default=2, show_default=True)
@click.option("--directory", metavar="DIR", help="Folder for the state directory.")
@click.option("--floor", is_flag=True, help="Exit 1 if a process wakes up too often.")
def idle(
    seconds: float, settle: float, clients: int, workers: int, directory: str | None, floor: bool
) -> None:
    """Count how often the processes of an idle server wake up.

    Promised: once a second each, the supervisor twice. Needs root, iproute2 and util-linux.
    """
    setup = Setup(
        rounds=1, seconds=seconds, warmup=0, clients=clients, window=min(WINDOW, clients),
        workers=workers, mode="dora", directory=directory,
    )  # fmt: skip
    try:
        found = measure(setup, settle)
    except (NetworkError, ContenderError) as error:
        raise click.ClickException(str(error)) from error
    missed = too_many(found, seconds)
    if floor:
        click.echo(f"MISSED by {', '.join(missed)}" if missed else "held", err=True)
    sys.exit(1 if floor and missed else 0)
