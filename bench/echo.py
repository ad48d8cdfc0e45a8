"""The echo as a program: N processes on one port, steered by chaddr.

python -m fastdhcp_bench.echo --listen ADDRESS [--port 67] [--workers N]
"""

import os
import signal
import socket
import struct
import sys

import click

from fastdhcp.bpf import attach_steering
from fastdhcp_bench._echo import serve
from fastdhcp_bench.sockets import hear_link, server_socket

LOOK_UP_S = 1
"""How often an idle echo comes back to Python, to see signals."""


def open_group(
    address: str, port: int, count: int, interface: str | None = None
) -> list[socket.socket]:
    """``count`` sockets bound to one port, each getting the packets of its own clients.

    With an interface, those that come by it, broadcasts among them.
    """
    group = []
    for index in range(count):
        sock = server_socket()
        group.append(sock)
        attach_steering(sock, index, count)
        if interface:
            hear_link(sock, interface)
        sock.bind(("" if interface else address, port))
        port = sock.getsockname()[1]
        timeout = struct.pack("@ll", LOOK_UP_S, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
    return group


def _serve(sock: socket.socket, server_id: int, interface: str | None) -> None:
    """Until a signal. On a link, those that want no broadcast are answered by frames."""
    if not interface:
        serve(sock.fileno(), server_id)
        return
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as frames:
        serve(sock.fileno(), server_id, frames.fileno(), socket.if_nametoindex(interface))


def _leave(number: int, frame: object) -> None:
    raise SystemExit(0)


@click.command()
@click.option("--listen", required=True, help="Address to answer on; also option 54.")
@click.option("--port", default=67, show_default=True)
@click.option("--workers", default=1, show_default=True)
@click.option("--interface", help="Answer all that comes by this link, broadcasts too.")
def main(listen: str, port: int, workers: int, interface: str | None) -> None:
    """Answer DISCOVER with OFFER and REQUEST with ACK, and know nothing."""
    server_id = int.from_bytes(socket.inet_aton(listen), "big")
    group = open_group(listen, port, workers, interface)
    children: list[int] = []
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    try:
        for sock in group[1:]:
            child = os.fork()
            if child == 0:
                children.clear()
                _serve(sock, server_id, interface)
            children.append(child)
        print("ready", file=sys.stderr, flush=True)
        _serve(group[0], server_id, interface)
    finally:
        for child in children:
            os.kill(child, signal.SIGTERM)
        for child in children:
            os.waitpid(child, 0)


if __name__ == "__main__":
    main()
