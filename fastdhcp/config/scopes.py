"""The values of a scope (defaults, subnet, pool, reservation): the nearest wins."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from msgspec import UNSET

from fastdhcp.config.keys import keys_of
from fastdhcp.config.later import ScopeKeys, tell_later
from fastdhcp.config.model import (
    INFINITE,
    PARAMS_LEVELS,
    Chosen,
    Given,
    Levels,
    Options,
    Params,
    Value,
)
from fastdhcp.config.report import Report, Where, unknown
from fastdhcp.config.schema import Scope
from fastdhcp.options import BY_NAME, CODE_MAX, STANDARD, Definitions, OptionError, shown

NO_OPTIONS: Options = {}
_ROWS = keys_of(Params)
_LEVELS: Mapping[str | int, str] = {"defaults": "defaults", "shared-networks": "shared network"}
"""By the first step of a scope's place: what is folded into the subnets."""
_NAME_CODES = {
    BY_NAME[name].code for name in ("host-name", "domain-name", "tftp-server-name")
}
_IMPLIED = {
    BY_NAME["tftp-server-name"].code: "server_name", BY_NAME["boot-file-name"].code: "boot_file",
}  # fmt: skip
_SUBNET_MASK = BY_NAME["subnet-mask"].code
_IEN_116 = BY_NAME["name-servers"].code
_DOMAIN_NAME_SERVERS = BY_NAME["domain-name-servers"].code
_VENDOR_OPTIONS = BY_NAME["vendor-options"].name
_NAME_MAX = 253  # characters of a domain name that takes 255 octets in its encoding


@dataclass(frozen=True, slots=True)
class ScopeValues:
    """What is written for a scope, farther scopes included, and what follows from it; `own`: what
    is written in itself; `levels`: where each was written."""

    chosen: Chosen
    params: Params
    definitions: Definitions
    own: Chosen
    levels: Levels


def outermost(definitions: Definitions = STANDARD) -> ScopeValues:
    """The values when nothing is written; `definitions`: what may be named in all scopes."""
    defaults = {field: key.unset() for field, key in _ROWS.items()}
    chosen = {field: value for field, value in defaults.items() if value is not None}
    return ScopeValues(chosen, _derive(chosen), definitions, {}, {})


def scope_values(
    report: Report, where: Where, scope: Scope, parent: ScopeValues, *, reserved: bool = False
) -> ScopeValues:
    """The values of a scope within `parent`. Only a reservation (`reserved`) may be infinite."""
    own = _read(report, where, scope, reserved)
    if not own:
        return parent if not parent.own else replace(parent, own={})
    chosen: dict[str, Value] = {**parent.chosen, **own}
    if own.get("lease_s") == INFINITE:
        for field in ("lease_min_s", "lease_max_s"):
            if field in own:
                here = where.at(_ROWS[field].name)
                report.error(here, 'leave it out beside lease-time = "infinite"')
            chosen.pop(field, None)
    _keep_in_order(chosen, own)
    params = _derive(chosen)
    _check_lease(report, where, own)
    _check_renewal(report, where, own, params)
    levels = {**parent.levels, **dict.fromkeys(own, _params_level(where))}
    return ScopeValues(chosen, params, parent.definitions, own, levels)


def _params_level(where: Where) -> int:
    """The place in PARAMS_LEVELS of a scope."""
    first = where.path[0] if where.path else "defaults"
    if first in _LEVELS:
        return PARAMS_LEVELS.index(_LEVELS[first])
    return PARAMS_LEVELS.index("pool" if "pools" in where.path else "subnet")


def own_values(report: Report, where: Where, scope: Scope) -> Chosen:
    """What a class or `when` says itself, held against nothing but itself: where it counts, it is
    nearer than all that it meets."""
    own = _read(report, where, scope, reserved=False)
    chosen = {**outermost().chosen, **own}
    _keep_in_order(chosen, own)
    params = _derive(chosen)
    _check_lease(report, where, own)
    if "lease_s" in own or "lease_max_s" in own or ("renewal_s" in own and "rebinding_s" in own):
        _check_renewal(report, where, own, params)
    return own


def scope_options(
    report: Report, where: Where, scope: Scope, definitions: Definitions = STANDARD
) -> Options:
    """A scope's own options, encoded, by code; and what it always sends, and never."""
    found: dict[int, Given] = {}
    if not (scope.options or scope.always_send or scope.never_send):
        _add_implied(where, scope, found)
        return found or NO_OPTIONS
    level = _LEVELS.get(where.path[0], "") if where.path else ""
    for name, value in scope.options.items():
        here = where.at("options", name)
        try:
            code, data = _encode(definitions, name, value)
        except OptionError as error:
            report.error(here.at(*error.path), error)
            continue
        if code in found:
            report.error(here, f"option {code} is there already; write it once, by name or code")
        if code in _NAME_CODES and len(data) > _NAME_MAX:
            words = f"has {len(data)} characters, and a domain name at most {_NAME_MAX}"
            report.warn(here, f"{words} (RFC 1035 2.3.4: 255 octets); write a shorter one")
        # In hex, or by a name of its own, it is whole.
        found[code] = Given(data, by_vendor=name == _VENDOR_OPTIONS, level=level)
    if _IEN_116 in found and _DOMAIN_NAME_SERVERS not in found:
        here = where.at("options", "name-servers")
        words = "is option 5, servers of IEN 116 that nobody asks for any more"
        report.warn(here, f"{words}; servers of DNS are domain-name-servers")
    if scope.always_send or scope.never_send:
        _add_sendings(report, where, scope, definitions, found)
    _add_implied(where, scope, found)
    return found


def _add_implied(where: Where, scope: Scope, found: dict[int, Given]) -> None:
    """RFC 2132 9.4, 9.5: what fills sname and file, for who asks for it as an option. The boot file
    of a reservation stands in its row, not among its options."""
    level = _LEVELS.get(where.path[0], "") if where.path else ""
    for code, name in _IMPLIED.items():
        written = getattr(scope, name, UNSET)
        said = found.get(code, Given())
        if written is UNSET or said.value is not None:
            continue
        if name == "boot_file" and "reservations" in where.path:
            continue
        with contextlib.suppress(ValueError):  # it is wrong, and told
            value = _ROWS[name].read(written)
            assert isinstance(value, bytes)
            found[code] = replace(said, value=value, implied=True, level=level)


def _add_sendings(
    report: Report, where: Where, scope: Scope, definitions: Definitions, found: dict[int, Given]
) -> None:
    """What always-send and never-send say, beside the values that were found."""
    always = _sendings(report, where.at("always-send"), scope.always_send, definitions)
    never = _sendings(report, where.at("never-send"), scope.never_send, definitions)
    for code, place in never.items():
        if code in always:
            here = where.at("never-send", place)
            report.error(here, f"option {code} is in always-send too; write it in one of them")
    for codes, sending in ((always, "always"), (never, "never")):
        for code in codes:
            found[code] = replace(found.get(code, Given()), sending=sending)


def _sendings(
    report: Report, where: Where, written: Sequence[str | int], definitions: Definitions
) -> Mapping[int, int]:
    """The codes of a list of options, by name or code, and their places in it."""
    found: dict[int, int] = {}
    for place, name in enumerate(written):
        if name is None:  # its type is wrong, and told
            continue
        try:
            code = option_code(definitions, name)
        except OptionError as error:
            report.error(where.at(place), error)
            continue
        if code in found:
            report.error(where.at(place), f"option {code} is there already; write it once")
        found[code] = place
    return found


def option_code(definitions: Definitions, name: str | int) -> int:
    """The code of an option that may be sent: by name or code. Raises OptionError. Option 1, that
    the prefix gives, may be named, too."""
    text = str(name)
    option = definitions.dhcp.by_name.get(text)
    if option is None and text.isdecimal() and text.isascii():
        code = int(text[:4])
        option = definitions.dhcp.by_code.get(code)
        if not 1 <= code <= CODE_MAX:
            words = f"is not the code of an option; codes go from 1 to {CODE_MAX}"
            raise OptionError(f"{text[:20]} {words}")
    elif option is None:
        raise OptionError(f"{shown(name)} {unknown('an option', text, _names(definitions))}")
    else:
        code = option.code
    if option is not None and option.server and code != _SUBNET_MASK:
        words = "is written by the server itself; leave it out"
        raise OptionError(f"option {code} ({option.name}) {words}")
    return code


def _encode(definitions: Definitions, name: str, value: object) -> tuple[int, bytes]:
    try:
        return definitions.dhcp.encode(name, value)
    except KeyError:
        raise OptionError(unknown("an option", name, _names(definitions))) from None


def _names(definitions: Definitions) -> list[str]:
    return [name for name, option in definitions.dhcp.by_name.items() if not option.server]


def _read(report: Report, where: Where, scope: Scope, reserved: bool) -> dict[str, Value]:
    own: dict[str, Value] = {}
    tell_later(report, where, scope, ScopeKeys)
    for field, key in _ROWS.items():
        # A level has no field for what it does not accept.
        written = getattr(scope, key.attribute, UNSET)
        if written is UNSET:
            continue
        here = where.at(key.name)
        if field == "lease_s" and written == "infinite":
            if reserved:
                own[field] = INFINITE
            else:
                words = '"infinite" is for reservations only; write a time such as "30d"'
                report.error(here, words)
            continue
        try:
            own[field] = key.read(written)
        except ValueError as error:
            report.error(here, error)
        if key.caution and own.get(field):
            report.warn(here, key.caution)
    return own


def _derive(chosen: Chosen) -> Params:
    lease_s = chosen["lease_s"]
    fields: dict[str, Any] = {"lease_min_s": lease_s, "lease_max_s": lease_s, **chosen}
    return Params(
        **fields, lease_min="lease_min_s" in chosen, lease_max="lease_max_s" in chosen
    )


def _keep_in_order(chosen: dict[str, Any], own: Chosen) -> None:
    """As keep_times_in_order() of _overlay.pxd: a nearer limit bounds a farther lease time, and a
    nearer lease time widens farther limits. What one scope says itself is left as it is."""
    if "lease_min_s" in own and "lease_max_s" not in own and "lease_max_s" in chosen:
        chosen["lease_max_s"] = max(chosen["lease_max_s"], chosen["lease_min_s"])
    if "lease_max_s" in own and "lease_min_s" not in own and "lease_min_s" in chosen:
        chosen["lease_min_s"] = min(chosen["lease_min_s"], chosen["lease_max_s"])
    for limit, bound, widen in (("lease_min_s", max, min), ("lease_max_s", min, max)):
        if limit not in chosen:
            continue
        if "lease_s" not in own:
            chosen["lease_s"] = bound(chosen["lease_s"], chosen[limit])
        elif limit not in own:
            chosen[limit] = widen(chosen["lease_s"], chosen[limit])


def _check_lease(report: Report, where: Where, own: Chosen) -> None:
    """The order of the lease times that one scope says itself: of two scopes the nearer counts."""
    lease_s = int(own.get("lease_s", 0))
    low, high = int(own.get("lease_min_s", 0)), int(own.get("lease_max_s", INFINITE))
    if low > high:
        text = f"lease-time-min {low} s is above lease-time-max {high} s"
        cure = "write the shorter time as lease-time-min"
        field = "lease_min_s"
    elif 0 < lease_s < low:
        text = f"lease-time {lease_s} s is below lease-time-min {low} s"
        cure = f"write at most {lease_s} as lease-time-min here, or a longer lease-time"
        field = "lease_s"
    elif high < lease_s != INFINITE:
        text = f"lease-time {lease_s} s is above lease-time-max {high} s"
        cure = f"write at least {lease_s} as lease-time-max here, or a shorter lease-time"
        field = "lease_s"
    else:
        return
    report.error(where.at(_ROWS[field].name), f"{text}; {cure}")


def _check_renewal(report: Report, where: Where, own: Chosen, params: Params) -> None:
    """RFC 2131 4.4.5: T1 < T2 < lease. What a nearer, shorter lease passes is left to the default
    at the time of the grant, so only what can never have an effect is wrong."""
    t1, t2, longest = params.renewal_s, params.rebinding_s, params.lease_max_s
    if t1 and t2 and t1 >= t2 and ("renewal_s" in own or "rebinding_s" in own):
        field = "renewal_s" if "renewal_s" in own else "rebinding_s"
        text = f"renewal-time {t1} s is not below rebinding-time {t2} s"
        report.error(where.at(_ROWS[field].name), f"{text}; T1 comes before T2 (RFC 2131 4.4.5)")
        return
    for field, time_s in (("renewal_s", t1), ("rebinding_s", t2)):
        if field in own and time_s >= longest:
            name = _ROWS[field].name
            text = f"{name} {time_s} s is not below the longest lease here, {longest} s"
            report.error(where.at(name), f"{text}; write a shorter one, or leave it out")
