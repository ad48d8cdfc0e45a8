"""By hand, for tests and tools: replies made, held until they are durable, received and sent."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from fastdhcp._areas cimport areas_slots
from fastdhcp._body cimport Bodies, bodies_close, bodies_open
from fastdhcp._case cimport Case, case_consider, case_fetch, case_settle
from fastdhcp._classes cimport classes_add, classes_params
from fastdhcp._codec cimport Packet, Scratch, codec_decode
from fastdhcp._handle cimport Handled
from fastdhcp._held cimport (
    NO_REPLY, Held, Released, held_close, held_due, held_give, held_open, held_push, held_release,
    held_room, held_take,
)
from fastdhcp._image cimport (
    INFINITE, NOWHERE, Image, Params, image_params, image_pool, image_slots, image_subnet,
)
from fastdhcp._inbox cimport (
    Inbox, inbox_arrival, inbox_close, inbox_data, inbox_open, inbox_receive, inbox_size,
)
from fastdhcp._leases cimport RINGS_MAX
from fastdhcp._memory cimport Memory
from fastdhcp._outbox cimport Outbox, outbox_add, outbox_flush, outbox_open
from fastdhcp._overload cimport Overload, overload_judge
from fastdhcp._reply cimport (
    FRAME_HEAD_SIZE, PORT_SERVER, WAY_BROADCAST, WAY_FRAME, WAY_UDP, Reply, reply_head, reply_lower,
    reply_write,
)
from fastdhcp._reservations cimport Reservations, reservations_cell
from fastdhcp._scope cimport Arrival
from fastdhcp._stats cimport (
    COUNT_CACHE_MISS, COUNT_DROPPED, COUNT_RELAY_INFO_LEFT_OUT, COUNT_SENT, DROP_NONE,
    DROP_SEND_FAILED, Counters,
)
from fastdhcp._trace cimport OUTCOME_DECIDED, OUTCOME_HELD, Outcome, trace_number, trace_write
from fastdhcp._wire cimport ACK, ETHERNET_HLEN, MESSAGE_SIZE_MIN, store_be32

from fastdhcp._stats import drop_names

WAYS = {"udp": WAY_UDP, "broadcast": WAY_BROADCAST, "frame": WAY_FRAME}


cdef dict reply_dict(Reply* reply):
    reply_head(reply)
    return {
        "message": reply.data[:reply.size], "head": reply.head[:FRAME_HEAD_SIZE],
        "way": ("udp", "broadcast", "frame")[reply.way], "source": reply.source,
        "destination": reply.destination, "port": reply.port, "ifindex": reply.ifindex,
        "hw_address": reply.hw_address[:ETHERNET_HLEN] if reply.way == WAY_FRAME else b"",
    }


# The values of a place for who has the classes and the reservation of `handled`.
cdef const Params* nearest_params(const Image* image, Handled* handled) noexcept nogil:
    cdef uint32_t own = 0
    cdef uint32_t row = 0
    if handled.pool != NOWHERE:
        row = image_pool(image, handled.pool).params
    elif handled.subnet != NOWHERE:
        row = image_subnet(image, handled.subnet).params
    if handled.reservation != NULL:
        own = handled.reservation.overlay
    if handled.subnet == NOWHERE:
        return image_params(image, row)
    return classes_params(image, handled.classes, handled.subnet, handled.pool, own,
                          image_params(image, row), &handled.made)


# A reply's entry in the trace of the process, open: of a packet that nothing is known of.
cdef void trace_open(Memory memory, Reply* reply, Outcome outcome):
    cdef Arrival arrival
    memset(&arrival, 0, sizeof(Arrival))
    reply.trace = trace_number(&memory.table)
    trace_write(&memory.table, 0, NULL, &arrival, NULL, outcome, DROP_NONE)


cdef class ReplyMaker:
    """Makes replies by a policy image, as a worker does, with a cache of bodies of its own."""

    cdef Bodies bodies
    cdef Counters counters
    cdef bytes image
    cdef bytes reservations
    cdef Reply reply

    def __cinit__(self, policy not None):
        if not bodies_open(&self.bodies):
            raise MemoryError("no memory for the bodies of replies")
        memset(&self.counters, 0, sizeof(Counters))
        self.set_image(policy)

    def __dealloc__(self):
        bodies_close(&self.bodies)

    def set_image(self, policy not None):
        """Another policy from now on, a Compiled, or an image alone; its generation must differ."""
        self.image = bytes(getattr(policy, "image", policy))
        if hasattr(policy, "reservations"):
            with policy.reservations.mapped() as table:
                self.reservations = bytes(table)

    @property
    def misses(self):
        """Bodies laid so far."""
        return self.counters.words[<int>COUNT_CACHE_MISS]

    def make(self, bytes request not None, *, int reply_type, uint32_t server_id,
             uint32_t yiaddr=0, uint32_t lease_s=0, uint32_t subnet=NOWHERE,
             uint32_t pool=NOWHERE, uint32_t reservation=NOWHERE, int ifindex=0,
             uint16_t source_port=PORT_SERVER, uint32_t mtu=0, source=None, classes=()):
        """The reply to `request` as a dict: message, head (of a frame), way, source, destination,
        port, ifindex, hw_address. None: too long. `classes`: numbers of the client's. Raises
        ValueError for no request."""
        cdef Scratch scratch
        cdef Packet packet
        cdef Arrival arrival
        cdef Handled handled
        reason = codec_decode(areas_slots(), request, <uint32_t>len(request), &scratch, &packet)
        if reason != DROP_NONE:
            raise ValueError(drop_names()[<int>reason])
        memset(&arrival, 0, sizeof(Arrival))
        memset(&handled, 0, sizeof(Handled))
        arrival.ifindex = ifindex
        arrival.source_port = source_port
        handled.reply_type = <uint8_t>reply_type
        handled.scope.server_id = server_id
        handled.scope.source = server_id if source is None else source
        handled.scope.mtu = mtu
        handled.yiaddr = yiaddr
        handled.lease_s = lease_s
        handled.subnet = subnet
        handled.pool = pool
        if reservation != NOWHERE:
            handled.reservation = reservations_cell(
                <const Reservations*><const char*>self.reservations, reservation)
        for number in classes:
            classes_add(handled.classes, number)
        handled.params = nearest_params(<const Image*><const char*>self.image, &handled)
        handled.expiry = INFINITE
        if not reply_write(&self.reply, &self.bodies, <const Image*><const char*>self.image,
                           &packet, &arrival, &handled, 1, &self.counters):
            return None
        return reply_dict(&self.reply)

    def answer(self, Memory memory not None, bytes request not None, *, int ifindex=0,
               uint32_t destination=0xFFFFFFFF, uint32_t local=0, uint16_t source_port=PORT_SERVER,
               uint32_t now=1):
        """What a worker with this policy sends for a packet, as make() has it, and does: changes
        are applied. A drop reason's name (`none`: carried out) if it sends nothing."""
        cdef Scratch scratch
        cdef Arrival arrival
        cdef Case c
        c.arrival = &arrival
        c.reason = codec_decode(image_slots(memory.table.image), request, <uint32_t>len(request),
                                &scratch, &c.packet)
        if c.reason != DROP_NONE:
            return drop_names()[<int>c.reason]
        memset(&arrival, 0, sizeof(Arrival))
        arrival.ifindex = ifindex
        arrival.destination = destination
        arrival.local = local
        arrival.broadcast = destination != local
        arrival.source_port = source_port
        case_consider(&memory.table, &c, now)
        case_fetch(&memory.table, &c)
        case_settle(&memory.table, &c)
        if c.handled.reply_type == 0:
            return drop_names()[c.handled.reason]
        if not reply_write(&self.reply, &self.bodies, memory.table.image, &c.packet, &arrival,
                           &c.handled, now, &self.counters):
            return "reply-too-long"
        return reply_dict(&self.reply)

    @property
    def relay_infos_left_out(self):
        """Replies without the option 82 that came."""
        return self.counters.words[<int>COUNT_RELAY_INFO_LEFT_OUT]

    def lower(self, uint32_t expiry, uint32_t now):
        """The last reply as it would leave at `now`; None: nothing is left of it."""
        self.reply.expiry = expiry
        return reply_dict(&self.reply) if reply_lower(&self.reply, now) else None


cdef class HeldQueue:
    """A held queue upon the lease table of `memory`, for tests: replies of a lease time only."""

    cdef Held held
    cdef Released released
    cdef Memory memory

    def __cinit__(self, Memory memory not None):
        if not held_open(&self.held):
            raise MemoryError("no memory for held replies")
        self.memory = memory

    def __dealloc__(self):
        held_close(&self.held)

    @property
    def waiting(self):
        return self.held.waiting

    @property
    def room(self):
        return bool(held_room(&self.held))

    @property
    def due(self):
        return bool(held_due(&self.held, &self.memory.table))

    def push(self, uint32_t number, incarnation, uint32_t ring, uint64_t position, uint32_t expiry,
             uint32_t since, uint32_t lease_s):
        """Holds a reply; returns its number, which release() names. Raises BlockingIOError."""
        cdef uint32_t place = held_take(&self.held)
        cdef Reply* reply
        if place == NO_REPLY:
            raise BlockingIOError("the pool of replies is empty")
        if ring >= RINGS_MAX:
            raise IndexError(f"there is no ring {ring}")
        reply = &self.held.replies[place]
        memset(reply, 0, sizeof(Reply))
        reply.type = ACK
        reply.number = number
        reply.inc_epoch, reply.inc_n = incarnation
        reply.ring = ring
        reply.position = position
        reply.expiry = expiry
        reply.since = since
        reply.lease_s = lease_s
        reply.lease_at = 2
        reply.size = MESSAGE_SIZE_MIN
        store_be32(reply.data + reply.lease_at, lease_s)
        trace_open(self.memory, reply, OUTCOME_HELD)
        held_push(&self.held, &self.memory.table, place)
        return place

    def release(self, uint32_t now):
        """What may leave now: its number, and the lease time that it tells."""
        cdef uint32_t i, place
        cdef uint32_t process = self.memory.table.self
        with nogil:
            held_release(&self.held, &self.memory.table, now, &self.released,
                         &self.memory.table.counters[process])
        leaving = []
        for i in range(self.released.count):
            place = self.released.ready[i]
            leaving.append((place, int.from_bytes(self.held.replies[place].data[2:6], "big")))
            held_give(&self.held, place)
        return leaving


cdef class Judge:
    """What overload says of packets, one after the other, of a worker that starts."""

    cdef Overload overload

    def judge(self, uint64_t now_ns, uint64_t received_ns, uint8_t message_type, uint32_t giaddr):
        """The drop reason, or `none`, of a packet stamped `received_ns` and read at `now_ns`."""
        cdef Arrival arrival
        cdef Packet packet
        memset(&arrival, 0, sizeof(Arrival))
        memset(&packet, 0, sizeof(Packet))
        arrival.received_ns = received_ns
        packet.message_type = message_type
        packet.giaddr = giaddr
        return drop_names()[<int>overload_judge(&self.overload, &packet, &arrival, now_ns)]


cdef class Sockets:
    """A worker's two sockets, for tests: batches in and out as the worker has them.

    What leaves is counted and traced in the segments of `memory`. `udp` has IP_PKTINFO and
    SO_TIMESTAMPNS on; `packet` is a packet socket or -1. They stay the caller's. Raises
    MemoryError.
    """

    cdef Inbox* inbox
    cdef Outbox* outbox
    cdef Held held
    cdef Memory memory

    def __cinit__(self, Memory memory not None, int udp, int packet=-1):
        self.memory = memory
        self.inbox = <Inbox*>calloc(1, sizeof(Inbox))
        self.outbox = <Outbox*>calloc(1, sizeof(Outbox))
        if (self.inbox == NULL or self.outbox == NULL or not inbox_open(self.inbox, udp)
                or not held_open(&self.held)):
            raise MemoryError("no memory for batches")
        outbox_open(self.outbox, udp, packet, &self.held, &memory.table)

    def __dealloc__(self):
        if self.inbox != NULL:
            inbox_close(self.inbox)
        held_close(&self.held)
        free(self.inbox)
        free(self.outbox)

    def receive(self):
        """The next lot: (data, arrival as a dict) of each packet."""
        cdef uint32_t i
        lot = []
        for i in range(inbox_receive(self.inbox)):
            data = inbox_data(self.inbox, i)[:inbox_size(self.inbox, i)]
            lot.append((data, inbox_arrival(self.inbox, i)[0]))
        return lot

    def send(self, messages):
        """Sends (message, way, destination, port, source, ifindex, hw_address) each, grouped."""
        cdef uint32_t number
        cdef Reply* reply
        for message, way, destination, port, source, ifindex, hw_address in messages:
            number = held_take(&self.held)
            reply = &self.held.replies[number]
            reply.type = 0
            reply.received_ns = 0
            reply.size = <uint16_t>len(message)
            memcpy(reply.data, <const uint8_t*><const char*>message, reply.size)
            reply.way = WAYS[way]
            reply.destination = destination
            reply.port = port
            reply.source = source
            reply.ifindex = ifindex
            memcpy(reply.hw_address, <const uint8_t*><const char*>hw_address, len(hw_address))
            trace_open(self.memory, reply, OUTCOME_DECIDED)
            outbox_add(self.outbox, number)
        outbox_flush(self.outbox)

    @property
    def sent(self):
        """Messages that the kernel took."""
        return self.outbox.counters.words[<int>COUNT_SENT]

    @property
    def failed(self):
        """Messages that it did not."""
        return self.outbox.counters.words[<int>COUNT_DROPPED + <int>DROP_SEND_FAILED]
