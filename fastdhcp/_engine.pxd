"""RFC 2131's decisions as a pure function: what to answer, and what to change. No table, no I/O.

The caller gathers a View by value; the engine says what it means. The same function serves the
server, its tests and whoever asks why.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastdhcp._codec cimport HAS_REQUESTED, HAS_SERVER_ID, Packet
from fastdhcp._image cimport Image, Params
from fastdhcp._leases cimport Binding, Entries
from fastdhcp._reservations cimport Reservation
from fastdhcp._scope cimport Scope
from fastdhcp._wire cimport BOOTP, HLEN_MAX, INFORM, RELEASE, REQUEST


# An address and what is known of it. `known` = 0: there is none.
cdef struct Place:
    uint8_t known
    uint8_t allowed              # this client may have it here: pool, reservation, link
    uint8_t spare[6]
    uint32_t subnet              # image indexes, or NOWHERE
    uint32_t pool
    Binding binding


cdef struct View:
    uint32_t now                 # node time
    const Reservation* reservation  # the client's; NULL: it has none
    uint64_t key[2]              # client key
    Entries entries              # where the index has it; buckets[0] NULL: nobody has asked yet
    uint32_t asked_number        # the asked record's; NOWHERE: it has none, or nobody looked
    const uint64_t* classes      # CLASS_WORDS; set only if the image has classes
    Params* made                 # room for a row with values laid over it
    uint8_t htype                # the hardware that speaks
    uint8_t hlen
    uint8_t chaddr[HLEN_MAX]
    Place mine                   # what this client holds, was offered, or held before
    Place left                   # what it holds, where `mine` is what it may have instead
    Place asked                  # option 50, or ciaddr
    Place reserved               # the reservation's address
    Place free                   # the next free address; gathered when the engine wants it
    uint8_t free_gathered        # 1: what the engine wanted is done
    uint8_t let_in               # 1: a pool of the link may give to this client
    uint8_t refused              # 1: the guard of one may not
    uint8_t store_failing        # nothing can be made durable now
    uint8_t mine_durable         # the asked record's last change is on disk
    uint8_t asked_said           # 1: it says all that this message says, since this very second
    uint8_t overlaid             # 1: a class or the reservation of this client has values
    uint8_t bootp                # 1: a message of BOOTP; only what serves those is `allowed`


cdef enum Want:
    WANT_NOTHING = 0
    WANT_FREE = 1                # gather View.free and decide again
    WANT_ELSEWHERE = 2           # set `free_gathered` and decide again, if not another VRF has the
                                 # lease that is asked for


cdef struct Verdict:
    uint8_t want                 # Want
    uint8_t reply_type           # OFFER, ACK, NAK; 0: silence, for `reason`
    uint8_t reason               # DropReason of silence; DROP_NONE: carried out, no answer is due
    uint8_t change               # ChangeKind
    uint8_t flags                # RecordFlag of the record after the change
    uint8_t replaces             # 1: it holds another lease, whose right to renew ends now
    uint8_t spare[2]
    Place* place                 # of the View: what the change and the reply are about; NULL: none
    uint32_t subnet              # whose values are told: image indexes, or NOWHERE
    uint32_t pool
    const Params* params         # of the address: a row of the image, or View.made; NULL: none
    const Reservation* reservation  # what the reply goes by: the client's, if the address is its
                                 # own or it has none; else NULL
    uint32_t lease_s             # option 51; INFINITE
    uint32_t expiry              # node time
    uint32_t offer_until


cdef void engine_decide(const Image* image, const Packet* packet, const Scope* scope,
                        const View* view, Verdict* verdict) noexcept nogil

# The address that a message asks for or is about: option 50 or ciaddr, as its state says; 0: none.
cdef inline uint32_t engine_asked(const Packet* packet) noexcept nogil:
    if packet.message_type in (RELEASE, INFORM, BOOTP):
        return packet.ciaddr
    if packet.message_type == REQUEST and packet.ciaddr and not (
            packet.has & HAS_SERVER_ID and packet.has & HAS_REQUESTED):
        return packet.ciaddr
    return packet.requested if packet.has & HAS_REQUESTED else 0
