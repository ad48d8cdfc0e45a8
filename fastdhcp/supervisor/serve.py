"""The supervisor, `fastdhcp serve`: starts the processes, watches them, replaces what dies.

It owns sockets and shared memory and passes the descriptors down, so that a child's death loses
neither. All of it is one thread on one event loop; what takes long of a new configuration (reading,
compiling, comparing with the leases) is done in threads beside it.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path

from fastdhcp import _journal
from fastdhcp._leases import Role, StoreState
from fastdhcp.channel import Message
from fastdhcp.config import ConfigError, load
from fastdhcp.eventfds import wake
from fastdhcp.exits import EXIT_CONFIG, EXIT_DATA, EXIT_FAILED, EXIT_IN_USE
from fastdhcp.log import capture, capture_logging, log, told
from fastdhcp.supervisor.briefing import brief_control, brief_store, brief_worker
from fastdhcp.supervisor.children import Child, ChildDied
from fastdhcp.supervisor.follow import Follower
from fastdhcp.supervisor.listeners import endpoint
from fastdhcp.supervisor.lookout import Lookout
from fastdhcp.supervisor.notify import Notifier
from fastdhcp.supervisor.obstacles import SAID, Obstacle
from fastdhcp.supervisor.policy import Policy
from fastdhcp.supervisor.reload import Reloads, log_warnings
from fastdhcp.supervisor.reserved import mark_reserved
from fastdhcp.supervisor.resources import open_resources
from fastdhcp.supervisor.segments import make_table
from fastdhcp.supervisor.server import Server
from fastdhcp.supervisor.status import push_status
from fastdhcp.words import counters_in_words

STORE_TRIES = 3
"""Ends of the store by its own fault, before it was ever ready, until the start is given up."""
STORE_FAULTS = (signal.SIGBUS, signal.SIGSEGV, signal.SIGABRT)
"""How it ends, besides an exit code, if its files are not what LMDB takes them for."""
SPAWN_AGAIN_S = 1.0
WORKER_STOP_S = 3.0
STORE_STOP_S = 30.0


def serve(config_path: Path | str, *, http_fd: int | None = None) -> int:
    """Runs the server until a signal stops it. Returns the exit code: 0, 1, 65, 75 or 78.

    ``http_fd``: a listening TCP socket that serves instead of ``control.listen``.
    """
    path = Path(config_path)
    capture()
    capture_logging()
    for number in (signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)  # until there is something to reload or to count
    try:
        config = load(path)
    except ConfigError as error:
        for problem in error.problems:
            log.error("configuration-invalid", problem=str(problem))
        return EXIT_CONFIG
    log_warnings(config)
    notifier = Notifier()
    try:
        resources = open_resources(config, http_fd)
        try:
            server = Server(path, config, resources, notifier, *make_table(config))
            return asyncio.run(Supervisor(server).run())
        finally:
            resources.close()
    except Obstacle as obstacle:
        if obstacle.event != SAID:
            log.error(obstacle.event, text=str(obstacle))
        notifier.status(str(obstacle))
        return obstacle.exit_code


class Supervisor:
    """Runs from opened resources to the last child's end."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lookout = Lookout(server)
        self._policy = Policy(server)
        self._reloads = Reloads(server, self._policy)
        self._follower = Follower(server, self._policy)
        for text in server.warnings:
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
        loop.set_exception_handler(self._on_callback_error)
        for number, act in self._signals().items():
            loop.add_signal_handler(number, act)
        self._spawn("store", self._server.store_number)
        for index in range(self._server.config.server.workers):
            self._spawn("worker", index)
        self._task(self._lookout.run())
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
            signal.SIGHUP: self._reloads.want,
            signal.SIGUSR1: self._log_counters,
        }

    def _interrupted(self) -> None:
        """The first asks, the second ends."""
        if self._stop_wanted.is_set():
            for child in self._server.children.values():
                child.kill()
        self._stop_wanted.set()

    def _log_counters(self) -> None:
        memory, segments = self._server.memory, self._server.segments
        log.info("counters", **counters_in_words(memory.counters()))
        log.info("memory", blocks=memory.block_count, touched=segments.touched())

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
        self._server.children[child.name] = child
        self._task(self._bring_up(child))

    async def _bring_up(self, child: Child) -> None:
        """Its death meanwhile is no matter here: _on_exit has seen to it. What nobody foresaw
        ends the process, which is then started anew; and the server, if it never served."""
        try:
            if child.role == "store":
                await self._bring_up_store(child)
            elif child.role == "worker":
                await self._bring_up_worker(child)
            else:
                self._brief_control(child)
        except ChildDied:
            return
        except Exception as error:
            if isinstance(error, Obstacle) or not self._server.serving:
                raise
            self._server.defects.note(f"start of {child.name}", error)
            child.kill()

    async def _bring_up_store(self, child: Child) -> None:
        self._lookout.watch(child)
        child.send(*brief_store(self._server))
        ids = await child.expect("ids")
        generation = await self._policy.first(ids)
        await mark_reserved(self._server.memory, generation)  # in segments that may be new
        self._server.memory.set_image(generation.image, generation.reservations)
        image = {"type": "image", "generation": generation.number, "reindex": False}
        child.brief({**image, "blocks": generation.config.block_count}, generation.fds())
        await child.expect("ready")
        child.has_begun()
        self._server.alarms.clear("store-down")
        self._recovered.set()

    async def _bring_up_worker(self, child: Child) -> None:
        """It waits for the table to be whole; its interpreter has started by then."""
        await self._recovered.wait()
        if child.returncode is not None:
            return
        self._lookout.watch(child)
        child.brief(*brief_worker(self._server, child.index))
        await child.expect("ready")
        child.has_begun()
        log.info("process-started", process=child.name, pid=child.pid)
        if not self._server.serving and self._server.all_begun("worker"):
            self._begin_serving()

    def _brief_control(self, child: Child) -> None:
        self._lookout.watch(child)
        child.brief(*brief_control(self._server))
        child.has_begun()
        log.info("process-started", process=child.name, pid=child.pid)
        push_status(self._server)

    def _begin_serving(self) -> None:
        """Control, which is slow to start and answers nobody's DISCOVER, comes after this."""
        server = self._server
        server.serving = True
        config, tcp = server.config.server, server.resources.tcp
        listen = endpoint(config.listen)
        http = endpoint(tcp.getsockname()) if tcp is not None else None
        log.info("ready", listen=listen, workers=config.workers, http=http, pid=os.getpid())
        server.notifier.ready(f"serving on {listen}")
        self._spawn("control", config.workers + Role.ROLE_CONTROL)
        self._task(self._follower.run())
        self._task(self._reloads.run())

    # ---- deaths

    def _on_exit(self, child: Child) -> None:
        server = self._server
        self._lookout.forget(child)
        if child.role == "worker":
            self._repair(child)
        if self._stopping:
            return
        if child.stopped:  # control, whose socket a reload has replaced
            log.info("process-stopped", process=child.name, pid=child.pid)
            self._spawn(child.role, child.index)
            return
        if child.returncode == EXIT_DATA and not server.memory.ready:
            self.give_up(Obstacle(SAID, child.last_words, EXIT_DATA))  # by the store
            return
        log.error("process-died", process=child.name, pid=child.pid, how=child.how_it_ended())
        if child.role == "store":
            self._store_died(child)
        now_s = time.monotonic()
        delay_s = server.restarts.delay_s(child.name, child.served_s(), now_s)
        if server.restarts.again_and_again(child.name):
            often = server.restarts.recent(child.name)
            text = f"{child.name} has died {often}, the last time: {child.how_it_ended()}"
            server.alarms.raise_alarm("process-restarting", text, child.name)
        if delay_s and child.role == "store" and server.memory.ready:
            # Who answers DISCOVERs and can give no lease keeps others from serving. A successor
            # that comes at once is there before anybody asks again.
            server.memory.store_state = StoreState.STORE_FAILING
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, self._spawn, child.role, child.index)
        else:
            self._spawn(child.role, child.index)

    def _store_died(self, child: Child) -> None:
        """Before it was ever ready nobody has seen the segments: new ones. After that its
        successor attaches to them, under living workers."""
        server = self._server
        server.alarms.raise_alarm("store-down", f"the store ended ({child.how_it_ended()})")
        for name in ("store-failing", "store-files"):
            server.alarms.clear(name)
        if server.memory.ready:
            self._repair(child)
            return
        code = child.returncode or 0
        self._store_exits += code > 0 or -code in STORE_FAULTS
        if self._store_exits >= STORE_TRIES:
            text = child.last_words or (
                f"the store ended with {child.how_it_ended()} each time it was started: its disk "
                f"cannot be read, or {server.config.server.state_directory}/leases is damaged"
            )
            code = EXIT_IN_USE if child.returncode == EXIT_IN_USE else EXIT_FAILED
            self.give_up(Obstacle("store-failed", text, code))
        old = server.segments
        server.segments, server.memory = make_table(server.config)
        old.close()

    def _repair(self, child: Child) -> None:
        """Frees what the dead one held, then wakes all: it may have owed somebody a wake-up."""
        if _journal.repair(self._server.memory, child.index):
            log.notice("record-repaired", process=child.name, pid=child.pid)
        wake(self._server.resources.events)

    def give_up(self, obstacle: Obstacle) -> None:
        """The start cannot succeed."""
        self._obstacle = self._obstacle or obstacle
        self._stop_wanted.set()

    # ---- what children say

    def _on_message(self, child: Child, message: Message) -> None:
        kind = message["type"]
        if kind == "reload":
            number = message.get("number")
            self._reloads.want((child, number) if isinstance(number, int) else None)
        elif kind == "alarm":
            self._on_alarm(message)
        elif kind == "last-words":
            child.last_words = str(message.get("text"))
        elif kind == "failed" and not self._recovered.is_set():
            exit_code = message.get("exit_code")
            code = exit_code if isinstance(exit_code, int) else EXIT_FAILED
            self.give_up(Obstacle(f"{child.role}-failed", str(message.get("text")), code))

    def _on_alarm(self, message: Message) -> None:
        """A name that is no alarm is a defect of the child, and no reason to end."""
        name, text = str(message.get("name")), str(message.get("text", ""))
        try:
            if message.get("on"):
                self._server.alarms.raise_alarm(name, text)
            else:
                self._server.alarms.clear(name)
        except KeyError:
            log.error("alarm-unknown", name=name, text=text)
        push_status(self._server)

    # ---- stopping

    async def _stop(self) -> bool:
        """Workers first, which let go of what is held as the store commits it; the store last.
        True if all ended by themselves."""
        self._stopping = True
        self._server.notifier.stopping()
        log.info("stopping")
        for task in self._tasks:
            task.cancel()
        graceful = await self._end(self._server.of("worker"), WORKER_STOP_S)
        graceful &= await self._end(self._server.of("control"), WORKER_STOP_S)
        if not self._recovered.is_set():
            # Nothing was acknowledged, and it may be deep in a long journal.
            for child in self._server.of("store"):
                child.kill()
        self._server.notifier.extend_timeout(STORE_STOP_S)
        return graceful & await self._end(self._server.of("store"), STORE_STOP_S)

    async def _end(self, children: Iterable[Child], timeout_s: float) -> bool:
        """True if each ended by itself, and well."""
        living = [child for child in children if child.returncode is None]
        for child in living:
            child.stop()
        await asyncio.gather(*(child.ended(timeout_s) for child in living))
        for child in living:
            if child.returncode is None:
                text = f"it did not stop within {timeout_s:g} s"
                log.error("process-killed", process=child.name, pid=child.pid, text=text)
                child.kill()
                await child.ended(timeout_s)
        return all(child.returncode == 0 for child in living)

    # ---- small things

    def _task(self, work: Coroutine[None, None, None]) -> None:
        """Kept until it is done. What it did not foresee ends a server that never served."""
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
        elif error is not None and not self._server.serving:
            self.give_up(Obstacle("internal-error", told(error)))
        elif error is not None:
            self._server.defects.note("a task that should not end", error)

    def _on_callback_error(
        self, loop: asyncio.AbstractEventLoop, context: dict[str, object]
    ) -> None:
        """The loop goes on by itself."""
        error = context.get("exception")
        if not isinstance(error, BaseException):
            error = RuntimeError(str(context.get("message")))
        self._server.defects.note("event loop", error)
