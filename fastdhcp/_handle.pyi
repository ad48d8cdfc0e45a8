"""One packet handled, for tests and tools."""

from fastdhcp._leases import Memory

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
