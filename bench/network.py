"""Two network namespaces, a veth pair between them, and what the measurement needs of it."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SERVER_ADDRESS = "192.168.87.1"
GENERATOR_ADDRESS = "192.168.87.2"
RELAY_ADDRESS = "10.128.0.1"
SUBNET = "10.128.0.0/15"
POOL = ("10.128.1.0", "10.129.255.254")

HOLD_S = 3600
"""Longest life of a namespace whose maker was killed."""


class NetworkError(RuntimeError):
    """A command that builds the network failed, or is not installed."""


def _call(*argv: str) -> None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise NetworkError(f"{argv[0]} is not installed (iproute2, ethtool, util-linux)") from error
    if done.returncode:
        raise NetworkError(f"{' '.join(argv)}: {done.stderr.strip()}")


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


def _link(server: Namespace, generator: Namespace, *, server_gro: bool) -> None:
    pids = str(server.holder.pid), str(generator.holder.pid)
    server.call(
        "ip", "link", "add", "srv0", "type", "veth", "peer", "name", "gen0", "netns", pids[1]
    )
    for namespace, link, address in (
        (server, "srv0", SERVER_ADDRESS),
        (generator, "gen0", GENERATOR_ADDRESS),
    ):
        namespace.call("ip", "addr", "add", f"{address}/24", "dev", link)
        namespace.call("ip", "link", "set", "lo", "up")
        namespace.call("ip", "link", "set", link, "up")
    generator.call("ip", "addr", "add", f"{RELAY_ADDRESS}/32", "dev", "lo")
    server.call("ip", "route", "add", SUBNET, "via", GENERATOR_ADDRESS)
    # The generator's trains are cut in its own softirq time, before the wire: the server sees
    # ordinary single packets, and steering filters see each one. GRO stays off on its link: packet
    # by packet nothing aggregates there (0.7 us an exchange for nothing), and a server's trains
    # come whole to the UDP_GRO socket without it.
    generator.call("ethtool", "-K", "gen0", "tx-udp-segmentation", "off")
    if server_gro:
        server.call("ethtool", "-K", "srv0", "gro", "on")


@contextlib.contextmanager
def bench_network(*, server_gro: bool = False) -> Iterator[tuple[Namespace, Namespace]]:
    """The server's namespace (``srv0``) and the generator's (``gen0``, and the relay address).

    Raises NetworkError without the privilege or the commands to make them.
    """
    with contextlib.ExitStack() as stack:
        pair = []
        for _ in range(2):
            namespace = _unshare()
            stack.callback(namespace.holder.wait)
            stack.callback(namespace.holder.kill)
            pair.append(namespace)
        _link(pair[0], pair[1], server_gro=server_gro)
        yield pair[0], pair[1]


def group_cpu_seconds(group: int) -> float:
    """CPU time, user and system, of all processes of a process group or session.

    Children that ended and were waited for are in it. What the kernel does for the group's
    packets in softirq is charged to whom it interrupts, so the machine's share stands beside it
    in a report.
    """
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        if group in (int(fields[2]), int(fields[3])):
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")
