"""Values that are made of others, in the 256 octets that one run of a program has. Inline only.

What finds no room is empty (len = 0), and marks that something lacks.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcpy

from fastdhcp._wire cimport Span, load_be16, load_be32

cdef enum:
    MADE_MAX = 256           # octets that one run may make: concat, hexstring, numbers as text
    DIGITS_MAX = 11          # "-2147483648"
    ADDRESS_TEXT_MAX = 15    # "255.255.255.255"


cdef struct Made:
    uint32_t size            # octets in use
    bint lacks               # something found no room; who asks clears it before
    uint8_t data[MADE_MAX]


# Room for a value; NULL: there is not so much.
cdef inline uint8_t* make(Made* made, uint32_t size) noexcept nogil:
    cdef uint8_t* at = made.data + made.size
    if size > MADE_MAX - made.size:
        made.lacks = True
        return NULL
    made.size += size
    return at


cdef inline uint8_t hex_digit(uint8_t value) noexcept nogil:
    return (c'0' if value < 10 else c'a' - 10) + value


# A negative start counts from the end, a negative length to the left of the start.
cdef inline Span made_substring(Span value, int64_t start, int64_t length) noexcept nogil:
    cdef int64_t size = value.len
    if start < -size or start >= size:
        return Span(NULL, 0)
    if start < 0:
        start += size
    if length < 0:
        length = -length
        if length > start:
            length = start
        start -= length
    return Span(value.at + start, <uint32_t>min(length, size - start))


cdef inline Span made_in_case(Made* made, Span value, uint8_t first, uint8_t last) noexcept nogil:
    cdef uint8_t* at = make(made, value.len)
    cdef uint32_t i
    if at == NULL:
        return Span(NULL, 0)
    for i in range(value.len):
        at[i] = value.at[i] ^ (0x20 if first <= value.at[i] <= last else 0)
    return Span(at, value.len)


cdef inline Span made_joined(Made* made, Span left, Span right) noexcept nogil:
    cdef uint8_t* at
    if right.len == 0:
        return left
    if left.len == 0:
        return right
    # What was made last stays where it is, and so does what stands there side by side.
    if left.at + left.len == right.at and made.data <= left.at < made.data + MADE_MAX:
        return Span(left.at, left.len + right.len)
    if left.at + left.len == made.data + made.size:
        at = make(made, right.len)
        if at == NULL:
            return Span(NULL, 0)
        memcpy(at, right.at, right.len)
        return Span(left.at, left.len + right.len)
    at = make(made, left.len + right.len)
    if at == NULL:
        return Span(NULL, 0)
    memcpy(at, left.at, left.len)
    memcpy(at + left.len, right.at, right.len)
    return Span(at, left.len + right.len)


cdef inline Span made_hexstring(Made* made, Span value, Span separator) noexcept nogil:
    cdef uint64_t size = <uint64_t>value.len * (2 + separator.len) - separator.len
    cdef uint8_t* at
    cdef uint8_t* start
    cdef uint32_t i
    if value.len == 0:
        return Span(NULL, 0)
    start = at = make(made, <uint32_t>min(size, <uint64_t>MADE_MAX + 1))
    if at == NULL:
        return Span(NULL, 0)
    for i in range(value.len):
        if i and separator.len:
            memcpy(at, separator.at, separator.len)
            at += separator.len
        at[0] = hex_digit(value.at[i] >> 4)
        at[1] = hex_digit(value.at[i] & 15)
        at += 2
    return Span(start, <uint32_t>size)


# Field `wanted` (from 1) of what stands between octets that are delimiters.
cdef inline Span made_field(Span value, Span delimiters, uint32_t wanted) noexcept nogil:
    cdef uint32_t start = 0
    cdef uint32_t i
    if delimiters.len == 0:
        return value
    for i in range(value.len):
        if memchr(delimiters.at, value.at[i], delimiters.len) != NULL:
            wanted -= 1
            if wanted == 0:
                return Span(value.at + start, i - start)
            start = i + 1
    return Span(value.at + start, value.len - start) if wanted == 1 else Span(NULL, 0)


# Writes backwards from `end`. How many octets.
cdef inline uint32_t write_digits(uint8_t* end, uint32_t number) noexcept nogil:
    cdef uint32_t size = 0
    while True:
        size += 1
        end[-<int32_t>size] = <uint8_t>(c'0' + number % 10)
        number //= 10
        if number == 0:
            return size


cdef inline Span made_copy(Made* made, const uint8_t* data, uint32_t size) noexcept nogil:
    cdef uint8_t* at = make(made, size)
    if at == NULL:
        return Span(NULL, 0)
    memcpy(at, data, size)
    return Span(at, size)


cdef inline Span made_address_text(Made* made, Span value) noexcept nogil:
    cdef uint8_t text[ADDRESS_TEXT_MAX]
    cdef uint32_t size = 0
    cdef uint32_t i
    if value.len != 4:
        return Span(NULL, 0)
    for i in range(4):
        size += write_digits(text + ADDRESS_TEXT_MAX - size, value.at[3 - i])
        if i < 3:
            size += 1
            text[ADDRESS_TEXT_MAX - size] = c'.'
    return made_copy(made, text + ADDRESS_TEXT_MAX - size, size)


cdef inline Span made_number_text(Made* made, Span value, uint8_t wanted,
                                  bint is_signed) noexcept nogil:
    cdef uint8_t text[DIGITS_MAX]
    cdef uint32_t number, sign, size
    if value.len != wanted or value.len not in (1, 2, 4):
        return Span(NULL, 0)
    if value.len == 1:
        number = value.at[0]
    elif value.len == 2:
        number = load_be16(value.at)
    else:
        number = load_be32(value.at)
    sign = <uint32_t>1 << (8 * value.len - 1) if is_signed else 0
    if number & sign:
        # Of two's complement, in as many bits as it has.
        number = (~number & (sign - 1)) + 1
        size = write_digits(text + DIGITS_MAX, number) + 1
        text[DIGITS_MAX - size] = c'-'
    else:
        size = write_digits(text + DIGITS_MAX, number)
    return made_copy(made, text + DIGITS_MAX - size, size)
