"""What the user writes: every table and key of the configuration, before any of it is resolved.

The meanings, defaults and units stand in reference.toml. A key that is not here is an error. Keys
with a value of their own are rows of the model (keys.py); here stands what gives them their place.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType, defstruct, field

from fastdhcp.config import later
from fastdhcp.config.keys import keys_of
from fastdhcp.config.model import Control as ControlKeys
from fastdhcp.config.model import Params
from fastdhcp.config.model import Relays as RelaysKeys
from fastdhcp.config.model import Server as ServerKeys


class Table(Struct, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A table of the configuration."""


T = TypeVar("T", bound=Table)


def keyed(model: type, level: str | None = None) -> Callable[[type[T]], type[T]]:
    """Adds the keys that are rows of a model to a table; of a scope's, those of its level."""

    def add(table: type[T]) -> type[T]:
        fields = [
            (key.attribute, key.kind.written | UnsetType, UNSET)
            for key in keys_of(model, level).values()
        ]
        return defstruct(  # type: ignore[return-value]
            table.__name__, fields, bases=(table,), kw_only=True, module=__name__,
            namespace={"__doc__": table.__doc__},
        )  # fmt: skip

    return add


@keyed(later.ScopeKeys)
class Scope(Table):
    """What has values of its own: options, and keys of Params; the nearest wins."""

    options: dict[str, object] = {}
    always_send: list[str | int] = []
    never_send: list[str | int] = []


@keyed(Params, "defaults")
class Defaults(Scope):
    """Values for all subnets."""


@keyed(Params, "class")
class Class(Scope, kw_only=True):
    """A set of clients, and what they have wherever they come."""

    name: str
    test: str | UnsetType = UNSET
    lease_class: bool = False
    drop: bool = False


@keyed(Params, "when")
class When(Scope, kw_only=True):
    """What the clients of a class have in one subnet or pool."""

    class_: str = msgspec.field(name="class")


class Guarded(Scope):
    """What some classes of clients may have, and some may not."""

    allow: list[str] = []
    deny: list[str] = []
    when: list[When] = []


@keyed(Params, "pool")
class Pool(Guarded, kw_only=True):
    """A range of addresses that are given to whoever asks."""

    range: str


OTHERS = "(others)"


class Client(Scope, kw_only=True):
    """What is kept for one client, known by exactly one identifier."""

    hw_address: str | UnsetType = UNSET
    client_id: str | UnsetType = UNSET
    circuit_id: str | UnsetType = UNSET
    remote_id: str | UnsetType = UNSET
    subscriber_id: str | UnsetType = UNSET
    hostname: str | UnsetType = UNSET
    classes: list[str] = []
    # Keys that are none: perhaps names of [identifiers]. What is moved here stands in structure.py.
    others: dict[str, str] = field(default_factory=dict, name=OTHERS)


@keyed(Params, "reservation")
class Reservation(Client, kw_only=True):
    """In a subnet: an address, and what goes with it."""

    address: str | UnsetType = UNSET


@keyed(Params, "reservation")
class AnywhereReservation(Client, kw_only=True):
    """Of no subnet: what a client has wherever it comes."""

    vrf: str | UnsetType = UNSET


RESERVATION_KEYS = frozenset(
    one.encode_name
    for table in (Reservation, AnywhereReservation)
    for one in msgspec.structs.fields(table)
)


@keyed(Params, "subnet")
@keyed(later.SubnetKeys)
class Subnet(Guarded, kw_only=True):
    """A prefix, the pools and reservations in it."""

    subnet: str
    interface: str | UnsetType = UNSET
    shared_network: str | UnsetType = UNSET
    vrf: str | UnsetType = UNSET
    pools: list[str | Pool] = []
    exclude: list[str] = []
    reservations: list[Reservation] = []


@keyed(Params, "shared-network")
class SharedNetwork(Scope, kw_only=True):
    """Values of the subnets that share a link."""

    name: str


class Vrf(Table, kw_only=True):
    """A VRF, and what packets call it."""

    name: str
    vpn_id: str | UnsetType = UNSET


class RelayAgent(Table, kw_only=True):
    """A relay agent by giaddr, or those of a prefix."""

    address: str
    name: str | UnsetType = UNSET
    vrf: str | UnsetType = UNSET
    link: str | UnsetType = UNSET


@keyed(RelaysKeys)
class Relays(Table):
    """Whose word on where a client is counts."""

    agents: list[RelayAgent] = []


@keyed(ServerKeys)
@keyed(later.ServerKeys)
class Server(Table):
    """The server itself; most of it cannot change while it runs."""

    include: list[str] = []


@keyed(ControlKeys)
@keyed(later.ControlKeys)
class Control(Table):
    """The HTTP interface."""


class Promised(Table):
    """A table that is not served yet."""


@keyed(later.LeasequeryKeys)
class Leasequery(Promised):
    """RFC 4388: who may ask for leases."""

    allow: list[str] = []


@keyed(later.HistoryKeys)
class History(Promised):
    """Who had which address when."""


@keyed(later.LogKeys)
class Log(Promised):
    """What is logged of leases."""


@keyed(later.WitnessKeys)
class Witness(Promised):
    """Who says which node of a pair may go on alone."""


@keyed(later.FailoverKeys)
class Failover(Promised):
    """A pair of servers."""

    witness: Witness | UnsetType = UNSET


@keyed(later.LimitKeys)
class Limit(Promised):
    """How many leases the clients of a class may have."""


class OptionDefinition(Table, kw_only=True):
    """An option that no standard has, or one of a vendor's space."""

    space: str | UnsetType = UNSET
    code: int
    name: str
    type: str | list[str]
    array: bool = False


class File(Table):
    """One file."""

    server: Server | UnsetType = UNSET
    control: Control | UnsetType = UNSET
    leasequery: Leasequery | UnsetType = UNSET
    defaults: Defaults | UnsetType = UNSET
    option_definitions: list[OptionDefinition] = []
    classes: list[Class] = []
    subnets: list[Subnet] = []
    reservations: list[AnywhereReservation] = []
    shared_networks: list[SharedNetwork] = []
    vrfs: list[Vrf] = []
    relays: Relays | UnsetType = UNSET
    identifiers: dict[str, str] | UnsetType = UNSET
    history: History | UnsetType = UNSET
    log: Log | UnsetType = UNSET
    failover: Failover | UnsetType = UNSET
    limits: list[Limit] | UnsetType = UNSET
    # Kept for later, with any content: their keys are not settled.
    alarms: dict[str, object] | UnsetType = UNSET
    ddns: dict[str, object] | UnsetType = UNSET

