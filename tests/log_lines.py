"""A log whose lines a test can take."""

import os

from fastdhcp.log import Log


class Lines:
    """`log` writes to a pipe that `taken` reads."""

    def __init__(self) -> None:
        self._read, write = os.pipe()
        os.set_blocking(self._read, False)
        self.log = Log("journal", write)

    def taken(self) -> list[str]:
        try:
            return os.read(self._read, 1 << 16).decode().splitlines()
        except BlockingIOError:
            return []
