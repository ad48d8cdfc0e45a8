"""Whose an address is: the reservation that names it, and the client that holds it."""

from mmap import mmap
from typing import Any

from fastdhcp._memory import Memory

def client_reservation(memory: Memory, number: int) -> dict[str, Any] | None:
    """The reservation by which the last client of a record is answered there: that of the address,
    if it is its own, else one without an address; None: there is none, or the record is locked."""

def held_anew(
    memory: Memory, buffer: bytes | mmap, before: bytes | mmap
) -> list[dict[str, Any]]:
    """The reservations of a file table that `before` has not, whose addresses others hold."""
