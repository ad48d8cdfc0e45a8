"""Client key: what a client is known by, a 128-bit hash of one of its identifiers. Inline only.

`identity` in the configuration names the order; the first identifier that a client has is hashed,
with one byte of kind before it. The secret is the node's (a pair shares it).
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fastdhcp._entry cimport KEPT_MAX

from fastdhcp._image cimport (
    IDENTITY_CIRCUIT_ID, IDENTITY_CLIENT_ID, IDENTITY_HW_ADDRESS, IDENTITY_REMOTE_ID,
    IDENTITY_NAMED, IDENTITY_SUBSCRIBER_ID, NAMED_COUNT, NOWHERE, ORDER_MAX, Image,
)
from fastdhcp._program cimport Input, program_whole
from fastdhcp._relay cimport RelayInfo, relay_read
from fastdhcp._siphash cimport siphash128
from fastdhcp._wire cimport HLEN_MAX, Span


cdef struct Identifiers:
    Span client_id
    Span circuit_id
    Span remote_id
    Span subscriber_id
    Span relay_info              # option 82 that these are of; at = NULL: none
    uint8_t hardware[1 + HLEN_MAX]  # htype, then chaddr
    uint8_t hardware_size        # 1 + hlen; 0: no hardware address
    Span named[NAMED_COUNT]      # [identifiers]; only those are filled in that somebody asks for
    uint8_t octets[NAMED_COUNT][KEPT_MAX]  # what they say


# `chaddr`: the field, HLEN_MAX octets.
cdef inline void identifiers_hardware(Identifiers* who, uint8_t htype, const uint8_t* chaddr,
                                      uint8_t hlen) noexcept nogil:
    who.hardware_size = 0
    if hlen:
        who.hardware[0] = htype
        memcpy(who.hardware + 1, chaddr, HLEN_MAX)
        who.hardware_size = 1 + hlen


cdef inline void identifiers_relay_info(Identifiers* who, Span option) noexcept nogil:
    cdef RelayInfo said
    relay_read(&said, option)
    who.circuit_id = said.circuit_id
    who.remote_id = said.remote_id
    who.subscriber_id = said.subscriber_id
    who.relay_info = option


# [identifiers] of these kinds, of what is kept of a client. One that lacks a part is absent: the
# '/' between two sub-options is nobody's name.
cdef inline void identifiers_named(Identifiers* who, const Image* image, Input* input,
                                   uint32_t kinds) noexcept nogil:
    cdef Span value
    cdef int i
    for i in range(<int>NAMED_COUNT):
        who.named[i] = Span(NULL, 0)
        if not kinds >> (<int>IDENTITY_NAMED + i) & 1 or image.named[i] == NOWHERE:
            continue
        value = program_whole(image, image.named[i], input)
        if value.len:
            memcpy(&who.octets[i][0], value.at, value.len)
            who.named[i] = Span(&who.octets[i][0], value.len)


# The identifier of one kind; at = NULL: the client has none.
cdef inline Span identifier_of(const Identifiers* who, uint8_t kind) noexcept nogil:
    cdef Span span
    span.at = NULL
    span.len = 0
    if kind == IDENTITY_CLIENT_ID:
        return who.client_id
    if kind == IDENTITY_CIRCUIT_ID:
        return who.circuit_id
    if kind == IDENTITY_REMOTE_ID:
        return who.remote_id
    if kind == IDENTITY_SUBSCRIBER_ID:
        return who.subscriber_id
    if <int>IDENTITY_NAMED <= kind < <int>IDENTITY_SUBSCRIBER_ID:
        return who.named[kind - <int>IDENTITY_NAMED]
    if kind == IDENTITY_HW_ADDRESS and who.hardware_size:
        span.at = who.hardware
        span.len = who.hardware_size
    return span


# False: the client has none of the identifiers of `order` (ORDER_MAX places, 0 ends it).
cdef inline bint client_key(const uint8_t* secret, const uint8_t* order, const Identifiers* who,
                            uint64_t* key) noexcept nogil:
    cdef Span span
    cdef int i
    for i in range(<int>ORDER_MAX):
        if order[i] == 0:
            break
        span = identifier_of(who, order[i])
        if span.at != NULL and span.len:
            siphash128(secret, order[i], span.at, span.len, <uint8_t*>key)
            return True
    return False
