"""Counters, as Python sees them. The enums in _stats.pxd are the list; here stand the members that
Python names."""

from enum import IntEnum

class DropReason(IntEnum):
    DROP_NONE = 0
    DROP_HELD_STALE = 26
    DROP_HELD_AGED = 27

class Counter(IntEnum):
    COUNT_RECEIVED = 0
    COUNT_SENT = 32
    COUNT_DROPPED = 64
    COUNT_REPLY_TIME = 128
    COUNT_REPLY_SUM = 256
    COUNT_COMMITS = 267
    COUNT_COMMIT_FAILED = 268
    COUNT_COMMIT_TIME = 272
    COUNT_COMMIT_SUM = 304
    COUNT_CHECKPOINT_CHUNKS = 307
    COUNT_INTERNAL_ERRORS = 309
    COUNT_WAITING = 310
    COUNT_DONE = 320

MESSAGE_TYPES: int
RECEIVED_UNREADABLE: int
HISTOGRAM_BUCKETS: int
CLASS_COUNTERS: int

def drop_names() -> list[str]:
    """The names of the drop reasons by number, as metrics and log write them (`bad-hlen`)."""

def counter_words() -> dict[str, int]:
    """Number of a process's first word of each counter, by the counter's name."""
