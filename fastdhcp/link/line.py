"""What the packet path goes by: a line of the node segment, once there is a pair."""

import enum

import msgspec

from fastdhcp.link.events import Serving

NEVER_NS = -(1 << 62)
FOREVER_NS = 1 << 62
"""Instants before and after all others, such that MCLT may be added to either."""


class State(enum.Enum):
    """As operators read them; two more of a node that is in no pair, or must not run."""

    SINGLE = "single"
    STOPPED = "stopped"
    STARTUP = "startup"
    RECOVER = "recover"
    NORMAL = "normal"
    INTERRUPTED = "communications-interrupted"
    ISOLATED = "isolated"
    PARTNER_DOWN = "partner-down"


class Role(enum.Enum):
    """What this node does for clients: by rule with the other one, all that it can, or nothing."""

    ANSWERS = "answers"
    STANDS_BY = "stands-by"
    ALONE = "alone"
    SILENT = "silent"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """``allocates``: new clients get addresses of own pages, and of the peer's if ``seized``.
    ``extends``: whoever is ACTIVE here may renew. ``waits``: replies wait for the peer.
    ``fence_ns``: until then the peer is known not to be in PARTNER-DOWN. Proposals of the peer are
    refused before ``no_alloc_until_ns``."""

    state: State
    role: Role
    serving: Serving
    allocates: bool
    extends: bool
    seized: bool
    waits: bool
    sole: bool
    epoch: int
    fence_ns: int
    pd_start_ns: int
    no_alloc_until_ns: int


OFF = Line(
    state=State.STOPPED, role=Role.SILENT, serving=Serving.NONE, allocates=False, extends=False,
    seized=False, waits=False, sole=False, epoch=0, fence_ns=NEVER_NS, pd_start_ns=0,
    no_alloc_until_ns=0,
)  # fmt: skip
"""Before anything has happened."""


def bound_ns(line: Line, acked_ns: int, mclt_ns: int, now_ns: int) -> int:
    """The latest instant that a client may be told, given what the peer has acknowledged of its
    record. Without a fence that alone."""
    if line.sole:
        return FOREVER_NS
    return max(acked_ns, min(now_ns, line.fence_ns) + mclt_ns)
