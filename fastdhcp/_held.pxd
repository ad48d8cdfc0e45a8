"""Replies that wait until what they say is on disk, and the pool that all come from.

First in, first out, a queue for each ring whose durable position they wait for. A queue's head that
is durable leaves if the record still says what the reply says; one that is seen locked moves to
a queue of its own, so that it holds up nobody, and is looked at again in the next turn.
"""

from libc.stdint cimport uint32_t, uint64_t

from fastdhcp._leases cimport RINGS_MAX, Table
from fastdhcp._reply cimport Reply
from fastdhcp._stats cimport Counters

cdef enum:
    HELD_MAX = 32768         # a stall of 200 ms at 160,000 renewals a second
    IN_FLIGHT_MAX = 256      # replies that are on their way out at once
    REPLIES_MAX = 33088      # HELD_MAX + IN_FLIGHT_MAX, and one batch more
    QUEUE_LOCKED = 0         # looked at first: they have waited longest
    QUEUE_RINGS = 1          # and on: one for each ring
    QUEUES = QUEUE_RINGS + RINGS_MAX
    BUSY_WORDS = (QUEUES + 63) >> 6
    NO_REPLY = 0xFFFFFFFF
    HELD_AGE_MAX_S = 8       # the client has asked again by then (RFC 2131 4.1: after 4 s)


cdef struct Queue:
    uint32_t first
    uint32_t last


cdef struct Held:
    Reply* replies           # REPLIES_MAX of them; places never used are never touched
    uint32_t* next           # of each reply in the list that it is in
    uint32_t free_first      # the last one given back is taken first: it is in the cache
    uint32_t free_count
    uint32_t waiting         # in all queues
    uint64_t busy[BUSY_WORDS]  # bit by queue: not empty
    Queue queues[QUEUES]


# What a release found out.
cdef struct Released:
    uint32_t count           # in `ready`
    bint more                # there was no room for all
    uint32_t ready[IN_FLIGHT_MAX]  # numbers of replies that may leave


cdef bint held_open(Held* held) noexcept nogil
cdef void held_close(Held* held) noexcept nogil
# A free reply, or NO_REPLY.
cdef uint32_t held_take(Held* held) noexcept nogil
cdef void held_give(Held* held, uint32_t number) noexcept nogil
# Holds a finished reply until its position is durable.
cdef void held_push(Held* held, const Table* t, uint32_t number) noexcept nogil
# Gathers what may leave at `now`; what may not any more is given back, and its drop counted.
cdef void held_release(Held* held, const Table* t, uint32_t now, Released* out,
                       Counters* counters) noexcept nogil
# True if a held reply could be looked at now: then do not sleep.
cdef bint held_due(const Held* held, const Table* t) noexcept nogil


# True if a request whose reply may wait can be taken on.
cdef inline bint held_room(const Held* held) noexcept nogil:
    return held.waiting < HELD_MAX
