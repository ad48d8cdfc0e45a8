"""What of a message that selects its place stands in the reply: 118, 221, and 82 without 152."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from fastdhcp._codec cimport SCRATCH_SIZE
from fastdhcp._relay cimport relay_next
from fastdhcp._scope cimport VSS_USED_AGENTS
from fastdhcp._wire cimport (
    NAK, OPTION_SUBNET_SELECTION, OPTION_VSS, RELAY_VSS_CONTROL, write_option_u32,
)


# RFC 6607 7.1: a client that selects a VPN is told which one was used; 9: if that is enabled.
cdef inline Span vss_told(const Packet* packet, const Handled* handled) noexcept nogil:
    cdef Span nothing = Span(NULL, 0)
    if not handled.scope.heeded & HAS_VSS_OPTION:
        return nothing
    return packet.vss if handled.scope.vss == VSS_USED_AGENTS else packet.vss_option


cdef uint32_t echo_selections_size(const Packet* packet, const Handled* handled) noexcept nogil:
    cdef Span vss = vss_told(packet, handled)
    cdef uint32_t size = 0
    if handled.scope.heeded & HAS_SUBNET_SELECTION:
        size += option_size(4)
    if vss.len:
        size += option_size(vss.len)
    return size


# RFC 3011 2: who selects a subnet is told so, asked for or not; who is not heeded must not be. RFC
# 2131 table 3: by a NAK nobody is.
cdef void echo_selections(Writer* w, const Packet* packet, const Handled* handled) noexcept nogil:
    cdef Span vss = vss_told(packet, handled)
    if handled.reply_type == NAK:
        return
    if handled.scope.heeded & HAS_SUBNET_SELECTION:
        write_option_u32(w, OPTION_SUBNET_SELECTION, packet.subnet_selection)
    if vss.len:
        write_option(w, OPTION_VSS, vss)


# RFC 6607 7.2: a server that has used 82.151 takes 82.152 out: so the relay agent knows it.
# `room` has SCRATCH_SIZE bytes.
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


cdef bint echo_relay_info(Writer* w, const Packet* packet, const Handled* handled,
                          uint32_t kept_free) noexcept nogil:
    cdef uint8_t room[SCRATCH_SIZE]
    cdef Span option = packet.relay_info
    if handled.scope.vss == VSS_USED_AGENTS:
        option = without_control(option, room)
    if not echo_has_room(w, option, kept_free):
        return False
    write_option(w, OPTION_RELAY_INFO, option)
    return True
