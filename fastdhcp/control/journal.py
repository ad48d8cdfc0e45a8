"""Where the journal stands, read from the store on disk."""

import os
from pathlib import Path

from fastdhcp.store.database import (
    DATA_NAME,
    DATABASE_NAME,
    META_CHECKPOINT,
    Database,
    DatabaseError,
)


class Journal:
    """The store's environment, opened for reading when it is first asked for, and again when the
    store has made new files.

    The two reads are short transactions that pin no page for longer than they take.
    """

    def __init__(self, state_directory: Path) -> None:
        self._path = state_directory / DATABASE_NAME
        self._database: Database | None = None
        self._file: os.stat_result | None = None

    def sequences(self) -> tuple[int, int] | None:
        """The last batch's sequence, and that up to which the checkpoint holds all.

        None if the store cannot be read.
        """
        try:
            database = self._current()
            checkpoint = database.read_meta(META_CHECKPOINT)
            _, last = database.sequences()
        except (DatabaseError, OSError):
            return None
        done = checkpoint if isinstance(checkpoint, int) else 0
        return max(last, done), done

    def _current(self) -> Database:
        """Raises DatabaseError, OSError."""
        found = (self._path / DATA_NAME).stat()
        if self._database is not None and self._file and not os.path.samestat(found, self._file):
            self._database.close()
            self._database = None
        if self._database is None:
            self._database, self._file = Database(self._path, readonly=True), found
        return self._database
