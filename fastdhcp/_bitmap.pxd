"""The address allocator: one bit per address, summary bits per pool, a cursor that goes round.

A set bit means bound or offered; beside it, in the same cache line, another says that the address
may be reserved, and is then passed over too. The bits belong to blocks and outlive every
configuration; the hints below belong to a pool by its VRF and range, and outlive a reload, so that
allocation goes on where it was. Finding a candidate claims nothing: the bit is set under the
record's lock, by _journal (docs/ARCHITECTURE.md).
"""

from libc.stdint cimport uint32_t, uint64_t

from fastdhcp._image cimport Pool
from fastdhcp._leases cimport Table


# A worker's place in a pool; a cache line of its own.
cdef struct OpenBlock:
    uint32_t opened              # block within the pool + 1; 0: none open
    uint32_t position            # next address of it to look at, 0-256
    uint32_t pad[14]


# At Pool.hints_at of the hints segment: Hint, OpenBlock[workers], then the summary words, one bit
# per block of the pool, rounded up to a cache line. A bit that is set says that the block was seen
# full; with each generation they are cleared. All zero means: look everywhere.
cdef struct Hint:
    uint64_t cursor              # blocks ever opened; the next one is cursor % block_count
    uint32_t looked_s            # node time of the last look through all of it
    uint32_t pad[13]


# The next address of the pool that looks free, or 0 if there is none. Workers only.
cdef uint32_t bitmap_next(Table* t, const Pool* pool, uint32_t now) noexcept nogil
# Sets the bit that says that an address may be reserved. False: no room for its block.
cdef bint bitmap_reserve(Table* t, uint32_t vrf, uint32_t address) noexcept nogil
# After the bit of an address was cleared: its pool is worth a look again.
cdef void bitmap_freed(Table* t, uint32_t vrf, uint32_t address) noexcept nogil
