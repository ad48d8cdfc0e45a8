"""What the supervisor opens once and keeps whatever child dies: lock, sockets, wake-ups.

Opening is also the test of what stands in the way: see obstacles.py.
"""

import contextlib
import dataclasses
import errno
import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from fastdhcp._leases import ROLES_WITH_RING
from fastdhcp.channel import close_all
from fastdhcp.config.model import Configuration
from fastdhcp.eventfds import make_events
from fastdhcp.exits import EXIT_IN_USE
from fastdhcp.interfaces import read_interfaces
from fastdhcp.supervisor.links import served_links, wants_links
from fastdhcp.supervisor.listeners import (
    adopt_tcp,
    open_frames,
    open_group,
    open_tcp,
    open_unix,
    probe_port,
)
from fastdhcp.supervisor.obstacles import Obstacle, state_directory_taken
from fastdhcp.words import printable

PATIENCE_S = 1.0
"""A predecessor that is just ending gets so long to give up lock and port."""
RETRY_S = 0.05
LOCK_NAME = "supervisor.lock"
CONTROL_NAME = "control.sock"

T = TypeVar("T")


@dataclasses.dataclass
class Resources:
    """Open for the life of the server. ``commands``: the store's end, control's end; ``shared``:
    whether others may bind the port too, see rivals.py."""

    lock: int
    udp: list[socket.socket]
    shared: bool
    frames: list[socket.socket]
    unix: socket.socket
    unix_path: Path
    tcp: socket.socket | None
    events: list[int]
    commands: tuple[socket.socket, socket.socket]

    def replace_tcp(self, tcp: socket.socket | None) -> None:
        if self.tcp is not None:
            self.tcp.close()
        self.tcp = tcp

    def close(self) -> None:
        """Gives everything up; the control socket's name goes too, the lock last."""
        with contextlib.suppress(OSError):
            self.unix_path.unlink()
        _close_sockets([*self.udp, *self.frames, self.unix, *self.commands])
        if self.tcp is not None:
            self.tcp.close()
        close_all([*self.events, self.lock])


def open_resources(config: Configuration, http_fd: int | None = None) -> Resources:
    """Raises Obstacle, and has then left nothing open, nor a control socket.

    ``http_fd``: a listening TCP socket to use instead of opening control.listen.
    """
    server = config.server
    with contextlib.ExitStack() as undo:
        _make_directory(server.state_directory, "state-directory")
        lock = _patiently(lambda: lock_directory(server.state_directory))
        undo.callback(os.close, lock)
        served = {interface.index for interface in served_links(config, read_interfaces())}
        shared = _patiently(lambda: probe_port(*server.listen, served))
        room, let_in = server.receive_buffer, served if shared else None
        udp = open_group(*server.listen, server.workers, room, let_in)
        undo.callback(_close_sockets, udp)
        frames = open_frames(server.workers) if wants_links(config) else []
        undo.callback(_close_sockets, frames)
        _make_directory(server.runtime_directory, "runtime-directory")
        path = server.runtime_directory / CONTROL_NAME
        unix = open_unix(path)
        undo.callback(unix.close)
        undo.callback(path.unlink, missing_ok=True)
        tcp = None
        if http_fd is not None:
            tcp = adopt_tcp(http_fd)
        elif config.control.listen is not None:
            tcp = open_tcp(*config.control.listen)
        # Workers, the store, the link (which has a place, and no process yet).
        events = make_events(server.workers + ROLES_WITH_RING)
        commands = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        undo.pop_all()
    return Resources(lock, udp, shared, frames, unix, path, tcp, events, commands)


def lock_directory(directory: Path) -> int:
    """An exclusive lock on the state directory for the life of the descriptor; no child inherits
    it. Raises Obstacle, with exit code 75 if another holds it."""
    try:
        fd = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise _cannot_use(directory, "state-directory", error) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        text = os.pread(fd, 32, 0).strip()
        os.close(fd)
        raise state_directory_taken(directory, int(text) if text.isdigit() else None) from error
    try:
        os.ftruncate(fd, 0)
        os.pwrite(fd, b"%d\n" % os.getpid(), 0)  # for the words of who comes next
    except OSError as error:  # the disk is full, say
        os.close(fd)
        raise _cannot_use(directory, "state-directory", error) from error
    return fd


def _patiently(attempt: Callable[[], T]) -> T:
    """Tries until PATIENCE_S is over while the obstacle is a process that may be ending."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return attempt()
        except Obstacle as obstacle:
            if obstacle.exit_code != EXIT_IN_USE or time.monotonic() >= deadline:
                raise
        time.sleep(RETRY_S)


def _close_sockets(sockets: Iterable[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


def _make_directory(directory: Path, key: str) -> None:
    try:
        os.fsencode(directory).decode()
    except UnicodeDecodeError as error:
        text = f"{printable(str(directory))} is not valid UTF-8, and the database needs that"
        raise Obstacle(f"{key}-failed", f"{text}: change server.{key}") from error
    try:
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_use(directory, key, error) from error


def _cannot_use(directory: Path, key: str, error: OSError) -> Obstacle:
    cure = "make it" if error.errno == errno.ENOENT else "correct that"
    text = f"cannot use {directory}: {error.strerror}: {cure}, or change server.{key}"
    return Obstacle(f"{key}-failed", text)
