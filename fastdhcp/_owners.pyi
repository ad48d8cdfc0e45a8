"""Whose an address is: the reservation that names it, and the client that holds it."""

from mmap import mmap
from typing import Any

from fastdhcp._memory import Memory

def held_anew(
    memory: Memory, buffer: bytes | mmap, before: bytes | mmap
) -> list[dict[str, Any]]:
    """The reservations of a file table that `before` has not, whose addresses others hold."""
