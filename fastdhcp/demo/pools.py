"""What the server says of its pools, asked once a second through its control socket."""

import threading
from dataclasses import dataclass
from pathlib import Path

import click

from fastdhcp.cli.client import Client

EVERY_S = 1.0


@dataclass(frozen=True)
class Pool:
    """One pool; `used` are addresses that nobody else can get now."""

    subnet: str
    size: int
    used: int


class PoolWatch:
    """Asks in a thread of its own: a server that is slow to answer delays no client."""

    def __init__(self, socket_path: Path) -> None:
        self.pools: list[Pool] = []
        self._client = Client(socket_path)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(EVERY_S):
            try:
                found = self._client.get("/v1/pools")["pools"]
            except click.ClickException:
                self.pools = []
                continue
            self.pools = [Pool(p["subnet"], p["size"], p["size"] - p["free"]) for p in found]
