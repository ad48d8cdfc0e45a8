"""What of a request stands in its reply as it came: options 118, 221, 61, and 82 last.

Whoever lays the rest of a reply keeps `echo_size` bytes for it. Hardly any message selects its
place, so what follows from that is out of the way (_echo.pyx).
"""

from libc.stdint cimport uint8_t, uint32_t

from fastdhcp._areas cimport option_size
from fastdhcp._codec cimport HAS_SUBNET_SELECTION, HAS_VSS, HAS_VSS_OPTION, Packet
from fastdhcp._handle cimport Handled
from fastdhcp._wire cimport OPTION_CLIENT_ID, OPTION_RELAY_INFO, Span, Writer, write_option

cdef enum:
    SELECTS = HAS_SUBNET_SELECTION | HAS_VSS_OPTION | HAS_VSS


# Of options 118 and 221.
cdef uint32_t echo_selections_size(const Packet* packet, const Handled* handled) noexcept nogil
cdef void echo_selections(Writer* w, const Packet* packet, const Handled* handled) noexcept nogil
# Option 82 without 82.152 if 82.151 was used. False: it found no room.
cdef bint echo_relay_info(Writer* w, const Packet* packet, const Handled* handled,
                          uint32_t kept_free) noexcept nogil


# Bytes that `echo_write` takes at most.
cdef inline uint32_t echo_size(const Packet* packet, const Handled* handled) noexcept nogil:
    cdef uint32_t size = 0
    if packet.has & SELECTS:
        size += echo_selections_size(packet, handled)
    if packet.client_id.at != NULL:
        size += option_size(packet.client_id.len)
    if packet.relay_info.at != NULL:
        size += option_size(packet.relay_info.len)
    return size


cdef inline bint echo_has_room(const Writer* w, Span option, uint32_t kept_free) noexcept nogil:
    return w.end - w.at >= <ptrdiff_t>(option_size(option.len) + kept_free)


# RFC 6842 3: 61 as it came. RFC 3046 2.2: 82 as it came, last, whatever giaddr is; if there is no
# room for all of it, none. `kept_free`: bytes that are written after it. False: 82 was left out.
cdef inline bint echo_write(Writer* w, const Packet* packet, const Handled* handled,
                            uint32_t kept_free) noexcept nogil:
    if packet.has & SELECTS:
        echo_selections(w, packet, handled)
    if packet.client_id.at != NULL:
        write_option(w, OPTION_CLIENT_ID, packet.client_id)
    if packet.relay_info.at == NULL or w.failed:
        return True
    if packet.has & HAS_VSS:
        return echo_relay_info(w, packet, handled, kept_free)
    if not echo_has_room(w, packet.relay_info, kept_free):
        return False
    write_option(w, OPTION_RELAY_INFO, packet.relay_info)
    return True
