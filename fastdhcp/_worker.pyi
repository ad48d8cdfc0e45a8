"""The worker's loop, as worker.py runs it."""

from typing import Self

from fastdhcp._memory import Memory

class Loop:
    """A worker's loop upon the segments of `memory`. Returns to Python only for the supervisor."""

    def __new__(
        cls, memory: Memory, *, udp: int, packet: int, event: int, store_event: int, channel: int
    ) -> Self: ...
    def run(self) -> None:
        """Serves until the channel can be read. Raises ValueError before Memory.set_image()."""
    def finish(self, wait_ms: int) -> None:
        """Reads no more, and gives replies that wait for the disk that long to leave."""
    @property
    def waiting(self) -> int:
        """Replies that wait for the disk."""
