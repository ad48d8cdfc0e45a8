"""The values of a scope (defaults, subnet, pool, reservation): the nearest wins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from msgspec import UNSET

from fastdhcp import options as dhcp_options
from fastdhcp.config import values
from fastdhcp.config.model import INFINITE, Options, Params
from fastdhcp.config.report import Report, Where, unknown
from fastdhcp.config.schema import LATER_IF_TRUE, Scope

Value = int | bool | bytes
Chosen = Mapping[str, Value]  # by field of Scope; only what was written

NO_OPTIONS: Options = {}

_DEFAULTS: Chosen = {
    "lease_time": 3600,
    "offer_hold": 60,
    "decline_time": 86400,
    "reuse_grace": 64,
    "authoritative": False,
    "rapid_commit": False,
    "bootp": False,
    "next_server": 0,
    "boot_file": b"",
}


def _zero_or_more(value: int | str) -> int:
    return values.seconds(value, 0)


_READERS: Mapping[str, Callable[..., Value]] = {
    "lease_time": values.seconds,
    "lease_time_min": values.seconds,
    "lease_time_max": values.seconds,
    "renewal_time": values.seconds,
    "rebinding_time": values.seconds,
    "offer_hold": _zero_or_more,
    "decline_time": values.seconds,
    "reuse_grace": _zero_or_more,
    "authoritative": bool,
    "rapid_commit": bool,
    "bootp": bool,
    "next_server": values.address,
    "boot_file": lambda text: values.printable(text, values.BOOT_FILE_MAX),
}


@dataclass(frozen=True, slots=True)
class ScopeValues:
    """What is written for a scope, farther scopes included, and what follows from it."""

    chosen: Chosen
    params: Params


def kebab(name: str) -> str:
    """The key of a field."""
    return name.replace("_", "-")


def outermost() -> ScopeValues:
    """The values when nothing is written."""
    return ScopeValues(_DEFAULTS, _derive(_DEFAULTS))


def scope_values(
    report: Report, where: Where, scope: Scope, parent: ScopeValues, *, reserved: bool = False
) -> ScopeValues:
    """The values of a scope within `parent`. Only a reservation (`reserved`) may be infinite."""
    own = _read(report, where, scope, reserved)
    if not own:
        return parent
    chosen: dict[str, Value] = {**parent.chosen, **own}
    if own.get("lease_time") == INFINITE:
        for name in ("lease_time_min", "lease_time_max"):
            if name in own:
                report.error(where.at(kebab(name)), 'leave it out beside lease-time = "infinite"')
            chosen.pop(name, None)
    params = _derive(chosen)
    _check_lease(report, where, own, params)
    _check_renewal(report, where, own, params)
    return ScopeValues(chosen, params)


def scope_options(report: Report, where: Where, scope: Scope) -> Options:
    """A scope's own options, encoded, by code."""
    if not scope.options:
        return NO_OPTIONS
    encoded: dict[int, bytes] = {}
    for name, value in scope.options.items():
        here = where.at("options", name)
        try:
            code, data = _encode(name, value)
        except ValueError as error:
            report.error(here, error)
            continue
        if code in encoded:
            report.error(here, f"option {code} is there already; write it once, by name or code")
        encoded[code] = data
    return encoded


def _encode(name: str, value: object) -> tuple[int, bytes]:
    option = dhcp_options.BY_NAME.get(name)
    if option is not None:
        return option.code, dhcp_options.encode(option, value)
    if name.isdecimal() and name.isascii():
        code = int(name)
        return code, dhcp_options.encode_code(code, value)
    names = [option.name for option in dhcp_options.CONFIGURABLE]
    raise ValueError(unknown("an option", name, names))


def _read(report: Report, where: Where, scope: Scope, reserved: bool) -> dict[str, Value]:
    own: dict[str, Value] = {}
    for name, read in _READERS.items():
        written = getattr(scope, name)
        if written is UNSET:
            continue
        here = where.at(kebab(name))
        try:
            own[name] = _lease_time(written, reserved) if name == "lease_time" else read(written)
        except ValueError as error:
            report.error(here, error)
        if written is True and name in LATER_IF_TRUE:
            report.warn(here, "not served yet")
    return own


def _lease_time(written: int | str, reserved: bool) -> int:
    if written != "infinite":
        return values.seconds(written)
    if not reserved:
        raise ValueError('"infinite" is for reservations only; write a time such as "30d"')
    return INFINITE


def _derive(chosen: Chosen) -> Params:
    lease_s = int(chosen["lease_time"])
    return Params(
        lease_s=lease_s,
        lease_min_s=int(chosen.get("lease_time_min", lease_s)),
        lease_max_s=int(chosen.get("lease_time_max", lease_s)),
        renewal_s=int(chosen.get("renewal_time", 0)),
        rebinding_s=int(chosen.get("rebinding_time", 0)),
        offer_hold_s=int(chosen["offer_hold"]),
        decline_s=int(chosen["decline_time"]),
        reuse_grace_s=int(chosen["reuse_grace"]),
        authoritative=bool(chosen["authoritative"]),
        rapid_commit=bool(chosen["rapid_commit"]),
        bootp=bool(chosen["bootp"]),
        next_server=int(chosen["next_server"]),
        boot_file=bytes(chosen["boot_file"]),
    )


def _check_lease(report: Report, where: Where, own: Chosen, params: Params) -> None:
    """The order of the three lease times; told at the key that this scope itself writes."""
    lease_s, low, high = params.lease_s, params.lease_min_s, params.lease_max_s
    if low > lease_s:
        text = f"lease-time {lease_s} s is below lease-time-min {low} s"
        cure = f"write at most {lease_s} as lease-time-min here, or a longer lease-time"
        names = ("lease_time", "lease_time_min")
    elif lease_s > high:
        text = f"lease-time {lease_s} s is above lease-time-max {high} s"
        cure = f"write at least {lease_s} as lease-time-max here, or a shorter lease-time"
        names = ("lease_time", "lease_time_max")
    else:
        return
    for name in names:
        if name in own:
            report.error(where.at(kebab(name)), f"{text}; {cure}")
            return


def _check_renewal(report: Report, where: Where, own: Chosen, params: Params) -> None:
    """RFC 2131 4.4.5: T1 < T2 < lease. What a nearer, shorter lease passes is left to the default
    at the time of the grant, so only what can never have an effect is wrong."""
    t1, t2, longest = params.renewal_s, params.rebinding_s, params.lease_max_s
    if t1 and t2 and t1 >= t2 and ("renewal_time" in own or "rebinding_time" in own):
        name = "renewal_time" if "renewal_time" in own else "rebinding_time"
        text = f"renewal-time {t1} s is not below rebinding-time {t2} s"
        report.error(where.at(kebab(name)), f"{text}; T1 comes before T2 (RFC 2131 4.4.5)")
        return
    for name, time_s in (("renewal_time", t1), ("rebinding_time", t2)):
        if name in own and time_s >= longest:
            text = f"{kebab(name)} {time_s} s is not below the longest lease here, {longest} s"
            report.error(where.at(kebab(name)), f"{text}; write a shorter one, or leave it out")
