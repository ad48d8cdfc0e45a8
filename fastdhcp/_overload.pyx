"""How late is a packet, is the server behind, and whose share is left."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from fastdhcp._codec cimport Packet
from fastdhcp._scope cimport Arrival
from fastdhcp._stats cimport DROP_NONE, DROP_OVERLOAD, DROP_WAITED_TOO_LONG, DropReason
from fastdhcp._wire cimport DISCOVER, INFORM


# Clients on a link share one as a relay agent's do. Each time the hash is another one: of two relay
# agents that met in one place the one that floods does not silence the other for long.
cdef inline bint share_left(Overload* o, const Packet* packet, const Arrival* arrival,
                            uint64_t now_ns) noexcept nogil:
    cdef uint32_t word = packet.giaddr ^ <uint32_t>arrival.ifindex
    cdef uint32_t place
    if now_ns >= o.share_until_ns or now_ns + SHARE_NS < o.share_until_ns:
        o.share_until_ns = now_ns + SHARE_NS
        o.share_factor = <uint32_t>(now_ns * <uint64_t>0x9E3779B97F4A7C15 >> 32) | 1
        memset(o.shares, 0, sizeof(o.shares))
    place = (word * o.share_factor) >> 24
    if o.shares[place] >= SHARE:
        return False
    o.shares[place] += 1
    return True


# A late packet came: is the server behind? Once it is, it stays so until none came late for
# PATIENCE_NS. A clock that was set back begins anew.
cdef inline bint is_behind(Overload* o, uint64_t now_ns) noexcept nogil:
    if o.late_since_ns == 0 or now_ns < o.late_since_ns:
        o.late_since_ns = now_ns
    if now_ns + PATIENCE_NS < o.behind_until_ns:
        o.behind_until_ns = 0
    if now_ns >= o.behind_until_ns and now_ns - o.late_since_ns < PATIENCE_NS:
        return False
    o.behind_until_ns = now_ns + PATIENCE_NS
    return True


cdef DropReason overload_judge(Overload* o, const Packet* packet, const Arrival* arrival,
                               uint64_t now_ns) noexcept nogil:
    cdef uint64_t waited_ns = 0
    if 0 < arrival.received_ns < now_ns:
        waited_ns = now_ns - arrival.received_ns
    if waited_ns < LATE_NS:
        o.late_since_ns = 0
        return DROP_NONE
    if waited_ns >= RETRY_NS:
        return DROP_WAITED_TOO_LONG
    if (is_behind(o, now_ns) and packet.message_type in (DISCOVER, INFORM)
            and not share_left(o, packet, arrival, now_ns)):
        return DROP_OVERLOAD
    return DROP_NONE
