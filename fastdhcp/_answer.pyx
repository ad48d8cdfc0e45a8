"""From a packet of the batch to a reply, a reason, and a line in the trace."""

from libc.stdint cimport uint8_t, uint32_t

from fastdhcp._case cimport Case, case_consider, case_fetch, case_settle
from fastdhcp._codec cimport HAS_RAPID_COMMIT, Packet, Scratch, codec_decode
from fastdhcp._handle cimport Handled
from fastdhcp._held cimport NO_REPLY, held_give, held_push, held_room, held_take
from fastdhcp._image cimport image_slots
from fastdhcp._inbox cimport PACKET_SIZE_MAX, inbox_arrival, inbox_data, inbox_size
from fastdhcp._outbox cimport outbox_add
from fastdhcp._overload cimport overload_judge
from fastdhcp._reply cimport reply_write
from fastdhcp._scope cimport Arrival
from fastdhcp._stats cimport (
    COUNT_DONE, COUNT_HELD, COUNT_RECEIVED, DROP_HELD_FULL, DROP_NONE, DROP_REPLY_TOO_LONG,
    DROP_TOO_LONG, RECEIVED_UNREADABLE, DropReason, count, count_drop,
)
from fastdhcp._trace cimport (
    OUTCOME_DECIDED, OUTCOME_DONE, OUTCOME_DROPPED, OUTCOME_HELD, Outcome, trace_number,
    trace_write,
)
from fastdhcp._wire cimport BOOTP, REQUEST
from fastdhcp._worker cimport CASES_MAX


cdef inline DropReason read_packet(Worker* w, uint32_t i, Packet* packet,
                                   Scratch* scratch) noexcept nogil:
    if inbox_size(&w.inbox, i) > <uint32_t>PACKET_SIZE_MAX:
        return DROP_TOO_LONG
    return codec_decode(image_slots(w.t.image), inbox_data(&w.inbox, i), inbox_size(&w.inbox, i),
                        scratch, packet)


cdef inline bint must_wait(const Worker* w, const Handled* handled) noexcept nogil:
    return handled.waits and w.t.image.durable


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
    w.held.replies[number].trace = trace_number(w.t)
    if must_wait(w, handled):
        count(w.counters, COUNT_HELD)
        held_push(&w.held, w.t, number)
    else:
        outbox_add(&w.outbox, number)
    return DROP_NONE


# What would find no room in the held queue is dropped before it changes anything. A DISCOVER needs
# none: it is answered by an OFFER then (RFC 4039 3.1: rapid commit is the server's choice).
cdef inline DropReason handle(Worker* w, Case* c) noexcept nogil:
    if c.reason != DROP_NONE:
        return c.reason
    if not held_room(&w.held):
        if c.packet.message_type in (REQUEST, BOOTP):
            return DROP_HELD_FULL
        c.packet.has &= ~HAS_RAPID_COMMIT
    case_settle(w.t, c)
    if c.handled.reply_type:
        return reply_to(w, &c.packet, c.arrival, &c.handled)
    return <DropReason>c.handled.reason


# Counted as dropped or done where no reply is on its way.
cdef inline Outcome settle(Worker* w, uint8_t message_type, const Handled* handled,
                           DropReason reason) noexcept nogil:
    if reason != DROP_NONE:
        count_drop(w.counters, reason)
        return OUTCOME_DROPPED
    if handled.reply_type == 0:
        count(w.counters, <uint32_t>COUNT_DONE + message_type)
        return OUTCOME_DONE
    return OUTCOME_HELD if must_wait(w, handled) else OUTCOME_DECIDED


cdef inline void answer(Worker* w, Case* c) noexcept nogil:
    cdef Outcome outcome
    cdef DropReason reason
    if not c.readable:
        count(w.counters, <uint32_t>COUNT_RECEIVED + <uint32_t>RECEIVED_UNREADABLE)
        count_drop(w.counters, c.reason)
        trace_write(w.t, w.now_ns, NULL, c.arrival, NULL, OUTCOME_DROPPED, c.reason)
        return
    count(w.counters, <uint32_t>COUNT_RECEIVED + c.packet.message_type)
    reason = handle(w, c)
    outcome = settle(w, c.packet.message_type, &c.handled, reason)
    trace_write(w.t, w.now_ns, &c.packet, c.arrival, &c.handled, outcome, reason)


# Read, and judged by how late it is, before anything is looked up for it.
cdef inline void open_case(Worker* w, Case* c, uint32_t i, Scratch* scratch) noexcept nogil:
    c.arrival = inbox_arrival(&w.inbox, i)
    c.reason = read_packet(w, i, &c.packet, scratch)
    c.readable = c.reason == DROP_NONE
    if c.readable:
        c.reason = overload_judge(&w.overload, &c.packet, c.arrival, w.wall_ns)


# `some`: how many, CASES_MAX at most.
cdef inline void answer_some(Worker* w, uint32_t first, uint32_t some) noexcept nogil:
    cdef Case* c = w.cases
    cdef uint32_t i
    for i in range(some):
        open_case(w, &c[i], first + i, &w.scratches[i])
        case_consider(w.t, &c[i], w.now)
    for i in range(some):
        case_fetch(w.t, &c[i])
    for i in range(some):
        answer(w, &c[i])


cdef void answer_all(Worker* w) noexcept nogil:
    cdef uint32_t first = 0
    while first < w.inbox.count:
        answer_some(w, first, min(w.inbox.count - first, <uint32_t>CASES_MAX))
        first += CASES_MAX
