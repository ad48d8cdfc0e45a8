"""The conflict rule of a failover pair: what the peer's update makes of my record of an address.

Pure: no table, no clock, no I/O. Updates are compared by incarnation, epoch first. A record *holds*
its address unless it is FREE or proposed for freeing (PENDING with RECORD_PROPOSED); PENDING
without that flag is a lease that has ended, and holds. Under one incarnation either node may raise
the expiry, end the right to renew, or decline; these commute, and all else is the home's.
"""

from libc.stdint cimport uint8_t, uint32_t

from fastdhcp._leases cimport Record


# Which case an update was, for its counter.
cpdef enum MergeRow:
    # A newer incarnation
    ROW_NEWER = 0                # taken
    ROW_NEWER_OVER_MINE = 1      # taken, with what its client has from me
    # An older one
    ROW_OLDER = 2                # ignored
    ROW_OLDER_HELD = 3           # the same client's, and both hold: the later expiry
    ROW_OLDER_REVIVES = 4        # the same client's, while mine is proposed
    # The same
    ROW_BOTH_HOLD = 5
    ROW_AGREE = 6                # to what the home proposes
    ROW_AGREE_AGAIN = 7          # free here already
    ROW_REFUSE = 8               # saying what I hold, or silent
    ROW_REVIVE = 9               # the peer holds what is proposed here
    ROW_FREED = 10               # the home says so
    ROW_PEER_AGREED = 11         # to what I proposed
    ROW_BOTH_FREE = 12
    ROW_IMPOSSIBLE = 13          # unless a store was lost or rolled back


cpdef enum MergeWrite:
    MERGE_NOTHING = 0
    MERGE_MINE = 1               # a change of my own: the peer is to hear of it
    MERGE_PEERS = 2              # the peer's change (RECORD_PEER)


cpdef enum MergeAlarm:
    ALARM_NONE = 0
    ALARM_REPLACED = 1           # another client got the address while its promise ran
    ALARM_LOST = 2               # free on one side and held on the other


cdef struct Stance:
    uint32_t now                 # node time
    uint32_t no_alloc_until      # node time: a lost store may have promised what it forgot
    uint32_t epoch               # mine
    bint home                    # the address is of a page that I own
    bint peer_has_it             # the record's last change: acknowledged, or the peer's own


# What the record becomes. What is not here stays, or is the update's (`details`).
cdef struct Merged:
    uint8_t write                # MergeWrite; MERGE_NOTHING: the rest is the record's
    uint8_t row                  # MergeRow
    uint8_t alarm                # MergeAlarm
    uint8_t state
    uint8_t flags
    uint32_t inc_epoch
    uint32_t inc_n
    uint32_t expiry
    bint details                 # client, hardware, identifiers, place, start, cltt: the update's
    bint acked                   # what the peer has acknowledged stays; 0: of this, nothing yet


# An update is a record as the peer has it, its times turned into mine.
cdef void merge_update(const Record* record, const Record* update, const Stance* my,
                       Merged* out) noexcept nogil
