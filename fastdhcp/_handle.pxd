"""One packet from its decoded form to what is to be answered: select, gather, decide, apply.

The worker does it in the steps of a Case and then writes the reply that it describes. Nothing here
does I/O.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from fastdhcp._codec cimport Packet
from fastdhcp._engine cimport Verdict, View
from fastdhcp._identity cimport Identifiers
from fastdhcp._image cimport CLASS_WORDS, NOWHERE, Network, Params
from fastdhcp._leases cimport Copy, Table
from fastdhcp._reservations cimport Reservation
from fastdhcp._scope cimport Arrival, Scope
from fastdhcp._stats cimport DropReason


cdef struct Handled:
    uint8_t reply_type           # OFFER, ACK or NAK; 0: no reply, see `reason`
    uint8_t waits                # 1: the reply states a lease: hold it until `position` is durable
    uint8_t reason               # DropReason of silence; DROP_NONE: carried out, no answer is due
    uint8_t known                # 1: the client has or had an address on this link
    const Params* params         # for OFFER and ACK
    Scope scope
    uint32_t yiaddr              # 0 in a NAK and in INFORM's ACK
    uint32_t subnet              # image indexes, or NOWHERE
    uint32_t pool
    const Reservation* reservation  # of Verdict.reservation
    uint32_t lease_s             # option 51; INFINITE; 0: none (NAK, INFORM)
    uint32_t expiry              # of this decision, node time; what is told never exceeds it
    uint32_t number              # of the record, for a reply that waits
    uint32_t inc_epoch
    uint32_t inc_n
    uint32_t ring
    uint64_t position
    uint64_t classes[CLASS_WORDS]  # zeros where the policy names none
    Params made                  # not cleared: room for values laid over a row of the image


# In two parts: of more than 128 octets gcc makes a slow `rep stos`.
cdef inline void handled_clear(Handled* out) noexcept nogil:
    memset(out, 0, sizeof(Handled) - sizeof(Params) - sizeof(out.classes))
    memset(out.classes, 0, sizeof(out.classes))
    out.subnet = out.scope.link_subnet = NOWHERE


# The three steps of a packet up to its decision, for who only asks (`explain`); nothing is changed.
# Whose it is: its link, what is reserved for it, its classes, its key. `out` is clear, and has what
# `v` points to.
cdef DropReason consider(Table* t, const Packet* packet, const Arrival* arrival, uint32_t now,
                         View* v, Handled* out) noexcept nogil
# Of it for who asks: option 82 as policy reads it, which may stand in `copy`, to `who.relay_info`.
# False: a record stayed locked.
cdef bint handle_recall(const Table* t, const Packet* packet, const Arrival* arrival,
                        const Scope* scope, Copy* copy, Identifiers* who) noexcept nogil
# The reservation of who is so known, of the network or of no subnet; NULL: it has none.
cdef const Reservation* find_reservation(const Table* t, const Network* network,
                                         const Identifiers* who) noexcept nogil
# What RFC 2131 wants, of what is looked up for it. DROP_LOCK_TIMEOUT: a record stayed locked.
cdef DropReason decide(Table* t, const Packet* packet, Scope* scope, View* v,
                       Verdict* verdict) noexcept nogil
# The reply of a verdict that changes nothing, or whose change is made.
cdef void describe(const Verdict* verdict, Handled* out) noexcept nogil

# Of a packet that was considered: decides and applies. Decides again at most four times when a
# record moves, then DROP_MOVED.
cdef DropReason decide_and_apply(Table* t, const Packet* packet, View* v,
                                 Handled* out) noexcept nogil
