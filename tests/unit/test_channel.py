"""The channel between supervisor and child: maps, descriptors, bounds, and what is no message."""

import os
import socket
from pathlib import Path

import msgpack
import pytest

from fastdhcp.channel import MESSAGE_SIZE_MAX, Channel, ChannelError


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def pair() -> tuple[Channel, Channel]:
    ours, theirs = Channel.pair()
    theirs.setblocking(False)
    return ours, theirs


@pytest.mark.parametrize("size", [0, 1, 1000, MESSAGE_SIZE_MAX, 10 * MESSAGE_SIZE_MAX, 2_000_000])
def test_a_message_of_any_size_arrives_whole(size: int) -> None:
    ours, theirs = pair()
    ours.send({"type": "names", "text": "x" * size})
    assert theirs.receive() == ({"type": "names", "text": "x" * size}, {})


@pytest.mark.parametrize("size", [10, 100_000])
def test_descriptors_come_by_name_and_are_not_inherited(size: int) -> None:
    ours, theirs = pair()
    read, write = os.pipe()
    ours.send({"type": "start", "text": "x" * size}, {"in": read, "out": write})
    received = theirs.receive()
    assert received is not None
    message, fds = received
    assert list(fds) == ["in", "out"]
    assert "fds" not in message
    os.write(fds["out"], b"hello")
    assert os.read(read, 5) == b"hello"
    assert not any(os.get_inheritable(fd) for fd in fds.values())


def test_as_many_descriptors_as_sixty_workers_need() -> None:
    ours, theirs = pair()
    named = {f"event.{n}": os.eventfd(0) for n in range(80)}
    ours.send({"type": "start"}, named)
    received = theirs.receive()
    assert received is not None
    assert list(received[1]) == list(named)


def test_more_than_the_kernel_carries_is_refused_before_it_is_sent() -> None:
    ours, theirs = pair()
    with pytest.raises(ValueError, match="at most"):
        ours.send({"type": "start"}, {str(n): 0 for n in range(253)})
    with pytest.raises(BlockingIOError):
        theirs.receive()


def test_closed_ends() -> None:
    ours, theirs = pair()
    ours.send({"type": "stop"})
    ours.close()
    assert theirs.receive() == ({"type": "stop"}, {})
    assert theirs.receive() is None
    with pytest.raises(OSError):
        theirs.send({"type": "ready"})


def test_one_who_does_not_read_blocks_nobody_for_ever() -> None:
    ours, _theirs = pair()
    ours.setblocking(False)
    with pytest.raises(BlockingIOError):
        for _ in range(100_000):
            ours.send({"type": "status", "text": "x" * 1000})


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xc1", id="not msgpack"),
        pytest.param(msgpack.packb([1, 2]), id="no map"),
        pytest.param(msgpack.packb({"kind": "ready"}), id="no type"),
        pytest.param(msgpack.packb({"type": 7}), id="type is no text"),
        pytest.param(msgpack.packb({"type": "start", "fds": ["udp"]}), id="descriptors missing"),
        pytest.param(msgpack.packb({"type": "body"}), id="body missing"),
        pytest.param(b"x" * (MESSAGE_SIZE_MAX + 1), id="too long"),
    ],
)
def test_what_is_no_message_is_an_error(data: bytes) -> None:
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    a.send(data)
    with a, pytest.raises(ChannelError):
        Channel(b).receive()


def test_descriptors_that_no_message_names_are_closed() -> None:
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = open_descriptors()
    with a:
        socket.send_fds(a, [msgpack.packb({"type": "ready"})], [a.fileno(), a.fileno()])
        with pytest.raises(ChannelError, match="2 descriptors"):
            Channel(b).receive()
        assert open_descriptors() == before


def test_text_that_is_no_utf_8_comes_escaped() -> None:
    ours, theirs = Channel.pair()
    ours.send({"type": "status", "config": os.fsdecode(b"/etc/br\xff1.toml")})
    received = theirs.receive()
    assert received is not None
    assert received[0]["config"] == "/etc/br\\udcff1.toml"
