"""A contender that runs, in a folder and a session of its own, and is stopped whatever happens."""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fastdhcp_bench.contenders import Contender
from fastdhcp_bench.network import SERVER_ADDRESS, Namespace

STOP_S = 10


def _stop(server: subprocess.Popen[bytes]) -> None:
    """TERM for the leader, which stops its own; what is left of the group is killed."""
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(STOP_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


@contextlib.contextmanager
def running(
    contender: Contender,
    folder: str | None,
    workers: int,
    *,
    relayed: bool = True,
    listen: str = SERVER_ADDRESS,
    trains: str = "auto",
    inside: Namespace | None = None,
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Start it with an empty folder in ``folder``; the process, and the file of what it says.

    Raises ValueError as ``Contender.prepare``, OSError if its program is not there.
    """
    with tempfile.TemporaryDirectory(prefix="fastdhcp-bench-", dir=folder) as made:
        directory = Path(made)
        directory.chmod(0o755)
        log = directory / "log"
        command = contender.prepare(
            directory, workers, relayed=relayed, listen=listen, trains=trains
        )
        if inside:
            command = inside.argv(command)
        with log.open("wb") as out:
            server = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
        try:
            yield server, log
        finally:
            _stop(server)
