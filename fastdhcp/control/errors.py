"""What can go wrong with a command: a kind for programs, words for people."""

from enum import Enum


class Kind(Enum):
    """Why a command was not carried out, and HTTP's number for it."""

    BAD_REQUEST = 400
    FORBIDDEN = 403
    NOT_FOUND = 404
    INTERNAL_ERROR = 500
    BUSY = 503
    NO_ANSWER = 504

    @property
    def word(self) -> str:
        return self.name.lower().replace("_", "-")


class CommandError(Exception):
    """A command was not carried out; the text says why."""

    def __init__(self, kind: Kind, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class BadField(CommandError):
    """A field of the request that cannot be taken as it is."""

    def __init__(self, field: str, why: object) -> None:
        super().__init__(Kind.BAD_REQUEST, f"{field}: {why}")
