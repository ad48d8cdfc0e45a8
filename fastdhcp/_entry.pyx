"""Entries: how a change of a binding is written down, and read again."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uintptr_t
from libc.string cimport memcpy, memset

from fastdhcp._leases cimport (
    CLIENT_ID_INLINE, HOSTNAME_INLINE, LONG_CLIENT_ID, LONG_HOSTNAME, LONG_RELAY_INFO,
    RELAY_INFO_INLINE, Record,
)
from fastdhcp._wire cimport HLEN_MAX, Span


# ---- identifiers of a record

cdef inline Span kept(const uint8_t* inline_at, uint32_t room, const uint8_t* long_at,
                      uint32_t size) noexcept nogil:
    cdef Span span
    span.at = inline_at if size <= room else long_at
    span.len = size
    return span


cdef void entry_kept(const Record* r, const uint8_t* longs, Kept* out) noexcept nogil:
    out.client_id = kept(r.client_id, CLIENT_ID_INLINE, longs + LONG_CLIENT_ID, r.client_id_len)
    out.relay_info = kept(r.relay_info, RELAY_INFO_INLINE, longs + LONG_RELAY_INFO,
                          r.relay_info_len)
    out.hostname = kept(r.hostname, HOSTNAME_INLINE, longs + LONG_HOSTNAME, r.hostname_len)


# ---- written

cdef inline uint32_t round8(uint32_t size) noexcept nogil:
    return (size + 7) & ~<uint32_t>7


cdef inline void fill_header(EntryHeader* h, uint8_t kind, uint32_t size, const Record* r,
                             uint8_t flags) noexcept nogil:
    h.size = <uint16_t>size
    h.kind = kind
    h.flags = flags
    h.inc_n = r.inc_n
    h.vrf = r.vrf
    h.address = r.address
    h.version = r.version


cdef uint32_t entry_write_whole(uint8_t* at, const Record* r, const Kept* ids) noexcept nogil:
    cdef uint32_t size = round8(WHOLE_FIXED + ids.client_id.len + ids.relay_info.len
                                + ids.hostname.len)
    cdef uint8_t* end = at + size
    cdef Record* fixed = <Record*>at
    fill_header(<EntryHeader*>at, ENTRY_WHOLE, size, r, r.flags)
    memcpy(at + sizeof(EntryHeader), <const uint8_t*>r + sizeof(EntryHeader), RECORD_FIXED)
    # The same offsets as in the record, so the lengths can be set through its type.
    fixed.client_id_len = <uint8_t>ids.client_id.len
    fixed.relay_info_len = <uint8_t>ids.relay_info.len
    fixed.hostname_len = <uint8_t>ids.hostname.len
    at += WHOLE_FIXED
    if ids.client_id.len:
        memcpy(at, ids.client_id.at, ids.client_id.len)
        at += ids.client_id.len
    if ids.relay_info.len:
        memcpy(at, ids.relay_info.at, ids.relay_info.len)
        at += ids.relay_info.len
    if ids.hostname.len:
        memcpy(at, ids.hostname.at, ids.hostname.len)
        at += ids.hostname.len
    memset(at, 0, end - at)
    return size


cdef uint32_t entry_write_renew(uint8_t* at, const Record* r) noexcept nogil:
    cdef RenewEntry* e = <RenewEntry*>at
    fill_header(&e.header, ENTRY_RENEW, sizeof(RenewEntry), r, r.flags)
    e.expiry = r.expiry
    e.acked_expiry = r.acked_expiry
    e.cltt = r.cltt
    e.inc_epoch = r.inc_epoch
    return sizeof(RenewEntry)


cdef uint32_t entry_write_end(uint8_t* at, const Record* r, uint32_t ended) noexcept nogil:
    cdef EndEntry* e = <EndEntry*>at
    fill_header(&e.header, ENTRY_END, sizeof(EndEntry), r, r.flags)
    e.inc_epoch = r.inc_epoch
    e.ended = ended
    return sizeof(EndEntry)


# ---- read

cdef object entry_aligned(const unsigned char[::1] data):
    return data if data.shape[0] == 0 or <uintptr_t>&data[0] % 8 == 0 else bytes(data)


# No length is believed before it is compared with what is there.
cdef uint32_t entry_size(const uint8_t* at, uint32_t left) noexcept nogil:
    cdef const EntryHeader* h = <const EntryHeader*>at
    cdef const Record* fixed = <const Record*>at
    if left < 8 or h.size < 8 or h.size % 8 or h.size > left:
        return 0
    if h.kind == ENTRY_PAD:
        return h.size
    if h.size < sizeof(EntryHeader):
        return 0
    if h.kind == ENTRY_END:
        return h.size
    if h.kind == ENTRY_RENEW:
        return h.size if h.size >= sizeof(RenewEntry) else 0
    if h.kind != ENTRY_WHOLE or h.size < WHOLE_FIXED or fixed.hlen > HLEN_MAX:
        return 0
    if (<uint32_t>WHOLE_FIXED + fixed.client_id_len + fixed.relay_info_len + fixed.hostname_len
            > h.size):
        return 0
    return h.size


# ---- for tools and tests

_KINDS = {ENTRY_PAD: "pad", ENTRY_WHOLE: "whole", ENTRY_RENEW: "renew", ENTRY_END: "end"}


def entries(const unsigned char[::1] data):
    """A batch in words, for tools and tests. Raises ValueError if the bytes are not a batch."""
    cdef uint32_t at = 0
    cdef uint32_t size
    cdef const EntryHeader* h
    cdef const Record* r
    found = []
    while at < data.shape[0]:
        size = entry_size(&data[at], data.shape[0] - at)
        if size == 0:
            raise ValueError(f"byte {at} begins no entry")
        h = <const EntryHeader*>&data[at]
        r = <const Record*>&data[at]
        if h.kind != ENTRY_PAD:
            entry = {"kind": _KINDS[h.kind], "vrf": h.vrf, "address": h.address,
                     "version": h.version, "flags": h.flags, "size": size}
            if h.kind == ENTRY_RENEW:
                entry["expiry"] = (<const RenewEntry*>h).expiry
                entry["incarnation"] = ((<const RenewEntry*>h).inc_epoch, h.inc_n)
            elif h.kind == ENTRY_END and size >= sizeof(EndEntry):
                entry["ended"] = (<const EndEntry*>h).ended
                entry["incarnation"] = ((<const EndEntry*>h).inc_epoch, h.inc_n)
            elif h.kind == ENTRY_WHOLE:
                entry.update(state=r.state, expiry=r.expiry, key=r.key[:16],
                             chaddr=r.chaddr[:r.hlen], incarnation=(r.inc_epoch, r.inc_n))
            found.append(entry)
        at += size
    return found
