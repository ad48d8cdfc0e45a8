"""Sending: one socket for UDP, and one for frames to clients that have no address yet."""

from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove, memset

from fastdhcp._held cimport Held, held_give
from fastdhcp._linux cimport (
    AF_INET, AF_PACKET, CMSG_DATA, CMSG_LEN, IPPROTO_IP, IP_PKTINFO, MSG_DONTWAIT, MSG_NOSIGNAL,
    POLLOUT, SOL_UDP, UDP_SEGMENT, cmsghdr, htonl, htons, in_pktinfo, msghdr, poll, pollfd,
    sendmmsg, sockaddr_in, sockaddr_ll,
)
from fastdhcp._leases cimport Table, wall_ns
from fastdhcp._reply cimport (
    BROADCAST_ADDRESS, FRAME_HEAD_SIZE, WAY_BROADCAST, WAY_FRAME, Reply, reply_head,
)
from fastdhcp._stats cimport (
    COUNT_REPLY_SUM, COUNT_REPLY_TIME, COUNT_SENT, DROP_NONE, DROP_SEND_FAILED, HISTOGRAM_BUCKETS,
    count, count_drop, count_time,
)
from fastdhcp._trace cimport OUTCOME_SEND_FAILED, OUTCOME_SENT, trace_close
from fastdhcp._wire cimport ETHERNET_HLEN

cdef enum:
    ETHERTYPE_IP = 0x0800
    FULL_WAIT_MS = 2         # once a flush, for a send buffer that is full
    NS_PER_US = 1000


# ---- writing what the kernel wants

cdef void lane_open(Lane* lane, int fd, uint8_t* names, uint32_t name_size) noexcept nogil:
    cdef uint32_t i
    lane.fd = fd
    for i in range(<uint32_t>OUT_MAX):
        lane.headers[i].msg_hdr.msg_name = names + i * name_size
        lane.headers[i].msg_hdr.msg_namelen = name_size


cdef inline void control_head(uint8_t* at, int level, int type, size_t size) noexcept nogil:
    cdef cmsghdr* head = <cmsghdr*>at
    head.cmsg_len = CMSG_LEN(size)
    head.cmsg_level = level
    head.cmsg_type = type


cdef inline void control_open(uint8_t* control) noexcept nogil:
    control_head(control, IPPROTO_IP, IP_PKTINFO, sizeof(in_pktinfo))
    control_head(control + CONTROL_SOURCE_SIZE, SOL_UDP, UDP_SEGMENT, sizeof(uint16_t))


cdef void outbox_open(Outbox* outbox, int udp, int frames, Held* held,
                      const Table* t) noexcept nogil:
    cdef uint32_t i
    memset(outbox, 0, sizeof(Outbox))
    outbox.held = held
    outbox.t = t
    outbox.counters = t.own
    lane_open(&outbox.udp, udp, <uint8_t*>outbox.udp_names, sizeof(sockaddr_in))
    lane_open(&outbox.frames, frames, <uint8_t*>outbox.frame_names, sizeof(sockaddr_ll))
    for i in range(<uint32_t>OUT_MAX):
        outbox.udp_names[i].sin_family = AF_INET
        outbox.frame_names[i].sll_family = AF_PACKET
        outbox.frame_names[i].sll_protocol = htons(ETHERTYPE_IP)
        outbox.frame_names[i].sll_halen = ETHERNET_HLEN
        outbox.udp.headers[i].msg_hdr.msg_control = <uint8_t*>outbox.controls[i]
        control_open(outbox.controls[i])


# The next message of a lane, and a reply's bytes at the end of the last one.
cdef inline uint32_t lane_begin(Lane* lane) noexcept nogil:
    cdef uint32_t i = lane.count
    lane.headers[i].msg_hdr.msg_iov = &lane.vectors[lane.filled]
    lane.headers[i].msg_hdr.msg_iovlen = 0
    lane.count += 1
    return i


cdef inline void lane_put(Lane* lane, uint32_t number, uint8_t* at, size_t size) noexcept nogil:
    lane.vectors[lane.filled].iov_base = at
    lane.vectors[lane.filled].iov_len = size
    lane.numbers[lane.filled] = number
    lane.filled += 1
    lane.headers[lane.count - 1].msg_hdr.msg_iovlen += 1


# From the address that the packet came to; a broadcast also names its interface, what else there
# is goes by routing.
cdef inline void begin_udp(Outbox* outbox, const Reply* reply) noexcept nogil:
    cdef uint32_t i = lane_begin(&outbox.udp)
    cdef in_pktinfo* info = <in_pktinfo*>CMSG_DATA(<cmsghdr*>&outbox.controls[i])
    info.ipi_ifindex = reply.ifindex if reply.way == WAY_BROADCAST else 0
    info.ipi_spec_dst.s_addr = htonl(reply.source)
    outbox.udp_names[i].sin_port = htons(reply.port)
    outbox.udp_names[i].sin_addr.s_addr = htonl(reply.destination)
    outbox.udp.headers[i].msg_hdr.msg_controllen = CONTROL_SOURCE_SIZE


# Into the last message. The second one makes a train of it.
cdef inline void put_udp(Outbox* outbox, uint32_t number) noexcept nogil:
    cdef Reply* reply = &outbox.held.replies[number]
    cdef uint32_t i = outbox.udp.count - 1
    lane_put(&outbox.udp, number, reply.data, reply.size)
    if outbox.udp.headers[i].msg_hdr.msg_iovlen == 2:
        outbox.udp.headers[i].msg_hdr.msg_controllen = CONTROL_OUT_SIZE
        memcpy(CMSG_DATA(<cmsghdr*>&outbox.controls[i][<int>CONTROL_SOURCE_SIZE]), &reply.size,
               sizeof(uint16_t))


cdef inline void put_frame(Outbox* outbox, uint32_t number) noexcept nogil:
    cdef Reply* reply = &outbox.held.replies[number]
    cdef uint32_t i = lane_begin(&outbox.frames)
    reply_head(reply)
    lane_put(&outbox.frames, number, reply.head, FRAME_HEAD_SIZE + reply.size)
    outbox.frame_names[i].sll_ifindex = reply.ifindex
    memcpy(outbox.frame_names[i].sll_addr, reply.hw_address, ETHERNET_HLEN)


# ---- grouping

cdef inline bint same_train(const Reply* a, const Reply* b) noexcept nogil:
    return (a.destination == b.destination and a.size == b.size and a.port == b.port
            and a.source == b.source and a.ifindex == b.ifindex and a.way == b.way)


cdef inline uint32_t train_slot(const Reply* reply) noexcept nogil:
    cdef uint32_t word = reply.destination ^ (<uint32_t>reply.size << 16) ^ reply.port
    return ((word * <uint32_t>0x9E3779B1) >> 16) & (GROUP_SLOTS - 1)


cdef void group_add(Outbox* outbox, uint32_t place) noexcept nogil:
    cdef Groups* g = &outbox.groups
    cdef const Reply* replies = outbox.held.replies
    cdef const Reply* reply = &replies[outbox.numbers[place]]
    cdef uint32_t slot = train_slot(reply)
    cdef uint32_t group
    g.next[place] = OUT_MAX
    while g.slots[slot]:
        group = g.slots[slot] - 1
        if same_train(&replies[outbox.numbers[g.first[group]]], reply):
            g.next[g.last[group]] = place
            g.last[group] = place
            return
        slot = (slot + 1) & (GROUP_SLOTS - 1)
    g.first[g.count] = g.last[g.count] = place
    g.count += 1
    g.slots[slot] = <uint16_t>g.count


# How many replies like this one a message may have.
cdef inline uint32_t train_max(const Outbox* outbox, const Reply* reply) noexcept nogil:
    if not outbox.t.image.trains:
        return 1
    return min(<uint32_t>TRAIN_MAX, <uint32_t>TRAIN_SIZE_MAX // reply.size)


cdef void put_group(Outbox* outbox, uint32_t place) noexcept nogil:
    cdef Groups* g = &outbox.groups
    cdef const Reply* first = &outbox.held.replies[outbox.numbers[place]]
    cdef uint32_t most = train_max(outbox, first)
    cdef uint32_t left = 0
    while place != OUT_MAX:
        if left == 0:
            begin_udp(outbox, first)
            left = most
        put_udp(outbox, outbox.numbers[place])
        left -= 1
        place = g.next[place]


# Groups in the order of their first reply, each group's replies in the order in which they came.
cdef void fill_lanes(Outbox* outbox) noexcept nogil:
    cdef Groups* g = &outbox.groups
    cdef uint32_t group, place
    memset(g.slots, 0, sizeof(g.slots))
    g.count = 0
    outbox.udp.count = outbox.frames.count = 0
    outbox.udp.filled = outbox.frames.filled = 0
    for place in range(outbox.count):
        group_add(outbox, place)
    for group in range(g.count):
        place = g.first[group]
        if outbox.held.replies[outbox.numbers[place]].way != WAY_FRAME:
            put_group(outbox, place)
            continue
        while place != OUT_MAX:
            put_frame(outbox, outbox.numbers[place])
            place = g.next[place]


# ---- sending

# The first reply of a message; behind the last message there is none.
cdef inline uint32_t first_of(const Lane* lane, uint32_t message) noexcept nogil:
    if message == lane.count:
        return lane.filled
    return <uint32_t>(lane.headers[message].msg_hdr.msg_iov - lane.vectors)


# Replies [first, end). The time to the answer is 0 where the kernel did not say when the packet
# came.
cdef void count_sent(Outbox* outbox, const Lane* lane, uint32_t first, uint32_t end,
                     uint64_t now_ns) noexcept nogil:
    cdef const Reply* reply
    cdef uint32_t i
    cdef uint64_t answer_us
    for i in range(first, end):
        reply = &outbox.held.replies[lane.numbers[i]]
        answer_us = 0
        count(outbox.counters, COUNT_SENT + reply.type)
        if 0 < reply.received_ns <= now_ns:
            answer_us = (now_ns - reply.received_ns) // NS_PER_US
            count_time(outbox.counters, COUNT_REPLY_TIME + reply.clock * HISTOGRAM_BUCKETS,
                       COUNT_REPLY_SUM + reply.clock, answer_us)
        trace_close(outbox.t, reply.trace, OUTCOME_SENT, DROP_NONE, answer_us)


# The trace has errno where a reply that was sent has its time.
cdef void count_failed(Outbox* outbox, const Lane* lane, uint32_t first, uint32_t end,
                       int error) noexcept nogil:
    cdef uint32_t i
    for i in range(first, end):
        count_drop(outbox.counters, DROP_SEND_FAILED)
        trace_close(outbox.t, outbox.held.replies[lane.numbers[i]].trace, OUTCOME_SEND_FAILED,
                    DROP_SEND_FAILED, <uint64_t>error)


cdef bint wait_writable(int fd) noexcept nogil:
    cdef pollfd entry = pollfd(fd, POLLOUT, 0)
    return poll(&entry, 1, FULL_WAIT_MS) > 0


# A message to another place of the lane, with its name and its control data.
cdef inline void move_message(Outbox* outbox, uint32_t source, uint32_t target) noexcept nogil:
    cdef msghdr* a = &outbox.udp.headers[source].msg_hdr
    cdef msghdr* b = &outbox.udp.headers[target].msg_hdr
    b.msg_iov = a.msg_iov
    b.msg_iovlen = a.msg_iovlen
    b.msg_controllen = a.msg_controllen
    outbox.udp_names[target] = outbox.udp_names[source]
    memmove(outbox.controls[target], outbox.controls[source], CONTROL_OUT_SIZE)


# The kernel cuts nothing for a route whose MTU is below a reply's size, or that goes by IPsec, and
# a filter may refuse a train for its length: its replies become messages of their own.
cdef void uncouple(Outbox* outbox, uint32_t message) noexcept nogil:
    cdef Lane* lane = &outbox.udp
    cdef uint32_t more = <uint32_t>lane.headers[message].msg_hdr.msg_iovlen - 1
    cdef uint32_t first = first_of(lane, message)
    cdef uint32_t i = lane.count
    while i > message + 1:
        i -= 1
        move_message(outbox, i, i + more)
    lane.count += more
    i = more + 1
    while i:
        i -= 1
        move_message(outbox, message, message + i)
        lane.headers[message + i].msg_hdr.msg_iov = &lane.vectors[first + i]
        lane.headers[message + i].msg_hdr.msg_iovlen = 1
        lane.headers[message + i].msg_hdr.msg_controllen = CONTROL_SOURCE_SIZE


# sendmmsg stops at the first message that fails: that one is counted, and it goes on behind it. A
# full send buffer is waited for once: clients ask again, but the packets behind are not read.
cdef void lane_send(Outbox* outbox, Lane* lane, uint64_t now_ns) noexcept nogil:
    cdef uint32_t at = 0
    cdef bint waited = False
    cdef uint32_t behind
    cdef int sent, error
    while at < lane.count:
        sent = sendmmsg(lane.fd, &lane.headers[at], lane.count - at, MSG_DONTWAIT | MSG_NOSIGNAL)
        if sent > 0:
            behind = at + <uint32_t>sent
            count_sent(outbox, lane, first_of(lane, at), first_of(lane, behind), now_ns)
            at = behind
            continue
        error = errno
        if error == EINTR:
            continue
        if error == EAGAIN and not waited and wait_writable(lane.fd):
            waited = True
            continue
        if error != EAGAIN and lane.headers[at].msg_hdr.msg_iovlen > 1:
            uncouple(outbox, at)
            continue
        behind = lane.count if error == EAGAIN else at + 1
        count_failed(outbox, lane, first_of(lane, at), first_of(lane, behind), error)
        at = behind


cdef void outbox_add(Outbox* outbox, uint32_t number) noexcept nogil:
    cdef Reply* reply = &outbox.held.replies[number]
    if outbox.count == OUT_MAX:
        outbox_flush(outbox)
    if reply.way == WAY_FRAME and outbox.frames.fd < 0:
        reply.way = WAY_BROADCAST
        reply.destination = BROADCAST_ADDRESS
    outbox.numbers[outbox.count] = number
    outbox.count += 1


cdef void outbox_flush(Outbox* outbox) noexcept nogil:
    cdef uint64_t now_ns
    cdef uint32_t i
    if outbox.count == 0:
        return
    fill_lanes(outbox)
    now_ns = wall_ns()
    lane_send(outbox, &outbox.udp, now_ns)
    lane_send(outbox, &outbox.frames, now_ns)
    for i in range(outbox.count):
        held_give(outbox.held, outbox.numbers[i])
    outbox.count = 0
