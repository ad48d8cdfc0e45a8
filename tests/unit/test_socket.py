"""Batches in and out, over a real link: how a packet came, and what leaves as what."""

import select
import socket
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface

import pytest

from fastdhcp._trace import Outcome
from fastdhcp.supervisor.listeners import open_frames, open_group
from tests._trial_replies import Sockets
from tests.lab import Lab
from tests.lab.capture import Capture
from tests.lab.patience import PATIENCE_S, Stopwatch
from tests.policies import Link, compile_text
from tests.segments import make_memory

pytestmark = pytest.mark.net

SERVER, RELAY, NOBODY = "10.67.0.1", "10.67.0.2", "10.67.0.99"
CHADDR = bytes.fromhex("02ee00000007")
UDP_SEGMENT = 103  # linux/udp.h
SENT, FAILED = Outcome.OUTCOME_SENT, Outcome.OUTCOME_SEND_FAILED


def number(address: str) -> int:
    return int(IPv4Address(address))


class Ground:
    """The sockets of a worker on port 67, and another host on its link. `trains`: replies may leave
    so."""

    def __init__(self, lab: Lab, trains: bool) -> None:
        lab.veth(f"server:srv0={SERVER}/24", f"client:cli0={RELAY}/24")
        self.lab = lab
        with lab.netns("server"):
            self.ifindex = socket.if_nametoindex("srv0")
            (self.udp,) = open_group("0.0.0.0", 67, 1, 1 << 20)
            (self.packet,) = open_frames(1)
        with lab.netns("client"):
            self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"cli0")
        self.client.bind(("0.0.0.0", 6767))
        self.client.settimeout(PATIENCE_S)
        self.memory = make_memory(trace_size=1024)
        self.memory.set_image(*compile_text("", links=[
            Link(self.ifindex, "srv0", [IPv4Interface(f"{SERVER}/24")], trains=trains)
        ]).memfds())  # fmt: skip
        self.sockets = Sockets(self.memory, self.udp.fileno(), self.packet.fileno())

    def receive(self) -> list[tuple[bytes, dict[str, int]]]:
        assert select.select([self.udp], [], [], PATIENCE_S)[0]
        return self.sockets.receive()

    def wait_until_all_came(self) -> None:
        """Sent last, to another socket: what comes by one link comes in its order."""
        with self.lab.netns("server"):
            end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with end:
            end.bind((SERVER, 0))
            self.client.sendto(b"end", end.getsockname())
            assert select.select([end], [], [], PATIENCE_S)[0]

    def message(self, data: bytes, way: str = "udp", to: str = RELAY, source: str = SERVER,
                port: int = 6767) -> tuple[bytes, str, int, int, int, int, bytes]:
        return data, way, number(to), port, number(source), self.ifindex, CHADDR

    def outcomes(self) -> list[object]:
        """What became of each reply, in the order in which they were made."""
        return [row["outcome"] for row in self.memory.trace(0, 0, 1000)]

    def close(self) -> None:
        for sock in (self.udp, self.packet, self.client):
            sock.close()


@pytest.fixture(params=[False, True], ids=["one-by-one", "trains"])
def ground(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Ground]:
    made = Ground(lab, request.param)
    yield made
    made.close()


@pytest.fixture
def rail(lab: Lab) -> Iterator[Ground]:
    """The link takes trains whole, so that they are seen."""
    made = Ground(lab, trains=True)
    lab.take_trains("server", "srv0", True)
    lab.take_trains("client", "cli0", True)
    yield made
    made.close()


# ---- in


def test_how_a_unicast_packet_came(ground: Ground) -> None:
    before = time.time_ns()
    ground.client.sendto(b"hello", (SERVER, 67))
    ((data, arrival),) = ground.receive()
    assert data == b"hello"
    assert arrival["source"] == number(RELAY)
    assert arrival["source_port"] == 6767
    assert arrival["destination"] == arrival["local"] == number(SERVER)
    assert arrival["ifindex"] == ground.ifindex
    assert not arrival["broadcast"]
    assert before <= arrival["received_ns"] <= time.time_ns()


@pytest.mark.parametrize("to", ["255.255.255.255", "10.67.0.255"])
def test_how_a_broadcast_came(ground: Ground, to: str) -> None:
    ground.client.sendto(b"hello", (to, 67))
    ((_, arrival),) = ground.receive()
    assert arrival["broadcast"]
    assert arrival["destination"] == number(to)
    assert arrival["local"] == number(SERVER)


def test_the_longest_and_the_shortest_packet_come_whole(ground: Ground) -> None:
    for size in (65507, 2048, 0):
        ground.client.sendto(b"x" * size, (SERVER, 67))
    ground.wait_until_all_came()
    assert [len(data) for data, _ in ground.receive()] == [65507, 2048, 0]


def test_a_lot_is_64_and_its_places_are_clean_for_the_next(ground: Ground) -> None:
    for n in range(70):
        ground.client.sendto(bytes([n]) * (n + 1), (SERVER, 67))
    ground.wait_until_all_came()
    first, second = ground.receive(), ground.receive()
    assert (len(first), len(second)) == (64, 6)
    assert [data for data, _ in first + second] == [bytes([n]) * (n + 1) for n in range(70)]
    assert {arrival["source"] for _, arrival in first + second} == {number(RELAY)}
    assert ground.sockets.receive() == []


# ---- trains in


def send_train(rail: Ground, data: bytes, step: int, to: str = SERVER) -> None:
    rail.client.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, step)
    rail.client.sendto(data, (to, 67))


@pytest.mark.parametrize("to", [SERVER, "255.255.255.255"])
def test_a_train_is_as_many_packets_that_came_at_one_time(rail: Ground, to: str) -> None:
    packets = [bytes([n]) * 300 for n in range(5)] + [b"the last may be shorter"]
    send_train(rail, b"".join(packets), 300, to)
    lot = rail.receive()
    assert [data for data, _ in lot] == packets
    assert len({arrival["received_ns"] for _, arrival in lot}) == 1
    assert {arrival["destination"] for _, arrival in lot} == {number(to)}


def test_what_a_train_has_beyond_a_lot_is_the_next_one(rail: Ground) -> None:
    """Read as 64 messages, since none of late was a train: 61 packets, then two trains of 64."""
    singles = [bytes([n]) * 9 for n in range(61)]
    trains = [bytes([n]) * 300 for n in range(128)]
    for data in singles:
        rail.client.sendto(data, (SERVER, 67))
    for first in (0, 64):
        send_train(rail, b"".join(trains[first : first + 64]), 300)
    rail.wait_until_all_came()
    lots = [rail.receive()] + [rail.sockets.receive() for _ in range(3)]
    assert [len(lot) for lot in lots] == [64, 64, 61, 0]
    assert [data for lot in lots for data, _ in lot] == singles + trains


def test_where_trains_came_a_lot_of_them_is_read_at_once_and_no_more(rail: Ground) -> None:
    """So what a worker has read and not answered stays small; single packets are soon read 64 at a
    time again."""
    for n in range(3):
        send_train(rail, bytes([n]) * 16 * 300, 300)
    rail.wait_until_all_came()
    assert len(rail.receive()) == 48
    for n in range(6):
        send_train(rail, bytes([n]) * 16 * 300, 300)
    rail.client.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)
    for n in range(200):
        rail.client.sendto(bytes([n]), (SERVER, 67))
    rail.wait_until_all_came()
    lots = [len(rail.sockets.receive()) for _ in range(10)]
    assert lots == [64, 34, 4, 8, 16, 32, 64, 64, 10, 0]


# ---- out


def test_a_reply_leaves_from_the_address_that_its_packet_came_to(ground: Ground) -> None:
    ground.lab.ip("server", "address", "add", "10.67.0.50/24", "dev", "srv0")
    ground.sockets.send([ground.message(b"a"), ground.message(b"b", source="10.67.0.50")])
    assert [ground.client.recvfrom(99) for _ in "ab"] == [
        (b"a", (SERVER, 67)),
        (b"b", ("10.67.0.50", 67)),
    ]


def test_replies_of_one_destination_and_length_leave_together(ground: Ground) -> None:
    """Groups in the order of their first reply, each in the order in which they came."""
    ground.lab.ip("client", "address", "add", "10.67.0.3/24", "dev", "cli0")
    capture = Capture(ground.lab.netns("client"), "cli0")
    order = [
        (b"a1", RELAY), (b"b1", "10.67.0.3"), (b"long", RELAY), (b"a2", RELAY),
        (b"b2", "10.67.0.3"), (b"tall", RELAY), (b"a3", RELAY),
    ]
    ground.sockets.send([ground.message(data, to=to) for data, to in order])
    seen = capture.collect(lambda frame: frame.target[1] == 6767, count=7)
    assert b"".join(frame.payload for frame in seen) == b"a1a2a3" b"b1b2" b"longtall"
    capture.close()


def test_sending_goes_on_behind_one_that_fails(ground: Ground) -> None:
    """sendmmsg stops at the first message that fails; the address is none of ours: EINVAL."""
    foreign = ground.message(b"x", source="10.99.0.1")
    ground.sockets.send([foreign, ground.message(b"a"), foreign, foreign, ground.message(b"b")])
    assert [ground.client.recv(99) for _ in "ab"] == [b"a", b"b"]
    assert (ground.sockets.sent, ground.sockets.failed) == (2, 3)
    assert ground.outcomes() == [FAILED, SENT, FAILED, FAILED, SENT]


def test_a_full_send_buffer_is_waited_for_once_and_then_counted(ground: Ground) -> None:
    """Who does not answer ARP keeps the messages to it in our send buffer, for three seconds."""
    ground.udp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    watch = Stopwatch()
    ground.sockets.send([ground.message(b"x" * 300, to=NOBODY) for _ in range(250)])
    assert watch.seconds() < 0.3
    assert 0 < ground.sockets.sent < 250
    assert ground.sockets.sent + ground.sockets.failed == 250
    assert ground.outcomes().count(SENT) == ground.sockets.sent
    assert ground.outcomes().count(FAILED) == ground.sockets.failed
    ground.lab.ip("server", "neighbour", "flush", "dev", "srv0")
    ground.sockets.send([ground.message(b"again")])
    assert ground.client.recv(99) == b"again"


def test_rfc2131_4_1_a_broadcast_names_its_interface(ground: Ground) -> None:
    ground.lab.veth("server:other0=10.68.0.1/24", "elsewhere:cli0=10.68.0.2/24")
    ground.lab.ip("server", "route", "add", "default", "dev", "other0")
    ground.sockets.send([ground.message(b"all", "broadcast", "255.255.255.255")])
    assert ground.client.recvfrom(99) == (b"all", (SERVER, 67))


def test_rfc2131_4_1_a_frame_reaches_a_client_without_an_address(ground: Ground) -> None:
    capture = Capture(ground.lab.netns("client"), "cli0")
    ground.sockets.send([ground.message(b"offer!" * 50, "frame", NOBODY, port=68)])
    (seen,) = capture.collect(lambda frame: frame.target[1] == 68, count=1)
    assert seen.ether_target == CHADDR
    assert (seen.source, seen.target) == ((SERVER, 67), (NOBODY, 68))
    assert seen.payload == b"offer!" * 50
    assert (ground.sockets.sent, ground.sockets.failed) == (1, 0)
    capture.close()


def test_without_a_packet_socket_such_a_client_is_sent_a_broadcast(ground: Ground) -> None:
    ground.sockets = Sockets(ground.memory, ground.udp.fileno(), -1)
    ground.sockets.send([ground.message(b"offer", "frame", NOBODY)])
    assert ground.client.recv(99) == b"offer"


def test_more_replies_than_one_send_takes(ground: Ground) -> None:
    ground.client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    ground.sockets.send([ground.message(n.to_bytes(2, "big")) for n in range(600)])
    assert [ground.client.recv(9) for _ in range(600)] == [n.to_bytes(2, "big") for n in range(600)]


# ---- trains out


def frames_of(rail: Ground, replies: list[tuple[bytes, str, str]], count: int) -> list[bytes]:
    """What leaves, frame by frame."""
    capture = Capture(rail.lab.netns("client"), "cli0")
    rail.sockets.send([rail.message(data, way, to) for data, way, to in replies])
    seen = capture.collect(lambda frame: frame.target[1] == 6767, count=count)
    capture.close()
    assert (rail.sockets.sent, rail.sockets.failed) == (len(replies), 0)
    assert rail.outcomes() == [SENT] * len(replies)
    return [frame.payload for frame in seen]


def test_a_group_leaves_as_one_train(rail: Ground) -> None:
    rail.lab.ip("client", "address", "add", "10.67.0.3/24", "dev", "cli0")
    order = [("a1", RELAY), ("b1", "10.67.0.3"), ("a2", RELAY), ("long", RELAY), ("a3", RELAY),
             ("b2", "10.67.0.3")]  # fmt: skip
    frames = frames_of(rail, [(data.encode(), "udp", to) for data, to in order], 3)
    assert frames == [b"a1a2a3", b"b1b2", b"long"]
    assert [rail.client.recv(99) for _ in range(6)] == [b"a1", b"a2", b"a3", b"b1", b"b2", b"long"]


def test_a_broadcast_train(rail: Ground) -> None:
    replies = [(bytes([n]) * 300, "broadcast", "255.255.255.255") for n in range(5)]
    assert frames_of(rail, replies, 1) == [b"".join(data for data, _, _ in replies)]
    assert [rail.client.recv(999) for _ in range(5)] == [data for data, _, _ in replies]


@pytest.mark.parametrize(
    ("size", "count", "trains"),
    [(300, 64, [64]), (300, 65, [64, 1]), (300, 130, [64, 64, 2]), (1400, 60, [46, 14])],
)
def test_a_train_is_64_replies_at_most_and_fits_one_packet_of_ip(
    rail: Ground, size: int, count: int, trains: list[int]
) -> None:
    rail.client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    replies = [(bytes([n]) * size, "udp", RELAY) for n in range(count)]
    frames = frames_of(rail, replies, len(trains))
    assert [len(frame) // size for frame in frames] == trains
    assert [rail.client.recv(9999) for _ in range(count)] == [data for data, _, _ in replies]


def test_where_the_kernel_cuts_no_trains_each_reply_leaves_by_itself(ground: Ground) -> None:
    """Those that are longer than the route's MTU are fragments, as ever; those before and behind
    them leave, too."""
    ground.lab.ip("server", "route", "add", "10.67.0.3", "dev", "srv0", "mtu", "600")
    ground.lab.ip("client", "address", "add", "10.67.0.3/24", "dev", "cli0")
    short = [ground.message(bytes([n]) * 300) for n in range(3)]
    long = [ground.message(bytes([n]) * 900, to="10.67.0.3") for n in range(3)]
    late = [ground.message(bytes([n]) * 301) for n in range(3)]
    ground.sockets.send([*short, *long, *late])
    assert [ground.client.recv(9999) for _ in range(9)] == [
        message[0] for message in (*short, *long, *late)
    ]
    assert (ground.sockets.sent, ground.sockets.failed) == (9, 0)
    assert ground.outcomes() == [SENT] * 9


def test_only_what_is_refused_leaves_reply_by_reply(rail: Ground) -> None:
    """Those for a route of a small MTU; trains before and behind them stay trains."""
    rail.lab.ip("server", "route", "add", "10.67.0.3", "dev", "srv0", "mtu", "600")
    rail.lab.ip("client", "address", "add", "10.67.0.3/24", "dev", "cli0")
    replies = [(bytes([n]) * 300, "udp", RELAY) for n in range(3)]
    replies += [(bytes([n]) * 900, "udp", "10.67.0.3") for n in range(4)]
    replies += [(bytes([n]) * 301, "udp", RELAY) for n in range(5)]
    capture = Capture(rail.lab.netns("client"), "cli0")
    rail.sockets.send([rail.message(data, way, to) for data, way, to in replies])
    seen = capture.collect(lambda frame: frame.target == (RELAY, 6767), count=2)
    capture.close()
    assert [len(frame.payload) for frame in seen] == [3 * 300, 5 * 301]
    assert [rail.client.recv(9999) for _ in replies] == [data for data, _, _ in replies]
    assert rail.outcomes() == [SENT] * len(replies)


def test_a_train_that_cannot_leave_fails_reply_by_reply(rail: Ground) -> None:
    """Its source is none of ours: each is refused by itself."""
    foreign = [rail.message(bytes([n]), source="10.99.0.1") for n in range(5)]
    rail.sockets.send([rail.message(b"aa"), *foreign, rail.message(b"bbb")])
    assert [rail.client.recv(99) for _ in "ab"] == [b"aa", b"bbb"]
    assert (rail.sockets.sent, rail.sockets.failed) == (2, 5)
    assert rail.outcomes() == [SENT, *[FAILED] * 5, SENT]
