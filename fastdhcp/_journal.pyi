"""Changes of bindings, as the supervisor and tests use them."""

from enum import IntEnum

from fastdhcp._memory import Memory

class ChangeKind(IntEnum):
    CHANGE_NONE = 0
    CHANGE_BIND = 1
    CHANGE_RENEW = 2
    CHANGE_END = 3
    CHANGE_DECLINE = 4
    CHANGE_PEND = 5
    CHANGE_OFFER = 6
    CHANGE_LAPSE = 7

def repair(memory: Memory, process: int) -> bool:
    """After the death of `process` (waitpid) and before its replacement starts, by the
    supervisor. True if it held a record's lock."""
