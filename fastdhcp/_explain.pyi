"""What a worker would answer to a message, and upon what it would decide; nothing is changed."""

from typing import Any, Self

from fastdhcp._memory import Memory

CLAIMS: tuple[str, ...]
LAYERS: tuple[str, ...]
LINKS: tuple[str, ...]
WORDS: dict[str, int]

class Explainer:
    """Decides about messages as a worker would. `hints`: the segment's descriptor, which stays the
    caller's. Raises MemoryError."""

    def __new__(cls, memory: Memory, hints: int) -> Self: ...
    def explain(
        self,
        message: bytes,
        *,
        ifindex: int = ...,
        source: int = ...,
        destination: int = ...,
        local: int = ...,
        source_port: int = ...,
        now: int | None = ...,
    ) -> dict[str, Any]:
        """The decision about a message, as it would come by an interface, as a dict.

        `reason` alone: it cannot be decoded. Addresses are integers, subnets and pools indexes of
        the image. `reply` is the finished message. Raises ValueError if there is no policy yet.
        """
