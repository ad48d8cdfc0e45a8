"""The UDP sockets of generator and echo."""

import errno
import socket

from fastdhcp.ports import port_holders
from fastdhcp.words import address_number

UDP_GRO = 104
"""linux/udp.h; the socket module does not have it."""
SO_RCVBUFFORCE = 33

RECEIVE_BUFFER_BYTES = 32 << 20
"""The kernel's default holds 166 packets: fewer than one window."""


def _widen(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)


def relay_socket(address: str, port: int) -> socket.socket:
    """A relay agent's socket, bound to giaddr, with trains joined by the kernel (UDP_GRO).

    Raises ValueError for what is not an address, and OSError, in words, if the address or port
    cannot be bound.
    """
    address_number(address)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        _widen(sock)
        sock.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        sock.bind((address, port))
    except OSError as error:
        sock.close()
        raise OSError(_why_not_bound(error, address, port)) from error
    return sock


def _why_not_bound(error: OSError, address: str, port: int) -> str:
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
