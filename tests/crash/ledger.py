"""The client's side of the books: every ACK that was ever seen, and what it promised.

Instants are CLOCK_BOOTTIME in seconds, as the server's node time is, but for its offset.
"""

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from fastdhcp._leases import BindingState

HELD = (BindingState.ACTIVE, BindingState.PENDING)


def boot_time() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def text(address: int) -> str:
    return str(ipaddress.IPv4Address(address))


class Holder(Protocol):
    """What the ledger knows of a client."""

    number: int
    grace_s: float
    chaddrs: tuple[bytes, ...]
    client_id: bytes


class Record(Protocol):
    """What it looks at in a record of the server."""

    state: int
    expiry: int
    chaddr: bytes
    client_id: bytes


@dataclass(slots=True)
class Told:
    """Until when an address was promised, counted as RFC 2131 4.4.1 has clients count."""

    until: float
    acks: int = 1


@dataclass
class Ledger:
    """Who was told what; ``wrong`` is what must never have happened, in words."""

    holders: dict[int, dict[Holder, Told]] = field(default_factory=dict)
    released: dict[tuple[Holder, int], float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    acks: int = 0
    late_acks: int = 0
    changed_hands: int = 0

    def live(self, client: Holder, address: int, now: float) -> bool:
        """The client was told that it may use the address until after ``now``."""
        told = self.holders.get(address, {}).get(client)
        return told is not None and told.until > now

    def acked(
        self, client: Holder, address: int, lease_s: int, sent_first: float, now: float
    ) -> None:
        """An ACK came for a REQUEST that was first sent at ``sent_first``."""
        self.acks += 1
        if self.released.get((client, address), 0.0) >= sent_first:
            self.late_acks += 1  # of the binding that the RELEASE ended
            return
        held = self.holders.setdefault(address, {})
        until = sent_first + lease_s
        self._look_at_others(held, client, address, now)
        told = held.get(client)
        if told is None:
            held[client] = Told(until)
        else:
            told.until = max(told.until, until)
            told.acks += 1

    def offered(self, client: Holder, address: int, now: float) -> None:
        """An OFFER says that the address is nobody's."""
        for other, told in self.holders.get(address, {}).items():
            if other is not client and told.until > now:
                self.complain(f"{text(address)} offered to {client.number}, of {other.number}")

    def gave_back(self, client: Holder, address: int, now: float) -> None:
        """A RELEASE is on its way: from here on the address may be another's."""
        self.holders.get(address, {}).pop(client, None)
        self.released[client, address] = now

    def refused(self, client: Holder, address: int, now: float) -> None:
        """A NAK for an address that the client asked for."""
        if self.live(client, address, now):
            self.complain(f"{text(address)} refused to {client.number}, which holds it")

    def complain(self, what: str) -> None:
        self.wrong.append(f"{boot_time():.3f} {what}")

    def lost(self, record: Callable[[int], Record | None], offset_s: float) -> list[str]:
        """Acknowledged leases that are not there as they were told; ``offset_s`` turns our
        instants into the records' node time."""
        now = boot_time()
        found = []
        for address, held in self.holders.items():
            for client, told in held.items():
                if told.until > now:
                    why = _missing(record(address), client, told.until + offset_s)
                    if why:
                        found.append(f"{text(address)} of {client.number}: {why}")
        return found

    def held(self, now: float) -> dict[int, Any]:
        """Who holds which address now."""
        return {
            address: client
            for address, told in self.holders.items()
            for client, one in told.items()
            if one.until > now
        }

    def count_live(self) -> int:
        now = boot_time()
        return sum(told.until > now for held in self.holders.values() for told in held.values())

    def _look_at_others(
        self, held: dict[Holder, Told], client: Holder, address: int, now: float
    ) -> None:
        for other in [o for o in held if o is not client]:
            left_s = held[other].until - now
            if left_s > 0:
                self.complain(
                    f"{text(address)} acknowledged to {client.number}, {other.number} holds it "
                    f"for {left_s:.1f} s more"
                )
            elif left_s + other.grace_s > 0:
                self.complain(
                    f"{text(address)} went from {other.number} to {client.number} within the "
                    f"grace: {-left_s:.1f} s after its end"
                )
            else:
                self.changed_hands += 1
                del held[other]


def _missing(record: Record | None, client: Holder, until: float) -> str:
    """Why this record is not the client's lease until then; "": it is."""
    if record is None or record.state not in HELD:
        return f"lost: {'no record' if record is None else BindingState(record.state).name}"
    if record.chaddr not in client.chaddrs or record.client_id != client.client_id:
        return f"is another's: {record.chaddr.hex()} {record.client_id.hex()}"
    if record.expiry < until:
        return f"told until {until:.2f}, ends at {record.expiry}"
    return ""
