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
    RECORD_OVERRIDE = 4
    RECORD_PROPOSED = 8
    RECORD_WHY = 112
    RECORD_PEER = 128

class EndReason(IntEnum):
    WHY_EXPIRED = 16
    WHY_RELEASED = 32
    WHY_DECLINED = 48
    WHY_REPLACED = 64
    WHY_OPERATOR = 80
    WHY_POLICY = 96

class StoreState(IntEnum):
    STORE_STARTING = 0
    STORE_OK = 1
    STORE_FAILING = 2

class Role(IntEnum):
    ROLE_STORE = 0
    ROLE_LINK = 1
    ROLE_SUPERVISOR = 2
    ROLE_CONTROL = 3
    ROLE_HISTORY = 4
    ROLE_AIDE = 5

BLOCK_SIZE: int
WORKERS_MAX: int
ROLES_WITH_RING: int
RINGS_MAX: int
ROLE_COUNT: int
STORE_STALLED_MS: int
