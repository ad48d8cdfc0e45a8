"""The three steps of a packet in hand: considered, fetched for, settled."""

from libc.stdint cimport uint32_t

from fastdhcp._atomic cimport prefetch
from fastdhcp._engine cimport engine_asked
from fastdhcp._handle cimport consider, decide_and_apply, handled_clear
from fastdhcp._image cimport NOWHERE
from fastdhcp._leases cimport BLOCK_SIZE, leases_block, leases_candidates, leases_fetch
from fastdhcp._scope cimport Scope
from fastdhcp._stats cimport DROP_NONE
from fastdhcp._wire cimport BOOTP, DISCOVER

cdef enum:
    FETCH_MAX = 2                # records asked for ahead; hardly any client has more


# RFC 2131 4.3.2: a REQUEST names the address that it is about; of others the index knows it.
cdef inline bint is_sought(const Packet* packet) noexcept nogil:
    return packet.message_type in (DISCOVER, BOOTP)


# Asks for what the decision will look at first: the record of the address that the message is
# about, and the index.
cdef inline void fetch_first(const Table* t, const Packet* packet, const Scope* scope,
                             const View* v) noexcept nogil:
    cdef uint32_t asked = engine_asked(packet)
    cdef uint32_t block
    if asked:
        block = leases_block(t, scope.vrf, asked)
        if block != NOWHERE:
            leases_fetch(t, block * BLOCK_SIZE + (asked & 255))
    if is_sought(packet):
        prefetch(v.entries.buckets[0])
        prefetch(v.entries.buckets[1])


cdef void case_consider(Table* t, Case* c, uint32_t now) noexcept nogil:
    handled_clear(&c.handled)
    c.reason = c.unreadable
    if c.reason == DROP_NONE:
        c.reason = consider(t, &c.packet, c.arrival, now, &c.view, &c.handled)
    if c.reason == DROP_NONE:
        fetch_first(t, &c.packet, &c.handled.scope, &c.view)


cdef void case_fetch(const Table* t, const Case* c) noexcept nogil:
    cdef uint32_t numbers[FETCH_MAX]
    cdef uint32_t i
    if c.reason == DROP_NONE and is_sought(&c.packet):
        for i in range(leases_candidates(&c.view.entries, numbers, FETCH_MAX)):
            leases_fetch(t, numbers[i])


cdef void case_settle(Table* t, Case* c) noexcept nogil:
    cdef DropReason reason = c.reason
    if reason == DROP_NONE:
        reason = decide_and_apply(t, &c.packet, &c.view, &c.handled)
    if reason != DROP_NONE:
        c.handled.reply_type = 0
        c.handled.reason = reason
