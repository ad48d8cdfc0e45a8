"""Whose packet is it: the choice of the link, and of the address that we answer with."""

from libc.stdint cimport uint32_t

from fastdhcp._codec cimport Packet
from fastdhcp._image cimport (
    NOWHERE, Image, Interface, image_find_interface, image_find_subnet, image_network, image_subnet,
    image_table,
)
from fastdhcp._stats cimport DROP_BAD_SOURCE, DROP_NO_SUBNET, DROP_NONE, DropReason


# An address that a host can have: not 0/8, 127/8, multicast, or class E with broadcast.
cdef inline bint is_host(uint32_t address) noexcept nogil:
    cdef uint32_t first = address >> 24
    return first != 0 and first != 127 and first < 224


# The link of an address: what a relay agent's giaddr, or a routed client's ciaddr, stands for.
cdef DropReason scope_by_address(const Image* image, uint32_t address,
                                 Scope* scope) noexcept nogil:
    cdef uint32_t subnet = image_find_subnet(image, scope.vrf, address)
    if subnet == NOWHERE:
        return DROP_NO_SUBNET
    scope.link_subnet = subnet
    scope.network = image_subnet(image, subnet).network
    return DROP_NONE


cdef DropReason scope_by_interface(const Image* image, const Interface* interface,
                                   Scope* scope) noexcept nogil:
    if interface == NULL or interface.network == NOWHERE:
        return DROP_NO_SUBNET
    scope.network = interface.network
    scope.link_subnet = image_find_subnet(image, scope.vrf, interface.address)
    return DROP_NONE


cdef DropReason scope_select(const Image* image, const Packet* packet, const Arrival* arrival,
                             Scope* scope) noexcept nogil:
    cdef uint32_t index = image_find_interface(image, arrival.ifindex)
    cdef const Interface* interface = NULL
    cdef DropReason reason
    if index != NOWHERE:
        interface = <const Interface*>image_table(image, &image.interfaces) + index
    scope.vrf = interface.vrf if interface != NULL else 0
    scope.server_id = arrival.local if arrival.broadcast else arrival.destination
    if packet.giaddr:
        if not is_host(packet.giaddr):
            return DROP_BAD_SOURCE
        reason = scope_by_address(image, packet.giaddr, scope)
    elif packet.ciaddr and not is_host(packet.ciaddr):
        return DROP_BAD_SOURCE
    elif packet.ciaddr and not arrival.broadcast:
        # RFC 2131 4.3.2: a renewal is unicast past relay agents; only ciaddr tells the link.
        reason = scope_by_address(image, packet.ciaddr, scope)
    else:
        reason = scope_by_interface(image, interface, scope)
        if reason == DROP_NONE and arrival.broadcast:
            scope.server_id = interface.address
    if reason == DROP_NONE:
        scope.network_number = image_network(image, scope.network).number
    return reason
