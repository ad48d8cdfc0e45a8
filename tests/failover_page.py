"""docs/failover-states.md, made by running the pair's state machine: `make docs` writes it."""

import enum
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from fastdhcp.link import actions as do
from fastdhcp.link import events
from fastdhcp.link.actions import Action
from fastdhcp.link.durable import ALONE_FOR_EVER_NS
from fastdhcp.link.events import Event
from fastdhcp.link.hello import REFUSALS
from fastdhcp.link.line import FOREVER_NS, Line, State
from fastdhcp.link.orders import DENIALS
from tests.pair_rig import NOW_NS, POSITIONS, WAIT_NS, Rig, S, happenings, waits

PAGE = Path(__file__).resolve().parents[1] / "docs" / "failover-states.md"
HEAD = """\
# The states of a failover pair

**The pair is not built yet.** `[failover]` is read and has no effect, and no process runs what is
shown here. This is the part of it that decides: a pure function in `fastdhcp/link/`, from what a
node is and what happens to what it is then and what is to be done. `make docs` makes this page by
calling that function, so it says what the code does. It leaves out the witness, `drain` and
load balancing, which are to come later.

Of two nodes, `a` and `b`, each knows every lease. They share an *epoch*: a number that rises when
one of them goes on alone (*sole*). Who hears of a higher one *recovers*: its data may be old. The
other one *holds* the epoch, and takes it in again when each has all of the other. MCLT is by how
much a lease may outlast what the peer knows of it; SLACK is for replies on their way and clocks
that differ.
"""
MEANINGS = {
    State.SINGLE: "in no pair: before `init`, or after `leave`",
    State.STOPPED: "it does not run as it is: the log says why",
    State.STARTUP: "from the start until a HELLO, at most 5 s; and until words are stored",
    State.RECOVER: "the other one was alone, or this store is new",
    State.NORMAL: "the link is up, and each has what the other had at HELLO",
    State.INTERRUPTED: "the link is down or catching up; the peer was met since the start",
    State.ISOLATED: "the peer was not met at this epoch since the start",
    State.PARTNER_DOWN: "sole, by the operator's word or as founder",
}
LEFT_OUT = ("line", "hello")
"""Of actions: too long for a table."""


def page() -> str:
    """The whole of docs/failover-states.md."""
    return "".join([HEAD, *_states(), *_words(), *_refusals(), *_tables()])


def _table(*columns: str) -> str:
    return "\n" + _row(*columns) + "|---" * len(columns) + "|\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _states() -> Iterator[str]:
    yield "\n## What a node does in each\n"
    yield _table("state", "when", "new clients", "renew, extend", "most that is told")
    for state in State:
        line = _line_of(state)
        yield _row(
            f"`{state.value}`", MEANINGS[state], "own pages" if line.allocates else "none",
            "whoever is ACTIVE here" if line.extends else "none", _most(line),
        )  # fmt: skip
    yield (
        "\nA single server owns every page. In `partner-down` the peer's pages come when MCLT and "
        "SLACK have passed since it began. In\n`normal` each answers by rule; else whoever can. "
        "Replies wait for the peer while the link is up between equals.\n"
    )


def _line_of(state: State) -> Line:
    make = next(make for name, make in POSITIONS.items() if name == state.value)
    return make().node.line


def _most(line: Line) -> str:
    if not line.extends:
        return "nothing"
    if line.sole:
        return "the whole time"
    if line.state is State.NORMAL:
        return "the whole time, once the peer has it; else now + MCLT"
    return "what the peer has" + (", or now + MCLT" if line.fence_ns == FOREVER_NS else "")


def _words() -> Iterator[str]:
    yield (
        "\n## What is durable\n\nThe pair, `store_id`, `epoch`, `sole`, `recover`, "
        "`no_alloc_until_ns`, `pd_start_ns`, `applied` (of the peer), `peer_acked`,\n"
        "`acked_void`. A word counts when the store has it on disk. While any is decided and not "
        "there yet no HELLO is sent; who is\nto recover, or is sole no more, acts by it at once.\n"
    )


def _refusals() -> Iterator[str]:
    yield "\n## Why a HELLO is refused\n\nNothing changes by one, and `failover-refused` is on.\n"
    yield _table("reason", "it means", "cure")
    for refusal, (meaning, cure) in REFUSALS.items():
        yield _row(f"`{refusal.value}`", meaning, cure)
    yield "\n## Why a command is not carried out\n"
    yield _table("reason", "what to look at")
    for denial, text in DENIALS.items():
        yield _row(f"`{denial.value}`", text)


# ---- events


def _tables() -> Iterator[str]:
    yield (
        "\n## What happens, and what is done\n\nNode `a`, at epoch 3; its last change is 50, the "
        "peer's 40. It writes its line for the packet path whenever that has\nchanged, before all "
        "else. What is closed is said with its reason.\n"
    )
    for name, make in POSITIONS.items():
        yield f"\n### {name[0].upper()}{name[1:]}\n"
        yield from _position(make)


def _position(make: Callable[[], Rig]) -> Iterator[str]:
    before, nothing, rows, last = make().state, [], [], ("", [""])
    cases = [(words, told, 0) for words, told in happenings(make().node)]
    cases += [(words, [events.Tick()], wait_ns) for words, wait_ns in waits()]
    for words, told, wait_ns in cases:
        after, done = _result(make, told, wait_ns)
        if wait_ns and (after, done) == last:
            continue  # a longer wait for the same
        last = after, done
        if done or after != before:
            rows.append(_row(words, "" if after == before else f"`{after}`", "; ".join(done)))
        else:
            nothing.append(words)
    if rows:
        yield _table("event", "to", "actions")
        yield from rows
    yield f"\nNothing comes of: {'; '.join(nothing)}.\n"


def _result(make: Callable[[], Rig], told: list[Event], wait_ns: int) -> tuple[str, list[str]]:
    """The state that the last of the events leads to, and what is done then."""
    rig = make()
    for event in told[:-1]:
        rig(event)
    rig(told[-1], wait_ns)
    return rig.state, [_said(action) for action in rig.last if not isinstance(action, do.Publish)]


def _said(action: Action) -> str:
    match action:
        case do.Commit():
            words = [f"{name} = {_value(value)}" for name, value in action.changes]
            words += ["acked_void = my last change"] if action.voids else []
            return f"commit {', '.join(words)}"
        case do.Feed():
            return f"send changes after {action.after.seq}" if action.after else "send a copy"
        case do.Answer():
            return f"deny: `{action.denial.value}`" if action.denial else "answer: done"
        case do.Close() | do.Halt():
            return f"{_KINDS[type(action)]}: `{action.why.value}`"
        case do.Raise() | do.Clear():
            return f"{_KINDS[type(action)]} `{action.alarm}`"
    fields = [name for name in action.__struct_fields__ if name not in LEFT_OUT]
    return " ".join([_KINDS[type(action)], *(f"{getattr(action, name)}" for name in fields)])


_KINDS: dict[type[Action], str] = {
    do.Close: "close",
    do.Halt: "stop",
    do.Raise: "raise",
    do.Clear: "clear",
    do.Seize: "seize the peer's pages at epoch",
    do.SayHello: "send HELLO",
    do.SayReady: "send READY",
    do.SayAdmit: "send ADMIT",
}


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, msgspec.Struct):
        return f"({', '.join(_value(part) for part in _parts(value))})"
    if isinstance(value, int) and value == ALONE_FOR_EVER_NS:
        return "for ever ago"
    if isinstance(value, int) and value >= NOW_NS:
        return _instant(value - NOW_NS)
    return "none" if value is None else str(value)


def _parts(struct: msgspec.Struct) -> list[Any]:
    names = [name for name in struct.__struct_fields__ if name != "secret"]
    return [getattr(struct, name) for name in names]


def _instant(after_ns: int) -> str:
    if after_ns == WAIT_NS:
        return "now + MCLT + SLACK"
    return f"now + {after_ns // S} s" if after_ns else "now"


if __name__ == "__main__":
    PAGE.write_text(page())
