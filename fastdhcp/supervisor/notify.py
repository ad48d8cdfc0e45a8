"""What systemd is told (sd_notify(3)): readiness, status, reloads, the watchdog's beat."""

import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """Sends datagrams to NOTIFY_SOCKET; without one every call does nothing.

    The variable is taken out of the environment: children have nothing to tell.
    """

    def __init__(self, address: str | None = None) -> None:
        found = os.environ.pop("NOTIFY_SOCKET", "") if address is None else address
        # An abstract socket is written with @ for the NUL in front.
        self._address = "\0" + found[1:] if found.startswith("@") else found
        self._socket: socket.socket | None = None
        self._listens = False
        self._owed: list[bytes] = []
        self._stopping = False
        if found:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)

    def send(self, **assignments: object) -> bool:
        """``send(STATUS="...")``. False: nobody listens, or not now."""
        return self._put(_text(assignments))

    def catch_up(self) -> None:
        """Says what was owed, now that systemd may have read what came before."""
        while self._owed and self._put(self._owed[0]):
            self._owed.pop(0)

    def _must_hear(self, **assignments: object) -> bool:
        """As send(); said later if it cannot be said now: systemd ends who was never ready."""
        self._owed.append(_text(assignments))
        self.catch_up()
        if self._listens:
            return not self._owed
        self._owed.clear()
        return False

    def _put(self, text: bytes) -> bool:
        if self._socket is None:
            return False
        self._listens = True
        try:
            self._socket.sendto(text, self._address)
        except BlockingIOError:
            return False
        except OSError:
            self._listens = False
            return False
        return True

    def ready(self, status: str) -> bool:
        """Nothing once it is stopping: a reload may still end then."""
        return not self._stopping and self._must_hear(READY=1, STATUS=status)

    def status(self, status: str) -> bool:
        return self.send(STATUS=status)

    def reloading(self) -> bool:
        """Before a reload; ready() ends it. The time lets systemd pair the two."""
        return self._must_hear(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)

    def stopping(self) -> bool:
        self._stopping = True
        return self._must_hear(STOPPING=1)

    def extend_timeout(self, seconds: float) -> bool:
        """The start or stop under way needs at least so long from now on."""
        return self.send(EXTEND_TIMEOUT_USEC=int(seconds * 1e6))

    def beat(self) -> bool:
        return self.send(WATCHDOG=1)


def _text(assignments: Mapping[str, object]) -> bytes:
    """A line each: what others wrote (a command's name) begins no line of its own."""
    lines = (f"{key}={' '.join(str(value).splitlines())}" for key, value in assignments.items())
    return "\n".join(lines).encode(errors="backslashreplace")


def watchdog_interval() -> float | None:
    """Seconds within which systemd wants a beat, or None if it wants none of this process."""
    microseconds, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not microseconds.isdigit() or (pid and pid != str(os.getpid())):
        return None
    return int(microseconds) / 1e6
