"""A probe from its first check to its report."""

from collections.abc import Callable
from dataclasses import replace

from fastdhcp.probe import diagnosis, sockets
from fastdhcp.probe.diagnosis import Link
from fastdhcp.probe.exchange import Exchange, Patience
from fastdhcp.probe.link import LinkPath
from fastdhcp.probe.messages import Client
from fastdhcp.probe.paths import ALL, CLIENT_PORT, SERVER_PORT, Path
from fastdhcp.probe.report import Report, Step
from fastdhcp.probe.trouble import Stopped, Trouble

Tell = Callable[[Step, list[str]], None]


def probe_link(
    client: Client,
    interface: str,
    server: str | None,
    patience: Patience,
    tell: Tell,
    *,
    own: bool = False,
    udp: bool = False,
) -> Report:
    """As a client on a link. `own`: with the interface's hardware address instead of client's.
    `udp`: by port 68, as is done anyway where frames are not allowed."""
    report = Report(interface, None, client.hw_address.hex(":"), f"0x{client.xid:08x}")
    try:
        link = diagnosis.find_link(interface)
        if own:
            client = replace(client, hw_address=link.hw_address)
            report.hw_address = link.hw_address.hex(":")
        path, client = _open_link(link, client, report, udp=udp)
    except Stopped as stopped:
        report.stopped = stopped.trouble
        return report
    before = link.received()
    exchange = Exchange(path, client, report, tell, patience, server)
    if isinstance(path, LinkPath) and (holders := diagnosis.port_68_holders()):
        exchange.say("port-68", f"UDP port 68 is in use by {holders}: left alone, frames need none")
    # With our own address a server may give us the lease that this host lives on.
    keep = diagnosis.own_addresses() if own else {}
    silence = lambda: diagnosis.silence_on_link(link, before, own_hw_address=own)  # noqa: E731
    return _run(exchange, path, CLIENT_PORT, silence, keep)


def probe_relay(
    client: Client, relay: str, server: str | None, patience: Patience, tell: Tell
) -> Report:
    """As the relay agent with giaddr `relay`; without `server` by broadcast on its link."""
    report = Report(None, relay, client.hw_address.hex(":"), f"0x{client.xid:08x}")
    target = server or ALL
    try:
        path = sockets.SocketPath(sockets.open_relay(relay), target, client.xid)
    except Stopped as stopped:
        report.stopped = stopped.trouble
        return report
    exchange = Exchange(path, client, report, tell, patience)

    def silence() -> Trouble:
        sees_all = path.dropped_here() is not None
        return diagnosis.silence_at_relay(relay, server, sees_all=sees_all)

    return _run(exchange, path, SERVER_PORT, silence, {})


def _open_link(link: Link, client: Client, report: Report, *, udp: bool) -> tuple[Path, Client]:
    """Raises Stopped."""
    if not udp:
        try:
            return LinkPath(link.name, client.hw_address, client.xid), client
        except PermissionError:
            text = "without CAP_NET_RAW: by a socket on port 68, with the broadcast flag"
            report.warnings.append(Trouble("no-frames", text))
        except OSError as error:
            text = f"{link.name} refuses a second hardware address: {error.strerror}"
            raise Stopped("interface-refused", text, "try --hw-address own") from error
    sock = sockets.open_client(link.name)
    # Our chaddr is not the interface's: only a broadcast reaches this socket.
    return sockets.SocketPath(sock, ALL, client.xid), replace(client, broadcast=True)


def _run(
    exchange: Exchange,
    path: Path,
    port: int,
    silence: Callable[[], Trouble],
    keep: dict[str, str],
) -> Report:
    """The exchange; a silence is looked into while the path is still open."""
    report = exchange.report
    for trouble in report.warnings:
        exchange.say("warning", str(trouble))
    try:
        exchange.run(lambda address: _may_release(exchange, address, keep))
    except Stopped as stopped:
        report.stopped = stopped.trouble
        if stopped.trouble.trouble in ("no-offer", "no-ack"):
            report.stopped = _look_into(stopped.trouble, path, report, port, silence)
    finally:
        path.close()
    return report


def _look_into(
    trouble: Trouble, path: Path, report: Report, port: int, silence: Callable[[], Trouble]
) -> Trouble:
    if dropped := path.dropped_here():
        return diagnosis.dropped_here(dropped, port)
    return trouble if report.offers else silence()


def _may_release(exchange: Exchange, address: str, keep: dict[str, str]) -> bool:
    if address not in keep:
        return True
    text = f"the lease was not given back: this host uses {address} on {keep[address]}"
    exchange.warn(Trouble("not-released", text))
    return False
