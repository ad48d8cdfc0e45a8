"""Network namespaces without names: gone with this process, however it ends."""

import contextlib
import ctypes
import errno
import os
from collections.abc import Iterator
from pathlib import Path

# linux/sched.h
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1  # linux/prctl.h

_OWN = "/proc/thread-self/ns/net"
_libc = ctypes.CDLL(None, use_errno=True)


class NoNamespaces(Exception):
    """The kernel gives us no network of our own; the text says what would help."""


def enter() -> None:
    """Move this process into a network namespace of its own.

    Without the right to that, into a user namespace too, as its root. To be called while the
    process has one thread, and before anything is opened that belongs inside. Raises NoNamespaces.
    """
    try:
        if _unshare(CLONE_NEWNET):
            return
        uid, gid = os.geteuid(), os.getegid()
        if not _unshare(CLONE_NEWUSER | CLONE_NEWNET):
            raise NoNamespaces(_HELP)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    except OSError as error:
        raise NoNamespaces(f"{_HELP} ({error})") from error


_HELP = (
    "this user may not create a private network here: run the demo as root, or allow user "
    "namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone=1, "
    "kernel.apparmor_restrict_unprivileged_userns=0; in a container: --privileged)"
)


class Namespace:
    """A network namespace, held by a descriptor. Raises OSError."""

    def __init__(self, *, own: bool = False) -> None:
        """The one that this process is in if `own`, else a new one."""
        if own:
            self.fd = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
            return
        with _back():
            if not _unshare(CLONE_NEWNET):
                raise OSError(errno.EPERM, "no further network namespace is allowed")
            self.fd = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """What is opened or started in the block belongs to the namespace."""
        with _back():
            _setns(self.fd)
            yield

    def close(self) -> None:
        os.close(self.fd)


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send us a signal when the thread that started us ends (prctl(2))."""
    _libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


@contextlib.contextmanager
def _back() -> Iterator[None]:
    """Return to the namespace of before at the end of the block."""
    before = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        _setns(before)
        os.close(before)


def _unshare(flags: int) -> bool:
    """False if this is not permitted. Raises OSError."""
    if _libc.unshare(flags) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EPERM, errno.ENOSPC, errno.EUSERS):
        return False
    raise OSError(number, f"unshare: {os.strerror(number)}")


def _setns(fd: int) -> None:
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")
