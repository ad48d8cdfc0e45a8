"""`fastdhcp bench serve`: a contender on this machine, for a generator on another.

Says each second what the machine used, so that the generator's rate can be divided into it.
"""

import os
import signal
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import click

from fastdhcp_bench.contenders import find_contender
from fastdhcp_bench.host import Host
from fastdhcp_bench.network import SUBNET
from fastdhcp_bench.running import running
from fastdhcp_bench.usage import NOBODY, Parties, Usage, Watch

LATE_S = 0.5
"""After the end of a second the watch has surely taken its figures."""


def _seconds(watch: Watch) -> Iterator[Usage]:
    for second in count(int(time.monotonic()) + 1):
        time.sleep(max(second + 1 + LATE_S - time.monotonic(), 0))
        if used := watch.during(second):
            yield used


def _leave(number: int, frame: object) -> None:
    raise SystemExit(0)


@click.command("serve")
@click.argument("contender", default="durable")
@click.option("--listen", metavar="ADDR", required=True, help="The address to be asked at.")
@click.option("--workers", default=os.cpu_count() or 1, show_default=True)
@click.option("--directory", metavar="DIR", help="Folder for the state directory.")
def serve(contender: str, listen: str, workers: int, directory: str | None) -> None:
    """Run a CONTENDER of `compare` here, for `fastdhcp bench` on another machine, until ^C.

    It gives addresses of 10.128.0.0/12 to relay agents at 10.128.0.1 and after. Prints the CPU used
    in each second, in cores: docs/BENCHMARK.md says what to do with it.
    """
    signal.signal(signal.SIGTERM, _leave)
    try:
        with running(find_contender(contender), directory, workers, listen=listen) as (server, log):
            click.echo(Host.of(log.parent))
            click.echo(f"{contender} at {listen} for {SUBNET}, {workers} workers; ^C stops it")
            with Watch(Parties(server.pid, NOBODY)) as watch:
                for used in _seconds(watch):
                    if server.poll() is not None:
                        raise click.ClickException(_last_words(log))
                    click.echo(
                        f"busy {max(used.served, 0):5.2f} cores, processes {used.server:5.2f}, "
                        f"others {used.others + used.stolen:5.2f}"
                    )
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        return


def _last_words(log: Path) -> str:
    return f"it ended:\n{log.read_text()[-2000:]}"
