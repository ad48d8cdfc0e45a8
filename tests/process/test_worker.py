"""A real worker process over real segments; the test plays relay agent, store and supervisor."""

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fastdhcp import _journal, _store
from fastdhcp._bitmap import mark_reserved
from fastdhcp._memory import Memory, boot_time_ns
from fastdhcp._stats import Counter, drop_names
from fastdhcp._trace import Outcome
from fastdhcp.channel import Channel
from fastdhcp.supervisor.listeners import open_frames, open_group
from tests.lab import Lab, RelayAgent, build
from tests.lab.packet import ACK, DECLINE, DISCOVER, OFFER, RELEASE, REQUEST, Message, mac
from tests.lab.patience import PATIENCE_S, Stopwatch, end_of
from tests.policies import compile_text, link
from tests.segments import make_segments

pytestmark = pytest.mark.net

SERVER, RELAY = "10.77.0.1", "10.77.0.2"
STORE, WORKER = 1, 0  # process numbers, with one worker
HELD_MAX = 32768
POLICY = """
[server]
workers = 1
[defaults]
lease-time = 3600
[defaults.options]
domain-name = "NAME.example"
[[subnets]]
subnet = "10.77.0.0/22"
pools = ["10.77.1.1-10.77.2.250"]
"""
ROOT = Path(__file__).resolve().parents[2]


class Ground:
    """One worker under way. Nothing is durable, and nobody is woken, unless the test does it."""

    def __init__(self, lab: Lab, trace_size: int = 1 << 12, **env: str) -> None:
        lab.veth(f"server:srv0={SERVER}/22", f"client:cli0={RELAY}/22")
        with lab.netns("server"):
            self.ifindex = socket.if_nametoindex("srv0")
            (self.udp,) = open_group("0.0.0.0", 67, 1, 8 << 20)
            (self.packet,) = open_frames(1)
        self.fds = make_segments(workers=1, trace_size=trace_size)
        self.store = Memory(self.fds, STORE)
        self.store.time_offset_ns = 1000 * 10**9 - boot_time_ns()
        self.store.epoch = 1
        self.store.ready = True
        self.store.store_state = 1
        self.events = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(2)]
        self.relay = RelayAgent(lab.netns("client"), RELAY, SERVER)
        self.start(env)

    def start(self, env: dict[str, str]) -> None:
        """A worker upon the segments as they are."""
        self.channel, self.process = self._spawn(env)
        self.channel.send({"type": "start", "index": WORKER, "workers": 1}, {
            **self.fds, **self.image(1), "udp": self.udp.fileno(),
            "packet": self.packet.fileno(), "event.self": self.events[WORKER],
            "event.store": self.events[STORE],
        })
        heard = self.channel.receive()
        assert heard and heard[0]["type"] == "ready"

    def _spawn(self, env: dict[str, str]) -> tuple[Channel, subprocess.Popen[bytes]]:
        ours, theirs = Channel.pair()
        words = [sys.executable, "-m", "fastdhcp.process", "worker", "0", str(theirs.fileno())]
        with contextlib.closing(theirs):
            process = subprocess.Popen(words, pass_fds=[theirs.fileno()], cwd=ROOT,
                                       env={**os.environ, **env})
        return ours, process

    def image(self, generation: int, name: str = "first") -> dict[str, int]:
        links = [link(self.ifindex, "srv0", f"{SERVER}/22")]
        compiled = compile_text(POLICY.replace("NAME", name), generation, links)
        image, reservations = compiled.memfds()
        self.store.set_image(image, reservations)
        mark_reserved(self.store)
        return {"image": image, "reservations": reservations}

    # -- the store's part

    def settle(self) -> bool:
        """One commit. True if the worker is to be woken, which it then is."""
        _, heads = _store.take(self.store)
        _store.settle(self.store, heads)
        wanted = _store.wake_wanted(self.store, WORKER)
        if wanted:
            os.eventfd_write(self.events[WORKER], 1)
        return wanted

    # -- the relay agent's part

    def ask(self, kind: int, n: int = 1, **options: str) -> None:
        named = {{"asks": 50, "server": 54}[key]: value for key, value in options.items()}
        self.relay.send(build(kind, mac(n), n, giaddr=RELAY, options=named))

    def replies(self, count: int = 1, timeout: float = PATIENCE_S) -> list[Message]:
        found = self.relay.collect(count=count, timeout=timeout, quiet=0.02)
        return [received.message for received in found]

    def offer(self, n: int = 1) -> str:
        self.ask(DISCOVER, n)
        (offer,) = self.relay.replies(OFFER, [n], timeout=PATIENCE_S)
        return offer.yiaddr

    def counts(self) -> dict[str, int]:
        """What was received, sent, dropped in all, and each reason of a drop."""
        words = self.store.process_counters(WORKER)
        dropped = words[int(Counter.COUNT_DROPPED):int(Counter.COUNT_DROPPED) + 64]
        reasons = {name: n for name, n in zip(drop_names(), dropped, strict=False) if n}
        received, sent = int(Counter.COUNT_RECEIVED), int(Counter.COUNT_SENT)
        done = int(Counter.COUNT_DONE)
        return {
            "received": sum(words[received:received + 32]),
            "sent": sum(words[sent:sent + 32]),
            "done": sum(words[done:done + 32]),
            "dropped": sum(dropped),
            "waiting": words[Counter.COUNT_WAITING],
            **reasons,
        }

    def all_is_read(self) -> bool:
        return not select.select([self.udp], [], [], 0)[0]

    def adds_up(self) -> bool:
        """Every packet that was read is answered, carried out, dropped, or its reply waits."""
        counts = self.counts()
        parts = ("sent", "done", "dropped", "waiting")
        return counts["received"] == sum(counts[part] for part in parts)

    def decisions(self) -> list[dict[str, Any]]:
        return self.store.trace_last(WORKER, 1000)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.relay.close()
        self.udp.close()
        self.packet.close()


@pytest.fixture
def ground(lab: Lab) -> Iterator[Ground]:
    made = Ground(lab)
    yield made
    made.close()


def eventually(what: object, limit_s: float = PATIENCE_S) -> None:
    """Until `what()` is true. Raises AssertionError."""
    assert callable(what)
    end = time.monotonic() + limit_s
    while not what():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.005)


def test_no_ack_leaves_before_the_store_says_durable(ground: Ground) -> None:
    address = ground.offer()
    ground.ask(REQUEST, asks=address, server=SERVER)
    ground.ask(REQUEST, asks=address, server=SERVER)
    assert ground.replies(timeout=0.3) == []
    assert ground.settle(), "it sleeps and asked to be woken"
    acks = ground.replies(2)
    assert [(ack.type, ack.yiaddr) for ack in acks] == [(ACK, address)] * 2


def test_a_lease_that_is_durable_is_told_again_at_once(ground: Ground) -> None:
    address = ground.offer()
    ground.ask(REQUEST, asks=address, server=SERVER)
    eventually(lambda: _store.pending_bytes(ground.store))
    ground.settle()
    assert len(ground.replies()) == 1
    # Within the time that the record says already, nothing new need be written.
    ground.ask(REQUEST, asks=address, server=SERVER)
    time.sleep(0.1)
    ground.settle()
    assert ground.replies()[0].type == ACK


def test_the_store_is_woken_only_if_it_asked_for_it(ground: Ground) -> None:
    address = ground.offer()
    ground.ask(REQUEST, asks=address, server=SERVER)
    eventually(lambda: _store.pending_bytes(ground.store))
    with pytest.raises(BlockingIOError):
        os.eventfd_read(ground.events[STORE])
    ground.settle()
    assert ground.replies()[0].type == ACK
    assert _store.sleep_begin(ground.store)
    ground.ask(REQUEST, n=2, asks=ground.offer(2), server=SERVER)
    assert select.select([ground.events[STORE]], [], [], PATIENCE_S)[0]
    _store.sleep_end(ground.store)


def test_no_wake_up_is_lost(ground: Ground) -> None:
    """A commit right after each change, woken only when asked for: no ACK waits for a beat."""
    address = ground.offer()
    slowest = 0.0
    for _ in range(1500):
        watch = Stopwatch(ground.process.pid)
        ground.ask(REQUEST, asks=address, server=SERVER)
        while not select.select([ground.relay.socket], [], [], 0)[0]:
            ground.settle()
            assert watch.seconds() < 3
        ground.relay.socket.recv(2048)
        slowest = max(slowest, watch.seconds())
    assert slowest < 0.5


def test_a_commit_that_is_stuck_is_a_store_that_fails(ground: Ground) -> None:
    """Looked at once a turn, by the clock; a commit that is only slow changes nothing."""
    assert ground.offer(1)
    ground.store.set_busy(boot_time_ns() - 500_000_000)
    assert ground.offer(2)
    ground.store.set_busy(boot_time_ns() - 2_000_000_000)
    ground.ask(DISCOVER, 3)
    assert ground.replies(timeout=0.3) == []
    assert ground.counts()["store-unavailable"] == 1
    ground.store.set_busy(0)
    assert ground.offer(3)


def test_nobody_is_woken_who_waits_for_nothing(ground: Ground) -> None:
    ground.offer()
    time.sleep(0.05)
    assert not ground.settle()


def test_each_packet_is_answered_or_counted_under_one_reason(ground: Ground) -> None:
    rubbish = [b"", b"x" * 20, b"x" * 236, b"x" * 2100, build(DISCOVER, mac(1), 1)[:200],
               b"\x02" + build(DISCOVER, mac(1), 1)[1:]]
    for data in rubbish:
        ground.relay.send(data)
    ground.relay.send(build(DISCOVER, mac(5), 5, giaddr="10.99.0.1"))
    ground.relay.send(build(ACK, mac(6), 6, giaddr=RELAY))
    for n in range(10, 74):
        ground.ask(DISCOVER, n)
    assert len(ground.replies(64)) == 64
    eventually(lambda: ground.counts()["sent"] == 64)  # counted when the batch has left
    counts = ground.counts()
    assert counts["received"] == len(rubbish) + 2 + 64
    assert counts["sent"] == 64
    assert counts["dropped"] == len(rubbish) + 2
    reasons = {"too-short", "too-long", "not-request", "no-subnet", "server-message"}
    assert reasons <= counts.keys()


def mangled(random: Random) -> bytes:
    """A message that a client might send, with some octets changed, cut off or added."""
    address = f"10.77.1.{random.randrange(256)}"
    options: dict[int, Any] = {50: address, 54: SERVER, 55: random.randbytes(6), 61: b"\1abc",
                               82: b"\1\4port", 57: b"\2\x40", 12: b"host", 52: b"\1"}
    kept = {code: options[code] for code in random.sample(sorted(options), random.randrange(8))}
    giaddr = random.choice([RELAY, RELAY, "0.0.0.0"])
    ciaddr = random.choice([address, "0.0.0.0", "0.0.0.0"])
    kind = random.randrange(1, 19)
    data = bytearray(build(kind, mac(random.randrange(99)), 1, giaddr=giaddr, ciaddr=ciaddr,
                           options=kept))
    for _ in range(random.choice([0, 0, 1, 1, 4, 40])):
        at = random.randrange(len(data)) if random.random() < 0.5 else random.randrange(240, 300)
        data[at] = random.choice([random.randrange(256), 0, 255, 53, 82])
    if random.random() < 0.1:
        return bytes(data[: random.randrange(len(data))])
    return bytes(data) + random.randbytes(random.choice([0, 0, 0, 1, 200, 2000]))


def test_whatever_comes_is_answered_or_counted_once(ground: Ground) -> None:
    random = Random(20261125)
    for batch in range(30):
        for _ in range(100):
            ground.relay.send(mangled(random))
        eventually(lambda batch=batch: ground.counts()["received"] == 100 * (batch + 1))
    ground.settle()
    eventually(lambda: ground.adds_up() and ground.counts()["waiting"] == 0)
    counts = ground.counts()
    assert counts["sent"] > 150
    assert len(counts) > 15, "hardly a reason was tried"
    assert ground.offer(200)


def test_each_decision_is_in_the_trace(ground: Ground) -> None:
    address = ground.offer(3)
    ground.relay.send(b"x" * 20)
    eventually(lambda: ground.store.trace_head(WORKER) == 2)
    first, second = ground.store.trace(WORKER, 0, 10)
    assert (first["message_type"], first["reply_type"], first["xid"]) == (DISCOVER, OFFER, 3)
    assert first["yiaddr"] == int(IPv4Address(address))
    assert first["chaddr"] == mac(3)
    assert (second["reply_type"], second["reason"]) == (0, drop_names().index("too-short"))
    assert second["outcome"] == Outcome.OUTCOME_DROPPED


def test_an_entry_says_what_came(ground: Ground) -> None:
    """Field by field, and each where the table in _trace.pxd has it."""
    circuit = bytes(range(65, 65 + 50))
    options = {50: "10.77.1.7", 54: "10.9.9.9", 55: bytes([1, 3, 6, 15, 51, 54, 58, 59, 119]),
               82: b"\x01" + bytes([len(circuit)]) + circuit}
    ground.relay.send(build(REQUEST, mac(5), 0xA1B2C3D4, giaddr=RELAY, secs=513, options=options))
    eventually(lambda: ground.store.trace_head(WORKER) == 1)
    (entry,) = ground.decisions()
    wanted = {
        "time_ns": entry["time_ns"], "fate": entry["outcome"] | entry["reason"] << 8,
        "xid": 0xA1B2C3D4, "vrf": 0, "giaddr": int(IPv4Address(RELAY)), "ciaddr": 0,
        "requested": int(IPv4Address("10.77.1.7")), "yiaddr": 0, "chaddr": mac(5), "hlen": 6,
        "htype": 1, "message_type": REQUEST, "reply_type": 0, "ifindex": ground.ifindex,
        "server_id": int(IPv4Address("10.9.9.9")), "subnet_id": entry["subnet_id"],
        "generation": 1, "secs": 513, "flags": 0, "circuit_id_len": 50,
        "parameters_hash": entry["parameters_hash"], "spare": 0, "circuit_id": circuit[:40],
    }
    raw = os.pread(ground.fds["traces"], 128, 128)
    at = 0
    for place, size, name in layout_of_an_entry():
        assert place == at
        field, at = raw[at:at + size], at + size
        value = wanted.pop(name)
        got = field.rstrip(b"\0") if isinstance(value, bytes) else int.from_bytes(field, "little")
        assert got == value, name
    assert (at, wanted) == (128, {})
    assert entry["subnet_id"] > 0
    assert entry["parameters_hash"] > 0
    shown = {"secs": 513, "server_id": int(IPv4Address("10.9.9.9")), "generation": 1,
             "circuit_id": circuit[:40], "circuit_id_len": 50, "known": False}
    assert {name: entry[name] for name in shown} == shown


def layout_of_an_entry() -> list[tuple[int, int, str]]:
    """Offset, size and name of each field, as the contract has them."""
    text, _, _ = (ROOT / "fastdhcp" / "_trace.pxd").read_text().partition("beside it")
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\w+) \|", text, re.MULTILINE)
    return [(int(place), int(size), name) for place, size, name in rows]


def test_request_lists_are_told_apart(ground: Ground) -> None:
    lists = [b"\x01", b"\x01\x03", b"\x03\x01", bytes(range(1, 9)), bytes(range(1, 10)),
             bytes(range(1, 18)), bytes(range(1, 17)) + b"\x12", None, b"\x01\x03"]
    for n, asked in enumerate(lists):
        options = {} if asked is None else {55: asked}
        ground.relay.send(build(DISCOVER, mac(n), n, giaddr=RELAY, options=options))
    eventually(lambda: ground.store.trace_head(WORKER) == len(lists))
    hashes = [entry["parameters_hash"] for entry in ground.decisions()]
    assert hashes[-2] == 0
    assert hashes[-1] == hashes[1]
    assert len(set(hashes)) == len(lists) - 1


def test_who_has_or_had_an_address_is_known(ground: Ground) -> None:
    address = ground.offer()
    ground.ask(REQUEST, asks=address, server=SERVER)
    ground.ask(DISCOVER)
    ground.ask(DISCOVER, n=2)
    eventually(lambda: ground.store.trace_head(WORKER) == 4)
    assert [entry["known"] for entry in ground.decisions()] == [False, True, True, False]


def test_what_became_of_a_reply_is_in_its_entry(ground: Ground) -> None:
    address = ground.offer()
    ground.ask(REQUEST, asks=address, server=SERVER)
    eventually(lambda: ground.store.trace_head(WORKER) == 2)
    offer, ack = ground.decisions()
    assert (offer["outcome"], ack["outcome"]) == (Outcome.OUTCOME_SENT, Outcome.OUTCOME_HELD)
    assert 0 < offer["answer_us"] < 1_000_000
    assert ack["answer_us"] == 0
    time.sleep(0.2)
    assert ground.settle()
    assert ground.replies()[0].type == ACK
    eventually(lambda: ground.decisions()[1]["outcome"] == Outcome.OUTCOME_SENT)
    assert ground.decisions()[1]["answer_us"] >= 200_000
    assert ground.decisions()[0] == offer


def test_readers_find_what_they_look_for(ground: Ground) -> None:
    for n in range(300):
        ground.ask([DISCOVER, DECLINE, RELEASE][n % 3], n)
    eventually(lambda: ground.store.trace_head(WORKER) == 300)

    def numbers(rows: list[dict[str, Any]]) -> list[int]:
        return [row["number"] for row in rows]

    trace, last = ground.store.trace, ground.store.trace_last
    assert numbers(trace(WORKER, 0, 1000)) == list(range(300))
    assert numbers(trace(WORKER, 290, 5)) == list(range(290, 295))
    assert numbers(trace(WORKER, 290, 1000, until=293)) == [290, 291, 292]
    assert numbers(trace(WORKER, 300, 1000)) == []
    assert numbers(trace(WORKER, 0, 1000, message_type=DECLINE)) == list(range(1, 300, 3))
    silent = drop_names().index("not-holder")
    assert numbers(trace(WORKER, 0, 4, reason=silent)) == [1, 2, 4, 5]
    assert numbers(trace(WORKER, 0, 4, reason=silent, message_type=RELEASE)) == [2, 5, 8, 11]
    assert numbers(last(WORKER, 200)) == list(range(100, 300))
    assert numbers(last(WORKER, 1000, mac(7))) == [7]
    assert numbers(last(WORKER, 1000, mac(7)[:5])) == []


def test_no_entry_is_read_half_written(lab: Lab) -> None:
    """The worker goes round a small ring while it is read."""
    ground = Ground(lab, trace_size=64)
    try:
        seen: set[int] = set()
        for n in range(20_000):
            ground.ask(RELEASE, n)
            if n % 50 == 0:
                rows = ground.store.trace(WORKER, 0, 1000)
                xids = [row["xid"] for row in rows]
                assert xids == sorted(set(xids))
                assert [row["chaddr"] for row in rows] == [mac(xid) for xid in xids]
                seen.update(xids)
        assert len(seen) > 1000
    finally:
        ground.close()


def test_every_packet_is_answered_done_dropped_or_waits(ground: Ground) -> None:
    """Exact also while replies wait for a store that has stopped, and after a worker's death."""
    random = Random(5)
    offered = [ground.offer(n) for n in range(1, 26)]
    for n, address in enumerate(offered[:20], 1):
        ground.ask(REQUEST, n, asks=address, server=SERVER)
    eventually(lambda: ground.counts()["waiting"] == 20)
    assert ground.adds_up()
    ground.settle()
    eventually(lambda: ground.counts()["waiting"] == 0)
    options = {54: SERVER}
    ground.relay.send(build(RELEASE, mac(1), 1, ciaddr=offered[0], giaddr=RELAY, options=options))
    ground.ask(DECLINE, 2, asks=offered[1], server=SERVER)
    ground.ask(DECLINE, 3, asks=offered[1], server=SERVER)
    for _ in range(300):
        ground.relay.send(mangled(random))
    for n, address in enumerate(offered[20:], 21):
        ground.ask(REQUEST, n, asks=address, server=SERVER)
    eventually(lambda: ground.counts()["received"] == 353)
    eventually(ground.adds_up)
    counts = ground.counts()
    assert counts["done"] >= 2
    assert counts["not-holder"] >= 1
    assert counts["waiting"] >= 5
    assert len(counts) > 15, "hardly a reason was tried"
    assert fates(ground) == [counts[part] for part in ("sent", "done", "dropped", "waiting")]
    ground.process.kill()
    ground.process.wait()
    ground.start({})
    eventually(lambda: ground.counts()["waiting"] == 0)
    after = ground.counts()
    assert after["worker-died"] == counts["waiting"]
    assert ground.adds_up()
    assert fates(ground) == [after[part] for part in ("sent", "done", "dropped", "waiting")]


def fates(ground: Ground) -> list[int]:
    """How many were sent, carried out, dropped, and wait, as the trace has them."""
    found = [entry["outcome"] for entry in ground.decisions()]
    assert Outcome.OUTCOME_DECIDED not in found
    failed = found.count(Outcome.OUTCOME_SEND_FAILED)
    dropped = found.count(Outcome.OUTCOME_DROPPED) + failed
    kinds = (Outcome.OUTCOME_SENT, Outcome.OUTCOME_DONE)
    return [*map(found.count, kinds), dropped, found.count(Outcome.OUTCOME_HELD)]


def test_the_time_to_the_reply_is_counted_by_its_type(ground: Ground) -> None:
    ground.offer()
    at = int(Counter.COUNT_REPLY_TIME)
    eventually(lambda: sum(ground.store.process_counters(WORKER)[at:at + 32]) == 1)
    words = ground.store.process_counters(WORKER)
    assert sum(words[at + 32:at + 128]) == 0
    assert 0 < words[int(Counter.COUNT_REPLY_SUM)] < PATIENCE_S * 1e6


def test_a_new_policy_is_taken_between_two_batches(ground: Ground) -> None:
    ground.ask(DISCOVER)
    assert ground.replies()[0].options[15] == b"first.example"
    ground.channel.send({"type": "image", "generation": 2}, ground.image(2, "second"))
    eventually(lambda: ground.store.process_generation(WORKER) == 2)
    ground.ask(DISCOVER)
    assert ground.replies()[0].options[15] == b"second.example"


def test_what_the_held_queue_has_no_room_for_is_dropped_under_its_name(ground: Ground) -> None:
    """And nothing of it is applied; an OFFER needs no room there."""
    address = ground.offer()
    for n in range(HELD_MAX // 64 + 4):
        for _ in range(64):
            ground.ask(REQUEST, asks=address, server=SERVER)
        eventually(lambda n=n: ground.counts()["received"] == 1 + 64 * (n + 1))
    assert ground.counts()["held-full"] == 4 * 64
    written = _store.pending_bytes(ground.store)
    ground.ask(REQUEST, n=2, asks=ground.offer(2), server=SERVER)
    eventually(lambda: ground.counts()["held-full"] == 4 * 64 + 1)
    assert _store.pending_bytes(ground.store) == written
    ground.settle()
    eventually(lambda: ground.counts()["sent"] == 2 + HELD_MAX)


def test_an_idle_worker_beats_once_a_second_and_does_nothing_else(ground: Ground) -> None:
    before, cpu = ground.store.beats(WORKER), _cpu_ms(ground.process.pid)
    time.sleep(3.2)
    assert 2 <= ground.store.beats(WORKER) - before <= 4
    assert _cpu_ms(ground.process.pid) - cpu < 10


def _cpu_ms(pid: int) -> float:
    """As the scheduler counts it. /proc/PID/stat charges whole ticks of 10 ms to who is there."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6


def test_waiting_for_the_disk_it_sleeps(ground: Ground) -> None:
    ground.ask(REQUEST, asks=ground.offer(), server=SERVER)
    time.sleep(0.1)
    cpu = _cpu_ms(ground.process.pid)
    time.sleep(1)
    assert _cpu_ms(ground.process.pid) - cpu < 10


def stop_for(process: subprocess.Popen[bytes], seconds: float) -> None:
    """It reads nothing meanwhile: packets wait in its socket."""
    process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    process.send_signal(signal.SIGCONT)


def test_rfc2131_4_1_what_waited_until_its_client_asked_again_is_dropped(ground: Ground) -> None:
    ground.process.send_signal(signal.SIGSTOP)
    for n, kind in enumerate((DISCOVER, REQUEST, DECLINE), 1):
        ground.ask(kind, n)
    stop_for(ground.process, 3.01)
    eventually(lambda: ground.counts().get("waited-too-long") == 3)
    assert ground.offer(9)
    assert ground.adds_up()


def test_behind_for_a_second_late_discovers_go_and_requests_stay(ground: Ground) -> None:
    """Each of many stops makes all that came late; the relay agent's share is 16 in 100 ms."""
    address = ground.offer()
    started = time.monotonic()
    while time.monotonic() - started < 1.5:
        ground.process.send_signal(signal.SIGSTOP)
        for n in range(100, 164):
            ground.ask(DISCOVER, n)
        ground.ask(REQUEST, asks=address, server=SERVER)
        stop_for(ground.process, 0.12)
        eventually(ground.all_is_read)
    counts = ground.counts()
    assert counts["overload"] >= 64 - 16
    assert counts["dropped"] == counts["overload"]
    requests = [row for row in ground.decisions() if row["message_type"] == REQUEST]
    assert {row["outcome"] for row in requests[-3:]} == {Outcome.OUTCOME_HELD}
    assert ground.adds_up()


def test_a_train_of_packets_is_answered_one_by_one(lab: Lab, ground: Ground) -> None:
    lab.take_trains("client", "cli0", True)
    asked = [build(DISCOVER, mac(n), n, giaddr=RELAY) for n in range(1, 41)]
    ground.relay.send_train(asked)
    offers = ground.relay.replies(OFFER, range(1, 41), timeout=PATIENCE_S)
    assert len({offer.yiaddr for offer in offers}) == 40
    assert ground.counts()["received"] == 40
    assert ground.adds_up()


def test_what_it_has_in_hand_it_does_not_sleep_on(lab: Lab, ground: Ground) -> None:
    """One receive may bring trains for many turns. After it the socket is empty, and nobody wakes
    the worker: offers wait for no disk."""
    lab.take_trains("client", "cli0", True)
    ground.process.send_signal(signal.SIGSTOP)
    for first in range(0, 2400, 40):
        asked = range(first, first + 40)
        ground.relay.send_train([build(DISCOVER, mac(n % 400), n, giaddr=RELAY) for n in asked])
    ground.process.send_signal(signal.SIGCONT)
    watch = Stopwatch(ground.process.pid)
    eventually(lambda: ground.counts()["received"] == 2400)
    assert watch.seconds() < 0.5


def assert_soon(end: tuple[int, float]) -> None:
    code, seconds = end
    assert code == 0
    assert seconds < 1


def test_at_a_stop_what_is_held_may_still_leave(ground: Ground) -> None:
    ground.ask(REQUEST, asks=ground.offer(), server=SERVER)
    eventually(lambda: _store.pending_bytes(ground.store))
    ground.channel.send({"type": "stop"})
    time.sleep(0.05)
    ground.settle()
    assert ground.replies()[0].type == ACK
    assert_soon(end_of(ground.process))


@pytest.mark.parametrize("held", [False, True])
def test_it_stops_soon_whatever_the_store_does(ground: Ground, held: bool) -> None:
    address = ground.offer()
    if held:
        ground.ask(REQUEST, asks=address, server=SERVER)
        time.sleep(0.05)
    ground.channel.send({"type": "stop"})
    assert_soon(end_of(ground.process))


def test_it_ends_when_its_channel_closes(ground: Ground) -> None:
    ground.channel.close()
    assert_soon(end_of(ground.process))


def test_killed_inside_apply_it_leaves_what_repair_mends(lab: Lab) -> None:
    """Step 6: the entry is written, and not yet published. The lock is held."""
    ground = Ground(lab, FASTDHCP_CRASH="worker:6:1")
    try:
        address = ground.offer()
        ground.ask(REQUEST, asks=address, server=SERVER)
        assert ground.process.wait(PATIENCE_S) == -signal.SIGKILL
        supervisor = Memory(ground.fds, STORE + 1)
        assert _journal.repair(supervisor, WORKER)
        lease = ground.store.lease(0, int(IPv4Address(address)))
        assert lease is not None
        assert lease.state == 0
    finally:
        ground.close()


def test_under_load_it_makes_no_other_system_calls(ground: Ground, tmp_path: Path) -> None:
    """What Python was needed for was over before the first packet."""
    trace = tmp_path / "strace"
    tracer = subprocess.Popen(["strace", "-f", "-q", "-o", trace, "-p", str(ground.process.pid)])
    status = Path(f"/proc/{ground.process.pid}/status")
    eventually(lambda: f"TracerPid:\t{tracer.pid}\n" in status.read_text())
    time.sleep(0.3)
    for n in range(20):
        ground.ask(REQUEST, n=n, asks=ground.offer(n), server=SERVER)
        eventually(lambda: _store.pending_bytes(ground.store))
        ground.settle()
        assert ground.replies()[0].type == ACK
    tracer.send_signal(signal.SIGINT)
    tracer.wait()
    calls = {line.split(None, 1)[1].split("(")[0] for line in trace.read_text().splitlines()}
    # The first is the poll that the tracer cut off.
    calls -= {"restart_syscall", "<..."}
    assert {call for call in calls if call.isidentifier()} == {
        "poll", "recvmmsg", "sendmmsg", "read",
    }
