"""The facts of steering, on real sockets at port 67 (fastdhcp/bpf.py tells them).

Four sockets of one SO_REUSEPORT group in a namespace, a link to another namespace.
"""

import select
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastdhcp import bpf
from tests.lab import Lab, LinkClient, build
from tests.lab.packet import DISCOVER, mac

pytestmark = pytest.mark.net

COUNT = 4
UDP_SEGMENT, UDP_GRO = 103, 104  # linux/udp.h
SERVER, RELAY = "10.67.0.1", "10.67.0.2"


class Group:
    """The sockets of ``COUNT`` workers, steered; ``whole``: trains are handed over as they are."""

    def __init__(self, lab: Lab, *, steered: bool = True, whole: bool = False) -> None:
        lab.veth(f"server:srv0={SERVER}/24", f"client:cli0={RELAY}/24")
        self.lab = lab
        self.sockets = [self._socket(index, steered, whole) for index in range(COUNT)]

    def _socket(self, index: int, steered: bool, whole: bool) -> socket.socket:
        with self.lab.netns("server"):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.setsockopt(socket.IPPROTO_UDP, UDP_GRO, whole)
        if steered:
            bpf.attach_steering(sock, index, COUNT)
        sock.bind(("0.0.0.0", 67))
        return sock

    def received(self, quiet: float = 0.3) -> list[list[bytes]]:
        """What each socket got, read until nothing comes for ``quiet`` seconds."""
        got: list[list[bytes]] = [[] for _ in self.sockets]
        while ready := select.select(self.sockets, [], [], quiet)[0]:
            for sock in ready:
                got[self.sockets.index(sock)].append(sock.recv(65536))
        return got

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()


@pytest.fixture
def group(lab: Lab) -> Iterator[Group]:
    made = Group(lab)
    yield made
    made.close()


@pytest.fixture
def client(lab: Lab, group: Group) -> Iterator[LinkClient]:
    made = LinkClient(lab.netns("client"), "cli0")
    yield made
    made.close()


def relay_socket(lab: Lab) -> socket.socket:
    """One relay agent: one source address and port for all that it sends."""
    with lab.netns("client"):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((RELAY, 67))
    sock.connect((SERVER, 67))
    return sock


def discover(n: int) -> bytes:
    return build(DISCOVER, mac(n), n)


def test_a_broadcast_arrives_exactly_once(group: Group, client: LinkClient) -> None:
    for n in range(200):
        client.broadcast(discover(n), mac(n))
    got = group.received()
    sent = Counter(discover(n) for n in range(200))
    assert Counter(p for payloads in got for p in payloads) == sent
    for index, payloads in enumerate(got):
        assert {bpf.steer(p[28:44], COUNT) for p in payloads} == {index}


def test_without_steering_every_socket_gets_a_copy(lab: Lab) -> None:
    """The trouble itself: the day it is gone from the kernel, the cure can go too."""
    group = Group(lab, steered=False)
    client = LinkClient(lab.netns("client"), "cli0")
    for n in range(10):
        client.broadcast(discover(n), mac(n))
    assert [len(payloads) for payloads in group.received()] == [10] * COUNT
    client.close()
    group.close()


def test_one_relay_agents_clients_spread_within_a_fifth_of_even(lab: Lab, group: Group) -> None:
    loads = [0] * COUNT
    with relay_socket(lab) as relay:
        for first in range(0, 20_000, 500):
            for n in range(first, first + 500):
                relay.send(discover(n))
            loads = [a + len(b) for a, b in zip(loads, group.received(0.02), strict=True)]
    assert sum(loads) == 20_000
    assert all(0.8 * 5_000 <= load <= 1.2 * 5_000 for load in loads), loads


def test_a_client_is_always_at_one_worker(lab: Lab, group: Group, client: LinkClient) -> None:
    """Relayed or by broadcast, from any address and port: chaddr alone decides."""
    with relay_socket(lab) as relay, lab.netns("client"):
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for n in range(64):
            relay.send(discover(n))
            other.sendto(discover(n), (SERVER, 67))
            client.broadcast(discover(n), mac(n))
    other.close()
    for index, payloads in enumerate(group.received()):
        counts = Counter(int.from_bytes(p[30:34], "big") for p in payloads)
        assert set(counts.values()) == {3}
        assert {bpf.steer(mac(n), COUNT) for n in counts} == {index}


def test_a_train_from_a_neighbour_on_this_machine_loses_no_packet(lab: Lab, group: Group) -> None:
    """UDP_SEGMENT over a virtual link reaches the group as one piece, which is steered by its first
    packet and cut only then: no filter may refuse the others."""
    with relay_socket(lab) as relay:
        relay.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, len(discover(0)))
        for first in range(0, 64, 16):
            relay.send(b"".join(discover(n) for n in range(first, first + 16)))
    got = Counter(p for payloads in group.received() for p in payloads)
    assert got == Counter(discover(n) for n in range(64))


@pytest.mark.parametrize("to", [SERVER, "255.255.255.255"])
def test_a_train_handed_over_whole_is_one_workers(lab: Lab, to: str) -> None:
    """That of its first packet, and of a broadcast, too: each socket takes all of it or nothing."""
    group = Group(lab, whole=True)
    lab.take_trains("client", "cli0", True)
    trains = [b"".join(discover(n) for n in range(first, first + 16)) for first in range(0, 64, 16)]
    with relay_socket(lab) as relay:
        relay.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        relay.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, len(discover(0)))
        for train in trains:
            relay.sendto(train, (to, 67))
    wanted: list[list[bytes]] = [[] for _ in range(COUNT)]
    for first, train in zip(range(0, 64, 16), trains, strict=True):
        wanted[bpf.steer(mac(first), COUNT)].append(train)
    assert group.received() == wanted
    group.close()


@pytest.mark.parametrize("size", [0, 1, 20, bpf.STEERED_SIZE_MIN - 1])
def test_a_short_packet_goes_to_number_0(
    lab: Lab, group: Group, client: LinkClient, size: int
) -> None:
    short = b"\xff" * size
    with relay_socket(lab) as relay:
        relay.send(short)
    client.broadcast(short, mac(1))
    assert group.received() == [[short] * 2, [], [], []]


def test_filtered_packets_are_no_receive_buffer_errors(
    lab: Lab, group: Group, client: LinkClient
) -> None:
    """/proc/net/udp calls what a filter refused a drop (a broadcast has three refusals here)."""
    before = lab.udp_counters("server")
    for n in range(100):
        client.broadcast(discover(n), mac(n))
    assert sum(map(len, group.received())) == 100
    after = lab.udp_counters("server")
    assert after["RcvbufErrors"] == before["RcvbufErrors"]
    with lab.netns("server"):
        rows = Path("/proc/thread-self/net/udp").read_text().splitlines()[1:]
    assert sum(int(row.split()[-1]) for row in rows) == 100 * (COUNT - 1)


def test_a_full_receive_buffer_is_a_receive_buffer_error(lab: Lab, group: Group) -> None:
    before = lab.udp_counters("server")["RcvbufErrors"]
    for sock in group.sockets:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with relay_socket(lab) as relay:
        for n in range(400):
            relay.send(discover(n))
    kept = sum(map(len, group.received()))
    assert lab.udp_counters("server")["RcvbufErrors"] - before == 400 - kept > 0
