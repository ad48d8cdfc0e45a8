"""A log that nobody reads: the server goes on, replaces what dies, and stops when it is told."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import Lab, LinkClient
from tests.lab.packet import mac
from tests.lab.servers import FastDHCP
from tests.lab.wire import dora

from .conftest import eventually, lan

pytestmark = pytest.mark.net
INTO_PIPE = ("sh", "-c", 'exec "$@" 2>"$LOG"', "sh")


class FullPipe:
    """A FIFO with no room left, that nobody reads."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.fd, b"older words of another program\n" * 100)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.fd, b"\n")

    def read(self) -> str:
        text = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                text += os.read(self.fd, 1 << 16)
        return text.decode()

    def close(self) -> None:
        os.close(self.fd)


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[FullPipe]:
    made = FullPipe(tmp_path / "pipe")
    yield made
    made.close()


def is_serving(server: FastDHCP) -> bool:
    done = server.command("status")
    return done.returncode == 0


def test_a_full_pipe_stops_nothing(
    lab: Lab, link: LinkClient, pipe: FullPipe, tmp_path: Path
) -> None:
    env = {"LOG": str(tmp_path / "pipe")}
    server = FastDHCP(lab, "server", lan(), ready=False, wrapper=INTO_PIPE, env=env)
    assert eventually(lambda: is_serving(server), 30)
    ack = dora(link.ask, mac(7))
    for role in ("worker", "store", "control"):
        before = server.pids(role)
        os.kill(before[0], signal.SIGKILL)
        assert eventually(
            lambda r=role, b=before: len(server.pids(r)) == len(b) and server.pids(r) != b, 10
        ), role
    assert eventually(lambda: is_serving(server), 30)
    assert dora(link.ask, mac(7)).yiaddr == ack.yiaddr
    assert server.metrics()["fastdhcp_log_lines_dropped_total"] > 5
    pipe.read()
    said = []
    assert eventually(lambda: said.append(pipe.read()) or "log-dropped lines=" in "".join(said), 5)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(pipe.fd, b"x" * 4096)
    assert server.stop() == 0
