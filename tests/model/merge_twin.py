"""The conflict rule of a failover pair once more: plain, slow, in the protocol's own words.

A binding is FREE, ACTIVE (perhaps ended), PENDING or DECLINED; PENDING is what the home proposes to
free. How these stand in a record's state and flags is known at the two ends only.
"""

from typing import NamedTuple

from fastdhcp._leases import BindingState, EndReason, RecordFlag
from fastdhcp._merge import MergeAlarm, MergeRow, MergeWrite, Outcome, Side

RULES = {
    "higher-wins": "the epoch is compared before the number",
    "own-more": "a later expiry than that of a newer incarnation is a change of mine",
    "newer-unheard": "... and so is a newer incarnation over a change that the peer has not",
    "newer-refused": "who holds such a change refuses the proposal of a newer incarnation too",
    "raised": "an older incarnation of the same client raises the expiry, as a change of mine",
    "older-revives": "an older incarnation revives what is proposed",
    "same-client": "an older incarnation of another client counts for nothing",
    "max": "of two expiries the later one counts",
    "declined-wins": "DECLINED, if either is",
    "ended-stays": "ended, if either is",
    "newer-details": "of one second the home's details, if neither node knew of the other's",
    "adds-nothing": "what adds nothing writes nothing",
    "mine-again": "what adds something to a change that the peer has not is a change of mine",
    "home-rests": "... but not at the home if the update has all of it: the peer knows",
    "unheard-refuses": "who holds a change that the home has not refuses its proposal",
    "expiry-refuses": "who counts the lease as running refuses that it has expired",
    "lost-store-refuses": "a lost store refuses until what it forgot has ended",
    "answer-is-change": "an agreement is a change, and so is a refusal",
    "new-incarnation": "what was proposed lives again under a new incarnation only",
    "home-revives": "only the home makes incarnations",
    "this-incarnation": "an agreement counts for the incarnation that it names",
    "acked-anew": "of a new incarnation nothing is acknowledged",
}
"""What the rule is made of."""
NOTHING, MINE, PEERS = MergeWrite.MERGE_NOTHING, MergeWrite.MERGE_MINE, MergeWrite.MERGE_PEERS


class Binding(NamedTuple):
    state: str
    ended: bool
    why: int
    inc: tuple[int, int]
    expiry: int
    acked: bool = True

    @property
    def holds(self) -> bool:
        return self.state in ("ACTIVE", "DECLINED")


class Stance(NamedTuple):
    now: int
    epoch: int
    home: bool
    peer_has_it: bool
    no_alloc_until: int


class Found(NamedTuple):
    """``details``: the update's; ``is_taken``: all of it is."""

    write: MergeWrite
    binding: Binding
    details: bool = False
    alarm: MergeAlarm = MergeAlarm.ALARM_NONE
    is_taken: bool = False


class Twin:
    def __init__(self, without: str = "") -> None:
        assert without in ("", *RULES)
        self.without = without

    def merge(
        self,
        record: Side,
        update: Side,
        *,
        now: int,
        epoch: int,
        home: bool,
        peer_has_it: bool,
        no_alloc_until: int = 0,
    ) -> Outcome:
        """As the compiled one, but that it names no row."""
        me = Stance(now, epoch, home, peer_has_it, no_alloc_until)
        found = self._found(record, update, me)
        return _said(record, update, found)

    def _kept(self, rule: str) -> bool:
        return rule != self.without

    def _found(self, record: Side, update: Side, me: Stance) -> Found:
        mine, its = _read(record), _read(update)
        same = _same_client(record, update)
        mine_inc, its_inc = mine.inc, its.inc
        if not self._kept("higher-wins"):
            mine_inc, its_inc = mine_inc[::-1], its_inc[::-1]
        if its_inc > mine_inc:
            return self._newer(mine, its, same, me)
        newer = update.cltt > record.cltt
        if self._kept("newer-details"):
            is_upon_mine = me.peer_has_it or not me.home
            newer = newer or (update.cltt == record.cltt and is_upon_mine)
        is_free = its.state == "FREE" and mine.state == "PENDING" and me.home
        if its_inc < mine_inc and (self._kept("this-incarnation") or not is_free):
            return self._older(mine, its, same, newer, me)
        pair = mine.state, its.state
        if mine.holds and its.holds:
            knows = update.cltt >= record.cltt
            return self._both_hold(mine, its, newer, knows, me)
        if its.state == "PENDING":
            return self._proposal(mine, its, me)
        if pair == ("PENDING", "FREE") and me.home:
            return Found(MINE, _freed(mine, mine.why, me))
        if its.state == "FREE" and not me.home and mine.state != "FREE":
            if mine.holds and not me.peer_has_it:
                return Found(NOTHING, mine)
            return Found(PEERS, _freed(mine, its.why, me))
        if mine.state == "PENDING" and its.holds:
            return self._lives(mine, its, newer, me)
        alarm = MergeAlarm.ALARM_NONE if pair == ("FREE", "FREE") else MergeAlarm.ALARM_LOST
        return Found(NOTHING, mine, alarm=alarm)

    def _newer(self, mine: Binding, its: Binding, same: bool, me: Stance) -> Found:
        unheard = same and mine.holds and not me.peer_has_it
        if unheard and its.state == "PENDING" and self._kept("newer-refused"):
            return Found(MINE, mine)
        its = its._replace(acked=not self._kept("acked-anew"))
        if its.state == "FREE":
            its = its._replace(expiry=min(its.expiry, me.now))
        if same and mine.holds and its.holds:
            write = MINE if unheard and self._kept("newer-unheard") else PEERS
            if mine.expiry > its.expiry and self._kept("max"):
                its = its._replace(expiry=mine.expiry)
                write = MINE if self._kept("own-more") else write
            return Found(write, its, True, is_taken=True)
        broken = mine.holds and not same and mine.expiry > me.now
        alarm = MergeAlarm.ALARM_REPLACED if broken else MergeAlarm.ALARM_NONE
        return Found(PEERS, its, True, alarm, is_taken=True)

    def _older(self, mine: Binding, its: Binding, same: bool, newer: bool, me: Stance) -> Found:
        same = same or not self._kept("same-client")
        if same and its.holds and mine.state == "PENDING" and self._kept("older-revives"):
            return self._lives(mine, its, newer, me)
        if same and its.holds and mine.holds and its.expiry > mine.expiry and self._kept("raised"):
            return Found(MINE, mine._replace(expiry=its.expiry))
        return Found(NOTHING, mine)

    def _both_hold(
        self, mine: Binding, its: Binding, newer: bool, knows: bool, me: Stance
    ) -> Found:
        declined = "DECLINED" in (mine.state, its.state)
        both = mine._replace(
            state="DECLINED" if declined else "ACTIVE",
            ended=(mine.ended or its.ended) and not declined,
            why=max(mine.why, its.why),
            expiry=max(mine.expiry, its.expiry),
        )
        if not self._kept("declined-wins"):
            both = both._replace(state=its.state)
        if not self._kept("ended-stays"):
            both = both._replace(ended=its.ended, why=its.why)
        if not self._kept("max"):
            both = both._replace(expiry=its.expiry)
        if both == mine and not newer and self._kept("adds-nothing"):
            return Found(NOTHING, mine)
        knows = knows and both == its
        if me.peer_has_it or (me.home and knows and self._kept("home-rests")):
            return Found(PEERS, both, newer)
        return Found(MINE if self._kept("mine-again") else PEERS, both, newer)

    def _proposal(self, mine: Binding, its: Binding, me: Stance) -> Found:
        answer = MINE if self._kept("answer-is-change") else PEERS
        is_lost = me.now < me.no_alloc_until and self._kept("lost-store-refuses")
        if mine.state == "FREE":
            return Found(NOTHING if is_lost else answer, mine)
        refuses = me.home or is_lost
        if mine.holds and not me.peer_has_it and self._kept("unheard-refuses"):
            refuses = True
        if its.why == EndReason.WHY_EXPIRED and me.now < mine.expiry:
            refuses = refuses or self._kept("expiry-refuses")
        if not refuses:
            return Found(answer, _freed(mine, its.why, me))
        return Found(answer if mine.holds else NOTHING, mine)

    def _lives(self, mine: Binding, its: Binding, newer: bool, me: Stance) -> Found:
        again = its._replace(inc=mine.inc, expiry=max(mine.expiry, its.expiry))
        if (me.home or not self._kept("home-revives")) and self._kept("new-incarnation"):
            inc = max(me.epoch, mine.inc[0]), mine.inc[1] + 1
            again = again._replace(inc=inc, acked=not self._kept("acked-anew"))
        return Found(MINE, again, newer)


def _freed(mine: Binding, why: int, me: Stance) -> Binding:
    return mine._replace(state="FREE", ended=False, why=why, expiry=min(mine.expiry, me.now))


def _same_client(record: Side, update: Side) -> bool:
    reserved = record.flags & update.flags & RecordFlag.RECORD_RESERVED
    return record.key == update.key or bool(
        reserved and record.chaddr and record.chaddr == update.chaddr
    )


# ---- the two ends

WORDS = {
    (BindingState.FREE, False): ("FREE", False),
    (BindingState.ACTIVE, False): ("ACTIVE", False),
    (BindingState.PENDING, False): ("ACTIVE", True),
    (BindingState.PENDING, True): ("PENDING", False),
    (BindingState.DECLINED, False): ("DECLINED", False),
}


def _read(side: Side) -> Binding:
    is_proposed = bool(side.flags & RecordFlag.RECORD_PROPOSED)
    state, ended = WORDS[BindingState(side.state), is_proposed]
    return Binding(state, ended, side.flags & RecordFlag.RECORD_WHY, side.inc, side.expiry)


def _said(record: Side, update: Side, found: Found) -> Outcome:
    """A found binding in a record's words."""
    state, flags = record.state, record.flags
    after = found.binding
    if found.write != NOTHING:
        words = after.state, after.ended and after.state == "ACTIVE"
        state, is_proposed = next(at for at, said in WORDS.items() if said == words)
        kept = update.flags if found.details else record.flags
        flags = kept & (RecordFlag.RECORD_RESERVED | RecordFlag.RECORD_OVERRIDE) | after.why
        if is_proposed:
            flags |= RecordFlag.RECORD_PROPOSED
        if after.state == "FREE" and after.why == EndReason.WHY_RELEASED:
            flags |= RecordFlag.RECORD_RELEASED
        if found.is_taken:
            flags = update.flags & ~RecordFlag.RECORD_PEER
        if found.write == PEERS:
            flags |= RecordFlag.RECORD_PEER
    return Outcome(
        found.write,
        MergeRow.ROW_NEWER,
        found.alarm,
        state,
        flags,
        after.inc,
        after.expiry,
        found.details,
        after.acked,
    )
