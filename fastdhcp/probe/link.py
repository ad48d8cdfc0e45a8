"""Frames on a link: works without an address, and disturbs no client of this host."""

import time

from fastdhcp.probe.frames import BROADCAST, frame, listen_for, open_answers, open_sender, read
from fastdhcp.probe.paths import (
    ALL,
    ANY,
    CLIENT_PORT,
    RECEIVE_SIZE,
    SERVER_PORT,
    Arrival,
    wait,
)
from fastdhcp.probe.trouble import Stopped

PACKET_BROADCAST, PACKET_OUTGOING = 1, 4  # linux/if_packet.h


class LinkPath:
    """A station of its own hardware address. Raises PermissionError without CAP_NET_RAW."""

    def __init__(self, interface: str, hw_address: bytes, xid: int) -> None:
        self.hw_address = hw_address
        self._answers = open_answers(interface, CLIENT_PORT, xid)
        self._sender = open_sender(interface)
        listen_for(self._answers, interface, hw_address)

    def send(self, payload: bytes) -> None:
        """By broadcast, as a client without an address does."""
        self._send(frame(payload, (ANY, CLIENT_PORT), (ALL, SERVER_PORT), self.hw_address))

    def send_unicast(self, payload: bytes, address: str, to: Arrival, server: str) -> None:
        """Through whoever sent us its answer: that is the server, or the relay agent, a router."""
        ends = (address, CLIENT_PORT), (server, SERVER_PORT)
        self._send(frame(payload, *ends, self.hw_address, to.hw_address or BROADCAST))

    def receive(self, deadline: float) -> Arrival | None:
        while wait([self._answers], deadline):
            data, (_, _, kind, _, sender) = self._answers.recvfrom(RECEIVE_SIZE)
            found = read(data)
            if kind != PACKET_OUTGOING and found is not None:
                at, broadcast = time.monotonic(), kind == PACKET_BROADCAST
                return Arrival(at, found.payload, found.source[0], sender, broadcast)
        return None

    def dropped_here(self) -> int | None:
        return 0  # a packet socket stands before every firewall

    def close(self) -> None:
        self._answers.close()
        self._sender.close()

    def _send(self, data: bytes) -> None:
        try:
            self._sender.send(data)
        except OSError as error:
            raise Stopped("send-failed", f"the link took no packet: {error.strerror}") from error
