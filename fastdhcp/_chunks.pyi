"""Chunks of the table, 64 records each."""

from collections.abc import Sequence

from fastdhcp._memory import Memory

def mark_all_dirty(memory: Memory) -> None: ...

def mark_batch_dirty(memory: Memory, data: bytes | memoryview) -> None:
    """Recovery: the chunks that a journal batch touches are dirty."""

def dirty_chunks(memory: Memory) -> list[int]:
    """Numbers of the chunks that are dirty now."""

def mark_dirty(memory: Memory, chunk: int) -> None:
    """A commit failed: the chunk is dirty as before."""

def chunk_key(memory: Memory, chunk: int) -> bytes:
    """Key of a chunk in `leases`: VRF, address / 64, both big-endian u32."""

def copy_chunk(
    memory: Memory, chunk: int, sequence: int, heads: Sequence[int]
) -> bytes | None:
    """Clears the dirty bit, then copies the chunk's records, each with the batch that its last
    change is of: up to ``sequence``, which reaches to ``heads``, or the next. None: a record was
    locked; the bit is set again, come back."""

def ahead_entries(memory: Memory, key: bytes, last: int) -> bytes:
    """Recovery: entries of what the chunk with this key holds ahead of batch ``last``. From here on
    these changes are of the batch after it."""
