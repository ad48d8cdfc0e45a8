"""The load generator: N clients behind relay agents or on the link, a loop with a window, in C.

It binds giaddr itself, sends trains (UDP_SEGMENT) and receives trains (UDP_GRO), and checks every
answer. `turn` does its work without the GIL and comes back after a while, so that Python can look
after signals, phases and other processes; all state lives on between turns.
"""

from libc.math cimport ceil
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME, clock_gettime, timespec

from bench._check cimport machine_answer
from bench._histogram cimport Histogram, histogram_at, histogram_clear
from bench._messages cimport (
    CIRCUIT_ID_SIZE, CIRCUIT_ID_SIZE_MAX, REQUEST_LIST_MAX, REQUEST_LISTS_MAX, VENDOR_CLASS_MAX,
    form_init,
)
from fastdhcp._linux cimport AF_INET, POLLIN, htonl, htons, pollfd, ppoll, sockaddr_in
from bench._owners cimport owners_init
from bench._state cimport (
    CLIENTS_MAX, COUNT_COMPLETED, COUNT_KIND_COUNT, ERROR_KIND_COUNT, ERROR_UNANSWERED, KIND_COUNT,
    MESSAGE_TYPES, TICK_SHIFT, WHEEL_SIZE, WINDOW_MAX, Client, Group, LedgerEntry, Machine, Slot,
)
from bench._trains cimport (
    TRAIN_COUNT_MAX, arrivals_full, arrivals_init, arrivals_next, arrivals_receive, train_flush,
    train_init,
)
from bench._window cimport SECOND_NS, machine_expire, machine_fill

ERROR_NAMES = (
    "malformed", "wrong-chaddr", "wrong-xid", "wrong-type", "wrong-giaddr", "wrong-ciaddr",
    "surplus-answer", "no-server-id", "wrong-server-id", "no-lease-time", "no-address",
    "address-changed", "address-moved", "address-twice", "offer-twice", "wrong-relay-info",
    "wrong-client-id", "wrong-option", "nak", "nak-with-lease", "unanswered",
)
"""Of the kinds of errors, by number."""
COUNT_NAMES = (
    "started", "completed", "failed", "retransmissions", "late", "duplicates", "reassigned",
    "releases", "renewals", "renewed-at-once",
)
"""Of the counts, by number."""

cdef enum:
    WAIT_NS_MAX = 50_000_000
    TIMEOUT_NS_MAX = 120_000_000_000    # what the wheel holds
    RELAYS_MAX = 250


cdef inline int64_t _clock(int which) noexcept nogil:
    cdef timespec at
    clock_gettime(which, &at)
    return <int64_t>at.tv_sec * SECOND_NS + at.tv_nsec


# Sleeps until an answer is there, or the first of: `until`, a retransmission, the next start.
cdef void _wait(Machine* m, int64_t until) noexcept nogil:
    cdef pollfd fd
    cdef timespec timeout
    cdef int64_t wake = min(until, m.now_ns + WAIT_NS_MAX), tick = m.tick
    while tick << TICK_SHIFT < wake and m.wheel[tick % WHEEL_SIZE] == 0:
        tick += 1
    wake = min(wake, tick << TICK_SHIFT)
    if m.rate > 0 and m.in_flight < m.window and m.started < m.limit:
        wake = min(wake, m.now_ns + <int64_t>ceil((1 - m.allowed) / m.rate * SECOND_NS))
    wake = max(wake - m.now_ns, <int64_t>0)
    timeout.tv_sec = wake // SECOND_NS
    timeout.tv_nsec = wake % SECOND_NS
    fd.fd = m.arrivals.fd
    fd.events = POLLIN
    ppoll(&fd, 1, &timeout, NULL)


# All that has come, before anything more is started: a generator at its limit starts less, instead
# of letting answers grow old in its socket or be dropped there, which would look like the server's.
cdef void _answer_all(Machine* m, int64_t until) noexcept nogil:
    cdef const uint8_t* at
    cdef uint32_t size
    cdef bint full
    while True:
        m.now_ns = _clock(CLOCK_MONOTONIC)
        full = arrivals_full(&m.arrivals)
        at = arrivals_next(&m.arrivals, &size)
        while at != NULL:
            machine_answer(m, at, size)
            at = arrivals_next(&m.arrivals, &size)
        if not full or m.now_ns >= until:
            return
        arrivals_receive(&m.arrivals)


cdef void _turn(Machine* m, int64_t turn_ns) noexcept nogil:
    cdef int64_t until
    cdef bint more
    m.now_ns = _clock(CLOCK_MONOTONIC)
    m.wall_ns = _clock(CLOCK_REALTIME) - m.now_ns
    if m.allowed_ns == 0:
        m.allowed_ns = m.now_ns
    until = m.now_ns + turn_ns
    while m.now_ns < until:
        machine_expire(m)
        more = machine_fill(m)
        train_flush(&m.train)
        if m.in_flight == 0 and m.started >= m.limit:
            return
        if not arrivals_receive(&m.arrivals) and not more:
            _wait(m, until)
            arrivals_receive(&m.arrivals)
        _answer_all(m, until)
    train_flush(&m.train)


cdef bint _allocate(Machine* m) noexcept nogil:
    cdef uint32_t slot
    m.wheel = <uint32_t*>calloc(WHEEL_SIZE, sizeof(uint32_t))
    m.clients = <Client*>calloc(m.clients_count, sizeof(Client))
    m.slots = <Slot*>calloc(<size_t>m.window + 1, sizeof(Slot))
    if m.wheel == NULL or m.clients == NULL or m.slots == NULL:
        return False
    for slot in range(1, m.window):
        m.slots[slot].after = slot + 1
    m.free_slot = 1
    return owners_init(&m.owners, m.clients_count)


cdef uint32_t _coprime_stride(uint32_t count, uint32_t seed) noexcept nogil:
    cdef uint32_t stride = seed % count, a, b
    while True:
        stride += 1
        a = count
        b = stride
        while b:
            a, b = b, a % b
        if a == 1:
            return stride


cdef list _words(const uint64_t* words, int count):
    return [words[i] for i in range(count)]


cdef dict _by_type(const uint64_t* words):
    return {type: words[type] for type in range(MESSAGE_TYPES) if words[type]}


cdef dict _latency(const Histogram* histogram):
    mean = histogram.sum_ns / histogram.count if histogram.count else 0
    return {
        "count": histogram.count, "mean_ns": round(mean), "p50_ns": histogram_at(histogram, 0.5),
        "p90_ns": histogram_at(histogram, 0.9), "p99_ns": histogram_at(histogram, 0.99),
        "max_ns": histogram.max_ns,
    }


cdef class Load:
    """`clients` DHCP clients behind the relay agents that `fd` is bound as.

    fd          UDP socket bound to (relay, its port), or with several relays to that port of all
                addresses; UDP_GRO on; stays the caller's
    server      (host-order address, port) to send to
    relay       giaddr, host-order address; 0: the clients are on the link
    frames      packet socket (SOCK_RAW) of their link, which answers are read from: clients that
                can take them before they have an address. -1: they ask for broadcasts
    relays      relay agents, 1 to 250, whose addresses follow that one
    burst       clients of one relay agent that start one after the other
    first       number of the first client: two generators with disjoint numbers share no client
    window      exchanges under way at most, 1 to `clients`
    timeout_ns  from a transmission to the next one, at most 120 s; after `tries` of them the
                exchange has failed
    backoff     each wait is twice the one before, to 64 s, and a second more or less (RFC 2131 4.1)
    weights     per mille of (DORA, renew, INIT-REBOOT, release) for clients that hold a lease;
                the sum must be 1000. Who holds none always does a full DORA
    train       messages in one sendmsg at most, 1 to 64
    rate        exchanges to start a second at most, 0 = no limit but the window
    lease_time  ask for a time (option 51), a second more in each of a client's exchanges
    circuit_id_size  octets of sub-option 1 of option 82: "port-", the client's number, dots
    request_lists  option 55: one of them each, by the client's number
    expect      options that each OFFER and ACK must carry: code to value

    Raises ValueError if a figure is out of its range, MemoryError.
    """

    cdef Machine* m

    def __cinit__(
        self, int fd, tuple server, uint32_t relay, *, uint32_t clients, uint32_t window,
        uint32_t first=0, int64_t timeout_ns=SECOND_NS, uint32_t tries=4, uint32_t seed=1,
        tuple weights=(1000, 0, 0, 0), uint16_t train=TRAIN_COUNT_MAX, double rate=0,
        bint client_id=False, bint hostname=False, bint lease_time=False, int circuit_id_size=0,
        bytes vendor_class=b"", tuple request_lists=(), dict expect=None,
        uint32_t relays=1, uint32_t burst=1, bint backoff=False, int frames=-1,
    ):
        _demand(1 <= clients <= CLIENTS_MAX, f"clients is 1 to {CLIENTS_MAX}")
        _demand(1 <= window <= min(clients, <uint32_t>WINDOW_MAX), "window is 1 to clients")
        _demand(0 < timeout_ns <= TIMEOUT_NS_MAX and 1 <= tries <= 255,
                "timeout is above 0 and at most 120 seconds, tries 1 to 255")
        _demand(1 <= relays <= RELAYS_MAX, f"relays is 1 to {RELAYS_MAX}")
        _demand(relays == 1 or relay != 0, "clients on the link have no relays")
        _demand(frames < 0 or relay == 0, "frames are for clients on the link")
        _demand(burst >= 1, "burst is 1 or more")
        _demand(1 <= train <= TRAIN_COUNT_MAX, f"train is 1 to {TRAIN_COUNT_MAX}")
        _demand(circuit_id_size == 0 or CIRCUIT_ID_SIZE <= circuit_id_size <= CIRCUIT_ID_SIZE_MAX,
                f"a circuit-id has {CIRCUIT_ID_SIZE} to {CIRCUIT_ID_SIZE_MAX} octets")
        _demand(len(vendor_class) <= VENDOR_CLASS_MAX, "the vendor class is too long")
        _demand(len(request_lists) <= REQUEST_LISTS_MAX, "there are too many request lists")
        for request_list in request_lists:
            _demand(1 <= len(request_list) <= REQUEST_LIST_MAX, "a request list is too long")
        self.m = <Machine*>calloc(1, sizeof(Machine))
        if self.m == NULL:
            raise MemoryError
        self.m.clients_count = clients
        self.m.window = window
        self.m.form.first = first
        self.m.relay = relay
        self.m.relays = relays
        self.m.burst = burst
        self.m.backoff = backoff
        self.m.timeout_ns = timeout_ns
        self.m.tries = tries
        self.m.seed = seed
        self.m.random = (<uint64_t>seed << 1) | 1
        self.m.rate = rate
        self.mix(0, 0)
        self.m.form.client_id = client_id
        self.m.form.hostname = hostname
        self.m.form.lease_time = lease_time
        self.m.form.circuit_id_size = <uint8_t>circuit_id_size
        self.m.form.vendor_class_size = <uint8_t>len(vendor_class)
        memcpy(self.m.form.vendor_class, <const char*>vendor_class, len(vendor_class))
        self._ask_for(request_lists)
        self.weigh(weights)
        self._expect(expect or {})
        self._open(fd, frames, server, train)

    cdef _ask_for(self, tuple request_lists):
        self.m.form.request_list_count = <uint8_t>len(request_lists)
        for place, codes in enumerate(request_lists):
            self.m.form.request_list_size[place] = <uint8_t>len(codes)
            memcpy(self.m.form.request_lists[place], <const char*>(<bytes>codes), len(codes))

    cdef _open(self, int fd, int frames, tuple server, uint16_t train):
        cdef sockaddr_in to
        memset(&to, 0, sizeof(to))
        to.sin_family = AF_INET
        to.sin_addr.s_addr = htonl(server[0])
        to.sin_port = htons(server[1])
        self.m.tick = _clock(CLOCK_MONOTONIC) >> TICK_SHIFT
        form_init(&self.m.form, self.m.relay != 0, frames < 0)
        if not (_allocate(self.m)
                and arrivals_init(&self.m.arrivals, fd if frames < 0 else frames, frames >= 0)
                and train_init(&self.m.train, fd, &to, self.m.form.size, train)):
            raise MemoryError

    cdef _expect(self, dict expect):
        for code, value in expect.items():
            _demand(1 <= code <= 254 and len(value) <= 255, "an expected option is out of range")
            self.m.expected.wanted[code] = True
            self.m.expected.size[code] = <uint8_t>len(value)
            memcpy(self.m.expected.value[code], <const char*>(<bytes>value), len(value))
            self.m.expected.count += 1

    def __dealloc__(self):
        if self.m != NULL:
            free(self.m.train.room)
            free(self.m.arrivals.room)
            free(self.m.owners.places)
            free(self.m.clients)
            free(self.m.slots)
            free(self.m.wheel)
            free(self.m)

    def turn(self, double seconds, uint64_t limit) -> int:
        """Work for `seconds`, or until `limit` exchanges were started in all and have ended.

        Returns the number of exchanges still under way. They go on in the next turn.
        """
        self.m.limit = limit
        with nogil:
            _turn(self.m, <int64_t>(seconds * SECOND_NS))
        return self.m.in_flight

    def weigh(self, tuple weights) -> None:
        """Other weights from the next turn on, as in the constructor."""
        _demand(len(weights) == KIND_COUNT and sum(weights) == 1000, "the weights make 1000")
        for kind, weight in enumerate(weights):
            self.m.weights[<int>kind] = weight

    def inquire(self, bint inquire) -> None:
        """From the next turn on who holds a lease sends a DISCOVER and leaves it at the OFFER."""
        self.m.inquire = inquire

    def reorder(self, uint32_t seed) -> None:
        """From the next turn on clients take turns in the order that comes of this seed."""
        self.m.known.stride = _coprime_stride(max(self.m.known.count, 1), seed)
        self.m.others.stride = _coprime_stride(self.m.others.count, seed)

    def mix(self, uint32_t known, uint32_t mille) -> None:
        """From the next turn on `mille` of 1000 starts are turns of the first `known` clients.

        Those only renew, once they have a lease; the other starts are turns of the other clients.
        """
        _demand(known < self.m.clients_count and mille <= (1000 if known else 0),
                "there are fewer known clients than clients, and they have 1000 of 1000 turns")
        self.m.known = Group(0, known, _coprime_stride(max(known, 1), self.m.seed), 0)
        known = self.m.clients_count - known
        self.m.others = Group(
            self.m.known.count, known, _coprime_stride(known, self.m.seed), 0)
        self.m.known_mille = mille

    @property
    def started(self) -> int:
        """Exchanges started since the beginning; `clear` does not touch it."""
        return self.m.started

    @property
    def completed(self) -> int:
        """Exchanges completed since the beginning or the last `clear`."""
        return self.m.counts[COUNT_COMPLETED]

    @property
    def bound(self) -> int:
        """Clients that hold a lease."""
        return self.m.bound

    def clear(self) -> None:
        """Set counts and latencies to zero, between warming up and measuring.

        Latencies and renewals are of exchanges that begin from now on. A wrong answer is one
        whenever it comes: of the errors only what was not answered is forgotten.
        """
        self.m.cleared_ns = _clock(CLOCK_MONOTONIC)
        memset(self.m.counts, 0, sizeof(self.m.counts))
        self.m.errors[ERROR_UNANSWERED] = 0
        memset(self.m.sent, 0, sizeof(self.m.sent))
        memset(self.m.received, 0, sizeof(self.m.received))
        self.m.train.failed = 0
        histogram_clear(&self.m.exchange)
        histogram_clear(&self.m.offer)
        histogram_clear(&self.m.ack)

    def report(self) -> dict:
        """All counts since the beginning or the last `clear`; errors only where there are any."""
        errors = zip(ERROR_NAMES, _words(self.m.errors, ERROR_KIND_COUNT), strict=True)
        counts = zip(COUNT_NAMES, _words(self.m.counts, COUNT_KIND_COUNT), strict=True)
        return {
            **dict(counts),
            "send_failed": self.m.train.failed,
            "errors": {name: count for name, count in errors if count},
            "sent": _by_type(self.m.sent),
            "received": _by_type(self.m.received),
            "latency": {
                "exchange": _latency(&self.m.exchange), "offer": _latency(&self.m.offer),
                "ack": _latency(&self.m.ack),
            },
        }

    def examples(self) -> dict:
        """The first wrong answer of each kind, as it came, up to 600 octets."""
        return {
            name: self.m.examples[kind].octets[:self.m.examples[kind].size]
            for kind, name in enumerate(ERROR_NAMES) if self.m.examples[kind].size
        }

    def ledger(self) -> bytes:
        """One 32-octet entry for each client that was ever sent an ACK, in client order.

        See `fastdhcp_bench.ledger.Ledger`, which reads it.
        """
        cdef LedgerEntry entry
        cdef uint32_t index
        cdef Client* client
        entries = bytearray()
        for index in range(self.m.clients_count):
            client = &self.m.clients[index]
            if not client.acked:
                continue
            entry = LedgerEntry(
                self.m.form.first + index, client.address, client.server_id, client.lease_s,
                client.acked_ns, client.retransmissions, client.address != 0)
            entries += (<uint8_t*>&entry)[:sizeof(LedgerEntry)]
        return bytes(entries)


cdef _demand(bint held, str text):
    if not held:
        raise ValueError(text)
