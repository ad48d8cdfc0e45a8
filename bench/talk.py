"""A generator in a process of its own that does what it is told, a line at a time."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastdhcp_bench.rounds import ContenderError, Stand
from fastdhcp_bench.usage import group_cpu_seconds

PRIME_S = 600.0
"""Longest time to give all clients their leases, and for the server to be done with them."""
SETTLE_S = 35.0
"""A checkpoint begins up to 30 s after the last change: then it is waited for."""
IDLE = 0.05
"""Part of a core that a server uses at most whose checkpoint has ended."""
LOOK_S = 2.0


@dataclass(frozen=True)
class Talk:
    """The process, beside the server that it asks."""

    process: subprocess.Popen[str]

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        """Its next line. Raises ContenderError if it has ended."""
        assert self.process.stdout is not None
        if line := self.process.stdout.readline():
            return line
        raise ContenderError("the generator ended")


@contextlib.contextmanager
def talking(stand: Stand, module: str, *arguments: str) -> Iterator[Talk]:
    """Start this module with these arguments where the server's clients are; end it."""
    argv = [sys.executable, "-P", "-m", module, *arguments]
    pipe = subprocess.PIPE
    network = stand.network
    process = subprocess.Popen(network.generator.argv(argv), stdin=pipe, stdout=pipe, text=True)
    try:
        if network.generator_core is not None:
            os.sched_setaffinity(process.pid, {network.generator_core})
        yield Talk(process)
    finally:
        process.kill()
        process.communicate()


def settle_down(stands: Sequence[Stand], least: float) -> None:
    """Wait so many seconds, and until no server is at work on its checkpoint any more.

    Raises ContenderError if one always is.
    """
    time.sleep(least)
    sessions = [stand.server.pid for stand in stands]
    end = time.monotonic() + PRIME_S
    while time.monotonic() < end:
        before = [group_cpu_seconds(session) for session in sessions]
        time.sleep(LOOK_S)
        after = [group_cpu_seconds(session) for session in sessions]
        if all(a - b < IDLE * LOOK_S for a, b in zip(after, before, strict=True)):
            return
    raise ContenderError(f"a server is not idle {PRIME_S:g} s after its last client came")
