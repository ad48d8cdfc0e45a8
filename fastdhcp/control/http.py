"""The registry over HTTP: the same routes on the unix socket and, read-only, on TCP."""

import re
from collections.abc import Awaitable, Callable

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from fastdhcp import __version__
from fastdhcp.control.commands import COMMANDS, Access, Command, Context
from fastdhcp.control.errors import BadField, CommandError, Kind
from fastdhcp.control.metrics import CONTENT_TYPE, exposition
from fastdhcp.control.table import RecordLocked

JSON = "application/json"
LINES = "application/x-ndjson"
BODY_SIZE_MAX = 64 << 10
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_PLACE = re.compile(r"(.*) - at `\$\.([a-z-]+).*`", re.DOTALL)
Endpoint = Callable[[Request], Awaitable[Response]]


def make_app(context: Context, may_change: bool) -> Starlette:
    """`may_change`: commands that change something are carried out too."""
    routes = [
        Route(c.path, _endpoint(c, context, may_change), methods=[c.method]) for c in COMMANDS
    ]

    async def metrics(request: Request) -> Response:
        text = await exposition(context.table, context.journal, context.status)
        return Response(text, media_type=CONTENT_TYPE)

    async def index(request: Request) -> Response:
        return HTMLResponse(_index_page(context))

    routes += [Route("/metrics", metrics), Route("/", index)]
    handlers = {404: _no_such_path, 405: _no_such_path, 500: _internal_error}
    return Starlette(routes=routes, exception_handlers=handlers)


def _endpoint(command: Command, context: Context, may_change: bool) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            if command.access is Access.CHANGE and not may_change:
                text = f"{command.name} changes the server: use the unix socket"
                raise CommandError(Kind.FORBIDDEN, text)
            asked = await _asked(command, request)
            if command.streamer is not None:
                return StreamingResponse(command.streamer(context, asked), media_type=LINES)
            assert command.handler is not None
            answer = await command.handler(context, asked)
            return Response(msgspec.json.encode(answer), media_type=JSON)
        except RecordLocked as error:
            return _refusal(CommandError(Kind.BUSY, str(error)))
        except CommandError as error:
            return _refusal(error)

    return endpoint


async def _asked(command: Command, request: Request) -> object:
    """The request of path, query and body. Raises CommandError."""
    fields: dict[str, object] = dict(request.path_params)
    for name, value in [*request.query_params.multi_items(), *_decoded(await _body(request))]:
        if name in fields:
            raise BadField(name, "given twice")
        fields[name] = value
    try:
        return msgspec.convert(fields, command.request, strict=False)
    except msgspec.ValidationError as error:
        raise _bad_field(str(error), command) from error


def _decoded(body: bytes) -> list[tuple[str, object]]:
    """The fields of a body, which is a JSON object or nothing."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw]) if body else {}
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadField("body", f"a JSON object is expected: {error}") from error
    return [(name, _value(name, raw)) for name, raw in fields.items()]


def _value(name: str, raw: msgspec.Raw) -> object:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadField(name, error) from error


def _bad_field(text: str, command: Command) -> CommandError:
    """What msgspec found, with the field's name in front."""
    if found := _UNKNOWN.fullmatch(text):
        fields = msgspec.structs.fields(command.request)
        known = ", ".join(field.encode_name for field in fields) or "none"
        return BadField(found[1], f"there is no such field; {command.name} takes {known}")
    if found := _PLACE.fullmatch(text):
        return BadField(found[2], found[1][:1].lower() + found[1][1:])
    return CommandError(Kind.BAD_REQUEST, text)


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_SIZE_MAX:
            raise BadField("body", f"at most {BODY_SIZE_MAX} octets are taken")
    return body


def _refusal(error: CommandError) -> Response:
    body = {"error": error.kind.word, "text": str(error)}
    return Response(msgspec.json.encode(body), status_code=error.kind.value, media_type=JSON)


async def _no_such_path(request: Request, error: Exception) -> Response:
    text = f"there is no {request.method} {request.url.path}; / lists what there is"
    return _refusal(CommandError(Kind.NOT_FOUND, text))


async def _internal_error(request: Request, error: Exception) -> Response:
    """The log has the error itself."""
    text = "an error that was not foreseen; the log says more: please report it"
    return _refusal(CommandError(Kind.INTERNAL_ERROR, text))


def _index_page(context: Context) -> str:
    """What there is to ask, for a person with a browser."""
    rows = [(c.method, c.path, c.summary, c.access) for c in COMMANDS]
    rows.append(("GET", "/metrics", "Figures for Prometheus.", Access.READ))
    items = "\n".join(
        f"<tr><td>{method}<td><code>{_link(method, path)}</code><td>{summary}"
        f"<td>{'unix socket only' if access is Access.CHANGE else ''}"
        for method, path, summary, access in rows
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>fastdhcp</title>"
        "<style>body{font:1em/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;"
        "padding:0 1em}td{padding:.1em 1em .1em 0;vertical-align:top}</style>"
        f"<h1>fastdhcp {__version__}</h1>"
        f"<p>{len(context.table.catalog.subnets)} subnets, policy generation "
        f"{context.table.catalog.generation}. Available requests:</p>\n"
        f"<table>\n{items}\n</table></html>\n"
    )


def _link(method: str, path: str) -> str:
    return f"<a href={path}>{path}</a>" if method == "GET" and "{" not in path else path
