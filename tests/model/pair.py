"""Two nodes of a failover pair, each the shipped machine, with disks that forget what is not
durable, an ordered link that breaks, an operator, and one page that belongs to `b`.

Outside the model: records (a change is a number and no more), clocks that differ, what is told to
clients. A change is durable when it is made; of the words of the pair a crash may come between the
decision, the disk and the answer.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from fastdhcp.link import actions as do
from fastdhcp.link import events, machine
from fastdhcp.link.durable import ALONE_FOR_EVER_NS, Applied, Pair, Words
from fastdhcp.link.events import Event
from fastdhcp.link.hello import Hello, Refusal
from fastdhcp.link.line import State
from fastdhcp.link.node import Node, Stop
from fastdhcp.link.settings import Settings, Times, slack_ns

NAMES = "ab"
TIMES = Times(mclt_ns=1, hold_ns=1, patience_ns=0, rho_ppm=0)
SETTINGS = tuple(
    Settings(
        node=name, answers=name == "a", times=TIMES, longest_lease_ns=5, reuse_grace_ns=0,
        startup_ns=1, silence_ns=1000, identity="", config_hash="", wire=(1, 1),
    )
    for name in NAMES
)  # fmt: skip
WAIT_NS = TIMES.mclt_ns + slack_ns(SETTINGS[0])
PAIRS = tuple(Pair("p", name, b"s") for name in NAMES)


class Upto(msgspec.Struct, frozen=True):
    """All changes up to ``seq``, with what they made of the page."""

    run: int
    seq: int
    page: tuple[int, str]


class Ack(msgspec.Struct, frozen=True):
    seq: int


class End(msgspec.Struct, frozen=True):
    """The other side is not there any more."""


Frame = Hello | Upto | Ack | End | Event


class Disk(msgspec.Struct, frozen=True):
    """``journal``: the run of each change. ``page``: the version and the owner of the page.
    ``gave_up``: how many changes there were when this node was sole no more."""

    words: Words
    journal: tuple[int, ...] = ()
    page: tuple[int, str] = (1, "b")
    gave_up: int = 0


class Computer(msgspec.Struct, frozen=True):
    """``node`` None: it is off. ``told_ns``: when it answered clients last;
    ``forgot_ns``: the same of a store that was lost."""

    disk: Disk
    node: Node | None = None
    backup: Disk | None = None
    told_ns: int | None = None
    forgot_ns: int | None = None
    stores: int = 1


class Link(msgspec.Struct, frozen=True):
    """``queues``: what is on its way to each; ``fed``: up to where each has sent changes, None:
    it does not yet."""

    is_open: tuple[bool, bool] = (True, True)
    queues: tuple[tuple[Frame, ...], tuple[Frame, ...]] = ((), ())
    fed: tuple[int | None, int | None] = (None, None)


class Left(msgspec.Struct, frozen=True):
    """How often each may still happen. ``lies``: `partner-down` though the peer lives."""

    crashes: int = 0
    successors: int = 0
    cuts: int = 0
    downs: int = 0
    lies: int = 0
    changes: int = 0
    ticks: int = 0
    losses: int = 0
    restores: int = 0


class World(msgspec.Struct, frozen=True):
    computers: tuple[Computer, Computer]
    left: Left
    link: Link | None = None
    now_ns: int = 10
    runs: int = 2
    wrong: str = ""


Moves = Iterator[tuple[str, World]]


def founded(left: Left) -> World:
    """A pair that was level when both were switched off."""
    words = [
        Words(store_id=f"{me}1", pair=pair, epoch=1, applied=Applied(f"{other}1", 1, 0))
        for me, other, pair in zip(NAMES, NAMES[::-1], PAIRS, strict=True)
    ]
    return World((Computer(Disk(words[0])), Computer(Disk(words[1]))), left)


def founding(left: Left) -> World:
    """`a` was founded long ago, `b` is new and has the file for it."""
    world = founded(left)
    a = Words(store_id="a1", pair=PAIRS[0], epoch=1, sole=True, pd_start_ns=ALONE_FOR_EVER_NS)
    disks = Disk(a, page=(1, "a")), Disk(Words(store_id="b1"), page=(0, ""))
    return replace(world, computers=(Computer(disks[0]), Computer(disks[1])))


class Model:
    """What may happen in a world, and what must not. ``heals``: from each there is a way back."""

    def __init__(self, start: World, *, heals: bool = False) -> None:
        self._start = start
        self._heals = heals

    def start(self) -> World:
        return self._start

    def harm(self, world: World) -> str:
        a, b = (computer.disk.words for computer in world.computers)
        if a.sole and b.sole and a.epoch == b.epoch:
            return "both are sole at the same epoch"
        if self._heals and not is_level(heal(world)[0]):
            return "there is no way back to normal"
        if self._start.left.restores:
            return ""  # no more is promised then
        if world.wrong:
            return world.wrong
        if self._start.left.lies:
            return ""
        if a.sole and b.sole:
            return "both are sole"
        if all(may_give(world, i) for i in (0, 1)):
            return "both may give an address of the page"
        return ""

    def moves(self, world: World) -> Moves:
        for i in (0, 1):
            yield from self._node_moves(world, i)
        if world.link is None:
            if all(computer.node for computer in world.computers):
                yield "the link connects", connect(world)
        else:
            yield from self._link_moves(world, world.link)
        if world.left.ticks:
            yield "time passes", tick(_spent(world, "ticks"))

    def _link_moves(self, world: World, link: Link) -> Moves:
        for i in (0, 1):
            if may_feed(world, i):
                yield f"{NAMES[i]} sends its changes", feed(world, i)
            if link.queues[i]:
                yield f"{NAMES[i]} gets {_name(link.queues[i][0])}", deliver(world, i)
        if world.left.cuts:
            ends = [(End(),) if is_open else () for is_open in link.is_open]
            cut = replace(link, queues=tuple(ends))
            if cut != link:
                yield "the link breaks", replace(_spent(world, "cuts"), link=cut)

    def _node_moves(self, world: World, i: int) -> Moves:
        name, computer = NAMES[i], world.computers[i]
        if world.left.restores and computer.backup is None:
            yield f"{name} is backed up", _put(world, i, replace(computer, backup=computer.disk))
        if computer.node is None:
            yield f"{name} starts", boot(world, i)
            yield from self._disk_moves(world, i)
            return
        if computer.node.asked:
            yield f"{name} has it on disk", stored(world, i)
        elif world.left.successors:
            after = succeed(_spent(world, "successors"), i, computer.node)
            yield f"the link process of {name} is replaced", after
        if world.left.crashes:
            crashing = _spent(world, "crashes")
            yield f"{name} dies", crash(crashing, i)
            if computer.node.asked:
                yield f"{name} has it on disk, and dies", crash(stored(crashing, i, told=False), i)
        if world.left.changes and computer.node.line.extends:
            yield f"{name} renews a lease", change(_spent(world, "changes"), i)
        is_other_off = world.computers[1 - i].node is None
        if accepted := _accept(world, i):
            yield f"accept at {name}", accepted
        order = events.PartnerDown(ticket=1)
        if world.left.downs and is_other_off:
            yield f"partner-down at {name}", tell(_spent(world, "downs"), i, order)
        if world.left.lies and not is_other_off:
            yield f"partner-down at {name}, a lie", tell(_spent(world, "lies"), i, order)

    def _disk_moves(self, world: World, i: int) -> Moves:
        """Of a node that is off. The store of a sole node is not lost: nothing is promised then."""
        name, computer = NAMES[i], world.computers[i]
        if world.left.losses and not computer.disk.words.sole:
            yield f"{name} loses its store", lose(_spent(world, "losses"), i)
        if world.left.restores and computer.backup:
            back = replace(computer, disk=computer.backup, backup=None)
            yield f"{name} gets a backup", _put(_spent(world, "restores"), i, back)


def may_give(world: World, i: int) -> bool:
    """An address of the page to a new client, by what this node has durably."""
    computer = world.computers[i]
    if computer.node is None or not computer.node.line.allocates:
        return False
    return computer.disk.page[1] == NAMES[i]


# ---- what happens


def tell(world: World, i: int, event: Event) -> World:
    """An event for a node, and all that it has done at once."""
    computer = world.computers[i]
    if computer.node is None:
        return world
    node, actions = machine.step(SETTINGS[i], computer.node, event, world.now_ns)
    told_ns = world.now_ns if node.line.extends else computer.told_ns
    world = _put(world, i, replace(computer, node=node, told_ns=told_ns))
    for action in actions:
        world = _carry_out(world, i, action)
    return world


def _carry_out(world: World, i: int, action: do.Action) -> World:
    match action:
        case do.SayHello(hello=hello):
            return _send(world, i, hello)
        case do.SayReady(seq=seq):
            return _send(world, i, events.Ready(seq=seq))
        case do.SayAdmit(epoch=epoch):
            return _send(world, i, events.Admit(epoch=epoch))
        case do.Close():
            return _hang_up(world, i)
        case do.Feed() if world.link:
            return replace(world, link=replace(world.link, fed=_set(world.link.fed, i, -1)))
        case do.Seize(epoch=epoch):
            return tell(_change(world, i, page=(epoch, NAMES[i])), i, events.Seized())
        case do.Halt(why=Stop.ROLLED_BACK):
            return lose(crash(world, i), i)
    return world


def boot(world: World, i: int) -> World:
    disk = world.computers[i].disk
    computer = replace(world.computers[i], node=Node(words=disk.words))
    world = replace(_put(world, i, computer), runs=world.runs + 1)
    return tell(world, i, events.Boot(
        words=disk.words, seq=len(disk.journal), run=world.runs, bundle=PAIRS[i]
    ))  # fmt: skip


def succeed(world: World, i: int, node: Node) -> World:
    """The link process dies, and another is started."""
    world, disk = _hang_up(world, i), world.computers[i].disk
    return tell(world, i, events.Boot(
        words=disk.words, seq=len(disk.journal), run=node.run,
        inherited=events.Inherited(node.met_epoch, node.seen),
    ))  # fmt: skip


def crash(world: World, i: int) -> World:
    return _hang_up(_put(world, i, replace(world.computers[i], node=None)), i)


def lose(world: World, i: int) -> World:
    computer = world.computers[i]
    words = Words(store_id=f"{NAMES[i]}{computer.stores + 1}")
    disk = Disk(words, page=(0, ""))
    return _put(world, i, replace(
        computer, disk=disk, backup=None, forgot_ns=computer.told_ns, stores=computer.stores + 1
    ))  # fmt: skip


def stored(world: World, i: int, *, told: bool = True) -> World:
    """The words that it asked for are on disk."""
    computer = world.computers[i]
    assert computer.node and computer.node.asked
    asked, disk = computer.node.asked, computer.disk
    words, seq = replace(disk.words, **dict(asked.changes)), len(disk.journal)
    if asked.voids:
        words = replace(words, acked_void=seq)
    wrong = world.wrong
    if disk.words.recover and not words.recover and not words.sole:
        wrong = wrong or _admitted(world, i, words.epoch)
    gave_up = seq if disk.words.sole and not words.sole else disk.gave_up
    disk = replace(disk, words=words, gave_up=gave_up)
    world = replace(_put(world, i, replace(computer, disk=disk)), wrong=wrong)
    return tell(world, i, events.Stored(seq=seq)) if told else world


def _admitted(world: World, i: int, epoch: int) -> str:
    """What is wrong with it that this node is taken in now; "": nothing."""
    me, peer = world.computers[i], world.computers[1 - i]
    known, mine = peer.disk.words.applied, me.disk.words.applied
    if mine and mine.store_id != peer.disk.words.store_id:
        return ""  # the store that admitted it is lost since: there is nothing to compare
    if known is None or known.store_id != me.disk.words.store_id:
        return "a store is admitted that the peer does not know"
    if known.seq < len(me.disk.journal):
        return "a node is admitted that has changes which the peer does not know"
    if mine is None or mine.seq < peer.disk.gave_up:
        return "a node is admitted that does not know all that the sole one did"
    if peer.disk.words.sole and peer.disk.words.epoch == epoch:
        return "a node is admitted by one that is still sole"
    if me.forgot_ns is not None and world.now_ns < me.forgot_ns + WAIT_NS:
        return "a lost store is admitted while what it forgot may still be told"
    return ""


def change(world: World, i: int) -> World:
    world = _change(world, i)
    return _level(world, i, acked=0)


def _change(world: World, i: int, page: tuple[int, str] | None = None) -> World:
    computer = world.computers[i]
    assert computer.node
    disk = computer.disk
    journal = (*disk.journal, computer.node.run)
    return _put(world, i, replace(
        computer, disk=replace(disk, journal=journal, page=page or disk.page)
    ))  # fmt: skip


def tick(world: World) -> World:
    world = replace(world, now_ns=world.now_ns + 1)
    return tell(tell(world, 0, events.Tick()), 1, events.Tick())


def connect(world: World) -> World:
    return tell(tell(replace(world, link=Link()), 0, events.Up()), 1, events.Up())


def deliver(world: World, i: int) -> World:
    """The next frame to a node."""
    assert world.link
    frame, *rest = world.link.queues[i]
    queues = _set(world.link.queues, i, tuple(rest))
    world = replace(world, link=replace(world.link, queues=queues))
    match frame:
        case End():
            return tell(_hang_up(world, i, said=False), i, events.Down())
        case Hello():
            return tell(world, i, events.Heard(hello=frame, is_mine=_is_mine(world, i, frame)))
        case Ack(seq=seq):
            return _level(world, i, acked=seq)
        case Upto():
            return _apply(world, i, frame)
    return tell(world, i, frame)


def _is_mine(world: World, i: int, hello: Hello) -> bool:
    disk, applied = world.computers[i].disk, hello.applied
    if applied is None or applied.store_id != disk.words.store_id or not applied.seq:
        return True
    return disk.journal[applied.seq - 1 : applied.seq] == (applied.run,)


def _apply(world: World, i: int, upto: Upto) -> World:
    computer = world.computers[i]
    assert computer.node and computer.node.peer
    applied = Applied(computer.node.peer.store_id, upto.run, upto.seq)
    disk = computer.disk
    words = replace(disk.words, applied=applied)
    disk = replace(disk, words=words, page=max(disk.page, upto.page))
    world = _put(world, i, replace(computer, disk=disk))
    return _level(_send(world, i, Ack(upto.seq)), i, acked=0, applied=applied)


def _level(world: World, i: int, acked: int, applied: Applied | None = None) -> World:
    seq = len(world.computers[i].disk.journal)
    return tell(world, i, events.Levels(seq=seq, acked=acked, applied=applied))


# ---- the link


def _send(world: World, i: int, frame: Frame) -> World:
    link = world.link
    if link is None or not link.is_open[i] or not link.is_open[1 - i]:
        return world
    to = (*link.queues[1 - i], frame)
    return replace(world, link=replace(link, queues=_set(link.queues, 1 - i, to)))


def _hang_up(world: World, i: int, *, said: bool = True) -> World:
    """What was sent before still comes."""
    if world.link is None or not world.link.is_open[i]:
        return world
    world = _send(world, i, End()) if said else world
    link = world.link
    assert link
    if not link.is_open[1 - i]:
        return replace(world, link=None)
    return replace(world, link=replace(
        link, is_open=_set(link.is_open, i, False), queues=_set(link.queues, i, ()),
        fed=_set(link.fed, i, None),
    ))  # fmt: skip


def may_feed(world: World, i: int) -> bool:
    """There are changes that have not gone out; they do once the peer's HELLO was taken."""
    fed = world.link.fed[i] if world.link else None
    return fed is not None and fed < len(world.computers[i].disk.journal)


def feed(world: World, i: int) -> World:
    link, disk = world.link, world.computers[i].disk
    assert link
    seq = len(disk.journal)
    run = disk.journal[-1] if seq else 1
    world = replace(world, link=replace(link, fed=_set(link.fed, i, seq)))
    return _send(world, i, Upto(run, seq, disk.page))


# ---- after the storm


def heal(world: World, rounds: int = 12) -> tuple[World, list[str]]:
    """Nothing goes wrong any more; the commands that the operator had to give until both were
    level again."""
    orders: list[str] = []
    for _ in range(6):
        for _ in range(rounds):
            world = _calm(world)
        if is_level(world):
            break
        if not (helped := _help(world)):
            break
        words, world = helped
        orders.append(words)
    return world, orders


def is_level(world: World) -> bool:
    return all(c.node and c.node.line.state is State.NORMAL for c in world.computers)


def _calm(world: World) -> World:
    """A round in which all goes on that can."""
    for i in (0, 1):
        if world.computers[i].node is None:
            world = boot(world, i)
    for i in (0, 1):
        node = world.computers[i].node
        if node and node.asked:
            world = stored(world, i)
    if world.link is None and all(c.node for c in world.computers):
        world = connect(world)
    for _ in range(8):
        for i in (0, 1):
            if may_feed(world, i):
                world = feed(world, i)
            if world.link and world.link.queues[i]:
                world = deliver(world, i)
    return tick(world)


def _help(world: World) -> tuple[str, World] | None:
    """What an operator does who goes by `status`."""
    for i in (0, 1):
        if accepted := _accept(world, i):
            return f"accept at {NAMES[i]}", accepted
    words = [computer.disk.words for computer in world.computers]
    if all(w.recover for w in words):
        i = int(words[1].epoch > words[0].epoch)
        return f"force at {NAMES[i]}", tell(world, i, events.PartnerDown(ticket=1, force=True))
    return None


def _accept(world: World, i: int) -> World | None:
    """The store that the peer has now, if `status` says that it is not known."""
    node, store_id = world.computers[i].node, world.computers[1 - i].disk.words.store_id
    if node is None or node.asked or node.refusal is not Refusal.UNKNOWN_STORE:
        return None
    applied = node.words.applied
    if applied is None or applied.store_id == store_id:
        return None
    return tell(world, i, events.Accept(ticket=1, store_id=store_id))


# ---- small things


def _put(world: World, i: int, computer: Computer) -> World:
    return replace(world, computers=_set(world.computers, i, computer))


def _set(pair: Any, i: int, value: Any) -> Any:
    return (value, pair[1]) if i == 0 else (pair[0], value)


def _spent(world: World, what: str) -> World:
    left = replace(world.left, **{what: getattr(world.left, what) - 1})
    return replace(world, left=left)


def _name(frame: Frame) -> str:
    return type(frame).__name__
