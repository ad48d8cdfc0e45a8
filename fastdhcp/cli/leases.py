"""`fastdhcp leases`: list, show, release and export."""

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import click

from fastdhcp.cli import render
from fastdhcp.cli.client import Client, as_json, path_part, reaches_server, wide
from fastdhcp.cli.render import vrf_in_full, vrf_of
from fastdhcp.cli.values import ADDRESS, ADDRESS_OR_HARDWARE

SPARE, CUT = ("client-id", "class", "subnet"), ("hostname", "hw-address")
IDENTIFIERS = ("client-id", "circuit-id", "remote-id", "hw-address")
"""What goes, and what is cut, if there is no room; a row in full is `leases show`."""
LIST_LIMIT = 100
PAGE_SIZE = 1000
Lease = dict[str, Any]


@click.group(invoke_without_command=True)
@click.option(
    "--limit", type=click.IntRange(min=1), help="Show at most so many  [default: 100; --json: all]"
)
@click.option("--state", help="Only leases in this state.")
@click.option("--subnet", metavar="PREFIX", help="Only leases of this subnet.")
@click.option("--vrf", metavar="NAME|ID", help="Only leases of this VRF; 0 is the default.")
@wide
@as_json
@reaches_server
def leases(
    client: Client,
    limit: int | None,
    state: str | None,
    subnet: str | None,
    vrf: str | None,
    wide: bool,
    as_json: bool,
) -> None:
    """List leases, or show, release or export them."""
    if click.get_current_context().invoked_subcommand is not None:
        return
    wanted = {"state": state, "subnet": subnet, "vrf": vrf}
    if as_json:
        for lease in _pages(client, limit, wanted):
            click.echo(json.dumps(lease))
        return
    limit = limit or LIST_LIMIT
    found = list(_pages(client, limit + 1, wanted))
    _echo(found[:limit], wide)
    if len(found) > limit:
        shown = "lease is" if limit == 1 else f"{limit:,} leases are"
        text = f"only the first {shown} shown: --limit N shows more, `leases export` all"
        click.echo(text, err=True)


def _pages(client: Client, limit: int | None, wanted: Mapping[str, object]) -> Iterator[Lease]:
    """Leases page by page, at most `limit`."""
    after: str | None = None
    left = limit
    while left is None or left > 0:
        size = PAGE_SIZE if left is None else min(left, PAGE_SIZE)
        page = client.get("/v1/leases", after=after, limit=size, **wanted)
        yield from page["leases"]
        after = page["next"]
        if after is None:
            return
        if left is not None:
            left -= len(page["leases"])


def _echo(found: list[Lease], wide: bool) -> None:
    here, zone = render.zone()
    rows = [
        (
            vrf_of(lease),
            lease["address"],
            "pending" if lease.get("pending") else lease["state"],
            lease["hw-address"],
            lease["hostname"],
            _end(lease)
            if lease["expires"] is None
            else datetime.fromtimestamp(lease["expires"], here).strftime("%Y-%m-%d %H:%M"),
            _key(lease),
            lease["client-id"],
            lease["circuit-id"] if wide else None,
            lease["remote-id"] if wide else None,
            lease["class"],
            lease["subnet"],
        )
        for lease in found
    ]
    heads = (
        "vrf", "address", "state", "hw-address", "hostname", f"expires ({zone})", "reserved",
        "client-id", "circuit-id", "remote-id", "class", "subnet",
    )  # fmt: skip
    render.echo_table(heads, rows, spare=SPARE, cut=CUT, wide=wide)


def _key(lease: Lease) -> str | None:
    """By what an address is reserved, as `hw-address`; and whether another holds it, as far as the
    lease tells."""
    if lease["reservation"] is None:
        return None
    kind, _, owner = str(lease["reservation"]).partition("=")
    holder = lease.get(kind) if kind in IDENTIFIERS else owner
    is_others = lease["state"] == "active" and holder is not None and holder != owner
    return f"{kind} (another's)" if is_others else kind


def _state(lease: Lease) -> str:
    return f"{lease['state']}, pending" if lease.get("pending") else str(lease["state"])


def _end(lease: Lease) -> str:
    """What stands for an end that is not there."""
    return "never" if lease["state"] == "active" else "-"


@leases.command()
@click.argument("which", metavar="ADDR|MAC", type=ADDRESS_OR_HARDWARE)
@click.option("--vrf", default="0", metavar="NAME|ID", help="VRF of the address.")
@as_json
@reaches_server
def show(client: Client, which: str, vrf: str, as_json: bool) -> None:
    """Show the lease of an address, or all leases that a hardware address has or had."""
    found = client.get(f"/v1/leases/{path_part(which)}", vrf=vrf)["leases"]
    if as_json:
        for lease in found:
            click.echo(json.dumps(lease))
    else:
        click.echo("\n\n".join(map(_in_full, found)))


def _in_full(lease: Lease) -> str:
    shown = {
        **lease,
        "vrf": vrf_in_full(lease),
        "state": _state(lease),
        "starts": render.instant(lease["starts"]),
        "expires": render.instant(lease["expires"], _end(lease)),
        "version": str(lease["version"]),
    }
    shown.pop("pending", None)
    shown.pop("vrf-name", None)
    return render.fields(list(shown.items()))


@leases.command()
@click.argument("address", metavar="ADDR", type=ADDRESS)
@click.option("--vrf", default="0", metavar="NAME|ID", help="VRF of the address.")
@click.option(
    "--now",
    is_flag=True,
    help="Free the address at once, although its client was told that it may use it longer.",
)
@as_json
@reaches_server
def release(client: Client, address: str, vrf: str, now: bool, as_json: bool) -> None:
    """End a lease. Without --now its client keeps the address until its lease ends, but cannot
    renew it."""
    body = {"vrf": vrf, "now": now}
    found = client.post(f"/v1/leases/{path_part(address)}/release", body)
    words = {
        "ended": "released; the address is free for other clients",
        "pending": "cannot be renewed any more; the address is free when its lease ends",
        "free": "was not leased",
    }
    if found["result"] == "pending" and not as_json:
        path = f"/v1/leases/{path_part(found['address'])}"
        if client.get(path, vrf=vrf)["leases"][0]["expires"] is None:
            words["pending"] = "cannot be renewed any more, but its lease has no end: use --now"
    if as_json:
        click.echo(json.dumps(found))
    else:
        click.echo(f"{found['address']} {words.get(found['result'], found['result'])}")


@leases.command()
@as_json
@reaches_server
def export(client: Client, as_json: bool) -> None:
    """Export every lease as JSON, one object per line (with or without --json)."""
    out = sys.stdout.buffer
    for line in client.lines("/v1/leases/export"):
        out.write(line)
    out.flush()
