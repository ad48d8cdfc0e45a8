"""The client's side of the books: what each client was last acknowledged."""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

ENTRY = struct.Struct("=IIIIqII")
"""LedgerEntry in _state.pxd."""


def chaddr_of(client: int) -> bytes:
    """The hardware address of the client number ``client``."""
    return b"\x02\x00" + client.to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class Entry:
    """A client that was sent at least one ACK.

    client           its number; see ``chaddr``
    address          of its last ACK, while it holds the lease; None once it has released it,
                     was told NAK or has seen the lease end
    server_id        option 54 of the last OFFER or ACK
    lease_s          option 51 of the last ACK
    acked            when that ACK came, Unix seconds
    retransmissions  its requests that were sent again, since the generator was made
    """

    client: int
    address: IPv4Address | None
    server_id: IPv4Address
    lease_s: int
    acked: float
    retransmissions: int

    @property
    def chaddr(self) -> bytes:
        return chaddr_of(self.client)

    @property
    def expires(self) -> float:
        """The last instant at which the client may use the address, Unix seconds."""
        return self.acked + self.lease_s


def read_ledger(octets: bytes) -> Iterator[Entry]:
    """The entries of ``Load.ledger()``, in client order."""
    for row in ENTRY.iter_unpack(octets):
        client, address, server_id, lease_s, acked_ns, retransmissions, bound = row
        yield Entry(
            client,
            IPv4Address(address) if bound else None,
            IPv4Address(server_id),
            lease_s,
            acked_ns / 1e9,
            retransmissions,
        )


def ledger_hash(entries: Iterable[Entry]) -> str:
    """Of who holds what for how long; equal for equal runs against a server that is repeatable."""
    digest = hashlib.blake2b(digest_size=8)
    for entry in entries:
        digest.update(f"{entry.client} {entry.address} {entry.lease_s}\n".encode())
    return digest.hexdigest()
