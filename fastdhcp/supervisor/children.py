"""One child process: spawned, spoken to, its end noticed.

Children are spawned from the main thread, where the event loop runs: the kernel ties their death
to the thread that spawned them (PR_SET_PDEATHSIG). They stay in the supervisor's process group.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from fastdhcp import __version__
from fastdhcp.channel import Channel, ChannelError, Message, close_all
from fastdhcp.process import IGNORED


class ChildDied(Exception):
    """It ended before it said what was waited for."""


class Child:
    """A process that runs one role; ``index`` is its process number.

    ``on_exit`` is called once, with the child, after it is reaped. ``on_message`` gets what nobody
    expects; descriptors that come are closed (none are due).
    """

    def __init__(self, role: str, index: int) -> None:
        self.role = role
        self.index = index
        self.since = time.time()
        self.briefed = False
        self.begun = False
        self.stopped = False
        self.last_words = ""
        self._killed = ""
        self._begun_s = 0.0
        self.on_message: Callable[[Child, Message], None] = lambda child, message: None
        self.on_exit: Callable[[Child], None] = lambda child: None
        self._expected: dict[str, tuple[asyncio.Future[Message], int | None]] = {}
        self._exited: asyncio.Event | None = None
        ours, theirs = Channel.pair()
        self.channel = ours
        # -P: what lies in the current directory is not to be imported, least of all by root.
        module = ["-P", "-m", "fastdhcp.process"]
        argv = [sys.executable, *module, role, str(index), str(theirs.fileno()), __version__]
        # Blocked until it ignores them: a signal to the whole group must not end one that is still
        # starting. The mask goes through exec, a handler would not.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED)
        try:
            fd = theirs.fileno()
            self._popen = subprocess.Popen(argv, pass_fds=[fd], stdin=subprocess.DEVNULL)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
        self.pid = self._popen.pid
        try:
            self._pidfd = os.pidfd_open(self.pid)
        except OSError:
            self._popen.kill()  # nobody could see its end
            self._popen.wait()
            raise
        self.channel.setblocking(False)

    @property
    def name(self) -> str:
        return f"{self.role}-{self.index}" if self.role == "worker" else self.role

    @property
    def returncode(self) -> int | None:
        return self._popen.returncode

    def attach(self) -> None:
        """Has the running event loop follow channel and end."""
        loop = asyncio.get_running_loop()
        self._exited = asyncio.Event()
        loop.add_reader(self.channel.fileno(), self._readable)
        loop.add_reader(self._pidfd, self._ended)

    def send(self, message: Message, fds: Mapping[str, int] | None = None) -> None:
        """Sends without waiting. A child that does not read what it is told, while hundreds of
        messages wait, is killed; one that is dead already is left to its end."""
        try:
            self.channel.send(message, fds)
        except BlockingIOError:
            self.kill("did not read what it was told, and was ended by the server")
        except OSError:
            return

    def brief(self, message: Message, fds: Mapping[str, int]) -> None:
        """Sends what it starts with; from then on it is to hear of changes."""
        self.send(message, fds)
        self.briefed = True

    def has_begun(self) -> None:
        """It is at work."""
        self.begun = True
        self._begun_s = time.monotonic()

    def served_s(self) -> float:
        """Seconds that it has been at work; 0 if it never was."""
        return time.monotonic() - self._begun_s if self.begun else 0.0

    def try_send(self, message: Message) -> bool:
        """Sends what may be lost. False if it was."""
        try:
            self.channel.send(message)
        except OSError:
            return False
        return True

    async def expect(self, kind: str, number: int | None = None) -> Message:
        """The next message of this type, and with this number if one is given: an answer to who
        has given up is not taken for the next one's. Raises ChildDied."""
        if self._exited is None or self._exited.is_set():
            raise ChildDied(self.name)
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._expected[kind] = future, number
        try:
            return await future
        finally:
            self._expected.pop(kind, None)

    async def ended(self, timeout_s: float) -> bool:
        """Waits for its end. False: it lives on."""
        if self._exited is None:
            return self._popen.poll() is not None
        try:
            await asyncio.wait_for(self._exited.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    def stop(self) -> None:
        """Asks it to stop; its end is then no death."""
        self.stopped = True
        self.send({"type": "stop"})

    def kill(self, why: str = "") -> None:
        """``why``: what is said of its end, instead of the signal."""
        self._killed = self._killed or why
        if self._popen.returncode is None:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def how_it_ended(self) -> str:
        code = self._popen.returncode
        if code is None:
            return "running"
        if code >= 0:
            return self.last_words or f"exit code {code}"
        if code == -signal.SIGKILL and self._killed:
            return self._killed
        return f"signal {signal.Signals(-code).name}"

    def _readable(self) -> None:
        """Takes all that has come: the kernel says once for many."""
        while True:
            try:
                received = self.channel.receive()
            except BlockingIOError:
                return
            except (ChannelError, OSError):
                self.kill()  # it speaks another language: the pidfd tells of its end
                received = None
            if received is None:
                asyncio.get_running_loop().remove_reader(self.channel.fileno())
                return
            message, fds = received
            close_all(fds.values())
            self._dispatch(message)

    def _dispatch(self, message: Message) -> None:
        future, number = self._expected.get(str(message["type"]), (None, None))
        if future is not None and not future.done() and number in (None, message.get("number")):
            future.set_result(message)
        else:
            self.on_message(self, message)

    def _ended(self) -> None:
        if self._popen.poll() is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._pidfd)
        self._drain()
        loop.remove_reader(self.channel.fileno())
        os.close(self._pidfd)
        self.channel.close()
        for future, _ in self._expected.values():
            if not future.done():
                future.set_exception(ChildDied(f"{self.name}: {self.how_it_ended()}"))
        assert self._exited is not None
        self._exited.set()
        self.on_exit(self)

    def _drain(self) -> None:
        """What it said last is heard before its end is."""
        self._readable()
