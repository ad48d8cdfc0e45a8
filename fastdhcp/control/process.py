"""The control process: answers over HTTP on the unix socket and on TCP, and changes nothing itself.

It reads shared memory and the store on disk; what changes a lease goes to the store, what changes
the policy to the supervisor. Its death costs nobody a lease, nor a packet.
"""

import asyncio
import contextlib
import itertools
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from fastdhcp._explain import Explainer
from fastdhcp._leases import Role
from fastdhcp._memory import Memory
from fastdhcp.channel import Channel, close_all
from fastdhcp.control.catalog import Catalog
from fastdhcp.control.commands import Context
from fastdhcp.control.errors import CommandError, Kind
from fastdhcp.control.explain import Explaining
from fastdhcp.control.http import make_app
from fastdhcp.control.journal import Journal
from fastdhcp.control.listener import Listener
from fastdhcp.control.messages import ReloadResponse
from fastdhcp.control.store_link import StoreLink
from fastdhcp.control.table import Table
from fastdhcp.log import capture_logging, log

BEAT_S = 1.5
"""Longest time between two beats. A status comes each second, and one wake-up does for both."""
RELOAD_S = 400.0
"""The supervisor tries three times if the store dies of it, and each time gives the configuration a
minute to be read, and the store another one to put a million leases into the index anew."""
NOT_SEGMENTS = ("image", "reservations", "unix", "tcp", "store")


def main(channel: Channel, index: int) -> int:
    """Runs until the supervisor says stop, or is gone. Returns the exit code."""
    capture_logging()
    received = channel.receive()
    while received is not None and received[0]["type"] not in ("start", "stop"):
        close_all(received[1].values())
        received = channel.receive()
    if received is None or received[0]["type"] == "stop":
        return 0
    return asyncio.run(_run(channel, *received))


async def _run(channel: Channel, message: dict[str, object], fds: dict[str, int]) -> int:
    control = Control(channel, cast(dict[str, Any], message["config"]), fds)
    try:
        await control.run()
    finally:
        control.close()
    return 0


class Control:
    """From the supervisor's first message to its last."""

    def __init__(self, channel: Channel, facts: Mapping[str, Any], fds: dict[str, int]) -> None:
        self._channel = channel
        channel.setblocking(False)
        segments = {name: fd for name, fd in fds.items() if name not in NOT_SEGMENTS}
        self._memory = Memory(segments, facts["workers"] + Role.ROLE_CONTROL)
        log.count_in(self._memory)
        explaining = Explaining(Explainer(self._memory, segments["hints"]), self._memory)
        close_all(segments.values())
        self._context = Context(
            table=Table(self._memory),
            store=StoreLink(socket.socket(fileno=fds["store"])),
            journal=Journal(Path(facts["state_directory"])),
            explaining=explaining,
            reload=self._reload,
            facts=facts,
        )
        self._take_image(fds)
        self._told = asyncio.Event()
        self._reloads = itertools.count(1)
        self._reloading: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listeners = [Listener(make_app(self._context, may_change=True), _unix(fds["unix"]))]
        if "tcp" in fds:
            app = make_app(self._context, may_change=False)
            self._listeners.append(Listener(app, _tcp(fds["tcp"])))

    async def run(self) -> None:
        """Until it is told to stop."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._channel.fileno(), self._readable)
        beats = loop.create_task(self._beat())
        try:
            await asyncio.gather(*(one.run_until_stopped() for one in self._listeners))
        finally:
            beats.cancel()
            loop.remove_reader(self._channel.fileno())

    def close(self) -> None:
        self._context.store.close()

    async def _beat(self) -> None:
        log.info("control-ready", pid=os.getpid())
        while True:
            self._memory.beat()
            log.catch_up()
            self._told.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), BEAT_S)

    # ---- what the supervisor says

    def _readable(self) -> None:
        while True:
            try:
                received = self._channel.receive()
            except BlockingIOError:
                return
            if received is None:
                self._stop()
                return
            message, fds = received
            self._dispatch(message, fds)

    def _dispatch(self, message: dict[str, Any], fds: dict[str, int]) -> None:
        kind = message["type"]
        if kind == "image":
            self._context.facts = message["config"]
            self._take_image(fds)
            return
        close_all(fds.values())
        if kind == "status":
            self._context.status = message
            self._told.set()
        elif kind == "reloaded":
            asked = self._reloading.get(message["number"])
            if asked is not None and not asked.done():
                asked.set_result(message)
        elif kind == "stop":
            self._stop()

    def _take_image(self, fds: Mapping[str, int]) -> None:
        image, reservations = fds["image"], fds["reservations"]
        try:
            facts = self._context.facts
            names, compile_s = facts.get("identifiers", ()), facts.get("compile_s", 0.0)
            catalog = Catalog.read(image, reservations, names, compile_s)
            self._memory.set_image(image, reservations)
            self._context.table.set_catalog(catalog)
        finally:
            close_all([image, reservations])

    def _stop(self) -> None:
        for listener in self._listeners:
            listener.stop()

    # ---- what it is asked

    async def _reload(self) -> ReloadResponse:
        """Asks the supervisor, and waits for its word on this very reload. Raises CommandError."""
        number = next(self._reloads)
        asked = self._reloading[number] = asyncio.get_running_loop().create_future()
        try:
            self._channel.send({"type": "reload", "number": number})
            message = await asyncio.wait_for(asked, RELOAD_S)
        except TimeoutError:
            text = f"the supervisor did not answer within {RELOAD_S:g} s; see its log"
            raise CommandError(Kind.NO_ANSWER, text) from None
        except OSError as error:
            text = f"the supervisor cannot be reached: {error.strerror}"
            raise CommandError(Kind.BUSY, text) from error
        finally:
            del self._reloading[number]
        return ReloadResponse(
            taken=message["taken"], generation=message["generation"], text=message["text"]
        )


def _unix(fd: int) -> list[socket.socket]:
    return [socket.socket(fileno=fd)]


def _tcp(fd: int) -> list[socket.socket]:
    """With its protocol named: without it asyncio leaves Nagle's algorithm on for what it accepts,
    and an answer waits for the client's delayed acknowledgement."""
    found = socket.socket(fileno=fd)
    kind, family = found.type, found.family
    return [socket.socket(family, kind, socket.IPPROTO_TCP, fileno=found.detach())]
