"""Entries of the journal: the bytes that stand for a change of a binding, in rings and on disk.

One encoding of a whole record serves ring, journal and checkpoint. Entries are multiples of eight
bytes, in this machine's byte order, and never split over a ring's end.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from fastdhcp._leases cimport Record
from fastdhcp._wire cimport Span

cdef enum EntryKind:
    ENTRY_PAD = 0                # nothing, to the end of the ring
    ENTRY_WHOLE = 1              # every field of the record, then its three identifiers
    ENTRY_RENEW = 2              # a later expiry
    ENTRY_END = 3                # FREE from now on

cdef enum:
    WHOLE_FIXED = 112            # header 24, then the record from `change` to `limits`
    RECORD_FIXED = 88            # bytes of the record from `change` on (offset 24 to 112)
    ENTRY_WORDS = 112            # of eight bytes: 112 + 3 * 255 bytes, rounded up, and some
    ENTRY_MAX = ENTRY_WORDS * 8
    KEPT_MAX = 255               # bytes of an identifier; what is longer is not kept


cdef struct EntryHeader:
    uint16_t size                # in bytes, this header in it
    uint8_t kind
    uint8_t flags                # RecordFlag of the record after this entry
    uint32_t inc_n               # incarnation of the binding; 0 in an older version's
    uint32_t vrf
    uint32_t address
    uint64_t version             # of the record after this entry


cdef struct RenewEntry:
    EntryHeader header
    uint32_t expiry
    uint32_t acked_expiry
    uint32_t cltt
    uint32_t inc_epoch           # likewise


# An older version's ends after the header, and says neither.
cdef struct EndEntry:
    EntryHeader header
    uint32_t inc_epoch
    uint32_t ended               # node time


cdef struct Kept:                # the three identifiers that a record has or is to have
    Span client_id
    Span relay_info
    Span hostname


cdef inline void put_identifier(uint8_t* inline_at, uint32_t room, uint8_t* long_at,
                                const uint8_t* data, uint32_t size) noexcept nogil:
    memcpy(inline_at if size <= room else long_at, data, size)


cdef inline bint is_same(Span came, Span was) noexcept nogil:
    return (came.at == NULL or (came.len == was.len and memcmp(came.at, was.at, came.len) == 0)
            or (came.len > KEPT_MAX and was.len == 0))


# Would what came change nothing of what was? What did not come leaves it, and what is too long to
# be kept leaves nothing.
cdef inline bint kept_same(const Kept* came, const Kept* was) noexcept nogil:
    return (is_same(came.client_id, was.client_id) and is_same(came.relay_info, was.relay_info)
            and is_same(came.hostname, was.hostname))


# The identifiers of a record: spans into `r` itself or into its long fields.
cdef void entry_kept(const Record* r, const uint8_t* longs, Kept* out) noexcept nogil

# Write an entry for the record as it is after the change, and return its size.
cdef uint32_t entry_write_whole(uint8_t* at, const Record* r, const Kept* ids) noexcept nogil
cdef uint32_t entry_write_renew(uint8_t* at, const Record* r) noexcept nogil
cdef uint32_t entry_write_end(uint8_t* at, const Record* r, uint32_t ended) noexcept nogil

# LMDB lays values at even addresses; entries are read as structs of eight-byte words.
cdef object entry_aligned(const unsigned char[::1] data)
# Where an entry ends; 0: the bytes are no entry.
cdef uint32_t entry_size(const uint8_t* at, uint32_t left) noexcept nogil
