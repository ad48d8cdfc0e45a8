"""By hand, for tests and tools: one change, or one packet, as a worker does it."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy, memset

from fastdhcp._bitmap cimport bitmap_reserve
from fastdhcp._case cimport Case, case_consider, case_fetch, case_settle
from fastdhcp._classes cimport classes_has
from fastdhcp._codec cimport Scratch, codec_decode
from fastdhcp._handle cimport Handled
from fastdhcp._image cimport CLASS_WORDS, NOWHERE, image_slots
from fastdhcp._journal cimport Change, Outcome, apply_change, journal_change
from fastdhcp._leases cimport (
    BLOCK_SIZE, Binding, Table, boot_ns, leases_enter, leases_read, leases_store_fails, node_now,
)
from fastdhcp._memory cimport Memory
from fastdhcp._reservations cimport reservations_cell
from fastdhcp._scope cimport Arrival
from fastdhcp._wire cimport Span


cdef Span span_of(bytes data):
    cdef Span span
    span.at = NULL if data is None else <const uint8_t*><const char*>data
    span.len = 0 if data is None else len(data)
    return span


def apply(Memory memory, int kind, uint32_t vrf, uint32_t address, bytes key, bytes chaddr,
          uint32_t expiry=0, uint32_t offer_until=0, bytes client_id=None, bytes relay_info=None,
          bytes hostname=None, uint32_t subnet_id=0, lock_seen=None, now=None):
    """One change of a binding, as a worker makes it. For tests and tools.

    Returns (result, ring, position, incarnation, expiry); result is "applied", "moved", "locked"
    or "ring-full". Raises MemoryError if the table has no room for the address's block.
    """
    cdef Table* t = &memory.table
    cdef Binding b
    cdef Change c
    cdef Outcome out
    cdef uint8_t hardware[16]
    cdef uint32_t block = leases_enter(t, vrf, address)
    if block == NOWHERE:
        raise MemoryError("the lease table has no room for another block")
    if len(key) != 16 or len(chaddr) > 16:
        raise ValueError("a key has 16 bytes, chaddr at most 16")
    if not leases_read(t, block * BLOCK_SIZE + (address & 255), &b):
        return "locked", 0, 0, (0, 0), 0
    journal_change(t, &b, kind, node_now(t) if now is None else now, &c)
    c.flags = 0
    if lock_seen is not None:
        c.lock_seen = lock_seen
    memset(hardware, 0, 16)
    memcpy(hardware, <const char*>chaddr, len(chaddr))
    memcpy(c.key, <const char*>key, 16)
    c.chaddr = hardware
    c.htype = 1
    c.hlen = len(chaddr)
    c.expiry = expiry
    c.offer_until = offer_until
    c.subnet_id = subnet_id
    c.kept.client_id = span_of(client_id)
    c.kept.relay_info = span_of(relay_info)
    c.kept.hostname = span_of(hostname)
    memset(&out, 0, sizeof(out))
    with nogil:
        result = apply_change(t, &c, &out)
    return (["applied", "moved", "locked", "ring-full"][<int>result], out.ring, out.position,
            (out.inc_epoch, out.inc_n), out.expiry)


def reserve(Memory memory, uint32_t vrf, uint32_t address):
    """Sets the bit that says that an address may be reserved, whatever the file table says."""
    if not bitmap_reserve(&memory.table, vrf, address):
        raise MemoryError("the lease table has no room for another block")


def handle(Memory memory, bytes data, *, int ifindex=0, uint32_t source=0,
           uint32_t destination=0xFFFFFFFF, uint32_t local=0, now=None):
    """What a worker would answer to this message, and does: changes are applied.

    Addresses are integers. Returns a dict: reply_type (0: silence), reason (DropReason), yiaddr,
    lease_s, expiry, waits, position, ring, incarnation, subnet, pool, reservation (indexes or
    None), server_id (option 54), source (of the reply), vrf, classes (numbers). Raises
    ValueError if there is no policy image yet.
    """
    cdef Table* t = &memory.table
    cdef Scratch scratch
    cdef Arrival arrival
    cdef Case c
    cdef const Handled* out = &c.handled
    if t.image == NULL:
        raise ValueError("there is no policy image yet")
    memset(&arrival, 0, sizeof(Arrival))
    arrival.ifindex = ifindex
    arrival.source = source
    arrival.destination = destination
    arrival.local = local
    arrival.broadcast = destination != local
    c.arrival = &arrival
    c.reason = codec_decode(image_slots(t.image), <const uint8_t*><const char*>data, len(data),
                            &scratch, &c.packet)
    t.store_fails = leases_store_fails(t, boot_ns())
    case_consider(t, &c, node_now(t) if now is None else now)
    case_fetch(t, &c)
    case_settle(t, &c)
    return {
        "reply_type": out.reply_type, "reason": out.reason, "waits": bool(out.waits),
        "yiaddr": out.yiaddr, "lease_s": out.lease_s, "expiry": out.expiry, "ring": out.ring,
        "position": out.position, "incarnation": (out.inc_epoch, out.inc_n),
        "subnet": None if out.subnet == NOWHERE else out.subnet,
        "pool": None if out.pool == NOWHERE else out.pool,
        "reservation": (None if out.reservation == NULL else <int>(
            out.reservation - reservations_cell(t.reservations, 0))),
        "server_id": out.scope.server_id, "source": out.scope.source, "vrf": out.scope.vrf,
        "classes": [number for number in range(64 * CLASS_WORDS)
                    if classes_has(out.classes, number)],
    }
