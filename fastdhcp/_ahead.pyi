"""Blocks made ready ahead of need."""

from fastdhcp._memory import Memory

class Ahead:
    """Follows the cursors of all pools. For the store alone."""

    def __init__(self, memory: Memory, least: int, most: int) -> None: ...
    def look(self) -> None:
        """Makes twice as many blocks of a pool ready as were opened since it looked last."""
