"""Chunks of the table, 64 records each: what has changed in them, and how they stand on disk."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastdhcp._atomic cimport fence_full, fetch_and_u64, load_relaxed_u64, lowest_bit_u64
from fastdhcp._entry cimport (
    ENTRY_MAX, ENTRY_PAD, EntryHeader, Kept, entry_aligned, entry_kept, entry_size,
    entry_write_whole,
)
from fastdhcp._image cimport NOWHERE
from fastdhcp._journal cimport journal_place, journal_set_dirty
from fastdhcp._leases cimport (
    BLOCK_SIZE, CHUNK_SIZE, RINGS_MAX, Copy, Table, leases_block, leases_copy, leases_end,
    leases_is_block, leases_record,
)
from fastdhcp._memory cimport Memory


def mark_all_dirty(Memory memory):
    """At attach: what is on disk of any chunk may be old."""
    cdef Table* t = &memory.table
    cdef uint32_t block, k
    for block in range(leases_end(t)):
        if leases_is_block(t, block):
            for k in range(BLOCK_SIZE // CHUNK_SIZE):
                journal_set_dirty(t, block * BLOCK_SIZE + k * CHUNK_SIZE)


def mark_batch_dirty(Memory memory, const unsigned char[::1] data):
    """Recovery: the chunks that a journal batch touches are dirty."""
    cdef Table* t = &memory.table
    cdef uint32_t at = 0
    cdef uint32_t size, block
    cdef const EntryHeader* h
    data = entry_aligned(data)
    while at < data.shape[0]:
        size = entry_size(&data[at], data.shape[0] - at)
        if size == 0:
            raise ValueError(f"byte {at} begins no entry: the lease store is damaged")
        h = <const EntryHeader*>&data[at]
        if h.kind != ENTRY_PAD:
            block = leases_block(t, h.vrf, h.address)
            if block != NOWHERE:
                journal_set_dirty(t, block * BLOCK_SIZE + (h.address & 255))
        at += size


def dirty_chunks(Memory memory):
    """Numbers of the chunks that are dirty now."""
    cdef Table* t = &memory.table
    cdef uint32_t word
    cdef uint64_t bits
    found = []
    for word in range((leases_end(t) * (BLOCK_SIZE // CHUNK_SIZE) + 63) // 64):
        bits = load_relaxed_u64(&t.dirty[word])
        while bits:
            found.append(word * 64 + lowest_bit_u64(bits))
            bits &= bits - 1
    return found


def mark_dirty(Memory memory, uint32_t chunk):
    """A commit failed: the chunk is dirty as before."""
    if chunk >= leases_end(&memory.table) * (BLOCK_SIZE // CHUNK_SIZE):
        raise IndexError(f"there is no chunk {chunk}")
    journal_set_dirty(&memory.table, chunk * CHUNK_SIZE)


def chunk_key(Memory memory, uint32_t chunk):
    """Key of a chunk in `leases`: VRF, address / 64, both big-endian u32."""
    cdef uint32_t vrf, address
    if (chunk >= leases_end(&memory.table) * (BLOCK_SIZE // CHUNK_SIZE)
            or not leases_is_block(&memory.table, chunk // (BLOCK_SIZE // CHUNK_SIZE))):
        raise IndexError(f"there is no chunk {chunk}")
    journal_place(&memory.table, chunk * CHUNK_SIZE, &vrf, &address)
    return vrf.to_bytes(4, "big") + (address // CHUNK_SIZE).to_bytes(4, "big")


# One record as an entry. 0: never bound; -1: it stayed locked. Where `change` is not known it is of
# batch `sequence`, which reaches to `heads`, or of the next.
cdef int copy_entry(Table* t, uint32_t number, uint64_t sequence, const uint64_t* heads,
                    uint8_t* out) noexcept nogil:
    cdef Copy copy
    cdef Kept ids
    if not leases_copy(t, number, &copy):
        return -1
    if copy.record.version == 0:
        return 0
    if copy.record.change == 0:
        copy.record.change = sequence + (copy.record.position > heads[copy.record.ring])
    entry_kept(&copy.record, copy.longs, &ids)
    return <int>entry_write_whole(out, &copy.record, &ids)


def copy_chunk(Memory memory, uint32_t chunk, sequence, heads):
    """Clears the dirty bit, then copies the chunk's records, each with the batch that its last
    change is of: up to `sequence`, which reaches to `heads`, or the next.

    None: a record was locked; the bit is set again, come back.
    """
    cdef Table* t = &memory.table
    cdef uint8_t out[CHUNK_SIZE * ENTRY_MAX]
    cdef uint32_t used = 0
    cdef uint64_t number = sequence
    cdef uint64_t reached[RINGS_MAX]
    cdef uint32_t i
    cdef int size = 0
    for i in range(t.node.rings):
        reached[i] = heads[i]
    if chunk >= leases_end(t) * (BLOCK_SIZE // CHUNK_SIZE):
        raise IndexError(f"there is no chunk {chunk}")
    with nogil:
        fetch_and_u64(&t.dirty[chunk // 64], ~(<uint64_t>1 << (chunk % 64)))
        fence_full()
        for i in range(CHUNK_SIZE):
            size = copy_entry(t, chunk * CHUNK_SIZE + i, number, reached, out + used)
            if size < 0:
                break
            used += size
        if size < 0:
            journal_set_dirty(t, chunk * CHUNK_SIZE)
    return None if size < 0 else out[:used]


def ahead_entries(Memory memory, bytes key, last):
    """Recovery: entries of what the chunk with this key holds ahead of batch `last`.

    From here on these changes are of the batch after it.
    """
    cdef Table* t = &memory.table
    cdef uint8_t out[CHUNK_SIZE * ENTRY_MAX]
    cdef uint32_t used = 0
    cdef uint32_t vrf = int.from_bytes(key[:4], "big")
    cdef uint32_t address = int.from_bytes(key[4:], "big") * CHUNK_SIZE
    cdef uint32_t number = leases_block(t, vrf, address) * BLOCK_SIZE + (address & 255)
    cdef uint64_t sequence = last
    cdef uint32_t i
    for i in range(CHUNK_SIZE):
        if leases_record(t, number + i).change > sequence:
            leases_record(t, number + i).change = sequence + 1
            used += copy_entry(t, number + i, 0, NULL, out + used)
    return out[:used]
