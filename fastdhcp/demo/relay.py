"""A small relay agent (RFC 1542 4, RFC 3046) between the demo's clients and its server."""

import contextlib
import socket

from fastdhcp.demo.namespaces import Namespace
from fastdhcp.demo.network import GIADDR, SERVER_UP
from fastdhcp.probe.frames import frame, open_sender
from fastdhcp.probe.paths import ALL, CLIENT_PORT, SERVER_PORT

HEADER_SIZE = 240  # with the magic cookie
HOPS_MAX = 16  # RFC 1542 4.1.1
BROADCAST_FLAG = 0x80  # in octet 10
PAD, RELAY_INFO, END = 0, 82, 255
PORTS = 48
BATCH = 64
RECEIVE_BUFFER = 4 << 20


class RelayAgent:
    """Forwards between `down0`, where its clients are, and the server behind `up0`."""

    def __init__(self, namespace: Namespace) -> None:
        with namespace.inside():
            # One socket for each side: the device tells them apart, both have port 67.
            self.down = _open("down0", "")
            self.up = _open("up0", GIADDR)
            self._sender = open_sender("down0")
        self._hw_address = self._sender.getsockname()[4]

    def from_clients(self) -> None:
        """What clients broadcast goes to the server, with giaddr and option 82."""
        for message in _drain(self.down):
            if relayed := to_server(message):
                with contextlib.suppress(OSError):
                    self.up.sendto(relayed, (SERVER_UP, SERVER_PORT))

    def from_server(self) -> None:
        """What the server answers goes to the client, without option 82."""
        for message in _drain(self.up):
            if len(message) < HEADER_SIZE or message[0] != 2:
                continue
            answer = without_relay_info(message)
            with contextlib.suppress(OSError):
                self._deliver(answer)

    def close(self) -> None:
        for sock in (self.down, self.up, self._sender):
            sock.close()

    def _deliver(self, answer: bytes) -> None:
        """RFC 1542 4.1.2: by broadcast if the client asked for it, else in a frame to chaddr."""
        if answer[10] & BROADCAST_FLAG or answer[2] != 6:
            self.down.sendto(answer, (ALL, CLIENT_PORT))
            return
        ends = (GIADDR, SERVER_PORT), (socket.inet_ntoa(answer[16:20]), CLIENT_PORT)
        self._sender.send(frame(answer, *ends, self._hw_address, answer[28:34]))


def to_server(message: bytes) -> bytes | None:
    """A client's message as the server is to see it; None for what is not relayed."""
    end = _end_of_options(message)
    if end is None or message[0] != 1 or message[3] >= HOPS_MAX or message[24:28] != bytes(4):
        return None
    circuit = b"port-%d" % (message[33] % PORTS + 1)
    info = bytes((RELAY_INFO, 2 + len(circuit), 1, len(circuit))) + circuit
    hops = bytes((message[3] + 1,))
    head = message[:3] + hops + message[4:24] + socket.inet_aton(GIADDR) + message[28:end]
    return head + info + bytes((END,))


def without_relay_info(message: bytes) -> bytes:
    """RFC 3046 2.1: the client must not see what its relay agent added."""
    for code, at, after in _options(message):
        if code == RELAY_INFO:
            return message[:at] + message[after:]
    return message


def _end_of_options(message: bytes) -> int | None:
    return next((at for code, at, _ in _options(message) if code == END), None)


def _options(message: bytes) -> list[tuple[int, int, int]]:
    """Code, start and end of each option, END included; empty if they are cut short."""
    found: list[tuple[int, int, int]] = []
    at = HEADER_SIZE
    while at < len(message):
        code = message[at]
        if code == END:
            return [*found, (code, at, at + 1)]
        size = 1 if code == PAD else 2 + message[at + 1] if at + 1 < len(message) else 0
        if size == 0 or at + size > len(message):
            return []
        if code != PAD:
            found.append((code, at, at + size))
        at += size
    return []


def _open(device: str, address: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    sock.bind((address, SERVER_PORT))
    return sock


def _drain(sock: socket.socket) -> list[bytes]:
    """What waits, a batch at most, so that everybody has a turn."""
    found: list[bytes] = []
    with contextlib.suppress(BlockingIOError):
        while len(found) < BATCH:
            found.append(sock.recv(2048))
    return found
