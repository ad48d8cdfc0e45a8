"""The tree of an expression: what stands where, before anything is looked at.

Kea's grammar: `or` binds least, then `and`, then `not`, then comparisons, then `+`. What may be a
test and what a value is known of each part, so that either in the other's place is told.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address

from fastdhcp.config.report import nearest
from fastdhcp.config.tokens import ExpressionError, Token, tokens

NESTING_MAX = 32
"""Brackets in brackets, `not` of `not`: the reader is a function that calls itself."""
JOINED_MAX = 64
"""Signs `+` of an expression: each takes an instruction, and the tree grows a step deeper."""
U32_MAX = 0xFFFFFFFF
OFFSET_MAX = 32767

# What follows the brackets of a call: values, and numbers that are written out.
CALLS = {
    "substring": ("value", "start", "length"),
    "split": ("value", "value", "field"),
    "concat": ("value", "value"),
    "ifelse": ("test", "value", "value"),
    "hexstring": ("value", "value"),
    "lcase": ("value",),
    "ucase": ("value",),
    "addrtotext": ("value",),
    "uint8totext": ("value",),
    "uint16totext": ("value",),
    "uint32totext": ("value",),
    "int8totext": ("value",),
    "int16totext": ("value",),
    "int32totext": ("value",),
}
LENGTH_ALL = 0x7FFFFFFF
"""The length that `all` stands for."""
ROOTS = ("option", "relay4", "vendor", "vendor-class", "pkt4", "pkt")
_USAGE = {
    "substring": "value, start, length or all",
    "split": "value, delimiters, field from 1",
    "concat": "value, value",
    "ifelse": "test, value, value",
    "hexstring": "value, separator",
    **{name: "value" for name, kinds in CALLS.items() if len(kinds) == 1},
}
_CURES = {
    "match": "is not served; compare by substring(...) == or `in (...)`",
    "relay6": "is of DHCPv6; option 82 is relay4[N]",
    "pkt6": "is of DHCPv6; fields of the packet are pkt4.mac, pkt4.giaddr and so on",
    "true": "is no word of an expression; member('all') is always true",
    "false": "is no word of an expression; not member('all') is never true",
    "exists": "stands behind what may be there: option[82].exists",
    "hex": "stands behind what is read: option[60].hex",
    "and": "joins two tests; one is missing before it",
    "or": "joins two tests; one is missing before it",
    "in": "looks for a value, which is missing before it",
    "all": "is a length of substring alone",
}


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression; `at`: where it begins."""

    at: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """Octets that are written out. `kind`: text, hex, number or address."""

    data: bytes
    kind: str


@dataclass(frozen=True, slots=True)
class Path(Node):
    """What is read of the packet: words and, in brackets, names or numbers (None: `*`). `places`:
    where each stands, and where all of it ends.

    option[43].option[1].hex is ("option", 43, "option", 1, "hex").
    """

    steps: tuple[str | int | None, ...]
    places: tuple[int, ...] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function of CALLS; `numbers`: those that are written out."""

    name: str
    values: tuple[Node, ...]
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """left == right, or !=; `at` is the sign's place."""

    left: Node
    right: Node
    negated: bool


@dataclass(frozen=True, slots=True)
class Among(Node):
    """value in (items)."""

    value: Node
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Member(Node):
    """member('name'); known and unknown are members, too."""

    name: str


@dataclass(frozen=True, slots=True)
class Not(Node):
    """not test."""

    test: Node


@dataclass(frozen=True, slots=True)
class AllOf(Node):
    """test and test and ..."""

    tests: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf(Node):
    """test or test or ..."""

    tests: tuple[Node, ...]


def is_test(node: Node) -> bool:
    """Whether it is true or false, and no value."""
    if isinstance(node, Path):
        return node.steps[-1] == "exists"
    return isinstance(node, Compare | Among | Member | Not | AllOf | AnyOf)


def parse(source: str) -> Node:
    """The tree of an expression. Raises ExpressionError at the word that is in the way."""
    return _Parser(source).whole()


class _Parser:
    """One expression, read from left to right with one word looked ahead."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.words: Iterator[Token] = tokens(source)
        self.next = next(self.words)
        self.depth = 0
        self.joined = 0
        self.end = 0  # of the word that was taken last

    # -- words

    def error(self, at: int, words: str) -> ExpressionError:
        return ExpressionError(self.source, at, words)

    def take(self) -> Token:
        token = self.next
        self.end = token.at + len(token.text)
        if token.kind != "end":
            self.next = next(self.words)
        return token

    def is_sign(self, *texts: str) -> bool:
        return self.next.kind in ("sign", "name") and self.next.text in texts

    def expect(self, sign: str, why: str) -> Token:
        if not self.is_sign(sign):
            raise self.error(self.next.at, f"{self.next.told} where `{sign}` {why}")
        return self.take()

    # -- tests, from what binds least

    def whole(self) -> Node:
        if self.next.kind == "end":
            raise self.error(0, "is empty; write a test such as option[60].hex == 'PXEClient'")
        node = self.either()
        if self.next.kind != "end":
            raise self.error(
                self.next.at,
                f"{self.next.told} where the expression is whole; join tests by `and` or `or`",
            )
        return node

    def either(self) -> Node:
        return self.chain("or", AnyOf, self.every)

    def every(self) -> Node:
        return self.chain("and", AllOf, self.negation)

    def chain(self, word: str, made: type[AnyOf] | type[AllOf], part: Callable[[], Node]) -> Node:
        first = part()
        if not self.is_sign(word):
            return first
        parts = [self.as_test(first, f"`{word}` joins tests")]
        while self.is_sign(word):
            self.take()
            parts.append(self.as_test(part(), f"`{word}` joins tests"))
        return made(first.at, tuple(parts))

    def negation(self) -> Node:
        if not self.is_sign("not"):
            return self.comparison()
        at = self.take().at
        with self.deeper(at):
            return Not(at, self.as_test(self.negation(), "`not` takes a test"))

    def comparison(self) -> Node:
        left = self.sum()
        sign = self.next
        if self.is_sign("==", "!="):
            self.take()
            why = f"`{sign.text}` compares values"
            right = self.as_value(self.sum(), why)
            if self.is_sign("==", "!=", "in"):
                raise self.error(self.next.at, "a comparison has two sides; join two by `and`")
            return Compare(sign.at, self.as_value(left, why), right, sign.text == "!=")
        if self.is_sign("in"):
            self.take()
            return Among(sign.at, self.as_value(left, "`in` looks for a value"), self.items())
        if self.is_sign("not"):
            raise self.error(sign.at, "`not` stands before a test; write not (... in (...))")
        return left

    def items(self) -> tuple[Node, ...]:
        if self.next.kind in ("text", "hex", "number", "address"):
            raise self.error(
                self.next.at,
                f"`in` looks among values in brackets; write in ({self.next.text}, ...)",
            )
        self.expect("(", "opens the values that `in` looks among")
        items = [self.as_value(self.sum(), "`in` looks among values")]
        while self.is_sign(","):
            self.take()
            items.append(self.as_value(self.sum(), "`in` looks among values"))
        self.expect(")", "or a comma follows a value of `in`")
        return tuple(items)

    # -- values

    def sum(self) -> Node:
        left = self.part()
        while self.is_sign("+"):
            at = self.take().at
            self.joined += 1
            if self.joined > JOINED_MAX:
                raise self.error(at, f"joins more than {JOINED_MAX} values; write fewer `+`")
            left = self.as_value(left, "`+` joins values")
            right = self.as_value(self.part(), "`+` joins values")
            left = Call(at, "concat", (left, right))
        return left

    def part(self) -> Node:
        token = self.take()
        if token.kind == "sign" and token.text == "(":
            with self.deeper(token.at):
                inner = self.either()
            if self.next.kind == "end":
                column = token.at - (self.source.rfind("\n", 0, token.at) + 1) + 1
                words = f"the bracket at column {column} is still open; write `)`"
                raise self.error(self.next.at, words)
            self.expect(")", "closes the bracket")
            return inner
        if token.kind in ("text", "hex", "number", "address"):
            return self.literal(token)
        if token.kind == "name":
            return self.named(token)
        raise self.error(token.at, f"{token.told} where a value or a test has to stand")

    def literal(self, token: Token) -> Literal:
        if token.kind == "text":
            return Literal(token.at, token.text[1:-1].encode(), "text")
        if token.kind == "hex":
            digits = token.text[2:]
            return Literal(token.at, bytes.fromhex("0" * (len(digits) % 2) + digits), "hex")
        if token.kind == "address":
            try:
                return Literal(token.at, IPv4Address(token.text).packed, "address")
            except AddressValueError:
                words = f"{token.text} is no address; its numbers go from 0 to 255"
                raise self.error(token.at, words) from None
        number = int(token.text)
        if not 0 <= number <= U32_MAX:
            raise self.error(
                token.at, f"{token.text} is no number here; write one from 0 to {U32_MAX}"
            )
        return Literal(token.at, number.to_bytes(4), "number")

    def named(self, token: Token) -> Node:
        name = token.text
        if name in CALLS:
            return self.call(token)
        if name in ("known", "unknown"):
            member = Member(token.at, "known")
            return member if name == "known" else Not(token.at, member)
        if name == "member":
            return self.member(token)
        if name in ROOTS:
            return self.path(token)
        raise self.error(token.at, _unknown(name))

    def member(self, token: Token) -> Member:
        self.expect("(", "follows `member`")
        name = self.take()
        if name.kind != "text" or name.text == "''":
            raise self.error(name.at, f"{name.told} where a class has to: write member('modem')")
        self.expect(")", "closes `member`")
        return Member(name.at, name.text[1:-1])

    def call(self, token: Token) -> Call:
        kinds = CALLS[token.text]
        values: list[Node] = []
        numbers: list[int] = []
        self.expect("(", f"follows `{token.text}`")
        with self.deeper(token.at):
            for count, kind in enumerate(kinds):
                if count:
                    self.expect(",", f"follows; {_usage(token.text)}")
                if kind == "value":
                    why = f"`{token.text}` takes a value here"
                    values.append(self.as_value(self.sum(), why))
                elif kind == "test":
                    why = f"`{token.text}` takes a test first"
                    values.append(self.as_test(self.either(), why))
                else:
                    numbers.append(self.written(kind, token.text))
        self.expect(")", f"closes it; {_usage(token.text)}")
        return Call(token.at, token.text, tuple(values), tuple(numbers))

    def written(self, kind: str, name: str) -> int:
        token = self.take()
        if kind == "length" and token.kind == "name" and token.text == "all":
            return LENGTH_ALL
        if token.kind != "number":
            raise self.error(token.at, f"{token.told} where a number has to; {_usage(name)}")
        number = int(token.text)
        low = 1 if kind == "field" else -OFFSET_MAX
        if not low <= number <= OFFSET_MAX:
            raise self.error(
                token.at, f"{number} is no {kind}; write a number from {low} to {OFFSET_MAX}"
            )
        return number

    # -- what is read

    def path(self, token: Token) -> Path:
        steps: list[str | int | None] = [token.text]
        places = [token.at]
        while True:
            if self.is_sign("["):
                self.take()
                inner = self.take()
                steps.append(self.index(inner))
                places.append(inner.at)
                self.expect("]", "closes the bracket")
            elif self.is_sign("."):
                self.take()
                word = self.take()
                if word.kind != "name":
                    raise self.error(word.at, f"{word.told} where a name such as hex has to")
                steps.append(word.text)
                places.append(word.at)
            else:
                return Path(token.at, tuple(steps), (*places, self.end))

    def index(self, token: Token) -> str | int | None:
        if token.kind == "number":
            return int(token.text)
        if token.kind == "sign" and token.text == "*":
            return None
        if token.kind == "name":
            return f"[{token.text}"
        raise self.error(token.at, f"{token.told} in brackets, where a code or a name has to")

    # -- types

    def as_test(self, node: Node, why: str) -> Node:
        if not is_test(node):
            raise self.error(
                node.at, f"{why}, and this is a value; compare it: ... == '...', or write .exists"
            )
        return node

    def as_value(self, node: Node, why: str) -> Node:
        if is_test(node):
            raise self.error(node.at, f"{why}, and this is true or false already; leave it alone")
        return node

    def deeper(self, at: int) -> "_Deeper":
        return _Deeper(self, at)


class _Deeper:
    """A bracket in brackets."""

    def __init__(self, parser: _Parser, at: int) -> None:
        self.parser = parser
        self.at = at

    def __enter__(self) -> None:
        self.parser.depth += 1
        if self.parser.depth > NESTING_MAX:
            raise self.parser.error(
                self.at, f"stands in more than {NESTING_MAX} brackets; split it into classes"
            )

    def __exit__(self, *_: object) -> None:
        self.parser.depth -= 1


def _usage(name: str) -> str:
    return f"write {name}({_USAGE[name]})"


def _unknown(name: str) -> str:
    if name in _CURES:
        return f"`{name}` {_CURES[name]}"
    known = sorted({*CALLS, *ROOTS, "known", "unknown", "member", "not"})
    near = nearest(name, known)
    cure = f"do you mean `{near}`?" if near else f"text stands in single quotes: '{name}'"
    return f"`{name}` is no word of an expression; {cure}"
