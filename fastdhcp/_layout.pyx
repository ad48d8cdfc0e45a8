"""How large the segments are, and the node page, which says so to who maps them."""

import os

from fastdhcp._image cimport BLOCK_WORDS
from fastdhcp._leases cimport (
    BLOCK_SIZE, BUCKET_SIZE, CACHE_LINE, CHUNK_SIZE, LONG_SIZE, RING_HEADER, ROLE_COUNT,
    ROLES_WITH_RING, SEGMENT_LAYOUT, SEGMENT_MAGIC, WORKERS_MAX, Node, Process, Record, Slot,
)
from fastdhcp._stats cimport Counters
from fastdhcp._trace cimport PolicyEntry, Trace, TraceEntry

from fastdhcp._trace import trace_entries

cdef enum:
    RING_SIZE = 1 << 22          # at 140 bytes an entry, 30,000 changes not yet on disk

HINTS_SIZE_MIN = 1 << 20
HINTS_SIZE_MAX = (1 << 32) - PAGE


def _power_of_two(int wanted):
    return 1 << max(wanted - 1, 1).bit_length()


def layout_sizes(int workers, int block_limit, int ring_size=RING_SIZE, trace_size=None):
    """Bytes of each segment by name, for `block_limit` blocks of 256 addresses.

    All but `node`, `rings` and `counters` are sparse: room that is not touched costs nothing.
    """
    if not 1 <= workers <= WORKERS_MAX:
        raise ValueError(f"workers must be 1 to {WORKERS_MAX}, not {workers}")
    if not 1 <= block_limit <= 1 << 23:
        raise ValueError(f"blocks must be 1 to {1 << 23}, not {block_limit}")
    processes = workers + ROLE_COUNT
    rings = workers + ROLES_WITH_RING
    numbers = _number_limit(workers, block_limit)
    traced = trace_size or trace_entries(workers)
    sizes = {
        "node": NODE_SIZE + processes * sizeof(Process) + rings * sizeof(Slot),
        "directory": _power_of_two(2 * numbers) * 8,
        "places": numbers * 8,
        "records": numbers * BLOCK_SIZE * sizeof(Record),
        "longs": numbers * BLOCK_SIZE * LONG_SIZE,
        "bits": numbers * 2 * BLOCK_WORDS * 8,
        "dirty": (numbers * BLOCK_SIZE // CHUNK_SIZE + 63) // 64 * 8,
        "index": _bucket_count(block_limit) * BUCKET_SIZE * 8,
        "again": numbers * BLOCK_SIZE * 4,
        "rings": rings * (RING_HEADER + ring_size),
        "counters": processes * sizeof(Counters),
        "traces": workers * (sizeof(Trace) + traced * (sizeof(TraceEntry) + sizeof(PolicyEntry))),
        "hints": _hints_room(workers, block_limit),
    }
    return {name: (int(size) + PAGE - 1) // PAGE * PAGE for name, size in sizes.items()}


def _hints_room(workers, block_limit):
    # For two pools a block, which is more than anybody has; places in it are of 32 bits.
    return min(max(2 * block_limit * CACHE_LINE * (2 + workers), HINTS_SIZE_MIN), HINTS_SIZE_MAX)


def _number_limit(workers, block_limit):
    # A number is counted, or the spare of a process that drew it in vain: none is missing while
    # there is room for a block.
    return block_limit + workers + ROLE_COUNT


def _bucket_count(block_limit):
    # Two entries' room for every address: load at most 50 %.
    return _power_of_two(2 * block_limit * BLOCK_SIZE // BUCKET_SIZE)


def format_node(int fd, int workers, int block_limit, segment_id, int ring_size=RING_SIZE,
                trace_size=None):
    """Writes the node page of fresh segments. The caller has made them of layout_sizes()."""
    cdef Node node
    cdef unsigned char* raw = <unsigned char*>&node
    for i in range(sizeof(Node)):
        raw[i] = 0
    node.magic = SEGMENT_MAGIC
    node.layout = SEGMENT_LAYOUT
    node.segment_id = segment_id
    node.workers = workers
    node.processes = workers + ROLE_COUNT
    node.rings = workers + ROLES_WITH_RING
    node.number_limit = _number_limit(workers, block_limit)
    node.block_capacity = _power_of_two(2 * node.number_limit)
    node.block_limit = block_limit
    node.bucket_count = _bucket_count(block_limit)
    node.ring_size = _power_of_two(ring_size)
    traced = trace_size or trace_entries(workers)
    node.trace_size = _power_of_two(traced)
    if node.ring_size != ring_size or node.trace_size != traced:
        raise ValueError("ring_size and trace_size must be powers of two")
    os.pwrite(fd, raw[:sizeof(Node)], 0)
