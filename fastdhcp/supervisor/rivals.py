"""Rivals: other programs' sockets on our port that take packets which are ours.

One that is bound to the device of an interface that we do not serve takes none: a dnsmasq that
libvirt starts on its bridge, say. All others do. See docs/DECISIONS.md, "Another server's port 67".
"""

from collections.abc import Collection, Iterable
from ipaddress import IPv4Address

from fastdhcp.ports import ANY, Bound, bound_sockets, holders
from fastdhcp.supervisor.alarms import Alarms
from fastdhcp.supervisor.obstacles import named


def rivals(
    found: Iterable[Bound], address: str, served: Collection[int], own: Collection[int]
) -> set[int]:
    """Inodes of those of the sockets that are in our way. ``served``: indices of interfaces,
    ``own``: inodes of our sockets."""
    ours = IPv4Address(address)
    return {
        bound.inode
        for bound in found
        if bound.inode not in own
        and (not bound.device or bound.device in served)
        and (ours == ANY or bound.address in (ANY, ours))
    }


class Watch:
    """Looks for rivals that came after us: sharing the port for the one kind lets the other in."""

    def __init__(self, alarms: Alarms, address: str, port: int, own: Collection[int]) -> None:
        self._alarms = alarms
        self._address, self._port, self._own = address, port, own
        self._seen: set[int] = set()

    def look(self, served: Collection[int]) -> None:
        """An alarm for what is there at two looks in a row: who binds to a device binds to the
        port first. Raises OSError."""
        found = rivals(bound_sockets(self._port), self._address, served, self._own)
        lasting, self._seen = found & self._seen, found
        if lasting:
            text = f"UDP port {self._port} is also bound by {named(holders(lasting))}"
            self._alarms.raise_alarm("port-shared", f"{text}, which takes clients' packets")
        elif not found:
            self._alarms.clear("port-shared")
