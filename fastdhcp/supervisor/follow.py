"""Interfaces that come, go or get another address: each change is a new generation."""

import asyncio

from fastdhcp.interfaces import Interface, Watch, read_interfaces
from fastdhcp.log import log
from fastdhcp.supervisor.children import ChildDied
from fastdhcp.supervisor.policy import Policy, Refused
from fastdhcp.supervisor.server import Server

SETTLE_S = 0.1
"""An interface that is made anew says so many times; they are taken together."""
AGAIN_S = 1.0
"""Interfaces that could not be followed are looked at again after this."""


class Follower:
    """Waits for no reload: the configuration in force is what it goes by."""

    def __init__(self, server: Server, policy: Policy) -> None:
        self._server = server
        self._policy = policy
        self._wanted = asyncio.Event()

    async def run(self) -> None:
        while True:
            with self._server.defects.caught("interfaces"):
                await self._watch()
            await asyncio.sleep(AGAIN_S)

    async def _watch(self) -> None:
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
                await asyncio.sleep(SETTLE_S)
                self._wanted.clear()
                await self._once()
        finally:
            loop.remove_reader(watch.fileno())
            watch.close()

    async def _once(self) -> None:
        done = False
        with self._server.defects.caught("interfaces"):
            try:
                await self._follow()
                done = True
            except (Refused, ChildDied, OSError) as error:
                text = f"{error}; generation {self._server.generation.number} stays in force"
                log.error("interfaces-not-followed", text=text)
        if not done:
            asyncio.get_running_loop().call_later(AGAIN_S, self._wanted.set)

    async def _follow(self) -> None:
        server = self._server
        async with self._policy.lock:
            before = server.generation.interfaces
            found = read_interfaces()
            if not self._differ(found, before):
                return
            await self._policy.adopt(server.config, found)
        changed = sorted({one.name for one in {*before} ^ {*server.generation.interfaces}})
        log.notice("interfaces-changed", interfaces=changed, generation=server.generation.number)

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
