"""The redo log: what is durable before the database has it, in one file beside it.

A commit of LMDB writes every page that it changes, flushes, writes the page that names them, and
flushes again. Here a batch is one write into blocks that the file has already, and one flush. A
little later a transaction puts the batches into the database, and the log starts over: it never has
to hold more than what the database lacks.

A batch stands in a frame of whole blocks, so that no write touches a block with another's batch in
it. Behind the frames that count there are those of an earlier round. They cannot be taken for such:
sequences go on by one, and each is given once.
"""

import errno
import math
import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from fastdhcp.crash import crash_point
from fastdhcp.log import log
from fastdhcp.store.batch import read_header
from fastdhcp.store.database import sync_folder

REDO_NAME = "redo.log"
REDO_SIZE = 4 << 20
REDO_SHARE = 16
"""Of a small file system the log takes no more than one part in so many, and none if less than
twice its size is free: the leases themselves need room, too."""
FOLLOW_S = 0.1
FOLLOW_BYTES = 1 << 20
"""The database is behind by no more, but for the time of its own commit."""
RETRY_S = 60.0
"""Between two tries to make a log where there is none."""
BLOCK = 4096
"""The most that a disk writes whole or not at all, and what O_DIRECT asks for."""
_FRAME = struct.Struct("<8sIIQ")
"""Magic, CRC-32 of all behind it, size of the batch, its sequence."""
_MAGIC = b"fdhcpred"
_CRC_AT, _CHECKED_AT = 8, 12


class RedoLog:
    """The log of a running store in the database's folder, and what it has that the database lacks.

    ``batches``: with their sequences, in order. Made when all that an older file of this name has
    is in the database. Never fails for want of a file: where there is none, append() says so.
    """

    def __init__(self, folder: Path, now: float) -> None:
        self.batches: list[tuple[int, bytearray]] = []
        self._path = folder / REDO_NAME
        self._bytes = 0
        self._followed_s = now
        self._retry_s = now
        self._file: _File | None = None
        self.look(now)

    def append(self, sequence: int, batch: bytearray) -> bool:
        """Puts a batch on disk. False: it is not there, and is to go into the database."""
        if self._file is None or not self._file.has_room(len(batch)):
            return False
        try:
            self._file.append(sequence, batch)
        except OSError as error:
            self._give_up(f"cannot be written: {error.strerror}")
            return False
        self.batches.append((sequence, batch))
        self._bytes += len(batch)
        return True

    def follow_s(self) -> float:
        """When the database is to have all of it (monotonic time)."""
        if not self.batches:
            return math.inf
        if self._file is None or self._bytes >= FOLLOW_BYTES:
            return 0.0
        return self._followed_s + FOLLOW_S

    def followed(self, now: float) -> None:
        """The database has all of it, on disk: the log starts over."""
        self._followed_s = now
        self._bytes = 0
        self.batches.clear()
        if self._file is not None:
            self._file.at = 0

    def look(self, now: float) -> None:
        """About once a second. A file that has lost its name is none: who starts after a crash does
        not find it. Where there is none, one is made, but seldom."""
        if self._file is not None and not self._file.is_there():
            self._give_up("was removed, replaced or cut short while the server runs")
        if self._file is not None or self.batches or now < self._retry_s:
            return
        self._retry_s = now + RETRY_S
        try:
            self._file = _File(self._path)
        except OSError as error:
            log.warning("redo-log-missing", text=f"{self._path} cannot be made: {error.strerror}")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _give_up(self, why: str) -> None:
        """Behind the last batch nobody knows what it holds: it is not written to any more."""
        self.close()
        log.warning("redo-log-failed", text=f"{self._path} {why}")


class _File:
    """A new file of zeros, in place of the one that was there. Raises OSError, and leaves none.

    Its blocks are written, not only reserved, so that no later write has to note which are in use.
    """

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self.at = 0  # where the next frame goes
        self._path = path
        self._size = _size(path.parent)
        self._buffer = mmap.mmap(-1, self._size)  # aligned, as O_DIRECT asks
        try:
            self._fd = self._make()
        except OSError:
            path.unlink(missing_ok=True)
            raise
        self._stat = os.fstat(self._fd)

    def close(self) -> None:
        os.close(self._fd)

    def has_room(self, size: int) -> bool:
        """For a batch of so many bytes."""
        return self.at + _whole(size) <= self._size

    def append(self, sequence: int, batch: bytearray) -> None:
        """On disk when it returns; there is room. Raises OSError."""
        whole, end = _whole(len(batch)), _FRAME.size + len(batch)
        _FRAME.pack_into(self._buffer, 0, _MAGIC, 0, len(batch), sequence)
        self._buffer[_FRAME.size : end] = batch
        with memoryview(self._buffer) as frame:
            struct.pack_into("<I", frame, _CRC_AT, zlib.crc32(frame[_CHECKED_AT:end]))
            crash_point("log-before-write")
            _write(self._fd, frame[:whole], self.at)
        crash_point("log-before-sync")
        os.fdatasync(self._fd)
        self.at += whole

    def is_there(self) -> bool:
        """Whether it is still what its name leads to."""
        try:
            found = self._path.stat()
        except OSError:
            return False
        return os.path.samestat(found, self._stat) and found.st_size == self._size

    def _make(self) -> int:
        """O_DIRECT, where the file system has it, spares the kernel a third of its work a frame."""
        try:
            return self._filled(os.O_DIRECT)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
        return self._filled(0)

    def _filled(self, flags: int) -> int:
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | flags, 0o640)
        try:
            _write(fd, self._buffer, 0)
            with memoryview(self._buffer) as zeros:
                _write(fd, zeros[:BLOCK], 0)  # O_DIRECT refuses it where blocks are larger
            os.fsync(fd)
            sync_folder(self._path.parent)
        except BaseException:
            os.close(fd)
            raise
        return fd


def frames(folder: Path, after: int, run: int) -> Iterator[tuple[int, bytes]]:
    """The batches of the log in this folder that go on from sequence ``after`` of that ``run``.

    None of another run: then a backup was put in place. Raises OSError.
    """
    try:
        data = (folder / REDO_NAME).read_bytes()
    except FileNotFoundError:
        return
    for sequence, place in _walk(data):
        if sequence > after + 1:
            return
        if sequence == after + 1:
            batch = data[place]
            if read_header(batch).run != run:
                return
            yield sequence, batch
            after = sequence


def shorten(folder: Path) -> None:
    """Gives back what the file has behind the frames of its last round: where there is no room for
    these in the database, that may be it. Raises OSError."""
    path = folder / REDO_NAME
    end = last = 0
    for sequence, place in _walk(path.read_bytes()):
        if last and sequence != last + 1:
            break
        end, last = place.stop, sequence
    os.truncate(path, end)


def _walk(data: bytes) -> Iterator[tuple[int, slice]]:
    """Sequence and place of each batch in a log, to the first frame that is not whole: its write
    was cut short, and nobody was told of it."""
    at = 0
    while at + _FRAME.size <= len(data):
        magic, crc, size, sequence = _FRAME.unpack_from(data, at)
        end = at + _FRAME.size + size
        if magic != _MAGIC or end > len(data):
            return
        if zlib.crc32(memoryview(data)[at + _CHECKED_AT : end]) != crc:
            return
        yield sequence, slice(at + _FRAME.size, end)
        at += _whole(size)


def _whole(size: int) -> int:
    """Bytes of the frame of a batch of ``size`` bytes."""
    return -(-(_FRAME.size + size) // BLOCK) * BLOCK


def _size(folder: Path) -> int:
    """How large the log is to be, in bytes. Raises OSError: there is too little room for it."""
    found = os.statvfs(folder)
    size = min(REDO_SIZE, found.f_blocks * found.f_frsize // REDO_SHARE) // BLOCK * BLOCK
    if size == 0 or found.f_bavail * found.f_frsize < 2 * size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return size


def _write(fd: int, data: mmap.mmap | memoryview, at: int) -> None:
    """All of it. Raises OSError."""
    if os.pwrite(fd, data, at) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
