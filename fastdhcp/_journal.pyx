"""Entries: written by who changes a binding, replayed upon records, gathered by the store.

Steps of Apply (numbered for the crash tests, which kill a process at each of them):
 1 before the slot is named   2 slot named        3 locked           4 compared
 5 dirty bit set              6 entry written     7 head published   8-13 within the replay
14 replayed                  15 unlocked         16 slot cleared
Offers and lapses: 1-4, then 20-23 between their fields, then 14-16.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from fastdhcp._atomic cimport (
    cas_u64,
    cpu_relax,
    fence_full,
    fence_release,
    fetch_and_u64,
    fetch_or_u64,
    load_acquire_u64,
    load_relaxed_u32,
    load_relaxed_u64,
    lowest_bit_u64,
    store_relaxed_u32,
    store_relaxed_u64,
    store_release_u32,
    store_release_u64,
)
from fastdhcp._bitmap cimport bitmap_freed
from fastdhcp._identity cimport (
    Identifiers,
    client_key,
    identifiers_hardware,
    relay_suboption,
)
from fastdhcp._image cimport (
    NOWHERE,
    Subnet,
    image_find_subnet,
    image_network,
    image_params,
    image_subnet,
)
from fastdhcp._leases cimport (
    ACTIVE,
    BLOCK_SIZE,
    CHUNK_SIZE,
    CLIENT_ID_INLINE,
    DECLINED,
    FREE,
    GRACE_DEFAULT,
    HOSTNAME_INLINE,
    LOCK_TRIES,
    LONG_CLIENT_ID,
    LONG_HOSTNAME,
    LONG_RELAY_INFO,
    LONG_SIZE,
    PENDING,
    READ_TRIES,
    RECORD_RELEASED,
    RELAY_INFO_INLINE,
    RING_HEADER,
    TIME_INFINITE,
    Binding,
    Memory,
    Record,
    Ring,
    Slot,
    Table,
    leases_block,
    leases_enter,
    leases_index,
    leases_read,
    leases_record,
    leases_ring,
    leases_step,
    node_now,
)
from fastdhcp._stats cimport COUNT_BINDINGS, COUNT_EXPIRED, COUNT_OFFERS, COUNT_SWEPT, count
from fastdhcp._wire cimport RELAY_CIRCUIT_ID, RELAY_REMOTE_ID, Span

cdef enum:
    WHOLE_FIXED = 112            # header 24, then the record from `change` to `limits`
    RECORD_FIXED = 88            # bytes of the record from `change` on (offset 24 to 112)


# ---- what an address is worth: policy at replay

# The record's address, from its place: a record that was never bound does not name it.
cdef inline void place_of(const Table* t, uint32_t number, uint32_t* vrf,
                          uint32_t* address) noexcept nogil:
    cdef uint64_t key = load_relaxed_u64(&t.directory[number // BLOCK_SIZE]) - 1
    vrf[0] = <uint32_t>(key >> 24)
    address[0] = (<uint32_t>(key & 0xFFFFFF) << 8) | (number & 255)


# Network number and reuse-grace of an address under the policy of now.
cdef void policy_of(const Table* t, uint32_t vrf, uint32_t address, uint32_t* network,
                    uint32_t* grace_s) noexcept nogil:
    cdef uint32_t index
    cdef const Subnet* subnet
    network[0] = 0
    grace_s[0] = GRACE_DEFAULT
    if t.image == NULL:
        return
    index = image_find_subnet(t.image, vrf, address)
    if index != NOWHERE:
        subnet = image_subnet(t.image, index)
        network[0] = image_network(t.image, subnet.network).number
        grace_s[0] = image_params(t.image, subnet.params).reuse_grace_s


# When the store must look at a record next; 0: never.
cdef uint32_t look_again(const Record* r, uint32_t grace_s) noexcept nogil:
    cdef uint64_t at
    if r.state == FREE:
        return r.offer_until
    if r.expiry == TIME_INFINITE:
        return 0
    at = r.expiry
    if r.state != DECLINED:
        at += grace_s
    return <uint32_t>at if at < TIME_INFINITE else TIME_INFINITE - 1


# ---- slot, lock, bit

cdef inline void name_record(Table* t, uint32_t number) noexcept nogil:
    cdef Slot* slot = &t.slots[t.self]
    leases_step(t, 1)
    store_relaxed_u64(&slot.head, load_relaxed_u64(&leases_ring(t, t.self).head))
    store_release_u64(&slot.record, <uint64_t>number + 1)
    leases_step(t, 2)


cdef bint lock_record(Table* t, Record* r) noexcept nogil:
    cdef uint64_t seen
    cdef int i
    for i in range(LOCK_TRIES):
        seen = load_relaxed_u64(&r.lock)
        if (seen >> 32) == 0 and cas_u64(&r.lock, seen, (<uint64_t>(t.self + 1) << 32) | seen):
            leases_step(t, 3)
            return True
        cpu_relax()
    store_release_u64(&t.slots[t.self].record, 0)
    return False


cdef inline void unlock_record(Table* t, Record* r) noexcept nogil:
    store_release_u64(&r.lock, <uint32_t>(load_relaxed_u64(&r.lock) + 1))
    leases_step(t, 15)
    store_release_u64(&t.slots[t.self].record, 0)
    leases_step(t, 16)


cdef inline void set_bit(Table* t, uint32_t number, bint taken) noexcept nogil:
    cdef uint64_t* word = &t.bits[number // 64]
    cdef uint64_t bit = <uint64_t>1 << (number % 64)
    if taken:
        fetch_or_u64(word, bit)
    else:
        fetch_and_u64(word, ~bit)


cdef inline void set_dirty(Table* t, uint32_t number) noexcept nogil:
    cdef uint32_t chunk = number // CHUNK_SIZE
    cdef uint64_t bit = <uint64_t>1 << (chunk % 64)
    # Tested first: many changes of a chunk then write the shared word once.
    if not load_relaxed_u64(&t.dirty[chunk // 64]) & bit:
        fetch_or_u64(&t.dirty[chunk // 64], bit)


# ---- identifiers of a record

cdef struct Kept:                # the three identifiers that a record has or is to have
    Span client_id
    Span relay_info
    Span hostname


cdef inline Span kept(const uint8_t* inline_at, uint32_t room, const uint8_t* long_at,
                      uint32_t size) noexcept nogil:
    cdef Span span
    span.at = inline_at if size <= room else long_at
    span.len = size
    return span


cdef inline void kept_of(const Table* t, uint32_t number, const Record* r,
                         Kept* out) noexcept nogil:
    cdef const uint8_t* longs = t.longs + <uint64_t>number * LONG_SIZE
    out.client_id = kept(r.client_id, CLIENT_ID_INLINE, longs + LONG_CLIENT_ID, r.client_id_len)
    out.relay_info = kept(r.relay_info, RELAY_INFO_INLINE, longs + LONG_RELAY_INFO,
                          r.relay_info_len)
    out.hostname = kept(r.hostname, HOSTNAME_INLINE, longs + LONG_HOSTNAME, r.hostname_len)


# What came replaces what was; what did not come, or is too long to be kept, leaves it. At a new
# binding nothing stays of the one before.
cdef inline void choose(Span* kept_span, Span came, bint anew) noexcept nogil:
    if came.at != NULL and came.len <= 255:
        kept_span[0] = came
    elif anew:
        kept_span.len = 0


cdef inline bint same(Span came, Span was) noexcept nogil:
    return (came.at == NULL or came.len > 255
            or (came.len == was.len and memcmp(came.at, was.at, came.len) == 0))


cdef inline void put_identifier(uint8_t* inline_at, uint32_t room, uint8_t* long_at,
                                const uint8_t* data, uint32_t size) noexcept nogil:
    memcpy(inline_at if size <= room else long_at, data, size)


# ---- entries

cdef inline uint32_t round8(uint32_t size) noexcept nogil:
    return (size + 7) & ~<uint32_t>7


cdef inline void fill_header(EntryHeader* h, uint8_t kind, uint32_t size, const Record* r,
                             uint8_t flags) noexcept nogil:
    h.size = <uint16_t>size
    h.kind = kind
    h.flags = flags
    h.spare = 0
    h.vrf = r.vrf
    h.address = r.address
    h.version = r.version


cdef uint32_t write_whole(uint8_t* at, const Record* r, const Kept* ids) noexcept nogil:
    cdef uint32_t size = round8(WHOLE_FIXED + ids.client_id.len + ids.relay_info.len
                                + ids.hostname.len)
    cdef uint8_t* end = at + size
    cdef Record* fixed = <Record*>at
    fill_header(<EntryHeader*>at, ENTRY_WHOLE, size, r, r.flags)
    memcpy(at + 24, <const uint8_t*>r + 24, RECORD_FIXED)
    # The same offsets as in the record, so the lengths can be set through its type.
    fixed.client_id_len = <uint8_t>ids.client_id.len
    fixed.relay_info_len = <uint8_t>ids.relay_info.len
    fixed.hostname_len = <uint8_t>ids.hostname.len
    at += WHOLE_FIXED
    if ids.client_id.len:
        memcpy(at, ids.client_id.at, ids.client_id.len)
        at += ids.client_id.len
    if ids.relay_info.len:
        memcpy(at, ids.relay_info.at, ids.relay_info.len)
        at += ids.relay_info.len
    if ids.hostname.len:
        memcpy(at, ids.hostname.at, ids.hostname.len)
        at += ids.hostname.len
    memset(at, 0, end - at)
    return size


cdef uint32_t write_renew(uint8_t* at, const Record* r) noexcept nogil:
    cdef RenewEntry* e = <RenewEntry*>at
    fill_header(&e.header, ENTRY_RENEW, sizeof(RenewEntry), r, r.flags)
    e.expiry = r.expiry
    e.acked_expiry = r.acked_expiry
    e.cltt = r.cltt
    e.spare = 0
    return sizeof(RenewEntry)


cdef uint32_t write_end(uint8_t* at, const Record* r) noexcept nogil:
    fill_header(<EntryHeader*>at, ENTRY_END, sizeof(EntryHeader), r, r.flags)
    return sizeof(EntryHeader)


# Room for `size` bytes in the own ring, without a seam; NULL: it is full. `head` is where the
# entry will end; a pad before it (from the old head to the ring's end) is written here.
cdef uint8_t* ring_room(Table* t, uint32_t size, uint64_t* head) noexcept nogil:
    cdef Ring* ring = leases_ring(t, t.self)
    cdef uint8_t* data = <uint8_t*>ring + RING_HEADER
    cdef uint64_t at = load_relaxed_u64(&ring.head)
    cdef uint32_t place = <uint32_t>(at & (t.node.ring_size - 1))
    cdef uint32_t left = t.node.ring_size - place
    cdef uint32_t pad = left if left < size else 0
    cdef EntryHeader* h
    if at + pad + size - load_acquire_u64(&ring.tail) > t.node.ring_size:
        return NULL
    if pad:
        # At least eight bytes are left there: all sizes are multiples of eight.
        h = <EntryHeader*>(data + place)
        h.size = <uint16_t>pad
        h.kind = ENTRY_PAD
        h.flags = 0
        h.spare = 0
        place = 0
    head[0] = at + pad + size
    return data + place


# ---- replay: the one function that turns an entry into a record

cdef void replay_whole(Table* t, Record* r, uint32_t number, const uint8_t* e) noexcept nogil:
    cdef const Record* fixed = <const Record*>e
    cdef uint8_t* longs = t.longs + <uint64_t>number * LONG_SIZE
    cdef const uint8_t* at = e + WHOLE_FIXED
    r.vrf = fixed.vrf
    r.address = fixed.address
    leases_step(t, 8)
    put_identifier(r.client_id, CLIENT_ID_INLINE, longs + LONG_CLIENT_ID, at,
                   fixed.client_id_len)
    at += fixed.client_id_len
    put_identifier(r.relay_info, RELAY_INFO_INLINE, longs + LONG_RELAY_INFO, at,
                   fixed.relay_info_len)
    at += fixed.relay_info_len
    put_identifier(r.hostname, HOSTNAME_INLINE, longs + LONG_HOSTNAME, at, fixed.hostname_len)
    leases_step(t, 9)
    memcpy(<uint8_t*>r + 24, e + 24, RECORD_FIXED)
    r.offer_key = 0
    r.offer_until = 0


# An entry upon its record, whose lock is held (or nobody else is there: recovery). Idempotent.
# Version last, so that a replay that was cut short is done again.
cdef void replay(Table* t, uint32_t number, const uint8_t* entry, uint32_t ring,
                 uint64_t position) noexcept nogil:
    cdef const EntryHeader* h = <const EntryHeader*>entry
    cdef const RenewEntry* renewal = <const RenewEntry*>entry
    cdef Record* r = leases_record(t, number)
    cdef uint32_t network, grace_s
    policy_of(t, h.vrf, h.address, &network, &grace_s)
    if h.kind == ENTRY_WHOLE:
        replay_whole(t, r, number, entry)
    elif h.kind == ENTRY_RENEW:
        r.expiry = renewal.expiry
        r.acked_expiry = renewal.acked_expiry
        r.cltt = renewal.cltt
    else:
        r.state = FREE
        r.flags = h.flags
        r.offer_key = 0
        r.offer_until = 0
    leases_step(t, 10)
    r.ring = ring
    r.position = position
    r.change = 0
    store_relaxed_u32(&t.again[number], look_again(r, grace_s))
    leases_step(t, 11)
    if h.kind == ENTRY_WHOLE and network:
        leases_index(t, network, (<uint64_t*>r.key)[0], number)
    leases_step(t, 12)
    set_bit(t, number, r.state != FREE)
    if r.state == FREE:
        bitmap_freed(t, h.vrf, h.address)
    leases_step(t, 13)
    fence_release()
    r.version = h.version


# ---- apply

# The record as it will be. True if a short entry can say it.
cdef bint next_record(Table* t, const Change* c, const Record* r, Record* after,
                      Kept* ids) noexcept nogil:
    cdef bint bare = True        # nothing but state or times change
    cdef bint anew = c.kind == CHANGE_BIND
    memcpy(after, r, 112)
    kept_of(t, c.number, r, ids)
    after.vrf = c.vrf
    after.address = c.address
    after.version = r.version + 1
    after.flags = c.flags
    if c.kind == CHANGE_END:
        after.state = FREE
        return True
    if c.kind == CHANGE_PEND:
        after.state = PENDING
        return False
    after.cltt = c.now
    if c.kind == CHANGE_DECLINE:
        after.state = DECLINED
        after.expiry = c.expiry
        return False
    if anew:
        after.state = ACTIVE
        after.inc_epoch = t.node.epoch
        after.inc_n = r.inc_n + 1
        after.start = c.now
        after.expiry = c.expiry
        after.acked_expiry = 0
        bare = False
    elif c.expiry > r.expiry:
        # Expiry never goes down while ACTIVE: it is the latest instant told.
        after.expiry = c.expiry
    if (bare and r.flags == c.flags and r.subnet_id == c.subnet_id and r.hlen == c.hlen
            and r.htype == c.htype and memcmp(r.chaddr, c.chaddr, c.hlen) == 0
            and memcmp(r.key, c.key, 16) == 0 and same(c.client_id, ids.client_id)
            and same(c.relay_info, ids.relay_info) and same(c.hostname, ids.hostname)):
        return True
    after.htype = c.htype
    after.hlen = c.hlen
    after.class_id = c.class_id
    after.subnet_id = c.subnet_id
    memcpy(after.key, c.key, 16)
    memset(after.chaddr, 0, 16)
    memcpy(after.chaddr, c.chaddr, c.hlen)
    choose(&ids.client_id, c.client_id, anew)
    choose(&ids.relay_info, c.relay_info, anew)
    choose(&ids.hostname, c.hostname, anew)
    return False


# The entry of a change, in `entry` (ENTRY_MAX bytes). A short one only if the record's last change
# is durable: then the order in which the rings of several workers reach the disk does not matter.
cdef uint32_t make_entry(Table* t, const Change* c, const Record* r,
                         uint8_t* entry) noexcept nogil:
    cdef Record after
    cdef Kept ids
    if next_record(t, c, r, &after, &ids) and journal_is_durable(t, r.ring, r.position):
        return write_end(entry, &after) if c.kind == CHANGE_END else write_renew(entry, &after)
    return write_whole(entry, &after, &ids)


# Steps 4 to 6 of the protocol: dirty bit, entry published, replay.
cdef Applied publish_and_replay(Table* t, const Change* c, Record* r,
                                Outcome* out) noexcept nogil:
    cdef uint64_t scratch[112]   # ENTRY_MAX bytes, aligned
    cdef uint8_t* entry = <uint8_t*>&scratch
    cdef uint64_t head
    cdef uint32_t size = make_entry(t, c, r, entry)
    cdef uint8_t* at = ring_room(t, size, &head)
    if at == NULL:
        return APPLY_RING_FULL
    set_dirty(t, c.number)
    leases_step(t, 5)
    memcpy(at, entry, size)
    leases_step(t, 6)
    store_release_u64(&leases_ring(t, t.self).head, head)
    leases_step(t, 7)
    # A store-release does not hold back later stores: none of the replay may be seen, nor done,
    # before the entry is there.
    fence_release()
    replay(t, c.number, at, t.self, head)
    out.ring = t.self
    out.position = head
    count(&t.counters[t.self], COUNT_BINDINGS)
    return APPLIED


# An offer, or its end: volatile, no entry. The bit comes after the fields.
cdef void set_offer(Table* t, const Change* c, Record* r) noexcept nogil:
    cdef uint32_t network, grace_s
    policy_of(t, c.vrf, c.address, &network, &grace_s)
    if r.version == 0:
        r.vrf = c.vrf
        r.address = c.address
    r.offer_until = 0
    fence_release()
    leases_step(t, 20)
    if c.kind == CHANGE_OFFER:
        r.offer_key = c.key[0]
        fence_release()
        r.offer_until = c.offer_until
        count(&t.counters[t.self], COUNT_OFFERS)
    leases_step(t, 21)
    store_relaxed_u32(&t.again[c.number], look_again(r, grace_s))
    leases_step(t, 22)
    set_bit(t, c.number, r.state != FREE or r.offer_until != 0)
    leases_step(t, 23)
    if c.kind == CHANGE_OFFER:
        if network:
            leases_index(t, network, c.key[0], c.number)
    elif r.state == FREE:
        bitmap_freed(t, c.vrf, c.address)


cdef Applied apply_change(Table* t, const Change* change, Outcome* out) noexcept nogil:
    cdef Record* r = leases_record(t, change.number)
    cdef Applied result = APPLIED
    name_record(t, change.number)
    if not lock_record(t, r):
        return APPLY_LOCKED
    if <uint32_t>load_relaxed_u64(&r.lock) != <uint32_t>change.lock_seen:
        unlock_record(t, r)
        return APPLY_MOVED
    leases_step(t, 4)
    if change.kind == CHANGE_OFFER or change.kind == CHANGE_LAPSE:
        set_offer(t, change, r)
        out.ring = r.ring
        out.position = r.position
    else:
        result = publish_and_replay(t, change, r, out)
    out.inc_epoch = r.inc_epoch
    out.inc_n = r.inc_n
    out.expiry = r.expiry
    leases_step(t, 14)
    unlock_record(t, r)
    return result


cdef bint journal_is_durable(const Table* t, uint32_t ring, uint64_t position) noexcept nogil:
    return load_acquire_u64(&leases_ring(t, ring).durable) >= position


# The consumer sets its flag, fence, looks again, sleeps; the producer publishes, fence, looks at
# the flag: so one of the two sees the other, and no wake-up is lost.
cdef bint journal_wake_wanted(Table* t, uint32_t process) noexcept nogil:
    fence_full()
    if load_relaxed_u32(&t.processes[process].asleep) == 0:
        return False
    store_release_u32(&t.processes[process].asleep, 0)
    return True


# ---- repair

# The dead process held this record's lock. If its entry was published, the entry counts.
cdef void repair_record(Table* t, const Slot* slot, uint32_t process) noexcept nogil:
    cdef Ring* ring = leases_ring(t, process)
    cdef uint8_t* data = <uint8_t*>ring + RING_HEADER
    cdef uint32_t number = <uint32_t>slot.record - 1
    cdef Record* r = leases_record(t, number)
    cdef uint64_t at = slot.head
    cdef uint64_t head = load_acquire_u64(&ring.head)
    cdef EntryHeader* h
    cdef uint32_t network, grace_s, vrf, address
    if head > at:
        h = <EntryHeader*>(data + (at & (t.node.ring_size - 1)))
        if h.kind == ENTRY_PAD:
            at += h.size
            h = <EntryHeader*>(data + (at & (t.node.ring_size - 1)))
        replay(t, number, <uint8_t*>h, process, at + h.size)
    place_of(t, number, &vrf, &address)
    policy_of(t, vrf, address, &network, &grace_s)
    store_relaxed_u32(&t.again[number], look_again(r, grace_s))
    set_bit(t, number, r.state != FREE or r.offer_until != 0)
    bitmap_freed(t, vrf, address)
    store_release_u64(&r.lock, <uint32_t>(load_relaxed_u64(&r.lock) + 1))


def repair(Memory memory, uint32_t process):
    """After the death of `process` (waitpid) and before its replacement starts, by the supervisor.

    True if it held a record's lock.
    """
    cdef Table* t = &memory.table
    cdef Slot* slot
    cdef Record* r
    if process >= t.node.processes:
        raise IndexError(f"there is no process {process}")
    slot = &t.slots[process]
    store_release_u32(&t.processes[process].asleep, 0)
    if slot.record == 0:
        return False
    r = leases_record(t, <uint32_t>slot.record - 1)
    held = (load_acquire_u64(&r.lock) >> 32) == process + 1
    if held:
        repair_record(t, slot, process)
    store_release_u64(&slot.record, 0)
    return held


# ---- what the store takes and settles

def take(Memory memory):
    """What all rings hold now: their entries one ring after another, and the heads they reach to.

    Nothing is given back to the producers: see settle().
    """
    cdef Table* t = &memory.table
    cdef Ring* ring
    cdef uint8_t* data
    cdef uint64_t tail, head
    cdef uint32_t p, place, first
    parts = []
    heads = []
    for p in range(t.node.processes):
        ring = leases_ring(t, p)
        data = <uint8_t*>ring + RING_HEADER
        tail = load_relaxed_u64(&ring.tail)
        head = load_acquire_u64(&ring.head)
        heads.append(head)
        if head == tail:
            continue
        place = <uint32_t>(tail & (t.node.ring_size - 1))
        first = <uint32_t>min(head - tail, <uint64_t>(t.node.ring_size - place))
        parts.append(data[place:place + first])
        if first < head - tail:
            parts.append(data[:head - tail - first])
    return b"".join(parts), heads


def pending_bytes(Memory memory):
    """Bytes in all rings that have not been taken and settled."""
    cdef Table* t = &memory.table
    cdef uint32_t p
    cdef uint64_t total = 0
    for p in range(t.node.processes):
        total += (load_acquire_u64(&leases_ring(t, p).head)
                  - load_relaxed_u64(&leases_ring(t, p).tail))
    return total


def settle(Memory memory, heads):
    """After the commit of what take() gave: moves the tails, publishes the durable positions."""
    cdef Table* t = &memory.table
    cdef uint32_t p
    for p in range(t.node.processes):
        store_release_u64(&leases_ring(t, p).tail, heads[p])
    for p in range(t.node.processes):
        store_release_u64(&leases_ring(t, p).durable, heads[p])


def publish(Memory memory, positions):
    """At attach: the committed positions of this segment id, as settle()."""
    settle(memory, positions)


def sleep_begin(Memory memory):
    """Asks to be woken. False: there is work already, do not sleep."""
    cdef Table* t = &memory.table
    store_release_u32(&t.processes[t.self].asleep, 1)
    fence_full()
    if pending_bytes(memory):
        store_release_u32(&t.processes[t.self].asleep, 0)
        return False
    return True


def sleep_end(Memory memory):
    """Awake again, whoever woke it."""
    store_release_u32(&memory.table.processes[memory.table.self].asleep, 0)


def wake_wanted(Memory memory, uint32_t process):
    """True if the process sleeps and asked to be woken; then write its eventfd."""
    if process >= memory.table.node.processes:
        raise IndexError(f"there is no process {process}")
    return journal_wake_wanted(&memory.table, process)


# ---- recovery

# Where an entry ends and what it is; 0: the bytes are no entry.
cdef uint32_t entry_size(const uint8_t* at, uint32_t left) noexcept nogil:
    cdef const EntryHeader* h = <const EntryHeader*>at
    cdef const Record* fixed = <const Record*>at
    if left < 8 or h.size < 8 or h.size % 8 or h.size > left:
        return 0
    if h.kind == ENTRY_PAD:
        return h.size
    if h.size < sizeof(EntryHeader):
        return 0
    if h.kind == ENTRY_END:
        return h.size
    if h.kind == ENTRY_RENEW:
        return h.size if h.size >= sizeof(RenewEntry) else 0
    if h.kind != ENTRY_WHOLE or h.size < WHOLE_FIXED or fixed.hlen > 16:
        return 0
    if (<uint32_t>WHOLE_FIXED + fixed.client_id_len + fixed.relay_info_len + fixed.hostname_len
            > h.size):
        return 0
    return h.size


cdef enum Recovered:
    RECOVERED_OLD = 0
    RECOVERED_NEW = 1
    RECOVERED_NO_ROOM = 2


cdef Recovered recover_entry(Table* t, const uint8_t* at, uint64_t sequence) noexcept nogil:
    cdef const EntryHeader* h = <const EntryHeader*>at
    cdef uint32_t block = leases_enter(t, h.vrf, h.address)
    cdef uint32_t number
    cdef Record* r
    if block == NOWHERE:
        return RECOVERED_NO_ROOM
    number = block * BLOCK_SIZE + (h.address & 255)
    r = leases_record(t, number)
    if h.version <= r.version:
        return RECOVERED_OLD
    # Position is volatile: after a replay a record counts as durable (position 0 of ring 0).
    replay(t, number, at, 0, 0)
    r.change = sequence if sequence else (<const Record*>at).change
    return RECOVERED_NEW


cdef int recover(Memory memory, const unsigned char[::1] data, uint64_t sequence) except -1:
    cdef Table* t = &memory.table
    cdef uint32_t at = 0
    cdef uint32_t end = data.shape[0]
    cdef uint32_t size
    cdef int newer = 0
    cdef Recovered result = RECOVERED_OLD
    with nogil:
        while at < end:
            size = entry_size(&data[at], end - at)
            if size == 0:
                break
            if (<const EntryHeader*>&data[at]).kind != ENTRY_PAD:
                result = recover_entry(t, &data[at], sequence)
                if result == RECOVERED_NO_ROOM:
                    break
                newer += result == RECOVERED_NEW
            at += size
    if result == RECOVERED_NO_ROOM:
        raise MemoryError("the lease table has no room for all leases on disk: "
                          "raise max-addresses")
    if at < end:
        raise ValueError(f"byte {at} of {end} begins no entry: the lease store is damaged")
    return newer


def replay_batch(Memory memory, const unsigned char[::1] data, sequence):
    """Recovery: a journal batch upon the records, newer versions only. Returns how many.

    Raises ValueError if the bytes are not a batch, MemoryError if the table has no room.
    """
    return recover(memory, data, sequence) if data.shape[0] else 0


def replay_chunk(Memory memory, const unsigned char[::1] data):
    """Recovery: one chunk of the checkpoint. As replay_batch."""
    return recover(memory, data, 0) if data.shape[0] else 0


def rekey(Memory memory):
    """Makes all client keys anew after `identity` changed. Only before the ready word.

    A record without any identifier of the new order keeps its key.
    """
    cdef Table* t = &memory.table
    cdef uint32_t block, i, number
    cdef Record* r
    cdef Kept ids
    cdef Identifiers who
    cdef int made = 0
    if t.image == NULL:
        raise ValueError("the policy image comes first")
    for block in range(t.node.block_capacity):
        if load_relaxed_u64(&t.directory[block]) == 0:
            continue
        for i in range(BLOCK_SIZE):
            number = block * BLOCK_SIZE + i
            r = leases_record(t, number)
            if r.version == 0:
                continue
            kept_of(t, number, r, &ids)
            who.client_id = ids.client_id
            if ids.client_id.len == 0:
                who.client_id.at = NULL
            who.circuit_id = relay_suboption(ids.relay_info, RELAY_CIRCUIT_ID)
            who.remote_id = relay_suboption(ids.relay_info, RELAY_REMOTE_ID)
            identifiers_hardware(&who, r.htype, r.chaddr, r.hlen)
            if client_key(t.node.secret, t.image.identity, &who, <uint64_t*>r.key):
                set_dirty(t, number)
                made += 1
    return made


def reindex(Memory memory):
    """Puts every record that was ever bound into the index, under the policy set now."""
    cdef Table* t = &memory.table
    cdef uint32_t block, i, number, network, grace_s
    cdef Binding b
    cdef int put = 0
    for block in range(t.node.block_capacity):
        if load_relaxed_u64(&t.directory[block]) == 0:
            continue
        for i in range(BLOCK_SIZE):
            number = block * BLOCK_SIZE + i
            if (leases_record(t, number).version == 0 or not leases_read(t, number, &b)):
                continue
            policy_of(t, b.vrf, b.address, &network, &grace_s)
            if network:
                leases_index(t, network, b.key[0], number)
                put += 1
    return put


# ---- checkpoint

def mark_all_dirty(Memory memory):
    """At attach: what is on disk of any chunk may be old."""
    cdef Table* t = &memory.table
    cdef uint32_t block, k
    for block in range(t.node.block_capacity):
        if load_relaxed_u64(&t.directory[block]):
            for k in range(BLOCK_SIZE // CHUNK_SIZE):
                set_dirty(t, block * BLOCK_SIZE + k * CHUNK_SIZE)


def mark_batch_dirty(Memory memory, const unsigned char[::1] data):
    """Recovery: the chunks that a journal batch touches are dirty."""
    cdef Table* t = &memory.table
    cdef uint32_t at = 0
    cdef uint32_t size, block
    cdef const EntryHeader* h
    while at < data.shape[0]:
        size = entry_size(&data[at], data.shape[0] - at)
        if size == 0:
            raise ValueError(f"byte {at} begins no entry: the lease store is damaged")
        h = <const EntryHeader*>&data[at]
        if h.kind != ENTRY_PAD:
            block = leases_block(t, h.vrf, h.address)
            if block != NOWHERE:
                set_dirty(t, block * BLOCK_SIZE + (h.address & 255))
        at += size


def dirty_chunks(Memory memory):
    """Numbers of the chunks that are dirty now."""
    cdef Table* t = &memory.table
    cdef uint32_t word
    cdef uint64_t bits
    found = []
    for word in range((t.node.block_capacity * (BLOCK_SIZE // CHUNK_SIZE) + 63) // 64):
        bits = load_relaxed_u64(&t.dirty[word])
        while bits:
            found.append(word * 64 + lowest_bit_u64(bits))
            bits &= bits - 1
    return found


def mark_dirty(Memory memory, uint32_t chunk):
    """A commit failed: the chunk is dirty as before."""
    if chunk >= memory.table.node.block_capacity * (BLOCK_SIZE // CHUNK_SIZE):
        raise IndexError(f"there is no chunk {chunk}")
    set_dirty(&memory.table, chunk * CHUNK_SIZE)


def chunk_key(Memory memory, uint32_t chunk):
    """Key of a chunk in `leases`: VRF, address / 64, both big-endian u32."""
    cdef uint32_t vrf, address
    if (chunk >= memory.table.node.block_capacity * (BLOCK_SIZE // CHUNK_SIZE)
            or memory.table.directory[chunk // (BLOCK_SIZE // CHUNK_SIZE)] == 0):
        raise IndexError(f"there is no chunk {chunk}")
    place_of(&memory.table, chunk * CHUNK_SIZE, &vrf, &address)
    return vrf.to_bytes(4, "big") + (address // 64).to_bytes(4, "big")


# One record as an entry, copied as any reader does. 0: never bound; -1: it stayed locked.
cdef int copy_entry(Table* t, uint32_t number, uint64_t sequence, uint8_t* out) noexcept nogil:
    cdef const Record* shared = leases_record(t, number)
    cdef Record r
    cdef Kept ids
    cdef uint64_t seen
    cdef int i
    cdef uint32_t size
    for i in range(READ_TRIES):
        seen = load_acquire_u64(&shared.lock)
        if (seen >> 32) == 0:
            memcpy(&r, shared, sizeof(Record))
            kept_of(t, number, &r, &ids)
            if r.change == 0:
                r.change = sequence
            # Lengths and places are of the copy, so a torn copy writes nothing out of bounds.
            size = write_whole(out, &r, &ids)
            fence_full()
            if load_relaxed_u64(&shared.lock) == seen:
                return <int>size if r.version else 0
        cpu_relax()
    return -1


def copy_chunk(Memory memory, uint32_t chunk, sequence):
    """Clears the dirty bit, then copies the chunk's records (`change` = `sequence` where unknown).

    None: a record was locked; the bit is set again, come back.
    """
    cdef Table* t = &memory.table
    cdef uint8_t out[64 * 896]
    cdef uint32_t used = 0
    cdef uint64_t number = sequence
    cdef uint32_t i
    cdef int size = 0
    if chunk >= t.node.block_capacity * (BLOCK_SIZE // CHUNK_SIZE):
        raise IndexError(f"there is no chunk {chunk}")
    with nogil:
        fetch_and_u64(&t.dirty[chunk // 64], ~(<uint64_t>1 << (chunk % 64)))
        fence_full()
        for i in range(CHUNK_SIZE):
            size = copy_entry(t, chunk * CHUNK_SIZE + i, number, out + used)
            if size < 0:
                break
            used += size
        if size < 0:
            set_dirty(t, chunk * CHUNK_SIZE)
    return None if size < 0 else out[:used]


# ---- the store's own changes

cdef inline void change_of(const Table* t, const Binding* b, uint8_t kind, uint32_t now,
                           Change* c) noexcept nogil:
    memset(c, 0, sizeof(Change))
    c.kind = kind
    c.number = b.number
    c.lock_seen = b.lock
    c.now = now
    c.flags = b.flags
    place_of(t, b.number, &c.vrf, &c.address)


# What is due of one record: 0 nothing, 1 an offer lapsed, 2 a lease ended; -1: the ring is full.
cdef int sweep_record(Table* t, uint32_t number, uint32_t now) noexcept nogil:
    cdef Binding b
    cdef Change c
    cdef Outcome out
    cdef uint32_t network, grace_s, vrf, address
    cdef uint64_t due
    cdef Applied result
    if not leases_read(t, number, &b):
        return 0
    if b.state == FREE:
        if b.offer_until == 0 or b.offer_until > now:
            return 0
        change_of(t, &b, CHANGE_LAPSE, now, &c)
        return 1 if apply_change(t, &c, &out) == APPLIED else 0
    place_of(t, number, &vrf, &address)
    policy_of(t, vrf, address, &network, &grace_s)
    due = b.expiry
    if b.state != DECLINED:
        due += grace_s
    # Not due by the policy of now (a longer grace since): the entry is only set anew.
    change_of(t, &b, CHANGE_END if due <= now else CHANGE_LAPSE, now, &c)
    c.flags = 0
    result = apply_change(t, &c, &out)
    if result == APPLY_RING_FULL:
        return -1
    return 2 if result == APPLIED and due <= now else 0


cdef uint32_t sweep_blocks(Table* t, uint32_t block, uint32_t limit, uint32_t now,
                           uint32_t* done) noexcept nogil:
    cdef uint32_t i, again
    cdef int result
    done[0] = done[1] = 0
    while block < t.node.block_capacity:
        if load_relaxed_u64(&t.directory[block]):
            for i in range(BLOCK_SIZE):
                again = load_relaxed_u32(&t.again[block * BLOCK_SIZE + i])
                if again == 0 or again > now:
                    continue
                result = sweep_record(t, block * BLOCK_SIZE + i, now)
                if result < 0:
                    return block
                if result:
                    done[result - 1] += 1
            if done[0] + done[1] >= limit:
                break
        block += 1
    return block + 1 if block + 1 < t.node.block_capacity else 0


def sweep(Memory memory, uint32_t first, uint32_t limit):
    """Looks at the look-again array from block `first` on, and ends what is due.

    Stops after the block in which `limit` records were reached, or before one for which the ring
    has no room. Returns (block to go on at; 0 = all was seen, offers lapsed, leases ended).
    """
    cdef Table* t = &memory.table
    cdef uint32_t done[2]
    cdef uint32_t now = node_now(t)
    cdef uint32_t block
    with nogil:
        block = sweep_blocks(t, first, limit, now, done)
    t.counters[t.self].words[<int>COUNT_SWEPT] += done[0]
    t.counters[t.self].words[<int>COUNT_EXPIRED] += done[1]
    return block, done[0], done[1]


def end_lease(Memory memory, uint32_t vrf, uint32_t address, bint now):
    """The operator's release.

    "ended" (`now`: at once, the hold is overridden), "pending" (the right to renew has ended, the
    hold has not), "free" (nothing was bound). Raises TimeoutError (the record stays locked),
    BlockingIOError (the ring is full).
    """
    cdef Table* t = &memory.table
    cdef Binding b
    cdef Change c
    cdef Outcome out
    cdef uint32_t block = leases_block(t, vrf, address)
    cdef Applied result
    for _ in range(100):
        if block == NOWHERE:
            return "free"
        if not leases_read(t, block * BLOCK_SIZE + (address & 255), &b):
            break
        if b.state == FREE:
            return "free"
        if b.state == PENDING and not now:
            return "pending"
        change_of(t, &b, CHANGE_END if now else CHANGE_PEND, node_now(t), &c)
        if now:
            c.flags = RECORD_RELEASED
        result = apply_change(t, &c, &out)
        if result == APPLIED:
            return "ended" if now else "pending"
        if result == APPLY_RING_FULL:
            raise BlockingIOError("the store's ring is full; try again")
    raise TimeoutError("the record stays locked; try again")


# ---- for tools and tests

_KINDS = {ENTRY_PAD: "pad", ENTRY_WHOLE: "whole", ENTRY_RENEW: "renew", ENTRY_END: "end"}


def entries(const unsigned char[::1] data):
    """A batch in words, for tools and tests. Raises ValueError if the bytes are not a batch."""
    cdef uint32_t at = 0
    cdef uint32_t size
    cdef const EntryHeader* h
    cdef const Record* r
    found = []
    while at < data.shape[0]:
        size = entry_size(&data[at], data.shape[0] - at)
        if size == 0:
            raise ValueError(f"byte {at} begins no entry")
        h = <const EntryHeader*>&data[at]
        r = <const Record*>&data[at]
        if h.kind != ENTRY_PAD:
            entry = {"kind": _KINDS[h.kind], "vrf": h.vrf, "address": h.address,
                     "version": h.version, "flags": h.flags, "size": size}
            if h.kind == ENTRY_RENEW:
                entry["expiry"] = (<const RenewEntry*>h).expiry
            elif h.kind == ENTRY_WHOLE:
                entry.update(state=r.state, expiry=r.expiry, key=r.key[:16],
                             chaddr=r.chaddr[:r.hlen], incarnation=(r.inc_epoch, r.inc_n))
            found.append(entry)
        at += size
    return found


cdef Span span_of(bytes data):
    cdef Span span
    span.at = NULL if data is None else <const uint8_t*><const char*>data
    span.len = 0 if data is None else len(data)
    return span


def apply(Memory memory, int kind, uint32_t vrf, uint32_t address, bytes key, bytes chaddr,
          uint32_t expiry=0, uint32_t offer_until=0, bytes client_id=None, bytes relay_info=None,
          bytes hostname=None, uint32_t subnet_id=0, lock_seen=None, now=None):
    """One change of a binding, as a worker makes it. For tests and tools.

    Returns (result, ring, position, incarnation, expiry); result is "applied", "moved", "locked"
    or "ring-full". Raises MemoryError if the table has no room for the address's block.
    """
    cdef Table* t = &memory.table
    cdef Binding b
    cdef Change c
    cdef Outcome out
    cdef uint8_t hardware[16]
    cdef uint32_t block = leases_enter(t, vrf, address)
    if block == NOWHERE:
        raise MemoryError("the lease table has no room for another block")
    if len(key) != 16 or len(chaddr) > 16:
        raise ValueError("a key has 16 bytes, chaddr at most 16")
    if not leases_read(t, block * BLOCK_SIZE + (address & 255), &b):
        return "locked", 0, 0, (0, 0), 0
    change_of(t, &b, kind, node_now(t) if now is None else now, &c)
    c.flags = 0
    if lock_seen is not None:
        c.lock_seen = lock_seen
    memset(hardware, 0, 16)
    memcpy(hardware, <const char*>chaddr, len(chaddr))
    memcpy(c.key, <const char*>key, 16)
    c.chaddr = hardware
    c.htype = 1
    c.hlen = len(chaddr)
    c.expiry = expiry
    c.offer_until = offer_until
    c.subnet_id = subnet_id
    c.client_id = span_of(client_id)
    c.relay_info = span_of(relay_info)
    c.hostname = span_of(hostname)
    memset(&out, 0, sizeof(out))
    with nogil:
        result = apply_change(t, &c, &out)
    return (["applied", "moved", "locked", "ring-full"][<int>result], out.ring, out.position,
            (out.inc_epoch, out.inc_n), out.expiry)
