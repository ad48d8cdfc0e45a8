"""What a node has on disk about its pair: the words that outlive it."""

import msgspec

ALONE_FOR_EVER_NS = -(1 << 62)
"""`pd_start` of who founds a pair: node time begins at 0 with a new store, so 0 were too late."""
LOST_EPOCH = 0
"""Of a store that was made new: lower than every epoch that a node opens."""


class Pair(msgspec.Struct, frozen=True):
    """``secret`` makes client keys; ``node``: which of the two this is, "a" or "b"."""

    id: str
    node: str
    secret: bytes


class Applied(msgspec.Struct, frozen=True):
    """The peer's last change that is durable here. ``run`` 0: nothing of this store yet. It was
    accepted, and has to recover before it counts."""

    store_id: str
    run: int = 0
    seq: int = 0


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """``epoch`` is odd if `a` opened it, even if `b` did, so never both the same one. ``sole``: I
    alone hold it. ``recover``: my data may be old. ``pd_start_ns``: since when I have been sole;
    ``no_alloc_until_ns``: until then a lost store may have told what I have forgotten.
    ``applied`` None: the next store of the peer is taken as it is. ``peer_acked`` may lag and
    never leads. What was acknowledged of changes up to ``acked_void`` counts for nothing."""

    store_id: str
    pair: Pair | None = None
    epoch: int = LOST_EPOCH
    sole: bool = False
    recover: bool = False
    no_alloc_until_ns: int = 0
    pd_start_ns: int = 0
    applied: Applied | None = None
    peer_acked: int = 0
    acked_void: int = 0


def next_epoch(node: str, above: int) -> int:
    """The lowest epoch above another that this node may open."""
    return above + 1 if (above + 1) % 2 == (node == "a") else above + 2
