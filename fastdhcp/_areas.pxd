"""The areas of a message that hold options: the options field, file, sname (RFC 2131 4.1).

The options that a server looks at have a slot each, and so have those that programs of the policy
name: the slot table of the image says which. The walk proves every length, notes where each slot's
value stands, and lets all others share the slot that nobody reads. Only a message that repeats an
option is walked again, to join the parts (RFC 3396). The way back lays options into the areas.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastdhcp._stats cimport DropReason
from fastdhcp._wire cimport OPTION_END, OPTION_PAD, Span, Writer

cdef enum:
    SLOT_OTHER = 0           # every option that is not looked at
    SLOT_HOSTNAME
    SLOT_REQUESTED
    SLOT_LEASE_TIME
    SLOT_OVERLOAD
    SLOT_MESSAGE_TYPE
    SLOT_SERVER_ID
    SLOT_PARAMETER_LIST
    SLOT_MAX_SIZE
    SLOT_VENDOR_CLASS
    SLOT_CLIENT_ID
    SLOT_USER_CLASS
    SLOT_RAPID_COMMIT
    SLOT_FQDN
    SLOT_RELAY_INFO
    SLOT_ARCHITECTURE
    SLOT_SUBNET_SELECTION
    SLOT_VSS
    SLOT_COUNT
    SLOT_MAX = SLOT_COUNT + 24  # with those that programs name

cdef enum:
    OPTION_HEAD = 2          # code and length
    PART_MAX = 255           # RFC 3396 5: bytes in one instance of an option
    AREAS_MAX = 3            # options, file, sname
    OVERLOAD_FILE = 1        # RFC 2132 9.3
    OVERLOAD_SNAME = 2

cdef enum Step:
    STEP_OPTION              # an option was read
    STEP_DONE                # END, or the end of the area
    STEP_BROKEN              # an option runs past the end of the area


# Which slot an option has. The first SLOT_COUNT are the same in every table.
cdef struct SlotTable:
    uint8_t slot_of[256]     # by code; SLOT_OTHER: it is not looked at
    uint32_t count           # slots in use, SLOT_COUNT to SLOT_MAX


# What a walk over all areas of a message found. Slots by value and last: one memset readies what
# everybody has, and only a table with more than that pays for more.
cdef struct Walk:
    const SlotTable* table   # given by the caller
    Span areas[AREAS_MAX]    # area_count of them
    uint64_t repeated        # bit by slot: given more than once
    uint32_t area_count
    Span slots[SLOT_MAX]     # the last instance; after areas_join all of them


# An option to be written. Each code at most once in a list: the parts of a longer value are made
# here.
cdef struct OptionSpan:
    Span value
    uint8_t code


# The table of a server whose policy names no options of its own.
cdef const SlotTable* areas_slots() noexcept nogil

# Walks the options field, then file and sname if option 52 says so (RFC 2131 4.1). `walk` has its
# table, `data` at least the fixed header. DROP_BAD_COOKIE, DROP_BAD_OPTIONS, DROP_BAD_OVERLOAD or
# DROP_NONE.
cdef DropReason areas_walk(Walk* walk, const uint8_t* data, uint32_t size) noexcept nogil

# Joins what `walk.repeated` names, in the order options field, file, sname. `scratch` has room for
# as many bytes as the message has.
cdef void areas_join(Walk* walk, uint8_t* scratch) noexcept nogil

# Is the option there, in whatever area and of whatever length? For options that have no slot, of a
# message that areas_walk has read.
cdef bint areas_have(const uint8_t* data, uint32_t size, uint8_t code) noexcept nogil

# Lays a list of options into a reply, in their order, each into the first area that has room for
# the whole of it: `main`, then `file`, then `sname` (RFC 2132 9.3). A value over 255 bytes goes out
# in parts (RFC 3396) and may begin in one area and end in a later one. `file` and `sname` are
# Writers over the whole of those fields, or NULL where a field carries a name of its own.
#
# If all fits into `main`, nothing else is touched and `overload` is 0. Else option 52 is written to
# `main` before the options, `overload` is its value, and the areas that were used end with END (the
# rest of them must be zero already). `main` gets no END: the caller keeps room for what it
# writes after this (61, 82, END) by lowering `main.end`.
#
# Returns how many options found no room; the others are laid all the same. No Writer fails by it.
cdef uint32_t areas_lay(const OptionSpan* options, uint32_t count, Writer* main,
                        Writer* file, Writer* sname, uint8_t* overload) noexcept nogil


# The next option of an area; `at` moves past it. A missing END is no fault: the area's end ends it.
cdef inline Step next_option(const uint8_t** at, const uint8_t* end, uint8_t* code,
                             Span* value) noexcept nogil:
    cdef const uint8_t* head = at[0]
    while head < end and head[0] == OPTION_PAD:
        head += 1
    if head >= end or head[0] == OPTION_END:
        return STEP_DONE
    if end - head < OPTION_HEAD or end - head - OPTION_HEAD < head[1]:
        return STEP_BROKEN
    code[0] = head[0]
    value.at = head + OPTION_HEAD
    value.len = head[1]
    at[0] = value.at + value.len
    return STEP_OPTION


# Bytes that `write_option` takes for a value: two for each part of up to 255 bytes (RFC 3396).
cdef inline uint32_t option_size(uint32_t value_size) noexcept nogil:
    if value_size == 0:
        return 2
    return value_size + 2 * ((value_size + 254) // 255)
