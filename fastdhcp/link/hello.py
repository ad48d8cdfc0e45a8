"""HELLO, the first frame of a session, and why one is refused."""

import enum

import msgspec

from fastdhcp.link.durable import Applied
from fastdhcp.link.settings import Times


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """All of it is durable at who says it. ``seq``: its last change; ``applied``: what it has of
    the other. ``spent``: sole for so long that nothing told by the other still runs."""

    pair: str
    node: str
    store_id: str
    run: int
    epoch: int
    sole: bool
    spent: bool
    recover: bool
    seq: int
    applied: Applied | None
    times: Times
    longest_lease_ns: int
    identity: str
    secret_hash: str
    config_hash: str
    wire: tuple[int, int]


class Refusal(enum.Enum):
    """Why a session is not taken. Nothing changes by a HELLO that is refused."""

    WIRE_VERSION = "wire-version"
    OTHER_PAIR = "other-pair"
    OWN_NAME = "own-name"
    OTHER_SECRET = "other-secret"
    OTHER_IDENTITY = "other-identity"
    OTHER_TIMES = "other-times"
    UNKNOWN_STORE = "unknown-store"
    UNKNOWN_THERE = "unknown-there"
    PEER_ROLLED_BACK = "peer-rolled-back"


REFUSALS = {
    Refusal.WIRE_VERSION: (
        "the two programs have no version of the protocol in common",
        "upgrade the older one: neighbouring versions work together",
    ),
    Refusal.OTHER_PAIR: (
        "the other one belongs to another pair",
        "see `peer` in [failover], and which pair each store is of (`fastdhcp failover status`)",
    ),
    Refusal.OWN_NAME: (
        "the other one has this node's own name",
        'one of the two is "a", the other "b": `node` in [failover]',
    ),
    Refusal.OTHER_SECRET: (
        "the other one makes client keys with another secret",
        "start the other one empty, with the file that `fastdhcp failover init` wrote",
    ),
    Refusal.OTHER_IDENTITY: (
        "the other one knows clients by something else",
        "make `identity` the same on both",
    ),
    Refusal.OTHER_TIMES: (
        "the other one goes by other times",
        "make the times of [failover] the same on both",
    ),
    Refusal.UNKNOWN_STORE: (
        "the other one has a store that is not known here",
        "if the machine with the former store is gone: `fastdhcp failover accept STORE`, here",
    ),
    Refusal.UNKNOWN_THERE: (
        "the other one does not know this node's store",
        "if the machine with the former store is gone: `fastdhcp failover accept STORE`, there",
    ),
    Refusal.PEER_ROLLED_BACK: (
        "the other one says that it is alone at the epoch that both hold",
        "none: it finds that its store is an older one, moves it aside and copies this one's",
    ),
}
"""What each means, and its cure."""


def refusal_of(mine: Hello, peer: Hello) -> Refusal | None:
    """Why the peer's HELLO is refused, given my own of this session; None: it is not."""
    if peer.wire[1] < mine.wire[0] or mine.wire[1] < peer.wire[0]:
        return Refusal.WIRE_VERSION
    for name, refusal in _MUST_AGREE:
        if getattr(peer, name) != getattr(mine, name):
            return refusal
    if peer.node == mine.node:
        return Refusal.OWN_NAME
    if mine.applied and mine.applied.store_id != peer.store_id:
        return Refusal.UNKNOWN_STORE
    if peer.applied and peer.applied.store_id != mine.store_id:
        return Refusal.UNKNOWN_THERE
    if peer.sole and peer.epoch == mine.epoch:
        return Refusal.PEER_ROLLED_BACK
    return None


_MUST_AGREE = (
    ("pair", Refusal.OTHER_PAIR),
    ("secret_hash", Refusal.OTHER_SECRET),
    ("identity", Refusal.OTHER_IDENTITY),
    ("times", Refusal.OTHER_TIMES),
)
