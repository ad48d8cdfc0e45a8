"""What can stand between a client and its lease, as a name and as words."""

import msgspec


class Trouble(msgspec.Struct, frozen=True, rename="kebab"):
    """One finding. `trouble` is a stable name for scripts, `text` says what was seen, `cure` what
    to do or to look at."""

    trouble: str
    text: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.text}; {self.cure}" if self.cure else self.text


class Stopped(Exception):
    """The exchange cannot go on."""

    def __init__(self, trouble: str, text: str, cure: str = "") -> None:
        super().__init__(text)
        self.trouble = Trouble(trouble, text, cure)
