"""Whose packet is it: the choice of the link, and of the address that we answer with."""

from libc.stdint cimport uint32_t

from fastdhcp._codec cimport HAS_SERVER_ID, Packet
from fastdhcp._image cimport (
    NOWHERE, Image, Interface, image_find_interface, image_find_subnet, image_is_own, image_network,
    image_subnet, image_table,
)
from fastdhcp._stats cimport (
    DROP_BAD_SOURCE, DROP_NO_SERVER_ADDRESS, DROP_NO_SUBNET, DROP_NONE, DROP_VRF_UNKNOWN,
    DropReason,
)
from fastdhcp._wire cimport REQUEST


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


# Option 54 and the source of the reply. RFC 2131 4.3.2: who names an address of ours in a REQUEST
# is answered by that one, wherever the packet came to; else it is the one that it came to. 0: the
# interface has none.
cdef inline uint32_t server_address(const Image* image, const Packet* packet,
                                    const Arrival* arrival, uint32_t vrf,
                                    uint32_t on_link) noexcept nogil:
    if (packet.message_type == REQUEST and packet.has & HAS_SERVER_ID
            and image_is_own(image, vrf, packet.server_id)):
        return packet.server_id
    return on_link if arrival.broadcast else arrival.destination


cdef DropReason scope_select(const Image* image, const Packet* packet, const Arrival* arrival,
                             Scope* scope) noexcept nogil:
    cdef uint32_t index = image_find_interface(image, arrival.ifindex)
    cdef const Interface* interface = NULL
    cdef uint32_t on_link = arrival.local
    cdef DropReason reason
    if index != NOWHERE:
        interface = <const Interface*>image_table(image, &image.interfaces) + index
    elif image.vrfs:
        return DROP_VRF_UNKNOWN
    scope.vrf = interface.vrf if interface != NULL else 0
    scope.mtu = interface.mtu if interface != NULL and not packet.giaddr else 0
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
        if reason == DROP_NONE:
            on_link = interface.address
    if reason != DROP_NONE:
        return reason
    scope.network_number = image_network(image, scope.network).number
    scope.server_id = server_address(image, packet, arrival, scope.vrf, on_link)
    return DROP_NONE if scope.server_id else DROP_NO_SERVER_ADDRESS
