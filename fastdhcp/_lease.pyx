"""One record as Python holds it: copied whole, as any reader does."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fastdhcp._atomic cimport cpu_relax, fence_acquire, load_acquire_u64, load_relaxed_u64
from fastdhcp._leases cimport (
    CLIENT_ID_INLINE, HOSTNAME_INLINE, LONG_CLIENT_ID, LONG_HOSTNAME, LONG_RELAY_INFO, LONG_SIZE,
    READ_TRIES, RELAY_INFO_INLINE, Record, Table, leases_record,
)


cdef class Lease:
    """One record, copied. Times are node time in seconds; addresses are integers."""

    def __repr__(self):
        return f"<Lease {self.vrf}/{self.address:#010x} state {self.state} v{self.version}>"


cdef bint lease_copy(const Table* t, uint32_t number, Record* out, uint8_t* longs) noexcept nogil:
    cdef const Record* r = leases_record(t, number)
    cdef uint64_t seen
    cdef int _i
    for _i in range(READ_TRIES * 16):
        seen = load_acquire_u64(&r.lock)
        if (seen >> 32) == 0:
            memcpy(out, r, sizeof(Record))
            if (out.client_id_len > CLIENT_ID_INLINE or out.relay_info_len > RELAY_INFO_INLINE
                    or out.hostname_len > HOSTNAME_INLINE):
                memcpy(longs, t.longs + <uint64_t>number * LONG_SIZE, LONG_SIZE)
            fence_acquire()
            if load_relaxed_u64(&r.lock) == seen:
                return True
        cpu_relax()
    return False


cdef bytes identifier(const uint8_t* inline_at, int inline_size, const uint8_t* long_at, int size):
    return (inline_at if size <= inline_size else long_at)[:size]


cdef Lease lease_make(const Record* r, const uint8_t* longs, uint32_t number):
    cdef Lease lease = Lease.__new__(Lease)
    lease.number = number
    lease.vrf = r.vrf
    lease.address = r.address
    lease.state = r.state
    lease.flags = r.flags
    lease.htype = r.htype
    lease.chaddr = r.chaddr[:r.hlen]
    lease.key = r.key[:16]
    lease.client_id = identifier(r.client_id, CLIENT_ID_INLINE, longs + LONG_CLIENT_ID,
                                 r.client_id_len)
    lease.relay_info = identifier(r.relay_info, RELAY_INFO_INLINE, longs + LONG_RELAY_INFO,
                                  r.relay_info_len)
    lease.hostname = identifier(r.hostname, HOSTNAME_INLINE, longs + LONG_HOSTNAME, r.hostname_len)
    lease.subnet_id = r.subnet_id
    lease.class_id = r.class_id
    lease.version = r.version
    lease.change = r.change
    lease.incarnation = (r.inc_epoch, r.inc_n)
    lease.expiry = r.expiry
    lease.acked_expiry = r.acked_expiry
    lease.cltt = r.cltt
    lease.start = r.start
    lease.offer_key = r.offer_key
    lease.offer_until = r.offer_until
    lease.ring = r.ring
    lease.position = r.position
    return lease
