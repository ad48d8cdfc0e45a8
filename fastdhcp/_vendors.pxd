"""Option 125 of several layers, joined vendor by vendor (RFC 3925 4). Inline only."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from fastdhcp._wire cimport Span, load_be32

cdef enum:
    VENDOR_HEAD = 5          # RFC 3925 4: enterprise number, length of what follows


# Adds the vendors of a value that are not among the `size` octets yet, as far as there is room. The
# new size.
cdef inline uint32_t vendors_add(uint8_t* vendors, uint32_t size, uint32_t room,
                                 Span value) noexcept nogil:
    cdef uint32_t before = size
    cdef uint32_t at = 0
    cdef uint32_t seen, part
    while at + VENDOR_HEAD <= value.len:
        part = VENDOR_HEAD + value.at[at + VENDOR_HEAD - 1]
        if part > value.len - at:
            break
        seen = 0
        while seen < before and load_be32(vendors + seen) != load_be32(value.at + at):
            seen += VENDOR_HEAD + vendors[seen + VENDOR_HEAD - 1]
        if seen >= before and size + part <= room:
            memcpy(vendors + size, value.at + at, part)
            size += part
        at += part
    return size
