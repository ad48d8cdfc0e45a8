"""`fastdhcp status`, `pools`, `trace` and `reload`: one question to a running server each."""

import json
import sys
from datetime import datetime
from typing import Any

import click

from fastdhcp.cli import render
from fastdhcp.cli.client import RELOAD_S, Client, as_json, reaches_server, wide

POOLS_SPARE = ("offered", "pending", "grace", "size")
POOLS_RARE = ("offered", "declined", "pending", "grace")
"""Columns that go if nothing but 0 stands there."""
TRACE_SPARE = ("xid", "worker", "ms", "iface", "giaddr")
"""What goes first if there is no room."""
DROPPED_MAX = 5
"""Reasons that `status` names."""


@click.command()
@as_json
@reaches_server
def status(client: Client, as_json: bool) -> None:
    """Show the state of a running server: processes, alarms, warnings, interfaces."""
    found = client.get("/v1/status")
    click.echo(json.dumps(found) if as_json else _status_text(found))


def _status_text(found: dict[str, Any]) -> str:
    parts = [
        f"fastdhcp {found['version']}, pid {found['pid']}, up {render.age(found['started'])}",
        f"serving {found['listen']}, configuration {found['config']}, "
        f"generation {found['generation']}",
        f"{_count(found['leases'], 'active lease')}, {found['addresses']:,} addresses in the pools "
        f"of {_count(found['subnets'], 'subnet')}",
        f"store {found['store']}, durability {found['durability']}{_risk(found)}; "
        f"{_count(found['kernel-drops'], 'packet')} dropped by the kernel",
        *_dropped(found["dropped"]),
        "",
    ]
    for alarm in found["alarms"]:
        parts.append(click.style(_alarm(alarm), "red"))
        parts.append(f"  means: {alarm['meaning']}")
        parts.append(f"  cure: {alarm['cure']}")
    parts += [click.style(f"warning: {text}", "yellow") for text in found["warnings"]]
    if not found["alarms"]:
        parts.append("no alarms")
    processes = [
        (_name(p), str(p["pid"]), p["state"], render.age(p["since"]), p["restarts"])
        for p in found["processes"]
    ]
    heads = ("process", "pid", "state", "for", "restarts")
    parts += ["", render.table(heads, processes), ""]
    interfaces = [
        (i["name"], _link(i), " ".join(i["addresses"]))
        for i in found["interfaces"]
    ]
    parts.append(render.table(("interface", "link", "addresses"), interfaces))
    return "\n".join(parts)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _risk(found: dict[str, Any]) -> str:
    if found["durability"] == "commit":
        return ""
    return " (a power cut takes back the leases of the last two syncs, and of 20 ms)"


def _dropped(dropped: dict[str, int]) -> list[str]:
    """A line, if packets drew no reply; the most frequent reasons."""
    told = sorted(dropped.items(), key=lambda row: -row[1])
    named = ", ".join(f"{reason} {number:,}" for reason, number in told[:DROPPED_MAX])
    more = ", ..." if len(told) > DROPPED_MAX else ""
    return [f"without a reply since the start: {named}{more}"] if told else []


def _alarm(alarm: dict[str, Any]) -> str:
    about = f" ({alarm['subject']})" if alarm["subject"] else ""
    since = render.instant(alarm["since"])
    return f"ALARM {alarm['name']}{about} since {since}: {alarm['text']}"


def _link(interface: dict[str, Any]) -> str:
    if not interface["up"]:
        return "down"
    return "up" if interface["carrier"] else "no carrier"


def _name(process: dict[str, Any]) -> str:
    """As the log and the alarms have it."""
    role = str(process["role"])
    return f"{role}-{process['index']}" if role == "worker" else role


@click.command()
@click.option("--vrf", metavar="NAME|ID", help="Only pools of this VRF; 0 is the default.")
@wide
@as_json
@reaches_server
def pools(client: Client, vrf: str | None, wide: bool, as_json: bool) -> None:
    """Show how full each pool is, by state of its addresses."""
    found = client.get("/v1/pools", vrf=vrf)["pools"]
    if as_json:
        for pool in found:
            click.echo(json.dumps(pool))
        return
    keys = ("size", "free", "active", "pending", "grace", "offered", "declined")
    hidden = {key for key in POOLS_RARE if not wide and not any(pool[key] for pool in found)}
    rows = [
        (
            render.vrf_of(pool), pool["subnet"], pool["pool"],
            *(None if key in hidden else pool[key] for key in keys), _used(pool),
        )
        for pool in found
    ]  # fmt: skip
    heads = ("vrf", "subnet", "pool", *keys, "used")
    render.echo_table(heads, rows, spare=POOLS_SPARE, wide=wide)


def _used(pool: dict[str, Any]) -> str:
    return f"{1 - pool['free'] / pool['size']:.0%}" if pool["size"] else "-"


@click.command()
@click.option("--limit", default=40, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--hw-address", metavar="MAC", help="Only packets of this client.")
@click.option("--vrf", metavar="NAME|ID", help="Only packets of this VRF; 0 is the default.")
@wide
@as_json
@reaches_server
def trace(
    client: Client,
    limit: int,
    hw_address: str | None,
    vrf: str | None,
    wide: bool,
    as_json: bool,
) -> None:
    """Show the last packets and what was decided about each, newest last."""
    found = client.get("/v1/trace", limit=limit, hw_address=hw_address, vrf=vrf)["decisions"]
    if as_json:
        for decision in found:
            click.echo(json.dumps(decision))
        return
    here, zone = render.zone()
    today = datetime.now(here).date()
    is_today = all(datetime.fromtimestamp(d["time"], here).date() == today for d in found)
    form = "%H:%M:%S.%f" if is_today else "%Y-%m-%d %H:%M:%S.%f"
    rows = [
        (
            datetime.fromtimestamp(d["time"], here).strftime(form)[:-3],
            d["worker"],
            d["message"],
            _answer(d),
            None if d["answer-us"] is None else round(d["answer-us"] / 1000, 1),
            d["hw-address"],
            render.vrf_of(d),
            d["address"],
            d["interface"],
            _relay(d),
            d["xid"],
        )
        for d in found
    ]
    head = f"time ({zone})"
    heads = (
        head, "worker", "message", "answer", "ms", "hw-address", "vrf", "address", "iface",
        "giaddr", "xid",
    )  # fmt: skip
    render.echo_table(heads, rows, spare=TRACE_SPARE, cut=("hw-address",), wide=wide)
    if len(found) == limit:
        shown = "packet is" if limit == 1 else f"{limit:,} packets are"
        text = f"only the last {shown} shown: --limit N shows more"
        click.echo(text, err=True)


def _relay(decision: dict[str, Any]) -> str | None:
    """The relay agent, with its name if it has one: `10.88.0.1 cmts-1`; None: there was none."""
    giaddr, name = decision["giaddr"], decision["relay"]
    if giaddr == "0.0.0.0":
        return None
    return f"{giaddr} {name}" if name else str(giaddr)


def _answer(decision: dict[str, Any]) -> str:
    """What was sent, or why nothing was: `ack`, `ack held`, `no-subnet`, `done`."""
    outcome = str(decision["outcome"])
    if outcome in ("decided", "held"):
        return f"{decision['reply']} {outcome}"
    return str(decision["reply"] if outcome == "sent" else decision["reason"] or outcome)


@click.command()
@as_json
@reaches_server
def reload(client: Client, as_json: bool) -> None:
    """Make the server read its configuration again.

    If the configuration is invalid, the old one stays in force and the exit code is 1.
    """
    found = client.post("/v1/reload", {}, RELOAD_S)
    if as_json:
        click.echo(json.dumps(found))
    else:
        click.echo(found["text"])
    sys.exit(0 if found["taken"] else 1)
