"""By hand, for tests and tools: one change of a binding, one packet handled."""

from fastdhcp._memory import Memory

def apply(
    memory: Memory,
    kind: int,
    vrf: int,
    address: int,
    key: bytes,
    chaddr: bytes,
    expiry: int = ...,
    offer_until: int = ...,
    client_id: bytes | None = ...,
    relay_info: bytes | None = ...,
    hostname: bytes | None = ...,
    subnet_id: int = ...,
    lock_seen: int | None = ...,
    now: int | None = ...,
) -> tuple[str, int, int, tuple[int, int], int]:
    """One change of a binding, as a worker makes it. For tests and tools."""

def reserve(memory: Memory, vrf: int, address: int) -> None:
    """Sets the bit that says that an address may be reserved, whatever the file table says."""

def handle(
    memory: Memory,
    data: bytes,
    *,
    ifindex: int = ...,
    source: int = ...,
    destination: int = ...,
    local: int = ...,
    now: int | None = ...,
) -> dict[str, object]:
    """What a worker would answer to this message, and does: changes are applied."""
