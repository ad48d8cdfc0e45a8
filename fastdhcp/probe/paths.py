"""The ways to a DHCP server, as the exchange sees them: send a message, take the next answer."""

import select
import socket
import time
from dataclasses import dataclass
from typing import Protocol

CLIENT_PORT, SERVER_PORT = 68, 67
ANY, ALL = "0.0.0.0", "255.255.255.255"
RECEIVE_SIZE = 1 << 16


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it came. `at` is time.monotonic(); `hw_address` is the sender's on the link,
    empty where that is not seen; `broadcast` says how its frame came, None where not seen."""

    at: float
    payload: bytes
    source: str
    hw_address: bytes = b""
    broadcast: bool | None = None


class Path(Protocol):
    """One way to a server, for the answers to one xid."""

    def send(self, payload: bytes) -> None:
        """To whoever serves. Raises Stopped if the kernel lets nothing out."""

    def send_unicast(self, payload: bytes, address: str, to: Arrival, server: str) -> None:
        """To one server, from the leased address where the path can. Raises Stopped."""

    def receive(self, deadline: float) -> Arrival | None:
        """The next answer; None when `deadline` (time.monotonic) comes first. Raises Stopped if
        the network says that there is no server."""

    def dropped_here(self) -> int | None:
        """Answers that reached this host and were dropped in it; None if that is not seen."""

    def close(self) -> None:
        """Leave nothing behind."""


def wait(socks: list[socket.socket], deadline: float) -> list[socket.socket]:
    """The sockets that have something; empty when the deadline has come."""
    left = deadline - time.monotonic()
    return select.select(socks, [], [], left)[0] if left > 0 else []
