"""Octets, compared and hashed by words: for short values, of which a call takes more. Inline only.

A word that is loaded stands wholly within the value: what is shorter than one, or left behind the
last, is taken by words that overlap.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from fastdhcp._wire cimport Span

cdef extern from *:
    uint64_t swapped "__builtin_bswap64"(uint64_t word) noexcept nogil


cdef inline uint64_t load_u64(const uint8_t* at) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, at, 8)
    return word


cdef inline uint32_t load_u32(const uint8_t* at) noexcept nogil:
    cdef uint32_t word
    memcpy(&word, at, 4)
    return word


cdef inline uint16_t load_u16(const uint8_t* at) noexcept nogil:
    cdef uint16_t word
    memcpy(&word, at, 2)
    return word


cdef inline bint octets_same(const uint8_t* a, const uint8_t* b, uint32_t size) noexcept nogil:
    if size > 16:
        return memcmp(a, b, size) == 0
    if size >= 8:
        return ((load_u64(a) ^ load_u64(b))
                | (load_u64(a + size - 8) ^ load_u64(b + size - 8))) == 0
    if size >= 4:
        return ((load_u32(a) ^ load_u32(b))
                | (load_u32(a + size - 4) ^ load_u32(b + size - 4))) == 0
    if size >= 2:
        return ((load_u16(a) ^ load_u16(b))
                | (load_u16(a + size - 2) ^ load_u16(b + size - 2))) == 0
    return size == 0 or a[0] == b[0]


# Of fewer than eight octets: values of one length are one word only if they are the same.
cdef inline uint64_t octets_word(const uint8_t* at, uint32_t size) noexcept nogil:
    if size >= 4:
        return <uint64_t>load_u32(at) << 32 | load_u32(at + size - 4)
    if size >= 2:
        return <uint64_t>load_u16(at) << 32 | load_u16(at + size - 2)
    return at[0] if size else 0


# It need not be secret: it is for tables of what the operator wrote, so nobody from outside chooses
# what stands beside what. Of a product the highest bits hang on all of both factors, so these come
# to stand lowest.
cdef inline uint64_t octets_hash(uint64_t hash, Span value) noexcept nogil:
    cdef const uint8_t* at = value.at
    cdef uint32_t left = value.len
    while left > 16:
        hash = (hash ^ load_u64(at)) * <uint64_t>0x9E3779B97F4A7C15
        hash ^= hash >> 32
        at += 8
        left -= 8
    if left >= 8:
        hash = ((hash ^ load_u64(at)) * <uint64_t>0x9E3779B97F4A7C15) ^ load_u64(at + left - 8)
    else:
        hash = (hash ^ octets_word(at, left)) * <uint64_t>0x9E3779B97F4A7C15
    hash = (hash ^ value.len) * <uint64_t>0xBF58476D1CE4E5B9
    return swapped(hash)
