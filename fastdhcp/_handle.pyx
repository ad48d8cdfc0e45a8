"""One packet, from its decoded form to what is to be answered: select, gather, decide, apply."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from fastdhcp._bitmap cimport bitmap_next
from fastdhcp._codec cimport Packet
from fastdhcp._engine cimport WANT_FREE, Place, Verdict, View, engine_asked, engine_decide
from fastdhcp._entry cimport Kept, entry_kept, kept_same
from fastdhcp._identity cimport (
    Identifiers, client_key, identifier_of, identifiers_hardware, identifiers_relay_info,
)
from fastdhcp._image cimport (
    BLOCK_WORDS, IDENTITY_CIRCUIT_ID, IDENTITY_MAX, IDENTITY_REMOTE_ID, NOWHERE, IdentityKind,
    Image, Network, Pool, Subnet, image_find_pool, image_find_reservation, image_find_subnet,
    image_network, image_pool, image_pool_mask, image_reservation, image_reserved_at, image_subnet,
    image_table,
)
from fastdhcp._journal cimport (
    APPLY_LOCKED, APPLY_MOVED, APPLY_RING_FULL, CHANGE_NONE, CHANGE_PEND, Applied, Change, Outcome,
    apply_change, journal_is_durable,
)
from fastdhcp._leases cimport (
    ACTIVE, BLOCK_SIZE, FREE, PENDING, Binding, Copy, Record, Table, leases_block,
    leases_candidates, leases_copy, leases_enter, leases_longs, leases_read, leases_read_address,
    leases_record, leases_take,
)
from fastdhcp._scope cimport Arrival, Scope, scope_select
from fastdhcp._stats cimport (
    COUNT_REDECIDED, DROP_LOCK_TIMEOUT, DROP_MOVED, DROP_NO_CLIENT_ADDRESS, DROP_NONE,
    DROP_NOT_SERVED_TYPE, DROP_RING_FULL, DROP_SERVER_MESSAGE, DROP_TABLE_FULL, DropReason, count,
)
from fastdhcp._wire cimport (
    ACK, DECLINE, DISCOVER, FORCERENEW, HLEN_MAX, INFORM, LEASEACTIVE, LEASEUNASSIGNED, NAK, OFFER,
    RELEASE, REQUEST, Span,
)

cdef enum:
    DECISIONS_MAX = 5            # the first, and four more when a record moved
    CANDIDATES_MAX = 16          # index entries looked at for one client
    FREE_TRIES = 64              # addresses tried that turn out to be somebody's
    LATELY_S = 600               # so long after its end an address is given last
    LATELY_TRIES = 16            # ... while so many tries find another


# ---- what a record keeps of a message

# An empty option 82 says nothing.
cdef inline void kept_of(const Packet* packet, Kept* out) noexcept nogil:
    out.client_id = packet.client_id
    out.hostname = packet.hostname
    out.relay_info = packet.relay_info
    if out.relay_info.len == 0:
        out.relay_info.at = NULL


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
    kept_of(packet, &c.came)
    return leases_take(t, b.number, compare, &c, &seen) and seen == b.lock and c.same


# ---- gathering

cdef inline void no_place(Place* p) noexcept nogil:
    p.known = 0
    p.allowed = 0
    p.subnet = NOWHERE
    p.pool = NOWHERE


# May this client have the address under the policy of now?
cdef bint is_allowed(const Image* image, const Scope* scope, uint32_t reservation,
                     uint32_t address, uint32_t pool) noexcept nogil:
    cdef uint64_t allowed[BLOCK_WORDS]
    cdef uint32_t reserved = image_reserved_at(image, scope.vrf, address)
    if reserved != NOWHERE:
        return reserved == reservation
    if pool == NOWHERE:
        return False
    image_pool_mask(image, image_pool(image, pool), address >> 8, allowed)
    return allowed[(address >> 6) & 3] >> (address & 63) & 1


# An address of the scope's link, with its record. False: the record stayed locked.
cdef bint gather_place(const Table* t, const Scope* scope, uint32_t reservation,
                       uint32_t address, Place* p) noexcept nogil:
    no_place(p)
    p.subnet = image_find_subnet(t.image, scope.vrf, address)
    if (p.subnet == NOWHERE
            or image_subnet(t.image, p.subnet).network != scope.network):
        p.subnet = NOWHERE
        return True
    p.pool = image_find_pool(t.image, scope.vrf, address)
    p.known = 1
    p.allowed = is_allowed(t.image, scope, reservation, address, p.pool)
    return leases_read_address(t, scope.vrf, address, &p.binding)


# What a record is to the client; the greater, the better.
cdef enum Claim:
    CLAIM_NONE = 0
    CLAIM_HAD = 1                # it was its own before, and is free
    CLAIM_ENDED = 2              # held, but not to be renewed
    CLAIM_OFFERED = 3
    CLAIM_HELD = 4


cdef Claim claim(const View* v, const Binding* b) noexcept nogil:
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


# Is the address on the scope's link and, if `allowed`, one that this client may have?
cdef inline bint is_of_link(const Table* t, const Scope* scope, const View* v, const Binding* b,
                            bint allowed) noexcept nogil:
    cdef uint32_t subnet = image_find_subnet(t.image, b.vrf, b.address)
    if (b.vrf != scope.vrf or subnet == NOWHERE
            or image_subnet(t.image, subnet).network != scope.network):
        return False
    return not allowed or is_allowed(t.image, scope, v.reservation, b.address,
                                     image_find_pool(t.image, b.vrf, b.address))


# The best of the records that the index names for the client in this network; `allowed`: of those
# that it may have now.
cdef bint gather_mine(const Table* t, const Scope* scope, bint allowed, View* v) noexcept nogil:
    cdef uint32_t numbers[CANDIDATES_MAX]
    cdef uint32_t found = leases_candidates(t, scope.network_number, v.key[0], numbers,
                                            CANDIDATES_MAX)
    cdef uint32_t i
    cdef uint32_t best = NOWHERE
    cdef Claim best_claim = CLAIM_NONE
    cdef Claim worth
    cdef Binding b
    for i in range(found):
        if not leases_read(t, numbers[i], &b):
            return False
        worth = claim(v, &b)
        if worth > best_claim and is_of_link(t, scope, v, &b, allowed):
            best = b.address
            best_claim = worth
    if best == NOWHERE:
        no_place(&v.mine)
        return True
    return gather_place(t, scope, v.reservation, best, &v.mine)


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
        if not (gather_place(t, scope, v.reservation, address, &v.free)
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
    cdef Passed passed
    cdef uint32_t i
    passed.count = passed.first = 0
    for i in range(subnet.pool_count):
        if free_in_pool(t, scope, image_pool(t.image, subnet.pool_first + i), v, &passed):
            return True
    if passed.count:
        v.free = passed.best
    else:
        no_place(&v.free)
    return passed.count != 0


# The subnet of the giaddr or interface first, then the others that share its link.
cdef void gather_free(Table* t, const Scope* scope, View* v) noexcept nogil:
    cdef const Network* network = image_network(t.image, scope.network)
    cdef const uint32_t* members = <const uint32_t*>image_table(t.image, &t.image.members)
    cdef uint32_t i, subnet
    v.free_gathered = 1
    no_place(&v.free)
    if scope.link_subnet != NOWHERE and free_in_subnet(
            t, scope, image_subnet(t.image, scope.link_subnet), v):
        return
    for i in range(network.member_count):
        subnet = members[network.member_first + i]
        if subnet != scope.link_subnet and free_in_subnet(
                t, scope, image_subnet(t.image, subnet), v):
            return


cdef uint32_t find_reservation(const Image* image, const Scope* scope,
                               const Identifiers* who) noexcept nogil:
    cdef Span span
    cdef uint32_t found
    cdef int kind
    if image_network(image, scope.network).reservations == 0:
        return NOWHERE
    for kind in range(1, IDENTITY_MAX + 1):
        if image.reservation_kinds >> kind & 1:
            span = identifier_of(who, <uint8_t>kind)
            if span.at != NULL and span.len:
                found = image_find_reservation(image, scope.network, <IdentityKind>kind, span)
                if found != NOWHERE:
                    return found
    return NOWHERE


# All that the engine looks at, by value. False: a record stayed locked.
cdef bint gather(const Table* t, const Packet* packet, const Scope* scope,
                 View* v) noexcept nogil:
    cdef uint32_t asked = engine_asked(packet)
    v.free_gathered = 0
    v.mine_durable = 0
    v.asked_said = 0
    no_place(&v.mine)
    no_place(&v.asked)
    no_place(&v.reserved)
    if v.reservation != NOWHERE and not gather_place(
            t, scope, v.reservation, image_reservation(t.image, v.reservation).address,
            &v.reserved):
        return False
    if asked and not gather_place(t, scope, v.reservation, asked, &v.asked):
        return False
    if v.asked.known and v.asked.binding.number != NOWHERE:
        v.mine_durable = journal_is_durable(t, v.asked.binding.ring, v.asked.binding.position)
        if packet.message_type == REQUEST and v.asked.binding.cltt == v.now:
            v.asked_said = is_said(t, packet, &v.asked.binding)
        if claim(v, &v.asked.binding) == CLAIM_HELD and packet.message_type != DISCOVER:
            # RFC 2131 4.3.2: the lease is found by its address; the index is not needed.
            v.mine = v.asked
            return True
    if packet.message_type not in (DISCOVER, REQUEST):
        return True
    if not gather_mine(t, scope, False, v):
        return False
    if packet.message_type == DISCOVER and v.mine.known and not v.mine.allowed:
        # What it holds it may not have any more: it is offered what it was offered before.
        return gather_mine(t, scope, True, v)
    return True


# ---- applying

cdef void fill_change(const Packet* packet, const View* v, const Verdict* verdict,
                      const Image* image, Change* c) noexcept nogil:
    memset(c, 0, sizeof(Change))
    c.kind = verdict.change
    c.flags = verdict.flags
    c.htype = packet.htype
    c.hlen = packet.hlen
    c.number = verdict.place.binding.number
    c.lock_seen = verdict.place.binding.lock
    c.key[0] = v.key[0]
    c.key[1] = v.key[1]
    c.chaddr = packet.chaddr
    c.vrf = verdict.place.binding.vrf
    c.address = verdict.place.binding.address
    c.expiry = verdict.expiry
    c.now = v.now
    c.offer_until = verdict.offer_until
    c.subnet_id = image_subnet(image, verdict.place.subnet).id
    kept_of(packet, &c.kept)


# The client's older lease in this network is no longer to be renewed. Should its record stay locked
# or the ring be full, it is left to run out: the client holds two addresses then, nobody else's.
cdef void end_replaced(Table* t, const View* v) noexcept nogil:
    cdef Binding old = v.mine.binding
    cdef Change c
    cdef Outcome out
    cdef int _i
    for _i in range(DECISIONS_MAX):
        if claim(v, &old) != CLAIM_HELD:
            return
        memset(&c, 0, sizeof(Change))
        c.kind = CHANGE_PEND
        c.number = old.number
        c.lock_seen = old.lock
        c.vrf = old.vrf
        c.address = old.address
        c.flags = old.flags
        c.now = v.now
        if apply_change(t, &c, &out) != APPLY_MOVED or not leases_read(t, old.number, &old):
            return


cdef void describe(const Scope* scope, const Verdict* verdict, Handled* out) noexcept nogil:
    out.reply_type = verdict.reply_type
    out.reason = verdict.reason
    out.waits = verdict.reply_type == ACK and verdict.lease_s != 0
    out.scope = scope[0]
    out.subnet = verdict.place.subnet
    out.pool = verdict.place.pool
    out.reservation = verdict.reservation
    out.params = verdict.params
    out.lease_s = verdict.lease_s
    out.expiry = verdict.expiry
    out.yiaddr = 0
    if verdict.lease_s and verdict.reply_type in (OFFER, ACK):
        out.yiaddr = verdict.place.binding.address
    out.number = verdict.place.binding.number
    out.inc_epoch = verdict.place.binding.inc_epoch
    out.inc_n = verdict.place.binding.inc_n
    out.ring = verdict.place.binding.ring
    out.position = verdict.place.binding.position


# Carries the verdict out. DROP_NONE: done; DROP_MOVED: gather and decide again.
cdef DropReason carry_out(Table* t, const Packet* packet, const Scope* scope, const View* v,
                          Verdict* verdict, Handled* out) noexcept nogil:
    cdef Change change
    cdef Outcome outcome
    cdef uint32_t block
    cdef Applied applied
    if verdict.change == CHANGE_NONE:
        describe(scope, verdict, out)
        return DROP_NONE
    if verdict.place.binding.number == NOWHERE:
        block = leases_enter(t, verdict.place.binding.vrf, verdict.place.binding.address)
        if block == NOWHERE:
            return DROP_TABLE_FULL
        verdict.place.binding.number = block * BLOCK_SIZE + (verdict.place.binding.address & 255)
    fill_change(packet, v, verdict, t.image, &change)
    applied = apply_change(t, &change, &outcome)
    if applied == APPLY_MOVED:
        return DROP_MOVED
    if applied == APPLY_LOCKED:
        return DROP_LOCK_TIMEOUT
    if applied == APPLY_RING_FULL:
        return DROP_RING_FULL
    describe(scope, verdict, out)
    out.inc_epoch = outcome.inc_epoch
    out.inc_n = outcome.inc_n
    out.ring = outcome.ring
    out.position = outcome.position
    if verdict.replaces:
        end_replaced(t, v)
    return DROP_NONE


# ---- the packet

# What is not served, before anything is looked up.
cdef DropReason check_type(const Packet* packet) noexcept nogil:
    cdef uint8_t kind = packet.message_type
    if kind in (DISCOVER, REQUEST, DECLINE, RELEASE, INFORM):
        return DROP_NONE
    if kind in (OFFER, ACK, NAK, FORCERENEW) or LEASEUNASSIGNED <= kind <= LEASEACTIVE:
        return DROP_SERVER_MESSAGE
    return DROP_NOT_SERVED_TYPE


# RFC 2131 4.3.2: a unicast renewal passes no relay agent, and a RELEASE or INFORM neither.
cdef inline bint is_past_relay_agents(const Packet* packet, const Arrival* arrival) noexcept nogil:
    return (packet.ciaddr and not packet.giaddr and not arrival.broadcast
            and packet.relay_info.len == 0)


cdef bint is_relay_info_read(const Image* image) noexcept nogil:
    cdef uint32_t kinds = image.reservation_kinds
    cdef int i
    for i in range(IDENTITY_MAX):
        kinds |= 1u << image.identity[i]
    return kinds & (1u << IDENTITY_CIRCUIT_ID | 1u << IDENTITY_REMOTE_ID)


cdef inline bint is_bound_to(const Record* r, const Kept* kept,
                             const Packet* packet) noexcept nogil:
    if r.state not in (ACTIVE, PENDING):
        return False
    if (r.hlen and r.hlen == packet.hlen and r.htype == packet.htype
            and memcmp(r.chaddr, packet.chaddr, r.hlen) == 0):
        return True
    return (kept.client_id.len and kept.client_id.len == packet.client_id.len
            and memcmp(kept.client_id.at, packet.client_id.at, kept.client_id.len) == 0)


# What the relay agent said when this client last came by it: that of ciaddr's record, if that is
# bound to this hardware or client-id. For policy only: none of it is echoed. False: it stayed
# locked.
cdef bint recall_relay_info(const Table* t, const Packet* packet, const Scope* scope, Copy* copy,
                            Identifiers* who) noexcept nogil:
    cdef uint32_t block = leases_block(t, scope.vrf, packet.ciaddr)
    cdef Kept kept
    if block == NOWHERE:
        return True
    if not leases_copy(t, block * BLOCK_SIZE + (packet.ciaddr & 255), copy):
        return False
    entry_kept(&copy.record, copy.longs, &kept)
    if is_bound_to(&copy.record, &kept, packet):
        identifiers_relay_info(who, kept.relay_info)
    return True


# Who speaks, and what is reserved for it. RFC 2131 4.3.5: INFORM makes no binding, so it need not
# say who it is.
cdef DropReason identify(const Table* t, const Packet* packet, const Arrival* arrival,
                         const Scope* scope, View* v) noexcept nogil:
    cdef Identifiers who
    cdef Copy copy               # `who` points into it
    who.client_id = packet.client_id
    who.circuit_id = packet.circuit_id
    who.remote_id = packet.remote_id
    identifiers_hardware(&who, packet.htype, packet.chaddr, packet.hlen)
    if (is_past_relay_agents(packet, arrival) and is_relay_info_read(t.image)
            and not recall_relay_info(t, packet, scope, &copy, &who)):
        return DROP_LOCK_TIMEOUT
    v.htype = packet.htype
    v.hlen = packet.hlen
    memcpy(v.chaddr, packet.chaddr, HLEN_MAX)
    v.reservation = find_reservation(t.image, scope, &who)
    if not client_key(t.node.secret, t.image.identity, &who, v.key):
        if packet.message_type != INFORM:
            return DROP_NO_CLIENT_ADDRESS
        v.key[0] = v.key[1] = 0
    return DROP_NONE


cdef DropReason decide_and_apply(Table* t, const Packet* packet, const Scope* scope, View* v,
                                 Handled* out) noexcept nogil:
    cdef Verdict verdict
    cdef DropReason reason = DROP_MOVED
    cdef int attempt
    for attempt in range(DECISIONS_MAX):
        if attempt:
            count(&t.counters[t.self], COUNT_REDECIDED)
        if not gather(t, packet, scope, v):
            return DROP_LOCK_TIMEOUT
        engine_decide(t.image, packet, scope, v, &verdict)
        if verdict.want == WANT_FREE:
            gather_free(t, scope, v)
            engine_decide(t.image, packet, scope, v, &verdict)
        reason = carry_out(t, packet, scope, v, &verdict, out)
        if reason != DROP_MOVED:
            break
    out.known = v.mine.known
    return reason


cdef void handle_packet(Table* t, const Packet* packet, const Arrival* arrival, uint32_t now,
                        Handled* out) noexcept nogil:
    cdef View v
    cdef DropReason reason = check_type(packet)
    if reason == DROP_NONE:
        reason = scope_select(t.image, packet, arrival, &out.scope)
    if reason == DROP_NONE:
        v.now = now
        v.store_failing = t.store_fails
        reason = identify(t, packet, arrival, &out.scope, &v)
    if reason == DROP_NONE:
        reason = decide_and_apply(t, packet, &out.scope, &v, out)
    if reason != DROP_NONE:
        out.reply_type = 0
        out.reason = reason
