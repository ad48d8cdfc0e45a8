"""The options chosen for a body: by what, and from which layers."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fastdhcp._codec cimport OptionSpan
from fastdhcp._image cimport (
    CLASS_WORDS, OPTION_ALWAYS, OPTION_IMPLIED, Image, Layer, Option, image_find_option,
)
from fastdhcp._reservations cimport (
    Reservation, reservation_boot_file, reservation_hostname,
)
from fastdhcp._wire cimport (
    AT_OPTIONS, MESSAGE_SIZE_MAX, OPTION_BOOT_FILE_NAME, OPTION_HOSTNAME, OPTION_TFTP_SERVER_NAME,
    Span,
)

cdef enum:
    BODY_SIZE = MESSAGE_SIZE_MAX - AT_OPTIONS
    BODY_LIST_MAX = 96       # a longer request list is served, but not kept
    BODY_ANY_ROOM = 0xFFFF   # the whole of it, whatever the room
    BODY_NO_LIST = 0xFFFF    # no option 55
    WHENS_MAX = 32           # of one subnet or pool
    # Reservation, `when` of pool and subnet, classes, pool, subnet (with the defaults in it).
    LAYERS_MAX = 3 + 2 * WHENS_MAX + 64 * CLASS_WORDS


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


# The options chosen for one body; what is made up here needs bytes to point at.
cdef struct Choice:
    const Image* image
    const BodyKey* key
    const Reservation* owner  # for whom alone the body is laid; NULL: for all of a kind
    const Layer* layers[LAYERS_MAX]
    Source sources[LAYERS_MAX]  # of each layer
    Source pushed            # of the layers that are pushed next
    uint32_t layer_count
    OptionSpan spans[256]
    uint32_t count
    uint8_t sending[256]     # OptionFlag: the nearest layer's word, OPTION_ALWAYS or OPTION_NEVER
    uint8_t done[256]        # added, or not to be
    uint8_t mask[4]
    uint8_t vendors[BODY_SIZE]  # option 125, when several layers have a part in it
    bint listed              # there is an option 55
    bint own_file            # 67 is the reservation's own boot file, and is wanted
    bint routes_instead      # routers and static routes give way to classless routes
    uint32_t before_name     # options before a name of its own; BODY_NO_NAME: it is not asked for


cdef inline Span value_of(const Image* image, const Option* option) noexcept nogil:
    return Span(<const uint8_t*>image + option.value_at, option.value_len)


cdef inline Span nearest_value(const Choice* c, uint8_t code) noexcept nogil:
    cdef const Option* option
    cdef uint32_t i
    for i in range(c.layer_count):
        option = image_find_option(c.image, c.layers[i], code)
        if option != NULL:
            return value_of(c.image, option)
    return Span(NULL, 0)


# Is it there only because server-name or boot-file is (RFC 2132 9.4, 9.5)? Who did not ask for it
# has it in sname or file.
cdef inline bint is_implied(const Choice* c, uint8_t code) noexcept nogil:
    cdef const Option* option
    cdef uint32_t i
    if code != OPTION_TFTP_SERVER_NAME and code != OPTION_BOOT_FILE_NAME:
        return False
    for i in range(c.layer_count):
        option = image_find_option(c.image, c.layers[i], code)
        if option != NULL:
            return option.flags & OPTION_IMPLIED
    return False


# Does the reservation's own name or boot file stand before what the layers say? Its own option 67
# does not give way to the file.
cdef inline bint is_own(const Choice* c, uint8_t code) noexcept nogil:
    if code == OPTION_HOSTNAME:
        return c.key.own_name
    return (code == OPTION_BOOT_FILE_NAME and c.key.file_taken == FILE_OWN
            and image_find_option(c.image, c.layers[0], code) == NULL)


cdef inline void add_span(Choice* c, uint8_t code, Span value) noexcept nogil:
    c.spans[c.count] = OptionSpan(value, code)
    c.count += 1


# Put in per packet, unless all is laid for its owner alone.
cdef inline void add_own(Choice* c, uint8_t code) noexcept nogil:
    if code == OPTION_HOSTNAME and c.owner == NULL:
        c.before_name = c.count
    elif code == OPTION_HOSTNAME:
        add_span(c, code, reservation_hostname(c.owner))
    elif c.listed or c.sending[code] == OPTION_ALWAYS:
        if c.owner == NULL:
            c.own_file = True
        else:
            add_span(c, code, reservation_boot_file(c.owner))
