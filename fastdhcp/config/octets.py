"""The octets of a file, or of a pipe that somebody writes into: never a wait without end."""

import os
import select
import stat
from io import FileIO
from pathlib import Path

SILENT_S = 10.0
"""A pipe or a terminal from which nothing comes for so long is given up: nobody writes into it."""
_PIECE = 1 << 20


def open_octets(path: Path) -> FileIO:
    """The file, to be read by read_octets(): a pipe is open at once, whether anybody writes into it
    or not. Raises OSError, and ValueError for a path with NUL in it."""
    return FileIO(path, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))


def read_octets(file: FileIO, size_max: int) -> bytes:
    """All of it; of what is longer than `size_max` some octets more than that. Raises OSError, a
    TimeoutError with words among them."""
    found = os.fstat(file.fileno())
    waits = not stat.S_ISREG(found.st_mode)
    # A regular file comes in one piece, which join() does not copy.
    piece_size = max(min(found.st_size, size_max) + 1, _PIECE)
    pieces: list[bytes] = []
    size = 0
    while size <= size_max:
        if waits:
            _wait(file)
        piece = file.read(piece_size)
        if piece == b"":
            break
        if piece is not None:  # None: what woke us was for another reader
            pieces.append(piece)
            size += len(piece)
    return b"".join(pieces)


def _wait(file: FileIO) -> None:
    poll = select.poll()
    poll.register(file, select.POLLIN)
    if not poll.poll(SILENT_S * 1000):
        text = f"nothing came of it within {SILENT_S:g} s: it is no file, and nobody writes into it"
        raise TimeoutError(0, text)
