"""Chunks outside the policy in which nothing lives: they take no room in the table, nor on disk."""

from libc.stdint cimport uint32_t, uint64_t

from fastdhcp._entry cimport (
    ENTRY_END, ENTRY_PAD, ENTRY_WHOLE, EntryHeader, entry_aligned, entry_size,
)
from fastdhcp._image cimport NOWHERE, image_find_pool
from fastdhcp._leases cimport BLOCK_SIZE, CHUNK_SIZE, FREE, Record, Table
from fastdhcp._memory cimport Memory
from fastdhcp._reservations cimport reservations_at


# A chunk's key (_store.chunk_key) as a number.
cdef inline uint64_t chunk_of(const EntryHeader* h) noexcept nogil:
    return <uint64_t>h.vrf << 32 | h.address // CHUNK_SIZE


# Whether a pool or a reservation touches any address of the chunk.
cdef bint in_policy(const Table* t, uint64_t chunk) noexcept nogil:
    cdef uint32_t vrf = <uint32_t>(chunk >> 32)
    cdef uint32_t first = <uint32_t>chunk * CHUNK_SIZE
    cdef uint32_t i
    for i in range(CHUNK_SIZE):
        if image_find_pool(t.image, vrf, first + i) != NOWHERE:
            return True
        if t.reservations != NULL and reservations_at(t.reservations, vrf, first + i) != NULL:
            return True
    return False


cdef inline bint is_living(const EntryHeader* h) noexcept nogil:
    if h.kind == ENTRY_WHOLE:
        return (<const Record*>h).state != FREE
    return h.kind != ENTRY_END


cdef inline uint32_t incarnation(const EntryHeader* h) noexcept nogil:
    return (<const Record*>h).inc_n if h.kind == ENTRY_WHOLE else h.inc_n


cdef class Strays:
    """What the disk says of addresses outside the policy, before any of it is put into the table.

    Shown every chunk of the checkpoint and then every batch behind it. Raises ValueError if there
    is no policy yet.
    """

    cdef Memory memory
    cdef dict seen               # (chunk, address) -> [version, living], of the newest entry
    cdef uint64_t last           # the chunk that was looked at last, and whether it is in policy
    cdef bint last_in_policy
    cdef dict highest            # chunk -> [version, incarnation]

    def __init__(self, Memory memory not None):
        if memory.table.image == NULL:
            raise ValueError("the policy image comes first")
        self.memory = memory
        self.seen = {}
        self.highest = {}
        self.last = <uint64_t>-1

    cdef bint _outside(self, uint64_t chunk):
        if chunk != self.last:
            self.last = chunk
            self.last_in_policy = in_policy(&self.memory.table, chunk)
        return not self.last_in_policy

    def look(self, const unsigned char[::1] data):
        """A chunk's or a batch's entries; what is damaged is left to who replays it."""
        cdef uint32_t at = 0
        cdef uint32_t size
        cdef const EntryHeader* h
        data = entry_aligned(data)
        while at < data.shape[0]:
            size = entry_size(&data[at], data.shape[0] - at)
            if size == 0:
                return
            h = <const EntryHeader*>&data[at]
            if h.kind != ENTRY_PAD and self._outside(chunk_of(h)):
                self._note(h)
            at += size

    cdef _note(self, const EntryHeader* h):
        chunk = chunk_of(h)
        record = self.seen.setdefault((chunk, h.address), [0, False])
        if h.version > record[0]:
            record[:] = h.version, is_living(h)
        highest = self.highest.setdefault(chunk, [0, 0])
        highest[0] = max(highest[0], h.version)
        highest[1] = max(highest[1], incarnation(h))

    def gone(self):
        """The chunks in which nothing lives: their keys as numbers."""
        return frozenset(self.highest) - self.living()

    def living(self):
        """The other chunks outside the policy."""
        return frozenset(chunk for (chunk, _), record in self.seen.items() if record[1])

    def blocks(self):
        """How many blocks the living ones need that the policy does not touch."""
        chunks = BLOCK_SIZE // CHUNK_SIZE
        firsts = {chunk - chunk % chunks for chunk in self.living()}
        return sum(not any(in_policy(&self.memory.table, first + i) for i in range(chunks))
                   for first in firsts)

    def floors(self):
        """The highest version and incarnation number of what is gone."""
        gone = [self.highest[chunk] for chunk in self.gone()]
        return (max((version for version, _ in gone), default=0),
                max((number for _, number in gone), default=0))


def without(const unsigned char[::1] data, gone):
    """The entries of a batch but those of chunks that are gone. Damage is left where it is."""
    cdef uint32_t at = 0
    cdef uint32_t size
    cdef const EntryHeader* h
    parts = []
    data = entry_aligned(data)
    while at < data.shape[0]:
        size = entry_size(&data[at], data.shape[0] - at)
        h = <const EntryHeader*>&data[at]
        if size == 0:
            parts.append(bytes(data[at:]))
            break
        if h.kind == ENTRY_PAD or chunk_of(h) not in gone:
            parts.append(bytes(data[at:at + size]))
        at += size
    return b"".join(parts)


def stray_floors(Memory memory not None, const unsigned char[::1] copy):
    """A chunk's copy: the highest version and incarnation number in it, if it may go from the disk;
    None if it stays. An empty one stays."""
    cdef uint32_t at = 0
    cdef uint32_t size
    cdef uint64_t version = 0
    cdef uint32_t number = 0
    cdef const EntryHeader* h
    if (copy.shape[0] == 0 or memory.table.image == NULL
            or in_policy(&memory.table, chunk_of(<const EntryHeader*>&copy[0]))):
        return None
    while at < copy.shape[0]:
        size = entry_size(&copy[at], copy.shape[0] - at)
        h = <const EntryHeader*>&copy[at]
        if size == 0 or is_living(h):
            return None
        version = max(version, h.version)
        number = max(number, incarnation(h))
        at += size
    return version, number
