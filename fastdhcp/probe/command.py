"""`fastdhcp probe` on the command line."""

import contextlib
import ipaddress
import sys

import click
import msgspec

from fastdhcp.options import OptionError, hex_bytes
from fastdhcp.probe import render
from fastdhcp.probe.exchange import Patience
from fastdhcp.probe.messages import Client, random_hw_address
from fastdhcp.probe.run import probe_link, probe_relay

CIRCUIT_ID = 1  # sub-option of 82
IDENTIFIER_SIZE_MAX = 253  # one sub-option that fills an option of its own


class Address(click.ParamType[str]):
    """Four numbers with dots."""

    name = "address"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(ipaddress.IPv4Address(value))
        except ValueError:
            return self.fail(f"{value} is not an address as in 10.0.0.1", param, ctx)


class HwAddress(click.ParamType[bytes]):
    """Six octets, or `own`."""

    name = "mac"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        if value == "own":
            return b""
        with contextlib.suppress(ValueError):
            octets = bytes.fromhex(value.replace(":", "").replace("-", ""))
            if len(octets) == 6 and not octets[0] & 1:
                return octets
        return self.fail(f"{value} is not a station's address as in 02:00:00:00:00:01", param, ctx)


@click.command()
@click.option("-i", "--interface", metavar="IF", help="Probe as a client on this link.")
@click.option("--relay", type=Address(), metavar="ADDR", help="Probe as the relay agent ADDR.")
@click.option(
    "--server",
    type=Address(),
    metavar="ADDR",
    help="With --relay: send there, not by broadcast. With -i: take this server's offer.",
)
@click.option(
    "--hw-address", type=HwAddress(), metavar="MAC", help="chaddr; 'own' is the interface's."
)
@click.option("--client-id", metavar="TEXT", help="Option 61; hex:... for octets.")
@click.option("--circuit-id", metavar="TEXT", help="With --relay: sub-option 1 of option 82.")
@click.option("--no-broadcast", is_flag=True, help="Leave the broadcast flag clear.")
@click.option("--udp", is_flag=True, help="With -i: use port 68 even if frames are allowed.")
@click.option("--timeout", default=8.0, show_default=True, help="Seconds to wait for an answer.")
@click.option(
    "--window",
    type=float,
    help="Seconds to wait for further offers; default 1, or 0.2 where only one server is asked.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object.")
def probe(
    interface: str | None,
    relay: str | None,
    server: str | None,
    hw_address: bytes | None,
    client_id: str | None,
    circuit_id: str | None,
    no_broadcast: bool,
    udp: bool,
    timeout: float,
    window: float | None,
    as_json: bool,
) -> None:
    """Ask any DHCP server for a lease, step by step, and give it back.

    Says who offered what, how long it took, and, if no lease came (exit code 1), where it stopped.
    """
    if (interface is None) == (relay is None):
        raise click.UsageError("give either -i IF or --relay ADDR")
    if circuit_id and not relay:
        raise click.UsageError("--circuit-id goes with --relay: only relay agents add option 82")
    if hw_address == b"" and relay:
        raise click.UsageError("--hw-address own goes with -i")
    circuit = octets(circuit_id)
    client = Client(
        hw_address=hw_address or random_hw_address(),
        broadcast=not no_broadcast,
        client_id=octets(client_id),
        relay=relay or "0.0.0.0",
        relay_info=bytes((CIRCUIT_ID, len(circuit))) + circuit if circuit else b"",
    )
    if window is None:
        window = 0.2 if relay and server else 1.0
    patience = Patience(limit=timeout, window=window)
    teller = render.silent if as_json else render.tell
    if relay:
        report = probe_relay(client, relay, server, patience, teller)
    else:
        assert interface is not None
        own = hw_address == b""
        report = probe_link(client, interface, server, patience, teller, own=own, udp=udp)
    click.echo(msgspec.json.encode(report) if as_json else render.summary(report))
    sys.exit(0 if report.lease else 1)


def octets(text: str | None) -> bytes:
    """Of an identifier as the configuration writes it: text, or "hex:...". Raises UsageError."""
    if not text:
        return b""
    try:
        data = hex_bytes(text) if text.startswith("hex:") else text.encode()
    except OptionError as error:
        raise click.UsageError(str(error)) from error
    if len(data) > IDENTIFIER_SIZE_MAX:
        text = f"{len(data)} octets: an identifier has at most {IDENTIFIER_SIZE_MAX}"
        raise click.UsageError(text)
    return data
