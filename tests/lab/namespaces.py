"""Network namespaces without names: a descriptor is the namespace."""

import ctypes
import os
import subprocess
import threading
from pathlib import Path
from types import TracebackType

from .process import tool

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)
_OWN = "/proc/thread-self/ns/net"


def _call(name: str, *args: int) -> None:
    if getattr(_libc, name)(*args) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


class Namespace:
    """A network namespace; ``with namespace:`` puts the calling thread, and what it starts, in it.

    Sockets opened inside stay in the namespace after the block.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._outside = threading.local()
        before = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _call("unshare", CLONE_NEWNET)
            self.fd = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        finally:
            _call("setns", before, CLONE_NEWNET)
            os.close(before)

    @property
    def path(self) -> str:
        """For ``ip link set IF netns PATH`` and ``nsenter --net=PATH``, while we live."""
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def __enter__(self) -> "Namespace":
        stack = self._outside.__dict__.setdefault("stack", [])
        stack.append(os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC))
        _call("setns", self.fd, CLONE_NEWNET)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        outside = self._outside.stack.pop()
        _call("setns", outside, CLONE_NEWNET)
        os.close(outside)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __repr__(self) -> str:
        return f"Namespace({self.name!r}, {self.path})"


def is_root() -> bool:
    """True with real root: the initial user namespace, whose map is the whole range."""
    whole = Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]
    return os.geteuid() == 0 and whole


def enter() -> None:
    """Become root of a user and network namespace of our own, unless we are root already.

    Must run while the process has one thread. Raises OSError if the kernel does not allow user
    namespaces or a second thread runs.
    """
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        return
    _call("unshare", CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    subprocess.run([tool("ip"), "link", "set", "lo", "up"], check=True)
