"""What systemd is told (sd_notify(3)): readiness, status, reloads, the watchdog's beat."""

import os
import socket
import time


class Notifier:
    """Sends datagrams to NOTIFY_SOCKET; without one every call does nothing.

    The variable is taken out of the environment: children have nothing to tell.
    """

    def __init__(self, address: str | None = None) -> None:
        found = os.environ.pop("NOTIFY_SOCKET", "") if address is None else address
        # An abstract socket is written with @ for the NUL in front.
        self._address = "\0" + found[1:] if found.startswith("@") else found
        self._socket: socket.socket | None = None
        if found:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)

    def send(self, **assignments: object) -> bool:
        """``send(READY=1, STATUS="...")``. False: nobody listens."""
        if self._socket is None:
            return False
        text = "\n".join(f"{key}={value}" for key, value in assignments.items())
        try:
            self._socket.sendto(text.encode(), self._address)
        except OSError:
            return False
        return True

    def ready(self, status: str) -> bool:
        return self.send(READY=1, STATUS=status)

    def status(self, status: str) -> bool:
        return self.send(STATUS=status)

    def reloading(self) -> bool:
        """Before a reload; ready() ends it. The time lets systemd pair the two."""
        return self.send(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)

    def stopping(self) -> bool:
        return self.send(STOPPING=1)

    def extend_timeout(self, seconds: float) -> bool:
        """The start or stop under way needs at least so long from now on."""
        return self.send(EXTEND_TIMEOUT_USEC=int(seconds * 1e6))

    def beat(self) -> bool:
        return self.send(WATCHDOG=1)


def watchdog_interval() -> float | None:
    """Seconds within which systemd wants a beat, or None if it wants none of this process."""
    microseconds, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not microseconds.isdigit() or (pid and pid != str(os.getpid())):
        return None
    return int(microseconds) / 1e6
