"""What follows from the words and the view of a node: its state, its line, its alarms."""

from fastdhcp.link.events import Serving
from fastdhcp.link.line import FOREVER_NS, NEVER_NS, Line, Role, State
from fastdhcp.link.node import Node
from fastdhcp.link.settings import Settings, slack_ns

ALLOCATING = (State.SINGLE, State.NORMAL, State.INTERRUPTED, State.PARTNER_DOWN)
EXTENDING = (*ALLOCATING, State.ISOLATED)


def state_of(settings: Settings, node: Node, now_ns: int) -> State:
    boots = node.asked is not None and node.asked.boots
    if node.stop:
        return State.STOPPED
    if not node.is_in_pair and not boots:
        return State.SINGLE
    if node.recovers:
        return State.RECOVER
    if boots:
        return State.STARTUP
    if node.is_sole:
        return State.PARTNER_DOWN
    if node.starts and node.seen is None and now_ns < node.booted_ns + settings.startup_ns:
        return State.STARTUP
    if _is_level(node):
        return State.NORMAL
    return State.INTERRUPTED if fence_ns(node) >= now_ns else State.ISOLATED


def fence_ns(node: Node) -> int:
    """Without a witness the operator's word is the fence: who has met the peer at this epoch goes
    on until then, and who has not knows nothing."""
    return FOREVER_NS if node.met_epoch == node.words.epoch else NEVER_NS


def is_spent(settings: Settings, node: Node, now_ns: int) -> bool:
    """Sole, and all that the peer may have told without my knowing has run out."""
    longest_ns = node.seen.longest_lease_ns if node.seen else 0
    wait_ns = settings.times.mclt_ns + slack_ns(settings, longest_ns)
    return node.words.sole and now_ns > node.words.pd_start_ns + wait_ns


def line_of(settings: Settings, node: Node, now_ns: int) -> Line:
    state = state_of(settings, node, now_ns)
    return Line(
        state=state,
        role=_role(settings, node, state),
        serving=_serving(state),
        allocates=state in ALLOCATING,
        extends=state in EXTENDING,
        seized=node.seized and state is State.PARTNER_DOWN,
        waits=_is_with_equal(node),
        sole=state in (State.SINGLE, State.PARTNER_DOWN),
        epoch=node.words.epoch,
        fence_ns=fence_ns(node),
        pd_start_ns=node.words.pd_start_ns,
        no_alloc_until_ns=node.words.no_alloc_until_ns,
    )


def alarms_of(node: Node, state: State) -> frozenset[str]:
    """Those that should be on."""
    found = {
        "failover-recovering": state is State.RECOVER,
        "failover-interrupted": state is State.INTERRUPTED and not node.link_is_up,
        "failover-isolated": state is State.ISOLATED and not node.link_is_up,
        "failover-partner-down": state is State.PARTNER_DOWN,
        "failover-refused": node.refusal is not None,
        "failover-config-differs": node.config_differs,
        "failover-conflict": node.conflict,
    }
    return frozenset(name for name, is_on in found.items() if is_on)


def _is_with_equal(node: Node) -> bool:
    """The link is up, and both may tell by the same epoch."""
    peer = node.peer
    if peer is None or node.recovers or node.is_sole:
        return False
    return peer.epoch == node.words.epoch and not peer.recover


def _is_level(node: Node) -> bool:
    """Both have all that the other had at HELLO."""
    session = node.session
    if session is None or session.peer is None or not _is_with_equal(node):
        return False
    return session.acked >= session.said.seq and session.applied >= session.peer.seq


def _role(settings: Settings, node: Node, state: State) -> Role:
    if state not in EXTENDING:
        return Role.SILENT
    is_shared = node.session is not None and node.session.serving is Serving.ALL
    if state is not State.NORMAL or not is_shared:
        return Role.ALONE
    return Role.ANSWERS if settings.answers else Role.STANDS_BY


def _serving(state: State) -> Serving:
    if state in ALLOCATING:
        return Serving.ALL
    return Serving.HELD if state in EXTENDING else Serving.NONE
