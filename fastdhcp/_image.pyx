"""Look-ups in the policy image: by address, interface and identifier."""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from fastdhcp._siphash cimport siphash128
from fastdhcp._wire cimport Span


cdef inline uint64_t sort_key(uint32_t vrf, uint32_t address) noexcept nogil:
    return (<uint64_t>vrf << 32) | address


# ---- by address: the last subnet, or pool, that begins at or before it

cdef uint32_t image_find_subnet(const Image* image, uint32_t vrf, uint32_t address) noexcept nogil:
    cdef const Subnet* subnets = <const Subnet*>image_table(image, &image.subnets)
    cdef uint64_t wanted = sort_key(vrf, address)
    cdef uint32_t low = 0
    cdef uint32_t high = image.subnets.count
    cdef uint32_t middle
    while low < high:
        middle = (low + high) // 2
        if sort_key(subnets[middle].vrf, subnets[middle].address) <= wanted:
            low = middle + 1
        else:
            high = middle
    if low == 0 or subnets[low - 1].vrf != vrf:
        return NOWHERE
    if (address & subnets[low - 1].mask) != subnets[low - 1].address:
        return NOWHERE
    return low - 1


cdef uint32_t image_find_pool(const Image* image, uint32_t vrf, uint32_t address) noexcept nogil:
    cdef const Pool* pools = <const Pool*>image_table(image, &image.pools)
    cdef uint64_t wanted = sort_key(vrf, address)
    cdef uint32_t low = 0
    cdef uint32_t high = image.pools.count
    cdef uint32_t middle
    while low < high:
        middle = (low + high) // 2
        if sort_key(pools[middle].vrf, pools[middle].first) <= wanted:
            low = middle + 1
        else:
            high = middle
    if low == 0 or pools[low - 1].vrf != vrf or pools[low - 1].last < address:
        return NOWHERE
    return low - 1


cdef uint32_t image_network_number(const Image* image, uint32_t vrf,
                                   uint32_t address) noexcept nogil:
    cdef uint32_t index = image_find_subnet(image, vrf, address)
    if index == NOWHERE:
        return 0
    return image_network(image, image_subnet(image, index).network).number


cdef void image_pool_mask(const Image* image, const Pool* pool, uint32_t block,
                          uint64_t* allowed) noexcept nogil:
    cdef const Mask* masks = <const Mask*>image_table(image, &image.masks) + pool.mask_first
    cdef uint32_t low = 0
    cdef uint32_t high = pool.mask_count
    cdef uint32_t middle
    cdef int word
    while low < high:
        middle = (low + high) // 2
        if masks[middle].block < block:
            low = middle + 1
        else:
            high = middle
    for word in range(4):
        if low < pool.mask_count and masks[low].block == block:
            allowed[word] = masks[low].allowed[word]
        else:
            allowed[word] = ~<uint64_t>0


# ---- by interface, own addresses

cdef uint32_t image_find_interface(const Image* image, int32_t ifindex) noexcept nogil:
    cdef const Interface* interfaces = <const Interface*>image_table(image, &image.interfaces)
    cdef uint32_t i
    for i in range(image.interfaces.count):
        if interfaces[i].ifindex == ifindex:
            return i
    return NOWHERE


cdef bint image_is_own(const Image* image, uint32_t address) noexcept nogil:
    cdef const uint32_t* own = <const uint32_t*>image_table(image, &image.own)
    cdef uint32_t low = 0
    cdef uint32_t high = image.own.count
    cdef uint32_t middle
    while low < high:
        middle = (low + high) // 2
        if own[middle] < address:
            low = middle + 1
        else:
            high = middle
    return low < image.own.count and own[low] == address


# ---- reservations: open addressing over an index table

# The hash of an identifier in a network: SipHash over one byte of kind, then the network's number
# added to the first word. The compiler fills the table with this very function.
cdef uint32_t image_identity_hash(const Image* image, uint32_t network_number, uint8_t kind,
                                  const uint8_t* data, uint32_t size) noexcept nogil:
    cdef uint64_t hash[2]
    siphash128(image.secret, kind, data, size, <uint8_t*>hash)
    return <uint32_t>((hash[0] + network_number) ^ (hash[0] >> 32))


cdef uint32_t image_address_hash(uint32_t vrf, uint32_t address) noexcept nogil:
    cdef uint64_t x = sort_key(vrf, address) * <uint64_t>0x9e3779b97f4a7c15
    return <uint32_t>(x >> 32)


cdef uint32_t image_find_reservation(const Image* image, uint32_t network, IdentityKind kind,
                                     Span identity) noexcept nogil:
    cdef const uint32_t* places = <const uint32_t*>image_table(image, &image.by_identity)
    cdef uint32_t mask = image.by_identity.count - 1
    cdef const Reservation* r
    cdef uint32_t place
    if image.by_identity.count == 0:
        return NOWHERE
    place = image_identity_hash(image, image_network(image, network).number, kind, identity.at,
                                identity.len) & mask
    while places[place]:
        r = image_reservation(image, places[place] - 1)
        if (r.kind == kind and r.identity_len == identity.len
                and image_subnet(image, r.subnet).network == network
                and memcmp(<const char*>image + r.identity_at, identity.at, identity.len) == 0):
            return places[place] - 1
        place = (place + 1) & mask
    return NOWHERE


cdef uint32_t image_reserved_at(const Image* image, uint32_t vrf, uint32_t address) noexcept nogil:
    cdef const uint32_t* places = <const uint32_t*>image_table(image, &image.by_address)
    cdef uint32_t mask = image.by_address.count - 1
    cdef const Reservation* r
    cdef uint32_t place
    if image.by_address.count == 0:
        return NOWHERE
    place = image_address_hash(vrf, address) & mask
    while places[place]:
        r = image_reservation(image, places[place] - 1)
        if r.vrf == vrf and r.address == address:
            return places[place] - 1
        place = (place + 1) & mask
    return NOWHERE
