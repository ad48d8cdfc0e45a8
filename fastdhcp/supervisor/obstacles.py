"""What stands in the way of a start, in words an operator can act on."""

import errno
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from fastdhcp.config.model import DEFAULT_VRF, Configuration
from fastdhcp.exits import EXIT_FAILED, EXIT_IN_USE
from fastdhcp.interfaces import Interface
from fastdhcp.ports import Holder, command_of, holders, listening_holders, port_holders

CAP_NET_BIND_SERVICE = 10
CAP_NET_RAW = 13
_CAPABILITY_NAMES = {CAP_NET_BIND_SERVICE: "CAP_NET_BIND_SERVICE", CAP_NET_RAW: "CAP_NET_RAW"}


SAID = ""
"""The event of an obstacle that stands in the log already."""


class Obstacle(Exception):
    """The server cannot start. ``exit_code`` is CONTRACT's; ``event`` names it in the log."""

    def __init__(self, event: str, text: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(text)
        self.event = event
        self.exit_code = exit_code


def port_taken(address: str, port: int, inodes: Collection[int] | None = None) -> Obstacle:
    """The UDP port is another's: by whom, if that can be seen. ``inodes``: of the sockets that are
    in the way, if only some are."""
    found = port_holders(port) if inodes is None else holders(inodes)
    who = named(found)
    text = f"UDP port {port} on {address} is in use by {who}: stop it, or change server.listen"
    return Obstacle("port-in-use", text, EXIT_IN_USE)


def named(found: Sequence[Holder]) -> str:
    return " and ".join(str(holder) for holder in found) or "a process not seen here"


def http_refused(error: OSError, address: str, port: int) -> Obstacle:
    """Why there is no listening on control.listen: who does so already, if that can be seen."""
    key = "change control.listen"
    text, code = f"cannot listen on {address}, TCP port {port}: {error.strerror}", EXIT_FAILED
    if error.errno == errno.EADDRINUSE:
        who = named(listening_holders(port))
        text, code = f"TCP port {port} on {address} is in use by {who}: stop it", EXIT_IN_USE
    elif error.errno == errno.EADDRNOTAVAIL:
        text = f"{address} is not an address of this machine: give it to an interface"
    elif error.errno in (errno.EACCES, errno.EPERM):
        text = f"TCP port {port} needs {_CAPABILITY_NAMES[CAP_NET_BIND_SERVICE]}: give it"
    return Obstacle("http-failed", f"{text}, or {key}", code)


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
        text = f"{address} is not an address of this machine: give it to an interface, or change"
        return Obstacle("address-not-local", f"{text} server.listen")
    return Obstacle("listen-failed", f"cannot listen on {address}:{port}: {error.strerror}")


def missing_capability(number: int, purpose: str) -> Obstacle:
    name = _CAPABILITY_NAMES[number]
    text = (
        f"{name} is missing {purpose}: run as root, or give the service AmbientCapabilities={name}"
    )
    return Obstacle("capability-missing", text)


def named_interfaces(config: Configuration) -> list[str]:
    """Those that the configuration means to serve by their names."""
    named = [network.interface for network in config.networks if network.interface]
    return list(dict.fromkeys([*(config.server.interfaces or ()), *named]))


def interface_trouble(name: str, interface: Interface | None) -> tuple[str, str] | None:
    """Event and words for one that cannot be served as it is."""
    if interface is None:
        return "interface-missing", f"{name} does not exist: it is served as soon as it does"
    if not interface.addresses:
        text = f"{name} has no IPv4 address: it is served as soon as it has one"
        return "interface-without-address", text
    if not interface.up:
        return "interface-down", f"{name} is down: it is served as soon as it is up"
    if not interface.carrier:
        cure = "check the cable and the port at its other end"
        return "interface-without-carrier", f"{name} has no carrier: {cure}"
    return None


def interface_warnings(
    config: Configuration, interfaces: Sequence[Interface]
) -> Iterator[tuple[str, str]]:
    """Event and words for each interface that the configuration names and that serves nobody."""
    found = {interface.name: interface for interface in interfaces}
    in_subnets = {network.interface for network in config.networks}
    for name in named_interfaces(config):
        if trouble := interface_trouble(name, found.get(name)):
            yield trouble
        elif name not in in_subnets and not _in_a_subnet(config, found[name]):
            text = f"no address of {name} is in a subnet: name it in one, by its key interface"
            yield "interface-without-subnet", text
    for name in config.relays.untrusted_interfaces:
        if name not in found:
            text = f"{name} does not exist: relays.untrusted-interfaces counts as soon as it does"
            yield "interface-missing", text


def _in_a_subnet(config: Configuration, interface: Interface) -> bool:
    addresses = [int(address.ip) for address in interface.addresses]
    return any(
        subnet.address <= address <= subnet.last
        for subnet in config.subnets
        if subnet.vrf == DEFAULT_VRF
        for address in addresses
    )
