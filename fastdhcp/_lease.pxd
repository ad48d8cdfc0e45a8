"""One record as Python holds it."""

from libc.stdint cimport uint32_t

from fastdhcp._leases cimport Copy


cdef class Lease:
    cdef readonly object number, vrf, address, state, flags, htype, chaddr, key, client_id
    cdef readonly object relay_info, hostname, subnet_id, class_id, version, change, incarnation
    cdef readonly object expiry, acked_expiry, cltt, start, offer_key, offer_until, ring, position


cdef Lease lease_make(const Copy* copy, uint32_t number)
