"""uvicorn inside control's event loop: no signals of its own, no wake-ups while nobody asks."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette

STOP_S = 1
"""How long an answer under way may take once control is told to stop."""
KEEP_ALIVE_S = 15


class Listener(uvicorn.Server):
    """Serves an application on sockets that listen already."""

    def __init__(self, app: Starlette, sockets: list[socket.socket]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                # It would need a tick a second; no client asks for it.
                date_header=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=STOP_S,
                timeout_keep_alive=KEEP_ALIVE_S,
            )
        )
        self._sockets = sockets
        self._stop = asyncio.Event()

    async def run_until_stopped(self) -> None:
        await self.serve(sockets=self._sockets)

    def stop(self) -> None:
        self._stop.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The supervisor alone acts on signals."""
        yield

    async def main_loop(self) -> None:
        """uvicorn's own looks ten times a second whether it is to end."""
        await self._stop.wait()
