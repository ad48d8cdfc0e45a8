"""A packet in hand, from its decoded form to what is to be answered.

A worker has a few in hand at a time, and takes each of three steps with all of them before the
next: so the memory that one waits for comes while others are worked at. What was fetched ahead only
makes the cache warm: each decision looks anew.
"""

from libc.stdint cimport uint32_t

from fastdhcp._codec cimport Packet
from fastdhcp._engine cimport View
from fastdhcp._handle cimport Handled
from fastdhcp._leases cimport Table
from fastdhcp._scope cimport Arrival
from fastdhcp._stats cimport DropReason


cdef struct Case:
    DropReason unreadable        # DROP_NONE: there is a packet
    DropReason reason            # why it is dropped before anything is looked up; DROP_NONE: is not
    const Arrival* arrival
    Packet packet
    View view
    Handled handled


# The three steps of a case, whose arrival is there, and its packet if it could be read.
# First: whose it is, as `consider` says; what will be looked up by that is asked for.
cdef void case_consider(Table* t, Case* c, uint32_t now) noexcept nogil
# Second: what the index names for the client is asked for.
cdef void case_fetch(const Table* t, const Case* c) noexcept nogil
# Third: decides and applies; `handled` says what to answer.
cdef void case_settle(Table* t, Case* c) noexcept nogil
