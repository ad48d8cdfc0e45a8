"""Replies are written here: OFFER, ACK and NAK, byte by byte, as RFC 2131 table 3 has them; BOOTP's
as RFC 951 and RFC 1542 have it."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset, strlen

from fastdhcp._body cimport (
    BODY_NO_NAME, FILE_FREE, FILE_OWN, FILE_TAKEN, Bodies, Body, BodyKey, FileTaken, bodies_find,
    body_key_begin,
)
from fastdhcp._codec cimport HAS_FQDN, HAS_RELAY_PORT, Packet, codec_option_size
from fastdhcp._echo cimport echo_size, echo_write
from fastdhcp._handle cimport Handled
from fastdhcp._image cimport INFINITE, Image, Params
from fastdhcp._refusal cimport Refusal, refusal_find, refusal_write
from fastdhcp._reservations cimport (
    Reservation, reservation_boot_file, reservation_hostname,
)
from fastdhcp._scope cimport Arrival
from fastdhcp._stats cimport COUNT_RELAY_INFO_LEFT_OUT, Counters, count
from fastdhcp._wire cimport *

cdef enum:
    IP_HEAD_SIZE = 20
    UDP_HEAD_SIZE = 8
    IP_VERSION_AND_SIZE = 0x45
    IP_TOS_LOW_DELAY = 0x10  # as other servers send it
    IP_TTL = 64
    IP_PROTOCOL_UDP = 17
    END_SIZE = 1             # option 255
    SIZE_STEP = 64           # of the lengths that replies are padded to
    PADDED_MAX = 1252        # in one piece by any path of 1,280 octets, as tunnels have them
    # RFC 4702 2.1: flags of option 81.
    FQDN_S = 1               # the server updates the client's A record
    FQDN_O = 2               # the server has overridden the client's S
    FQDN_E = 4               # the name is in DNS's own encoding
    FQDN_N = 8               # the server updates nothing
    FQDN_RCODE = 255

cdef const char* NAK_TEXT = b"this address is not yours to use here"


# ---- where to

# A client without an address cannot answer ARP: what goes to it goes to its hardware address.
cdef inline void to_hardware(Reply* reply, const Packet* packet, uint32_t yiaddr) noexcept nogil:
    if packet.htype != HTYPE_ETHERNET or packet.hlen != ETHERNET_HLEN or yiaddr == 0:
        reply.way = WAY_BROADCAST
        reply.destination = BROADCAST_ADDRESS
        return
    reply.way = WAY_FRAME
    reply.destination = yiaddr
    memcpy(reply.hw_address, packet.chaddr, ETHERNET_HLEN)


cdef void reply_address(Reply* reply, const Packet* packet, const Arrival* arrival,
                        const Handled* handled) noexcept nogil:
    reply.source = handled.scope.source
    reply.ifindex = arrival.ifindex
    reply.port = PORT_CLIENT
    reply.way = WAY_UDP
    if packet.giaddr:
        # RFC 8357 5.1: a relay agent that says so is answered at the port that it sent from.
        reply.port = arrival.source_port if packet.has & HAS_RELAY_PORT else PORT_SERVER
        reply.destination = packet.giaddr
    elif handled.reply_type == NAK or (packet.flags & FLAG_BROADCAST and not packet.ciaddr):
        reply.way = WAY_BROADCAST
        reply.destination = BROADCAST_ADDRESS
    elif packet.ciaddr:
        reply.destination = packet.ciaddr
    else:
        to_hardware(reply, packet, handled.yiaddr)


# RFC 1542 5.4: ciaddr first, whatever giaddr is, but only where the client is told that it is
# right; one that may be wrong (3.3) is ignored, as the RFC allows.
cdef void bootp_address(Reply* reply, const Packet* packet, const Arrival* arrival,
                        const Handled* handled) noexcept nogil:
    if packet.ciaddr and packet.ciaddr == handled.yiaddr:
        reply.way = WAY_UDP
        reply.port = PORT_CLIENT
        reply.destination = packet.ciaddr
    elif packet.ciaddr and not packet.giaddr and packet.flags & FLAG_BROADCAST:
        reply.way = WAY_BROADCAST
        reply.destination = BROADCAST_ADDRESS
    elif packet.ciaddr and not packet.giaddr:
        to_hardware(reply, packet, handled.yiaddr)


cdef inline uint32_t sum_words(const uint8_t* at, uint32_t size, uint32_t sum) noexcept nogil:
    cdef uint32_t i
    for i in range(0, size - 1, 2):
        sum += load_be16(at + i)
    if size & 1:
        sum += <uint32_t>at[size - 1] << 8
    return sum


# RFC 1071.
cdef inline uint16_t checksum(uint32_t sum) noexcept nogil:
    sum = (sum & 0xFFFF) + (sum >> 16)
    sum = (sum & 0xFFFF) + (sum >> 16)
    return <uint16_t>~sum


cdef void reply_head(Reply* reply) noexcept nogil:
    cdef uint8_t* ip = reply.head
    cdef uint8_t* udp = reply.head + IP_HEAD_SIZE
    cdef uint16_t udp_size = UDP_HEAD_SIZE + reply.size
    cdef uint16_t sum
    memset(ip, 0, FRAME_HEAD_SIZE)
    ip[0] = IP_VERSION_AND_SIZE
    ip[1] = IP_TOS_LOW_DELAY
    store_be16(ip + 2, IP_HEAD_SIZE + udp_size)
    ip[8] = IP_TTL
    ip[9] = IP_PROTOCOL_UDP
    store_be32(ip + 12, reply.source)
    store_be32(ip + 16, reply.destination)
    store_be16(ip + 10, checksum(sum_words(ip, IP_HEAD_SIZE, 0)))
    store_be16(udp, PORT_SERVER)
    store_be16(udp + 2, reply.port)
    store_be16(udp + 4, udp_size)
    # RFC 768: over a pseudo header of the addresses, the protocol and the size, too. 0 says "none".
    sum = checksum(sum_words(ip + 12, 8, IP_PROTOCOL_UDP + udp_size)
                   + sum_words(udp, UDP_HEAD_SIZE, 0) + sum_words(reply.data, reply.size, 0))
    store_be16(udp + 6, sum if sum else 0xFFFF)


# ---- times

cdef inline uint32_t half(uint32_t lease_s) noexcept nogil:
    return lease_s // 2


cdef inline uint32_t seven_eighths(uint32_t lease_s) noexcept nogil:
    return <uint32_t>(<uint64_t>lease_s * 7 // 8)


# RFC 2131 4.4.5: T1 before T2, T2 before the end. What is configured counts if it is below the time
# granted. A lease without end is never renewed: no T1, no T2.
cdef void write_times(Reply* reply, Writer* w, const Params* params,
                      uint32_t lease_s) noexcept nogil:
    cdef uint32_t renewal_s = half(lease_s)
    cdef uint32_t rebinding_s = seven_eighths(lease_s)
    reply.lease_s = lease_s
    reply.lease_at = <uint16_t>(w.at - reply.data) + 2
    put_option_u32(w, OPTION_LEASE_TIME, lease_s)
    if lease_s == INFINITE:
        return
    if 0 < params.rebinding_s < lease_s:
        rebinding_s = params.rebinding_s
    if 0 < params.renewal_s < lease_s:
        renewal_s = params.renewal_s
    if renewal_s >= rebinding_s:
        renewal_s = half(rebinding_s)
    reply.renewal_at = <uint16_t>(w.at - reply.data) + 2
    put_option_u32(w, OPTION_RENEWAL_TIME, renewal_s)
    reply.rebinding_at = <uint16_t>(w.at - reply.data) + 2
    put_option_u32(w, OPTION_REBINDING_TIME, rebinding_s)


cdef inline void lower(uint8_t* at, uint32_t most) noexcept nogil:
    if load_be32(at) > most:
        store_be32(at, most)


# The running second counts as over, so that what is told never passes `expiry`; the decision gave
# two seconds more than it told.
cdef bint reply_lower(Reply* reply, uint32_t now) noexcept nogil:
    cdef uint32_t left
    if reply.expiry == INFINITE:
        return True
    if reply.expiry <= now + 1:
        return False
    left = reply.expiry - now - 1
    if left >= reply.lease_s:
        return True
    store_be32(reply.data + reply.lease_at, left)
    if reply.renewal_at:
        lower(reply.data + reply.renewal_at, half(left))
        lower(reply.data + reply.rebinding_at, seven_eighths(left))
    return True


# ---- the message

# What the link takes in one piece, for a reply to a client on it; but at least a BOOTP message.
cdef inline uint32_t message_max(const Handled* handled) noexcept nogil:
    cdef uint32_t mtu = handled.scope.mtu
    if mtu == 0 or mtu > <uint32_t>(MESSAGE_SIZE_MAX + IP_UDP_SIZE):
        return MESSAGE_SIZE_MAX
    if mtu < <uint32_t>(MESSAGE_SIZE_MIN + IP_UDP_SIZE):
        return MESSAGE_SIZE_MIN
    return mtu - <uint32_t>IP_UDP_SIZE


# RFC 2132 9.10: what the client says that it takes, IP and UDP headers in it; and no more than the
# link does.
cdef inline uint32_t size_max(const Reply* reply, const Writer* w,
                              const Packet* packet) noexcept nogil:
    cdef uint32_t size = packet.max_size if packet.max_size else <uint32_t>DATAGRAM_SIZE_MIN
    return min(size - <uint32_t>IP_UDP_SIZE, <uint32_t>(w.end - reply.data))


# The header and the cookie. Nothing but what table 3 has from the request.
cdef Writer begin(Reply* reply, const Packet* packet, const Handled* handled) noexcept nogil:
    cdef uint8_t* data = reply.data
    cdef Writer w = Writer(data + AT_OPTIONS, data + message_max(handled), False)
    memset(data, 0, MESSAGE_SIZE_MIN)
    data[AT_OP] = BOOTREPLY
    data[AT_HTYPE] = packet.htype
    data[AT_HLEN] = packet.hlen
    store_be32(data + AT_XID, packet.xid)
    store_be16(data + AT_FLAGS, packet.flags)
    store_be32(data + AT_GIADDR, packet.giaddr)
    memcpy(data + AT_CHADDR, packet.chaddr, HLEN_MAX)
    store_be32(data + AT_COOKIE, MAGIC_COOKIE)
    return w


# The least message has room for all that is put rather than written: 53, 54, 51, 58 and 59.
cdef inline void write_type(Writer* w, const Handled* handled) noexcept nogil:
    put_option_u8(w, OPTION_MESSAGE_TYPE, handled.reply_type)
    put_option_u32(w, OPTION_SERVER_ID, handled.scope.server_id)


# What came returns, 82 last. Then END at once, and zeros up to the least size of a BOOTP message.
# False: there was no room.
cdef bint finish(Reply* reply, Writer* w, const Packet* packet, const Handled* handled,
                 Counters* counters) noexcept nogil:
    cdef uint32_t size
    if not echo_write(w, packet, handled, END_SIZE):
        count(counters, COUNT_RELAY_INFO_LEFT_OUT)
    write_u8(w, OPTION_END)
    size = <uint32_t>(w.at - reply.data)
    reply.size = <uint16_t>max(size, <uint32_t>MESSAGE_SIZE_MIN)
    return not w.failed


# Replies of one length to one destination leave together: what differs by what is one client's own
# (61, 82, 12, 81) gets one of a few lengths, by zeros after END, but never more than it may have,
# and no padding has it cut on the way.
cdef inline void pad(Reply* reply, const Writer* w, const Packet* packet) noexcept nogil:
    cdef uint32_t size = reply.size
    cdef uint32_t padded = (size + SIZE_STEP - 1) & ~<uint32_t>(SIZE_STEP - 1)
    padded = min(padded, min(size_max(reply, w, packet), <uint32_t>PADDED_MAX))
    if <uint32_t>MESSAGE_SIZE_MIN < size < padded:
        memset(reply.data + size, 0, padded - size)
        reply.size = <uint16_t>padded


# RFC 2131 table 3: a NAK has no address, no file and no configuration. 4.3.2: through a relay agent
# it has the broadcast bit, so that it reaches a client whose address is wrong on its link.
cdef bint write_nak(Reply* reply, Writer* w, const Packet* packet, const Handled* handled,
                    Counters* counters) noexcept nogil:
    cdef Span text = Span(<const uint8_t*>NAK_TEXT, <uint32_t>strlen(NAK_TEXT))
    write_type(w, handled)
    if packet.giaddr:
        store_be16(reply.data + AT_FLAGS, packet.flags | FLAG_BROADCAST)
    write_option(w, OPTION_MESSAGE, text)
    return finish(reply, w, packet, handled, counters)


# What is echoed is whole: if that alone passes the size, nothing else finds room.
cdef inline uint32_t room_left(const Reply* reply, const Writer* w, const Packet* packet,
                               const Handled* handled) noexcept nogil:
    cdef uint32_t size = size_max(reply, w, packet)
    cdef uint32_t taken = <uint32_t>(w.at - reply.data) + echo_size(packet, handled) + END_SIZE
    return size - taken if size > taken else 0


# The reservation's own, else that of the nearest scope; len 0: none.
cdef inline Span boot_file(const Image* image, const Params* params,
                           const Reservation* reservation) noexcept nogil:
    if reservation != NULL and reservation.boot_file_len:
        return reservation_boot_file(reservation)
    return Span(<const uint8_t*>image + params.boot_file_at, params.boot_file_len)


cdef inline uint32_t next_server(const Handled* handled) noexcept nogil:
    if handled.reservation != NULL and handled.reservation.next_server:
        return handled.reservation.next_server
    return handled.params.next_server


# What all clients of a kind have, with the name of this one at its place.
cdef inline void write_options(Writer* w, const Body* body,
                               const Reservation* reservation) noexcept nogil:
    cdef uint32_t before = body.name_at
    if before == BODY_NO_NAME:
        write_bytes(w, body.main, body.size)
        return
    write_bytes(w, body.main, before)
    write_option(w, OPTION_HOSTNAME, reservation_hostname(reservation))
    write_bytes(w, body.main + before, body.size - before)


# RFC 4702 4: who sends option 81 is told what the server does for its name, in its own encoding
# (E). No DNS update is made: N, and O where the client wanted one. The name comes back as it came.
cdef void write_fqdn(const Reply* reply, Writer* w, const Packet* packet,
                     const Handled* handled) noexcept nogil:
    cdef uint8_t* at = w.at
    cdef uint8_t flags = packet.fqdn.at[0]
    if codec_option_size(packet.fqdn.len) > room_left(reply, w, packet, handled):
        return
    write_option(w, OPTION_FQDN, packet.fqdn)
    at[2] = FQDN_N | (flags & FQDN_E) | (FQDN_O if flags & FQDN_S else 0)
    at[3] = at[4] = FQDN_RCODE


# What the body of this client is known by, but for the fields that are taken.
cdef inline void begin_key(BodyKey* key, const Handled* handled) noexcept nogil:
    cdef const Reservation* reservation = handled.reservation
    body_key_begin(key, handled.subnet, handled.pool, reservation)
    key.own_name = 1 if reservation != NULL and reservation.hostname_len else 0


# Whose the boot file is. One of the reservation's own may go as option 67, too, beside the body.
cdef inline FileTaken file_taken(const Handled* handled) noexcept nogil:
    if handled.reservation == NULL or handled.reservation.boot_file_len == 0:
        return FILE_TAKEN
    return FILE_OWN


cdef void write_body(Reply* reply, Writer* w, Bodies* bodies, const Image* image,
                     const Packet* packet, const Handled* handled,
                     Counters* counters) noexcept nogil:
    cdef const Params* params = handled.params
    cdef uint32_t room = room_left(reply, w, packet, handled)
    cdef Span file = boot_file(image, params, handled.reservation)
    cdef const Body* body
    cdef BodyKey key
    begin_key(&key, handled)
    key.file_taken = <uint8_t>(file_taken(handled) if file.len else FILE_FREE)
    key.sname_taken = 1 if params.server_name_len else 0
    key.bootp = 0
    body = bodies_find(bodies, image, &key, handled.classes, packet.parameter_list, room,
                       handled.reservation, counters)
    if file.len:
        memcpy(reply.data + AT_FILE, file.at, file.len)
        if body.own_file:
            write_option(w, OPTION_BOOT_FILE_NAME, file)
    elif body.overload:
        memcpy(reply.data + AT_FILE, body.file, FILE_SIZE)
    if params.server_name_len:
        memcpy(reply.data + AT_SNAME, <const uint8_t*>image + params.server_name_at,
               params.server_name_len)
    elif body.overload:
        memcpy(reply.data + AT_SNAME, body.sname, SNAME_SIZE)
    write_options(w, body, handled.reservation)


# An OFFER of no address says why (108, 116), and no more.
cdef bint write_refusal(Reply* reply, Writer* w, const Image* image, const Packet* packet,
                        const Handled* handled, Counters* counters) noexcept nogil:
    cdef Refusal said
    refusal_find(&said, image, packet, handled.subnet, handled.pool, handled.reservation,
                 handled.classes)
    refusal_write(w, &said)
    return finish(reply, w, packet, handled, counters)


# RFC 951 7.3, RFC 1542 5.3: ciaddr is preserved, and the file that the client named comes back if
# none is configured.
cdef void write_bootp_fields(Reply* reply, const Image* image, const Packet* packet,
                             const Handled* handled) noexcept nogil:
    cdef const Params* params = handled.params
    cdef Span file = boot_file(image, params, handled.reservation)
    store_be32(reply.data + AT_CIADDR, packet.ciaddr)
    store_be32(reply.data + AT_YIADDR, handled.yiaddr)
    store_be32(reply.data + AT_SIADDR, next_server(handled))
    memcpy(reply.data + AT_SNAME, <const uint8_t*>image + params.server_name_at,
           params.server_name_len)
    if file.len:
        memcpy(reply.data + AT_FILE, file.at, file.len)
    else:
        memcpy(reply.data + AT_FILE, packet.data + AT_FILE, FILE_SIZE)


# RFC 1534 2: no option of DHCP's own, and no more octets than BOOTP has (vend: 64), or than the
# client sent itself. RFC 3046 2.2: 82 comes back all the same.
cdef bint write_bootp(Reply* reply, Writer* w, Bodies* bodies, const Image* image,
                      const Packet* packet, const Handled* handled,
                      Counters* counters) noexcept nogil:
    cdef Packet asked = packet[0]
    cdef const Body* body
    cdef BodyKey key
    asked.client_id.at = NULL
    asked.max_size = <uint16_t>max(packet.size, <uint32_t>MESSAGE_SIZE_MIN) + <uint16_t>IP_UDP_SIZE
    reply.type = BOOTP
    write_bootp_fields(reply, image, packet, handled)
    begin_key(&key, handled)
    key.file_taken = FILE_TAKEN
    key.sname_taken = key.bootp = 1
    body = bodies_find(bodies, image, &key, handled.classes, packet.parameter_list,
                       room_left(reply, w, &asked, handled), handled.reservation, counters)
    write_options(w, body, handled.reservation)
    return finish(reply, w, &asked, handled, counters)


# OFFER and ACK: ciaddr is in an ACK only (table 3), and is INFORM's only address. RFC 4039 3.1: an
# ACK to a DISCOVER says by option 80 why it is one.
cdef bint write_lease(Reply* reply, Writer* w, Bodies* bodies, const Image* image,
                      const Packet* packet, const Handled* handled,
                      Counters* counters) noexcept nogil:
    cdef Span nothing = Span(NULL, 0)
    write_type(w, handled)
    if handled.reply_type == ACK:
        store_be32(reply.data + AT_CIADDR, packet.ciaddr)
        if packet.message_type == DISCOVER:
            write_option(w, OPTION_RAPID_COMMIT, nothing)
    store_be32(reply.data + AT_YIADDR, handled.yiaddr)
    store_be32(reply.data + AT_SIADDR, next_server(handled))
    if handled.lease_s:
        write_times(reply, w, handled.params, handled.lease_s)
        if packet.has & HAS_FQDN:
            write_fqdn(reply, w, packet, handled)
    elif handled.reply_type == OFFER:
        return write_refusal(reply, w, image, packet, handled, counters)
    write_body(reply, w, bodies, image, packet, handled, counters)
    if not finish(reply, w, packet, handled, counters):
        return False
    if image.trains and (packet.giaddr or reply.way == WAY_BROADCAST):
        pad(reply, w, packet)
    return True


cdef inline ReplyClock clock_of(uint8_t reply_type, uint8_t message_type) noexcept nogil:
    if reply_type == OFFER:
        return CLOCK_OFFER
    if reply_type == NAK:
        return CLOCK_NAK
    return CLOCK_INFORM if message_type == INFORM else CLOCK_ACK


cdef bint reply_write(Reply* reply, Bodies* bodies, const Image* image, const Packet* packet,
                      const Arrival* arrival, const Handled* handled, uint32_t now,
                      Counters* counters) noexcept nogil:
    cdef Writer w = begin(reply, packet, handled)
    reply.received_ns = arrival.received_ns
    reply.type = handled.reply_type
    reply.clock = clock_of(handled.reply_type, packet.message_type)
    reply.number = handled.number
    reply.inc_epoch = handled.inc_epoch
    reply.inc_n = handled.inc_n
    reply.ring = handled.ring
    reply.position = handled.position
    reply.expiry = handled.expiry
    reply.since = now
    reply.lease_s = 0
    reply.lease_at = reply.renewal_at = reply.rebinding_at = 0
    reply_address(reply, packet, arrival, handled)
    if handled.reply_type == NAK:
        return write_nak(reply, &w, packet, handled, counters)
    if handled.reply_type == ACK and packet.message_type == BOOTP:
        bootp_address(reply, packet, arrival, handled)
        return write_bootp(reply, &w, bodies, image, packet, handled, counters)
    return write_lease(reply, &w, bodies, image, packet, handled, counters)
