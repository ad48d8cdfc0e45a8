"""The file table of reservations: made of rows, looked up by identifier and by address."""

from array import array

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from fastdhcp._image cimport NOWHERE, Image, Pool, image_find_pool, image_pool_gives
from fastdhcp._octets cimport octets_same
from fastdhcp._rows cimport Rows, Stored
from fastdhcp._wire cimport Span

cdef enum:
    LINE = 64
    PROBLEMS_MAX = 100           # that are told of one table
    TABLE_SIZE_MAX = 0xFFFFFFFF  # octets of cells and names: places of names are 32 bits wide

# What is wrong with a row.
cpdef enum Trouble:
    TROUBLE_NO_SUBNET = 1        # its address is of none
    TROUBLE_EDGE = 2             # it is its subnet's network or broadcast address
    TROUBLE_ADDRESS_TWICE = 3
    TROUBLE_IDENTIFIER_TWICE = 4  # in one network
    TROUBLE_CLASS = 5            # the id of a class that it names is over RESERVED_CLASS_MAX


# ---- look-ups

cdef inline bint is_owner(const Reservation* cell, uint32_t network, uint32_t vrf, uint8_t kind,
                          Span identity) noexcept nogil:
    cdef Span own
    if cell.network != network or cell.kind != kind or cell.identity_len != identity.len:
        return False
    if network == 0 and cell.vrf != vrf:
        return False
    own = reservation_identity(cell)
    return octets_same(own.at, identity.at, identity.len)


cdef const Reservation* reservations_find(const Reservations* table, uint32_t network,
                                          uint32_t vrf, uint8_t kind,
                                          Span identity) noexcept nogil:
    cdef const uint64_t* places = <const uint64_t*>(<const uint8_t*>table + table.identities_at)
    cdef uint64_t hash = reservation_hash(network, vrf, kind, identity)
    cdef uint32_t mask = table.identity_places - 1
    cdef uint32_t place = <uint32_t>hash & mask
    cdef const Reservation* cell
    if not reservation_signed(table, hash):
        return NULL
    while places[place]:
        if places[place] >> 32 == hash >> 32:
            cell = reservations_cell(table, <uint32_t>places[place] - 1)
            if is_owner(cell, network, vrf, kind, identity):
                return cell
        place = (place + 1) & mask
    return NULL


cdef const Reservation* reservations_at(const Reservations* table, uint32_t vrf,
                                        uint32_t address) noexcept nogil:
    cdef const uint32_t* places = <const uint32_t*>(<const uint8_t*>table + table.addresses_at)
    cdef uint32_t mask = table.address_places - 1
    cdef uint32_t place = reservation_address_hash(vrf, address) & mask
    cdef const Reservation* cell
    while places[place]:
        cell = reservations_cell(table, places[place] - 1)
        if cell.address == address and cell.vrf == vrf:
            return cell
        place = (place + 1) & mask
    return NULL


# ---- making: rows of several files become cells, and are entered into both look-ups

cdef struct Prefix:              # of a subnet; sorted by (vrf, first)
    uint32_t vrf                 # by its place
    uint32_t first
    uint32_t last
    uint32_t number              # of its network
    uint32_t network             # its index


cdef struct Making:
    Reservations* table
    uint64_t* signs
    uint64_t* identities
    uint32_t* addresses
    uint64_t octets_end          # where the next octets go, from the start
    const Prefix* prefixes
    uint32_t prefix_count
    const uint32_t* vrfs         # numbers by place
    const uint32_t* classes      # ids by place
    uint32_t* network_kinds      # bits 1 << IdentityKind by network's index
    uint32_t* vrf_kinds          # of rows of no subnet, by VRF's place


cdef const Prefix* find_prefix(const Making* m, uint32_t vrf, uint32_t address) noexcept nogil:
    cdef uint64_t wanted = <uint64_t>vrf << 32 | address
    cdef uint32_t low = 0
    cdef uint32_t high = m.prefix_count
    cdef uint32_t middle
    cdef const Prefix* found
    while low < high:
        middle = (low + high) // 2
        found = &m.prefixes[middle]
        if (<uint64_t>found.vrf << 32 | found.first) <= wanted:
            low = middle + 1
        else:
            high = middle
    if low == 0:
        return NULL
    found = &m.prefixes[low - 1]
    return found if found.vrf == vrf and address <= found.last else NULL


cdef inline uint32_t copy_octets(Making* m, Reservation* cell, const uint8_t* at,
                                 uint32_t size) noexcept nogil:
    cdef uint64_t place = m.octets_end
    memcpy(<uint8_t*>m.table + place, at, size)
    m.octets_end += size
    return <uint32_t>(place - (<uint8_t*>cell - <uint8_t*>m.table))


cdef inline bint classes_fit(const Making* m, const Reservation* row) noexcept nogil:
    cdef int i
    for i in range(RESERVED_CLASSES):
        if row.classes[i] and m.classes[row.classes[i] - 1] > RESERVED_CLASS_MAX:
            return False
    return True


# The cell of a row, with this run's numbers; `prefix`: of the subnet that it is of.
cdef void make_cell(Making* m, const Stored* rows, const Reservation* row, const Prefix* prefix,
                    Reservation* cell) noexcept nogil:
    cdef int i
    memcpy(cell, row, sizeof(Reservation))
    cell.vrf = m.vrfs[row.vrf]
    cell.network = prefix.number if prefix != NULL else 0
    for i in range(RESERVED_CLASSES):
        if row.classes[i]:
            cell.classes[i] = <uint16_t>m.classes[row.classes[i] - 1]
    if row.identity_len > IDENTITY_INLINE:
        cell.identity_at = copy_octets(m, cell, rows.octets + row.identity_at, row.identity_len)
    if row.hostname_len:
        cell.hostname_at = copy_octets(m, cell, rows.octets + row.hostname_at, row.hostname_len)
    if row.boot_file_len:
        cell.boot_file_at = copy_octets(m, cell, rows.octets + row.boot_file_at,
                                        row.boot_file_len)
    if prefix != NULL:
        m.network_kinds[prefix.network] |= 1u << row.kind
    else:
        m.vrf_kinds[row.vrf] |= 1u << row.kind


cdef inline void sign(Making* m, uint64_t hash) noexcept nogil:
    cdef uint64_t bit = hash & (<uint64_t>m.table.identity_places * SIGNS_A_PLACE - 1)
    m.signs[bit >> 6] |= <uint64_t>1 << (bit & 63)


# Enters a cell into the look-ups; `number` is its own, which is not taken yet. The other's number
# + 1 if there is one already, and what is the matter.
cdef uint32_t enter_cell(Making* m, const Reservation* cell, uint32_t number,
                         Trouble* trouble) noexcept nogil:
    cdef Span identity = reservation_identity(cell)
    cdef uint64_t hash = reservation_hash(cell.network, cell.vrf, cell.kind, identity)
    cdef uint32_t place = <uint32_t>hash & (m.table.identity_places - 1)
    cdef uint32_t at = 0
    cdef const Reservation* other
    if cell.address:
        at = reservation_address_hash(cell.vrf, cell.address) & (m.table.address_places - 1)
        while m.addresses[at]:
            other = reservations_cell(m.table, m.addresses[at] - 1)
            if other.address == cell.address and other.vrf == cell.vrf:
                trouble[0] = TROUBLE_ADDRESS_TWICE
                return m.addresses[at]
            at = (at + 1) & (m.table.address_places - 1)
    while m.identities[place]:
        if m.identities[place] >> 32 == hash >> 32 and is_owner(
                reservations_cell(m.table, <uint32_t>m.identities[place] - 1), cell.network,
                cell.vrf, cell.kind, identity):
            trouble[0] = TROUBLE_IDENTIFIER_TWICE
            return <uint32_t>m.identities[place]
        place = (place + 1) & (m.table.identity_places - 1)
    m.identities[place] = hash >> 32 << 32 | (number + 1)
    sign(m, hash)
    if cell.address:
        m.addresses[at] = number + 1
        m.table.addressed += 1
    m.table.count += 1
    return 0


# Rows from `row` on. Where it ends before the last, that row has a trouble.
cdef uint32_t make_rows(Making* m, const Stored* rows, uint32_t row, Trouble* trouble,
                        uint32_t* other) noexcept nogil:
    cdef const Reservation* came
    cdef const Prefix* prefix
    cdef Reservation* cell
    cdef uint64_t octets_end
    other[0] = 0
    while row < rows.count:
        came = &rows.cells[row]
        prefix = NULL
        if came.network:
            prefix = find_prefix(m, came.vrf, came.network)
            if prefix == NULL:
                trouble[0] = TROUBLE_NO_SUBNET
                return row
            if (came.address and prefix.last - prefix.first > 1
                    and came.address in (prefix.first, prefix.last)):
                trouble[0] = TROUBLE_EDGE
                return row
        if not classes_fit(m, came):
            trouble[0] = TROUBLE_CLASS
            return row
        cell = <Reservation*>reservations_cell(m.table, m.table.count)
        octets_end = m.octets_end
        make_cell(m, rows, came, prefix, cell)
        other[0] = enter_cell(m, cell, m.table.count, trouble)
        if other[0]:
            m.octets_end = octets_end
            return row
        row += 1
    return row


cdef inline uint64_t aligned(uint64_t at) noexcept nogil:
    return (at + LINE - 1) & ~<uint64_t>(LINE - 1)


# Places of an open-addressing table: a power of two, at most half of them in use.
cdef inline uint32_t places_for(uint32_t count) noexcept nogil:
    cdef uint32_t places = 2
    while places < 2 * count:
        places *= 2
    return places


# Where the tables stand, for so many rows and octets; the size of the whole.
cdef void lay_out(Reservations* head, uint32_t count, uint32_t addressed,
                  uint64_t octets) noexcept nogil:
    memset(head, 0, sizeof(Reservations))
    head.magic = RESERVATIONS_MAGIC
    head.layout = RESERVATIONS_LAYOUT
    head.identity_places = places_for(count)
    head.address_places = places_for(addressed)
    head.identities_at = aligned(sizeof(Reservations)
                                 + <uint64_t>head.identity_places * SIGNS_A_PLACE // 8)
    head.addresses_at = aligned(head.identities_at + <uint64_t>head.identity_places * 8)
    head.cells_at = aligned(head.addresses_at + <uint64_t>head.address_places * 4)
    head.size = aligned(head.cells_at + <uint64_t>count * sizeof(Reservation) + octets)


cdef Reservations layout_of(object parts):
    cdef Reservations head
    cdef Rows rows
    cdef uint32_t i
    cdef uint64_t count = 0
    cdef uint64_t addressed = 0
    cdef uint64_t octets = 0
    for rows in parts:
        count += rows.stored.count
        octets += rows.stored.used
        for i in range(rows.stored.count):
            addressed += rows.stored.cells[i].address != 0
    if count * sizeof(Reservation) + octets > TABLE_SIZE_MAX:
        raise OverflowError(f"is one of {count} reservations that take "
                            f"{count * sizeof(Reservation) + octets} octets together; at most "
                            "4 GiB fit: write fewer of them")
    lay_out(&head, <uint32_t>count, <uint32_t>addressed, octets)
    return head


def table_size(parts):
    """Octets of the table of these Rows. Raises OverflowError."""
    return layout_of(parts).size


def table_blocks(parts):
    """VRF's place << 32 | block of 256 addresses, of each that holds a reserved one."""
    cdef Rows rows
    cdef const Reservation* row
    cdef uint32_t i
    cdef uint64_t block
    cdef uint64_t last = <uint64_t>-1
    found = set()
    for rows in parts:
        for i in range(rows.stored.count):
            row = &rows.stored.cells[i]
            block = <uint64_t>row.vrf << 32 | row.address >> 8
            if row.address and block != last:
                last = block
                found.add(block)
    return sorted(found)


def fill_table(unsigned char[::1] buffer, parts, vrfs, classes, prefixes, uint32_t networks,
               bint graces=False):
    """Makes the table of all rows in `buffer`, which is zero and of table_size().

    `vrfs`, `classes`: arrays ("I") of numbers by place; `graces`: some may have a reuse-grace of
    their own; `prefixes`: packed (VRF's place, first,
    last, network's number, network's index), sorted. Returns what kinds of identifier the rows of
    each network use, and those of no subnet in each VRF (bits 1 << IdentityKind); and the rows that
    are left out: (Trouble, part, row, and the number of the other one among all rows).
    """
    cdef Making m
    cdef Reservations head = layout_of(parts)
    cdef const uint32_t[::1] vrf_view = vrfs
    cdef const uint32_t[::1] class_view = classes
    cdef const unsigned char[::1] prefix_view = prefixes
    cdef uint32_t[::1] network_kinds = array("I", bytes(4 * max(networks, 1)))
    cdef uint32_t[::1] vrf_kinds = array("I", bytes(4 * max(len(vrfs), 1)))
    cdef Rows rows
    cdef uint32_t row, other
    cdef Trouble trouble = TROUBLE_NO_SUBNET
    if <uint64_t>buffer.shape[0] < head.size:
        raise ValueError("the table does not fit")
    m.table = <Reservations*>&buffer[0]
    memcpy(m.table, &head, sizeof(head))
    m.table.graces = graces
    m.signs = <uint64_t*>(m.table + 1)
    m.identities = <uint64_t*>(&buffer[0] + head.identities_at)
    m.addresses = <uint32_t*>(&buffer[0] + head.addresses_at)
    m.octets_end = head.cells_at
    for rows in parts:
        m.octets_end += <uint64_t>rows.stored.count * sizeof(Reservation)
    m.prefixes = <const Prefix*>&prefix_view[0] if prefix_view.shape[0] else NULL
    m.prefix_count = <uint32_t>(prefix_view.shape[0] // sizeof(Prefix))
    m.vrfs = &vrf_view[0] if vrf_view.shape[0] else NULL
    m.classes = &class_view[0] if class_view.shape[0] else NULL
    m.network_kinds = &network_kinds[0]
    m.vrf_kinds = &vrf_kinds[0]
    troubles = []
    left_out = []                # of all rows, in their order: those that have no cell
    first = 0
    for part, rows in enumerate(parts):
        row = 0
        while True:
            with nogil:
                row = make_rows(&m, &rows.stored, row, &trouble, &other)
            if row == rows.stored.count:
                break
            if len(troubles) < PROBLEMS_MAX:
                troubles.append((<int>trouble, part, row, row_of_cell(left_out, other)))
            left_out.append(first + row)
            row += 1
        first += rows.stored.count
    return network_kinds, vrf_kinds, troubles


# A cell's number + 1 as the number of its row among all; None for 0.
cdef object row_of_cell(list left_out, uint32_t other):
    if other == 0:
        return None
    row = other - 1
    for out in left_out:
        if out > row:
            break
        row += 1
    return row


def lower_pools(unsigned char[::1] image_bytes, const unsigned char[::1] buffer):
    """Takes what the table reserves off the sizes of an image's pools."""
    cdef const Image* image = <const Image*>&image_bytes[0]
    cdef const Reservations* table = <const Reservations*>&buffer[0]
    cdef Pool* pools = <Pool*>(&image_bytes[0] + image.pools.at)
    cdef const Reservation* cell
    cdef uint32_t i, found
    with nogil:
        for i in range(table.count):
            cell = reservations_cell(table, i)
            if cell.address:
                found = image_find_pool(image, cell.vrf, cell.address)
                if found != NOWHERE and image_pool_gives(image, &pools[found], cell.address):
                    pools[found].size -= 1


PREFIX_SIZE = sizeof(Prefix)
HEAD_SIZE = sizeof(Reservations)
CELL_SIZE = sizeof(Reservation)
CLASS_ID_MAX = RESERVED_CLASS_MAX


# ---- as Python sees it

cdef const Reservations* reservations_in(const unsigned char[::1] buffer) except NULL:
    cdef const Reservations* table
    if buffer.shape[0] < <Py_ssize_t>sizeof(Reservations):
        raise ValueError("the file table is cut")
    table = <const Reservations*>&buffer[0]
    if table.magic != RESERVATIONS_MAGIC or table.layout != RESERVATIONS_LAYOUT:
        raise ValueError("this is no file table of this layout")
    if table.size > <uint64_t>buffer.shape[0]:
        raise ValueError("the file table is cut")
    return table


cdef class ReservationsView:
    """A file table as control, supervisor and tests read it. Holds the buffer.

    Raises ValueError for what is no file table of this layout, or is cut.
    """

    cdef const unsigned char[::1] buffer
    cdef const Reservations* table

    def __init__(self, const unsigned char[::1] buffer):
        self.table = reservations_in(buffer)
        self.buffer = buffer

    def __len__(self):
        return self.table.count

    @property
    def addressed(self):
        """Reservations with an address."""
        return self.table.addressed

    def row(self, uint32_t number):
        """The reservation of a cell."""
        if number >= self.table.count:
            raise IndexError(number)
        return reservation_dict(reservations_cell(self.table, number))

    def at(self, uint32_t vrf, uint32_t address):
        """The reservation of an address, or None."""
        cdef const Reservation* found = reservations_at(self.table, vrf, address)
        return None if found == NULL else reservation_dict(found)

    def find(self, uint32_t network, uint32_t vrf, uint8_t kind, bytes identity not None):
        """The reservation of an identifier in a network (by its number; 0: of no subnet)."""
        cdef const Reservation* found = reservations_find(
            self.table, network, vrf, kind,
            Span(<const uint8_t*><const char*>identity, <uint32_t>len(identity)))
        return None if found == NULL else reservation_dict(found)


cdef bytes octets_of(Span span):
    return span.at[:span.len]


cdef dict reservation_dict(const Reservation* cell):
    return {
        "vrf": cell.vrf, "address": cell.address, "network": cell.network, "kind": cell.kind,
        "identity": octets_of(reservation_identity(cell)),
        "hostname": octets_of(reservation_hostname(cell)),
        "boot_file": octets_of(reservation_boot_file(cell)), "next_server": cell.next_server,
        "classes": tuple(cell.classes[i] for i in range(<int>RESERVED_CLASSES)
                         if cell.classes[i]),
        "options": cell.options, "overlay": cell.overlay,
    }
