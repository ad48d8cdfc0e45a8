"""Two machines with all that can come between them: never are both sole by the word of an operator
who does not lie, nobody is taken in who does not know all or is not known, and from everywhere
there is a way back to normal.

Each rule of the order is needed: with any one of them taken out there is a way to harm.
"""

import random
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from fastdhcp.link import actions as do
from fastdhcp.link import events, machine, orders, state
from fastdhcp.link.events import Inherited
from fastdhcp.link.hello import Hello
from fastdhcp.link.line import FOREVER_NS
from fastdhcp.link.node import Node, Session
from tests.model.explore import explore
from tests.model.pair import Left, Model, World, founded, founding, heal, is_level

SHORT = (
    (founded, Left(crashes=2, downs=2, cuts=1)),
    (founded, Left(crashes=1, downs=1, changes=1)),
    (founded, Left(crashes=1, successors=1, downs=1, cuts=1)),
    (founded, Left(cuts=1, lies=2)),
    (founded, Left(losses=1, ticks=2)),
    (founded, Left(crashes=1, downs=1, ticks=3)),
    (founding, Left(crashes=1, downs=1)),
)
LONG = (
    (founded, Left(crashes=3, downs=2, cuts=1)),
    (founded, Left(crashes=2, downs=1, cuts=1, changes=1)),
    (founded, Left(crashes=1, cuts=1, lies=2)),
    (founded, Left(crashes=1, losses=1, ticks=2)),
    (founding, Left(crashes=2, downs=1, cuts=1)),
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The larger bounds with --long."""
    if metafunc.function is test_no_interleaving_does_harm:
        is_long = metafunc.config.getoption("--long")
        metafunc.parametrize(("start", "left"), SHORT + LONG if is_long else SHORT, ids=_words)


def _words(value: Any) -> str:
    if not isinstance(value, Left):
        return str(value.__name__)
    counts = {name: getattr(value, name) for name in value.__struct_fields__}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


Start = Callable[[Left], World]


def test_no_interleaving_does_harm(start: Start, left: Left) -> None:
    states, way = explore(Model(start(left)))
    assert way == []
    assert states > 2_000


@pytest.mark.parametrize(
    ("start", "left"),
    [(founded, Left(crashes=1, downs=1)), (founding, Left(crashes=1))],
    ids=["founded", "founding"],
)
def test_from_everywhere_there_is_a_way_back(start: Start, left: Left) -> None:
    states, way = explore(Model(start(left), heals=True))
    assert way == []
    assert states > 500


# ---- rules


class Rule(NamedTuple):
    """``without``: what stands in the machine in its place."""

    words: str
    module: Any
    name: str
    without: Any
    left: Left
    heals: bool = False


def _say_at_once(node: Node) -> bool:
    return node.is_in_pair and not node.stop


def _ready_at_once(node: Node, session: Session) -> bool:
    return True


def _ready_too_early(node: Node, session: Session, peer: Hello, now_ns: int) -> bool:
    return _may_say_ready(node, session, replace(peer, spent=True), now_ns)


def _admits_at_once(node: Node, session: Session, peer: Hello) -> machine.Result:
    """Before its own commit."""
    node, actions = _receive(node, session, peer)
    if any(isinstance(action, do.Commit) for action in actions):
        actions = [*actions, do.SayAdmit(node.words.epoch)]
    return node, actions


def _admits_with_a_rest(node: Node, session: Session, peer: Hello) -> machine.Result:
    return _receive(node, replace(session, admits_at=0), peer)


def _admits_only_when_sole(node: Node, session: Session, peer: Hello) -> machine.Result:
    return _receive(node, session, peer) if session.said.sole else (node, [])


_may_say_ready, _receive, _boot = machine.may_say_ready, machine._receive, machine._boot


def _boots_with_memory(settings: Any, node: Node, event: Any, now_ns: int) -> machine.Result:
    seen = Inherited(event.words.epoch, machine.hello_of(settings, node, now_ns))
    return _boot(settings, node, replace(event, inherited=seen), now_ns)


RULES = {
    "hello-durable": Rule(
        "no HELLO while words are decided and not durable", machine, "may_say_hello",
        _say_at_once, Left(crashes=3, downs=2, cuts=1),
    ),
    "parity": Rule(
        "no two nodes open the same epoch", orders, "next_epoch",
        lambda node, above: above + 1, Left(lies=2, cuts=1),
    ),
    "tail-first": Rule(
        "READY when its own tail is acknowledged", machine, "is_tail_acknowledged",
        _ready_at_once, Left(crashes=2, downs=1, changes=1),
    ),
    "give-up-first": Rule(
        "ADMIT when it is durable that this node is sole no more", machine, "_receive",
        _admits_at_once, Left(crashes=2, downs=2),
    ),
    "all-first": Rule(
        "ADMIT when the peer has all that was done alone", machine, "_receive",
        _admits_with_a_rest, Left(crashes=2, downs=1, changes=1),
    ),
    "lost-waits": Rule(
        "a lost store says READY when what it forgot has run out", machine, "may_say_ready",
        _ready_too_early, Left(losses=1, crashes=1),
    ),
    "seen-again": Rule(
        "what was seen of the peer before a start from disk counts for nothing",
        machine, "_HANDLERS", {**machine._HANDLERS, events.Boot: _boots_with_memory},
        Left(crashes=2, downs=2),
    ),
    "met-first": Rule(
        "who has not met the peer since its start gives no new address", state, "fence_ns",
        lambda node: FOREVER_NS, Left(crashes=1, downs=1, ticks=3),
    ),
    "holder-again": Rule(
        "who is sole no more admits the peer, also on a later session", machine, "_receive",
        _admits_only_when_sole, Left(crashes=1, downs=1, cuts=1), heals=True,
    ),
}  # fmt: skip
"""Each is needed."""


def _without(rule: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    _, module, name, without, left, heals = RULES[rule]
    monkeypatch.setattr(module, name, without)
    return explore(Model(founded(left), heals=heals))[1]


@pytest.mark.parametrize("rule", RULES)
def test_without_any_one_rule_there_is_a_way_to_harm(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _without(rule, monkeypatch), RULES[rule].words


def test_a_hello_before_its_epoch_is_durable_makes_both_sole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The peer takes it for an equal. The operator does not lie: the other one is off each time."""
    way = _without("hello-durable", monkeypatch)
    assert way[-1] == "both are sole"
    assert way.index("partner-down at b") < way.index("b has it on disk, and dies")
    assert "partner-down at a" in way


# ---- walks


def level(left: Left) -> World:
    return heal(founded(left))[0]


STORMS = {
    "crashes and cuts": (level, Left(
        crashes=6, successors=3, cuts=4, downs=3, changes=5, ticks=8
    )),
    "the operator lies": (level, Left(crashes=6, cuts=4, downs=2, lies=2, changes=5, ticks=8)),
    "a pair is founded": (founding, Left(crashes=6, cuts=4, downs=3, changes=5, ticks=8)),
    "stores are lost": (level, Left(crashes=6, cuts=3, downs=3, changes=5, ticks=20, losses=2)),
    "a backup is put back": (level, Left(crashes=8, cuts=2, downs=2, changes=8, restores=1)),
}  # fmt: skip
WALKS, STEPS = 150, 150
RARE = re.compile("dies|replaced|breaks|loses|lie|back|time|partner-down")


@pytest.mark.parametrize("storm", STORMS)
def test_after_a_storm_both_are_level_again(storm: str, pytestconfig: pytest.Config) -> None:
    """By themselves, unless a store was lost: then by the commands that `status` names."""
    start, left = STORMS[storm]
    stores_change = left.losses or left.restores
    for seed in range(WALKS * (20 if pytestconfig.option.long else 1)):
        world, way = _walk(seed, start(left))
        healed, commands = heal(world)
        assert is_level(healed), (seed, way, commands)
        assert stores_change or commands == [], (seed, way)
        assert _is_whole(healed), (seed, way)


def _walk(seed: int, world: World) -> tuple[World, list[str]]:
    draw, model, way = random.Random(seed), Model(world), []
    for _ in range(STEPS):
        if not (moves := list(model.moves(world))):
            break
        weights = [1 if RARE.search(words) else 5 for words, _ in moves]
        ((words, world),) = draw.choices(moves, weights)
        way.append(words)
        assert model.harm(world) == "", (seed, way)
    return world, way


def _is_whole(world: World) -> bool:
    """Both hold the epoch, know each other's last change, and agree on who has the page."""
    a, b = (computer.disk for computer in world.computers)
    applied = a.words.applied, b.words.applied
    return (
        a.words.epoch == b.words.epoch
        and [one.seq for one in applied if one] == [len(b.journal), len(a.journal)]
        and a.page == b.page
    )
