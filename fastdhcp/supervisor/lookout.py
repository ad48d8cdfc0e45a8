"""The supervisor's look-out: twice a second who hangs, once a second how all is."""

import asyncio
import time

from fastdhcp.log import log
from fastdhcp.supervisor.children import Child
from fastdhcp.supervisor.exhausted import Exhausted
from fastdhcp.supervisor.heartbeats import LOOK_S
from fastdhcp.supervisor.listeners import inodes
from fastdhcp.supervisor.notify import watchdog_interval
from fastdhcp.supervisor.restarts import QUIET_S
from fastdhcp.supervisor.rivals import Watch
from fastdhcp.supervisor.server import Server
from fastdhcp.supervisor.slow import SlowStore
from fastdhcp.supervisor.status import push_status
from fastdhcp.supervisor.troubles import Troubles
from fastdhcp.supervisor.vitals import Vitals

EXTEND_S = 15.0
"""What systemd is asked for while the store reads its journal."""


class Lookout:
    """Kills what hangs; its end is then like any other."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._slow = SlowStore(server.alarms)
        self._vitals = Vitals(server.alarms)
        self._exhausted = Exhausted(server.alarms)
        self._troubles = Troubles(log, self._exhausted)
        own = inodes(server.resources.udp)
        self._rivals = Watch(server.alarms, *server.config.server.listen, own)
        self._second = False

    async def run(self) -> None:
        """systemd's watchdog is fed here, by the loop that would bring up whatever dies: what else
        hangs is this look-out's affair, and a restart of all would cost clients more."""
        watchdog = watchdog_interval() is not None
        while True:
            await asyncio.sleep(LOOK_S)
            with self._server.defects.caught("look-out"):
                self._look(time.monotonic())
            self._server.notifier.catch_up()
            if watchdog:
                self._server.notifier.beat()

    def _look(self, now_s: float) -> None:
        self._look_at_store(now_s)
        self._look_at_beats(now_s)
        self._second = not self._second
        if not self._server.serving:
            self._server.notifier.extend_timeout(EXTEND_S)
        elif self._second:
            self._each_second(now_s)

    def watch(self, child: Child) -> None:
        """It has been told to start."""
        self._server.heartbeats.watch(child.name, self._beats(child), time.monotonic())

    def forget(self, child: Child) -> None:
        self._server.heartbeats.forget(child.name)

    def _beats(self, child: Child) -> int:
        return self._server.memory.beats(child.index)

    def _look_at_beats(self, now_s: float) -> None:
        children, heartbeats = self._server.children, self._server.heartbeats
        beats = {name: self._beats(child) for name, child in children.items()}
        for name in heartbeats.look(beats, now_s):
            child = children[name]
            silent = f"{heartbeats.age(name, now_s):.1f}s"
            log.error("process-hung", process=name, pid=child.pid, silent=silent)
            child.kill("hung, and was ended by the server")

    def _look_at_store(self, now_s: float) -> None:
        """One that is in a commit waits for the disk: slow, never hung."""
        server = self._server
        since_ns = server.memory.busy_since_ns(server.store_number)
        busy_s = (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - since_ns) / 1e9 if since_ns else 0.0
        if busy_s:
            server.heartbeats.excuse("store", now_s)
        self._slow.look(busy_s, now_s)

    def _each_second(self, now_s: float) -> None:
        server = self._server
        log.catch_up()
        with server.defects.caught("vitals"):
            try:
                self._vitals.look(server.memory.counters(), now_s)
            except OSError as error:  # no descriptor left for /proc, say; the server serves on
                log.error("vitals-unread", text=str(error))
        with server.defects.caught("troubles"):
            self._troubles.look(server.memory, server.generation, now_s)
            self._exhausted.look(server.memory, server.generation, now_s)
        if server.resources.shared:
            with server.defects.caught("rivals"):
                self._rivals.look({interface.index for interface in server.generation.served})
        for child in server.children.values():
            if child.returncode is None and child.served_s() >= QUIET_S:
                server.alarms.clear("process-restarting", child.name)
        with server.defects.caught("status"):
            push_status(server)
