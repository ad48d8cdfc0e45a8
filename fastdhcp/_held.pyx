"""The held queue: a reply leaves when its change is on disk, and only if it is still true."""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fastdhcp._atomic cimport lowest_bit_u64
from fastdhcp._journal cimport journal_is_durable
from fastdhcp._leases cimport ACTIVE, Binding, Table, leases_read
from fastdhcp._reply cimport Reply, reply_lower
from fastdhcp._stats cimport (
    DROP_HELD_AGED, DROP_HELD_STALE, Counters, DropReason, count_drop,
)
from fastdhcp._trace cimport OUTCOME_DROPPED, trace_close

cdef enum Look:
    LOOK_LEAVES
    LOOK_LOCKED
    LOOK_STALE


# ---- the pool

cdef bint held_open(Held* held) noexcept nogil:
    cdef uint32_t i
    memset(held, 0, sizeof(Held))
    held.replies = <Reply*>calloc(REPLIES_MAX, sizeof(Reply))
    held.next = <uint32_t*>calloc(REPLIES_MAX, sizeof(uint32_t))
    if held.replies == NULL or held.next == NULL:
        return False
    for i in range(<uint32_t>REPLIES_MAX):
        held.next[i] = i + 1
    held.next[<uint32_t>REPLIES_MAX - 1] = NO_REPLY
    held.free_count = REPLIES_MAX
    for i in range(<uint32_t>QUEUES):
        held.queues[i] = Queue(NO_REPLY, NO_REPLY)
    return True


cdef void held_close(Held* held) noexcept nogil:
    free(held.replies)
    free(held.next)
    held.replies = NULL
    held.next = NULL


cdef uint32_t held_take(Held* held) noexcept nogil:
    cdef uint32_t number = held.free_first
    if number != NO_REPLY:
        held.free_first = held.next[number]
        held.free_count -= 1
    return number


cdef void held_give(Held* held, uint32_t number) noexcept nogil:
    held.next[number] = held.free_first
    held.free_first = number
    held.free_count += 1


# ---- the queues

cdef inline void append(Held* held, uint32_t queue, uint32_t number) noexcept nogil:
    cdef Queue* q = &held.queues[queue]
    held.next[number] = NO_REPLY
    if q.first == NO_REPLY:
        q.first = number
        held.busy[queue // 64] |= <uint64_t>1 << (queue % 64)
    else:
        held.next[q.last] = number
    q.last = number
    held.waiting += 1


cdef inline void remove_first(Held* held, uint32_t queue) noexcept nogil:
    cdef Queue* q = &held.queues[queue]
    q.first = held.next[q.first]
    if q.first == NO_REPLY:
        held.busy[queue // 64] &= ~(<uint64_t>1 << (queue % 64))
    held.waiting -= 1


# What is durable already (a renewal that needs no write) stands behind nobody: on a full disk those
# before it wait in vain.
cdef void held_push(Held* held, const Table* t, uint32_t number) noexcept nogil:
    cdef const Reply* reply = &held.replies[number]
    append(held, QUEUE_LOCKED if journal_is_durable(t, reply.ring, reply.position)
           else QUEUE_RINGS + reply.ring, number)


# ---- release

cdef inline bint is_durable(const Held* held, const Table* t, uint32_t number) noexcept nogil:
    cdef const Reply* reply = &held.replies[number]
    return journal_is_durable(t, reply.ring, reply.position)


# Durable, but still true? Never more than its own decision made so.
cdef Look look_at(Reply* reply, const Table* t, uint32_t now) noexcept nogil:
    cdef Binding binding
    if not leases_read(t, reply.number, &binding):
        return LOOK_LOCKED
    if (binding.state != ACTIVE or binding.inc_epoch != reply.inc_epoch
            or binding.inc_n != reply.inc_n or not reply_lower(reply, now)):
        return LOOK_STALE
    return LOOK_LEAVES


cdef void drop(Held* held, const Table* t, uint32_t number, DropReason reason,
               Counters* counters) noexcept nogil:
    count_drop(counters, reason)
    trace_close(t, held.replies[number].trace, OUTCOME_DROPPED, reason, 0)
    held_give(held, number)


# The first of a queue is durable and out of the queue: what becomes of it.
cdef void release_one(Held* held, const Table* t, uint32_t number, uint32_t now, Released* out,
                      Counters* counters) noexcept nogil:
    cdef Look look = look_at(&held.replies[number], t, now)
    if look == LOOK_LOCKED:
        append(held, QUEUE_LOCKED, number)
    elif look == LOOK_STALE:
        drop(held, t, number, DROP_HELD_STALE, counters)
    else:
        out.ready[out.count] = number
        out.count += 1


# What the store cannot make durable for long must not fill the queue: those it would answer have
# asked again, and those who need no write are to be served meanwhile.
cdef inline bint is_old(const Held* held, uint32_t number, uint32_t now) noexcept nogil:
    return now > held.replies[number].since + HELD_AGE_MAX_S


cdef void release_queue(Held* held, const Table* t, uint32_t queue, uint32_t now, Released* out,
                        Counters* counters) noexcept nogil:
    cdef uint32_t number = held.queues[queue].first
    cdef uint32_t last = held.queues[queue].last     # what is put back at the end waits a turn
    cdef bint at_end = False
    while number != NO_REPLY and not at_end:
        if out.count == IN_FLIGHT_MAX:
            out.more = True
            return
        at_end = number == last
        if is_old(held, number, now):
            remove_first(held, queue)
            drop(held, t, number, DROP_HELD_AGED, counters)
        elif is_durable(held, t, number):
            remove_first(held, queue)
            release_one(held, t, number, now, out, counters)
        else:
            return
        number = held.queues[queue].first


# What is put back among the locked meanwhile waits a turn: their queue comes first.
cdef void held_release(Held* held, const Table* t, uint32_t now, Released* out,
                       Counters* counters) noexcept nogil:
    cdef uint64_t busy
    cdef uint32_t word
    out.count = 0
    out.more = False
    for word in range(<uint32_t>BUSY_WORDS):
        busy = held.busy[word]
        while busy:
            release_queue(held, t, word * 64 + lowest_bit_u64(busy), now, out, counters)
            busy &= busy - 1


cdef bint held_due(const Held* held, const Table* t) noexcept nogil:
    cdef uint64_t busy
    cdef uint32_t word
    for word in range(<uint32_t>BUSY_WORDS):
        busy = held.busy[word]
        while busy:
            if is_durable(held, t, held.queues[word * 64 + lowest_bit_u64(busy)].first):
                return True
            busy &= busy - 1
    return False
