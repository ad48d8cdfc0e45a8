"""By hand, for tests and tools: replies made, held until they are durable, received and sent."""

from collections.abc import Iterable
from typing import Any, Self

from fastdhcp._memory import Memory
from fastdhcp.config.compile import Compiled

WAYS: dict[str, int]

class ReplyMaker:
    """Makes replies by a policy image, as a worker does, with a cache of bodies of its own."""

    def __new__(cls, policy: Compiled | bytes) -> Self: ...
    def set_image(self, policy: Compiled | bytes) -> None: ...
    @property
    def misses(self) -> int: ...
    def make(
        self,
        request: bytes,
        *,
        reply_type: int,
        server_id: int,
        yiaddr: int = ...,
        lease_s: int = ...,
        subnet: int = ...,
        pool: int = ...,
        reservation: int = ...,
        ifindex: int = ...,
        source_port: int = ...,
        mtu: int = ...,
        source: int | None = ...,
        classes: Iterable[int] = ...,
    ) -> dict[str, Any] | None: ...
    def answer(
        self,
        memory: Memory,
        request: bytes,
        *,
        ifindex: int = ...,
        destination: int = ...,
        local: int = ...,
        source_port: int = ...,
        now: int = ...,
    ) -> dict[str, object] | str: ...
    @property
    def relay_infos_left_out(self) -> int: ...
    def lower(self, expiry: int, now: int) -> dict[str, Any] | None: ...

class HeldQueue:
    """A held queue upon the lease table of `memory`, for tests: replies of a lease time only."""

    def __new__(cls, memory: Memory) -> Self: ...
    @property
    def waiting(self) -> int: ...
    @property
    def room(self) -> bool: ...
    @property
    def due(self) -> bool: ...
    def push(
        self, number: int, incarnation: tuple[int, int], ring: int, position: int, expiry: int,
        since: int, lease_s: int,
    ) -> int: ...
    def release(self, now: int) -> list[tuple[int, int]]: ...

class Judge:
    """What overload says of packets, one after the other, of a worker that starts."""

    def judge(self, now_ns: int, received_ns: int, message_type: int, giaddr: int) -> str: ...

class Sockets:
    """A worker's two sockets, for tests: batches in and out as the worker has them."""

    def __new__(cls, memory: Memory, udp: int, packet: int = ...) -> Self: ...
    def receive(self) -> list[tuple[bytes | None, dict[str, int]]]: ...
    def send(
        self, messages: Iterable[tuple[bytes, str, int, int, int, int, bytes]]
    ) -> None: ...
    @property
    def sent(self) -> int: ...
    @property
    def failed(self) -> int: ...
