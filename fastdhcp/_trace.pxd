"""The trace: what was decided about each packet, and what became of its reply. One ring a worker.

Its worker alone writes a ring. An entry has two cache lines, and is never laid out again: what no
step fills yet is zero.

| at | bytes | field | what it says |
|---|---|---|---|
| 0 | 8 | time_ns | CLOCK_BOOTTIME of the decision |
| 8 | 8 | fate | what became of it, in one word: Outcome, DropReason << 8, answer time in µs << 32 |
| 16 | 4 | xid | |
| 20 | 4 | vrf | |
| 24 | 4 | giaddr | |
| 28 | 4 | ciaddr | a RELEASE names the address so |
| 32 | 4 | requested | option 50; a DECLINE names the address so |
| 36 | 4 | yiaddr | of the reply |
| 40 | 16 | chaddr | |
| 56 | 1 | hlen | |
| 57 | 1 | htype | |
| 58 | 1 | message_type | what came; RECEIVED_UNREADABLE: fields from `xid` on but `ifindex` are 0 |
| 59 | 1 | reply_type | what was to be answered; 0: nothing |
| 60 | 4 | ifindex | |
| 64 | 4 | server_id | option 54 that came; 0: none |
| 68 | 4 | subnet_id | of the address, else of the link; 0: none |
| 72 | 4 | generation | of the policy that it was decided by |
| 76 | 2 | secs | |
| 78 | 1 | flags | TraceFlag |
| 79 | 1 | circuit_id_len | of all of it |
| 80 | 4 | parameters_hash | of option 55; 0: there was none |
| 84 | 4 | spare | 0 |
| 88 | 40 | circuit_id | its first octets, then zeros |

What the policy's classes make of a packet stands beside it, in a ring of the same numbers behind
all of these; only where the policy has classes, else it is never touched. One cache line:

| at | bytes | field | what it says |
|---|---|---|---|
| 0 | 8 | number | of the entry that it belongs to, + 1 |
| 8 | 32 | classes | a bit for each class, by the policy of the entry's generation |
| 40 | 4 | reservation | its cell in the file table, + 1; 0: none |
| 44 | 8 | limits | 0 |
| 52 | 12 | spare | 0 |
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastdhcp._codec cimport Packet
from fastdhcp._handle cimport Handled
from fastdhcp._image cimport CLASS_WORDS
from fastdhcp._leases cimport Table
from fastdhcp._scope cimport Arrival
from fastdhcp._stats cimport DropReason
from fastdhcp._wire cimport HLEN_MAX

cpdef enum:
    CIRCUIT_ID_TRACED = 40       # octets
    TRACE_ENTRIES_MAX = 1 << 17  # of a worker: 2.6 s at 50,000 packets a second
    TRACE_ENTRIES_MIN = 1 << 15
    TRACE_ENTRIES_SUM = 1 << 20  # of all workers, as long as each has the least

# What became of a packet. Open while a reply is on its way: DECIDED, HELD.
cpdef enum Outcome:
    OUTCOME_DECIDED = 0          # the reply leaves at the end of this turn
    OUTCOME_HELD = 1             # the reply waits for the store
    OUTCOME_SENT = 2             # the kernel has taken the reply
    OUTCOME_DROPPED = 3          # for the reason in `fate`
    OUTCOME_SEND_FAILED = 4      # the kernel has refused the reply
    OUTCOME_DONE = 5             # carried out, and no answer is due

cpdef enum TraceFlag:
    TRACE_KNOWN = 1              # the client has or had an address on this link
    TRACE_RELAY_FLAGS = 2        # the relay agent said how the client had sent it (RFC 5010)
    TRACE_RELAY_UNICAST = 4      # ... by unicast


cdef struct TraceEntry:
    uint64_t time_ns
    uint64_t fate
    uint32_t xid
    uint32_t vrf
    uint32_t giaddr
    uint32_t ciaddr
    uint32_t requested
    uint32_t yiaddr
    uint8_t chaddr[HLEN_MAX]
    uint8_t hlen
    uint8_t htype
    uint8_t message_type
    uint8_t reply_type
    uint32_t ifindex
    uint32_t server_id           # ---- the second line
    uint32_t subnet_id
    uint32_t generation
    uint16_t secs
    uint8_t flags
    uint8_t circuit_id_len
    uint32_t parameters_hash
    uint32_t spare
    uint8_t circuit_id[CIRCUIT_ID_TRACED]


cdef struct PolicyEntry:
    uint64_t number
    uint64_t classes[CLASS_WORDS]
    uint32_t reservation
    uint32_t limits[2]
    uint32_t spare[3]


cdef struct Trace:               # one per worker; TraceEntry[trace_size] follow
    uint64_t head                # entries ever written
    uint64_t pad[15]             # so that entries begin with a pair of lines


cdef inline Trace* trace_ring(const Table* t, uint32_t worker) noexcept nogil:
    return <Trace*>(t.traces + worker * (sizeof(Trace)
                                         + <uint64_t>t.node.trace_size * sizeof(TraceEntry)))


cdef inline TraceEntry* trace_place(const Table* t, const Trace* ring,
                                    uint64_t number) noexcept nogil:
    return <TraceEntry*>(ring + 1) + (number & (t.node.trace_size - 1))


cdef inline PolicyEntry* trace_policy(const Table* t, uint32_t worker,
                                      uint64_t number) noexcept nogil:
    return (<PolicyEntry*>trace_ring(t, t.node.workers) + worker * <uint64_t>t.node.trace_size
            + (number & (t.node.trace_size - 1)))


cdef inline uint64_t trace_fate(Outcome outcome, DropReason reason,
                                uint64_t answer_us) noexcept nogil:
    return (<uint64_t>outcome | <uint64_t>reason << 8
            | min(answer_us, <uint64_t>0xFFFFFFFF) << 32)


# The number of the entry that the packet in hand will have: one entry a packet.
cdef inline uint64_t trace_number(const Table* t) noexcept nogil:
    return trace_ring(t, t.self).head


# The entry of a packet. NULL: it could not be decoded, and `handled` is not looked at.
cdef void trace_write(const Table* t, uint64_t now_ns, const Packet* packet,
                      const Arrival* arrival, const Handled* handled, Outcome outcome,
                      DropReason reason) noexcept nogil
# What became of a reply whose entry was open. Another packet's entry may stand there by now: that
# one is left as it is.
cdef void trace_close(const Table* t, uint64_t number, Outcome outcome, DropReason reason,
                      uint64_t answer_us) noexcept nogil
# A worker's first step: what its dead predecessor left open is dropped for `reason`.
cdef void trace_close_all(const Table* t, DropReason reason) noexcept nogil

# For readers: entries ever written, and entries as dicts, as Memory.trace() and trace_last() have
# them. `back`: the newest first.
cdef uint64_t trace_head(const Table* t, uint32_t worker) noexcept nogil
cdef list trace_rows(const Table* t, uint32_t worker, first, end, int limit, bint back,
                     message_type, reason, bytes chaddr, vrf)
