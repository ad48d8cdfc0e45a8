"""What is left unanswered when more comes than can be answered.

Two measures, by how long a packet waited in the socket's buffer. One whose client has asked again
is dropped, whatever it is. While the server stays behind, a DISCOVER or INFORM that waited too long
is dropped as well: the time goes to REQUESTs and to newer ones, which are still of use when the
answer comes. A storm that is over within PATIENCE_NS loses nothing.
"""

from libc.stdint cimport uint16_t, uint32_t, uint64_t

from fastdhcp._codec cimport Packet
from fastdhcp._scope cimport Arrival
from fastdhcp._stats cimport DropReason

cdef enum:
    RETRY_NS = 3000000000    # RFC 2131 4.1: a client asks again after 4 s, one more or less
    LATE_NS = 100000000
    PATIENCE_NS = 1000000000  # packets come late for so long without a break: the server is behind
    SHARE_NS = 100000000     # in so long each relay agent has SHARE that are not dropped for being
    SHARE = 16               # late: one that floods does not silence the others
    SHARES = 256             # by a hash; relay agents of one place have one share, for SHARE_NS


cdef struct Overload:
    uint64_t late_since_ns   # the first of the late ones; 0: the last packet came in time
    uint64_t behind_until_ns
    uint64_t share_until_ns
    uint32_t share_factor    # of the hash, till then
    uint16_t shares[SHARES]  # taken


# Why the packet is not answered, or DROP_NONE. `now_ns`: CLOCK_REALTIME, as the kernel stamps.
cdef DropReason overload_judge(Overload* o, const Packet* packet, const Arrival* arrival,
                               uint64_t now_ns) noexcept nogil
