"""What commands are asked and what they answer, as JSON has it. Times are Unix seconds."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from fastdhcp.control.lease import Lease

PAGE_MAX = 10_000
TRACE_MAX = 10_000
Number = Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]
Text = Annotated[str, Meta(max_length=255)]
Vrf = Number | Text
"""A VRF, by its number or its name."""


class Message(msgspec.Struct, rename="kebab", kw_only=True):
    """A request or a response."""


class Request(Message, forbid_unknown_fields=True):
    """Fields come from path, query and body alike."""


class Nothing(Request):
    """A request that says no more than its command."""


class ListRequest(Request):
    """`after`: `next` of the page before; the rest: only leases that are so."""

    after: Text | None = None
    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX)] = 100
    vrf: Vrf | None = None
    state: Text | None = None
    subnet: Text | None = None


class ShowRequest(Request):
    """`which`: an address, or a hardware address."""

    which: Text
    vrf: Vrf = 0


class ReleaseRequest(Request):
    """`now`: the address may be another's at once; else when the lease that was told ends."""

    address: Text
    vrf: Vrf = 0
    now: bool = False


class PoolsRequest(Request):
    """`vrf`: only pools of it."""

    vrf: Vrf | None = None


class TraceRequest(Request):
    """The last `limit` decisions; `hw_address`: of this client only, `vrf`: of this VRF only."""

    limit: Annotated[int, Meta(ge=1, le=TRACE_MAX)] = 100
    hw_address: Text | None = None
    vrf: Vrf | None = None


class LeasesResponse(Message):
    """`next`: where the next page starts; null: this was the last."""

    leases: list[Lease]
    next: str | None = None


class ReleaseResponse(Message):
    """`result`: `ended`, `pending` (held until its expiry, no longer renewed), `free` (was bound
    to nobody)."""

    address: str
    result: str


class Pool(Message):
    """Addresses of one pool by state: their sum is `size`. `pending`: active, but it may not be
    renewed; `grace`: its lease has ended, and nobody else gets it within `reuse-grace`. `vrf_name`:
    null for the default VRF."""

    vrf: int
    vrf_name: str | None
    subnet: str
    pool: str
    size: int
    free: int
    offered: int
    active: int
    pending: int
    grace: int
    declined: int


class PoolsResponse(Message):
    pools: list[Pool]


class Process(Message):
    """`beat_age`: seconds since its last sign of life; null: none is expected."""

    role: str
    index: int
    pid: int
    state: str
    restarts: int
    since: float
    beat_age: float | None = None


class Alarm(Message):
    """`subject`: the process, interface or subnet that it is about; `meaning`: what such an alarm
    says of the server; `cure`: what helps; all in words."""

    name: str
    subject: str | None
    text: str
    meaning: str
    cure: str
    since: float


class Interface(Message):
    """`carrier`: false if it is up and has no link to its other end."""

    index: int
    name: str
    up: bool
    addresses: list[str]
    carrier: bool = True


class StatusResponse(Message):
    """The server as a whole. `store`: `starting`, `ok`, `failing`; `leases`: those that
    lists show as active, in pools or not; `addresses`: of all pools; `dropped`: packets that drew
    no reply since the start, by reason, those that there were."""

    version: str
    time: float
    started: float | None
    pid: int | None
    config: str
    listen: str
    durability: str
    generation: int
    store: str
    leases: int
    addresses: int
    subnets: int
    kernel_drops: int
    dropped: dict[str, int]
    receive_buffer: int | None
    processes: list[Process]
    alarms: list[Alarm]
    warnings: list[str]
    interfaces: list[Interface]


class Decision(Message):
    """One packet and what was done about it.

    `reply` is what was to be sent; `outcome` what became of it: `decided` (it leaves at once),
    `held` (it waits for the store), `sent`, `dropped`, `send-failed`, or `done` (carried out, and
    no reply is due); `reason`: why nothing was sent. `answer_us`: from the packet's arrival to its
    reply. `address` is what it was about: that of the reply, else that the client named.
    `server_id`: option 54 that came. `known`: the client has or had an address on this link.
    `circuit_id`: its first 40 octets. `parameters`: tells option 55 of one client from another's.
    `relay`: the name of the relay agent, if [relays] gives it one; `client_sent`: `unicast` or
    `broadcast`, if it says so (RFC 5010).
    `classes`: those that the client was of; null: the policy had none, or is not in force any more.
    `reservation`: that of the client; it stands beside classes alone.
    """

    time: float
    worker: int
    message: str
    reply: str | None
    outcome: str
    reason: str | None
    answer_us: int | None
    xid: str
    secs: int
    vrf: int
    vrf_name: str | None
    hw_address: str | None
    address: str | None
    giaddr: str
    relay: str | None
    client_sent: str | None
    ciaddr: str
    requested: str
    yiaddr: str
    server_id: str | None
    ifindex: int
    interface: str | None
    subnet: str | None
    known: bool
    circuit_id: str | None
    circuit_id_length: int
    parameters: str | None
    classes: list[str] | None
    reservation: str | None
    generation: int


class TraceResponse(Message):
    decisions: list[Decision]


class ReloadResponse(Message):
    """`generation`: of the policy in force now; `taken`: whether it is a new one."""

    taken: bool
    generation: int
    text: str


class ExplainRequest(Request):
    """What is asked: a client (`hw_address` and so on, or any `options` by code or name, as text or
    `hex:...`), or a whole message (`packet`, in hex), or the `last` message of a hardware address
    (`vrf`: in this VRF).

    `type`: `discover`, `request` (SELECTING), `reboot`, `renew`, `rebind`, `decline`, `release`,
    `inform` or `bootp`; `address`: what it asks for or is about; `parameters`: option 55. It comes
    by a relay agent (`relay`: its giaddr; `link`: what it selects by sub-option 5 of option 82, RFC
    3527), or by an interface of the server. `source`,
    `destination`, `source_port`: of the datagram, where it matters.
    """

    hw_address: Text | None = None
    client_id: Text | None = None
    circuit_id: Text | None = None
    remote_id: Text | None = None
    subscriber_id: Text | None = None
    vendor_class: Text | None = None
    user_class: Text | None = None
    hostname: Text | None = None
    options: Annotated[dict[str, Text], Meta(max_length=64)] | None = None
    parameters: Annotated[
        list[Annotated[int, Meta(ge=1, le=254)]], Meta(max_length=255)
    ] | None = None
    type: Text = "discover"
    address: Text | None = None
    relay: Text | None = None
    link: Text | None = None
    interface: Text | None = None
    source: Text | None = None
    destination: Text | None = None
    source_port: Annotated[int, Meta(ge=1, le=0xFFFF)] | None = None
    packet: Annotated[str, Meta(max_length=1 << 15)] | None = None
    last: Text | None = None
    vrf: Vrf | None = None


class ExplainedLink(Message):
    """Where it came from. `network`: the shared network, or the prefix of a subnet of its own;
    `subnet`: that of the address which chose it; `found_by`: how, in words; null: the trace has
    not kept it."""

    vrf: int
    vrf_name: str | None
    network: str
    subnet: str | None
    found_by: str | None


class ExplainedPart(Message):
    """A part of a class's test: a test (`truth`) or a value, of this message."""

    text: str
    truth: bool | None = None
    value: str | None = None


class ExplainedClass(Message):
    name: str
    matches: bool
    test: str | None
    parts: list[ExplainedPart]


class ExplainedOption(Message):
    """An option of the reply. `value`: as the configuration writes it; `layer`: who gave it."""

    code: int
    name: str | None
    value: Any
    layer: str


class NotSent(Message):
    """An option that the policy has, or the client asks for, and the reply lacks; `why`: in
    words."""

    code: int
    name: str | None
    why: str


class Explanation(Message):
    """What a message draws, and why; nothing is changed by asking.

    `reply`: `offer`, `ack`, `nak`, or null for silence, with its `reason` (METRICS.md); `why`: in
    words. `lease_time` null: no lease is told, or it has no end (`infinite`). `given_by`: for the
    times, `next_server` and so on, which key of which place says so. `not_sent`: options that this
    client does not get. `notes`: what was assumed, for nobody has said it. `decision`: what was,
    from the trace; the rest is then as the entry has it.
    """

    message: str
    hw_address: str | None
    client_id: str | None
    relay: str | None
    interface: str | None
    link: ExplainedLink | None
    reservation: str | None
    classes: list[ExplainedClass]
    address: str | None
    pool: str | None
    reply: str | None
    reason: str | None
    why: str
    server_id: str | None
    next_server: str | None
    server_name: str | None
    boot_file: str | None
    lease_time: int | None
    infinite: bool
    renewal_time: int | None
    rebinding_time: int | None
    given_by: dict[str, str]
    options: list[ExplainedOption]
    not_sent: list[NotSent]
    notes: list[str]
    generation: int
    decision: Decision | None = None
