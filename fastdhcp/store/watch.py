"""The store's files watched: what is written to a file without a name is gone at the next start."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from fastdhcp.store.database import DATA_NAME, LOCK_FILE_NAME
from fastdhcp.store.lock import hold


@dataclass(frozen=True)
class Trouble:
    """What became of a file, in words. ``data_lost``: it is the one with the leases."""

    text: str
    data_lost: bool


class Watch:
    """The files of one environment as they were when it was opened."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._path = path
        self._data = (path / DATA_NAME).stat()
        self._lock = (path / LOCK_FILE_NAME).stat()

    def look(self) -> Trouble | None:
        """What has happened to them since. None: nothing."""
        data = self._path / DATA_NAME
        now = _stat(data)
        if text := _became(self._data, now):
            return Trouble(f"{data} {text} while the server runs", data_lost=True)
        assert now is not None
        if now.st_size < self._data.st_size:  # LMDB's file never becomes shorter
            return Trouble(f"{data} was cut short while the server runs", data_lost=True)
        self._data = now
        lock = self._path / LOCK_FILE_NAME
        if text := _became(self._lock, _stat(lock)):
            return Trouble(f"{lock} {text} while the server runs", data_lost=False)
        return None


def set_aside(path: Path) -> Path | None:
    """Makes way for new files. Data that stands there is somebody's, perhaps a backup, and is kept
    under another name, which is returned. Raises StoreLocked if a store works with it, OSError."""
    if (path / DATA_NAME).is_file():
        os.close(hold(path / DATA_NAME))
    (path / LOCK_FILE_NAME).unlink(missing_ok=True)
    data = path / DATA_NAME
    aside = path / f"{DATA_NAME}.aside-{time.time_ns() // 1_000_000}"
    try:
        data.rename(aside)
    except FileNotFoundError:
        return None
    return aside


def _became(was: os.stat_result, now: os.stat_result | None) -> str:
    if now is None:
        return "was removed or renamed"
    return "" if os.path.samestat(was, now) else "was replaced"


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
