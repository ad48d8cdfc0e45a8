"""Units of the packet path in loops of C, so that a benchmark measures them and not the calls.

Every method returns something that depends on each step: a loop that does nothing is found out.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from fastdhcp._areas cimport areas_slots
from fastdhcp._bitmap cimport bitmap_next
from fastdhcp._body cimport Bodies, bodies_close, bodies_open
from fastdhcp._case cimport Case, case_consider, case_fetch, case_settle
from fastdhcp._codec cimport Packet, Scratch, codec_decode
from fastdhcp._image cimport CLASS_WORDS, Image, Pool, image_pool, image_slots
from fastdhcp._journal cimport CHANGE_RENEW, Applied, Change, Outcome, apply_change, journal_change
from fastdhcp._leases cimport (
    Binding, Entries, Table, leases_candidates, leases_entries, leases_read, node_now,
)
from fastdhcp._memory cimport Memory
from fastdhcp._program cimport Input, input_packet, program_mark, program_test
from fastdhcp._reply cimport Reply, reply_write
from fastdhcp._scope cimport Arrival, Scope, scope_select
from fastdhcp._stats cimport CLASS_COUNTERS, DROP_NONE
from fastdhcp._worker cimport CASES_MAX

cdef enum:
    CANDIDATES = 16


cdef class Units:
    """One worker's view of a table; `local` is the address that packets come to."""

    cdef Memory memory
    cdef Arrival arrival
    cdef Bodies bodies
    cdef Case* cases             # CASES_MAX, and as many scratches
    cdef Scratch* scratch
    cdef Reply* written

    def __cinit__(self, Memory memory, uint32_t local):
        self.memory = memory
        memset(&self.arrival, 0, sizeof(Arrival))
        self.arrival.destination = self.arrival.local = local
        self.cases = <Case*>malloc(CASES_MAX * sizeof(Case))
        self.scratch = <Scratch*>malloc(CASES_MAX * sizeof(Scratch))
        self.written = <Reply*>malloc(sizeof(Reply))
        if (self.cases == NULL or self.scratch == NULL or self.written == NULL
                or not bodies_open(&self.bodies)):
            raise MemoryError

    def __dealloc__(self):
        bodies_close(&self.bodies)
        free(self.cases)
        free(self.scratch)
        free(self.written)

    def decode(self, bytes messages, uint32_t size) -> int:
        """Decode messages of `size` octets each. Returns the sum of their xids."""
        cdef const uint8_t* at = <const uint8_t*><const char*>messages
        cdef const uint8_t* end = at + len(messages)
        cdef Packet packet
        cdef uint64_t total = 0
        with nogil:
            while at < end:
                if codec_decode(areas_slots(), at, size, self.scratch, &packet) == DROP_NONE:
                    total += packet.xid
                at += size
        return total

    def handle(self, bytes messages, uint32_t size) -> list:
        """Decode, select, decide and apply each, as many at a time as a worker does. Returns their
        yiaddr, 0 for no reply."""
        cdef const uint8_t* at = <const uint8_t*><const char*>messages
        cdef uint32_t count = <uint32_t>(len(messages) // size), i, some, first = 0
        cdef uint32_t* told = <uint32_t*>malloc(count * sizeof(uint32_t))
        cdef uint32_t now = node_now(&self.memory.table)
        with nogil:
            while first < count:
                some = min(count - first, <uint32_t>CASES_MAX)
                self._handle(at + first * size, size, some, now)
                for i in range(some):
                    told[first + i] = self.cases[i].handled.yiaddr
                first += some
        result = [told[i] for i in range(count)]
        free(told)
        return result

    cdef void _handle(self, const uint8_t* at, uint32_t size, uint32_t count,
                      uint32_t now) noexcept nogil:
        cdef Table* t = &self.memory.table
        cdef uint32_t i
        for i in range(count):
            self.cases[i].arrival = &self.arrival
            self.cases[i].reason = codec_decode(image_slots(t.image), at + i * size, size,
                                                &self.scratch[i], &self.cases[i].packet)
            self.cases[i].readable = self.cases[i].reason == DROP_NONE
            case_consider(t, &self.cases[i], now)
        for i in range(count):
            case_fetch(t, &self.cases[i])
        for i in range(count):
            case_settle(t, &self.cases[i])

    def encode(self, bytes message, uint32_t count) -> bytes:
        """Handle a message once and write its reply `count` times. Returns the reply."""
        cdef Table* t = &self.memory.table
        cdef uint32_t now = node_now(t), _i
        cdef const Case* c = self.cases
        cdef bint written = False
        memset(self.written, 0, sizeof(Reply))
        self._handle(<const uint8_t*><const char*>message, len(message), 1, now)
        if not c.readable:
            raise ValueError("the message is no request")
        with nogil:
            for _i in range(count):
                written = reply_write(self.written, &self.bodies, t.image, &c.packet,
                                      &self.arrival, &c.handled, now, t.own)
        return self.written.data[:self.written.size] if written and c.handled.reply_type else b""

    cdef _input(self, const Image* image, bytes message, Packet* packet, Input* input,
                uint64_t* classes, uint64_t* counted):
        memset(classes, 0, CLASS_WORDS * sizeof(uint64_t))
        memset(counted, 0, CLASS_COUNTERS * sizeof(uint64_t))
        if codec_decode(image_slots(image), message, <uint32_t>len(message), self.scratch,
                        packet) != DROP_NONE:
            raise ValueError("the message is no request")
        input_packet(input, packet, &self.arrival)
        input.classes = classes
        input.counted = counted

    def test(self, const unsigned char[::1] image_bytes, bytes message, uint32_t count) -> int:
        """Run program 0 of an image upon a message `count` times. Returns how often it was true."""
        cdef const Image* image = <const Image*>&image_bytes[0]
        cdef uint32_t passed = 0, _i
        cdef uint64_t classes[CLASS_WORDS]
        cdef uint64_t counted[CLASS_COUNTERS]
        cdef Packet packet
        cdef Input input
        self._input(image, message, &packet, &input, classes, counted)
        with nogil:
            for _i in range(count):
                passed += program_test(image, 0, &input)
        return passed

    def test_classes(self, const unsigned char[::1] image_bytes, bytes message,
                     uint32_t count) -> int:
        """Mark the classes of a message `count` times. Returns the first word of their bits."""
        cdef const Image* image = <const Image*>&image_bytes[0]
        cdef uint32_t _i
        cdef uint64_t classes[CLASS_WORDS]
        cdef uint64_t counted[CLASS_COUNTERS]
        cdef Packet packet
        cdef Input input
        self._input(image, message, &packet, &input, classes, counted)
        with nogil:
            for _i in range(count):
                program_mark(image, &input)
        return classes[0]

    def allocate(self, uint32_t pool, uint32_t count) -> list:
        """The next `count` addresses of a pool, by its index in the image, that look free."""
        cdef Table* t = &self.memory.table
        cdef const Pool* of = image_pool(t.image, pool)
        cdef uint32_t now = node_now(t), i
        cdef uint32_t* found = <uint32_t*>malloc(count * sizeof(uint32_t))
        with nogil:
            for i in range(count):
                found[i] = bitmap_next(t, of, now)
        result = [found[i] for i in range(count)]
        free(found)
        return result

    def network_of(self, bytes message) -> int:
        """The number of the network that a message belongs to."""
        cdef Packet packet
        cdef Scope scope
        memset(&scope, 0, sizeof(Scope))
        if (codec_decode(areas_slots(), <const uint8_t*><const char*>message, len(message),
                         self.scratch, &packet) != DROP_NONE
                or scope_select(self.memory.table.image, &packet, &self.arrival,
                                &scope) != DROP_NONE):
            raise ValueError("the message belongs to no network")
        return scope.network_number

    def look_up(self, uint32_t network, bytes keys) -> int:
        """Find the record of each client by its 16-octet key. Returns how many were found."""
        cdef Table* t = &self.memory.table
        cdef const uint8_t* at = <const uint8_t*><const char*>keys
        cdef const uint8_t* end = at + len(keys)
        cdef uint32_t numbers[CANDIDATES]
        cdef uint64_t key[2]
        cdef uint32_t i, found = 0
        cdef Entries entries
        cdef Binding binding
        with nogil:
            while at < end:
                memcpy(key, at, 16)
                leases_entries(t, network, key[0], &entries)
                for i in range(leases_candidates(&entries, numbers, CANDIDATES)):
                    if (leases_read(t, numbers[i], &binding) and binding.key[0] == key[0]
                            and binding.key[1] == key[1]):
                        found += 1
                        break
                at += 16
        return found

    def renew(self, list numbers, uint32_t expiry) -> int:
        """Renew records by number: lock, entry into the ring, replay. Returns how many were."""
        cdef Table* t = &self.memory.table
        cdef uint32_t count = len(numbers), i, now = node_now(t), applied = 0
        cdef uint32_t* at = <uint32_t*>malloc(count * sizeof(uint32_t))
        cdef Binding binding
        cdef Change change
        cdef Outcome outcome
        for i in range(count):
            at[i] = numbers[i]
        with nogil:
            for i in range(count):
                if not leases_read(t, at[i], &binding):
                    continue
                journal_change(t, &binding, CHANGE_RENEW, now, &change)
                change.expiry = expiry
                applied += apply_change(t, &change, &outcome) == Applied.APPLIED
        free(at)
        return applied
