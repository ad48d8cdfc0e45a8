"""`fastdhcp demo` on the command line."""

import sys

import click

CLIENTS_MAX = 20_000
STORM_MAX = 500_000


@click.command()
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    help="Run this long  [default: until Ctrl-C; 20 if there is no terminal]",
)
@click.option(
    "--clients",
    type=click.IntRange(1, CLIENTS_MAX),
    default=200,
    show_default=True,
    help="Number of clients; half of them are behind a relay agent.",
)
@click.option(
    "--storm",
    type=click.IntRange(0, STORM_MAX),
    default=20_000,
    show_default=True,
    help="Number of modems that come back at once after a power cut; 0 for none.",
)
def demo(seconds: float | None, clients: int, storm: int) -> None:
    """A server on real port 67 in a private network, with clients; no root needed.

    Local clients reach it by broadcast, the others through a relay agent. Without a terminal it
    runs for 20 seconds and prints a line a second. Exit code 1 if anything went wrong.
    """
    from fastdhcp.demo.run import run

    sys.exit(run(seconds, clients, storm))
