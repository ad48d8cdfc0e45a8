"""The store's alarms, heard by the supervisor as soon as it listens."""

import contextlib

from fastdhcp.channel import Channel, Message
from fastdhcp.log import log

FAILING = "store-failing"
"""While commits fail."""
FILES = "store-files"
"""While the files that leases are written to are not those that a start would read."""
_OVER = {FAILING: "store-healthy", FILES: "store-files-made"}


class StoreAlarm:
    """One of the alarms above. ``text``: why it is on; None: it is not."""

    def __init__(self, channel: Channel, name: str) -> None:
        self.text: str | None = None
        self._name = name
        self._channel = channel
        self._told: str | None = None

    def set(self, text: str | None) -> None:
        if text == self.text:
            return
        if text and not self.text:
            log.error(self._name, text=text)
        elif not text:
            log.notice(_OVER[self._name])
        self.text = text
        self.tell()

    def tell(self) -> None:
        """Says it if it could not be said yet; never waits for the supervisor to read."""
        if self._told == self.text:
            return
        message: Message = {"type": "alarm", "name": self._name, "text": self.text or ""}
        with contextlib.suppress(BlockingIOError):
            self._channel.send({**message, "on": bool(self.text)})
            self._told = self.text
