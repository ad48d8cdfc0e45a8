"""The segments, as Python holds them (store, control, supervisor, tests)."""

from fastdhcp._lease import Lease

INFINITE: int
SEGMENTS: tuple[str, ...]

def boot_time_ns() -> int:
    """CLOCK_BOOTTIME."""

class Memory:
    """All segments, mapped once for the life of the process. `process` is its number there."""

    def __init__(self, fds: dict[str, int], process: int) -> None: ...
    workers: int
    processes: int
    rings: int
    ring_size: int
    process: int
    segment_id: int
    block_limit: int
    block_count: int
    epoch: int
    floors: tuple[int, int]
    sequence: int
    published: int
    ready: bool
    store_state: int
    store_fails: bool
    time_offset_ns: int
    secret: bytes
    generation: int
    def set_image(self, image_fd: int, reservations_fd: int = -1) -> int:
        """Works by this policy from now on, and by this file table (-1: there are no reservations);
        posts and returns its generation."""
    def now(self) -> int:
        """Node time in seconds."""
    def beat(self) -> None:
        """Shows that this process lives; once a second."""
    def beats(self, process: int) -> int: ...
    def set_pid(self, pid: int) -> None: ...
    def pid(self, process: int) -> int: ...
    def process_generation(self, process: int) -> int: ...
    def set_busy(self, since_ns: int) -> None:
        """The store, around a commit: boot_time_ns() when it began, 0 after it."""
    def busy_since_ns(self, process: int) -> int: ...
    def ring_head(self, process: int) -> int: ...
    def ring_tail(self, process: int) -> int: ...
    def ring_durable(self, process: int) -> int: ...
    def lease(self, vrf: int, address: int) -> Lease | None:
        """The record of an address, or None if it has no block. Raises TimeoutError if locked."""
    def blocks(self) -> list[tuple[int, int, int]]:
        """(VRF, address / 256, block number) of every block in use, sorted."""
    def block_leases(self, block: int, ever: bool = ...) -> list[Lease]:
        """Records of a block that are bound, offered or (`ever`) were bound before."""
    def find(self, chaddr: bytes) -> list[Lease]:
        """Every record with this hardware address, by a scan of the table."""
    def bit(self, vrf: int, address: int) -> bool: ...
    def tally(self) -> list[tuple[int, int, int, int, int, int]]:
        """Per pool of the policy: free, offered, active, pending, grace, declined."""
    def census(self) -> tuple[int, int, int, int, int]:
        """The whole table, in pools or not: offered, active, pending, grace, declined."""
    def counters(self) -> list[int]:
        """The counter words summed over all processes (see _stats)."""
    def process_counters(self, process: int) -> list[int]: ...
    def add(self, word: int, value: int = ...) -> None:
        """Counts in this process's own block."""
    def observe(self, histogram: int, sum_word: int, microseconds: int) -> None: ...
    def trace_head(self, worker: int) -> int: ...
    def trace(
        self,
        worker: int,
        first: int,
        limit: int,
        *,
        until: int | None = ...,
        message_type: int | None = ...,
        reason: int | None = ...,
    ) -> list[dict[str, object]]:
        """Decisions of a worker from the `first`-th to before the `until`-th, at most `limit`, as
        far as the ring still has them; only those about such a message, or of this DropReason."""
    def trace_last(
        self, worker: int, limit: int, chaddr: bytes | None = ..., vrf: int | None = ...
    ) -> list[dict[str, object]]:
        """The last `limit` decisions of a worker, the newest last; only those about this client, in
        this VRF."""
    def set_kill_step(self, step: int, after: int = ...) -> None:
        """Crash tests: SIGKILL to itself when it reaches this numbered step."""
