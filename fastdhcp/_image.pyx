"""Look-ups in the policy image: by address, interface and identifier."""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from fastdhcp._areas cimport SlotTable
from fastdhcp._wire cimport VSS_GLOBAL, Span


cdef inline uint64_t sort_key(uint32_t vrf, uint32_t address) noexcept nogil:
    return (<uint64_t>vrf << 32) | address


# ---- by address

# The last subnet that begins at or before it, if that holds it: they do not overlap.
cdef uint32_t image_find_subnet(const Image* image, uint32_t vrf, uint32_t address) noexcept nogil:
    cdef const Subnet* subnets = image_subnet(image, 0)
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
    if low == 0:
        return NOWHERE
    low -= 1
    if subnets[low].vrf != vrf or (address & subnets[low].mask) != subnets[low].address:
        return NOWHERE
    return low


cdef uint32_t image_find_pool(const Image* image, uint32_t vrf, uint32_t address) noexcept nogil:
    cdef uint32_t index = image_find_subnet(image, vrf, address)
    if index == NOWHERE:
        return NOWHERE
    return image_pool_within(image, image_subnet(image, index), address)


cdef uint32_t image_pool_within(const Image* image, const Subnet* subnet,
                                uint32_t address) noexcept nogil:
    cdef const Pool* pools = image_pool(image, subnet.pool_first)
    cdef uint32_t low = 0
    cdef uint32_t high = subnet.pool_count
    cdef uint32_t middle
    while low < high:
        middle = (low + high) // 2
        if pools[middle].last < address:
            low = middle + 1
        else:
            high = middle
    if low < subnet.pool_count and pools[low].first <= address:
        return subnet.pool_first + low
    return NOWHERE


cdef uint32_t image_network_number(const Image* image, uint32_t vrf,
                                   uint32_t address) noexcept nogil:
    cdef uint32_t index = image_find_subnet(image, vrf, address)
    if index == NOWHERE:
        return 0
    return image_network(image, image_subnet(image, index).network).number


# The mask of a block; NULL: the pool may give all of it.
cdef inline const Mask* find_mask(const Image* image, const Pool* pool,
                                  uint32_t block) noexcept nogil:
    cdef const Mask* masks = <const Mask*>image_table(image, &image.masks) + pool.mask_first
    cdef uint32_t low = 0
    cdef uint32_t high = pool.mask_count
    cdef uint32_t middle
    while low < high:
        middle = (low + high) // 2
        if masks[middle].block < block:
            low = middle + 1
        else:
            high = middle
    if low < pool.mask_count and masks[low].block == block:
        return &masks[low]
    return NULL


cdef void image_pool_mask(const Image* image, const Pool* pool, uint32_t block,
                          uint64_t* allowed) noexcept nogil:
    cdef const Mask* mask = find_mask(image, pool, block)
    cdef int word
    for word in range(BLOCK_WORDS):
        allowed[word] = ~<uint64_t>0 if mask == NULL else mask.allowed[word]


cdef bint image_pool_gives(const Image* image, const Pool* pool, uint32_t address) noexcept nogil:
    cdef const Mask* mask = find_mask(image, pool, address >> 8)
    return mask == NULL or mask.allowed[(address >> 6) & 3] >> (address & 63) & 1


# ---- options of a layer, sorted by code

cdef const Option* image_find_option(const Image* image, const Layer* layer,
                                     uint8_t code) noexcept nogil:
    cdef const Option* options = (<const Option*>image_table(image, &image.options)
                                  + layer.option_first)
    cdef uint32_t low = 0
    cdef uint32_t high = layer.option_count
    cdef uint32_t middle
    while low < high:
        middle = (low + high) // 2
        if options[middle].code < code:
            low = middle + 1
        else:
            high = middle
    if (low < layer.option_count and options[low].code == code
            and not options[low].flags & OPTION_NO_VALUE):
        return &options[low]
    return NULL


# ---- by interface, own addresses

cdef uint32_t image_find_interface(const Image* image, int32_t ifindex) noexcept nogil:
    cdef const Interface* interfaces = <const Interface*>image_table(image, &image.interfaces)
    cdef uint32_t low = 0
    cdef uint32_t high = image.interfaces.count
    cdef uint32_t middle
    while low < high:
        middle = (low + high) // 2
        if interfaces[middle].ifindex < ifindex:
            low = middle + 1
        else:
            high = middle
    if low < image.interfaces.count and interfaces[low].ifindex == ifindex:
        return low
    return NOWHERE


cdef bint image_is_own(const Image* image, uint32_t vrf, uint32_t address) noexcept nogil:
    cdef const Own* own = <const Own*>image_table(image, &image.own)
    cdef uint64_t wanted = sort_key(vrf, address)
    cdef uint32_t low = 0
    cdef uint32_t high = image.own.count
    cdef uint32_t middle
    while low < high:
        middle = (low + high) // 2
        if sort_key(own[middle].vrf, own[middle].address) < wanted:
            low = middle + 1
        else:
            high = middle
    return (low < image.own.count
            and sort_key(own[low].vrf, own[low].address) == wanted)


# ---- relay agents, VRFs

cdef const Agent* image_find_agent(const Image* image, uint32_t giaddr) noexcept nogil:
    cdef const Agent* agents = <const Agent*>image_table(image, &image.agents)
    cdef uint32_t low = 0
    cdef uint32_t high = image.agents.count
    cdef uint32_t middle
    while low < high:
        middle = (low + high) // 2
        if agents[middle].first <= giaddr:
            low = middle + 1
        else:
            high = middle
    if low and giaddr <= agents[low - 1].last:
        return &agents[low - 1]
    return NULL


cdef inline bint stands_before(const Image* image, const Vpn* vpn, Span vss) noexcept nogil:
    if vpn.vss_len != vss.len:
        return vpn.vss_len < vss.len
    return memcmp(<const char*>image + vpn.vss_at, vss.at, vss.len) < 0


# RFC 6607 3.5: type 255, alone, is the global VPN: the default VRF, which needs no row.
cdef uint32_t image_find_vpn(const Image* image, Span vss) noexcept nogil:
    cdef const Vpn* vpns = <const Vpn*>image_table(image, &image.vpns)
    cdef uint32_t low = 0
    cdef uint32_t high = image.vpns.count
    cdef uint32_t middle
    if vss.len == 1 and vss.at[0] == VSS_GLOBAL:
        return 0
    while low < high:
        middle = (low + high) // 2
        if stands_before(image, &vpns[middle], vss):
            low = middle + 1
        else:
            high = middle
    if (low < image.vpns.count and vpns[low].vss_len == vss.len
            and memcmp(<const char*>image + vpns[low].vss_at, vss.at, vss.len) == 0):
        return vpns[low].vrf
    return NOWHERE


# ---- classes

cdef uint32_t image_class_number(const Image* image, uint32_t id) noexcept nogil:
    cdef const ClassId* ids = <const ClassId*>image_table(image, &image.class_ids)
    cdef uint32_t low = 0
    cdef uint32_t high = image.class_ids.count
    cdef uint32_t middle
    while low < high:
        middle = (low + high) // 2
        if ids[middle].id < id:
            low = middle + 1
        else:
            high = middle
    if low < image.class_ids.count and ids[low].id == id:
        return ids[low].number
    return NOWHERE


# ---- the Python face: readers for control and tests

STRUCT_SIZES = {
    "header": sizeof(Image), "networks": sizeof(Network), "subnets": sizeof(Subnet),
    "pools": sizeof(Pool), "masks": sizeof(Mask), "params": sizeof(Params),
    "layers": sizeof(Layer), "options": sizeof(Option), "interfaces": sizeof(Interface),
    "members": 4, "own": sizeof(Own), "agents": sizeof(Agent), "vpns": sizeof(Vpn),
    "definitions": 1,
    "instructions": sizeof(Instruction), "programs": sizeof(Program),
    "slots": sizeof(SlotTable), "classes": sizeof(Class), "class_ids": sizeof(ClassId),
    "class_sets": sizeof(ClassSets), "class_places": sizeof(ClassPlace),
    "guards": sizeof(Guard), "whens": sizeof(When), "overlays": sizeof(Overlay),
    "overlay_values": 4, "levels": sizeof(Levels), "blob": 1,
}


cdef class ImageView:
    """A policy image as Python sees it; rows are dicts with the names of the structs' fields.

    Holds the buffer. Raises ValueError for what is no image of this layout, or is cut.
    """

    cdef const unsigned char[::1] buffer
    cdef const Image* image

    def __init__(self, const unsigned char[::1] buffer):
        if buffer.shape[0] < <Py_ssize_t>sizeof(Image):
            raise ValueError("the policy image is cut")
        self.buffer = buffer
        self.image = <const Image*>&buffer[0]
        if self.image.magic != IMAGE_MAGIC or self.image.layout != IMAGE_LAYOUT:
            raise ValueError("this is no policy image of this layout")
        if self.image.size > <uint64_t>buffer.shape[0]:
            raise ValueError("the policy image is cut")
        header = self.header()
        for name, size in STRUCT_SIZES.items():
            if name == "header":
                continue
            if header[name]["at"] + header[name]["count"] * size > header["size"]:
                raise ValueError(f"table {name} reaches beyond the policy image")

    def header(self):
        """All fields of the image's head; tables as {at, count}."""
        return self.image[0]

    def _row(self, Table_ table, uint32_t index):
        if index >= table.count:
            raise IndexError(index)
        return index

    def network(self, uint32_t index):
        return image_network(self.image, self._row(self.image.networks, index))[0]

    def subnet(self, uint32_t index):
        return image_subnet(self.image, self._row(self.image.subnets, index))[0]

    def pool(self, uint32_t index):
        return image_pool(self.image, self._row(self.image.pools, index))[0]

    def params(self, uint32_t index):
        return image_params(self.image, self._row(self.image.params, index))[0]

    def interface(self, uint32_t index):
        self._row(self.image.interfaces, index)
        return (<const Interface*>image_table(self.image, &self.image.interfaces))[index]

    def members(self, uint32_t network):
        """Subnet indexes of a network."""
        row = self.network(network)
        cdef const uint32_t* at = <const uint32_t*>image_table(self.image, &self.image.members)
        cdef uint32_t i
        return [at[i] for i in range(row["member_first"],
                                     row["member_first"] + row["member_count"])]

    def layer(self, uint32_t index):
        """Options of a layer: code to value."""
        return {option["code"]: self.octets(option["value_at"], option["value_len"])
                for option in self._options(index) if not option["flags"] & OPTION_NO_VALUE}

    def sending(self, uint32_t index):
        """What a layer says of options beside their values: code to "always" or "never"."""
        words = {OPTION_ALWAYS: "always", OPTION_NEVER: "never"}
        flags = {option["code"]: option["flags"] & (OPTION_ALWAYS | OPTION_NEVER)
                 for option in self._options(index)}
        return {code: words[flag] for code, flag in flags.items() if flag}

    def _options(self, uint32_t index):
        self._row(self.image.layers, index)
        cdef Layer layer = (<const Layer*>image_table(self.image, &self.image.layers))[index]
        cdef const Option* at = <const Option*>image_table(self.image, &self.image.options)
        cdef uint32_t i
        return [at[i] for i in range(layer.option_first, layer.option_first + layer.option_count)]

    def octets(self, uint32_t at, uint32_t size):
        """Octets of the image: a name, an identifier, a value."""
        if <uint64_t>at + size > self.image.size:
            raise IndexError(at)
        return bytes(self.buffer[at:<uint64_t>at + size])

    def find_subnet(self, uint32_t vrf, uint32_t address):
        return found_index(image_find_subnet(self.image, vrf, address))

    def find_pool(self, uint32_t vrf, uint32_t address):
        return found_index(image_find_pool(self.image, vrf, address))

    def find_interface(self, int32_t ifindex):
        return found_index(image_find_interface(self.image, ifindex))

    def network_number(self, uint32_t vrf, uint32_t address):
        """The number of the network that holds an address; 0: none."""
        return image_network_number(self.image, vrf, address)

    def is_own(self, uint32_t vrf, uint32_t address):
        return image_is_own(self.image, vrf, address)

    def find_agent(self, uint32_t giaddr):
        """The row of the relay agent with this giaddr, or None."""
        cdef const Agent* agent = image_find_agent(self.image, giaddr)
        return None if agent == NULL else agent[0]

    def find_vpn(self, bytes vss):
        """The VRF that VSS information names, or None."""
        return found_index(image_find_vpn(
            self.image, Span(<const uint8_t*>vss, <uint32_t>len(vss))))

    def pool_mask(self, uint32_t pool, uint32_t block):
        """Which addresses of a block the pool may give: bit i of the number is address i."""
        cdef uint64_t allowed[BLOCK_WORDS]
        self._row(self.image.pools, pool)
        image_pool_mask(self.image, image_pool(self.image, pool), block, allowed)
        return sum(int(allowed[word]) << (64 * word) for word in range(4))


cdef object found_index(uint32_t index):
    return None if index == NOWHERE else index
