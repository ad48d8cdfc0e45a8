"""What the engine looks at: the client's record, the one asked for, a free one; all by value."""

from libc.stdint cimport uint32_t

from fastdhcp._areas cimport SLOT_HOSTNAME
from fastdhcp._codec cimport Packet, codec_client_id
from fastdhcp._engine cimport View
from fastdhcp._entry cimport Kept
from fastdhcp._leases cimport ACTIVE, FREE, PENDING, Binding, Table
from fastdhcp._scope cimport Scope


# What a record is to the client; the greater, the better.
cdef enum Claim:
    CLAIM_NONE = 0
    CLAIM_HAD = 1                # it was its own before, and is free
    CLAIM_ENDED = 2              # held, but not to be renewed
    CLAIM_OFFERED = 3
    CLAIM_HELD = 4


# What a record keeps of a message. An empty option 82 says nothing.
cdef inline void gather_kept(const Packet* packet, Kept* out) noexcept nogil:
    out.client_id = codec_client_id(packet)
    out.hostname = packet.walk.slots[<int>SLOT_HOSTNAME]
    out.relay_info = packet.relay_info
    if out.relay_info.len == 0:
        out.relay_info.at = NULL


cdef inline Claim gather_claim(const View* v, const Binding* b) noexcept nogil:
    cdef bint keyed = b.key[0] == v.key[0] and b.key[1] == v.key[1]
    if b.state == ACTIVE and keyed:
        return CLAIM_HELD
    if b.state == PENDING and keyed:
        return CLAIM_ENDED
    if b.state != FREE:
        return CLAIM_NONE
    if b.offer_until > v.now:
        return CLAIM_OFFERED if b.offer_key == v.key[0] else CLAIM_NONE
    return CLAIM_HAD if keyed and b.version else CLAIM_NONE


# Fills in the places of a view whose client is known, but for `free`. False: a record stayed
# locked.
cdef bint gather(const Table* t, const Packet* packet, const Scope* scope,
                 View* v) noexcept nogil
# `free`: the subnet of the giaddr or interface first, then the others that share its link.
cdef void gather_free(Table* t, const Scope* scope, View* v) noexcept nogil
