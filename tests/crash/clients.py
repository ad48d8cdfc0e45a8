"""Clients: who they are, what they want next, and the REQUEST that says so."""

import dataclasses
import random

from fastdhcp.bpf import steer
from tests.crash.messages import (
    CLIENT_ID,
    DECLINE,
    DISCOVER,
    LEASE_TIME,
    RELAY_INFO,
    RELEASE,
    REQUEST,
    REQUESTED,
    SERVER_ID,
    address_option,
    message,
    option,
)

LONG_LEASE_S = 2000
LONG_STEP_S = 10
"""Every REQUEST of a long lease asks for so much more: the loss of any single ACK shows."""


@dataclasses.dataclass(frozen=True)
class Link:
    """A network behind a relay agent: its address there, and how long leases are."""

    giaddr: int
    grace_s: float
    lease_s: tuple[int, int] | None = None  # short ones, between these; None: long ones


@dataclasses.dataclass(eq=False, slots=True)
class Client:
    """One client. With several ``chaddrs`` it comes now through one interface, now another."""

    number: int
    link: Link
    chaddrs: tuple[bytes, ...]
    client_id: bytes = b""
    relay_info: bytes = b""
    address: int = 0  # that it believes to hold
    server_id: int = 0
    asked: int = 0  # how often it asked for a lease: each time for more
    chaddr: bytes = b""

    @property
    def sleeps(self) -> bool:
        """Asks for nothing for a long time once it has a lease: that is in no journal any more."""
        return self.number % 5 == 2 and self.link.lease_s is None

    @property
    def is_plain(self) -> bool:
        """One interface, long leases: each of its messages is to be answered."""
        return self.link.lease_s is None and len(self.chaddrs) == 1

    @property
    def grace_s(self) -> float:
        return self.link.grace_s

    def lease_wanted_s(self, rng: random.Random) -> int:
        self.asked += 1
        if self.link.lease_s:
            return rng.randint(*self.link.lease_s)
        return LONG_LEASE_S + LONG_STEP_S * self.asked


@dataclasses.dataclass(eq=False, slots=True)
class Transaction:
    """One xid, from its first message to its answer; DISCOVER and SELECTING share theirs."""

    client: Client
    xid: int
    kind: int
    worker: int
    wants: int = 0  # the address that the REQUEST asks for
    payload: bytes = b""
    relayed: bool = True
    first_s: float = 0.0  # when the message was sent, and sent again
    last_s: float = 0.0
    tries: int = 0
    done: bool = False
    beside: bool = False  # at the same time as another one of the same client


class Writer:
    """Writes what clients send."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def discover(self, client: Client, xid: int) -> bytes:
        options = self._identified(client, b"")
        return message(DISCOVER, xid, client.chaddr, options, giaddr=client.link.giaddr)

    def selecting(self, client: Client, xid: int, address: int, server_id: int) -> bytes:
        chosen = address_option(REQUESTED, address) + address_option(SERVER_ID, server_id)
        return self._request(client, xid, chosen, giaddr=client.link.giaddr)

    def rebooting(self, client: Client, xid: int) -> bytes:
        """INIT-REBOOT (RFC 2131 4.3.2): option 50, no option 54, ciaddr 0."""
        wanted = address_option(REQUESTED, client.address)
        return self._request(client, xid, wanted, giaddr=client.link.giaddr)

    def renewing(self, client: Client, xid: int) -> bytes:
        """RENEWING: unicast, ciaddr alone names the address."""
        return self._request(client, xid, b"", ciaddr=client.address)

    def rebinding(self, client: Client, xid: int) -> bytes:
        """REBINDING: the same by broadcast, so through the relay agent."""
        giaddr = client.link.giaddr
        return self._request(client, xid, b"", ciaddr=client.address, giaddr=giaddr)

    def release(self, client: Client, xid: int) -> bytes:
        options = address_option(SERVER_ID, client.server_id)
        if client.client_id:
            options += option(CLIENT_ID, client.client_id)
        return message(RELEASE, xid, client.chaddr, options, ciaddr=client.address)

    def decline(self, client: Client, xid: int) -> bytes:
        """As RFC 2131 table 5 has it: option 50 names the address, ciaddr is 0."""
        options = address_option(REQUESTED, client.address)
        options = self._identified(client, options + address_option(SERVER_ID, client.server_id))
        return message(DECLINE, xid, client.chaddr, options, giaddr=client.link.giaddr)

    def _request(
        self, client: Client, xid: int, options: bytes, ciaddr: int = 0, giaddr: int = 0
    ) -> bytes:
        wanted_s = client.lease_wanted_s(self.rng)
        options += address_option(LEASE_TIME, wanted_s)
        options = self._identified(client, options, relayed=bool(giaddr))
        return message(REQUEST, xid, client.chaddr, options, ciaddr, giaddr)

    def _identified(self, client: Client, options: bytes, relayed: bool = True) -> bytes:
        if client.client_id:
            options += option(CLIENT_ID, client.client_id)
        if client.relay_info and relayed:
            options += option(RELAY_INFO, client.relay_info)
        return options


def make_clients(count: int, long: Link, short: Link) -> list[Client]:
    """A population: most have a MAC alone; others option 61, option 82, both, long ones; some
    share a MAC, some come through two interfaces; an eighth lives on the link of short leases."""
    clients = []
    for number in range(count):
        chaddrs: tuple[bytes, ...] = (_mac(number),)
        client_id = relay_info = b""
        link = short if number % 8 == 7 else long
        if number % 4 == 1:
            client_id = b"\x00crash-%06d" % number
        if number % 3 == 0:
            relay_info = _relay_info(number)
        if number % 16 == 5:  # longer than what a record holds inline
            client_id = b"\x00" + b"long client id " * 8 + b"%06d" % number
        if number % 8 == 1:
            chaddrs = (_mac(number), _mac(number + count))
        if number % 16 == 13:
            chaddrs = (_mac(number - 8),)  # of a neighbour that has another option 61
        client = Client(number, link, chaddrs, client_id, relay_info)
        client.chaddr = client.chaddrs[0]
        clients.append(client)
    return clients


def _mac(number: int) -> bytes:
    return b"\x02\xc5" + number.to_bytes(4, "big")


def _relay_info(number: int) -> bytes:
    circuit = b"eth 1/1/%d" % number
    if number % 2:
        circuit += b" of a switch with a name that no record has room for, behind the hill" * 2
    return option(1, circuit[:250]) if number % 5 else option(1, b"c%d" % number) + b"\x02\x02id"


def worker_of(client: Client, workers: int) -> int:
    """Which worker serves the client's next message."""
    return steer(client.chaddr, workers)
