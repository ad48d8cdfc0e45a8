"""Whole-table looks, for control. They take no lock and stall nobody: a count may be one off."""

from libc.stdint cimport uint8_t, uint32_t

from fastdhcp._image cimport Image, Pool
from fastdhcp._leases cimport Table


# Addresses by the state that lists show (control/lease.py); what is none of these is free.
cdef struct Tally:
    uint32_t offered
    uint32_t active              # without the pending ones
    uint32_t pending
    uint32_t grace               # ended, and nobody else's yet
    uint32_t declined


# Adds a pool's addresses to the sums. `image` is the pool's: the table's may be a newer one by now.
cdef void census_pool(const Table* t, const Image* image, const Pool* pool, uint32_t now,
                      Tally* sums) noexcept nogil
# Adds every address of the table, in a pool or not.
cdef void census_table(const Table* t, uint32_t now, Tally* sums) noexcept nogil
# Numbers of the records with this hardware address, at most `room` (256 and more), from `block` on;
# where to go on is in `block` afterwards.
cdef uint32_t census_chaddr(const Table* t, const uint8_t* chaddr, uint8_t hlen, uint32_t* block,
                            uint32_t* numbers, uint32_t room) noexcept nogil
