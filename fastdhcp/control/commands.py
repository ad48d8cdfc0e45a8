"""The registry: each command is a request, a response, an access level and a handler.

HTTP, the unix socket and the command line are made of it; docs list it.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from typing import Any, TypeVar, get_type_hints

import msgspec

from fastdhcp import __version__, words
from fastdhcp._leases import StoreState
from fastdhcp._memory import Memory, boot_time_ns
from fastdhcp._stats import counter_words, drop_names
from fastdhcp.config.values import prefix
from fastdhcp.control import messages
from fastdhcp.control.decisions import Names, Row, decisions
from fastdhcp.control.errors import BadField, CommandError, Kind
from fastdhcp.control.explain import Explaining, explanation_of
from fastdhcp.control.journal import Journal
from fastdhcp.control.lease import STATES, Lease
from fastdhcp.control.store_link import StoreLink
from fastdhcp.control.table import POOL_STATES, Place, Table
from fastdhcp.kernel import kernel_drops


class Access(Enum):
    """READ: by everybody who reaches the server; CHANGE: over the unix socket only."""

    READ = "read"
    CHANGE = "change"


@dataclass
class Context:
    """What handlers work with; `facts` and `status` are the supervisor's last words."""

    table: Table
    store: StoreLink
    journal: Journal
    explaining: Explaining
    reload: Callable[[], Awaitable[messages.ReloadResponse]]
    facts: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)


T = TypeVar("T")
Handler = Callable[[Context, Any], Awaitable[Any]]
Streamer = Callable[[Context, Any], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class Command:
    """`path` may name fields of the request in braces. One of `handler` and `streamer` is there;
    what streams gives one JSON object a line."""

    name: str
    method: str
    path: str
    access: Access
    request: type[messages.Request]
    summary: str
    handler: Handler | None = None
    streamer: Streamer | None = None


COMMANDS: list[Command] = []


def command(
    name: str, method: str, path: str, access: Access = Access.READ
) -> Callable[[Handler], Handler]:
    """Enters a handler; its request is the type of its second argument."""

    def enter(handler: Handler) -> Handler:
        request, summary = _described(handler)
        COMMANDS.append(Command(name, method, path, access, request, summary, handler=handler))
        return handler

    return enter


def stream(name: str, path: str) -> Callable[[Streamer], Streamer]:
    """Enters a handler that answers line by line."""

    def enter(streamer: Streamer) -> Streamer:
        request, summary = _described(streamer)
        COMMANDS.append(
            Command(name, "GET", path, Access.READ, request, summary, streamer=streamer)
        )
        return streamer

    return enter


def _described(handler: Callable[..., Any]) -> tuple[type[messages.Request], str]:
    return get_type_hints(handler)["request"], (handler.__doc__ or "").partition("\n")[0]


@command("status", "GET", "/v1/status")
async def status(context: Context, request: messages.Nothing) -> messages.StatusResponse:
    """The server as a whole: processes, alarms, warnings, interfaces."""
    told, facts = context.status, context.facts
    memory, catalog = context.table.memory, context.table.catalog
    total = (await context.table.census()).total
    return messages.StatusResponse(
        version=__version__,
        time=time.time(),
        started=told.get("started"),
        pid=told.get("pid"),
        config=facts.get("file", ""),
        listen=facts.get("listen", ""),
        durability="commit" if catalog.durable else "async",
        generation=catalog.generation,
        store="failing" if memory.store_fails else _state_word(memory.store_state),
        leases=total.active + total.pending,
        addresses=sum(pool.size for pool in catalog.pools),
        subnets=len(catalog.subnets),
        kernel_drops=kernel_drops() - told.get("kernel_drops_before", 0),
        dropped=_dropped(memory),
        receive_buffer=told.get("receive_buffer"),
        processes=msgspec.convert(_kebab(told.get("processes")), list[messages.Process]),
        alarms=msgspec.convert(told.get("alarms", []), list[messages.Alarm]),
        warnings=msgspec.convert(told.get("warnings", []), list[str]),
        interfaces=msgspec.convert(told.get("interfaces", []), list[messages.Interface]),
    )


def _dropped(memory: Memory) -> dict[str, int]:
    """The most frequent reason first."""
    dropped = memory.counters()[counter_words()["COUNT_DROPPED"] :]
    counted = {name: dropped[i] for i, name in enumerate(drop_names()) if i and dropped[i]}
    return dict(sorted(counted.items(), key=lambda row: -row[1]))


def _state_word(state: int) -> str:
    return StoreState(state).name.removeprefix("STORE_").lower()


def _kebab(rows: Any) -> list[dict[str, Any]]:
    """The supervisor's rows with keys as JSON has them."""
    return [{key.replace("_", "-"): row[key] for key in row} for row in rows or ()]


@command("pools", "GET", "/v1/pools")
async def pools(context: Context, request: messages.PoolsRequest) -> messages.PoolsResponse:
    """Every pool with its addresses by state."""
    wanted = _vrf(context, request.vrf)
    names = context.table.catalog.vrfs
    rows = [
        messages.Pool(
            vrf=pool.vrf,
            vrf_name=names.get(pool.vrf),
            subnet=pool.subnet,
            pool=pool.name,
            size=pool.size,
            **{state: getattr(tally, state) for state in POOL_STATES},
        )
        for pool, tally in (await context.table.census()).pools
        if wanted in (None, pool.vrf)
    ]
    return messages.PoolsResponse(pools=rows)


@command("leases-list", "GET", "/v1/leases")
async def leases_list(context: Context, request: messages.ListRequest) -> messages.LeasesResponse:
    """A page of leases in the order of VRF and address."""
    if request.state is not None and request.state not in STATES:
        text = f"{request.state!r} is not a state; write one of {', '.join(STATES)}"
        raise BadField("state", text)
    if request.subnet is not None:
        _value("subnet", prefix, request.subnet)
        if request.subnet not in context.table.catalog.names_by_id.values():
            text = f"there is no subnet {request.subnet} in the policy in force"
            raise CommandError(Kind.NOT_FOUND, text)
    after = None if request.after is None else _place(request.after)
    vrf = _vrf(context, request.vrf)
    page = await context.table.page(after, request.limit, partial(_is_wanted, request, vrf))
    following = page.next and f"{page.next[0]}/{words.address_text(page.next[1])}"
    return messages.LeasesResponse(leases=list(page.leases), next=following)


def _is_wanted(request: messages.ListRequest, vrf: int | None, lease: Lease) -> bool:
    return (
        vrf in (None, lease.vrf)
        and request.state in (None, lease.state)
        and request.subnet in (None, lease.subnet)
    )


def _place(text: str) -> Place:
    """Of "0/10.77.1.5", as `next` of a page says it."""
    vrf, _, address = text.rpartition("/")
    if not re.fullmatch("[0-9]{0,10}", vrf):
        raise BadField("after", "write the `next` of the page before, as in 0/10.0.0.1")
    return int(vrf or "0"), _value("after", words.address_number, address)


def _vrf(context: Context, said: int | str | None) -> int | None:
    """The VRF that is meant; None if none is named. Raises BadField."""
    if said is None:
        return None
    try:
        return context.table.catalog.vrf_number(said)
    except ValueError as error:
        raise BadField("vrf", error) from error


def _value(field: str, read: Callable[[str], T], text: str) -> T:
    """What the text says. Raises BadField, with what is wrong by its reader."""
    try:
        return read(text)
    except ValueError as error:
        raise BadField(field, error) from error


@stream("leases-export", "/v1/leases/export")
async def leases_export(context: Context, request: messages.Nothing) -> AsyncIterator[bytes]:
    """Every lease, one JSON object a line."""
    encode = msgspec.json.Encoder().encode_lines
    async for piece in context.table.pieces(None):
        yield encode(piece)


@command("leases-show", "GET", "/v1/leases/{which}")
async def leases_show(context: Context, request: messages.ShowRequest) -> messages.LeasesResponse:
    """The lease at an address, or all that a hardware address has or had."""
    try:
        address = words.address_number(request.which)
    except ValueError:
        return await _show_hardware(context, request)
    lease = await context.table.lease(_vrf(context, request.vrf) or 0, address)
    if lease is None:
        raise await _not_here(context, _vrf(context, request.vrf) or 0, address)
    return messages.LeasesResponse(leases=[lease])


async def _not_here(context: Context, vrf: int, address: int) -> CommandError:
    """Of an address that a VRF does not have: which one has it."""
    names = context.table.catalog.vrfs
    shown = words.address_text(address)
    here = _in_words(context, vrf)
    text = f"{shown} is not in any subnet of {here} and was never leased"
    for other in {0, *names} - {vrf}:
        if await context.table.lease(other, address) is not None:
            name, has = names.get(other, "default"), _in_words(context, other)
            text = f"{shown} is not in {here}; {has} has it: add --vrf {name}"
            break
    return CommandError(Kind.NOT_FOUND, text)


def _in_words(context: Context, vrf: int) -> str:
    return f"VRF {context.table.catalog.vrfs.get(vrf, vrf)}" if vrf else "the default VRF"


async def _show_hardware(
    context: Context, request: messages.ShowRequest
) -> messages.LeasesResponse:
    try:
        chaddr = words.hardware_bytes(request.which)
    except ValueError as error:
        text = f"{request.which!r} is neither an IPv4 address nor a hardware address"
        raise BadField("which", text) from error
    leases = await context.table.find(chaddr)
    if not leases:
        text = f"no address is or was leased to {words.hardware_text(chaddr)}"
        raise CommandError(Kind.NOT_FOUND, text)
    return messages.LeasesResponse(leases=leases)


@command("leases-release", "POST", "/v1/leases/{address}/release", Access.CHANGE)
async def leases_release(
    context: Context, request: messages.ReleaseRequest
) -> messages.ReleaseResponse:
    """Ends a lease in the operator's name: no renewal, or (`now`) no hold either."""
    address = _value("address", words.address_number, request.address)
    vrf = _vrf(context, request.vrf) or 0
    if await context.table.lease(vrf, address) is None:
        raise await _not_here(context, vrf, address)
    result = await context.store.ask("release", vrf=vrf, address=address, now=request.now)
    return messages.ReleaseResponse(address=request.address, result=str(result))


@command("trace", "GET", "/v1/trace")
async def trace(context: Context, request: messages.TraceRequest) -> messages.TraceResponse:
    """The last decisions, the newest last."""
    chaddr: bytes | None = None
    if request.hw_address is not None:
        chaddr = _value("hw-address", words.hardware_bytes, request.hw_address)
    vrf = _vrf(context, request.vrf)
    rows = await asyncio.to_thread(_last, context.table.memory, chaddr, vrf, request.limit)
    return messages.TraceResponse(decisions=decisions(rows, _names(context)))


def _last(
    memory: Memory, chaddr: bytes | None, vrf: int | None, limit: int
) -> list[tuple[int, Row]]:
    """The last of all workers together; of one client as far back as the rings still go."""
    rows: list[tuple[int, Row]] = [
        (worker, row)
        for worker in range(memory.workers)
        for row in memory.trace_last(worker, limit, chaddr, vrf)
    ]
    rows.sort(key=lambda found: (found[1]["time_ns"], found[0]))
    return rows[-limit:]


@command("explain", "POST", "/v1/explain")
async def explain(context: Context, request: messages.ExplainRequest) -> messages.Explanation:
    """What a message would draw, or what the last one of a client drew, and why."""
    if request.last is None:
        if request.vrf is not None:
            text = "goes with `last` alone: its VRF follows from how a message comes"
            raise BadField("vrf", text)
        return context.explaining.explain(request, context.table.catalog, context.status)
    chaddr = _value("last", words.hardware_bytes, request.last)
    vrf = _vrf(context, request.vrf)
    rows = await asyncio.to_thread(_last, context.table.memory, chaddr, vrf, 1)
    if not rows:
        here = "" if vrf is None else f" in {_in_words(context, vrf)}"
        text = f"no message of {words.hardware_text(chaddr)}{here} in the trace"
        oldest = await asyncio.to_thread(_oldest, context.table.memory)
        if oldest is not None:
            text += f" (it reaches back to {oldest:%H:%M:%SZ})"
        raise CommandError(Kind.NOT_FOUND, text)
    (found,) = decisions(rows, _names(context))
    return explanation_of(found, context.table.catalog)


def _oldest(memory: Memory) -> datetime | None:
    """When the oldest entry was made that all rings still have; None: they are empty."""
    firsts: list[int] = []
    for worker in range(memory.workers):
        rows: list[Row] = [*memory.trace_last(worker, messages.TRACE_MAX, None, None)]
        firsts += [rows[0]["time_ns"]] if rows else []
    if not firsts:
        return None
    return datetime.fromtimestamp(time.time() - (boot_time_ns() - max(firsts)) / 1e9, UTC)


def _names(context: Context) -> Names:
    interfaces = context.status.get("interfaces") or ()
    catalog = context.table.catalog
    return Names(
        subnets=catalog.names_by_id,
        interfaces={found["index"]: found["name"] for found in interfaces},
        vrfs=catalog.vrfs,
        relay=catalog.agent_name,
        classes=[found.name for found in catalog.classes],
        reservation=catalog.reservations.named,
        generation=catalog.generation,
    )


@command("reload", "POST", "/v1/reload", Access.CHANGE)
async def reload(context: Context, request: messages.Nothing) -> messages.ReloadResponse:
    """Reads the configuration again, as HUP does; the old one stays if it is not right."""
    return await context.reload()
