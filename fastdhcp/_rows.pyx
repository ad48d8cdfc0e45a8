"""Rows of reservations as they are read: from TOML one by one, from CSV a million at a time."""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_Resize
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memchr, memcmp, memcpy, memset

from fastdhcp._image cimport IDENTITY_CLIENT_ID, IDENTITY_HW_ADDRESS, IDENTITY_KINDS
from fastdhcp._reservations cimport IDENTITY_INLINE, RESERVED_CLASSES, Reservation

cdef enum:
    COLUMNS_MAX = 16
    LEARNT = 256                 # fields whose meaning is remembered; a power of two
    HW_ADDRESS_SIZE = 17         # "02:ee:00:00:00:01"
    HARDWARE_SIZE = 7            # htype, then chaddr
    CLIENT_ID_MIN = 2            # a type and one more octet (RFC 2132 9.14)
    IDENTIFIER_MAX = 255
    BOOT_FILE_MAX = 127

# What a column holds; numbers below are IdentityKind's.
cpdef enum Column:
    COLUMN_ADDRESS = 32
    COLUMN_HOSTNAME = 33
    COLUMN_CLASSES = 34
    COLUMN_VRF = 35
    COLUMN_BOOT_FILE = 36
    COLUMN_NEXT_SERVER = 37


cdef class Rows:
    """Rows, in the order in which they were read."""

    def __cinit__(self):
        self.cells = bytearray()
        self.lines = bytearray()
        self.octets = bytearray()
        memset(&self.stored, 0, sizeof(Stored))

    def __len__(self):
        return self.stored.count

    # Room for so many in all; what is new of it is not zero.
    cdef reserve(self, Py_ssize_t rows, Py_ssize_t octets):
        if octets > 0xFFFFFFFF:
            raise OverflowError("reservations with more than 4 GiB of names do not fit")
        for room, wanted in ((self.cells, rows * sizeof(Reservation)), (self.lines, rows * 4),
                             (self.octets, octets)):
            if len(room) < wanted:
                PyByteArray_Resize(room, wanted)
        self.stored.cells = <Reservation*>PyByteArray_AS_STRING(self.cells)
        self.stored.lines = <uint32_t*>PyByteArray_AS_STRING(self.lines)
        self.stored.octets = <uint8_t*>PyByteArray_AS_STRING(self.octets)

    def add(self, *, uint8_t kind, bytes identity, uint32_t vrf=0, uint32_t address=0,
            uint32_t home=0, uint32_t next_server=0, bytes hostname=b"", bytes boot_file=b"",
            classes=(), uint32_t options=0, uint32_t overlay=0, uint32_t line=0):
        """One row. `home`: an address in the subnet that it is of, if it has none itself."""
        cdef Stored* s = &self.stored
        cdef Reservation* cell
        if not 1 <= len(identity) <= IDENTIFIER_MAX or len(classes) > RESERVED_CLASSES:
            raise ValueError("a reservation has an identifier, and at most four classes")
        if len(hostname) > IDENTIFIER_MAX or len(boot_file) > BOOT_FILE_MAX:
            raise ValueError("a hostname or boot-file is longer than a reservation may have it")
        octets = s.used + len(identity) + len(hostname) + len(boot_file)
        if len(self.lines) < 4 * (s.count + 1) or len(self.octets) < octets:
            self.reserve(2 * s.count + 64, 2 * octets + 1024)
        cell = &s.cells[s.count]
        memset(cell, 0, sizeof(Reservation))
        cell.vrf = vrf
        cell.address = address
        cell.network = address or home
        cell.next_server = next_server
        cell.options = options
        cell.overlay = overlay
        for i, number in enumerate(classes):
            cell.classes[<int>i] = number
        cell.kind = kind
        put_identity(s, cell, identity, <uint32_t>len(identity))
        put_hostname(s, cell, hostname, <uint32_t>len(hostname))
        put_boot_file(s, cell, boot_file, <uint32_t>len(boot_file))
        s.lines[s.count] = line
        s.count += 1

    def line(self, uint32_t row):
        """The line of its file that a row stands in; 0: it was in none."""
        self._row(row)
        return self.stored.lines[row]

    def address(self, uint32_t row):
        """The address of a row; 0: it has none."""
        return self._row(row).address

    def identity(self, uint32_t row):
        """Whether its identifier is htype and chaddr, and the octets of it."""
        cdef const Reservation* cell = self._row(row)
        cdef bint hardware = cell.kind == IDENTITY_HW_ADDRESS
        if cell.identity_len <= IDENTITY_INLINE:
            return hardware, (<const char*>cell.identity)[:cell.identity_len]
        octets = self.octets[cell.identity_at:cell.identity_at + cell.identity_len]
        return hardware, bytes(octets)

    def vrf(self, uint32_t row):
        """The place of its VRF."""
        return self._row(row).vrf

    def classes(self, uint32_t row):
        """Places + 1 of the classes that it names."""
        cdef const Reservation* cell = self._row(row)
        return tuple(cell.classes[i] for i in range(<int>RESERVED_CLASSES) if cell.classes[i])

    cdef Reservation* _row(self, uint32_t row) except NULL:
        if row >= self.stored.count:
            raise IndexError(row)
        return &self.stored.cells[row]

    def trim(self):
        """Gives back what the rows do not need."""
        del self.cells[self.stored.count * sizeof(Reservation):]
        del self.lines[self.stored.count * 4:]
        del self.octets[self.stored.used:]
        self.reserve(0, 0)


# There is room for all of these.
cdef inline uint32_t put_octets(Stored* s, const uint8_t* data, uint32_t size) noexcept nogil:
    cdef uint32_t at = s.used
    memcpy(s.octets + at, data, size)
    s.used += size
    return at


cdef inline void put_identity(Stored* s, Reservation* cell, const uint8_t* data,
                              uint32_t size) noexcept nogil:
    cell.identity_len = <uint8_t>size
    if size <= IDENTITY_INLINE:
        memcpy(cell.identity, data, size)
    else:
        cell.identity_at = put_octets(s, data, size)


cdef inline void put_hostname(Stored* s, Reservation* cell, const uint8_t* data,
                              uint32_t size) noexcept nogil:
    cell.hostname_at = put_octets(s, data, size)
    cell.hostname_len = <uint8_t>size


cdef inline void put_boot_file(Stored* s, Reservation* cell, const uint8_t* data,
                               uint32_t size) noexcept nogil:
    cell.boot_file_at = put_octets(s, data, size)
    cell.boot_file_len = <uint8_t>size


# ---- a field of a CSV file: False is not an error, but asks for a second look, by Python

cdef struct Field:
    const uint8_t* at
    uint32_t len


# Classes or a VRF as they are written, and what they mean.
cdef struct Meaning:
    const uint8_t* at            # NULL: nothing learnt at this place
    uint32_t len
    uint32_t vrf
    uint16_t classes[RESERVED_CLASSES]


cdef inline int hex_digit(uint8_t c) noexcept nogil:
    if c"0" <= c <= c"9":
        return c - c"0"
    c |= 32
    return c - c"a" + 10 if c"a" <= c <= c"f" else -1


cdef bint read_hw_address(Field f, uint8_t* out) noexcept nogil:
    cdef int i, high, low
    if f.len != HW_ADDRESS_SIZE:
        return False
    out[0] = 1                   # htype of Ethernet
    for i in range(6):
        high = hex_digit(f.at[3 * i])
        low = hex_digit(f.at[3 * i + 1])
        if high < 0 or low < 0 or (i < 5 and f.at[3 * i + 2] != c":"):
            return False
        out[1 + i] = <uint8_t>(high << 4 | low)
    return True


cdef bint read_address(Field f, uint32_t* out) noexcept nogil:
    cdef uint32_t value = 0, part = 0, digits = 0, parts = 1
    cdef uint32_t i
    for i in range(f.len):
        if f.at[i] == c".":
            if digits == 0 or parts == 4:
                return False
            value = value << 8 | part
            part = digits = 0
            parts += 1
        elif c"0" <= f.at[i] <= c"9" and not (digits and part == 0):
            part = part * 10 + f.at[i] - c"0"
            digits += 1
            if part > 255:
                return False
        else:
            return False
    out[0] = value << 8 | part
    return digits != 0 and parts == 4 and out[0] != 0


cdef bint is_printable(Field f, uint32_t most) noexcept nogil:
    cdef uint32_t i
    for i in range(f.len):
        if not 0x20 <= f.at[i] < 0x7F:
            return False
    return f.len <= most


cdef bint read_identity(Stored* s, Field f, uint8_t kind, Reservation* cell) noexcept nogil:
    cdef uint8_t hardware[HARDWARE_SIZE]
    if cell.kind:
        return False             # two in one row
    cell.kind = kind
    if kind == IDENTITY_HW_ADDRESS:
        if not read_hw_address(f, hardware):
            return False
        put_identity(s, cell, hardware, HARDWARE_SIZE)
        return True
    if (f.len > IDENTIFIER_MAX or (kind == IDENTITY_CLIENT_ID and f.len < CLIENT_ID_MIN)
            or (f.len >= 4 and memcmp(f.at, b"hex:", 4) == 0)):
        return False
    put_identity(s, cell, f.at, f.len)
    return True


cdef inline uint32_t place_of(Field f) noexcept nogil:
    cdef uint32_t hash = f.len
    cdef uint32_t i
    for i in range(f.len):
        hash = (hash ^ f.at[i]) * <uint32_t>0x01000193
    return (hash ^ hash >> 15) & (LEARNT - 1)


# NULL: not learnt yet.
cdef inline const Meaning* meaning_of(const Meaning* learnt, Field f) noexcept nogil:
    cdef const Meaning* found = &learnt[place_of(f)]
    if found.at != NULL and found.len == f.len and memcmp(found.at, f.at, f.len) == 0:
        return found
    return NULL


# ---- a file

# One that is read: where it stands, and what its columns are.
cdef struct Csv:
    const uint8_t* at
    const uint8_t* end
    uint32_t line                # of what `at` begins
    uint32_t columns
    uint8_t column[COLUMNS_MAX]  # Column, or IdentityKind
    Meaning classes[LEARNT]
    Meaning vrfs[LEARNT]


cdef bint read_field(Stored* s, const Csv* csv, uint8_t column, Field f,
                     Reservation* cell) noexcept nogil:
    cdef const Meaning* meaning
    if f.at[0] <= c" " or f.at[f.len - 1] <= c" ":
        return False
    if column < IDENTITY_KINDS:
        return read_identity(s, f, column, cell)
    if column == COLUMN_ADDRESS:
        return read_address(f, &cell.address)
    if column == COLUMN_NEXT_SERVER:
        return read_address(f, &cell.next_server)
    if column == COLUMN_HOSTNAME or column == COLUMN_BOOT_FILE:
        if not is_printable(f, IDENTIFIER_MAX if column == COLUMN_HOSTNAME else BOOT_FILE_MAX):
            return False
        if column == COLUMN_HOSTNAME:
            put_hostname(s, cell, f.at, f.len)
        else:
            put_boot_file(s, cell, f.at, f.len)
        return True
    meaning = meaning_of(&csv.vrfs[0] if column == COLUMN_VRF else &csv.classes[0], f)
    if meaning == NULL:
        return False
    if column == COLUMN_VRF:
        cell.vrf = meaning.vrf
    else:
        memcpy(cell.classes, meaning.classes, sizeof(cell.classes))
    return True


# A row that is as most are. False: nothing is kept of it.
cdef bint read_row(Stored* s, const Csv* csv, const uint8_t* at, const uint8_t* end) noexcept nogil:
    cdef Reservation* cell = &s.cells[s.count]
    cdef uint32_t used = s.used
    cdef uint32_t column
    cdef const uint8_t* comma
    cdef Field f
    memset(cell, 0, sizeof(Reservation))
    for column in range(csv.columns):
        comma = <const uint8_t*>memchr(at, c",", end - at)
        if (comma == NULL) != (column + 1 == csv.columns):
            break
        f = Field(at, <uint32_t>((end if comma == NULL else comma) - at))
        if f.len and not read_field(s, csv, csv.column[column], f, cell):
            break
        at = comma + 1
    else:
        if cell.kind:
            cell.network = cell.address
            s.lines[s.count] = csv.line
            s.count += 1
            return True
    s.used = used
    return False


# Empty lines are passed over. False: there is a line that asks for a second look.
cdef bint read_rows(Stored* s, Csv* csv) noexcept nogil:
    cdef const uint8_t* newline
    cdef const uint8_t* end
    while csv.at < csv.end:
        newline = <const uint8_t*>memchr(csv.at, c"\n", csv.end - csv.at)
        end = csv.end if newline == NULL else newline
        if end > csv.at and (end - 1)[0] == c"\r":
            end -= 1
        if end > csv.at and (memchr(csv.at, c'"', end - csv.at) != NULL
                             or not read_row(s, csv, csv.at, end)):
            return False
        csv.at = csv.end if newline == NULL else newline + 1
        csv.line += 1
    return True


cdef class CsvReader:
    """Reads a file of reservations into `rows`; `columns`: what each holds. `at`: where the first
    line ends, which names them."""

    cdef Rows rows
    cdef Csv csv
    cdef list kept               # what `csv` points into

    def __init__(self, Rows rows not None, bytes data not None, columns, Py_ssize_t at):
        if not 1 <= len(columns) <= COLUMNS_MAX or not 0 <= at <= len(data):
            raise ValueError(f"a file of reservations has 1 to {COLUMNS_MAX} columns")
        memset(&self.csv, 0, sizeof(Csv))
        self.rows = rows
        self.kept = [data]
        self.csv.at = <const uint8_t*><const char*>data + at
        self.csv.end = <const uint8_t*><const char*>data + len(data)
        self.csv.line = 2
        self.csv.columns = <uint32_t>len(columns)
        for i, column in enumerate(columns):
            self.csv.column[<int>i] = column
        # A row takes a line, and at most its octets.
        rows.reserve(rows.stored.count + data.count(b"\n", at) + 1,
                     rows.stored.used + len(data) - at)

    def learn_classes(self, bytes written not None, classes):
        """What this field stands for from now on: places of classes + 1."""
        cdef Meaning meaning
        memset(&meaning, 0, sizeof(Meaning))
        for i, number in enumerate(classes):
            meaning.classes[<int>i] = number
        self._learn(self.csv.classes, written, meaning)

    def learn_vrf(self, bytes written not None, uint32_t vrf):
        """Likewise a VRF, by its place."""
        cdef Meaning meaning
        memset(&meaning, 0, sizeof(Meaning))
        meaning.vrf = vrf
        self._learn(self.csv.vrfs, written, meaning)

    cdef _learn(self, Meaning* learnt, bytes written, Meaning meaning):
        self.kept.append(written)
        meaning.at = <const uint8_t*><const char*>written
        meaning.len = <uint32_t>len(written)
        learnt[place_of(Field(meaning.at, meaning.len))] = meaning

    def read(self):
        """Reads on, to the next line that asks for a second look: its number, and its octets. None:
        the file has ended."""
        cdef Csv* csv = &self.csv
        cdef Stored* s = &self.rows.stored
        cdef const uint8_t* newline
        cdef bint whole
        with nogil:
            whole = read_rows(s, csv)
        if whole:
            return None
        newline = <const uint8_t*>memchr(csv.at, c"\n", csv.end - csv.at)
        size = (csv.end if newline == NULL else newline) - csv.at
        octets = (<const char*>csv.at)[:size]
        csv.at = csv.end if newline == NULL else newline + 1
        csv.line += 1
        return csv.line - 1, octets.removesuffix(b"\r")
