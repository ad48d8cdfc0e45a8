"""What the machine has others do: plain data, carried out in order."""

import enum
from typing import Any

import msgspec

from fastdhcp.link.durable import Applied
from fastdhcp.link.hello import Hello, Refusal
from fastdhcp.link.line import Line
from fastdhcp.link.node import Stop
from fastdhcp.link.orders import Denial


class Closing(enum.Enum):
    """Why a session is closed, where the HELLO itself is not refused."""

    NOT_READY = "not-ready"
    NEW_STORE = "new-store-of-peer"
    PEER_AHEAD = "peer-has-higher-epoch"
    PEER_BEHIND = "peer-has-to-recover"
    TOLD_TO_RECOVER = "peer-says-recover"
    ROLLED_BACK = "store-rolled-back"
    ADMITTED = "admitted"
    COMMANDED = "command"
    RELOADED = "settings-changed"
    SILENT = "no-frame"
    UNEXPECTED = "unexpected-frame"


class Action(msgspec.Struct, frozen=True):
    """One of those below."""


class Publish(Action, frozen=True):
    """Write the node's line. It goes before a commit that comes with it, so that no worker tells
    by the former line what is younger than that commit."""

    line: Line


class Commit(Action, frozen=True):
    """Make these words durable in one transaction, then say Stored. ``voids``: and set
    `acked_void` to the last change in or before that transaction."""

    changes: tuple[tuple[str, Any], ...]
    voids: bool = False


class Seize(Action, frozen=True):
    """Make every page of the peer mine, with version (epoch, 0); then say Seized. Idempotent."""

    epoch: int


class SayHello(Action, frozen=True):
    """Send it, as the session's first frame."""

    hello: Hello


class Feed(Action, frozen=True):
    """Send my changes after this one, then what comes. None: a copy first; so, too, if the journal
    does not reach back to it."""

    after: Applied | None


class SayReady(Action, frozen=True):
    """Send READY."""

    seq: int


class SayAdmit(Action, frozen=True):
    """Send ADMIT."""

    epoch: int


class Close(Action, frozen=True):
    """End the session. What was sent on it still goes out; nothing more is read."""

    why: Closing | Refusal


class Halt(Action, frozen=True):
    """End the node, with exit code 78; if its store is rolled back, move that aside and start
    with a new one."""

    why: Stop


class Raise(Action, frozen=True):
    """Raise the alarm of this name."""

    alarm: str


class Clear(Action, frozen=True):
    """Clear it."""

    alarm: str


class Answer(Action, frozen=True):
    """Answer a command: None, it is done, durably; else why not."""

    ticket: int
    denial: Denial | None = None
