"""Bodies: which options a client gets, in which order, and the cache that remembers it."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcmp, memcpy, memset

from fastdhcp._areas cimport STEP_OPTION, next_option
from fastdhcp._atomic cimport lowest_bit_u64
from fastdhcp._choice cimport (
    Choice, add_own, add_span, is_implied, is_own, nearest_value, value_of,
)
from fastdhcp._classes cimport classes_has
from fastdhcp._codec cimport codec_lay_options, codec_option_size
from fastdhcp._image cimport (
    CLASS_WORDS, CLASSES_TOLD, NOWHERE, OPTION_ALWAYS, OPTION_BY_VENDOR, OPTION_NEVER, ClassSets,
    Image, Layer, Option, Pool, Subnet, When, image_class, image_class_sets, image_find_option,
    image_layer, image_pool, image_subnet, image_table, image_when,
)
from fastdhcp._reservations cimport Reservation
from fastdhcp._stats cimport COUNT_CACHE_MISS, Counters, count
from fastdhcp._vendors cimport vendors_add
from fastdhcp._wire cimport *

cdef enum:
    KEY_HEAD = 24            # bytes of a BodyKey before its list: three words
    OPTION_ROUTERS = 3
    OPTION_STATIC_ROUTES = 33
    OPTION_CLASSLESS_ROUTES = 121
    OPTION_VENDOR_OPTIONS = 125
    OPTION_PORT_PARAMETERS = 159
    OPTION_MS_CLASSLESS_ROUTES = 249

# Never from the policy: the frame of a reply, or what only a client says.
cdef uint8_t NOT_IN_BODY[256]
for _code in (OPTION_PAD, OPTION_REQUESTED_ADDRESS, OPTION_LEASE_TIME, OPTION_OVERLOAD,
              OPTION_MESSAGE_TYPE, OPTION_SERVER_ID, OPTION_PARAMETER_LIST, OPTION_MESSAGE,
              OPTION_MAX_SIZE, OPTION_RENEWAL_TIME, OPTION_REBINDING_TIME, OPTION_CLIENT_ID,
              OPTION_RELAY_INFO, OPTION_END):
    NOT_IN_BODY[<int>_code] = 1

# Without option 55 these stay away all the same: RFC 8925 3.3, 2563 2.3 and 7618 8 bind them to
# being asked for.
cdef uint8_t ASKED_ONLY[256]
for _code in (OPTION_V6_ONLY, OPTION_AUTO_CONFIG, OPTION_PORT_PARAMETERS):
    ASKED_ONLY[<int>_code] = 1


# ---- choosing

cdef inline const Option* options_of(const Image* image, const Layer* layer) noexcept nogil:
    return <const Option*>image_table(image, &image.options) + layer.option_first


# One more layer, farther than those before. The nearest one that says whether an option is sent has
# the word; what is never sent counts as done.
cdef void push_layer(Choice* c, uint32_t index) noexcept nogil:
    cdef const Layer* layer = image_layer(c.image, index)
    cdef const Option* options = options_of(c.image, layer)
    cdef uint8_t code, sending
    cdef uint32_t i
    c.layers[c.layer_count] = layer
    c.sources[c.layer_count] = c.pushed
    c.layer_count += 1
    for i in range(layer.option_count):
        code = options[i].code
        sending = options[i].flags & (OPTION_ALWAYS | OPTION_NEVER)
        if sending and not c.sending[code]:
            c.sending[code] = sending
            c.done[code] = sending == OPTION_NEVER


cdef void push_whens(Choice* c, const uint64_t* classes, uint32_t first, uint32_t left,
                     LayerKind kind) noexcept nogil:
    cdef const When* when
    cdef uint32_t i
    for i in range(left):
        when = image_when(c.image, first + i)
        if classes_has(classes, when.number):
            c.pushed = Source(kind, 0, when.number)
            push_layer(c, when.layer)


cdef void push_classes(Choice* c, const uint64_t* classes) noexcept nogil:
    cdef const ClassSets* sets = image_class_sets(c.image)
    cdef uint64_t left
    cdef uint32_t word
    for word in range(<uint32_t>CLASS_WORDS):
        left = classes[word] & sets.told[word]
        while left:
            c.pushed = Source(LAYER_CLASS, 0, word * 64 + lowest_bit_u64(left))
            push_layer(c, image_class(c.image, c.pushed.number).layer)
            left &= left - 1


# Nearest first: the first layer that has an option gives it.
cdef void choice_begin(Choice* c, const Image* image, const BodyKey* key,
                       const uint64_t* classes) noexcept nogil:
    cdef const Subnet* subnet = NULL
    cdef const Pool* pool = NULL
    c.image = image
    c.key = key
    c.owner = NULL
    c.layer_count = c.count = 0
    c.before_name = BODY_NO_NAME
    c.listed = c.routes_instead = c.own_file = False
    memset(c.sending, 0, sizeof(c.sending))
    memset(c.done, 0, sizeof(c.done))
    c.pushed = Source(LAYER_RESERVATION, 0, 0)
    push_layer(c, key.own)
    if key.subnet != NOWHERE:
        subnet = image_subnet(image, key.subnet)
        store_be32(c.mask, subnet.mask)
    if key.pool != NOWHERE:
        pool = image_pool(image, key.pool)
        push_whens(c, classes, pool.when_first, pool.when_count, LAYER_WHEN_POOL)
    if subnet != NULL:
        push_whens(c, classes, subnet.when_first, subnet.when_count, LAYER_WHEN_SUBNET)
    if key.words:
        push_classes(c, classes)
    if pool != NULL:
        c.pushed = Source(LAYER_POOL, 0, 0)
        push_layer(c, pool.layer)
    if subnet != NULL:
        c.pushed = Source(LAYER_SUBNET, 0, 0)
        push_layer(c, subnet.layer)
    if key.bootp:
        # RFC 2132 2: what section 9 has is DHCP's alone.
        c.done[<int>OPTION_VENDOR_CLASS] = 1
        c.done[<int>OPTION_TFTP_SERVER_NAME] = c.done[<int>OPTION_BOOT_FILE_NAME] = 1


# RFC 3925 4: each vendor once; the nearest layer that names it has its options. What a layer gives
# in hex is whole, as it is.
cdef Span vendor_options(Choice* c) noexcept nogil:
    cdef const Option* option
    cdef uint32_t size = 0
    cdef uint32_t i
    for i in range(c.layer_count):
        option = image_find_option(c.image, c.layers[i], OPTION_VENDOR_OPTIONS)
        if option == NULL:
            continue
        if option.flags & OPTION_BY_VENDOR:
            size = vendors_add(c.vendors, size, BODY_SIZE, value_of(c.image, option))
        elif size == 0:
            return value_of(c.image, option)
    if size == 0:
        return Span(NULL, 0)
    return Span(<const uint8_t*>c.vendors, size)


# The mask comes from the prefix (RFC 2132 3.3), whatever is configured. Who asks for 249 gets what
# 121 has.
cdef Span choice_value(Choice* c, uint8_t code) noexcept nogil:
    cdef Span value = Span(NULL, 0)
    if code == OPTION_SUBNET_MASK:
        return Span(<const uint8_t*>c.mask, 4) if c.key.subnet != NOWHERE else value
    if code == OPTION_VENDOR_OPTIONS:
        return vendor_options(c)
    value = nearest_value(c, code)
    if value.at == NULL and code == OPTION_MS_CLASSLESS_ROUTES and c.listed:
        return nearest_value(c, OPTION_CLASSLESS_ROUTES)
    return value


# Once. Nothing has length 0 (small clients stumble over it), unless it is configured so.
cdef void choice_add(Choice* c, uint8_t code) noexcept nogil:
    cdef Span value
    if NOT_IN_BODY[code] or c.done[code]:
        return
    c.done[code] = 1
    if is_own(c, code):
        add_own(c, code)
        return
    value = choice_value(c, code)
    if value.at != NULL:
        add_span(c, code, value)


# always-send: before all that is asked for, so that it is the last to be left out.
cdef void choose_always(Choice* c) noexcept nogil:
    cdef uint32_t code
    for code in range(1, 255):
        if c.sending[code] == OPTION_ALWAYS:
            choice_add(c, <uint8_t>code)


cdef inline bint asks(Span list, uint8_t code) noexcept nogil:
    return memchr(list.at, code, list.len) != NULL


# RFC 3442: who asks for classless routes and gets them gets neither routers nor static routes, for
# it had to ignore them; nor the same routes once more under Microsoft's number.
cdef void prefer_classless(Choice* c, Span list) noexcept nogil:
    if not asks(list, OPTION_CLASSLESS_ROUTES):
        return
    if c.sending[<int>OPTION_CLASSLESS_ROUTES] == OPTION_NEVER:
        return
    if nearest_value(c, OPTION_CLASSLESS_ROUTES).len == 0:
        return
    c.routes_instead = True
    c.done[<int>OPTION_ROUTERS] = c.done[<int>OPTION_STATIC_ROUTES] = 1
    if nearest_value(c, OPTION_MS_CLASSLESS_ROUTES).at == NULL:
        c.done[<int>OPTION_MS_CLASSLESS_ROUTES] = 1


# RFC 2132 9.8: in the client's order, which is its order of preference; but RFC 2132 3.3: the mask
# before the routers. `classless` False: its routes found no room.
cdef void choose_listed(Choice* c, Span list, bint classless) noexcept nogil:
    cdef uint32_t i
    c.listed = True
    if asks(list, OPTION_SUBNET_MASK):
        choice_add(c, OPTION_SUBNET_MASK)
    choose_always(c)
    if classless:
        prefer_classless(c, list)
    else:
        c.done[<int>OPTION_CLASSLESS_ROUTES] = 1
    for i in range(list.len):
        choice_add(c, list.at[i])


# Without option 55: all that is configured, in the order of the codes, but the classless routes
# right behind the mask: a client without a route has nothing of all the others.
cdef void choose_all(Choice* c) noexcept nogil:
    cdef uint32_t code
    choice_add(c, OPTION_SUBNET_MASK)
    choose_always(c)
    choice_add(c, OPTION_CLASSLESS_ROUTES)
    for code in range(1, 255):
        if not ASKED_ONLY[code] and not is_implied(c, <uint8_t>code):
            choice_add(c, <uint8_t>code)


cdef void choose(Choice* c, const Image* image, const BodyKey* key, const uint64_t* classes,
                 Span list, const Reservation* owner, bint classless) noexcept nogil:
    choice_begin(c, image, key, classes)
    c.owner = owner
    if list.at == NULL:
        choose_all(c)
    else:
        choose_listed(c, list, classless)


# ---- laying

cdef inline Writer writer_over(uint8_t* at, uint32_t size) noexcept nogil:
    return Writer(at, at + size, False)


# Where a name of its own is put in: in `main` of a body that fits as a whole.
cdef uint16_t name_place(const Choice* c) noexcept nogil:
    cdef uint32_t at = 0
    cdef uint32_t i
    if c.before_name == BODY_NO_NAME:
        return BODY_NO_NAME
    for i in range(c.before_name):
        at += codec_option_size(c.spans[i].value.len)
    return <uint16_t>at


cdef bint area_has(const uint8_t* at, const uint8_t* end, uint8_t wanted) noexcept nogil:
    cdef Span value
    cdef uint8_t code
    while next_option(&at, end, &code, &value) == STEP_OPTION:
        if code == wanted:
            return True
    return False


cdef bint body_has(const Body* body, uint8_t code) noexcept nogil:
    return (area_has(body.main, body.main + body.size, code)
            or body.overload and (area_has(body.file, body.file + FILE_SIZE, code)
                                  or area_has(body.sname, body.sname + SNAME_SIZE, code)))


# Each option whole into the first area that has room, in the order of the choice: what finds none
# is left out, and what comes after it may still find some.
cdef void lay_choice(Body* body, const Choice* c) noexcept nogil:
    cdef const BodyKey* key = c.key
    cdef Writer main = writer_over(body.main, min(<uint32_t>key.room, <uint32_t>BODY_SIZE))
    cdef Writer file = writer_over(body.file, FILE_SIZE)
    cdef Writer sname = writer_over(body.sname, SNAME_SIZE)
    cdef bint whole = key.room == BODY_ANY_ROOM
    if not whole:
        memset(body.file, 0, FILE_SIZE)
        memset(body.sname, 0, SNAME_SIZE)
    body.left_out = <uint16_t>codec_lay_options(
        c.spans, c.count, &main, NULL if whole or key.file_taken else &file,
        NULL if whole or key.sname_taken else &sname, &body.overload)
    body.own_file = c.own_file
    body.size = <uint16_t>(main.at - body.main)
    body.name_at = name_place(c)


# Routers gave way to classless routes: if those are left out, the routers come after all.
cdef void lay_body(Body* body, const Image* image, const BodyKey* key, const uint64_t* classes,
                   Span list, const Reservation* owner) noexcept nogil:
    cdef Choice c
    choose(&c, image, key, classes, list, owner, True)
    memcpy(&body.key, key, sizeof(BodyKey))
    body.used = 1
    lay_choice(body, &c)
    if body.left_out and c.routes_instead and not body_has(body, OPTION_CLASSLESS_ROUTES):
        choose(&c, image, key, classes, list, owner, False)
        lay_choice(body, &c)


# ---- the cache

cdef bint bodies_open(Bodies* bodies) noexcept nogil:
    bodies.places = <Body*>calloc(BODY_SETS * BODY_WAYS + 1, sizeof(Body))
    bodies.recent = <uint8_t*>calloc(BODY_SETS, 1)
    return bodies.places != NULL and bodies.recent != NULL


cdef void bodies_close(Bodies* bodies) noexcept nogil:
    free(bodies.places)
    free(bodies.recent)
    bodies.places = NULL
    bodies.recent = NULL


cdef inline uint32_t tail_size(const BodyKey* key) noexcept nogil:
    return key.words * 8 + (0 if key.list_len == BODY_NO_LIST else key.list_len)


cdef inline uint32_t key_set(const BodyKey* key) noexcept nogil:
    cdef const uint64_t* words = <const uint64_t*>key
    cdef uint64_t hash = 0
    cdef uint32_t i
    for i in range((<uint32_t>KEY_HEAD + tail_size(key) + 7) // 8):
        hash = (hash ^ words[i]) * <uint64_t>0x9E3779B97F4A7C15
        hash ^= hash >> 29
    return <uint32_t>(hash >> 32) & (BODY_SETS - 1)


cdef const Body* find_or_lay(Bodies* bodies, const Image* image, const BodyKey* key,
                             const uint64_t* classes, Span list,
                             Counters* counters) noexcept nogil:
    cdef uint32_t set = key_set(key)
    cdef Body* ways = &bodies.places[set * BODY_WAYS]
    cdef uint32_t way
    for way in range(<uint32_t>BODY_WAYS):
        if ways[way].used and memcmp(&ways[way].key, key, KEY_HEAD + tail_size(key)) == 0:
            bodies.recent[set] = <uint8_t>way
            return &ways[way]
    way = 0 if not ways[0].used else 1 if not ways[1].used else bodies.recent[set] ^ 1
    bodies.recent[set] = <uint8_t>way
    count(counters, COUNT_CACHE_MISS)
    lay_body(&ways[way], image, key, classes, list, NULL)
    return &ways[way]


# The same without the cache, for a list that no key has room for, or for one client.
cdef const Body* lay_once(Bodies* bodies, const Image* image, BodyKey* key,
                          const uint64_t* classes, Span list, uint32_t room,
                          const Reservation* owner, Counters* counters) noexcept nogil:
    cdef Body* body = &bodies.places[BODY_SETS * BODY_WAYS]
    key.room = <uint16_t>room
    count(counters, COUNT_CACHE_MISS)
    lay_body(body, image, key, classes, list, owner)
    return body


# The words of the client's classes that have a say in what it is sent.
cdef void put_classes(BodyKey* key, const Image* image, const uint64_t* classes) noexcept nogil:
    cdef const ClassSets* sets = image_class_sets(image)
    cdef uint32_t word
    for word in range(<uint32_t>CLASS_WORDS):
        if sets.told[word]:
            (<uint64_t*>key.tail)[key.words] = classes[word] & sets.told[word]
            key.words += 1


# What is put in beside a body: option 12 at its place, option 67 before it.
cdef inline uint32_t own_size(const Body* body, const Reservation* owner) noexcept nogil:
    cdef uint32_t size = 0
    if body.name_at != BODY_NO_NAME:
        size = codec_option_size(owner.hostname_len)
    if body.own_file:
        size += codec_option_size(owner.boot_file_len)
    return size


cdef const Body* bodies_find(Bodies* bodies, const Image* image, BodyKey* key,
                             const uint64_t* classes, Span list, uint32_t room,
                             const Reservation* reservation, Counters* counters) noexcept nogil:
    cdef const Body* body
    cdef uint32_t own
    key.generation = image.generation
    key.words = 0
    if image.class_effects & CLASSES_TOLD:
        put_classes(key, image, classes)
    key.list_len = BODY_NO_LIST
    if list.at != NULL:
        if list.len > BODY_LIST_MAX:
            key.list_len = 0
            return lay_once(bodies, image, key, classes, list, room, reservation, counters)
        key.list_len = <uint16_t>list.len
        if list.len % 8:             # it is hashed by whole words
            (<uint64_t*>key.tail)[key.words + list.len // 8] = 0
        memcpy(key.tail + key.words * 8, list.at, list.len)
    # Nearly all bodies fit as a whole, so the length of an option 82 behind them spoils no hit.
    key.room = BODY_ANY_ROOM
    body = find_or_lay(bodies, image, key, classes, list, counters)
    own = own_size(body, reservation)
    if body.left_out == 0 and body.size + own <= room:
        return body
    if own:
        return lay_once(bodies, image, key, classes, list, room, reservation, counters)
    key.room = <uint16_t>room
    return find_or_lay(bodies, image, key, classes, list, counters)


# ---- for who asks

cdef Source source_of(const Choice* c, uint8_t code) noexcept nogil:
    cdef const Option* option
    cdef uint32_t i
    for i in range(c.layer_count):
        option = image_find_option(c.image, c.layers[i], code)
        if option != NULL:
            return Source(c.sources[i].kind, option.level, c.sources[i].number)
    return Source(LAYER_NONE, 0, 0)


# Nothing chosen yet, for a DHCP client.
cdef void choice_of(Choice* c, const Image* image, BodyKey* key,
                    const uint64_t* classes) noexcept nogil:
    key.words = key.bootp = 0
    if image.class_effects & CLASSES_TOLD:
        put_classes(key, image, classes)
    choice_begin(c, image, key, classes)


cdef Span body_value(const Image* image, BodyKey* key, const uint64_t* classes,
                     uint8_t code) noexcept nogil:
    cdef Choice c
    choice_of(&c, image, key, classes)
    return Span(NULL, 0) if c.done[code] else nearest_value(&c, code)


cdef Source body_source(const Image* image, BodyKey* key, const uint64_t* classes,
                        uint8_t code) noexcept nogil:
    cdef Choice c
    cdef Source found
    choice_of(&c, image, key, classes)
    found = source_of(&c, code)
    if found.kind == LAYER_NONE and code == OPTION_MS_CLASSLESS_ROUTES:
        return source_of(&c, OPTION_CLASSLESS_ROUTES)
    return found
