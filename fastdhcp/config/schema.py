"""What the user writes: every table and key of the configuration, before any of it is resolved.

The meanings, defaults and units stand in reference.toml. A key that is not here is an error.
"""

from msgspec import UNSET, Struct, UnsetType, field

Time = int | str  # seconds, or "30m"; from 1 s to 2^31-1 s
Size = int | str  # octets, or "32M"


class Table(Struct, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A table of the configuration."""


class Scope(Table):
    """Keys of [defaults] that a subnet, pool or reservation may have too: the nearest wins."""

    lease_time: Time | UnsetType = UNSET
    lease_time_min: Time | UnsetType = UNSET
    lease_time_max: Time | UnsetType = UNSET
    renewal_time: Time | UnsetType = UNSET
    rebinding_time: Time | UnsetType = UNSET
    offer_hold: Time | UnsetType = UNSET
    decline_time: Time | UnsetType = UNSET
    reuse_grace: Time | UnsetType = UNSET
    authoritative: bool | UnsetType = UNSET
    rapid_commit: bool | UnsetType = UNSET
    bootp: bool | UnsetType = UNSET
    next_server: str | UnsetType = UNSET
    boot_file: str | UnsetType = UNSET
    options: dict[str, object] = {}


class Pool(Scope, kw_only=True):
    """A range of addresses that are given to whoever asks."""

    range: str


class Reservation(Scope, kw_only=True):
    """An address that is kept for one client, known by exactly one identifier."""

    address: str
    hw_address: str | UnsetType = UNSET
    client_id: str | UnsetType = UNSET
    circuit_id: str | UnsetType = UNSET
    remote_id: str | UnsetType = UNSET
    hostname: str | UnsetType = UNSET


class Subnet(Scope, kw_only=True):
    """A prefix, the pools and reservations in it."""

    subnet: str
    interface: str | UnsetType = UNSET
    shared_network: str | UnsetType = UNSET
    vrf: str | UnsetType = UNSET
    pools: list[str | Pool] = []
    exclude: list[str] = []
    reservations: list[Reservation] = []


class Server(Table):
    """The server itself; most of it cannot change while it runs."""

    interfaces: list[str] | UnsetType = UNSET
    listen: str = "0.0.0.0:67"
    workers: int | UnsetType = UNSET
    state_directory: str = "/var/lib/fastdhcp"
    runtime_directory: str = "/run/fastdhcp"
    durability: str = "commit"
    receive_buffer: Size = "32M"
    commit_delay: Time = "500us"
    identity: list[str] = field(default_factory=lambda: ["client-id", "hw-address"])
    trust_wall_clock: str = "synchronized"
    include: list[str] = []
    max_addresses: int | UnsetType = UNSET
    journal_max_size: Size = "4G"


class Control(Table):
    """The HTTP interface."""

    listen: str | UnsetType = UNSET


class Leasequery(Table):
    """RFC 4388: who may ask for leases."""

    allow: list[str] = []


class File(Table):
    """One file."""

    server: Server | UnsetType = UNSET
    control: Control | UnsetType = UNSET
    leasequery: Leasequery | UnsetType = UNSET
    defaults: Scope | UnsetType = UNSET
    subnets: list[Subnet] = []
    # Names kept for later, with any content (LATER).
    relays: dict[str, object] | UnsetType = UNSET
    log: dict[str, object] | UnsetType = UNSET
    failover: dict[str, object] | UnsetType = UNSET
    classes: list[dict[str, object]] | UnsetType = UNSET
    limits: list[dict[str, object]] | UnsetType = UNSET
    alarms: dict[str, object] | UnsetType = UNSET
    ddns: dict[str, object] | UnsetType = UNSET


# Tables that are read, and reported as not served yet.
LATER = ("leasequery", "relays", "log", "failover", "classes", "limits", "alarms", "ddns")
# Keys of a scope that are so if they are true.
LATER_IF_TRUE = ("rapid_commit", "bootp")
