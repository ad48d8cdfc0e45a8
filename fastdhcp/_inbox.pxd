"""What has come to a worker's socket, a lot at a time, and how each packet of it came.

A message is one packet, or a train: packets of one length (the last may be shorter) that followed
each other from one source, and that the kernel joined (UDP_GRO). A lot has packets, whichever way
they came; what a train has beyond a lot is the next one.
"""

from libc.stdint cimport uint8_t, uint32_t

from fastdhcp._linux cimport iovec, mmsghdr, sockaddr_in
from fastdhcp._scope cimport Arrival

cdef enum:
    LOT_MAX = 64             # packets
    PACKET_SIZE_MAX = 2048   # what is longer is dropped as too long
    BUFFER_SIZE = 65536      # a message: more than any datagram or train of UDP has
    BUFFER_STRIDE = 69952    # no power of two: the first octets of all would share a cache set
    CONTROL_IN_SIZE = 88     # IP_PKTINFO 32, SO_TIMESTAMPNS 32, UDP_GRO 24


cdef struct Parcel:
    const uint8_t* data
    uint32_t size
    uint32_t message             # that it came in


cdef struct Inbox:
    int fd
    uint32_t count               # packets of this lot
    Parcel lot[LOT_MAX]
    uint32_t messages            # of the last receive
    uint32_t message             # whose packets come next, from `offset` on
    uint32_t offset
    uint32_t longest             # packets of a message, of late
    mmsghdr headers[LOT_MAX]
    iovec vectors[LOT_MAX]
    sockaddr_in sources[LOT_MAX]
    uint8_t controls[LOT_MAX][CONTROL_IN_SIZE]
    Arrival arrivals[LOT_MAX]    # by message
    uint32_t steps[LOT_MAX]      # octets from one packet of a message to the next
    uint8_t* buffers             # BUFFER_STRIDE each; what no train came to is never touched


cdef bint inbox_open(Inbox* inbox, int fd) noexcept nogil
cdef void inbox_close(Inbox* inbox) noexcept nogil
# The next lot, without waiting. How many packets; a failure is as none.
cdef uint32_t inbox_receive(Inbox* inbox) noexcept nogil


# Whether packets of the last receive have been in no lot yet.
cdef inline bint inbox_has(const Inbox* inbox) noexcept nogil:
    return inbox.message < inbox.messages


# Packet `i` of the lot.
cdef inline const uint8_t* inbox_data(const Inbox* inbox, uint32_t i) noexcept nogil:
    return inbox.lot[i].data


cdef inline uint32_t inbox_size(const Inbox* inbox, uint32_t i) noexcept nogil:
    return inbox.lot[i].size


cdef inline const Arrival* inbox_arrival(const Inbox* inbox, uint32_t i) noexcept nogil:
    return &inbox.arrivals[inbox.lot[i].message]
