"""The policy in force: which generation all work by, and how they come to the next one.

A new generation comes of a reload (reload.py) or of interfaces that changed (follow.py). It is
compiled beside, goes to the store first, which reindexes leases of subnets that were regrouped,
then to all others, each of which takes it between two batches. The old one goes when all have. On
any error the old one stays.
"""

import asyncio
import contextlib
import dataclasses
import itertools
import os
import time

from fastdhcp._ahead import blocks_missing
from fastdhcp._bitmap import clear_summaries
from fastdhcp._leases import BLOCK_SIZE
from fastdhcp.channel import Message
from fastdhcp.config import Configuration
from fastdhcp.config.compile import Ids
from fastdhcp.config.hints import HintPlaces
from fastdhcp.exits import EXIT_CONFIG
from fastdhcp.interfaces import Interface, read_interfaces
from fastdhcp.log import log
from fastdhcp.supervisor.briefing import facts, frames_for, store_settings
from fastdhcp.supervisor.children import Child, ChildDied
from fastdhcp.supervisor.generation import (
    Generation,
    block_ranges,
    compile_generation,
    ids_of,
    store_names,
)
from fastdhcp.supervisor.links import wants_links
from fastdhcp.supervisor.obstacles import Obstacle
from fastdhcp.supervisor.outages import Outages
from fastdhcp.supervisor.reserved import clear_reserved, mark_reserved
from fastdhcp.supervisor.server import Server
from fastdhcp.supervisor.status import WARNINGS_MAX
from fastdhcp.supervisor.threads import in_thread

STORE_START_S = 10.0
STORE_ANSWER_S = 60.0
"""The store may be reindexing millions of leases."""
POSTED_S = 10.0
POSTED_LOOK_S = 0.01


class Refused(Exception):
    """The running policy stays; the text says why. ``cure``: empty where the text has it."""

    def __init__(self, text: str, cure: str = "") -> None:
        super().__init__(text)
        self.cure = cure


class Policy:
    """Makes generations, and is the one that puts them in force."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.lock = asyncio.Lock()
        """Held by who brings a new one in, from the look at what is there now."""
        self._numbers = 0
        self._all_at_work = True
        """By the generation in force; False: a worker may work by an older one."""
        self._asked = itertools.count(1)
        self._outages = Outages(server.alarms)
        self._places = HintPlaces(server.store_number, server.segments.sizes["hints"])

    async def first(self, message: Message) -> Generation:
        """The generation that the server starts with; later calls (a store that died) return the
        current one. Raises Obstacle."""
        self._server.numbers = message.get("numbers")
        if self._server.known is None:
            async with self.lock:  # a store that dies meanwhile has a successor that asks too
                if self._server.known is None:
                    config = self._server.config
                    try:
                        new = await self._compiled(config, read_interfaces(), ids_of(message))
                        await self._mark_reserved(new)
                    except Refused as error:
                        text = str(error)
                        raise Obstacle("configuration-invalid", text, EXIT_CONFIG) from error
                    self._take(new)
        return self._server.generation

    async def adopt(self, config: Configuration, interfaces: tuple[Interface, ...]) -> None:
        """Compiles and hands out. Raises Refused or ChildDied: then nobody has left the old one
        but perhaps the store, which died."""
        store = await self._store_at_work()
        ids = self._server.generation.ids
        if config is not self._server.generation.config:
            ids = await self._ids(store, config)
            self._check_room(config, ids)
        new = await self._compiled(config, interfaces, ids)
        old = self._server.generation
        regroups = new.regroups(old)
        try:
            await self._mark_reserved(new)
            await self._offer_to_store(store, new, regroups)
        except (Refused, ChildDied):
            new.close()
            if self._all_at_work:
                await clear_reserved(self._server.memory, old)
            raise
        self._take(new)
        self._all_at_work = await self._all_posted(self._hand_to_others(new), new.number)
        if self._all_at_work:
            await self._tidy_hints(new)
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
                f"blocks of {BLOCK_SIZE}, and there is room for {memory.block_limit}; restart the "
                f"server with at least {needed * BLOCK_SIZE}"
            )

    async def _mark_reserved(self, new: Generation) -> None:
        """Raises Refused: there is no room for the blocks of all reserved addresses."""
        try:
            await mark_reserved(self._server.memory, new)
        except MemoryError as error:
            raise Refused(str(error)) from error

    async def _compiled(
        self, config: Configuration, interfaces: tuple[Interface, ...], ids: Ids
    ) -> Generation:
        self._numbers += 1
        number, places = self._numbers, self._places
        try:
            return await in_thread(
                lambda: compile_generation(config, interfaces, ids, number, places)
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

    async def _ids(self, store: Child, config: Configuration) -> Ids:
        number = next(self._asked)
        store.send({"type": "names", "number": number, **store_names(config)})
        answer = await self._answer(store, "ids", number)
        self._server.numbers = answer.get("numbers")
        return ids_of(answer)

    async def _answer(self, child: Child, answer: str, number: int | None = None) -> Message:
        try:
            return await asyncio.wait_for(child.expect(answer, number), STORE_ANSWER_S)
        except TimeoutError as error:
            raise Refused(f"{child.name} does not answer") from error

    async def _offer_to_store(self, store: Child, new: Generation, reindex: bool) -> None:
        """As _hand_to_store(). Raises Refused, ChildDied: then it works by the old one."""
        try:
            await self._hand_to_store(store, new, reindex)
        except (Refused, ChildDied):
            # It may have taken it late; its successor gets the one in force.
            store.kill("did not take a new policy, and was ended by the server")
            raise

    async def _hand_to_store(self, store: Child, new: Generation, reindex: bool) -> None:
        message: Message = {"type": "image", "generation": new.number, "reindex": reindex}
        store.send({**message, **store_settings(new.config)}, new.fds())
        await self._answer(store, "imaged")

    def see(self, interfaces: tuple[Interface, ...]) -> None:
        """The interfaces of the generation in force, of which nothing has changed that is in its
        image. To be called under the lock."""
        self._show(dataclasses.replace(self._server.generation, interfaces=interfaces))

    def _show(self, new: Generation) -> None:
        """What operators are to hear of it. Warnings that its predecessor had too are not news."""
        told = self._server.known.unserved if self._server.known else []
        self._server.known = new
        news = [found for found in new.unserved if found not in told]
        for event, text in news[:WARNINGS_MAX]:
            log.warning(event, text=text)
        if more := news[WARNINGS_MAX:]:
            log.warning("warnings-more", more=len(more), text="see `fastdhcp check`")
        if wants_links(new.config) and not new.served:
            text = "no interface of this host has a subnet on it: local clients go unanswered"
            self._server.alarms.raise_alarm("no-link-served", text)
        else:
            self._server.alarms.clear("no-link-served")
        self._outages.look(new)

    def _take(self, new: Generation) -> None:
        """Whoever starts from now on starts with it."""
        self._show(new)
        self._server.memory.set_image(new.image, new.reservations)

    def _hand_to_others(self, new: Generation) -> list[Child]:
        others = [c for c in self._server.children.values() if c.briefed and c.role != "store"]
        message: Message = {"type": "image", "generation": new.number}
        for child in others:
            if child.role == "control":
                told = facts(self._server.path, new)
                child.send({**message, "config": told}, new.fds())
            else:
                child.send(message, {**new.fds(), **frames_for(self._server, child.index)})
        return [child for child in others if child.role == "worker"]

    async def _tidy_hints(self, new: Generation) -> None:
        """All work by it: pools that are gone leave their places, what is reserved no more may be
        given, and what was seen full is worth a look again."""
        for at, size in self._places.keep(new.pool_keys):
            os.pwrite(self._server.segments.fds["hints"], bytes(size), at)
        await clear_reserved(self._server.memory, new)
        clear_summaries(self._server.memory)

    async def _all_posted(self, workers: list[Child], number: int) -> bool:
        """Waits until every worker that lives works by it. False: one does not, which is the
        watch's affair."""
        memory = self._server.memory
        deadline = time.monotonic() + POSTED_S
        while any(
            worker.returncode is None and memory.process_generation(worker.index) < number
            for worker in workers
        ):
            if time.monotonic() > deadline:
                log.warning("generation-not-taken", generation=number)
                return False
            await asyncio.sleep(POSTED_LOOK_S)
        return True
