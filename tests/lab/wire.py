"""Senders of any DHCP packet: a station on the link, and a relay agent."""

import dataclasses
import itertools
import select
import socket
import struct
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from .capture import Capture, grow_receive_buffer
from .namespaces import Namespace
from .packet import ACK, BROADCAST_MAC, DISCOVER, OFFER, REQUEST, Frame, Message, build, frame
from .patience import PATIENCE_S

CLIENT_PORT, SERVER_PORT = 68, 67
UDP_SEGMENT = 103  # linux/udp.h
ANY, ALL = "0.0.0.0", "255.255.255.255"


class LinkClient:
    """Stations on one link, each with a MAC of its own: sends frames, sees every answer."""

    def __init__(self, namespace: Namespace, interface: str) -> None:
        self.capture = Capture(namespace, interface)
        with namespace:
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.bind((interface, 0))

    def broadcast(self, payload: bytes, ether_source: bytes, *, checksum: bool = True) -> None:
        """As a client without an address sends: 0.0.0.0:68 to 255.255.255.255:67."""
        source, target = (ANY, CLIENT_PORT), (ALL, SERVER_PORT)
        self.socket.send(frame(payload, source, target, ether_source, checksum=checksum))

    def unicast(
        self, payload: bytes, ether_source: bytes, source: str, target: str, ether_target: bytes
    ) -> None:
        """As a client that renews sends: from its address to the server's."""
        ends = (source, CLIENT_PORT), (target, SERVER_PORT)
        self.socket.send(frame(payload, *ends, ether_source, ether_target))

    def answers(
        self,
        xid: int | None = None,
        *,
        count: int | None = 1,
        timeout: float = PATIENCE_S,
        quiet: float = 0.03,
    ) -> list[Frame]:
        """The replies (op 2) seen, to ``xid`` if given: see Capture.collect."""
        times = {"timeout": timeout, "quiet": quiet}
        return self.capture.collect(lambda f: _is_reply(f, xid), count=count, **times)

    def ask(self, payload: bytes) -> Message:
        """``exchange``, for the message alone."""
        return self.exchange(payload).message

    def exchange(self, payload: bytes, *, timeout: float = PATIENCE_S) -> Frame:
        """Broadcast one message from its own chaddr; its one answer. Raises AssertionError."""
        sent = Message.parse(payload)
        self.broadcast(payload, sent.chaddr)
        return only(self.answers(sent.xid, timeout=timeout))

    def silence(self, payload: bytes, *, timeout: float = 1) -> None:
        """Broadcast one message that must draw no answer. Raises AssertionError if one comes."""
        sent = Message.parse(payload)
        self.broadcast(payload, sent.chaddr)
        seen = self.answers(sent.xid, count=None, timeout=timeout)
        assert not seen, f"answered with {[f.message for f in seen]}"

    def close(self) -> None:
        self.socket.close()
        self.capture.close()


def _is_reply(seen: Frame, xid: int | None) -> bool:
    if CLIENT_PORT not in (seen.target[1], seen.source[1]) and seen.source[1] != SERVER_PORT:
        return False
    try:
        message = seen.message
    except ValueError:
        return False
    return message.op == 2 and xid in (None, message.xid)


def only(frames: list[Frame]) -> Frame:
    """The single frame of a list. Raises AssertionError if it is none or several."""
    assert len(frames) == 1, f"{len(frames)} answers: {[f.message for f in frames]}"
    return frames[0]


@dataclasses.dataclass(frozen=True)
class Received:
    """A reply at a relay agent's socket, and where it came from."""

    message: Message
    source: tuple[str, int]


class RelayAgent:
    """A relay agent's UDP socket on one address, as a rule on port 67; sends from there or another.

    All that came is kept in ``received``.
    """

    def __init__(
        self, namespace: Namespace, address: str, server: str, port: int = SERVER_PORT
    ) -> None:
        self.namespace = namespace
        self.address = address
        self.server = server
        self.received: list[Received] = []
        self.port = port
        self.socket = self._bound(port)

    def _bound(self, port: int) -> socket.socket:
        with self.namespace:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        grow_receive_buffer(sock)
        sock.bind((self.address, port))
        return sock

    def send(self, payload: bytes, *, source_port: int | None = None) -> None:
        """Send one packet to the server, from another port than its own if asked to."""
        if source_port is None or source_port == self.port:
            self.socket.sendto(payload, (self.server, SERVER_PORT))
            return
        with self._bound(source_port) as sock:
            sock.sendto(payload, (self.server, SERVER_PORT))

    def send_train(self, payloads: Sequence[bytes]) -> None:
        """Send packets of one length, 64 at most, as one message that the kernel is to cut."""
        step = struct.pack("H", len(payloads[0]))
        control = [(socket.IPPROTO_UDP, UDP_SEGMENT, step)]
        self.socket.sendmsg([b"".join(payloads)], control, 0, (self.server, SERVER_PORT))

    def collect(
        self, *, count: int | None = 1, timeout: float = PATIENCE_S, quiet: float = 0.03
    ) -> list[Received]:
        """What comes: ``count`` replies and then ``quiet`` seconds; all of ``timeout`` without."""
        found: list[Received] = []
        limit = time.monotonic() + timeout
        while (left := limit - time.monotonic()) > 0:
            if not select.select([self.socket], [], [], left)[0]:
                break
            raw, source = self.socket.recvfrom(65536)
            found.append(Received(Message.parse(raw), source))
            self.received.append(found[-1])
            if count is not None and len(found) >= count:
                limit = min(limit, time.monotonic() + quiet)
        return found

    def replies(self, kind: int, xids: Collection[int], *, timeout: float) -> list[Message]:
        """The replies of a type to these transactions: one each, or what came in time."""
        wanted, found = set(xids), list[Message]()
        limit = time.monotonic() + timeout
        while wanted and (left := limit - time.monotonic()) > 0:
            for received in self.collect(timeout=left, quiet=0):
                message = received.message
                if message.type == kind and message.xid in wanted:
                    wanted.remove(message.xid)
                    found.append(message)
        return found

    def exchange(self, payload: bytes, *, timeout: float = PATIENCE_S) -> Message:
        """Send one message; its one answer. Raises AssertionError."""
        self.send(payload)
        xid = int.from_bytes(payload[4:8], "big")
        found = [r for r in self.collect(timeout=timeout) if r.message.xid == xid]
        assert len(found) == 1, f"{len(found)} answers"
        return found[0].message

    def silence(self, payload: bytes, *, timeout: float = 1) -> None:
        """Send one message that must draw no answer. Raises AssertionError if one comes."""
        self.send(payload)
        seen = self.collect(count=None, timeout=timeout)
        assert not seen, f"answered with {[r.message for r in seen]}"

    def close(self) -> None:
        self.socket.close()


def dora(
    exchange: Callable[[bytes], Message], chaddr: bytes, xid: int = 0x0D0A0000, **header: Any
) -> Message:
    """DISCOVER, OFFER, REQUEST, ACK by any exchanger of messages; the ACK. AssertionError."""
    offer = exchange(build(DISCOVER, chaddr, xid, **header))
    assert offer.type == OFFER, offer
    chosen = {50: offer.yiaddr, 54: offer.server_id or ANY}
    options = {**header.get("options", {}), **chosen}
    ack = exchange(build(REQUEST, chaddr, xid, **{**header, "options": options}))
    assert (ack.type, ack.yiaddr) == (ACK, offer.yiaddr), ack
    return ack


def leases_of(
    relay: RelayAgent, giaddr: str, chaddrs: Sequence[bytes], *, timeout: float = PATIENCE_S
) -> dict[bytes, Message]:
    """DORA for many clients at once through a relay agent: the ACKs that came, by chaddr.

    Replies to anything else are passed over; they stand in ``relay.received``.
    """
    first = next(_xids)
    for n, chaddr in enumerate(chaddrs):
        relay.send(build(DISCOVER, chaddr, first + n, giaddr=giaddr))
    offers = relay.replies(OFFER, range(first, first + len(chaddrs)), timeout=timeout)
    for offer in offers:
        chosen = {50: offer.yiaddr, 54: offer.server_id or ANY}
        relay.send(build(REQUEST, offer.chaddr, offer.xid, giaddr=giaddr, options=chosen))
    acks = relay.replies(ACK, [offer.xid for offer in offers], timeout=timeout)
    return {ack.chaddr: ack for ack in acks}


_xids = itertools.count(0x1000_0000, 0x10_0000)


__all__ = ["ALL", "ANY", "BROADCAST_MAC", "LinkClient", "RelayAgent", "dora", "leases_of", "only"]
