"""The conflict rule of a failover pair, for tests."""

from enum import IntEnum
from typing import NamedTuple

class MergeRow(IntEnum):
    ROW_NEWER = 0
    ROW_NEWER_OVER_MINE = 1
    ROW_OLDER = 2
    ROW_OLDER_HELD = 3
    ROW_OLDER_REVIVES = 4
    ROW_BOTH_HOLD = 5
    ROW_AGREE = 6
    ROW_AGREE_AGAIN = 7
    ROW_REFUSE = 8
    ROW_REVIVE = 9
    ROW_FREED = 10
    ROW_PEER_AGREED = 11
    ROW_BOTH_FREE = 12
    ROW_IMPOSSIBLE = 13

class MergeWrite(IntEnum):
    MERGE_NOTHING = 0
    MERGE_MINE = 1
    MERGE_PEERS = 2

class MergeAlarm(IntEnum):
    ALARM_NONE = 0
    ALARM_REPLACED = 1
    ALARM_LOST = 2

class Side(NamedTuple):
    """A record, or an update, as far as the rule asks for it."""

    state: int
    flags: int
    inc: tuple[int, int]
    expiry: int
    cltt: int
    key: bytes
    chaddr: bytes = ...

class Outcome(NamedTuple):
    """What the record becomes."""

    write: MergeWrite
    row: MergeRow
    alarm: MergeAlarm
    state: int
    flags: int
    inc: tuple[int, int]
    expiry: int
    details: bool
    acked: bool

def merge(
    record: Side,
    update: Side,
    *,
    now: int,
    epoch: int,
    home: bool,
    peer_has_it: bool,
    no_alloc_until: int = 0,
) -> Outcome:
    """What the peer's update makes of my record: two Sides, and where I stand."""
