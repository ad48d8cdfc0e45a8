"""A finished reply: its bytes, where it goes, and until when what it says is true."""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastdhcp._body cimport Bodies
from fastdhcp._codec cimport Packet
from fastdhcp._handle cimport Handled
from fastdhcp._image cimport Image
from fastdhcp._scope cimport Arrival
from fastdhcp._stats cimport Counters
from fastdhcp._wire cimport ETHERNET_HLEN, MESSAGE_SIZE_MAX

cdef enum:
    PORT_SERVER = 67
    PORT_CLIENT = 68
    BROADCAST_ADDRESS = 0xFFFFFFFF
    FRAME_HEAD_SIZE = 28     # IP and UDP headers, before the message, of a reply sent as a frame

cdef enum Way:
    WAY_UDP = 0              # by routing
    WAY_BROADCAST = 1        # to 255.255.255.255 on the interface
    WAY_FRAME = 2            # to chaddr on the interface, past ARP

# Which of the four histograms a reply is timed in; added to COUNT_REPLY_SUM as it is.
cdef enum ReplyClock:
    CLOCK_OFFER = 0
    CLOCK_ACK = 1
    CLOCK_NAK = 2
    CLOCK_INFORM = 3


cdef struct Reply:
    uint64_t received_ns         # of the request: the kernel's timestamp
    uint64_t trace               # number of its entry there
    # Where to.
    uint32_t source              # an address of ours
    uint32_t destination
    int32_t ifindex              # for WAY_BROADCAST and WAY_FRAME
    uint16_t port
    uint8_t way                  # Way
    uint8_t type                 # message type
    uint8_t clock                # ReplyClock
    uint8_t hw_address[ETHERNET_HLEN]  # for WAY_FRAME
    uint8_t spare
    # Until when: of a reply that states a lease.
    uint32_t number              # of the record
    uint32_t inc_epoch
    uint32_t inc_n
    uint32_t ring
    uint64_t position
    uint32_t expiry              # node time, or INFINITE
    uint32_t since               # node time of the decision
    uint32_t lease_s
    # Where the times stand in the message; 0: it has none.
    uint16_t lease_at
    uint16_t renewal_at
    uint16_t rebinding_at
    uint16_t size                # of the message
    uint8_t head[FRAME_HEAD_SIZE]
    uint8_t data[MESSAGE_SIZE_MAX]


# Writes the reply that `handled` describes, and where it goes. False: it is longer than a datagram
# or the link may carry, which only an immense option 61 can make it.
cdef bint reply_write(Reply* reply, Bodies* bodies, const Image* image, const Packet* packet,
                      const Arrival* arrival, const Handled* handled, uint32_t now,
                      Counters* counters) noexcept nogil
# Lowers the times to what is left at `now`. False: nothing is left.
cdef bint reply_lower(Reply* reply, uint32_t now) noexcept nogil
# Where to, by giaddr, ciaddr and the broadcast flag, and nothing else (RFC 2131 4.1).
cdef void reply_address(Reply* reply, const Packet* packet, const Arrival* arrival,
                        const Handled* handled) noexcept nogil
# Fills in `head`: the IP and UDP headers, with their checksums.
cdef void reply_head(Reply* reply) noexcept nogil
