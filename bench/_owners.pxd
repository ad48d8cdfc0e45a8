"""Which client holds an address: a hash table with a place for each client, in C. Inline only.

Linear probing, load at most one half; a removal shifts back what follows, so no tombstones.
"""

from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc

cdef enum:
    NOBODY = 0xFFFFFFFF


cdef struct Owner:
    uint32_t address            # 0: an empty place
    uint32_t client


cdef struct Owners:
    Owner* places
    uint32_t mask


cdef inline bint owners_init(Owners* owners, uint32_t clients) noexcept nogil:
    cdef uint32_t size = 16
    while size < 2 * <size_t>clients:
        size *= 2
    owners.mask = size - 1
    owners.places = <Owner*>calloc(size, sizeof(Owner))
    return owners.places != NULL


cdef inline uint32_t _home(const Owners* owners, uint32_t address) noexcept nogil:
    cdef uint32_t mixed = address * <uint32_t>0x9E3779B1
    return (mixed ^ (mixed >> 15)) & owners.mask


# The place of `address`, or the empty one where it would go.
cdef inline uint32_t _place(const Owners* owners, uint32_t address) noexcept nogil:
    cdef uint32_t at = _home(owners, address)
    while owners.places[at].address and owners.places[at].address != address:
        at = (at + 1) & owners.mask
    return at


cdef inline uint32_t owners_get(const Owners* owners, uint32_t address) noexcept nogil:
    cdef Owner* owner = &owners.places[_place(owners, address)]
    return owner.client if owner.address else <uint32_t>NOBODY


cdef inline void owners_set(Owners* owners, uint32_t address, uint32_t client) noexcept nogil:
    cdef Owner* owner = &owners.places[_place(owners, address)]
    owner.address = address
    owner.client = client


cdef inline void owners_remove(Owners* owners, uint32_t address) noexcept nogil:
    cdef uint32_t hole = _place(owners, address), at = hole, home
    while True:
        at = (at + 1) & owners.mask
        if not owners.places[at].address:
            break
        home = _home(owners, owners.places[at].address)
        # It may move back unless its home lies behind the hole (cyclically: in (hole, at]).
        if ((at - home) & owners.mask) >= ((at - hole) & owners.mask):
            owners.places[hole] = owners.places[at]
            hole = at
    owners.places[hole].address = 0
