"""The control process as it runs, with real segments, sockets and a store beside it.

The test is the supervisor: it makes the segments, briefs the process and pushes what the supervisor
pushes. It is a worker too, which applies changes, and the store, whose own code hears commands.
"""

import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastdhcp import _store
from fastdhcp._journal import ChangeKind
from fastdhcp._leases import Role, StoreState
from fastdhcp._memory import Memory, boot_time_ns
from fastdhcp.channel import Channel
from fastdhcp.cli.client import Client
from fastdhcp.store.commands import Commands
from fastdhcp.store.database import DATABASE_NAME, Database
from fastdhcp.supervisor.listeners import open_tcp, open_unix
from fastdhcp.words import address_number
from tests import _trial
from tests.batches import batch_of
from tests.lab.patience import PATIENCE_S
from tests.policies import compile_text
from tests.segments import make_segments

NOW = 100_000
"""Node time at the start, in seconds."""
WORKERS = 2
POLICY = """
[relays]
client-selections = true
[[subnets]]
subnet = "10.77.0.0/22"
pools = ["10.77.1.1-10.77.1.250", "10.77.2.0/24"]
[[subnets.reservations]]
hw-address = "02:ee:00:00:00:01"
address = "10.77.0.50"
hostname = "printer-7"
[[subnets]]
subnet = "10.78.0.0/24"
pools = ["10.78.0.10-10.78.0.19"]
"""


def chaddr_of(number: int) -> bytes:
    return b"\x02\xee" + number.to_bytes(4)


def key_of(number: int) -> bytes:
    return b"key" + number.to_bytes(13)


class ControlRig:
    """Control, running, and what it looks at."""

    def __init__(self, folder: Path) -> None:
        self.segments = make_segments(WORKERS, blocks=64, ring_size=1 << 20)
        self.worker = Memory(self.segments, 0)
        self.worker.time_offset_ns = NOW * 10**9 - boot_time_ns()
        self.worker.epoch = 1
        self.worker.ready = True
        self.worker.store_state = StoreState.STORE_OK
        self.socket_path = folder / "control.sock"
        self.client = Client(self.socket_path)
        self._state = folder / "state"
        self._journal_of(self._state / DATABASE_NAME, 3)
        self._unix = open_unix(self.socket_path)
        self._tcp = open_tcp("127.0.0.1", 0)
        self.port = self._tcp.getsockname()[1]
        self._commands = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel, theirs = Channel.pair()
        argv = [sys.executable, "-m", "fastdhcp.process", "control", "0", str(theirs.fileno())]
        self.process = subprocess.Popen(argv, pass_fds=[theirs.fileno()])
        theirs.close()
        self._brief()
        self.store = Store(self.segments, self._commands[0])
        self._wait_until_it_answers()

    def _journal_of(self, path: Path, commits: int) -> None:
        path.mkdir(parents=True)
        database = Database(path)
        for sequence in range(1, commits + 1):
            with database.write() as transaction:
                transaction.append(sequence, batch_of(NOW, time.time_ns(), b""))
        database.close()

    def facts(self) -> dict[str, object]:
        return {
            "file": "fastdhcp.toml",
            "listen": "0.0.0.0:67",
            "workers": WORKERS,
            "state_directory": str(self._state),
        }

    def _brief(self) -> None:
        with image_of(POLICY, 1) as fds:
            fds |= self.segments
            fds |= {"unix": self._unix.fileno(), "tcp": self._tcp.fileno()}
            fds["store"] = self._commands[1].fileno()
            self.worker.set_image(fds["image"], fds["reservations"])
            start = {"type": "start", "config": self.facts()}
            self.channel.send(start, fds)

    def set_policy(self, text: str, generation: int) -> None:
        """What a reload sends."""
        with image_of(text, generation) as fds:
            self.channel.send(
                {"type": "image", "generation": generation, "config": self.facts()}, fds
            )

    def apply(
        self, kind: ChangeKind, address: str, client: int = 1, vrf: int = 0, **fields: Any
    ) -> None:
        """One change of a binding by worker 0."""
        fields.setdefault("subnet_id", 1)
        result = _trial.apply(
            self.worker, kind, vrf, address_number(address), key_of(client), chaddr_of(client),
            **fields,
        )  # fmt: skip
        assert result[0] == "applied"

    def bind(self, address: str, client: int, seconds: int = 3600, **fields: Any) -> None:
        expiry = self.worker.now() + seconds
        self.apply(ChangeKind.CHANGE_BIND, address, client, expiry=expiry, **fields)

    def lease(self, which: str) -> dict[str, Any]:
        """The one lease that `which` names."""
        (found,) = self.client.get(f"/v1/leases/{which}")["leases"]
        return dict(found)

    def beats(self) -> int:
        return self.worker.beats(WORKERS + Role.ROLE_CONTROL)

    def http(self, path: str, method: str = "GET", body: bytes | None = None) -> tuple[int, Any]:
        """Status and body over TCP; JSON is decoded."""
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, body, method=method)
        try:
            answer = urllib.request.urlopen(request, timeout=PATIENCE_S)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            text = answer.read().decode()
            is_json = answer.headers["content-type"] == "application/json"
            return answer.status, json.loads(text) if is_json else text

    def expect(self, kind: str) -> dict[str, object]:
        """The next message of this type that control sends."""
        while True:
            received = self.channel.receive()
            assert received is not None
            if received[0]["type"] == kind:
                return received[0]

    def _wait_until_it_answers(self) -> None:
        """The socket listens from the start: the first answer comes when control is there."""
        assert self.http("/v1/status")[0] == 200

    def stop(self) -> int:
        """The exit code."""
        self.store.stop()
        if self.process.poll() is None:
            self.channel.send({"type": "stop"})
        try:
            return self.process.wait(timeout=PATIENCE_S)
        finally:
            self.process.kill()
            self.channel.close()
            for sock in (self._unix, self._tcp, *self._commands):
                sock.close()


class Store:
    """Hears commands and makes changes durable, in a thread; a commit takes no time here."""

    def __init__(self, segments: dict[str, int], sock: socket.socket) -> None:
        self._memory = Memory(segments, WORKERS)
        self._commands = Commands(sock.fileno(), self._memory)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            select.select(self._commands.filenos(), [], [], 0.02)
            self._commands.hear()
            _, heads = _store.take(self._memory)
            _store.settle(self._memory, heads)
            self._commands.answer_durable()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()


@contextmanager
def image_of(text: str, generation: int) -> Iterator[dict[str, int]]:
    """A policy image, for as long as it is sent."""
    compiled = compile_text(f"[server]\nworkers = {WORKERS}\n{text}", generation)
    image, reservations = compiled.memfds()
    try:
        yield {"image": image, "reservations": reservations}
    finally:
        os.close(image)
        os.close(reservations)


def until(ask: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
    """The first answer that is good, in time."""
    deadline = time.monotonic() + PATIENCE_S
    while not good(answer := ask()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.02)
    return answer
