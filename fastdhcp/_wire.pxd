"""The DHCP message on the wire: offsets, limits, byte order, and a Writer with a sticky error.

Inline only. A Writer that has failed does nothing more, so writing is a straight line with one look
at `failed` after the last field.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

# RFC 2131 2, figure 1: offsets of the fixed header.
cdef enum:
    AT_OP = 0
    AT_HTYPE = 1
    AT_HLEN = 2
    AT_HOPS = 3
    AT_XID = 4
    AT_SECS = 8
    AT_FLAGS = 10
    AT_CIADDR = 12
    AT_YIADDR = 16
    AT_SIADDR = 20
    AT_GIADDR = 24
    AT_CHADDR = 28
    AT_SNAME = 44
    AT_FILE = 108
    AT_COOKIE = 236          # 44 + 64 (sname) + 128 (file)
    AT_OPTIONS = 240         # cookie is four bytes

cdef enum:
    HTYPE_ETHERNET = 1       # RFC 1700: the hardware address is what a frame can be sent to
    ETHERNET_HLEN = 6
    HLEN_MAX = 16
    SNAME_SIZE = 64
    FILE_SIZE = 128
    MAGIC_COOKIE = 0x63825363
    MESSAGE_SIZE_MIN = 300   # RFC 1542 2.1: a BOOTP message is at least 300 bytes
    MESSAGE_SIZE_MAX = 1472  # 1500 - 20 (IP) - 8 (UDP)
    IP_UDP_SIZE = 28
    DATAGRAM_SIZE_MIN = 576  # RFC 2132 9.10: the least that option 57 may say, IP and UDP in it
    FLAG_BROADCAST = 0x8000

cdef enum:
    BOOTREQUEST = 1
    BOOTREPLY = 2

# RFC 2132 9.6 and RFC 4388 6.1: option 53.
cdef enum MessageType:
    BOOTP = 0                # no option 53
    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7
    INFORM = 8
    FORCERENEW = 9
    LEASEQUERY = 10
    LEASEUNASSIGNED = 11
    LEASEUNKNOWN = 12
    LEASEACTIVE = 13
    MESSAGE_TYPE_MAX = 18    # RFC 7724: 14 to 18

cdef enum OptionCode:
    OPTION_PAD = 0
    OPTION_SUBNET_MASK = 1
    OPTION_HOSTNAME = 12
    OPTION_REQUESTED_ADDRESS = 50
    OPTION_LEASE_TIME = 51
    OPTION_OVERLOAD = 52
    OPTION_MESSAGE_TYPE = 53
    OPTION_SERVER_ID = 54
    OPTION_PARAMETER_LIST = 55
    OPTION_MESSAGE = 56
    OPTION_MAX_SIZE = 57
    OPTION_RENEWAL_TIME = 58
    OPTION_REBINDING_TIME = 59
    OPTION_VENDOR_CLASS = 60
    OPTION_CLIENT_ID = 61
    OPTION_TFTP_SERVER_NAME = 66
    OPTION_BOOT_FILE_NAME = 67
    OPTION_USER_CLASS = 77
    OPTION_RAPID_COMMIT = 80
    OPTION_FQDN = 81
    OPTION_RELAY_INFO = 82
    OPTION_ARCHITECTURE = 93
    OPTION_V6_ONLY = 108
    OPTION_AUTO_CONFIG = 116
    OPTION_SUBNET_SELECTION = 118
    OPTION_VSS = 221
    OPTION_END = 255

# Sub-options of 82: RFC 3046 2.0, 3527, 3993, 5010, 5107, 8357, 6607.
cdef enum RelayCode:
    RELAY_CIRCUIT_ID = 1
    RELAY_REMOTE_ID = 2
    RELAY_LINK_SELECTION = 5
    RELAY_SUBSCRIBER_ID = 6
    RELAY_FLAGS = 10
    RELAY_SERVER_ID = 11
    RELAY_SOURCE_PORT = 19
    RELAY_VSS = 151
    RELAY_VSS_CONTROL = 152
    RELAY_FLAG_UNICAST = 0x80  # RFC 5010 3: the client's message was unicast


# RFC 6607 3.5: the first octet of VSS information.
cdef enum VssType:
    VSS_TEXT = 0             # a VPN's name
    VSS_VPN_ID = 1           # RFC 2685: seven octets
    VSS_GLOBAL = 255         # the default VPN; nothing follows


cdef inline uint16_t load_be16(const uint8_t* at) noexcept nogil:
    return <uint16_t>((at[0] << 8) | at[1])


cdef inline uint32_t load_be32(const uint8_t* at) noexcept nogil:
    return ((<uint32_t>at[0] << 24) | (<uint32_t>at[1] << 16)
            | (<uint32_t>at[2] << 8) | at[3])


cdef inline void store_be16(uint8_t* at, uint16_t value) noexcept nogil:
    at[0] = <uint8_t>(value >> 8)
    at[1] = <uint8_t>value


cdef inline void store_be32(uint8_t* at, uint32_t value) noexcept nogil:
    at[0] = <uint8_t>(value >> 24)
    at[1] = <uint8_t>(value >> 16)
    at[2] = <uint8_t>(value >> 8)
    at[3] = <uint8_t>value


# Bytes of a message, of a table or of a scratch area; `at` is NULL if there are none.
cdef struct Span:
    const uint8_t* at
    uint32_t len


cdef struct Writer:
    uint8_t* at
    uint8_t* end
    bint failed


cdef inline void write_bytes(Writer* w, const uint8_t* data, size_t size) noexcept nogil:
    if w.failed or <size_t>(w.end - w.at) < size:
        w.failed = True
        return
    memcpy(w.at, data, size)
    w.at += size


cdef inline void write_u8(Writer* w, uint8_t value) noexcept nogil:
    if w.failed or w.end - w.at < 1:
        w.failed = True
        return
    w.at[0] = value
    w.at += 1


cdef inline void write_option_u8(Writer* w, uint8_t code, uint8_t value) noexcept nogil:
    if w.failed or w.end - w.at < 3:
        w.failed = True
        return
    w.at[0] = code
    w.at[1] = 1
    w.at[2] = value
    w.at += 3


cdef inline void write_option_u32(Writer* w, uint8_t code, uint32_t value) noexcept nogil:
    if w.failed or w.end - w.at < 6:
        w.failed = True
        return
    w.at[0] = code
    w.at[1] = 4
    store_be32(w.at + 2, value)
    w.at += 6


cdef inline void write_part(Writer* w, uint8_t code, const uint8_t* at,
                            uint8_t size) noexcept nogil:
    if w.failed or w.end - w.at < 2 + size:
        w.failed = True
        return
    w.at[0] = code
    w.at[1] = size
    if size:
        memcpy(w.at + 2, at, size)
    w.at += 2 + size


# RFC 3396 5: what is longer than 255 bytes goes out in several instances of the option.
cdef inline void write_option(Writer* w, uint8_t code, Span value) noexcept nogil:
    cdef const uint8_t* at = value.at
    cdef uint32_t left = value.len
    while left > 255:
        write_part(w, code, at, 255)
        at += 255
        left -= 255
    write_part(w, code, at, <uint8_t>left)


# Where there is room for sure.
cdef inline void put_option_u8(Writer* w, uint8_t code, uint8_t value) noexcept nogil:
    w.at[0] = code
    w.at[1] = 1
    w.at[2] = value
    w.at += 3


cdef inline void put_option_u32(Writer* w, uint8_t code, uint32_t value) noexcept nogil:
    w.at[0] = code
    w.at[1] = 4
    store_be32(w.at + 2, value)
    w.at += 6
