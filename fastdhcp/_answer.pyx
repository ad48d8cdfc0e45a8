"""From a packet of the batch to a reply, a reason, and a line in the trace."""

from libc.stdint cimport uint32_t
from libc.string cimport memcpy, memset

from fastdhcp._atomic cimport store_release_u64
from fastdhcp._codec cimport Packet, codec_decode
from fastdhcp._handle cimport Handled, handle_packet
from fastdhcp._held cimport NO_REPLY, held_give, held_push, held_room, held_take
from fastdhcp._leases cimport Trace, TraceEntry, leases_trace
from fastdhcp._reply cimport reply_write
from fastdhcp._scope cimport Arrival
from fastdhcp._socket cimport inbox_arrival, inbox_data, inbox_size, outbox_add
from fastdhcp._stats cimport (
    COUNT_HELD, COUNT_RECEIVED, DROP_HELD_FULL, DROP_NONE, DROP_REPLY_TOO_LONG, DROP_TOO_LONG,
    DropReason, count, count_drop,
)
from fastdhcp._wire cimport HLEN_MAX, REQUEST

cdef enum:
    RECEIVED_UNREADABLE = 31     # the word of COUNT_RECEIVED for what could not be decoded


cdef inline DropReason read_packet(Worker* w, uint32_t i, Arrival* arrival,
                                   Packet* packet) noexcept nogil:
    if not inbox_arrival(&w.inbox, i, arrival):
        return DROP_TOO_LONG
    return codec_decode(inbox_data(&w.inbox, i), inbox_size(&w.inbox, i), w.scratch, packet)


# Writes the reply and puts it where it waits for the disk, or where it leaves at once.
cdef inline DropReason reply_to(Worker* w, const Packet* packet, const Arrival* arrival,
                                const Handled* handled) noexcept nogil:
    cdef uint32_t number = held_take(&w.held)
    if number == NO_REPLY:
        return DROP_HELD_FULL
    if not reply_write(&w.held.replies[number], &w.bodies, w.t.image, packet, arrival, handled,
                       w.now, w.counters):
        held_give(&w.held, number)
        return DROP_REPLY_TOO_LONG
    if handled.waits and w.t.image.durable:
        count(w.counters, COUNT_HELD)
        held_push(&w.held, w.t, number)
    else:
        outbox_add(&w.outbox, number)
    return DROP_NONE


# What would find no room in the held queue is dropped before it changes anything.
cdef inline DropReason handle(Worker* w, const Packet* packet, const Arrival* arrival,
                              Handled* handled) noexcept nogil:
    if packet.message_type == REQUEST and not held_room(&w.held):
        return DROP_HELD_FULL
    handle_packet(w.t, packet, arrival, w.now, handled)
    if handled.reply_type:
        return reply_to(w, packet, arrival, handled)
    return <DropReason>handled.reason


# Readers copy an entry and then look at `head` again; so it is moved last.
cdef void trace(Worker* w, const Packet* packet, const Arrival* arrival, const Handled* handled,
                DropReason reason) noexcept nogil:
    cdef Trace* trace = leases_trace(w.t, w.t.self)
    cdef TraceEntry* entry = (<TraceEntry*>(trace + 1)
                              + (trace.head & (w.t.node.trace_size - 1)))
    memset(entry, 0, sizeof(TraceEntry))
    entry.time_ns = w.now_ns
    entry.ifindex = <uint32_t>arrival.ifindex
    entry.reason = <uint32_t>reason
    entry.message_type = RECEIVED_UNREADABLE
    if packet != NULL:
        entry.xid = packet.xid
        entry.vrf = handled.scope.vrf
        entry.giaddr = packet.giaddr
        entry.ciaddr = packet.ciaddr
        entry.requested = packet.requested
        entry.yiaddr = handled.yiaddr
        memcpy(entry.chaddr, packet.chaddr, HLEN_MAX)
        entry.hlen = packet.hlen
        entry.htype = packet.htype
        entry.message_type = packet.message_type
        entry.reply_type = handled.reply_type if reason == DROP_NONE else 0
    store_release_u64(&trace.head, trace.head + 1)


cdef void answer(Worker* w, uint32_t i) noexcept nogil:
    cdef Arrival arrival
    cdef Packet packet
    cdef Handled handled
    cdef DropReason reason = read_packet(w, i, &arrival, &packet)
    memset(&handled, 0, sizeof(Handled))
    if reason != DROP_NONE:
        count(w.counters, COUNT_RECEIVED + RECEIVED_UNREADABLE)
        count_drop(w.counters, reason)
        trace(w, NULL, &arrival, &handled, reason)
        return
    count(w.counters, <uint32_t>COUNT_RECEIVED + packet.message_type)
    reason = handle(w, &packet, &arrival, &handled)
    if reason != DROP_NONE:
        count_drop(w.counters, reason)
    trace(w, &packet, &arrival, &handled, reason)
