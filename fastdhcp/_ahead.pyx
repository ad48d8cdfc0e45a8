"""Blocks made ready ahead of need: first touches of memory that no worker has to wait for."""

from array import array
from collections import deque

from libc.stdint cimport uint32_t, uint64_t

from fastdhcp._atomic cimport load_relaxed_u64
from fastdhcp._bitmap cimport Hint
from fastdhcp._image cimport NOWHERE, Image, Pool, image_pool
from fastdhcp._leases cimport BLOCK_SIZE, Record, Table, leases_block, leases_enter
from fastdhcp._linux cimport madvise
from fastdhcp._memory cimport Memory

cdef enum:
    MADV_POPULATE_WRITE = 23     # since Linux 5.14; older kernels refuse, and nothing is lost


cdef class Ahead:
    """Follows the cursors of all pools. For the store alone.

    `least`, `most`: blocks that are noted at a time, of each pool from which addresses go.
    """

    cdef Memory memory
    cdef uint32_t least
    cdef uint32_t most
    cdef set noted               # blocks whose pages are there, or will be
    cdef object waiting          # those of which they are not
    cdef object cursors          # of the pools, when it looked last
    cdef uint32_t generation     # that they belong to

    def __init__(self, Memory memory not None, uint32_t least, uint32_t most):
        self.memory = memory
        self.least = least
        self.most = most
        self.noted = set()
        self.waiting = deque()
        self.generation = 0

    def look(self):
        """Notes twice as many blocks of a pool as were opened since it looked last.

        A pool that nobody uses costs nothing. The first look by an image only notes where its
        pools stand.
        """
        cdef const Image* image = self.memory.table.image
        cdef const Pool* pool
        cdef uint32_t i, moved
        cdef uint64_t cursor
        cdef uint64_t[::1] seen
        if image == NULL or image.pools.count == 0:
            return
        first = self.generation != image.generation
        if first:
            self.generation = image.generation
            self.cursors = array("Q", bytes(8 * image.pools.count))
        seen = self.cursors
        for i in range(image.pools.count):
            pool = image_pool(image, i)
            cursor = load_relaxed_u64(&(<Hint*>(self.memory.table.hints + pool.hints_at)).cursor)
            if cursor == seen[i]:
                continue
            moved = <uint32_t>min(cursor - seen[i], <uint64_t>self.most)
            seen[i] = cursor
            if not first:
                self._note(pool, cursor, min(max(2 * moved, self.least), self.most))

    def touch(self, uint32_t limit):
        """Makes at most so many of the noted blocks ready, some 35 us each. True: more wait."""
        cdef Record* records = self.memory.table.records
        cdef uint64_t block
        while limit and self.waiting:
            block = self.waiting.popleft()
            with nogil:
                madvise(records + block * BLOCK_SIZE, BLOCK_SIZE * sizeof(Record),
                        MADV_POPULATE_WRITE)
            limit -= 1
        return bool(self.waiting)

    cdef _note(self, const Pool* pool, uint64_t cursor, uint32_t blocks):
        cdef Table* t = &self.memory.table
        cdef uint32_t block
        while blocks and cursor < pool.block_count:
            block = leases_enter(t, pool.vrf, (pool.block_first + <uint32_t>cursor) << 8)
            if block == NOWHERE:
                return
            if block not in self.noted:
                self.noted.add(block)
                self.waiting.append(block)
            cursor += 1
            blocks -= 1


def blocks_missing(Memory memory not None, ranges):
    """How many blocks of `ranges`, (VRF, first, last) in addresses / 256, the table has not yet."""
    cdef Table* t = &memory.table
    cdef uint32_t vrf, first, last
    cdef uint32_t missing = 0
    for vrf, first, last in ranges:
        while first <= last:
            missing += leases_block(t, vrf, first << 8) == NOWHERE
            first += 1
    return missing
