"""Whose an address is: the reservation that names it, the client that holds it, or nobody's."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcmp

from fastdhcp._areas cimport SLOT_COUNT
from fastdhcp._atomic cimport load_relaxed_u64, lowest_bit_u64
from fastdhcp._entry cimport Kept, entry_kept
from fastdhcp._identity cimport (
    Identifiers, identifier_of, identifiers_hardware, identifiers_named, identifiers_relay_info,
)
from fastdhcp._handle cimport find_reservation
from fastdhcp._image cimport (
    NAMED_KINDS, NOWHERE, Network, image_find_pool, image_find_subnet, image_network, image_pool,
    image_pool_gives, image_subnet,
)
from fastdhcp._leases cimport (
    ACTIVE, BLOCK_SIZE, PENDING, Copy, Record, Table, leases_bits, leases_block, leases_copy,
    leases_end, leases_record, leases_reservation, node_now,
)
from fastdhcp._memory cimport Memory
from fastdhcp._program cimport Input, input_kept
from fastdhcp._reservations cimport (
    Reservation, Reservations, reservation_dict, reservation_identity, reservation_same,
    reservations_at, reservations_cell,
)
from fastdhcp._wire cimport Span


# Who the record's client is, by what the record keeps; it points into `copy`. `kinds`: those that
# are asked for.
cdef void identify_kept(const Table* t, const Copy* copy, uint32_t kinds,
                        Identifiers* who) noexcept nogil:
    cdef const Record* r = &copy.record
    cdef Span slots[SLOT_COUNT]
    cdef Kept kept
    cdef Input input
    entry_kept(r, copy.longs, &kept)
    who.client_id = kept.client_id
    identifiers_relay_info(who, kept.relay_info)
    identifiers_hardware(who, r.htype, r.chaddr, r.hlen)
    if kinds & NAMED_KINDS:
        input_kept(&input, slots, &kept, r.htype, r.chaddr, r.hlen)
        identifiers_named(who, t.image, &input, kinds)


# Whether the record's client is the one of the reservation.
cdef bint is_owner(const Table* t, const Reservation* cell, const Copy* copy) noexcept nogil:
    cdef Span wanted = reservation_identity(cell)
    cdef Span own
    cdef Identifiers who
    identify_kept(t, copy, 1u << cell.kind, &who)
    own = identifier_of(&who, cell.kind)
    return own.len == wanted.len and memcmp(own.at, wanted.at, own.len) == 0


# Is the address bound now, to somebody else?
cdef bint is_held(const Table* t, const Reservation* cell, uint32_t now) noexcept nogil:
    cdef uint32_t block = leases_block(t, cell.vrf, cell.address)
    cdef uint32_t low = cell.address & 255
    cdef Copy copy
    if (block == NOWHERE
            or not load_relaxed_u64(&leases_bits(t, block)[low // 64]) >> (low % 64) & 1
            or not leases_copy(t, block * BLOCK_SIZE + low, &copy)):
        return False
    return (copy.record.state in (ACTIVE, PENDING) and now < copy.record.expiry
            and not is_owner(t, cell, &copy))


# The reservation without address that a worker finds for the record's client; NULL: it has none, or
# one with an address.
cdef const Reservation* unaddressed(const Table* t, const Copy* copy) noexcept nogil:
    cdef const Reservation* found
    cdef const Network* network
    cdef Identifiers who
    cdef uint32_t subnet = image_find_subnet(t.image, copy.record.vrf, copy.record.address)
    if subnet == NOWHERE:
        return NULL
    network = image_network(t.image, image_subnet(t.image, subnet).network)
    identify_kept(t, copy, network.kinds | network.kinds_any, &who)
    found = find_reservation(t, network, &who)
    return NULL if found == NULL or found.address else found


def client_reservation(Memory memory, uint32_t number):
    """The reservation by which the last client of a record is answered there: that of the address,
    if it is its own, else one without an address; None: there is none, or the record is locked."""
    cdef Table* t = &memory.table
    cdef const Reservation* found = NULL
    cdef Copy copy
    if t.image == NULL or t.reservations == NULL or not leases_copy(t, number, &copy):
        return None
    found = reservations_at(t.reservations, copy.record.vrf, copy.record.address)
    if found == NULL or not is_owner(t, found, &copy):
        found = unaddressed(t, &copy)
    return None if found == NULL else reservation_dict(found)


# The next such cell from `at` on; `count`: there is none.
cdef uint32_t next_held(const Table* t, const Reservations* now, const Reservations* was,
                        uint32_t at, uint32_t now_s) noexcept nogil:
    cdef const Reservation* cell
    while at < now.count:
        cell = reservations_cell(now, at)
        if (cell.address and not reservation_same(cell, reservations_at(
                was, cell.vrf, cell.address)) and is_held(t, cell, now_s)):
            return at
        at += 1
    return at


def held_anew(Memory memory, const unsigned char[::1] buffer, const unsigned char[::1] before):
    """The reservations of a file table that `before` has not, whose addresses others hold. It goes
    over all of them without the GIL."""
    cdef Table* t = &memory.table
    cdef const Reservations* now = <const Reservations*>&buffer[0]
    cdef const Reservations* was = <const Reservations*>&before[0]
    cdef uint32_t at = 0
    cdef uint32_t now_s = node_now(t)
    found = []
    while True:
        with nogil:
            at = next_held(t, now, was, at, now_s)
        if at == now.count:
            return found
        found.append(reservation_dict(reservations_cell(now, at)))
        at += 1


# Is it bound, and neither of a pool nor reserved for its holder? Then a renewal is refused.
cdef bint is_stranded(const Table* t, uint32_t number, uint32_t now) noexcept nogil:
    cdef const Record* r = leases_record(t, number)
    cdef const Reservation* cell
    cdef uint32_t pool
    cdef Copy copy
    if r.state != ACTIVE or now >= r.expiry or not leases_copy(t, number, &copy):
        return False
    pool = image_find_pool(t.image, copy.record.vrf, copy.record.address)
    if pool != NOWHERE and image_pool_gives(t.image, image_pool(t.image, pool),
                                            copy.record.address):
        return False
    cell = leases_reservation(t, number, copy.record.vrf, copy.record.address)
    return cell == NULL or not is_owner(t, cell, &copy)


# The next such record from number `at` on; `end`: there is none.
cdef uint32_t next_stranded(const Table* t, uint32_t at, uint32_t end, uint32_t now) noexcept nogil:
    cdef uint64_t taken
    while at < end:
        taken = load_relaxed_u64(&leases_bits(t, at // BLOCK_SIZE)[at >> 6 & 3])
        taken &= ~<uint64_t>0 << (at & 63)
        at &= ~<uint32_t>63
        while taken:
            if is_stranded(t, at + lowest_bit_u64(taken), now):
                return at + lowest_bit_u64(taken)
            taken &= taken - 1
        at += 64
    return end


def stranded(Memory memory, uint32_t limit):
    """How many active leases no pool of the policy in force gives and no reservation keeps, by
    (VRF, number of the subnet that they were given in); at most `limit` are counted. It goes over
    the whole table without the GIL."""
    cdef const Table* t = &memory.table
    cdef uint32_t end = leases_end(t) * BLOCK_SIZE
    cdef uint32_t now = node_now(t)
    cdef uint32_t at = 0
    cdef uint32_t count = 0
    _mapped = tuple(memory.image_maps)  # a new policy may come meanwhile
    found = {}
    while t.image != NULL and count < limit:
        with nogil:
            at = next_stranded(t, at, end, now)
        if at >= end:
            break
        key = leases_record(t, at).vrf, leases_record(t, at).subnet_id
        found[key] = found.get(key, 0) + 1
        at += 1
        count += 1
    return found
