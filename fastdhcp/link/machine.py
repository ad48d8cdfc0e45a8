"""The failover pair's state machine: (node, event) -> (node, actions), and nothing else.

It reads no clock, draws no number and keeps nothing: whoever calls it does. An event says what is
so; what follows from it, whichever event it was, is found in `_go_on`.
"""

import hashlib
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from fastdhcp.link import actions as do
from fastdhcp.link import events
from fastdhcp.link.actions import Action, Closing
from fastdhcp.link.durable import LOST_EPOCH, Applied
from fastdhcp.link.events import Event
from fastdhcp.link.hello import Hello, Refusal, refusal_of
from fastdhcp.link.line import State
from fastdhcp.link.node import Asked, Node, Session, Stop
from fastdhcp.link.orders import Denial, decide, pd_start_ns
from fastdhcp.link.settings import Settings, slack_ns
from fastdhcp.link.state import alarms_of, is_spent, line_of

Result = tuple[Node, list[Action]]


def step(settings: Settings, node: Node, event: Event, now_ns: int) -> Result:
    """What the node is after the event, and what is to be done."""
    after, actions = _HANDLERS[type(event)](settings, node, event, now_ns)
    after, more = _go_on(settings, after, now_ns)
    return _publish(settings, after, [*actions, *more], now_ns)


# ---- what is durable, what may be said


def may_say_hello(node: Node) -> bool:
    """Only durable values leave: while others are decided the link stays closed."""
    return node.is_in_pair and not node.stop and node.asked is None


def hello_of(settings: Settings, node: Node, now_ns: int) -> Hello:
    words = node.words
    assert words.pair is not None
    return Hello(
        pair=words.pair.id,
        node=words.pair.node,
        store_id=words.store_id,
        run=node.run,
        epoch=words.epoch,
        sole=words.sole,
        spent=is_spent(settings, node, now_ns),
        recover=words.recover,
        seq=node.seq,
        applied=words.applied,
        times=settings.times,
        longest_lease_ns=settings.longest_lease_ns,
        identity=settings.identity,
        secret_hash=hashlib.sha256(words.pair.secret).hexdigest(),
        config_hash=settings.config_hash,
        wire=settings.wire,
    )


def _ask(node: Node, changes: dict[str, Any], **how: Any) -> Result:
    """Has words made durable: they count when Stored comes."""
    asked = Asked(tuple(changes.items()), **how)
    return replace(node, asked=asked), [do.Commit(asked.changes, asked.voids)]


def _close(node: Node, why: Closing | Refusal) -> Result:
    return replace(node, session=None), [do.Close(why)] if node.session else []


def _close_and_ask(node: Node, why: Closing, changes: dict[str, Any], **how: Any) -> Result:
    """HELLO is said again when the words are durable."""
    node, closing = _close(node, why)
    node, asking = _ask(node, changes, **how)
    return node, [*closing, *asking]


# ---- start, store, time


def _boot(settings: Settings, node: Node, event: events.Boot, now_ns: int) -> Result:
    inherited = event.inherited or events.Inherited(None, None)
    stop = _why_not(settings, event)
    node = Node(
        words=event.words, stop=stop, starts=event.inherited is None, booted_ns=now_ns,
        run=event.run, seq=event.seq, met_epoch=inherited.met_epoch, seen=inherited.seen,
        line=node.line, alarms=node.alarms,
    )  # fmt: skip
    if stop:
        return node, [do.Halt(stop)]
    changes = _changes_of_boot(settings, node, event, now_ns)
    # What was acknowledged stands too late, and may not be told any more.
    voids = node.is_in_pair and not event.clock_trusted
    if not changes and not voids:
        return node, []
    return _ask(node, changes, voids=voids, boots=node.starts)


def _why_not(settings: Settings, event: events.Boot) -> Stop | None:
    pair = event.words.pair or event.bundle
    if pair is None:
        return None
    if settings.node is None:
        return Stop.NO_TABLE
    if settings.node != pair.node:
        return Stop.OTHER_NAME
    return Stop.NOT_EMPTY if event.words.pair is None and event.seq else None


def _changes_of_boot(
    settings: Settings, node: Node, event: events.Boot, now_ns: int
) -> dict[str, Any]:
    if event.words.pair is None and event.bundle:
        return {
            "pair": event.bundle,
            "epoch": LOST_EPOCH,
            "sole": False,
            "recover": True,
            "no_alloc_until_ns": now_ns + settings.times.mclt_ns + slack_ns(settings),
            "applied": None,
        }
    # Once spent, nothing of the peer is left to wait for: a restart does not begin it anew.
    earliest_ns = pd_start_ns(settings, now_ns, node.words.pd_start_ns)
    if node.words.sole and node.is_in_pair and not is_spent(settings, node, now_ns):
        return {"pd_start_ns": earliest_ns} if earliest_ns != node.words.pd_start_ns else {}
    return {}


def _stored(settings: Settings, node: Node, event: events.Stored, now_ns: int) -> Result:
    if node.asked is None:
        return node, []
    asked, words = node.asked, replace(node.words, **dict(node.asked.changes))
    if asked.voids:
        words = replace(words, acked_void=event.seq)
    is_as_it_was = words.sole and words.epoch == node.words.epoch
    node = replace(node, words=words, asked=None, seq=max(node.seq, event.seq))
    if not is_as_it_was:
        node = replace(node, seizes=False, seized=False)
    if words.pair is None:
        node = replace(node, met_epoch=None, seen=None, seizes=False, seized=False)
    return node, [] if asked.ticket is None else [do.Answer(asked.ticket)]


def _seized(settings: Settings, node: Node, event: events.Seized, now_ns: int) -> Result:
    return replace(node, seized=node.seizes), []


def _tick(settings: Settings, node: Node, event: events.Tick, now_ns: int) -> Result:
    if node.session and now_ns - node.session.heard_ns >= settings.silence_ns:
        return _close(node, Closing.SILENT)
    return node, []


def _reload(settings: Settings, node: Node, event: events.Reload, now_ns: int) -> Result:
    """What HELLO says, and is more than a hash, is said anew."""
    if node.session is None or not may_say_hello(node):
        return node, []
    said, now = node.session.said, hello_of(settings, node, now_ns)
    if all(getattr(said, name) == getattr(now, name) for name in _RELOADED):
        return node, []
    return _close(node, Closing.RELOADED)


_RELOADED = ("times", "identity", "longest_lease_ns")


# ---- the link


def _up(settings: Settings, node: Node, event: events.Up, now_ns: int) -> Result:
    if not may_say_hello(node):
        return replace(node, session=None), [do.Close(Closing.NOT_READY)]
    said = hello_of(settings, node, now_ns)
    return replace(node, session=Session(said, now_ns)), [do.SayHello(said)]


def _down(settings: Settings, node: Node, event: Event, now_ns: int) -> Result:
    return replace(node, session=None), []


def _heard(settings: Settings, node: Node, event: events.Heard, now_ns: int) -> Result:
    session, words, peer = node.session, node.words, event.hello
    if session is None:
        return node, []
    if session.peer or node.asked:
        return _close(node, Closing.UNEXPECTED)
    if refusal := refusal_of(session.said, peer):
        return _close(replace(node, refusal=refusal), refusal)
    node = replace(node, refusal=None, config_differs=peer.config_hash != settings.config_hash)
    if words.applied is None:
        accepted = {"applied": Applied(peer.store_id), "peer_acked": 0}
        return _close_and_ask(node, Closing.NEW_STORE, accepted, voids=True)
    if not event.is_mine or _gave_up(session.said, peer):
        node, closing = _close(replace(node, stop=Stop.ROLLED_BACK), Closing.ROLLED_BACK)
        return node, [*closing, do.Halt(Stop.ROLLED_BACK)]
    if words.recover:
        return _take(node, session, peer, now_ns)
    if peer.epoch > words.epoch:
        node = replace(node, conflict=words.sole)
        changes = {"recover": True, "sole": False}
        return _close_and_ask(node, Closing.PEER_AHEAD, changes)
    if peer.recover:
        return _take(node, session, peer, now_ns)
    if peer.epoch < words.epoch or is_unproven(words.applied):
        return _close(node, Closing.PEER_BEHIND)
    if peer.applied and is_unproven(peer.applied):
        return _close_and_ask(node, Closing.TOLD_TO_RECOVER, {"recover": True})
    return _take(replace(node, met_epoch=words.epoch), session, peer, now_ns)


def _gave_up(mine: Hello, peer: Hello) -> bool:
    """Sole, and the other one was taken in at this very epoch: so I had given it up, durably."""
    return mine.sole and peer.epoch == mine.epoch and not peer.recover


def is_unproven(applied: Applied) -> bool:
    """A store that was accepted, of which nothing was taken yet: it has to recover."""
    return applied.run == 0


def _take(node: Node, session: Session, peer: Hello, now_ns: int) -> Result:
    """The peer's HELLO stands: each sends its changes after what the other has."""
    theirs, mine = peer.applied, node.words.applied
    after = theirs if theirs and theirs.run else None
    session = replace(
        session,
        peer=peer,
        heard_ns=now_ns,
        acked=theirs.seq if theirs else 0,
        applied=mine.seq if mine else 0,
    )
    return replace(node, session=session, seen=peer), [do.Feed(after)]


def _alive(settings: Settings, node: Node, event: events.Alive, now_ns: int) -> Result:
    if node.session is None:
        return node, []
    session = replace(node.session, heard_ns=now_ns, serving=event.serving)
    return replace(node, session=session), []


def _levels(settings: Settings, node: Node, event: events.Levels, now_ns: int) -> Result:
    node = replace(node, seq=max(node.seq, event.seq))
    session, words, applied = node.session, node.words, event.applied
    if applied and words.applied and applied.store_id == words.applied.store_id:
        # What came on a session that is over counts, too.
        words = replace(words, applied=applied)
        session = session and replace(session, applied=max(session.applied, applied.seq))
    if session and session.peer:
        words = replace(words, peer_acked=max(words.peer_acked, event.acked))
        session = replace(session, acked=max(session.acked, event.acked))
    return replace(node, words=words, session=session), []


def _ready(settings: Settings, node: Node, event: events.Ready, now_ns: int) -> Result:
    session, peer = node.session, node.peer
    if session is None:
        return node, []
    if peer is None or not peer.recover or node.recovers:
        return _close(node, Closing.UNEXPECTED)
    return replace(node, session=replace(session, heard_ns=now_ns, ready_heard=True)), []


def _admit(settings: Settings, node: Node, event: events.Admit, now_ns: int) -> Result:
    session, peer = node.session, node.peer
    if session is None:
        return node, []
    if peer is None or not session.ready_said or event.epoch != peer.epoch:
        return _close(node, Closing.UNEXPECTED)
    changes = {"epoch": event.epoch, "recover": False, "no_alloc_until_ns": 0}
    return _close_and_ask(node, Closing.ADMITTED, changes | _proof(node, peer))


def _proof(node: Node, peer: Hello) -> dict[str, Any]:
    """From READY and ADMIT on the peer's store counts, though it may have had no change at all."""
    applied = node.words.applied
    if applied is None or not is_unproven(applied):
        return {}
    return {"applied": Applied(peer.store_id, peer.run, applied.seq)}


# ---- the operator


def _order(settings: Settings, node: Node, event: events.Order, now_ns: int) -> Result:
    decision = decide(settings, node, event, now_ns)
    if isinstance(decision, Denial):
        return node, [do.Answer(event.ticket, decision)]
    if not decision:
        return node, [do.Answer(event.ticket)]
    node = replace(node, refusal=None, conflict=False)
    is_other_peer = "peer_acked" in decision
    return _close_and_ask(
        node, Closing.COMMANDED, decision, voids=is_other_peer, ticket=event.ticket
    )


# ---- what follows


def _go_on(settings: Settings, node: Node, now_ns: int) -> Result:
    """What is due now, whatever has happened."""
    if node.stop or node.asked or not node.is_in_pair:
        return node, []
    if not node.seizes and is_spent(settings, node, now_ns):
        return replace(node, seizes=True), [do.Seize(node.words.epoch)]
    session, peer = node.session, node.peer
    if session is None or peer is None:
        return node, []
    if not session.ready_said and may_say_ready(node, session, peer, now_ns):
        session = replace(session, ready_said=True)
        return replace(node, session=session), [do.SayReady(session.applied)]
    if session.ready_heard and not session.admit_said:
        return _receive(node, session, peer)
    return node, []


def may_say_ready(node: Node, session: Session, peer: Hello, now_ns: int) -> bool:
    """Recovering, by the side of one who holds the epoch: each has all of the other, and nothing
    that this node may have forgotten is still told."""
    if not node.words.recover or peer.recover or peer.epoch < node.words.epoch:
        return False
    has_waited = now_ns >= node.words.no_alloc_until_ns or peer.spent
    return has_waited and is_tail_acknowledged(node, session) and session.applied >= peer.seq


def is_tail_acknowledged(node: Node, session: Session) -> bool:
    return session.acked >= node.seq


def _receive(node: Node, session: Session, peer: Hello) -> Result:
    """The peer is ready. First I am sole no more, durably; then it gets what is missing; then it
    is admitted."""
    changes = _proof(node, peer)
    if must_give_up(node):
        changes["sole"] = False
    if changes:
        return _ask(node, changes)
    at = node.seq if session.admits_at is None else session.admits_at
    session = replace(session, admits_at=at, admit_said=session.acked >= at)
    node = replace(node, session=session)
    return node, [do.SayAdmit(node.words.epoch)] if session.admit_said else []


def must_give_up(node: Node) -> bool:
    return node.words.sole


def _publish(settings: Settings, node: Node, actions: list[Action], now_ns: int) -> Result:
    """The line first: nobody tells by the former one what is younger than a commit to come."""
    line = line_of(settings, node, now_ns)
    if line.state is State.NORMAL:
        node = replace(node, conflict=False)
    alarms = alarms_of(node, line.state)
    lines = [do.Publish(line)] if line != node.line else []
    raised = [do.Raise(name) for name in sorted(alarms - node.alarms)]
    cleared = [do.Clear(name) for name in sorted(node.alarms - alarms)]
    node = replace(node, line=line, alarms=alarms)
    return node, [*lines, *actions, *raised, *cleared]


_HANDLERS: dict[type[Event], Callable[[Settings, Node, Any, int], Result]] = {
    events.Boot: _boot,
    events.Tick: _tick,
    events.Reload: _reload,
    events.Stored: _stored,
    events.Seized: _seized,
    events.Up: _up,
    events.Down: _down,
    events.Bye: _down,
    events.Heard: _heard,
    events.Levels: _levels,
    events.Alive: _alive,
    events.Ready: _ready,
    events.Admit: _admit,
    events.Init: _order,
    events.Accept: _order,
    events.PartnerDown: _order,
    events.Leave: _order,
}
