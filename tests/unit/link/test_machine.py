"""The pair's state machine: a line for each row of the protocol's table, for each refusal, and for
each pair of position and event.
"""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from fastdhcp.link import actions as do
from fastdhcp.link import events, machine
from fastdhcp.link.actions import Action, Closing
from fastdhcp.link.durable import ALONE_FOR_EVER_NS, Applied, Pair, Words
from fastdhcp.link.events import Event, Serving
from fastdhcp.link.hello import REFUSALS, Hello, Refusal
from fastdhcp.link.line import State
from fastdhcp.link.node import Stop
from fastdhcp.link.orders import DENIALS
from tests.pair_rig import (
    MINE,
    NOW_NS,
    PAIR,
    POSITIONS,
    SEQ,
    SETTINGS,
    WAIT_NS,
    Rig,
    S,
    admitting,
    catching_up,
    equal,
    happenings,
    interrupted,
    isolated,
    lost_store,
    normal,
    partner_down,
    partner_down_beside_peer,
    peer_of,
    recovered,
    recovering,
    recovering_beside_holder,
    seized,
    single,
    startup,
    waits,
)


def committed(rig: Rig) -> dict[str, object]:
    """The words that were asked for last."""
    (commit,) = [action for action in rig.last if isinstance(action, do.Commit)]
    return dict(commit.changes)


def closed(rig: Rig) -> object:
    """Why the session was; None: it was not."""
    found = [action.why for action in rig.last if isinstance(action, do.Close)]
    return found[0] if found else None


def raised(rig: Rig) -> list[str]:
    return [action.alarm for action in rig.last if isinstance(action, do.Raise)]


# ---- all of it


@pytest.mark.parametrize("position", POSITIONS)
def test_every_event_has_a_result_in_every_position(position: str) -> None:
    """What it asks to be made durable can be, and what it says to the peer can be said."""
    make = POSITIONS[position]
    seen = set()
    for words, told in happenings(make().node):
        rig = make()
        for event in told:
            rig(event)
            seen.add(type(event))
        assert isinstance(State(rig.state), State), words
        assert not rig.node.asked or rig.node.session is None or rig.node.session.ready_heard
        rig.stored()
        assert rig.node.asked is None or rig.node.session, words
    for words, wait_ns in waits():
        rig = make()(events.Tick(), wait_ns)
        seen.add(events.Tick)
        assert isinstance(State(rig.state), State), words
    kinds = {kind for kind in vars(events).values() if isinstance(kind, type)}
    assert seen == {k for k in kinds if issubclass(k, Event)} - {Event, events.Order}


def test_each_state_has_a_position_and_each_position_its_state() -> None:
    states = {position: make().state for position, make in POSITIONS.items()}
    assert set(states.values()) == {state.value for state in State}
    assert all(position.startswith(state) for position, state in states.items())


@pytest.mark.parametrize("position", POSITIONS)
def test_what_is_published_is_what_holds(position: str) -> None:
    rig = POSITIONS[position]()
    lines = [action.line for action in rig.said if isinstance(action, do.Publish)]
    assert not lines or lines[-1] == rig.node.line
    assert rig.node.line.state.value == rig.state
    on: set[str] = set()
    for action in rig.said:
        if isinstance(action, do.Raise):
            on.add(action.alarm)
        elif isinstance(action, do.Clear):
            on.remove(action.alarm)
    assert on == rig.node.alarms


def test_a_line_goes_before_the_commit_that_comes_with_it() -> None:
    """What a worker told by the former line is then in that commit, or before it."""
    rig = partner_down_beside_peer()(events.Ready(seq=40))
    assert [type(action) for action in rig.last[:2]] == [do.Publish, do.Commit]
    assert not rig.node.line.sole


# ---- the rows of the table


def test_same_epoch_sends_what_the_other_has_not() -> None:
    hello = replace(equal(), applied=Applied("mine", 6, 45))
    rig = Rig().boot().hears(hello)
    assert do.Feed(Applied("mine", 6, 45)) in rig.last
    assert rig.state == "communications-interrupted"
    assert rig.node.line.waits and rig.node.alarms == frozenset()


def test_who_has_nothing_of_this_store_is_sent_a_copy() -> None:
    assert do.Feed(None) in Rig().boot().hears(replace(equal(), applied=None)).last
    rig = partner_down()
    rig.hears(peer_of(rig.node, epoch=1, recover=True, applied=Applied("mine")))
    assert do.Feed(None) in rig.last


def test_normal_when_each_has_what_the_other_had_at_hello() -> None:
    rig = Rig().boot().hears(replace(equal(), seq=41, applied=Applied("mine", 6, 45)))
    applied = Applied("theirs", 70, 41)
    assert rig(events.Levels(seq=SEQ, acked=45, applied=applied)).state != "normal"
    assert rig(events.Levels(seq=SEQ + 9, acked=SEQ)).state == "normal"
    assert rig.node.words.applied == applied


def test_a_new_store_of_the_peer_is_taken_once() -> None:
    rig = Rig(replace(MINE, applied=None)).boot()
    rig.hears(peer_of(rig.node, epoch=0, recover=True, applied=None))
    assert closed(rig) is Closing.NEW_STORE
    assert committed(rig) == {"applied": Applied("theirs"), "peer_acked": 0}
    rig.stored()
    assert (rig.node.words.acked_void, rig.node.words.peer_acked) == (SEQ, 0)
    rig.hears(peer_of(rig.node, store_id="another", epoch=0, recover=True, applied=None))
    assert closed(rig) is Refusal.UNKNOWN_STORE


def test_a_store_that_was_accepted_voids_what_the_former_had() -> None:
    rig = interrupted()(events.Accept(ticket=4, store_id="new"))
    assert rig.last == [do.Commit((("applied", Applied("new")), ("peer_acked", 0)), voids=True)]
    assert rig.stored().last == [do.Answer(4)]
    assert rig.node.words.acked_void == SEQ


def test_a_command_takes_back_what_was_said_of_a_refusal() -> None:
    rig = interrupted().hears(replace(equal(), store_id="new"))
    assert do.Clear("failover-refused") in rig(events.Accept(ticket=4, store_id="new")).last


def test_an_accepted_store_that_does_not_recover_is_told_to() -> None:
    """It was put back: another one has been in its place since."""
    accepting = interrupted()(events.Accept(ticket=4, store_id="old")).stored()
    put_back = peer_of(accepting.node, store_id="old")
    assert closed(accepting.hears(put_back)) is Closing.PEER_BEHIND
    rig = startup()
    rig.hears(peer_of(rig.node, applied=Applied("mine")))
    assert (closed(rig), committed(rig)) == (Closing.TOLD_TO_RECOVER, {"recover": True})
    assert rig.state == "recover"


@pytest.mark.parametrize("make", [startup, recovering, partner_down, seized])
def test_a_store_that_was_rolled_back_counts_as_lost(make: Callable[[], Rig]) -> None:
    rig = make()
    rig.hears(peer_of(rig.node), is_mine=False)
    assert closed(rig) is Closing.ROLLED_BACK
    assert do.Halt(Stop.ROLLED_BACK) in rig.last
    assert rig.state == "stopped"
    assert closed(rig(events.Up())) is Closing.NOT_READY


def test_who_is_sole_at_an_epoch_that_the_peer_was_given_is_rolled_back() -> None:
    """It was sole no more, durably, when it let the peer in."""
    rig = partner_down()
    assert do.Halt(Stop.ROLLED_BACK) in rig.hears(peer_of(rig.node)).last
    for rig in (startup(), recovering(), partner_down()):
        assert closed(rig.hears(peer_of(rig.node, sole=True))) is Refusal.PEER_ROLLED_BACK


def test_nobody_waits_for_one_who_recovers() -> None:
    rig = startup()
    rig.hears(peer_of(rig.node, recover=True)).level()
    assert (rig.state, rig.node.line.waits) == ("isolated", False)


@pytest.mark.parametrize("event", [events.Down(), events.Bye()])
def test_without_the_link_it_keeps_answering(event: Event) -> None:
    rig = normal()(event)
    assert rig.state == "communications-interrupted"
    assert raised(rig) == ["failover-interrupted"]
    line = rig.node.line
    assert (line.allocates, line.extends, line.waits) == (True, True, False)


def test_three_seconds_without_a_frame_are_the_end_of_a_session() -> None:
    rig = normal()(events.Tick(), 2 * S)(events.Alive())(events.Tick(), 2 * S)
    assert rig.state == "normal"
    assert closed(rig(events.Tick(), S)) is Closing.SILENT
    assert rig.state == "communications-interrupted"
    assert closed(startup()(events.Up())(events.Tick(), 3 * S)) is Closing.SILENT


def test_partner_down_is_an_epoch_of_its_own() -> None:
    rig = interrupted()(events.PartnerDown(ticket=2))
    assert committed(rig) == {
        "epoch": 5, "sole": True, "recover": False, "pd_start_ns": NOW_NS + 10 * S
    }  # fmt: skip
    assert rig.state == "communications-interrupted"
    assert rig.stored().state == "partner-down"
    assert do.Answer(2) in rig.last
    assert rig(events.PartnerDown(ticket=3)).last == [do.Answer(3)]


@pytest.mark.parametrize("make", [startup, normal, interrupted, isolated, catching_up])
def test_a_higher_epoch_makes_recover(make: Callable[[], Rig]) -> None:
    rig = make()
    rig.hears(peer_of(rig.node, epoch=4, sole=True))
    assert closed(rig) is Closing.PEER_AHEAD
    assert committed(rig) == {"recover": True, "sole": False}
    assert (rig.state, rig.node.conflict) == ("recover", False)
    assert not rig.node.line.extends, "at once, not when it is durable"
    assert closed(rig(events.Up())) is Closing.NOT_READY
    said = rig.stored()(events.Up()).last[-1]
    assert isinstance(said, do.SayHello) and said.hello.recover


def test_two_that_are_sole_are_a_conflict() -> None:
    rig = partner_down()
    rig.hears(peer_of(rig.node, epoch=4, sole=True))
    assert committed(rig) == {"recover": True, "sole": False}
    assert "failover-conflict" in raised(rig)
    rig.stored().hears(peer_of(rig.node, epoch=4)).level()
    rig(events.Admit(epoch=4)).stored().hears(peer_of(rig.node))
    assert rig.state == "normal"
    assert rig.node.alarms == frozenset()


def test_ready_when_each_has_all_of_the_other() -> None:
    rig = recovering_beside_holder()
    assert not any(isinstance(action, do.SayReady) for action in rig.last)
    rig(events.Levels(seq=SEQ + 1, acked=SEQ, applied=Applied("theirs", 70, 41)))
    assert rig.last == [], "its own tail is not acknowledged"
    assert rig(events.Levels(seq=SEQ + 1, acked=SEQ + 1)).last == [do.SayReady(41)]
    assert rig(events.Tick()).last == []


def test_ready_is_not_said_to_one_who_recovers_or_is_behind() -> None:
    rig = recovering()
    for hello in (peer_of(rig.node, epoch=4, recover=True), peer_of(rig.node, epoch=2)):
        rig.hears(hello).level()
        assert not any(isinstance(action, do.SayReady) for action in rig.said)


def test_ready_first_gives_up_being_sole_then_admits() -> None:
    rig = partner_down_beside_peer()(events.Ready(seq=40))
    assert committed(rig) == {"sole": False}
    assert rig.node.link_is_up
    rig(events.Stored(seq=SEQ + 2))
    assert rig.state == "isolated"
    assert rig(events.Levels(seq=SEQ + 3, acked=SEQ + 1)).last == []
    assert rig(events.Levels(seq=SEQ + 3, acked=SEQ + 2)).last == [do.SayAdmit(3)]
    assert rig(events.Tick()).last == []


def test_who_gave_up_admits_on_a_later_session() -> None:
    rig = admitting()(events.Down()).boot(words=replace(MINE))
    rig.hears(peer_of(rig.node, epoch=2, recover=True))
    assert rig(events.Ready(seq=40)).last == [do.SayAdmit(3)]


def test_admit_is_committed_and_hello_said_again() -> None:
    rig = recovered()(events.Admit(epoch=4))
    assert closed(rig) is Closing.ADMITTED
    assert committed(rig) == {"epoch": 4, "recover": False, "no_alloc_until_ns": 0}
    assert rig.state == "recover"
    assert rig.stored().hears(peer_of(rig.node)).state == "normal"


def test_a_peer_that_never_changed_anything_counts_from_its_admission() -> None:
    """Else its HELLO would be taken for that of a store which has to recover."""
    words = replace(MINE, sole=True, applied=Applied("theirs"), pd_start_ns=ALONE_FOR_EVER_NS)
    rig = Rig(words).boot()
    rig.hears(peer_of(rig.node, epoch=0, recover=True, applied=None, seq=0))
    assert committed(rig(events.Ready(seq=0))) == {
        "applied": Applied("theirs", 70, 0), "sole": False
    }  # fmt: skip
    rig = Rig(replace(MINE, recover=True, epoch=0, applied=Applied("theirs"))).boot()
    rig.hears(peer_of(rig.node, epoch=4, seq=0))
    assert committed(rig(events.Admit(epoch=4)))["applied"] == Applied("theirs", 70, 0)


def test_a_lower_epoch_is_sent_back_to_recover() -> None:
    for rig in (startup(), normal(), partner_down()):
        before = rig.node.words
        assert closed(rig.hears(peer_of(rig.node, epoch=2))) is Closing.PEER_BEHIND
        assert (rig.node.words, rig.node.asked) == (before, None)


def test_a_sole_node_needs_nobody_after_a_restart() -> None:
    rig = partner_down().boot()
    assert (rig.state, rig.node.asked) == ("partner-down", None)
    later = Rig(replace(MINE, sole=True, pd_start_ns=NOW_NS)).boot()
    assert committed(later) == {"pd_start_ns": NOW_NS + 10 * S}, "boot and HOLD"
    assert later.state == "startup"
    assert later.stored().state == "partner-down"


def test_a_restart_does_not_begin_the_wait_of_who_is_spent_anew() -> None:
    rig = Rig(replace(MINE, sole=True, pd_start_ns=NOW_NS - 2 * WAIT_NS)).boot()
    assert rig.node.asked is None
    assert do.Seize(3) in rig.last


def test_who_gave_up_has_no_fence_of_the_epoch_before() -> None:
    """The operator's word was about that epoch; the peer is met anew when it is admitted."""
    rig = interrupted()(events.PartnerDown(ticket=1)).stored()
    rig.hears(peer_of(rig.node, epoch=3, recover=True))
    assert rig(events.Ready(seq=40)).stored().state == "isolated"
    assert rig.hears(peer_of(rig.node)).node.line.allocates


def test_who_is_sole_again_seizes_again() -> None:
    rig = seized()
    rig.hears(peer_of(rig.node, epoch=2, recover=True))(events.Ready(seq=40))
    assert not rig.node.line.seized, "at once, not when it is durable"
    rig.stored()
    rig(events.Down())(events.PartnerDown(ticket=1)).stored()
    assert (rig.state, rig.node.line.seized) == ("partner-down", False)
    assert rig(events.Tick(), WAIT_NS + 11 * S).last == [do.Seize(5)]


# ---- a start


def test_starting_ends_with_a_hello_or_after_five_seconds() -> None:
    assert startup()(events.Tick(), 4 * S).state == "startup"
    rig = startup()(events.Tick(), 5 * S)
    assert rig.state == "isolated"
    assert raised(rig) == ["failover-isolated"]


def test_an_untrusted_clock_voids_what_was_acknowledged_before_any_answer() -> None:
    rig = Rig().boot(clock_trusted=False)
    assert rig.last[-1] == do.Commit((), voids=True)
    assert rig(events.Tick(), 9 * S).state == "startup"
    assert closed(rig(events.Up())) is Closing.NOT_READY
    rig.stored()
    assert rig.node.words.acked_void == SEQ
    assert rig.state == "isolated"


def test_a_lost_store_waits_for_what_it_has_forgotten() -> None:
    rig = Rig(Words(store_id="new")).boot(seq=0, bundle=PAIR)
    assert committed(rig) == {
        "pair": PAIR, "epoch": 0, "sole": False, "recover": True,
        "no_alloc_until_ns": NOW_NS + WAIT_NS, "applied": None,
    }  # fmt: skip
    assert rig.state == "recover"
    assert lost_store()(events.Tick(), WAIT_NS - 1).said[-1] != do.SayReady(40)
    rig = lost_store()
    rig(events.Alive(), WAIT_NS)
    assert rig.last == [do.SayReady(40)]


def test_a_peer_that_is_spent_ends_that_wait() -> None:
    rig = lost_store()(events.Down())
    rig.hears(peer_of(rig.node, epoch=4, sole=True, spent=True)).level()
    assert do.SayReady(40) in rig.said
    assert committed(rig(events.Admit(epoch=4)))["no_alloc_until_ns"] == 0


def test_a_successor_of_the_link_process_has_met_the_peer() -> None:
    before = interrupted().node
    inherited = events.Inherited(before.met_epoch, before.seen)
    assert Rig().boot(inherited=inherited).state == "communications-interrupted"
    inherited = events.Inherited(None, None)
    assert Rig().boot(inherited=inherited).state == "isolated", "it does not start again"


@pytest.mark.parametrize(
    ("settings", "words", "how", "stop"),
    [
        (replace(SETTINGS, node=None), MINE, {}, Stop.NO_TABLE),
        (replace(SETTINGS, node="b"), MINE, {}, Stop.OTHER_NAME),
        (replace(SETTINGS, node="b"), Words(store_id="n"), {"bundle": PAIR}, Stop.OTHER_NAME),
        (SETTINGS, Words(store_id="n"), {"bundle": PAIR, "seq": 3}, Stop.NOT_EMPTY),
    ],
)
def test_a_store_of_a_pair_starts_as_what_it_is_or_not_at_all(
    settings: object, words: Words, how: dict[str, object], stop: Stop
) -> None:
    rig = Rig(words, settings).boot(**how)  # type: ignore[arg-type]
    assert do.Halt(stop) in rig.last
    assert rig.state == "stopped"


# ---- refusals

REFUSED = {
    Refusal.WIRE_VERSION: {"wire": (3, 4)},
    Refusal.OTHER_PAIR: {"pair": "q"},
    Refusal.OWN_NAME: {"node": "a"},
    Refusal.OTHER_SECRET: {"secret_hash": ""},
    Refusal.OTHER_IDENTITY: {"identity": "j"},
    Refusal.OTHER_TIMES: {"times": replace(SETTINGS.times, mclt_ns=1)},
    Refusal.UNKNOWN_STORE: {"store_id": "other"},
    Refusal.UNKNOWN_THERE: {"applied": Applied("former", 7, 3)},
    Refusal.PEER_ROLLED_BACK: {"sole": True},
}


@pytest.mark.parametrize("refusal", Refusal)
def test_a_refusal_changes_nothing_and_is_an_alarm(refusal: Refusal) -> None:
    rig = interrupted()
    before = rig.node
    rig.hears(replace(equal(), **REFUSED[refusal]))
    assert closed(rig) is refusal
    assert raised(rig) == ["failover-refused"]
    assert rig.node.refusal is refusal
    assert (rig.node.words, rig.node.asked, rig.node.seen) == (before.words, None, before.seen)
    assert rig.state == "communications-interrupted"
    assert do.Clear("failover-refused") in rig.hears(equal()).last
    assert all(REFUSALS[refusal])


def test_neighbouring_wire_versions_work_together() -> None:
    assert startup().hears(replace(equal(), wire=(2, 5))).state == "normal"


def test_another_configuration_is_an_alarm_and_no_refusal() -> None:
    rig = startup().hears(replace(equal(), config_hash="d"))
    assert (rig.state, raised(rig)) == ("normal", ["failover-config-differs"])
    assert do.Clear("failover-config-differs") in rig.hears(equal()).last


@pytest.mark.parametrize(
    ("make", "event"),
    [
        (normal, events.Heard(hello=equal())),
        (normal, events.Ready(seq=1)),
        (normal, events.Admit(epoch=3)),
        (recovering_beside_holder, events.Admit(epoch=4)),
        (recovered, events.Admit(epoch=6)),
        (recovered, events.Ready(seq=1)),
    ],
)
def test_a_frame_out_of_turn_closes_the_session(make: Callable[[], Rig], event: Event) -> None:
    rig = make()
    words = rig.node.words
    assert closed(rig(event)) is Closing.UNEXPECTED
    assert (rig.node.words, rig.node.asked) == (words, None)


# ---- what is told, and by whom


def test_only_durable_values_leave_in_a_hello() -> None:
    """While others are decided there is none, whatever they are."""
    decided = {
        "sole": interrupted()(events.PartnerDown(ticket=1)),
        "recover": normal().hears(replace(equal(), epoch=4)),
        "admitted": recovered()(events.Admit(epoch=4)),
        "given up": partner_down_beside_peer()(events.Ready(seq=40))(events.Down()),
        "store": interrupted()(events.Accept(ticket=1, store_id="new")),
    }
    for words, rig in decided.items():
        assert rig.node.asked, words
        assert not machine.may_say_hello(rig.node), words
        assert rig(events.Up()).last[-1] == do.Close(Closing.NOT_READY), words


def test_a_hello_says_what_is_on_disk() -> None:
    rig = seized()
    said = rig(events.Up()).last[-1]
    assert isinstance(said, do.SayHello)
    hello: Hello = said.hello
    assert (hello.epoch, hello.sole, hello.spent, hello.recover) == (3, True, True, False)
    assert (hello.pair, hello.node, hello.store_id, hello.run) == ("p", "a", "mine", 7)
    assert (hello.seq, hello.applied) == (SEQ, MINE.applied)
    assert "secret" not in hello.secret_hash


def test_in_normal_both_answer_by_rule_and_else_whoever_can() -> None:
    assert normal().node.line.role.value == "answers"
    standby = Rig(settings=replace(SETTINGS, answers=False)).boot().hears(equal())
    assert standby.node.line.role.value == "stands-by"
    assert standby(events.Alive(serving=Serving.NONE)).node.line.role.value == "alone"
    assert interrupted().node.line.role.value == "alone"
    assert recovering().node.line.role.value == "silent"


def test_pages_of_the_peer_come_at_pd_start_and_mclt_and_slack() -> None:
    rig = partner_down()
    start_ns = rig.node.words.pd_start_ns
    rig(events.Tick(), start_ns + WAIT_NS - rig.now_ns)
    assert rig.last == []
    assert rig(events.Tick(), 1).last == [do.Seize(3)]
    assert not rig.node.line.seized
    assert rig(events.Seized()).node.line.seized
    assert rig(events.Tick(), S).last == []


def test_slack_counts_with_the_longer_of_both_leases() -> None:
    rig = partner_down()
    hello = peer_of(rig.node, epoch=2, recover=True, longest_lease_ns=10 * 86_400 * S)
    rig.hears(hello)(events.Down())
    assert rig(events.Tick(), WAIT_NS + 11 * S).last == []
    assert do.Seize(3) in rig(events.Tick(), 9 * 86_400 * S // 1000).last


def test_a_reload_that_changes_what_hello_says_has_it_said_again() -> None:
    rig = normal()
    rig.settings = replace(rig.settings, config_hash="d")
    assert rig(events.Reload()).last == []
    rig.settings = replace(rig.settings, longest_lease_ns=7 * S)
    assert closed(rig(events.Reload())) is Closing.RELOADED


def test_the_levels_of_another_store_are_not_taken() -> None:
    rig = normal()(events.Levels(seq=SEQ, acked=SEQ, applied=Applied("other", 1, 99)))
    assert rig.node.words.applied == MINE.applied


def test_what_came_on_a_session_that_is_over_is_in_the_next_hello() -> None:
    applied = Applied("theirs", 70, 44)
    rig = interrupted()(events.Levels(seq=SEQ + 1, acked=SEQ + 1, applied=applied))
    assert rig.node.words.peer_acked == MINE.peer_acked, "none has acknowledged it"
    said = rig(events.Up()).last[-1]
    assert isinstance(said, do.SayHello)
    assert (said.hello.applied, said.hello.seq) == (applied, SEQ + 1)


def test_a_sole_node_serves_on_while_its_link_process_is_replaced() -> None:
    words = replace(MINE, sole=True, pd_start_ns=NOW_NS)
    rig = Rig(words).boot(inherited=events.Inherited(None, None))
    assert committed(rig) == {"pd_start_ns": NOW_NS + 10 * S}
    assert rig.state == "partner-down"


# ---- the operator's commands


def denied(rig: Rig) -> str | None:
    answers: list[Action] = [action for action in rig.last if isinstance(action, do.Answer)]
    assert len(answers) == 1 and isinstance(answers[0], do.Answer)
    return answers[0].denial.value if answers[0].denial else None


@pytest.mark.parametrize(
    ("make", "order", "denial"),
    [
        (single, events.PartnerDown(ticket=1), "no-pair"),
        (single, events.Accept(ticket=1, store_id="x"), "no-pair"),
        (single, events.Leave(ticket=1), "no-pair"),
        (single, events.Init(ticket=1, pair=Pair("q", "b", b"")), "other-node-name"),
        (interrupted, events.Init(ticket=1, pair=Pair("q", "a", b"")), "in-a-pair"),
        (normal, events.Accept(ticket=1, store_id="x"), "link-up"),
        (normal, events.Accept(ticket=1, store_id="theirs"), None),
        (normal, events.PartnerDown(ticket=1), "link-up"),
        (recovering, events.PartnerDown(ticket=1), "recovering"),
        (recovered, events.PartnerDown(ticket=1), "recovering"),
        (isolated, events.PartnerDown(ticket=1), "peer-not-seen"),
        (startup, events.PartnerDown(ticket=1), "peer-not-seen"),
        (partner_down, events.PartnerDown(ticket=1), None),
        (interrupted, events.Leave(ticket=1), "not-sole"),
        (partner_down, events.Leave(ticket=1), "not-seized"),
        (interrupted, events.Init(ticket=1, pair=PAIR), None),
    ],
)
def test_a_command_that_is_answered_at_once(
    make: Callable[[], Rig], order: events.Order, denial: str | None
) -> None:
    rig = make()
    words = rig.node.words
    assert denied(rig(order)) == denial
    assert (rig.node.words, rig.node.asked) == (words, None)


def test_a_command_waits_for_what_was_decided_before() -> None:
    rig = interrupted()(events.PartnerDown(ticket=1))(events.PartnerDown(ticket=2))
    assert denied(rig) == "busy"
    assert denied(POSITIONS["stopped"]()(events.PartnerDown(ticket=1))) == "stopped"


def test_every_denial_says_what_to_look_at() -> None:
    assert all(len(text) > 20 for text in DENIALS.values())
    assert len(DENIALS) == len(type(next(iter(DENIALS))))


@pytest.mark.parametrize("make", [normal, recovering, recovered, isolated, startup])
def test_a_forced_partner_down_looks_at_nothing(make: Callable[[], Rig]) -> None:
    rig = make()(events.PartnerDown(ticket=1, force=True))
    assert committed(rig)["sole"] is True
    assert not rig.node.link_is_up
    assert rig.stored().state == "partner-down"
    assert rig.node.words.epoch == 5


@pytest.mark.parametrize(
    "order",
    [
        events.PartnerDown(ticket=1, force=True),
        events.Init(ticket=1, pair=Pair("q", "a", b""), force=True),
    ],
)
def test_a_new_epoch_is_above_all_that_are_known(order: events.Order) -> None:
    rig = recovering()
    rig.hears(peer_of(rig.node, epoch=6))(events.Down())
    assert committed(rig(order))["epoch"] == 7
    assert committed(recovering()(replace(order, highest=9)))["epoch"] == 11


def test_a_founder_has_been_alone_for_ever() -> None:
    rig = single()(events.Init(ticket=1, pair=PAIR, highest=6))
    assert committed(rig) == {
        "pair": PAIR, "epoch": 7, "sole": True, "recover": False, "no_alloc_until_ns": 0,
        "pd_start_ns": ALONE_FOR_EVER_NS, "applied": None, "peer_acked": 0,
    }  # fmt: skip
    assert rig.state == "single"
    assert (rig.stored().state, rig.last[-2:]) == (
        "partner-down", [do.Seize(7), do.Raise("failover-partner-down")]
    )  # fmt: skip
    said = rig(events.Up()).last[-1]
    assert isinstance(said, do.SayHello) and said.hello.spent


def test_a_pair_can_be_founded_anew_by_force() -> None:
    rig = recovered()(events.Init(ticket=1, pair=Pair("q", "a", b"new"), force=True))
    assert (committed(rig)["epoch"], committed(rig)["recover"]) == (5, False)
    assert rig.stored().state == "partner-down"


def test_who_leaves_is_single_and_keeps_its_epoch() -> None:
    """Incarnations never fall."""
    rig = seized()(events.Leave(ticket=1)).stored()
    assert (rig.state, rig.node.words.epoch) == ("single", 3)
    assert do.Answer(1) in rig.last and do.Clear("failover-partner-down") in rig.last
    assert closed(rig(events.Up())) is Closing.NOT_READY
    founded = rig(events.Init(ticket=2, pair=Pair("q", "a", b"")))
    assert committed(founded)["epoch"] == 5
