"""The demo's network: a link with local clients, a relay agent with clients, and a district.

clients -- srv0 server rel0 -- up0 relay down0 -- behind
cli0   10.77.0.1  192.168.9.1   192.168.9.2  10.88.0.1   far0
             server pow0 -- dis0 district
           192.168.9.5       192.168.9.6, 10.96.0.1
"""

import contextlib
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path

from fastdhcp.demo import links
from fastdhcp.demo.namespaces import Namespace

SERVER, SERVER_UP, RELAY_UP, GIADDR = "10.77.0.1", "192.168.9.1", "192.168.9.2", "10.88.0.1"
RELAYED_PREFIX = "10.88.0.0/16"

STORM_SERVER, STORM_UP, STORM_RELAY = "192.168.9.5", "192.168.9.6", "10.96.0.1"
STORM_PREFIX = "10.96.0.0/12"
"""The district's: the load generator is its relay agent and its clients."""


class Network:
    """Five namespaces and the links between them. Raises OSError if the kernel refuses one."""

    def __init__(self) -> None:
        with contextlib.ExitStack() as undo:
            self.server = Namespace(own=True)
            undo.callback(self.server.close)
            others = [Namespace() for _ in range(4)]
            for namespace in others:
                undo.callback(namespace.close)
            self.clients, self.relay, self.behind, self.district = others
            self._build()
            self._undo = undo.pop_all()

    def close(self) -> None:
        """All links go with the last process in their namespaces."""
        self._undo.close()

    def _build(self) -> None:
        _link((self.server, "srv0", f"{SERVER}/16"), (self.clients, "cli0", None))
        _link((self.server, "rel0", f"{SERVER_UP}/30"), (self.relay, "up0", f"{RELAY_UP}/30"))
        _link((self.relay, "down0", f"{GIADDR}/16"), (self.behind, "far0", None))
        _link(
            (self.server, "pow0", f"{STORM_SERVER}/30"), (self.district, "dis0", f"{STORM_UP}/30")
        )
        with self.server.inside():
            links.set_up("lo")
            links.add_route(IPv4Network(RELAYED_PREFIX), RELAY_UP)
            links.add_route(IPv4Network(STORM_PREFIX), STORM_UP)
        with self.district.inside():
            links.add_address("dis0", IPv4Interface(STORM_RELAY))
        with self.relay.inside():
            # Renewals go past the relay agent, through the router that it is.
            for name in ("up0", "down0"):
                links.set_forwarding(name)


End = tuple[Namespace, str, str | None]


def _link(one: End, other: End) -> None:
    """A veth pair between two namespaces, both ends up."""
    with one[0].inside():
        links.add_veth(one[1], other[1], other[0].fd)
    for namespace, name, address in (one, other):
        with namespace.inside():
            if address:
                links.add_address(name, IPv4Interface(address))
            # IPv6 would add its own noise to the link.
            with contextlib.suppress(OSError):
                Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
            links.set_up(name)
