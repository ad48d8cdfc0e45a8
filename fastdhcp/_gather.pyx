"""What the engine looks at: the client's record, the one asked for, a free one; all by value."""

from libc.stdint cimport uint32_t, uint64_t

from fastdhcp._bitmap cimport bitmap_next
from fastdhcp._classes cimport classes_params, classes_pass
from fastdhcp._engine cimport Place, engine_asked
from fastdhcp._entry cimport entry_kept, kept_same
from fastdhcp._image cimport (
    NOWHERE, PARAMS_BOOTP, Image, Network, Params, Pool, Subnet, image_is_own,
    image_near_subnet, image_network, image_params, image_pool, image_pool_gives, image_pool_within,
    image_subnet, image_table,
)
from fastdhcp._journal cimport journal_is_durable
from fastdhcp._leases cimport (
    FREE, leases_candidates, leases_entries, leases_longs, leases_read, leases_read_address,
    leases_record, leases_reservation, leases_take,
)
from fastdhcp._wire cimport DECLINE, DISCOVER, INFORM, RELEASE, REQUEST

cdef enum:
    CANDIDATES_MAX = 16          # index entries looked at for one client
    FREE_TRIES = 64              # addresses tried that turn out to be somebody's
    LATELY_S = 600               # so long after its end an address is given last
    LATELY_TRIES = 16            # ... while so many tries find another


# ---- does the record say it already?

cdef struct Comparison:
    Kept came
    bint same


cdef void compare(const Table* t, uint32_t number, void* taken) noexcept nogil:
    cdef Comparison* c = <Comparison*>taken
    cdef Kept was
    entry_kept(leases_record(t, number), leases_longs(t, number), &was)
    c.same = kept_same(&c.came, &was)


# Does the record, still as it was read, say all that the message says of its client?
cdef bint is_said(const Table* t, const Packet* packet, const Binding* b) noexcept nogil:
    cdef Comparison c
    cdef uint64_t seen
    gather_kept(packet, &c.came)
    return leases_take(t, b.number, compare, &c, &seen) and seen == b.lock and c.same


# ---- an address

cdef inline void no_place(Place* p) noexcept nogil:
    p.known = 0
    p.allowed = 0
    p.subnet = NOWHERE
    p.pool = NOWHERE


# Are BOOTP clients served there, by its values and those of this client? `own`: overlay of its
# reservation.
cdef bint serves_bootp(const Image* image, const View* v, uint32_t subnet, uint32_t pool,
                       uint32_t own) noexcept nogil:
    cdef const Params* params = image_params(
        image, image_pool(image, pool).params if pool != NOWHERE
        else image_subnet(image, subnet).params)
    if v.overlaid:
        params = classes_params(image, v.classes, subnet, pool, own, params, v.made)
    return params.flags & PARAMS_BOOTP


# Do the guards of subnet and pool let this client in?
cdef inline bint is_let_in(const Image* image, const View* v, const Subnet* subnet,
                           const Pool* pool) noexcept nogil:
    return ((pool.guard == 0 or classes_pass(image, pool.guard, v.classes))
            and (subnet.guard == 0 or classes_pass(image, subnet.guard, v.classes)))


# May this client have the address under the policy of now? Guards are for what any client may have:
# what is reserved for one is its own.
cdef inline bint is_allowed(const Table* t, const Scope* scope, const View* v,
                            const Subnet* subnet, const Place* p, uint32_t address) noexcept nogil:
    cdef const Pool* pool
    if v.reservation != NULL and v.reservation.address == address:
        return (not image_is_own(t.image, scope.vrf, address)
                and (not v.bootp or serves_bootp(t.image, v, p.subnet, p.pool,
                                                 v.reservation.overlay)))
    if p.pool == NOWHERE or leases_reservation(t, p.binding.number, scope.vrf, address) != NULL:
        return False
    pool = image_pool(t.image, p.pool)
    return (image_pool_gives(t.image, pool, address)
            and is_let_in(t.image, v, subnet, pool)
            and (not v.bootp or serves_bootp(t.image, v, p.subnet, p.pool, 0)))


# The subnet of an address of the scope's link; NOWHERE: it is of another one. Most addresses that
# are asked about lie in the subnet that chose the link.
cdef inline uint32_t subnet_here(const Image* image, const Scope* scope,
                                 uint32_t address) noexcept nogil:
    cdef uint32_t subnet = image_near_subnet(image, scope.link_subnet, scope.vrf, address)
    if subnet != NOWHERE and image_subnet(image, subnet).network != scope.network:
        return NOWHERE
    return subnet


# What is known of an address of the link whose record has been read.
cdef inline void place_at(const Table* t, const Scope* scope, const View* v, uint32_t address,
                          uint32_t subnet, Place* p) noexcept nogil:
    cdef const Subnet* around = image_subnet(t.image, subnet)
    p.subnet = subnet
    p.pool = image_pool_within(t.image, around, address)
    p.known = 1
    p.allowed = is_allowed(t, scope, v, around, p, address)


# An address of the scope's link, with its record; `number`: that, if somebody has looked, or
# NOWHERE. False: the record stayed locked.
cdef bint gather_place(const Table* t, const Scope* scope, const View* v, uint32_t address,
                       uint32_t number, Place* p) noexcept nogil:
    cdef uint32_t subnet = subnet_here(t.image, scope, address)
    if subnet == NOWHERE:
        no_place(p)
        return True
    if not leases_read_address(t, scope.vrf, address, number, &p.binding):
        return False
    place_at(t, scope, v, address, subnet, p)
    return True


# ---- the client's own

# The best of the records that the index names for the client in this network; `allowed`: of those
# that it may have now. False: one stayed locked.
cdef bint gather_mine(const Table* t, const Scope* scope, bint allowed, View* v) noexcept nogil:
    cdef uint32_t numbers[CANDIDATES_MAX]
    cdef uint32_t i, found
    cdef Claim best = CLAIM_NONE
    cdef Claim worth
    cdef Place other
    cdef Place* place
    cdef uint32_t subnet
    if v.entries.buckets[0] == NULL:
        leases_entries(t, scope.network_number, v.key[0], &v.entries)
    found = leases_candidates(&v.entries, numbers, CANDIDATES_MAX)
    for i in range(found):
        place = &other if best else &v.mine     # hardly any client has two
        if not leases_read(t, numbers[i], &place.binding):
            return False
        worth = gather_claim(v, &place.binding)
        if worth <= best or place.binding.vrf != scope.vrf:
            continue
        subnet = subnet_here(t.image, scope, place.binding.address)
        if subnet == NOWHERE:
            continue
        place_at(t, scope, v, place.binding.address, subnet, place)
        if place.allowed or not allowed:
            if best:
                v.mine = other
            best = worth
    if best == CLAIM_NONE:
        no_place(&v.mine)
    return True


# ---- a free one

cdef inline bint ended_lately(const Binding* b, uint32_t now) noexcept nogil:
    return b.version != 0 and <uint64_t>b.expiry + LATELY_S > now


# The best of what was passed over.
cdef struct Passed:
    uint32_t count
    uint32_t first               # address of the first of them
    Place best                   # the one that ended first


# The next free address of a pool. One that ended lately is passed over while there are others: its
# client may come back for it. False: nothing but what was passed over.
cdef bint free_in_pool(Table* t, const Scope* scope, const Pool* pool, View* v,
                       Passed* passed) noexcept nogil:
    cdef uint32_t address
    cdef int _tries
    for _tries in range(FREE_TRIES):
        address = bitmap_next(t, pool, v.now)
        if address == 0 or address == passed.first or passed.count == LATELY_TRIES:
            return False
        if not (gather_place(t, scope, v, address, NOWHERE, &v.free)
                and v.free.binding.state == FREE and v.free.binding.offer_until <= v.now):
            continue
        if not ended_lately(&v.free.binding, v.now):
            return True
        if passed.count == 0 or v.free.binding.expiry < passed.best.binding.expiry:
            passed.best = v.free
        if passed.count == 0:
            passed.first = address
        passed.count += 1
    return False


cdef bint free_in_subnet(Table* t, const Scope* scope, const Subnet* subnet,
                         View* v) noexcept nogil:
    cdef const Pool* pool
    cdef Passed passed
    cdef uint32_t i
    passed.count = passed.first = 0
    for i in range(subnet.pool_count):
        pool = image_pool(t.image, subnet.pool_first + i)
        if v.bootp and not serves_bootp(t.image, v, pool.subnet, subnet.pool_first + i, 0):
            continue
        if not is_let_in(t.image, v, subnet, pool):
            v.refused = 1
            continue
        v.let_in = 1
        if free_in_pool(t, scope, pool, v, &passed):
            return True
    if passed.count:
        v.free = passed.best
    else:
        no_place(&v.free)
    return passed.count != 0


cdef void gather_free(Table* t, const Scope* scope, View* v) noexcept nogil:
    cdef const Network* network = image_network(t.image, scope.network)
    cdef const uint32_t* members = <const uint32_t*>image_table(t.image, &t.image.members)
    cdef uint32_t i, subnet
    v.free_gathered = 1
    v.let_in = v.refused = 0
    no_place(&v.free)
    if scope.link_subnet != NOWHERE and free_in_subnet(
            t, scope, image_subnet(t.image, scope.link_subnet), v):
        return
    for i in range(network.member_count):
        subnet = members[network.member_first + i]
        if subnet != scope.link_subnet and free_in_subnet(
                t, scope, image_subnet(t.image, subnet), v):
            return


# ---- all of it

# The client's own record and the one that it asks for. False: one stayed locked.
cdef bint gather_held(const Table* t, const Packet* packet, const Scope* scope,
                      View* v) noexcept nogil:
    cdef uint32_t asked = engine_asked(packet)
    v.free_gathered = 0
    v.mine_durable = 0
    v.asked_said = 0
    no_place(&v.mine)
    no_place(&v.asked)
    v.left.known = 0
    if asked and not gather_place(t, scope, v, asked, v.asked_number, &v.asked):
        return False
    if v.asked.known and v.asked.binding.number != NOWHERE:
        v.mine_durable = journal_is_durable(t, v.asked.binding.ring, v.asked.binding.position)
        if packet.message_type == REQUEST and v.asked.binding.cltt == v.now:
            v.asked_said = is_said(t, packet, &v.asked.binding)
        if gather_claim(v, &v.asked.binding) == CLAIM_HELD and packet.message_type != DISCOVER:
            # RFC 2131 4.3.2: the lease is found by its address; the index is not needed.
            v.mine = v.asked
            return True
    if packet.message_type in (DECLINE, RELEASE, INFORM):
        return True
    if not gather_mine(t, scope, False, v):
        return False
    if packet.message_type != REQUEST and v.mine.known and not v.mine.allowed:
        # What it holds it may not have any more: it is offered what it was offered before.
        if gather_claim(v, &v.mine.binding) == CLAIM_HELD:
            v.left = v.mine
        return gather_mine(t, scope, True, v)
    return True


# What is reserved for it: mostly it holds that already. False: the record stayed locked.
cdef bint gather_reserved(const Table* t, const Scope* scope, View* v) noexcept nogil:
    cdef uint32_t address = v.reservation.address
    if v.mine.known and v.mine.binding.address == address:
        v.reserved = v.mine
    elif v.asked.known and v.asked.binding.address == address:
        v.reserved = v.asked
    elif not gather_place(t, scope, v, address, NOWHERE, &v.reserved):
        return False
    if not v.reserved.allowed:
        no_place(&v.reserved)    # the server has it itself, or it is none for BOOTP
    return True


cdef bint gather(const Table* t, const Packet* packet, const Scope* scope,
                 View* v) noexcept nogil:
    no_place(&v.reserved)
    if not gather_held(t, packet, scope, v):
        return False
    return v.reservation == NULL or v.reservation.address == 0 or gather_reserved(t, scope, v)
