"""What the store does with the table: takes and settles entries, recovers, ends what is due."""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fastdhcp._atomic cimport (
    fence_full, load_acquire_u64, load_relaxed_u32, load_relaxed_u64, prefetch, store_release_u32,
    store_release_u64,
)
from fastdhcp._entry cimport (
    ENTRY_PAD, ENTRY_WHOLE, EntryHeader, Kept, entry_aligned, entry_kept, entry_size,
)
from fastdhcp._identity cimport (
    Identifiers, client_key, identifiers_hardware, identifiers_named, identifiers_relay_info,
)
from fastdhcp._areas cimport SLOT_COUNT
from fastdhcp._image cimport NAMED_KINDS, NOWHERE
from fastdhcp._journal cimport (
    APPLIED, APPLY_RING_FULL, CHANGE_END, CHANGE_LAPSE, CHANGE_PEND, Applied, Change, Outcome,
    apply_change, journal_change, journal_end, journal_place, journal_policy, journal_replay,
    journal_set_dirty, journal_wake_wanted,
)
from fastdhcp._leases cimport (
    BLOCK_SIZE, DECLINED, FREE, PENDING, RECORD_RELEASED, RINGS_MAX, RING_HEADER, Binding, Entries,
    Record, Ring, Table, leases_block, leases_end, leases_enter, leases_entries, leases_index,
    leases_is_block, leases_longs, leases_read, leases_record, leases_ring, node_now,
)
from fastdhcp._memory cimport Memory
from fastdhcp._program cimport Input, input_kept
from fastdhcp._wire cimport Span
from fastdhcp._stats cimport COUNT_EXPIRED, COUNT_SWEPT


# ---- what the store takes and settles

# One ring from its tail to `head`; where it ends in `at`.
cdef uint8_t* copy_ring(const Table* t, uint32_t process, uint64_t head,
                        uint8_t* at) noexcept nogil:
    cdef Ring* ring = leases_ring(t, process)
    cdef const uint8_t* data = <uint8_t*>ring + RING_HEADER
    cdef uint64_t tail = load_relaxed_u64(&ring.tail)
    cdef uint32_t place = <uint32_t>(tail & (t.node.ring_size - 1))
    cdef uint64_t first = min(head - tail, <uint64_t>(t.node.ring_size - place))
    memcpy(at, data + place, first)
    memcpy(at + first, data, head - tail - first)
    return at + (head - tail)


def take(Memory memory, uint32_t room=0):
    """What all rings hold now: their entries one ring after another behind `room` bytes, and the
    heads they reach to.

    Nothing is given back to the producers: see settle().
    """
    cdef Table* t = &memory.table
    cdef uint64_t total = room
    cdef uint64_t heads[RINGS_MAX]
    cdef uint8_t* at
    cdef uint32_t p
    for p in range(t.node.rings):
        heads[p] = load_acquire_u64(&leases_ring(t, p).head)
        total += heads[p] - load_relaxed_u64(&leases_ring(t, p).tail)
    batch = PyByteArray_FromStringAndSize(NULL, total)
    at = <uint8_t*>PyByteArray_AS_STRING(batch) + room
    for p in range(t.node.rings):
        at = copy_ring(t, p, heads[p], at)
    return batch, [heads[p] for p in range(t.node.rings)]


def pending_bytes(Memory memory):
    """Bytes in all rings that have not been taken and settled."""
    cdef Table* t = &memory.table
    cdef uint32_t p
    cdef uint64_t total = 0
    for p in range(t.node.rings):
        total += (load_acquire_u64(&leases_ring(t, p).head)
                  - load_relaxed_u64(&leases_ring(t, p).tail))
    return total


def at_work(Memory memory):
    """Whether a worker that has published what is not taken yet has not gone to sleep since: more
    may come."""
    cdef Table* t = &memory.table
    cdef uint32_t p
    for p in range(t.node.workers):
        if (load_acquire_u64(&leases_ring(t, p).head) != load_relaxed_u64(&leases_ring(t, p).tail)
                and load_relaxed_u32(&t.processes[p].asleep) == 0):
            return True
    return False


def settle(Memory memory, heads):
    """After the commit of what take() gave, or at attach of what was committed: moves the tails,
    publishes the durable positions."""
    cdef Table* t = &memory.table
    cdef uint32_t p
    for p in range(t.node.rings):
        store_release_u64(&leases_ring(t, p).tail, heads[p])
    for p in range(t.node.rings):
        store_release_u64(&leases_ring(t, p).durable, heads[p])


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
    if process >= memory.table.node.rings:
        raise IndexError(f"there is no process {process}")
    return journal_wake_wanted(&memory.table, process)


# ---- recovery

cdef enum:
    AHEAD = 16                   # entries: as many misses as are worth waiting for at a time


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
    if r.version == 0 and h.kind != ENTRY_WHOLE:
        # A short one stands upon a record that is on disk. Its chunk has gone from there since, so
        # it was of one that has ended, outside the policy of then (_strays).
        return RECOVERED_OLD
    # Position is volatile: after a replay a record counts as durable (position 0 of ring 0).
    journal_replay(t, number, at, NOWHERE, 0, 0)
    r.change = sequence if sequence else (<const Record*>at).change
    return RECOVERED_NEW


# Asks for the places of the index that an entry may need: nearly each is on a line of its own.
cdef inline void recover_fetch(const Table* t, const uint8_t* at) noexcept nogil:
    cdef const Record* r = <const Record*>at
    cdef uint32_t network, grace_s
    cdef Entries entries
    journal_policy(t, r.vrf, r.address, NOWHERE, &network, &grace_s)
    leases_entries(t, network, (<const uint64_t*>r.key)[0], &entries)
    prefetch(entries.buckets[0])
    prefetch(entries.buckets[1])


# `change`: if not NULL, becomes the highest in these whole entries.
cdef int recover(Memory memory, const unsigned char[::1] data, uint64_t sequence,
                 uint64_t* change) except -1:
    cdef Table* t = &memory.table
    cdef uint32_t at = 0, ahead = 0, between = 0
    cdef uint32_t end = data.shape[0]
    cdef uint32_t size
    cdef int newer = 0
    cdef Recovered result = RECOVERED_OLD
    with nogil:
        while at < end:
            while between < AHEAD and ahead < end:
                size = entry_size(&data[ahead], end - ahead)
                if size and (<const EntryHeader*>&data[ahead]).kind == ENTRY_WHOLE:
                    recover_fetch(t, &data[ahead])
                ahead = ahead + size if size else end
                between += 1
            between -= 1
            size = entry_size(&data[at], end - at)
            if size == 0:
                break
            if (<const EntryHeader*>&data[at]).kind != ENTRY_PAD:
                result = recover_entry(t, &data[at], sequence)
                if result == RECOVERED_NO_ROOM:
                    break
                newer += result == RECOVERED_NEW
                if change != NULL:
                    change[0] = max(change[0], (<const Record*>&data[at]).change)
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
    return recover(memory, entry_aligned(data), sequence, NULL)


def replay_chunk(Memory memory, const unsigned char[::1] data):
    """Recovery: one chunk of the checkpoint. Returns the last batch that a change in it is of.

    Raises as replay_batch.
    """
    cdef uint64_t change = 0
    recover(memory, entry_aligned(data), 0, &change)
    return change


def rekey(Memory memory):
    """Makes all client keys anew after `identity` changed. Only before the ready word.

    A record without any identifier of the new order keeps its key.
    """
    cdef Table* t = &memory.table
    cdef uint32_t block, i, number
    cdef Record* r
    cdef Kept ids
    cdef Identifiers who
    cdef Input input
    cdef Span slots[SLOT_COUNT]
    cdef int made = 0
    if t.image == NULL:
        raise ValueError("the policy image comes first")
    for block in range(leases_end(t)):
        if not leases_is_block(t, block):
            continue
        for i in range(BLOCK_SIZE):
            number = block * BLOCK_SIZE + i
            r = leases_record(t, number)
            if r.version == 0:
                continue
            entry_kept(r, leases_longs(t, number), &ids)
            who.client_id = ids.client_id
            if ids.client_id.len == 0:
                who.client_id.at = NULL
            identifiers_relay_info(&who, ids.relay_info)
            identifiers_hardware(&who, r.htype, r.chaddr, r.hlen)
            if t.image.identity_kinds & NAMED_KINDS:
                input_kept(&input, slots, &ids, r.htype, r.chaddr, r.hlen)
                identifiers_named(&who, t.image, &input, t.image.identity_kinds)
            if client_key(t.node.secret, t.image.identity, &who, <uint64_t*>r.key):
                journal_set_dirty(t, number)
                made += 1
        memory.beat()
    return made


def reindex(Memory memory):
    """Puts every record that was ever bound into the index, under the policy set now."""
    cdef Table* t = &memory.table
    cdef uint32_t block, i, number, network, grace_s
    cdef Binding b
    cdef int put = 0
    for block in range(leases_end(t)):
        if not leases_is_block(t, block):
            continue
        for i in range(BLOCK_SIZE):
            number = block * BLOCK_SIZE + i
            if (leases_record(t, number).version == 0 or not leases_read(t, number, &b)):
                continue
            journal_policy(t, b.vrf, b.address, NOWHERE, &network, &grace_s)
            if network:
                leases_index(t, network, b.key[0], number)
                put += 1
        memory.beat()
    return put


# ---- the store's own changes

cdef enum:
    SWEEP_BLOCKS = 512           # looked at between two commits: some 100 us

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
        journal_change(t, &b, CHANGE_LAPSE, now, &c)
        return 1 if apply_change(t, &c, &out) == APPLIED else 0
    journal_place(t, number, &vrf, &address)
    journal_policy(t, vrf, address, NOWHERE, &network, &grace_s)
    due = journal_end(b.state, b.expiry, b.offer_until, grace_s)
    # Not due by the policy of now (a longer grace since): the entry is only set anew.
    journal_change(t, &b, CHANGE_END if due <= now else CHANGE_LAPSE, now, &c)
    c.flags = 0
    result = apply_change(t, &c, &out)
    if result == APPLY_RING_FULL:
        return -1
    return 2 if result == APPLIED and due <= now else 0


cdef uint32_t sweep_blocks(Table* t, uint32_t block, uint32_t limit, uint32_t now,
                           uint32_t* done) noexcept nogil:
    cdef uint32_t i, again
    cdef uint32_t left = SWEEP_BLOCKS
    cdef uint32_t end = leases_end(t)
    cdef int result
    done[0] = done[1] = 0
    while block < end:
        if leases_is_block(t, block):
            for i in range(BLOCK_SIZE):
                again = load_relaxed_u32(&t.again[block * BLOCK_SIZE + i])
                if again == 0 or again > now:
                    continue
                result = sweep_record(t, block * BLOCK_SIZE + i, now)
                if result < 0:
                    return block
                if result:
                    done[result - 1] += 1
            left -= 1
            if left == 0 or done[0] + done[1] >= limit:
                break
        block += 1
    return block + 1 if block + 1 < end else 0


def sweep(Memory memory, uint32_t first, uint32_t limit):
    """Looks at the look-again array from block `first` on, and ends what is due.

    Stops after SWEEP_BLOCKS blocks, after the one in which `limit` records were reached, or before
    one for which the ring has no room. Returns (block to go on at; 0 = all was seen, offers lapsed,
    leases ended).
    """
    cdef Table* t = &memory.table
    cdef uint32_t done[2]
    cdef uint32_t now = node_now(t)
    cdef uint32_t block
    with nogil:
        block = sweep_blocks(t, first, limit, now, done)
    t.own.words[<int>COUNT_SWEPT] += done[0]
    t.own.words[<int>COUNT_EXPIRED] += done[1]
    return block, done[0], done[1]


def end_lease(Memory memory, uint32_t vrf, uint32_t address, bint now):
    """The operator's release.

    "ended" (at once: `now` overrides the hold, and a declined address is held by nobody), "pending"
    (the right to renew has ended, the hold has not), "free" (nothing was bound). Raises
    TimeoutError (the record stays locked), BlockingIOError (the ring is full).
    """
    cdef Table* t = &memory.table
    cdef Binding b
    cdef Change c
    cdef Outcome out
    cdef uint32_t block = leases_block(t, vrf, address)
    cdef Applied result
    cdef bint ends
    for _ in range(100):
        if block == NOWHERE:
            return "free"
        if not leases_read(t, block * BLOCK_SIZE + (address & 255), &b):
            break
        if b.state == FREE:
            return "free"
        ends = now or b.state == DECLINED
        if b.state == PENDING and not ends:
            return "pending"
        journal_change(t, &b, CHANGE_END if ends else CHANGE_PEND, node_now(t), &c)
        if ends:
            c.flags = RECORD_RELEASED
        result = apply_change(t, &c, &out)
        if result == APPLIED:
            return "ended" if ends else "pending"
        if result == APPLY_RING_FULL:
            raise BlockingIOError("the store's ring is full; try again")
    raise TimeoutError("the record stays locked; try again")
