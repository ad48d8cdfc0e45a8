"""Whose packet is it: the link that a packet belongs to, by giaddr, ciaddr or interface."""

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


cdef struct Scope:
    uint32_t vrf
    uint32_t network             # index
    uint32_t network_number
    uint32_t server_id           # option 54 and the source of the reply: an address of ours
    uint32_t link_subnet         # index: the subnet of the address that chose the network, or
                                 # NOWHERE
    uint32_t mtu                 # of the interface, where the reply leaves on it; 0: no bound


# DROP_NONE, or why no link of ours is meant.
cdef DropReason scope_select(const Image* image, const Packet* packet, const Arrival* arrival,
                             Scope* scope) noexcept nogil
