"""Whose packet is it: the relay agent that sent it, its VRF, its link, and what we answer as.

Most packets say nothing of their place, and most configurations nothing of relay agents: both are
found out at once, and all that follows from them is kept off the others' way.
"""

from libc.stdint cimport uint32_t

from fastdhcp._codec cimport (
    HAS_LINK_SELECTION, HAS_SERVER_ID, HAS_SERVER_OVERRIDE, HAS_SUBNET_SELECTION, HAS_VSS,
    HAS_VSS_OPTION, Packet,
)
from fastdhcp._image cimport (
    NOWHERE, RELAYS_CLIENTS_SELECT, RELAYS_ONLY_KNOWN, Agent, Image, Interface, image_find_agent,
    image_find_interface, image_find_subnet, image_find_vpn, image_is_own, image_network,
    image_subnet, image_table,
)
from fastdhcp._stats cimport (
    DROP_BAD_SOURCE, DROP_NO_SERVER_ADDRESS, DROP_NO_SUBNET, DROP_NONE, DROP_RELAY_UNKNOWN,
    DROP_RELAY_UNTRUSTED, DROP_VRF_UNKNOWN, DropReason,
)
from fastdhcp._wire cimport REQUEST

cdef enum:
    CLIENT_SAYS = HAS_VSS_OPTION | HAS_SUBNET_SELECTION
    AGENT_SAYS = HAS_VSS | HAS_LINK_SELECTION | HAS_SERVER_OVERRIDE
    SAYS = CLIENT_SAYS | AGENT_SAYS


# ---- the VRF: what the packet says, else its relay agent's, else its interface's; never guessed

# RFC 6607 7.3: the relay agent's word goes before the client's.
cdef DropReason vrf_by_vss(const Image* image, const Packet* packet, uint32_t says,
                           Scope* scope) noexcept nogil:
    scope.vss = VSS_USED_AGENTS if says & HAS_VSS else VSS_USED_CLIENTS
    scope.vrf = image_find_vpn(image, packet.vss if says & HAS_VSS else packet.vss_option)
    if scope.vrf == NOWHERE:
        scope.vrf = 0
        return DROP_VRF_UNKNOWN
    return DROP_NONE


# ---- the link

# The link of an address: what a relay agent's giaddr, or a routed client's ciaddr, stands for.
cdef DropReason link_of_address(const Image* image, uint32_t address, Scope* scope) noexcept nogil:
    cdef uint32_t subnet = image_find_subnet(image, scope.vrf, address)
    if subnet == NOWHERE:
        return DROP_NO_SUBNET
    scope.link_subnet = subnet
    scope.network = image_subnet(image, subnet).network
    return DROP_NONE


# A giaddr in no subnet, a loopback of the CMTS, stands for the link that the configuration names.
cdef DropReason link_of_agent(const Image* image, const Packet* packet, const Agent* agent,
                              Scope* scope) noexcept nogil:
    cdef DropReason reason = link_of_address(image, packet.giaddr, scope)
    if reason == DROP_NONE or agent.network == NOWHERE:
        return reason
    if image_network(image, agent.network).vrf != scope.vrf:
        return reason
    scope.network = agent.network
    scope.link_subnet = agent.subnet
    return DROP_NONE


cdef DropReason link_of_interface(const Image* image, const Interface* interface,
                                  Scope* scope) noexcept nogil:
    if interface == NULL or interface.network == NOWHERE or interface.vrf != scope.vrf:
        return DROP_NO_SUBNET
    scope.network = interface.network
    scope.link_subnet = interface.subnet
    return DROP_NONE


cdef inline DropReason link_of(const Image* image, const Packet* packet, const Arrival* arrival,
                               const Interface* interface, Scope* scope) noexcept nogil:
    if packet.giaddr:
        return link_of_address(image, packet.giaddr, scope)
    if packet.ciaddr and not arrival.broadcast:
        # RFC 2131 4.3.2: a renewal is unicast past relay agents; only ciaddr tells the link.
        return link_of_address(image, packet.ciaddr, scope)
    return link_of_interface(image, interface, scope)


# RFC 3527 3: what a relay agent selects goes before all; what no host could have for an address
# selects nothing. RFC 3011 1: what a client does, before giaddr. 0: nothing is selected.
cdef uint32_t selected(const Packet* packet, uint32_t says) noexcept nogil:
    if says & HAS_LINK_SELECTION and scope_is_host(packet.link_selection):
        return packet.link_selection
    if says & HAS_SUBNET_SELECTION:
        return packet.subnet_selection
    return 0


cdef inline const Interface* find_interface(const Image* image,
                                            const Arrival* arrival) noexcept nogil:
    cdef uint32_t index = image_find_interface(image, arrival.ifindex)
    if index == NOWHERE:
        return NULL
    return <const Interface*>image_table(image, &image.interfaces) + index


# ---- what we answer as

# RFC 2131 4.3.2: who names an address of ours in a REQUEST is answered by that one, wherever the
# packet came to; else it is the one that it came to. 0: the interface has none.
cdef inline uint32_t own_address(const Image* image, const Packet* packet, const Arrival* arrival,
                                 const Interface* interface,
                                 const Scope* scope) noexcept nogil:
    if (packet.message_type == REQUEST and packet.has & HAS_SERVER_ID
            and image_is_own(image, scope.own_vrf, packet.server_id)):
        return packet.server_id
    if not arrival.broadcast:
        return arrival.destination
    if packet.giaddr or interface == NULL:
        return arrival.local
    return interface.address


# ---- all of it

# What a client selects is heeded only where that is configured (RFC 3011 6, RFC 6607 9). What no
# host could have for an address selects nothing.
cdef inline uint32_t heeded(const Image* image, const Packet* packet,
                            const Interface* interface) noexcept nogil:
    cdef uint32_t says = packet.has & CLIENT_SAYS
    if not image.relay_rules & RELAYS_CLIENTS_SELECT:
        return 0
    if packet.giaddr == 0 and interface != NULL and interface.untrusted:
        return 0
    if says & HAS_SUBNET_SELECTION and not scope_is_host(packet.subnet_selection):
        says &= ~<uint32_t>HAS_SUBNET_SELECTION
    return says


# By the rules of [relays], or by the packet's own words. RFC 3046 2.1 and 5: by a circuit that is
# not trusted, option 82 without a relay agent is a client's own making, and so may be any giaddr
# that is not listed. RFC 5107 4: what a relay agent puts into 82.11 is what its clients know us by.
cdef DropReason select_by_word(const Image* image, const Packet* packet, const Arrival* arrival,
                               const Interface* interface, Scope* scope) noexcept nogil:
    cdef const Agent* agent = NULL
    cdef bint untrusted = interface != NULL and interface.untrusted
    cdef uint32_t says = packet.has & AGENT_SAYS
    cdef DropReason reason = DROP_NONE
    cdef uint32_t address
    if packet.giaddr:
        agent = image_find_agent(image, packet.giaddr)
        if agent == NULL and image.relay_rules & RELAYS_ONLY_KNOWN:
            return DROP_RELAY_UNKNOWN
    if untrusted and agent == NULL and (packet.giaddr or packet.relay_info.at != NULL):
        return DROP_RELAY_UNTRUSTED
    if packet.has & CLIENT_SAYS:
        scope.heeded = heeded(image, packet, interface)
        says |= scope.heeded
    if says & HAS_SERVER_OVERRIDE and scope_is_host(packet.server_override):
        scope.server_id = packet.server_override
    if says & (HAS_VSS | HAS_VSS_OPTION):
        reason = vrf_by_vss(image, packet, says, scope)
    elif agent != NULL and agent.vrf != NOWHERE:
        scope.vrf = agent.vrf
    elif interface == NULL and image.vrfs:
        reason = DROP_VRF_UNKNOWN
    if reason != DROP_NONE:
        return reason
    address = selected(packet, says)
    if address:
        return link_of_address(image, address, scope)
    if agent != NULL:
        return link_of_agent(image, packet, agent, scope)
    return link_of(image, packet, arrival, interface, scope)


cdef DropReason scope_select(const Image* image, const Packet* packet, const Arrival* arrival,
                             Scope* scope) noexcept nogil:
    cdef const Interface* interface = find_interface(image, arrival)
    cdef DropReason reason
    if packet.giaddr:
        if not scope_is_host(packet.giaddr):
            return DROP_BAD_SOURCE
    elif packet.ciaddr and not scope_is_host(packet.ciaddr):
        return DROP_BAD_SOURCE
    if interface != NULL:
        scope.own_vrf = scope.vrf = interface.vrf
    if image.relay_rules or packet.has & SAYS:
        reason = select_by_word(image, packet, arrival, interface, scope)
    elif interface == NULL and image.vrfs:
        reason = DROP_VRF_UNKNOWN
    else:
        reason = link_of(image, packet, arrival, interface, scope)
    if reason != DROP_NONE:
        return reason
    scope.mtu = interface.mtu if interface != NULL and not packet.giaddr else 0
    scope.network_number = image_network(image, scope.network).number
    scope.source = own_address(image, packet, arrival, interface, scope)
    if scope.server_id == 0:
        scope.server_id = scope.source
    return DROP_NONE if scope.source else DROP_NO_SERVER_ADDRESS


# ---- for who asks

cdef LinkBy scope_link_by(const Packet* packet, const Arrival* arrival, const Scope* scope,
                          uint32_t* address) noexcept nogil:
    cdef uint32_t says = packet.has & AGENT_SAYS | scope.heeded
    address[0] = selected(packet, says)
    if address[0]:
        if address[0] == selected(packet, says & HAS_LINK_SELECTION):
            return LINK_BY_LINK_SELECTION
        return LINK_BY_SUBNET_SELECTION
    address[0] = packet.giaddr
    if packet.giaddr:
        return LINK_BY_GIADDR
    if packet.ciaddr and not arrival.broadcast:
        address[0] = packet.ciaddr
        return LINK_BY_CIADDR
    return LINK_BY_INTERFACE
