"""Expressions once more, slow and plain, said of a message: the witness for compiler and C.

It takes the tree that the parser made, and nothing of what comes after: no sizes, no instructions.
A value is bytes, or None where it is absent.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from fastdhcp.config import syntax
from fastdhcp.options import BY_NAME, RELAY_BY_NAME
from tests.fuzz.codec_twin import read_options

MADE_MAX = 256
KEPT_MAX = 255
HEADER = {"transid": 4, "ciaddr": 12, "yiaddr": 16, "siaddr": 20, "giaddr": 24}
TEXT_FORMS = {
    "addrtotext": (4, False), "uint8totext": (1, False), "uint16totext": (2, False),
    "uint32totext": (4, False), "int8totext": (1, True), "int16totext": (2, True),
    "int32totext": (4, True),
}  # fmt: skip


class NoRoom(Exception):
    """More than MADE_MAX octets were made: what the C function says then depends on its order."""


class Lacks(Exception):
    """A part of an identifier is empty."""


class Unlike(Exception):
    """What other evaluators say otherwise was come by (`strict`)."""


@dataclass
class Said:
    """A message, and what the server knows besides. `strict`: every part is looked at."""

    message: bytes
    known: bool = False
    classes: frozenset[str] = frozenset()
    source: int = 0
    destination: int = 0
    iface: str = ""
    relay_info: bytes | None = None
    strict: bool = False
    options: dict[int, bytes] = field(default_factory=dict)
    made: int = 0

    def __post_init__(self) -> None:
        self.options = read_options(self.message)[0]
        if 12 in self.options:
            self.options[12] = self.options[12].rstrip(b"\0")
            if not self.options[12]:
                del self.options[12]
        if self.relay_info is not None:
            self.options[82] = self.relay_info


def sub_options(data: bytes, *, pads: bool) -> list[tuple[int, bytes]]:
    """Code, length, value, up to what runs past the end; `pads`: 0 is a pad, 255 ends."""
    found = []
    while data:
        if pads and data[0] == 0:
            data = data[1:]
            continue
        if (pads and data[0] == 255) or len(data) < 2 or len(data) < 2 + data[1]:
            break
        found.append((data[0], data[2 : 2 + data[1]]))
        data = data[2 + data[1] :]
    return found


def first_filled(values: list[bytes]) -> bytes | None:
    return next(filter(None, values), values[0] if values else None)


def of_code(data: bytes | None, code: int, *, pads: bool = False) -> bytes | None:
    found = sub_options(data or b"", pads=pads)
    return first_filled([value for at, value in found if at == code])


def enterprises(data: bytes | None) -> list[tuple[int, bytes]]:
    data = data or b""
    found = []
    while len(data) >= 5 and len(data) >= 5 + data[4]:
        found.append((int.from_bytes(data[:4]), data[5 : 5 + data[4]]))
        data = data[5 + data[4] :]
    return found


def twin_whole(said: Said, node: syntax.Node) -> bytes | None:
    """What a value is as an identifier; None: a part of it is absent, or it is too long."""
    try:
        need_parts(said, node)
    except Lacks:
        return None
    value = twin_value(said, node)
    return value if len(value) <= KEPT_MAX else None


def need_parts(said: Said, node: syntax.Node) -> None:
    """Raises Lacks. What is written out may be empty, and so may what a test looks at."""
    if not isinstance(node, syntax.Call):
        return
    values = list(node.values)
    if node.name == "ifelse":
        values = [values[1 if twin_test(replace(said), values[0]) else 2]]
    for place, value in enumerate(values):
        need_parts(said, value)
        is_first = place == 0 and node.name not in ("concat", "ifelse")
        is_sum = isinstance(value, syntax.Call) and value.name in ("concat", "ifelse")
        is_free = is_first or is_sum or isinstance(value, syntax.Literal)
        if not is_free and not twin_value(replace(said), value):
            raise Lacks


def fetch(said: Said, path: syntax.Path) -> bytes | None:
    root, *steps = path.steps
    if root == "option":
        code = steps[0] if isinstance(steps[0], int) else BY_NAME[steps[0][1:]].code
        value = said.options.get(code)
        if steps[1] == "option":
            return of_code(value, steps[2], pads=code != 82)
        return value
    if root == "relay4":
        code = steps[0] if isinstance(steps[0], int) else RELAY_BY_NAME[steps[0][1:]].code
        return of_code(said.options.get(82), code)
    if root in ("vendor", "vendor-class"):
        return fetch_vendor(said.options.get(125 if root == "vendor" else 124), steps)
    return fetch_field(said, steps[0])


def fetch_vendor(value: bytes | None, steps: list) -> bytes | None:
    found = enterprises(value)
    if steps[0] == "enterprise":
        return value[:4] if value is not None and len(value) >= 5 else None
    if steps[0] == "exists":
        return found[0][1] if found else None
    data = [d for number, d in found if steps[0] in (None, number)]
    if steps[1] == "exists":
        return data[0] if data else None
    if steps[1] == "data":
        index = steps[2] if len(steps) > 2 else 0
        return data[index] if index < len(data) else None
    values = [of_code(d, steps[2]) for d in data]
    return first_filled([v for v in values if v is not None])


def fetch_field(said: Said, name: str) -> bytes:
    message = said.message
    if name in HEADER:
        return message[HEADER[name] : HEADER[name] + 4]
    if name == "mac":
        return message[28 : 28 + message[2]]
    if name == "iface":
        return said.iface.encode()
    numbers = {
        "htype": message[1], "hlen": message[2], "len": len(message), "src": said.source,
        "dst": said.destination, "msgtype": said.options.get(53, b"\0")[0],
    }  # fmt: skip
    return made(said, numbers[name].to_bytes(4))


def made(said: Said, value: bytes) -> bytes:
    said.made += len(value)
    if said.made > MADE_MAX:
        raise NoRoom
    return value


def twin_value(said: Said, node: syntax.Node) -> bytes:
    """What a value is; absent is empty."""
    if isinstance(node, syntax.Literal):
        return node.data
    if isinstance(node, syntax.Path):
        value = fetch(said, node) or b""
        return as_text(said, node, value) if node.steps[-1] == "text" else value
    assert isinstance(node, syntax.Call)
    if node.name == "ifelse":
        if said.strict:
            twin_value(said, node.values[1]), twin_value(said, node.values[2])
        return twin_value(said, node.values[1 if twin_test(said, node.values[0]) else 2])
    values = [twin_value(said, value) for value in node.values]
    if node.name == "substring":
        return substring(values[0], *node.numbers)
    if node.name == "split":
        return split(values[0], values[1], node.numbers[0])
    if node.name == "concat":
        return made(said, values[0] + values[1])
    if node.name == "hexstring":
        return made(said, values[1].join(b"%02x" % octet for octet in values[0]))
    if node.name in ("lcase", "ucase"):
        return made(said, values[0].lower() if node.name == "lcase" else values[0].upper())
    return number_text(said, values[0], *TEXT_FORMS[node.name], node.name == "addrtotext")


def as_text(said: Said, path: syntax.Path, value: bytes) -> bytes:
    """Of the options that have a text form and stand in the generator's expressions."""
    if said.strict and path.steps[1] not in (12, 60):
        raise Unlike
    if path.steps[0] == "option" and path.steps[1] in (50, 54):
        return number_text(said, value, 4, False, True)
    if path.steps[0] == "option" and path.steps[1] == 57:
        return number_text(said, value, 2, False, False)
    return value


def number_text(said: Said, value: bytes, size: int, signed: bool, dotted: bool) -> bytes:
    if len(value) != size:
        if said.strict and value:
            raise Unlike
        return b""
    if dotted:
        return made(said, ".".join(map(str, value)).encode())
    return made(said, str(int.from_bytes(value, signed=signed)).encode())


def substring(value: bytes, start: int, length: int) -> bytes:
    if not -len(value) <= start < len(value):
        return b""
    if start < 0:
        start += len(value)
    if length < 0:
        return value[max(0, start + length) : start]
    return value[start : start + length]


def split(value: bytes, delimiters: bytes, field_: int) -> bytes:
    if not delimiters:
        return value
    fields = [bytearray()]
    for octet in value:
        if octet in delimiters:
            fields.append(bytearray())
        else:
            fields[-1].append(octet)
    return bytes(fields[field_ - 1]) if field_ <= len(fields) else b""


def _each(said: Said, tests: tuple[syntax.Node, ...]) -> Iterable[bool]:
    found = (twin_test(said, test) for test in tests)
    return list(found) if said.strict else found


def twin_test(said: Said, node: syntax.Node) -> bool:
    """Whether a test is true."""
    match node:
        case syntax.Compare():
            same = twin_value(said, node.left) == twin_value(said, node.right)
            return same is not node.negated
        case syntax.Among():
            value = twin_value(said, node.value)
            items = [twin_value(said, item) for item in node.items]
            return value in items
        case syntax.Member():
            if node.name.lower() in ("known", "unknown"):
                return said.known is (node.name.lower() == "known")
            if node.name.lower() == "bootp":
                return 53 not in said.options
            return node.name.lower() == "all" or node.name in said.classes
        case syntax.Not():
            return not twin_test(said, node.test)
        case syntax.AllOf():
            return all(_each(said, node.tests))
        case syntax.AnyOf():
            return any(_each(said, node.tests))
        case syntax.Path():
            return fetch(said, node) is not None
    raise AssertionError(node)
