"""[identifiers]: names for expressions over what a lease keeps, for `identity` and reservations."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from fastdhcp.config import values
from fastdhcp.config.expressions import Expression, compile_expression
from fastdhcp.config.notation import doubt_of_expression
from fastdhcp.config.report import Report, Where
from fastdhcp.config.tokens import ExpressionError

IDENTIFIERS_MAX = 4
FIRST_KIND = 5
"""IDENTITY_NAMED of _image.pxd."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """One name, and what it stands for."""

    name: str
    expression: Expression


def read_identifiers(
    report: Report,
    where: Where,
    written: Mapping[str, str],
    taken: Collection[str],
    identity: Sequence[str],
) -> tuple[tuple[Identifier, ...], dict[str, int]]:
    """The identifiers in the order of their kinds, and all kinds by name; `taken`: names that mean
    something else in a reservation.

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
            if name in taken:
                raise ValueError("has a meaning already; choose another name")
            if not isinstance(text, str):
                raise ValueError("must be an expression, in quotes")
            expression = compile_expression(text, value=True, whole=True)
            if not expression.is_kept:
                raise ValueError(
                    f"reads {expression.not_kept[0]}, which no lease keeps; an identifier may read "
                    "relay4, option[61], option[12], pkt4.mac and pkt4.htype"
                )
            if doubt := doubt_of_expression(text):
                report.warn(here, doubt)
            found.append(Identifier(name, expression))
        except (ValueError, ExpressionError) as error:
            report.error(here, error)
    ranks = {name: rank for rank, name in enumerate(identity)}
    found.sort(key=lambda one: ranks.get(one.name, len(ranks)))
    good = tuple(found[:IDENTIFIERS_MAX])
    return good, {**kinds_of(good), **_kinds_of_refused(written, good, taken)}


def _kinds_of_refused(
    written: Mapping[str, str], good: tuple[Identifier, ...], taken: Collection[str]
) -> dict[str, int]:
    """Kinds for names whose expression was refused: they are names all the same, and what names
    them is not wrong."""
    names = [name for name in written if name not in {*taken, *(one.name for one in good)}]
    kinds = range(FIRST_KIND + len(good), FIRST_KIND + IDENTIFIERS_MAX)
    return dict(zip(names, kinds, strict=False))


def warn_of_unnamed(
    report: Report, where: Where, identifiers: tuple[Identifier, ...], identity: Sequence[str],
    reserved: int,
) -> None:
    """Says which names nobody uses; `reserved`: kinds that reservations are by, a bit each."""
    if report.failed:
        return  # what is refused may be who uses it
    for name, kind in kinds_of(identifiers).items():
        if name not in identity and not reserved >> kind & 1:
            report.warn(
                where.at(name),
                "is never used; name it in server.identity, or write reservations by it",
            )


def kinds_of(identifiers: tuple[Identifier, ...]) -> dict[str, int]:
    """Numbers of IdentityKind, by name."""
    return {one.name: FIRST_KIND + place for place, one in enumerate(identifiers)}
