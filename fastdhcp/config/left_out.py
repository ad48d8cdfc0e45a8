"""What tests of classes read and clients may leave out when they renew a lease (RFC 2131 4.3.2)."""

from collections.abc import Iterable

from fastdhcp.config.expressions import Expression, Facts, compile_expression
from fastdhcp.config.model import Class

KEPT = frozenset({53, 61, 82})
"""Options that a renewal has, or that are kept with the lease for it."""
USUAL = KEPT | {12, 55, 57, 81}
"""Those that clients send again, as a rule."""
_GIADDR = "giaddr"


def left_out(found: Class, classes: Iterable[Class]) -> list[str]:
    """What of a class's test is often missing in a renewal, as it is written."""
    facts = _facts(found, {one.name: one for one in classes})
    names = [f"option[{code}]" for code in sorted(facts.options - USUAL)]
    return names + [f"pkt4.{_GIADDR}"] * (_GIADDR in facts.fields)


def missing(found: Class, classes: Iterable[Class]) -> Expression | None:
    """The test whether a message lacks something that a class's test reads; None: it cannot."""
    facts = _facts(found, {one.name: one for one in classes})
    there = [f"option[{code}].exists" for code in sorted(facts.options - KEPT)]
    there += [f"pkt4.{_GIADDR} != 0.0.0.0"] * (_GIADDR in facts.fields)
    return compile_expression(f"not ({' and '.join(there)})") if there else None


def _facts(found: Class, classes: dict[str, Class]) -> Facts:
    """What its test reads, and those that it names by member()."""
    facts, seen, waiting = Facts(), set[str](), [found.name]
    while waiting:
        name = waiting.pop()
        test = classes[name].test if name in classes else None
        if name not in seen and test is not None:
            facts |= test.facts
            waiting += test.classes
        seen.add(name)
    return facts
