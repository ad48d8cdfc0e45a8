"""The options of a reply that a policy gives, laid out once and copied from then on.

What a client is sent of the configured options depends on where it is (subnet, pool), on its
classes as far as these have options, on the options of its own reservation, on its parameter
request list and, only if not all of it fits, on the room. So bodies are kept by these:
preallocated, two places for each hash, keys compared whole. A miss lays the body anew. What is one
client's alone is no part of a body: the name of a reservation (option 12) is put in, per packet, at
the place that the body keeps for it, so that a million clients share one body. Only where it does
not find room beside the whole body is one laid for that client, and not kept.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastdhcp._choice cimport (
    BODY_ANY_ROOM, BODY_LIST_MAX, BODY_NO_LIST, BODY_SIZE, FILE_FREE, FILE_OWN, FILE_TAKEN,
    LAYER_CLASS, LAYER_NONE, LAYER_POOL, LAYER_RESERVATION, LAYER_SUBNET, LAYER_WHEN_POOL,
    LAYER_WHEN_SUBNET, BodyKey, FileTaken, LayerKind, Source,
)
from fastdhcp._image cimport Image
from fastdhcp._reservations cimport Reservation
from fastdhcp._stats cimport Counters
from fastdhcp._wire cimport FILE_SIZE, SNAME_SIZE, Span

cdef enum:
    BODY_SETS = 1024         # a power of two
    BODY_WAYS = 2
    BODY_NO_NAME = 0xFFFF    # no place for a name: it is not asked for, or laid like any other


cdef struct Body:
    BodyKey key
    uint8_t used
    uint8_t own_file         # 1: option 67 is to be put in, of the reservation's own boot file
    uint8_t overload         # option 52; 0: file and sname are not its
    uint16_t size            # bytes of `main`
    uint16_t left_out        # options that found no room
    uint16_t name_at         # in `main`: where option 12 is put in; BODY_NO_NAME
    uint8_t main[BODY_SIZE]  # starts with option 52 if there is overload
    uint8_t file[FILE_SIZE]
    uint8_t sname[SNAME_SIZE]


cdef struct Bodies:
    Body* places             # BODY_SETS * BODY_WAYS, then the one for what is not kept
    uint8_t* recent          # per set: the way that was used last


# Where a client is, and what it is answered by; NULL: no reservation.
cdef inline void body_key_begin(BodyKey* key, uint32_t subnet, uint32_t pool,
                                const Reservation* reservation) noexcept nogil:
    key.subnet = subnet
    key.pool = pool
    key.own = 0 if reservation == NULL else reservation.options


# Readies and frees. False: no memory.
cdef bint bodies_open(Bodies* bodies) noexcept nogil
cdef void bodies_close(Bodies* bodies) noexcept nogil

# The body for `room` bytes in the options field, with room left in them for what of `reservation`
# (NULL: none) is to be put in. `key` has subnet, pool, own, file_taken, sname_taken, own_name and
# bootp set, and is used as scratch; `classes` are the client's; `list` is option 55 (at = NULL:
# none). What is returned lives until the next call.
cdef const Body* bodies_find(Bodies* bodies, const Image* image, BodyKey* key,
                             const uint64_t* classes, Span list, uint32_t room,
                             const Reservation* reservation, Counters* counters) noexcept nogil

# The value of one option for who is answered so, asked for or not; at = NULL: there is none, or it
# is never to be sent. `key` has subnet, pool and own set.
cdef Span body_value(const Image* image, BodyKey* key, const uint64_t* classes,
                     uint8_t code) noexcept nogil

# Which layer gives an option, whether it is asked for or not. `key` has subnet, pool and own set.
cdef Source body_source(const Image* image, BodyKey* key, const uint64_t* classes,
                        uint8_t code) noexcept nogil
