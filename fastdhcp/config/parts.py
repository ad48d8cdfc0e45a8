"""The parts of an expression, each with its own text: its tests, and the values that they look at.

They are compiled one by one, so that each can be run upon a packet: why a class matches, or does
not, is seen by them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fastdhcp._program import evaluate
from fastdhcp.config import tables
from fastdhcp.config.expressions import Expression, compile_node
from fastdhcp.config.programs import ProgramTable, program_image
from fastdhcp.config.syntax import (
    CALLS,
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
    parse,
)
from fastdhcp.options import Option

PARTS_MAX = 32
"""Of one expression; there is hardly one with so many."""


@dataclass(frozen=True, slots=True)
class Part:
    """A test, or a value that a test looks at."""

    text: str
    expression: Expression


@dataclass(frozen=True, slots=True)
class Way:
    """What is known of a packet beside its octets: option 82 as policy reads it (None: its own),
    whether a reservation was found, its classes (a bit each), and how it came."""

    relay_info: bytes | None = None
    known: bool = False
    classes: int = 0
    interface: str = ""
    source: int = 0
    destination: int = 0


def run_parts(
    parts: list[Part], message: bytes, way: Way, classes: Mapping[str, int]
) -> list[tuple[Part, bool, bytes | None]]:
    """What each part says of a message: a test's truth, a value (None: absent). `classes`: the bit
    of each. Raises ValueError for what is no request."""
    blob = tables.Blob()
    programs = ProgramTable(blob)
    places = [programs.place(part.expression, classes) for part in parts]
    name = way.interface.encode()
    interface = tables.INTERFACE.pack(
        ifindex=1, network=tables.NOWHERE, vrf=0, address=0, subnet=tables.NOWHERE, mtu=0,
        untrusted=0, name_at=blob.place(name), name_len=len(name),
    )  # fmt: skip
    image = program_image(blob, programs, [interface])
    said = (
        evaluate(
            image, place, message, relay_info=way.relay_info, known=way.known,
            classes=way.classes, ifindex=1, source=way.source, destination=way.destination,
        )
        for place in places
    )  # fmt: skip
    return [(part, truth, value) for part, (truth, value) in zip(parts, said, strict=True)]


def parts_of(text: str, names: Mapping[str, Option] | None = None) -> list[Part]:
    """The parts of an expression that compiles, in its order. `names`: options that the
    configuration defines."""
    found: list[Part] = []
    for node in _parts(parse(text)):
        if len(found) == PARTS_MAX:
            break
        found.append(Part(written(node), compile_node(text, node, names or {})))
    return found


def _parts(node: Node) -> Iterator[Node]:
    """Each test that is no more than one, before the values in it."""
    match node:
        case AllOf() | AnyOf():
            for test in node.tests:
                yield from _parts(test)
        case Not():
            yield from _parts(node.test)
        case Compare():
            yield node
            yield from (side for side in (node.left, node.right) if _is_read(side))
        case Among():
            yield node
            if _is_read(node.value):
                yield node.value
        case _:
            yield node


def _is_read(node: Node) -> bool:
    return not isinstance(node, Literal)


# ---- as it is written


def written(node: Node) -> str:
    """A part as one would write it."""
    match node:
        case Literal():
            return _literal(node)
        case Path():
            return _path(node)
        case Call():
            return f"{node.name}({', '.join(_arguments(node))})"
        case Compare():
            return f"{written(node.left)} {'!=' if node.negated else '=='} {written(node.right)}"
        case Among():
            return f"{written(node.value)} in ({', '.join(map(written, node.items))})"
        case Member():
            return node.name if node.name in ("known", "unknown") else f"member('{node.name}')"
        case Not():
            return f"not {_inner(node.test)}"
        case AllOf():
            return " and ".join(map(_inner, node.tests))
        case AnyOf():
            return " or ".join(map(_inner, node.tests))
    raise AssertionError(node)


def _inner(node: Node) -> str:
    text = written(node)
    return f"({text})" if isinstance(node, AllOf | AnyOf) else text


def _literal(node: Literal) -> str:
    if node.kind == "text":
        return f"'{node.data.decode('latin-1')}'"
    if node.kind == "number":
        return str(int.from_bytes(node.data))
    if node.kind == "address":
        return ".".join(map(str, node.data))
    return f"0x{node.data.hex()}"


def _path(node: Path) -> str:
    """Names in brackets are steps that begin with the bracket."""
    text = str(node.steps[0])
    for step in node.steps[1:]:
        if isinstance(step, str):
            text += f"{step}]" if step.startswith("[") else f".{step}"
        else:
            text += f"[{'*' if step is None else step}]"
    return text


def _arguments(node: Call) -> Iterator[str]:
    values, numbers = iter(node.values), iter(node.numbers)
    for kind in CALLS[node.name]:
        if kind in ("value", "test"):
            yield written(next(values))
        else:
            number = next(numbers)
            yield "all" if number == LENGTH_ALL and kind == "length" else str(number)
