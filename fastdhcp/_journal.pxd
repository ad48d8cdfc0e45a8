"""Changes of bindings, and the one function that turns their entries into records.

The order of every step is the protocol of docs/ARCHITECTURE.md: slot, lock, compare, dirty bit,
entry published, replay, unlock, slot cleared. A model checker has been over it: no step may move.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastdhcp._entry cimport Kept
from fastdhcp._leases cimport DECLINED, Binding, Table

cpdef enum ChangeKind:
    CHANGE_NONE = 0
    CHANGE_BIND = 1              # FREE (or the same client's) -> ACTIVE, a new incarnation
    CHANGE_RENEW = 2             # ACTIVE -> ACTIVE, expiry = max of both
    CHANGE_END = 3               # -> FREE
    CHANGE_DECLINE = 4           # -> DECLINED until expiry
    CHANGE_PEND = 5              # ACTIVE -> PENDING
    CHANGE_OFFER = 6             # volatile: offered until offer_until
    CHANGE_LAPSE = 7             # volatile: the offer is over


cdef struct Change:
    uint8_t kind                 # ChangeKind
    uint8_t htype
    uint8_t hlen
    uint8_t flags                # RecordFlag of the record after it
    uint32_t number              # of the record
    uint64_t lock_seen           # the lock word that the decision saw
    uint64_t key[2]
    const uint8_t* chaddr        # 16 bytes
    uint32_t vrf
    uint32_t address
    uint32_t expiry              # node time
    uint32_t now
    uint32_t offer_until
    uint32_t subnet_id
    uint32_t class_id
    uint32_t near                # index of the address's subnet, if it is known
    Kept kept                    # at = NULL: none came (RENEW keeps what the record has)


cdef enum Applied:
    APPLIED = 0
    APPLY_MOVED = 1              # the lock word is no longer the one seen: decide again
    APPLY_LOCKED = 2             # the lock stayed taken
    APPLY_RING_FULL = 3


cdef struct Outcome:             # of an applied change
    uint64_t position            # where the entry ends in `ring`
    uint32_t ring
    uint32_t inc_epoch
    uint32_t inc_n
    uint32_t expiry              # what the record says now


cdef Applied apply_change(Table* t, const Change* change, Outcome* out) noexcept nogil
# True if the change that ends at `position` of `ring` is on disk.
cdef bint journal_is_durable(const Table* t, uint32_t ring, uint64_t position) noexcept nogil
# After a batch: wakes the store if it asked for it. Returns true if the eventfd must be written.
cdef bint journal_wake_wanted(Table* t, uint32_t process) noexcept nogil

# ---- for the store

# The one function that turns an entry into a record: at apply, at repair, at recovery.
# `near`: the subnet of the address as image_near_subnet has it; NOWHERE: it is searched for.
cdef void journal_replay(Table* t, uint32_t number, const uint8_t* entry, uint32_t near,
                         uint32_t ring, uint64_t position) noexcept nogil
cdef void journal_set_dirty(Table* t, uint32_t number) noexcept nogil
# A change of a record as it was read: everything but what the change is to say.
cdef void journal_change(const Table* t, const Binding* b, uint8_t kind, uint32_t now,
                         Change* c) noexcept nogil
# When a binding that is not FREE ends: reuse-grace after its expiry, and not while it is offered to
# its own client. A quarantine ends by itself.
cdef inline uint64_t journal_end(uint8_t state, uint32_t expiry, uint32_t offer_until,
                                 uint32_t grace_s) noexcept nogil:
    cdef uint64_t at = expiry
    if state == DECLINED:
        return at
    return max(at + grace_s, <uint64_t>offer_until)


# The address of a record, from its place.
cdef void journal_place(const Table* t, uint32_t number, uint32_t* vrf,
                        uint32_t* address) noexcept nogil
# Network number and reuse-grace of an address under the policy of now; `near` as above.
cdef void journal_policy(const Table* t, uint32_t vrf, uint32_t address, uint32_t near,
                         uint32_t* network, uint32_t* grace_s) noexcept nogil
