"""What the peer's update makes of a record, case by case; then all cases against the plain twin."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastdhcp._leases import BindingState, EndReason, RecordFlag
from fastdhcp._merge import MergeAlarm, MergeRow, MergeWrite, Outcome, Side, merge
from tests.model.merge_twin import Twin

FREE, ACTIVE, PENDING, DECLINED = BindingState
RESERVED, RELEASED = RecordFlag.RECORD_RESERVED, RecordFlag.RECORD_RELEASED
OVERRIDE = RecordFlag.RECORD_OVERRIDE
PROPOSED, PEER = RecordFlag.RECORD_PROPOSED, RecordFlag.RECORD_PEER
EXPIRED_WHY, RELEASED_WHY = EndReason.WHY_EXPIRED, EndReason.WHY_RELEASED
DECLINED_WHY, OPERATOR_WHY = EndReason.WHY_DECLINED, EndReason.WHY_OPERATOR
POLICY_WHY = EndReason.WHY_POLICY
NOTHING, MINE, PEERS = MergeWrite.MERGE_NOTHING, MergeWrite.MERGE_MINE, MergeWrite.MERGE_PEERS

NOW = 1000
BEFORE, SAME, AFTER = (1, 6), (1, 7), (2, 1)
ANN, BOB = b"ann", b"bob"


def side(state: int, flags: int = 0, inc: tuple[int, int] = SAME, **fields: Any) -> Side:
    """Of Ann's, until NOW + 60; her last transaction was at NOW - 40."""
    plain = {"expiry": NOW + 60, "cltt": NOW - 40, "key": ANN}
    return Side(state, flags, inc, **plain | fields)


def active(inc: tuple[int, int] = SAME, **fields: Any) -> Side:
    return side(ACTIVE, 0, inc, **fields)


def ended(why: int = OPERATOR_WHY, **fields: Any) -> Side:
    return side(PENDING, why, **fields)


def proposed(why: int = RELEASED_WHY, inc: tuple[int, int] = SAME, **fields: Any) -> Side:
    return side(PENDING, PROPOSED | why, inc, **fields)


def declined(inc: tuple[int, int] = SAME, **fields: Any) -> Side:
    return side(DECLINED, DECLINED_WHY, inc, **fields)


def free(inc: tuple[int, int] = SAME, **fields: Any) -> Side:
    return side(FREE, RELEASED_WHY | RELEASED, inc, **{"expiry": NOW - 5} | fields)


HOME = {"home": True}
AWAY = {"home": False}
UNHEARD = {"peer_has_it": False}
LOST = {"no_alloc_until": NOW + 1}
LATER = {"expiry": NOW + 90}
TALKED = {"cltt": NOW - 10}
FREED = free(expiry=NOW)._replace(flags=RELEASED_WHY | RELEASED)

ROWS: dict[str, list[tuple[str, Side, Side, dict[str, Any], MergeWrite, Side]]] = {
    # What it says: (words, record, update, stance, written, the record then but for PEER)
    "newer": [
        ("taken", active(), active(AFTER, key=BOB), AWAY, PEERS, active(AFTER, key=BOB)),
        ("a free one", active(), free(AFTER), AWAY, PEERS, free(AFTER)),
        ("never free later than now", free(), free(AFTER, **LATER), AWAY, PEERS,
         free(AFTER, expiry=NOW)),
        ("over what the peer has not, of another client", active(expiry=NOW - 1),
         active(AFTER, key=BOB), UNHEARD, PEERS, active(AFTER, key=BOB)),
        ("a proposal", active(), proposed(inc=AFTER), AWAY, PEERS, proposed(inc=AFTER)),
        ("by number too", active(BEFORE), active(), HOME, PEERS, active()),
        ("nothing known", Side(FREE, 0, (0, 0), 0, 0, b""), active(), AWAY, PEERS, active()),
    ],
    "newer-over-mine": [
        ("with my expiry", active(**LATER), active(AFTER), AWAY, MINE, active(AFTER, **LATER)),
        ("with its state", declined(**LATER), active(AFTER), AWAY, MINE, active(AFTER, **LATER)),
        ("over what the peer has not", active(), active(AFTER), UNHEARD, MINE, active(AFTER)),
        ("a key of the same reservation",
         side(ACTIVE, RESERVED, key=BOB, chaddr=b"box", **LATER),
         side(ACTIVE, RESERVED, AFTER, chaddr=b"box"), AWAY, MINE,
         side(ACTIVE, RESERVED, AFTER, chaddr=b"box", **LATER)),
    ],
    "older": [
        ("free", active(), free(BEFORE), HOME, NOTHING, active()),
        ("proposed", active(), proposed(inc=BEFORE), AWAY, NOTHING, active()),
        ("another client's", active(), active(BEFORE, key=BOB, **LATER), HOME, NOTHING, active()),
        ("while mine is free", free(), active(BEFORE, **LATER), HOME, NOTHING, free()),
        ("another client's, proposed", proposed(), active(BEFORE, key=BOB), HOME, NOTHING,
         proposed()),
    ],
    "older-held": [
        ("later", active(), active(BEFORE, **LATER), AWAY, MINE, active(**LATER)),
        ("declined", active(), declined(BEFORE, **LATER), HOME, MINE, active(**LATER)),
        ("no later", active(**LATER), active(BEFORE), HOME, NOTHING, active(**LATER)),
    ],
    "older-revives": [
        ("at home", proposed(), active(BEFORE, **LATER), HOME, MINE, active((2, 8), **LATER)),
        ("declined", proposed(), declined(BEFORE), HOME, MINE, declined((2, 8))),
        ("no home any more", proposed(), active(BEFORE, **LATER), AWAY, MINE, active(**LATER)),
    ],
    "both-hold": [
        ("the same", active(), active(), HOME | UNHEARD, NOTHING, active()),
        ("less", active(**LATER), active(), HOME, PEERS, active(**LATER)),
        ("less, and older", active(**LATER, **TALKED), active(), HOME, NOTHING,
         active(**LATER, **TALKED)),
        ("later", active(), active(**LATER), HOME, PEERS, active(**LATER)),
        ("later, over mine, at home", active(), active(**LATER), HOME | UNHEARD, PEERS,
         active(**LATER)),
        ("later, over mine", active(), active(**LATER), UNHEARD, MINE, active(**LATER)),
        ("a part, over mine, at home", ended(), active(**LATER), HOME | UNHEARD, MINE,
         ended(**LATER)),
        ("details of the newer transaction", active(**LATER),
         side(ACTIVE, OVERRIDE, key=BOB, **TALKED), HOME, PEERS,
         side(ACTIVE, OVERRIDE, key=BOB, **TALKED, **LATER)),
        ("in the same second", active(), active(key=BOB), HOME, PEERS, active(key=BOB)),
        ("in the same second, crossing, at home", active(), active(key=BOB), HOME | UNHEARD,
         NOTHING, active()),
        ("in the same second, crossing", active(), active(key=BOB), UNHEARD, MINE,
         active(key=BOB)),
        ("ended here", ended(**TALKED), active(**LATER), HOME, PEERS, ended(**TALKED, **LATER)),
        ("ended there", active(), ended(), AWAY, PEERS, ended()),
        ("ended twice", ended(), ended(POLICY_WHY), AWAY, PEERS, ended(POLICY_WHY)),
        ("declined here", declined(**TALKED), active(**LATER), HOME, PEERS,
         declined(**TALKED, **LATER)),
        ("declined there", active(), declined(), HOME, PEERS, declined()),
        ("declined and ended", declined(), ended(POLICY_WHY), AWAY, PEERS,
         side(DECLINED, POLICY_WHY)),
    ],
    "agree": [
        ("released", active(), proposed(), AWAY, MINE, FREED),
        ("expired", active(expiry=NOW), proposed(EXPIRED_WHY), AWAY, MINE,
         side(FREE, EXPIRED_WHY, expiry=NOW)),
        ("the quarantine is over", declined(expiry=NOW - 1), proposed(EXPIRED_WHY), AWAY, MINE,
         side(FREE, EXPIRED_WHY, expiry=NOW - 1)),
        ("the operator", ended(), proposed(OPERATOR_WHY), AWAY, MINE,
         side(FREE, OPERATOR_WHY, expiry=NOW)),
        ("proposed here", proposed(), proposed(), AWAY | UNHEARD, MINE, FREED),
    ],
    "agree-again": [
        ("", free(), proposed(), AWAY, MINE, free()),
        ("not yet", free(), proposed(), AWAY | LOST, NOTHING, free()),
    ],
    "refuse": [
        ("the home does not know", active(), proposed(), UNHEARD, MINE, active()),
        ("... and the incarnation is new", active(), proposed(inc=AFTER), UNHEARD, MINE, active()),
        ("not expired here", active(), proposed(EXPIRED_WHY), AWAY, MINE, active()),
        ("a lost store", active(), proposed(), AWAY | LOST, MINE, active()),
        ("a lost store has nothing to say", proposed(), proposed(), AWAY | LOST, NOTHING,
         proposed()),
        ("not from the home", active(), proposed(), HOME, MINE, active()),
        ("not from the home, nothing to say", proposed(), proposed(), HOME, NOTHING, proposed()),
    ],
    "revive": [
        ("extended", proposed(), active(**LATER, **TALKED), HOME, MINE,
         active((2, 8), **LATER, **TALKED)),
        ("ended", proposed(), ended(), HOME, MINE, side(PENDING, OPERATOR_WHY, (2, 8))),
        ("declined", proposed(), declined(), HOME, MINE, declined((2, 8))),
        ("the record's epoch is higher", proposed(inc=(5, 3)), active((5, 3)), HOME, MINE,
         active((5, 4))),
        ("left over", proposed(**LATER), active(), AWAY, MINE, active(**LATER)),
    ],
    "freed": [
        ("", active(), free(), AWAY, PEERS, FREED),
        ("proposed here", proposed(), free(), AWAY | UNHEARD, PEERS, FREED),
        ("the home does not know", active(), free(), UNHEARD, NOTHING, active()),
    ],
    "peer-agreed": [
        ("", proposed(), free(), HOME | UNHEARD, MINE, FREED),
        ("as I proposed", proposed(EXPIRED_WHY), free(), HOME, MINE,
         side(FREE, EXPIRED_WHY, expiry=NOW)),
    ],
    "both-free": [("", free(), free(expiry=NOW), HOME, NOTHING, free())],
    "impossible": [
        ("held there", free(), active(), HOME, NOTHING, free()),
        ("free there", active(), free(), HOME, NOTHING, active()),
    ],
}  # fmt: skip


def stand(stance: dict[str, Any]) -> dict[str, Any]:
    return {"now": NOW, "epoch": 2, "home": False, "peer_has_it": True} | stance


def after(record: Side, update: Side, found: Outcome) -> Side:
    """The record as it is written."""
    details = update if found.details else record
    return Side(
        found.state, found.flags, found.inc, found.expiry, details.cltt, details.key, details.chaddr
    )


@pytest.mark.parametrize(
    ("row", "case"),
    [pytest.param(row, case, id=f"{row}: {case[0]}") for row in ROWS for case in ROWS[row]],
)
def test_a_row(row: str, case: tuple[str, Side, Side, dict[str, Any], MergeWrite, Side]) -> None:
    _, record, update, stance, write, wanted = case
    found = merge(record, update, **stand(stance))
    assert found.row == MergeRow[f"ROW_{row.upper().replace('-', '_')}"]
    assert found.write == write
    peers = PEER if write == PEERS else 0
    assert after(record, update, found) == wanted._replace(flags=wanted.flags | peers)
    assert found.acked == (found.inc == record.inc)


def test_every_row_is_here() -> None:
    assert sorted(ROWS) == sorted(row.name[4:].lower().replace("_", "-") for row in MergeRow)


def test_whose_change_it_was_is_no_part_of_an_update() -> None:
    """It says how the peer came by it."""
    found = merge(active(**LATER), side(ACTIVE, PEER, AFTER), **stand(AWAY))
    assert (found.write, found.flags) == (MINE, 0)


@pytest.mark.parametrize(
    ("record", "update", "alarm"),
    [
        (active(), active(AFTER, key=BOB), MergeAlarm.ALARM_REPLACED),
        (declined(), free(AFTER, key=BOB), MergeAlarm.ALARM_REPLACED),
        (active(expiry=NOW), active(AFTER, key=BOB), MergeAlarm.ALARM_NONE),
        (proposed(), active(AFTER, key=BOB), MergeAlarm.ALARM_NONE),
        (active(), active(AFTER), MergeAlarm.ALARM_NONE),
        (active(), active(key=BOB), MergeAlarm.ALARM_NONE),
        (free(), active(), MergeAlarm.ALARM_LOST),
        (free(), declined(), MergeAlarm.ALARM_LOST),
    ],
)
def test_alarms(record: Side, update: Side, alarm: MergeAlarm) -> None:
    assert merge(record, update, **stand(AWAY)).alarm == alarm


@pytest.mark.parametrize("kind", [0, RESERVED])
def test_who_is_the_same_client(kind: int) -> None:
    """By its key; by its hardware only where the address is reserved for it."""
    box = side(ACTIVE, kind, key=BOB, chaddr=b"box")
    found = merge(box, side(ACTIVE, kind, AFTER, chaddr=b"box"), **stand(AWAY))
    assert (found.alarm == MergeAlarm.ALARM_NONE) == bool(kind)
    assert merge(box, side(ACTIVE, kind, AFTER), **stand(AWAY)).alarm == MergeAlarm.ALARM_REPLACED


# ---- against the twin

KINDS = (
    (FREE, EXPIRED_WHY), (FREE, RELEASED_WHY | RELEASED), (ACTIVE, 0), (ACTIVE, RESERVED),
    (PENDING, OPERATOR_WHY), (PENDING, POLICY_WHY), (PENDING, PROPOSED | EXPIRED_WHY),
    (PENDING, PROPOSED | RELEASED_WHY), (DECLINED, DECLINED_WHY),
)  # fmt: skip
"""All that a record can be: state and flags."""
INCS = (SAME, BEFORE, AFTER)
EXPIRIES = (NOW - 9, NOW, NOW + 9)
TWIN = Twin()


def agreed(record: Side, update: Side, **stance: Any) -> Outcome:
    found = merge(record, update, **stance)
    named = TWIN.merge(record, update, **stance)._replace(row=found.row)
    assert found == named, (record, update, stance)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_twin_says_the_same_of_everything(kind: tuple[int, int]) -> None:
    counted = 0
    bits = (False, True)
    for expiry, other, inc, its, cltt, key in itertools.product(
        EXPIRIES, KINDS, INCS, EXPIRIES, (4, 5, 6), (ANN, BOB)
    ):
        record = Side(*kind, SAME, expiry, 5, ANN, b"box")
        update = Side(*other, inc, its, cltt, key, b"box")
        untils = (0, NOW + 1) if other[1] & PROPOSED else (0,)
        for home, has, until in itertools.product(bits, bits, untils):
            stance = {"home": home, "peer_has_it": has, "no_alloc_until": until}
            agreed(record, update, now=NOW, epoch=2, **stance)
            counted += 1
    assert counted == 3 * (7 + 2 * 2) * 3 * 3 * 3 * 2 * 4


WORD = st.sampled_from((0, 1, 2, 3, 2**32 - 3, 2**32 - 2))
SIDE = st.builds(
    lambda kind, more, *rest: Side(kind[0], kind[1] | more, *rest),
    st.sampled_from(KINDS),
    st.sampled_from((0, OVERRIDE, PEER, OVERRIDE | RESERVED)),
    st.tuples(WORD, WORD.filter(lambda n: n != 2**32 - 2)),
    st.integers(0, 2**32 - 2),
    st.integers(0, 2**32 - 2),
    st.sampled_from((ANN, BOB, bytes(16), b"\0" * 15 + b"\1")),
    st.sampled_from((b"box", b"bax", b"b" * 16)),
)


@given(SIDE, SIDE, WORD, WORD, st.booleans(), st.booleans(), st.integers(0, 2**32 - 2))
def test_the_twin_says_the_same_of_any_numbers(
    record: Side, update: Side, epoch: int, until: int, home: bool, has: bool, now: int
) -> None:
    stance = {"now": now, "epoch": epoch, "home": home, "no_alloc_until": until}
    agreed(record, update, peer_has_it=has or bool(record.flags & PEER), **stance)


@given(SIDE, SIDE, st.integers(0, 2**32 - 2), st.booleans())
def test_heard_twice_is_heard_once(record: Side, update: Side, now: int, home: bool) -> None:
    """What was sent again after a broken session adds nothing to itself: no promise is lost and
    the incarnation does not go back."""
    stance = {"now": now, "epoch": 2, "home": home, "peer_has_it": True}
    found = agreed(record, update, **stance)
    once = after(record, update, found)
    again = agreed(once, update, **stance)
    assert again.inc >= found.inc >= record.inc
    if found.row == MergeRow.ROW_BOTH_HOLD:
        assert after(once, update, again) == once
