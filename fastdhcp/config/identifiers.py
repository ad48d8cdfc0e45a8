"""[identifiers]: names for expressions over what a lease keeps, for `identity` and reservations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastdhcp.config import values
from fastdhcp.config.expressions import Expression, compile_expression
from fastdhcp.config.report import Report, Where
from fastdhcp.config.tokens import ExpressionError

IDENTIFIERS_MAX = 4
FIRST_KIND = 5
"""IDENTITY_NAMED of _image.pxd."""
TAKEN = ("address", "hostname", "classes", "vrf", "boot-file", "next-server", "options")
"""Keys and columns of reservations."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """One name, and what it stands for."""

    name: str
    expression: Expression


def read_identifiers(
    report: Report,
    where: Where,
    written: Mapping[str, str],
    known: Mapping[str, int],
    identity: Sequence[str],
) -> tuple[Identifier, ...]:
    """The identifiers in the order of their kinds; `known`: kinds that have these names already.

    Those that `identity` names come first, in its order: the kind is in the keys of their clients,
    so what else is written must not move it.
    """
    found = []
    if len(written) > IDENTIFIERS_MAX:
        words = f"has {len(written)} names; write at most {IDENTIFIERS_MAX}"
        report.error(where, words)
    for name, text in written.items():
        here = where.at(name)
        try:
            values.plain_name(name)
            if name in known or name in TAKEN:
                raise ValueError("has a meaning already; choose another name")
            if not isinstance(text, str):
                raise ValueError("must be an expression, in quotes")
            expression = compile_expression(text, value=True)
            if not expression.is_kept:
                raise ValueError(
                    f"reads {expression.not_kept[0]}, which no lease keeps; an identifier may read "
                    "relay4, option[61], option[12], pkt4.mac and pkt4.htype"
                )
            found.append(Identifier(name, expression))
        except (ValueError, ExpressionError) as error:
            report.error(here, error)
    ranks = {name: rank for rank, name in enumerate(identity)}
    found.sort(key=lambda one: ranks.get(one.name, len(ranks)))
    return tuple(found[:IDENTIFIERS_MAX])


def kinds_of(identifiers: tuple[Identifier, ...]) -> dict[str, int]:
    """Numbers of IdentityKind, by name."""
    return {one.name: FIRST_KIND + place for place, one in enumerate(identifiers)}
