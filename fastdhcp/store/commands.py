"""What an operator tells the store to do, through control: changes that only the store makes.

A command is one msgpack map: ``{"id": 7, "command": "release", "vrf": 0, "address": 181206017,
"now": false}``. Its answer, ``{"id": 7, "result": "pending"}`` or ``{"id": 7, "error": "why"}``,
leaves when the change is on disk.
"""

import contextlib
import os
import socket

import msgpack

from fastdhcp import _store
from fastdhcp._leases import StoreState
from fastdhcp._memory import Memory

COMMAND_SIZE_MAX = 64 << 10
HEAR_MAX = 64
"""Commands heard between two commits."""

Answer = dict[str, object]


class Commands:
    """The socket to control, and the answers that wait for the disk."""

    def __init__(self, fd: int | None, memory: Memory) -> None:
        self._socket = None if fd is None else socket.socket(fileno=os.dup(fd))
        if self._socket is not None:
            self._socket.setblocking(False)
        self._memory = memory
        self._waiting: list[tuple[int, Answer]] = []  # position in the own ring, answer

    def filenos(self) -> list[int]:
        return [] if self._socket is None else [self._socket.fileno()]

    def hear(self) -> None:
        """Carries out what has come."""
        for _ in range(HEAR_MAX):
            if self._socket is None:
                return
            try:
                data = self._socket.recv(COMMAND_SIZE_MAX)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._socket.close()
                self._socket = None
                return
            self._carry_out(data)

    def answer_durable(self) -> None:
        """Sends the answers whose changes are on disk."""
        if not self._waiting:
            return
        durable = self._memory.ring_durable(self._memory.process)
        ready = [answer for position, answer in self._waiting if position <= durable]
        self._waiting = [pair for pair in self._waiting if pair[0] > durable]
        for answer in ready:
            self._send(answer)

    def _carry_out(self, data: bytes) -> None:
        answer: Answer = {"id": None}
        try:
            command = msgpack.unpackb(data)
            answer["id"] = command["id"]
            answer["result"] = self._do(command)
        except (TimeoutError, BlockingIOError) as error:
            answer["error"] = str(error)
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            answer["error"] = f"this is no command: {error!r}"
        if "result" not in answer:
            self._send(answer)
            return
        self._waiting.append((self._memory.ring_head(self._memory.process), answer))
        self.answer_durable()

    def _do(self, command: dict[str, object]) -> str:
        if command["command"] != "release":
            raise ValueError(f"command {command['command']!r}: release is known")
        if self._memory.store_state != StoreState.STORE_OK:
            raise BlockingIOError("the store cannot write to its disk; nothing was changed")
        vrf, address, now = command["vrf"], command["address"], command.get("now", False)
        if not isinstance(vrf, int) or not isinstance(address, int):
            raise TypeError("vrf and address are numbers")
        return _store.end_lease(self._memory, vrf, address, bool(now))

    def _send(self, answer: Answer) -> None:
        # Control asks again if an answer is lost: a release of what is free is no harm.
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.send(msgpack.packb(answer))
