"""What of a request stands in its reply as it came: options 118, 221, 61, and 82 last. Inline only.

Whoever lays the rest of a reply keeps `echo_size` bytes for it.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from fastdhcp._areas cimport option_size
from fastdhcp._codec cimport (
    HAS_SUBNET_SELECTION, HAS_VSS_OPTION, SCRATCH_SIZE, Packet,
)
from fastdhcp._handle cimport Handled
from fastdhcp._relay cimport relay_next
from fastdhcp._wire cimport (
    NAK, OPTION_CLIENT_ID, OPTION_RELAY_INFO, OPTION_SUBNET_SELECTION, OPTION_VSS,
    RELAY_VSS_CONTROL, Span, Writer, write_option, write_option_u32,
)

cdef enum:
    SELECTIONS = HAS_SUBNET_SELECTION | HAS_VSS_OPTION


cdef inline uint32_t selections_size(const Packet* packet, const Handled* handled) noexcept nogil:
    cdef uint32_t size = 0
    if packet.has & HAS_SUBNET_SELECTION:
        size += option_size(4)
    if packet.has & HAS_VSS_OPTION and handled.scope.vss.at != NULL:
        size += option_size(handled.scope.vss.len)
    return size


# Bytes that `echo_write` takes at most.
cdef inline uint32_t echo_size(const Packet* packet, const Handled* handled) noexcept nogil:
    cdef uint32_t size = 0
    if packet.has & SELECTIONS:
        size += selections_size(packet, handled)
    if packet.client_id.at != NULL:
        size += option_size(packet.client_id.len)
    if packet.relay_info.at != NULL:
        size += option_size(packet.relay_info.len)
    return size


# RFC 3011: who selects a subnet is told so. RFC 6607 7.1: and who selects a VPN, by what was used.
# RFC 2131 table 3: a NAK has neither.
cdef inline void write_selections(Writer* w, const Packet* packet,
                                  const Handled* handled) noexcept nogil:
    if handled.reply_type == NAK:
        return
    if packet.has & HAS_SUBNET_SELECTION:
        write_option_u32(w, OPTION_SUBNET_SELECTION, packet.subnet_selection)
    if packet.has & HAS_VSS_OPTION and handled.scope.vss.at != NULL:
        write_option(w, OPTION_VSS, handled.scope.vss)


# RFC 6607 8: a server that has used 82.151 takes 82.152 out; so the relay agent knows that it did.
cdef inline Span without_control(Span option, uint8_t* room) noexcept nogil:
    cdef Span left = option
    cdef Span value
    cdef const uint8_t* part = option.at
    cdef uint8_t* at = room
    cdef uint8_t code
    while relay_next(&left, &code, &value):
        if code != RELAY_VSS_CONTROL:
            memcpy(at, part, <size_t>(left.at - part))
            at += left.at - part
        part = left.at
    memcpy(at, left.at, left.len)    # what cannot be read stays as it came
    return Span(room, <uint32_t>(at - room) + left.len)


cdef inline bint write_relay_info(Writer* w, Span option, uint32_t kept_free) noexcept nogil:
    if w.end - w.at < <ptrdiff_t>(option_size(option.len) + kept_free):
        return False
    write_option(w, OPTION_RELAY_INFO, option)
    return True


# RFC 6842 3: 61 as it came. RFC 3046 2.2: 82 as it came, last, whatever giaddr is; if there is no
# room for all of it, none. `kept_free`: bytes that are written after it. False: 82 was left out.
cdef inline bint echo_write(Writer* w, const Packet* packet, const Handled* handled,
                            uint32_t kept_free) noexcept nogil:
    cdef uint8_t room[SCRATCH_SIZE]
    if packet.has & SELECTIONS:
        write_selections(w, packet, handled)
    if packet.client_id.at != NULL:
        write_option(w, OPTION_CLIENT_ID, packet.client_id)
    if packet.relay_info.at == NULL or w.failed:
        return True
    if handled.scope.vss_of_agent:
        return write_relay_info(w, without_control(packet.relay_info, room), kept_free)
    return write_relay_info(w, packet.relay_info, kept_free)
