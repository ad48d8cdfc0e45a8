"""The mark in the state directory: here leases are kept, so a store without any is no new server.

A disk that was not mounted, a folder moved away, a file emptied by a script: started as if it were
new, the server would give addresses that its clients still use.
"""

import os
from pathlib import Path

from fastdhcp.store.database import (
    DATA_NAME,
    DATABASE_NAME,
    META_EPOCH,
    RESTORE,
    Database,
    DataLost,
    sync_folder,
)

MARK_NAME = "leases.kept"
_TEXT = (
    "This server keeps its leases in the folder leases/ beside this file.\n"
    "While this file is here it does not start without them, as if it were new.\n"
)


def open_store(state: Path, *, known: bool = False) -> Database:
    """The database in the state directory, made if this server is new. ``known``: it is not, as
    living workers have its leases.

    Raises DatabaseError; DataLost if there were leases and there are none now.
    """
    path = state / DATABASE_NAME
    data, mark = path / DATA_NAME, state / MARK_NAME
    if not known and not mark.exists():
        return Database(path)
    if not data.exists():
        raise _gone(data, "is missing", mark)
    if data.stat().st_size == 0:
        raise _gone(data, "is empty", mark)
    database = Database(path)
    if database.read_meta(META_EPOCH) is None:
        database.close()
        raise _gone(data, "holds nothing", mark)
    return database


def set_mark(state: Path) -> None:
    """Once what the server needs of its store is on disk. Raises OSError."""
    try:
        fd = os.open(state / MARK_NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    except FileExistsError:
        return
    try:
        os.write(fd, _TEXT.encode())
        os.fsync(fd)
    finally:
        os.close(fd)
    sync_folder(state)


def _gone(data: Path, how: str, mark: Path) -> DataLost:
    return DataLost(
        f"{data} {how}, and this server had leases: {RESTORE}; or remove {mark} to start without "
        "them, as a new server"
    )
