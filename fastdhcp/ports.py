"""Who holds a port of this network namespace, as far as the kernel shows."""

import contextlib
import dataclasses
import os
import socket
import struct
from collections.abc import Collection, Iterator
from ipaddress import IPv4Address
from pathlib import Path

from fastdhcp import netlink
from fastdhcp.words import printable

TCP_LISTEN = 10  # include/net/tcp_states.h
ANY = IPv4Address(0)
_MAPPED = bytes(10) + b"\xff\xff"  # RFC 4291 2.5.5.2


@dataclasses.dataclass(frozen=True)
class Holder:
    """A process that has what we need."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"{self.command} (pid {self.pid})"


@dataclasses.dataclass(frozen=True)
class Bound:
    """A UDP socket that gets IPv4 packets of a port: of those to ``address`` (ANY: all), by the
    interface ``device`` (0: by any)."""

    inode: int
    address: IPv4Address
    device: int


def bound_sockets(port: int) -> list[Bound]:
    """All of this network namespace. Raises OSError: not every kernel can be asked."""
    found = []
    kind = netlink.SOCK_DIAG_BY_FAMILY  # of question and answer alike
    with netlink.open_netlink(family=netlink.NETLINK_SOCK_DIAG) as sock:
        for family in (socket.AF_INET, socket.AF_INET6):
            for body in netlink.dump(sock, kind, kind, _diag_request(family, port)):
                port_be, source, device, _, inode = netlink.DIAG.unpack_from(body)
                address = _address(family, source, body[netlink.DIAG.size :])
                if port_be == struct.pack("!H", port) and address is not None:
                    found.append(Bound(inode, address, device))
    return found


def _diag_request(family: int, port: int) -> bytes:
    every_state, no_cookie = 0xFFFFFFFF, b"\xff" * 8
    port_be = struct.pack("!H", port)
    return netlink.DIAG_REQUEST.pack(
        family, socket.IPPROTO_UDP, every_state, port_be, 0, no_cookie
    )


def _address(family: int, source: bytes, attributes: bytes) -> IPv4Address | None:
    """None: the socket gets no IPv4 packet."""
    if family == socket.AF_INET:
        return IPv4Address(source[:4])
    if source.startswith(_MAPPED):
        return IPv4Address(source[12:])
    only_v6 = dict(netlink.attributes(attributes)).get(netlink.INET_DIAG_SKV6ONLY, b"\1")
    return None if any(source) or any(only_v6) else ANY


def port_holders(port: int) -> list[Holder]:
    """Who has a UDP socket of this network namespace bound to ``port``, as far as /proc shows.

    Of a family of processes that share one only the eldest is named.
    """
    return holders(port_inodes(port, "udp", "udp6"))


def listening_holders(port: int) -> list[Holder]:
    """Who listens on a TCP port of this network namespace, likewise."""
    return holders(port_inodes(port, "tcp", "tcp6", state=TCP_LISTEN))


def holders(inodes: Collection[int]) -> list[Holder]:
    """Who has any of these sockets, but us."""
    names = {f"socket:[{inode}]" for inode in inodes}
    pids = {pid for pid in _processes() if names and pid != os.getpid() and _has_any(pid, names)}
    return [Holder(pid, command_of(pid)) for pid in sorted(pids) if _parent(pid) not in pids]


def port_inodes(port: int, *tables: str, state: int | None = None) -> set[int]:
    """Inodes of the sockets that are bound to ``port`` here: ``udp`` is IPv4, ``udp6`` IPv6.

    ``state``: only those in it (TCP).
    """
    found = set()
    for table in tables:
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/thread-self/net/{table}").read_text().splitlines()[1:]
            for words in map(str.split, lines):
                bound, found_state = int(words[1].rpartition(":")[2], 16), int(words[3], 16)
                if bound == port and state in (None, found_state):
                    found.add(int(words[9]))
    return found


def command_of(pid: int) -> str:
    """The command line of a process, programs without their folders, escaped, cut to fit a line."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        # An interpreter's own name says nothing: its program is the next word.
        words[:2] = [os.path.basename(word) for word in words[:2]]  # noqa: PTH119
        if len(words) > 1 and words[0].startswith(b"python") and not words[1].startswith(b"-"):
            del words[0]
        text = b" ".join(words).decode(errors="replace")
        text = text or Path(f"/proc/{pid}/comm").read_text().strip()
        text = printable(text)
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
