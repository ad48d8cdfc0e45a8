"""Chunks outside the policy in which nothing lives."""

from fastdhcp._memory import Memory

class Strays:
    """What the disk says of addresses outside the policy; shown every chunk, then every batch."""

    def __init__(self, memory: Memory) -> None: ...
    def look(self, data: bytes | memoryview) -> None:
        """A chunk's or a batch's entries; what is damaged is left to who replays it."""
    def gone(self) -> frozenset[int]:
        """The chunks in which nothing lives: their keys as numbers (_store.chunk_key)."""
    def living(self) -> frozenset[int]:
        """The other chunks outside the policy."""
    def blocks(self) -> int:
        """How many blocks the living ones need that the policy does not touch."""
    def floors(self) -> tuple[int, int]:
        """The highest version and incarnation number of what is gone."""

def without(data: bytes | memoryview, gone: frozenset[int]) -> bytes:
    """The entries of a batch but those of chunks that are gone."""

def stray_floors(memory: Memory, copy: bytes) -> tuple[int, int] | None:
    """A chunk's copy: the highest version and incarnation number in it, if it may go from the disk;
    None if it stays. An empty one stays."""
