"""Where the journal stands, read from the store on disk."""

from pathlib import Path

from fastdhcp.store.database import DATABASE_NAME, META_CHECKPOINT, Database, DatabaseError


class Journal:
    """The store's environment, opened for reading when it is first asked for.

    The two reads are short transactions that pin no page for longer than they take.
    """

    def __init__(self, state_directory: Path) -> None:
        self._path = state_directory / DATABASE_NAME
        self._database: Database | None = None

    def sequences(self) -> tuple[int, int] | None:
        """The last batch's sequence, and that up to which the checkpoint holds all.

        None if the store cannot be read.
        """
        try:
            if self._database is None:
                self._database = Database(self._path, readonly=True)
            checkpoint = self._database.read_meta(META_CHECKPOINT)
            _, last = self._database.sequences()
        except DatabaseError:
            return None
        done = checkpoint if isinstance(checkpoint, int) else 0
        return max(last, done), done
