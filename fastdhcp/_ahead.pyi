"""Blocks made ready ahead of need."""

from collections.abc import Iterable

from fastdhcp._memory import Memory

class Ahead:
    """Follows the cursors of all pools. For the store alone."""

    def __init__(self, memory: Memory, least: int, most: int) -> None: ...
    def look(self) -> None:
        """Notes twice as many blocks of a pool as were opened since it looked last."""
    def touch(self, limit: int) -> bool:
        """Makes at most so many of the noted blocks ready. True: more wait."""

def blocks_missing(memory: Memory, ranges: Iterable[tuple[int, int, int]]) -> int:
    """How many blocks of `ranges`, (VRF, first, last) in addresses / 256, the table has not yet."""
