"""Classes, guards and `when` as tables of the policy image (_image.pxd, _classes.pyx)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fastdhcp._classes import literal_hash
from fastdhcp._stats import CLASS_COUNTERS
from fastdhcp.config import tables
from fastdhcp.config.classes import CLASSES_MAX, TAKEN, in_order
from fastdhcp.config.fusion import fused, marked
from fastdhcp.config.left_out import missing
from fastdhcp.config.model import EVERYBODY, Class, Configuration, Guard, When
from fastdhcp.config.programs import ProgramError, ProgramTable
from fastdhcp.config.reads import Step
from fastdhcp.config.report import Report, Where
from fastdhcp.config.tables import NOWHERE, Blob, LayerTable, OverlayTable

DROP, LEASE = 1, 2  # ClassFlag
READ_KEPT_CLASS = 2  # ProgramsRead
EFFECTS = {"drop": 1, "overlaid": 2, "told": 4}  # ClassEffect
SET_SIZE = CLASSES_MAX // 8
EVERY_CLASS = (1 << CLASSES_MAX) - 1


@dataclass(slots=True)
class _Rows:
    """The tables while they grow."""

    guards: list[bytes] = field(default_factory=list)
    whens: list[bytes] = field(default_factory=list)
    places: list[bytes] = field(default_factory=list)


class ClassTables:
    """Rows for a configuration's classes; subnets and pools take theirs by guard() and whens()."""

    def __init__(
        self,
        config: Configuration,
        ids: Mapping[str, int],
        blob: Blob,
        layers: LayerTable,
        overlays: OverlayTable,
        programs: ProgramTable,
    ) -> None:
        self._classes = config.classes
        self._ids = ids
        self._blob = blob
        self._layers = layers
        self._overlays = overlays
        self._programs = programs
        self.numbers: Mapping[str, int] = {
            name: number for number, name in enumerate([*TAKEN, *config.class_names()])
        }
        """The bit of each class."""
        self.read = 0
        """Bits of ProgramsRead for what a worker is to look up."""
        self.head = {"class_first": 0, "class_count": 0, "class_effects": 0}
        """Of the image's head, once packed: the program of all tests, and which sets of classes are
        not empty."""
        self._rows = _Rows()
        self._guards: dict[Guard, int] = {}
        self._overlaid = self._told = 0
        self.guard(EVERYBODY)

    def guard(self, guard: Guard) -> int:
        """The index of a guard; equal ones once."""
        found = self._guards.get(guard)
        if found is None:
            found = self._guards[guard] = len(self._rows.guards)
            allow = self._set(guard.allow) if guard.allow else EVERY_CLASS
            row = tables.GUARD.pack(allow=_words(allow), deny=_words(self._set(guard.deny)))
            self._rows.guards.append(row)
        return found

    def whens(self, whens: Sequence[When]) -> tuple[int, int]:
        """Where those of one place begin, and how many they are."""
        first = len(self._rows.whens)
        for when in whens:
            number = self.numbers[when.name]
            overlay, layer = self._overlays.place(when.chosen), self._layers.place(when.options)
            self._note(number, overlay, layer)
            row = tables.WHEN.pack(number=number, overlay=overlay, layer=layer)
            self._rows.whens.append(row)
        return first, len(whens)

    def packed(self) -> dict[str, list[bytes]]:
        """All tables, when all subnets have taken theirs. Without any class they are empty."""
        rows = self._rows
        if not self._classes and len(rows.guards) == 1 and not rows.whens:
            return {name: [] for name in tables.CLASS_TABLES} | {"guards": rows.guards}
        classes = [self._pack_taken(name) for name in TAKEN]
        classes += [self._pack(found) for found in self._classes]
        self._add_program()
        ids = sorted((self._id(found), self.numbers[found.name]) for found in self._classes)
        return {
            "classes": classes,
            "class_ids": [tables.CLASS_ID.pack(id=id_, number=number) for id_, number in ids],
            "class_sets": [self._sets()],
            "class_places": rows.places,
            "guards": rows.guards,
            "whens": rows.whens,
        }

    # -- classes

    def _id(self, found: Class) -> int:
        return self._ids.get(found.name, 0)

    def _counter(self, found: Class) -> int:
        id_ = self._id(found)
        return id_ - 1 if 0 < id_ <= CLASS_COUNTERS else NOWHERE

    def _pack_taken(self, name: str) -> bytes:
        text = name.encode()
        return tables.CLASS.pack(
            id=0, name_at=self._blob.place(text), name_len=len(text), flags=0, overlay=0, layer=0,
            counter=NOWHERE, test_at=0, test_len=0, omitted=NOWHERE,
        )  # fmt: skip

    def _pack(self, found: Class) -> bytes:
        number, id_ = self.numbers[found.name], self._id(found)
        overlay, layer = self._overlays.place(found.chosen), self._layers.place(found.options)
        self._note(number, overlay, layer)
        text = found.name.encode()
        test = found.test.text.encode() if found.test is not None else b""
        return tables.CLASS.pack(
            id=id_,
            name_at=self._blob.place(text),
            name_len=len(text),
            flags=DROP * found.drop | LEASE * found.lease,
            overlay=overlay,
            layer=layer,
            counter=self._counter(found),
            test_at=self._blob.place(test),
            test_len=len(test),
            omitted=self._omitted(found),
        )

    def _omitted(self, found: Class) -> int:
        """The program that says whether a message lacks what the test of a kept class reads."""
        test = missing(found, self._classes) if found.lease else None
        if test is None:
            return NOWHERE
        self.read |= READ_KEPT_CLASS
        return self._programs.place(test, self.numbers)

    def _note(self, number: int, overlay: int, layer: int) -> None:
        self._overlaid |= bool(overlay) << number
        self._told |= bool(layer) << number

    def _set(self, names: Sequence[str]) -> int:
        return sum(1 << self.numbers[name] for name in set(names))

    def _sets(self) -> bytes:
        sets = {
            "drop": self._set([found.name for found in self._classes if found.drop]),
            "lease": self._set([found.name for found in self._classes if found.lease]),
            "overlaid": self._overlaid,
            "told": self._told,
        }
        self.head["class_effects"] = sum(bit for name, bit in EFFECTS.items() if sets[name])
        return tables.CLASS_SETS.pack(**{name: _words(bits) for name, bits in sets.items()})

    # -- tests

    def _add_program(self) -> None:
        """One program: the groups, those of an option first, then each test with its class, behind
        those that it names."""
        ordered = in_order(self._classes)
        groups = _groups(ordered)
        grouped = {found.name for members in groups for found in members}
        steps: list[Step] = []
        for group in sorted(map(self._group, groups), key=lambda group: len(group) > 1):
            steps += group
        for found in ordered:
            if found.name not in grouped and found.test is not None:
                self._programs.note(found.test)
                mark = Step("class", b=self.numbers[found.name], c=self._counter(found))
                steps += marked(found.test.steps, mark)
        self.head["class_first"] = self._programs.join(steps, self.numbers)
        self.head["class_count"] = len(steps)

    def _group(self, members: Sequence[Class]) -> tuple[Step, ...]:
        """Tests of one value, by open addressing over their literals, at most a quarter in use:
        a literal of several classes has as many places."""
        value, pairs = None, list[tuple[bytes, Class]]()
        for found in members:
            assert found.test is not None and found.test.compared is not None
            value, literals = found.test.compared
            pairs += [(literal, found) for literal in literals]
        assert value is not None
        self._programs.note(value)
        room = 1 << (4 * len(pairs) - 1).bit_length()
        places = [_EMPTY] * (room + len(pairs))
        for literal, found in pairs:
            digest = literal_hash(literal)
            at = digest & (room - 1)
            while places[at] is not _EMPTY:
                at += 1
            places[at] = tables.CLASS_PLACE.pack(
                hash=digest,
                literal_at=self._blob.place(literal),
                literal_len=len(literal),
                number=self.numbers[found.name],
                counter=self._counter(found),
            )
        among = Step("among", b=room - 1, c=len(self._rows.places))
        self._rows.places += places
        return fused([*value.steps, among])


def check_programs(
    report: Report, config: Configuration, classes: Sequence[Where], identifiers: Where
) -> None:
    """Whether an image has room for the tests of all classes, and for [identifiers]; where these
    stand. What does not fit is told once, at the last: all have their part in it."""
    blob = Blob()
    programs = ProgramTable(blob)
    here = classes[-1] if classes else identifiers
    try:
        ClassTables(config, {}, blob, LayerTable(blob), OverlayTable(blob), programs).packed()
        for one in config.identifiers:
            here = identifiers.at(one.name)
            programs.place(one.expression)
    except ProgramError as error:
        report.error(here, error)


_EMPTY = bytes(tables.CLASS_PLACE.size)


def _words(bits: int) -> bytes:
    return bits.to_bytes(SET_SIZE, "little")


def _groups(classes: Sequence[Class]) -> list[list[Class]]:
    """Those whose tests compare one value, that no class has a say in, with literals."""
    found: dict[object, list[Class]] = {}
    for member in classes:
        if member.test is not None and member.test.compared is not None:
            value, _ = member.test.compared
            if not value.classes:
                found.setdefault(value.steps, []).append(member)
    return [members for members in found.values() if len(members) > 1]
