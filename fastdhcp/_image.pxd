"""The policy image: the configuration as flat tables, one sealed memfd per generation.

Made by config/compile.py, read by every process, never changed. All addresses are in host order,
all places (`*_at`) are bytes from the start of the image, all tables start on a cache line.
Look-ups are by binary search or open addressing; no pointer is stored.
"""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastdhcp._areas cimport SlotTable
from fastdhcp._wire cimport Span

cdef enum:
    IMAGE_MAGIC = 0x46444950     # "FDIP"
    IMAGE_LAYOUT = 7
    NOWHERE = 0xFFFFFFFF         # "none" for every index
    INFINITE = 0xFFFFFFFF        # RFC 2132 9.2: a lease time without end
    ORDER_MAX = 16               # places of `identity`; 0 ends it
    LEVELS_COUNT = 16            # words of Params, with room
    BLOCK_WORDS = 4              # words of 64 bits, one bit an address, of a block of 256
    CLASS_WORDS = 4              # words of 64 bits, one bit a class

# The first of these that a client has is its key (`identity` in the configuration).
cdef enum IdentityKind:
    IDENTITY_NONE = 0
    IDENTITY_CLIENT_ID = 1
    IDENTITY_HW_ADDRESS = 2      # htype, then chaddr of hlen bytes
    IDENTITY_CIRCUIT_ID = 3
    IDENTITY_REMOTE_ID = 4
    IDENTITY_NAMED = 5           # the first of four [identifiers]
    IDENTITY_SUBSCRIBER_ID = 9
    IDENTITY_KINDS = 10

cdef enum:
    NAMED_COUNT = 4              # [identifiers]
    NAMED_KINDS = 0x1E0          # bits of their kinds

cdef enum ParamsFlag:
    PARAMS_AUTHORITATIVE = 1
    PARAMS_RAPID_COMMIT = 2
    PARAMS_BOOTP = 4
    PARAMS_LEASE_MIN = 8         # lease_min_s is written, here or farther: else it is lease_s
    PARAMS_LEASE_MAX = 16        # lease_max_s, likewise
    PARAMS_V6_ONLY = 32          # something of this image gives option 108: it has to be looked for

cdef enum ClassFlag:
    CLASS_DROP = 1               # its clients get no answer
    CLASS_LEASE = 2              # the first such class of a client is kept with its lease

# Which of ClassSets are not empty: nobody looks at one that is.
cdef enum ClassEffect:
    CLASSES_DROP = 1
    CLASSES_OVERLAID = 2
    CLASSES_TOLD = 4

# The classes that are there without being written, by their number; written ones follow.
cdef enum:
    CLASS_KNOWN = 0              # a reservation was found
    CLASS_BOOTP = 1              # a message without option 53
    CLASS_ALL = 2

# What [relays] asks for; 0: nothing, and relay agents cost no look-up.
cdef enum RelayRule:
    RELAYS_LISTED = 1            # there are agents
    RELAYS_ONLY_KNOWN = 2        # others are not answered
    RELAYS_UNTRUSTED = 4         # there are interfaces whose option 82 is not believed
    RELAYS_CLIENTS_SELECT = 8    # options 118 and 221 are heeded

# What any program of the image reads beside the message itself.
cdef enum ProgramsRead:
    READ_RELAY_INFO = 1          # option 82: that of ciaddr's record, where the message has none
    READ_KEPT_CLASS = 2          # what a renewal may lack: the class of ciaddr's record counts then


# What a layer says of an option beside its value.
cdef enum OptionFlag:
    OPTION_ALWAYS = 1            # goes whether it is asked for or not
    OPTION_NEVER = 2
    OPTION_BY_VENDOR = 4         # 125 in parts: farther layers may add other vendors' (RFC 3925 4)
    OPTION_NO_VALUE = 8          # the flags are all that this layer says
    OPTION_IMPLIED = 16          # by boot-file or server-name: for who asks for it


cdef struct Table_:              # one table of the image
    uint32_t at
    uint32_t count


cdef struct Image:
    uint32_t magic
    uint32_t layout
    uint64_t size                # of the whole image, in bytes
    uint32_t generation          # 1, 2, ... within one run of the supervisor
    uint32_t workers
    uint8_t identity[ORDER_MAX]  # IdentityKind in order, 0-terminated
    uint32_t durable             # 1: `commit`, 0: `async`
    uint32_t vrfs                # VRFs that subnets are in, beside the default one
    uint32_t relay_rules         # RelayRule
    uint32_t programs_read       # ProgramsRead
    uint32_t identity_kinds      # those of `identity`: bits 1 << IdentityKind
    uint32_t named[NAMED_COUNT]  # programs of [identifiers]; NOWHERE: there is none
    uint32_t class_first         # into instructions: all tests of classes, one behind the other
    uint32_t class_count         # instructions; 0: no class has a test
    uint32_t class_effects       # ClassEffect
    uint32_t trains              # 1: replies may leave as trains (_outbox.pxd)
    uint32_t spare
    Table_ networks              # Network
    Table_ members               # uint32_t: subnet indexes, network by network
    Table_ subnets               # Subnet, sorted by (vrf, address); they do not overlap
    Table_ pools                 # Pool, sorted by (vrf, first); they do not overlap
    Table_ masks                 # Mask, pool by pool, sorted by block
    Table_ params                # Params
    Table_ layers                # Layer; layer 0 is empty
    Table_ options               # Option, layer by layer, sorted by code
    Table_ interfaces            # Interface, sorted by ifindex
    Table_ own                   # Own: the addresses of this machine, sorted
    Table_ agents                # Agent, sorted by address; they do not overlap
    Table_ vpns                  # Vpn, sorted by length of the VSS, then by its octets
    Table_ definitions           # bytes: [[option-definitions]] as written, in JSON, for control
    Table_ instructions          # Instruction, program by program
    Table_ programs              # Program
    Table_ slots                 # SlotTable, one: the options that are looked at
    Table_ classes               # Class, by number; none: nothing of the policy names a class
    Table_ class_ids             # ClassId, sorted by id
    Table_ class_sets            # ClassSets: one, if there are classes
    Table_ class_places          # ClassPlace: those of each group of tests of one value
    Table_ guards                # Guard; guard 0 is "everybody"
    Table_ whens                 # When
    Table_ overlays              # Overlay; overlay 0 is empty
    Table_ overlay_values        # uint32_t: words of Params
    Table_ levels                # Levels: of each subnet, then of each pool; for who asks why
    Table_ blob                  # bytes: option values, names, identifiers (count = size)


# What shares a link: a shared network, or a subnet of its own.
cdef struct Network:
    uint32_t number              # hash of (VRF, shared network's name or prefix); never 0
    uint32_t vrf
    uint32_t member_first        # into members
    uint32_t member_count
    uint32_t name_at             # into the image
    uint32_t name_len
    uint16_t kinds               # of identifiers that its reservations use: 1 << IdentityKind
    uint16_t kinds_any           # those of its VRF that are of no subnet
    uint32_t spare


cdef struct Subnet:
    uint32_t vrf
    uint32_t address
    uint32_t mask
    uint32_t network             # index
    uint32_t id                  # of (VRF, prefix), mapped in `meta`, never reused
    uint32_t params
    uint32_t layer
    uint32_t pool_first          # its pools are neighbours in `pools`
    uint32_t pool_count
    uint32_t name_at             # "10.77.0.0/22"
    uint32_t name_len
    uint8_t prefix_len
    uint8_t own_graces           # 1: a pool in it has another reuse-grace
    uint8_t spare[2]
    uint32_t guard               # who may have its addresses
    uint32_t when_first          # into whens: the nearest first
    uint32_t when_count


cdef struct Pool:
    uint32_t vrf
    uint32_t first               # addresses, both within
    uint32_t last
    uint32_t subnet
    uint32_t params
    uint32_t layer
    uint32_t block_first         # first >> 8
    uint32_t block_count
    uint32_t mask_first          # into masks
    uint32_t mask_count
    uint32_t hints_at            # into the hints segment: byte offset, on a cache line
    uint32_t size                # addresses that it may give, without those that are reserved
    uint32_t name_at             # the range as written
    uint32_t name_len
    uint32_t guard               # beside its subnet's
    uint32_t when_first
    uint32_t when_count
    uint32_t spare


# Which addresses of a block the pool may give. Blocks of a pool without an entry: all 256.
cdef struct Mask:
    uint32_t block               # address >> 8
    uint32_t spare
    uint64_t allowed[BLOCK_WORDS]  # bit (address & 63) of word ((address >> 6) & 3)


# A scope's values, the nearest already chosen.
cdef struct Params:
    uint32_t lease_s             # INFINITE only in a reservation's
    uint32_t lease_min_s
    uint32_t lease_max_s
    uint32_t renewal_s           # 0: half of the time granted
    uint32_t rebinding_s         # 0: seven eighths of it
    uint32_t offer_hold_s
    uint32_t decline_s
    uint32_t reuse_grace_s
    uint32_t bootp_lease_s       # of a BOOTP client; INFINITE
    uint32_t next_server         # siaddr
    uint32_t boot_file_at
    uint32_t boot_file_len       # at most 127: file is NUL-terminated
    uint32_t server_name_at
    uint32_t server_name_len     # at most 63, likewise sname
    uint32_t flags               # ParamsFlag


# Where the words of a place's Params were written: PARAMS_LEVELS of config/model.py.
cdef struct Levels:
    uint8_t of[LEVELS_COUNT]


cdef struct Layer:
    uint32_t option_first        # into options
    uint32_t option_count


cdef struct Option:
    uint8_t code
    uint8_t flags                # OptionFlag
    uint8_t level                # where it was written: OPTION_LEVELS of config/model.py
    uint8_t spare
    uint32_t value_at            # into the image; not 0, also where the value has no octets
    uint32_t value_len           # may exceed 255: split where it is written (RFC 3396)


# A set of clients, known by a bit: its number. `id` is of its name, mapped in `meta`, never reused.
cdef struct Class:
    uint32_t id                  # 0: one that needs no writing
    uint32_t name_at
    uint32_t name_len
    uint32_t flags               # ClassFlag
    uint32_t overlay
    uint32_t layer
    uint32_t counter             # its word among COUNT_CLASS, or NOWHERE
    uint32_t test_at             # the test as it is written, for people
    uint32_t test_len
    uint32_t omitted             # of one that is kept with leases: the program that says whether a
                                 # message lacks what its test reads; NOWHERE: it never does


cdef struct ClassId:
    uint32_t id
    uint32_t number


# Sets of classes, a bit each, that a packet is held against.
cdef struct ClassSets:
    uint64_t drop[CLASS_WORDS]
    uint64_t lease[CLASS_WORDS]
    uint64_t overlaid[CLASS_WORDS]  # with values of their own, or in a `when`
    uint64_t told[CLASS_WORDS]   # with options of their own, or in a `when`: they tell bodies apart


# A literal that tests compare one value with, and a class that it speaks for. It stands at its
# hash, or behind that; behind each group is an empty place.
cdef struct ClassPlace:
    uint32_t hash
    uint32_t literal_at          # 0: empty
    uint16_t literal_len
    uint16_t number
    uint32_t counter             # of Class


# A client with a class of `allow` and none of `deny` may have the addresses.
cdef struct Guard:
    uint64_t allow[CLASS_WORDS]
    uint64_t deny[CLASS_WORDS]


# What a class of a subnet or pool gives there alone.
cdef struct When:
    uint32_t number              # of the class
    uint32_t overlay
    uint32_t layer
    uint32_t spare


# Values that are laid over a row of Params, for who has them.
cdef struct Overlay:
    uint32_t keys                # bit i: word i of Params, which `overlay_values` has in this order
    uint32_t value_first
    uint32_t flags_given         # ParamsFlag: those of `flags` that count
    uint32_t flags


cdef struct Interface:
    int32_t ifindex
    uint32_t network             # index, or NOWHERE: no subnet on this link
    uint32_t vrf
    uint32_t address             # its address within that network, else its first one
    uint32_t subnet              # index of that address's; NOWHERE: it is in none
    uint32_t mtu                 # octets of an IP packet; 0: not known
    uint32_t untrusted           # 1: option 82 without giaddr from there is dropped
    uint32_t name_at
    uint32_t name_len


cdef struct Own:                 # an address of this machine, on an interface of the VRF
    uint32_t vrf
    uint32_t address


cdef struct Agent:               # relay agents: one giaddr, or those of a prefix
    uint32_t first
    uint32_t last
    uint32_t vrf                 # of what comes by it; NOWHERE: the interface says
    uint32_t network             # whose link it speaks for if its giaddr is in no subnet; NOWHERE
    uint32_t subnet              # the one that is meant on that link; NOWHERE: any
    uint32_t name_at
    uint32_t name_len
    uint32_t spare


cdef struct Vpn:                 # a VRF by name, and by what packets call it
    uint32_t vrf
    uint32_t name_at
    uint32_t name_len
    uint32_t vss_at              # RFC 6607 3.5: type and identifier; length 0: none
    uint32_t vss_len


# One step of a program; what a, b and c are stands with each Op (_program.pxd).
cdef struct Instruction:
    uint8_t op
    uint8_t a
    uint16_t b
    uint32_t c


cdef struct Program:
    uint32_t first               # into instructions
    uint32_t count


cdef inline const void* image_table(const Image* image, const Table_* table) noexcept nogil:
    return <const char*>image + table.at


cdef inline const Subnet* image_subnet(const Image* image, uint32_t index) noexcept nogil:
    return <const Subnet*>image_table(image, &image.subnets) + index


cdef inline const Network* image_network(const Image* image, uint32_t index) noexcept nogil:
    return <const Network*>image_table(image, &image.networks) + index


cdef inline const Pool* image_pool(const Image* image, uint32_t index) noexcept nogil:
    return <const Pool*>image_table(image, &image.pools) + index


cdef inline const Layer* image_layer(const Image* image, uint32_t index) noexcept nogil:
    return <const Layer*>image_table(image, &image.layers) + index


cdef inline const Params* image_params(const Image* image, uint32_t index) noexcept nogil:
    return <const Params*>image_table(image, &image.params) + index


cdef inline const Class* image_class(const Image* image, uint32_t number) noexcept nogil:
    return <const Class*>image_table(image, &image.classes) + number


cdef inline const Instruction* image_instructions(const Image* image) noexcept nogil:
    return <const Instruction*>image_table(image, &image.instructions)


cdef inline const ClassSets* image_class_sets(const Image* image) noexcept nogil:
    return <const ClassSets*>image_table(image, &image.class_sets)


cdef inline const Guard* image_guard(const Image* image, uint32_t index) noexcept nogil:
    return <const Guard*>image_table(image, &image.guards) + index


cdef inline const When* image_when(const Image* image, uint32_t index) noexcept nogil:
    return <const When*>image_table(image, &image.whens) + index


cdef inline const Overlay* image_overlay(const Image* image, uint32_t index) noexcept nogil:
    return <const Overlay*>image_table(image, &image.overlays) + index


cdef inline const Levels* image_levels(const Image* image, uint32_t index) noexcept nogil:
    return <const Levels*>image_table(image, &image.levels) + index


cdef inline const uint32_t* image_overlay_values(const Image* image) noexcept nogil:
    return <const uint32_t*>image_table(image, &image.overlay_values)


cdef inline const SlotTable* image_slots(const Image* image) noexcept nogil:
    return <const SlotTable*>image_table(image, &image.slots)


# Indexes, or NOWHERE.
cdef uint32_t image_find_subnet(const Image* image, uint32_t vrf, uint32_t address) noexcept nogil
# The pool of an address of that subnet.
cdef uint32_t image_pool_within(const Image* image, const Subnet* subnet,
                                uint32_t address) noexcept nogil
# As image_find_subnet, for who has an index that most often is the right one: `near`. Any other
# number does no harm.
cdef inline uint32_t image_near_subnet(const Image* image, uint32_t near, uint32_t vrf,
                                       uint32_t address) noexcept nogil:
    cdef const Subnet* subnet
    if near < image.subnets.count:
        subnet = image_subnet(image, near)
        if subnet.vrf == vrf and (address & subnet.mask) == subnet.address:
            return near
    return image_find_subnet(image, vrf, address)
cdef uint32_t image_find_pool(const Image* image, uint32_t vrf, uint32_t address) noexcept nogil
cdef uint32_t image_find_interface(const Image* image, int32_t ifindex) noexcept nogil
# The number of the class whose id that is, or NOWHERE: it is of none any more.
cdef uint32_t image_class_number(const Image* image, uint32_t id) noexcept nogil
# Ours in the VRF; in another the same address may be another server's.
cdef bint image_is_own(const Image* image, uint32_t vrf, uint32_t address) noexcept nogil
# The row of a relay agent, by giaddr; NULL: it is not listed.
cdef const Agent* image_find_agent(const Image* image, uint32_t giaddr) noexcept nogil
# The VRF of VSS information (RFC 6607), or NOWHERE.
cdef uint32_t image_find_vpn(const Image* image, Span vss) noexcept nogil
# The number of the network whose link the address belongs to; 0: no subnet holds it.
cdef uint32_t image_network_number(const Image* image, uint32_t vrf,
                                   uint32_t address) noexcept nogil
# Which of the 256 addresses of a block the pool may give; writes four words.
cdef void image_pool_mask(const Image* image, const Pool* pool, uint32_t block,
                          uint64_t* allowed) noexcept nogil
# An option of a layer that has a value there; NULL: it has none.
cdef const Option* image_find_option(const Image* image, const Layer* layer,
                                     uint8_t code) noexcept nogil
# May the pool give this address of its range?
cdef bint image_pool_gives(const Image* image, const Pool* pool, uint32_t address) noexcept nogil
