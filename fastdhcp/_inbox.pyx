"""Receiving: recvmmsg, and what the kernel says beside each message."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
from posix.time cimport timespec

from fastdhcp._linux cimport (
    CMSG_DATA, CMSG_FIRSTHDR, CMSG_NXTHDR, IPPROTO_IP, IP_PKTINFO, MSG_DONTWAIT, SOL_SOCKET,
    SOL_UDP, SO_TIMESTAMPNS, UDP_GRO, cmsghdr, in_pktinfo, msghdr, ntohl, ntohs, recvmmsg,
    sockaddr_in,
)
from fastdhcp._scope cimport Arrival

cdef enum:
    NS_PER_S = 1000000000


cdef inline void message_ready(Inbox* inbox, uint32_t i) noexcept nogil:
    cdef msghdr* head = &inbox.headers[i].msg_hdr
    head.msg_namelen = sizeof(sockaddr_in)
    head.msg_controllen = CONTROL_IN_SIZE
    head.msg_flags = 0


cdef bint inbox_open(Inbox* inbox, int fd) noexcept nogil:
    cdef msghdr* head
    cdef uint32_t i
    memset(inbox, 0, sizeof(Inbox))
    inbox.fd = fd
    inbox.longest = 1
    inbox.buffers = <uint8_t*>calloc(LOT_MAX, BUFFER_STRIDE)
    if inbox.buffers == NULL:
        return False
    for i in range(<uint32_t>LOT_MAX):
        inbox.vectors[i].iov_base = inbox.buffers + i * BUFFER_STRIDE
        inbox.vectors[i].iov_len = BUFFER_SIZE
        head = &inbox.headers[i].msg_hdr
        head.msg_name = &inbox.sources[i]
        head.msg_iov = &inbox.vectors[i]
        head.msg_iovlen = 1
        head.msg_control = <uint8_t*>inbox.controls[i]
        message_ready(inbox, i)
    return True


cdef void inbox_close(Inbox* inbox) noexcept nogil:
    free(inbox.buffers)
    inbox.buffers = NULL


# ---- what the kernel says beside a message

cdef inline void take_address(cmsghdr* head, Arrival* out) noexcept nogil:
    cdef in_pktinfo info
    memcpy(&info, CMSG_DATA(head), sizeof(in_pktinfo))
    out.ifindex = info.ipi_ifindex
    out.local = ntohl(info.ipi_spec_dst.s_addr)
    out.destination = ntohl(info.ipi_addr.s_addr)


cdef inline void take_time(cmsghdr* head, Arrival* out) noexcept nogil:
    cdef timespec stamp
    memcpy(&stamp, CMSG_DATA(head), sizeof(timespec))
    out.received_ns = <uint64_t>stamp.tv_sec * NS_PER_S + <uint64_t>stamp.tv_nsec


# The kernel names as `local` the destination itself if it is an address of ours, else the one that
# it would answer from: so the two differ for a broadcast only. Only a train has a step of its own.
cdef void open_message(Inbox* inbox, uint32_t i) noexcept nogil:
    cdef msghdr* message = &inbox.headers[i].msg_hdr
    cdef cmsghdr* head = CMSG_FIRSTHDR(message)
    cdef Arrival* out = &inbox.arrivals[i]
    cdef int step = 0
    memset(out, 0, sizeof(Arrival))
    out.source = ntohl(inbox.sources[i].sin_addr.s_addr)
    out.source_port = ntohs(inbox.sources[i].sin_port)
    while head != NULL:
        if head.cmsg_level == IPPROTO_IP and head.cmsg_type == IP_PKTINFO:
            take_address(head, out)
        elif head.cmsg_level == SOL_SOCKET and head.cmsg_type == SO_TIMESTAMPNS:
            take_time(head, out)
        elif head.cmsg_level == SOL_UDP and head.cmsg_type == UDP_GRO:
            memcpy(&step, CMSG_DATA(head), sizeof(int))
        head = CMSG_NXTHDR(message, head)
    out.broadcast = out.destination != out.local
    inbox.steps[i] = <uint32_t>step if step > 0 else max(inbox.headers[i].msg_len, <uint32_t>1)


# ---- receiving

cdef inline uint32_t packets_of(const Inbox* inbox, uint32_t i) noexcept nogil:
    return (inbox.headers[i].msg_len + inbox.steps[i] - 1) // inbox.steps[i]


# As many messages as will make a lot, if they are as long as of late: a worker that dies has read
# little that it had not answered, and little memory is gone through.
cdef void receive(Inbox* inbox) noexcept nogil:
    cdef uint32_t wanted = max(<uint32_t>LOT_MAX // inbox.longest, <uint32_t>1)
    cdef uint32_t longest = inbox.longest >> 1
    cdef uint32_t i
    cdef int received
    for i in range(inbox.messages):
        message_ready(inbox, i)
    received = recvmmsg(inbox.fd, inbox.headers, wanted, MSG_DONTWAIT, NULL)
    inbox.messages = <uint32_t>received if received > 0 else 0
    inbox.message = inbox.offset = 0
    for i in range(inbox.messages):
        open_message(inbox, i)
        longest = max(longest, packets_of(inbox, i))
    if inbox.messages:
        inbox.longest = max(longest, <uint32_t>1)


# What is left of a message, as far as the lot has room. A message of no octets is one packet.
cdef void unload(Inbox* inbox) noexcept nogil:
    cdef uint32_t i = inbox.message
    cdef uint32_t size = inbox.headers[i].msg_len
    cdef const uint8_t* data = inbox.buffers + i * BUFFER_STRIDE
    cdef uint32_t packet
    while inbox.count < LOT_MAX:
        packet = min(size - inbox.offset, inbox.steps[i])
        inbox.lot[inbox.count] = Parcel(data + inbox.offset, packet, i)
        inbox.count += 1
        inbox.offset += packet
        if inbox.offset == size:
            inbox.message += 1
            inbox.offset = 0
            return


cdef uint32_t inbox_receive(Inbox* inbox) noexcept nogil:
    inbox.count = 0
    if inbox.message == inbox.messages:
        receive(inbox)
    while inbox.message < inbox.messages and inbox.count < LOT_MAX:
        unload(inbox)
    return inbox.count
