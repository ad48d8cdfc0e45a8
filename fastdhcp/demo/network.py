"""The demo's network: a link with local clients, and a relay agent with clients behind it.

clients ---- srv0 server rel0 ---- up0 relay down0 ---- behind
cli0      10.77.0.1  192.168.9.1   192.168.9.2  10.88.0.1   far0
"""

import contextlib
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path

from fastdhcp.demo import netlink
from fastdhcp.demo.namespaces import Namespace

SERVER, SERVER_UP, RELAY_UP, GIADDR = "10.77.0.1", "192.168.9.1", "192.168.9.2", "10.88.0.1"
LOCAL_PREFIX, RELAYED_PREFIX = "10.77.0.0/16", "10.88.0.0/16"


class Network:
    """Four namespaces and the links between them. Raises OSError if the kernel refuses one."""

    def __init__(self) -> None:
        with contextlib.ExitStack() as undo:
            self.server = Namespace(own=True)
            undo.callback(self.server.close)
            self.clients, self.relay, self.behind = (Namespace() for _ in range(3))
            for namespace in (self.clients, self.relay, self.behind):
                undo.callback(namespace.close)
            self._build()
            self._undo = undo.pop_all()

    def close(self) -> None:
        """All links go with the last process in their namespaces."""
        self._undo.close()

    def _build(self) -> None:
        _link((self.server, "srv0", f"{SERVER}/16"), (self.clients, "cli0", None))
        _link((self.server, "rel0", f"{SERVER_UP}/30"), (self.relay, "up0", f"{RELAY_UP}/30"))
        _link((self.relay, "down0", f"{GIADDR}/16"), (self.behind, "far0", None))
        with self.server.inside():
            netlink.set_up("lo")
            netlink.add_route(IPv4Network(RELAYED_PREFIX), RELAY_UP)
        with self.relay.inside():
            # Renewals go past the relay agent, through the router that it is.
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


End = tuple[Namespace, str, str | None]


def _link(one: End, other: End) -> None:
    """A veth pair between two namespaces, both ends up."""
    with one[0].inside():
        netlink.add_veth(one[1], other[1], other[0].fd)
    for namespace, name, address in (one, other):
        with namespace.inside():
            if address:
                netlink.add_address(name, IPv4Interface(address))
            # IPv6 would add its own noise to the link.
            with contextlib.suppress(OSError):
                Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
            netlink.set_up(name)
