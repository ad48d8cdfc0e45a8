"""Trains: many datagrams of one length in one system call, out by UDP_SEGMENT, in by UDP_GRO.

So the generator costs a fraction of what it measures. Frames come one by one. Inline only.
"""

from libc.errno cimport EINTR, errno
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, malloc
from libc.string cimport memcpy, memset

from bench._frames cimport frame_message
from fastdhcp._linux cimport (
    CMSG_DATA, CMSG_FIRSTHDR, CMSG_LEN, CMSG_NXTHDR, IP_PKTINFO, IPPROTO_IP, MSG_DONTWAIT,
    MSG_NOSIGNAL, SOL_UDP, UDP_GRO, UDP_SEGMENT, cmsghdr, htonl, in_pktinfo, iovec, mmsghdr, msghdr,
    recvmmsg, sendmmsg, sockaddr_in,
)

cdef enum:
    TRAIN_COUNT_MAX = 64        # the kernel's UDP_MAX_SEGMENTS before Linux 6.9
    TRAIN_BYTES_MAX = 65000     # below 65,535, the IP and UDP headers included
    CONTROL_SIZE = 64           # room for an integer and an in_pktinfo of ancillary data
    ARRIVALS_COUNT = 16         # buffers a recvmmsg
    ARRIVAL_SIZE = 65536        # the longest that UDP_GRO joins


# Messages of one size on their way to one destination. Those next to one another that come from
# one source are a train; all of them are sent by one system call.
cdef struct Train:
    int fd
    sockaddr_in to
    mmsghdr messages[TRAIN_COUNT_MAX]
    iovec parts[TRAIN_COUNT_MAX]
    uint8_t control[TRAIN_COUNT_MAX][CONTROL_SIZE]
    uint32_t sources[TRAIN_COUNT_MAX]   # of each train, host order; 0: what the socket is bound to
    uint16_t counts[TRAIN_COUNT_MAX]    # messages in each train
    uint16_t trains
    uint16_t size
    uint16_t count              # messages in all trains
    uint16_t count_max
    uint8_t* room
    uint64_t failed             # messages that the kernel refused


cdef inline bint train_init(
    Train* train, int fd, const sockaddr_in* to, uint16_t size, uint16_t count_max,
) noexcept nogil:
    memset(train, 0, sizeof(Train))
    train.fd = fd
    train.to = to[0]
    train.size = size
    train.count_max = min(count_max, <uint16_t>(TRAIN_BYTES_MAX // size))
    train.room = <uint8_t*>malloc(<size_t>train.count_max * size)
    return train.room != NULL


cdef inline void _control_add(
    msghdr* message, int level, int type, const void* value, size_t size,
) noexcept nogil:
    cdef cmsghdr* control = <cmsghdr*>(<uint8_t*>message.msg_control + message.msg_controllen)
    control.cmsg_level = level
    control.cmsg_type = type
    control.cmsg_len = CMSG_LEN(size)
    memcpy(CMSG_DATA(control), value, size)
    message.msg_controllen += (CMSG_LEN(size) + 7) & ~<size_t>7


# Lays train number `i`, whose messages begin at `at`.
cdef inline void _train_lay(Train* train, int i, uint8_t* at) noexcept nogil:
    cdef msghdr* message = &train.messages[i].msg_hdr
    cdef in_pktinfo source
    train.parts[i].iov_base = at
    train.parts[i].iov_len = <size_t>train.counts[i] * train.size
    message.msg_name = &train.to
    message.msg_namelen = sizeof(sockaddr_in)
    message.msg_iov = &train.parts[i]
    message.msg_iovlen = 1
    message.msg_control = train.control[i]
    message.msg_controllen = 0
    if train.counts[i] > 1:
        _control_add(message, SOL_UDP, UDP_SEGMENT, &train.size, sizeof(uint16_t))
    if train.sources[i]:
        memset(&source, 0, sizeof(source))
        source.ipi_spec_dst.s_addr = htonl(train.sources[i])
        _control_add(message, IPPROTO_IP, IP_PKTINFO, &source, sizeof(source))


cdef inline void train_flush(Train* train) noexcept nogil:
    cdef uint8_t* at = train.room
    cdef int i, sent, done = 0
    for i in range(train.trains):
        _train_lay(train, i, at)
        at += train.parts[i].iov_len
    while done < train.trains:
        sent = sendmmsg(train.fd, &train.messages[done], train.trains - done, MSG_NOSIGNAL)
        if sent > 0:
            done += sent
        elif errno != EINTR:
            train.failed += train.counts[done]  # the clients' retransmission makes it good
            done += 1
    train.count = train.trains = 0


# Room for the next message, from `source`; it is sent at the latest by train_flush.
cdef inline uint8_t* train_next(Train* train, uint32_t source) noexcept nogil:
    if train.count == train.count_max:
        train_flush(train)
    if train.trains == 0 or train.sources[train.trains - 1] != source:
        train.sources[train.trains] = source
        train.counts[train.trains] = 0
        train.trains += 1
    train.counts[train.trains - 1] += 1
    train.count += 1
    return train.room + <size_t>(train.count - 1) * train.size


# What one recvmmsg brought, handed out datagram by datagram.
cdef struct Arrivals:
    int fd
    bint frames                 # it is a packet socket
    mmsghdr messages[ARRIVALS_COUNT]
    iovec parts[ARRIVALS_COUNT]
    uint8_t control[ARRIVALS_COUNT][CONTROL_SIZE]
    uint8_t* room
    int count
    int at
    uint32_t offset             # in the buffer `at`
    uint32_t segment            # length of each datagram in it; only the last may be shorter


cdef inline bint arrivals_init(Arrivals* arrivals, int fd, bint frames) noexcept nogil:
    cdef int i
    memset(arrivals, 0, sizeof(Arrivals))
    arrivals.fd = fd
    arrivals.frames = frames
    arrivals.room = <uint8_t*>calloc(ARRIVALS_COUNT, ARRIVAL_SIZE)
    for i in range(ARRIVALS_COUNT):
        arrivals.parts[i].iov_base = arrivals.room + <size_t>i * ARRIVAL_SIZE
        arrivals.parts[i].iov_len = ARRIVAL_SIZE
        arrivals.messages[i].msg_hdr.msg_iov = &arrivals.parts[i]
        arrivals.messages[i].msg_hdr.msg_iovlen = 1
        arrivals.messages[i].msg_hdr.msg_control = arrivals.control[i]
    return arrivals.room != NULL


cdef inline uint32_t _segment_size(mmsghdr* message) noexcept nogil:
    cdef cmsghdr* control = CMSG_FIRSTHDR(&message.msg_hdr)
    cdef int size
    while control != NULL:
        if control.cmsg_level == SOL_UDP and control.cmsg_type == UDP_GRO:
            memcpy(&size, CMSG_DATA(control), sizeof(int))
            return <uint32_t>size
        control = CMSG_NXTHDR(&message.msg_hdr, control)
    return message.msg_len      # a single datagram


# Reads without waiting. Returns the number of buffers filled, 0 if nothing is there.
cdef inline int arrivals_receive(Arrivals* arrivals) noexcept nogil:
    cdef int i
    for i in range(ARRIVALS_COUNT):
        arrivals.messages[i].msg_hdr.msg_controllen = CONTROL_SIZE
    arrivals.count = recvmmsg(
        arrivals.fd, arrivals.messages, ARRIVALS_COUNT, MSG_DONTWAIT, NULL)
    if arrivals.count < 0:
        arrivals.count = 0
    arrivals.at = 0
    arrivals.offset = 0
    if arrivals.count:
        arrivals.segment = _segment_size(&arrivals.messages[0])
    return arrivals.count


# More may have come than was read.
cdef inline bint arrivals_full(const Arrivals* arrivals) noexcept nogil:
    return arrivals.count == ARRIVALS_COUNT


# The next datagram or frame, or NULL after the last one.
cdef inline const uint8_t* _datagram_next(Arrivals* arrivals, uint32_t* size) noexcept nogil:
    cdef uint32_t left
    cdef const uint8_t* at
    if arrivals.at >= arrivals.count:
        return NULL
    left = arrivals.messages[arrivals.at].msg_len - arrivals.offset
    size[0] = min(left, arrivals.segment)
    at = arrivals.room + <size_t>arrivals.at * ARRIVAL_SIZE + arrivals.offset
    arrivals.offset += size[0]
    if left == size[0]:         # an empty datagram too ends its buffer
        arrivals.at += 1
        arrivals.offset = 0
        if arrivals.at < arrivals.count:
            arrivals.segment = _segment_size(&arrivals.messages[arrivals.at])
    return at


# The next message, or NULL after the last one. A frame that is for none of the clients is passed
# over.
cdef inline const uint8_t* arrivals_next(Arrivals* arrivals, uint32_t* size) noexcept nogil:
    cdef const uint8_t* at = _datagram_next(arrivals, size)
    cdef const uint8_t* message
    while arrivals.frames and at != NULL:
        message = frame_message(at, size[0], size)
        if message != NULL:
            return message
        at = _datagram_next(arrivals, size)
    return at
