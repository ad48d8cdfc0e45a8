"""What stands in the way of a start, in words an operator can act on."""

import contextlib
import dataclasses
import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from fastdhcp.config.model import DEFAULT_VRF, Configuration
from fastdhcp.interfaces import Interface

EXIT_FAILED = 1
EXIT_IN_USE = 75
"""EX_TEMPFAIL of sysexits.h: port or state directory in use."""
EXIT_CONFIG = 78
"""EX_CONFIG: bad configuration; no use in a restart."""

CAP_NET_BIND_SERVICE = 10
CAP_NET_RAW = 13
_CAPABILITY_NAMES = {CAP_NET_BIND_SERVICE: "CAP_NET_BIND_SERVICE", CAP_NET_RAW: "CAP_NET_RAW"}


class Obstacle(Exception):
    """The server cannot start. ``exit_code`` is CONTRACT's; ``event`` names it in the log."""

    def __init__(self, event: str, text: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(text)
        self.event = event
        self.exit_code = exit_code


@dataclasses.dataclass(frozen=True)
class Holder:
    """A process that has what we need."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"{self.command} (pid {self.pid})"


def port_taken(address: str, port: int) -> Obstacle:
    """The UDP port is another's: by whom, if that can be seen."""
    who = " and ".join(str(holder) for holder in port_holders(port)) or "a process not seen here"
    text = f"UDP port {port} on {address} is in use by {who}: stop it, or change server.listen"
    return Obstacle("port-in-use", text, EXIT_IN_USE)


def state_directory_taken(directory: Path, pid: int | None) -> Obstacle:
    who = str(Holder(pid, command_of(pid))) if pid else "another process"
    text = (
        f"state directory {directory} is in use by {who}: stop it, or give this server a "
        "server.state-directory of its own"
    )
    return Obstacle("state-directory-in-use", text, EXIT_IN_USE)


def cannot_bind(error: OSError, address: str, port: int) -> Obstacle:
    """Why the kernel refuses the address, other than that it is taken."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return missing_capability(CAP_NET_BIND_SERVICE, f"to bind UDP port {port}")
    if error.errno == errno.EADDRNOTAVAIL:
        text = f"{address} is no address of this machine: give it to an interface, or change"
        return Obstacle("address-not-local", f"{text} server.listen")
    return Obstacle("listen-failed", f"cannot listen on {address}:{port}: {error.strerror}")


def missing_capability(number: int, purpose: str) -> Obstacle:
    name = _CAPABILITY_NAMES[number]
    text = (
        f"{name} is missing {purpose}: run as root, or give the service AmbientCapabilities={name}"
    )
    return Obstacle("capability-missing", text)


def interface_warnings(
    config: Configuration, interfaces: Sequence[Interface]
) -> Iterator[tuple[str, str]]:
    """Event and words for each interface that the configuration names and that serves nobody."""
    found = {interface.name: interface for interface in interfaces}
    named = [network.interface for network in config.networks if network.interface]
    for name in dict.fromkeys([*(config.server.interfaces or ()), *named]):
        interface = found.get(name)
        if interface is None:
            yield "interface-missing", f"{name} does not exist: it is served as soon as it does"
        elif not interface.addresses:
            text = f"{name} has no IPv4 address: it is served as soon as it has one"
            yield "interface-without-address", text
        elif not interface.up:
            yield "interface-down", f"{name} is down: it is served as soon as it is up"
        elif name not in named and not _in_a_subnet(config, interface):
            text = f"no address of {name} is in a subnet: name it in one, by its key interface"
            yield "interface-without-subnet", text


def _in_a_subnet(config: Configuration, interface: Interface) -> bool:
    addresses = [int(address.ip) for address in interface.addresses]
    return any(
        subnet.address <= address <= subnet.last
        for subnet in config.subnets
        if subnet.vrf == DEFAULT_VRF
        for address in addresses
    )


def has_capability(number: int) -> bool:
    """Whether this process has it now, in its user namespace (capabilities(7))."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False


def port_holders(port: int) -> list[Holder]:
    """Who has a UDP socket of this network namespace bound to ``port``, as far as /proc shows.

    Of a family of processes that share one only the eldest is named.
    """
    names = {f"socket:[{inode}]" for inode in port_inodes(port, "udp", "udp6")}
    pids = {pid for pid in _processes() if names and pid != os.getpid() and _has_any(pid, names)}
    return [Holder(pid, command_of(pid)) for pid in sorted(pids) if _parent(pid) not in pids]


def port_inodes(port: int, *tables: str) -> set[int]:
    """Inodes of the UDP sockets that are bound to ``port`` here: ``udp`` is IPv4, ``udp6`` IPv6."""
    found = set()
    for table in tables:
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/thread-self/net/{table}").read_text().splitlines()[1:]
            words = (line.split() for line in lines)
            found |= {int(w[9]) for w in words if int(w[1].rpartition(":")[2], 16) == port}
    return found


def command_of(pid: int) -> str:
    """The command line of a process as one typed it, cut to something that fits a line."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        text = b" ".join(words).decode(errors="replace")
        text = text or Path(f"/proc/{pid}/comm").read_text().strip()
        return text if len(text) <= 80 else text[:77] + "..."
    return "a process"


def _processes() -> Iterator[int]:
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            yield int(path.name)


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        # The name in brackets may hold anything; the fields after the last bracket do not.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _has_any(pid: int, names: set[str]) -> bool:
    """Whether the process has a descriptor of that name; False too where we may not look."""
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if str(Path(entry.path).readlink()) in names:
                    return True
    except OSError:
        return False
    return False
