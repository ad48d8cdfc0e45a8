"""The trace's writer, a worker, and what its readers are made of."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from fastdhcp._atomic cimport (
    fence_acquire, fence_release, load_acquire_u64, load_relaxed_u64, store_relaxed_u64,
    store_release_u64,
)
from fastdhcp._codec cimport HAS_RELAY_FLAGS, HAS_RELAY_UNICAST, HAS_SERVER_ID
from fastdhcp._image cimport NOWHERE, image_subnet
from fastdhcp._reservations cimport reservations_cell
from fastdhcp._stats cimport RECEIVED_UNREADABLE
from fastdhcp._wire cimport Span


cdef enum:
    ANY = -1                     # in Wanted
    FOUND_MAX = 64               # entries of one look
    LINE = sizeof(TraceEntry) // 2

# What a reader looks for; ANY, or hlen 0: whatever it is.
cdef struct Wanted:
    int message_type
    int reason
    int64_t vrf
    uint8_t hlen
    uint8_t chaddr[HLEN_MAX]


def trace_entries(int workers):
    """Decisions that each worker's trace has room for."""
    share = TRACE_ENTRIES_SUM // workers
    return min(max(1 << share.bit_length() - 1, TRACE_ENTRIES_MIN), TRACE_ENTRIES_MAX)


# ---- writing

cdef inline uint64_t mixed(uint64_t hash, uint64_t word) noexcept nogil:
    hash = (hash ^ word) * <uint64_t>0x9E3779B97F4A7C15
    return hash ^ (hash >> 29)


# Tells request lists apart, within a run of this machine; never 0.
cdef inline uint32_t hash_of(Span list) noexcept nogil:
    cdef uint64_t hash = list.len
    cdef uint64_t word = 0
    cdef uint32_t at = 0
    while at + 8 < list.len:
        memcpy(&word, list.at + at, 8)
        hash = mixed(hash, word)
        at += 8
    if list.len >= 8:            # the last word, with octets of the one before where it is short
        memcpy(&word, list.at + list.len - 8, 8)
    else:
        while at < list.len:
            word = word << 8 | list.at[at]
            at += 1
    return <uint32_t>(mixed(hash, word) >> 32) | 1


# The subnet of the address that it was about, else that of the link.
cdef inline uint32_t subnet_of(const Table* t, const Handled* handled) noexcept nogil:
    cdef uint32_t index = handled.subnet
    if index == NOWHERE:
        index = handled.scope.link_subnet
    return 0 if index == NOWHERE else image_subnet(t.image, index).id


cdef inline void fill(TraceEntry* entry, const Table* t, const Packet* packet,
                      const Handled* handled) noexcept nogil:
    entry.xid = packet.xid
    entry.vrf = handled.scope.vrf
    entry.giaddr = packet.giaddr
    entry.ciaddr = packet.ciaddr
    entry.requested = packet.requested
    entry.yiaddr = handled.yiaddr
    memcpy(entry.chaddr, packet.chaddr, HLEN_MAX)
    entry.hlen = packet.hlen
    entry.htype = packet.htype
    entry.message_type = packet.message_type
    entry.reply_type = handled.reply_type
    if packet.has & HAS_SERVER_ID:
        entry.server_id = packet.server_id
    entry.subnet_id = subnet_of(t, handled)
    entry.generation = t.image.generation
    entry.secs = packet.secs
    entry.flags = TRACE_KNOWN if handled.known else 0
    if packet.has & HAS_RELAY_FLAGS:
        entry.flags |= TRACE_RELAY_FLAGS
        if packet.has & HAS_RELAY_UNICAST:
            entry.flags |= TRACE_RELAY_UNICAST
    if packet.parameter_list.at != NULL:
        entry.parameters_hash = hash_of(packet.parameter_list)
    if packet.circuit_id.at != NULL:
        entry.circuit_id_len = <uint8_t>packet.circuit_id.len
        memcpy(entry.circuit_id, packet.circuit_id.at,
               min(packet.circuit_id.len, <uint32_t>CIRCUIT_ID_TRACED))


cdef inline void fill_policy(PolicyEntry* entry, const Table* t, uint64_t number,
                             const Handled* handled) noexcept nogil:
    memset(entry, 0, sizeof(PolicyEntry))
    entry.number = number + 1
    memcpy(entry.classes, handled.classes, sizeof(handled.classes))
    if handled.reservation != NULL:
        entry.reservation = <uint32_t>(
            handled.reservation - reservations_cell(t.reservations, 0)) + 1


# A reader copies an entry and looks at `head` again: by the first fence it sees `head` at the entry
# that is overwritten if it has seen any of what overwrites it; `head` moves when all of it stands.
cdef void trace_write(const Table* t, uint64_t now_ns, const Packet* packet,
                      const Arrival* arrival, const Handled* handled, Outcome outcome,
                      DropReason reason) noexcept nogil:
    cdef Trace* ring = trace_ring(t, t.self)
    cdef TraceEntry* entry = trace_place(t, ring, ring.head)
    fence_release()
    # Line by line: of the two at once the compiler makes a loop.
    memset(entry, 0, LINE)
    memset(<uint8_t*>entry + LINE, 0, LINE)
    entry.time_ns = now_ns
    entry.fate = trace_fate(outcome, reason, 0)
    entry.ifindex = <uint32_t>arrival.ifindex
    entry.message_type = RECEIVED_UNREADABLE
    if packet != NULL:
        fill(entry, t, packet, handled)
        if t.image.classes.count:
            fill_policy(trace_policy(t, t.self, ring.head), t, ring.head, handled)
    store_release_u64(&ring.head, ring.head + 1)


cdef void trace_close(const Table* t, uint64_t number, Outcome outcome, DropReason reason,
                      uint64_t answer_us) noexcept nogil:
    cdef Trace* ring = trace_ring(t, t.self)
    if ring.head - number <= t.node.trace_size:
        store_relaxed_u64(&trace_place(t, ring, number).fate,
                          trace_fate(outcome, reason, answer_us))


cdef void trace_close_all(const Table* t, DropReason reason) noexcept nogil:
    cdef Trace* ring = trace_ring(t, t.self)
    cdef uint64_t number = ring.head - min(ring.head, <uint64_t>t.node.trace_size)
    while number < ring.head:
        if trace_place(t, ring, number).fate & 0xFF in (OUTCOME_DECIDED, OUTCOME_HELD):
            trace_close(t, number, OUTCOME_DROPPED, reason, 0)
        number += 1


# ---- reading

cdef uint64_t trace_head(const Table* t, uint32_t worker) noexcept nogil:
    return load_acquire_u64(&trace_ring(t, worker).head)


cdef inline bint matches(const TraceEntry* entry, const Wanted* wanted) noexcept nogil:
    if wanted.message_type != ANY and entry.message_type != wanted.message_type:
        return False
    if wanted.reason != ANY and (entry.fate >> 8 & 0xFF) != <uint64_t>wanted.reason:
        return False
    if wanted.vrf != ANY and entry.vrf != wanted.vrf:
        return False
    return wanted.hlen == 0 or (entry.hlen == wanted.hlen and memcmp(
        entry.chaddr, wanted.chaddr, wanted.hlen) == 0)


# An entry as it is copied, with what stands beside it.
cdef struct Found:
    uint64_t number
    TraceEntry entry
    PolicyEntry policy           # of another number: there is none


# False: it was overwritten while it was copied.
cdef inline bint copy(const Table* t, const Trace* ring, uint32_t worker, uint64_t number,
                      Found* out) noexcept nogil:
    cdef const TraceEntry* entry = trace_place(t, ring, number)
    out.number = number
    memcpy(&out.entry, entry, sizeof(TraceEntry))
    memcpy(&out.policy, trace_policy(t, worker, number), sizeof(PolicyEntry))
    out.entry.fate = load_relaxed_u64(&entry.fate)
    fence_acquire()
    return load_relaxed_u64(&ring.head) < number + t.node.trace_size


# Copies what is wanted of the entries from `low` to before `high`, at most `room`; `back`: the
# newest first. Moves `low` or `high` past what it has looked at. How many.
cdef uint32_t find(const Table* t, uint32_t worker, uint64_t* low, uint64_t* high, bint back,
                   const Wanted* wanted, Found* out, uint32_t room) noexcept nogil:
    cdef const Trace* ring = trace_ring(t, worker)
    cdef uint64_t head = load_acquire_u64(&ring.head)
    cdef uint64_t number
    cdef uint32_t count = 0
    high[0] = min(high[0], head)
    low[0] = max(low[0], head - min(head, <uint64_t>t.node.trace_size))
    while low[0] < high[0] and count < room:
        if back:
            high[0] -= 1
            number = high[0]
        else:
            number = low[0]
            low[0] += 1
        if (matches(trace_place(t, ring, number), wanted)
                and copy(t, ring, worker, number, &out[count])
                and matches(&out[count].entry, wanted)):
            count += 1
    return count


# Numbers of classes; None: the policy had none.
cdef object classes_of(const Found* found):
    if found.policy.number != found.number + 1:
        return None
    return [number for number in range(64 * CLASS_WORDS)
            if found.policy.classes[number >> 6] >> (number & 63) & 1]


# The cell in the file table of its generation; None: it had no reservation, or nothing is kept.
cdef object reservation_of(const Found* found):
    if found.policy.number != found.number + 1 or found.policy.reservation == 0:
        return None
    return found.policy.reservation - 1


cdef dict decision(const Found* found):
    cdef const TraceEntry* e = &found.entry
    cdef uint64_t number = found.number
    circuit_id = e.circuit_id[:min(e.circuit_id_len, <int>CIRCUIT_ID_TRACED)]
    return {
        "number": number, "time_ns": e.time_ns, "xid": e.xid, "vrf": e.vrf, "giaddr": e.giaddr,
        "ciaddr": e.ciaddr, "requested": e.requested, "yiaddr": e.yiaddr,
        "chaddr": e.chaddr[:min(e.hlen, <int>HLEN_MAX)], "htype": e.htype,
        "message_type": e.message_type, "reply_type": e.reply_type, "ifindex": e.ifindex,
        "outcome": e.fate & 0xFF, "reason": e.fate >> 8 & 0xFF, "answer_us": e.fate >> 32,
        "server_id": e.server_id, "subnet_id": e.subnet_id, "generation": e.generation,
        "secs": e.secs, "known": bool(e.flags & TRACE_KNOWN), "circuit_id": circuit_id,
        "relay_unicast": bool(e.flags & TRACE_RELAY_UNICAST) if e.flags & TRACE_RELAY_FLAGS
        else None,
        "circuit_id_len": e.circuit_id_len, "parameters_hash": e.parameters_hash,
        "classes": classes_of(found), "reservation": reservation_of(found),
    }


cdef list trace_rows(const Table* t, uint32_t worker, first, end, int limit, bint back,
                     message_type, reason, bytes chaddr, vrf):
    cdef Found entries[FOUND_MAX]
    cdef Wanted wanted
    cdef uint64_t low = max(first, 0)
    cdef uint64_t high = max(end, 0)
    cdef uint32_t count = FOUND_MAX
    cdef uint32_t i, room
    wanted.message_type = ANY if message_type is None else message_type
    wanted.reason = ANY if reason is None else reason
    wanted.vrf = ANY if vrf is None else vrf
    wanted.hlen = min(len(chaddr), <int>HLEN_MAX)
    memcpy(wanted.chaddr, <const char*>chaddr, wanted.hlen)
    found = []
    while count == FOUND_MAX and len(found) < limit:
        room = min(limit - len(found), <int>FOUND_MAX)
        with nogil:
            count = find(t, worker, &low, &high, back, &wanted, entries, room)
        for i in range(count):
            found.append(decision(&entries[i]))
    return found
