"""Frames: a reply as the link carries it to a client that has no address yet. Inline only.

RFC 2131 4.1: without giaddr, ciaddr and the BROADCAST bit it goes to the client's hardware address
and to yiaddr. The client's own IP layer does not know yiaddr yet, so it is read by a packet socket.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp

from bench._messages cimport CLIENT_PORT, ETHERNET_HLEN
from fastdhcp._wire cimport AT_CHADDR, AT_OPTIONS, AT_YIADDR, load_be16, load_be32

cdef enum:
    ETHERNET_SIZE = 14
    ETHERTYPE_AT = 12
    ETHERTYPE_IP = 0x0800
    IP_SIZE = 20                # without options
    UDP_SIZE = 8
    PROTOCOL_UDP = 17
    FRAGMENT_MASK = 0x3FFF      # of flags and offset: more fragments, or not the first


# The message in a frame of `size` octets that is for the client which the message names; NULL for
# any other frame, which no client takes up.
cdef inline const uint8_t* frame_message(
    const uint8_t* frame, uint32_t size, uint32_t* message_size,
) noexcept nogil:
    cdef const uint8_t* ip = frame + ETHERNET_SIZE
    cdef const uint8_t* udp
    cdef const uint8_t* message
    cdef uint32_t ip_size, udp_size
    if (size < ETHERNET_SIZE + IP_SIZE or load_be16(frame + ETHERTYPE_AT) != ETHERTYPE_IP
            or ip[0] >> 4 != 4 or ip[9] != PROTOCOL_UDP or load_be16(ip + 6) & FRAGMENT_MASK):
        return NULL
    ip_size = <uint32_t>(ip[0] & 15) * 4
    if ip_size < IP_SIZE or size < ETHERNET_SIZE + ip_size + UDP_SIZE:
        return NULL
    udp = ip + ip_size
    udp_size = load_be16(udp + 4)
    if (load_be16(udp + 2) != CLIENT_PORT or udp_size < UDP_SIZE + AT_OPTIONS
            or size < ETHERNET_SIZE + ip_size + udp_size):
        return NULL
    message = udp + UDP_SIZE
    if (memcmp(frame, message + AT_CHADDR, ETHERNET_HLEN) != 0
            or load_be32(ip + 16) != load_be32(message + AT_YIADDR)):
        return NULL
    message_size[0] = udp_size - UDP_SIZE
    return message
