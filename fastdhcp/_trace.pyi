"""Names of the trace."""

from enum import IntEnum

class Outcome(IntEnum):
    OUTCOME_DECIDED = 0
    OUTCOME_HELD = 1
    OUTCOME_SENT = 2
    OUTCOME_DROPPED = 3
    OUTCOME_SEND_FAILED = 4
    OUTCOME_DONE = 5

class TraceFlag(IntEnum):
    TRACE_KNOWN = 1
    TRACE_RELAY_FLAGS = 2
    TRACE_RELAY_UNICAST = 4

CIRCUIT_ID_TRACED: int
TRACE_ENTRIES_MAX: int
TRACE_ENTRIES_MIN: int
TRACE_ENTRIES_SUM: int

def trace_entries(workers: int) -> int:
    """Decisions that each worker's trace has room for."""
