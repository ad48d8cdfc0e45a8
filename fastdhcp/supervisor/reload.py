"""Reloads: the configuration read again when somebody asks, and each who asked told how it went."""

import asyncio
import socket
import time

from fastdhcp._owners import stranded
from fastdhcp.config import ConfigError, Configuration, load, told_refusals
from fastdhcp.config.compile import Ids
from fastdhcp.exits import EXIT_IN_USE
from fastdhcp.interfaces import read_interfaces
from fastdhcp.log import log
from fastdhcp.supervisor.children import Child, ChildDied
from fastdhcp.supervisor.generation import Generation
from fastdhcp.supervisor.links import wants_links
from fastdhcp.supervisor.listeners import open_frames, open_tcp
from fastdhcp.supervisor.obstacles import Obstacle
from fastdhcp.supervisor.policy import Policy, Refused
from fastdhcp.supervisor.reserved import held_by_others
from fastdhcp.supervisor.server import Server
from fastdhcp.supervisor.status import WARNINGS_MAX, push_status
from fastdhcp.supervisor.threads import in_thread
from fastdhcp.words import counted, instant, printable

READ_S = 60.0
"""A file that does not answer (its server is gone) is given up after this."""
HTTP_S = 2.0
"""A control process that is just ending may have the address of the last reload but one."""
HTTP_AGAIN_S = 0.05
TRIES = 3
"""If the store dies under a reload it is tried again with the next one, so often in all."""

STRANDED_MAX = 100_000
"""Leases that are counted of those that a reload has taken the pools from."""
SUBNETS_MAX = 8
"""Of theirs that are named."""
HELD_LINES_MAX = 20
"""Reservations on addresses of others that are named one by one."""

Asker = tuple[Child, int]
"""The control process through which it was asked, and its number there."""


def log_warnings(config: Configuration) -> None:
    """A line for each problem that is allowed, as long as they fit on a screen."""
    for warning in config.warnings[:WARNINGS_MAX]:
        log.warning("configuration-warning", problem=str(warning))
    if more := config.warnings[WARNINGS_MAX:]:
        log.warning("warnings-more", more=len(more), text="see `fastdhcp check`")


class Reloads:
    """One after the other. Who asks while one is under way is served by the next, which reads the
    configuration as it is then."""

    def __init__(self, server: Server, policy: Policy) -> None:
        self._server = server
        self._policy = policy
        self._file = printable(str(server.path))
        self._wanted = asyncio.Event()
        self._askers: list[Asker] = []

    def want(self, asker: Asker | None = None) -> None:
        """None: a signal, which gets no answer but the log."""
        if asker is not None:
            self._askers.append(asker)
        self._wanted.set()

    async def run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            askers, self._askers = self._askers, []
            taken, text = False, "internal error; the log says more"
            with self._server.defects.caught("reload"):
                taken, text = await self._outcome()
            push_status(self._server)  # who reads it next sees what came of this
            self._tell(askers, taken, text)

    async def _outcome(self) -> tuple[bool, str]:
        """Whether it is in force now, and the words for who asked."""
        server = self._server
        server.notifier.reloading()
        before = server.generation
        try:
            await self._try()
        except (Refused, OSError) as error:
            stays = f"generation {server.generation.number} stays in force"
            text = f"{error}; {stays}"
            log.error("reload-refused", text=text)
            said = f"the reload of {instant(time.time())[11:]} was refused, {stays}: {error}"
            cure = error.cure if isinstance(error, Refused) else ""
            server.alarms.raise_alarm("configuration-refused", said, cure=cure or None)
            return False, text
        finally:
            server.notifier.ready(f"serving, generation {server.generation.number}")
        server.alarms.clear("configuration-refused")
        if lost := await self._stranded(before):
            log.warning("leases-stranded", text=lost)
        log.notice("reloaded", generation=server.generation.number, config=self._file)
        text = f"generation {server.generation.number} is in force"
        if warnings := len(server.generation.warnings):
            many = "a warning" if warnings == 1 else f"{warnings} warnings"
            text += f", with {many}: see `fastdhcp status`"
        if lost:
            text += f"; {lost}"
        return True, text

    async def _try(self) -> None:
        """Raises Refused, OSError."""
        for tries_left in reversed(range(TRIES)):
            config = await self._read()
            try:
                await self._adopt(config)
                return
            except ChildDied as error:
                if not tries_left:
                    text = "the store died each time that it was given the new configuration"
                    raise Refused(text) from error
                log.warning("reload-again", text=f"{error}: trying again with its successor")

    async def _adopt(self, config: Configuration) -> None:
        """Raises Refused, ChildDied, OSError: then the policy is as it was. Packet sockets that
        were opened for it stay, for the next try."""
        server = self._server
        self._open_frames(config)
        tcp = await self._new_http(config)
        try:
            async with self._policy.lock:
                numbers = server.generation.ids
                await self._policy.adopt(config, read_interfaces())
                server.config, before = config, server.config
        except BaseException:
            if tcp is not None:
                tcp.close()
            raise
        if config.control.listen != before.control.listen:
            server.resources.replace_tcp(tcp)
            for child in server.of("control"):
                child.stop()  # its successor gets the new socket
        log_warnings(config)
        await self._look_at_reservations(before, numbers)

    async def _stranded(self, before: Generation) -> str:
        """Clients that lose their address by what was just read, in words; empty: none does."""
        memory = self._server.memory
        found = await in_thread(lambda: stranded(memory, STRANDED_MAX))
        if not found:
            return ""
        count = sum(found.values())
        now = self._server.generation.subnet_pools
        subnets: dict[str, int] = {}
        for (_, number), leases in found.items():
            place = now.get(number) or before.subnet_pools.get(number)
            name = place.told if place else "subnets of before"
            subnets[name] = subnets.get(name, 0) + leases
        shown = sorted(subnets.items(), key=lambda one: -one[1])[:SUBNETS_MAX]
        where = ", ".join(f"{name}: {leases:,}" for name, leases in shown)
        more = f", and {len(subnets) - SUBNETS_MAX} more" if len(subnets) > SUBNETS_MAX else ""
        least = "at least " if count >= STRANDED_MAX else ""
        are, lose = "are", "their clients lose them"
        if count == 1:
            are, lose = "is", "its client loses it"
        return (
            f"{least}{counted(count, 'active lease')} {are} in no pool any more "
            f"({where}{more}): {lose} at the next renewal"
        )

    async def _look_at_reservations(self, before: Configuration, numbers: Ids) -> None:
        """`numbers`: those that were in force with it; the new ones may lack a VRF of it."""
        server = self._server
        memory, config, ids = server.memory, server.config, server.generation.ids
        was = before.reservations.made(numbers.vrfs, numbers.classes)
        now = config.reservations.made(ids.vrfs, ids.classes)
        kinds = config.kinds
        found = await in_thread(lambda: list(held_by_others(memory, now, was, kinds)))
        vrfs = {number: name for name, number in ids.vrfs.items()}
        for held in found[:HELD_LINES_MAX]:
            log.warning("reservation-held", **held.told(vrfs.get(held.vrf, "")))
        if more := found[HELD_LINES_MAX:]:
            log.warning("reservation-held", more=len(more))

    async def _read(self) -> Configuration:
        """The configuration as it is now. Raises Refused, with every problem logged."""
        server = self._server
        try:
            config = await asyncio.wait_for(in_thread(lambda: load(server.path)), READ_S)
        except TimeoutError as error:
            text = f"{self._file}, or what it includes, could not be read within {READ_S:g} s"
            raise Refused(f"{text}: a file or its file system does not answer") from error
        except ConfigError as error:
            for problem in error.problems:
                log.error("configuration-invalid", problem=str(problem))
            first, *others = error.problems
            more = f" (and {len(others)} more: fastdhcp check)" if others else ""
            cure = f"`fastdhcp check {self._file}` tells all that is wrong; mend it and reload"
            raise Refused(f"{first}{more}", cure) from error
        if refusals := told_refusals(server.started_with, config):
            cure = "restart the server to have it so, or write what it was before and reload"
            raise Refused("; ".join(refusals), cure)
        return config

    def _open_frames(self, config: Configuration) -> None:
        """The first local link needs packet sockets. Raises Refused: they cannot be opened."""
        resources = self._server.resources
        if not wants_links(config) or resources.frames:
            return
        try:
            resources.frames = open_frames(len(resources.udp))
        except Obstacle as obstacle:
            raise Refused(f"server.interfaces: {obstacle}") from obstacle

    async def _new_http(self, config: Configuration) -> socket.socket | None:
        """The HTTP socket if control.listen has changed. Raises Refused: it cannot be opened."""
        listen = config.control.listen
        if listen is None or listen == self._server.config.control.listen:
            return None
        deadline = time.monotonic() + HTTP_S
        while True:
            try:
                return open_tcp(*listen, self._server.resources.tcp)
            except Obstacle as obstacle:
                if obstacle.exit_code != EXIT_IN_USE or time.monotonic() > deadline:
                    raise Refused(str(obstacle)) from obstacle
            await asyncio.sleep(HTTP_AGAIN_S)

    def _tell(self, askers: list[Asker], taken: bool, text: str) -> None:
        generation = self._server.generation.number
        for child, number in askers:
            if child.returncode is None:
                message = {"type": "reloaded", "number": number, "taken": taken}
                child.send({**message, "generation": generation, "text": text})
