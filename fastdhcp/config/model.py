"""What the server works by: the configuration resolved, typed and frozen.

Addresses are integers in host order, times are whole seconds, sizes are octets. A scope's Params
hold the nearest value of each key; its options are those of its own layer alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fastdhcp.config.errors import Problem

INFINITE = 0xFFFFFFFF  # RFC 2132 9.2: a lease time without end
DEFAULT_VRF = ""

# The numbers of IdentityKind (_image.pxd).
IDENTITY_KINDS: Mapping[str, int] = {
    "client-id": 1,
    "hw-address": 2,
    "circuit-id": 3,
    "remote-id": 4,
}

Options = Mapping[int, bytes]
Range = tuple[int, int]  # first and last address, both within


@dataclass(frozen=True, slots=True)
class Params:
    """A scope's values. `renewal_s`, `rebinding_s`: 0 = half, seven eighths of the time granted."""

    lease_s: int
    lease_min_s: int
    lease_max_s: int
    renewal_s: int
    rebinding_s: int
    offer_hold_s: int
    decline_s: int
    reuse_grace_s: int
    authoritative: bool
    rapid_commit: bool
    bootp: bool
    next_server: int
    boot_file: bytes


@dataclass(frozen=True, slots=True)
class Reservation:
    """An address that belongs to one client: `identity` as it is compared (_image.pxd)."""

    kind: int
    identity: bytes
    address: int
    hostname: bytes
    params: Params
    options: Options


@dataclass(frozen=True, slots=True)
class Pool:
    """A range. `holes`: what of it is never given (sorted, apart), own addresses not yet in."""

    name: str
    first: int
    last: int
    holes: tuple[Range, ...]
    params: Params
    options: Options

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
    reservations: tuple[Reservation, ...]

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
class Server:
    """The [server] table. `interfaces` None: those with an address in a subnet."""

    interfaces: tuple[str, ...] | None
    listen: tuple[str, int]
    workers: int
    state_directory: Path
    runtime_directory: Path
    durability: str
    receive_buffer: int
    commit_delay_us: int
    identity: tuple[str, ...]
    trust_wall_clock: str
    max_addresses: int
    max_addresses_given: bool
    journal_max_size: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """One configuration, whole. `files`: all that were read, the named one first."""

    files: tuple[Path, ...]
    server: Server
    control: tuple[str, int] | None
    params: Params
    options: Options
    networks: tuple[Network, ...]
    subnets: tuple[Subnet, ...]
    block_count: int  # blocks of 256 addresses that pools and reservations touch
    warnings: tuple[Problem, ...] = field(default=())

    @property
    def block_limit(self) -> int:
        """Blocks of 256 addresses that the table keeps room for."""
        return -(-self.server.max_addresses // 256)

    def vrf_names(self) -> list[str]:
        """The VRFs but the default one, sorted."""
        return sorted({subnet.vrf for subnet in self.subnets} - {DEFAULT_VRF})

    def subnet_names(self) -> list[tuple[str, str]]:
        """(VRF, prefix) of each subnet, in the order of `subnets`."""
        return [(subnet.vrf, subnet.name) for subnet in self.subnets]
