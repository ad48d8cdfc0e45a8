"""Exchanges: which client starts one next, what it sends, when it sends again. Inline only."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from bench._messages cimport LEASE_ASKED_S, Ask, request_write
from bench._owners cimport owners_get, owners_remove
from bench._state cimport (
    COUNT_COMPLETED, COUNT_FAILED, COUNT_RELEASES, COUNT_RENEWALS, COUNT_RENEWED_AT_ONCE,
    COUNT_RETRANSMISSIONS, COUNT_STARTED, ERROR_UNANSWERED, GIVEN_UP, IDLE, KIND_COUNT, KIND_DORA,
    KIND_REBOOT, KIND_RELEASE, KIND_RENEW, REBOOTING, RENEWING, REQUESTING, SELECTING, TICK_SHIFT,
    WHEEL_SIZE, Client, Group, Machine, Slot,
)
from bench._trains cimport train_next
from fastdhcp._wire cimport DISCOVER, RELEASE, REQUEST

cdef enum:
    SECOND_NS = 1_000_000_000
    BACKOFF_MAX_S = 64          # RFC 2131 4.1
    STARTS_MAX = 1024           # between two looks at what has come


cdef inline uint32_t mix32(uint32_t x) noexcept nogil:
    x ^= x >> 16
    x *= <uint32_t>0x85EBCA6B
    x ^= x >> 13
    x *= <uint32_t>0xC2B2AE35
    return x ^ (x >> 16)


cdef inline uint64_t draw(Machine* m) noexcept nogil:
    m.random ^= m.random << 13
    m.random ^= m.random >> 7
    m.random ^= m.random << 17
    return m.random


# The instant, CLOCK_REALTIME, to which the client's last ACK gave it the address.
cdef inline int64_t lease_end_ns(const Client* client) noexcept nogil:
    return client.acked_ns + <int64_t>client.lease_s * SECOND_NS


cdef inline void client_unbind(Machine* m, uint32_t index) noexcept nogil:
    cdef Client* client = &m.clients[index]
    if client.address:
        if owners_get(&m.owners, client.address) == index:
            owners_remove(&m.owners, client.address)
        client.address = 0
        m.bound -= 1


cdef inline void slot_unlink(Machine* m, uint32_t at) noexcept nogil:
    cdef Slot* slot = &m.slots[at]
    if slot.before:
        m.slots[slot.before].after = slot.after
    else:
        m.wheel[slot.tick] = slot.after
    if slot.after:
        m.slots[slot.after].before = slot.before


# In the wheel at the first tick that begins when `due_ns` has passed.
cdef inline void slot_link(Machine* m, uint32_t at, int64_t due_ns) noexcept nogil:
    cdef Slot* slot = &m.slots[at]
    slot.tick = <uint32_t>(((due_ns >> TICK_SHIFT) + 1) % WHEEL_SIZE)
    slot.before = 0
    slot.after = m.wheel[slot.tick]
    if slot.after:
        m.slots[slot.after].before = at
    m.wheel[slot.tick] = at


# How long to wait for an answer to transmission number `tries`.
cdef inline int64_t _patience_ns(Machine* m, uint32_t tries) noexcept nogil:
    cdef int64_t wait
    if not m.backoff:
        return m.timeout_ns
    wait = min(m.timeout_ns << min(tries - 1, <uint32_t>8), <int64_t>BACKOFF_MAX_S * SECOND_NS)
    return max(wait + <int64_t>(draw(m) % (2 * SECOND_NS)) - SECOND_NS, <int64_t>1)


# The source of what the client sends; with one relay agent the socket is bound to it.
cdef inline uint32_t _source(const Machine* m, const Client* client) noexcept nogil:
    return m.relay + client.relay if m.relays > 1 else 0


cdef inline void _ask(Machine* m, uint32_t index, Ask* ask) noexcept nogil:
    cdef Client* client = &m.clients[index]
    ask.client = index
    ask.xid = client.xid
    ask.lease_s = LEASE_ASKED_S + client.exchanges if m.form.lease_time else 0
    ask.secs = client.secs
    ask.type = DISCOVER if client.step == SELECTING else REQUEST
    ask.ciaddr = client.address if client.step == RENEWING else 0
    ask.giaddr = m.relay + client.relay
    # RFC 2131 4.3.2: option 50 in SELECTING and INIT-REBOOT, 54 in SELECTING only.
    ask.requested = client.asked if client.step in (REQUESTING, REBOOTING) else 0
    ask.server_id = client.server_id if client.step == REQUESTING else 0


# Sends what the client's present step asks for, for the first time or again.
cdef inline void client_send(Machine* m, uint32_t index) noexcept nogil:
    cdef Client* client = &m.clients[index]
    cdef Slot* slot = &m.slots[client.slot]
    cdef Ask ask
    # RFC 2131 4.4.1: the REQUEST carries the secs of the DISCOVER.
    if client.step != REQUESTING:
        client.secs = <uint16_t>min((m.now_ns - slot.started_ns) // SECOND_NS, 65535)
    _ask(m, index, &ask)
    request_write(&m.form, &ask, train_next(&m.train, _source(m, client)))
    m.sent[ask.type] += 1
    if client.step == SELECTING:
        client.owed_offers += client.owed_offers < 255
    else:
        client.owed_acks += client.owed_acks < 255
    client.tries += 1
    slot_unlink(m, client.slot)
    slot_link(m, client.slot, m.now_ns + _patience_ns(m, client.tries))


# A new exchange: what the one before is still owed is told apart by its xid.
cdef inline void _next_xid(Machine* m, uint32_t index) noexcept nogil:
    cdef Client* client = &m.clients[index]
    client.owed_before = client.owed_offers + client.owed_acks
    client.owed_offers = client.owed_acks = 0
    client.xid_before = client.xid
    client.exchanges += 1
    client.xid = mix32(m.seed ^ (index * <uint32_t>0x9E3779B1) ^ mix32(client.exchanges))


# RFC 2131 4.4.6: nothing answers a RELEASE, so the client is done with it at once.
cdef inline void client_release(Machine* m, uint32_t index) noexcept nogil:
    cdef Client* client = &m.clients[index]
    cdef Ask ask
    _next_xid(m, index)
    client.step = IDLE
    ask.type = RELEASE
    ask.client = index
    ask.xid = client.xid
    ask.secs = 0
    ask.ciaddr = client.address
    ask.giaddr = m.relay + client.relay
    ask.requested = 0
    ask.lease_s = 0             # RFC 2131 table 5: MUST NOT
    ask.server_id = client.server_id
    request_write(&m.form, &ask, train_next(&m.train, _source(m, client)))
    m.sent[ask.type] += 1
    m.counts[COUNT_RELEASES] += 1
    client_unbind(m, index)


cdef inline uint8_t _draw_kind(Machine* m) noexcept nogil:
    cdef uint32_t drawn = <uint32_t>(draw(m) % 1000)
    cdef uint8_t kind
    for kind in range(KIND_COUNT):
        if drawn < m.weights[kind]:
            return kind
        drawn -= m.weights[kind]
    return KIND_DORA


cdef inline void client_start(Machine* m, uint32_t index) noexcept nogil:
    cdef Client* client = &m.clients[index]
    cdef uint8_t kind = KIND_DORA
    cdef uint32_t at
    m.started += 1
    m.counts[COUNT_STARTED] += 1
    if client.exchanges == 0:
        client.relay = <uint16_t>((m.met // m.burst) % m.relays)
        m.met += 1
    if client.address and lease_end_ns(client) <= m.now_ns + m.wall_ns:
        client_unbind(m, index)
    if client.address:
        kind = KIND_RENEW if index < m.known.count else _draw_kind(m)
    if kind == KIND_RELEASE:
        client_release(m, index)
        m.counts[COUNT_COMPLETED] += 1
        return
    at = m.free_slot
    m.free_slot = m.slots[at].after
    m.in_flight += 1
    m.slots[at].client = index
    m.slots[at].started_ns = m.slots[at].asked_ns = m.now_ns
    slot_link(m, at, m.now_ns)
    client.slot = at
    _next_xid(m, index)
    client.tries = 0
    client.asked = client.address
    client.step = (RENEWING if kind == KIND_RENEW else REBOOTING if kind == KIND_REBOOT
                   else SELECTING)
    client_send(m, index)


cdef inline void client_finish(Machine* m, uint32_t index, bint completed) noexcept nogil:
    cdef Client* client = &m.clients[index]
    if client.step == RENEWING and m.slots[client.slot].started_ns >= m.cleared_ns:
        m.counts[COUNT_RENEWALS] += 1
        m.counts[COUNT_RENEWED_AT_ONCE] += completed and client.tries == 1
    slot_unlink(m, client.slot)
    m.slots[client.slot].after = m.free_slot
    m.free_slot = client.slot
    m.in_flight -= 1
    client.slot = 0
    client.step = IDLE
    m.counts[COUNT_COMPLETED if completed else COUNT_FAILED] += 1


# Whose turn the next start is.
cdef inline Group* _next_group(Machine* m) noexcept nogil:
    return &m.known if m.known_due + m.known_mille >= 1000 else &m.others


cdef inline uint32_t _take_turn(Group* group) noexcept nogil:
    cdef uint32_t index = group.first + group.next
    group.next = (group.next + group.stride) % group.count
    return index


# Starts exchanges as far as window, limit and rate allow. True if there are more to start at once.
cdef inline bint machine_fill(Machine* m) noexcept nogil:
    cdef uint32_t looked = 0, index
    cdef uint64_t enough = m.started + STARTS_MAX
    if m.rate > 0:
        m.allowed += m.rate * <double>(m.now_ns - m.allowed_ns) / SECOND_NS
        # What was missed for longer than a tenth of a second is not made good.
        m.allowed = min(m.allowed, max(m.rate / 10, 1.0))
        m.allowed_ns = m.now_ns
    while (m.in_flight < m.window and m.started < min(m.limit, enough)
           and looked <= min(m.window, <uint32_t>STARTS_MAX)):
        if m.rate > 0 and m.allowed < 1:
            return False
        index = _take_turn(_next_group(m))
        if m.clients[index].slot:
            looked += 1         # still under way since its last turn
            continue
        client_start(m, index)
        m.allowed -= 1
        m.known_due = (m.known_due + m.known_mille) % 1000
    return m.started == enough and m.in_flight < m.window


cdef inline void _expire(Machine* m, uint32_t at) noexcept nogil:
    cdef uint32_t index = m.slots[at].client
    if m.clients[index].tries >= m.tries:
        m.errors[ERROR_UNANSWERED] += 1
        client_finish(m, index, False)
        m.clients[index].step = GIVEN_UP
    else:
        m.clients[index].retransmissions += 1
        m.counts[COUNT_RETRANSMISSIONS] += 1
        client_send(m, index)


# Sends again, or gives up, what has waited long enough.
cdef inline void machine_expire(Machine* m) noexcept nogil:
    cdef int64_t now = m.now_ns >> TICK_SHIFT
    m.tick = max(m.tick, now - WHEEL_SIZE)
    while m.tick <= now:
        # What is sent again goes to a later tick, never to this one.
        while m.wheel[m.tick % WHEEL_SIZE]:
            _expire(m, m.wheel[m.tick % WHEEL_SIZE])
        m.tick += 1
