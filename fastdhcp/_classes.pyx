"""Classes: found by tests in the order of what they name, one look-up for tests of one value."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from fastdhcp._atomic cimport highest_bit_u64, lowest_bit_u64
from fastdhcp._image cimport (
    CLASS_ALL, CLASS_BOOTP, CLASS_KNOWN, ClassCandidate, ClassPlace, ClassStep, Pool, Subnet, When,
    image_class, image_overlay, image_overlay_values, image_pool, image_subnet, image_table,
    image_when,
)
from fastdhcp._overlay cimport overlay_lay
from fastdhcp._program cimport program_test, program_value
from fastdhcp._stats cimport COUNT_CLASS, count
from fastdhcp._wire cimport BOOTP, Span


# ---- which a packet is of

# The compiler fills the places of a group by the same hash. Literals are the configuration's, so
# nobody from outside chooses what stands beside what.
cdef inline uint32_t hash_of(Span value) noexcept nogil:
    cdef uint64_t hash = value.len
    cdef uint32_t i
    for i in range(value.len):
        hash = (hash ^ value.at[i]) * <uint64_t>0x100000001B3
    return <uint32_t>(hash ^ (hash >> 32))


# A usual value is short: one multiplication an octet. What is longer than any literal is of none.
cdef void find_group(const Image* image, const ClassStep* step, Input* input,
                     uint64_t* classes) noexcept nogil:
    cdef const ClassPlace* places = (<const ClassPlace*>image_table(image, &image.class_places)
                                     + step.place_first)
    cdef const ClassPlace* place
    cdef const ClassCandidate* candidate
    cdef Span value = program_value(image, step.program, input)
    cdef uint32_t hash, at, i
    hash = hash_of(value)
    at = hash & step.place_mask
    while places[at].candidate_count:
        place = &places[at]
        if (place.hash == hash and place.literal_len == value.len and memcmp(
                <const uint8_t*>image + place.literal_at, value.at, value.len) == 0):
            candidate = (<const ClassCandidate*>image_table(image, &image.class_candidates)
                         + place.candidate_first)
            for i in range(place.candidate_count):
                classes_add(classes, candidate[i].number)
            return
        at = (at + 1) & step.place_mask


cdef void classes_find(const Image* image, Input* input, uint64_t* classes) noexcept nogil:
    cdef const ClassStep* steps = <const ClassStep*>image_table(image, &image.class_steps)
    cdef uint32_t i
    classes_add(classes, CLASS_ALL)
    if input.known:
        classes_add(classes, CLASS_KNOWN)
    if input.packet.message_type == BOOTP:
        classes_add(classes, CLASS_BOOTP)
    for i in range(image.class_steps.count):
        if steps[i].number == NOWHERE:
            find_group(image, &steps[i], input, classes)
        elif program_test(image, steps[i].program, input):
            classes_add(classes, steps[i].number)


cdef void classes_count(const Image* image, const uint64_t* classes,
                        Counters* counters) noexcept nogil:
    cdef uint64_t left
    cdef uint32_t word, place
    for word in range(<uint32_t>CLASS_WORDS):
        left = classes[word]
        while left:
            place = image_class(image, word * 64 + lowest_bit_u64(left)).counter
            if place != NOWHERE:
                count(counters, <uint32_t>COUNT_CLASS + place)
            left &= left - 1


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
    return hash_of(Span(<const uint8_t*><const char*>literal, <uint32_t>len(literal)))
