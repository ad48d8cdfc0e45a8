"""Classes of clients: which a packet is of, and what follows from them.

A client's classes are a set of CLASS_WORDS words, one bit a class. They are found once a packet, if
the policy names any, and looked at where it is decided who may have an address, with which values,
and with which options.
"""

from libc.stdint cimport uint32_t, uint64_t

from fastdhcp._image cimport (
    CLASS_ALL, CLASS_BOOTP, CLASS_KNOWN, CLASS_WORDS, CLASSES_DROP, CLASSES_OVERLAID, NOWHERE,
    ClassSets, Guard, Image, Params, image_class_sets, image_guard,
)
from fastdhcp._program cimport Input, program_mark
from fastdhcp._wire cimport BOOTP


cdef inline bint classes_has(const uint64_t* classes, uint32_t number) noexcept nogil:
    return classes[number >> 6] >> (number & 63) & 1


cdef inline void classes_add(uint64_t* classes, uint32_t number) noexcept nogil:
    classes[number >> 6] |= <uint64_t>1 << (number & 63)


cdef inline bint classes_meet(const uint64_t* classes, const uint64_t* others) noexcept nogil:
    return ((classes[0] & others[0]) | (classes[1] & others[1]) | (classes[2] & others[2])
            | (classes[3] & others[3])) != 0


cdef inline bint classes_pass(const Image* image, uint32_t index,
                              const uint64_t* classes) noexcept nogil:
    cdef const Guard* guard = image_guard(image, index)
    return classes_meet(classes, guard.allow) and not classes_meet(classes, guard.deny)


cdef inline bint classes_drop(const Image* image, const uint64_t* classes) noexcept nogil:
    return (image.class_effects & CLASSES_DROP
            and classes_meet(classes, image_class_sets(image).drop))


# Whether values are laid over those of a place for these classes.
cdef inline bint classes_overlay(const Image* image, const uint64_t* classes) noexcept nogil:
    return (image.class_effects & CLASSES_OVERLAID
            and classes_meet(classes, image_class_sets(image).overlaid))


# Marks the classes of a packet, beside those that it has by its reservation. The image has classes.
cdef inline void classes_find(const Image* image, Input* input) noexcept nogil:
    input.classes[0] |= <uint64_t>1 << CLASS_ALL | <uint64_t>input.known << CLASS_KNOWN
    if input.packet.message_type == BOOTP:
        input.classes[0] |= <uint64_t>1 << CLASS_BOOTP
    program_mark(image, input)


# The id of the first of the classes that are kept with a lease; 0: none.
cdef uint32_t classes_kept(const Image* image, const uint64_t* classes) noexcept nogil
# The values of a place for who has these classes (not read without classes in the image), and a
# reservation with `own` values (overlay; 0: none): `base`, or `made`, which is filled in.
cdef const Params* classes_params(const Image* image, const uint64_t* classes, uint32_t subnet,
                                  uint32_t pool, uint32_t own, const Params* base,
                                  Params* made) noexcept nogil
