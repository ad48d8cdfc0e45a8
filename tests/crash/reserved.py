"""Reservations of a campaign: who has which address for its own, and what must follow from that.

Some are there from the start, in TOML and in CSV. Others come and go with reloads, on addresses
that somebody holds: of clients that come, on the link of short leases, and of some that never do.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.crash.clients import Client
from tests.crash.ledger import text

OUTSIDE = 0x0A4E1800
"""10.78.24.0: in the subnet of long leases, in no pool."""
QUARANTINE_S = 8.0
"""``decline-time`` of 6 s, and what a store needs to look again."""
PORTED, NAMED, GOLD = "ported", "named", "gold"
CLASSES: list[Mapping[str, object]] = [
    {"name": PORTED, "test": "relay4[1].exists", "lease-class": True},
    {"name": NAMED, "test": "option[61].exists", "lease-class": True},
    {"name": GOLD, "lease-time-max": "31d"},
]
"""A lease keeps the first of its client's that are lease-classes."""
WHEN: list[Mapping[str, object]] = [
    {"class": PORTED, "options": {"domain-name": "ported.example"}},
    {"class": GOLD, "options": {"domain-name": "gold.example"}},
]


def class_of(relay_info: bytes, client_id: bytes) -> str | None:
    """The class that a lease of such a client keeps."""
    return PORTED if relay_info else NAMED if client_id else None


def identifier(client: Client) -> tuple[str, str]:
    """What its reservation is by: a client with two interfaces has option 61, one of few behind a
    port the port."""
    if len(client.chaddrs) > 1:
        return "client-id", f"hex:{client.client_id.hex()}"
    if client.number % 16 == 6:
        circuit = client.relay_info[2 : 2 + client.relay_info[1]]
        return "circuit-id", circuit.decode()
    return "hw-address", client.chaddr.hex(":")


@dataclass
class Reserved:
    """``always``, ``late``: owners by address; None: somebody who never comes. ``named``: clients
    whose reservation has a class, and no address."""

    always: dict[int, Client] = field(default_factory=dict)
    late: dict[int, Client | None] = field(default_factory=dict)
    named: list[Client] = field(default_factory=list)
    is_late: bool = False
    """Whether the configuration has the late ones."""
    since_s: float | None = None
    """Since when every worker goes by that; None: nobody can say."""
    settled: set[Client] = field(default_factory=set)
    """Late owners that have been told their own since then."""
    had: set[Client] = field(default_factory=set)
    switched: int = 0
    told: int = 0
    _own: dict[Client, int] = field(default_factory=dict)
    _declined: dict[int, float] = field(default_factory=dict)

    # ---- who has one

    def choose(self, clients: Iterable[Client], long_pools: Iterable[int]) -> None:
        """Those that are there from the start, on ``long_pools`` in turn with addresses that are in
        no pool; and clients whose reservation has no address, but a class."""
        pools = list(long_pools)
        for client in clients:
            if client.link.lease_s is not None:
                continue
            if client.number % 16 == 12:
                self.named.append(client)
            elif client.number % 16 == 4 or client.number % 32 == 9 or client.number % 48 == 6:
                place = len(self.always)
                address = pools.pop() if place % 2 and pools else OUTSIDE + 1 + place
                self.keep(address, client)

    def keep(self, address: int, client: Client) -> None:
        """From the start, for ever."""
        self.always[address] = client
        self._own[client] = address

    def choose_late(self, held: Mapping[int, Client], clients: Iterable[Client]) -> None:
        """On addresses that are held now: long ones of nobody, short ones of other clients."""
        if self.late:
            return
        long = [a for a, holder in held.items() if holder.link.lease_s is None]
        short = [a for a, holder in held.items() if holder.link.lease_s is not None]
        self.late = dict.fromkeys((a for a in sorted(long)[::20] if a not in self.always), None)
        owners = (c for c in clients if c.link.lease_s is not None and c.number % 64 == 7)
        owned = {a: c for a, c in zip(sorted(short), owners, strict=False) if held[a] is not c}
        self.late |= owned
        self._own |= {client: address for address, client in owned.items()}

    # ---- as the configuration has them

    def tables(self, second_octet: int) -> list[Mapping[str, object]]:
        """Those of a link that stand in TOML: the late ones, and half of the others."""
        found: list[Mapping[str, object]] = []
        for address, client in self._in_toml():
            if address >> 16 & 255 == second_octet:
                kind, who = identifier(client) if client else ("hw-address", _nobody(address))
                found.append({kind: who, "address": text(address)})
        return found

    def csv(self) -> str:
        """The other half, and those without an address."""
        rows = ["hw-address,client-id,circuit-id,address,hostname,classes"]
        for place, (address, client) in enumerate(self.always.items()):
            if place % 4 > 1:
                rows.append(_row(client, text(address), f"crash-{client.number}", ""))
        rows += [_row(client, "", "", GOLD) for client in self.named]
        return "\n".join(rows) + "\n"

    def _in_toml(self) -> Iterator[tuple[int, Client | None]]:
        for place, (address, client) in enumerate(self.always.items()):
            if place % 4 <= 1:
                yield address, client
        if self.is_late:
            yield from self.late.items()

    # ---- what comes and goes

    def switch(self) -> None:
        """The next configuration has the late ones, or has them no more."""
        self.is_late = not self.is_late
        self.unsure()
        self.switched += 1

    def unsure(self) -> None:
        """From here on a worker may go by one configuration or the other."""
        self.since_s = None
        self.settled.clear()

    def bits(self) -> set[int] | None:
        """Addresses whose bit must be set, and no other's; None: nobody can say."""
        if self.since_s is None:
            return None
        return {*self.always, *(self.late if self.is_late else ())}

    # ---- what clients are told

    def given(self, client: Client, address: int, asked_s: float) -> str:
        """An address in an OFFER or ACK to a message sent at ``asked_s``: what is wrong with it."""
        counts = self.is_late and self.since_s is not None and asked_s > self.since_s
        owner = self.always.get(address)
        if owner is None and counts:
            owner = self.late.get(address, client)
            if owner is not client:
                whose = f"{owner.number}" if owner else "somebody who never came"
                return f"{text(address)} told to {client.number}, reserved for {whose}"
        if owner is not None and owner is not client:
            return f"{text(address)} told to {client.number}, reserved for {owner.number}"
        own = self.own_of(client)
        if own == address:
            self.told += 1
            if own in self.late and counts:
                self.settled.add(client)
                self.had.add(client)
            return ""
        if own is None or not (own in self.always or (counts and client in self.settled)):
            return ""
        if asked_s < self._declined.get(own, asked_s - QUARANTINE_S) + QUARANTINE_S:
            return ""
        return f"{client.number} is told {text(address)}, {text(own)} is reserved for it"

    def declined(self, address: int, now: float) -> None:
        self._declined[address] = now

    def may_lose(self, client: Client, address: int) -> bool:
        """Whether a reservation may take the right to renew this lease (not the time told)."""
        if address in self.late:
            return self.late[address] is not client
        own = self.own_of(client)
        return own is not None and own != address

    def own_of(self, client: Client) -> int | None:
        """The address that is the client's, now or with the late ones."""
        return self._own.get(client)


def _nobody(address: int) -> str:
    return (b"\x02\xc6" + address.to_bytes(4)).hex(":")


def _row(client: Client, address: str, hostname: str, classes: str) -> str:
    kind, who = identifier(client)
    columns = {kind: who, "address": address, "hostname": hostname, "classes": classes}
    names = ("hw-address", "client-id", "circuit-id", "address", "hostname", "classes")
    return ",".join(columns.get(name, "") for name in names)
