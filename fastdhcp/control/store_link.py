"""The way to the store, which alone changes leases on an operator's word.

One msgpack map each way; answers are told apart by `id` and come when the change is durable.
"""

import asyncio
import secrets
import socket

import msgpack

from fastdhcp.control.errors import CommandError, Kind

ANSWER_S = 5.0
"""A store that died is at work again within 2 s; what it had not heard by then is lost."""
ANSWER_SIZE_MAX = 64 << 10


class StoreLink:
    """Control's end of the command socket. Used from one event loop; takes the socket over."""

    def __init__(self, sock: socket.socket, answer_s: float = ANSWER_S) -> None:
        self._socket = sock
        self._socket.setblocking(False)
        self._answer_s = answer_s
        self._waiting: dict[int, asyncio.Future[dict[str, object]]] = {}
        # Answers to a control that died may still come: they must not meet a number in use.
        self._next_id = secrets.randbits(48)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    async def ask(self, command: str, **fields: object) -> object:
        """The store's result. Raises CommandError: it refuses, does not read, or is silent."""
        number = self._next_id = self._next_id + 1
        future: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            self._socket.send(msgpack.packb({"id": number, "command": command, **fields}))
            answer = await asyncio.wait_for(future, self._answer_s)
        except TimeoutError:
            text = f"the store did not answer within {self._answer_s:g} s; see `status`"
            raise CommandError(Kind.NO_ANSWER, text) from None
        except OSError as error:
            text = f"the store cannot be reached: {error.strerror}; try again"
            raise CommandError(Kind.BUSY, text) from error
        finally:
            del self._waiting[number]
        if "error" in answer:
            raise CommandError(Kind.BUSY, str(answer["error"]))
        return answer.get("result")

    def _readable(self) -> None:
        while True:
            try:
                data = self._socket.recv(ANSWER_SIZE_MAX)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:  # the supervisor holds the other end open: it is stopping
                asyncio.get_running_loop().remove_reader(self._socket.fileno())
                return
            answer = msgpack.unpackb(data)
            future = self._waiting.get(answer["id"])
            if future is not None and not future.done():
                future.set_result(answer)
