"""Replies, as tests and tools make them."""

from typing import Any

class ReplyMaker:
    """Makes replies by a policy image, as a worker does, with a cache of bodies of its own."""

    def __init__(self, image: bytes) -> None: ...
    def set_image(self, image: bytes) -> None: ...
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
    ) -> dict[str, Any] | None: ...
    def lower(self, expiry: int, now: int) -> dict[str, Any] | None: ...
