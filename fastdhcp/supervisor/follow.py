"""Interfaces that come, go or get another address: each such change is a new generation. One that
goes up or down, or loses its carrier, is seen to without one."""

import asyncio
import collections
import time
from collections.abc import Sequence

from fastdhcp.interfaces import Interface, Watch, read_interfaces
from fastdhcp.log import log
from fastdhcp.supervisor.children import ChildDied
from fastdhcp.supervisor.policy import Policy, Refused
from fastdhcp.supervisor.server import Server

SETTLE_S = 0.1
"""An interface that is made anew says so many times; they are taken together."""
SETTLE_FLAPPING_S = 2.0
"""The same once there were so many changes as FLAPS within FLAPPING_S."""
FLAPS, FLAPPING_S = 3, 20.0
AGAIN_S = 1.0
"""Interfaces that could not be followed are looked at again after this."""


class Follower:
    """Waits for no reload: the configuration in force is what it goes by."""

    def __init__(self, server: Server, policy: Policy) -> None:
        self._server = server
        self._policy = policy
        self._wanted = asyncio.Event()
        self._changes_s: collections.deque[float] = collections.deque(maxlen=FLAPS)

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
                await asyncio.sleep(self._settle_s(time.monotonic()))
                self._wanted.clear()
                await self._once()
        finally:
            loop.remove_reader(watch.fileno())
            watch.close()

    def _settle_s(self, now_s: float) -> float:
        changes = self._changes_s
        flaps = len(changes) == FLAPS and now_s - changes[0] < FLAPPING_S
        return SETTLE_FLAPPING_S if flaps else SETTLE_S

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
            if self._of_policy(found) != self._of_policy(before):
                await self._policy.adopt(server.config, found)
            elif self._seen(found) != self._seen(before):
                self._policy.see(found)
            else:
                return
        self._changes_s.append(time.monotonic())
        changes = changed(self._seen(before), self._seen(found))
        generation = server.generation.number
        names, texts = list(changes), [f"{name}: {text}" for name, text in changes.items()]
        log.notice("interfaces-changed", interfaces=names, generation=generation, changes=texts)

    def _seen(self, interfaces: Sequence[Interface]) -> list[Interface]:
        """Those that bear on the server: containers come and go by the hundred, with links that
        have no address here and that nobody names."""
        config = self._server.generation.config
        named = {*(config.server.interfaces or ()), *(net.interface for net in config.networks)}
        return [found for found in interfaces if found.addresses or found.name in named]

    def _of_policy(self, interfaces: Sequence[Interface]) -> list[tuple[object, ...]]:
        """What the image has of them."""
        return [
            (found.index, found.name, found.mtu, found.addresses, found.trains)
            for found in self._seen(interfaces)
        ]


def changed(before: Sequence[Interface], after: Sequence[Interface]) -> dict[str, str]:
    """What became of each that is not as it was: `down -> up, 10.77.0.1/22`."""
    old, new = ({one.name: one for one in side} for side in (before, after))
    return {
        name: _change(old.get(name), new.get(name))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    }


def _change(before: Interface | None, after: Interface | None) -> str:
    text = f"{_state(before)} -> {_state(after)}"
    if before is None or after is None or before.trains == after.trains:
        return text
    return f"{text}, {'cuts' if after.trains else 'no longer cuts'} trains of replies"


def _state(interface: Interface | None) -> str:
    if interface is None:
        return "not there"
    state = "down" if not interface.up else "up" if interface.carrier else "no carrier"
    return ", ".join([state, *map(str, interface.addresses)])
