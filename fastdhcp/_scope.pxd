"""Whose packet is it: relay agent, VRF and link of a packet, and what it is answered as.

The VRF is what the packet says (RFC 6607), else its relay agent's, else its interface's. The link
is what the relay agent selects (RFC 3527), else what the client does (RFC 3011), else that of
giaddr (its subnet's, else what the configuration says of the agent), of ciaddr for what came by
unicast, or of the interface.
"""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastdhcp._codec cimport Packet
from fastdhcp._image cimport Image
from fastdhcp._stats cimport DropReason


# How a packet came, from the kernel's control messages (IP_PKTINFO, timestamp).
cdef struct Arrival:
    uint64_t received_ns         # the kernel's timestamp, CLOCK_REALTIME
    uint32_t source              # address and port that it came from
    uint32_t destination         # as in the IP header; 255.255.255.255 or a subnet's for broadcast
    uint32_t local               # our address on the interface (ipi_spec_dst)
    int32_t ifindex
    uint16_t source_port
    uint8_t broadcast            # 1: destination is not an address of ours
    uint8_t spare


# What named the VRF (RFC 6607).
cdef enum VssUsed:
    VSS_USED_NONE = 0
    VSS_USED_AGENTS = 1          # sub-option 82.151
    VSS_USED_CLIENTS = 2         # option 221


cdef struct Scope:
    uint32_t vrf
    uint32_t own_vrf             # the interface's: its addresses are those that are ours
    uint32_t network             # index
    uint32_t network_number
    uint32_t source              # of the reply: an address of ours
    uint32_t server_id           # option 54: the same, or what the relay agent wants (RFC 5107)
    uint32_t link_subnet         # index: the subnet of the address that chose the network, or
                                 # NOWHERE
    uint32_t mtu                 # of the interface, where the reply leaves on it; 0: no bound
    uint32_t vss                 # VssUsed
    uint32_t heeded              # HAS_SUBNET_SELECTION and HAS_VSS_OPTION: which of them have a say


# What chose the link, in the order in which it is looked at.
cdef enum LinkBy:
    LINK_BY_LINK_SELECTION       # sub-option 82.5 (RFC 3527)
    LINK_BY_SUBNET_SELECTION     # option 118 (RFC 3011)
    LINK_BY_GIADDR               # its subnet's, or the link that its agent speaks for
    LINK_BY_CIADDR               # of what came by unicast
    LINK_BY_INTERFACE


# An address that a host can have: not 0/8, 127/8, multicast, or class E with broadcast.
cdef inline bint scope_is_host(uint32_t address) noexcept nogil:
    cdef uint32_t first = address >> 24
    return first != 0 and first != 127 and first < 224


# DROP_NONE, or why no link of ours is meant. `scope` is clear.
cdef DropReason scope_select(const Image* image, const Packet* packet, const Arrival* arrival,
                             Scope* scope) noexcept nogil

# For who asks: what chose the link of a packet whose scope is selected, and the address that did
# (0: none).
cdef LinkBy scope_link_by(const Packet* packet, const Arrival* arrival, const Scope* scope,
                          uint32_t* address) noexcept nogil
