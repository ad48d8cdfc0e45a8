"""The store's alarm: raised while commits fail, heard by the supervisor as soon as it listens."""

import contextlib

from fastdhcp.channel import Channel, Message
from fastdhcp.log import log

NAME = "store-failing"


class StoreAlarm:
    """``text``: why commits fail; None: they do not."""

    def __init__(self, channel: Channel) -> None:
        self.text: str | None = None
        self._channel = channel
        self._told: str | None = None

    def set(self, text: str | None) -> None:
        if text == self.text:
            return
        if text and not self.text:
            log.error(NAME, text=text)
        elif not text:
            log.notice("store-healthy")
        self.text = text
        self.tell()

    def tell(self) -> None:
        """Says it if it could not be said yet; never waits for the supervisor to read."""
        if self._told == self.text:
            return
        message: Message = {"type": "alarm", "name": NAME, "text": self.text or ""}
        with contextlib.suppress(BlockingIOError):
            self._channel.send({**message, "on": bool(self.text)})
            self._told = self.text
