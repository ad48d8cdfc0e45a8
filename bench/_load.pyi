"""The load generator, as Python drives it."""

from typing import Any, Self

ERROR_NAMES: tuple[str, ...]
COUNT_NAMES: tuple[str, ...]

class Load:
    def __new__(
        cls,
        fd: int,
        server: tuple[int, int],
        relay: int,
        *,
        clients: int,
        window: int,
        first: int = 0,
        timeout_ns: int = 1_000_000_000,
        tries: int = 4,
        seed: int = 1,
        weights: tuple[int, int, int, int] = (1000, 0, 0, 0),
        train: int = 64,
        rate: float = 0,
        client_id: bool = False,
        hostname: bool = False,
        lease_time: bool = False,
        circuit_id_size: int = 0,
        vendor_class: bytes = b"",
        request_lists: tuple[bytes, ...] = (),
        expect: dict[int, bytes] | None = None,
        relays: int = 1,
        burst: int = 1,
        backoff: bool = False,
        frames: int = -1,
    ) -> Self: ...
    def turn(self, seconds: float, limit: int) -> int: ...
    def weigh(self, weights: tuple[int, int, int, int]) -> None: ...
    def inquire(self, inquire: bool) -> None: ...
    def reorder(self, seed: int) -> None: ...
    def mix(self, known: int, mille: int) -> None: ...
    @property
    def started(self) -> int: ...
    @property
    def completed(self) -> int: ...
    @property
    def bound(self) -> int: ...
    def clear(self) -> None: ...
    def report(self) -> dict[str, Any]: ...
    def examples(self) -> dict[str, bytes]: ...
    def ledger(self) -> bytes: ...
