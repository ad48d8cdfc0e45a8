"""The demo's network: a link with local clients, and a relay agent with clients behind it.

clients ---- srv0 server rel0 ---- up0 relay down0 ---- behind
cli0      10.77.0.1  192.168.9.1   192.168.9.2  10.88.0.1   far0
"""

import contextlib
from pathlib import Path

from pyroute2 import IPRoute  # type: ignore[import-untyped]

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
        with self.server.inside(), IPRoute() as route:
            route.link("set", index=route.link_lookup(ifname="lo")[0], state="up")
            route.route("add", dst=RELAYED_PREFIX, gateway=RELAY_UP)
        with self.relay.inside():
            # Renewals go past the relay agent, through the router that it is.
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        with self.clients.inside(), IPRoute() as route:
            _up(route, "cli0", None)
        with self.behind.inside(), IPRoute() as route:
            _up(route, "far0", None)


End = tuple[Namespace, str, str | None]


def _link(one: End, other: End) -> None:
    """A veth pair between two namespaces, both ends up."""
    namespace, name, address = one
    with namespace.inside(), IPRoute() as route:
        peer = {"ifname": other[1], "net_ns_fd": other[0].fd}
        route.link("add", ifname=name, kind="veth", peer=peer)
        _up(route, name, address)
    if other[2]:
        with other[0].inside(), IPRoute() as route:
            _up(route, other[1], other[2])


def _up(route: IPRoute, name: str, address: str | None) -> None:
    index = route.link_lookup(ifname=name)[0]
    if address:
        host, length = address.split("/")
        route.addr("add", index=index, address=host, prefixlen=int(length))
    # IPv6 would add its own noise to the link.
    with contextlib.suppress(OSError):
        Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
    route.link("set", index=index, state="up")
