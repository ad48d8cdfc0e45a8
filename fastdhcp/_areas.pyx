"""The areas: walked in one pass, repeats joined; and laid with options, overload where it helps."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from fastdhcp._stats cimport (
    DROP_BAD_COOKIE, DROP_BAD_OPTIONS, DROP_BAD_OVERLOAD, DROP_NONE, DropReason,
)
from fastdhcp._wire cimport *

cdef enum:
    VEND_SIZE = 64           # RFC 951 3: the field that became DHCP's options

cdef SlotTable OWN_SLOTS
OWN_SLOTS.count = SLOT_COUNT
OWN_SLOTS.slot_of[<int>OPTION_HOSTNAME] = SLOT_HOSTNAME
OWN_SLOTS.slot_of[<int>OPTION_REQUESTED_ADDRESS] = SLOT_REQUESTED
OWN_SLOTS.slot_of[<int>OPTION_LEASE_TIME] = SLOT_LEASE_TIME
OWN_SLOTS.slot_of[<int>OPTION_OVERLOAD] = SLOT_OVERLOAD
OWN_SLOTS.slot_of[<int>OPTION_MESSAGE_TYPE] = SLOT_MESSAGE_TYPE
OWN_SLOTS.slot_of[<int>OPTION_SERVER_ID] = SLOT_SERVER_ID
OWN_SLOTS.slot_of[<int>OPTION_PARAMETER_LIST] = SLOT_PARAMETER_LIST
OWN_SLOTS.slot_of[<int>OPTION_MAX_SIZE] = SLOT_MAX_SIZE
OWN_SLOTS.slot_of[<int>OPTION_VENDOR_CLASS] = SLOT_VENDOR_CLASS
OWN_SLOTS.slot_of[<int>OPTION_CLIENT_ID] = SLOT_CLIENT_ID
OWN_SLOTS.slot_of[<int>OPTION_USER_CLASS] = SLOT_USER_CLASS
OWN_SLOTS.slot_of[<int>OPTION_RAPID_COMMIT] = SLOT_RAPID_COMMIT
OWN_SLOTS.slot_of[<int>OPTION_FQDN] = SLOT_FQDN
OWN_SLOTS.slot_of[<int>OPTION_RELAY_INFO] = SLOT_RELAY_INFO
OWN_SLOTS.slot_of[<int>OPTION_ARCHITECTURE] = SLOT_ARCHITECTURE
OWN_SLOTS.slot_of[<int>OPTION_SUBNET_SELECTION] = SLOT_SUBNET_SELECTION
OWN_SLOTS.slot_of[<int>OPTION_VSS] = SLOT_VSS


cdef const SlotTable* areas_slots() noexcept nogil:
    return &OWN_SLOTS


# ---- walking

cdef inline uint64_t bit_of(uint32_t slot) noexcept nogil:
    return <uint64_t>1 << slot


cdef bint walk_area(Walk* walk, const uint8_t* at, uint32_t size) noexcept nogil:
    cdef const uint8_t* end = at + size
    cdef const uint8_t* slot_of = walk.table.slot_of
    cdef Span value
    cdef uint8_t code, slot
    cdef Step step
    walk.areas[walk.area_count].at = at
    walk.areas[walk.area_count].len = size
    walk.area_count += 1
    while True:
        step = next_option(&at, end, &code, &value)
        if step != STEP_OPTION:
            return step == STEP_DONE
        slot = slot_of[code]
        if walk.slots[slot].at != NULL:
            walk.repeated |= bit_of(slot)
        walk.slots[slot] = value


# RFC 951 clients send no cookie: a vend field of zeros (or none) is a message without options.
cdef DropReason walk_without_cookie(const uint8_t* data, uint32_t size) noexcept nogil:
    cdef uint32_t i
    for i in range(AT_COOKIE, min(size, <uint32_t>(AT_COOKIE + VEND_SIZE))):
        if data[i] != 0:
            return DROP_BAD_COOKIE
    return DROP_NONE


# Option 52 itself counts only in the options field, and once.
cdef DropReason areas_walk(Walk* walk, const uint8_t* data, uint32_t size) noexcept nogil:
    cdef Span* overload = &walk.slots[SLOT_OVERLOAD]
    cdef uint8_t areas
    memset(&walk.repeated, 0, sizeof(Walk) - sizeof(walk.table) - sizeof(walk.areas)
           - (SLOT_MAX - SLOT_COUNT) * sizeof(Span))
    if walk.table.count > SLOT_COUNT:
        memset(&walk.slots[<int>SLOT_COUNT], 0, (walk.table.count - SLOT_COUNT) * sizeof(Span))
    if size < AT_OPTIONS or load_be32(data + AT_COOKIE) != MAGIC_COOKIE:
        return walk_without_cookie(data, size)
    if not walk_area(walk, data + AT_OPTIONS, size - AT_OPTIONS):
        return DROP_BAD_OPTIONS
    if overload.at == NULL:
        return DROP_NONE
    areas = overload.at[0] if overload.len == 1 else 0
    if not 1 <= areas <= 3 or walk.repeated & bit_of(SLOT_OVERLOAD):
        return DROP_BAD_OVERLOAD
    if areas & OVERLOAD_FILE and not walk_area(walk, data + AT_FILE, FILE_SIZE):
        return DROP_BAD_OPTIONS
    if areas & OVERLOAD_SNAME and not walk_area(walk, data + AT_SNAME, SNAME_SIZE):
        return DROP_BAD_OPTIONS
    return DROP_NONE


# Adds up (scratch NULL) or appends the parts of the repeated options of one area.
cdef void gather_repeats(Walk* walk, Span area, bint copy) noexcept nogil:
    cdef const uint8_t* at = area.at
    cdef Span value
    cdef Span* joined
    cdef uint8_t code, slot
    while next_option(&at, area.at + area.len, &code, &value) == STEP_OPTION:
        slot = walk.table.slot_of[code]
        if not walk.repeated & bit_of(slot):
            continue
        joined = &walk.slots[slot]
        if copy:
            memcpy(<uint8_t*>joined.at + joined.len, value.at, value.len)
        joined.len += value.len


# RFC 3396 7: the parts of an option are one value, in the order options field, file, sname. Areas
# do not overlap, so the sum is never more than the message has, which fits SCRATCH_SIZE.
cdef void areas_join(Walk* walk, uint8_t* scratch) noexcept nogil:
    cdef uint32_t slot, i
    for slot in range(walk.table.count):
        if walk.repeated & bit_of(slot):
            walk.slots[slot].len = 0
    for i in range(walk.area_count):
        gather_repeats(walk, walk.areas[i], False)
    for slot in range(walk.table.count):
        if walk.repeated & bit_of(slot):
            walk.slots[slot].at = scratch
            scratch += walk.slots[slot].len
            walk.slots[slot].len = 0
    for i in range(walk.area_count):
        gather_repeats(walk, walk.areas[i], True)


cdef bint area_has(const uint8_t* at, uint32_t size, uint8_t code, Span* value) noexcept nogil:
    cdef const uint8_t* end = at + size
    cdef uint8_t found
    while next_option(&at, end, &found, value) == STEP_OPTION:
        if found == code:
            return True
    return False


cdef bint areas_have(const uint8_t* data, uint32_t size, uint8_t code) noexcept nogil:
    cdef Span value
    cdef uint8_t areas = 0
    if size < AT_OPTIONS:
        return False
    if area_has(data + AT_OPTIONS, size - AT_OPTIONS, OPTION_OVERLOAD, &value) and value.len:
        areas = value.at[0]
    return (area_has(data + AT_OPTIONS, size - AT_OPTIONS, code, &value)
            or (areas & OVERLOAD_FILE and area_has(data + AT_FILE, FILE_SIZE, code, &value))
            or (areas & OVERLOAD_SNAME and area_has(data + AT_SNAME, SNAME_SIZE, code, &value)))


# ---- laying options

# The areas that options may go to, in the order in which a receiver joins them.
cdef struct Areas:
    Writer* writers[AREAS_MAX]
    uint32_t count


# Into the first area that has room for the whole option.
cdef bint lay_whole(Areas* areas, const OptionSpan* option) noexcept nogil:
    cdef ptrdiff_t size = option_size(option.value.len)
    cdef Writer* area
    cdef uint32_t i
    for i in range(areas.count):
        area = areas.writers[i]
        if area.end - area.at >= size:
            write_option(area, option.code, option.value)
            return True
    return False


# Bytes of a value that fit into `room` in parts of up to 255; a part of none is not counted.
cdef uint32_t room_for_parts(ptrdiff_t room) noexcept nogil:
    cdef uint32_t whole = <uint32_t>(room // (OPTION_HEAD + PART_MAX))
    cdef uint32_t rest = <uint32_t>(room % (OPTION_HEAD + PART_MAX))
    return whole * PART_MAX + (rest - OPTION_HEAD if rest > OPTION_HEAD else 0)


# A value over 255 bytes is split anyhow, so its parts may fill the areas one after the other.
cdef bint lay_parts(Areas* areas, const OptionSpan* option) noexcept nogil:
    cdef Span left = option.value
    cdef Span part
    cdef uint32_t room = 0
    cdef uint32_t i
    for i in range(areas.count):
        room += room_for_parts(areas.writers[i].end - areas.writers[i].at)
    if left.len <= PART_MAX or left.len > room:
        return False
    for i in range(areas.count):
        room = room_for_parts(areas.writers[i].end - areas.writers[i].at)
        part = Span(left.at, min(room, left.len))
        if part.len:
            write_option(areas.writers[i], option.code, part)
            left = Span(left.at + part.len, left.len - part.len)
    return True


cdef uint32_t lay_all(Areas* areas, const OptionSpan* options, uint32_t count) noexcept nogil:
    cdef uint32_t left_out = 0
    cdef uint32_t i
    for i in range(count):
        if not lay_whole(areas, &options[i]) and not lay_parts(areas, &options[i]):
            left_out += 1
    return left_out


# Takes the area with room for its END held back; a field of no room is none.
cdef void open_area(Areas* areas, Writer* local, Writer* field) noexcept nogil:
    if field == NULL or field.failed or field.end - field.at < 1:
        return
    local[0] = Writer(field.at, field.end - 1, False)
    areas.writers[areas.count] = local
    areas.count += 1


# Ends the area if something was laid there. True: it is in use.
cdef bint close_area(Writer* local, Writer* field) noexcept nogil:
    if local.at == NULL or local.at == field.at:
        return False
    field.at = local.at
    write_u8(field, OPTION_END)
    return True


cdef uint32_t areas_lay(const OptionSpan* options, uint32_t count, Writer* main,
                        Writer* file, Writer* sname, uint8_t* overload) noexcept nogil:
    cdef Writer in_file = Writer(NULL, NULL, False)
    cdef Writer in_sname = Writer(NULL, NULL, False)
    cdef uint8_t* start = main.at
    cdef Areas areas
    cdef uint64_t size = 0
    cdef uint32_t i, left_out
    overload[0] = 0
    for i in range(count):
        size += option_size(options[i].value.len)
    areas.writers[0] = main
    areas.count = 1
    if main.failed:
        return count
    if size > <uint64_t>(main.end - main.at) and main.end - main.at >= OPTION_HEAD + 1:
        open_area(&areas, &in_file, file)
        open_area(&areas, &in_sname, sname)
    if areas.count == 1:
        return lay_all(&areas, options, count)
    write_option_u8(main, OPTION_OVERLOAD, 0)
    left_out = lay_all(&areas, options, count)
    if close_area(&in_file, file):
        overload[0] |= OVERLOAD_FILE
    if close_area(&in_sname, sname):
        overload[0] |= OVERLOAD_SNAME
    if overload[0]:
        start[OPTION_HEAD] = overload[0]
        return left_out
    main.at = start              # neither field could take anything: option 52 would say nothing
    areas.count = 1
    return lay_all(&areas, options, count)
