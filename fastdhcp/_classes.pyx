"""Classes: what follows from those that a client is of."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastdhcp._atomic cimport highest_bit_u64, lowest_bit_u64
from fastdhcp._image cimport (
    Pool, Subnet, When, image_class, image_overlay, image_overlay_values, image_pool, image_subnet,
    image_when,
)
from fastdhcp._octets cimport octets_hash
from fastdhcp._overlay cimport overlay_lay
from fastdhcp._wire cimport Span


cdef uint32_t classes_kept(const Image* image, const uint64_t* classes) noexcept nogil:
    cdef const ClassSets* sets = image_class_sets(image)
    cdef uint64_t found
    cdef uint32_t word
    for word in range(<uint32_t>CLASS_WORDS):
        found = classes[word] & sets.lease[word]
        if found:
            return image_class(image, word * 64 + lowest_bit_u64(found)).id
    return 0


# ---- what they give

cdef inline void lay(const Image* image, uint32_t overlay, Params* made) noexcept nogil:
    if overlay:
        overlay_lay(image_overlay(image, overlay), image_overlay_values(image), made)


# Of several in one place the first is the nearest.
cdef void lay_whens(const Image* image, const uint64_t* classes, uint32_t first, uint32_t left,
                    Params* made) noexcept nogil:
    cdef const When* when
    while left:
        left -= 1
        when = image_when(image, first + left)
        if classes_has(classes, when.number):
            lay(image, when.overlay, made)


cdef void lay_classes(const Image* image, const uint64_t* classes, Params* made) noexcept nogil:
    cdef const ClassSets* sets = image_class_sets(image)
    cdef uint32_t word = CLASS_WORDS
    cdef uint64_t left
    cdef uint32_t bit
    while word:
        word -= 1
        left = classes[word] & sets.overlaid[word]
        while left:
            bit = highest_bit_u64(left)
            lay(image, image_class(image, word * 64 + bit).overlay, made)
            left ^= <uint64_t>1 << bit


# The farthest first, so that the nearest has the last word.
cdef const Params* classes_params(const Image* image, const uint64_t* classes, uint32_t subnet,
                                  uint32_t pool, uint32_t own, const Params* base,
                                  Params* made) noexcept nogil:
    cdef const Subnet* around = image_subnet(image, subnet)
    cdef const Pool* within
    made[0] = base[0]
    if image.classes.count:
        lay_classes(image, classes, made)
        lay_whens(image, classes, around.when_first, around.when_count, made)
        if pool != NOWHERE:
            within = image_pool(image, pool)
            lay_whens(image, classes, within.when_first, within.when_count, made)
    lay(image, own, made)
    return made


# ---- the Python face: filling the places of a group

def literal_hash(bytes literal not None) -> int:
    """The hash that a literal's place in its group is found by, before the mask."""
    return <uint32_t>octets_hash(
        0, Span(<const uint8_t*><const char*>literal, <uint32_t>len(literal)))
