"""Changes of bindings: applied by who decides them, replayed upon records, repaired after a death.

Steps of Apply (numbered for the crash tests, which kill a process at each of them):
 1 before the slot is named   2 slot named        3 locked           4 compared
 5 dirty bit set              6 entry written     7 head published   8-13 within the replay
14 replayed                  15 unlocked         16 slot cleared
Offers and lapses: 1-4, then 20-23 between their fields, then 14-16.
A block that is entered, before all of these: 24 number drawn, 25 row written, 26 entered.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from fastdhcp._atomic cimport (
    cas_u64, cpu_relax, fence_full, fence_locked, fence_release, fetch_and_u64, fetch_or_u64,
    load_acquire_u64, load_relaxed_u32, load_relaxed_u64, store_relaxed_u32, store_relaxed_u64,
    store_release_u32, store_release_u64,
)
from fastdhcp._bitmap cimport bitmap_freed
from fastdhcp._entry cimport (
    ENTRY_PAD, ENTRY_RENEW, ENTRY_WHOLE, ENTRY_WORDS, KEPT_MAX, RECORD_FIXED, WHOLE_FIXED, EndEntry,
    EntryHeader, Kept, RenewEntry, entry_kept, entry_write_end, entry_write_renew,
    entry_write_whole, kept_same, put_identifier,
)
from fastdhcp._image cimport (
    NOWHERE, Params, Subnet, image_near_subnet, image_network, image_overlay,
    image_overlay_values, image_params, image_pool, image_pool_within, image_subnet,
)
from fastdhcp._leases cimport (
    ACTIVE, BLOCK_SIZE, CHUNK_SIZE, CLIENT_ID_INLINE, DECLINED, FREE, GRACE_DEFAULT,
    HOSTNAME_INLINE, KEY_SIZE, LOCK_TRIES, LONG_CLIENT_ID, LONG_HOSTNAME, LONG_RELAY_INFO, PENDING,
    RELAY_INFO_INLINE, RING_HEADER, TIME_INFINITE, Binding, Record, Ring, Slot, Table, leases_bits,
    leases_index, leases_longs, leases_record, leases_ring, leases_step,
)
from fastdhcp._memory cimport Memory
from fastdhcp._overlay cimport WORD_REUSE_GRACE, overlay_has
from fastdhcp._reservations cimport Reservation, reservations_at
from fastdhcp._stats cimport COUNT_BINDINGS, COUNT_OFFERS, COUNT_REPAIRS, count
from fastdhcp._wire cimport HLEN_MAX, Span


# ---- what an address is worth: policy at replay

# The record's address, from its place: a record that was never bound does not name it.
cdef void journal_place(const Table* t, uint32_t number, uint32_t* vrf,
                        uint32_t* address) noexcept nogil:
    cdef uint64_t key = load_relaxed_u64(&t.places[number // BLOCK_SIZE]) - 1
    vrf[0] = <uint32_t>(key >> 24)
    address[0] = (<uint32_t>(key & 0xFFFFFF) << 8) | (number & 255)


# Seconds that an address of the subnet is held back after a lease's end: its reservation's, else
# its pool's, else the subnet's.
cdef inline uint32_t reuse_grace(const Table* t, const Subnet* subnet,
                                 uint32_t address) noexcept nogil:
    cdef const Params* params = image_params(t.image, subnet.params)
    cdef const Reservation* owner = NULL
    cdef uint32_t pool, grace_s
    if t.reservations != NULL and t.reservations.graces:
        owner = reservations_at(t.reservations, subnet.vrf, address)
    if owner != NULL and overlay_has(
            image_overlay(t.image, owner.overlay), image_overlay_values(t.image),
            WORD_REUSE_GRACE, &grace_s):
        return grace_s
    if subnet.own_graces:
        pool = image_pool_within(t.image, subnet, address)
        if pool != NOWHERE:
            params = image_params(t.image, image_pool(t.image, pool).params)
    return params.reuse_grace_s


# Network number and reuse-grace of an address under the policy of now.
cdef void journal_policy(const Table* t, uint32_t vrf, uint32_t address, uint32_t near,
                         uint32_t* network, uint32_t* grace_s) noexcept nogil:
    cdef uint32_t index
    cdef const Subnet* subnet
    network[0] = 0
    grace_s[0] = GRACE_DEFAULT
    if t.image == NULL:
        return
    index = image_near_subnet(t.image, near, vrf, address)
    if index != NOWHERE:
        subnet = image_subnet(t.image, index)
        network[0] = image_network(t.image, subnet.network).number
        grace_s[0] = reuse_grace(t, subnet, address)


# When the store must look at a record next; 0: never.
cdef uint32_t look_again(const Record* r, uint32_t grace_s) noexcept nogil:
    cdef uint64_t at
    if r.state == FREE:
        return r.offer_until
    if r.expiry == TIME_INFINITE:
        return 0
    at = journal_end(r.state, r.expiry, r.offer_until, grace_s)
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
    cdef int _i
    for _i in range(LOCK_TRIES):
        seen = load_relaxed_u64(&r.lock)
        if (seen >> 32) == 0 and cas_u64(&r.lock, seen, (<uint64_t>(t.self + 1) << 32) | seen):
            fence_locked()
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


# Tested first: most changes leave the bit as it is, and others read the line.
cdef inline void set_bit(Table* t, uint32_t number, bint taken) noexcept nogil:
    cdef uint64_t* word = leases_bits(t, number // BLOCK_SIZE) + number % BLOCK_SIZE // 64
    cdef uint64_t bit = <uint64_t>1 << (number % 64)
    cdef bint is_set = load_relaxed_u64(word) & bit != 0
    if taken and not is_set:
        fetch_or_u64(word, bit)
    elif is_set and not taken:
        fetch_and_u64(word, ~bit)


cdef void journal_set_dirty(Table* t, uint32_t number) noexcept nogil:
    cdef uint32_t chunk = number // CHUNK_SIZE
    cdef uint64_t bit = <uint64_t>1 << (chunk % 64)
    # Tested first: many changes of a chunk then write the shared word once.
    if not load_relaxed_u64(&t.dirty[chunk // 64]) & bit:
        fetch_or_u64(&t.dirty[chunk // 64], bit)


# ---- ring

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
        h.inc_n = 0
        place = 0
    head[0] = at + pad + size
    return data + place


# ---- replay: the one function that turns an entry into a record

cdef void replay_whole(Table* t, Record* r, uint32_t number, const uint8_t* e) noexcept nogil:
    cdef const Record* fixed = <const Record*>e
    cdef uint8_t* longs = leases_longs(t, number)
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
    memcpy(<uint8_t*>r + sizeof(EntryHeader), e + sizeof(EntryHeader), RECORD_FIXED)
    r.offer_key = 0
    r.offer_until = 0


# An entry upon its record, whose lock is held (or nobody else is there: recovery). Idempotent.
# Version last, so that a replay that was cut short is done again.
cdef void journal_replay(Table* t, uint32_t number, const uint8_t* entry, uint32_t near,
                         uint32_t ring, uint64_t position) noexcept nogil:
    cdef const EntryHeader* h = <const EntryHeader*>entry
    cdef const RenewEntry* renewal = <const RenewEntry*>entry
    cdef Record* r = leases_record(t, number)
    cdef uint32_t network, grace_s
    journal_policy(t, h.vrf, h.address, near, &network, &grace_s)
    if h.kind == ENTRY_WHOLE:
        replay_whole(t, r, number, entry)
    elif h.kind == ENTRY_RENEW:
        r.flags = h.flags
        r.expiry = renewal.expiry
        r.acked_expiry = renewal.acked_expiry
        r.cltt = renewal.cltt
    else:
        r.state = FREE
        r.flags = h.flags
        if h.size >= sizeof(EndEntry):
            r.expiry = min(r.expiry, (<const EndEntry*>entry).ended)
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


# ---- what a change makes of a record

# What came replaces what was; what did not come leaves it, but for what is of another (`anew`).
# What is too long to be kept leaves nothing: what it takes the place of is true no more.
cdef inline void choose(Span* kept_span, Span came, bint anew) noexcept nogil:
    if came.at != NULL and came.len <= KEPT_MAX:
        kept_span[0] = came
    elif came.at != NULL or anew:
        kept_span.len = 0


# ---- apply

# The record as it will be. True if a short entry can say it.
cdef bint next_record(Table* t, const Change* c, const Record* r, Record* after,
                      Kept* ids) noexcept nogil:
    cdef bint anew = c.kind == CHANGE_BIND
    cdef bint other_box
    memcpy(after, r, WHOLE_FIXED)
    entry_kept(r, leases_longs(t, c.number), ids)
    after.vrf = c.vrf
    after.address = c.address
    if r.version == 0:
        # What is made anew may have been here before, and its record gone from the disk.
        after.version = t.node.version_floor
        after.inc_n = t.node.inc_floor
    after.version += 1
    after.flags = c.flags
    if c.kind == CHANGE_END:
        # A free record's expiry is when its last binding ended.
        after.state = FREE
        after.expiry = min(r.expiry, c.now)
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
        after.inc_n += 1
        after.start = c.now
        after.expiry = c.expiry
        after.acked_expiry = 0
    elif c.expiry > r.expiry:
        # Expiry never goes down while ACTIVE: it is the latest instant told.
        after.expiry = c.expiry
    other_box = (anew or r.hlen != c.hlen or r.htype != c.htype
                 or memcmp(r.chaddr, c.chaddr, c.hlen) != 0)
    if (not other_box and r.flags == c.flags and r.subnet_id == c.subnet_id
            and r.class_id == c.class_id and memcmp(r.key, c.key, KEY_SIZE) == 0
            and kept_same(&c.kept, ids)):
        return True
    after.htype = c.htype
    after.hlen = c.hlen
    after.class_id = c.class_id
    after.subnet_id = c.subnet_id
    memcpy(after.key, c.key, KEY_SIZE)
    memset(after.chaddr, 0, HLEN_MAX)
    memcpy(after.chaddr, c.chaddr, c.hlen)
    # RFC 2131 4.3.4: by the names of the box that was here before nobody comes to this lease.
    choose(&ids.client_id, c.kept.client_id, other_box)
    choose(&ids.relay_info, c.kept.relay_info, anew)
    choose(&ids.hostname, c.kept.hostname, other_box)
    return False


# The entry of a change, in `entry` (ENTRY_MAX bytes). A short one only if the record's last change
# is durable: then the order in which the rings of several workers reach the disk does not matter.
cdef uint32_t make_entry(Table* t, const Change* c, const Record* r,
                         uint8_t* entry) noexcept nogil:
    cdef Record after
    cdef Kept ids
    if next_record(t, c, r, &after, &ids) and journal_is_durable(t, r.ring, r.position):
        if c.kind == CHANGE_END:
            return entry_write_end(entry, &after, c.now)
        return entry_write_renew(entry, &after)
    return entry_write_whole(entry, &after, &ids)


# Steps 4 to 6 of the protocol: dirty bit, entry published, replay.
cdef Applied publish_and_replay(Table* t, const Change* c, Record* r,
                                Outcome* out) noexcept nogil:
    cdef uint64_t scratch[ENTRY_WORDS]
    cdef uint8_t* entry = <uint8_t*>&scratch
    cdef uint64_t head
    cdef uint32_t size = make_entry(t, c, r, entry)
    cdef uint8_t* at = ring_room(t, size, &head)
    if at == NULL:
        return APPLY_RING_FULL
    journal_set_dirty(t, c.number)
    leases_step(t, 5)
    memcpy(at, entry, size)
    leases_step(t, 6)
    store_release_u64(&leases_ring(t, t.self).head, head)
    leases_step(t, 7)
    # A store-release does not hold back later stores: none of the replay may be seen, nor done,
    # before the entry is there.
    fence_release()
    journal_replay(t, c.number, at, c.near, t.self, head)
    out.ring = t.self
    out.position = head
    count(t.own, COUNT_BINDINGS)
    return APPLIED


# An offer, or its end: volatile, no entry. The bit comes after the fields.
cdef void set_offer(Table* t, const Change* c, Record* r) noexcept nogil:
    cdef uint32_t network, grace_s
    journal_policy(t, c.vrf, c.address, c.near, &network, &grace_s)
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
        count(t.own, COUNT_OFFERS)
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


cdef void journal_change(const Table* t, const Binding* b, uint8_t kind, uint32_t now,
                         Change* c) noexcept nogil:
    memset(c, 0, sizeof(Change))
    c.kind = kind
    c.number = b.number
    c.lock_seen = b.lock
    c.now = now
    c.flags = b.flags
    journal_place(t, b.number, &c.vrf, &c.address)


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
        journal_replay(t, number, <uint8_t*>h, NOWHERE, process, at + h.size)
    journal_place(t, number, &vrf, &address)
    journal_policy(t, vrf, address, NOWHERE, &network, &grace_s)
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
    if process >= t.node.rings:
        raise IndexError(f"process {process} applies no changes")
    slot = &t.slots[process]
    store_release_u32(&t.processes[process].asleep, 0)
    # It is in no commit any more: its successor is to be judged by what it does itself.
    store_relaxed_u64(&t.processes[process].busy_since_ns, 0)
    if slot.record == 0:
        return False
    r = leases_record(t, <uint32_t>slot.record - 1)
    held = (load_acquire_u64(&r.lock) >> 32) == process + 1
    if held:
        repair_record(t, slot, process)
        count(t.own, COUNT_REPAIRS)
    store_release_u64(&slot.record, 0)
    return held
