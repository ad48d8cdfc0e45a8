"""Values of classes, `when` and reservations: sparse rows, laid over the flat Params of a place.

Only for who has one. A place's own row is what it was, so whoever has none costs nothing.
"""

from libc.stdint cimport uint32_t

from fastdhcp._atomic cimport lowest_bit_u64
from fastdhcp._image cimport (
    PARAMS_LEASE_MAX, PARAMS_LEASE_MIN, Overlay, Params,
)

# Words of Params by their place in it, as bits of Overlay.keys name them.
cdef enum:
    WORD_LEASE = 0
    WORD_LEASE_MIN = 1
    WORD_LEASE_MAX = 2
    WORD_REUSE_GRACE = 7


# A nearer lease time widens the limits of farther scopes, and a nearer limit bounds a farther
# scope's lease time: the nearest wins. A limit that nobody has written is the lease time.
cdef inline void keep_times_in_order(uint32_t keys, Params* made) noexcept nogil:
    cdef bint lease = keys >> WORD_LEASE & 1
    cdef bint least = keys >> WORD_LEASE_MIN & 1
    cdef bint most = keys >> WORD_LEASE_MAX & 1
    if least and not most and made.lease_max_s < made.lease_min_s:
        made.lease_max_s = made.lease_min_s
    if most and not least and made.lease_min_s > made.lease_max_s:
        made.lease_min_s = made.lease_max_s
    if not lease:
        made.lease_s = min(max(made.lease_s, made.lease_min_s), made.lease_max_s)
        return
    if not least and (not made.flags & PARAMS_LEASE_MIN or made.lease_s < made.lease_min_s):
        made.lease_min_s = made.lease_s
    if not most and (not made.flags & PARAMS_LEASE_MAX or made.lease_s > made.lease_max_s):
        made.lease_max_s = made.lease_s


# `values` is the table of all rows' values.
cdef inline void overlay_lay(const Overlay* overlay, const uint32_t* values,
                             Params* made) noexcept nogil:
    cdef uint32_t* words = <uint32_t*>made
    cdef uint32_t keys = overlay.keys
    values += overlay.value_first
    while keys:
        words[lowest_bit_u64(keys)] = values[0]
        values += 1
        keys &= keys - 1
    made.flags = (made.flags & ~overlay.flags_given) | overlay.flags
    if overlay.keys & (1u << WORD_LEASE | 1u << WORD_LEASE_MIN | 1u << WORD_LEASE_MAX):
        keep_times_in_order(overlay.keys, made)


# The value of one word, if the row has it.
cdef inline bint overlay_has(const Overlay* overlay, const uint32_t* values, uint32_t word,
                             uint32_t* value) noexcept nogil:
    cdef uint32_t before = overlay.keys & ((1u << word) - 1)
    if not overlay.keys >> word & 1:
        return False
    values += overlay.value_first
    while before:
        values += 1
        before &= before - 1
    value[0] = values[0]
    return True
