"""The supervisor's channel to a child: msgpack maps and file descriptors over a Unix socket.

A message is one SOCK_SEQPACKET datagram: a map with at least ``type``. Descriptors travel with it
by SCM_RIGHTS; ``fds`` in the map names them in order. A map that is too large for a datagram (the
kernel bounds it by the send buffer) goes as a memfd that travels like any other descriptor.

Text that is no UTF-8 (of a path, say) comes escaped, for people to read.
"""

import array
import contextlib
import os
import socket
from collections.abc import Iterable, Mapping

import msgpack

MESSAGE_SIZE_MAX = 32 * 1024
"""Octets that go into the datagram itself; the default send buffer takes 208 KB."""
FDS_MAX = 253
"""SCM_MAX_FD of the kernel: descriptors in one message."""
_BODY = "body"

Message = dict[str, object]


class ChannelError(Exception):
    """What came is no message: not a map with a type, or its descriptors are not all there."""


class Channel:
    """One end. Blocking unless the socket it is made of is not."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    @classmethod
    def pair(cls) -> tuple["Channel", "Channel"]:
        """Two ends, neither inherited by a child unless it is passed on by its number."""
        a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(a), cls(b)

    @classmethod
    def from_fd(cls, fd: int) -> "Channel":
        """Takes ``fd`` over."""
        return cls(socket.socket(fileno=fd))

    def fileno(self) -> int:
        return self._socket.fileno()

    def setblocking(self, flag: bool) -> None:
        self._socket.setblocking(flag)

    def close(self) -> None:
        self._socket.close()

    def send(self, message: Message, fds: Mapping[str, int] | None = None) -> None:
        """Sends ``message``, with ``fds`` by name; they stay open here.

        Raises BlockingIOError if the other end does not read and the socket does not block,
        BrokenPipeError or ConnectionResetError if it is closed.
        """
        named = dict(fds or {})
        if len(named) >= FDS_MAX:
            raise ValueError(f"{len(named)} descriptors in one message: at most {FDS_MAX - 1}")
        whole = {**message, "fds": list(named)} if named else message
        data = msgpack.packb(whole, unicode_errors="backslashreplace")
        if len(data) <= MESSAGE_SIZE_MAX:
            self._send(data, named.values())
            return
        body = _body_of(data)
        try:
            self._send(msgpack.packb({"type": _BODY}), [*named.values(), body])
        finally:
            os.close(body)

    def receive(self) -> tuple[Message, dict[str, int]] | None:
        """The next message and its descriptors by name, which are the caller's from now on.

        None: the other end is closed. Raises BlockingIOError if there is none and the socket does
        not block, ChannelError if what came is no message.
        """
        found = self._receive()
        if found is None:
            return None
        data, numbers = found
        try:
            message = _unpack(data)
            if message["type"] == _BODY:
                message = _unpack(_read_body(numbers))
            names = message.pop("fds", [])
            if not isinstance(names, list) or len(names) != len(numbers):
                raise ChannelError(f"{len(numbers)} descriptors came with {message['type']!r}")
        except ChannelError:
            close_all(numbers)
            raise
        return message, dict(zip(names, numbers, strict=True))

    def _send(self, data: bytes, numbers: Iterable[int]) -> None:
        rights = array.array("i", numbers)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if rights else []
        self._socket.sendmsg([data], ancillary, socket.MSG_NOSIGNAL)

    def _receive(self) -> tuple[bytes, list[int]] | None:
        rights = array.array("i")
        room = socket.CMSG_LEN(FDS_MAX * rights.itemsize)
        try:
            data, ancillary, flags, _ = self._socket.recvmsg(
                MESSAGE_SIZE_MAX, room, socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionResetError:
            return None
        for level, kind, piece in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                rights.frombytes(piece[: len(piece) // rights.itemsize * rights.itemsize])
        numbers = rights.tolist()
        if flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC):
            close_all(numbers)
            raise ChannelError("a message was cut off: too long, or no descriptors left here")
        return (data, numbers) if data else None


def close_all(numbers: Iterable[int]) -> None:
    """Closes descriptors, whatever becomes of any of them."""
    for number in numbers:
        with contextlib.suppress(OSError):
            os.close(number)


def _body_of(data: bytes) -> int:
    fd = os.memfd_create("message", os.MFD_CLOEXEC)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    return fd


def _read_body(numbers: list[int]) -> bytes:
    if not numbers:
        raise ChannelError("the body of a message is missing")
    fd = numbers.pop()
    try:
        return os.pread(fd, os.fstat(fd).st_size, 0)
    finally:
        os.close(fd)


def _unpack(data: bytes) -> Message:
    try:
        message = msgpack.unpackb(data)
    except (ValueError, msgpack.UnpackException) as error:
        raise ChannelError(f"not msgpack: {error}") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ChannelError("not a map with a type")
    return message
