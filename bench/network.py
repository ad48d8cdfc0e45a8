"""Two network namespaces, a veth pair between them, and what the measurement needs of it.

Ordinary ends: what one side sends is received in the sender's own time, to the other's socket.
Ends like those of a NIC: each has a NAPI thread, as a NIC has its interrupt, which takes what comes
in batches and joins trains (GRO) in the receiver's time and on the receiver's core.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastdhcp_bench.usage import processes

SERVER_ADDRESS = "192.168.87.1"
GENERATOR_ADDRESS = "192.168.87.2"
RELAY_ADDRESS = "10.128.0.1"
"""The first relay agent's; 250 more follow it."""
ON_LINK = "10.128.0.1", "10.128.0.2"
"""The server's and the generator's where the clients are on the link: it is then their subnet."""
SUBNET = "10.128.0.0/12"
POOL = ("10.128.1.0", "10.143.255.254")
POOL_SIZE = 0xFFEFF
"""Room for a million clients: one that comes back within a second costs no entry."""

QUEUE_PACKETS = 20_000
"""Of each end like a NIC's. The ring behind it has 256: without a queue it drops what is more."""
HOLD_S = 3600
"""Longest life of a namespace whose maker was killed."""


class NetworkError(RuntimeError):
    """A command that builds the network failed, or is not installed."""


def _call(*argv: str) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise NetworkError(f"{argv[0]} is not installed (iproute2, ethtool, util-linux)") from error
    if done.returncode:
        raise NetworkError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


@dataclass(frozen=True)
class Namespace:
    """A network namespace, held by a sleeping process."""

    holder: subprocess.Popen[bytes]

    @property
    def path(self) -> str:
        return f"/proc/{self.holder.pid}/ns/net"

    def argv(self, command: Sequence[str]) -> list[str]:
        """``command`` to be run inside."""
        return ["nsenter", f"--net={self.path}", *command]

    def call(self, *command: str) -> None:
        _call(*self.argv(command))

    def read(self, path: str) -> str:
        """A file of the kernel as it is seen inside."""
        return _call(*self.argv(["cat", path]))


def _unshare() -> Namespace:
    holder = subprocess.Popen(["unshare", "--net", "sleep", str(HOLD_S)])
    made = Namespace(holder)
    deadline = time.monotonic() + 5
    # Until it has left our namespace, and then become `sleep`.
    while Path(made.path).readlink() == Path("/proc/self/ns/net").readlink():
        if holder.poll() is not None or time.monotonic() > deadline:
            holder.kill()
            raise NetworkError("unshare --net: not allowed; run as root")
        time.sleep(0.005)
    return made


def _link(server: Namespace, generator: Namespace, *, relayed: bool) -> None:
    pids = str(server.holder.pid), str(generator.holder.pid)
    server.call(
        "ip", "link", "add", "srv0", "type", "veth", "peer", "name", "gen0", "netns", pids[1]
    )
    addresses = (SERVER_ADDRESS, GENERATOR_ADDRESS) if relayed else ON_LINK
    length = 24 if relayed else SUBNET.partition("/")[2]
    for namespace, link, address in zip(
        (server, generator), ("srv0", "gen0"), addresses, strict=True
    ):
        namespace.call("ip", "addr", "add", f"{address}/{length}", "dev", link)
        namespace.call("ip", "link", "set", "lo", "up")
        namespace.call("ip", "link", "set", link, "up")
    if relayed:  # all addresses of a subnet on lo are the generator's
        generator.call("ip", "addr", "add", f"{RELAY_ADDRESS}/24", "dev", "lo")
        server.call("ip", "route", "add", SUBNET, "via", GENERATOR_ADDRESS)
    # Trains are cut in their sender's time, before the wire: single packets arrive, and steering
    # filters see each one.
    generator.call("ethtool", "-K", "gen0", "tx-udp-segmentation", "off")
    server.call("ethtool", "-K", "srv0", "tx-udp-segmentation", "off")


def _threads(link: str) -> frozenset[int]:
    """The NAPI threads of all links of this name, in whatever namespace."""
    return frozenset(found.pid for found in processes() if found.name.startswith(f"napi/{link}-"))


def _be_nic(namespace: Namespace, link: str, cores: set[int]) -> frozenset[int]:
    """GRO and a NAPI thread, on these cores, for the link's end. Returns the thread."""
    others = _threads(link)
    # Linux joins what comes by veth only if TSO is off at the end that sent it.
    namespace.call("ethtool", "-K", link, "tso", "off", "gro", "on")
    namespace.call(
        "tc", "qdisc", "replace", "dev", link, "root", "pfifo", "limit", f"{QUEUE_PACKETS}"
    )
    # sysfs shows the links of the namespace in which it was mounted.
    thread = f"mount -t sysfs sysfs /sys && echo 1 >/sys/class/net/{link}/threaded"
    namespace.call("unshare", "--mount", "sh", "-c", thread)
    made = _threads(link) - others
    if not made:
        raise NetworkError(f"{link}: no NAPI thread came of it; ends like a NIC's need Linux 5.12")
    for thread_id in made:
        os.sched_setaffinity(thread_id, cores)
    return made


@dataclass(frozen=True)
class Network:
    """The server's namespace (``srv0``) and the generator's (``gen0``, and the relay address).

    With ends like a NIC's the generator is to run on ``generator_core``, where its end's thread
    is; the server may use all cores, its end's thread all but that one. Else the core is None.
    """

    server: Namespace
    generator: Namespace
    generator_core: int | None = None
    generator_end: frozenset[int] = frozenset()

    def dropped(self) -> dict[str, int]:
        """Messages that the kernel dropped so far, by place; only where there are any.

        At a socket a train that found no room counts as one, however many packets it has.
        """
        places = {
            "server's sockets": _socket_drops(self.server.read("/proc/net/snmp")),
            "generator's sockets": _socket_drops(self.generator.read("/proc/net/snmp")),
            "on the link": _link_drops(self.server.read("/proc/net/dev"))
            + _link_drops(self.generator.read("/proc/net/dev")),
        }
        return {place: count for place, count in places.items() if count}


def _socket_drops(snmp: str) -> int:
    """RcvbufErrors of UDP: packets for which a socket's buffer had no room."""
    names, values = (line.split() for line in snmp.splitlines() if line.startswith("Udp:"))
    return int(values[names.index("RcvbufErrors")])


def _link_drops(dev: str) -> int:
    """The columns drop, in and out, of all links."""
    rows = (line.partition(":")[2].split() for line in dev.splitlines()[2:])
    return sum(int(row[3]) + int(row[11]) for row in rows)


def _nic_like(server: Namespace, generator: Namespace) -> Network:
    *rest, core = sorted(os.sched_getaffinity(0))
    # The server's trains leave whole, as to a NIC that cuts them itself.
    server.call("ethtool", "-K", "srv0", "tx-udp-segmentation", "on")
    _be_nic(server, "srv0", set(rest) or {core})
    return Network(server, generator, core, _be_nic(generator, "gen0", {core}))


@contextlib.contextmanager
def bench_network(
    *, nic: bool = False, server_gro: bool = False, relayed: bool = True
) -> Iterator[Network]:
    """Two namespaces and the link between them, gone with the context.

    Not relayed: the link is the clients' subnet.

    Raises NetworkError without the privilege or the commands to make them.
    """
    with contextlib.ExitStack() as stack:
        pair = []
        for _ in range(2):
            namespace = _unshare()
            stack.callback(namespace.holder.wait)
            stack.callback(namespace.holder.kill)
            pair.append(namespace)
        server, generator = pair
        _link(server, generator, relayed=relayed)
        if server_gro:
            server.call("ethtool", "-K", "srv0", "gro", "on")
        yield _nic_like(server, generator) if nic else Network(server, generator)
