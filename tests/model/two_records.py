"""Two nodes, one address, an ordered stream each way: the conflict rule among clients that ask here
and there.

Nothing is lost and nobody dies: what this shows is that the rule itself ends, agrees, and gives no
address whose promise runs. An update is sent when it is made, with what remains of its times; time
may pass on its way. A node may leave out an update of which a newer one follows.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from fastdhcp._leases import BindingState, EndReason, RecordFlag
from fastdhcp._merge import MergeWrite, Outcome, Side

LEASE, MCLT, SLACK, QUARANTINE = 3, 1, 1, 3
DEPTH_MAX = 12
"""Answers to answers, at most."""
FREE, ACTIVE, PENDING, DECLINED = BindingState
PROPOSED, WHY, PEER = RecordFlag.RECORD_PROPOSED, RecordFlag.RECORD_WHY, RecordFlag.RECORD_PEER
ON_THE_WAY = 2
"""The page has left one node and not reached the other: nobody is home."""
CLIENTS = (b"first", b"second")
Inc = tuple[int, int]


def following(inc: Inc) -> Inc:
    return inc[0], inc[1] + 1


class Message(NamedTuple):
    """``kind``: update, ack or page. ``count``: changes that it stands for; ``depth``: of which
    answer to an answer it is; ``side``: with the times that remain."""

    kind: str
    count: int = 0
    depth: int = 0
    side: Side | None = None


class Node(NamedTuple):
    """``unheard``: own changes that the peer has not acknowledged."""

    side: Side
    unheard: int
    acked: int

    @property
    def peer_has_it(self) -> bool:
        return bool(self.side.flags & PEER) or not self.unheard

    @property
    def bound(self) -> int:
        """What the peer has acknowledged, as the record's next change keeps it."""
        had = not self.side.flags & PEER and not self.unheard
        return self.side.expiry if had else self.acked


class Bounds(NamedTuple):
    """How often each may happen."""

    asks: int
    releases: int = 0
    declines: int = 0
    ends: int = 0
    gives: int = 0
    ticks: int = 0
    clients: int = 0
    left_out: int = 0
    again: int = 0  # a proposal while something is on its way; when nothing is, always


class State(NamedTuple):
    """``told``: until when the client of now was promised the address."""

    nodes: tuple[Node, Node]
    ways: tuple[tuple[Message, ...], tuple[Message, ...]]
    left: Bounds
    home: int = 0
    now: int = 0
    client: int = 0
    told: int = LEASE
    wrong: str = ""


Moves = Iterator[tuple[str, State]]


class Model:
    """``transit``: what a time gains on its way beside the time that passes. ``revived``: the
    incarnation of what is proposed when its client asks at home."""

    def __init__(
        self,
        bounds: Bounds,
        merge: Callable[..., Outcome],
        transit: int = 0,
        revived: Callable[[Inc], Inc] = following,
    ) -> None:
        self.bounds = bounds
        self.merge = merge
        self.transit = transit
        self.revived = revived
        self.settled = cache(self._settled)

    def start(self) -> State:
        side = Side(ACTIVE, 0, (1, 1), LEASE, 0, CLIENTS[0], b"a")
        its = side._replace(flags=PEER, expiry=LEASE + self.transit)
        return State((Node(side, 0, 0), Node(its, 0, 0)), ((), ()), self.bounds)

    def moves(self, s: State) -> Moves:
        for n in (0, 1):
            if s.ways[n]:
                yield f"{'ab'[n]} hears {s.ways[n][0].kind}", self.heard(s, n)
            yield from self._ask(s, n)
            yield from self._end(s, n)
            if s.left.left_out:
                yield from _leave_out(s, n)
        if s.home != ON_THE_WAY:
            yield from self._at_home(s, s.home)
        if s.left.ticks:
            yield "time passes", _spent(s, "ticks")._replace(now=s.now + 1)

    def harm(self, s: State) -> str:
        if s.wrong or any(s.ways):
            return s.wrong
        if _is_proposed(s.nodes[s.home].side):
            return self.settled(s.nodes, s.home, s.now)
        return self._differ(s) or self.settled(s.nodes, s.home, s.now)

    # ---- clients, and who ends leases

    def _ask(self, s: State, n: int) -> Moves:
        node, name = s.nodes[n], "ab"[n]
        side = node.side
        if side.key != CLIENTS[s.client]:
            return
        is_acked = not side.flags & PEER and not node.unheard
        if side.state == ACTIVE and is_acked and 0 < s.told < side.expiry:
            yield f"{name} repeats its answer", self._tell(s, n, side.expiry)
        if not s.left.asks:
            return
        revives = _is_proposed(side) and s.home == n
        if side.state == ACTIVE or revives:
            later = max(side.expiry, s.now + LEASE)
            after = Side(ACTIVE, 0, side.inc, later, s.now, side.key, name.encode())
            if revives:
                after = after._replace(inc=self.revived(side.inc))
            bound = node.bound if after.inc == side.inc else 0
            asked = _changed(_spent(s, "asks"), n, after)
            yield f"{name} extends", self._tell(asked, n, min(later, max(bound, s.now + MCLT)))

    def _end(self, s: State, n: int) -> Moves:
        side, name = s.nodes[n].side, "ab"[n]
        is_its = side.key == CLIENTS[s.client]
        if s.left.declines and side.state == ACTIVE and is_its:
            later = max(side.expiry, s.now + QUARANTINE)
            flags = EndReason.WHY_DECLINED
            after = side._replace(state=DECLINED, flags=flags, expiry=later, cltt=s.now)
            yield (
                f"{name} hears DECLINE",
                _changed(_spent(s, "declines"), n, after)._replace(told=0),
            )
        if s.left.ends and side.state == ACTIVE:
            reason = (EndReason.WHY_OPERATOR, EndReason.WHY_POLICY)[n]
            after = side._replace(state=PENDING, flags=reason)
            yield f"{name} ends it", _changed(_spent(s, "ends"), n, after)

    def _at_home(self, s: State, n: int) -> Moves:
        side, name = s.nodes[n].side, "ab"[n]
        holds = side.state != FREE and not _is_proposed(side)
        if holds and s.now > side.expiry + SLACK:
            yield f"{name} proposes", _changed(s, n, _proposed(side, EndReason.WHY_EXPIRED))
        if _is_proposed(side) and not any(s.ways):
            yield f"{name} proposes again", _changed(s, n, side)
        elif _is_proposed(side) and s.left.again:
            yield f"{name} proposes again", _changed(_spent(s, "again"), n, side)
        if s.left.releases and side.state == ACTIVE and side.key == CLIENTS[s.client]:
            after = _proposed(side, EndReason.WHY_RELEASED)
            yield (
                f"{name} hears RELEASE",
                _changed(_spent(s, "releases"), n, after)._replace(told=0),
            )
        if s.left.gives and not _is_proposed(side):
            ways = _put(s.ways, 1 - n, (*s.ways[1 - n], Message("page")))
            yield f"{name} gives the page", _spent(s, "gives")._replace(home=ON_THE_WAY, ways=ways)
        if s.left.clients and side.state == FREE:
            wrong = s.wrong or ("it is given while its promise runs" if s.now < s.told else "")
            key, later = CLIENTS[s.client + 1], s.now + LEASE
            after = Side(ACTIVE, 0, following(side.inc), later, s.now, key, name.encode())
            given = _changed(_spent(s, "clients"), n, after)
            given = given._replace(client=s.client + 1, told=0, wrong=wrong)
            yield f"{name} gives it anew", self._tell(given, n, s.now + MCLT)

    def _tell(self, s: State, n: int, until: int) -> State:
        peer = s.nodes[1 - n].side
        known = peer.expiry if peer.key == CLIENTS[s.client] else 0
        wrong = "told more than the peer knows" if until > max(known, s.now + MCLT) else ""
        return s._replace(told=max(s.told, until), wrong=s.wrong or wrong)

    # ---- the link

    def heard(self, s: State, n: int) -> State:
        message, *rest = s.ways[n]
        s = s._replace(ways=_put(s.ways, n, tuple(rest)))
        node = s.nodes[n]
        if message.kind == "page":
            return s._replace(home=n)
        if message.kind == "ack":
            left = node.unheard - message.count
            return s._replace(nodes=_put(s.nodes, n, node._replace(unheard=left)))
        assert message.side is not None
        update = message.side._replace(
            expiry=s.now + message.side.expiry + self.transit,
            cltt=s.now + min(0, message.side.cltt + self.transit),
        )
        found = self.merge(
            node.side,
            update,
            now=s.now,
            epoch=1,
            home=s.home == n,
            peer_has_it=node.peer_has_it,
        )
        s = s._replace(ways=_put(s.ways, 1 - n, (*s.ways[1 - n], Message("ack", message.count))))
        return _merged(s, n, found, update, message.depth + 1)

    # ---- in the end

    def _differ(self, s: State) -> str:
        """What is unequal when all is delivered; "": nothing that counts."""
        a, b = (node.side for node in s.nodes)
        if (a.state, a.inc, a.key) != (b.state, b.inc, b.key):
            return f"they differ: {_words(a)}, {_words(b)}"
        if a.state == FREE:
            return ""
        delay = self.bounds.ticks + self.transit
        apart = abs(a.expiry - b.expiry)
        is_other = (a.flags ^ b.flags) & WHY or (a.chaddr != b.chaddr and not delay)
        return f"they differ: {a}, {b}" if is_other or apart > 3 * delay else ""

    def _settled(self, nodes: tuple[Node, Node], home: int, now: int) -> str:
        """Nobody asks any more: in the end both have it free."""
        s = State(nodes, ((), ()), Bounds(0), home, now)
        for _ in range(5):
            side = s.nodes[home].side
            if side.state == FREE:
                break
            s = s._replace(now=s.now + 20)
            after = side if _is_proposed(side) else _proposed(side, EndReason.WHY_EXPIRED)
            s = _changed(s, home, after)
            while any(s.ways) and not s.wrong:
                s = self.heard(s, 0 if s.ways[0] else 1)
        if s.wrong or any(node.side.state != FREE for node in s.nodes):
            return s.wrong or "it is never free"
        return self._differ(s)


def _merged(s: State, n: int, found: Outcome, update: Side, depth: int) -> State:
    node = s.nodes[n]
    if found.write == MergeWrite.MERGE_NOTHING:
        return s
    was = node.side
    if found.inc == was.inc and not _is_proposed(was) and FREE < found.state < was.state:
        return s._replace(wrong="what has ended goes on")
    if found.inc == was.inc and found.state != FREE and found.expiry < was.expiry:
        return s._replace(wrong="a promise is shortened")
    details = update if found.details else was
    after = Side(
        found.state, found.flags, found.inc, found.expiry, details.cltt, details.key, details.chaddr
    )
    acked = node.bound if found.acked else 0
    if found.write == MergeWrite.MERGE_PEERS:
        return s._replace(nodes=_put(s.nodes, n, Node(after, node.unheard, acked)))
    s = _changed(s, n, after, depth)
    s = s._replace(nodes=_put(s.nodes, n, s.nodes[n]._replace(acked=acked)))
    return s._replace(wrong="echoes do not end") if depth > DEPTH_MAX else s


def _changed(s: State, n: int, after: Side, depth: int = 0) -> State:
    """A change of its own, and its update."""
    node = s.nodes[n]
    after = after._replace(flags=after.flags & ~PEER)
    acked = node.bound if after.inc == node.side.inc else 0
    times = {"expiry": max(0, after.expiry - s.now), "cltt": after.cltt - s.now}
    update = Message("update", 1, depth, after._replace(**times))
    return s._replace(
        nodes=_put(s.nodes, n, Node(after, node.unheard + 1, acked)),
        ways=_put(s.ways, 1 - n, (*s.ways[1 - n], update)),
    )


def _leave_out(s: State, n: int) -> Moves:
    """On the way to ``n``."""
    way = s.ways[n]
    at = [i for i, message in enumerate(way) if message.kind == "update"]
    if len(at) > 1 and not any(message.kind == "page" for message in way):
        newer = way[at[1]]
        newer = newer._replace(count=newer.count + way[at[0]].count)
        after = (*way[: at[0]], *way[at[0] + 1 : at[1]], newer, *way[at[1] + 1 :])
        spent = _spent(s, "left_out")
        yield f"one to {'ab'[n]} is left out", spent._replace(ways=_put(s.ways, n, after))


def _proposed(side: Side, why: int) -> Side:
    return side._replace(state=PENDING, flags=PROPOSED | why)


def _is_proposed(side: Side) -> bool:
    return bool(side.flags & PROPOSED)


def _words(side: Side) -> str:
    return f"{BindingState(side.state).name} {side.inc}"


def _spent(s: State, what: str) -> State:
    return s._replace(left=s.left._replace(**{what: getattr(s.left, what) - 1}))


def _put(values: tuple[Any, ...], at: int, value: object) -> Any:
    return (*values[:at], value, *values[at + 1 :])
