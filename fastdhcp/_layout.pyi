"""How large the segments are, and the node page."""

HINTS_SIZE_MIN: int
HINTS_SIZE_MAX: int

def layout_sizes(
    workers: int, block_limit: int, ring_size: int = ..., trace_size: int | None = ...
) -> dict[str, int]:
    """Bytes of each segment by name, for `block_limit` blocks of 256 addresses."""

def format_node(
    fd: int,
    workers: int,
    block_limit: int,
    segment_id: int,
    ring_size: int = ...,
    trace_size: int | None = ...,
) -> None:
    """Writes the node page of fresh segments. The caller has made them of layout_sizes()."""
