"""Programs started in a namespace: followed by pid, with their output kept in a file."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .patience import PATIENCE_S

DEBIAN_PACKAGE = {
    "dhclient": "isc-dhcp-client",
    "udhcpc": "udhcpc",
    "dhcpcd": "dhcpcd-base",
    "dhcrelay": "isc-dhcp-relay",
    "perfdhcp": "kea-admin",
    "kea-dhcp4": "kea-dhcp4-server",
    "dnsmasq": "dnsmasq-base",
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-system-x86_64": "qemu-system-x86",
    "ip": "iproute2",
    "ethtool": "ethtool",
    "tcpdump": "tcpdump",
    "tshark": "tshark",
    "strace": "strace",
    "perf": "linux-perf",
    "setpriv": "util-linux",
    "sysctl": "procps",
}
KILLED_S = 20
"""Longest until the kernel has ended what was killed."""
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ToolMissing(RuntimeError):
    """A program is not installed; the text names the Debian package. Tests fail by it."""


def tool(name: str) -> str:
    """The path of a program. Raises ToolMissing, which names the package to install."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}")
    if path is None:
        if "/" in name:
            raise ToolMissing(f"{name}: no such program, or not ours to run")
        package = DEBIAN_PACKAGE.get(name, name)
        raise ToolMissing(f"{name} is not installed: apt-get install {package}")
    return path


class Process:
    """A running program, killed when the test process dies; its output is in ``log``.

    To be started from the main thread: the kernel ties the kill to the thread that starts it.
    It leads a session of its own, so ``stop`` ends its children too and no other program.
    """

    def __init__(self, argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None):
        self.argv = list(argv)
        self.name = log.stem
        self.log = log
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                [tool("setpriv"), "--pdeathsig", "KILL", "--", tool(argv[0]), *argv[1:]],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        self.pid = self.popen.pid

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def returncode(self) -> int | None:
        return self.popen.poll()

    def wait_for(
        self, pattern: str, timeout: float = PATIENCE_S, *, after: int = 0
    ) -> re.Match[str]:
        """Wait until the log has ``pattern`` (a regex) beyond ``after`` characters.

        Raises AssertionError, with the log's end, if the program ends or the time is up first.
        """
        limit = time.monotonic() + timeout
        while True:
            ended = self.returncode is not None
            if found := re.compile(pattern, re.MULTILINE).search(self.text(), after):
                return found
            if ended or time.monotonic() > limit:
                why = f"ended with {self.returncode}" if ended else f"not within {timeout} s"
                raise AssertionError(f"{self.name}: no {pattern!r}: {why}\n{self.tail()}")
            time.sleep(0.02)

    def wait(self, timeout: float = PATIENCE_S) -> int:
        """The exit code. Raises subprocess.TimeoutExpired."""
        return self.popen.wait(timeout)

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.text().splitlines()[-lines:])

    def send_signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def children(self) -> list[int]:
        """The pids of all living descendants, parents before their children."""
        found = _children(self.pid)
        for pid in found:
            found.extend(_children(pid))
        return found

    def kill(self) -> int:
        """End it and what it started, at once. The exit code."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self.popen.wait(KILLED_S)

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout: float = 20) -> int:
        """Ask it to end, insist by SIGKILL on the whole session, return the exit code."""
        if self.returncode is None:
            self.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(timeout)
        return self.kill()


def _children(pid: int) -> list[int]:
    """It, or a thread of it, may end while it is looked at."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += [int(word) for word in (task / "children").read_text().split()]
    return found
