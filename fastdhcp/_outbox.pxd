"""Replies on their way out, a batch at a time: sendmmsg over a worker's sockets.

Replies of one length to one destination leave as a train: one message, which the kernel routes once
and then cuts (UDP_SEGMENT).
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fastdhcp._held cimport IN_FLIGHT_MAX, Held
from fastdhcp._leases cimport Table
from fastdhcp._linux cimport iovec, mmsghdr, sockaddr_in, sockaddr_ll
from fastdhcp._stats cimport Counters

cdef enum:
    CONTROL_SOURCE_SIZE = 32  # IP_PKTINFO
    CONTROL_OUT_SIZE = 56    # UDP_SEGMENT 24 behind it, of a train
    OUT_MAX = IN_FLIGHT_MAX  # replies of one send
    GROUP_SLOTS = 2 * OUT_MAX
    TRAIN_MAX = 64           # replies: the kernel's UDP_MAX_SEGMENTS before Linux 6.9
    TRAIN_SIZE_MAX = 65000   # octets: an IP packet of 65,535, its headers in it

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


cdef void outbox_open(Outbox* outbox, int udp, int frames, Held* held,
                      const Table* t) noexcept nogil
# Takes a finished reply; a full outbox is flushed first.
cdef void outbox_add(Outbox* outbox, uint32_t number) noexcept nogil
# Sends all, grouped; each is counted and traced as sent or as send-failed, and given back.
cdef void outbox_flush(Outbox* outbox) noexcept nogil
