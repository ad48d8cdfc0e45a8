"""The address allocator, for tests and benchmarks."""

from fastdhcp._memory import Memory

SIZE_OF_HINT: int
SIZE_OF_OPEN_BLOCK: int

def clear_summaries(memory: Memory) -> None:
    """Of all pools of the policy in force."""

def next_free(memory: Memory, pool: int, now: int | None = ...) -> int:
    """The next address of a pool (by its index in the image) that looks free; 0: none."""
