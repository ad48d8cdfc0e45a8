"""Programs: the tests and values of the policy, run upon one packet, or upon a record.

A program is a row of 8-byte instructions in the image, made by config/programs.py of an expression.
It has a stack of spans, one truth, and 256 octets of room for what must be made; jumps go forward,
so it ends. Nothing can fail: what is absent, or finds no room, is empty, and any instruction does
no harm (what a program may not do does nothing).

The tests of all classes are one program, at the image's `class_first`: it marks in its Input which
classes a packet is of.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from fastdhcp._areas cimport SLOT_CLIENT_ID, SLOT_COUNT, SLOT_HOSTNAME
from fastdhcp._codec cimport Packet
from fastdhcp._entry cimport Kept
from fastdhcp._image cimport Image, Instruction, image_instructions
from fastdhcp._made cimport MADE_MAX, Made
from fastdhcp._scope cimport Arrival
from fastdhcp._stats cimport CLASS_COUNTERS
from fastdhcp._wire cimport Span

cdef enum:
    STACK_MAX = 8
    PROGRAM_SIZE_MAX = 64    # instructions of an expression
    INSTRUCTIONS_MAX = 8192  # of all programs of an image
    CLASSES_MAX = 256        # bits of `classes`
    CLASS_WORDS = 4          # of 64 bits

# "top" is the value on top of the stack, "truth" what the last test said. L: the literal of b
# octets at c of the image.
cdef enum Op:
    OP_NONE
    # What most tests are, each in one, without the stack.
    OP_OPTION_EXISTS         # the option of slot a is there, if only with length 0
    OP_OPTION_IS             # ... is L
    OP_OPTION_BEGINS         # ... begins with L
    OP_RELAY_EXISTS          # sub-option a of 82 is there
    OP_RELAY_IS              # ... is L
    OP_MEMBER                # class b is marked
    OP_KNOWN                 # the client has a reservation
    OP_NOT
    # Jumps: over the next a instructions.
    OP_JUMP
    OP_JUMP_IF               # truth
    OP_JUMP_UNLESS
    # Classes.
    OP_CLASS                 # if truth, class b is marked, and counted at c; another test begins
    # The classes of a literal are marked, of the b + 1 places (a power of two) from place c on.
    OP_AMONG                 # for the top, which goes
    OP_OPTION_AMONG          # for the option of slot a; only before all others
    # Values: pushed.
    OP_LITERAL               # L
    OP_OPTION                # the option of slot a, at most c octets of it
    OP_RELAY_INFO            # option 82
    OP_RELAY                 # sub-option a of 82
    OP_HEADER                # b octets of the fixed header, from a on
    OP_HARDWARE              # chaddr, hlen octets
    OP_NUMBER                # the Number a, as four octets
    OP_INTERFACE             # the name of the interface that it came by
    # Values: made of the top, in its place.
    OP_SUB_OPTION            # sub-option a of an encapsulated space (43)
    OP_VENDOR                # data of enterprise c (b: of any) in 125 or 124; its a-th there
    OP_VENDOR_OPTION         # sub-option a of enterprise c (b: of any) in 125
    OP_ENTERPRISE            # the first enterprise number in 125 or 124
    OP_SUBSTRING             # from b on (signed), c octets (signed; ALL: the rest)
    OP_LOWER
    OP_UPPER
    OP_NEEDED                # it stays; if it is empty, what the program says is no identifier
    OP_ADDRESS_TEXT          # of four octets
    OP_NUMBER_TEXT           # of a octets (b: signed)
    # Values: made of the two on top.
    OP_CONCAT
    OP_HEXSTRING             # octets, separator
    # Values: made of the two on top: text, delimiters; field b (from 1).
    OP_SPLIT
    # Tests: they take what they look at off the stack.
    OP_EXISTS                # the top is there, if only with length 0
    OP_EQUAL                 # the two on top
    OP_IS                    # the top is L
    OP_BOOTP                 # a message without option 53
    OP_TRUTH                 # a
    # "in": the top stays, and is compared; if equal, truth, and a jump over a instructions.
    OP_ONE_OF                # with L
    OP_SAME                  # with the value above it, which is taken off
    OP_POP                   # the top goes; truth stays
    OP_COUNT

cdef enum Number:
    NUMBER_HTYPE
    NUMBER_HLEN
    NUMBER_MESSAGE_TYPE      # option 53; 0: BOOTP
    NUMBER_LENGTH            # octets of the message
    NUMBER_SOURCE            # the addresses of the datagram
    NUMBER_DESTINATION


# What a program looks at. Of a record: packet and arrival are NULL, and the slots of 12 and 61 are
# filled from it (the others absent). A value that a program gave may point into `made`: it
# lives until the next program runs upon the same Input.
cdef struct Input:
    const Packet* packet
    const Arrival* arrival
    const Span* slots        # by slot of the image's table
    uint32_t slot_count
    Span relay_info          # option 82 as policy reads it; at = NULL: none
    const uint8_t* chaddr    # these three of a record: a packet has its own
    uint8_t htype
    uint8_t hlen
    bint known               # a reservation was found
    uint64_t* classes        # bit by class: it is marked; NULL: none, and none is to be
    uint64_t* counted        # words by counter of a class; there if `classes` is
    Made made


# Of a packet. Who recalls option 82 from a record, finds a reservation or matches classes
# says so afterwards.
cdef inline void input_packet(Input* input, const Packet* packet,
                              const Arrival* arrival) noexcept nogil:
    input.packet = packet
    input.arrival = arrival
    input.slots = packet.walk.slots
    input.slot_count = packet.walk.table.count
    input.relay_info = packet.relay_info
    input.known = False
    input.classes = NULL


# Of a record, or of what else is kept of a client: `slots` has SLOT_COUNT places, filled here.
cdef inline void input_kept(Input* input, Span* slots, const Kept* kept, uint8_t htype,
                            const uint8_t* chaddr, uint8_t hlen) noexcept nogil:
    memset(slots, 0, SLOT_COUNT * sizeof(Span))
    if kept.client_id.len:
        slots[<int>SLOT_CLIENT_ID] = kept.client_id
    if kept.hostname.len:
        slots[<int>SLOT_HOSTNAME] = kept.hostname
    input.packet = NULL
    input.arrival = NULL
    input.slots = slots
    input.slot_count = SLOT_COUNT
    input.relay_info = kept.relay_info
    input.chaddr = chaddr
    input.htype = htype
    input.hlen = hlen
    input.known = False
    input.classes = NULL


cdef inline Span input_option(const Input* input, uint8_t slot) noexcept nogil:
    return input.slots[slot] if slot < input.slot_count else Span(NULL, 0)


# A class of the image is marked, and counted, once a packet. `counter` as in Class;
# `input.classes` is there.
cdef inline void input_mark(Input* input, uint32_t number, uint32_t counter) noexcept nogil:
    cdef uint64_t* word = &input.classes[number >> 6]
    cdef uint64_t bit = <uint64_t>1 << (number & 63)
    if not word[0] & bit:
        word[0] |= bit
        if counter < CLASS_COUNTERS:
            input.counted[counter] += 1


# Of a group of classes: those whose literal a value is.
cdef void program_mark_among(const Image* image, const Instruction* i, Span value,
                             Input* input) noexcept nogil
cdef void program_mark_rest(const Image* image, const Instruction* first, const Instruction* end,
                            Input* input) noexcept nogil


# Marks the classes of a packet; `input.classes` is there. Groups of one option stand first: these
# need no machine.
cdef inline void program_mark(const Image* image, Input* input) noexcept nogil:
    cdef const Instruction* i = image_instructions(image) + image.class_first
    cdef const Instruction* end = i + image.class_count
    while i < end and i.op == OP_OPTION_AMONG:
        program_mark_among(image, i, input_option(input, i.a), input)
        i += 1
    if i < end:
        program_mark_rest(image, i, end, input)


# A test, by its place in `programs`.
cdef bint program_test(const Image* image, uint32_t program, Input* input) noexcept nogil
# A value, likewise. len = 0: it is absent or empty.
cdef Span program_value(const Image* image, uint32_t program, Input* input) noexcept nogil
# A value that somebody is to be known by: absent if one of its parts is, or found no room, or if it
# is longer than what is kept.
cdef Span program_whole(const Image* image, uint32_t program, Input* input) noexcept nogil
