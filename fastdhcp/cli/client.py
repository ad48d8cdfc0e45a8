"""The way to a running server: HTTP over its unix socket, and how it is found."""

import functools
import http.client
import json
import re
import socket
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import click

from fastdhcp.exits import EXIT_CONFIG
from fastdhcp.words import printable

DEFAULT_SOCKET = Path("/run/fastdhcp/control.sock")
SOCKET_NAME = "control.sock"
TIMEOUT_S = 30.0
"""What is asked answers at once; a lease is released when that is on disk."""
_RUNTIME_DIRECTORY = re.compile(r"^\s*runtime-directory\s*=\s*([\"'])(.*?)\1", re.MULTILINE)
RELOAD_S = 420.0
"""A reload takes that long at the worst: longer than control waits, whose words say more."""
Values = Mapping[str, object]
Command = Callable[..., None]


class ConfigUnreadable(click.ClickException):
    """The file named by -c does not tell where the server is."""

    exit_code = EXIT_CONFIG


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Client:
    """Asks one server. What fails is a ClickException in words: exit code 1, or 2 if the request
    is one that the server does not understand."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, path: str, **query: object) -> dict[str, Any]:
        """The answer to a GET; fields that are None are left out."""
        asked = {key.replace("_", "-"): v for key, v in query.items() if v is not None}
        return self._json("GET", f"{path}?{urlencode(asked)}" if asked else path)

    def post(self, path: str, body: Values, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
        return self._json("POST", path, json.dumps(body), timeout_s)

    def lines(self, path: str) -> Iterator[bytes]:
        """A stream, line by line."""
        with self._answer("GET", path) as answer:
            try:
                yield from answer
            except (http.client.HTTPException, OSError) as error:
                text = "the server closed the connection before its answer was complete"
                raise click.ClickException(text) from error

    def _json(
        self, method: str, path: str, body: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> dict[str, Any]:
        with self._answer(method, path, body, timeout_s) as answer:
            found = json.load(answer)
        assert isinstance(found, dict)
        return found

    def _answer(
        self, method: str, path: str, body: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> http.client.HTTPResponse:
        connection = _UnixConnection(self.path, timeout_s)
        try:
            # The connection ends with the answer: nothing is kept open.
            connection.request(method, path, body, {"Connection": "close"})
            answer = connection.getresponse()
        except (OSError, ValueError, http.client.HTTPException) as error:
            connection.close()
            raise click.ClickException(self._why(error)) from error
        if answer.status != http.client.OK:
            with answer:
                text = _refusal(answer)
            if answer.status == http.client.BAD_REQUEST:
                raise click.UsageError(text, click.get_current_context(silent=True))
            raise click.ClickException(text)
        return answer

    def _why(self, error: Exception) -> str:
        if isinstance(error, FileNotFoundError | ConnectionRefusedError):
            return (
                f"no server answers at {self.path}: is it running? "
                "(use -c FILE or --socket PATH to name another)"
            )
        if isinstance(error, TimeoutError):
            return f"the server holds {self.path} and does not answer: its log says why"
        if isinstance(error, PermissionError):
            return f"{self.path}: permission denied; run this as root or as a member of its group"
        return f"{self.path}: {getattr(error, 'strerror', None) or error or type(error).__name__}"


def _refusal(answer: http.client.HTTPResponse) -> str:
    """The server's words, if it is one of ours."""
    try:
        return str(json.load(answer)["text"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP status {answer.status}"


def path_part(text: str) -> str:
    """Text as one part of a path."""
    return quote(text, safe=":")


def socket_of(config: Path) -> Path:
    """Where the server of a configuration listens.

    Only `runtime-directory` is read: the server may well run on a file that was edited since, and
    be asked even where the file is no TOML any more. Raises ConfigUnreadable.
    """
    try:
        text = config.read_text(encoding="utf-8")
        found = json.loads(text) if config.suffix == ".json" else _toml(config, text)
        folder = found.get("server", {}).get("runtime-directory", str(DEFAULT_SOCKET.parent))
        return config.parent / Path(folder) / SOCKET_NAME
    except OSError as error:
        raise ConfigUnreadable(f"{config}: {error.strerror}") from error
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        cure = "`fastdhcp check` says more; --socket PATH works without the file"
        raise ConfigUnreadable(f"{config}: {error}; {cure}") from error


def _toml(config: Path, text: str) -> dict[str, Any]:
    """The file; of one that is no TOML, with a warning, what a search line by line finds."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = printable(f"{config}: is not TOML: {error}")
        click.echo(f"warning: {said}; the server runs on, and is asked", err=True)
    line = _RUNTIME_DIRECTORY.search(text)
    return {"server": {"runtime-directory": line[2]}} if line else {}


def reaches_server(function: Command) -> Command:
    """Gives a command -c and --socket; it gets a Client as its first argument. Both may stand
    before a subcommand too."""

    @click.option(
        "-c",
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        help="The server's configuration file.",
    )
    @click.option(
        "--socket",
        "socket_path",
        type=click.Path(readable=False, path_type=Path),  # _why() says more
        metavar="PATH",
        help=f"The server's unix socket  [default: {DEFAULT_SOCKET}]",
    )
    def wrapped(config: Path | None, socket_path: Path | None, **rest: object) -> None:
        context = click.get_current_context()
        inherited = context.find_object(Client)
        if socket_path is None and config is not None:
            socket_path = socket_of(config)
        if socket_path is None and inherited is not None:
            socket_path = inherited.path
        context.obj = Client(socket_path or DEFAULT_SOCKET)
        function(context.obj, **rest)

    return functools.update_wrapper(wrapped, function)


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object per line.")
wide = click.option("--wide", is_flag=True, help="Show all columns, however wide they are.")
