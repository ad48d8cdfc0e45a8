"""What an expression may read of a packet: names and codes, the instructions that fetch it, and how
many octets it may have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastdhcp._program import NUMBERS
from fastdhcp.config.report import nearest
from fastdhcp.config.syntax import LENGTH_ALL, U32_MAX, Path
from fastdhcp.options import BY_CODE, BY_NAME, RELAY_BY_CODE, RELAY_BY_NAME, Option

RELAY_INFO = 82
VENDOR_OPTION = 125
VENDOR_CLASS = 124
DATA_INDEX_MAX = 255
VALUE_SIZE_MAX = 2048
"""Octets of any value that a message brings (SCRATCH_SIZE in _codec.pxd)."""

# pkt4 and pkt: of the fixed header (place and octets), or a number of four octets.
HEADER_FIELDS: Mapping[str, tuple[int, int]] = {
    "transid": (4, 4),
    "ciaddr": (12, 4),
    "yiaddr": (16, 4),
    "siaddr": (20, 4),
    "giaddr": (24, 4),
}
PKT4_FIELDS = ("mac", "hlen", "htype", "msgtype", *HEADER_FIELDS)
PKT_FIELDS = ("iface", "src", "dst", "len")
HARDWARE_SIZE_MAX = 16
INTERFACE_NAME_MAX = 15
KEPT_FIELDS = frozenset({"mac", "hlen", "htype"})
KEPT_OPTIONS = frozenset({12, 61, RELAY_INFO})
"""What a record keeps of the packet that bound it."""


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction (Op in _program.pxd). What only an image can say stands in words: the place of
    a literal, the slot of an option, the bit of a class."""

    op: str
    a: int = 0
    b: int = 0
    c: int = 0
    literal: bytes | None = None
    option: int | None = None
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many octets a value may have: low to high in steps, and perhaps none (absent)."""

    low: int
    high: int
    step: int = 1
    absent: bool = False

    def holds(self, size: int) -> bool:
        """Whether a value of that many octets may come."""
        if size == 0 and self.absent:
            return True
        return self.low <= size <= self.high and (size - self.low) % self.step == 0

    def meets(self, other: "Sizes") -> bool:
        """Whether both may have the same number of octets."""
        if self.high - self.low > other.high - other.low:
            return other.meets(self)
        sizes = range(self.low, self.high + 1, self.step)
        return any(map(other.holds, sizes)) or (self.absent and other.holds(0))

    @property
    def told(self) -> str:
        """In words: `2 octets`, `at most 6 octets`."""
        if self.low == self.high:
            return f"{self.low} octet{'' if self.low == 1 else 's'}"
        if self.step > 1:
            return f"{self.low} octets or a multiple"
        if self.high < VALUE_SIZE_MAX:
            return (
                f"{self.low} to {self.high} octets" if self.low else f"at most {self.high} octets"
            )
        return f"at least {self.low} octets" if self.low else "any number of octets"


ANY_SIZE = Sizes(0, VALUE_SIZE_MAX)


@dataclass(frozen=True, slots=True)
class Form:
    """How values of a type look: octets, and the steps that make text of them (None: no such)."""

    sizes: Sizes
    text: tuple[Step, ...] | None = None


def _fixed(size: int, step: Step | None = None) -> Form:
    return Form(Sizes(size, size, absent=True), (step,) if step else None)


def _many(size: int) -> Form:
    return Form(Sizes(size, VALUE_SIZE_MAX // size * size, size, absent=True))


FORMS: Mapping[str, Form] = {
    "address": _fixed(4, Step("address-text")),
    "addresses": _many(4),
    "u8": _fixed(1, Step("number-text", a=1)),
    "u16": _fixed(2, Step("number-text", a=2)),
    "u32": _fixed(4, Step("number-text", a=4)),
    "i8": _fixed(1, Step("number-text", a=1, b=1)),
    "i16": _fixed(2, Step("number-text", a=2, b=1)),
    "i32": _fixed(4, Step("number-text", a=4, b=1)),
    "duration": _fixed(4, Step("number-text", a=4)),
    "flag": _fixed(1, Step("number-text", a=1)),
    "u16...": _many(2),
    "u32...": _many(4),
    "text": Form(ANY_SIZE, ()),
}
_OTHER = Form(ANY_SIZE)
Fail = Callable[[int, str], Exception]
"""Makes the error of a place and words."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a Path stands for. `option`: the code it looks at; `field`: of pkt4 or pkt."""

    steps: tuple[Step, ...]
    sizes: Sizes
    option: int | None = None
    field: str | None = None


def _option(code: int) -> Step:
    """The whole of it."""
    return Step("option", option=code, c=LENGTH_ALL)


def form_of(code: int, names: Mapping[str, Option]) -> Form:
    """How values of an option look. What the configuration defines anew is as it says there."""
    own = (found for found in names.values() if found.code == code and found.name not in BY_NAME)
    found = next(own, BY_CODE.get(code))
    return _OTHER if found is None else FORMS.get(found.type.name, _OTHER)


def relay_form_of(code: int) -> Form:
    """How values of a sub-option of 82 look."""
    found = RELAY_BY_CODE.get(code)
    return _OTHER if found is None else FORMS.get(found.type.name, _OTHER)


def read_of(path: Path, names: Mapping[str, Option], fail: Fail) -> Read:
    """What a path reads; `names`: options that the configuration defines, by name.
    Raises what `fail` makes."""
    return _Reader(path, names, fail).read()


class _Reader:
    """One path, its steps looked at in their order."""

    def __init__(self, path: Path, names: Mapping[str, Option], fail: Fail) -> None:
        self.path = path
        self.names = names
        self.fail = fail
        self.steps = path.steps
        self.count = 0

    def read(self) -> Read:
        root = self.word()
        return {
            "option": self.option,
            "relay4": self.relay,
            "vendor": self.vendor,
            "vendor-class": self.vendor_class,
            "pkt4": self.pkt4,
            "pkt": self.pkt,
        }[root]()

    # -- the steps

    def at(self) -> int:
        """Where the next step stands; behind the last one, where the path ends."""
        return self.path.places[self.count]

    def word(self, *wanted: str, cure: str = "") -> str:
        """The next step, a word, which is one of those wanted."""
        at = self.at()
        step = self.steps[self.count] if self.count < len(self.steps) else ""
        if not isinstance(step, str) or step.startswith("[") or (wanted and step not in wanted):
            if step == "":
                raise self.fail(at, f"{cure or _choice(wanted)} is missing")
            words = f"`{_shown(step)}` is not right here; write {cure or _choice(wanted)}"
            raise self.fail(at, words)
        self.count += 1
        return step

    def end(self) -> None:
        if self.count < len(self.steps):
            step = _shown(self.steps[self.count])
            raise self.fail(self.at(), f"`{step}` is too much; leave it out")

    def code(self, names: Mapping[str, int], of: str, highest: int = 254) -> int:
        """The next step, in brackets: a code, or a name of these."""
        at = self.at()
        step = self.steps[self.count] if self.count < len(self.steps) else ""
        if isinstance(step, str) and step.startswith("["):
            name = step[1:]
            if name not in names:
                near = nearest(name, names)
                cure = f"do you mean `{near}`?" if near else "write its code"
                raise self.fail(at, f"no {of} is called `{name}`; {cure}")
            step = names[name]
        if not isinstance(step, int):
            raise self.fail(at, f"names no {of}; write its code in brackets: [{_EXAMPLES[of]}]")
        if not 1 <= step <= highest:
            raise self.fail(at, f"{step} is no code of {of}s; they go from 1 to {highest}")
        self.count += 1
        return step

    def shape(self, form: Form, steps: tuple[Step, ...], name: str) -> tuple[Step, ...]:
        """.hex, .text or .exists at the end."""
        at = self.at()
        word = self.word("hex", "text", "exists")
        self.end()
        if word == "text":
            if form.text is None:
                raise self.fail(at, f"{name} is no text; write .hex, or hexstring({name}.hex, ':')")
            return (*steps, *form.text)
        return steps

    def sizes(self, form: Form) -> Sizes:
        return ANY_SIZE if self.steps[-1] == "text" else form.sizes

    # -- the roots

    def option(self) -> Read:
        known = {**BY_NAME, **self.names}
        code = self.code({name: option.code for name, option in known.items()}, "option")
        form = form_of(code, self.names)
        name = f"option[{code}]"
        fetch: tuple[Step, ...] = (_option(code),)
        if code == RELAY_INFO:
            fetch = (Step("relay-info"),)
        if self.count < len(self.steps) and self.steps[self.count] == "option":
            self.count += 1
            inner = self.code({}, "sub-option")
            form = relay_form_of(inner) if code == RELAY_INFO else _OTHER
            name += f".option[{inner}]"
            fetch = (
                (Step("relay", a=inner),)
                if code == RELAY_INFO
                else (*fetch, Step("sub-option", a=inner))
            )
        return Read(self.shape(form, fetch, name), self.sizes(form), option=code)

    def relay(self) -> Read:
        code = self.code({n: o.code for n, o in RELAY_BY_NAME.items()}, "sub-option", 255)
        form = relay_form_of(code)
        steps = self.shape(form, (Step("relay", a=code),), f"relay4[{code}]")
        return Read(steps, self.sizes(form), option=RELAY_INFO)

    def enterprise(self) -> tuple[int, int] | None:
        """(is any, number) in brackets; None: there are none."""
        step = self.steps[self.count] if self.count < len(self.steps) else ""
        if step is None:
            self.count += 1
            return 1, 0
        if isinstance(step, int):
            if not 0 <= step <= U32_MAX:
                raise self.fail(self.at(), f"{step} is no enterprise number; write 0 to {U32_MAX}")
            self.count += 1
            return 0, step
        if step.startswith("["):
            raise self.fail(
                self.at(), f"`{step[1:]}` is no enterprise number; write one such as 4491, or *"
            )
        return None

    def whole_vendor(self, code: int) -> Read:
        """vendor.exists, vendor.enterprise."""
        word = self.word("exists", "enterprise", cure="[4491] behind it, .exists or .enterprise")
        self.end()
        fetch = _option(code)
        if word == "exists":
            return Read((fetch, Step("vendor", b=1)), ANY_SIZE, option=code)
        return Read((fetch, Step("enterprise")), Sizes(4, 4, absent=True), option=code)

    def vendor(self) -> Read:
        found = self.enterprise()
        if found is None:
            return self.whole_vendor(VENDOR_OPTION)
        any_, number = found
        fetch = _option(VENDOR_OPTION)
        if self.word("exists", "option") == "exists":
            self.end()
            steps: tuple[Step, ...] = (fetch, Step("vendor", b=any_, c=number))
            return Read(steps, ANY_SIZE, option=VENDOR_OPTION)
        code = self.code({}, "sub-option", 255)
        steps = (fetch, Step("vendor-option", a=code, b=any_, c=number))
        name = f"vendor[{'*' if any_ else number}].option[{code}]"
        return Read(self.shape(_OTHER, steps, name), ANY_SIZE, option=VENDOR_OPTION)

    def vendor_class(self) -> Read:
        found = self.enterprise()
        if found is None:
            return self.whole_vendor(VENDOR_CLASS)
        any_, number = found
        place = 0
        if self.word("exists", "data") == "data" and self.count < len(self.steps):
            index = self.steps[self.count]
            if not isinstance(index, int) or not 0 <= index <= DATA_INDEX_MAX:
                raise self.fail(
                    self.at(),
                    f"`{_shown(index)}` is no place in the data; write one from 0 to "
                    f"{DATA_INDEX_MAX}",
                )
            place = index
            self.count += 1
        self.end()
        steps = (
            _option(VENDOR_CLASS),
            Step("vendor", a=place, b=any_, c=number),
        )
        return Read(steps, Sizes(0, 255), option=VENDOR_CLASS)

    def pkt4(self) -> Read:
        name = self.word(*PKT4_FIELDS)
        self.end()
        if name in HEADER_FIELDS:
            at, size = HEADER_FIELDS[name]
            return Read((Step("header", a=at, b=size),), Sizes(size, size), field=name)
        if name == "mac":
            return Read((Step("hardware"),), Sizes(0, HARDWARE_SIZE_MAX), field=name)
        return Read((Step("number", a=NUMBERS[name]),), Sizes(4, 4), field=name)

    def pkt(self) -> Read:
        name = self.word(*PKT_FIELDS)
        self.end()
        if name == "iface":
            return Read((Step("interface"),), Sizes(0, INTERFACE_NAME_MAX), field=name)
        return Read((Step("number", a=NUMBERS[name]),), Sizes(4, 4), field=name)


_EXAMPLES = {"option": "60", "sub-option": "1"}


def _shown(step: str | int | None) -> str:
    if isinstance(step, str) and not step.startswith("["):
        return step
    return f"[{'*' if step is None else str(step).removeprefix('[')}]"


def _choice(words: tuple[str, ...]) -> str:
    *others, last = words
    return f"{', '.join(f'.{word}' for word in others)} or .{last}" if others else f".{last}"
