"""Batches of the journal as an older version wrote them: before the entries the times only."""

import struct


def batch_of(node_time_s: int, wall_ns: int, entries: bytes | bytearray) -> bytes:
    """Header 1, then the entries."""
    return struct.pack("<IIq", 1, node_time_s, wall_ns) + entries
