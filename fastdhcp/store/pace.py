"""How long the store waits for more before it writes, and how much of it is enough."""

from fastdhcp import _store
from fastdhcp._memory import Memory

BATCH_BYTES = 64 << 10
"""About 400 entries: then a sync starts without waiting for more."""
LAZY_S = 20e-3
LAZY_BYTES = 2 << 20
"""The same two where no reply waits for the disk."""


def pace(memory: Memory, delay_s: float, *, waited_for: bool) -> tuple[float, int]:
    """Seconds, and octets. ``delay_s``: ``commit-delay``; ``waited_for``: replies wait.

    Then what there is is enough once the workers that published it sleep: they have taken all that
    had come, and the more a sync carries, the longer its clients wait.
    """
    if waited_for:
        return delay_s, BATCH_BYTES if _store.at_work(memory) else 0
    return max(delay_s, LAZY_S), min(LAZY_BYTES, memory.ring_size // 2)
