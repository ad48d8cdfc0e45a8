"""Programs: one loop over instructions, and a function for each kind of work that they do."""

from libc.stdint cimport int16_t, int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from fastdhcp._areas cimport STEP_OPTION, next_option
from fastdhcp._codec cimport Packet, Scratch, codec_decode
from fastdhcp._entry cimport KEPT_MAX
from fastdhcp._image cimport (
    NOWHERE, ClassPlace, Image, Instruction, Interface, Program,
    image_find_interface, image_instructions, image_slots, image_table,
)
from fastdhcp._made cimport (
    make, made_address_text, made_field, made_hexstring, made_in_case, made_joined,
    made_number_text, made_substring,
)
from fastdhcp._octets cimport octets_hash, octets_same
from fastdhcp._relay cimport relay_next
from fastdhcp._scope cimport Arrival
from fastdhcp._stats cimport CLASS_COUNTERS, DROP_NONE
from fastdhcp._wire cimport AT_COOKIE, BOOTP, Span, load_be32, store_be32

from fastdhcp._stats import drop_names

cdef enum:
    ENTERPRISE_HEAD = 5      # RFC 3925 3: enterprise number, length of its data

cdef Span EMPTY = Span(NULL, 0)


cdef struct Machine:
    const Image* image
    Input* input
    bint truth
    uint32_t depth
    Span stack[STACK_MAX]


# ---- the stack: what does not fit is not pushed, and below its bottom there is nothing

cdef inline void push(Machine* m, Span value) noexcept nogil:
    if m.depth < STACK_MAX:
        m.stack[m.depth] = value
        m.depth += 1


cdef inline Span pop(Machine* m) noexcept nogil:
    if m.depth == 0:
        return EMPTY
    m.depth -= 1
    return m.stack[m.depth]


cdef inline Span top(const Machine* m) noexcept nogil:
    return m.stack[m.depth - 1] if m.depth else EMPTY


cdef inline bint are_equal(Span a, Span b) noexcept nogil:
    return a.len == b.len and octets_same(a.at, b.at, a.len)


# ---- values: where they stand

cdef inline Span literal(const Image* image, const Instruction* i) noexcept nogil:
    if <uint64_t>i.c + i.b > image.size:
        return EMPTY
    return Span(<const uint8_t*>image + i.c, i.b)


cdef inline Span header(const Input* input, uint32_t at, uint32_t size) noexcept nogil:
    if input.packet == NULL or at + size > AT_COOKIE:
        return EMPTY
    return Span(input.packet.data + at, size)


cdef inline Span first_octets(Span value, uint32_t count) noexcept nogil:
    return Span(value.at, min(value.len, count))


cdef inline Span hardware(const Input* input) noexcept nogil:
    if input.packet == NULL:
        return Span(input.chaddr, input.hlen)
    return Span(input.packet.chaddr, input.packet.hlen)


# Of repeats the first that is not empty; and if all are, one of them is there.
cdef inline bint is_better(Span best, Span value) noexcept nogil:
    return best.at == NULL or (best.len == 0 and value.len != 0)


cdef Span relay_option(Span options, uint8_t wanted) noexcept nogil:
    cdef Span best = EMPTY
    cdef Span value
    cdef uint8_t code
    while relay_next(&options, &code, &value):
        if code == wanted:
            best = value
            if value.len:
                break
    return best


# RFC 2132 8.4: an encapsulated space has pads and an END as the options have.
cdef Span encapsulated_option(Span options, uint8_t wanted) noexcept nogil:
    cdef Span best = EMPTY
    cdef Span value
    cdef const uint8_t* at = options.at
    cdef uint8_t code
    if at == NULL:
        return EMPTY
    while next_option(&at, options.at + options.len, &code, &value) == STEP_OPTION:
        if code == wanted and is_better(best, value):
            best = value
    return best


# RFC 3925 3, 4: the next enterprise of an option 124 or 125, and its data.
cdef inline bint next_enterprise(Span* left, uint32_t* number, Span* data) noexcept nogil:
    if left.len < ENTERPRISE_HEAD or left.len - ENTERPRISE_HEAD < left.at[4]:
        return False
    number[0] = load_be32(left.at)
    data[0] = Span(left.at + ENTERPRISE_HEAD, left.at[4])
    left[0] = Span(data.at + data.len, left.len - ENTERPRISE_HEAD - data.len)
    return True


cdef Span vendor_data(Span option, const Instruction* i) noexcept nogil:
    cdef Span data
    cdef uint32_t number
    cdef uint32_t left = i.a
    while next_enterprise(&option, &number, &data):
        if i.b or number == i.c:
            if left == 0:
                return data
            left -= 1
    return EMPTY


cdef Span vendor_option(Span option, const Instruction* i) noexcept nogil:
    cdef Span best = EMPTY
    cdef Span data, value
    cdef uint32_t number
    while next_enterprise(&option, &number, &data):
        if i.b or number == i.c:
            value = relay_option(data, i.a)
            if value.at != NULL and is_better(best, value):
                best = value
    return best


cdef Span interface_name(const Machine* m) noexcept nogil:
    cdef const Interface* interface
    cdef uint32_t index
    if m.input.arrival == NULL:
        return EMPTY
    index = image_find_interface(m.image, m.input.arrival.ifindex)
    if index == NOWHERE:
        return EMPTY
    interface = <const Interface*>image_table(m.image, &m.image.interfaces) + index
    return Span(<const uint8_t*>m.image + interface.name_at, interface.name_len)


cdef Span number_of(Input* input, uint8_t which) noexcept nogil:
    cdef uint32_t number = 0
    cdef uint8_t* at
    if which == NUMBER_HTYPE:
        number = input.htype if input.packet == NULL else input.packet.htype
    elif which == NUMBER_HLEN:
        number = hardware(input).len
    elif input.packet == NULL or input.arrival == NULL:
        return EMPTY
    elif which == NUMBER_MESSAGE_TYPE:
        number = input.packet.message_type
    elif which == NUMBER_LENGTH:
        number = input.packet.size
    elif which == NUMBER_SOURCE:
        number = input.arrival.source
    elif which == NUMBER_DESTINATION:
        number = input.arrival.destination
    at = make(&input.made, 4)
    if at == NULL:
        return EMPTY
    store_be32(at, number)
    return Span(at, 4)


# ---- instructions

cdef inline bint is_member(const Input* input, uint16_t bit) noexcept nogil:
    if input.classes == NULL or bit >= CLASSES_MAX:
        return False
    return input.classes[bit >> 6] >> (bit & 63) & 1


# Those that push a value.
cdef inline Span load(Machine* m, const Instruction* i) noexcept nogil:
    if i.op == OP_OPTION:
        return first_octets(input_option(m.input, i.a), i.c)
    if i.op == OP_LITERAL:
        return literal(m.image, i)
    if i.op == OP_RELAY:
        return relay_option(m.input.relay_info, i.a)
    if i.op == OP_RELAY_INFO:
        return m.input.relay_info
    if i.op == OP_HEADER:
        return header(m.input, i.a, i.b)
    if i.op == OP_HARDWARE:
        return hardware(m.input)
    if i.op == OP_NUMBER:
        return number_of(m.input, i.a)
    return interface_name(m)


# Those that make one value of another.
cdef inline Span change(Machine* m, const Instruction* i, Span value) noexcept nogil:
    if i.op == OP_SUBSTRING:
        return made_substring(value, <int16_t>i.b, <int32_t>i.c)
    if i.op == OP_SUB_OPTION:
        return encapsulated_option(value, i.a)
    if i.op == OP_VENDOR:
        return vendor_data(value, i)
    if i.op == OP_VENDOR_OPTION:
        return vendor_option(value, i)
    if i.op == OP_ENTERPRISE:
        return Span(value.at, 4) if value.len >= ENTERPRISE_HEAD else EMPTY
    if i.op == OP_LOWER:
        return made_in_case(&m.input.made, value, c'A', c'Z')
    if i.op == OP_UPPER:
        return made_in_case(&m.input.made, value, c'a', c'z')
    if i.op == OP_NEEDED:
        if value.len == 0:
            m.input.made.lacks = True
        return value
    if i.op == OP_ADDRESS_TEXT:
        return made_address_text(&m.input.made, value)
    return made_number_text(&m.input.made, value, i.a, i.b != 0)


# Those that make one value of two.
cdef inline Span combine(Machine* m, const Instruction* i, Span left, Span right) noexcept nogil:
    if i.op == OP_CONCAT:
        return made_joined(&m.input.made, left, right)
    if i.op == OP_HEXSTRING:
        return made_hexstring(&m.input.made, left, right)
    return made_field(left, right, i.b)


cdef inline bint test(Machine* m, const Instruction* i) noexcept nogil:
    cdef Span value
    if i.op == OP_IS:
        return are_equal(pop(m), literal(m.image, i))
    if i.op == OP_EXISTS:
        return pop(m).at != NULL
    if i.op == OP_EQUAL:
        value = pop(m)
        return are_equal(pop(m), value)
    if i.op == OP_ONE_OF:
        return are_equal(top(m), literal(m.image, i))
    if i.op == OP_SAME:
        value = pop(m)
        return are_equal(top(m), value)
    if i.op == OP_BOOTP:
        return m.input.packet != NULL and m.input.packet.message_type == BOOTP
    return i.a != 0              # OP_TRUTH


# An instruction of values, or a test of them. How many of the next are left out.
cdef uint32_t work(Machine* m, const Instruction* i) noexcept nogil:
    cdef Span left, right
    if OP_LITERAL <= i.op < OP_SUB_OPTION:
        push(m, load(m, i))
    elif OP_SUB_OPTION <= i.op < OP_CONCAT:
        right = pop(m)
        push(m, change(m, i, right))
    elif OP_CONCAT <= i.op < OP_EXISTS:
        right = pop(m)
        left = pop(m)
        push(m, combine(m, i, left, right))
    elif OP_EXISTS <= i.op < OP_ONE_OF:
        m.truth = test(m, i)
    elif OP_ONE_OF <= i.op < OP_POP:
        m.truth = test(m, i)
        return i.a if m.truth else 0
    elif i.op == OP_POP:
        pop(m)
    return 0


# ---- classes

# Of several classes of one literal each has a place. What is longer than any literal is of none.
cdef void program_mark_among(const Image* image, const Instruction* i, Span value,
                             Input* input) noexcept nogil:
    cdef uint32_t hash = <uint32_t>octets_hash(0, value)
    cdef uint32_t at = i.c + (hash & i.b)
    cdef const ClassPlace* place
    if at >= image.class_places.count:
        return
    place = <const ClassPlace*>image_table(image, &image.class_places) + at
    while place.literal_at:
        if (place.hash == hash and place.literal_len == value.len
                and octets_same(<const uint8_t*>image + place.literal_at, value.at, value.len)):
            input_mark(input, place.number, place.counter)
        place += 1


# ---- the loop

cdef inline bint begins(Span value, Span start) noexcept nogil:
    return value.len >= start.len and octets_same(value.at, start.at, start.len)


# What most tests are made of is done here, and all else by `work`.
cdef void run(Machine* m, const Image* image, const Instruction* i, const Instruction* end,
              Input* input) noexcept nogil:
    cdef bint truth = False
    cdef Span value
    cdef uint8_t op
    m.image = image
    m.input = input
    m.depth = 0
    input.made.size = 0
    while i < end:
        op = i.op
        if op == OP_OPTION_EXISTS:
            truth = input_option(input, i.a).at != NULL
        elif op == OP_OPTION_IS:
            truth = are_equal(input_option(input, i.a), literal(image, i))
        elif op == OP_OPTION_BEGINS:
            truth = begins(input_option(input, i.a), literal(image, i))
        elif op == OP_RELAY_EXISTS:
            truth = relay_option(input.relay_info, i.a).at != NULL
        elif op == OP_RELAY_IS:
            truth = are_equal(relay_option(input.relay_info, i.a), literal(image, i))
        elif op == OP_MEMBER:
            truth = is_member(input, i.b)
        elif op == OP_KNOWN:
            truth = input.known
        elif op == OP_NOT:
            truth = not truth
        elif op == OP_JUMP:
            i += i.a
        elif op == OP_JUMP_IF:
            if truth:
                i += i.a
        elif op == OP_JUMP_UNLESS:
            if not truth:
                i += i.a
        elif op == OP_CLASS:
            if truth and input.classes != NULL and i.b < CLASSES_MAX:
                input_mark(input, i.b, i.c)
            input.made.size = 0
        elif op == OP_AMONG:
            value = pop(m)
            if input.classes != NULL:
                program_mark_among(image, i, value, input)
            input.made.size = 0
        else:
            m.truth = truth
            i += work(m, i)
            truth = m.truth
        i += 1
    m.truth = truth


cdef void program_mark_rest(const Image* image, const Instruction* first, const Instruction* end,
                            Input* input) noexcept nogil:
    cdef Machine m
    run(&m, image, first, end, input)


cdef bint run_by_place(Machine* m, const Image* image, uint32_t place,
                       Input* input) noexcept nogil:
    cdef const Program* program = <const Program*>image_table(image, &image.programs) + place
    cdef const Instruction* first
    if place >= image.programs.count:
        return False
    first = image_instructions(image) + program.first
    run(m, image, first, first + program.count, input)
    return True


cdef bint program_test(const Image* image, uint32_t program, Input* input) noexcept nogil:
    cdef Machine m
    return run_by_place(&m, image, program, input) and m.truth


cdef Span program_value(const Image* image, uint32_t program, Input* input) noexcept nogil:
    cdef Machine m
    return top(&m) if run_by_place(&m, image, program, input) else EMPTY


cdef Span program_whole(const Image* image, uint32_t program, Input* input) noexcept nogil:
    cdef Span value
    input.made.lacks = False
    value = program_value(image, program, input)
    return EMPTY if input.made.lacks or value.len > KEPT_MAX else value


# ---- Python

OPS = {
    "literal": OP_LITERAL, "option": OP_OPTION, "relay-info": OP_RELAY_INFO, "relay": OP_RELAY,
    "header": OP_HEADER, "hardware": OP_HARDWARE, "number": OP_NUMBER, "interface": OP_INTERFACE,
    "sub-option": OP_SUB_OPTION, "vendor": OP_VENDOR, "vendor-option": OP_VENDOR_OPTION,
    "enterprise": OP_ENTERPRISE, "substring": OP_SUBSTRING, "lower": OP_LOWER, "upper": OP_UPPER,
    "needed": OP_NEEDED, "address-text": OP_ADDRESS_TEXT, "number-text": OP_NUMBER_TEXT,
    "concat": OP_CONCAT, "hexstring": OP_HEXSTRING, "split": OP_SPLIT, "exists": OP_EXISTS,
    "equal": OP_EQUAL, "is": OP_IS, "member": OP_MEMBER, "known": OP_KNOWN, "bootp": OP_BOOTP,
    "truth": OP_TRUTH, "not": OP_NOT, "jump": OP_JUMP, "jump-if": OP_JUMP_IF,
    "jump-unless": OP_JUMP_UNLESS, "one-of": OP_ONE_OF, "same": OP_SAME, "pop": OP_POP,
    "option-exists": OP_OPTION_EXISTS, "option-is": OP_OPTION_IS, "option-begins": OP_OPTION_BEGINS,
    "relay-exists": OP_RELAY_EXISTS, "relay-is": OP_RELAY_IS, "class": OP_CLASS, "among": OP_AMONG,
    "option-among": OP_OPTION_AMONG,
}
NUMBERS = {
    "htype": NUMBER_HTYPE, "hlen": NUMBER_HLEN, "msgtype": NUMBER_MESSAGE_TYPE,
    "len": NUMBER_LENGTH, "src": NUMBER_SOURCE, "dst": NUMBER_DESTINATION,
}
LIMITS = {
    "stack": STACK_MAX, "made": MADE_MAX, "program": PROGRAM_SIZE_MAX,
    "instructions": INSTRUCTIONS_MAX, "classes": CLASSES_MAX,
}


def evaluate(const unsigned char[::1] image_bytes, uint32_t program, bytes message not None, *,
             bytes relay_info=None, bint known=False, classes=0, int ifindex=0, uint32_t source=0,
             uint32_t destination=0, bint whole=False):
    """(truth, value) of a program of an image upon a request; value None: absent.

    `relay_info`: option 82 of a record, in place of that of the message; `classes`: a bit each;
    `whole`: as an identifier, which is absent if a part of it is.
    Raises ValueError with the drop reason for what is no request, IndexError for no program.
    """
    cdef const Image* image = <const Image*>&image_bytes[0]
    cdef Scratch scratch
    cdef Packet packet
    cdef Arrival arrival
    cdef Input input
    cdef Span value
    cdef uint64_t words[CLASS_WORDS]
    cdef uint64_t counted[CLASS_COUNTERS]
    cdef int word
    if program >= image.programs.count:
        raise IndexError(program)
    reason = codec_decode(image_slots(image), message, <uint32_t>len(message), &scratch, &packet)
    if reason != DROP_NONE:
        raise ValueError(drop_names()[<int>reason])
    memset(&arrival, 0, sizeof(Arrival))
    memset(counted, 0, sizeof(counted))
    arrival.ifindex = ifindex
    arrival.source = source
    arrival.destination = destination
    for word in range(CLASS_WORDS):
        words[word] = <uint64_t>(classes >> 64 * word & 0xFFFFFFFFFFFFFFFF)
    input_packet(&input, &packet, &arrival)
    input.known = known
    input.classes = words
    input.counted = counted
    if relay_info is not None:
        input.relay_info = Span(relay_info, <uint32_t>len(relay_info))
    truth = program_test(image, program, &input)
    if whole:
        value = program_whole(image, program, &input)
    else:
        value = program_value(image, program, &input)
    return bool(truth), None if value.at == NULL else value.at[:value.len]
