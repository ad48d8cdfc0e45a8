"""Entries, and the one function that turns them into records: at apply, at repair, at recovery.

The order of every step is the protocol of docs/ARCHITECTURE.md: slot, lock, compare, dirty bit, entry published,
replay, unlock, slot cleared. A model checker has been over it: no step may move.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastdhcp._leases cimport Record, Table
from fastdhcp._wire cimport Span

# Entries are multiples of eight bytes; never split over the ring's end.
cdef enum EntryKind:
    ENTRY_PAD = 0                # nothing, to the end of the ring
    ENTRY_WHOLE = 1              # every field of the record, then its three identifiers
    ENTRY_RENEW = 2              # a later expiry
    ENTRY_END = 3                # FREE from now on

cdef enum:
    ENTRY_MAX = 896              # 8 + 104 + 3 * 255, rounded up


cdef struct EntryHeader:
    uint16_t size                # in bytes, this header in it
    uint8_t kind
    uint8_t flags                # END: RecordFlag to leave in the record
    uint32_t spare
    uint32_t vrf
    uint32_t address
    uint64_t version             # of the record after this entry


cdef struct RenewEntry:
    EntryHeader header
    uint32_t expiry
    uint32_t acked_expiry
    uint32_t cltt
    uint32_t spare


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
    Span client_id               # at = NULL: none came (RENEW keeps what the record has)
    Span relay_info
    Span hostname


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
