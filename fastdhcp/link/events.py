"""What can happen to a node of a pair."""

import enum

import msgspec

from fastdhcp.link.durable import Applied, Pair, Words
from fastdhcp.link.hello import Hello


class Serving(enum.Enum):
    """What a node does for clients, as its PONG says. HELD: no new clients."""

    ALL = "all"
    HELD = "held"
    NONE = "none"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One of those below."""


class Inherited(msgspec.Struct, frozen=True):
    """What a successor of the link process takes over from the node's line: the peer was met at
    this epoch, and the last HELLO that was taken since the start from disk."""

    met_epoch: int | None
    seen: Hello | None


class Boot(Event, frozen=True, kw_only=True):
    """The node starts, or a successor of its link process (``inherited``). ``words``: what is on
    disk; ``seq``: the last change there. ``bundle``: the pair of the file that `init` wrote for
    this node. ``clock_trusted``: the time that it was off is known."""

    words: Words
    seq: int
    run: int
    bundle: Pair | None = None
    clock_trusted: bool = True
    inherited: Inherited | None = None


class Tick(Event, frozen=True, kw_only=True):
    """Time has passed: to be told at least once a second."""


class Reload(Event, frozen=True, kw_only=True):
    """The settings are others now."""


class Stored(Event, frozen=True, kw_only=True):
    """The words that were asked for are durable; ``seq``: the last change in or before that very
    commit."""

    seq: int


class Seized(Event, frozen=True, kw_only=True):
    """The peer's pages that were asked for are mine, durably."""


# ---- the link


class Up(Event, frozen=True, kw_only=True):
    """A session stands: both certificates were as they should be. Nothing was said yet."""


class Down(Event, frozen=True, kw_only=True):
    """The session that stood broke. There is none before the next Up."""


class Bye(Event, frozen=True, kw_only=True):
    """The peer stops cleanly."""


class Heard(Event, frozen=True, kw_only=True):
    """The peer's HELLO. ``is_mine``: what it has applied of this store is a change of this store,
    or was trimmed; False: the journal has another run there, or ends before."""

    hello: Hello
    is_mine: bool = True


class Levels(Event, frozen=True, kw_only=True):
    """How far changes have come: my last durable one, my last that the peer has acknowledged, and
    the peer's last that is durable here (None: as it was)."""

    seq: int
    acked: int
    applied: Applied | None = None


class Alive(Event, frozen=True, kw_only=True):
    """A PONG came."""

    serving: Serving = Serving.ALL


class Ready(Event, frozen=True, kw_only=True):
    """The peer, which recovers, has all up to ``seq``."""

    seq: int


class Admit(Event, frozen=True, kw_only=True):
    """The peer, which holds the epoch, takes me in."""

    epoch: int


# ---- the operator


class Order(Event, frozen=True, kw_only=True):
    """A command; the answer bears its ``ticket``."""

    ticket: int


class Init(Order, frozen=True, kw_only=True):
    """Founds ``pair``. ``highest``: of all epochs in incarnations of the store; none of them is
    opened again."""

    pair: Pair
    highest: int = 0
    force: bool = False


class Accept(Order, frozen=True, kw_only=True):
    """Lets this store of the peer join."""

    store_id: str


class PartnerDown(Order, frozen=True, kw_only=True):
    """The peer is dead. ``highest``: as in Init, for a store that was lost has no epoch."""

    highest: int = 0
    force: bool = False


class Leave(Order, frozen=True, kw_only=True):
    """Ends the pair."""
