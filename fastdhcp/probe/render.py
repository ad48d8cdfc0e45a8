"""A probe in words on a terminal."""

import click

from fastdhcp.probe.exchange import milliseconds
from fastdhcp.probe.report import Report, Step

_COLOURS = {"offer": "green", "ack": "green", "warning": "yellow", "nak": "red"}


def tell(step: Step, details: list[str]) -> None:
    """One step when it happens."""
    clock = click.style(f"{step.at:8.3f} s", dim=True)
    click.echo(f"{clock}  {click.style(step.text, fg=_COLOURS.get(step.step))}")
    for line in details:
        click.echo(f"{'':14}{line}")


def silent(_step: Step, _details: list[str]) -> None:
    """For --json: the steps stand in the report."""


def summary(report: Report) -> str:
    """The last lines: the lease, or where it stopped and what to do."""
    if report.stopped is not None:
        said = click.style(f"no lease: {report.stopped.text}", fg="red")
        cure = f"\n          {report.stopped.cure}" if report.stopped.cure else ""
        return f"{said} ({report.stopped.trouble}){cure}"
    assert report.lease is not None
    lease, first = report.lease, report.offers[0]
    words = f"lease: {lease.address} for {lease.lease_time} s by {lease.server}"
    figures = f"OFFER {milliseconds(first.seconds)}, ACK {milliseconds(lease.seconds)}"
    back = "given back" if report.released else "not given back"
    return click.style(f"{words} ({figures}, {back})", fg="green")
