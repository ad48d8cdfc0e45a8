"""Expressions of the configuration, compiled to the instructions that a worker runs.

The language is Kea's, without `match`, and with `!=` and `in`; docs/EXPRESSIONS.md tells it. An
image gives the result its places (programs.py); what runs it is _program.pyx.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from fastdhcp._program import LIMITS
from fastdhcp.config.fusion import fused
from fastdhcp.config.notation import octets_of
from fastdhcp.config.reads import (
    ANY_SIZE,
    KEPT_FIELDS,
    KEPT_OPTIONS,
    PKT_FIELDS,
    RELAY_INFO,
    Sizes,
    Step,
    read_of,
)
from fastdhcp.config.report import nearest
from fastdhcp.config.syntax import (
    LENGTH_ALL,
    AllOf,
    Among,
    AnyOf,
    Call,
    Compare,
    Literal,
    Member,
    Node,
    Not,
    Path,
    is_test,
    parse,
)
from fastdhcp.config.tokens import ExpressionError
from fastdhcp.config.weights import RUN, weight_of
from fastdhcp.options import Option

STACK_MAX = LIMITS["stack"]
MADE_MAX = LIMITS["made"]
PROGRAM_SIZE_MAX = LIMITS["program"]
BUILT_IN = ("all", "bootp", "known", "unknown")
"""Classes that are there without being configured, in any case of letters."""

# What an instruction does to the stack; by default it pushes one.
_STACK = {
    **dict.fromkeys(
        ("sub-option", "vendor", "vendor-option", "enterprise", "substring", "lower", "upper",
         "needed", "address-text", "number-text", "known", "bootp", "member", "truth", "not",
         "jump", "jump-if", "jump-unless", "one-of"),
        0,
    ),
    **dict.fromkeys(("concat", "hexstring", "split", "exists", "is", "same", "pop"), -1),
    "equal": -2,
}  # fmt: skip
_CALLS: Mapping[str, tuple[Step, int]] = {
    "lcase": (Step("lower"), 0),
    "ucase": (Step("upper"), 0),
    "addrtotext": (Step("address-text"), 4),
    "uint8totext": (Step("number-text", a=1), 1),
    "uint16totext": (Step("number-text", a=2), 2),
    "uint32totext": (Step("number-text", a=4), 4),
    "int8totext": (Step("number-text", a=1, b=1), 1),
    "int16totext": (Step("number-text", a=2, b=1), 2),
    "int32totext": (Step("number-text", a=4, b=1), 4),
}
"""Of one value: the step, and how many octets it takes (0: any)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What an expression looks at: codes of options (82 for all of relay4), fields of pkt4 and
    pkt, classes, and whether the client has a reservation."""

    options: frozenset[int] = frozenset()
    fields: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    known: bool = False
    message: bool = False

    def __or__(self, other: "Facts") -> "Facts":
        return Facts(
            self.options | other.options,
            self.fields | other.fields,
            self.classes | other.classes,
            self.known or other.known,
            self.message or other.message,
        )


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression, compiled. `cost`: instructions of the machine at worst, about.

    `compared`: of a test that one value is a literal, or one of several: that value, and these.
    Tests of equal `steps` of their values can look at it once.
    """

    text: str = field(compare=False)
    is_test: bool
    steps: tuple[Step, ...]
    facts: Facts
    compared: tuple["Expression", tuple[bytes, ...]] | None = None

    @property
    def options(self) -> frozenset[int]:
        """Codes of the options that it reads; 82 for any sub-option of it."""
        return self.facts.options

    @property
    def classes(self) -> frozenset[str]:
        """The configured classes that it asks for by member()."""
        return self.facts.classes

    @property
    def is_known_read(self) -> bool:
        """Whether it asks for a reservation."""
        return self.facts.known

    @property
    def is_kept(self) -> bool:
        """Whether all that it reads is kept by a lease's record: options 12, 61, 82, chaddr."""
        facts = self.facts
        kept = facts.options <= KEPT_OPTIONS and facts.fields <= KEPT_FIELDS
        return kept and not (facts.classes or facts.known or facts.message)

    @property
    def not_kept(self) -> tuple[str, ...]:
        """What of it no record keeps, as written: `option[60]`, `pkt4.giaddr`."""
        facts = self.facts
        names = [f"option[{code}]" for code in sorted(facts.options - KEPT_OPTIONS)]
        for name in sorted(facts.fields - KEPT_FIELDS):
            names.append(f"pkt.{name}" if name in PKT_FIELDS else f"pkt4.{name}")
        names += [f"member('{name}')" for name in sorted(facts.classes)]
        names += ["known"] * facts.known + ["member('bootp')"] * facts.message
        return tuple(names)

    @property
    def is_constant(self) -> bool:
        """Whether it says the same of every packet."""
        return self.facts == Facts()

    @property
    def reads_relay_info(self) -> bool:
        """Whether it reads option 82, which a unicast renewal does not carry."""
        return RELAY_INFO in self.facts.options

    @property
    def cost(self) -> int:
        """Instructions of the machine on the longest way through it, in a run of its own."""
        return RUN + weight_of(self.steps)


def compile_expression(
    text: str,
    *,
    value: bool = False,
    whole: bool = False,
    classes: Collection[str] | None = None,
    names: Mapping[str, Option] | None = None,
) -> Expression:
    """Compiles a test, or a value.

    `whole`: a value that somebody is known by; each of its parts has to be there. `classes`: those
    that member() may name, None: any; `names`: options that the configuration defines. Raises
    ExpressionError.
    """
    tree = parse(text)
    if value and is_test(tree):
        raise ExpressionError(
            text, 0, "is a test, and a value is wanted; write ifelse(..., 'yes', 'no')"
        )
    if not value and not is_test(tree):
        raise ExpressionError(
            text, tree.at, "is a value, and a test is wanted; compare it: ... == '...'"
        )
    return compile_node(text, tree, names or {}, classes, whole=whole)


def compile_node(
    text: str,
    tree: Node,
    names: Mapping[str, Option],
    classes: Collection[str] | None = None,
    *,
    whole: bool = False,
) -> Expression:
    """Compiles a part of an expression, whose whole `text` errors point into."""
    run = _Compiler(text, names, classes, whole=whole)
    if is_test(tree):
        run.test(tree)
    else:
        run.value(tree)
    if len(run.steps) > PROGRAM_SIZE_MAX:
        raise ExpressionError(
            text,
            0,
            f"takes {len(run.steps)} instructions; one may take {PROGRAM_SIZE_MAX}: compare a "
            "value with many by `in (...)`, or split it into classes and join them by "
            "member('...')",
        )
    return Expression(
        text, is_test(tree), fused(run.steps), run.facts, _compared(text, tree, names, classes)
    )


def _compared(
    text: str, tree: Node, names: Mapping[str, Option], classes: Collection[str] | None
) -> tuple[Expression, tuple[bytes, ...]] | None:
    value: Node
    items: tuple[Node, ...]
    if isinstance(tree, Compare) and not tree.negated:
        value, items = tree.left, (tree.right,)
        if isinstance(value, Literal):
            value, items = tree.right, (tree.left,)
    elif isinstance(tree, Among):
        value, items = tree.value, tree.items
    else:
        return None
    literals = [item.data for item in items if isinstance(item, Literal)]
    if len(literals) < len(items):
        return None
    return compile_node(text, value, names, classes), tuple(literals)


class _Compiler:
    """One expression: its steps while they grow, and what they read."""

    def __init__(
        self,
        text: str,
        names: Mapping[str, Option],
        classes: Collection[str] | None,
        *,
        whole: bool,
    ) -> None:
        self.text = text
        self.whole = whole
        self.names = names
        self.known_classes = classes
        self.steps: list[Step] = []
        self.depth = 0
        self.facts = Facts()

    def error(self, at: int, words: str) -> ExpressionError:
        return ExpressionError(self.text, at, words)

    # -- steps

    def emit(self, step: Step, at: int) -> int:
        """Adds a step; its place."""
        self.depth += _STACK.get(step.op, 1)
        if self.depth > STACK_MAX:
            raise self.error(
                at, f"holds more than {STACK_MAX} values at a time; split it into classes"
            )
        self.steps.append(step)
        return len(self.steps) - 1

    def land(self, places: list[int]) -> None:
        """The jumps at these places come here."""
        for place in places:
            step = self.steps[place]
            self.steps[place] = replace(step, a=min(len(self.steps) - place - 1, 255))

    # -- tests

    def test(self, node: Node) -> None:
        match node:
            case Compare():
                self.compare(node)
            case Among():
                self.among(node)
            case Member():
                self.member(node)
            case Not():
                self.test(node.test)
                self.emit(Step("not"), node.at)
            case AllOf():
                self.chain(node.tests, "jump-unless")
            case AnyOf():
                self.chain(node.tests, "jump-if")
            case _:
                self.value(node)
                self.emit(Step("exists"), node.at)

    def chain(self, tests: tuple[Node, ...], jump: str) -> None:
        jumps = []
        for count, test in enumerate(tests):
            if count:
                jumps.append(self.emit(Step(jump), test.at))
            self.test(test)
        self.land(jumps)

    def compare(self, node: Compare) -> None:
        left, right = node.left, node.right
        if isinstance(left, Literal) and isinstance(right, Literal):
            raise self.error(
                node.at, "compares two values that are written out: it always says the same"
            )
        if isinstance(left, Literal):
            left, right = right, left
        sizes = self.value(left)
        if isinstance(right, Literal):
            self.check_literal(sizes, right, node.at)
            self.emit(Step("is", literal=right.data), node.at)
        else:
            other = self.value(right)
            if not sizes.meets(other):
                raise self.error(
                    node.at,
                    f"{sizes.told} and {other.told} can never be equal; compare values of one "
                    "length, as substring(...) makes them",
                )
            self.emit(Step("equal"), node.at)
        if node.negated:
            self.emit(Step("not"), node.at)

    def among(self, node: Among) -> None:
        sizes = self.value(node.value)
        jumps: list[int] = []
        seen: set[bytes] = set()
        for item in node.items:
            if isinstance(item, Literal):
                self.check_literal(sizes, item, item.at)
                if item.data in seen:
                    raise self.error(item.at, "stands twice in one `in`; write it once")
                seen.add(item.data)
                jumps.append(self.emit(Step("one-of", literal=item.data), item.at))
            else:
                if not sizes.meets(other := self.value(item)):
                    raise self.error(
                        item.at, f"{sizes.told} and {other.told} can never be equal; leave it out"
                    )
                jumps.append(self.emit(Step("same"), item.at))
        self.land(jumps)
        self.emit(Step("pop"), node.at)

    def check_literal(self, sizes: Sizes, literal: Literal, at: int) -> None:
        """RFC options have a number of octets; what has another one is never equal to them."""
        size = len(literal.data)
        counted = literal.kind == "number" and sizes.low in (1, 2) and sizes.low == sizes.step
        if sizes.holds(size) and not (counted or (literal.kind == "number" and sizes.step == 2)):
            return
        told = {"number": "a number has 4 octets", "address": "an address has 4 octets"}.get(
            literal.kind, f"the other side has {size} octet{'' if size == 1 else 's'}"
        )
        raise self.error(at, f"can never be equal: {sizes.told}, {told}; {_cure(sizes, literal)}")

    def member(self, node: Member) -> None:
        name = node.name
        built_in = name.lower()
        if built_in in ("known", "unknown"):
            self.facts |= Facts(known=True)
            self.emit(Step("known"), node.at)
            if built_in == "unknown":
                self.emit(Step("not"), node.at)
        elif built_in == "bootp":
            self.facts |= Facts(message=True)
            self.emit(Step("bootp"), node.at)
        elif built_in == "all":
            self.emit(Step("truth", a=1), node.at)
        else:
            if self.known_classes is not None and name not in self.known_classes:
                near = nearest(name, self.known_classes)
                cure = f"do you mean '{near}'?" if near else "write [[classes]] with that name"
                raise self.error(node.at, f"no class is called '{name}'; {cure}")
            self.facts |= Facts(classes=frozenset({name}))
            self.emit(Step("member", member=name), node.at)

    # -- values

    def value(self, node: Node) -> Sizes:
        """Adds the steps of a value; how many octets it may have."""
        match node:
            case Literal():
                self.emit(Step("literal", literal=node.data), node.at)
                return Sizes(len(node.data), len(node.data))
            case Path():
                return self.path(node)
            case Call():
                return self.call(node)
        raise AssertionError(node)

    def part(self, node: Node) -> Sizes:
        """A value that another is made of. An identifier lacks it if it is empty, but for what is
        written so."""
        sizes = self.value(node)
        is_made_of_parts = isinstance(node, Call) and node.name in ("concat", "ifelse")
        if self.whole and not (isinstance(node, Literal) or is_made_of_parts):
            self.emit(Step("needed"), node.at)
        return sizes

    def path(self, node: Path) -> Sizes:
        read = read_of(node, self.names, self.error)
        for step in read.steps:
            self.emit(step, node.at)
        if read.option is not None:
            self.facts |= Facts(options=frozenset({read.option}))
        if read.field is not None:
            self.facts |= Facts(fields=frozenset({read.field}))
        return read.sizes

    def call(self, node: Call) -> Sizes:
        if node.name == "ifelse":
            return self.ifelse(node)
        first = self.part if node.name == "concat" else self.value
        sizes = [first(node.values[0]), *map(self.part, node.values[1:])]
        if node.name == "substring":
            return self.substring(node, sizes[0])
        if node.name == "concat":
            self.emit(Step("concat"), node.at)
            return Sizes(_least(sizes[0]) + _least(sizes[1]), sizes[0].high + sizes[1].high)
        if node.name == "hexstring":
            self.emit(Step("hexstring"), node.at)
            return Sizes(0, MADE_MAX)
        if node.name == "split":
            self.emit(Step("split", b=node.numbers[0]), node.at)
            return Sizes(0, sizes[0].high)
        step, wanted = _CALLS[node.name]
        if wanted and not sizes[0].holds(wanted):
            raise self.error(
                node.values[0].at,
                f"{node.name} takes {Sizes(wanted, wanted).told}, and this has {sizes[0].told}; "
                f"{_converter(sizes[0])}",
            )
        self.emit(step, node.at)
        return Sizes(0, min(sizes[0].high, MADE_MAX)) if not wanted else Sizes(0, 15)

    def substring(self, node: Call, sizes: Sizes) -> Sizes:
        start, length = node.numbers
        if length < 0:
            high = min(-length, start if start >= 0 else sizes.high + start)
        else:
            high = min(length, sizes.high - start if start >= 0 else min(-start, sizes.high))
        if high <= 0:
            raise self.error(
                node.at,
                f"takes no octet of it, which has {sizes.told}; write substring(value, start, "
                "length), the first octet is 0",
            )
        self.emit(Step("substring", b=start & 0xFFFF, c=(length & 0xFFFFFFFF)), node.at)
        return Sizes(0, high)

    def ifelse(self, node: Call) -> Sizes:
        test, left, right = node.values
        whole, self.whole = self.whole, False
        self.test(test)
        self.whole = whole
        over_left = self.emit(Step("jump-unless"), node.at)
        yes = self.part(left)
        over_right = self.emit(Step("jump"), node.at)
        self.land([over_left])
        self.depth -= 1
        no = self.part(right)
        self.land([over_right])
        return Sizes(min(_least(yes), _least(no)), max(yes.high, no.high))


def _least(sizes: Sizes) -> int:
    return 0 if sizes.absent else sizes.low


def _cure(sizes: Sizes, literal: Literal) -> str:
    """What would be right where a literal has another number of octets."""
    size = sizes.low
    number = int.from_bytes(literal.data)
    if literal.kind == "text" and (octets := octets_of(literal.data.decode())) is not None:
        return f"write 0x{octets.hex()} without quotes"
    if literal.kind in ("number", "hex") and 0 < size <= 8 and number < 1 << (8 * size):
        if size == 4:
            return f"write {number}, or 0x{number:08x}"
        return f"write 0x{number:0{2 * size}x}"
    if literal.kind == "text" and literal.data.isdigit() and size in (1, 2, 4):
        number = int(literal.data)
        if number < 1 << (8 * size):
            return f"write {number}" if size == 4 else f"write 0x{number:0{2 * size}x}"
    if sizes.high == 4 and size == 4:
        return "write a number, an address, or hex of 4 octets"
    if literal.data and len(literal.data) > sizes.high:
        return f"compare with {sizes.told}"
    return f"write hex of {sizes.told}"


def _converter(sizes: Sizes) -> str:
    found = {1: "write uint8totext", 2: "write uint16totext", 4: "write uint32totext"}
    return found.get(sizes.low, "write hexstring(value, ':')")


__all__ = ["ANY_SIZE", "BUILT_IN", "LENGTH_ALL", "Expression", "ExpressionError", "Facts"]
