"""What passes an interface: every UDP datagram, kept by the kernel until it is asked for."""

import select
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

from .namespaces import Namespace
from .packet import Frame
from .patience import PATIENCE_S

ETH_P_ALL = 3
SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35
PACKET_OUTGOING = 4


class Capture:
    """An AF_PACKET socket on an interface, opened now; frames to other stations are seen too.

    ``outgoing`` keeps what this station itself sends as well. Frames seen are kept in
    ``frames``, each with the kernel's time of its arrival.
    """

    def __init__(self, namespace: Namespace, interface: str, *, outgoing: bool = False) -> None:
        self.frames: list[Frame] = []
        self._raw: list[tuple[float, bytes]] = []
        self._outgoing = outgoing
        with namespace:
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        grow_receive_buffer(self.socket)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind((interface, ETH_P_ALL))
        self.socket.setblocking(False)

    def read(self) -> list[Frame]:
        """Take what has come; returns the new frames."""
        new = []
        while True:
            try:
                raw, ancillary, _, address = self.socket.recvmsg(65536, 64)
            except BlockingIOError:
                break
            if address[2] == PACKET_OUTGOING and not self._outgoing:
                continue
            second, nanosecond = struct.unpack("qq", ancillary[0][2])
            at = second + nanosecond / 1e9
            self._raw.append((at, raw))
            if seen := Frame.parse(raw, at):
                new.append(seen)
        self.frames += new
        return new

    def collect(
        self,
        wanted: Callable[[Frame], bool] = lambda _: True,
        *,
        count: int | None = None,
        timeout: float = PATIENCE_S,
        quiet: float = 0.3,
    ) -> list[Frame]:
        """The new frames that are ``wanted``: ``count`` of them, then a pause of ``quiet``.

        It reads on for ``quiet`` seconds after the last one, so that one too many is seen, and
        for ``timeout`` at most; without ``count`` it waits the whole ``timeout``.
        """
        found: list[Frame] = []
        limit = time.monotonic() + timeout
        while (left := limit - time.monotonic()) > 0:
            if select.select([self.socket], [], [], left)[0]:
                found += filter(wanted, self.read())
                if count is not None and len(found) >= count:
                    limit = min(limit, time.monotonic() + quiet)
        return found

    def write_pcap(self, path: Path) -> None:
        """All that was read so far, in the format of tcpdump."""
        self.read()
        with path.open("wb") as file:
            file.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65536, 1))
            for at, raw in self._raw:
                second, size = int(at), len(raw)
                file.write(struct.pack("=IIII", second, int((at - second) * 1e6), size, size))
                file.write(raw)

    def close(self) -> None:
        self.socket.close()


def grow_receive_buffer(sock: socket.socket, size: int = 32 << 20) -> None:
    """As much as we may have: what is dropped here would look like the server's silence."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, size)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
