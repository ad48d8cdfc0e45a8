"""The options of a reply that a policy gives, laid out once and copied from then on.

What a client is sent of the configured options depends on where it is (subnet, pool), on its
classes as far as these have options, on the options of its own reservation, on its parameter
request list and, only if not all of it fits, on the room. So bodies are kept by these:
preallocated, two places for each hash, keys compared whole. A miss lays the body anew. What is one
client's alone is no part of a body: the name of a reservation (option 12) is put in, per packet, at
the place that the body keeps for it, so that a million clients share one body.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastdhcp._image cimport CLASS_WORDS, Image
from fastdhcp._reservations cimport Reservation
from fastdhcp._stats cimport Counters
from fastdhcp._wire cimport AT_OPTIONS, FILE_SIZE, MESSAGE_SIZE_MAX, SNAME_SIZE, Span

cdef enum:
    BODY_SIZE = MESSAGE_SIZE_MAX - AT_OPTIONS
    BODY_LIST_MAX = 96       # a longer request list is served, but not kept
    BODY_SETS = 1024         # a power of two
    BODY_WAYS = 2
    BODY_ANY_ROOM = 0xFFFF   # the whole of it, whatever the room
    BODY_NO_LIST = 0xFFFF    # no option 55
    BODY_NO_NAME = 0xFFFF    # no place for a name: it is not asked for


# Whose boot file the file field carries. A reservation's own is no part of a body, as its name.
cdef enum FileTaken:
    FILE_FREE = 0
    FILE_TAKEN = 1
    FILE_OWN = 2             # the reservation's own


cdef struct BodyKey:
    uint32_t subnet          # image indexes, or NOWHERE
    uint32_t pool
    uint32_t own             # layer of the reservation's own options; 0: none
    uint16_t room            # bytes for it in the options field, or BODY_ANY_ROOM
    uint16_t list_len        # or BODY_NO_LIST
    uint32_t generation      # of the image: indexes and values of another mean nothing in this one
    uint8_t file_taken       # FileTaken
    uint8_t sname_taken      # 1: sname carries the server's name
    uint8_t own_name         # 1: a name of its own takes the place of any layer's option 12
    uint8_t bootp            # 1: for a BOOTP client
    # Words of classes, those that have a say, then the list with zeros behind it up to the end of
    # its word.
    uint8_t tail[CLASS_WORDS * 8 + BODY_LIST_MAX]
    uint8_t words            # of classes in `tail`: by the generation, so it is not compared


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


# Whose layer an option is of, from the nearest.
cdef enum LayerKind:
    LAYER_NONE = 0
    LAYER_RESERVATION = 1
    LAYER_WHEN_POOL = 2      # a class's options in a pool alone
    LAYER_WHEN_SUBNET = 3
    LAYER_CLASS = 4
    LAYER_POOL = 5
    LAYER_SUBNET = 6         # with those of its shared network and the defaults in it


# For who asks what gives an option.
cdef struct Source:
    uint8_t kind             # LayerKind; LAYER_NONE: no layer has it
    uint8_t level            # as in Option: whether it was written farther
    uint32_t number          # of the class, where there is one


# Where a client is, and what it is answered by; NULL: no reservation.
cdef inline void body_key_begin(BodyKey* key, uint32_t subnet, uint32_t pool,
                                const Reservation* reservation) noexcept nogil:
    key.subnet = subnet
    key.pool = pool
    key.own = 0 if reservation == NULL else reservation.options


# Readies and frees. False: no memory.
cdef bint bodies_open(Bodies* bodies) noexcept nogil
cdef void bodies_close(Bodies* bodies) noexcept nogil

# The body for `room` bytes in the options field (67 of an own boot file beside them), `name_size`
# of which option 12 takes if it is put in. `key` has subnet, pool, own, file_taken, sname_taken,
# own_name and bootp set, and is used as scratch; `classes` are the client's; `list` is option 55
# (at = NULL: none). What is returned lives until the next call.
cdef const Body* bodies_find(Bodies* bodies, const Image* image, BodyKey* key,
                             const uint64_t* classes, Span list, uint32_t room,
                             uint32_t name_size, Counters* counters) noexcept nogil

# The value of one option for who is answered so, asked for or not; at = NULL: there is none, or it
# is never to be sent. `key` has subnet, pool and own set.
cdef Span body_value(const Image* image, BodyKey* key, const uint64_t* classes,
                     uint8_t code) noexcept nogil

# Which layer gives an option, whether it is asked for or not. `key` has subnet, pool and own set.
cdef Source body_source(const Image* image, BodyKey* key, const uint64_t* classes,
                        uint8_t code) noexcept nogil
