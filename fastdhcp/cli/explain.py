"""`fastdhcp explain`: why a client gets what it gets."""

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from fastdhcp.cli import render
from fastdhcp.cli.capture import Captured, CaptureError, messages
from fastdhcp.cli.client import Client, as_json, reaches_server, wide
from fastdhcp.words import printable

CAPTURED_MAX = 1000
TYPES = (
    "discover", "request", "reboot", "renew", "rebind", "decline", "release", "inform", "bootp",
)  # fmt: skip
_CLIENT = (
    "hw_address", "client_id", "circuit_id", "remote_id", "subscriber_id", "vendor_class",
    "user_class", "hostname", "options", "parameters", "address", "link",
)  # fmt: skip
"""What describes a client, and has no place beside a whole message."""
Found = Mapping[str, Any]


@click.command()
@click.option("--hw-address", metavar="MAC", help="A client with this hardware address.")
@click.option("--client-id", metavar="ID", help="Its option 61, as text or hex:...")
@click.option("--circuit-id", metavar="ID", help="Sub-option 1 of its relay agent's option 82.")
@click.option("--remote-id", metavar="ID", help="Sub-option 2.")
@click.option("--subscriber-id", metavar="ID", help="Sub-option 6.")
@click.option("--vendor-class", metavar="TEXT", help="Its option 60.")
@click.option("--user-class", metavar="TEXT", help="Its option 77.")
@click.option("--hostname", metavar="NAME", help="Its option 12.")
@click.option(
    "--option", "options", multiple=True, metavar="CODE=VALUE",
    help="Any other option, as text or hex:...; may be repeated.",
)  # fmt: skip
@click.option("--parameters", metavar="CODES", help="Its option 55, as in 1,3,6.")
@click.option("--address", metavar="ADDR", help="The address that it asks for, or has.")
@click.option(
    "--type", "kind", type=click.Choice(TYPES), default="discover", show_default=True,
    help="The message.",
)  # fmt: skip
@click.option("--relay", metavar="GIADDR", help="It comes by this relay agent.")
@click.option(
    "--link", metavar="ADDR", help="The relay agent selects the link of this address (82.5)."
)
@click.option("--interface", metavar="IF", help="It comes by this interface of the server.")
@click.option("--packet", metavar="HEX", help="A whole message, in hex.")
@click.option(
    "--capture", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="The messages of a capture (pcap, pcapng).",
)  # fmt: skip
@click.option("--last", metavar="MAC", help="What the last message of this client drew.")
@click.option(
    "--vrf", metavar="NAME|ID",
    help="With --last: in this VRF; 0 is the default. Else it follows from how the message comes.",
)  # fmt: skip
@wide
@as_json
@reaches_server
def explain(client: Client, wide: bool, as_json: bool, **said: Any) -> None:
    """Explain what the server answers to a client, and why. Nothing is changed by it.

    Name a client (--hw-address and so on), a whole message (--packet), a capture (--capture), or
    ask what the last message of a client drew (--last).

    The policy in force answers. -c FILE only says which server is asked: what was edited in FILE
    since the last reload does not count.
    """
    fields = _fields(said)
    if said["capture"] is not None:
        _explain_capture(client, said["capture"], fields, wide, as_json)
        return
    _echo(client.post("/v1/explain", fields), wide, as_json)


def _fields(said: Found) -> dict[str, Any]:
    """The request, with what was given alone. Raises UsageError."""
    given = {name: value for name, value in said.items() if value not in (None, ())}
    whole = [name for name in ("packet", "capture", "last") if name in given]
    beside = [name for name in _CLIENT if name in given]
    if len(whole) > 1 or (whole and beside):
        first, second = (whole + beside)[:2]
        raise click.UsageError(f"{_flag(first)} and {_flag(second)} do not go together")
    if not whole and not beside:
        raise click.UsageError("name a client, as in --hw-address 02:ee:00:00:00:01; see --help")
    kind = given.pop("kind")
    given.pop("capture", None)
    if "last" in given:
        return {name: given[name] for name in ("last", "vrf") if name in given}
    if "vrf" in given:
        text = "its VRF follows from how a message comes: --relay, --interface, or option 82"
        raise click.UsageError(f"--vrf goes with --last alone: {text}")
    if not whole:
        given["type"] = kind
    if "options" in given:
        given["options"] = dict(map(_option, given["options"]))
    if "parameters" in given:
        given["parameters"] = _codes(given["parameters"])
    return {name.replace("_", "-"): value for name, value in given.items()}


def _flag(name: str) -> str:
    return "--option" if name == "options" else "--" + name.replace("_", "-")


def _option(text: str) -> tuple[str, str]:
    code, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--option {text}: write CODE=VALUE, as in 60=PXEClient")
    return code, value


def _codes(text: str) -> list[int]:
    try:
        return [int(code) for code in text.split(",")]
    except ValueError as error:
        raise click.UsageError("--parameters: write codes of options, as in 1,3,6") from error


# ---- captures


def _explain_capture(
    client: Client, path: Path, fields: Found, wide: bool, as_json: bool
) -> None:
    """Each message to a server, in turn; what cannot be read ends it with words."""
    own = {interface["name"] for interface in client.get("/v1/status")["interfaces"]}
    count = refused = 0
    try:
        for found in itertools.islice(messages(path), CAPTURED_MAX):
            count += 1
            interface = found.interface if found.interface in own else None
            said = {"interface": interface, **fields}
            refused += not _explain_captured(client, found, said, wide, as_json)
    except CaptureError as error:
        raise click.ClickException(f"{printable(str(path))}: {error}") from error
    if count == 0:
        raise click.ClickException(f"{printable(str(path))}: holds no message to a DHCP server")
    if count == CAPTURED_MAX:
        click.echo(f"only the first {CAPTURED_MAX:,} messages are explained", err=True)
    if refused:
        raise click.ClickException(f"{refused:,} of {count:,} messages could not be explained")


def _explain_captured(
    client: Client, found: Captured, fields: Found, wide: bool, as_json: bool
) -> bool:
    """False: the server could not say, and its words are told."""
    if not as_json:
        click.echo(click.style(f"packet {found.number}", bold=True))
    if found.cut:
        text = f"packet {found.number}: {found.cut} octets of it were not captured"
        click.echo(f"{text}; let tcpdump write whole packets (-s 0)", err=True)
    asked = {"packet": found.message.hex(), "source-port": found.source_port or None}
    asked |= {"source": found.source, "destination": found.destination, **fields}
    asked = {name: value for name, value in asked.items() if value is not None}
    try:
        answer = client.post("/v1/explain", asked)
    except click.ClickException as error:
        click.echo(f"packet {found.number}: {error.message}", err=True)
        return False
    if as_json:
        answer = {"packet": found.number, **answer}
    _echo(answer, wide, as_json)
    if not as_json:
        click.echo()
    return True


# ---- in words


def _echo(found: Found, wide: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo("\n".join(_lines(found)))
    if found["options"]:
        rows = [
            (option["code"], option["name"], _value(option["value"]), option["layer"])
            for option in found["options"]
        ]
        click.echo()
        heads = ("option", "name", "value", "given by")
        render.echo_table(heads, rows, cut=("value",), wide=wide)
    if found["not-sent"]:
        missing = [(option["code"], option["name"], option["why"]) for option in found["not-sent"]]
        click.echo()
        render.echo_table(("not sent", "name", "why"), missing, cut=("why",), wide=wide)


def _lines(found: Found) -> Iterator[str]:
    yield render.fields([pair for pair in _pairs(found) if pair[1] is not None])
    for one in found["classes"]:
        yield f"class {one['name']}: {'matches' if one['matches'] else 'does not match'}"
        for part in one["parts"]:
            value = part["value"] if part["truth"] is None else str(part["truth"]).lower()
            yield f"  {part['text']}  ->  {'absent' if value is None else value}"


def _pairs(found: Found) -> Iterator[tuple[str, str | None]]:
    yield "message", f"{found['message'].upper()}{_whose(found)}"
    link = found["link"]
    if link is not None:
        vrf = f"VRF {link['vrf-name'] or link['vrf']}, " if link["vrf"] else ""
        network = f"{link['network']}, " if link["network"] != link["subnet"] else ""
        yield "link", f"{vrf}{network}{link['subnet'] or 'no subnet of its own'}"
        yield "found by", link["found-by"]
    for note in found["notes"]:
        yield "note", note
    if found["decision"] is None or found["reservation"]:
        yield "reservation", found["reservation"] or "none"
    yield "answer", _answer(found)
    yield "why", found["why"]
    yield "pool", found["pool"]
    yield "lease", _lease(found)
    yield "T1", _time(found, "renewal-time")
    yield "T2", _time(found, "rebinding-time")
    yield "server", found["server-id"]
    for name in ("next-server", "server-name", "boot-file"):
        yield name, _given(found, name, found[name])
    decision = found["decision"]
    if decision is not None:
        yield "time", render.instant(decision["time"])
        yield "outcome", decision["outcome"]
        yield "policy", f"generation {found['generation']}"


def _whose(found: Found) -> str:
    who = found["hw-address"] or found["client-id"]
    way = found["relay"] and f"relay agent {found['relay']}"
    way = way or (found["interface"] and f"interface {found['interface']}")
    return (f" of {who}" if who else "") + (f" by {way}" if way else "")


def _answer(found: Found) -> str:
    decision = found["decision"]
    if decision is not None and decision["outcome"] == "send-failed":
        return f"none (send-failed), {found['reply']} {found['address'] or ''}".rstrip()
    if found["reply"] is None:
        return f"none ({found['reason']})" if found["reason"] else "none is due"
    return f"{found['reply'].upper()} {found['address'] or ''}".rstrip()


def _lease(found: Found) -> str | None:
    if found["infinite"]:
        return _given(found, "lease-time", "without end")
    return _time(found, "lease-time")


def _time(found: Found, key: str) -> str | None:
    return None if found[key] is None else _given(found, key, render.duration(found[key]))


def _given(found: Found, key: str, text: str | None) -> str | None:
    """With who gave it."""
    by = found["given-by"].get(key)
    return f"{text}, by {by}" if text and by else text


def _value(value: Any) -> str:
    """As the configuration has it, in one line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
