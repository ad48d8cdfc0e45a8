"""The supervisor, `fastdhcp serve`: starts the processes, watches them, replaces what dies.

It owns sockets and shared memory and passes the descriptors down, so that a child's death loses
neither. All of it is one thread on one event loop; only a configuration is compiled beside it.
"""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path

from fastdhcp import _journal
from fastdhcp._leases import StoreState
from fastdhcp.channel import Message
from fastdhcp.config import ConfigError, Configuration, load
from fastdhcp.eventfds import wake
from fastdhcp.exits import EXIT_CONFIG, EXIT_FAILED, EXIT_IN_USE
from fastdhcp.log import log
from fastdhcp.supervisor.alarms import Alarms
from fastdhcp.supervisor.briefing import brief_control, brief_store, brief_worker
from fastdhcp.supervisor.children import Child, ChildDied
from fastdhcp.supervisor.listeners import buffer_warnings, endpoint, receive_buffer
from fastdhcp.supervisor.lookout import Lookout
from fastdhcp.supervisor.notify import Notifier
from fastdhcp.supervisor.obstacles import Obstacle
from fastdhcp.supervisor.policy import Policy
from fastdhcp.supervisor.resources import Resources, open_resources
from fastdhcp.supervisor.restarts import Restarts
from fastdhcp.supervisor.segments import make_table
from fastdhcp.supervisor.status import status_message
from fastdhcp.supervisor.vitals import counters_in_words

STORE_TRIES = 3
"""Exits of the store's own will, before it was ever ready, until the start is given up."""
SPAWN_AGAIN_S = 1.0
WORKER_STOP_S = 3.0
STORE_STOP_S = 30.0


def serve(config_path: Path | str, *, http_fd: int | None = None) -> int:
    """Runs the server until a signal stops it. Returns the exit code: 0, 1, 75 or 78.

    ``http_fd``: a listening TCP socket that serves instead of ``control.listen``.
    """
    path = Path(config_path)
    for number in (signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)  # until there is something to reload or to count
    try:
        config = load(path)
    except ConfigError as error:
        for problem in error.problems:
            log.error("configuration-invalid", problem=str(problem))
        return EXIT_CONFIG
    for warning in config.warnings:
        log.warning("configuration-warning", problem=str(warning))
    notifier = Notifier()
    try:
        resources = open_resources(config, http_fd)
        try:
            return asyncio.run(Supervisor(path, config, resources, notifier).run())
        finally:
            resources.close()
    except Obstacle as obstacle:
        log.error(obstacle.event, text=str(obstacle))
        notifier.status(str(obstacle))
        return obstacle.exit_code


class Supervisor:
    """Runs from opened resources to the last child's end."""

    def __init__(
        self, path: Path, config: Configuration, resources: Resources, notifier: Notifier
    ) -> None:
        self.path = path
        self.config = self.started_with = config
        self.resources = resources
        self.notifier = notifier
        self.alarms = Alarms(log)
        self.restarts = Restarts()
        self.lookout = Lookout(self)
        self.policy = Policy(self)
        self.children: dict[str, Child] = {}
        self.segments, self.memory = make_table(config)
        self.started = time.time()
        self.serving = False
        self.receive_buffer = min(receive_buffer(sock) for sock in resources.udp)
        self.warnings = buffer_warnings(self.receive_buffer)
        for text in self.warnings:
            log.warning("receive-buffer-small", text=text)
        self._tasks: set[asyncio.Task[None]] = set()
        self._recovered = asyncio.Event()
        self._stop_wanted = asyncio.Event()
        self._stopping = False
        self._store_exits = 0
        self._obstacle: Obstacle | None = None

    async def run(self) -> int:
        """Until a signal, or an obstacle to the start. Returns the exit code; raises Obstacle."""
        loop = asyncio.get_running_loop()
        for number, act in self._signals().items():
            loop.add_signal_handler(number, act)
        self._spawn("store", self.store_number)
        for index in range(self.config.server.workers):
            self._spawn("worker", index)
        self._task(self.lookout.run())
        await self._stop_wanted.wait()
        graceful = await self._stop()
        if self._obstacle is not None:
            raise self._obstacle
        log.info("stopped")
        return 0 if graceful else EXIT_FAILED

    # ---- signals

    def _signals(self) -> dict[signal.Signals, Callable[[], None]]:
        return {
            signal.SIGTERM: self._stop_wanted.set,
            signal.SIGINT: self._interrupted,
            signal.SIGHUP: self.policy.want_reload,
            signal.SIGUSR1: self._log_counters,
        }

    def _interrupted(self) -> None:
        """The first asks, the second ends."""
        if self._stop_wanted.is_set():
            for child in self.children.values():
                child.kill()
        self._stop_wanted.set()

    def _log_counters(self) -> None:
        log.info("counters", **counters_in_words(self.memory.counters()))
        log.info("memory", blocks=self.memory.block_count, touched=self.segments.touched())

    # ---- starting

    def _spawn(self, role: str, index: int) -> None:
        if self._stopping:
            return
        try:
            child = Child(role, index)
        except OSError as error:  # no process, descriptor or memory left: there may be soon
            log.error("process-not-started", role=role, index=index, text=str(error))
            asyncio.get_running_loop().call_later(SPAWN_AGAIN_S, self._spawn, role, index)
            return
        child.on_exit, child.on_message = self._on_exit, self._on_message
        child.attach()
        self.children[child.name] = child
        self._task(self._bring_up(child))

    async def _bring_up(self, child: Child) -> None:
        """Its death meanwhile is no matter here: _on_exit has seen to it."""
        with contextlib.suppress(ChildDied):
            if child.role == "store":
                await self._bring_up_store(child)
            elif child.role == "worker":
                await self._bring_up_worker(child)
            else:
                self._brief_control(child)

    async def _bring_up_store(self, child: Child) -> None:
        self.lookout.watch(child)
        child.send(*brief_store(self.config, self.resources, self.segments))
        ids = await child.expect("ids")
        generation = await self.policy.first(ids)
        self.memory.set_image(generation.image, generation.hints)
        child.brief(
            {"type": "image", "generation": generation.number, "reindex": False}, generation.fds()
        )
        await child.expect("ready")
        child.has_begun()
        self.alarms.clear("store-down")
        self._recovered.set()

    async def _bring_up_worker(self, child: Child) -> None:
        """It waits for the table to be whole; its interpreter has started by then."""
        await self._recovered.wait()
        if child.returncode is not None:
            return
        self.lookout.watch(child)
        generation = self.policy.generation
        child.brief(*brief_worker(child.index, self.resources, self.segments, generation))
        await child.expect("ready")
        child.has_begun()
        log.info("process-started", process=child.name, pid=child.pid)
        if not self.serving and self.all_begun("worker"):
            self._begin_serving()

    def _brief_control(self, child: Child) -> None:
        child.brief(
            *brief_control(
                self.path,
                self.policy.vrfs,
                self.resources,
                self.segments,
                self.policy.generation,
            )
        )
        child.has_begun()
        log.info("process-started", process=child.name, pid=child.pid)
        self.push_status()

    def _begin_serving(self) -> None:
        """Control, which is slow to start and answers nobody's DISCOVER, comes after this."""
        self.serving = True
        server, tcp = self.config.server, self.resources.tcp
        listen = endpoint(server.listen)
        http = endpoint(tcp.getsockname()) if tcp is not None else None
        log.info("ready", listen=listen, workers=server.workers, http=http, pid=os.getpid())
        self.notifier.ready(f"serving on {listen}")
        # After the link, which has a number and no process yet.
        self._spawn("control", self.store_number + 2)
        self._task(self.policy.run())

    def replace_http(self, tcp: socket.socket | None) -> None:
        """control.listen has changed: control ends, and its successor gets the new socket."""
        self.resources.replace_tcp(tcp)
        for child in self._of("control"):
            child.stop()

    # ---- deaths

    def _on_exit(self, child: Child) -> None:
        self.lookout.forget(child)
        if child.role == "worker":
            self._repair(child)
        if self._stopping:
            return
        log.error("process-died", process=child.name, pid=child.pid, how=child.how_it_ended())
        if child.role == "store":
            self._store_died(child)
        delay_s = self.restarts.delay_s(child.name, child.served_s())
        if self.restarts.again_and_again(child.name):
            text = f"{child.name} dies again and again: {child.how_it_ended()}"
            self.alarms.raise_alarm("process-restarting", text, child.name)
            if child.role == "store" and self.memory.ready:
                # Who answers DISCOVERs and can give no lease keeps others from serving.
                self.memory.store_state = StoreState.STORE_FAILING
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, self._spawn, child.role, child.index)
        else:
            self._spawn(child.role, child.index)

    def _store_died(self, child: Child) -> None:
        """Before it was ever ready nobody has seen the segments: new ones. After that its
        successor attaches to them, under living workers."""
        self.alarms.raise_alarm("store-down", f"the store ended ({child.how_it_ended()})")
        self.alarms.clear("store-failing")
        if self.memory.ready:
            self._repair(child)
            return
        self._store_exits += (child.returncode or 0) > 0
        if self._store_exits >= STORE_TRIES:
            text = f"the store ended with {child.how_it_ended()} each time it was started"
            code = EXIT_IN_USE if child.returncode == EXIT_IN_USE else EXIT_FAILED
            self.give_up(Obstacle("store-failed", text, code))
        old = self.segments
        self.segments, self.memory = make_table(self.config)
        old.close()

    def _repair(self, child: Child) -> None:
        """Frees what the dead one held, then wakes all: it may have owed somebody a wake-up."""
        if _journal.repair(self.memory, child.index):
            log.notice("record-repaired", process=child.name, pid=child.pid)
        wake(self.resources.events)

    def give_up(self, obstacle: Obstacle) -> None:
        """The start cannot succeed."""
        self._obstacle = self._obstacle or obstacle
        self._stop_wanted.set()

    # ---- what children say

    def _on_message(self, child: Child, message: Message) -> None:
        kind = message["type"]
        if kind == "reload":
            self.policy.want_reload()
        elif kind == "alarm":
            self._on_alarm(message)
        elif kind == "beat":
            child.beats += 1
            if child.beats == 1:
                self.lookout.watch(child)
        elif kind == "failed" and not self._recovered.is_set():
            exit_code = message.get("exit_code")
            code = exit_code if isinstance(exit_code, int) else EXIT_FAILED
            self.give_up(Obstacle(f"{child.role}-failed", str(message.get("text")), code))

    def _on_alarm(self, message: Message) -> None:
        """A name that is no alarm is a defect of the child, and no reason to end."""
        name, text = str(message.get("name")), str(message.get("text", ""))
        try:
            if message.get("on"):
                self.alarms.raise_alarm(name, text)
            else:
                self.alarms.clear(name)
        except KeyError:
            log.error("alarm-unknown", name=name, text=text)
        self.push_status()

    def push_status(self) -> None:
        """What control shows; lost if it does not read, the next comes in a second."""
        control = self.children.get("control")
        if control is not None and control.begun:
            control.try_send(status_message(self))

    # ---- stopping

    async def _stop(self) -> bool:
        """Workers first, which let go of what is held as the store commits it; the store last.
        True if all ended by themselves."""
        self._stopping = True
        self.notifier.stopping()
        log.info("stopping")
        for task in self._tasks:
            task.cancel()
        graceful = await self._end(self._of("worker"), WORKER_STOP_S)
        graceful &= await self._end(self._of("control"), WORKER_STOP_S)
        if not self._recovered.is_set():
            # Nothing was acknowledged, and it may be deep in a long journal.
            for child in self._of("store"):
                child.kill()
        self.notifier.extend_timeout(STORE_STOP_S)
        return graceful & await self._end(self._of("store"), STORE_STOP_S)

    async def _end(self, children: Iterable[Child], timeout_s: float) -> bool:
        """True if each ended by itself, and well."""
        living = [child for child in children if child.returncode is None]
        for child in living:
            child.stop()
        await asyncio.gather(*(child.ended(timeout_s) for child in living))
        for child in living:
            if child.returncode is None:
                log.error("process-killed", process=child.name, pid=child.pid, silent="stop")
                child.kill()
                await child.ended(timeout_s)
        return all(child.returncode == 0 for child in living)

    # ---- small things

    @property
    def store_number(self) -> int:
        """The store's process number."""
        return self.config.server.workers

    def all_begun(self, *roles: str) -> bool:
        return all(child.begun for child in self._of(*roles))

    def _of(self, *roles: str) -> list[Child]:
        return [child for child in self.children.values() if child.role in roles]

    def _task(self, work: Coroutine[None, None, None]) -> None:
        """Kept until it is done; what it did not expect ends the server, it is a defect."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, Obstacle):
            self.give_up(error)
        elif error is not None:
            self.give_up(Obstacle("internal-error", f"{type(error).__name__}: {error}"))
