"""The lease table in shared memory: what every process maps, and who may touch what.

Records stand in blocks of 256, one per (VRF, address / 256); blocks are numbered as they come, and
a record's number is block * 256 + (address & 255). *The bit says where to look; the record says
who owns* (docs/ARCHITECTURE.md). A record, its bit and its look-again entry change only
under the record's lock, and only through _journal's apply_change and repair.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastdhcp._atomic cimport (
    cpu_relax, fence_acquire, load_acquire_u64, load_relaxed_u64, lowest_bit_u64, match_high_u64,
    prefetch,
)
from fastdhcp._image cimport BLOCK_WORDS, NOWHERE, Image
from fastdhcp._reservations cimport Reservation, Reservations, reservations_at
from fastdhcp._siphash cimport SECRET_SIZE
from fastdhcp._stats cimport Counters
from fastdhcp._wire cimport HLEN_MAX

cdef enum:
    SEGMENT_MAGIC = 0x46444853   # "FDHS"
    SEGMENT_LAYOUT = 5
    CHUNK_SIZE = 64              # records of a chunk, the unit of the checkpoint
    KEY_SIZE = 16
    CLIENT_ID_INLINE = 24
    RELAY_INFO_INLINE = 64
    HOSTNAME_INLINE = 32
    LONG_SIZE = 768              # 3 * 255, rounded up: all three identifiers at their longest
    LONG_CLIENT_ID = 0           # places in a record's long fields
    LONG_RELAY_INFO = 255
    LONG_HOSTNAME = 510
    CACHE_LINE = 64
    BUCKET_SIZE = 8              # index entries of one cache line
    GRACE_DEFAULT = 64           # seconds; for addresses that no subnet holds any more
    READ_TRIES = 1024            # of who reads a record, about 50 us: a holder may lose its core
    LOCK_TRIES = 20000           # of who waits for a lock, about a millisecond

cdef enum:
    TIME_INFINITE = 0xFFFFFFFF   # node time: never

cpdef enum:
    BLOCK_SIZE = 256             # records of a block
    WORKERS_MAX = 128
    ROLES_WITH_RING = 2          # store and link apply changes, as workers do
    RINGS_MAX = WORKERS_MAX + ROLES_WITH_RING
    ROLE_COUNT = 6
    STORE_STALLED_MS = 2000      # a commit that takes longer counts as one that fails

# A process that is no worker has this number, counted from the number of workers. Those with a ring
# (and a slot) come first; all have a line and counters.
cpdef enum Role:
    ROLE_STORE = 0
    ROLE_LINK = 1                # of a failover pair
    ROLE_SUPERVISOR = 2
    ROLE_CONTROL = 3
    ROLE_HISTORY = 4
    ROLE_AIDE = 5

# What the record says (docs/ARCHITECTURE.md). Offered, expired, released, reserved are derived.
cpdef enum BindingState:
    FREE = 0
    ACTIVE = 1
    PENDING = 2                  # the right to renew has ended, the hold has not
    DECLINED = 3

cpdef enum RecordFlag:
    RECORD_RESERVED = 1          # bound through a reservation
    RECORD_RELEASED = 2          # FREE by the client's RELEASE (not by expiry)
    RECORD_OVERRIDE = 4          # its option 82 has an override of option 54 (RFC 5107)
    RECORD_PROPOSED = 8          # PENDING: proposed to the failover peer for freeing
    RECORD_WHY = 112             # an EndReason
    RECORD_PEER = 128            # its last change came from the failover peer

# Why the right to renew ended. Where both nodes of a pair ended it, the highest counts.
cpdef enum EndReason:
    WHY_EXPIRED = 16
    WHY_RELEASED = 32
    WHY_DECLINED = 48
    WHY_REPLACED = 64            # its client has another lease now
    WHY_OPERATOR = 80
    WHY_POLICY = 96              # a reservation, a drain, a pool that is gone


cdef struct Record:              # 256 bytes, layout version 1
    uint64_t lock                # owner (process + 1, 0 = free) << 32 | count of unlocks
    uint32_t vrf                 # ---- from here to `client_id`: written to disk as it stands
    uint32_t address
    uint64_t version             # orders the changes of this record; never reset
    uint64_t change              # journal sequence of the last change, filled in by the store
    uint32_t inc_epoch           # incarnation: new at each binding of a free address
    uint32_t inc_n
    uint32_t expiry              # node time: the latest instant told; DECLINED: end of quarantine;
                                 # FREE: when the last binding ended
    uint32_t acked_expiry        # of a failover pair
    uint32_t cltt                # the client's last transaction
    uint32_t start               # of this binding
    uint8_t state                # BindingState
    uint8_t flags                # RecordFlag
    uint8_t htype
    uint8_t hlen
    uint8_t client_id_len
    uint8_t relay_info_len
    uint8_t hostname_len
    uint8_t spare
    uint8_t key[KEY_SIZE]        # client key
    uint8_t chaddr[HLEN_MAX]
    uint32_t subnet_id
    uint32_t class_id
    uint32_t limits[2]
    # ---- the three identifiers; what is longer is in the long fields
    uint8_t client_id[CLIENT_ID_INLINE]
    uint8_t relay_info[RELAY_INFO_INLINE]
    uint8_t hostname[HOSTNAME_INLINE]
    uint64_t position            # ---- volatile: end of the entry of the last change in `ring`
    uint64_t offer_key           # first word of the key of the client that it is offered to
    uint32_t ring
    uint32_t offer_until         # node time; 0: no offer


# A record copied between two equal readings of its lock word: what decisions look at.
cdef struct Binding:
    uint64_t lock                # the word that it was read under
    uint32_t number              # of the record; NOWHERE: there is none
    uint32_t vrf
    uint32_t address
    uint8_t state
    uint8_t flags
    uint8_t htype
    uint8_t hlen
    uint64_t version
    uint32_t inc_epoch
    uint32_t inc_n
    uint32_t expiry
    uint32_t cltt
    uint32_t start
    uint32_t subnet_id
    uint64_t key[2]
    uint8_t chaddr[HLEN_MAX]
    uint64_t position
    uint64_t offer_key
    uint32_t ring
    uint32_t offer_until


# A whole record, copied likewise. `longs` are filled only if an identifier stands there.
cdef struct Copy:
    Record record
    uint8_t longs[LONG_SIZE]


# Where the index has a client of a network, if it knows it: in one of two cache lines.
cdef struct Entries:
    uint64_t* buckets[2]
    uint32_t tag                 # two clients share one by chance, so it only hints


# What one reading takes of a record into `out`. It may be torn: then it is done again.
ctypedef void (*Take)(const Table* t, uint32_t number, void* out) noexcept nogil


# One cache line per process, written by it alone (`asleep`: also by who wakes it).
cdef struct Process:
    uint64_t beat                # goes up about once a second
    uint64_t busy_since_ns       # store: CLOCK_BOOTTIME when the commit under way began; 0: none
    uint32_t asleep              # 1: wants to be woken by its eventfd
    uint32_t generation          # of the policy image that it works by
    uint32_t pid
    uint32_t pad0
    uint64_t spare               # number + 1 of a block that it drew in vain, for its next one: a
                                 # successor has it too
    uint32_t pad1[6]


# Names the record that a process is changing, for who repairs after its death.
cdef struct Slot:
    uint64_t record              # number + 1; 0: none
    uint64_t head                # of the process's ring when it was named
    uint64_t pad[6]


cpdef enum StoreState:
    STORE_STARTING = 0
    STORE_OK = 1
    STORE_FAILING = 2            # commits fail (disk full): nothing new can be made durable


# The first page of the `node` segment; after it Process[processes], then Slot[rings].
cdef struct Node:
    uint32_t magic
    uint32_t layout
    uint64_t segment_id          # drawn when the segments were made
    uint32_t workers
    uint32_t processes           # workers, then the roles
    uint32_t block_capacity      # places in the directory, a power of two
    uint32_t block_limit         # how many may be in use
    uint32_t bucket_count        # of the index, a power of two
    uint32_t ring_size           # bytes of one ring, a power of two
    uint32_t trace_size          # entries of one trace ring, a power of two
    uint32_t epoch
    int64_t time_offset_ns       # node time = CLOCK_BOOTTIME + this (store/clock.py)
    uint8_t secret[SECRET_SIZE]  # SipHash key of the client keys
    uint32_t rings               # processes that apply changes: workers, store, link
    uint32_t inc_floor           # incarnation number and version above which a record begins that
    uint64_t version_floor       # was never bound; set by recovery
    uint64_t sequence            # of the last batch that was given to the disk
    uint64_t published           # of the last that is on it
    uint32_t number_limit        # of blocks: over block_limit by a spare for each process
    uint32_t pad0[5]
    uint32_t ready               # 1: recovery is complete (a line of its own from here)
    uint32_t store_state         # StoreState
    uint32_t pad1[14]
    uint64_t block_count         # blocks in use, counted up before one is entered
    uint64_t drawn               # numbers that were drawn: those of blocks are below it
    uint64_t pad2[6]


cdef struct Ring:                # in the `rings` segment, RING_HEADER bytes before its data
    uint64_t head                # bytes ever published by its producer
    uint64_t pad0[7]
    uint64_t tail                # bytes taken and committed: room before it may be reused
    uint64_t pad1[7]
    uint64_t durable             # bytes on disk
    uint64_t pad2[7]

cdef enum:
    RING_HEADER = 4096


# Where one process has the segments mapped, and the policy that it works by now.
cdef struct Table:
    Node* node
    Process* processes
    Slot* slots
    uint64_t* directory          # by hash: its upper half << 32 | block number + 1; 0: empty
    uint64_t* places             # by block number: (vrf << 24 | address >> 8) + 1
    Record* records
    uint8_t* longs
    uint64_t* bits               # a cache line a block: leases_bits, then leases_reserved
    uint64_t* dirty              # one bit a chunk
    uint64_t* index              # tag << 32 | record number + 1; 0: empty
    uint32_t* again              # node time when the store must look at the record; 0: never
    uint8_t* rings
    Counters* counters           # one per process
    Counters* own                # this process's
    uint8_t* traces              # _trace.pxd
    const Image* image           # NULL before the first one
    const Reservations* reservations  # of the same generation; NULL: there are none
    uint8_t* hints               # each pool's at its place (_bitmap.pxd)
    uint32_t self                # this process's number
    uint32_t store_fails         # 1: nothing can be made durable now; a worker looks once a turn
    uint32_t kill_step           # crash tests: die at this numbered step; 0: never
    uint32_t kill_after          # ... when it has been reached this many times


cdef inline Ring* leases_ring(const Table* t, uint32_t process) noexcept nogil:
    return <Ring*>(t.rings + <uint64_t>process * (RING_HEADER + t.node.ring_size))


cdef inline Record* leases_record(const Table* t, uint32_t number) noexcept nogil:
    return t.records + number


cdef inline uint8_t* leases_longs(const Table* t, uint32_t number) noexcept nogil:
    return t.longs + <uint64_t>number * LONG_SIZE


# Of a block: four words of bits, set = bound or offered.
cdef inline uint64_t* leases_bits(const Table* t, uint32_t block) noexcept nogil:
    return t.bits + <uint64_t>block * (2 * BLOCK_WORDS)


# Four more in the same cache line, set = perhaps reserved: all reserved addresses, and a while
# those of the generation before.
cdef inline uint64_t* leases_reserved(const Table* t, uint32_t block) noexcept nogil:
    return leases_bits(t, block) + BLOCK_WORDS


# Whose address it is; `number`: of its record, NOWHERE: it has no block, and is nobody's. Where the
# bit is clear nothing is looked up.
cdef inline const Reservation* leases_reservation(const Table* t, uint32_t number, uint32_t vrf,
                                                  uint32_t address) noexcept nogil:
    cdef uint32_t low = address & 255
    if (t.reservations == NULL or number == NOWHERE
            or not load_relaxed_u64(&leases_reserved(t, number // BLOCK_SIZE)[low // 64])
            >> (low % 64) & 1):
        return NULL
    return reservations_at(t.reservations, vrf, address)


cdef inline uint64_t place_key(uint32_t vrf, uint32_t address) noexcept nogil:
    return ((<uint64_t>vrf << 24) | (address >> 8)) + 1


# A bijection that spreads every bit over the whole word.
cdef inline uint64_t mix_u64(uint64_t x) noexcept nogil:
    x ^= x >> 33
    x *= <uint64_t>0xff51afd7ed558ccd
    x ^= x >> 33
    x *= <uint64_t>0xc4ceb9fe1a85ec53
    return x ^ (x >> 33)


# Asks for a record's cache lines ahead of who will read it.
cdef inline void leases_fetch(const Table* t, uint32_t number) noexcept nogil:
    cdef const uint8_t* at = <const uint8_t*>leases_record(t, number)
    prefetch(at)
    prefetch(at + CACHE_LINE)
    prefetch(at + 2 * CACHE_LINE)
    prefetch(at + 3 * CACHE_LINE)


# The same of the first record that the index seems to name for a client: hardly any has two. A
# guess: nothing is believed.
cdef inline void leases_fetch_first(const Table* t, const Entries* entries) noexcept nogil:
    cdef int choice
    cdef uint32_t matches
    cdef uint64_t word
    for choice in range(2):
        matches = match_high_u64(entries.buckets[choice], entries.tag)
        if matches:
            word = load_relaxed_u64(&entries.buckets[choice][lowest_bit_u64(matches)])
            if word:
                leases_fetch(t, <uint32_t>word - 1)
            return


# The one way to read a record without its lock: taken between two equal readings of the lock word
# that show it free. False: it stayed locked over READ_TRIES readings.
cdef inline bint leases_take(const Table* t, uint32_t number, Take take, void* out,
                             uint64_t* seen) noexcept nogil:
    cdef const Record* r = leases_record(t, number)
    cdef int _i
    for _i in range(READ_TRIES):
        seen[0] = load_acquire_u64(&r.lock)
        if (seen[0] >> 32) == 0:
            take(t, number, out)
            fence_acquire()
            if load_relaxed_u64(&r.lock) == seen[0]:
                return True
        cpu_relax()
    return False


# CLOCK_REALTIME, as the kernel stamps packets, and CLOCK_BOOTTIME, in nanoseconds; and node time
# in whole seconds (never 0, never INFINITE).
cdef uint64_t wall_ns() noexcept nogil
cdef uint64_t boot_ns() noexcept nogil
cdef uint32_t node_now(const Table* t) noexcept nogil

# Nothing new can be made durable at `now_ns` (CLOCK_BOOTTIME): commits fail, or one is stuck.
cdef bint leases_store_fails(const Table* t, uint64_t now_ns) noexcept nogil

# The block of an address, or NOWHERE; `enter` makes it if there is room in the table.
cdef uint32_t leases_block(const Table* t, uint32_t vrf, uint32_t address) noexcept nogil
cdef uint32_t leases_enter(Table* t, uint32_t vrf, uint32_t address) noexcept nogil
# The number of an address's record, which it keeps for good, or NOWHERE.
cdef uint32_t leases_number(const Table* t, uint32_t vrf, uint32_t address) noexcept nogil
# Who goes through all blocks: their numbers are below `end`, and those that are blocks count. One
# that a process drew and did not enter is none.
cdef uint32_t leases_end(const Table* t) noexcept nogil
cdef bint leases_is_block(const Table* t, uint32_t number) noexcept nogil
# Copies a record: what decisions look at, or all of it. False: it stayed locked.
cdef bint leases_read(const Table* t, uint32_t number, Binding* out) noexcept nogil
cdef bint leases_copy(const Table* t, uint32_t number, Copy* out) noexcept nogil
# As leases_read by address, with number = NOWHERE (and vrf, address set) if it has no block yet.
# `number`: its record, if somebody has looked; else NOWHERE.
cdef bint leases_read_address(const Table* t, uint32_t vrf, uint32_t address,
                              uint32_t number, Binding* out) noexcept nogil
# Where the index has a client; nothing is read.
cdef void leases_entries(const Table* t, uint32_t network, uint64_t key,
                         Entries* out) noexcept nogil
# The records that the index names for it: at most `room` numbers, unchecked.
cdef uint32_t leases_candidates(const Entries* entries, uint32_t* numbers,
                                uint32_t room) noexcept nogil
# Puts (client key, network) -> record into the index; a full pair of buckets is only counted.
cdef void leases_index(Table* t, uint32_t network, uint64_t key, uint32_t number) noexcept nogil

# Crash tests: every numbered step of a protocol passes here.
cdef void leases_die() noexcept nogil
cdef inline void leases_step(Table* t, uint32_t step) noexcept nogil:
    if t.kill_step == step:
        if t.kill_after <= 1:
            leases_die()
        t.kill_after -= 1
