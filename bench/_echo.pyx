"""The echo: answers DISCOVER with OFFER and REQUEST with ACK, and knows nothing.

A bare recvmmsg/sendmmsg loop, 64 messages at a time, one packet a message. What it reaches is what
this machine's UDP path allows a server that moves packet by packet: the ceiling beside which a
server's figure is put. The address is 10. and octets 3 to 5 of chaddr, so the generator's checks
hold: one address a client, none twice. Clients on the link that ask for no broadcast are answered
by frames, without a UDP checksum.
"""

from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from bench._frames cimport ETHERTYPE_IP, IP_SIZE, PROTOCOL_UDP, UDP_SIZE
from bench._messages cimport CLIENT_PORT, ETHERNET_HLEN
from fastdhcp._linux cimport (
    AF_PACKET, MSG_NOSIGNAL, MSG_WAITFORONE, htons, iovec, mmsghdr, recvmmsg, sendmmsg,
    sockaddr_in, sockaddr_ll,
)
from fastdhcp._wire cimport (
    ACK, AT_CHADDR, AT_CIADDR, AT_COOKIE, AT_FLAGS, AT_GIADDR, AT_OP, AT_OPTIONS, AT_YIADDR,
    BOOTREPLY, BOOTREQUEST, DISCOVER, MAGIC_COOKIE, MESSAGE_SIZE_MAX, MESSAGE_SIZE_MIN, OFFER,
    OPTION_END, OPTION_LEASE_TIME, OPTION_MESSAGE_TYPE, OPTION_PAD, OPTION_RELAY_INFO,
    OPTION_SERVER_ID, OPTION_SUBNET_MASK, REQUEST, Span, Writer, load_be16, load_be32, store_be16,
    store_be32, write_bytes, write_option_u8, write_option_u32, write_u8,
)

cdef enum:
    BATCH = 64
    TURNS = 10_000
    LEASE_TIME_S = 3600
    RELAY_INFO_MAX = 2 + 255
    FLAG_BROADCAST = 0x80       # of the first octet of the flags, RFC 2131 figure 2
    SERVER_PORT = 67
    HEAD_SIZE = IP_SIZE + UDP_SIZE
    TTL = 64


cdef struct Batch:
    mmsghdr messages[BATCH]
    iovec parts[BATCH]
    sockaddr_in sources[BATCH]
    uint8_t octets[BATCH][MESSAGE_SIZE_MAX]


# Answers that go out by the packet socket `fd`, -1 if there is none.
cdef struct Frames:
    int fd
    int interface
    uint32_t server_id
    int count
    mmsghdr messages[BATCH]
    iovec parts[BATCH][2]
    sockaddr_ll names[BATCH]
    uint8_t heads[BATCH][HEAD_SIZE]


cdef uint8_t _read(const uint8_t* at, uint32_t size, Span* relay_info) noexcept nogil:
    cdef const uint8_t* end = at + size
    cdef uint8_t type = 0
    if size < AT_OPTIONS or at[AT_OP] != BOOTREQUEST or load_be32(at + AT_COOKIE) != MAGIC_COOKIE:
        return 0
    at += AT_OPTIONS
    while at < end and at[0] != OPTION_END:
        if at[0] == OPTION_PAD:
            at += 1
            continue
        if end - at < 2 or end - at < 2 + at[1]:
            return 0
        if at[0] == OPTION_MESSAGE_TYPE and at[1] == 1:
            type = at[2]
        elif at[0] == OPTION_RELAY_INFO:
            relay_info[0] = Span(at, 2 + at[1])
        at += 2 + at[1]
    return type


# Turns the message at `at` into its answer, in place. Returns the answer's size, 0 for none.
cdef uint32_t _answer(uint8_t* at, uint32_t size, uint32_t server_id) noexcept nogil:
    cdef uint8_t kept[RELAY_INFO_MAX]
    cdef Span relay_info = Span(NULL, 0)
    cdef uint8_t type = _read(at, size, &relay_info)
    cdef Writer w
    if type not in (DISCOVER, REQUEST):
        return 0
    if relay_info.len:
        memcpy(kept, relay_info.at, relay_info.len)
    at[AT_OP] = BOOTREPLY
    store_be32(at + AT_YIADDR, (10 << 24) | (load_be32(at + AT_CHADDR + 2) & 0xFFFFFF))
    w.at = at + AT_OPTIONS
    w.end = at + MESSAGE_SIZE_MAX
    w.failed = False
    write_option_u8(&w, OPTION_MESSAGE_TYPE, OFFER if type == DISCOVER else ACK)
    write_option_u32(&w, OPTION_SERVER_ID, server_id)
    write_option_u32(&w, OPTION_LEASE_TIME, LEASE_TIME_S)
    write_option_u32(&w, OPTION_SUBNET_MASK, <uint32_t>0xFF000000)
    if relay_info.len:
        write_bytes(&w, kept, relay_info.len)
    write_u8(&w, OPTION_END)
    if w.at < at + MESSAGE_SIZE_MIN:
        memset(w.at, 0, at + MESSAGE_SIZE_MIN - w.at)
        return MESSAGE_SIZE_MIN
    return <uint32_t>(w.at - at)


# RFC 2131 4.1: without a relay agent, to all on the link if the client asks for it.
cdef inline void _direct(const uint8_t* at, sockaddr_in* to) noexcept nogil:
    if load_be32(at + AT_GIADDR) == 0 and at[AT_FLAGS] & FLAG_BROADCAST:
        to.sin_addr.s_addr = <uint32_t>0xFFFFFFFF


cdef void _write_head(
    uint8_t* ip, const uint8_t* at, uint32_t size, uint32_t source,
) noexcept nogil:
    cdef uint32_t sum = 0, i
    memset(ip, 0, HEAD_SIZE)
    ip[0] = 0x45                # version 4, a head of five words
    store_be16(ip + 2, <uint16_t>(HEAD_SIZE + size))
    ip[8] = TTL
    ip[9] = PROTOCOL_UDP
    store_be32(ip + 12, source)
    memcpy(ip + 16, at + AT_YIADDR, 4)
    for i in range(0, IP_SIZE, 2):
        sum += load_be16(ip + i)
    sum = (sum & 0xFFFF) + (sum >> 16)
    store_be16(ip + 10, <uint16_t>~(sum + (sum >> 16)))
    store_be16(ip + IP_SIZE, SERVER_PORT)
    store_be16(ip + IP_SIZE + 2, CLIENT_PORT)
    store_be16(ip + IP_SIZE + 4, <uint16_t>(UDP_SIZE + size))


# RFC 2131 4.1: to the client's hardware address and yiaddr.
cdef void _put_frame(Frames* frames, uint8_t* at, uint32_t size) noexcept nogil:
    cdef int i = frames.count
    cdef sockaddr_ll* name = &frames.names[i]
    _write_head(frames.heads[i], at, size, frames.server_id)
    memset(name, 0, sizeof(sockaddr_ll))
    name.sll_family = AF_PACKET
    name.sll_protocol = htons(ETHERTYPE_IP)
    name.sll_ifindex = frames.interface
    name.sll_halen = ETHERNET_HLEN
    memcpy(name.sll_addr, at + AT_CHADDR, ETHERNET_HLEN)
    frames.parts[i][0].iov_base = frames.heads[i]
    frames.parts[i][0].iov_len = HEAD_SIZE
    frames.parts[i][1].iov_base = at
    frames.parts[i][1].iov_len = size
    memset(&frames.messages[i], 0, sizeof(mmsghdr))
    frames.messages[i].msg_hdr.msg_name = name
    frames.messages[i].msg_hdr.msg_namelen = sizeof(sockaddr_ll)
    frames.messages[i].msg_hdr.msg_iov = frames.parts[i]
    frames.messages[i].msg_hdr.msg_iovlen = 2
    frames.count += 1


cdef inline bint _wants_frame(const uint8_t* at) noexcept nogil:
    return (load_be32(at + AT_GIADDR) == 0 and load_be32(at + AT_CIADDR) == 0
            and not at[AT_FLAGS] & FLAG_BROADCAST)


# Answers what is in the first `count` places; the answers move together at the front.
cdef int _answer_batch(Batch* batch, Frames* frames, int count) noexcept nogil:
    cdef int i, out = 0
    cdef uint32_t size
    frames.count = 0
    for i in range(count):
        size = _answer(batch.octets[i], batch.messages[i].msg_len, frames.server_id)
        if size and frames.fd >= 0 and _wants_frame(batch.octets[i]):
            _put_frame(frames, batch.octets[i], size)
        elif size:
            _direct(batch.octets[i], &batch.sources[i])
            batch.parts[out].iov_base = batch.octets[i]
            batch.parts[out].iov_len = size
            batch.messages[out].msg_hdr.msg_name = &batch.sources[i]
            out += 1
    return out


cdef void _ready(Batch* batch) noexcept nogil:
    cdef int i
    for i in range(BATCH):
        batch.parts[i].iov_base = batch.octets[i]
        batch.parts[i].iov_len = MESSAGE_SIZE_MAX
        batch.messages[i].msg_hdr.msg_iov = &batch.parts[i]
        batch.messages[i].msg_hdr.msg_iovlen = 1
        batch.messages[i].msg_hdr.msg_name = &batch.sources[i]
        batch.messages[i].msg_hdr.msg_namelen = sizeof(sockaddr_in)


cdef void _send(int fd, mmsghdr* messages, int count) noexcept nogil:
    cdef int done = 0, sent
    while done < count:
        sent = sendmmsg(fd, &messages[done], count - done, MSG_NOSIGNAL)
        if sent > 0:
            done += sent
        elif errno != EINTR:
            done += 1               # it stops at the first that fails: skip it


# Returns now and then, and when nothing comes, so that Python can look after signals.
cdef int _serve(int fd, Batch* batch, Frames* frames) noexcept nogil:
    cdef int count, _turn
    for _turn in range(TURNS):
        _ready(batch)
        count = recvmmsg(fd, batch.messages, BATCH, MSG_WAITFORONE, NULL)
        if count > 0:
            _send(fd, batch.messages, _answer_batch(batch, frames, count))
            _send(frames.fd, frames.messages, frames.count)
        elif errno in (EINTR, EAGAIN):
            return 0
        else:
            return errno
    return 0


def answer(message: bytes, server_id: int) -> bytes:
    """The echo's answer to one message; empty if it answers nothing. For tests and users."""
    cdef uint8_t room[MESSAGE_SIZE_MAX]
    cdef uint32_t size = min(len(message), <Py_ssize_t>MESSAGE_SIZE_MAX)
    memcpy(room, <const char*>message, size)
    size = _answer(room, size, server_id)
    return room[:size]


def serve(int fd, uint32_t server_id, int frames=-1, int interface=0) -> None:
    """Answer what comes to the blocking UDP socket `fd` until a signal handler raises.

    `server_id` is the host-order address for option 54. A receive timeout on the socket
    (SO_RCVTIMEO) lets handlers of Python run when nothing comes. `frames` is a packet socket
    (SOCK_DGRAM) for clients on the link with that index.

    Raises OSError if the socket fails.
    """
    cdef Batch batch
    cdef Frames lane
    cdef int failed
    lane.fd = frames
    lane.interface = interface
    lane.server_id = server_id
    while True:
        with nogil:
            failed = _serve(fd, &batch, &lane)
        if failed:
            raise OSError(failed, "recvmmsg")
        PyErr_CheckSignals()
