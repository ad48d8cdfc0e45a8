"""The lease table: directory of blocks, records, client index; and Memory, which maps it all."""

import mmap
import os

from libc.signal cimport SIGKILL
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy
from posix.time cimport clock_gettime, timespec
from posix.unistd cimport getpid

from fastdhcp._atomic cimport (
    cas_u64,
    count_bits_u64,
    cpu_relax,
    fence_acquire,
    fetch_add_u64,
    load_acquire_u32,
    load_acquire_u64,
    load_relaxed_u32,
    load_relaxed_u64,
    lowest_bit_u64,
    store_relaxed_u64,
    store_release_u32,
)
from fastdhcp._bitmap cimport Hint
from fastdhcp._image cimport (
    IMAGE_LAYOUT,
    IMAGE_MAGIC,
    NOWHERE,
    Image,
    Pool,
    image_network_number,
    image_pool,
    image_pool_mask,
)

cdef extern from "signal.h" nogil:
    int kill(int pid, int number)

cdef extern from "time.h" nogil:
    enum: CLOCK_BOOTTIME

cdef extern from "sys/mman.h" nogil:
    int madvise(void* at, size_t size, int advice)

cdef enum:
    MADV_POPULATE_WRITE = 23     # since Linux 5.14; older kernels refuse, and nothing is lost
    NODE_SIZE = 256
    LINE = 64
    PAGE = 4096
    RING_SIZE = 1 << 22          # at 140 bytes an entry, 30,000 changes not yet on disk
    TRACE_SIZE = 1 << 13         # the last 8,192 decisions of a worker

INFINITE = 0xFFFFFFFF            # TIME_INFINITE, for Python


# ---- time

cdef uint64_t boot_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_BOOTTIME, &now)
    return <uint64_t>now.tv_sec * 1000000000 + <uint64_t>now.tv_nsec


cdef uint32_t node_now(const Table* t) noexcept nogil:
    cdef int64_t seconds = (<int64_t>boot_ns() + t.node.time_offset_ns) // 1000000000
    if seconds < 1:
        return 1
    if seconds >= <int64_t>TIME_INFINITE:
        return TIME_INFINITE - 1
    return <uint32_t>seconds


cdef void leases_die() noexcept nogil:
    kill(getpid(), SIGKILL)


# ---- directory

cdef uint32_t leases_block(const Table* t, uint32_t vrf, uint32_t address) noexcept nogil:
    cdef uint64_t wanted = place_key(vrf, address)
    cdef uint32_t mask = t.node.block_capacity - 1
    cdef uint32_t place = <uint32_t>mix_u64(wanted) & mask
    cdef uint64_t found
    while True:
        found = load_acquire_u64(&t.directory[place])
        if found == wanted:
            return place
        if found == 0:
            return NOWHERE
        place = (place + 1) & mask


cdef uint32_t leases_enter(Table* t, uint32_t vrf, uint32_t address) noexcept nogil:
    cdef uint64_t wanted = place_key(vrf, address)
    cdef uint32_t mask = t.node.block_capacity - 1
    cdef uint32_t place = <uint32_t>mix_u64(wanted) & mask
    cdef uint64_t found
    while True:
        found = load_acquire_u64(&t.directory[place])
        if found == wanted:
            return place
        if found != 0:
            place = (place + 1) & mask
            continue
        # Counted before it is passed: the directory never fills beyond its half.
        if fetch_add_u64(&t.node.block_count, 1) >= t.node.block_limit:
            fetch_add_u64(&t.node.block_count, <uint64_t>-1)
            return NOWHERE
        if cas_u64(&t.directory[place], 0, wanted):
            return place
        fetch_add_u64(&t.node.block_count, <uint64_t>-1)


# ---- records

cdef inline void copy_binding(const Record* r, Binding* out) noexcept nogil:
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
    out.position = r.position
    out.offer_key = r.offer_key
    out.ring = r.ring
    out.offer_until = r.offer_until


cdef bint leases_read(const Table* t, uint32_t number, Binding* out) noexcept nogil:
    cdef const Record* r = leases_record(t, number)
    cdef uint64_t seen
    cdef int i
    for i in range(READ_TRIES):
        seen = load_acquire_u64(&r.lock)
        if (seen >> 32) == 0:
            copy_binding(r, out)
            fence_acquire()
            if load_relaxed_u64(&r.lock) == seen:
                out.lock = seen
                out.number = number
                return True
        cpu_relax()
    return False


cdef bint leases_read_address(const Table* t, uint32_t vrf, uint32_t address,
                              Binding* out) noexcept nogil:
    cdef uint32_t block = leases_block(t, vrf, address)
    if block == NOWHERE:
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
    elif not leases_read(t, block * BLOCK_SIZE + (address & 255), out):
        return False
    out.vrf = vrf
    out.address = address
    return True


# ---- client index

cdef inline uint64_t index_hash(uint32_t network, uint64_t key) noexcept nogil:
    return mix_u64(key ^ (<uint64_t>network * <uint64_t>0x9e3779b97f4a7c15))


cdef inline uint64_t* index_bucket(const Table* t, uint64_t hash, int choice) noexcept nogil:
    if choice:
        hash = mix_u64(hash + 1)
    return t.index + (hash & (t.node.bucket_count - 1)) * BUCKET_SIZE


cdef uint32_t leases_tag(uint32_t network, uint64_t key) noexcept nogil:
    return <uint32_t>(index_hash(network, key) >> 32)


cdef uint32_t leases_candidates(const Table* t, uint32_t network, uint64_t key,
                                uint32_t* numbers, uint32_t room) noexcept nogil:
    cdef uint64_t hash = index_hash(network, key)
    cdef uint32_t tag = <uint32_t>(hash >> 32)
    cdef uint32_t found = 0
    cdef uint64_t* bucket
    cdef uint64_t word
    cdef int choice, i
    for choice in range(2):
        bucket = index_bucket(t, hash, choice)
        for i in range(BUCKET_SIZE):
            word = load_relaxed_u64(&bucket[i])
            if word != 0 and <uint32_t>(word >> 32) == tag and found < room:
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
    if b.offer_until != 0 and leases_tag(network, b.offer_key) == tag:
        return 2
    if leases_tag(network, b.key[0]) != tag:
        return 0
    return 1 if b.state == FREE else 2


# True if the entry was put in place of one that is worth at most `worth`.
cdef bint index_replace(Table* t, uint64_t hash, uint64_t wanted, int worth) noexcept nogil:
    cdef uint64_t* bucket
    cdef uint64_t word
    cdef int choice, i
    for choice in range(2):
        bucket = index_bucket(t, hash, choice)
        for i in range(BUCKET_SIZE):
            word = load_relaxed_u64(&bucket[i])
            if (word == 0 or index_worth(t, word) <= worth) and cas_u64(&bucket[i], word, wanted):
                return True
    return False


cdef void leases_index(Table* t, uint32_t network, uint64_t key, uint32_t number) noexcept nogil:
    cdef uint64_t hash = index_hash(network, key)
    cdef uint64_t wanted = (hash >> 32 << 32) | (number + 1)
    cdef uint64_t* buckets[2]
    cdef int used[2]
    cdef int choice, i
    cdef uint64_t word
    for choice in range(2):
        buckets[choice] = index_bucket(t, hash, choice)
        used[choice] = 0
        for i in range(BUCKET_SIZE):
            word = load_relaxed_u64(&buckets[choice][i])
            if word == wanted:
                return
            used[choice] += word != 0
    choice = 1 if used[1] < used[0] else 0
    for i in range(BUCKET_SIZE):
        if (load_relaxed_u64(&buckets[choice][i]) == 0
                and cas_u64(&buckets[choice][i], 0, wanted)):
            return
    if index_replace(t, hash, wanted, 0) or index_replace(t, hash, wanted, 1):
        return
    t.counters[t.self].words[260] += 1     # COUNT_INDEX_FULL


# ---- how large everything is

def _power_of_two(int wanted):
    return 1 << max(wanted - 1, 1).bit_length()


def layout_sizes(int workers, int block_limit, int ring_size=RING_SIZE,
                 int trace_size=TRACE_SIZE):
    """Bytes of each segment by name, for `block_limit` blocks of 256 addresses.

    All but `node`, `rings`, `counters` and `traces` are sparse: room that is not touched costs
    nothing.
    """
    if not 1 <= workers <= WORKERS_MAX:
        raise ValueError(f"workers must be 1 to {WORKERS_MAX}, not {workers}")
    if not 1 <= block_limit <= 1 << 23:
        raise ValueError(f"blocks must be 1 to {1 << 23}, not {block_limit}")
    processes = workers + 2
    capacity = _power_of_two(2 * block_limit)
    sizes = {
        "node": NODE_SIZE + processes * 2 * LINE,
        "directory": capacity * 8,
        "records": capacity * BLOCK_SIZE * sizeof(Record),
        "longs": capacity * BLOCK_SIZE * LONG_SIZE,
        "bits": capacity * BLOCK_SIZE // 8,
        "dirty": max(capacity * BLOCK_SIZE // CHUNK_SIZE // 8, 8),
        "index": _bucket_count(block_limit) * BUCKET_SIZE * 8,
        "again": capacity * BLOCK_SIZE * 4,
        "rings": processes * (RING_HEADER + ring_size),
        "counters": processes * sizeof(Counters),
        "traces": workers * (sizeof(Trace) + trace_size * sizeof(TraceEntry)),
    }
    return {name: (int(size) + PAGE - 1) // PAGE * PAGE for name, size in sizes.items()}


def _bucket_count(int block_limit):
    # Two entries' room for every address: load at most 50 %.
    return _power_of_two(2 * block_limit * BLOCK_SIZE // BUCKET_SIZE)


def format_node(int fd, int workers, int block_limit, segment_id, int ring_size=RING_SIZE,
                int trace_size=TRACE_SIZE):
    """Writes the node page of fresh segments. The caller has made them of layout_sizes()."""
    cdef Node node
    cdef unsigned char* raw = <unsigned char*>&node
    for i in range(sizeof(Node)):
        raw[i] = 0
    node.magic = SEGMENT_MAGIC
    node.layout = SEGMENT_LAYOUT
    node.segment_id = segment_id
    node.workers = workers
    node.processes = workers + 2
    node.block_capacity = _power_of_two(2 * block_limit)
    node.block_limit = block_limit
    node.bucket_count = _bucket_count(block_limit)
    node.ring_size = _power_of_two(ring_size)
    node.trace_size = _power_of_two(trace_size)
    if node.ring_size != ring_size or node.trace_size != trace_size:
        raise ValueError("ring_size and trace_size must be powers of two")
    os.pwrite(fd, raw[:sizeof(Node)], 0)


def boot_time_ns():
    """CLOCK_BOOTTIME in nanoseconds."""
    return boot_ns()


# ---- as Python holds it

cdef class Lease:
    """One record, copied. Times are node time in seconds; addresses are integers."""

    def __repr__(self):
        return f"<Lease {self.vrf}/{self.address:#010x} state {self.state} v{self.version}>"


cdef bint copy_record(const Table* t, uint32_t number, Record* out, uint8_t* longs) noexcept nogil:
    cdef const Record* r = leases_record(t, number)
    cdef uint64_t seen
    cdef int i
    for i in range(READ_TRIES * 64):
        seen = load_acquire_u64(&r.lock)
        if (seen >> 32) == 0:
            memcpy(out, r, sizeof(Record))
            if (out.client_id_len > CLIENT_ID_INLINE or out.relay_info_len > RELAY_INFO_INLINE
                    or out.hostname_len > HOSTNAME_INLINE):
                memcpy(longs, t.longs + <uint64_t>number * LONG_SIZE, LONG_SIZE)
            fence_acquire()
            if load_relaxed_u64(&r.lock) == seen:
                return True
        cpu_relax()
    return False


cdef bytes identifier(const uint8_t* inline_at, int inline_size, const uint8_t* long_at, int size):
    return (inline_at if size <= inline_size else long_at)[:size]


cdef Lease make_lease(const Record* r, const uint8_t* longs, uint32_t number):
    cdef Lease lease = Lease.__new__(Lease)
    lease.number = number
    lease.vrf = r.vrf
    lease.address = r.address
    lease.state = r.state
    lease.flags = r.flags
    lease.htype = r.htype
    lease.chaddr = r.chaddr[:r.hlen]
    lease.key = r.key[:16]
    lease.client_id = identifier(r.client_id, CLIENT_ID_INLINE, longs + LONG_CLIENT_ID,
                                 r.client_id_len)
    lease.relay_info = identifier(r.relay_info, RELAY_INFO_INLINE, longs + LONG_RELAY_INFO,
                                  r.relay_info_len)
    lease.hostname = identifier(r.hostname, HOSTNAME_INLINE, longs + LONG_HOSTNAME, r.hostname_len)
    lease.subnet_id = r.subnet_id
    lease.class_id = r.class_id
    lease.version = r.version
    lease.change = r.change
    lease.incarnation = (r.inc_epoch, r.inc_n)
    lease.expiry = r.expiry
    lease.acked_expiry = r.acked_expiry
    lease.cltt = r.cltt
    lease.start = r.start
    lease.offer_key = r.offer_key
    lease.offer_until = r.offer_until
    lease.ring = r.ring
    lease.position = r.position
    return lease


cdef struct Tally:
    uint32_t taken
    uint32_t offered
    uint32_t active
    uint32_t pending
    uint32_t declined


cdef void tally_word(const Table* t, uint32_t first, uint64_t taken, Tally* sums) noexcept nogil:
    cdef const Record* r
    cdef uint8_t state
    sums.taken += count_bits_u64(taken)
    while taken:
        r = leases_record(t, first + lowest_bit_u64(taken))
        taken &= taken - 1
        state = r.state
        sums.offered += state == FREE
        sums.active += state == ACTIVE
        sums.pending += state == PENDING
        sums.declined += state == DECLINED


cdef void tally_pool(const Table* t, const Pool* pool, Tally* sums) noexcept nogil:
    cdef uint64_t allowed[4]
    cdef uint32_t i, block
    cdef int word
    for i in range(pool.block_count):
        block = leases_block(t, pool.vrf, (pool.block_first + i) << 8)
        if block == NOWHERE:
            continue
        image_pool_mask(t.image, pool, pool.block_first + i, allowed)
        for word in range(4):
            tally_word(t, block * BLOCK_SIZE + word * 64,
                       allowed[word] & load_relaxed_u64(&t.bits[block * 4 + word]), sums)


# Numbers of the records with this hardware address, at most `room`; where to go on is in `block`.
cdef uint32_t find_chaddr(const Table* t, const uint8_t* chaddr, uint8_t hlen, uint32_t* block,
                          uint32_t* numbers, uint32_t room) noexcept nogil:
    cdef uint32_t found = 0
    cdef uint32_t i
    cdef const Record* r
    while block[0] < t.node.block_capacity and found + BLOCK_SIZE <= room:
        if load_relaxed_u64(&t.directory[block[0]]) != 0:
            for i in range(BLOCK_SIZE):
                r = leases_record(t, block[0] * BLOCK_SIZE + i)
                if r.version and r.hlen == hlen and memcmp(r.chaddr, chaddr, hlen) == 0:
                    numbers[found] = block[0] * BLOCK_SIZE + i
                    found += 1
        block[0] += 1
    return found


cdef class Memory:
    """All segments, mapped once for the life of the process; `process` is its number there.

    Raises ValueError if a segment is missing or of another layout.
    """

    def __init__(self, fds, int process):
        cdef unsigned char[::1] view
        cdef uint64_t places[11]
        names = ("node", "directory", "records", "longs", "bits", "dirty", "index", "again",
                 "rings", "counters", "traces")
        self.maps = {}
        self.image_maps = []
        self.touched = set()
        for i, name in enumerate(names):
            if name not in fds:
                raise ValueError(f"segment {name!r} is missing")
            size = os.fstat(fds[name]).st_size
            self.maps[name] = mmap.mmap(fds[name], size)
            view = self.maps[name]
            places[i] = <uint64_t>&view[0]
        self._place(places)
        if self.table.node.magic != SEGMENT_MAGIC or self.table.node.layout != SEGMENT_LAYOUT:
            raise ValueError("the segments are not of this layout")
        if not 0 <= process < <int>self.table.node.processes:
            raise ValueError(f"there is no process {process}")
        self.table.self = process

    cdef _place(self, uint64_t* places):
        cdef Table* t = &self.table
        t.node = <Node*>places[0]
        t.processes = <Process*>(places[0] + NODE_SIZE)
        t.slots = <Slot*>(t.processes + t.node.processes)
        t.directory = <uint64_t*>places[1]
        t.records = <Record*>places[2]
        t.longs = <uint8_t*>places[3]
        t.bits = <uint64_t*>places[4]
        t.dirty = <uint64_t*>places[5]
        t.index = <uint64_t*>places[6]
        t.again = <uint32_t*>places[7]
        t.rings = <uint8_t*>places[8]
        t.counters = <Counters*>places[9]
        t.traces = <uint8_t*>places[10]
        t.image = NULL
        t.hints = NULL
        t.kill_step = 0
        t.kill_after = 0

    @property
    def workers(self):
        return self.table.node.workers

    @property
    def processes(self):
        return self.table.node.processes

    @property
    def process(self):
        return self.table.self

    @property
    def segment_id(self):
        return self.table.node.segment_id

    @property
    def block_limit(self):
        return self.table.node.block_limit

    @property
    def block_count(self):
        return load_relaxed_u64(&self.table.node.block_count)

    @property
    def epoch(self):
        return self.table.node.epoch

    @epoch.setter
    def epoch(self, value):
        self.table.node.epoch = value

    @property
    def ready(self):
        return load_acquire_u32(&self.table.node.ready) != 0

    @ready.setter
    def ready(self, value):
        store_release_u32(&self.table.node.ready, 1 if value else 0)

    @property
    def store_state(self):
        return load_relaxed_u32(&self.table.node.store_state)

    @store_state.setter
    def store_state(self, value):
        store_release_u32(&self.table.node.store_state, value)

    @property
    def time_offset_ns(self):
        return self.table.node.time_offset_ns

    @time_offset_ns.setter
    def time_offset_ns(self, value):
        self.table.node.time_offset_ns = value

    @property
    def secret(self):
        return self.table.node.secret[:16]

    @secret.setter
    def secret(self, bytes value):
        if len(value) != 16:
            raise ValueError("the secret has 16 bytes")
        memcpy(self.table.node.secret, <const char*>value, 16)

    @property
    def generation(self):
        return self.table.image.generation if self.table.image != NULL else 0

    def set_image(self, int image_fd, int hints_fd):
        """Works by this policy from now on; posts and returns its generation."""
        cdef const unsigned char[::1] image_view
        cdef unsigned char[::1] hints_view
        image_map = mmap.mmap(image_fd, os.fstat(image_fd).st_size, prot=mmap.PROT_READ)
        hints_map = mmap.mmap(hints_fd, os.fstat(hints_fd).st_size)
        image_view = image_map
        hints_view = hints_map
        image = <const Image*>&image_view[0]
        if image.magic != IMAGE_MAGIC or image.layout != IMAGE_LAYOUT:
            raise ValueError("the policy image is not of this layout")
        if image.workers != self.table.node.workers:
            raise ValueError("the policy image is for another number of workers")
        self.table.image = image
        self.table.hints = &hints_view[0]
        self.image_maps.extend((image_map, hints_map))
        del self.image_maps[:len(self.image_maps) - 8]
        store_release_u32(&self.table.processes[self.table.self].generation, image.generation)
        return image.generation

    def now(self):
        """Node time in seconds."""
        return node_now(&self.table)

    # ---- life signs

    def beat(self):
        """Shows that this process lives; once a second."""
        self.table.processes[self.table.self].beat += 1

    def beats(self, int process):
        return load_relaxed_u64(&self._process(process).beat)

    def set_pid(self, int pid):
        self.table.processes[self.table.self].pid = pid

    def pid(self, int process):
        return self._process(process).pid

    def process_generation(self, int process):
        return load_acquire_u32(&self._process(process).generation)

    def set_busy(self, since_ns):
        """The store, around a commit: boot_time_ns() when it began, 0 after it."""
        store_relaxed_u64(&self.table.processes[self.table.self].busy_since_ns, since_ns)

    def busy_since_ns(self, int process):
        return load_relaxed_u64(&self._process(process).busy_since_ns)

    cdef Process* _process(self, int process) except NULL:
        if not 0 <= process < <int>self.table.node.processes:
            raise IndexError(f"there is no process {process}")
        return &self.table.processes[process]

    def ring_head(self, int process):
        self._process(process)
        return load_acquire_u64(&leases_ring(&self.table, process).head)

    def ring_tail(self, int process):
        self._process(process)
        return load_acquire_u64(&leases_ring(&self.table, process).tail)

    def ring_durable(self, int process):
        self._process(process)
        return load_acquire_u64(&leases_ring(&self.table, process).durable)

    # ---- records

    cdef Lease _lease(self, uint32_t number):
        cdef Record record
        cdef uint8_t longs[LONG_SIZE]
        cdef bint copied
        with nogil:
            copied = copy_record(&self.table, number, &record, longs)
        if not copied:
            raise TimeoutError(f"record {number} stays locked")
        return make_lease(&record, longs, number)

    def lease(self, uint32_t vrf, uint32_t address):
        """The record of an address, or None if it has no block. Raises TimeoutError if locked."""
        cdef uint32_t block = leases_block(&self.table, vrf, address)
        if block == NOWHERE:
            return None
        lease = self._lease(block * BLOCK_SIZE + (address & 255))
        if lease.version == 0:
            lease.vrf = vrf
            lease.address = address
        return lease

    def blocks(self):
        """(VRF, address / 256, block number) of every block in use, sorted."""
        cdef uint32_t place
        cdef uint64_t key
        found = []
        for place in range(self.table.node.block_capacity):
            key = load_relaxed_u64(&self.table.directory[place])
            if key:
                found.append(((key - 1) >> 24, (key - 1) & 0xFFFFFF, place))
        found.sort()
        return found

    def block_leases(self, uint32_t block, bint ever=False):
        """Records of a block that are bound, offered or (`ever`) were bound before."""
        cdef uint32_t i, number
        cdef const Record* r
        if block >= self.table.node.block_capacity:
            raise IndexError(f"there is no block {block}")
        found = []
        for i in range(BLOCK_SIZE):
            number = block * BLOCK_SIZE + i
            r = leases_record(&self.table, number)
            if r.state != FREE or r.offer_until or (ever and r.version):
                found.append(self._lease(number))
        return found

    def find(self, bytes chaddr):
        """Every record with this hardware address, by a scan of the table."""
        cdef uint32_t numbers[1024]
        cdef uint32_t block = 0
        cdef uint32_t count, i
        cdef const uint8_t* wanted = chaddr
        cdef uint8_t hlen = len(chaddr)
        found = []
        while block < self.table.node.block_capacity:
            with nogil:
                count = find_chaddr(&self.table, wanted, hlen, &block, numbers, 1024)
            for i in range(count):
                found.append(self._lease(numbers[i]))
        return [lease for lease in found if lease.chaddr == chaddr]

    def bit(self, uint32_t vrf, uint32_t address):
        cdef uint32_t block = leases_block(&self.table, vrf, address)
        cdef uint32_t low = address & 255
        if block == NOWHERE:
            return False
        return bool(load_relaxed_u64(&self.table.bits[block * 4 + low // 64]) >> (low % 64) & 1)

    def tally(self):
        """Per pool of the policy: addresses free, offered, active, pending, declined."""
        cdef const Image* image = self.table.image
        cdef Tally sums
        cdef uint32_t i
        cdef const Pool* pool
        if image == NULL:
            return []
        totals = []
        for i in range(image.pools.count):
            pool = image_pool(image, i)
            sums.taken = sums.offered = sums.active = sums.pending = sums.declined = 0
            with nogil:
                tally_pool(&self.table, pool, &sums)
            totals.append((pool.size - sums.taken, sums.offered, sums.active, sums.pending,
                           sums.declined))
        return totals

    # ---- counters and trace

    def process_counters(self, int process):
        self._process(process)
        return [self.table.counters[process].words[i] for i in range(320)]

    def counters(self):
        """The counter words summed over all processes (see _stats)."""
        per_process = [self.process_counters(i) for i in range(self.processes)]
        return [sum(words) for words in zip(*per_process)]

    def add(self, int word, int value=1):
        """Counts in this process's own block."""
        if not 0 <= word < 320:
            raise IndexError(f"there is no counter {word}")
        self.table.counters[self.table.self].words[word] += value

    def observe(self, int histogram, int sum_word, uint64_t microseconds):
        """Puts a time into this process's own histogram."""
        bucket = min(int(microseconds).bit_length(), 31)
        self.add(histogram + bucket)
        self.add(sum_word, microseconds)

    def trace_head(self, int worker):
        return load_acquire_u64(&self._trace(worker).head)

    cdef Trace* _trace(self, int worker) except NULL:
        if not 0 <= worker < <int>self.table.node.workers:
            raise IndexError(f"there is no worker {worker}")
        return leases_trace(&self.table, worker)

    def trace(self, int worker, first, int limit):
        """Decisions of a worker from the `first`-th on, as far as the ring still has them."""
        cdef Trace* trace = self._trace(worker)
        cdef TraceEntry* entries = <TraceEntry*>(trace + 1)
        cdef TraceEntry e
        size = self.table.node.trace_size
        head = load_acquire_u64(&trace.head)
        at = max(first, head - size, 0)
        found = []
        while at < head and len(found) < limit:
            e = entries[at % size]
            fence_acquire()
            # Overwritten while it was copied: what is left of the ring begins later.
            if load_acquire_u64(&trace.head) < at + size:
                found.append({
                    "number": at, "time_ns": e.time_ns, "xid": e.xid, "vrf": e.vrf,
                    "giaddr": e.giaddr, "ciaddr": e.ciaddr, "requested": e.requested,
                    "yiaddr": e.yiaddr, "chaddr": e.chaddr[:min(e.hlen, 16)], "htype": e.htype,
                    "message_type": e.message_type, "reply_type": e.reply_type,
                    "reason": e.reason, "ifindex": e.ifindex,
                })
            at += 1
        return found

    def set_kill_step(self, int step, int after=1):
        """Crash tests: SIGKILL to itself when it reaches this numbered step."""
        self.table.kill_step = step
        self.table.kill_after = after

    def touch_ahead(self, int blocks):
        """Touches the pages of the next blocks of every pool, so that no worker waits for them."""
        cdef const Image* image = self.table.image
        cdef const Pool* pool
        cdef uint32_t i, k, block, address
        cdef uint64_t cursor
        if image == NULL:
            return
        for i in range(image.pools.count):
            pool = image_pool(image, i)
            cursor = load_relaxed_u64(&(<Hint*>(self.table.hints + pool.hints_at)).cursor)
            for k in range(blocks):
                if cursor + k >= pool.block_count:
                    break
                address = (pool.block_first + <uint32_t>cursor + k) << 8
                block = leases_enter(&self.table, pool.vrf, address)
                if block == NOWHERE:
                    return
                if block not in self.touched:
                    self.touched.add(block)
                    madvise(self.table.records + <uint64_t>block * BLOCK_SIZE,
                            BLOCK_SIZE * sizeof(Record), MADV_POPULATE_WRITE)
