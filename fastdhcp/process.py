"""A child of the supervisor: ``python -m fastdhcp.process ROLE INDEX CHANNEL_FD VERSION``.

It dies with the supervisor (PR_SET_PDEATHSIG), is deaf to the signals that only the supervisor
acts on, and stops on the supervisor's word or when the channel closes. Everything it works with
comes over the channel; only its role's module is imported, so that a replacement starts fast.
"""

import contextlib
import ctypes
import faulthandler
import importlib
import os
import signal
import socket
import struct
import sys
from pathlib import Path

from fastdhcp import __version__
from fastdhcp.channel import Channel
from fastdhcp.exits import EXIT_FAILED
from fastdhcp.log import capture, facts_of, log

ROLES = {
    "worker": "fastdhcp.worker",
    "store": "fastdhcp.store.loop",
    "control": "fastdhcp.control.process",
}
"""The module of each role; its ``main`` gets the channel and the process number."""
IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """SIGKILL for this process when the thread that spawned it ends.

    Exits at once if the parent is gone already: then the signal would never come.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os._exit(1)


def maker_of(fd: int) -> int:
    """The process that made the socket pair: the supervisor, whoever the parent is by now."""
    with socket.socket(fileno=os.dup(fd)) as sock:
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int(struct.unpack("iII", credentials)[0])


def set_title(title: str) -> None:
    """What ps and top show as the command's name: 15 octets."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_bytes(title.encode()[:15])


def refuse(channel: Channel, running: str) -> int:
    """Memory and messages of a server of another version may mean something else."""
    text = (
        f"version {__version__} was installed while the server of version {running} runs: "
        "restart the server"
    )
    log.error("process-failed", text=text)
    with contextlib.suppress(OSError):
        channel.send({"type": "last-words", "text": text})
    return EXIT_FAILED


def main(argv: list[str]) -> int:
    role, index, fd = argv[0], int(argv[1]), int(argv[2])
    if role not in ROLES:
        raise ValueError(f"role {role!r}: one of {', '.join(ROLES)}")
    die_with_parent(maker_of(fd))
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED)  # the parent had them blocked for us
    faulthandler.enable()
    capture()
    name = f"{role}-{index}" if role == "worker" else role
    set_title(f"dhcp-{name}")
    log.process = name
    os.set_inheritable(fd, False)
    channel = Channel.from_fd(fd)
    if argv[3:] and argv[3] != __version__:
        return refuse(channel, argv[3])
    try:
        module = importlib.import_module(ROLES[role])
        return int(module.main(channel, index) or 0)
    except Exception as error:
        # The supervisor replaces us.
        log.error("process-failed", **facts_of(error))
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
