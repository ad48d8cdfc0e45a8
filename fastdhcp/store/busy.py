"""A store that waits for the disk says so: others take one that stalls for one that fails."""

import contextlib
from collections.abc import Iterator

from fastdhcp._memory import Memory, boot_time_ns


@contextlib.contextmanager
def busy(memory: Memory) -> Iterator[None]:
    """Around all that a slow disk may hold up. An error ends it too: who waits for room then does
    not wait for the disk."""
    memory.set_busy(boot_time_ns())
    try:
        yield
    finally:
        memory.set_busy(0)
