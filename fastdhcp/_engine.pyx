"""RFC 2131's decisions: one function per message, each reading like its section.

| message        | this client's, or offered | free here, client holds none  | else                |
| SELECTING, us  | ACK                       | ACK (offer lost by a restart) | NAK                 |
| SELECTING,     | offer taken back, silence | silence                       | silence             |
|   another      |                           |                               |                     |
| INIT-REBOOT,   | ACK; NAK if no longer     | authoritative: ACK,           | NAK if authorita-   |
|   RENEWING,    |   allowed                 |   else silence                |   tive, or we know  |
|   REBINDING    |                           |                               |   the client here   |

A client that SELECTS what it is moved to (its reservation; or what it holds is no longer for it)
counts as one that holds none: what it held ends with the ACK.

DISCOVER and BOOTP's request choose an address by the same rules; the one is answered by an offer
of it (by rapid commit with the lease), the other with the address, bound.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memset

from fastdhcp._classes cimport classes_params
from fastdhcp._codec cimport (
    HAS_LEASE_TIME, HAS_RAPID_COMMIT, HAS_REQUESTED, HAS_SERVER_ID, HAS_SERVER_OVERRIDE, Packet,
)
from fastdhcp._image cimport (
    INFINITE, NOWHERE, PARAMS_AUTHORITATIVE, PARAMS_BOOTP, PARAMS_RAPID_COMMIT, PARAMS_V6_ONLY,
    Image, Network, Params, Subnet, image_is_own, image_network, image_params, image_pool,
    image_subnet, image_table,
)
from fastdhcp._journal cimport (
    CHANGE_BIND, CHANGE_DECLINE, CHANGE_END, CHANGE_LAPSE, CHANGE_NONE, CHANGE_OFFER, CHANGE_RENEW,
)
from fastdhcp._leases cimport (
    ACTIVE, FREE, PENDING, RECORD_OVERRIDE, RECORD_RELEASED, RECORD_RESERVED, TIME_INFINITE,
    Binding,
)
from fastdhcp._refusal cimport Refusal, refusal_find
from fastdhcp._scope cimport Scope
from fastdhcp._stats cimport (
    DROP_BOOTP_UNKNOWN, DROP_CLASS_NOT_ALLOWED, DROP_NONE, DROP_NOT_AUTHORITATIVE, DROP_NOT_HOLDER,
    DROP_NOT_SERVED_TYPE, DROP_OTHER_SERVER, DROP_POOL_EXHAUSTED, DROP_STORE_UNAVAILABLE,
    DROP_UNKNOWN_CLIENT,
)
from fastdhcp._wire cimport (
    ACK, AT_SNAME, BOOTP, DECLINE, DISCOVER, INFORM, NAK, OFFER, RELEASE, REQUEST,
)

cdef enum:
    # Rounding and a short wait for the store eat from this, so that the client reads the full time.
    EXPIRY_SPARE = 2
    # While nothing can be made durable, a holder is told what is left of its lease, if it is worth
    # telling.
    LEFT_MIN = 60


# ---- what a binding is to this client

cdef inline bint is_key(const View* v, const Binding* b) noexcept nogil:
    return b.key[0] == v.key[0] and b.key[1] == v.key[1]


cdef inline bint is_offered(const View* v, const Binding* b) noexcept nogil:
    return b.offer_until > v.now and b.offer_key == v.key[0]


cdef inline bint is_held(const View* v, const Place* p) noexcept nogil:
    return p.known and p.binding.state == ACTIVE and is_key(v, &p.binding)


# Nobody's: neither bound, nor offered to another client.
cdef inline bint is_free(const View* v, const Place* p) noexcept nogil:
    return (p.known and p.binding.state == FREE
            and (p.binding.offer_until <= v.now or p.binding.offer_key == v.key[0]))


# With hlen 0 (RFC 4390: InfiniBand) it tells nobody apart: who it is stands in option 61 then.
cdef inline bint is_same_hardware(const View* v, const Binding* b) noexcept nogil:
    return (b.hlen == v.hlen and b.htype == v.htype
            and memcmp(b.chaddr, v.chaddr, v.hlen) == 0)


# A reserved address belongs to its reservation: bound through it by the same hardware under another
# identifier (a boot ROM sends no option 61, the system that it loads does), it is this client's.
# Other hardware has to wait, though the reservation is its own by now: the holder was told a time.
cdef inline bint is_reserved_here(const View* v, const Place* p) noexcept nogil:
    return (p.known and v.reserved.known
            and p.binding.address == v.reserved.binding.address
            and p.binding.state == ACTIVE and p.binding.flags & RECORD_RESERVED
            and v.hlen != 0 and is_same_hardware(v, &p.binding))


cdef inline bint is_mine(const View* v, const Place* p) noexcept nogil:
    return is_held(v, p) or is_reserved_here(v, p)


# The client has a reservation whose address is another one, and it could have that one.
cdef inline bint is_due_elsewhere(const View* v, const Place* p) noexcept nogil:
    return (v.reserved.known
            and v.reserved.binding.address != p.binding.address
            and (is_free(v, &v.reserved) or is_mine(v, &v.reserved)))


# What the client holds is not what it would be offered now: this is, or may be.
cdef inline bint is_moved_to(const View* v, const Place* p) noexcept nogil:
    return (not v.mine.allowed
            or (v.reserved.known and v.reserved.binding.address == p.binding.address))


# ---- parameters and times

# The values of a place, with those of the client over them.
cdef inline void use_params(const Image* image, const View* v, Verdict* out) noexcept nogil:
    cdef uint32_t overlay = 0
    out.params = image_params(image, image_pool(image, out.pool).params if out.pool != NOWHERE
                              else image_subnet(image, out.subnet).params)
    if v.overlaid:
        if out.reservation != NULL:
            overlay = out.reservation.overlay
        out.params = classes_params(image, v.classes, out.subnet, out.pool, overlay, out.params,
                                    v.made)


cdef inline void use_place(const Image* image, const View* v, const Place* p,
                           Verdict* out) noexcept nogil:
    out.place = <Place*>p
    out.subnet = p.subnet
    out.pool = p.pool
    out.reservation = NULL
    if v.reservation != NULL and (v.reservation.address == 0 or (
            v.reserved.known and v.reserved.binding.address == p.binding.address)):
        out.reservation = v.reservation
    use_params(image, v, out)


# RFC 2131 4.3.1: what the client asks for (51), within the limits, else the default.
cdef uint32_t lease_time(const Params* params, const Packet* packet) noexcept nogil:
    cdef uint32_t wanted = params.lease_s
    if params.lease_s == INFINITE:
        return INFINITE
    if packet.has & HAS_LEASE_TIME:
        wanted = packet.lease_time_s
    if wanted < params.lease_min_s:
        return params.lease_min_s
    return params.lease_max_s if wanted > params.lease_max_s else wanted


cdef inline uint32_t instant(uint32_t now, uint32_t seconds) noexcept nogil:
    cdef uint64_t at = <uint64_t>now + seconds
    if seconds == INFINITE:
        return TIME_INFINITE
    return <uint32_t>at if at < TIME_INFINITE else TIME_INFINITE - 1


# The subnet of the giaddr or interface; without one the first that shares the link.
cdef inline uint32_t subnet_of_link(const Image* image, const Scope* scope) noexcept nogil:
    cdef const Network* network = image_network(image, scope.network)
    cdef const uint32_t* members = <const uint32_t*>image_table(image, &image.members)
    if scope.link_subnet != NOWHERE:
        return scope.link_subnet
    return members[network.member_first]


cdef bint speaks_for_link(const Image* image, const Scope* scope) noexcept nogil:
    cdef uint32_t subnet = subnet_of_link(image, scope)
    return image_params(image, image_subnet(image, subnet).params).flags & PARAMS_AUTHORITATIVE


# ---- verdicts

cdef inline void be_silent(Verdict* out, uint8_t reason) noexcept nogil:
    out.reply_type = 0
    out.reason = reason
    out.change = CHANGE_NONE


cdef inline void deny(Verdict* out) noexcept nogil:
    out.reply_type = NAK
    out.change = CHANGE_NONE
    out.lease_s = 0


# RFC 8925 3.3: who prefers IPv6 alone where that is configured gets no address, and so no rapid
# commit. RFC 4039 3.1: by that a DISCOVER is answered as the REQUEST for this offer would be.
cdef bint answers_otherwise(const Image* image, const Packet* packet, const View* v,
                            const Place* p, Verdict* out) noexcept nogil:
    cdef Refusal said
    if out.params.flags & PARAMS_V6_ONLY:
        refusal_find(&said, image, packet, p.subnet, p.pool, out.reservation, v.classes)
        if said.v6_only.at != NULL:
            out.reply_type = OFFER
            return True
    if packet.has & HAS_RAPID_COMMIT and out.params.flags & PARAMS_RAPID_COMMIT:
        bind(packet, v, p, lease_time(out.params, packet), out)
        return True
    return False


cdef void offer(const Image* image, const Packet* packet, const View* v, const Place* p,
                Verdict* out) noexcept nogil:
    use_place(image, v, p, out)
    if (out.params.flags & (PARAMS_V6_ONLY | PARAMS_RAPID_COMMIT)
            and answers_otherwise(image, packet, v, p, out)):
        return
    out.reply_type = OFFER
    out.lease_s = lease_time(out.params, packet)
    out.offer_until = instant(v.now, out.params.offer_hold_s)
    # What the client holds for longer than the offer needs none; nor is one kept with offer-hold 0.
    out.change = CHANGE_NONE
    if out.params.offer_hold_s and (p.binding.state == FREE or p.binding.expiry < out.offer_until):
        out.change = CHANGE_OFFER


# The same second's retransmission: the record says it already.
cdef inline bint is_repeat(const View* v, const Place* p, const Verdict* out) noexcept nogil:
    return (v.asked_said and is_key(v, &p.binding) and is_same_hardware(v, &p.binding)
            and p.binding.flags == out.flags and out.expiry <= p.binding.expiry)


# RFC 5107: whether the option 82 that the record has after this message names an override. A
# message without one leaves the record's.
cdef inline uint8_t override_flag(const Packet* packet, const Binding* b) noexcept nogil:
    if packet.relay_info.len:
        return RECORD_OVERRIDE if packet.has & HAS_SERVER_OVERRIDE else 0
    return b.flags & RECORD_OVERRIDE if b.state == ACTIVE else 0


# The lease at the place in use, made or prolonged.
cdef inline void bind(const Packet* packet, const View* v, const Place* p, uint32_t lease_s,
                      Verdict* out) noexcept nogil:
    out.reply_type = ACK
    out.lease_s = lease_s
    out.expiry = instant(instant(v.now, out.lease_s), EXPIRY_SPARE if out.lease_s != INFINITE
                         else 0)
    if out.lease_s == INFINITE:
        out.expiry = TIME_INFINITE
    out.flags = override_flag(packet, &p.binding)
    if out.reservation != NULL and out.reservation.address:
        out.flags |= RECORD_RESERVED
    out.change = CHANGE_RENEW if p.binding.state == ACTIVE else CHANGE_BIND
    if out.change == CHANGE_RENEW and is_repeat(v, p, out):
        out.change = CHANGE_NONE
    out.replaces = v.left.known or (is_held(v, &v.mine)
                                    and v.mine.binding.address != p.binding.address)


# While the store fails only what is on disk may be told again.
cdef void acknowledge(const Image* image, const Packet* packet, const View* v, const Place* p,
                      Verdict* out) noexcept nogil:
    use_place(image, v, p, out)
    bind(packet, v, p, lease_time(out.params, packet), out)


cdef void tell_what_is_left(const View* v, Verdict* out) noexcept nogil:
    cdef const Binding* b = &out.place.binding
    if (b.state != ACTIVE or not is_key(v, b) or not v.mine_durable
            or b.expiry < instant(v.now, LEFT_MIN)):
        be_silent(out, DROP_STORE_UNAVAILABLE)
        return
    if b.expiry != TIME_INFINITE:
        out.lease_s = min(out.lease_s, b.expiry - v.now)
        out.expiry = min(out.expiry, b.expiry)
    out.change = CHANGE_NONE
    out.replaces = 0


# ---- DISCOVER, RFC 2131 4.3.1

# The address for a client that needs one. NULL: none; `free` may not have been gathered yet.
cdef inline const Place* choose(const View* v) noexcept nogil:
    if v.reserved.known and (is_free(v, &v.reserved) or is_mine(v, &v.reserved)):
        return &v.reserved
    if v.mine.known and v.mine.allowed and (is_mine(v, &v.mine) or is_free(v, &v.mine)):
        return &v.mine
    if v.asked.known and v.asked.allowed and is_free(v, &v.asked):
        return &v.asked
    return &v.free if v.free_gathered and v.free.known else NULL


# Why there is no free address for the client: the pools are full, or none lets it in.
cdef inline uint8_t none_free(const View* v) noexcept nogil:
    return DROP_CLASS_NOT_ALLOWED if v.refused and not v.let_in else DROP_POOL_EXHAUSTED


# Who can do without an address is told so (RFC 2563 2.3, RFC 8925 3.3.1), by the policy of the link
# and of the client.
cdef void refuse_address(const Image* image, const Packet* packet, const Scope* scope,
                         const View* v, Verdict* out) noexcept nogil:
    cdef uint32_t subnet = subnet_of_link(image, scope)
    cdef Refusal said
    be_silent(out, none_free(v))
    refusal_find(&said, image, packet, subnet, NOWHERE, v.reservation, v.classes)
    if said.v6_only.at != NULL or said.makes_up_none:
        out.reply_type = OFFER
        out.subnet = subnet
        out.reservation = v.reservation
        out.params = image_params(image, image_subnet(image, subnet).params)


cdef void decide_discover(const Image* image, const Packet* packet, const Scope* scope,
                          const View* v, Verdict* out) noexcept nogil:
    cdef const Place* p = NULL if v.store_failing else choose(v)
    if p != NULL:
        offer(image, packet, v, p, out)
    elif v.store_failing:
        be_silent(out, DROP_STORE_UNAVAILABLE)
    elif not v.free_gathered:
        out.want = WANT_FREE
    else:
        refuse_address(image, packet, scope, v, out)


# ---- BOOTP: RFC 951 7.3, RFC 1534 2

# RFC 951 7.3: a client that names a server in sname is that server's.
cdef bint is_for_us(const Image* image, const Packet* packet, const Params* params) noexcept nogil:
    cdef const uint8_t* named = packet.data + AT_SNAME
    cdef const uint8_t* ours = <const uint8_t*>image + params.server_name_at
    cdef uint32_t size = params.server_name_len
    return named[0] == 0 or (size and named[size] == 0 and memcmp(named, ours, size) == 0)


# Does any pool of the link serve them?
cdef bint gives_to_bootp(const Image* image, const Scope* scope) noexcept nogil:
    cdef const Network* network = image_network(image, scope.network)
    cdef const uint32_t* members = <const uint32_t*>image_table(image, &image.members)
    cdef const Subnet* subnet
    cdef uint32_t i, k
    for i in range(network.member_count):
        subnet = image_subnet(image, members[network.member_first + i])
        for k in range(subnet.pool_first, subnet.pool_first + subnet.pool_count):
            if image_params(image, image_pool(image, k).params).flags & PARAMS_BOOTP:
                return True
    return False


# RFC 1534 2: there is no REQUEST to wait for, so what is chosen is bound. No reply says for how
# long: a finite time ends if the client is silent for so long.
cdef void decide_bootp(const Image* image, const Packet* packet, const Scope* scope, const View* v,
                       Verdict* out) noexcept nogil:
    cdef const Place* p = NULL if v.store_failing else choose(v)
    if v.store_failing:
        be_silent(out, DROP_STORE_UNAVAILABLE)
    elif p == NULL and not v.free_gathered:
        out.want = WANT_FREE
    elif p == NULL:
        be_silent(out, none_free(v) if gives_to_bootp(image, scope) else DROP_BOOTP_UNKNOWN)
    else:
        use_place(image, v, p, out)
        if is_for_us(image, packet, out.params):
            bind(packet, v, p, out.params.bootp_lease_s, out)
        else:
            be_silent(out, DROP_OTHER_SERVER)


# ---- REQUEST, RFC 2131 4.3.2

# SELECTING, for another server: its offer was taken, so ours is free again.
cdef void take_back(const Image* image, const View* v, Verdict* out) noexcept nogil:
    be_silent(out, DROP_OTHER_SERVER)
    if v.mine.known and v.mine.binding.state == FREE and is_offered(v, &v.mine.binding):
        use_place(image, v, &v.mine, out)
        out.change = CHANGE_LAPSE
        out.flags = v.mine.binding.flags


cdef void decide_selecting(const Image* image, const Packet* packet, const View* v,
                           Verdict* out) noexcept nogil:
    cdef const Place* p = &v.asked
    if not p.known or not p.allowed:
        deny(out)
    elif is_mine(v, p) or (p.binding.state == FREE and is_offered(v, &p.binding)):
        acknowledge(image, packet, v, p, out)
    elif is_free(v, p) and (not is_held(v, &v.mine) or is_moved_to(v, p)):
        acknowledge(image, packet, v, p, out)
    else:
        deny(out)


# INIT-REBOOT, RENEWING and REBINDING: the client believes that it has the address.
cdef void decide_holding(const Image* image, const Packet* packet, const Scope* scope,
                         const View* v, Verdict* out) noexcept nogil:
    cdef const Place* p = &v.asked
    cdef bint own = p.known and (is_mine(v, p)
                                 or (p.binding.state == FREE and is_offered(v, &p.binding)))
    if own and p.allowed and not is_due_elsewhere(v, p):
        acknowledge(image, packet, v, p, out)
    elif own or (p.known and p.binding.state == PENDING and is_key(v, &p.binding)):
        deny(out)
    elif (image.vrfs and not v.free_gathered and packet.ciaddr and not packet.giaddr
            and packet.relay_info.len == 0):
        # No relay agent has passed it on: it may be for another VRF than its interface's.
        out.want = WANT_ELSEWHERE
    elif (p.known and p.allowed and is_free(v, p) and not is_held(v, &v.mine)
            and not is_due_elsewhere(v, p)):
        if speaks_for_link(image, scope):
            acknowledge(image, packet, v, p, out)
        else:
            be_silent(out, DROP_NOT_AUTHORITATIVE)
    elif speaks_for_link(image, scope) or is_held(v, &v.mine):
        deny(out)
    else:
        be_silent(out, DROP_NOT_AUTHORITATIVE)


cdef void decide_request(const Image* image, const Packet* packet, const Scope* scope,
                         const View* v, Verdict* out) noexcept nogil:
    cdef bint ours = (packet.server_id == scope.server_id
                      or image_is_own(image, scope.own_vrf, packet.server_id))
    if packet.has & HAS_SERVER_ID and not ours:
        take_back(image, v, out)
    elif engine_asked(packet) == 0:
        be_silent(out, DROP_UNKNOWN_CLIENT)
    elif packet.has & HAS_SERVER_ID and packet.has & HAS_REQUESTED:
        decide_selecting(image, packet, v, out)
    else:
        decide_holding(image, packet, scope, v, out)
    if v.store_failing and out.reply_type == ACK:
        tell_what_is_left(v, out)
    elif v.store_failing and out.change != CHANGE_NONE:
        be_silent(out, DROP_STORE_UNAVAILABLE)


# ---- RELEASE, DECLINE, INFORM: RFC 2131 4.3.3 to 4.3.5

cdef bint for_another(const Image* image, const Packet* packet, const Scope* scope) noexcept nogil:
    return (packet.has & HAS_SERVER_ID and packet.server_id != scope.server_id
            and not image_is_own(image, scope.own_vrf, packet.server_id))


cdef void decide_release(const Image* image, const View* v, Verdict* out) noexcept nogil:
    cdef const Place* p = &v.asked
    if not p.known or not is_key(v, &p.binding) or p.binding.state not in (ACTIVE, PENDING):
        be_silent(out, DROP_NOT_HOLDER)
        return
    be_silent(out, DROP_STORE_UNAVAILABLE if v.store_failing else DROP_NONE)
    if not v.store_failing:
        use_place(image, v, p, out)
        out.change = CHANGE_END
        out.flags = (p.binding.flags & RECORD_RESERVED) | RECORD_RELEASED


cdef void decide_decline(const Image* image, const View* v, Verdict* out) noexcept nogil:
    cdef const Place* p = &v.asked
    cdef bint offered = p.known and p.binding.state == FREE and is_offered(v, &p.binding)
    if not offered and not is_held(v, p):
        be_silent(out, DROP_NOT_HOLDER)
        return
    be_silent(out, DROP_STORE_UNAVAILABLE if v.store_failing else DROP_NONE)
    if not v.store_failing:
        use_place(image, v, p, out)
        out.change = CHANGE_DECLINE
        out.flags = p.binding.flags
        out.expiry = instant(v.now, out.params.decline_s)


# Options for an address that was set by hand: those of its own subnet, else of the link's.
cdef void decide_inform(const Image* image, const Packet* packet, const Scope* scope,
                        const View* v, Verdict* out) noexcept nogil:
    out.reply_type = ACK
    out.subnet = subnet_of_link(image, scope)
    if v.asked.known:
        out.subnet = v.asked.subnet
        out.pool = v.asked.pool
    out.reservation = v.reservation
    use_params(image, v, out)


cdef void engine_decide(const Image* image, const Packet* packet, const Scope* scope,
                        const View* view, Verdict* verdict) noexcept nogil:
    memset(verdict, 0, sizeof(Verdict))
    verdict.subnet = NOWHERE
    verdict.pool = NOWHERE
    if packet.message_type == DISCOVER:
        decide_discover(image, packet, scope, view, verdict)
    elif packet.message_type == REQUEST:
        decide_request(image, packet, scope, view, verdict)
    elif packet.message_type == INFORM:
        decide_inform(image, packet, scope, view, verdict)
    elif packet.message_type == BOOTP:
        decide_bootp(image, packet, scope, view, verdict)
    elif packet.message_type not in (RELEASE, DECLINE):
        be_silent(verdict, DROP_NOT_SERVED_TYPE)
    elif for_another(image, packet, scope):
        be_silent(verdict, DROP_OTHER_SERVER)
    elif packet.message_type == RELEASE:
        decide_release(image, view, verdict)
    else:
        decide_decline(image, view, verdict)
