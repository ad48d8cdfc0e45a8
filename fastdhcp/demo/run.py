"""The demo from its first namespace to its summary."""

import contextlib
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from fastdhcp.demo import namespaces
from fastdhcp.demo.crowd import Crowd
from fastdhcp.demo.network import Network
from fastdhcp.demo.pools import PoolWatch
from fastdhcp.demo.relay import RelayAgent
from fastdhcp.demo.server import Server, ServerFailed, configuration
from fastdhcp.demo.storm import Storm, available
from fastdhcp.demo.tally import Tally
from fastdhcp.demo.view import LineView, LiveView, View, summary

HTTP_PORT = 8067
FOLDER = "fastdhcp-demo"
ARRIVAL_S = 5.0
BACKLOG = 128


class Demo:
    """Network, server, relay agent and clients; everything is undone by `close`."""

    def __init__(self, http: socket.socket, clients: int, storm: int) -> None:
        self.tally = Tally()
        self._selector = selectors.DefaultSelector()
        relayed = clients // 2
        local = clients - relayed
        with contextlib.ExitStack() as undo:
            folder = make_folder()
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
            network = Network()
            undo.callback(network.close)
            text = configuration(local, relayed, storm)
            self.server = Server(network.server, folder, text, http)
            undo.callback(self.server.stop)
            self.start_s = self.server.await_ready()
            self.pools = PoolWatch(self.server.socket_path)
            undo.callback(self.pools.close)
            self._relay = RelayAgent(network.relay)
            undo.callback(self._relay.close)
            ways = ((network.clients, "cli0", "link", local),
                    (network.behind, "far0", "relay agent", relayed))  # fmt: skip
            self._crowds = [Crowd(*way, self.tally) for way in ways if way[3]]
            for crowd in self._crowds:
                undo.callback(crowd.close)
            self.storm = Storm(network.district, storm)
            undo.callback(self.storm.close)
            self._undo = undo.pop_all()
        self._register()

    def close(self) -> None:
        self._selector.close()
        self._undo.close()

    def run(self, seconds: float | None, view: View, ended: Callable[[], bool]) -> float:
        """Until the time is up or `ended`; the seconds that it took. Raises ServerFailed."""
        start = shown = time.monotonic()
        within = ARRIVAL_S if seconds is None else min(ARRIVAL_S, seconds / 4)
        storm_at = start + 2 * within
        for crowd in self._crowds:
            crowd.arrive(within)
        while not ended() and (seconds is None or time.monotonic() < start + seconds):
            self._turn(shown + view.every)
            now = time.monotonic()
            if now >= shown + view.every:
                shown = now
                if now > storm_at:
                    storm_at = float("inf")
                    self.storm.begin()
                self.storm.follow()
                view.show(self.tally, self.pools.pools, now - start, self.storm.said)
                if self.server.died():
                    raise ServerFailed(self.server.tail(20))
        return time.monotonic() - start

    def _turn(self, until: float) -> None:
        """Packets that came, then timers that are due."""
        due = min(until, *(crowd.next_due() for crowd in self._crowds))
        for key, _ in self._selector.select(max(due - time.monotonic(), 0)):
            key.data()
        for crowd in self._crowds:
            crowd.run_timers()

    def _register(self) -> None:
        heard: list[tuple[socket.socket, Callable[[], None]]] = [
            (self._relay.down, self._relay.from_clients),
            (self._relay.up, self._relay.from_server),
        ]
        for crowd in self._crowds:
            heard += [(crowd.answers, crowd.hear), (crowd.arp, crowd.answer_arp)]
        for sock, act in heard:
            self._selector.register(sock, selectors.EVENT_READ, act)


def run(seconds: float | None, clients: int, storm: int) -> int:
    """The exit code. Raises ClickException if the system or the server does not play along."""
    terminal = sys.stdout.isatty()
    if seconds is None and not terminal:
        seconds = 20.0
    # Opened before the namespace: so a browser of this host reaches it.
    with open_http() as http, _stopped() as ended:
        url = "http://{}:{}/".format(*http.getsockname())
        try:
            namespaces.enter()
            demo = Demo(http, clients, storm if available() else 0)
        except namespaces.NoNamespaces as error:
            raise click.ClickException(str(error)) from error
        except (ServerFailed, OSError) as error:
            raise click.ClickException(f"the demo could not start: {error}") from error
        with contextlib.closing(demo):
            return _show(demo, url, seconds, clients, ended, terminal=terminal)


def _show(
    demo: Demo,
    url: str,
    seconds: float | None,
    clients: int,
    ended: Callable[[], bool],
    *,
    terminal: bool,
) -> int:
    click.echo(f"server ready after {demo.start_s:.2f} s, its HTTP API is at {url}")
    click.echo(f"beside it: fastdhcp status --socket {demo.server.socket_path}")
    click.echo(f"{clients} clients, half of them behind a relay agent; all in a private network")
    view: View = LiveView(url) if terminal else LineView()
    try:
        elapsed = demo.run(seconds, view, ended)
    except ServerFailed as error:
        raise click.ClickException(f"the server ended:\n{error}") from error
    finally:
        view.close()
    demo.storm.give_up()
    click.echo(summary(demo.tally, elapsed))
    if demo.storm.said:
        click.echo(demo.storm.said)
    counts, outcome = demo.tally.counts, demo.storm.outcome
    wrong = not counts["dora"] or counts["doubled"] or (outcome is not None and outcome.wrong)
    return 1 if wrong else 0


def make_folder() -> Path:
    """A folder that carries our pid; those of demos that were killed are removed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}-*"):
        pid = folder.name.removeprefix(f"{FOLDER}-").partition("-")[0]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{FOLDER}-{os.getpid()}-"))


def open_http() -> socket.socket:
    """A listening socket on this host: port 8067, or another if that is taken."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", HTTP_PORT))
    except OSError:
        sock.bind(("127.0.0.1", 0))
    sock.listen(BACKLOG)
    return sock


@contextlib.contextmanager
def _stopped() -> Iterator[Callable[[], bool]]:
    """Whether INT or TERM came: the demo then ends with its summary."""
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
