"""What the server works by: the configuration resolved, typed and frozen.

Addresses are integers in host order, times are whole seconds, sizes are octets. A scope's Params
hold the nearest value of each key; its options are those of its own layer alone. A field made by
`key` is a row: the key that the user writes, whole (keys.py).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from fastdhcp._leases import BLOCK_SIZE, WORKERS_MAX
from fastdhcp.config import values
from fastdhcp.config.errors import Problem
from fastdhcp.config.expressions import Expression
from fastdhcp.config.identifiers import Identifier, kinds_of
from fastdhcp.config.keys import (
    ADDRESS_LEVELS,
    LINK_LEVELS,
    NUMBER,
    SHORT_TIME,
    SIZE,
    TEXT,
    TEXTS,
    TIME,
    TRUTH,
    key,
)
from fastdhcp.config.reservations import ReservationTable
from fastdhcp.options import vendors

INFINITE = values.INFINITE
DEFAULT_VRF = ""

# The numbers of IdentityKind (_image.pxd).
IDENTITY_KINDS: Mapping[str, int] = {
    "client-id": 1,
    "hw-address": 2,
    "circuit-id": 3,
    "remote-id": 4,
    "subscriber-id": 9,
}

ADDRESSES_MAX = 1 << 30


Value = int | bool | bytes
Chosen = Mapping[str, Value]
"""What is written of a scope's keys, by the field of Params."""


Levels = Mapping[str, int]
"""Where what counts of a scope's keys was written, by the field of Params: places in
PARAMS_LEVELS; it changes nothing, and is kept for who asks."""
PARAMS_LEVELS = ("", "defaults", "shared network", "subnet", "pool")

# Where an option of a layer was written: in what the layer is of, or farther, folded into it.
OPTION_LEVELS = ("", "shared network", "defaults")


@dataclass(frozen=True, slots=True)
class Given:
    """What a layer says of an option. `value` None: only whether it is sent. `by_vendor`: option
    125, whose vendors count one by one (RFC 3925 4). `implied`: by `boot-file` or `server-name`,
    for who asks for 67 or 66 (RFC 2132 9.4, 9.5). `level`: where it was written (OPTION_LEVELS); it
    changes nothing, and is kept for who asks."""

    value: bytes | None = None
    sending: str = ""  # "always" or "never"; "": as it is asked for
    by_vendor: bool = False
    implied: bool = False
    level: str = field(default="", compare=False)


Options = Mapping[int, Given]
"""A layer, by code; a nearer one is laid over a farther one by `layered`."""
Range = tuple[int, int]  # first and last address, both within


RAPID_COMMIT = (
    "a client takes the first ACK, and every other server that does the same keeps an address for "
    "it (RFC 4039 3.2): only for a server that is alone on the link, or for a pair"
)


def layered(farther: Options, nearer: Options) -> Options:
    """Both in one: of each option the nearer value, the nearer word on whether it is sent, and of
    option 125 what either has of a vendor that the nearer one does not name."""
    return {
        **farther,
        **{
            code: _over(farther[code], near) if code in farther else near
            for code, near in nearer.items()
        },
    }


def _over(far: Given, near: Given) -> Given:
    giver = far if near.value is None else near
    value = giver.value
    if giver is near and near.by_vendor and far.by_vendor and far.value is not None:
        value = b"".join({**vendors(far.value), **vendors(near.value or b"")}.values())
    return replace(giver, value=value, sending=near.sending or far.sending)


def option_values(options: Options) -> Mapping[int, bytes]:
    """The values alone."""
    return {code: said.value for code, said in options.items() if said.value is not None}


def _cores() -> int:
    """The cores that this process may use, as many as there are places for workers."""
    return min(len(os.sched_getaffinity(0)), WORKERS_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """A scope's values. `renewal_s`, `rebinding_s`: 0 = half, seven eighths of the time granted."""

    lease_s: int = key("lease-time", TIME, values.seconds, default="1h")
    lease_min_s: int = key("lease-time-min", TIME, values.seconds)  # as lease-time, both
    lease_max_s: int = key("lease-time-max", TIME, values.seconds)
    renewal_s: int = key("renewal-time", TIME, values.seconds, unset=0)
    rebinding_s: int = key("rebinding-time", TIME, values.seconds, unset=0)
    offer_hold_s: int = key("offer-hold", TIME, values.seconds, limits=(0,), default=60)
    decline_s: int = key("decline-time", TIME, values.seconds, default="24h")
    reuse_grace_s: int = key(
        "reuse-grace", TIME, values.seconds, limits=(0,), default=64, levels=ADDRESS_LEVELS
    )
    bootp_lease_s: int = key("bootp-lease-time", TIME, values.lease_seconds, default="infinite")
    authoritative: bool = key("authoritative", TRUTH, bool, default=False, levels=LINK_LEVELS)
    rapid_commit: bool = key("rapid-commit", TRUTH, bool, default=False, caution=RAPID_COMMIT)
    bootp: bool = key("bootp", TRUTH, bool, default=False)
    next_server: int = key("next-server", TEXT, values.address, default="0.0.0.0")
    boot_file: bytes = key(
        "boot-file", TEXT, values.printable, limits=(values.BOOT_FILE_MAX,), unset=b""
    )
    server_name: bytes = key(
        "server-name", TEXT, values.printable, limits=(values.SERVER_NAME_MAX,), unset=b""
    )
    # Whether the limits of the lease time are written: else they follow it.
    lease_min: bool = False
    lease_max: bool = False


@dataclass(frozen=True, slots=True)
class Class:
    """A set of clients. `test` None: it has those whose reservations name it."""

    name: str
    test: Expression | None
    drop: bool
    lease: bool
    chosen: Chosen
    options: Options


@dataclass(frozen=True, slots=True)
class When:
    """What the clients of a class have in one subnet or pool alone."""

    name: str
    chosen: Chosen
    options: Options


@dataclass(frozen=True, slots=True)
class Guard:
    """Who may have addresses, by names of classes. `allow` empty: any of them."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


EVERYBODY = Guard()


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is kept for one client: `identity` as it is compared (_image.pxd). `address`: 0 for none
    of its own; `home`: an address in its subnet, 0 if it is of none. `classes`: places of their
    names + 1. `chosen`: its other keys of [defaults]."""

    kind: int
    identity: bytes
    address: int
    home: int
    hostname: bytes
    next_server: int
    boot_file: bytes
    classes: tuple[int, ...]
    chosen: Chosen
    options: Options


@dataclass(frozen=True, slots=True)
class Pool:
    """A range. `holes`: what of it is never given (sorted, apart); own and reserved addresses are
    not in it."""

    name: str
    first: int
    last: int
    holes: tuple[Range, ...]
    params: Params
    options: Options
    guard: Guard = EVERYBODY
    whens: tuple[When, ...] = ()
    levels: Levels = field(default_factory=dict, compare=False)

    @property
    def size(self) -> int:
        """Addresses that it may give."""
        return self.last - self.first + 1 - sum(last - first + 1 for first, last in self.holes)


@dataclass(frozen=True, slots=True)
class Subnet:
    """`network`: its place in Configuration.networks. `vrf`: "" is the default VRF."""

    vrf: str
    name: str
    address: int
    prefix_len: int
    network: int
    params: Params
    options: Options
    pools: tuple[Pool, ...]
    guard: Guard = EVERYBODY
    whens: tuple[When, ...] = ()
    levels: Levels = field(default_factory=dict, compare=False)

    @property
    def last(self) -> int:
        """The highest address of the prefix."""
        return self.address | (0xFFFFFFFF >> self.prefix_len)


@dataclass(frozen=True, slots=True)
class Network:
    """What shares a link. `subnets`: places in Configuration.subnets. `interface`: as written."""

    vrf: str
    name: str
    shared: bool
    interface: str | None
    subnets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Vrf:
    """A VRF. `vss`: what packets call it, with its type (RFC 6607 3.5); empty: nothing."""

    name: str
    vss: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """The relay agents with a giaddr from `first` to `last`: one, or those of a prefix.

    `vrf` None: the interface that a packet comes by says it. `network`, `subnet`: places in the
    Configuration of the link that it speaks for where giaddr is in no subnet; `subnet` None: any
    of that link.
    """

    name: str | None
    first: int
    last: int
    vrf: str | None
    network: int | None
    subnet: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relays:
    """The [relays] table."""

    only_known: bool = key("only-known", TRUTH, bool, default=False)
    client_selections: bool = key("client-selections", TRUTH, bool, default=False)
    untrusted_interfaces: tuple[str, ...] = key(
        "untrusted-interfaces", TEXTS, values.each(values.interface_name), default=[]
    )
    agents: tuple[Agent, ...] = ()

    def name_of(self, giaddr: int) -> str | None:
        """The name of the relay agent, that of the nearest row."""
        rows = [agent for agent in self.agents if agent.first <= giaddr <= agent.last]
        return min(rows, key=lambda agent: agent.last - agent.first).name if rows else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The [server] table. `interfaces` None: those with an address in a subnet."""

    interfaces: tuple[str, ...] | None = key(
        "interfaces", TEXTS, values.each(values.interface_name)
    )
    listen: tuple[str, int] = key(
        "listen", TEXT, values.host4_port, limits=(1,), default="0.0.0.0:67", restart=True
    )
    workers: int = key(
        "workers", NUMBER, values.number, limits=(1, WORKERS_MAX), unset=_cores, restart=True
    )
    state_directory: Path = key(
        "state-directory", TEXT, values.path, default="/var/lib/fastdhcp", restart=True
    )
    runtime_directory: Path = key(
        "runtime-directory", TEXT, values.path, default="/run/fastdhcp", restart=True
    )
    durability: str = key(
        "durability", TEXT, values.one_of("commit", "async"), default="commit"
    )
    receive_buffer: int = key(
        "receive-buffer", SIZE, values.octets, limits=(1 << 16, 1 << 30), default="96M",
        restart=True,
    )  # fmt: skip
    trains: str = key(
        "trains", TEXT, values.one_of("auto", "always", "never"), default="auto"
    )
    commit_delay_us: int = key(
        "commit-delay", SHORT_TIME, values.microseconds, limits=(100_000,), default="500us"
    )
    identity: tuple[str, ...] = key(
        "identity", TEXTS, values.ranking,
        default=["client-id", "hw-address"], restart=True,
    )  # fmt: skip
    reservation_files: tuple[Path, ...] = key(
        "reservation-files", TEXTS, values.each(values.path), unset=()
    )
    trust_wall_clock: str = key(
        "trust-wall-clock", TEXT, values.one_of("synchronized", "always"), default="synchronized"
    )
    # Settled when all pools are known: as written, else by what they need.
    max_addresses: int = key(
        "max-addresses", NUMBER, values.number, limits=(BLOCK_SIZE, ADDRESSES_MAX), unset=0,
        restart=True,
    )  # fmt: skip
    max_addresses_given: bool = False
    journal_max_size: int = key(
        "journal-max-size", SIZE, values.octets, limits=(1 << 20, 1 << 40), default="4G"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The [control] table. `listen` None: no HTTP; its port 0: any that is free."""

    listen: tuple[str, int] | None = key("listen", TEXT, values.host_port, limits=(0,))


@dataclass(frozen=True, slots=True)
class Configuration:
    """One configuration, whole. `files`: all that were read, the named one first."""

    files: tuple[Path, ...]
    server: Server
    control: Control
    params: Params
    options: Options
    networks: tuple[Network, ...]
    subnets: tuple[Subnet, ...]
    reservations: ReservationTable
    identifiers: tuple[Identifier, ...]
    relays: Relays
    vrfs: tuple[Vrf, ...]
    definitions: tuple[Mapping[str, object], ...]  # [[option-definitions]] as written
    classes: tuple[Class, ...]
    block_count: int  # blocks of 256 addresses that pools and reservations touch
    warnings: tuple[Problem, ...] = field(default=())

    @property
    def kinds(self) -> dict[str, int]:
        """Kinds of identifier by name, [identifiers] among them."""
        return {**IDENTITY_KINDS, **kinds_of(self.identifiers)}

    @property
    def identity_terms(self) -> list[str]:
        """`identity` as the store keeps it: another expression of a name is another identity."""
        texts = {one.name: f"{one.name} = {one.expression.text}" for one in self.identifiers}
        return [texts.get(name, name) for name in self.server.identity]

    @property
    def block_limit(self) -> int:
        """Blocks of 256 addresses that the table keeps room for."""
        return -(-self.server.max_addresses // BLOCK_SIZE)

    def vrf_names(self) -> list[str]:
        """The VRFs but the default one, sorted."""
        return sorted({vrf.name for vrf in self.vrfs} - {DEFAULT_VRF})

    def class_names(self) -> list[str]:
        """Those that are written, in their order."""
        return [found.name for found in self.classes]

    def subnet_names(self) -> list[tuple[str, str]]:
        """(VRF, prefix) of each subnet, in the order of `subnets`."""
        return [(subnet.vrf, subnet.name) for subnet in self.subnets]
