"""Names of the lease table."""

from enum import IntEnum

class BindingState(IntEnum):
    FREE = 0
    ACTIVE = 1
    PENDING = 2
    DECLINED = 3

class RecordFlag(IntEnum):
    RECORD_RESERVED = 1
    RECORD_RELEASED = 2

class StoreState(IntEnum):
    STORE_STARTING = 0
    STORE_OK = 1
    STORE_FAILING = 2

WORKERS_MAX: int
