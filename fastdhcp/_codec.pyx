"""The codec: a request becomes a Packet of proven spans; messages are written.

What may be wrong with the frame of a message is a drop reason (read_message lists them in order);
what is wrong with the content of an option makes that option absent, never the message.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fastdhcp._stats cimport (
    DROP_BAD_HLEN, DROP_BAD_MESSAGE_TYPE, DROP_NONE, DROP_NOT_REQUEST, DROP_TOO_LONG,
    DROP_TOO_SHORT, DropReason,
)
from fastdhcp._areas cimport *
from fastdhcp._relay cimport RelayInfo, relay_read
from fastdhcp._wire cimport *

from ipaddress import IPv4Address

from fastdhcp._stats import drop_names
from fastdhcp.packet import DecodeError, EncodeError, sort_options
from fastdhcp.packet import Packet as MessageView

REASON_NAMES = drop_names()


# ---- decoding

# The faults of a frame, in this order; then all options are walked and their repeats joined.
cdef inline DropReason read_message(Scratch* scratch, const SlotTable* table, const uint8_t* data,
                                    uint32_t size, uint8_t op_max,
                                    uint8_t* message_type) noexcept nogil:
    cdef DropReason reason
    cdef Walk* walk = &scratch.walk
    cdef Span* kind = &walk.slots[SLOT_MESSAGE_TYPE]
    if size < AT_COOKIE:
        return DROP_TOO_SHORT
    if size > SCRATCH_SIZE:
        return DROP_TOO_LONG
    if not BOOTREQUEST <= data[AT_OP] <= op_max:
        return DROP_NOT_REQUEST
    if data[AT_HLEN] > HLEN_MAX:
        return DROP_BAD_HLEN
    walk.table = table
    reason = areas_walk(walk, data, size)
    if reason != DROP_NONE:
        return reason
    walk.repeated &= ~(<uint64_t>1 << SLOT_OTHER)
    if walk.repeated:
        areas_join(walk, scratch.joined)
    message_type[0] = BOOTP
    if kind.at == NULL:
        return DROP_NONE
    if kind.len != 1 or not 1 <= kind.at[0] <= MESSAGE_TYPE_MAX:
        return DROP_BAD_MESSAGE_TYPE
    message_type[0] = kind.at[0]
    return DROP_NONE


cdef inline void take_header(Packet* packet, const uint8_t* data, uint32_t size) noexcept nogil:
    packet.data = data
    packet.size = size
    packet.op = data[AT_OP]
    packet.htype = data[AT_HTYPE]
    packet.hlen = data[AT_HLEN]
    packet.hops = data[AT_HOPS]
    packet.xid = load_be32(data + AT_XID)
    packet.secs = load_be16(data + AT_SECS)
    packet.flags = load_be16(data + AT_FLAGS)
    packet.ciaddr = load_be32(data + AT_CIADDR)
    packet.yiaddr = load_be32(data + AT_YIADDR)
    packet.siaddr = load_be32(data + AT_SIADDR)
    packet.giaddr = load_be32(data + AT_GIADDR)
    packet.chaddr = data + AT_CHADDR


# A number of four bytes; of any other length it counts as absent: 0, and no flag.
cdef inline uint32_t take_u32(Packet* packet, Span value, PacketFlag flag) noexcept nogil:
    if value.at == NULL or value.len != 4:
        return 0
    packet.has |= flag
    return load_be32(value.at)


cdef inline Span within(Span value, uint32_t len_min, uint32_t len_max) noexcept nogil:
    cdef Span absent = Span(NULL, 0)
    return value if len_min <= value.len <= len_max else absent


# RFC 2132 2: a receiver deletes the NULs that text may end with; nothing left is absent.
cdef inline void delete_nuls(Span* text) noexcept nogil:
    while text.len and text.at[text.len - 1] == 0:
        text.len -= 1
    if text.len == 0:
        text.at = NULL


cdef void take_relay_info(Packet* packet) noexcept nogil:
    cdef RelayInfo said
    relay_read(&said, packet.relay_info)
    packet.circuit_id = said.circuit_id
    packet.remote_id = said.remote_id
    packet.subscriber_id = said.subscriber_id
    if not said.more:
        return
    packet.link_selection = take_u32(packet, said.link_selection, HAS_LINK_SELECTION)
    packet.server_override = take_u32(packet, said.server_override, HAS_SERVER_OVERRIDE)
    if said.source_port:
        packet.has |= HAS_RELAY_PORT
    if said.vss.at != NULL:
        packet.has |= HAS_VSS
        packet.vss = said.vss
    if said.flags.len:
        packet.has |= HAS_RELAY_FLAGS
        if said.flags.at[0] & RELAY_FLAG_UNICAST:
            packet.has |= HAS_RELAY_UNICAST


# Where a client itself wants to be: hardly any says it.
cdef void take_selections(Packet* packet, const Span* slots) noexcept nogil:
    packet.subnet_selection = take_u32(packet, slots[SLOT_SUBNET_SELECTION], HAS_SUBNET_SELECTION)
    if slots[SLOT_VSS].len:
        packet.has |= HAS_VSS_OPTION
        packet.vss_option = slots[SLOT_VSS]


cdef inline void take_options(Packet* packet, Span* slots) noexcept nogil:
    cdef Span* size = &slots[SLOT_MAX_SIZE]
    packet.has = 0
    packet.requested = take_u32(packet, slots[SLOT_REQUESTED], HAS_REQUESTED)
    packet.server_id = take_u32(packet, slots[SLOT_SERVER_ID], HAS_SERVER_ID)
    packet.lease_time_s = take_u32(packet, slots[SLOT_LEASE_TIME], HAS_LEASE_TIME)
    if slots[SLOT_RAPID_COMMIT].at != NULL:
        packet.has |= HAS_RAPID_COMMIT
    packet.max_size = load_be16(size.at) if size.len == 2 else 0
    if packet.max_size < DATAGRAM_SIZE_MIN:
        packet.max_size = 0
    packet.client_id = slots[SLOT_CLIENT_ID]
    packet.parameter_list = within(slots[SLOT_PARAMETER_LIST], 1, SCRATCH_SIZE)
    delete_nuls(&slots[SLOT_HOSTNAME])
    packet.fqdn = slots[SLOT_FQDN]
    if packet.fqdn.len >= FQDN_MIN:
        packet.has |= HAS_FQDN
    packet.relay_info = slots[SLOT_RELAY_INFO]
    packet.circuit_id = packet.remote_id = packet.subscriber_id = Span(NULL, 0)
    if packet.relay_info.at != NULL:
        take_relay_info(packet)
    if slots[SLOT_SUBNET_SELECTION].at != NULL or slots[SLOT_VSS].at != NULL:
        take_selections(packet, slots)


cdef DropReason codec_decode(const SlotTable* table, const uint8_t* data, uint32_t size,
                             Scratch* scratch, Packet* packet) noexcept nogil:
    cdef DropReason reason
    reason = read_message(scratch, table, data, size, BOOTREQUEST, &packet.message_type)
    if reason == DROP_NONE:
        take_header(packet, data, size)
        take_options(packet, scratch.walk.slots)
        packet.walk = &scratch.walk
    return reason


# ---- Python

cdef str dotted(const uint8_t* at):
    return f"{at[0]}.{at[1]}.{at[2]}.{at[3]}"


# A field of text, up to its first NUL (RFC 2131 2); none if option 52 gave it to options.
cdef bytes text_field(const Walk* walk, const uint8_t* at, Py_ssize_t size):
    cdef uint32_t i
    for i in range(walk.area_count):
        if walk.areas[i].at == at:
            return b""
    return at[:size].partition(b"\0")[0]


cdef dict options_dict(const Walk* walk):
    cdef const uint8_t* at
    cdef Span value
    cdef uint8_t code
    cdef uint32_t i
    options = {}
    for i in range(walk.area_count):
        at = walk.areas[i].at
        while next_option(&at, walk.areas[i].at + walk.areas[i].len, &code, &value) == STEP_OPTION:
            options[code] = options.get(code, b"") + value.at[:value.len]
    return options


def decode(bytes data not None):
    """A request or a reply as a `Packet`; 236 to 2048 bytes.

    Raises DecodeError with the drop reason that a server would count: too-short, too-long,
    not-request (op is neither 1 nor 2), bad-hlen, bad-cookie, bad-options, bad-overload,
    bad-message-type. A message without cookie whose vend field is zero is BOOTP (RFC 951).
    """
    cdef const uint8_t* at = data
    cdef uint8_t message_type = BOOTP
    cdef Scratch scratch
    reason = read_message(&scratch, areas_slots(), at, <uint32_t>len(data), BOOTREPLY,
                          &message_type)
    if reason != DROP_NONE:
        raise DecodeError(REASON_NAMES[<int>reason])
    return MessageView(
        op=at[AT_OP], htype=at[AT_HTYPE], hlen=at[AT_HLEN], hops=at[AT_HOPS],
        xid=load_be32(at + AT_XID), secs=load_be16(at + AT_SECS), flags=load_be16(at + AT_FLAGS),
        ciaddr=dotted(at + AT_CIADDR), yiaddr=dotted(at + AT_YIADDR),
        siaddr=dotted(at + AT_SIADDR), giaddr=dotted(at + AT_GIADDR),
        chaddr=at[AT_CHADDR:AT_CHADDR + at[AT_HLEN]],
        sname=text_field(&scratch.walk, at + AT_SNAME, SNAME_SIZE),
        file=text_field(&scratch.walk, at + AT_FILE, FILE_SIZE),
        message_type=None if message_type == BOOTP else message_type,
        options=options_dict(&scratch.walk),
    )


cdef object span_bytes(Span span):
    return None if span.at == NULL else span.at[:span.len]


cdef object number_if(const Packet* packet, PacketFlag flag, uint32_t value):
    return value if packet.has & flag else None


cdef object span_if(const Packet* packet, PacketFlag flag, Span span):
    return span_bytes(span) if packet.has & flag else None


def decode_request(bytes data not None):
    """What a server sees of a request, by the names of the C struct; None: absent or not readable.

    Numbers are integers (addresses too), options joined bytes; `max_size` is 0 if absent. Raises
    DecodeError as `decode` does, and not-request for a reply.
    """
    cdef Scratch scratch
    cdef Packet packet
    cdef const Span* slots = scratch.walk.slots
    reason = codec_decode(areas_slots(), data, <uint32_t>len(data), &scratch, &packet)
    if reason != DROP_NONE:
        raise DecodeError(REASON_NAMES[<int>reason])
    return {
        "op": packet.op, "htype": packet.htype, "hlen": packet.hlen, "hops": packet.hops,
        "xid": packet.xid, "secs": packet.secs, "flags": packet.flags, "ciaddr": packet.ciaddr,
        "yiaddr": packet.yiaddr, "siaddr": packet.siaddr, "giaddr": packet.giaddr,
        "chaddr": packet.chaddr[:HLEN_MAX], "message_type": packet.message_type,
        "max_size": packet.max_size,
        "requested": number_if(&packet, HAS_REQUESTED, packet.requested),
        "server_id": number_if(&packet, HAS_SERVER_ID, packet.server_id),
        "lease_time_s": number_if(&packet, HAS_LEASE_TIME, packet.lease_time_s),
        "link_selection": number_if(&packet, HAS_LINK_SELECTION, packet.link_selection),
        "server_override": number_if(&packet, HAS_SERVER_OVERRIDE, packet.server_override),
        "subnet_selection": number_if(&packet, HAS_SUBNET_SELECTION, packet.subnet_selection),
        "vss": span_if(&packet, HAS_VSS, packet.vss),
        "vss_option": span_if(&packet, HAS_VSS_OPTION, packet.vss_option),
        "rapid_commit": bool(packet.has & HAS_RAPID_COMMIT),
        "relay_port": bool(packet.has & HAS_RELAY_PORT),
        "relay_unicast": number_if(&packet, HAS_RELAY_FLAGS, packet.has & HAS_RELAY_UNICAST != 0),
        "client_id": span_bytes(codec_client_id(&packet)),
        "relay_info": span_bytes(packet.relay_info),
        "circuit_id": span_bytes(packet.circuit_id), "remote_id": span_bytes(packet.remote_id),
        "subscriber_id": span_bytes(packet.subscriber_id),
        "parameter_list": span_bytes(packet.parameter_list),
        "hostname": span_bytes(scratch.walk.slots[SLOT_HOSTNAME]),
        "fqdn": span_bytes(packet.fqdn) if packet.has & HAS_FQDN else None,
        "vendor_class": span_bytes(within(slots[SLOT_VENDOR_CLASS], 1, SCRATCH_SIZE)),
        "user_class": span_bytes(within(slots[SLOT_USER_CLASS], 1, SCRATCH_SIZE)),
        "architecture": span_bytes(within(slots[SLOT_ARCHITECTURE], 1, SCRATCH_SIZE)),
    }


def slot_table():
    """(slot by code, slots in use, slots at most) of a policy that names no options of its own."""
    cdef const SlotTable* table = areas_slots()
    return bytes(table.slot_of[:256]), table.count, <int>SLOT_MAX


def decode_many(bytes data not None, uint32_t n):
    """Decodes a request `n` times without the GIL, for benchmarks; how many were no drop."""
    cdef const uint8_t* at = data
    cdef uint32_t size = <uint32_t>len(data)
    cdef uint32_t good = 0
    cdef uint32_t _i
    cdef Scratch scratch
    cdef Packet packet
    with nogil:
        for _i in range(n):
            good += codec_decode(areas_slots(), at, size, &scratch, &packet) == DROP_NONE
    return good


cdef uint32_t number(str name, value, uint32_t least, uint32_t most) except? 0xFFFFFFFF:
    if not least <= value <= most:
        raise EncodeError(f"{name} is {value}: it must be {least} to {most}")
    return <uint32_t>value


cdef int put_address(uint8_t* at, str name, text) except -1:
    try:
        store_be32(at, <uint32_t>int(IPv4Address(text)))
    except ValueError:
        raise EncodeError(f"{name} is no IPv4 address: {text!r}") from None
    return 0


cdef int put_bytes(uint8_t* at, str name, bytes value, Py_ssize_t most) except -1:
    if len(value) > most:
        raise EncodeError(f"{name} has {len(value)} bytes: {most} at most")
    memcpy(at, <const uint8_t*>value, <size_t>len(value))
    return 0


cdef Span span_of(bytes value):
    return Span(<const uint8_t*>value, <uint32_t>len(value))


# Cookie, 53, the other options, 82, END. The size of the message, without padding.
cdef Py_ssize_t put_options(uint8_t* at, Py_ssize_t room, bytes kind, dict values, bytes relay_info,
                            bint file_free, bint sname_free) except -1:
    cdef OptionSpan spans[256]
    cdef Writer file = Writer(at + AT_FILE, at + AT_FILE + FILE_SIZE, False)
    cdef Writer sname = Writer(at + AT_SNAME, at + AT_SNAME + SNAME_SIZE, False)
    cdef Writer main = Writer(at + AT_COOKIE, at + room, False)
    cdef uint32_t tail = 1 if relay_info is None else 1 + option_size(<uint32_t>len(relay_info))
    cdef uint32_t count = 0
    cdef uint8_t overload
    store_be32(main.at, MAGIC_COOKIE)
    main.at += 4
    if main.end - main.at < tail:
        raise EncodeError(f"option 82 finds no room in a message of {room} bytes")
    main.end -= tail
    if kind is not None:
        write_option(&main, OPTION_MESSAGE_TYPE, span_of(kind))
    for code, value in values.items():
        spans[count].value = span_of(value)
        spans[count].code = code
        count += 1
    left_out = areas_lay(spans, count, &main, &file if file_free else NULL,
                         &sname if sname_free else NULL, &overload)
    if main.failed or left_out:
        raise EncodeError(f"{left_out} of {count} options find no room in a message of "
                          f"{room} bytes")
    main.end += tail
    if relay_info is not None:
        write_option(&main, OPTION_RELAY_INFO, span_of(relay_info))
    write_u8(&main, OPTION_END)
    return main.at - at


def encode(*, op=1, htype=1, hlen=None, hops=0, xid=0, secs=0, flags=0, ciaddr="0.0.0.0",
           yiaddr="0.0.0.0", siaddr="0.0.0.0", giaddr="0.0.0.0", chaddr=b"", sname=b"", file=b"",
           message_type=None, options=(), max_size=1500):
    """A message of at least 300 bytes (RFC 1542 2.1): 53 first, 82 last, END right after.

    `options` maps codes (1-254) to bytes, or lists such pairs; parts of one code are joined, and
    what is longer than 255 bytes is split (RFC 3396). `max_size` is a datagram's, as option 57
    says it (576-2076, IP and UDP headers in it). Options that find no room move to `file`, then
    `sname`, if these are empty, and option 52 says so; a 52 in `options` is ignored. `hlen` is
    chaddr's length if not given. Raises EncodeError in words.
    """
    room = number("max_size", max_size, DATAGRAM_SIZE_MIN, SCRATCH_SIZE + IP_UDP_SIZE) - IP_UDP_SIZE
    message = bytearray(room)
    cdef uint8_t* at = <uint8_t*><char*>message
    at[AT_OP] = <uint8_t>number("op", op, 0, 0xFF)
    at[AT_HTYPE] = <uint8_t>number("htype", htype, 0, 0xFF)
    at[AT_HLEN] = <uint8_t>number("hlen", len(chaddr) if hlen is None else hlen, 0, HLEN_MAX)
    at[AT_HOPS] = <uint8_t>number("hops", hops, 0, 0xFF)
    store_be32(at + AT_XID, number("xid", xid, 0, 0xFFFFFFFF))
    store_be16(at + AT_SECS, <uint16_t>number("secs", secs, 0, 0xFFFF))
    store_be16(at + AT_FLAGS, <uint16_t>number("flags", flags, 0, 0xFFFF))
    put_address(at + AT_CIADDR, "ciaddr", ciaddr)
    put_address(at + AT_YIADDR, "yiaddr", yiaddr)
    put_address(at + AT_SIADDR, "siaddr", siaddr)
    put_address(at + AT_GIADDR, "giaddr", giaddr)
    put_bytes(at + AT_CHADDR, "chaddr", chaddr, at[AT_HLEN])
    put_bytes(at + AT_SNAME, "sname", sname, SNAME_SIZE)
    put_bytes(at + AT_FILE, "file", file, FILE_SIZE)
    kind, values, relay_info = sort_options(message_type, options)
    size = put_options(at, room, kind, values, relay_info, not file, not sname)
    return bytes(at[:max(size, <Py_ssize_t>MESSAGE_SIZE_MIN)])
