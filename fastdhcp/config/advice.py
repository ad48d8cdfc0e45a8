"""What is allowed and hardly ever meant: warnings, each with its cure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import ip_address

from fastdhcp.config.model import Control, Options, Server, option_values
from fastdhcp.config.report import Report, Where
from fastdhcp.config.subnets import Draft
from fastdhcp.options import BY_NAME
from fastdhcp.words import address_text

_ROUTERS = BY_NAME["routers"].code
_ROUTES = BY_NAME["classless-static-routes"].code
Values = Mapping[int, bytes]
_OFF_LINK_LEN = 31  # from here on a router outside the prefix is the custom, not a slip


def advise(
    report: Report,
    drafts: Iterable[Draft],
    where: Where,
    defaults: Options,
    reserved: Collection[tuple[str, bool, str]],
) -> None:
    """Looks at the subnets by the options that reach them; `defaults` stand at `where`. `reserved`:
    networks with reservations, by their keys."""
    outer = option_values(defaults)
    _check_routes(report, where, outer, outer)
    spans: dict[tuple[str, bool, str], list[Draft]] = {}
    drafts = list(drafts)
    for draft in drafts:
        spans.setdefault(draft.network_key, []).append(draft)
    for key, link in spans.items():
        if key not in reserved:
            _check_empty(report, link)
    for draft in drafts:
        own = option_values(draft.options)
        reaching = {**outer, **own}
        for router in _addresses(reaching.get(_ROUTERS, b"")):
            _check_given(report, draft, router)
            if _ROUTERS in own:
                _check_on_link(report, draft, router, spans[draft.network_key])
        if _ROUTES in own or (_ROUTES in outer and _ROUTERS not in outer):
            _check_routes(report, draft.where, own, reaching)


def advise_on_addresses(
    report: Report,
    server: tuple[Where, Server],
    control: tuple[Where, Control],
    drafts: list[Draft],
) -> None:
    """Looks at what the server listens on."""
    host, port = server[1].listen
    if host != "0.0.0.0" and server[1].interfaces != () and drafts:
        report.warn(
            server[0].at("listen"),
            f"a socket on {host} alone hears no broadcasts: clients on a link of this host get no "
            f'address; write "0.0.0.0:{port}", or interfaces = [] if all come through relay agents',
        )
    listen = control[1].listen
    if listen is not None and not ip_address(listen[0]).is_loopback:
        report.warn(
            control[0].at("listen"),
            f"whoever reaches {listen[0]} can read all leases: there is no login and no encryption "
            f'yet; write "127.0.0.1:{listen[1]}"',
        )


def _check_empty(report: Report, link: list[Draft]) -> None:
    """One that gives nothing may stand beside others, for the giaddrs in it."""
    if report.failed or any(draft.pools for draft in link):
        return  # where something is wrong, pools may be what could not be read
    others = ", like all subnets of its link" if len(link) > 1 else ""
    for draft in link:
        report.warn(
            draft.where,
            f"{draft.name} has no pools and no reservations{others}: its clients get no address; "
            "write pools for it",
        )


def _check_given(report: Report, draft: Draft, router: int) -> None:
    text = address_text(router)
    reserved = any(row.address == router for _, row in draft.reservations)
    for pool in draft.pools:
        within = pool.first <= router <= pool.last and not reserved
        if within and not any(first <= router <= last for first, last in pool.holes):
            report.warn(
                draft.where.at("pools"),
                f'"{pool.name}" holds the router {text}, and a client may get its address; '
                f'write exclude = ["{text}"]',
            )
    for where, reservation in draft.reservations:
        if reservation.address == router:
            words = f"{text} is the router of this subnet; reserve another"
            report.warn(where.at("address"), words)


def _check_on_link(report: Report, draft: Draft, router: int, link: list[Draft]) -> None:
    if draft.prefix_len >= _OFF_LINK_LEN or any(d.first <= router <= d.last for d in link):
        return
    report.warn(
        draft.where.at("options", "routers"),
        f"{address_text(router)} is not on this link; clients reach only routers in {draft.name}",
    )


def _check_routes(report: Report, where: Where, own: Values, reaching: Values) -> None:
    """RFC 3442: who takes the routes ignores the routers, so the default route is to be there."""
    routes, routers = reaching.get(_ROUTES), reaching.get(_ROUTERS)
    first = next(_addresses(routers or b""), None)  # none: in hex, and no address
    if routes and first is not None and 0 not in _prefix_lens(routes):
        report.warn(
            where.at("options", "classless-static-routes") if _ROUTES in own else where,
            "clients that take classless-static-routes ignore routers (RFC 3442); write the "
            f'default route there too: ["0.0.0.0/0", "{address_text(first)}"]',
        )


def _addresses(data: bytes) -> Iterator[int]:
    for at in range(0, len(data) - 3, 4):
        yield int.from_bytes(data[at : at + 4])


def _prefix_lens(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        yield data[at]
        at += 1 + (data[at] + 7) // 8 + 4
