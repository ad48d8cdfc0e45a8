"""One record as Python holds it."""

from libc.stdint cimport uint8_t, uint32_t

from fastdhcp._leases cimport Record, Table


cdef class Lease:
    cdef readonly object number, vrf, address, state, flags, htype, chaddr, key, client_id
    cdef readonly object relay_info, hostname, subnet_id, class_id, version, change, incarnation
    cdef readonly object expiry, acked_expiry, cltt, start, offer_key, offer_until, ring, position


# Copies a record and, if it has any, its long fields (LONG_SIZE bytes). False: it stayed locked.
cdef bint lease_copy(const Table* t, uint32_t number, Record* out, uint8_t* longs) noexcept nogil
cdef Lease lease_make(const Record* r, const uint8_t* longs, uint32_t number)
