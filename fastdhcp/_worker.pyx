"""The worker's loop: receive, answer, wake the store, release what is on disk, send, sleep."""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from fastdhcp._answer cimport answer_all
from fastdhcp._atomic cimport fence_full, load_relaxed_u64, store_relaxed_u64, store_release_u32
from fastdhcp._body cimport bodies_close, bodies_open
from fastdhcp._held cimport held_close, held_due, held_open, held_release
from fastdhcp._inbox cimport LOT_MAX, inbox_close, inbox_has, inbox_open, inbox_receive
from fastdhcp._journal cimport journal_wake_wanted
from fastdhcp._leases cimport boot_ns, leases_ring, leases_store_fails, node_now, wall_ns
from fastdhcp._linux cimport POLLIN, poll, read, write
from fastdhcp._memory cimport Memory
from fastdhcp._outbox cimport outbox_add, outbox_flush, outbox_open
from fastdhcp._stats cimport COUNT_DROPPED, COUNT_WAITING, DROP_WORKER_DIED, count_open
from fastdhcp._trace cimport trace_close_all

cdef enum:
    BEAT_NS = 1000000000
    NS_PER_MS = 1000000


# Node time, and whether the store can commit, are read once a turn; the beat shows the supervisor
# that the turns go on.
cdef inline void look_at_clock(Worker* w) noexcept nogil:
    w.now_ns = boot_ns()
    w.wall_ns = wall_ns()
    w.now = node_now(w.t)
    w.t.store_fails = leases_store_fails(w.t, w.now_ns)
    if w.now_ns >= w.beat_ns:
        store_relaxed_u64(&w.process.beat, w.process.beat + 1)
        w.beat_ns = w.now_ns + BEAT_NS


# Only for what this turn has published: a store that goes to sleep looks at the rings itself.
cdef inline void wake_store(Worker* w) noexcept nogil:
    cdef uint64_t one = 1
    cdef uint64_t head = load_relaxed_u64(&leases_ring(w.t, w.t.self).head)
    if head == w.head_seen:
        return
    w.head_seen = head
    if journal_wake_wanted(w.t, w.t.node.workers):
        write(w.store_event, &one, sizeof(one))


cdef inline void release(Worker* w) noexcept nogil:
    cdef uint32_t i
    while w.held.waiting:
        held_release(&w.held, w.t, w.now, &w.released, w.counters)
        for i in range(w.released.count):
            outbox_add(&w.outbox, w.released.ready[i])
        if not w.released.more:
            return


# The end of a turn: what may leave does, and what waits is said.
cdef inline void leave(Worker* w) noexcept nogil:
    outbox_flush(&w.outbox)
    w.counters.words[<uint32_t>COUNT_WAITING] = w.held.waiting


# What a predecessor of this number had read when it died, and had not answered.
cdef void count_died(Worker* w) noexcept nogil:
    cdef uint64_t lost = count_open(w.counters)
    w.counters.words[<uint32_t>COUNT_WAITING] = 0
    w.counters.words[<uint32_t>COUNT_DROPPED + <uint32_t>DROP_WORKER_DIED] += lost
    if lost:
        trace_close_all(w.t, DROP_WORKER_DIED)


# All that has come is taken before anything leaves: the more go together, the less each costs.
cdef void turn(Worker* w) noexcept nogil:
    look_at_clock(w)
    w.taken = 0
    while w.taken <= TURN_MAX - LOT_MAX and inbox_receive(&w.inbox):
        answer_all(w)
        w.taken += w.inbox.count
    wake_store(w)
    release(w)
    leave(w)


# Asks to be woken, looks again, sleeps: whoever publishes a position looks at `asleep` after it, so
# one of the two sees the other. Without held replies nobody needs to wake this process. A reply
# that could leave but is locked is looked at again without sleep, and so are packets in hand: one
# receive may bring trains for many turns, and nothing behind them.
cdef void sleep(Worker* w) noexcept nogil:
    cdef int timeout_ms = 0
    cdef uint64_t word
    if w.held.waiting:
        store_release_u32(&w.process.asleep, 1)
        fence_full()
    if not (inbox_has(&w.inbox) or held_due(&w.held, w.t)) and w.now_ns < w.beat_ns:
        timeout_ms = <int>((w.beat_ns - w.now_ns) // NS_PER_MS) + 1
    poll(w.fds, WAIT_COUNT, timeout_ms)
    store_release_u32(&w.process.asleep, 0)
    if w.fds[<int>WAIT_EVENT].revents:
        read(w.fds[<int>WAIT_EVENT].fd, &word, sizeof(word))


# Until the supervisor has something to say. Reads on whatever happens: what there is no room for is
# dropped under its name.
cdef void run(Worker* w) noexcept nogil:
    w.fds[<int>WAIT_CHANNEL].revents = 0
    while not w.fds[<int>WAIT_CHANNEL].revents:
        turn(w)
        w.turns += 1
        if w.inbox.count == 0 or w.turns >= TURNS_MAX:
            w.turns = 0
            sleep(w)


# Reads no more. What was read is answered, and what is held may still leave until then.
cdef void finish(Worker* w, uint64_t until_ns) noexcept nogil:
    w.inbox.fd = w.fds[<int>WAIT_UDP].fd = w.fds[<int>WAIT_CHANNEL].fd = -1
    turn(w)
    while w.inbox.count:
        turn(w)
    while w.held.waiting and w.now_ns < until_ns:
        w.beat_ns = min(w.beat_ns, until_ns)
        sleep(w)
        look_at_clock(w)
        release(w)
    leave(w)


cdef class Loop:
    """A worker's loop upon the segments of `memory`. Returns to Python only for the supervisor.

    `udp` is its socket on port 67, `packet` a packet socket (-1: none; then what would go by frame
    is broadcast), `event` and `store_event` its own and the store's event descriptors, `channel`
    the supervisor's end. They stay the caller's. Raises MemoryError.
    """

    cdef Worker* w
    cdef Memory memory

    def __cinit__(self, Memory memory not None, *, int udp, int packet, int event, int store_event,
                  int channel):
        cdef Worker* w = <Worker*>calloc(1, sizeof(Worker))
        if w == NULL:
            raise MemoryError("no memory for a worker")
        self.w = w
        self.memory = memory
        w.t = &memory.table
        w.process = &w.t.processes[w.t.self]
        w.counters = w.t.own
        w.store_event = store_event
        for place, fd in enumerate((udp, event, channel)):
            w.fds[<int>place].fd = fd
            w.fds[<int>place].events = POLLIN
        if not (bodies_open(&w.bodies) and held_open(&w.held) and inbox_open(&w.inbox, udp)):
            raise MemoryError("no memory for a worker's batches")
        outbox_open(&w.outbox, udp, packet, &w.held, w.t)
        count_died(w)

    def __dealloc__(self):
        if self.w != NULL:
            inbox_close(&self.w.inbox)
            held_close(&self.w.held)
            bodies_close(&self.w.bodies)
            free(self.w)

    def run(self):
        """Serves until the channel can be read. Raises ValueError before Memory.set_image()."""
        if self.w.t.image == NULL:
            raise ValueError("there is no policy to serve by")
        with nogil:
            run(self.w)

    def finish(self, uint32_t wait_ms):
        """Reads no more, and gives replies that wait for the disk that long to leave."""
        with nogil:
            finish(self.w, boot_ns() + <uint64_t>wait_ms * NS_PER_MS)

    @property
    def waiting(self):
        """Replies that wait for the disk."""
        return self.w.held.waiting
