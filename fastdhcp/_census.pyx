"""Whole-table looks: how much of a pool is taken, and which records a hardware address has."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from fastdhcp._atomic cimport load_relaxed_u64, lowest_bit_u64
from fastdhcp._image cimport BLOCK_WORDS, NOWHERE, Image, Pool, image_pool_mask
from fastdhcp._leases cimport (
    BLOCK_SIZE, DECLINED, FREE, PENDING, Record, Table, leases_bits, leases_block, leases_end,
    leases_is_block, leases_record, leases_reserved,
)


cdef void tally_word(const Table* t, uint32_t first, uint64_t taken, uint32_t now,
                     Tally* sums) noexcept nogil:
    cdef const Record* r
    cdef uint8_t state
    while taken:
        r = leases_record(t, first + lowest_bit_u64(taken))
        taken &= taken - 1
        state = r.state
        if state == FREE:
            sums.offered += r.offer_until > now
        elif state == DECLINED:
            sums.declined += 1
        elif now >= r.expiry:
            sums.grace += 1
        elif state == PENDING:
            sums.pending += 1
        else:
            sums.active += 1


cdef void census_pool(const Table* t, const Image* image, const Pool* pool, uint32_t now,
                      Tally* sums) noexcept nogil:
    cdef uint64_t allowed[BLOCK_WORDS]
    cdef uint32_t i, block
    cdef int word
    for i in range(pool.block_count):
        block = leases_block(t, pool.vrf, (pool.block_first + i) << 8)
        if block == NOWHERE:
            continue
        image_pool_mask(image, pool, pool.block_first + i, allowed)
        for word in range(BLOCK_WORDS):
            tally_word(t, block * BLOCK_SIZE + word * 64,
                       allowed[word] & ~load_relaxed_u64(&leases_reserved(t, block)[word])
                       & load_relaxed_u64(&leases_bits(t, block)[word]), now, sums)


cdef void census_table(const Table* t, uint32_t now, Tally* sums) noexcept nogil:
    cdef uint32_t block
    cdef int word
    for block in range(leases_end(t)):
        for word in range(BLOCK_WORDS):
            tally_word(t, block * BLOCK_SIZE + word * 64,
                       load_relaxed_u64(&leases_bits(t, block)[word]), now, sums)


# Numbers of the records with this hardware address, at most `room`; where to go on is in `block`.
cdef uint32_t census_chaddr(const Table* t, const uint8_t* chaddr, uint8_t hlen, uint32_t* block,
                            uint32_t* numbers, uint32_t room) noexcept nogil:
    cdef uint32_t found = 0
    cdef uint32_t i
    cdef const Record* r
    while block[0] < leases_end(t) and found + BLOCK_SIZE <= room:
        if leases_is_block(t, block[0]):
            for i in range(BLOCK_SIZE):
                r = leases_record(t, block[0] * BLOCK_SIZE + i)
                if r.version and r.hlen == hlen and memcmp(r.chaddr, chaddr, hlen) == 0:
                    numbers[found] = block[0] * BLOCK_SIZE + i
                    found += 1
        block[0] += 1
    return found
