"""SipHash-2-4 with 128 bits of output, as published by Aumasson and Bernstein. Inline only.

A client key is the 128-bit hash of one byte of kind and the identifier's bytes.
"""

from libc.stdint cimport uint8_t, uint64_t
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


# Hash of one `head` byte followed by `size` bytes, into `out` (16 bytes).
cdef inline void siphash128(const uint8_t* key, uint8_t head, const uint8_t* data, size_t size,
                            uint8_t* out) noexcept nogil:
    cdef uint64_t k0, k1, word
    cdef uint64_t total = size + 1
    cdef SipState s
    cdef int filled = 1
    cdef int _i
    memcpy(&k0, key, 8)
    memcpy(&k1, key + 8, 8)
    s.v0 = <uint64_t>0x736f6d6570736575 ^ k0
    s.v1 = <uint64_t>0x646f72616e646f6d ^ k1 ^ 0xee
    s.v2 = <uint64_t>0x6c7967656e657261 ^ k0
    s.v3 = <uint64_t>0x7465646279746573 ^ k1
    word = head
    while size:
        word |= <uint64_t>data[0] << (8 * filled)
        data += 1
        size -= 1
        filled += 1
        if filled == 8:
            sip_word(&s, word)
            word = 0
            filled = 0
    sip_word(&s, word | (total << 56))
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
