"""The segments, mapped: Memory, which maps them all for one process."""

import mmap
import os

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from fastdhcp._atomic cimport (
    load_acquire_u32, load_acquire_u64, load_relaxed_u32, load_relaxed_u64, store_relaxed_u64,
    store_release_u32, store_release_u64,
)
from fastdhcp._census cimport Tally, census_chaddr, census_pool, census_table
from fastdhcp._image cimport IMAGE_LAYOUT, IMAGE_MAGIC, NOWHERE, Image, Pool, image_pool
from fastdhcp._lease cimport Lease, lease_make
from fastdhcp._layout cimport NODE_SIZE
from fastdhcp._leases cimport (
    BLOCK_SIZE, FREE, SEGMENT_LAYOUT, SEGMENT_MAGIC, Copy, Node, Process, Record, Ring, Slot,
    Table, boot_ns, leases_bits, leases_block, leases_copy, leases_end, leases_is_block,
    leases_record, leases_ring, leases_store_fails, node_now,
)
from fastdhcp._linux cimport sched_yield
from fastdhcp._reservations cimport Reservations, reservations_in
from fastdhcp._stats cimport COUNT_WORDS, Counters
from fastdhcp._trace cimport trace_head, trace_rows

cdef enum:
    SEGMENT_COUNT = 13
    LOOKS_MAX = 16               # at a locked record; its holder may have the core between them
    FOUND_MAX = 1024             # records of one look for a hardware address; over a block

INFINITE = 0xFFFFFFFF            # node time: never
SEGMENTS = ("node", "directory", "records", "longs", "bits", "dirty", "index", "again", "rings",
            "counters", "traces", "hints", "places")  # in the order of Memory._place


cdef tuple _counted(const Tally* sums):
    return sums.offered, sums.active, sums.pending, sums.grace, sums.declined


def boot_time_ns():
    """CLOCK_BOOTTIME in nanoseconds."""
    return boot_ns()


# ---- mapped

cdef class Memory:
    """All segments, mapped once for the life of the process; `process` is its number there.

    Raises ValueError if a segment is missing or of another layout.
    """

    def __init__(self, fds, int process):
        cdef unsigned char[::1] view
        cdef uint64_t places[SEGMENT_COUNT]
        self.maps = {}
        self.image_maps = []
        for i, name in enumerate(SEGMENTS):
            if name not in fds:
                raise ValueError(f"segment {name!r} is missing")
            size = os.fstat(fds[name]).st_size
            self.maps[name] = mmap.mmap(fds[name], size)
            view = self.maps[name]
            places[i] = <uint64_t>&view[0]
        self._place(places)
        if self.table.node.magic != SEGMENT_MAGIC or self.table.node.layout != SEGMENT_LAYOUT:
            raise ValueError(
                f"the server's memory is of layout {self.table.node.layout}, this program's is "
                f"{SEGMENT_LAYOUT}: it was installed while another version runs; restart the server"
            )
        if not 0 <= process < <int>self.table.node.processes:
            raise ValueError(f"there is no process {process}")
        self.table.self = process
        self.table.own = self.table.counters + process

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
        t.hints = <uint8_t*>places[11]
        t.places = <uint64_t*>places[12]
        t.image = NULL
        t.store_fails = 0
        t.kill_step = 0
        t.kill_after = 0

    @property
    def workers(self):
        return self.table.node.workers

    @property
    def processes(self):
        return self.table.node.processes

    @property
    def rings(self):
        return self.table.node.rings

    @property
    def ring_size(self):
        return self.table.node.ring_size

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
    def floors(self):
        """Version and incarnation number above which a record begins that was never bound."""
        return self.table.node.version_floor, self.table.node.inc_floor

    @floors.setter
    def floors(self, value):
        self.table.node.version_floor, self.table.node.inc_floor = value

    @property
    def sequence(self):
        """Of the last batch that was given to the disk: a store whose files are gone goes on."""
        return self.table.node.sequence

    @sequence.setter
    def sequence(self, value):
        self.table.node.sequence = value

    @property
    def published(self):
        """The last batch that is on disk. Who follows the journal reads no further: LMDB shows a
        transaction before it is synced."""
        return load_acquire_u64(&self.table.node.published)

    @published.setter
    def published(self, value):
        store_release_u64(&self.table.node.published, value)

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
    def store_fails(self):
        """Nothing new can be made durable now: commits fail, or one is stuck."""
        return leases_store_fails(&self.table, boot_ns()) != 0

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

    def set_image(self, int image_fd, int reservations_fd=-1):
        """Goes by this policy and file table (-1: none) from now on; posts, returns its number."""
        cdef const unsigned char[::1] view
        cdef const Reservations* reservations = NULL
        maps = [mmap.mmap(fd, os.fstat(fd).st_size, prot=mmap.PROT_READ)
                for fd in (image_fd, reservations_fd) if fd >= 0]
        view = maps[0]
        image = <const Image*>&view[0]
        if image.magic != IMAGE_MAGIC or image.layout != IMAGE_LAYOUT:
            raise ValueError("the policy image is not of this layout")
        if image.workers != self.table.node.workers:
            raise ValueError("the policy image is for another number of workers")
        if len(maps) > 1:
            reservations = reservations_in(maps[1])
        self.table.image = image
        self.table.reservations = reservations if len(maps) > 1 and reservations.count else NULL
        self.image_maps.append(maps)
        del self.image_maps[:max(len(self.image_maps) - 4, 0)]
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

    cdef Ring* _ring(self, int process) except NULL:
        if not 0 <= process < <int>self.table.node.rings:
            raise IndexError(f"process {process} has no ring")
        return leases_ring(&self.table, process)

    def ring_head(self, int process):
        return load_acquire_u64(&self._ring(process).head)

    def ring_tail(self, int process):
        return load_acquire_u64(&self._ring(process).tail)

    def ring_durable(self, int process):
        return load_acquire_u64(&self._ring(process).durable)

    # ---- records

    cdef Lease _lease(self, uint32_t number):
        cdef Copy copy
        cdef bint copied = False
        cdef int _i
        with nogil:
            for _i in range(LOOKS_MAX):
                copied = leases_copy(&self.table, number, &copy)
                if copied:
                    break
                sched_yield()
        if not copied:
            raise TimeoutError(f"record {number} stays locked")
        lease = lease_make(&copy, number)
        if lease.version == 0:       # never bound: only its place says which address it is
            place = load_relaxed_u64(&self.table.places[number // BLOCK_SIZE]) - 1
            lease.vrf = place >> 24
            lease.address = ((place & 0xFFFFFF) << 8) | (number & 255)
        return lease

    def lease(self, uint32_t vrf, uint32_t address):
        """The record of an address, or None if it has no block. Raises TimeoutError if locked."""
        cdef uint32_t block = leases_block(&self.table, vrf, address)
        if block == NOWHERE:
            return None
        return self._lease(block * BLOCK_SIZE + (address & 255))

    def blocks(self):
        """(VRF, address / 256, block number) of every block in use, sorted."""
        cdef uint32_t number
        cdef uint64_t place
        found = []
        for number in range(leases_end(&self.table)):
            if leases_is_block(&self.table, number):
                place = load_relaxed_u64(&self.table.places[number]) - 1
                found.append((place >> 24, place & 0xFFFFFF, number))
        found.sort()
        return found

    def block_leases(self, uint32_t block, bint ever=False):
        """Records of a block that are bound, offered or (`ever`) were bound before."""
        cdef uint32_t i, number
        cdef const Record* r
        if block >= leases_end(&self.table):
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
        cdef uint32_t numbers[FOUND_MAX]
        cdef uint32_t block = 0
        cdef uint32_t count, i
        cdef const uint8_t* wanted = chaddr
        cdef uint8_t hlen = len(chaddr)
        found = []
        while block < leases_end(&self.table):
            with nogil:
                count = census_chaddr(&self.table, wanted, hlen, &block, numbers, FOUND_MAX)
            for i in range(count):
                found.append(self._lease(numbers[i]))
        return [lease for lease in found if lease.chaddr == chaddr]

    def bit(self, uint32_t vrf, uint32_t address):
        cdef uint32_t block = leases_block(&self.table, vrf, address)
        cdef uint32_t low = address & 255
        if block == NOWHERE:
            return False
        return bool(load_relaxed_u64(&leases_bits(&self.table, block)[low // 64]) >> (low % 64) & 1)

    def tally(self):
        """Per pool of the policy: addresses free, offered, active, pending, grace, declined."""
        cdef const Image* image = self.table.image
        cdef Tally sums
        cdef uint32_t i
        cdef uint32_t now = self.now()
        cdef const Pool* pool
        if image == NULL:
            return []
        _mapped = tuple(self.image_maps)  # a thread may be here while new policies come
        totals = []
        for i in range(image.pools.count):
            pool = image_pool(image, i)
            memset(&sums, 0, sizeof(sums))
            with nogil:
                census_pool(&self.table, image, pool, now, &sums)
            counted = _counted(&sums)
            totals.append((pool.size - sum(counted), *counted))
        return totals

    def census(self):
        """The whole table, in pools or not: addresses offered, active, pending, grace, declined."""
        cdef Tally sums
        cdef uint32_t now = self.now()
        memset(&sums, 0, sizeof(sums))
        with nogil:
            census_table(&self.table, now, &sums)
        return _counted(&sums)

    # ---- counters and trace

    def process_counters(self, int process):
        self._process(process)
        return [self.table.counters[process].words[i] for i in range(<int>COUNT_WORDS)]

    def counters(self):
        """The counter words summed over all processes (see _stats)."""
        cdef uint64_t sums[COUNT_WORDS]
        cdef uint32_t process, word
        memset(sums, 0, sizeof(sums))
        for process in range(self.table.node.processes):
            for word in range(<uint32_t>COUNT_WORDS):
                sums[word] += self.table.counters[process].words[word]
        return [sums[word] for word in range(<uint32_t>COUNT_WORDS)]

    def add(self, int word, int value=1):
        """Counts in this process's own block."""
        if not 0 <= word < <int>COUNT_WORDS:
            raise IndexError(f"there is no counter {word}")
        self.table.own.words[word] += value

    def observe(self, int histogram, int sum_word, uint64_t microseconds):
        """Puts a time into this process's own histogram."""
        self.add(histogram + min(int(microseconds).bit_length(), 31))
        self.add(sum_word, microseconds)

    cdef uint32_t _traced(self, int worker) except? 0:
        if not 0 <= worker < <int>self.table.node.workers:
            raise IndexError(f"there is no worker {worker}")
        return worker

    def trace_head(self, int worker):
        return trace_head(&self.table, self._traced(worker))

    def trace(self, int worker, first, int limit, *, until=None, message_type=None, reason=None):
        """Decisions of a worker from the `first`-th to before the `until`-th, at most `limit`, as
        far as the ring still has them; only those about such a message, or of this DropReason."""
        end = self.trace_head(worker) if until is None else until
        return trace_rows(&self.table, self._traced(worker), first, end, limit, False,
                          message_type, reason, b"", None)

    def trace_last(self, int worker, int limit, chaddr=None, vrf=None):
        """The last `limit` decisions of a worker, the newest last; of this client, in this VRF."""
        return trace_rows(&self.table, self._traced(worker), 0, self.trace_head(worker), limit,
                          True, None, None, chaddr or b"", vrf)[::-1]

    def set_kill_step(self, int step, int after=1):
        """Crash tests: SIGKILL to itself when it reaches this numbered step."""
        self.table.kill_step, self.table.kill_after = step, after
