"""One packet, from its decoded form to what is to be answered: select, gather, decide, apply."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp, memcpy, memset

from fastdhcp._areas cimport SLOT_COUNT
from fastdhcp._atomic cimport lowest_bit_u64
from fastdhcp._classes cimport classes_drop, classes_find, classes_kept, classes_overlay
from fastdhcp._codec cimport HAS_SERVER_ID, Packet, codec_client_id
from fastdhcp._engine cimport WANT_ELSEWHERE, WANT_FREE, Verdict, View, engine_decide
from fastdhcp._entry cimport Kept, entry_kept
from fastdhcp._gather cimport (
    CLAIM_ENDED, CLAIM_HELD, gather, gather_claim, gather_free, gather_kept,
)
from fastdhcp._identity cimport (
    Identifiers, client_key, identifier_of, identifiers_hardware, identifiers_named,
    identifiers_relay_info,
)
from fastdhcp._image cimport (
    IDENTITY_CIRCUIT_ID, IDENTITY_CLIENT_ID, IDENTITY_HW_ADDRESS, IDENTITY_REMOTE_ID,
    IDENTITY_SUBSCRIBER_ID, NAMED_KINDS, NOWHERE, READ_KEPT_CLASS, READ_RELAY_INFO, Image, Network,
    Vpn, image_class, image_class_number, image_network, image_subnet, image_table,
)
from fastdhcp._journal cimport (
    APPLY_LOCKED, APPLY_MOVED, APPLY_RING_FULL, CHANGE_NONE, CHANGE_PEND, Applied, Change, Outcome,
    apply_change,
)
from fastdhcp._leases cimport (
    ACTIVE, BLOCK_SIZE, PENDING, RECORD_OVERRIDE, Binding, Copy, Record, Table, leases_block,
    leases_copy, leases_enter, leases_read,
)
from fastdhcp._program cimport Input, input_kept, input_mark, input_packet, program_test
from fastdhcp._relay cimport RelayInfo, relay_read
from fastdhcp._reservations cimport RESERVED_CLASSES, Reservation, reservations_find
from fastdhcp._scope cimport Arrival, Scope, scope_is_host, scope_select
from fastdhcp._stats cimport (
    COUNT_CLASS, COUNT_REDECIDED, DROP_CLASS_DROP, DROP_LOCK_TIMEOUT, DROP_MOVED,
    DROP_NO_CLIENT_ADDRESS, DROP_NONE, DROP_OTHER_VRF,
    DROP_NOT_SERVED_TYPE, DROP_RING_FULL, DROP_SERVER_MESSAGE, DROP_TABLE_FULL, DropReason, count,
)
from fastdhcp._wire cimport (
    ACK, BOOTP, DECLINE, DISCOVER, FORCERENEW, HLEN_MAX, INFORM, LEASEACTIVE, LEASEUNASSIGNED, NAK,
    OFFER, RELEASE, REQUEST, Span, load_be32,
)

cdef enum:
    DECISIONS_MAX = 5            # the first, and four more when a record moved
    # The kinds of identifier in the order in which reservations are looked for: these, then
    # NAMED_KINDS, then the last; of each the lowest first.
    KINDS_FIRST = 1 << IDENTITY_CLIENT_ID | 1 << IDENTITY_HW_ADDRESS
    KINDS_LAST = 1 << IDENTITY_CIRCUIT_ID | 1 << IDENTITY_REMOTE_ID | 1 << IDENTITY_SUBSCRIBER_ID


# ---- applying

cdef void fill_change(const Packet* packet, const View* v, const Verdict* verdict,
                      const Image* image, Change* c) noexcept nogil:
    cdef const Binding* b = &verdict.place.binding
    c.kind = verdict.change
    c.flags = verdict.flags
    c.htype = packet.htype
    c.hlen = packet.hlen
    c.number = b.number
    c.lock_seen = b.lock
    c.key[0] = v.key[0]
    c.key[1] = v.key[1]
    c.chaddr = packet.chaddr
    c.vrf = b.vrf
    c.address = b.address
    c.expiry = verdict.expiry
    c.now = v.now
    c.offer_until = verdict.offer_until
    c.near = verdict.subnet
    c.subnet_id = image_subnet(image, verdict.subnet).id
    c.class_id = classes_kept(image, v.classes) if image.classes.count else 0
    gather_kept(packet, &c.kept)


# The client's older lease in this network is no longer to be renewed. Should its record stay locked
# or the ring be full, it is left to run out: the client holds two addresses then, nobody else's.
cdef void end_replaced(Table* t, const View* v) noexcept nogil:
    cdef Binding old = v.left.binding if v.left.known else v.mine.binding
    cdef Change c
    cdef Outcome out
    cdef int _i
    for _i in range(DECISIONS_MAX):
        if gather_claim(v, &old) != CLAIM_HELD:
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


# But for the scope, which `out` has already.
cdef void describe(const Verdict* verdict, Handled* out) noexcept nogil:
    out.reply_type = verdict.reply_type
    out.reason = verdict.reason
    out.waits = verdict.reply_type == ACK and verdict.lease_s != 0
    out.subnet = verdict.subnet
    out.pool = verdict.pool
    out.reservation = verdict.reservation
    out.params = verdict.params
    out.lease_s = verdict.lease_s
    out.expiry = verdict.expiry
    out.yiaddr = 0
    if verdict.place == NULL:
        return
    if verdict.lease_s and verdict.reply_type in (OFFER, ACK):
        out.yiaddr = verdict.place.binding.address
    out.number = verdict.place.binding.number
    out.inc_epoch = verdict.place.binding.inc_epoch
    out.inc_n = verdict.place.binding.inc_n
    out.ring = verdict.place.binding.ring
    out.position = verdict.place.binding.position


# Carries the verdict out. DROP_NONE: done; DROP_MOVED: gather and decide again.
cdef DropReason carry_out(Table* t, const Packet* packet, const View* v, Verdict* verdict,
                          Handled* out) noexcept nogil:
    cdef Change change
    cdef Outcome outcome
    cdef uint32_t block
    cdef Applied applied
    cdef Binding* b
    if verdict.change == CHANGE_NONE:
        describe(verdict, out)
        return DROP_NONE
    b = &verdict.place.binding
    if b.number == NOWHERE:
        block = leases_enter(t, b.vrf, b.address)
        if block == NOWHERE:
            return DROP_TABLE_FULL
        b.number = block * BLOCK_SIZE + (b.address & 255)
    fill_change(packet, v, verdict, t.image, &change)
    applied = apply_change(t, &change, &outcome)
    if applied == APPLY_MOVED:
        return DROP_MOVED
    if applied == APPLY_LOCKED:
        return DROP_LOCK_TIMEOUT
    if applied == APPLY_RING_FULL:
        return DROP_RING_FULL
    describe(verdict, out)
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
    if kind in (BOOTP, DISCOVER, REQUEST, DECLINE, RELEASE, INFORM):
        return DROP_NONE
    if kind in (OFFER, ACK, NAK, FORCERENEW) or LEASEUNASSIGNED <= kind <= LEASEACTIVE:
        return DROP_SERVER_MESSAGE
    return DROP_NOT_SERVED_TYPE


# RFC 2131 4.3.2: a unicast renewal passes no relay agent, and a RELEASE or INFORM neither.
cdef inline bint is_past_relay_agents(const Packet* packet, const Arrival* arrival) noexcept nogil:
    return (packet.ciaddr and not packet.giaddr and not arrival.broadcast
            and packet.relay_info.len == 0)


cdef bint is_relay_info_read(const Image* image, const Network* network) noexcept nogil:
    cdef uint32_t kinds = image.identity_kinds | network.kinds | network.kinds_any
    if image.programs_read & READ_RELAY_INFO:
        return True
    return kinds & (1u << IDENTITY_CIRCUIT_ID | 1u << IDENTITY_REMOTE_ID
                    | 1u << IDENTITY_SUBSCRIBER_ID)


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


# The same for a message that is past its relay agent, if anybody reads what that says. False: the
# record stayed locked.
cdef inline bint recall(const Table* t, const Packet* packet, const Arrival* arrival,
                        const Scope* scope, Copy* copy, Identifiers* who) noexcept nogil:
    return (not (is_past_relay_agents(packet, arrival)
                 and is_relay_info_read(t.image, image_network(t.image, scope.network)))
            or recall_relay_info(t, packet, scope, copy, who))


cdef bint handle_recall(const Table* t, const Packet* packet, const Arrival* arrival,
                        const Scope* scope, Copy* copy, Identifiers* who) noexcept nogil:
    who.relay_info = packet.relay_info
    return recall(t, packet, arrival, scope, copy, who)


# By the lowest of `kinds` first. `network`: its number; 0: of any in the VRF.
cdef const Reservation* find_among(const Table* t, uint32_t network, uint32_t vrf, uint32_t kinds,
                                   const Identifiers* who) noexcept nogil:
    cdef const Reservation* found = NULL
    cdef uint8_t kind
    cdef Span span
    while kinds and found == NULL:
        kind = <uint8_t>lowest_bit_u64(kinds)
        kinds &= kinds - 1
        span = identifier_of(who, kind)
        if span.at != NULL and span.len:
            found = reservations_find(t.reservations, network, vrf, kind, span)
    return found


cdef const Reservation* find_in_order(const Table* t, uint32_t network, uint32_t vrf,
                                      uint32_t kinds, const Identifiers* who) noexcept nogil:
    cdef const Reservation* found = find_among(t, network, vrf, kinds & KINDS_FIRST, who)
    if found == NULL and kinds & NAMED_KINDS:
        found = find_among(t, network, vrf, kinds & NAMED_KINDS, who)
    if found == NULL and kinds & KINDS_LAST:
        found = find_among(t, network, vrf, kinds & KINDS_LAST, who)
    return found


# Only by the kinds that a network's reservations use, and then by those of reservations of no
# subnet: what a subnet says of a client is nearer, whatever it knows it by.
cdef const Reservation* find_reservation(const Table* t, const Network* network,
                                         const Identifiers* who) noexcept nogil:
    cdef const Reservation* found = NULL
    if (network.kinds | network.kinds_any) == 0 or t.reservations == NULL:
        return NULL
    if network.kinds:
        found = find_in_order(t, network.number, network.vrf, network.kinds, who)
    if found == NULL and network.kinds_any:
        found = find_in_order(t, 0, network.vrf, network.kinds_any, who)
    return found


# What [identifiers] make of the message, of those that somebody asks for: of what a record is to
# keep of it, so that they are the same whenever they are made of the record.
cdef void say_names(const Image* image, const Packet* packet, uint32_t kinds,
                    Identifiers* who) noexcept nogil:
    cdef Span slots[SLOT_COUNT]
    cdef Kept kept
    cdef Input input
    gather_kept(packet, &kept)
    kept.relay_info = who.relay_info
    input_kept(&input, slots, &kept, packet.htype, packet.chaddr, packet.hlen)
    identifiers_named(who, image, &input, kinds)


# Who speaks, and what is reserved for it. `who` may point into `copy`.
cdef DropReason identify(const Table* t, const Packet* packet, const Arrival* arrival,
                         const Scope* scope, Copy* copy, Identifiers* who,
                         View* v) noexcept nogil:
    cdef const Network* network = image_network(t.image, scope.network)
    cdef uint32_t kinds = t.image.identity_kinds | network.kinds | network.kinds_any
    who.client_id = codec_client_id(packet)
    who.circuit_id = packet.circuit_id
    who.remote_id = packet.remote_id
    who.subscriber_id = packet.subscriber_id
    who.relay_info = packet.relay_info
    identifiers_hardware(who, packet.htype, packet.chaddr, packet.hlen)
    if not recall(t, packet, arrival, scope, copy, who):
        return DROP_LOCK_TIMEOUT
    if kinds & NAMED_KINDS:
        say_names(t.image, packet, kinds, who)
    v.htype = packet.htype
    v.hlen = packet.hlen
    memcpy(v.chaddr, packet.chaddr, HLEN_MAX)
    v.reservation = find_reservation(t, network, who)
    v.overlaid = 0
    if v.reservation != NULL:
        v.overlaid = v.reservation.overlay != 0
    return DROP_NONE


# The classes that its reservation gives a client; one that is configured no more gives nothing.
cdef void give_classes(const Image* image, const Reservation* reservation,
                       Input* input) noexcept nogil:
    cdef uint32_t number
    cdef int i
    for i in range(<int>RESERVED_CLASSES):
        if reservation.classes[i]:
            number = image_class_number(image, reservation.classes[i])
            if number != NOWHERE:
                input_mark(input, number, image_class(image, number).counter)


# The class that is kept with the lease which a client renews, if the message lacks what the class's
# test reads: what a client leaves out counts as it was said. False: the record stayed locked.
cdef bint keep_class(const Table* t, const Packet* packet, const Scope* scope,
                     Input* input) noexcept nogil:
    cdef uint32_t block = leases_block(t, scope.vrf, packet.ciaddr)
    cdef uint32_t number
    cdef Copy copy
    cdef Kept kept
    if block == NOWHERE:
        return True
    if not leases_copy(t, block * BLOCK_SIZE + (packet.ciaddr & 255), &copy):
        return False
    entry_kept(&copy.record, copy.longs, &kept)
    if copy.record.class_id == 0 or not is_bound_to(&copy.record, &kept, packet):
        return True
    number = image_class_number(t.image, copy.record.class_id)
    if (number != NOWHERE and image_class(t.image, number).omitted != NOWHERE
            and program_test(t.image, image_class(t.image, number).omitted, input)):
        input_mark(input, number, image_class(t.image, number).counter)
    return True


# Which classes it is of.
cdef DropReason classify(Table* t, const Packet* packet, const Arrival* arrival,
                         const Scope* scope, const Identifiers* who, View* v,
                         uint64_t* classes) noexcept nogil:
    cdef Input input
    input_packet(&input, packet, arrival)
    input.relay_info = who.relay_info
    input.classes = classes
    input.counted = &t.own.words[<int>COUNT_CLASS]
    if v.reservation != NULL:
        input.known = True
        give_classes(t.image, v.reservation, &input)
    if (t.image.programs_read & READ_KEPT_CLASS and packet.message_type == REQUEST
            and packet.ciaddr and not keep_class(t, packet, scope, &input)):
        return DROP_LOCK_TIMEOUT
    classes_find(t.image, &input)
    if not t.image.class_effects:
        return DROP_NONE
    v.overlaid |= classes_overlay(t.image, classes)
    return DROP_CLASS_DROP if classes_drop(t.image, classes) else DROP_NONE


# RFC 2131 4.3.5: INFORM makes no binding, so it need not say who it is.
cdef DropReason name_client(const Table* t, const Packet* packet, const Identifiers* who,
                            View* v) noexcept nogil:
    if not client_key(t.node.secret, t.image.identity, who, v.key):
        if packet.message_type != INFORM:
            return DROP_NO_CLIENT_ADDRESS
        v.key[0] = v.key[1] = 0
    v.entries.buckets[0] = NULL
    v.asked_number = NOWHERE
    return DROP_NONE


# RFC 5107: a client knows us by what its relay agent put into 82.11 when it last came by it, which
# stands in its record. What it sends there comes to us through the relay agent, and need not carry
# option 82: it stays ours, and is answered under that name.
cdef void keep_override(const Table* t, const Packet* packet, const View* v,
                        Scope* scope) noexcept nogil:
    cdef const Binding* b = &v.asked.binding
    cdef Copy copy
    cdef Kept kept
    cdef RelayInfo said
    cdef uint32_t override
    if (packet.relay_info.len or gather_claim(v, b) not in (CLAIM_HELD, CLAIM_ENDED)
            or (packet.has & HAS_SERVER_ID and packet.server_id == scope.source)
            or not leases_copy(t, b.number, &copy)):
        return
    entry_kept(&copy.record, copy.longs, &kept)
    relay_read(&said, kept.relay_info)
    if said.more and said.server_override.len == 4:
        override = load_be32(said.server_override.at)
        if scope_is_host(override):
            scope.server_id = override


cdef DropReason consider(Table* t, const Packet* packet, const Arrival* arrival, uint32_t now,
                         View* v, Handled* out) noexcept nogil:
    cdef Identifiers who
    cdef Copy copy               # `who` may point into it
    cdef DropReason reason = check_type(packet)
    v.now = now
    v.store_failing = t.store_fails
    v.bootp = packet.message_type == BOOTP
    v.made = &out.made
    v.classes = out.classes
    if reason == DROP_NONE:
        reason = scope_select(t.image, packet, arrival, &out.scope)
    if reason == DROP_NONE:
        reason = identify(t, packet, arrival, &out.scope, &copy, &who, v)
    if reason == DROP_NONE and t.image.classes.count:
        reason = classify(t, packet, arrival, &out.scope, &who, v, out.classes)
    if reason == DROP_NONE:
        reason = name_client(t, packet, &who, v)
    return reason


# ---- what becomes of it

# Does the client of a renewal hold its address in another VRF? DROP_NONE: in none.
cdef DropReason find_elsewhere(const Table* t, const Packet* packet,
                               const Scope* scope) noexcept nogil:
    cdef const Vpn* vpns = <const Vpn*>image_table(t.image, &t.image.vpns)
    cdef uint32_t i, vrf, block
    cdef Copy copy
    cdef Kept kept
    for i in range(t.image.vpns.count + 1):
        vrf = vpns[i - 1].vrf if i else 0
        block = NOWHERE if vrf == scope.vrf else leases_block(t, vrf, packet.ciaddr)
        if block == NOWHERE:
            continue
        if not leases_copy(t, block * BLOCK_SIZE + (packet.ciaddr & 255), &copy):
            return DROP_LOCK_TIMEOUT
        entry_kept(&copy.record, copy.longs, &kept)
        if is_bound_to(&copy.record, &kept, packet):
            return DROP_OTHER_VRF
    return DROP_NONE


# What a client of another VRF sends past its relay agent names no VRF: neither a NAK nor an ACK
# would be about its own lease. It hears nothing, and rebinds through the relay agent (RFC 2131
# 4.4.5).
cdef DropReason decide_here(const Table* t, const Packet* packet, const Scope* scope, View* v,
                            Verdict* verdict) noexcept nogil:
    cdef DropReason reason = find_elsewhere(t, packet, scope)
    if reason == DROP_NONE:
        v.free_gathered = 1
        engine_decide(t.image, packet, scope, v, verdict)
    return reason


cdef DropReason decide(Table* t, const Packet* packet, Scope* scope, View* v,
                       Verdict* verdict) noexcept nogil:
    if not gather(t, packet, scope, v):
        return DROP_LOCK_TIMEOUT
    if v.asked.known and v.asked.binding.flags & RECORD_OVERRIDE:
        keep_override(t, packet, v, scope)
    engine_decide(t.image, packet, scope, v, verdict)
    if verdict.want == WANT_FREE:
        gather_free(t, scope, v)
        engine_decide(t.image, packet, scope, v, verdict)
    elif verdict.want == WANT_ELSEWHERE:
        return decide_here(t, packet, scope, v, verdict)
    return DROP_NONE


cdef DropReason decide_and_apply(Table* t, const Packet* packet, View* v,
                                 Handled* out) noexcept nogil:
    cdef Verdict verdict
    cdef DropReason reason = DROP_MOVED
    cdef int attempt
    for attempt in range(DECISIONS_MAX):
        if attempt:
            count(t.own, COUNT_REDECIDED)
        reason = decide(t, packet, &out.scope, v, &verdict)
        if reason != DROP_NONE:
            return reason
        reason = carry_out(t, packet, v, &verdict, out)
        if reason != DROP_MOVED:
            break
    out.known = v.mine.known
    return reason
