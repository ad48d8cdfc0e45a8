"""What a worker owns: all of it made at its start, none of it grows."""

from libc.stdint cimport uint32_t, uint64_t

from fastdhcp._body cimport Bodies
from fastdhcp._case cimport Case
from fastdhcp._codec cimport Scratch
from fastdhcp._held cimport Held, Released
from fastdhcp._inbox cimport Inbox
from fastdhcp._leases cimport Process, Table
from fastdhcp._linux cimport pollfd
from fastdhcp._outbox cimport Outbox
from fastdhcp._overload cimport Overload
from fastdhcp._stats cimport Counters

cdef enum:
    TURN_MAX = 256           # packets of a turn: a death in it costs no more
    TURNS_MAX = 4            # turns without a look at the channel, while packets come
    CASES_MAX = 8            # packets in hand at a time

# Places in `fds`.
cdef enum Wait:
    WAIT_UDP = 0
    WAIT_EVENT = 1           # written by the store when positions became durable, and after repairs
    WAIT_CHANNEL = 2         # the supervisor's word
    WAIT_COUNT = 3


cdef struct Worker:
    Table* t
    Process* process         # its own line in the table
    Counters* counters
    int store_event
    uint32_t now             # node time, read once a turn
    uint64_t now_ns          # CLOCK_BOOTTIME, likewise
    uint64_t wall_ns         # CLOCK_REALTIME, likewise: as the kernel stamps packets
    uint64_t beat_ns         # when the next beat is due
    uint64_t head_seen       # of the own ring, when the store was last told
    uint32_t taken           # packets of this turn
    uint32_t turns           # since the last look at the channel
    pollfd fds[WAIT_COUNT]
    Bodies bodies
    Held held
    Released released
    Inbox inbox
    Overload overload
    Outbox outbox
    Case cases[CASES_MAX]
    Scratch scratches[CASES_MAX]
