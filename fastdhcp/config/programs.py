"""Programs of an image: expressions with their places, and the options that they have the codec
look at."""

from collections.abc import Mapping, Sequence

from fastdhcp._codec import slot_table
from fastdhcp._program import LIMITS, OPS, evaluate
from fastdhcp.config import tables
from fastdhcp.config.expressions import Expression
from fastdhcp.config.reads import Step
from fastdhcp.config.tables import Blob

INSTRUCTIONS_MAX = LIMITS["instructions"]
READ_RELAY_INFO = 1  # ProgramsRead (_image.pxd)
_MARKS = ("class", "among")  # what stands behind an expression


class ProgramError(ValueError):
    """More than an image has room for: the text says what, and what would be right."""


class ProgramTable:
    """Programs, equal ones once, and the slot table that they need."""

    def __init__(self, blob: Blob) -> None:
        self.instructions: list[bytes] = []
        self.rows: list[bytes] = []
        self.read = 0
        self._size = 0  # instructions of expressions
        self._blob = blob
        self._places: dict[tuple[tuple[Step, ...], tuple[int, ...]], int] = {}
        slots, self._slot_count, self._slot_max = slot_table()
        self._slots = bytearray(slots)
        self._slots_before = self._slot_count

    def place(self, expression: Expression, classes: Mapping[str, int] | None = None) -> int:
        """The index of the program; `classes`: the bit of each class. Raises ProgramError."""
        bits = tuple((classes or {})[name] for name in sorted(expression.classes))
        key = (expression.steps, bits)
        found = self._places.get(key)
        if found is None:
            self.note(expression)
            found = self._places[key] = self.add(expression.steps, classes or {})
        return found

    def note(self, expression: Expression) -> None:
        """Notes what a program reads whose steps are placed by add()."""
        if expression.reads_relay_info:
            self.read |= READ_RELAY_INFO

    def add(self, steps: Sequence[Step], classes: Mapping[str, int]) -> int:
        """The index of a new program. Raises ProgramError."""
        first = self.join(steps, classes)
        self.rows.append(tables.PROGRAM.pack(first=first, count=len(steps)))
        return len(self.rows) - 1

    def join(self, steps: Sequence[Step], classes: Mapping[str, int]) -> int:
        """Where the instructions of a program begin. Raises ProgramError."""
        self._size += sum(step.op not in _MARKS for step in steps)
        if self._size > INSTRUCTIONS_MAX:
            raise ProgramError(
                f"all expressions together take more than {INSTRUCTIONS_MAX} instructions; put "
                "what many of them say into a class, and ask for it by member('...')"
            )
        first = len(self.instructions)
        self.instructions += [self._pack(step, classes) for step in steps]
        return first

    def slots(self) -> bytes:
        """The slot table's row."""
        return tables.SLOT_TABLE.pack(slot_of=bytes(self._slots), count=self._slot_count)

    def _pack(self, step: Step, classes: Mapping[str, int]) -> bytes:
        a, b, c = step.a, step.b, step.c
        if step.literal is not None:
            b, c = len(step.literal), self._blob.place(step.literal)
        if step.option is not None:
            a = self._slot(step.option)
        if step.member is not None:
            b = classes[step.member]
        return tables.INSTRUCTION.pack(op=OPS[step.op], a=a, b=b, c=c)

    def _slot(self, code: int) -> int:
        if self._slots[code] == 0:
            if self._slot_count == self._slot_max:
                raise ProgramError(
                    f"expressions read more than {self._slot_max - self._slots_before} options "
                    "that the server itself does not look at; read fewer of them"
                )
            self._slots[code] = self._slot_count
            self._slot_count += 1
        return self._slots[code]


def program_tables(programs: ProgramTable) -> dict[str, list[bytes]]:
    """The tables of an image that programs make."""
    return {
        "instructions": programs.instructions,
        "programs": programs.rows,
        "slots": [programs.slots()],
    }


def program_image(
    blob: Blob,
    programs: ProgramTable,
    interfaces: Sequence[bytes] = (),
    *,
    class_places: Sequence[bytes] = (),
    class_count: int = 0,
) -> bytearray:
    """An image of programs alone, and of the interfaces that they may be asked about; the first
    `class_count` instructions are those of its classes, by these places of literals."""
    fixed: dict[str, int | bytes] = {
        name: b"" if name in ("identity", "named") else 0
        for name in tables.HEADER.fields
        if name not in ("magic", "layout", "size")
    }
    fixed |= {"programs_read": programs.read, "class_count": class_count}
    rows: dict[str, list[bytes]] = {name: [] for name in tables.TABLES[:-1]}
    rows |= {"interfaces": list(interfaces), "class_places": list(class_places)}
    return tables.assemble(fixed, blob, {**rows, **program_tables(programs)})


def small_image(*expressions: Expression, classes: Mapping[str, int] | None = None) -> bytearray:
    """An image of these programs, equal ones once: to run them by hand. Raises ProgramError."""
    blob = Blob()
    programs = ProgramTable(blob)
    for expression in expressions:
        programs.place(expression, classes)
    return program_image(blob, programs)


def constant_of(expression: Expression) -> bool | bytes:
    """What an expression that reads nothing says of every packet."""
    truth, value = evaluate(small_image(expression), 0, _NOBODY)
    return truth if expression.is_test else value or b""


_NOBODY = b"\x01".ljust(240, b"\0")
