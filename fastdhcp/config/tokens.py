"""The words of an expression, each with its place; what is no word is told with its cure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastdhcp.options import shown

TEXT_SIZE_MAX = 4096
"""Characters of an expression: more than its 64 instructions can say."""
_WORD = re.compile(
    r"(?P<text>'[^'\n]*')"
    r"|(?P<address>\d+\.\d+\.\d+\.\d+(?![\w.]))"
    r"|(?P<hex>0[xX][0-9A-Fa-f]+(?!\w))"
    r"|(?P<number>-?\d+(?![\w.]))"
    r"|(?P<name>[A-Za-z_](?:[\w-]*\w)?)"
    r"|(?P<sign>==|!=|[()\[\],.+*])",
    re.ASCII,
)
_SPACE = re.compile(r"[ \t\r\n]*")
_CURES = (
    (re.compile(r"'"), "text ends in its line; is a quote missing?"),
    (re.compile(r'"'), "text stands in single quotes: 'PXEClient'"),
    (re.compile(r"=>|=<|>|<"), "only == and != compare; write == for each value, or in (...)"),
    (re.compile(r"="), "write == to compare"),
    (re.compile(r"&"), "write `and`"),
    (re.compile(r"\|"), "write `or`"),
    (re.compile(r"!"), "write `not`, or != between two values"),
    (re.compile(r"0[xX]"), "hex is 0x and digits 0 to 9, a to f: 0x0007"),
    (re.compile(r"[\w.]*:|:"), "an address is four numbers, 10.0.0.1, and octets are 0x0a0b0c"),
    (
        re.compile(r"-?[0-9]"),
        "a number has digits alone, an address four numbers (10.0.0.1); text stands in single "
        "quotes",
    ),
    (re.compile(r"#"), "an expression has no comments; write them beside it"),
)


class ExpressionError(ValueError):
    """What is wrong in an expression, where, and what would be right. Line and column from 1."""

    def __init__(self, source: str, at: int, words: str) -> None:
        before = source[:at]
        self.line = before.count("\n") + 1
        self.column = at - (before.rfind("\n") + 1) + 1
        self.words = words
        line = f"line {self.line}, " if "\n" in source.strip() else ""
        super().__init__(f"{line}column {self.column}: {words}")


@dataclass(frozen=True, slots=True)
class Token:
    """A word. `kind`: text, address, hex, number, name, sign, or end (of the expression)."""

    kind: str
    text: str
    at: int

    @property
    def told(self) -> str:
        """How a problem names it."""
        if self.kind == "end":
            return "the expression ends"
        return f"{shown(self.text)} stands" if self.kind == "text" else f"`{self.text}` stands"


def tokens(source: str) -> Iterator[Token]:
    """The words of an expression, the last of kind "end". Raises ExpressionError."""
    if len(source) > TEXT_SIZE_MAX:
        raise ExpressionError(
            source,
            TEXT_SIZE_MAX,
            f"an expression has at most {TEXT_SIZE_MAX} characters; split it into classes and join "
            "them by member('...')",
        )
    at = 0
    while True:
        space = _SPACE.match(source, at)
        assert space is not None
        at = space.end()
        if at == len(source):
            yield Token("end", "", at)
            return
        found = _WORD.match(source, at)
        if found is None:
            raise ExpressionError(source, at, _cure(source, at))
        assert found.lastgroup is not None
        yield Token(found.lastgroup, found.group(), at)
        at = found.end()


def _cure(source: str, at: int) -> str:
    for pattern, cure in _CURES:
        if pattern.match(source, at):
            return f"{shown(source[at : at + 12])} is no word of an expression: {cure}"
    return f"{shown(source[at])} means nothing in an expression; leave it out"
