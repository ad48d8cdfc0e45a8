"""Whether option 125, made of the parts of several layers (RFC 3925 4), is longer than an option
may be: vendors that find no room in it would be lost without a word."""

from collections.abc import Iterable, Iterator, Mapping

from fastdhcp.config.classes import Classes
from fastdhcp.config.model import Options, When, layered
from fastdhcp.config.report import Report, Where
from fastdhcp.config.subnets import Draft
from fastdhcp.options import BY_NAME, VALUE_SIZE_MAX, vendors

_OPTION = BY_NAME["vendor-options"]
_CURE = f"an option may take {VALUE_SIZE_MAX}; write fewer vendors, or less of one"
Sizes = Mapping[int, int]
"""Octets by vendor."""


def check_vendor_options(
    report: Report, drafts: Iterable[Draft], defaults: tuple[Where, Options], classes: Classes
) -> None:
    """An error for what every client of a place would get; a warning, for the longest, of what a
    client does that is of all classes which have a part in it."""
    of_classes = _largest(found.options for found in classes.written)
    longest: tuple[int, Where] | None = None
    for where, options, whens in _places(drafts, *defaults):
        sizes = _sizes(options)
        if (size := sum(sizes.values())) > VALUE_SIZE_MAX:
            told = f"takes {size} octets with what farther places give of other vendors"
            report.error(where, f"{_OPTION.name} {told}; {_CURE}")
            continue
        size = sum(_larger(sizes, of_classes, _largest(w.options for w in whens)).values())
        if size > VALUE_SIZE_MAX and (longest is None or size > longest[0]):
            longest = size, where
    if longest is not None:
        size, where = longest
        told = f"takes {size} octets here for a client of all classes with vendors of their own"
        report.warn(where, f"{_OPTION.name} {told}: some may be left out; {_CURE}")


def _places(
    drafts: Iterable[Draft], outermost: Where, defaults: Options
) -> Iterator[tuple[Where, Options, tuple[When, ...]]]:
    """Where vendors meet: the layers of a place in one, and what its classes add there alone."""
    code = _OPTION.code
    yield outermost, defaults, ()
    for draft in drafts:
        around = layered(defaults, draft.options) if draft.options else defaults
        if code in draft.options or draft.whens:
            yield draft.where.at("options", _OPTION.name), around, draft.whens
        for pool in draft.pools:
            if code in pool.options or pool.whens:
                here = layered(around, pool.options)
                yield draft.where.at("pools"), here, (*draft.whens, *pool.whens)
        for where, row in draft.reservations:
            if code in row.options:
                here = layered(around, row.options)
                yield where.at("options", _OPTION.name), here, draft.whens


def _sizes(options: Options) -> dict[int, int]:
    """What is given in hex counts whole, and meets nothing."""
    said = options.get(_OPTION.code)
    if said is None or said.value is None or not said.by_vendor:
        return {}
    return {number: len(part) for number, part in vendors(said.value).items()}


def _largest(layers: Iterable[Options]) -> Sizes:
    return _larger(*map(_sizes, layers))


def _larger(*parts: Sizes) -> Sizes:
    """Of each vendor the longest."""
    found: dict[int, int] = {}
    for sizes in parts:
        for number, size in sizes.items():
            found[number] = max(found.get(number, 0), size)
    return found
