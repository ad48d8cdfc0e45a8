"""A worker: maps the segments, then stays in its compiled loop until the supervisor speaks."""

import os

from fastdhcp._memory import Memory
from fastdhcp._worker import Loop
from fastdhcp.channel import Channel, close_all
from fastdhcp.crash import arm
from fastdhcp.log import log

FINISH_WAIT_MS = 200
"""At a stop: how long replies that wait for the disk may still leave."""
KEPT = ("udp", "packet", "event.self", "event.store")


def main(channel: Channel, index: int) -> int:
    """Serves as worker ``index`` until it is told to stop or the channel closes."""
    heard = channel.receive()
    if heard is None or heard[0]["type"] != "start":
        return 0
    fds = heard[1]
    memory = Memory(fds, index)
    log.count_in(memory)
    arm("worker", memory)
    memory.set_image(fds["image"], fds["reservations"])
    close_all(fd for name, fd in fds.items() if name not in KEPT)
    packet = fds.get("packet")
    if packet is None:  # no local link yet: what is sent by it fails, and is counted
        packet = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    loop = Loop(
        memory,
        udp=fds["udp"],
        packet=packet,
        event=fds["event.self"],
        store_event=fds["event.store"],
        channel=channel.fileno(),
    )
    memory.set_pid(os.getpid())
    channel.send({"type": "ready"})
    serve(channel, memory, loop, packet)
    return 0


def serve(channel: Channel, memory: Memory, loop: Loop, packet: int) -> None:
    """The loop, and between two of its batches what the supervisor says. ``packet``: by which
    frames are sent; with the first local link a packet socket comes to stand in its place."""
    while True:
        loop.run()
        heard = channel.receive()
        if heard is None:
            return
        message, fds = heard
        if message["type"] == "image":
            memory.set_image(fds["image"], fds["reservations"])
            if "packet" in fds:
                os.dup2(fds["packet"], packet, inheritable=False)
        close_all(fds.values())
        if message["type"] == "stop":
            loop.finish(FINISH_WAIT_MS)
            return
