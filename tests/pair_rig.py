"""A node of a pair in each position that it can be in, and all that can happen to it there."""

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from fastdhcp.link import events, machine
from fastdhcp.link.actions import Action
from fastdhcp.link.durable import Applied, Pair, Words
from fastdhcp.link.events import Event
from fastdhcp.link.hello import Hello
from fastdhcp.link.node import Node
from fastdhcp.link.settings import Settings, Times, slack_ns
from fastdhcp.link.state import state_of

S = 1_000_000_000
SETTINGS = Settings(
    node="a", answers=True,
    times=Times(mclt_ns=1800 * S, hold_ns=10 * S, patience_ns=64 * S, rho_ppm=1000),
    longest_lease_ns=86_400 * S, reuse_grace_ns=0, startup_ns=5 * S, silence_ns=3 * S,
    identity="i", config_hash="c", wire=(1, 2),
)  # fmt: skip
WAIT_NS = SETTINGS.times.mclt_ns + slack_ns(SETTINGS)
"""MCLT and SLACK."""
PAIR = Pair("p", "a", b"secret")
NOW_NS = 100_000 * S
MINE = Words(
    store_id="mine", pair=PAIR, epoch=3, applied=Applied("theirs", 70, 40), peer_acked=50
)  # fmt: skip
SEQ = 50
"""Of my last change; the peer's is 40."""


class Rig:
    """A node, and what it has had done last."""

    def __init__(self, words: Words = MINE, settings: Settings = SETTINGS) -> None:
        self.settings = settings
        self.now_ns = NOW_NS
        self.node = Node(words=words)
        self.last: list[Action] = []
        self.said: list[Action] = []

    def __call__(self, event: Event, later_ns: int = 0) -> "Rig":
        self.now_ns += later_ns
        self.node, self.last = machine.step(self.settings, self.node, event, self.now_ns)
        self.said += self.last
        return self

    def boot(self, **how: object) -> "Rig":
        told = {"words": self.node.words, "seq": SEQ, "run": 7, **how}
        return self(events.Boot(**told))  # type: ignore[arg-type]

    def stored(self) -> "Rig":
        return self(events.Stored(seq=self.node.seq))

    def hears(self, hello: Hello, *, is_mine: bool = True) -> "Rig":
        """On a new session."""
        return self(events.Up())(events.Heard(hello=hello, is_mine=is_mine))

    def level(self) -> "Rig":
        """Each has all that the other has."""
        applied = Applied("theirs", 70, 40)
        return self(events.Levels(seq=self.node.seq, acked=self.node.seq, applied=applied))

    @property
    def state(self) -> str:
        return state_of(self.settings, self.node, self.now_ns).value


def peer_of(node: Node, **how: object) -> Hello:
    """The HELLO of an equal that has all; ``how``: but for this."""
    said = machine.hello_of(SETTINGS, replace(node, asked=None, session=None), NOW_NS)
    peer = replace(
        said, node="b", store_id="theirs", run=70, sole=False, spent=False, recover=False, seq=40,
        applied=Applied("mine", 7, node.seq),
    )  # fmt: skip
    return replace(peer, **how)


def equal() -> Hello:
    return peer_of(Rig().boot().node)


# ---- positions


def single() -> Rig:
    return Rig(Words(store_id="mine")).boot()


def stopped() -> Rig:
    return Rig(settings=replace(SETTINGS, node="b")).boot()


def startup() -> Rig:
    return Rig().boot()


def words_not_stored() -> Rig:
    return Rig().boot(clock_trusted=False)


def recovering() -> Rig:
    return Rig(replace(MINE, recover=True)).boot()


def recovering_beside_holder() -> Rig:
    rig = recovering()
    return rig.hears(peer_of(rig.node, epoch=4, sole=True, seq=41))


def recovered() -> Rig:
    """READY is said."""
    rig = recovering()
    return rig.hears(peer_of(rig.node, epoch=4, sole=True)).level()


def lost_store() -> Rig:
    rig = Rig(replace(MINE, recover=True, epoch=0, no_alloc_until_ns=NOW_NS + WAIT_NS)).boot()
    return rig.hears(peer_of(rig.node, epoch=4)).level()


def normal() -> Rig:
    return Rig().boot().hears(equal())


def interrupted() -> Rig:
    return normal()(events.Down())


def catching_up() -> Rig:
    return Rig().boot().hears(replace(equal(), seq=41))


def isolated() -> Rig:
    return Rig().boot()(events.Tick(), 6 * S)


def admitting() -> Rig:
    """Sole no more, until the peer, which is ready, has all."""
    rig = partner_down_beside_peer()
    return rig(events.Ready(seq=40))(events.Stored(seq=SEQ + 1))


def partner_down() -> Rig:
    words = replace(MINE, sole=True, pd_start_ns=NOW_NS + 10 * S)
    return Rig(words).boot()


def partner_down_beside_peer() -> Rig:
    rig = partner_down()
    return rig.hears(peer_of(rig.node, epoch=2, recover=True, applied=None))


def seized() -> Rig:
    return partner_down()(events.Tick(), WAIT_NS + 11 * S)(events.Seized())


POSITIONS: dict[str, Callable[[], Rig]] = {
    "single": single,
    "stopped": stopped,
    "startup": startup,
    "startup, words not stored yet": words_not_stored,
    "recover": recovering,
    "recover, beside the holder": recovering_beside_holder,
    "recover, with a new store that has to wait": lost_store,
    "recover, READY said": recovered,
    "normal": normal,
    "communications-interrupted": interrupted,
    "communications-interrupted, catching up": catching_up,
    "isolated": isolated,
    "isolated, taking the peer in": admitting,
    "partner-down": partner_down,
    "partner-down, the peer recovers beside": partner_down_beside_peer,
    "partner-down, pages seized": seized,
}

# ---- what can happen


def happenings(node: Node) -> Iterator[tuple[str, list[Event]]]:
    """Words, and the event; before it a new session where it is a HELLO."""
    words = node.words
    yield "start from disk", [events.Boot(words=words, seq=node.seq, run=8)]
    yield (
        "start, clock not trusted",
        [events.Boot(words=words, seq=node.seq, run=8, clock_trusted=False)],
    )
    yield (
        "start with the file of `init`",
        [events.Boot(words=Words(store_id="new"), seq=0, run=8, bundle=PAIR)],
    )
    inherited = events.Inherited(node.met_epoch, node.seen)
    yield (
        "the link process is replaced",
        [events.Boot(words=words, seq=node.seq, run=node.run, inherited=inherited)],
    )
    yield "words are stored", [events.Stored(seq=node.seq)]
    yield "pages are seized", [events.Seized()]
    yield "a reload changes nothing that HELLO says", [events.Reload()]
    yield "a session stands", [events.Up()]
    yield "the session breaks", [events.Down()]
    yield "BYE", [events.Bye()]
    for said, hello in _hellos(node).items():
        yield f"HELLO, {said}", [events.Up(), events.Heard(hello=hello)]
    yield "HELLO that has applied what is no change of mine", [
        events.Up(), events.Heard(hello=_hellos(node)["same epoch"], is_mine=False)
    ]  # fmt: skip
    yield "HELLO, a second one", [events.Heard(hello=_hellos(node)["same epoch"])]
    yield (
        "all is acknowledged both ways",
        [events.Levels(seq=node.seq, acked=node.seq, applied=Applied("theirs", 70, 41))],
    )
    yield "PONG, serving all", [events.Alive()]
    yield "PONG, serving none", [events.Alive(serving=events.Serving.NONE)]
    yield "READY", [events.Ready(seq=node.seq)]
    yield "ADMIT", [events.Admit(epoch=words.epoch + 1)]
    yield "`init`", [events.Init(ticket=1, pair=replace(PAIR, id="q"))]
    yield "`init --force`", [events.Init(ticket=1, pair=replace(PAIR, id="q"), force=True)]
    yield "`accept`, another store", [events.Accept(ticket=1, store_id="other")]
    yield "`accept`, the known store", [events.Accept(ticket=1, store_id="theirs")]
    yield "`partner-down`", [events.PartnerDown(ticket=1)]
    yield "`partner-down --force`", [events.PartnerDown(ticket=1, force=True)]
    yield "`leave`", [events.Leave(ticket=1)]


def _hellos(node: Node) -> dict[str, Hello]:
    """What a peer may say, by how it differs from an equal."""
    words = node.words
    if words.pair is None:
        node = replace(node, words=replace(words, pair=PAIR))
    said, epoch = peer_of(node), words.epoch
    return {
        "same epoch": said,
        "same epoch, sole": replace(said, sole=True),
        "same epoch, it accepted my store and has nothing of it": replace(
            said, applied=Applied(words.store_id)
        ),
        "higher epoch": replace(said, epoch=epoch + 1),
        "lower epoch": replace(said, epoch=epoch - 1),
        "lower epoch, recovers": replace(said, epoch=epoch - 1, recover=True),
        "other store": replace(said, store_id="other"),
        "other configuration": replace(said, config_hash="d"),
        "refused (here: another pair)": replace(said, pair="q"),
    }


def waits() -> list[tuple[str, int]]:
    """Passing time, by what it is for."""
    return [
        ("1 s passes", S),
        ("3 s without a frame", 3 * S),
        ("5 s pass", 5 * S),
        ("MCLT and SLACK pass", WAIT_NS + 11 * S),
    ]
