"""The lease table: node time, the directory of blocks, records read without a lock, the index."""

from libc.signal cimport SIGKILL
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec
from posix.unistd cimport getpid

from fastdhcp._atomic cimport (
    cas_u64, fetch_add_u64, load_acquire_u64, load_relaxed_u64, lowest_bit_u64,
    match_high_u64, store_release_u64,
)
from fastdhcp._image cimport NOWHERE, image_network_number
from fastdhcp._linux cimport CLOCK_BOOTTIME, kill
from fastdhcp._stats cimport COUNT_INDEX_FULL, count

# ---- time

cdef uint64_t boot_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_BOOTTIME, &now)
    return <uint64_t>now.tv_sec * 1000000000 + <uint64_t>now.tv_nsec


cdef uint64_t wall_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_REALTIME, &now)
    return <uint64_t>now.tv_sec * 1000000000 + <uint64_t>now.tv_nsec


cdef uint32_t node_now(const Table* t) noexcept nogil:
    cdef int64_t seconds = (<int64_t>boot_ns() + t.node.time_offset_ns) // 1000000000
    if seconds < 1:
        return 1
    if seconds >= <int64_t>TIME_INFINITE:
        return TIME_INFINITE - 1
    return <uint32_t>seconds


cdef bint leases_store_fails(const Table* t, uint64_t now_ns) noexcept nogil:
    cdef const Process* store = &t.processes[t.node.workers + <uint32_t>ROLE_STORE]
    cdef uint64_t since_ns = load_relaxed_u64(&store.busy_since_ns)
    if t.node.store_state == STORE_FAILING:
        return True
    return since_ns != 0 and now_ns > since_ns + <uint64_t>STORE_STALLED_MS * 1000000


cdef void leases_die() noexcept nogil:
    kill(getpid(), SIGKILL)


# ---- directory

# The block that the directory names from place `at[0]` on; NOWHERE, with `at` the empty place: it
# names none.
cdef uint32_t find_block(const Table* t, uint64_t wanted, uint64_t hash,
                         uint32_t* at) noexcept nogil:
    cdef uint32_t mask = t.node.block_capacity - 1
    cdef uint32_t number
    cdef uint64_t found
    while True:
        found = load_acquire_u64(&t.directory[at[0]])
        if found == 0:
            return NOWHERE
        number = <uint32_t>found - 1
        if (found ^ hash) >> 32 == 0 and load_relaxed_u64(&t.places[number]) == wanted:
            return number
        at[0] = (at[0] + 1) & mask


cdef inline uint32_t block_at(const Table* t, uint64_t wanted) noexcept nogil:
    cdef uint64_t hash = mix_u64(wanted)
    cdef uint32_t at = <uint32_t>hash & (t.node.block_capacity - 1)
    return find_block(t, wanted, hash, &at)


cdef uint32_t leases_block(const Table* t, uint32_t vrf, uint32_t address) noexcept nogil:
    return block_at(t, place_key(vrf, address))


cdef uint32_t leases_number(const Table* t, uint32_t vrf, uint32_t address) noexcept nogil:
    cdef uint32_t block = leases_block(t, vrf, address)
    return block if block == NOWHERE else block * BLOCK_SIZE + (address & 255)


cdef uint32_t leases_end(const Table* t) noexcept nogil:
    return <uint32_t>min(load_acquire_u64(&t.node.drawn), <uint64_t>t.node.number_limit)


cdef bint leases_is_block(const Table* t, uint32_t number) noexcept nogil:
    cdef uint64_t place = load_acquire_u64(&t.places[number])
    return place != 0 and block_at(t, place) == number


# NOWHERE: none is left. Each is covered by a count of the caller's, but for the processes' spares.
cdef inline uint32_t draw_number(Table* t) noexcept nogil:
    cdef uint64_t* spare = &t.processes[t.self].spare
    cdef uint64_t number = load_relaxed_u64(spare)
    if number and cas_u64(spare, number, 0):
        return <uint32_t>number - 1
    number = fetch_add_u64(&t.node.drawn, 1)
    if number >= t.node.number_limit:
        fetch_add_u64(&t.node.drawn, <uint64_t>-1)
        return NOWHERE
    return <uint32_t>number


# The order of tests/model/directory.py: number, row, then the entry by one compare-and-swap. Who
# dies between wastes a number and its count; who loses the place to another for the same block
# keeps the number, without its count.
cdef uint32_t enter_block(Table* t, uint64_t wanted, uint64_t hash, uint32_t at) noexcept nogil:
    cdef uint32_t number = draw_number(t)
    cdef uint32_t found
    if number == NOWHERE:
        fetch_add_u64(&t.node.block_count, <uint64_t>-1)
        return NOWHERE
    leases_step(t, 24)
    store_release_u64(&t.places[number], wanted)
    leases_step(t, 25)
    while not cas_u64(&t.directory[at], 0, hash >> 32 << 32 | (number + 1)):
        found = find_block(t, wanted, hash, &at)
        if found != NOWHERE:
            if cas_u64(&t.processes[t.self].spare, 0, <uint64_t>number + 1):
                fetch_add_u64(&t.node.block_count, <uint64_t>-1)
            return found
    leases_step(t, 26)
    return number


cdef uint32_t leases_enter(Table* t, uint32_t vrf, uint32_t address) noexcept nogil:
    cdef uint64_t wanted = place_key(vrf, address)
    cdef uint64_t hash = mix_u64(wanted)
    cdef uint32_t at = <uint32_t>hash & (t.node.block_capacity - 1)
    cdef uint32_t found = find_block(t, wanted, hash, &at)
    if found != NOWHERE:
        return found
    # Counted before it is passed: the directory never fills beyond its half.
    if fetch_add_u64(&t.node.block_count, 1) >= t.node.block_limit:
        fetch_add_u64(&t.node.block_count, <uint64_t>-1)
        return NOWHERE
    return enter_block(t, wanted, hash, at)


# ---- records

cdef inline void take_binding(const Table* t, uint32_t number, void* taken) noexcept nogil:
    cdef const Record* r = leases_record(t, number)
    cdef Binding* out = <Binding*>taken
    out.vrf = r.vrf
    out.address = r.address
    out.state = r.state
    out.flags = r.flags
    out.htype = r.htype
    out.hlen = r.hlen
    out.version = r.version
    out.inc_epoch = r.inc_epoch
    out.inc_n = r.inc_n
    out.expiry = r.expiry
    out.cltt = r.cltt
    out.start = r.start
    out.subnet_id = r.subnet_id
    memcpy(&out.key, &r.key, 16)
    memcpy(out.chaddr, r.chaddr, 16)
    out.position = r.position
    out.offer_key = r.offer_key
    out.ring = r.ring
    out.offer_until = r.offer_until


cdef bint leases_read(const Table* t, uint32_t number, Binding* out) noexcept nogil:
    out.number = number
    return leases_take(t, number, take_binding, out, &out.lock)


cdef void take_all(const Table* t, uint32_t number, void* taken) noexcept nogil:
    cdef Copy* out = <Copy*>taken
    cdef Record* r = &out.record
    memcpy(r, leases_record(t, number), sizeof(Record))
    if (r.client_id_len > CLIENT_ID_INLINE or r.relay_info_len > RELAY_INFO_INLINE
            or r.hostname_len > HOSTNAME_INLINE):
        memcpy(out.longs, leases_longs(t, number), LONG_SIZE)


cdef bint leases_copy(const Table* t, uint32_t number, Copy* out) noexcept nogil:
    cdef uint64_t seen
    return leases_take(t, number, take_all, out, &seen)


cdef bint leases_read_address(const Table* t, uint32_t vrf, uint32_t address,
                              uint32_t number, Binding* out) noexcept nogil:
    if number == NOWHERE:
        number = leases_number(t, vrf, address)
    if number == NOWHERE:
        out.lock = 0
        out.number = NOWHERE
        out.state = FREE
        out.flags = 0
        out.version = 0
        out.expiry = 0
        out.offer_key = 0
        out.offer_until = 0
        out.key[0] = 0
        out.key[1] = 0
        out.position = 0
        out.ring = 0
    elif not leases_read(t, number, out):
        return False
    out.vrf = vrf
    out.address = address
    return True


# ---- client index

cdef inline uint64_t index_hash(uint32_t network, uint64_t key) noexcept nogil:
    return mix_u64(key ^ (<uint64_t>network * <uint64_t>0x9e3779b97f4a7c15))


cdef inline uint32_t index_tag(uint32_t network, uint64_t key) noexcept nogil:
    return <uint32_t>(index_hash(network, key) >> 32)


cdef inline uint64_t* index_bucket(const Table* t, uint64_t hash) noexcept nogil:
    return t.index + (hash & (t.node.bucket_count - 1)) * BUCKET_SIZE


cdef void leases_entries(const Table* t, uint32_t network, uint64_t key,
                         Entries* out) noexcept nogil:
    cdef uint64_t hash = index_hash(network, key)
    out.tag = <uint32_t>(hash >> 32)
    out.buckets[0] = index_bucket(t, hash)
    out.buckets[1] = index_bucket(t, mix_u64(hash + 1))


cdef uint32_t leases_candidates(const Entries* entries, uint32_t* numbers,
                                uint32_t room) noexcept nogil:
    cdef uint32_t found = 0
    cdef uint32_t matches
    cdef uint64_t word
    cdef int choice
    for choice in range(2):
        matches = match_high_u64(entries.buckets[choice], entries.tag)
        while matches and found < room:
            word = load_relaxed_u64(&entries.buckets[choice][lowest_bit_u64(matches)])
            matches &= matches - 1
            if word != 0 and <uint32_t>(word >> 32) == entries.tag:
                numbers[found] = <uint32_t>word - 1
                found += 1
    return found


# What an index entry is worth: 2 its record is bound or offered to that client, 1 it was bound
# to it before (affinity), 0 nothing any more.
cdef int index_worth(const Table* t, uint64_t word) noexcept nogil:
    cdef Binding b
    cdef uint32_t network
    cdef uint32_t tag = <uint32_t>(word >> 32)
    if t.image == NULL or not leases_read(t, <uint32_t>word - 1, &b):
        return 2
    network = image_network_number(t.image, b.vrf, b.address)
    if b.offer_until != 0 and index_tag(network, b.offer_key) == tag:
        return 2
    if index_tag(network, b.key[0]) != tag:
        return 0
    return 1 if b.state == FREE else 2


# True if the entry was put in place of one that is worth at most `worth`.
cdef bint index_replace(Table* t, const Entries* entries, uint64_t wanted,
                        int worth) noexcept nogil:
    cdef uint64_t* at
    cdef uint64_t word
    cdef int choice, i
    for choice in range(2):
        for i in range(BUCKET_SIZE):
            at = &entries.buckets[choice][i]
            word = load_relaxed_u64(at)
            if (word == 0 or index_worth(t, word) <= worth) and cas_u64(at, word, wanted):
                return True
    return False


# True if the entry stands there already. `empty`: a bit for each place that looks so; one whose tag
# is 0 does too.
cdef inline bint index_has(const uint64_t* bucket, uint32_t tag, uint64_t wanted,
                           uint32_t* empty) noexcept nogil:
    cdef uint32_t matches = match_high_u64(bucket, tag)
    empty[0] = match_high_u64(bucket, 0)
    while matches:
        if load_relaxed_u64(&bucket[lowest_bit_u64(matches)]) == wanted:
            return True
        matches &= matches - 1
    return False


# Into the bucket that has more room. Places fill from the first one on, and none becomes empty
# again: the greater word has more bits.
cdef inline bint index_put(const Entries* entries, const uint32_t* empty,
                           uint64_t wanted) noexcept nogil:
    cdef int choice = 1 if empty[1] > empty[0] else 0
    cdef uint32_t places = empty[choice]
    while places:
        if cas_u64(&entries.buckets[choice][lowest_bit_u64(places)], 0, wanted):
            return True
        places &= places - 1
    return False


cdef void leases_index(Table* t, uint32_t network, uint64_t key, uint32_t number) noexcept nogil:
    cdef uint64_t hash = index_hash(network, key)
    cdef uint32_t tag = <uint32_t>(hash >> 32)
    cdef uint64_t wanted = (<uint64_t>tag << 32) | (number + 1)
    cdef uint32_t empty[2]
    cdef Entries entries
    entries.tag = tag
    entries.buckets[0] = index_bucket(t, hash)
    if index_has(entries.buckets[0], tag, wanted, &empty[0]):
        return
    entries.buckets[1] = index_bucket(t, mix_u64(hash + 1))
    if (index_has(entries.buckets[1], tag, wanted, &empty[1])
            or index_put(&entries, empty, wanted)
            or index_replace(t, &entries, wanted, 0) or index_replace(t, &entries, wanted, 1)):
        return
    count(t.own, COUNT_INDEX_FULL)
