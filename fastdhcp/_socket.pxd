"""Packets in and replies out, a batch at a time: recvmmsg, sendmmsg, and nothing else of I/O.

Replies of one length to one destination leave as a train: one message, which the kernel routes once
and then cuts (UDP_SEGMENT).
"""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t

from fastdhcp._held cimport IN_FLIGHT_MAX, Held
from fastdhcp._leases cimport Table
from fastdhcp._linux cimport iovec, mmsghdr, sockaddr_in, sockaddr_ll
from fastdhcp._scope cimport Arrival
from fastdhcp._stats cimport Counters

cdef enum:
    BATCH_MAX = 64           # packets of one receive
    BUFFER_SIZE = 2048       # a packet; what is longer is truncated, and dropped as too long
    CONTROL_IN_SIZE = 64     # IP_PKTINFO 32, SO_TIMESTAMPNS 32
    CONTROL_SOURCE_SIZE = 32  # IP_PKTINFO
    CONTROL_OUT_SIZE = 56    # UDP_SEGMENT 24 behind it, of a train
    OUT_MAX = IN_FLIGHT_MAX  # replies of one send
    GROUP_SLOTS = 2 * OUT_MAX
    TRAIN_MAX = 64           # replies: the kernel's UDP_MAX_SEGMENTS before Linux 6.9
    TRAIN_SIZE_MAX = 65000   # octets: an IP packet of 65,535, its headers in it

cdef struct Inbox:
    int fd
    uint32_t count               # packets of the last receive
    mmsghdr headers[BATCH_MAX]
    iovec vectors[BATCH_MAX]
    sockaddr_in sources[BATCH_MAX]
    uint8_t controls[BATCH_MAX][CONTROL_IN_SIZE]
    uint8_t* buffers             # BUFFER_SIZE each


# Messages that go out through one socket, of one reply each or of a train of them.
cdef struct Lane:
    int fd
    uint32_t count               # messages
    uint32_t filled              # replies in them
    mmsghdr headers[OUT_MAX]
    iovec vectors[OUT_MAX]       # by reply: those of a message, then those of the next
    uint32_t numbers[OUT_MAX]    # of the replies


# Replies to one destination, of one length, from one source: what a train can be made of.
cdef struct Groups:
    uint32_t count
    uint32_t first[OUT_MAX]      # places in `numbers`
    uint32_t last[OUT_MAX]
    uint32_t next[OUT_MAX]
    uint16_t slots[GROUP_SLOTS]  # group + 1, 0: empty


cdef struct Outbox:
    Lane udp
    Lane frames                  # a packet socket, or fd -1
    sockaddr_in udp_names[OUT_MAX]
    sockaddr_ll frame_names[OUT_MAX]
    uint8_t controls[OUT_MAX][CONTROL_OUT_SIZE]
    Groups groups
    uint32_t count
    uint32_t numbers[OUT_MAX]    # of the replies to be sent, as they came
    Held* held                   # where they are, and go back to
    const Table* t               # with its trace
    Counters* counters


cdef bint inbox_open(Inbox* inbox, int fd) noexcept nogil
cdef void inbox_close(Inbox* inbox) noexcept nogil
# Takes what is there, without waiting. How many; a failure is as none.
cdef uint32_t inbox_receive(Inbox* inbox) noexcept nogil
# How packet `i` came. False: it was truncated.
cdef bint inbox_arrival(const Inbox* inbox, uint32_t i, Arrival* out) noexcept nogil

cdef void outbox_open(Outbox* outbox, int udp, int frames, Held* held,
                      const Table* t) noexcept nogil
# Takes a finished reply; a full outbox is flushed first.
cdef void outbox_add(Outbox* outbox, uint32_t number) noexcept nogil
# Sends all, grouped; each is counted and traced as sent or as send-failed, and given back.
cdef void outbox_flush(Outbox* outbox) noexcept nogil


cdef inline const uint8_t* inbox_data(const Inbox* inbox, uint32_t i) noexcept nogil:
    return inbox.buffers + i * BUFFER_SIZE


cdef inline uint32_t inbox_size(const Inbox* inbox, uint32_t i) noexcept nogil:
    return inbox.headers[i].msg_len
