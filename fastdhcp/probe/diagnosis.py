"""Why nothing came: what this host knows about an interface, a port and a silence."""

import contextlib
import ctypes
import fcntl
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from fastdhcp.probe.paths import CLIENT_PORT, SERVER_PORT
from fastdhcp.probe.trouble import Stopped, Trouble

# linux/sockios.h, linux/if.h, linux/if_arp.h
SIOCGIFFLAGS, SIOCGIFHWADDR, SIOCETHTOOL = 0x8913, 0x8927, 0x8946
ETHTOOL_GLINK = 0x0A  # linux/ethtool.h
IFF_UP, IFF_RUNNING = 0x1, 0x40
ARPHRD_ETHER = 1
CARRIER_PATIENCE_S = 2.0


@dataclass(frozen=True)
class Link:
    """An Ethernet interface that is up and has a carrier."""

    name: str
    hw_address: bytes

    @property
    def wireless(self) -> bool:
        with contextlib.suppress(OSError):
            return f" {self.name}:" in Path("/proc/self/net/wireless").read_text()
        return False

    def received(self) -> int:
        """Packets that came in, whoever they were for."""
        for line in Path("/proc/self/net/dev").read_text().splitlines():
            name, _, counts = line.partition(":")
            if name.strip() == self.name:
                return int(counts.split()[1])
        return 0


def find_link(name: str) -> Link:
    """Raises Stopped: no such interface, down, without carrier, or not Ethernet."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            state = _settled_flags(sock, name)
        except OSError as error:
            names = ", ".join(found for _, found in socket.if_nameindex())
            text = f"there is no interface {name}"
            raise Stopped("interface-missing", text, f"the interfaces here are {names}") from error
        address = _ioctl(sock, SIOCGIFHWADDR, name)
    if not state & IFF_UP:
        cure = f"bring it up: ip link set {name} up"
        raise Stopped("interface-down", f"{name} is down", cure)
    if not state & IFF_RUNNING:
        cure = "check the cable and the port at its other end"
        raise Stopped("no-carrier", f"{name} is up, but has no carrier", cure)
    if struct.unpack_from("=H", address)[0] != ARPHRD_ETHER:
        cure = "probe through a relay agent's address instead: --relay ADDR --server ADDR"
        raise Stopped("not-ethernet", f"{name} is not an Ethernet link: it carries no frames", cure)
    return Link(name, address[2:8])


def _settled_flags(sock: socket.socket, name: str) -> int:
    """Flags of the interface; one that was brought up a moment ago may still find its carrier."""
    limit = time.monotonic() + CARRIER_PATIENCE_S
    while True:
        flags: int = struct.unpack_from("=H", _ioctl(sock, SIOCGIFFLAGS, name))[0]
        carrier = _has_carrier(sock, name, flags)
        flags = flags | IFF_RUNNING if carrier else flags & ~IFF_RUNNING
        if not flags & IFF_UP or flags & IFF_RUNNING or time.monotonic() > limit:
            return flags
        time.sleep(0.05)


def _has_carrier(sock: socket.socket, name: str, flags: int) -> bool:
    """As the driver says; the flag lags up to a second behind, in both directions."""
    value = ctypes.create_string_buffer(struct.pack("=II", ETHTOOL_GLINK, 0))
    question = struct.pack("@16sP16x", name.encode()[:15], ctypes.addressof(value))
    try:
        fcntl.ioctl(sock, SIOCETHTOOL, question)
    except OSError:
        return bool(flags & IFF_RUNNING)  # the driver does not say
    return bool(struct.unpack_from("=II", value.raw)[1])


def _ioctl(sock: socket.socket, request: int, name: str) -> bytes:
    """The union of `struct ifreq`. Raises OSError."""
    question = struct.pack("16s24x", name.encode()[:15])
    return fcntl.ioctl(sock, request, question)[16:]


def own_addresses() -> dict[str, str]:
    """IPv4 addresses of this host and the interfaces that have them."""
    from fastdhcp.interfaces import read_interfaces

    found = read_interfaces()
    return {str(own.ip): interface.name for interface in found for own in interface.addresses}


def port_68_holders() -> str:
    """Who has a client's port on this host, in words; empty if nobody has."""
    from fastdhcp.ports import port_holders

    return " and ".join(map(str, port_holders(CLIENT_PORT)))


def silence_on_link(link: Link, received_before: int, *, own_hw_address: bool) -> Trouble:
    """No OFFER on a link."""
    from fastdhcp.ports import port_holders

    came = link.received() - received_before
    text = f"no OFFER came on {link.name}"
    if holders := port_holders(SERVER_PORT):
        who = " and ".join(map(str, holders))
        text += f"; {who} uses UDP port {SERVER_PORT} on this host"
        cure = "a server does not hear its own host's frames: probe from another host on the link"
        return Trouble("no-offer", text, cure)
    if came == 0:
        text += ", nor did any other packet"
        cure = "nothing is heard here: check the VLAN, the port at the other end, and whether "
    else:
        text += f", though the link is alive (packets that came in: {came})"
        cure = "look for a server or a relay agent on this link, and whether "
    cure += "the server's log says that it has no subnet or no free address for us"
    if not own_hw_address:
        name = "an access point" if link.wireless else "a switch with port security"
        cure += f"; {name} may drop an unknown hardware address: try --hw-address own"
    return Trouble("no-offer", text, cure)


def dropped_here(count: int, port: int) -> Trouble:
    """The answer came to this host, and no further."""
    return Trouble(
        "answer-dropped-here",
        f"{count} answers reached this host, but not UDP port {port}: the kernel dropped them",
        "check its firewall (UDP ports 67 and 68) and net.ipv4.conf.*.rp_filter",
    )


def silence_at_relay(relay: str, server: str | None, *, sees_all: bool) -> Trouble:
    """No OFFER at a relay agent's address."""
    text = f"no OFFER came to {relay}" + (f" from {server}" if server else "")
    if sees_all:
        text += ", and no answer reached this host on any interface"
    cure = (
        f"the server has no subnet or no free address for relay address {relay}, or it has no "
        f"route back to {relay}: it sends to giaddr, not to where the packet came from"
    )
    return Trouble("no-offer", text, cure)
