"""The state directory belongs to one store at a time, whoever started it.

So does the file with the leases itself: a lock file that was removed, or a folder that was made
anew under a running server, keeps nobody out.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

LOCK_NAME = "store.lock"
LOCK_WAIT_S = 5.0
"""A store that was killed may still be in its last sync."""
HOLD_WAIT_S = 1.0
"""The same for its file: who comes here has the state directory already, as a rule."""


class StoreLocked(Exception):
    """Another store works on this state directory."""


@contextlib.contextmanager
def lock_state(folder: Path, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
    """Makes the folder if it is missing; holds it until the block, or the process, ends.

    Raises StoreLocked, OSError.
    """
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    fd = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        _take(fd, folder, time.monotonic() + wait_s)
        yield
    finally:
        os.close(fd)


def hold(data: Path, wait_s: float = HOLD_WAIT_S) -> int:
    """Takes a file for this store alone, made if it is missing, until the descriptor is closed.

    Raises StoreLocked, OSError.
    """
    fd = os.open(data, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        _take(fd, data.parent, time.monotonic() + wait_s)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _take(fd: int, folder: Path, until: float) -> None:
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise StoreLocked(f"{folder}: another store works here") from None
        time.sleep(0.05)
