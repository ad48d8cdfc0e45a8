"""The UDP sockets of generator and echo."""

import socket

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

    Raises OSError if the address or port cannot be bound.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        _widen(sock)
        sock.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def server_socket() -> socket.socket:
    """A server's socket, not yet bound: steering is attached before (fastdhcp.bpf)."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    _widen(sock)
    return sock
