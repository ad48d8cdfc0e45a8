"""One record as Python holds it: copied whole, as any reader does."""

from libc.stdint cimport uint32_t

from fastdhcp._entry cimport Kept, entry_kept
from fastdhcp._leases cimport Copy, Record


cdef class Lease:
    """One record, copied. Times are node time in seconds; addresses are integers."""

    def __repr__(self):
        return f"<Lease {self.vrf}/{self.address:#010x} state {self.state} v{self.version}>"


cdef Lease lease_make(const Copy* copy, uint32_t number):
    cdef const Record* r = &copy.record
    cdef Kept ids
    entry_kept(r, copy.longs, &ids)
    cdef Lease lease = Lease.__new__(Lease)
    lease.number = number
    lease.vrf = r.vrf
    lease.address = r.address
    lease.state = r.state
    lease.flags = r.flags
    lease.htype = r.htype
    lease.chaddr = r.chaddr[:r.hlen]
    lease.key = r.key[:16]
    lease.client_id = ids.client_id.at[:ids.client_id.len]
    lease.relay_info = ids.relay_info.at[:ids.relay_info.len]
    lease.hostname = ids.hostname.at[:ids.hostname.len]
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
