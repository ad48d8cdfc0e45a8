"""Many small clients on one link: their frames, their timers, and ARP in their name."""

import contextlib
import heapq
import itertools
import random
import socket
import struct
import time
from collections.abc import Callable

from fastdhcp.demo.namespaces import Namespace
from fastdhcp.demo.station import Station
from fastdhcp.demo.tally import Tally
from fastdhcp.packet import DecodeError
from fastdhcp.probe.frames import BROADCAST, frame, open_answers, open_sender, read
from fastdhcp.probe.messages import Client
from fastdhcp.probe.paths import ALL, ANY, CLIENT_PORT, SERVER_PORT

ETH_P_ARP = 0x0806
ARP_REQUEST, ARP_REPLY = 1, 2
_ARP = struct.Struct("!HHBBH6s4s6s4s")  # RFC 826
BATCH = 64
RECEIVE_BUFFER = 4 << 20
CHADDR_AT = 28

RENEWING_MAX = 128
"""Clients of a link that renew. The answer to a renewal is unicast, for which the kernel resolves
the client's address; its neighbour table is one for the whole machine and holds 1024 entries."""


class Crowd:
    """The clients on `interface` of a namespace; half of them ask for answers by broadcast."""

    def __init__(
        self, namespace: Namespace, interface: str, way: str, count: int, tally: Tally
    ) -> None:
        self.way = way
        self.random = random.Random(interface)
        with namespace.inside():
            self.answers = open_answers(interface, CLIENT_PORT, None)
            self.arp = _open_arp(interface)
            self._sender = open_sender(interface)
        self.answers.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.answers.setblocking(False)
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._router = BROADCAST
        """The hardware address behind which the server is: it sent us an answer."""
        self.stations: dict[bytes, Station] = {}
        for number in range(count):
            client = Client(self._hw_address(number), broadcast=number % 2 == 0)
            station = Station(self, client, tally, renews=number < RENEWING_MAX)
            self.stations[client.hw_address] = station

    def arrive(self, within: float) -> None:
        """All clients start, spread over `within` seconds."""
        for number, station in enumerate(self.stations.values()):
            self.after(within * number / len(self.stations), station.start)

    def next_due(self) -> float:
        """When the next timer is due (time.monotonic)."""
        return self._timers[0][0] if self._timers else time.monotonic() + 60

    def run_timers(self) -> None:
        """A batch of those that are due."""
        now = time.monotonic()
        for _ in range(BATCH):
            if not self._timers or self._timers[0][0] > now:
                return
            heapq.heappop(self._timers)[2]()

    def after(self, delay: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (time.monotonic() + delay, next(self._numbers), act))

    def broadcast(self, message: bytes, hw_address: bytes) -> None:
        self._send(frame(message, (ANY, CLIENT_PORT), (ALL, SERVER_PORT), hw_address))

    def unicast(self, message: bytes, hw_address: bytes, address: str, server: str) -> None:
        ends = (address, CLIENT_PORT), (server, SERVER_PORT)
        self._send(frame(message, *ends, hw_address, self._router))

    def hear(self) -> None:
        """Answers that came: each goes to the client whose chaddr and xid it has."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(BATCH):
                data, (_, _, _, _, sender) = self.answers.recvfrom(2048)
                found = read(data)
                if found is not None and len(found.payload) > CHADDR_AT + 6:
                    self._router = sender
                    self._deliver(found.payload)

    def answer_arp(self) -> None:
        """Say where our clients' addresses are (RFC 826)."""
        held = {s.address: s.client.hw_address for s in self.stations.values() if s.address}
        with contextlib.suppress(BlockingIOError):
            for _ in range(BATCH):
                data, _ = self.arp.recvfrom(128)
                if len(data) < _ARP.size:
                    continue
                *_, kind, asker, asker_ip, _, wanted = _ARP.unpack_from(data)
                own = held.get(socket.inet_ntoa(wanted))
                if kind == ARP_REQUEST and own is not None:
                    ends = own, wanted, asker, asker_ip
                    body = _ARP.pack(1, 0x0800, 6, 4, ARP_REPLY, *ends)
                    self._send(asker + own + ETH_P_ARP.to_bytes(2) + body)

    def close(self) -> None:
        for sock in (self.answers, self.arp, self._sender):
            sock.close()

    def _deliver(self, payload: bytes) -> None:
        station = self.stations.get(payload[CHADDR_AT : CHADDR_AT + 6])
        if station is None:
            return
        with contextlib.suppress(DecodeError):
            packet = station.client.reads(payload)
            if packet is not None:
                station.heard(packet)

    def _send(self, data: bytes) -> None:
        # A full queue loses it, as a link may; the client sends again.
        with contextlib.suppress(OSError):
            self._sender.send(data)

    def _hw_address(self, number: int) -> bytes:
        return b"\x02" + self.way[:1].encode() + number.to_bytes(4)


def _open_arp(interface: str) -> socket.socket:
    kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
    sock = socket.socket(socket.AF_PACKET, kind, socket.htons(0))
    sock.bind((interface, ETH_P_ARP))
    return sock
