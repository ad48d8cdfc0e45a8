"""What a worker would answer to a message, and upon what it would decide; nothing is changed.

It runs the worker's own steps up to the decision, upon a table of its own: its counters are its
own, and the hints of the allocator are mapped privately, so that looking for a free address moves
nobody.
"""

import mmap
import os

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fastdhcp._body cimport (
    LAYER_NONE, Bodies, BodyKey, Source, bodies_close, bodies_open, body_key_begin, body_source,
    body_value,
)
from fastdhcp._codec cimport Packet, Scratch, codec_decode
from fastdhcp._engine cimport Place, Verdict, View, engine_asked
from fastdhcp._classes cimport classes_has
from fastdhcp._gather cimport gather_claim
from fastdhcp._handle cimport Handled, consider, decide, describe, handle_recall, handled_clear
from fastdhcp._identity cimport Identifiers
from fastdhcp._image cimport (
    CLASS_WORDS, NOWHERE, Image, Pool, Subnet, When, image_class, image_levels, image_overlay,
    image_overlay_values, image_pool, image_pool_gives, image_slots, image_subnet, image_when,
)
from fastdhcp._leases cimport (
    TIME_INFINITE, Copy, Table, boot_ns, leases_store_fails, node_now,
)
from fastdhcp._memory cimport Memory
from fastdhcp._overlay cimport overlay_has
from fastdhcp._reply cimport Reply, reply_write
from fastdhcp._reservations cimport Reservation, reservation_hostname, reservation_identity
from fastdhcp._scope cimport Arrival, Scope, scope_link_by
from fastdhcp._stats cimport DROP_NONE, DROP_REPLY_TOO_LONG, Counters, DropReason
from fastdhcp._wire cimport HLEN_MAX, Span

from fastdhcp.bpf import steer

CLAIMS = ("none", "had", "ended", "offered", "held")  # by Claim
LAYERS = ("none", "reservation", "when of the pool", "when of the subnet", "class", "pool",
          "subnet")  # by LayerKind
LINKS = ("link-selection", "subnet-selection", "giaddr", "ciaddr", "interface")  # by LinkBy
# Words of Params by their place in it.
WORDS = {
    "lease_s": 0, "lease_min_s": 1, "lease_max_s": 2, "renewal_s": 3, "rebinding_s": 4,
    "bootp_lease_s": 8, "next_server": 9, "boot_file": 11, "server_name": 13,
}


cdef object index_of(uint32_t index):
    return None if index == NOWHERE else index


# An address that was looked at, and what it is to the client; None: there was none.
cdef dict place_dict(const Image* image, const View* v, const Place* p):
    if not p.known:
        return None
    cdef bint recorded = p.binding.number != NOWHERE
    return {
        "address": p.binding.address, "subnet": index_of(p.subnet), "pool": index_of(p.pool),
        "allowed": bool(p.allowed), "gives": p.pool != NOWHERE and image_pool_gives(
            image, image_pool(image, p.pool), p.binding.address),
        "claim": CLAIMS[<int>gather_claim(v, &p.binding)],
        "state": p.binding.state, "offered": recorded and p.binding.offer_until > v.now,
        "chaddr": p.binding.chaddr[:min(p.binding.hlen, <int>HLEN_MAX)] if recorded else b"",
        "left_s": None if p.binding.expiry == <uint32_t>TIME_INFINITE
        else max(<int64_t>p.binding.expiry - <int64_t>v.now, 0) if recorded else 0,
    }


cdef dict scope_dict(const Scope* scope):
    return {
        "vrf": scope.vrf, "network": scope.network, "subnet": index_of(scope.link_subnet),
        "server_id": scope.server_id,
    }


# None: the client has none.
cdef dict reservation_dict(const Reservation* cell):
    if cell == NULL:
        return None
    cdef Span identity = reservation_identity(cell)
    cdef Span hostname = reservation_hostname(cell)
    return {
        "kind": cell.kind, "identity": identity.at[:identity.len], "address": cell.address,
        "hostname": hostname.at[:hostname.len],
    }


cdef object classes_of(const Handled* out):
    return sum(<object>out.classes[word] << 64 * word for word in range(CLASS_WORDS))


# Layer, level and class of each option that the policy has for who is answered so.
cdef dict sources_of(const Image* image, const Handled* out):
    cdef BodyKey key
    cdef Source source
    cdef int code
    body_key_begin(&key, out.subnet, out.pool, out.reservation)
    found = {}
    for code in range(1, 255):
        source = body_source(image, &key, out.classes, <uint8_t>code)
        if source.kind != LAYER_NONE:
            found[code] = LAYERS[<int>source.kind], source.level, source.number
    return found


# Options that the policy has for who is answered so, and says that they are never to be sent.
cdef list withheld_of(const Image* image, const Handled* out, dict sources):
    cdef BodyKey key
    body_key_begin(&key, out.subnet, out.pool, out.reservation)
    return [code for code in sources
            if body_value(image, &key, out.classes, <uint8_t>code).at == NULL]


# ---- values

cdef bint lays(const Image* image, uint32_t overlay, uint32_t word) noexcept nogil:
    cdef uint32_t value
    return overlay_has(image_overlay(image, overlay), image_overlay_values(image), word, &value)


# The class of the nearest `when` of a place that has a word; NOWHERE: none has.
cdef uint32_t when_that_lays(const Image* image, const Handled* out, uint32_t first,
                             uint32_t count, uint32_t word) noexcept nogil:
    cdef const When* when
    cdef uint32_t i
    for i in range(count):
        when = image_when(image, first + i)
        if classes_has(out.classes, when.number) and lays(image, when.overlay, word):
            return when.number
    return NOWHERE


cdef uint32_t class_that_lays(const Image* image, const Handled* out,
                              uint32_t word) noexcept nogil:
    cdef uint32_t number
    for number in range(image.classes.count):
        if (classes_has(out.classes, number)
                and lays(image, image_class(image, number).overlay, word)):
            return number
    return NOWHERE


# Layer, level and class of a word of the values that a reply goes by, as sources_of has them.
cdef tuple source_of(const Image* image, const Handled* out, uint32_t word):
    cdef const Subnet* subnet = image_subnet(image, out.subnet)
    cdef const Pool* pool = NULL if out.pool == NOWHERE else image_pool(image, out.pool)
    cdef uint32_t number = NOWHERE
    if out.reservation != NULL and (
            lays(image, out.reservation.overlay, word)
            or (word == <uint32_t>WORDS["next_server"] and out.reservation.next_server)
            or (word == <uint32_t>WORDS["boot_file"] and out.reservation.boot_file_len)):
        return "reservation", 0, 0
    if pool != NULL:
        number = when_that_lays(image, out, pool.when_first, pool.when_count, word)
    if number != NOWHERE:
        return "when of the pool", 0, number
    number = when_that_lays(image, out, subnet.when_first, subnet.when_count, word)
    if number != NOWHERE:
        return "when of the subnet", 0, number
    number = class_that_lays(image, out, word)
    if number != NOWHERE:
        return "class", 0, number
    if pool != NULL:
        return "place", image_levels(image, image.subnets.count + out.pool).of[word], 0
    return "place", image_levels(image, out.subnet).of[word], 0


# Of each key of [defaults] that a reply tells of: the word itself, and what gave it.
cdef dict values_of(const Image* image, const Handled* out):
    cdef const uint32_t* words = <const uint32_t*>out.params
    return {name: (words[<uint32_t>word], source_of(image, out, word))
            for name, word in WORDS.items()}


# ---- the way

cdef tuple link_by(const Packet* packet, const Arrival* arrival, const Scope* scope):
    cdef uint32_t address = 0
    by = LINKS[<int>scope_link_by(packet, arrival, scope, &address)]
    return by, address


# Option 82 as policy has read it: of the message, else what is kept of an earlier one.
cdef bytes recalled(const Table* t, const Packet* packet, const Arrival* arrival,
                    const Handled* out):
    cdef Copy copy
    cdef Identifiers who
    if out.scope.network_number == 0:
        return b""
    handle_recall(t, packet, arrival, &out.scope, &copy, &who)
    return who.relay_info.at[:who.relay_info.len]


cdef class Explainer:
    """Decides about messages as a worker would. `hints`: the segment's descriptor, which stays the
    caller's. Raises MemoryError."""

    cdef Memory memory
    cdef object hints
    cdef uint8_t* hints_at
    cdef Counters* counters
    cdef Bodies bodies
    cdef Reply reply

    def __cinit__(self, Memory memory not None, int hints):
        cdef unsigned char[::1] view
        self.memory = memory
        self.counters = <Counters*>calloc(1, sizeof(Counters))
        if self.counters == NULL or not bodies_open(&self.bodies):
            raise MemoryError("no memory to explain with")
        self.hints = mmap.mmap(hints, os.fstat(hints).st_size, flags=mmap.MAP_PRIVATE,
                               prot=mmap.PROT_READ | mmap.PROT_WRITE)
        view = self.hints
        self.hints_at = &view[0]

    def __dealloc__(self):
        bodies_close(&self.bodies)
        free(self.counters)

    cdef void _table(self, Table* t, bytes chaddr):
        t[0] = self.memory.table
        t.self = <uint32_t>steer(chaddr, t.node.workers)
        t.hints = self.hints_at
        t.own = self.counters
        t.store_fails = leases_store_fails(t, boot_ns())

    def explain(self, bytes message not None, *, int ifindex=0, uint32_t source=0,
                uint32_t destination=0xFFFFFFFF, uint32_t local=0, uint16_t source_port=67,
                now=None):
        """The decision about a message, as it would come by an interface, as a dict.

        `reason` alone: it cannot be decoded. Addresses are integers, subnets and pools indexes of
        the image. `reply` is the finished message. Raises ValueError if there is no policy yet.
        """
        cdef Scratch scratch
        cdef Table t
        cdef Packet packet
        cdef Arrival arrival
        cdef Handled out
        cdef View view
        cdef Verdict verdict
        cdef DropReason reason
        cdef bint decided = False
        if self.memory.table.image == NULL:
            raise ValueError("there is no policy image yet")
        memset(&arrival, 0, sizeof(Arrival))
        arrival.ifindex = ifindex
        arrival.source = source
        arrival.source_port = source_port
        arrival.destination = destination
        arrival.local = local
        arrival.broadcast = destination != local
        handled_clear(&out)
        reason = codec_decode(image_slots(self.memory.table.image), message,
                              <uint32_t>len(message), &scratch, &packet)
        if reason != DROP_NONE:
            return {"reason": <int>reason}
        self._table(&t, packet.chaddr[:HLEN_MAX])
        memset(&view, 0, sizeof(View))
        view.now = node_now(&t) if now is None else now
        with nogil:
            reason = consider(&t, &packet, &arrival, view.now, &view, &out)
            if reason == DROP_NONE:
                reason = decide(&t, &packet, &out.scope, &view, &verdict)
                decided = reason == DROP_NONE
            if decided:
                describe(&verdict, &out)
            else:
                out.reason = reason
        # What the allocator noted goes: the next look begins where the workers are.
        self.hints.madvise(mmap.MADV_DONTNEED)
        found = self._reply(&t, &packet, &arrival, &out, view.now)
        found["decided"] = bool(decided)
        found["reservation"] = reservation_dict(view.reservation)
        if decided:
            found["reserved"] = place_dict(t.image, &view, &view.reserved)
            found["mine"] = place_dict(t.image, &view, &view.mine)
            found["asked"] = place_dict(t.image, &view, &view.asked)
            found["free"] = place_dict(t.image, &view, &view.free)
        return found

    cdef dict _reply(self, const Table* t, const Packet* packet, const Arrival* arrival,
                     Handled* out, uint32_t now):
        cdef DropReason reason = <DropReason>out.reason
        reply = None
        sources = {}
        if out.reply_type:
            if reply_write(&self.reply, &self.bodies, t.image, packet, arrival, out, now,
                           self.counters):
                reply = self.reply.data[:self.reply.size]
            else:
                reason = DROP_REPLY_TOO_LONG
        if reply:
            sources = sources_of(t.image, out)
        return {
            "reply": reply, "reply_type": out.reply_type if reply else 0, "reason": <int>reason,
            "asked_address": engine_asked(packet), "yiaddr": out.yiaddr, "lease_s": out.lease_s,
            "subnet": index_of(out.subnet), "pool": index_of(out.pool),
            "relay_info": packet.relay_info.at[:packet.relay_info.len],
            "scope": scope_dict(&out.scope), "linked": out.scope.network_number != 0,
            "classes": classes_of(out),
            "sources": sources, "withheld": withheld_of(t.image, out, sources),
            "values": values_of(t.image, out) if reply and out.params != NULL else {},
            "link_by": link_by(packet, arrival, &out.scope),
            "policy_relay_info": recalled(t, packet, arrival, out),
        }
