"""Whose an address is: the reservation that names it, the client that holds it, or nobody's."""

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

def stranded(memory: Memory, limit: int) -> dict[tuple[int, int], int]:
    """How many active leases no pool of the policy in force gives and no reservation keeps, by
    (VRF, number of the subnet that they were given in); at most `limit` are counted."""
