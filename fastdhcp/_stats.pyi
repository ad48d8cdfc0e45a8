"""Counters, as Python sees them."""

from enum import IntEnum

class DropReason(IntEnum):
    DROP_NONE = 0
    DROP_TOO_SHORT = 1
    DROP_TOO_LONG = 2
    DROP_NOT_REQUEST = 3
    DROP_BAD_HLEN = 4
    DROP_BAD_COOKIE = 5
    DROP_BAD_OPTIONS = 6
    DROP_BAD_MESSAGE_TYPE = 7
    DROP_BAD_OVERLOAD = 8
    DROP_BAD_SOURCE = 9
    DROP_SERVER_MESSAGE = 10
    DROP_NO_CLIENT_ADDRESS = 11
    DROP_NOT_SERVED_TYPE = 12
    DROP_NO_SUBNET = 13
    DROP_OTHER_SERVER = 14
    DROP_NOT_AUTHORITATIVE = 15
    DROP_UNKNOWN_CLIENT = 16
    DROP_NOT_HOLDER = 17
    DROP_DONE = 18
    DROP_POOL_EXHAUSTED = 19
    DROP_RING_FULL = 20
    DROP_HELD_FULL = 21
    DROP_LOCK_TIMEOUT = 22
    DROP_MOVED = 23
    DROP_TABLE_FULL = 24
    DROP_STORE_UNAVAILABLE = 25
    DROP_REPLY_TOO_LONG = 26
    DROP_HELD_STALE = 27
    DROP_SEND_FAILED = 28
    DROP_REASON_COUNT = 29

class Counter(IntEnum):
    COUNT_RECEIVED = 0
    COUNT_SENT = 32
    COUNT_DROPPED = 64
    COUNT_REPLY_TIME = 128
    COUNT_REPLY_SUM = 256
    COUNT_INDEX_FULL = 260
    COUNT_BINDINGS = 261
    COUNT_OFFERS = 262
    COUNT_HELD = 263
    COUNT_REDECIDED = 264
    COUNT_CACHE_MISS = 265
    COUNT_REPAIRS = 266
    COUNT_COMMITS = 267
    COUNT_COMMIT_FAILED = 268
    COUNT_COMMIT_TIME = 272
    COUNT_COMMIT_SUM = 304
    COUNT_SWEPT = 305
    COUNT_EXPIRED = 306
    COUNT_CHECKPOINT_CHUNKS = 307
    COUNT_WORDS = 320

def drop_names() -> list[str]:
    """The names of the drop reasons by number, as metrics and log write them (`bad-hlen`)."""

def counter_words() -> dict[str, int]:
    """Number of a process's first word of each counter, by the counter's name."""
