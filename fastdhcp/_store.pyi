"""What the store does with the table."""

from fastdhcp._memory import Memory

def take(memory: Memory, room: int = 0) -> tuple[bytearray, list[int]]:
    """What all rings hold now: their entries one ring after another behind ``room`` bytes, and the
    heads that they reach to. Nothing is given back to the producers: see settle()."""

def pending_bytes(memory: Memory) -> int:
    """Bytes in all rings that have not been taken and settled."""

def at_work(memory: Memory) -> bool:
    """Whether a worker that has published what is not taken yet has not gone to sleep since: more
    may come."""

def settle(memory: Memory, heads: list[int]) -> None:
    """After the commit of what take() gave, or at attach of what was committed: moves the tails,
    publishes the durable positions."""

def sleep_begin(memory: Memory) -> bool:
    """Asks to be woken. False: there is work already, do not sleep."""

def sleep_end(memory: Memory) -> None: ...

def wake_wanted(memory: Memory, process: int) -> bool:
    """True if the process sleeps and asked to be woken; then write its eventfd."""

def replay_batch(memory: Memory, data: bytes | memoryview, sequence: int) -> int:
    """Recovery: a journal batch upon the records, newer versions only. Returns how many.
    Raises ValueError if the bytes are not a batch."""

def replay_chunk(memory: Memory, data: bytes | memoryview) -> int:
    """Recovery: one chunk of the checkpoint. Returns the last batch that a change in it is of.
    Raises as replay_batch."""

def sweep(memory: Memory, first: int, limit: int) -> tuple[int, int, int]:
    """Looks at some blocks of the look-again array from block `first` on, and ends what is due: at
    most `limit` records. Returns (block to go on at; 0 = all was seen, offers lapsed, leases
    ended)."""

def end_lease(memory: Memory, vrf: int, address: int, now: bool) -> str:
    """The operator's release: "ended" (at once: `now` overrides the hold, and a declined address is
    held by nobody), "pending" (its right to renew ended), "free" (nothing was bound). Raises
    TimeoutError, BlockingIOError (the ring is full)."""

def rekey(memory: Memory) -> int:
    """Makes all client keys anew after `identity` changed. Only before the ready word."""

def reindex(memory: Memory) -> int:
    """Puts every bound record into the index under the policy set now."""
