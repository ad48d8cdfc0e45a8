"""The lease store on disk: one LMDB environment, and the only place that speaks to LMDB.

Tables: ``journal`` (sequence -> one batch of entries), ``leases`` (VRF, address / 64 -> one chunk
of 64 records) and ``meta`` (name -> msgpack). Format 0.9, so that Debian's tools read it. Default
sync flags: what a commit has returned from is on disk. An environment is opened once in a process
and never used across a fork.
"""

import contextlib
import errno
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import lmdb
import msgpack

from fastdhcp.store.batch import FIXED_SIZE, Header, read_header
from fastdhcp.store.inspection import inspect
from fastdhcp.store.lock import hold

DATABASE_NAME = "leases"
"""Folder of the environment, in the state directory."""
DATA_NAME, LOCK_FILE_NAME = "data.mdb", "lock.mdb"
"""Files of the environment."""
RESTORE = "put a backup in its place (docs/INSTALL.md, Backup)"
FORMAT = 3
"""Of journal, leases and meta together; a newer one is refused."""
FORMAT_OLDEST = 1
"""Batches of 1 have header 1; beside 1 and 2 no redo log is written. An older one becomes FORMAT
before the first commit of a run (put_format)."""
FORMAT_AHEAD = 3
"""From this one on a chunk tells the changes that no batch has from those that some batch has."""
MAP_SIZE = 1 << 40
"""1 TiB of address space; the file is as long as what is in it."""
READERS_MAX = 126
READ_S_MAX = 1.0
"""A read transaction pins every page that was freed since it began, so none lasts longer."""
LOCK_BYTES = 8192
"""LMDB's lock file for READERS_MAX readers."""
FULL_BYTES = 1 << 20
"""With less room than this a file system is full. LMDB reports a write that was cut as EIO."""

META_FORMAT = b"format"
META_CLOCK = b"clock"
META_SECRET = b"secret"
META_IDENTITY = b"identity"
META_EPOCH = b"epoch"
META_SEGMENT = b"segment"
META_CHECKPOINT = b"checkpoint"
META_GONE = b"gone"
META_VRFS = b"vrfs"
META_SUBNETS = b"subnets"
META_CLASSES = b"classes"

_SEQUENCE = struct.Struct("=Q")  # LMDB's integer keys are of the machine's own byte order


class DatabaseError(Exception):
    """The store on disk cannot be worked with. Says why, in words."""


class DataLost(DatabaseError):
    """What stands there is not what this server wrote: gone, cut short, damaged, of another."""


class DiskFull(DatabaseError):
    """There is no room for this transaction. The same one may do when there is room again."""


class Write:
    """One write transaction; everything of it is on disk, or nothing."""

    def __init__(self, database: "Database", transaction: "lmdb.Transaction[memoryview]") -> None:
        self._database = database
        self._transaction = transaction

    def expect(self, tip: bytes) -> None:
        """Raises DataLost if another commit than that one was the last: then somebody else has
        written to this file."""
        if self._database.tip_of(self._transaction) != tip:
            raise DataLost(f"{self._database.path / DATA_NAME} was written to by somebody else")

    def append(self, sequence: int, batch: bytes | bytearray) -> None:
        """Puts a batch behind all others; ``sequence`` is greater than any before."""
        key = _SEQUENCE.pack(sequence)
        if not self._transaction.put(key, batch, append=True, db=self._database.journal):
            raise DatabaseError(f"journal: sequence {sequence} is not behind the last one")

    def put_chunk(self, key: bytes, chunk: bytes) -> None:
        self._transaction.put(key, chunk, db=self._database.leases)

    def drop_chunk(self, key: bytes) -> None:
        self._transaction.delete(key, db=self._database.leases)

    def put_meta(self, key: bytes, value: object) -> None:
        self._transaction.put(key, msgpack.packb(value), db=self._database.meta)

    def put_format(self) -> None:
        """From here on an older version refuses this store, in words."""
        self.put_meta(META_FORMAT, FORMAT)

    def trim(self, last: int, limit: int) -> int:
        """Removes at most ``limit`` batches up to sequence ``last``. Returns how many went."""
        gone = 0
        with self._transaction.cursor(self._database.journal) as cursor:
            cursor.first()
            # After the last one is deleted the cursor stands nowhere: its key is empty.
            while gone < limit and (key := cursor.key()) and _SEQUENCE.unpack(key)[0] <= last:
                cursor.delete()
                gone += 1
        return gone


class Database:
    """The environment in the folder ``path``.

    Raises DatabaseError if it cannot be opened, is of another format or damaged; StoreLocked if
    another store has it. ``readonly`` is for who is no store.
    """

    def __init__(self, path: Path, *, readonly: bool = False, map_size: int = MAP_SIZE) -> None:
        self.path = path
        self._opened = contextlib.ExitStack()
        try:
            self._open(readonly, map_size)
            self._check_format(readonly)
        except (lmdb.Error, OSError) as error:
            self.close()
            raise self._named(error) from error
        except BaseException:
            self.close()
            raise

    def _open(self, readonly: bool, map_size: int) -> None:
        path = self.path
        if not readonly:
            _allocate_lock(path)
            self._opened.callback(os.close, hold(path / DATA_NAME))
            _inspect(path / DATA_NAME)
        self._env = lmdb.open(
            str(path),
            map_size=map_size,
            max_dbs=16,
            max_readers=READERS_MAX,
            mode=0o750,
            readonly=readonly,
            create=not readonly,
            lib_version=0,
        )
        self._opened.callback(self._env.close)
        # A reader that was killed pins its pages until somebody looks.
        self._env.reader_check()
        self._refuse_foreign()
        self.journal = self._env.open_db(b"journal", integerkey=True, create=not readonly)
        self.leases = self._env.open_db(b"leases", create=not readonly)
        self.meta = self._env.open_db(b"meta", create=not readonly)
        found = os.statvfs(path)
        self._filesystem_bytes = found.f_blocks * found.f_frsize

    def close(self) -> None:
        self._opened.close()

    def _refuse_foreign(self) -> None:
        with self._env.begin() as transaction, transaction.cursor() as cursor:
            names = [bytes(name) for name in cursor.iternext(keys=True, values=False)]
        if names and not {b"journal", b"leases", b"meta"}.intersection(names):
            raise DataLost(
                f"{self.path}: is another program's, which keeps {names[0]!r} there; {RESTORE}, "
                "or change server.state-directory"
            )

    def _check_format(self, readonly: bool) -> None:
        found = self.read_meta(META_FORMAT)
        if found is not None and found not in range(FORMAT_OLDEST, FORMAT + 1):
            raise DataLost(_refused(self.path, found))
        if found is None and not readonly:
            with self.write() as transaction:
                transaction.put_format()
            # A file is found again after a power cut only if its name is on disk, too.
            for folder in (self.path, self.path.parent):
                sync_folder(folder)

    def reader_check(self) -> int:
        """Frees what dead readers pinned; to be called after any process's death."""
        with self._naming():
            return self._env.reader_check()

    @contextlib.contextmanager
    def write(self) -> Iterator[Write]:
        """One transaction, synced when the block ends; given up if it raises.

        Raises DiskFull if there was no room (nothing of it has happened), DatabaseError else:
        after a failed write of its root page LMDB refuses all further work in this process.
        """
        with self._naming(), self._env.begin(write=True, buffers=True) as transaction:
            yield Write(self, transaction)

    def read_meta(self, key: bytes) -> object:
        """A value of ``meta``, or None."""
        with self._naming(), self._env.begin() as transaction:
            value = transaction.get(key, db=self.meta)
        try:
            return None if value is None else msgpack.unpackb(value)
        except (ValueError, msgpack.UnpackException) as error:
            text = f"{self.path}: is damaged: {key.decode()} in meta is no value; {RESTORE}"
            raise DataLost(text) from error

    def tip(self) -> bytes:
        """Names the last commit that had a batch, as no other one is named."""
        with self._naming(), self._env.begin(buffers=True) as transaction:
            return self.tip_of(transaction)

    def tip_of(self, transaction: "lmdb.Transaction[memoryview]") -> bytes:
        with transaction.cursor(self.journal) as cursor:
            if cursor.last():
                return bytes(cursor.key()) + bytes(cursor.value()[:FIXED_SIZE])
        return bytes(transaction.get(META_SEGMENT, db=self.meta) or b"")

    def last_header(self) -> Header | None:
        """Of the last batch; None: the journal is empty. Raises DataLost."""
        with (
            self._naming(),
            self._env.begin(buffers=True) as transaction,
            transaction.cursor(self.journal) as cursor,
        ):
            return self.header_of(cursor.value()) if cursor.last() else None

    def header_of(self, batch: memoryview) -> Header:
        """Raises DataLost if it begins no batch."""
        try:
            return read_header(batch)
        except ValueError as error:
            raise DataLost(f"{self.path}: {error}; {RESTORE}") from error

    def batches(self, first: int = 0) -> Iterator[tuple[int, memoryview]]:
        """Every batch from sequence ``first`` on. Its bytes are good until the next one is got."""
        for key, value in self._scan(self.journal, _SEQUENCE.pack(first)):
            yield _SEQUENCE.unpack(key)[0], value

    def chunks(self) -> Iterator[tuple[bytes, memoryview]]:
        """Every chunk by key. Its bytes are good until the next one is got."""
        return self._scan(self.leases, b"\0")

    def sequences(self) -> tuple[int, int]:
        """The first and the last sequence that the journal holds; (0, 0): it is empty."""
        with (
            self._naming(),
            self._env.begin(db=self.journal) as transaction,
            transaction.cursor() as cursor,
        ):
            if not cursor.first():
                return 0, 0
            first = _SEQUENCE.unpack(cursor.key())[0]
            cursor.last()
            return first, _SEQUENCE.unpack(cursor.key())[0]

    def journal_bytes(self) -> int:
        """What the journal takes on disk, a page's rounding included."""
        with self._naming(), self._env.begin(db=self.journal) as transaction:
            stat = transaction.stat(self.journal)
        pages = stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
        return pages * stat["psize"]

    def filesystem_bytes(self) -> int:
        """Size of the file system that it stood on when it was opened."""
        return self._filesystem_bytes

    def has_room(self) -> bool:
        """False: the file system is as good as full."""
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize >= FULL_BYTES

    def _scan(self, table: "lmdb._Database", key: bytes) -> Iterator[tuple[bytes, memoryview]]:
        """All from ``key`` on, in read transactions that are begun anew once a second."""
        while True:
            until = time.monotonic() + READ_S_MAX
            with (
                self._naming(),
                self._env.begin(buffers=True) as transaction,
                transaction.cursor(table) as cursor,
            ):
                found = cursor.set_range(key)
                while found:
                    yield bytes(cursor.key()), cursor.value()
                    found = cursor.next()
                    if time.monotonic() >= until:
                        break
                if not found:
                    return
                key = bytes(cursor.key())

    @contextlib.contextmanager
    def _naming(self) -> Iterator[None]:
        """LMDB's errors, in words. Raises DatabaseError."""
        try:
            yield
        except lmdb.Error as error:
            raise self._named(error) from error

    def _named(self, error: Exception) -> DatabaseError:
        """The error in words: DiskFull, or one that this process cannot go on after."""
        code = error.code if isinstance(error, lmdb.Error) else getattr(error, "errno", 0)
        if isinstance(error, lmdb.DiskError) or code in (errno.ENOSPC, errno.EDQUOT):
            return DiskFull(f"{self.path}: no space left on the disk ({error})")
        if isinstance(error, lmdb.MapFullError):
            return DiskFull(f"{self.path}: the store has reached its largest size ({error})")
        if code == errno.EIO and self.path.exists() and not self.has_room():
            return DiskFull(f"{self.path}: no space left on the disk, so a write was cut ({error})")
        if isinstance(error, lmdb.InvalidError | lmdb.VersionMismatchError):
            text = f"{self.path}: is not a lease store of this version ({error}); {RESTORE}"
            return DataLost(text)
        if isinstance(error, lmdb.CorruptedError | lmdb.PageNotFoundError):
            return DataLost(f"{self.path}: is damaged ({error}); {RESTORE}")
        return DatabaseError(f"{self.path}: {error}")


def _refused(path: Path, found: object) -> str:
    read = f"{FORMAT_OLDEST} to {FORMAT}"
    text = f"{path}: the store is of format {found}, this version reads {read}."
    if isinstance(found, int) and found > FORMAT:
        return (
            f"{text} It was written by a newer fastdhcp. Run that version again, or put back a "
            "backup from before the upgrade"
        )
    return f"{text} Put back a backup"


def _allocate_lock(path: Path) -> None:
    """LMDB writes its lock file through a mapping: a hole in it on a full disk is SIGBUS."""
    path.mkdir(mode=0o750, exist_ok=True)
    fd = os.open(path / LOCK_FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        os.posix_fallocate(fd, 0, LOCK_BYTES)
    finally:
        os.close(fd)


def read_floors(database: Database) -> tuple[int, int]:
    """The highest version and incarnation number of the chunks that have gone from the disk."""
    match database.read_meta(META_GONE):
        case [int(version), int(number)]:
            return version, number
    return 0, 0


def _inspect(data: Path) -> None:
    """Raises DatabaseError: LMDB could not be trusted with this file. OSError."""
    try:
        inspect(data)
    except ValueError as error:
        raise DataLost(f"{data} {error}; {RESTORE}") from error


def sync_folder(path: Path) -> None:
    """Makes the names in it durable. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def tip_after(sequence: int, batch: bytes | bytearray) -> bytes:
    """The database's tip when this batch has been committed."""
    return _SEQUENCE.pack(sequence) + batch[:FIXED_SIZE]
