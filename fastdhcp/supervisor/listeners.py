"""Sockets that outlive the children: UDP of the workers, frames to clients, control's listeners.

The supervisor opens them and passes them down. A worker that dies leaves its socket, its place in
the steering and its queued packets to its replacement; nothing is ever steered anew.
"""

import contextlib
import errno
import os
import socket
import stat
import struct
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from fastdhcp.bpf import attach_steering
from fastdhcp.exits import EXIT_IN_USE
from fastdhcp.ports import bound_sockets, port_inodes
from fastdhcp.supervisor.obstacles import (
    CAP_NET_RAW,
    Obstacle,
    cannot_bind,
    http_refused,
    missing_capability,
    port_taken,
)
from fastdhcp.supervisor.rivals import rivals

# Linux, asm-generic/socket.h and linux/in.h; not in every version of the socket module.
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
SO_TIMESTAMPNS = 35
IP_PKTINFO = 8
UDP_GRO = 104
IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0
SEND_BUFFER = 8 << 20
"""Octets a socket. A reply to an address that does not answer ARP stays in it for three seconds:
the default 208 KB would be full after some 270 such, and then nobody would be answered."""
CONTROL_BACKLOG = 128
UNIX_PATH_MAX = 107
"""Octets of a path in sockaddr_un, without its NUL."""
RECEIVE_BUFFER_LOW = 4 << 20
"""Octets of receive buffer under which a storm is lost before anybody sees it: warn."""


def probe_port(address: str, port: int, served: Collection[int] = ()) -> bool:
    """Raises Obstacle if the port is refused, or another takes packets of it that are ours.

    True: the kernel tells who is bound to which device, so the port may be shared with who is in
    nobody's way (``served``: indices of our interfaces). False: it is to be ours alone. Without
    this look a second server would join the group without an error and take half of the packets.
    """
    try:
        found = rivals(bound_sockets(port), address, served, ())
    except OSError:
        found, shared = set(), False
    else:
        shared = True
    if found:
        raise port_taken(address, port, found)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, shared)
        _bind(probe, address, port)
    return shared


def open_group(
    address: str,
    port: int,
    count: int,
    receive_buffer: int,
    served: Collection[int] | None = None,
) -> list[socket.socket]:
    """``count`` UDP sockets that share the port, steered by chaddr, in the order of the workers.

    ``served``: see probe_port(); None shares the port with nobody. Raises Obstacle, also when
    another server bound the port between the probe and now.
    """
    group: list[socket.socket] = []
    try:
        for index in range(count):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            group.append(sock)
            _prepare(sock, receive_buffer)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, served is not None)
            attach_steering(sock, index, count)
            _bind(sock, address, port)
        if others := _others(address, port, inodes(group), served):
            raise port_taken(address, port, others)
    except BaseException:
        for sock in group:
            sock.close()
        raise
    return group


def inodes(group: Iterable[socket.socket]) -> set[int]:
    """By which the kernel tells sockets apart."""
    return {os.fstat(sock.fileno()).st_ino for sock in group}


def _others(
    address: str, port: int, own: Collection[int], served: Collection[int] | None
) -> set[int]:
    if served is not None:
        return rivals(bound_sockets(port), address, served, own)
    return port_inodes(port, "udp") - set(own) if address == "0.0.0.0" else set()


def open_frames(count: int) -> list[socket.socket]:
    """Packet sockets for sending frames to clients that have no address yet.

    Protocol 0: one that is bound to a protocol would receive every frame. The kernel writes the
    Ethernet header (SOCK_DGRAM), so any kind of link that has addresses will do. Raises Obstacle.
    """
    try:
        flags = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        return [socket.socket(socket.AF_PACKET, flags, 0) for _ in range(count)]
    except PermissionError as error:
        purpose = "to send to clients that have no address yet"
        raise missing_capability(CAP_NET_RAW, purpose) from error
    except OSError as error:  # no descriptor left, say
        text = f"cannot open {count} packet sockets: {error.strerror}"
        raise Obstacle("listen-failed", text) from error


def receive_buffer(sock: socket.socket) -> int:
    """Octets that the kernel gives the socket for packets and their bookkeeping."""
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def buffer_warnings(size: int) -> list[str]:
    """What to say of a receive buffer of so many octets: nothing if it will do."""
    if size >= RECEIVE_BUFFER_LOW:
        return []
    return [
        f"a receive buffer is {size >> 10} KB, too little for a storm: raise receive-buffer, and "
        "give CAP_NET_ADMIN or raise net.core.rmem_max"
    ]


def endpoint(address: Sequence[object]) -> str:
    """A socket's address as one writes it."""
    host, port = str(address[0]), address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def open_unix(path: Path) -> socket.socket:
    """The control socket, listening; one that a dead server left behind is replaced.

    Raises Obstacle: the path is too long, no socket, or somebody listens there.
    """
    if len(os.fsencode(path)) > UNIX_PATH_MAX:
        text = f"{path} is longer than the {UNIX_PATH_MAX} octets of a socket's path"
        raise Obstacle("control-socket-failed", f"{text}: choose a shorter runtime-directory")
    _clear_path(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.bind(os.fspath(path))
        path.chmod(0o660)
        sock.listen(CONTROL_BACKLOG)
    except OSError as error:
        sock.close()
        text = f"cannot listen on {path}: {error.strerror}"
        raise Obstacle("control-socket-failed", text) from error
    return sock


def open_tcp(address: str, port: int, before: socket.socket | None = None) -> socket.socket:
    """The HTTP socket, listening. Raises Obstacle.

    ``before``: the one that it takes the place of, which listens on. Where one has an address of
    the port and the other all of them, they are in each other's way but for SO_REUSEPORT, which
    both have only meanwhile: no other program is to share the port.
    IPPROTO_TCP is named: without it asyncio would leave Nagle's algorithm on.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK
    sock = socket.socket(family, kind, socket.IPPROTO_TCP)
    both = [sock]
    if before is not None and before.getsockname()[1] == port:
        both.append(before)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _share_port(both, len(both) > 1)
        sock.bind((address, port))
        sock.listen(CONTROL_BACKLOG)
        _share_port(both, False)
    except OSError as error:
        _share_port(both, False)
        sock.close()
        raise http_refused(error, address, port) from error
    return sock


def _share_port(sockets: Iterable[socket.socket], shared: bool) -> None:
    for sock in sockets:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)


def adopt_tcp(fd: int) -> socket.socket:
    """A listening TCP socket that whoever started us opened. Raises Obstacle if it is none."""
    try:
        # Its family and kind are read from it; the protocol is not, on every Python.
        found = socket.socket(fileno=fd)
        found.setblocking(False)
        listening = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise Obstacle("http-failed", f"descriptor {fd}: {error.strerror}") from error
    if found.type != socket.SOCK_STREAM or not listening:
        raise Obstacle("http-failed", f"descriptor {fd} is no listening TCP socket")
    os.set_inheritable(fd, False)
    return found


def _prepare(sock: socket.socket, receive_buffer: int) -> None:
    # Forced beyond net.core.rmem_max with CAP_NET_ADMIN; else as much as that allows.
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, struct.pack("i", 1))
    # Packets that follow each other from one relay agent are handed over together. All sockets of
    # the group have this or, before Linux 5.0, none: of a broadcast train each takes the whole or
    # nothing, by its first packet.
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
    # A reply longer than some link on its way is fragmented, never refused by path MTU discovery.
    sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)


def _bind(sock: socket.socket, address: str, port: int) -> None:
    try:
        sock.bind((address, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise port_taken(address, port) from error
        raise cannot_bind(error, address, port) from error


def _clear_path(path: Path) -> None:
    """Removes a socket that nobody listens on any more."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            text = f"{path} is in the way and no socket: move it, or change runtime-directory"
            raise Obstacle("control-socket-failed", text)
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(os.fspath(path))
        except BlockingIOError:
            pass  # its backlog is full: somebody listens, and is busy
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            return
    text = f"another server listens on {path}: stop it, or choose another runtime-directory"
    raise Obstacle("control-socket-in-use", text, EXIT_IN_USE)
