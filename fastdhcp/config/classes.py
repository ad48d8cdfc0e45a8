"""Classes of clients as they are written: their names, their tests, and who names them.

A name is a set of clients. What names one that is not there, or names it in a circle, is told here,
and so is what can never have an effect.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import UNSET

from fastdhcp.config import schema, values
from fastdhcp.config.expressions import Expression, ExpressionError, compile_expression
from fastdhcp.config.fusion import fused
from fastdhcp.config.left_out import left_out
from fastdhcp.config.model import EVERYBODY, Class, Guard, When
from fastdhcp.config.notation import doubt_of_expression
from fastdhcp.config.reads import Step
from fastdhcp.config.report import Report, Where, unknown_name
from fastdhcp.config.scopes import own_values, scope_options
from fastdhcp.config.weights import RUN, WEIGHTS, weight_of
from fastdhcp.options import Definitions, shown

TAKEN = ("known", "bootp", "all")
"""Classes that are there without being written, in the order of their bits (_image.pxd)."""
CLASSES_MAX = 256  # with the three that are taken
WHENS_MAX = 32  # of one subnet or pool
UNKNOWN = "unknown"


@dataclass(slots=True)
class Classes:
    """All classes of a configuration. Whoever reads a name of one asks `name`. `allowed`: the first
    place of each in `allow`."""

    definitions: Definitions
    written: tuple[Class, ...] = ()
    places: Mapping[str, Where] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    reserved: set[str] = field(default_factory=set)
    allowed: dict[str, Where] = field(default_factory=dict)

    def name(self, report: Report, where: Where, text: str) -> str | None:
        """The name of a class as it is written elsewhere. None: there is none, and that is told."""
        if text in self.places or text.lower() in TAKEN:
            found = text if text in self.places else text.lower()
            self.named.add(found)
            return found
        if text.lower() == UNKNOWN:
            report.error(where, 'is no class; write "known" in `deny`')
        else:
            words = unknown_name("a class", text, [*self.places, *TAKEN])
            joint = " Else" if words.endswith("?") else "; or"
            report.error(where, f"{words}{joint} write [[classes]] with name = {shown(text)}")
        return None

    def reserve(self, report: Report, where: Where, text: str) -> str | None:
        """As name(), of a class that a reservation gives to its client."""
        if text.lower() in (*TAKEN, UNKNOWN):
            words = "is nobody's to give; write the name of one of [[classes]]"
            report.error(where, f'"{text}" {words}')
            return None
        if (found := self.name(report, where, text)) is not None:
            self.reserved.add(found)
        return found


def read_classes(
    report: Report, tables: Sequence[tuple[Where, schema.Class]], definitions: Definitions
) -> Classes:
    """The classes in the order of the files; `definitions`: the options that they may name."""
    places = _names(report, tables)
    written = []
    for where, table in tables:
        if places.get(table.name) is not where:
            continue
        written.append(
            Class(
                name=table.name,
                test=_test(report, where, table, places, definitions),
                drop=table.drop,
                lease=table.lease_class,
                chosen=own_values(report, where, table),
                options=scope_options(report, where, table, definitions),
            )
        )
    _check_circles(report, written, places)
    return Classes(definitions, tuple(written), places)


def read_guard(report: Report, where: Where, table: schema.Guarded, classes: Classes) -> Guard:
    """`allow` and `deny` of a subnet or pool."""
    if not table.allow and not table.deny:
        return EVERYBODY
    sides = []
    for key, names in (("allow", table.allow), ("deny", table.deny)):
        here = where.at(key)
        read = [
            classes.name(report, here.at(i), text)
            for i, text in enumerate(names)
            if text is not None
        ]
        if key == "allow":
            for place, name in enumerate(read):
                if name is not None:
                    classes.allowed.setdefault(name, here.at(place))
        sides.append(tuple(dict.fromkeys(name for name in read if name is not None)))
    for name in sorted(set(sides[0]) & set(sides[1])):
        report.error(where.at("deny"), f'"{name}" is in `allow` too; write it in one of them')
    return Guard(*sides)


def read_whens(
    report: Report, where: Where, table: schema.Guarded, classes: Classes
) -> tuple[When, ...]:
    """`when` of a subnet or pool: the first is the nearest."""
    if len(table.when) > WHENS_MAX:
        words = f"has {len(table.when)} tables; at most {WHENS_MAX} may stand in one place"
        report.error(where.at("when"), words)
    found = []
    for i, item in enumerate(table.when):
        if item is None:
            continue
        here = where.at("when", i)
        name = classes.name(report, here.at("class"), item.class_)
        chosen = own_values(report, here, item)
        options = scope_options(report, here, item, classes.definitions)
        if name is not None and not chosen and not options:
            report.warn(here, "gives nothing; write a key of [defaults], or options")
        if name is not None:
            found.append(When(name, chosen, options))
    return tuple(found)


def advise_on_classes(report: Report, classes: Classes) -> None:
    """Classes that can never have an effect, and those that end with a renewal. Where something is
    refused, it may be what names them."""
    if report.failed:
        return
    _advise_on_renewals(report, classes)
    asked = {name for found in classes.written if found.test for name in found.test.classes}
    for found in classes.written:
        where = classes.places[found.name]
        if _is_never(found, classes.reserved):
            report.warn(where, f'"{found.name}" {_why_never(found)}')
        uses = found.drop or found.lease or found.chosen or found.options
        if not uses and found.name not in classes.named | asked:
            report.warn(
                where,
                f'"{found.name}" is never used; name it in `allow`, `deny`, `when` or member(), or '
                "write what its clients get",
            )


def _advise_on_renewals(report: Report, classes: Classes) -> None:
    """A guard counts for a renewal too, and a renewal may lack what a test reads."""
    for found in classes.written:
        where = classes.allowed.get(found.name)
        if where is None or found.lease or found.name in classes.reserved:
            continue
        if reads := left_out(found, classes.written):
            report.warn(
                where,
                f'"{found.name}" reads {reads[0]}, which a client may leave out when it renews: it '
                "draws a NAK then. Write lease-class = true in that class: it counts until the "
                "client asks anew",
            )


def in_order(classes: Iterable[Class]) -> list[Class]:
    """Those with a test, each behind those that its test names; else as they stand."""
    waiting = {found.name: found for found in classes if found.test is not None}
    order: list[Class] = []
    while waiting:
        ready = [found for found in waiting.values() if not _names_one_of(found, waiting)]
        if not ready:
            break  # a circle, that was told
        order += ready
        for found in ready:
            del waiting[found.name]
    return order


def ceiling(classes: Iterable[Class]) -> int:
    """Instructions of the machine that the tests of a packet take at most, about. All are one
    program; tests of one value take one look-up of it, and those of an option stand before it."""
    grouped: set[object] = set()
    total = run = 0
    for found in classes:
        if found.test is None:
            continue
        if found.test.compared is None:
            total += weight_of(found.test.steps) + WEIGHTS["class"]
            run = RUN
        elif (value := found.test.compared[0]).steps not in grouped:
            grouped.add(value.steps)
            steps = fused([*value.steps, Step("among")])
            total += weight_of(steps)
            run = run if len(steps) == 1 else RUN
    return total + run


def _names_one_of(found: Class, names: Mapping[str, Class]) -> bool:
    return found.test is not None and not found.test.classes.isdisjoint(names)


def _names(report: Report, tables: Sequence[tuple[Where, schema.Class]]) -> dict[str, Where]:
    """The place of each name; of one that stands twice, the first."""
    places: dict[str, Where] = {}
    for where, table in tables:
        here = where.at("name")
        try:
            name = values.plain_name(table.name)
        except ValueError as error:
            report.error(here, error)
            continue
        if name.lower() in (*TAKEN, UNKNOWN):
            report.error(here, f'"{name}" is taken; write another name')
        elif name in places:
            words = f'"{name}" stands at {places[name]} already; write each class once'
            report.error(here, words)
        else:
            places[name] = where
    room = CLASSES_MAX - len(TAKEN)
    if len(places) > room:
        words = f"are {len(places)}; at most {room} may be written, beside {', '.join(TAKEN)}"
        report.error(list(places.values())[room], f"classes {words}")
    return places


def _test(
    report: Report,
    where: Where,
    table: schema.Class,
    places: Mapping[str, Where],
    definitions: Definitions,
) -> Expression | None:
    if table.test is UNSET:
        return None
    try:
        test = compile_expression(
            table.test, classes=set(places), names=definitions.dhcp.by_name
        )
    except ExpressionError as error:
        report.error(where.at("test"), error)
        return None
    if doubt := doubt_of_expression(table.test):
        report.warn(where.at("test"), doubt)
    return test


def _check_circles(
    report: Report, written: Sequence[Class], places: Mapping[str, Where]
) -> None:
    """No test can be looked at before those that it names."""
    ordered = {found.name for found in in_order(written)}
    left = {
        found.name: found for found in written if found.test and found.name not in ordered
    }
    while left:
        circle = _circle(left)
        told = " -> ".join(f'"{name}"' for name in [*circle, circle[0]])
        report.error(
            places[circle[0]].at("test"),
            f"names itself in a circle: {told}; take one member() out",
        )
        for name in circle:
            del left[name]
        left = {name: found for name, found in left.items() if _names_one_of(found, left)}


def _circle(left: Mapping[str, Class]) -> list[str]:
    """The first circle that is met by following the names of tests."""
    path = [next(iter(left))]
    while True:
        test = left[path[-1]].test
        onward = sorted(name for name in (test.classes if test else ()) if name in left)
        if not onward:
            return path
        if onward[0] in path:
            return path[path.index(onward[0]) :]
        path.append(onward[0])


def _is_never(found: Class, reserved: set[str]) -> bool:
    if found.name in reserved:
        return False
    return found.test is None or _is_false(found.test)


def _why_never(found: Class) -> str:
    if found.test is None:
        return "has no test, and no reservation names it: nobody is of it; write one of the two"
    return "has a test that no client can pass: nobody is of it; write another test"


def _is_false(test: Expression) -> bool:
    """Of a test that reads nothing: what it says."""
    if not test.is_constant:
        return False
    truth = False
    place = 0
    while place < len(test.steps):
        step = test.steps[place]
        if step.op == "truth":
            truth = bool(step.a)
        elif step.op == "not":
            truth = not truth
        elif (step.op == "jump-if" and truth) or (step.op == "jump-unless" and not truth):
            place += step.a
        elif step.op not in ("jump-if", "jump-unless"):
            return False  # values are in it, made of what is written out
        place += 1
    return not truth
