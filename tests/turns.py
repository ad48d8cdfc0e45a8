"""Turns: tests run side by side in several processes, but for those that must be alone."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path


class Turns:
    """The turns of all processes that were given the same folder.

    Two locks: `floor` is held by each test while it runs, together with others or alone. `gate` is
    held by whoever waits for the floor, so that who waits to be alone is not passed over for ever.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._gate = (folder / "gate").open("w")
        self._floor = (folder / "floor").open("w")

    @contextlib.contextmanager
    def turn(self, *, alone: bool) -> Iterator[None]:
        """Waits until it is the caller's turn; it is, until the context is left."""
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        fcntl.flock(self._floor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(self._gate, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._floor, fcntl.LOCK_UN)
