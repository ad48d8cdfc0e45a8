"""Counters: what each process counts, by name, in cache lines of its own.

One writer per block, so plain adds; whoever reads sums over the processes. The enums are the one
list of names: Python reads them from here (`drop_names()`), the metrics and the docs from there.
"""

from libc.stdint cimport uint32_t, uint64_t

# Why a packet that was read drew no answer. Part one: the message is at fault, or its frame.
# Part two: silence by rule. Part three: what the server could not do. The names are those of
# `fastdhcp_packets_dropped_total{reason=}`: DROP_BAD_HLEN is `bad-hlen`.
cpdef enum DropReason:
    DROP_NONE = 0
    DROP_TOO_SHORT           # fewer bytes than the fixed header
    DROP_TOO_LONG            # longer than the receive buffer of a packet
    DROP_NOT_REQUEST         # op is not BOOTREQUEST
    DROP_BAD_HLEN            # hlen over 16
    DROP_BAD_COOKIE          # not DHCP's magic cookie
    DROP_BAD_OPTIONS         # an option runs past the end of its area
    DROP_BAD_MESSAGE_TYPE    # option 53 is not one byte, or no known type
    DROP_BAD_OVERLOAD        # option 52 is not 1, 2 or 3
    DROP_BAD_SOURCE          # a giaddr, ciaddr or source that cannot be answered
    DROP_SERVER_MESSAGE      # OFFER, ACK, NAK and the like, sent to a server
    DROP_NO_CLIENT_ADDRESS   # neither option 61 nor chaddr: names nobody
    DROP_NOT_SERVED_TYPE     # a message type not served here (LEASEQUERY, ...)
    DROP_NO_SUBNET           # no subnet serves the link
    DROP_VRF_UNKNOWN         # names a VRF that is not configured, or by an interface of unknown VRF
    DROP_NO_SERVER_ADDRESS   # the interface has no address that we could answer from
    DROP_OTHER_SERVER        # REQUEST, DECLINE, RELEASE for another server
    DROP_NOT_AUTHORITATIVE   # a stranger's REQUEST, and we do not speak for the link
    DROP_UNKNOWN_CLIENT      # SELECTING for us, but neither offered nor free
    DROP_NOT_HOLDER          # RELEASE or DECLINE from one who does not hold the address
    DROP_POOL_EXHAUSTED      # no free address
    DROP_BOOTP_UNKNOWN       # a BOOTP client, and nothing on its link serves those
    DROP_RING_FULL           # the ring to the store has no room
    DROP_HELD_FULL           # the queue of held replies has no room
    DROP_LOCK_TIMEOUT        # the record stayed locked
    DROP_MOVED               # the record moved under four decisions
    DROP_TABLE_FULL          # no room for another block of addresses
    DROP_STORE_UNAVAILABLE   # the store cannot commit
    DROP_REPLY_TOO_LONG      # the reply does not fit what the client accepts
    DROP_HELD_STALE          # a held reply whose lease ended, moved or ran out before it left
    DROP_HELD_AGED           # a held reply that the store kept until its client had asked again
    DROP_SEND_FAILED         # the kernel refused to send
    DROP_WORKER_DIED         # its worker died before it had answered
    DROP_RELAY_UNKNOWN       # by a relay agent that is not in the list, and only those are served
    DROP_RELAY_UNTRUSTED     # option 82 without a relay agent, from an interface not to be trusted
    DROP_CLASS_DROP          # a class of the client says so
    DROP_CLASS_NOT_ALLOWED   # no pool of the link allows a class of the client
    DROP_OTHER_VRF           # a renewal past its relay agent, of a lease in another VRF
    DROP_WAITED_TOO_LONG     # it was read so late that its client has asked again
    DROP_OVERLOAD            # the server is behind, and this one was late
    DROP_REASON_COUNT

# What else is counted. COUNT_RECEIVED + message type, COUNT_SENT + message type.
cpdef enum Counter:
    COUNT_RECEIVED = 0       # MESSAGE_TYPES words; 0 = BOOTP, RECEIVED_UNREADABLE
    COUNT_SENT = 32          # MESSAGE_TYPES words
    COUNT_DROPPED = 64       # 64 words, by DropReason
    COUNT_REPLY_TIME = 128   # 4 histograms of 32 words: OFFER, ACK, NAK, INFORM's ACK
    COUNT_REPLY_SUM = 256    # 4 words: the sum of the four, in microseconds
    COUNT_INDEX_FULL = 260   # index entries left out because both buckets were full
    COUNT_BINDINGS           # changes applied
    COUNT_OFFERS
    COUNT_HELD               # replies that waited for the store
    COUNT_REDECIDED          # decisions made again because a record moved
    COUNT_CACHE_MISS         # bodies of replies built
    COUNT_REPAIRS
    COUNT_COMMITS
    COUNT_COMMIT_FAILED
    COUNT_COMMIT_TIME = 272  # histogram of 32 words
    COUNT_COMMIT_SUM = 304   # microseconds
    COUNT_SWEPT              # offers lapsed
    COUNT_EXPIRED            # leases ended by time
    COUNT_CHECKPOINT_CHUNKS
    COUNT_LOG_DROPPED        # lines of the log that nobody read
    COUNT_INTERNAL_ERRORS    # what nobody foresaw in the supervisor
    COUNT_WAITING            # no counter: replies that wait for the store now
    COUNT_RELAY_INFO_LEFT_OUT  # replies without the option 82 that came: it found no room
    COUNT_DONE = 320         # MESSAGE_TYPES words: carried out, and no answer is due
    COUNT_CLASS = 352        # CLASS_COUNTERS words: packets of a class, by its id
    COUNT_WORDS = 864

# Bucket i of a histogram counts times under 2**i microseconds (and not under 2**(i-1)), the last
# one the rest.
cpdef enum:
    MESSAGE_TYPES = 32       # words of an array by message type
    RECEIVED_UNREADABLE = 31  # the type under which what could not be decoded is counted
    HISTOGRAM_BUCKETS = 32
    CLASS_COUNTERS = 512     # ids of names that were ever a class's; a later one is not counted


cdef struct Counters:
    uint64_t words[COUNT_WORDS]  # a multiple of a cache line


cdef inline void count(Counters* c, uint32_t word) noexcept nogil:
    c.words[word] += 1


cdef inline void count_drop(Counters* c, DropReason reason) noexcept nogil:
    c.words[<uint32_t>COUNT_DROPPED + <uint32_t>reason] += 1


# Of what this process has read: how much is neither answered, carried out nor dropped.
cdef inline uint64_t count_open(const Counters* c) noexcept nogil:
    cdef uint64_t open = 0
    cdef uint32_t i
    for i in range(<uint32_t>MESSAGE_TYPES):
        open += (c.words[<uint32_t>COUNT_RECEIVED + i] - c.words[<uint32_t>COUNT_SENT + i]
                 - c.words[<uint32_t>COUNT_DONE + i])
    for i in range(<uint32_t>DROP_REASON_COUNT):
        open -= c.words[<uint32_t>COUNT_DROPPED + i]
    return open


cdef inline void count_time(Counters* c, uint32_t histogram, uint32_t sum_word,
                            uint64_t microseconds) noexcept nogil:
    cdef uint32_t bucket = 0
    cdef uint64_t rest = microseconds
    while rest and bucket < HISTOGRAM_BUCKETS - 1:
        rest >>= 1
        bucket += 1
    c.words[histogram + bucket] += 1
    c.words[sum_word] += microseconds
