"""The UDP sockets of generator and echo."""

import errno
import socket
import struct
from ipaddress import IPv4Address

from fastdhcp.ports import port_holders
from fastdhcp.words import address_number

UDP_GRO = 104
"""linux/udp.h; the socket module does not have it."""
SO_RCVBUFFORCE = 33
ETH_P_IP = 0x0800
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP = 1
PACKET_MR_PROMISC = 1

RECEIVE_BUFFER_BYTES = 32 << 20
"""The kernel's default holds 166 packets: fewer than one window."""


def _widen(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)


def relay_socket(address: str, port: int, relays: int = 1) -> socket.socket:
    """A relay agent's socket, bound to giaddr, with trains joined by the kernel (UDP_GRO).

    Several relay agents, at that address and those after it, share one that is bound to all.

    Raises ValueError for what is not an address, and OSError, in words, if an address or the port
    cannot be bound.
    """
    first = address_number(address)
    for number in range(first + 1, first + relays):
        _bound(str(IPv4Address(number)), 0).close()
    if relays == 1:
        return _bound(address, port)
    _bound(address, 0).close()
    return _bound("0.0.0.0", port)


def link_socket(interface: str, port: int) -> socket.socket:
    """The socket of clients on a link: what comes by it to this port, broadcasts too.

    Raises OSError, in words, if there is no such interface or the port cannot be bound.
    """
    return _bound("0.0.0.0", port, interface)


def frame_socket(interface: str) -> socket.socket:
    """A packet socket for the frames that come by a link, to whatever hardware address.

    Raises OSError, in words, without the privilege or the interface.
    """
    try:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError as error:
        raise OSError("frames are read by a packet socket, which needs CAP_NET_RAW") from error
    try:
        _widen(sock)
        index = socket.if_nametoindex(interface)
        membership = struct.pack("@iHH8x", index, PACKET_MR_PROMISC, 0)
        sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership)
        sock.bind((interface, ETH_P_IP))  # with 0 above, nothing came before
    except BaseException:
        sock.close()
        raise
    return sock


def hear_link(sock: socket.socket, interface: str) -> None:
    """Send and receive by this interface alone, and broadcasts too."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)


def _bound(address: str, port: int, interface: str | None = None) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        _widen(sock)
        sock.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        if interface:
            hear_link(sock, interface)
        sock.bind((address, port))
    except OSError as error:
        sock.close()
        raise OSError(_why_not_bound(error, interface or address, port)) from error
    return sock


def _why_not_bound(error: OSError, address: str, port: int) -> str:
    if error.errno == errno.ENODEV:
        return f"{address} is not an interface of this machine; give --interface one that is"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{address} is not an address of this machine; give --relay one that is"
    if error.errno == errno.EADDRINUSE:
        who = " and ".join(map(str, port_holders(port))) or "a process not seen here"
        return f"UDP port {port} on {address} is in use by {who}; stop it, or give --relay-port"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"UDP port {port} needs CAP_NET_BIND_SERVICE; run as root, or give --relay-port"
    return f"cannot bind UDP port {port} on {address}: {error.strerror}"


def server_socket() -> socket.socket:
    """A server's socket, not yet bound: steering is attached before (fastdhcp.bpf)."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    _widen(sock)
    return sock
