"""Where the journal stands, also when the store has made new files."""

import subprocess
import sys
from pathlib import Path

from fastdhcp.control.journal import Journal

WRITE = """
import sys
from pathlib import Path
from fastdhcp.store.database import Database
database = Database(Path(sys.argv[1]))
with database.write() as transaction:
    transaction.append(int(sys.argv[2]), b"a batch")
"""


def append(state: Path, sequence: int) -> None:
    """By a process of its own: nobody opens an environment twice."""
    argv = [sys.executable, "-c", WRITE, str(state / "leases"), str(sequence)]
    subprocess.run(argv, check=True)


def test_new_files_are_read_instead_of_those_that_are_gone(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.sequences() is None
    append(tmp_path, 3)
    assert journal.sequences() == (3, 0)
    append(tmp_path, 4)
    assert journal.sequences() == (4, 0)
    (tmp_path / "leases").rename(tmp_path / "away")
    assert journal.sequences() is None
    append(tmp_path, 7)
    assert journal.sequences() == (7, 0)
