"""A node of a pair as the machine has it: what is durable, what was asked for, what is seen."""

import enum
from typing import Any

import msgspec

from fastdhcp.link.durable import Words
from fastdhcp.link.events import Serving
from fastdhcp.link.hello import Hello, Refusal
from fastdhcp.link.line import OFF, Line


class Stop(enum.Enum):
    """Why a node must not run as it is."""

    NOT_BOOTED = "not-booted"
    NO_TABLE = "no-failover-table"
    OTHER_NAME = "other-node-name"
    NOT_EMPTY = "store-not-empty"
    ROLLED_BACK = "store-rolled-back"


class Asked(msgspec.Struct, frozen=True):
    """Words that were decided and are not durable yet. ``ticket``: who waits for them; ``boots``:
    nobody is answered before."""

    changes: tuple[tuple[str, Any], ...]
    voids: bool = False
    boots: bool = False
    ticket: int | None = None

    def get(self, name: str, durable: Any) -> Any:
        return dict(self.changes).get(name, durable)


class Session(msgspec.Struct, frozen=True):
    """``said``: my HELLO; ``peer``: the other one's, once it was taken. ``acked`` and ``applied``:
    how far the peer has my changes, and I the peer's. ``admits_at``: the peer is taken in when it
    has my changes up to there."""

    said: Hello
    heard_ns: int
    peer: Hello | None = None
    acked: int = 0
    applied: int = 0
    serving: Serving = Serving.ALL
    ready_said: bool = False
    ready_heard: bool = False
    admits_at: int | None = None
    admit_said: bool = False


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """``stop``: why it must not run. ``starts``: it began from disk, not as the successor of a
    link process. ``met_epoch``: the epoch at which the peer was met as an equal since the start
    from disk; ``seen``: the last HELLO that was taken since. ``line`` and ``alarms``: as they were
    published last."""

    words: Words
    stop: Stop | None = Stop.NOT_BOOTED
    asked: Asked | None = None
    starts: bool = True
    booted_ns: int = 0
    run: int = 0
    seq: int = 0
    met_epoch: int | None = None
    seen: Hello | None = None
    session: Session | None = None
    refusal: Refusal | None = None
    config_differs: bool = False
    conflict: bool = False
    seizes: bool = False
    seized: bool = False
    line: Line = OFF
    alarms: frozenset[str] = frozenset()

    @property
    def is_in_pair(self) -> bool:
        return self.words.pair is not None

    @property
    def recovers(self) -> bool:
        """Decided, or not yet over on disk: the more careful of the two."""
        return self.words.recover or bool(self.asked and self.asked.get("recover", False))

    @property
    def is_sole(self) -> bool:
        """On disk, and nothing else is decided."""
        return self.words.sole and (self.asked is None or bool(self.asked.get("sole", True)))

    @property
    def peer(self) -> Hello | None:
        """Who is at the other end of the link."""
        return self.session.peer if self.session else None

    @property
    def link_is_up(self) -> bool:
        return self.peer is not None
