"""What a client behind the relay agent sends, and what it reads in an answer. Inline only.

The generator shares no code with the server's codec but the numbers in _wire.pxd: it is to find
the codec's mistakes, not to repeat them.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcmp, memcpy, memset

from fastdhcp._wire cimport (
    AT_CHADDR, AT_CIADDR, AT_COOKIE, AT_FLAGS, AT_GIADDR, AT_HLEN, AT_HOPS, AT_HTYPE, AT_OP,
    AT_OPTIONS, AT_SECS, AT_XID, AT_YIADDR, BOOTREPLY, BOOTREQUEST, HLEN_MAX, MAGIC_COOKIE,
    MESSAGE_SIZE_MIN, OPTION_CLIENT_ID, OPTION_END, OPTION_HOSTNAME, OPTION_LEASE_TIME,
    OPTION_MESSAGE_TYPE, OPTION_PAD, OPTION_PARAMETER_LIST, OPTION_RELAY_INFO,
    OPTION_REQUESTED_ADDRESS, OPTION_SERVER_ID, OPTION_VENDOR_CLASS, RELAY_CIRCUIT_ID, Span,
    Writer, load_be32, store_be16, store_be32, write_bytes, write_option, write_option_u8,
    write_option_u32, write_u8,
)

cdef enum:
    HTYPE_ETHERNET = 1
    ETHERNET_HLEN = 6
    CLIENT_PORT = 68
    CLIENT_AT = AT_CHADDR + 2   # chaddr is 02:00 and the client's number: what steering hashes
    DIGITS = 10
    CIRCUIT_ID_SIZE = 5 + DIGITS        # "port-0000000042", and dots behind it up to
    CIRCUIT_ID_SIZE_MAX = 250
    HOSTNAME_SIZE = 7 + DIGITS          # "client-0000000042"
    CLIENT_ID_SIZE = 1 + ETHERNET_HLEN  # RFC 2132 9.14: htype and the hardware address
    REQUEST_LIST_MAX = 64
    REQUEST_LISTS_MAX = 4
    VENDOR_CLASS_MAX = 64
    LEASE_ASKED_S = 3600        # and a second more for each exchange that the client had


# What all requests of a run have in common.
cdef struct Form:
    uint8_t header[AT_OPTIONS]
    uint32_t first              # number of the first client
    uint16_t size               # of every request: a train has one length
    bint client_id
    bint hostname
    bint lease_time             # option 51, a longer one each time
    uint8_t circuit_id_size     # 0: no option 82
    uint8_t vendor_class[VENDOR_CLASS_MAX]
    uint8_t vendor_class_size   # 0: no option 60
    # One of them each, by the client's number; of the first size 0: no option 55.
    uint8_t request_lists[REQUEST_LISTS_MAX][REQUEST_LIST_MAX]
    uint8_t request_list_size[REQUEST_LISTS_MAX]
    uint8_t request_list_count


# What one request says; an address of 0 is left out.
cdef struct Ask:
    uint8_t type
    uint32_t client             # from 0
    uint32_t xid
    uint16_t secs
    uint32_t ciaddr
    uint32_t giaddr
    uint32_t requested
    uint32_t server_id
    uint32_t lease_s


# relayed: by a relay agent; else by a client on the link, which may ask for broadcasts.
cdef inline void form_init(Form* form, bint relayed, bint broadcast) noexcept nogil:
    cdef uint32_t size = AT_OPTIONS + 3 + 6 + 6 + 1     # 53, 50, 54, END
    cdef uint32_t longest = 0
    cdef uint32_t i
    memset(form.header, 0, AT_OPTIONS)
    form.header[AT_OP] = BOOTREQUEST
    form.header[AT_HTYPE] = HTYPE_ETHERNET
    form.header[AT_HLEN] = ETHERNET_HLEN
    if relayed:
        form.header[AT_HOPS] = 1
    elif broadcast:
        form.header[AT_FLAGS] = 0x80                    # RFC 2131 2, figure 2: BROADCAST
    form.header[AT_CHADDR] = 2                          # locally administered
    store_be32(form.header + AT_COOKIE, MAGIC_COOKIE)
    if form.client_id:
        size += 2 + CLIENT_ID_SIZE
    if form.hostname:
        size += 2 + HOSTNAME_SIZE
    if form.lease_time:
        size += 6
    if form.circuit_id_size:
        size += 2 + 2 + form.circuit_id_size
    if form.vendor_class_size:
        size += 2 + form.vendor_class_size
    for i in range(form.request_list_count):
        longest = max(longest, 2 + <uint32_t>form.request_list_size[i])
    size += longest
    form.size = <uint16_t>max(size, <uint32_t>MESSAGE_SIZE_MIN)


cdef inline void _digits(uint8_t* at, uint32_t number) noexcept nogil:
    cdef int place
    for place in range(DIGITS - 1, -1, -1):
        at[place] = <uint8_t>(48 + number % 10)
        number //= 10


cdef inline void client_id_of(const Form* form, uint32_t client, uint8_t* to) noexcept nogil:
    to[0] = HTYPE_ETHERNET
    to[1] = 2
    to[2] = 0
    store_be32(to + 3, form.first + client)


cdef inline void relay_info_of(const Form* form, uint32_t client, uint8_t* to) noexcept nogil:
    to[0] = RELAY_CIRCUIT_ID
    to[1] = form.circuit_id_size
    memset(to + 2, 0x2E, form.circuit_id_size)
    memcpy(to + 2, b"port-", 5)
    _digits(to + 7, form.first + client)


cdef inline void _write_identity(const Form* form, uint32_t client, Writer* w) noexcept nogil:
    cdef uint8_t text[HOSTNAME_SIZE]
    if form.client_id:
        client_id_of(form, client, text)
        write_option(w, OPTION_CLIENT_ID, Span(&text[0], CLIENT_ID_SIZE))
    if form.hostname:
        memcpy(text, b"client-", 7)
        _digits(text + 7, form.first + client)
        write_option(w, OPTION_HOSTNAME, Span(&text[0], HOSTNAME_SIZE))


# Writes a request of form.size octets.
cdef inline void request_write(const Form* form, const Ask* ask, uint8_t* at) noexcept nogil:
    cdef Writer w
    cdef uint8_t relay_info[2 + CIRCUIT_ID_SIZE_MAX]
    cdef uint32_t list = ask.client % form.request_list_count if form.request_list_count else 0
    memcpy(at, form.header, AT_OPTIONS)
    memset(at + AT_OPTIONS, 0, form.size - AT_OPTIONS)
    store_be32(at + AT_XID, ask.xid)
    store_be16(at + AT_SECS, ask.secs)
    store_be32(at + AT_CIADDR, ask.ciaddr)
    store_be32(at + AT_GIADDR, ask.giaddr)
    store_be32(at + CLIENT_AT, form.first + ask.client)
    w.at = at + AT_OPTIONS
    w.end = at + form.size
    w.failed = False
    write_option_u8(&w, OPTION_MESSAGE_TYPE, ask.type)
    _write_identity(form, ask.client, &w)
    if ask.requested:
        write_option_u32(&w, OPTION_REQUESTED_ADDRESS, ask.requested)
    if ask.server_id:
        write_option_u32(&w, OPTION_SERVER_ID, ask.server_id)
    if ask.lease_s:
        write_option_u32(&w, OPTION_LEASE_TIME, ask.lease_s)
    if form.vendor_class_size:
        write_option(&w, OPTION_VENDOR_CLASS, Span(&form.vendor_class[0], form.vendor_class_size))
    if form.request_list_count:
        write_option(&w, OPTION_PARAMETER_LIST,
                     Span(&form.request_lists[list][0], form.request_list_size[list]))
    if form.circuit_id_size:    # RFC 3046 2.1: the relay agent appends its option as the last
        relay_info_of(form, ask.client, relay_info)
        write_option(&w, OPTION_RELAY_INFO, Span(&relay_info[0], 2 + form.circuit_id_size))
    write_u8(&w, OPTION_END)


# Options that every OFFER and ACK must carry with just this value.
cdef struct Expected:
    bint wanted[256]
    uint8_t size[256]
    uint8_t value[256][255]
    int count


# What an answer says; 0 and NULL where it says nothing.
cdef struct Answer:
    uint8_t type
    uint32_t xid
    uint32_t yiaddr
    uint32_t ciaddr
    uint32_t giaddr
    bint ethernet               # htype and hlen are what was asked with, the padding is zero
    uint32_t number             # the client's, from chaddr
    uint32_t server_id
    uint32_t lease_s
    Span client_id
    Span relay_info
    bint relay_info_last
    int expected_count          # of those wanted, found with their value


cdef inline void _read_option(
    Answer* answer, uint8_t code, const uint8_t* value, uint8_t size, const Expected* expected,
) noexcept nogil:
    answer.relay_info_last = code == OPTION_RELAY_INFO
    if code == OPTION_MESSAGE_TYPE and size == 1:
        answer.type = value[0]
    elif code == OPTION_SERVER_ID and size == 4:
        answer.server_id = load_be32(value)
    elif code == OPTION_LEASE_TIME and size == 4:
        answer.lease_s = load_be32(value)
    elif code == OPTION_CLIENT_ID:
        answer.client_id = Span(value, size)
    elif code == OPTION_RELAY_INFO:
        answer.relay_info = Span(value, size)
    if (expected.wanted[code] and expected.size[code] == size
            and memcmp(expected.value[code], value, size) == 0):
        answer.expected_count += 1


# False if it is no BOOTREPLY, or an option runs past the end, or END is missing.
cdef inline bint answer_read(
    Answer* answer, const uint8_t* at, uint32_t size, const Expected* expected,
) noexcept nogil:
    cdef const uint8_t* end = at + size
    cdef uint8_t zero[HLEN_MAX]
    memset(answer, 0, sizeof(Answer))
    if size < AT_OPTIONS or at[AT_OP] != BOOTREPLY or load_be32(at + AT_COOKIE) != MAGIC_COOKIE:
        return False
    memset(zero, 0, HLEN_MAX)
    answer.xid = load_be32(at + AT_XID)
    answer.ciaddr = load_be32(at + AT_CIADDR)
    answer.yiaddr = load_be32(at + AT_YIADDR)
    answer.giaddr = load_be32(at + AT_GIADDR)
    answer.number = load_be32(at + CLIENT_AT)
    answer.ethernet = (
        at[AT_HTYPE] == HTYPE_ETHERNET and at[AT_HLEN] == ETHERNET_HLEN
        and at[AT_CHADDR] == 2 and at[AT_CHADDR + 1] == 0
        and memcmp(at + AT_CHADDR + ETHERNET_HLEN, zero, HLEN_MAX - ETHERNET_HLEN) == 0)
    at += AT_OPTIONS
    while at < end and at[0] != OPTION_END:
        if at[0] == OPTION_PAD:
            at += 1
            continue
        if end - at < 2 or end - at < 2 + at[1]:
            return False
        _read_option(answer, at[0], at + 2, at[1], expected)
        at += 2 + at[1]
    return at < end
