"""The policy in force: which generation all work by, and how they come to the next one.

A new generation comes of a reload (SIGHUP) or of interfaces that changed. It is compiled beside,
goes to the store first, which reindexes leases of subnets that were regrouped, then to all others,
each of which takes it between two batches. The old one goes when all have. On any error the old
one stays, and the log says why.
"""

import asyncio
import contextlib
import socket
import time

from fastdhcp._ahead import blocks_missing
from fastdhcp.channel import Message
from fastdhcp.config import ConfigError, Configuration, load, reload_refusals
from fastdhcp.config.compile import Ids
from fastdhcp.interfaces import Interface, Watch, read_interfaces
from fastdhcp.log import log
from fastdhcp.supervisor.briefing import facts, store_settings
from fastdhcp.supervisor.children import Child, ChildDied
from fastdhcp.supervisor.generation import (
    Generation,
    block_ranges,
    compile_generation,
    ids_of,
    store_names,
)
from fastdhcp.supervisor.listeners import open_tcp
from fastdhcp.supervisor.obstacles import Obstacle
from fastdhcp.supervisor.server import Server

SETTLE_S = 0.1
"""An interface that is made anew says so many times; they are taken together."""
AGAIN_S = 1.0
"""Interfaces that could not be followed are looked at again after this."""
STORE_START_S = 10.0
STORE_ANSWER_S = 60.0
"""The store may be reindexing millions of leases."""
POSTED_S = 10.0
POSTED_LOOK_S = 0.01


class Refused(Exception):
    """The running policy stays; the text says why."""


class Policy:
    """Makes generations, and is the one that puts them in force."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._numbers = 0
        self._reload_wanted = False
        self._wanted = asyncio.Event()

    async def first(self, message: Message) -> Generation:
        """The generation that the server starts with; later calls (a store that died) return the
        current one."""
        if self._server.known is None:
            config = self._server.config
            self._take(await self._compiled(config, read_interfaces(), ids_of(message)))
        return self._server.generation

    # ---- what wants a new one

    def want_reload(self) -> None:
        self._reload_wanted = True
        self._wanted.set()

    async def run(self) -> None:
        """Makes new generations as they are wanted, one after the other."""
        watch = Watch()
        loop = asyncio.get_running_loop()

        def changed() -> None:
            watch.drain()
            self._wanted.set()

        loop.add_reader(watch.fileno(), changed)
        # What changed between the first look and the subscription.
        self._wanted.set()
        try:
            while True:
                await self._wanted.wait()
                await asyncio.sleep(0 if self._reload_wanted else SETTLE_S)
                self._wanted.clear()
                await self._once()
        finally:
            loop.remove_reader(watch.fileno())
            watch.close()

    async def _once(self) -> None:
        reload_wanted, self._reload_wanted = self._reload_wanted, False
        try:
            if reload_wanted:
                await self._reload()
                self._tell_control(True, f"generation {self._server.generation.number} is in force")
            elif self._differ(read_interfaces(), self._server.generation.interfaces):
                await self._follow_interfaces()
        except (Refused, ChildDied, OSError) as error:
            text = f"{error}; generation {self._server.generation.number} stays in force"
            log.error("reload-refused" if reload_wanted else "interfaces-not-followed", text=text)
            if reload_wanted:
                self._tell_control(False, text)
            else:
                asyncio.get_running_loop().call_later(AGAIN_S, self._wanted.set)

    def _differ(self, one: tuple[Interface, ...], other: tuple[Interface, ...]) -> bool:
        """Whether they do in what bears on policy: containers come and go by the hundred, with
        links that have no address here and that nobody names."""
        config = self._server.generation.config
        named = {*(config.server.interfaces or ()), *(net.interface for net in config.networks)}
        facts = [
            [interface for interface in side if interface.addresses or interface.name in named]
            for side in (one, other)
        ]
        return facts[0] != facts[1]

    def _tell_control(self, taken: bool, text: str) -> None:
        """How a reload ended: somebody may be waiting who asked for it there."""
        control = self._server.children.get("control")
        if control is not None and control.briefed:
            number = self._server.generation.number
            control.send({"type": "reloaded", "taken": taken, "generation": number, "text": text})

    # ---- how it comes

    async def _reload(self) -> None:
        server = self._server
        server.notifier.reloading()
        try:
            config = await self._read()
            tcp = self._new_http(config)
            try:
                await self._adopt(config, read_interfaces())
            except BaseException:
                if tcp is not None:
                    tcp.close()
                raise
            if config.control.listen != server.config.control.listen:
                self._replace_http(tcp)
            server.config = config
            for warning in config.warnings:
                log.warning("configuration-warning", problem=str(warning))
            log.notice("reloaded", generation=server.generation.number, config=str(server.path))
        finally:
            server.notifier.ready(f"serving, generation {server.generation.number}")

    async def _read(self) -> Configuration:
        """The configuration as it is now. Raises Refused, with every problem logged."""
        server = self._server
        try:
            config = await asyncio.to_thread(load, server.path)
        except ConfigError as error:
            for problem in error.problems:
                log.error("configuration-invalid", problem=str(problem))
            first, *others = error.problems
            more = f" (and {len(others)} more: fastdhcp check)" if others else ""
            raise Refused(f"{first}{more}") from error
        if refusals := reload_refusals(server.started_with, config):
            raise Refused("; ".join(refusals))
        return config

    def _new_http(self, config: Configuration) -> socket.socket | None:
        """The HTTP socket if control.listen has changed. Raises Refused: it cannot be opened."""
        listen = config.control.listen
        if listen is None or listen == self._server.config.control.listen:
            return None
        try:
            return open_tcp(*listen)
        except Obstacle as obstacle:
            raise Refused(str(obstacle)) from obstacle

    def _replace_http(self, tcp: socket.socket | None) -> None:
        """control.listen has changed: control ends, and its successor gets the new socket."""
        self._server.resources.replace_tcp(tcp)
        for child in self._server.of("control"):
            child.stop()

    async def _follow_interfaces(self) -> None:
        server = self._server
        before = {interface.name: interface for interface in server.generation.interfaces}
        await self._adopt(server.config, read_interfaces())
        after = {interface.name: interface for interface in server.generation.interfaces}
        changed = [n for n in before.keys() | after.keys() if before.get(n) != after.get(n)]
        log.notice(
            "interfaces-changed", interfaces=sorted(changed), generation=server.generation.number
        )

    async def _adopt(self, config: Configuration, interfaces: tuple[Interface, ...]) -> None:
        """Compiles and hands out. Raises Refused or ChildDied: then nobody has left the old one
        but perhaps the store, which died."""
        store = await self._store_at_work()
        ids = self._server.generation.ids
        if config is not self._server.generation.config:
            ids = ids_of(await self._ask(store, {"type": "names", **store_names(config)}, "ids"))
            self._check_room(config, ids)
        new = await self._compiled(config, interfaces, ids)
        old = self._server.generation
        regroups = new.regroups(old)
        try:
            await self._hand_to_store(store, new, regroups)
        except (Refused, ChildDied):
            store.kill()  # it may have taken it late; its successor gets the one in force
            new.close()
            raise
        self._take(new)
        await self._all_posted(self._hand_to_others(new), new.number)
        old.close()
        if regroups:
            # What workers bound meanwhile stands in the index under the old networks' numbers. It
            # is a hint: without it a client would get another address, never another's.
            with contextlib.suppress(Refused, ChildDied):
                await self._hand_to_store(store, new, True)

    def _check_room(self, config: Configuration, ids: Ids) -> None:
        """Raises Refused. A block stays in the table for good, so that room does not come back."""
        memory = self._server.memory
        more = blocks_missing(memory, block_ranges(config, ids.vrfs))
        if (needed := memory.block_count + more) > memory.block_limit:
            raise Refused(
                f"server.max-addresses: with the addresses given so far the table needs {needed} "
                f"blocks of 256, and there is room for {memory.block_limit}; restart the server "
                f"with at least {needed * 256}"
            )

    async def _compiled(
        self, config: Configuration, interfaces: tuple[Interface, ...], ids: Ids
    ) -> Generation:
        self._numbers += 1
        try:
            return await asyncio.to_thread(
                compile_generation, config, interfaces, ids, self._numbers
            )
        except (OverflowError, OSError) as error:
            raise Refused(str(error)) from error

    async def _store_at_work(self) -> Child:
        """One that died is back in a moment."""
        deadline = time.monotonic() + STORE_START_S
        while (
            not (store := self._server.children["store"]).begun or store.returncode is not None
        ):
            if time.monotonic() > deadline:
                raise Refused("the store is not there to take it")
            await asyncio.sleep(POSTED_LOOK_S)
        return store

    async def _ask(self, child: Child, message: Message, answer: str) -> Message:
        child.send(message)
        return await self._answer(child, answer)

    async def _answer(self, child: Child, answer: str) -> Message:
        try:
            return await asyncio.wait_for(child.expect(answer), STORE_ANSWER_S)
        except TimeoutError as error:
            raise Refused(f"{child.name} does not answer") from error

    async def _hand_to_store(self, store: Child, new: Generation, reindex: bool) -> None:
        message: Message = {"type": "image", "generation": new.number, "reindex": reindex}
        store.send({**message, **store_settings(new.config)}, new.fds())
        await self._answer(store, "imaged")

    def _take(self, new: Generation) -> None:
        """Whoever starts from now on starts with it."""
        self._server.known = new
        for event, text in new.interface_warnings:
            log.warning(event, text=text)
        self._server.memory.set_image(new.image, new.hints)

    def _hand_to_others(self, new: Generation) -> list[Child]:
        others = [c for c in self._server.children.values() if c.briefed and c.role != "store"]
        message: Message = {"type": "image", "generation": new.number}
        for child in others:
            if child.role == "control":
                told = facts(self._server.path, new)
                child.send({**message, "config": told}, new.fds())
            else:
                child.send(message, new.fds())
        return [child for child in others if child.role == "worker"]

    async def _all_posted(self, workers: list[Child], number: int) -> None:
        """Until every worker that lives works by it. One that hangs is the watch's affair."""
        memory = self._server.memory
        deadline = time.monotonic() + POSTED_S
        while any(
            worker.returncode is None and memory.process_generation(worker.index) < number
            for worker in workers
        ):
            if time.monotonic() > deadline:
                log.warning("generation-not-taken", generation=number)
                return
            await asyncio.sleep(POSTED_LOOK_S)
