"""Decoding a request and encoding a message: the contract.

`codec_decode` proves every length once; a Packet is made nowhere else, so whoever holds one may use
its fields and spans without looking again. All numbers are in host order. Spans point into the
message, or into the scratch area when repeats of an option had to be joined (RFC 3396). What was
found of the options stays in the scratch, for the programs of the policy to read (`walk`).
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fastdhcp._areas cimport OptionSpan, SlotTable, Walk, areas_have
from fastdhcp._areas cimport areas_lay as codec_lay_options
from fastdhcp._areas cimport option_size as codec_option_size
from fastdhcp._stats cimport DropReason
from fastdhcp._wire cimport Span

cdef enum:
    SCRATCH_SIZE = 2048      # octets of a message that is read
    CLIENT_ID_MIN = 2        # RFC 2132 9.14: a type and at least one byte
    CLIENT_ID_MAX = 255
    FQDN_MIN = 3             # RFC 4702 2: flags and two RCODEs

cdef enum PacketFlag:
    HAS_REQUESTED = 1        # option 50, four bytes
    HAS_SERVER_ID = 2        # option 54, four bytes
    HAS_LEASE_TIME = 4       # option 51, four bytes
    HAS_RAPID_COMMIT = 8     # option 80, of any length
    HAS_LINK_SELECTION = 16  # sub-option 82.5, four bytes
    HAS_SERVER_OVERRIDE = 32  # sub-option 82.11, four bytes
    HAS_RELAY_PORT = 64      # sub-option 82.19 (RFC 8357), of any length
    HAS_SUBNET_SELECTION = 128  # option 118 (RFC 3011), four bytes
    HAS_VSS = 256            # sub-option 82.151 (RFC 6607), not empty
    HAS_VSS_OPTION = 512     # option 221, likewise
    HAS_RELAY_FLAGS = 1024   # sub-option 82.10 (RFC 5010), one byte
    HAS_RELAY_UNICAST = 2048  # ... which says that the client's message was unicast
    HAS_FQDN = 4096          # option 81, with its flags and RCODEs (RFC 4702 2)


# Where a message is taken apart; in use as long as its Packet.
cdef struct Scratch:
    Walk walk
    uint8_t joined[SCRATCH_SIZE]  # joined repeats: never more octets than the message has


cdef struct Packet:
    const uint8_t* data      # the message
    uint32_t size
    uint8_t op
    uint8_t htype
    uint8_t hlen             # 0-16
    uint8_t hops
    uint32_t xid
    uint16_t secs
    uint16_t flags
    uint32_t ciaddr
    uint32_t yiaddr
    uint32_t siaddr
    uint32_t giaddr
    const uint8_t* chaddr    # 16 bytes
    uint8_t message_type     # BOOTP (0) without option 53
    uint16_t has             # PacketFlag
    uint16_t max_size        # option 57, 576 and more; 0 = none that can be read
    uint32_t requested       # option 50
    uint32_t server_id       # option 54
    uint32_t lease_time_s    # option 51
    uint32_t link_selection  # these three and the VSSs are set only if their flags are
    uint32_t server_override
    uint32_t subnet_selection
    # Options as joined bytes; at = NULL: absent. What is empty counts as absent, unless it is
    # echoed.
    Span client_id           # 61, as it came: codec_client_id() says whom it names
    Span relay_info          # 82, verbatim
    Span circuit_id          # 82.1
    Span remote_id           # 82.2
    Span subscriber_id       # 82.6
    Span parameter_list      # 55
    Span fqdn                # 81, as it came: HAS_FQDN says that it can be read
    Span vss                 # 82.151
    Span vss_option          # 221
    # All that the slot table names, as joined bytes, in its slots; also of length 0. Only 12 is
    # without trailing NULs, and never empty.
    const Walk* walk


# Reads a request. 0 (DROP_NONE), or the reason why it is dropped; then `packet` must not be used.
# `table` says which options are looked at (image_slots); `scratch` lives as long as the packet.
cdef DropReason codec_decode(const SlotTable* table, const uint8_t* data, uint32_t size,
                             Scratch* scratch, Packet* packet) noexcept nogil


# Is an option there that has no field in Packet? By walking the message again: for what is rare.
cdef inline bint codec_has(const Packet* packet, uint8_t code) noexcept nogil:
    return areas_have(packet.data, packet.size, code)


# Option 61 as an identifier; at = NULL: there is none, or it names nobody.
cdef inline Span codec_client_id(const Packet* packet) noexcept nogil:
    if CLIENT_ID_MIN <= packet.client_id.len <= CLIENT_ID_MAX:
        return packet.client_id
    return Span(NULL, 0)
