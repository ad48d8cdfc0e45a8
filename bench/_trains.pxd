"""Trains: many datagrams of one length in one system call, out by UDP_SEGMENT, in by UDP_GRO.

So the generator costs a fraction of what it measures. Inline only.
"""

from libc.errno cimport EINTR, errno
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, malloc
from libc.string cimport memcpy, memset

from fastdhcp._linux cimport (
    CMSG_DATA, CMSG_FIRSTHDR, CMSG_LEN, CMSG_NXTHDR, MSG_DONTWAIT, MSG_NOSIGNAL, SOL_UDP, UDP_GRO,
    UDP_SEGMENT, cmsghdr, iovec, mmsghdr, msghdr, recvmmsg, sendmsg, sockaddr_in,
)

cdef enum:
    TRAIN_COUNT_MAX = 64        # the kernel's UDP_MAX_SEGMENTS before Linux 6.9
    TRAIN_BYTES_MAX = 65000     # below 65,535, the IP and UDP headers included
    CONTROL_SIZE = 64           # room for one integer of ancillary data
    ARRIVALS_COUNT = 16         # buffers a recvmmsg
    ARRIVAL_SIZE = 65536        # the longest that UDP_GRO joins


# Messages of one size on their way to one destination.
cdef struct Train:
    int fd
    sockaddr_in to
    uint16_t size
    uint16_t count
    uint16_t count_max
    uint8_t* room
    uint64_t failed             # messages that the kernel refused


cdef inline bint train_init(
    Train* train, int fd, const sockaddr_in* to, uint16_t size, uint16_t count_max,
) noexcept nogil:
    train.fd = fd
    train.to = to[0]
    train.size = size
    train.count = 0
    train.count_max = min(count_max, <uint16_t>(TRAIN_BYTES_MAX // size))
    train.failed = 0
    train.room = <uint8_t*>malloc(<size_t>train.count_max * size)
    return train.room != NULL


cdef inline void train_flush(Train* train) noexcept nogil:
    cdef uint8_t control[CONTROL_SIZE]
    cdef iovec part
    cdef msghdr message
    cdef cmsghdr* segment
    cdef uint16_t size = train.size
    if train.count == 0:
        return
    part.iov_base = train.room
    part.iov_len = <size_t>train.count * size
    memset(&message, 0, sizeof(message))
    message.msg_name = &train.to
    message.msg_namelen = sizeof(sockaddr_in)
    message.msg_iov = &part
    message.msg_iovlen = 1
    if train.count > 1:
        memset(control, 0, CONTROL_SIZE)
        message.msg_control = control
        message.msg_controllen = CONTROL_SIZE
        segment = CMSG_FIRSTHDR(&message)
        segment.cmsg_level = SOL_UDP
        segment.cmsg_type = UDP_SEGMENT
        segment.cmsg_len = CMSG_LEN(sizeof(uint16_t))
        memcpy(CMSG_DATA(segment), &size, sizeof(uint16_t))
        message.msg_controllen = segment.cmsg_len
    while sendmsg(train.fd, &message, MSG_NOSIGNAL) < 0:
        if errno != EINTR:
            train.failed += train.count     # the clients' retransmission makes it good
            break
    train.count = 0


# Room for the next message; it is sent at the latest by train_flush.
cdef inline uint8_t* train_next(Train* train) noexcept nogil:
    if train.count == train.count_max:
        train_flush(train)
    train.count += 1
    return train.room + <size_t>(train.count - 1) * train.size


# What one recvmmsg brought, handed out datagram by datagram.
cdef struct Arrivals:
    int fd
    mmsghdr messages[ARRIVALS_COUNT]
    iovec parts[ARRIVALS_COUNT]
    uint8_t control[ARRIVALS_COUNT][CONTROL_SIZE]
    uint8_t* room
    int count
    int at
    uint32_t offset             # in the buffer `at`
    uint32_t segment            # length of each datagram in it; only the last may be shorter


cdef inline bint arrivals_init(Arrivals* arrivals, int fd) noexcept nogil:
    cdef int i
    memset(arrivals, 0, sizeof(Arrivals))
    arrivals.fd = fd
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


# The next datagram, or NULL after the last one.
cdef inline const uint8_t* arrivals_next(Arrivals* arrivals, uint32_t* size) noexcept nogil:
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
