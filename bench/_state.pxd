"""The load generator's state: clients, the window of those under way, counts. C structs only."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from bench._histogram cimport Histogram
from bench._messages cimport Expected, Form
from bench._owners cimport Owners
from bench._trains cimport Arrivals, Train

cdef enum:
    CLIENTS_MAX = 1 << 24       # octets 3 to 5 of chaddr: what the echo makes addresses of
    WINDOW_MAX = CLIENTS_MAX
    TICK_SHIFT = 22             # a tick of the wheel is 4.2 ms
    WHEEL_SIZE = 32768          # ticks: more than two minutes, the longest wait
    EXAMPLE_SIZE = 600
    MESSAGE_TYPES = 19


# What a client does at the moment (RFC 2131 4.4); bound or not, it is IDLE between exchanges.
cdef enum:
    IDLE = 0
    SELECTING = 1               # DISCOVER sent
    REQUESTING = 2              # REQUEST for an OFFER sent
    RENEWING = 3
    REBOOTING = 4               # INIT-REBOOT
    GIVEN_UP = 5                # as IDLE, but a late ACK would be taken


# Kinds of exchange, drawn by weight for a client that holds a lease.
cdef enum:
    KIND_DORA = 0
    KIND_RENEW = 1
    KIND_REBOOT = 2
    KIND_RELEASE = 3
    KIND_COUNT = 4


# What is wrong with an answer, or with the lack of one. Named in _load.pyx, in this order.
cdef enum:
    ERROR_MALFORMED = 0         # no BOOTREPLY, options past the end, no END, no message type
    ERROR_WRONG_CHADDR = 1      # not one of our clients
    ERROR_WRONG_XID = 2         # neither this exchange's nor the client's last
    ERROR_WRONG_TYPE = 3        # an OFFER to a REQUEST, or nothing that a client is sent
    ERROR_WRONG_GIADDR = 4
    ERROR_WRONG_CIADDR = 5      # RFC 2131 table 3: that of the REQUEST, or 0
    ERROR_SURPLUS_ANSWER = 6    # more answers than requests sent (invariant I4)
    ERROR_NO_SERVER_ID = 7
    ERROR_WRONG_SERVER_ID = 8   # another than the OFFER's
    ERROR_NO_LEASE_TIME = 9
    ERROR_NO_ADDRESS = 10
    ERROR_ADDRESS_CHANGED = 11  # the ACK's is not the one asked for
    ERROR_ADDRESS_MOVED = 12    # another one, though the client's lease was still running
    ERROR_ADDRESS_TWICE = 13    # another client's lease of it is still running (invariant I1)
    ERROR_OFFER_TWICE = 14      # offered while another client's lease of it is still running
    ERROR_WRONG_RELAY_INFO = 15     # option 82 not echoed unchanged and last (RFC 3046 2.2)
    ERROR_WRONG_CLIENT_ID = 16      # option 61 echoed otherwise than sent (RFC 6842)
    ERROR_WRONG_OPTION = 17     # an expected option is missing or says something else
    ERROR_NAK = 18
    ERROR_NAK_WITH_LEASE = 19   # RFC 2131 table 3: no yiaddr, no lease time
    ERROR_UNANSWERED = 20       # all tries used up
    ERROR_KIND_COUNT = 21


# Named in _load.pyx, in this order.
cdef enum:
    COUNT_STARTED = 0
    COUNT_COMPLETED = 1
    COUNT_FAILED = 2            # NAK, or all tries used up
    COUNT_RETRANSMISSIONS = 3
    COUNT_LATE = 4              # answers to the client's exchange before this one, all owed
    COUNT_DUPLICATES = 5        # second answers to retransmitted requests, all owed
    COUNT_REASSIGNED = 6        # addresses that came to another client after their lease's end
    COUNT_RELEASES = 7
    COUNT_RENEWALS = 8          # that have ended, of those begun since the counts were cleared
    COUNT_RENEWED_AT_ONCE = 9   # of them, by an ACK to the first transmission
    COUNT_KIND_COUNT = 10


cdef struct Client:
    uint32_t address            # of the lease, 0 = none
    uint32_t asked              # the address that the REQUEST under way names
    uint32_t server_id
    uint32_t lease_s
    uint32_t xid
    uint32_t xid_before
    uint32_t exchanges          # started
    uint32_t retransmissions
    int64_t acked_ns            # CLOCK_REALTIME, of the last ACK
    uint32_t slot               # in the window; 0 = not under way
    uint16_t relay              # number of its relay agent
    uint16_t secs
    uint8_t step
    uint8_t tries
    uint8_t owed_offers         # requests of this exchange less answers to them
    uint8_t owed_acks
    uint8_t owed_before         # answers that the exchange before still had to come
    bint acked                  # ever


# An exchange under way. Those that are to be sent again in one tick are a list; 0 ends it.
cdef struct Slot:
    uint32_t client
    uint32_t tick               # in the wheel
    uint32_t before
    uint32_t after
    int64_t started_ns          # CLOCK_MONOTONIC
    int64_t asked_ns            # first transmission of the present step


cdef struct Example:
    uint16_t size
    uint8_t octets[EXAMPLE_SIZE]


# Clients that take turns: every one of them before one comes again, but not in order.
cdef struct Group:
    uint32_t first
    uint32_t count
    uint32_t stride             # coprime to `count`
    uint32_t next               # from `first`


cdef struct Machine:
    Form form
    Expected expected
    Train train
    Arrivals arrivals
    Owners owners
    Client* clients
    Slot* slots                 # from 1
    uint32_t* wheel             # the first slot of each tick
    int64_t tick                # the next one to be looked at, since the clock's beginning
    uint32_t clients_count
    uint32_t window
    uint32_t in_flight
    uint32_t free_slot          # head of the list of unused slots, linked by `after`
    uint32_t relay              # the first one's address; 0: the clients are on the link
    uint32_t relays
    uint32_t burst              # clients of one relay agent that start one after the other
    uint32_t met                # clients that have started once
    Group known                 # they only renew, once they have a lease; none, as a rule
    Group others
    uint32_t known_mille        # per mille of the starts that are turns of the known
    uint32_t known_due          # the same, summed up: at 1000 it is their turn
    uint32_t seed
    uint64_t random
    uint32_t weights[KIND_COUNT]        # per mille
    bint inquire                # who holds a lease sends a DISCOVER and leaves it at the OFFER
    uint32_t tries
    int64_t timeout_ns
    bint backoff                # RFC 2131 4.1: twice as long each time, one second more or less
    double rate                 # exchanges started a second; 0 = as fast as the window allows
    double allowed              # of them, by now
    int64_t allowed_ns
    int64_t now_ns
    int64_t wall_ns             # what to add for CLOCK_REALTIME
    uint32_t bound
    uint64_t limit              # exchanges to start, all in all
    uint64_t started            # never cleared, unlike the counts
    int64_t cleared_ns          # when the counts were: what began before is not of the measurement
    uint64_t counts[COUNT_KIND_COUNT]
    uint64_t errors[ERROR_KIND_COUNT]
    uint64_t sent[MESSAGE_TYPES]
    uint64_t received[MESSAGE_TYPES]
    Histogram exchange
    Histogram offer
    Histogram ack
    Example examples[ERROR_KIND_COUNT]


cdef struct LedgerEntry:
    uint32_t client
    uint32_t address
    uint32_t server_id
    uint32_t lease_s
    int64_t acked_ns
    uint32_t retransmissions
    uint32_t bound
