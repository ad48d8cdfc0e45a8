"""One small DHCP client: DISCOVER, REQUEST, renewals, RELEASE, and once more (RFC 2131 4.4)."""

import random
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Protocol

from fastdhcp.demo.tally import Tally
from fastdhcp.packet import Packet
from fastdhcp.probe.checks import LEASE_TIME, SERVER_ID, T1, seconds, unusable
from fastdhcp.probe.messages import ACK, NAK, OFFER, Client

RETRY_S = 1.0
TRIES = 4
RELEASES = 0.2
"""Part of the clients that leave at T1 instead of renewing, and come back."""
AWAY_S = 1.0, 3.0


class Air(Protocol):
    """What a station is given of its link."""

    way: str
    random: random.Random

    def broadcast(self, message: bytes, hw_address: bytes) -> None: ...
    def unicast(self, message: bytes, hw_address: bytes, address: str, server: str) -> None: ...
    def after(self, delay: float, act: Callable[[], None]) -> None: ...


class State(Enum):
    """RFC 2131 figure 5, as far as a client that starts afresh goes."""

    INIT = "init"
    SELECTING = "selecting"
    REQUESTING = "requesting"
    BOUND = "bound"
    RENEWING = "renewing"


class Station:
    """A client with a hardware address of its own. `renews`: at T1, else it leaves."""

    def __init__(self, air: Air, client: Client, tally: Tally, *, renews: bool) -> None:
        self.air, self.client, self.tally, self.renews = air, client, tally, renews
        self.state = State.INIT
        self.address: str | None = None
        self._server_id = b""
        self._offer: Packet | None = None
        self._tries = 0
        self._began = self._sent = 0.0
        self._turn = 0
        """Of the timer that counts: all those set before are void."""

    def start(self) -> None:
        """INIT: a new exchange, with a new xid."""
        self.state, self._tries = State.SELECTING, 0
        self.client = replace(self.client, xid=self.air.random.getrandbits(32))
        self._began = time.monotonic()
        self._transmit()

    def heard(self, packet: Packet) -> None:
        """An answer to our chaddr and xid."""
        kind, now = packet.message_type, time.monotonic()
        if kind == OFFER and self.state is State.SELECTING and unusable(packet) is None:
            self.tally.answered("offer", now - self._sent)
            self._offer, self._server_id = packet, packet.options[SERVER_ID]
            self.state, self._tries = State.REQUESTING, 0
            self._transmit()
        elif kind == ACK and self.state in (State.REQUESTING, State.RENEWING):
            self._bound(packet, now)
        elif kind == NAK and self.state in (State.REQUESTING, State.RENEWING):
            self.tally.counts["nak"] += 1
            self._leave(0.0)

    def _bound(self, packet: Packet, now: float) -> None:
        lease = seconds(packet, LEASE_TIME) or 0
        until = self._sent + lease  # RFC 2131 4.4.5: from when the REQUEST was sent
        if self.state is State.REQUESTING:
            self.tally.answered("ack", now - self._sent)
            took = now - self._began
            self.tally.leased(self.client.hw_address, packet.yiaddr, until, self.air.way, took)
        else:
            self.tally.answered("renewal", now - self._sent)
            self.tally.renewed(self.client.hw_address, packet.yiaddr, until)
        self.state, self.address = State.BOUND, packet.yiaddr
        # RFC 2131 4.4.5: T1 with some "fuzz", so that clients do not come all at once.
        self._later((seconds(packet, T1) or lease / 2) * self.air.random.uniform(0.7, 1.0))

    def _due(self) -> None:
        """A timer: T1, the end of a pause, or no answer in time."""
        if self.state is State.INIT:
            self.start()
        elif self.state is State.BOUND:
            self._renew_or_release()
        elif self._tries < TRIES:
            self.tally.counts["retransmission"] += 1
            self._transmit()
        else:
            self.tally.counts["unanswered"] += 1
            self._leave(0.0)

    def _renew_or_release(self) -> None:
        if self.renews and self.air.random.random() >= RELEASES:
            self.state, self._tries = State.RENEWING, 0
            self._transmit()
            return
        assert self.address is not None
        self._unicast(self.client.release(self.address, self._server_id))
        self.tally.released(self.address)
        self._leave(self.air.random.uniform(*AWAY_S))

    def _leave(self, pause: float) -> None:
        self.state, self.address = State.INIT, None
        self._later(pause)

    def _transmit(self) -> None:
        self._tries += 1
        self._sent = time.monotonic()
        secs = int(self._sent - self._began)
        if self.state is State.RENEWING:
            assert self.address is not None
            self._unicast(self.client.renew(self.address))
        elif self.state is State.REQUESTING:
            assert self._offer is not None
            self._broadcast(self.client.request(self._offer, secs))
        else:
            self._broadcast(self.client.discover(secs))
        self._later(RETRY_S * self.air.random.uniform(0.9, 1.1))

    def _broadcast(self, message: bytes) -> None:
        self.air.broadcast(message, self.client.hw_address)

    def _unicast(self, message: bytes) -> None:
        assert self.address is not None
        server = socket.inet_ntoa(self._server_id)
        self.air.unicast(message, self.client.hw_address, self.address, server)

    def _later(self, delay: float) -> None:
        self._turn += 1
        turn = self._turn
        self.air.after(delay, lambda: self._due() if turn == self._turn else None)
