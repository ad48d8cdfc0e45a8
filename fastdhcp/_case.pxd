"""A packet in hand, from its decoded form to what is to be answered.

A worker has a few in hand at a time, and takes each of three steps with all of them before the
next: so the memory that one waits for comes while others are worked at. What was fetched ahead only
makes the cache warm: each decision looks anew.
"""

from libc.stdint cimport uint32_t

from fastdhcp._atomic cimport prefetch
from fastdhcp._codec cimport Packet
from fastdhcp._engine cimport View, engine_asked
from fastdhcp._handle cimport Handled, consider, decide_and_apply, handled_clear
from fastdhcp._image cimport NOWHERE
from fastdhcp._leases cimport (
    Table, leases_entries, leases_fetch, leases_fetch_first, leases_number,
)
from fastdhcp._scope cimport Arrival
from fastdhcp._stats cimport DROP_NONE, DropReason
from fastdhcp._wire cimport BOOTP, DISCOVER


cdef struct Case:
    const Arrival* arrival
    DropReason reason            # why it is dropped; DROP_NONE: it is not, or not yet
    bint readable                # False: there is no packet
    Packet packet
    View view
    Handled handled


# RFC 2131 4.3.2: a REQUEST names the address that it is about; of others the index knows it.
cdef inline bint case_is_sought(const Case* c) noexcept nogil:
    return c.packet.message_type in (DISCOVER, BOOTP)


# The three steps. Arrival, reason and, if it could be read, the packet are there.
# First: whose it is, as `consider` says; what will be looked up by that is asked for, the record of
# the address that it is about, and the index.
cdef inline void case_consider(Table* t, Case* c, uint32_t now) noexcept nogil:
    cdef uint32_t asked
    handled_clear(&c.handled)
    if c.reason == DROP_NONE:
        c.reason = consider(t, &c.packet, c.arrival, now, &c.view, &c.handled)
    if c.reason != DROP_NONE:
        return
    if case_is_sought(c):
        leases_entries(t, c.handled.scope.network_number, c.view.key[0], &c.view.entries)
        prefetch(c.view.entries.buckets[0])
        prefetch(c.view.entries.buckets[1])
    asked = engine_asked(&c.packet)
    if asked:
        c.view.asked_number = leases_number(t, c.handled.scope.vrf, asked)
        if c.view.asked_number != NOWHERE:
            leases_fetch(t, c.view.asked_number)


# Second: what the index names for the client is asked for.
cdef inline void case_fetch(const Table* t, const Case* c) noexcept nogil:
    if c.reason == DROP_NONE and case_is_sought(c):
        leases_fetch_first(t, &c.view.entries)


# Third: decides and applies; `handled` says what to answer.
cdef inline void case_settle(Table* t, Case* c) noexcept nogil:
    if c.reason == DROP_NONE:
        c.reason = decide_and_apply(t, &c.packet, &c.view, &c.handled)
    if c.reason != DROP_NONE:
        c.handled.reply_type = 0
        c.handled.reason = c.reason
