"""The operator's commands: what each changes, or why not."""

import enum
from typing import Any

from fastdhcp.link.durable import ALONE_FOR_EVER_NS, Applied, next_epoch
from fastdhcp.link.events import Accept, Init, Leave, Order, PartnerDown
from fastdhcp.link.node import Node
from fastdhcp.link.settings import Settings

Changes = dict[str, Any]


class Denial(enum.Enum):
    """Why a command is not carried out."""

    STOPPED = "stopped"
    BUSY = "busy"
    NO_PAIR = "no-pair"
    IN_PAIR = "in-a-pair"
    OTHER_NAME = "other-node-name"
    LINK_UP = "link-up"
    RECOVERS = "recovering"
    NOT_SEEN = "peer-not-seen"
    NOT_SOLE = "not-sole"
    NOT_SEIZED = "not-seized"


DENIALS = {
    Denial.STOPPED: "this node does not run as it is: its log says why",
    Denial.BUSY: "what was decided before is not on disk yet: ask again",
    Denial.NO_PAIR: "this node is in no pair: `fastdhcp failover init` founds one",
    Denial.IN_PAIR: "this node is in a pair. After the loss of a sole node's store, when both have "
    "been silent for the longest lease and its slack: `init --force`",
    Denial.OTHER_NAME: "`node` in [failover] has another name",
    Denial.LINK_UP: "the other one is there",
    Denial.RECOVERS: "this node's leases may be old: the other one was alone, or this store is "
    "new. Bring the other one back; if it is lost for good: `partner-down --force`",
    Denial.NOT_SEEN: "the other one was not seen since this node started. Is it off? Was it alone "
    "when it was seen last? If neither answers clients, nor did it alone: `partner-down --force`",
    Denial.NOT_SOLE: "the other one has its share: first stop it, then `partner-down`",
    Denial.NOT_SEIZED: "the other one's addresses are not this node's yet: "
    "`fastdhcp failover status` says until when",
}
"""What each means, and what to look at."""


def decide(settings: Settings, node: Node, order: Order, now_ns: int) -> Changes | Denial:
    """What is to be made durable; empty: it is so already."""
    if node.stop:
        return Denial.STOPPED
    if node.asked:
        return Denial.BUSY
    match order:
        case Init():
            return _init(settings, node, order)
        case _ if not node.is_in_pair:
            return Denial.NO_PAIR
        case Accept():
            return _accept(node, order)
        case PartnerDown():
            return _partner_down(settings, node, order, now_ns)
        case Leave():
            return _leave(node)
    raise TypeError(f"{order!r} is no command")


def _init(settings: Settings, node: Node, order: Init) -> Changes | Denial:
    words = node.words
    if words.pair == order.pair:
        return {}
    if words.pair and not order.force:
        return Denial.IN_PAIR
    if order.pair.node != settings.node:
        return Denial.OTHER_NAME
    return {
        "pair": order.pair,
        "epoch": next_epoch(order.pair.node, _highest(node, order)),
        "sole": True,
        "recover": False,
        "no_alloc_until_ns": 0,
        "pd_start_ns": ALONE_FOR_EVER_NS,
        "applied": None,
        "peer_acked": 0,
    }


def _accept(node: Node, order: Accept) -> Changes | Denial:
    if node.words.applied and node.words.applied.store_id == order.store_id:
        return {}
    if node.link_is_up:
        return Denial.LINK_UP
    return {"applied": Applied(order.store_id), "peer_acked": 0}


def _partner_down(
    settings: Settings, node: Node, order: PartnerDown, now_ns: int
) -> Changes | Denial:
    words = node.words
    if words.sole:
        return {}
    if not order.force:
        if words.recover:
            return Denial.RECOVERS
        if node.link_is_up:
            return Denial.LINK_UP
        if node.seen is None:
            return Denial.NOT_SEEN
    assert words.pair is not None
    return {
        "epoch": next_epoch(words.pair.node, _highest(node, order)),
        "sole": True,
        "recover": False,
        "pd_start_ns": pd_start_ns(settings, node.booted_ns, now_ns),
    }


def _highest(node: Node, order: Init | PartnerDown) -> int:
    """Of all epochs that this node knows of."""
    return max(node.words.epoch, order.highest, node.seen.epoch if node.seen else 0)


def pd_start_ns(settings: Settings, booted_ns: int, now_ns: int) -> int:
    """Not before what this node may have promised, and forgotten by its start, has run out."""
    return max(now_ns, booted_ns + settings.times.hold_ns)


def _leave(node: Node) -> Changes | Denial:
    if not node.words.sole:
        return Denial.NOT_SOLE
    if not node.seized:
        return Denial.NOT_SEIZED
    # It stays sole, as every single server is: there is no moment in which it is not.
    return {"pair": None, "applied": None}
