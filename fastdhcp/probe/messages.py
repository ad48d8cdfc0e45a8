"""The messages of a probing client (RFC 2131 4.4.1, table 5)."""

import random
import socket
from dataclasses import dataclass, field

from fastdhcp._codec import decode, encode
from fastdhcp.packet import DecodeError, Packet

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE = 1, 2, 3, 4, 5, 6, 7
BOOTREPLY = 2
BROADCAST_FLAG = 0x8000
MESSAGE_SIZE_MAX = 1500  # option 57 counts the IP header too (RFC 2132 9.10)

# What an operator wants to see. 43 means nothing without option 60, and who asks for 108 may be
# given no address (RFC 8925 3.2).
REQUEST_LIST = bytes(
    (
        1, 2, 3, 4, 6, 7, 12, 15, 17, 26, 28, 33, 42, 44, 46, 47, 51, 58, 59, 66, 67, 100, 101,
        114, 119, 121, 150,
    )
)  # fmt: skip


def random_hw_address(source: random.Random | None = None) -> bytes:
    """Six octets, locally administered and of one station, so that it meets no real device's."""
    source = source or random.SystemRandom()
    first = source.getrandbits(8) & 0xFC | 0x02
    return bytes((first,)) + source.randbytes(5)


@dataclass(frozen=True)
class Client:
    """Who asks. `relay` is the giaddr of a relayed client, `relay_info` its option 82."""

    hw_address: bytes
    xid: int = field(default_factory=lambda: random.SystemRandom().getrandbits(32))
    broadcast: bool = True
    client_id: bytes = b""
    relay: str = "0.0.0.0"
    relay_info: bytes = b""

    def discover(self, secs: int = 0) -> bytes:
        return self._message(DISCOVER, {}, secs)

    def request(self, offer: Packet, secs: int = 0) -> bytes:
        """REQUEST in SELECTING, for what one server offered."""
        chosen = {50: socket.inet_aton(offer.yiaddr), 54: offer.options[54]}
        return self._message(REQUEST, chosen, secs)

    def renew(self, address: str) -> bytes:
        """REQUEST in RENEWING: ciaddr, and neither 50 nor 54 (RFC 2131 4.3.6)."""
        return self._message(REQUEST, {}, ciaddr=address)

    def release(self, address: str, server_id: bytes) -> bytes:
        return self._message(RELEASE, {54: server_id}, ciaddr=address)

    def reads(self, payload: bytes) -> Packet | None:
        """The answer in it, None if it is not to us. Raises DecodeError if it is no message."""
        if payload[4:8] != self.xid.to_bytes(4) or payload[:1] != bytes((BOOTREPLY,)):
            return None
        packet = decode(payload)
        return packet if packet.chaddr == self.hw_address else None

    def _message(
        self, kind: int, chosen: dict[int, bytes], secs: int = 0, ciaddr: str = "0.0.0.0"
    ) -> bytes:
        options = dict(chosen)
        if self.client_id:
            options[61] = self.client_id
        if kind != RELEASE:
            options[57] = MESSAGE_SIZE_MAX.to_bytes(2)
            options[55] = REQUEST_LIST
        if self.relay_info:
            options[82] = self.relay_info
        relayed = self.relay != "0.0.0.0"
        return encode(
            xid=self.xid,
            hops=int(relayed),
            secs=min(secs, 0xFFFF),
            flags=BROADCAST_FLAG if self.broadcast and ciaddr == "0.0.0.0" else 0,
            ciaddr=ciaddr,
            giaddr=self.relay,
            chaddr=self.hw_address,
            message_type=kind,
            options=options,
        )


__all__ = ["Client", "DecodeError", "random_hw_address"]
