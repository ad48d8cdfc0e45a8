"""The outcome of a probe, as `--json` prints it."""

import msgspec

from fastdhcp.options import Value
from fastdhcp.probe.trouble import Trouble


class Step(msgspec.Struct, frozen=True, rename="kebab"):
    """One line of the story. `at` is seconds since the start."""

    at: float
    step: str
    text: str


class Offer(msgspec.Struct, frozen=True, rename="kebab"):
    """One OFFER. `seconds` since the DISCOVER that it answers; `source` is its IP source,
    `hw_address` its sender's on the link; `broadcast` null where not seen."""

    server: str
    address: str
    seconds: float
    source: str
    hw_address: str | None
    broadcast: bool | None
    relay: str | None
    options: dict[str, Value]


class Lease(msgspec.Struct, frozen=True, rename="kebab"):
    """What the ACK gave. Times are seconds; `seconds` is the ACK's latency."""

    address: str
    server: str
    seconds: float
    lease_time: int | None
    renewal_time: int | None
    rebinding_time: int | None
    next_server: str | None
    boot_file: str | None
    options: dict[str, Value]


class Report(msgspec.Struct, rename="kebab"):
    """Everything. `lease` is null if none came, and `stopped` then says where and why."""

    interface: str | None
    relay: str | None
    hw_address: str
    xid: str
    lease: Lease | None = None
    stopped: Trouble | None = None
    warnings: list[Trouble] = msgspec.field(default_factory=list)
    offers: list[Offer] = msgspec.field(default_factory=list)
    released: bool = False
    seconds: float = 0.0
    steps: list[Step] = msgspec.field(default_factory=list)
