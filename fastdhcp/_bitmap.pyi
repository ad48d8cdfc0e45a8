"""The address allocator, for tests and benchmarks."""

from mmap import mmap

from fastdhcp._memory import Memory

SIZE_OF_HINT: int
SIZE_OF_OPEN_BLOCK: int

def clear_summaries(memory: Memory) -> None:
    """Of all pools of the policy in force."""

def mark_reserved(memory: Memory, buffer: mmap | None = ...) -> None:
    """Sets the bits of all addresses that a file table reserves, by default the one in force:
    before any worker goes by it. Raises MemoryError if the table of leases has no room."""

def clear_unreserved(memory: Memory, buffer: mmap | None = ...) -> None:
    """Clears the bits of all addresses that a file table does not reserve."""

def is_reserved(memory: Memory, vrf: int, address: int) -> bool:
    """Whether the bit says that an address may be reserved."""

def next_free(memory: Memory, pool: int, now: int | None = ...) -> int:
    """The next address of a pool (by its index in the image) that looks free; 0: none."""
