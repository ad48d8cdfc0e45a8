"""The address allocator: which address of a pool to try next. It claims nothing."""

from libc.stdint cimport uint32_t, uint64_t

from fastdhcp._atomic cimport (
    fence_full, fetch_add_u64, fetch_and_u64, fetch_or_u64, load_relaxed_u64, lowest_bit_u64,
    store_relaxed_u64,
)
from fastdhcp._image cimport (
    BLOCK_WORDS, NOWHERE, Pool, image_find_pool, image_pool, image_pool_mask,
)
from fastdhcp._leases cimport (
    BLOCK_SIZE, Table, leases_bits, leases_block, leases_end, leases_enter, leases_is_block,
    leases_reserved, node_now,
)
from fastdhcp._memory cimport Memory
from fastdhcp._reservations cimport (
    Reservation, Reservations, reservations_at, reservations_cell,
)

SIZE_OF_HINT = sizeof(Hint)
SIZE_OF_OPEN_BLOCK = sizeof(OpenBlock)


cdef inline Hint* pool_hint(Table* t, const Pool* pool) noexcept nogil:
    return <Hint*>(t.hints + pool.hints_at)


cdef inline uint64_t* pool_summary(Table* t, const Pool* pool) noexcept nogil:
    return <uint64_t*>(<OpenBlock*>(pool_hint(t, pool) + 1) + t.node.workers)


# The first address of block `ordinal` from `position` on that may be given, is nobody's and free,
# as its last byte; BLOCK_SIZE: none.
cdef uint32_t block_next(Table* t, const Pool* pool, uint32_t ordinal,
                         uint32_t position) noexcept nogil:
    cdef uint64_t allowed[BLOCK_WORDS]
    cdef uint64_t clear
    cdef uint32_t number = pool.block_first + ordinal
    cdef uint32_t block = leases_block(t, pool.vrf, number << 8)
    cdef uint32_t word = position // 64
    cdef const uint64_t* bits = NULL
    image_pool_mask(t.image, pool, number, allowed)
    if block != NOWHERE:
        bits = leases_bits(t, block)
    while word < BLOCK_WORDS:
        clear = allowed[word]
        if bits != NULL:
            clear &= ~(load_relaxed_u64(&bits[word]) | load_relaxed_u64(&bits[BLOCK_WORDS + word]))
        if word == position // 64:
            clear &= ~<uint64_t>0 << (position % 64)
        if clear:
            return word * 64 + lowest_bit_u64(clear)
        word += 1
    return BLOCK_SIZE


# The next block from `start` on, going round, that was not seen full; NOWHERE: there is none.
cdef uint32_t summary_next(const uint64_t* summary, uint32_t count, uint32_t start) noexcept nogil:
    cdef uint32_t words = (count + 63) // 64
    cdef uint32_t word = start // 64
    cdef uint32_t _i, ordinal
    cdef uint64_t open_bits = ~load_relaxed_u64(&summary[word]) & (~<uint64_t>0 << (start % 64))
    for _i in range(words + 1):
        if open_bits:
            ordinal = word * 64 + lowest_bit_u64(open_bits)
            if ordinal < count:
                return ordinal
        word = word + 1 if word + 1 < words else 0
        open_bits = ~load_relaxed_u64(&summary[word])
    return NOWHERE


# A block without a free address is marked full. The look after the mark is for the address that was
# freed between the first look and the mark: who freed it may have found no mark to take away.
cdef void mark_full(Table* t, const Pool* pool, uint32_t ordinal) noexcept nogil:
    cdef uint64_t* word = pool_summary(t, pool) + ordinal // 64
    cdef uint64_t bit = <uint64_t>1 << (ordinal % 64)
    fetch_or_u64(word, bit)
    fence_full()
    if block_next(t, pool, ordinal, 0) < BLOCK_SIZE:
        fetch_and_u64(word, ~bit)


# All blocks were seen full. Once a second the pool is looked through in spite of its hints, which
# a process that worked by another image may have missed to correct. NOWHERE: it is full indeed.
cdef uint32_t look_through(Table* t, const Pool* pool, uint32_t now) noexcept nogil:
    cdef Hint* hint = pool_hint(t, pool)
    cdef uint32_t ordinal
    if hint.looked_s == now:
        return NOWHERE
    hint.looked_s = now
    for ordinal in range(pool.block_count):
        if block_next(t, pool, ordinal, 0) < BLOCK_SIZE:
            fetch_and_u64(pool_summary(t, pool) + ordinal // 64,
                          ~(<uint64_t>1 << (ordinal % 64)))
            return ordinal
    return NOWHERE


# Opens the next block that was not seen full, going round.
cdef uint32_t open_next(Table* t, const Pool* pool, uint32_t now) noexcept nogil:
    cdef Hint* hint = pool_hint(t, pool)
    cdef uint32_t start = <uint32_t>(fetch_add_u64(&hint.cursor, 1) % pool.block_count)
    cdef uint32_t ordinal = summary_next(pool_summary(t, pool), pool.block_count, start)
    if ordinal == NOWHERE:
        return look_through(t, pool, now)
    if ordinal != start:
        fetch_add_u64(&hint.cursor, (ordinal + pool.block_count - start) % pool.block_count)
    return ordinal


# Where to begin in a block that is opened: where the furthest of the others is that have it open,
# so that an address just freed is not the next one given. Who opens it once more has been round.
# Nothing is left behind the furthest: at the start, or who finds others at the end of every block
# that is not full would open them in turn without end.
cdef uint32_t begin_at(Table* t, const Pool* pool, uint32_t ordinal) noexcept nogil:
    cdef const OpenBlock* open = <const OpenBlock*>(pool_hint(t, pool) + 1)
    cdef uint32_t furthest = 0
    cdef uint32_t i
    if open[t.self].opened == ordinal + 1:
        return 0
    for i in range(t.node.workers):
        if open[i].opened == ordinal + 1:
            furthest = max(furthest, open[i].position)
    return furthest if block_next(t, pool, ordinal, furthest) < 256 else 0


cdef uint32_t bitmap_next(Table* t, const Pool* pool, uint32_t now) noexcept nogil:
    cdef OpenBlock* own = <OpenBlock*>(pool_hint(t, pool) + 1) + t.self
    cdef uint32_t ordinal, low
    while True:
        if own.opened:
            ordinal = own.opened - 1
            low = block_next(t, pool, ordinal, own.position)
            if low < BLOCK_SIZE:
                own.position = low + 1
                return ((pool.block_first + ordinal) << 8) + low
            if block_next(t, pool, ordinal, 0) == BLOCK_SIZE:
                mark_full(t, pool, ordinal)
        ordinal = open_next(t, pool, now)
        if ordinal == NOWHERE:
            own.opened = 0
            return 0
        own.position = begin_at(t, pool, ordinal)
        own.opened = ordinal + 1


cdef void bitmap_freed(Table* t, uint32_t vrf, uint32_t address) noexcept nogil:
    cdef uint32_t index
    cdef const Pool* pool
    cdef uint64_t* word
    cdef uint64_t bit
    if t.image == NULL:
        return
    index = image_find_pool(t.image, vrf, address)
    if index == NOWHERE:
        return
    pool = image_pool(t.image, index)
    word = pool_summary(t, pool) + ((address >> 8) - pool.block_first) // 64
    bit = <uint64_t>1 << (((address >> 8) - pool.block_first) % 64)
    # The bit of the address was cleared before; no later look may be ordered before that.
    fence_full()
    if load_relaxed_u64(word) & bit:
        fetch_and_u64(word, ~bit)


def clear_summaries(Memory memory):
    """Of all pools of the policy in force: blocks that were full may have more to give by it."""
    cdef Table* t = &memory.table
    cdef const Pool* pool
    cdef uint32_t i, word
    for i in range(t.image.pools.count if t.image != NULL else 0):
        pool = image_pool(t.image, i)
        for word in range((pool.block_count + 63) // 64):
            store_relaxed_u64(pool_summary(t, pool) + word, 0)


# The file table in a buffer; of None, the one in force. NULL: there is none.
cdef const Reservations* file_table(Memory memory, const unsigned char[::1] buffer):
    return memory.table.reservations if buffer is None else <const Reservations*>&buffer[0]


def mark_reserved(Memory memory, const unsigned char[::1] buffer=None):
    """Sets the bits of all addresses that a file table reserves, by default the one in force:
    before any worker goes by it. Raises MemoryError if the table of leases has no room for their
    blocks. Of a million it takes a tenth of a second, without the GIL."""
    cdef Table* t = &memory.table
    cdef const Reservations* reservations = file_table(memory, buffer)
    cdef const Reservation* cell
    cdef uint32_t i
    cdef bint room = True
    with nogil:
        for i in range(reservations.count if reservations != NULL else 0):
            cell = reservations_cell(reservations, i)
            room = room and (cell.address == 0 or bitmap_reserve(t, cell.vrf, cell.address))
    if not room:
        raise MemoryError("the lease table has no room for all reserved addresses: "
                          "raise max-addresses")


cdef bint bitmap_reserve(Table* t, uint32_t vrf, uint32_t address) noexcept nogil:
    cdef uint32_t block = leases_enter(t, vrf, address)
    cdef uint64_t bit = <uint64_t>1 << (address & 63)
    cdef uint64_t* word
    if block == NOWHERE:
        return False
    word = &leases_reserved(t, block)[address >> 6 & 3]
    if not load_relaxed_u64(word) & bit:
        fetch_or_u64(word, bit)
    return True


def clear_unreserved(Memory memory, const unsigned char[::1] buffer=None):
    """Clears the bits of all addresses that a file table, by default the one in force, does not
    reserve: when every worker goes by it. Takes as long as mark_reserved()."""
    cdef const Reservations* reservations = file_table(memory, buffer)
    cdef uint32_t block
    cdef int word
    with nogil:
        for block in range(leases_end(&memory.table)):
            if leases_is_block(&memory.table, block):
                for word in range(<int>BLOCK_WORDS):
                    clear_word(&memory.table, reservations, block, word)


cdef void clear_word(Table* t, const Reservations* reservations, uint32_t block,
                     int word) noexcept nogil:
    cdef uint64_t key = load_relaxed_u64(&t.places[block]) - 1
    cdef uint64_t* bits = &leases_reserved(t, block)[word]
    cdef uint64_t left = load_relaxed_u64(bits)
    cdef uint64_t bit
    cdef uint32_t address
    while left:
        bit = left & (~left + 1)
        address = <uint32_t>(key & 0xFFFFFF) << 8 | <uint32_t>word << 6 | lowest_bit_u64(left)
        if reservations == NULL or reservations_at(
                reservations, <uint32_t>(key >> 24), address) == NULL:
            fetch_and_u64(bits, ~bit)
        left ^= bit


def is_reserved(Memory memory, uint32_t vrf, uint32_t address):
    """Whether the bit says that an address may be reserved."""
    cdef uint32_t block = leases_block(&memory.table, vrf, address)
    return block != NOWHERE and bool(load_relaxed_u64(
        &leases_reserved(&memory.table, block)[address >> 6 & 3]) >> (address & 63) & 1)


def next_free(Memory memory, uint32_t pool, now=None):
    """The next address of a pool (by its index in the image) that looks free; 0: none."""
    if memory.table.image == NULL or pool >= memory.table.image.pools.count:
        raise IndexError(f"there is no pool {pool}")
    if memory.table.self >= memory.table.node.workers:
        raise ValueError("only workers give addresses")
    return bitmap_next(&memory.table, image_pool(memory.table.image, pool),
                       node_now(&memory.table) if now is None else now)
