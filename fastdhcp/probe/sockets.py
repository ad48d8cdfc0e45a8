"""A UDP socket as the way to a server: a relay agent's on port 67, or a client's on port 68."""

import contextlib
import errno
import socket
import struct
import time

from fastdhcp.probe.frames import open_answers, read
from fastdhcp.probe.paths import (
    ALL,
    CLIENT_PORT,
    RECEIVE_SIZE,
    SERVER_PORT,
    Arrival,
    wait,
)
from fastdhcp.probe.trouble import Stopped

# linux/in.h, linux/socket.h, linux/icmp.h, linux/errqueue.h
IP_RECVERR, MSG_ERRQUEUE = 11, 0x2000
ORIGIN_ICMP = 2
HOST_UNREACHABLE, PORT_UNREACHABLE = (3, 1), (3, 3)


class SocketPath:
    """A bound UDP socket, with a tap (where CAP_NET_RAW allows it) that sees what reaches this
    host and is not given to the socket: a firewall's or the reverse path filter's work."""

    def __init__(self, sock: socket.socket, server: str, xid: int) -> None:
        self.server = server
        self._socket = sock
        self._taken: set[bytes] = set()
        self._tapped: set[bytes] = set()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        self._tap: socket.socket | None = None
        with contextlib.suppress(PermissionError):
            self._tap = open_answers(None, sock.getsockname()[1], xid)

    def send(self, payload: bytes) -> None:
        self._send(payload, self.server)

    def send_unicast(self, payload: bytes, _address: str, _to: Arrival, server: str) -> None:
        # A relay agent that was told where its server is sends everything there.
        self._send(payload, server if self.server == ALL else self.server)

    def receive(self, deadline: float) -> Arrival | None:
        both = [self._socket] if self._tap is None else [self._socket, self._tap]
        while ready := wait(both, deadline):
            if self._tap is not None and self._tap in ready:
                self._note(self._tap)
            if self._socket not in ready:
                continue
            try:
                data, (source, _) = self._socket.recvfrom(RECEIVE_SIZE)
            except OSError as error:
                self._stop_for_icmp(error)
                continue
            self._taken.add(data)
            return Arrival(time.monotonic(), data, source)
        return None

    def dropped_here(self) -> int | None:
        return None if self._tap is None else len(self._tapped - self._taken)

    def close(self) -> None:
        self._socket.close()
        if self._tap is not None:
            self._tap.close()

    def _note(self, tap: socket.socket) -> None:
        found = read(tap.recv(RECEIVE_SIZE))
        if found is not None:
            self._tapped.add(found.payload)

    def _send(self, payload: bytes, target: str) -> None:
        try:
            self._socket.sendto(payload, (target, SERVER_PORT))
        except OSError as error:
            raise _not_sent(error, target) from error

    def _stop_for_icmp(self, error: OSError) -> None:
        """Raises Stopped with the ICMP error that came in (ip(7), IP_RECVERR)."""
        flags = MSG_ERRQUEUE | socket.MSG_DONTWAIT
        try:
            _, ancillary, _, _ = self._socket.recvmsg(RECEIVE_SIZE, 512, flags)
        except BlockingIOError:
            return
        for level, kind, data in ancillary:
            if (level, kind) == (socket.IPPROTO_IP, IP_RECVERR):
                raise _refused(data, self.server) from error


def open_relay(address: str) -> socket.socket:
    """A relay agent's socket on its giaddr. Raises Stopped in words."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind((address, SERVER_PORT))
    except OSError as error:
        sock.close()
        raise _not_bound(error, address, SERVER_PORT) from error
    return sock


def open_client(interface: str) -> socket.socket:
    """A client's socket on port 68 of one interface. Raises Stopped in words."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        sock.bind(("", CLIENT_PORT))
    except OSError as error:
        sock.close()
        raise _not_bound(error, "", CLIENT_PORT) from error
    return sock


def _not_bound(error: OSError, address: str, port: int) -> Stopped:
    on = f" on {address}" if address else ""
    if error.errno == errno.EADDRINUSE:
        return _port_taken(on, port)
    if error.errno == errno.EADDRNOTAVAIL:
        from fastdhcp.interfaces import read_interfaces

        own = [str(own.ip) for found in read_interfaces() for own in found.addresses]
        return Stopped(
            "relay-address-not-ours",
            f"{address} is not an address of this host: a server answers to giaddr, so no answer "
            "would arrive here",
            f"name one of its own addresses: {', '.join(own) or 'it has none'}",
        )
    if isinstance(error, PermissionError):
        return no_permission(f"bind UDP port {port}", "CAP_NET_BIND_SERVICE")
    return Stopped("bind-failed", f"UDP port {port}{on}: {error.strerror}")


def _port_taken(on: str, port: int) -> Stopped:
    from fastdhcp.ports import port_holders

    who = " and ".join(map(str, port_holders(port))) or "a process that this user may not see"
    text = f"UDP port {port}{on} is in use by {who}"
    if port == CLIENT_PORT:
        cure = "stop that client, or run as root: with CAP_NET_RAW no port is needed"
    else:
        cure = "probe from another host, or from an address that it does not listen on"
    return Stopped(f"port-{port}-in-use", text, cure)


def no_permission(purpose: str, capability: str) -> Stopped:
    return Stopped(
        "no-permission",
        f"this user may not {purpose}",
        f"run as root, or give it {capability} (setpriv, or AmbientCapabilities= of systemd)",
    )


def _not_sent(error: OSError, target: str) -> Stopped:
    if error.errno in (errno.EPERM, errno.EACCES):
        text = f"a firewall on this host blocks packets to {target}:{SERVER_PORT}"
        return Stopped("sending-forbidden", text, "check its OUTPUT rules for UDP port 67")
    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        text = f"this host has no route to {target}"
        return Stopped("no-route", text, "check `ip route get` for it")
    return Stopped("send-failed", f"no packet could be sent to {target}: {error.strerror}")


def _refused(data: bytes, server: str) -> Stopped:
    """From a `struct sock_extended_err` with the sender's `sockaddr_in` behind it."""
    number, origin, kind, code = struct.unpack_from("=IBBB", data)
    if origin != ORIGIN_ICMP:
        text = f"{server} cannot be reached: {errno.errorcode.get(number, str(number))}"
        return Stopped("server-unreachable", text, "check `ip route get` and `ip neighbour`")
    sender = socket.inet_ntoa(data[20:24])
    if (kind, code) == PORT_UNREACHABLE:
        text = f"{sender} says that nothing listens on its UDP port 67"
        return Stopped("no-server-there", text, "start the server there, or name another")
    if (kind, code) == HOST_UNREACHABLE:
        text = f"{sender} cannot reach {server}: nothing answers ARP for it"
        return Stopped("server-unreachable", text, "check `ip neighbour` there")
    text = f"{sender} says by ICMP that {server} cannot be reached (type {kind}, code {code})"
    return Stopped("server-unreachable", text, f"check the route from {sender} to {server}")
