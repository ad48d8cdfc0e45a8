"""SipHash-2-4 with 128 bits of output, as published by Aumasson and Bernstein. Inline only.

A client key is the 128-bit hash of one byte of kind and the identifier's bytes.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    SECRET_SIZE = 16         # of the key that hashes are made under


cdef struct SipState:
    uint64_t v0
    uint64_t v1
    uint64_t v2
    uint64_t v3


cdef inline uint64_t rotate_left(uint64_t x, int b) noexcept nogil:
    return (x << b) | (x >> (64 - b))


cdef inline void sip_round(SipState* s) noexcept nogil:
    s.v0 += s.v1
    s.v1 = rotate_left(s.v1, 13) ^ s.v0
    s.v0 = rotate_left(s.v0, 32)
    s.v2 += s.v3
    s.v3 = rotate_left(s.v3, 16) ^ s.v2
    s.v0 += s.v3
    s.v3 = rotate_left(s.v3, 21) ^ s.v0
    s.v2 += s.v1
    s.v1 = rotate_left(s.v1, 17) ^ s.v2
    s.v2 = rotate_left(s.v2, 32)


cdef inline void sip_word(SipState* s, uint64_t word) noexcept nogil:
    s.v3 ^= word
    sip_round(s)
    sip_round(s)
    s.v0 ^= word


# The fewer than eight bytes at `at`, the first one lowest: as loads that overlap, not one by one.
cdef inline uint64_t load_rest(const uint8_t* at, size_t size) noexcept nogil:
    cdef uint32_t low, high
    if size >= 4:
        memcpy(&low, at, 4)
        memcpy(&high, at + size - 4, 4)
        return low | <uint64_t>high << (8 * (size - 4))
    if size:
        return (at[0] | <uint64_t>at[size // 2] << (8 * (size // 2))
                | <uint64_t>at[size - 1] << (8 * (size - 1)))
    return 0


# Hash of one `head` byte followed by `size` bytes, into `out` (16 bytes). Little-endian machines.
cdef inline void siphash128(const uint8_t* key, uint8_t head, const uint8_t* data, size_t size,
                            uint8_t* out) noexcept nogil:
    cdef uint64_t k0, k1, word
    cdef uint64_t before = head  # what of the next word is there already
    cdef uint64_t total = size + 1
    cdef SipState s
    cdef int _i
    memcpy(&k0, key, 8)
    memcpy(&k1, key + 8, 8)
    s.v0 = <uint64_t>0x736f6d6570736575 ^ k0
    s.v1 = <uint64_t>0x646f72616e646f6d ^ k1 ^ 0xee
    s.v2 = <uint64_t>0x6c7967656e657261 ^ k0
    s.v3 = <uint64_t>0x7465646279746573 ^ k1
    while size >= 8:
        memcpy(&word, data, 8)
        sip_word(&s, before | word << 8)
        before = word >> 56
        data += 8
        size -= 8
    word = before | load_rest(data, size) << 8
    if size == 7:
        sip_word(&s, word)
        word = 0
    sip_word(&s, word | total << 56)
    s.v2 ^= 0xee
    for _i in range(4):
        sip_round(&s)
    word = s.v0 ^ s.v1 ^ s.v2 ^ s.v3
    memcpy(out, &word, 8)
    s.v1 ^= 0xdd
    for _i in range(4):
        sip_round(&s)
    word = s.v0 ^ s.v1 ^ s.v2 ^ s.v3
    memcpy(out + 8, &word, 8)
