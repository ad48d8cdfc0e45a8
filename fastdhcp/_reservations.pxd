"""Reservations: the file table, one sealed memfd that the configuration's files make.

Made by config/reservations.py of TOML and CSV, read by every process, never changed, and made anew
only if what it says changes: a generation is a policy image and a file table. Rows are cells of one
cache line, found by open addressing by identifier and by address. Octets stand behind the cells, at
places counted from the cell itself, so a pointer to a cell is all that a reader needs.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastdhcp._octets cimport octets_hash, octets_same
from fastdhcp._wire cimport Span

cdef enum:
    RESERVATIONS_MAGIC = 0x46445256  # "FDRV"
    RESERVATIONS_LAYOUT = 3
    SIGNS_A_PLACE = 4            # bits
    RESERVED_CLASSES = 4         # classes that one reservation names
    RESERVED_CLASS_MAX = 0xFFFF  # the highest id of a class that fits a cell
    IDENTITY_INLINE = 16         # octets of an identifier that stand in the cell itself


cdef struct Reservation:         # a cell: 64 bytes
    uint32_t vrf
    uint32_t address             # 0: none of its own
    uint32_t network             # number of the network that it is of; 0: of any in the VRF
    uint32_t next_server         # 0: as the scope says
    uint32_t options             # number of the image's layer with its own options; 0: none
    uint32_t overlay             # number of the image's overlay with its other keys; 0: none
    uint32_t identity_at         # of what is too long to stand here; counted from the cell
    uint32_t hostname_at         # likewise
    uint32_t boot_file_at
    uint16_t classes[RESERVED_CLASSES]  # ids from `meta`; 0: none
    uint8_t kind                 # IdentityKind
    uint8_t identity_len
    uint8_t hostname_len
    uint8_t boot_file_len
    uint8_t identity[IDENTITY_INLINE]


# Places are bytes from the start; each table begins on a cache line. The first, right behind, has
# SIGNS_A_PLACE bits for each place of the second: 0: no identifier has such a hash.
cdef struct Reservations:
    uint32_t magic
    uint32_t layout
    uint64_t size                # of the whole, in bytes
    uint32_t count               # cells
    uint32_t addressed           # of these: with an address
    uint64_t cells_at
    uint64_t identities_at       # uint64_t: hash's upper half << 32 | cell + 1; 0: empty
    uint64_t addresses_at        # uint32_t: cell + 1; 0: empty
    uint32_t identity_places     # powers of two, at most half in use
    uint32_t address_places
    uint32_t graces              # 1: some reservation may have a reuse-grace of its own
    uint32_t spare[1]


cdef inline Span reservation_octets(const Reservation* cell, uint32_t at,
                                    uint32_t size) noexcept nogil:
    return Span(<const uint8_t*>cell + at, size)


cdef inline Span reservation_identity(const Reservation* cell) noexcept nogil:
    if cell.identity_len <= IDENTITY_INLINE:
        return Span(&cell.identity[0], cell.identity_len)
    return reservation_octets(cell, cell.identity_at, cell.identity_len)


# A name for option 12; len = 0: it has none.
cdef inline Span reservation_hostname(const Reservation* cell) noexcept nogil:
    return reservation_octets(cell, cell.hostname_at, cell.hostname_len)


cdef inline Span reservation_boot_file(const Reservation* cell) noexcept nogil:
    return reservation_octets(cell, cell.boot_file_at, cell.boot_file_len)


# Is it for the same client? `other` may be NULL.
cdef inline bint reservation_same(const Reservation* cell,
                                  const Reservation* other) noexcept nogil:
    cdef Span own = reservation_identity(cell)
    return (other != NULL and other.kind == cell.kind and other.identity_len == own.len
            and octets_same(reservation_identity(other).at, own.at, own.len))


cdef inline const Reservation* reservations_cell(const Reservations* table,
                                                 uint32_t number) noexcept nogil:
    return <const Reservation*>(<const uint8_t*>table + table.cells_at) + number


# Whose it is: a hash of kind and identifier under the network's number, or the VRF's for those of
# any network.
cdef inline uint64_t reservation_hash(uint32_t network, uint32_t vrf, uint8_t kind,
                                      Span identity) noexcept nogil:
    return octets_hash(<uint64_t>kind << 32 | (network if network else ~vrf), identity)


# False: it is nobody's. Most clients have no reservation: this answers from the cache for them.
cdef inline bint reservation_signed(const Reservations* table, uint64_t hash) noexcept nogil:
    cdef const uint64_t* signs = <const uint64_t*>(table + 1)
    cdef uint64_t bit = hash & (<uint64_t>table.identity_places * SIGNS_A_PLACE - 1)
    return signs[bit >> 6] >> (bit & 63) & 1


cdef inline uint32_t reservation_address_hash(uint32_t vrf, uint32_t address) noexcept nogil:
    return <uint32_t>(((<uint64_t>vrf << 32 | address) * <uint64_t>0x9E3779B97F4A7C15) >> 32)


# The reservation of an identifier in a network (its number), or in none (0: of any in the VRF).
cdef const Reservation* reservations_find(const Reservations* table, uint32_t network,
                                          uint32_t vrf, uint8_t kind,
                                          Span identity) noexcept nogil
# Whose address it is. NULL: nobody's.
cdef const Reservation* reservations_at(const Reservations* table, uint32_t vrf,
                                        uint32_t address) noexcept nogil
# The file table in a buffer. Raises ValueError.
cdef const Reservations* reservations_in(const unsigned char[::1] buffer) except NULL
# As Python sees it.
cdef dict reservation_dict(const Reservation* cell)
