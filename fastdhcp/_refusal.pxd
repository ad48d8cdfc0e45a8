"""An OFFER without an address, and what it says to who can do without one. Inline only.

Option 108 says that IPv6 is enough here (RFC 8925 3.3), 116 of 0 that the client must not make up
an address of its own (RFC 2563 2.3). Each is for who asks for it, where it is configured.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memchr

from fastdhcp._body cimport BodyKey, body_key_begin, body_value
from fastdhcp._codec cimport Packet, codec_has
from fastdhcp._image cimport Image
from fastdhcp._reservations cimport Reservation
from fastdhcp._wire cimport (
    OPTION_AUTO_CONFIG, OPTION_V6_ONLY, Span, Writer, write_option, write_option_u8,
)

cdef enum:
    V6_ONLY_SIZE = 4         # RFC 8925 3.1


cdef struct Refusal:
    Span v6_only             # at = NULL: not asked for, or nowhere configured
    bint makes_up_none


# RFC 8925 3.2: a client lists 108 in option 55; it never sends it.
cdef inline Span refusal_v6_only(const Image* image, const Packet* packet, BodyKey* key,
                                 const uint64_t* classes) noexcept nogil:
    cdef Span value = Span(NULL, 0)
    cdef Span list = packet.parameter_list
    if list.at != NULL and memchr(list.at, OPTION_V6_ONLY, list.len) != NULL:
        value = body_value(image, key, classes, OPTION_V6_ONLY)
    return value if value.len == V6_ONLY_SIZE else Span(NULL, 0)


# RFC 2563 2: a client sends 116.
cdef inline bint refusal_makes_up_none(const Image* image, const Packet* packet, BodyKey* key,
                                       const uint64_t* classes) noexcept nogil:
    cdef Span value
    if not codec_has(packet, OPTION_AUTO_CONFIG):
        return False
    value = body_value(image, key, classes, OPTION_AUTO_CONFIG)
    return value.len == 1 and value.at[0] == 0


# What a client of a place (subnet and pool are indexes, or NOWHERE) is told instead of an address.
cdef inline void refusal_find(Refusal* out, const Image* image, const Packet* packet,
                              uint32_t subnet, uint32_t pool, const Reservation* reservation,
                              const uint64_t* classes) noexcept nogil:
    cdef BodyKey key
    body_key_begin(&key, subnet, pool, reservation)
    out.v6_only = refusal_v6_only(image, packet, &key, classes)
    out.makes_up_none = refusal_makes_up_none(image, packet, &key, classes)


cdef inline void refusal_write(Writer* w, const Refusal* said) noexcept nogil:
    if said.v6_only.at != NULL:
        write_option(w, OPTION_V6_ONLY, said.v6_only)
    if said.makes_up_none:
        write_option_u8(w, OPTION_AUTO_CONFIG, 0)
