"""Packets in and replies out, a batch at a time: recvmmsg, sendmmsg, and nothing else of I/O."""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t

from fastdhcp._held cimport Held
from fastdhcp._scope cimport Arrival
from fastdhcp._stats cimport Counters

cdef enum:
    BATCH_MAX = 64           # packets of one receive
    BUFFER_SIZE = 2048       # a packet; what is longer is truncated, and dropped as too long
    CONTROL_IN_SIZE = 64     # IP_PKTINFO 32, SO_TIMESTAMPNS 32
    CONTROL_OUT_SIZE = 32    # IP_PKTINFO
    OUT_MAX = 256            # replies of one send; _held's IN_FLIGHT_MAX
    GROUP_SLOTS = 512        # twice that, a power of two

# With _GNU_SOURCE, which Python.h defines.
cdef extern from "sys/socket.h" nogil:
    struct iovec:
        void* iov_base
        size_t iov_len
    struct msghdr:
        void* msg_name
        uint32_t msg_namelen
        iovec* msg_iov
        size_t msg_iovlen
        void* msg_control
        size_t msg_controllen
        int msg_flags
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len

cdef extern from "netinet/in.h" nogil:
    struct in_addr:
        uint32_t s_addr
    struct sockaddr_in:
        uint16_t sin_family
        uint16_t sin_port
        in_addr sin_addr

cdef extern from "linux/if_packet.h" nogil:
    struct sockaddr_ll:
        uint16_t sll_family
        uint16_t sll_protocol
        int32_t sll_ifindex
        uint16_t sll_hatype
        uint8_t sll_pkttype
        uint8_t sll_halen
        uint8_t sll_addr[8]


cdef struct Inbox:
    int fd
    uint32_t count               # packets of the last receive
    mmsghdr headers[64]          # BATCH_MAX, all of these
    iovec vectors[64]
    sockaddr_in sources[64]
    uint8_t controls[64][64]     # CONTROL_IN_SIZE
    uint8_t* buffers             # BUFFER_SIZE each


# Messages that go out through one socket.
cdef struct Lane:
    int fd
    uint32_t count
    mmsghdr headers[256]         # OUT_MAX, all of these
    iovec vectors[256]
    uint32_t numbers[256]        # of the replies


# Replies to one destination, of one length, from one source: what a train can be made of.
cdef struct Groups:
    uint32_t count
    uint32_t first[256]          # OUT_MAX; places in `numbers`
    uint32_t last[256]
    uint32_t next[256]
    uint16_t slots[512]          # GROUP_SLOTS; group + 1, 0: empty


cdef struct Outbox:
    Lane udp
    Lane frames                  # a packet socket, or fd -1
    sockaddr_in udp_names[256]
    sockaddr_ll frame_names[256]
    uint8_t controls[256][32]    # CONTROL_OUT_SIZE
    Groups groups
    uint32_t count
    uint32_t numbers[256]        # of the replies to be sent, as they came
    Held* held                   # where they are, and go back to
    Counters* counters


cdef bint inbox_open(Inbox* inbox, int fd) noexcept nogil
cdef void inbox_close(Inbox* inbox) noexcept nogil
# Takes what is there, without waiting. How many; a failure is as none.
cdef uint32_t inbox_receive(Inbox* inbox) noexcept nogil
# How packet `i` came. False: it was truncated.
cdef bint inbox_arrival(const Inbox* inbox, uint32_t i, Arrival* out) noexcept nogil

cdef void outbox_open(Outbox* outbox, int udp, int frames, Held* held,
                      Counters* counters) noexcept nogil
# Takes a finished reply; a full outbox is flushed first.
cdef void outbox_add(Outbox* outbox, uint32_t number) noexcept nogil
# Sends all, grouped; each is counted as sent or as send-failed, and given back.
cdef void outbox_flush(Outbox* outbox) noexcept nogil


cdef inline const uint8_t* inbox_data(const Inbox* inbox, uint32_t i) noexcept nogil:
    return inbox.buffers + i * BUFFER_SIZE


cdef inline uint32_t inbox_size(const Inbox* inbox, uint32_t i) noexcept nogil:
    return inbox.headers[i].msg_len
