"""The load generator's clients on a link that can be answered before they have an address."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fastdhcp_bench._echo import answer
from fastdhcp_bench.contenders import find_contender
from fastdhcp_bench.rounds import measure_once
from fastdhcp_bench.run import Generator, Plan, Report
from tests.lab import Lab, Message
from tests.lab.packet import BROADCAST_MAC, frame
from tests.net.test_bench_compare import setup_in

pytestmark = [pytest.mark.net, pytest.mark.usefixtures("bench_on_path")]

SERVER = "10.77.0.1"
OWN_MAC = bytes.fromhex("060000000001")
Ends = tuple[tuple[str, int], bytes]
"""Where an answer goes: address and port, and hardware address."""


def right(reply: Message) -> Ends:
    """RFC 2131 4.1."""
    return (reply.yiaddr, 68), reply.chaddr


WRONG: dict[str, Callable[[Message], Ends]] = {
    "to all": lambda reply: (("255.255.255.255", 68), BROADCAST_MAC),
    "to another's address": lambda reply: (("10.77.0.99", 68), reply.chaddr),
    "to another's hardware": lambda reply: ((reply.yiaddr, 68), OWN_MAC),
    "to another port": lambda reply: ((reply.yiaddr, 67), reply.chaddr),
}


@contextmanager
def answering(lab: Lab, ends: Callable[[Message], Ends]) -> Iterator[list[Message]]:
    """A server on the link, whose answers go to those ends. Gives what it was asked."""
    lab.veth(f"server:srv0={SERVER}/24", "client:cli0=10.77.0.2/24")
    asked: list[Message] = []
    with lab.netns("server"):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        waker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("", 67))
    frames.bind(("srv0", 0))

    def serve() -> None:
        while octets := sock.recv(2048):
            asked.append(Message.parse(octets))
            reply = answer(octets, int.from_bytes(socket.inet_aton(SERVER), "big"))
            to, hardware = ends(Message.parse(reply))
            frames.send(frame(reply, (SERVER, 67), to, OWN_MAC, hardware))

    thread = threading.Thread(target=serve)
    with sock, frames, waker:
        thread.start()
        try:
            yield asked
        finally:
            waker.sendto(b"", ("127.0.0.1", 67))
            thread.join()


def run(lab: Lab, **changes: Any) -> Report:
    plan = Plan(server="255.255.255.255", interface="cli0", frames=True, relay_port=68,
                clients=8, window=8, train=1, **changes)  # fmt: skip
    with lab.netns("client"):
        generator = Generator(plan)
    with generator:
        generator.run(exchanges=8)
        return generator.report()


def test_a_client_reads_the_frames_that_are_sent_to_it(lab: Lab) -> None:
    """RFC 2131 4.1: giaddr, ciaddr and the BROADCAST bit are zero; yiaddr and chaddr are told."""
    with answering(lab, right) as asked:
        report = run(lab, timeout=30)
    assert report.good and report.bound == 8
    assert all(m.giaddr == m.ciaddr == "0.0.0.0" and m.flags == 0 for m in asked)
    assert len(asked) == 16


@pytest.mark.parametrize("wrong", WRONG)
def test_a_frame_for_somebody_else_is_nobodys_answer(wrong: str, lab: Lab) -> None:
    with answering(lab, WRONG[wrong]):
        report = run(lab, timeout=0.05, tries=2)
    assert report.errors == {"unanswered": 8} and report.bound == 0


@pytest.mark.alone
@pytest.mark.root("a NAPI thread is the machine's")
@pytest.mark.parametrize("name", ["echo", "durable"])
def test_contenders_answer_by_frames(name: str, folder: Path) -> None:
    setup = setup_in(folder, nic=True, frames=True, workers=2, clients=2000, window=64)
    made = measure_once(find_contender(name), setup)
    assert made.report.good and made.moments and made.report.bound == 2000
