"""The load generator against the echo, and against answerers that are wrong in one way each."""

import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import pytest

from fastdhcp_bench._echo import answer
from fastdhcp_bench._load import ERROR_NAMES, Load
from fastdhcp_bench.ledger import read_ledger
from fastdhcp_bench.run import Generator, Plan, Report, measure
from tests.lab.patience import PATIENCE_S

SERVER_ID = 0x7F000001
OFFER, ACK, NAK = 2, 5, 6
DISCOVER, REQUEST, RELEASE = 1, 3, 7

Answers = list[bytes]
Mistake = Callable[[bytes, bytes], Answers]
"""From a request and its right answer to what is sent instead."""


def options_of(message: bytes) -> dict[int, bytes]:
    options, at = {}, 240
    while message[at] != 255:
        size = message[at + 1]
        options[message[at]] = message[at + 2 : at + 2 + size]
        at += 2 + size
    return options


def with_options(message: bytes, options: dict[int, bytes]) -> bytes:
    body = b"".join(bytes((code, len(value))) + value for code, value in options.items())
    return (message[:240] + body + b"\xff").ljust(300, b"\0")


def change(message: bytes, options: dict[int, bytes | None]) -> bytes:
    """Options of the answer replaced, added at the end, or, where None, left out."""
    changed = {**options_of(message), **options}
    return with_options(message, {c: v for c, v in changed.items() if v is not None})


def header(message: bytes, at: int, value: bytes) -> bytes:
    return message[:at] + value + message[at + len(value) :]


def address(message: bytes, value: str) -> bytes:
    return header(message, 16, socket.inet_aton(value))


def is_ack(message: bytes) -> bool:
    return options_of(message)[53] == bytes((ACK,))


def nak(right: bytes) -> bytes:
    options = {53: bytes((NAK,)), 54: options_of(right)[54]}
    return address(with_options(right, options), "0.0.0.0")


@contextmanager
def answerer(
    mistake: Mistake, on_release: Callable[[bytes], object] = bytes
) -> Iterator[tuple[int, list[bytes]]]:
    """A server on loopback that makes one mistake. Gives its port and what it was asked."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                message, source = sock.recvfrom(2048)
                if not message:
                    return
                asked.append(message)
                if right := answer(message, SERVER_ID):
                    for wrong in mistake(message, right):
                        sock.sendto(wrong, source)
                else:
                    on_release(message)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield sock.getsockname()[1], asked
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
                waker.sendto(b"", sock.getsockname())
            thread.join()


PLAN = Plan(
    server="127.0.0.1",
    relay="127.0.0.1",
    relay_port=0,
    clients=8,
    window=4,
    timeout=PATIENCE_S,
    tries=2,
)
IMPATIENT_S = 0.1
"""The timeout where answers are wrong or missing: nothing right comes, however long one waits."""
RETRY_S = 0.5
"""Where the first transmission is lost: long enough for an answer to the second."""


def run(mistake: Mistake, exchanges: int = 24, **changes: object) -> Report:
    with answerer(mistake) as (port, _):
        plan = msgspec.structs.replace(PLAN, server_port=port, **changes)
        with Generator(plan) as generator:
            generator.run(seconds=PATIENCE_S, exchanges=exchanges)
            generator.drain()
            return generator.report()


def right(request: bytes, good: bytes) -> Answers:
    return [good]


def moving_target() -> Mistake:
    """The second lease of a client is of another address than its first."""
    seen: set[bytes] = set()

    def mistake(request: bytes, good: bytes) -> Answers:
        if is_ack(good):
            seen.add(request[28:34])
            return [header(good, 16, options_of(request)[50])]
        return [address(good, f"10.9.0.{request[33]}") if request[28:34] in seen else good]

    return mistake


def twice_in_offer(request: bytes, good: bytes) -> Answers:
    """The address of client 0 is offered to all, and acknowledged to whoever asks for it."""
    asked = options_of(request).get(50)
    return [header(good, 16, asked) if asked else address(good, "10.0.0.0")]


MISTAKES: dict[str, Mistake] = {
    "malformed": lambda request, good: [good[:239]],
    "wrong-chaddr": lambda request, good: [header(good, 33, b"\xee")],
    "wrong-xid": lambda request, good: [header(good, 4, bytes(4))],
    "wrong-type": lambda request, good: [good if is_ack(good) else nak(good)],
    "wrong-giaddr": lambda request, good: [header(good, 24, bytes(4))],
    "wrong-ciaddr": lambda request, good: [header(good, 12, b"\x0a\0\0\x07")],
    "surplus-answer": lambda request, good: [good, good],
    "no-server-id": lambda request, good: [change(good, {54: None})],
    "wrong-server-id": lambda request, good: [
        change(good, {54: b"\x01\x02\x03\x04"}) if is_ack(good) else good
    ],
    "no-lease-time": lambda request, good: [change(good, {51: None})],
    "no-address": lambda request, good: [address(good, "0.0.0.0")],
    "address-changed": lambda request, good: [
        address(good, "10.0.1." + str(request[33])) if is_ack(good) else good
    ],
    "address-moved": moving_target(),
    "address-twice": lambda request, good: [address(good, "10.0.0.1")],
    "offer-twice": twice_in_offer,
    "wrong-relay-info": lambda request, good: [change(good, {82: b"\x01\x01x"})],
    "wrong-client-id": lambda request, good: [change(good, {61: b"\x01other"})],
    "wrong-option": lambda request, good: [change(good, {1: b"\xff\xff\0\0"})],
    "nak": lambda request, good: [nak(good) if is_ack(good) else good],
    "nak-with-lease": lambda request, good: [
        change(good, {53: bytes((NAK,))}) if is_ack(good) else good
    ],
    "unanswered": lambda request, good: [],
}


def test_every_kind_of_error_is_provoked_below() -> None:
    assert tuple(MISTAKES) == ERROR_NAMES


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_answer_is_named(name: str) -> None:
    report = run(MISTAKES[name], expect={1: b"\xff\0\0\0"}, timeout=IMPATIENT_S)
    assert report.errors.get(name, 0) > 0, report.errors
    assert not report.good
    side_effects = {"unanswered", "address-twice", "offer-twice", "surplus-answer"}
    assert set(report.errors) <= {name, *side_effects}, report.errors


def test_a_wrong_answer_before_the_measurement_is_named() -> None:
    """Every answer is checked, says the page: the warm-up's are no exception."""
    answers = 0

    def wrong_at_first(request: bytes, good: bytes) -> Answers:
        nonlocal answers
        answers += 1
        return [change(good, {51: None}) if answers == 1 else good]

    with answerer(wrong_at_first) as (port, _):
        plan = msgspec.structs.replace(PLAN, server_port=port)
        report = measure(plan, exchanges=8, warmup=0.1)
    assert report.errors == {"no-lease-time": 1}


def test_a_right_answerer_draws_no_error() -> None:
    report = run(right, expect={1: b"\xff\0\0\0"})
    assert report.good and report.errors == {}
    assert report.counts["completed"] == report.exchanges_total == 24
    assert report.counts["sent"] == {DISCOVER: 24, REQUEST: 24}
    assert report.counts["received"] == {OFFER: 24, ACK: 24}
    assert report.bound == 8 and report.unfinished == 0


@pytest.mark.parametrize("lacking", ["changed", "not last", "missing"])
def test_option_82_must_come_back_unchanged_and_last(lacking: str) -> None:
    """RFC 3046 2.2."""

    def mistake(request: bytes, good: bytes) -> Answers:
        echoed = options_of(request)[82]
        return {
            "changed": [change(good, {82: echoed[:-1] + b"?"})],
            "not last": [change(good, {12: b"name"})],
            "missing": [change(good, {82: None})],
        }[lacking]

    wrong = run(mistake, circuit_id=True, timeout=IMPATIENT_S)
    assert set(wrong.errors) == {"wrong-relay-info"}
    assert run(right, circuit_id=True).errors == {}


def test_lost_answers_are_asked_for_again_and_duplicates_are_none_of_the_servers_errors() -> None:
    seen: set[bytes] = set()

    def first_is_late(request: bytes, good: bytes) -> Answers:
        """The first transmission is answered together with the second one."""
        key = request[4:8] + options_of(request)[53]
        if key in seen:
            return [good, good]
        seen.add(key)
        return []

    report = run(first_is_late, timeout=RETRY_S, window=8)
    assert report.errors == {}
    assert report.counts["completed"] == 24
    assert report.counts["retransmissions"] == 48
    # The last window's may come after the end.
    assert 40 <= report.counts["duplicates"] + report.counts["late"] <= 48


def test_an_ack_after_the_last_try_still_stands_in_the_ledger() -> None:
    held: Answers = []

    def holds_acks(request: bytes, good: bytes) -> Answers:
        if is_ack(good):
            held.append(good)
            return held if len(held) == 3 else []
        return [good]

    with answerer(holds_acks) as (port, _):
        plan = msgspec.structs.replace(PLAN, server_port=port, clients=2, window=1, timeout=RETRY_S)
        with Generator(plan) as generator:
            # Client A gives up; its ACK comes with B's first.
            generator.run(seconds=PATIENCE_S, exchanges=2)
            generator.drain()
            assert [entry.address is not None for entry in generator.ledger()].count(True) >= 1
            assert generator.report().counts["late"] >= 1


def giaddr_of(message: bytes) -> str:
    return socket.inet_ntoa(message[24:28])


@pytest.mark.parametrize("burst", [1, 4])
def test_relay_agents_take_turns_and_each_sends_from_its_own_address(burst: int) -> None:
    """RFC 2131 4.1: the server answers to giaddr, but the echo to where a message came from."""
    sources: list[tuple[str, str]] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        plan = msgspec.structs.replace(
            PLAN, server_port=sock.getsockname()[1], relay="127.0.0.2", relays=3, burst=burst,
            clients=24, window=24,
        )  # fmt: skip
        with Generator(plan) as generator:
            generator.run(seconds=0.01)
            sock.settimeout(PATIENCE_S)
            for _ in range(24):
                message, (source, _port) = sock.recvfrom(2048)
                sources.append((giaddr_of(message), source))
            assert generator.load.started == 24
    order = [f"127.0.0.{2 + client // burst % 3}" for client in range(24)]
    assert sources == [(relay, relay) for relay in order]


def test_an_answer_by_way_of_another_relay_agent_is_wrong() -> None:
    def swapped(request: bytes, good: bytes) -> Answers:
        return [header(good, 24, bytes((127, 0, 0, 2 + (good[27] == 2))))]

    wrong = run(swapped, relay="127.0.0.2", relays=2, timeout=IMPATIENT_S)
    assert set(wrong.errors) == {"wrong-giaddr", "unanswered"}
    assert run(right, relay="127.0.0.2", relays=2).errors == {}


def test_a_client_on_the_link_asks_for_broadcasts() -> None:
    """RFC 2131 4.1: giaddr 0 and the BROADCAST bit, which the echo heeds."""
    with answerer(right) as (port, asked):
        plan = msgspec.structs.replace(PLAN, server_port=port, interface="lo")
        with Generator(plan) as generator:
            generator.run(seconds=PATIENCE_S, exchanges=8)
            report = generator.report()
    assert report.good and report.errors == {}
    assert all(giaddr_of(m) == "0.0.0.0" and m[3] == 0 and m[10] == 0x80 for m in asked[:16])


def test_in_a_storm_all_come_at_once_and_wait_longer_each_time() -> None:
    """RFC 2131 4.1: 4 s, then 8, each a second more or less; here 2 and 4."""
    times: dict[bytes, list[float]] = {}

    def silent_at_first(request: bytes, good: bytes) -> Answers:
        seen = times.setdefault(request[28:34], [])
        seen.append(time.monotonic())
        return [good] if is_ack(good) or len(seen) == 3 else []

    with answerer(silent_at_first) as (port, _):
        plan = msgspec.structs.replace(
            PLAN, server_port=port, clients=100, window=1, storm=True, timeout=2.0, tries=4
        )
        with Generator(plan) as generator:
            generator.run(seconds=PATIENCE_S, exchanges=100)
            report = generator.report()
    assert report.bound == 100 and report.errors == {}
    assert report.counts["retransmissions"] >= 200
    firsts, seconds, thirds, *_ = zip(*(seen[:3] for seen in times.values()), strict=True)
    assert max(firsts) < min(seconds)
    waits = [second - first for first, second in zip(firsts, seconds, strict=True)]
    assert min(waits) > 0.9 and max(waits) - min(waits) > 0.5
    assert min(third - second for second, third in zip(seconds, thirds, strict=True)) > 2.9


def test_renewals_carry_ciaddr_and_neither_50_nor_54() -> None:
    """RFC 2131 4.3.2, RENEWING."""
    with answerer(right) as (port, asked):
        plan = msgspec.structs.replace(PLAN, server_port=port, mode="renew")
        with Generator(plan) as generator:
            assert generator.prime(PATIENCE_S) == 8
            asked.clear()
            generator.clear()
            generator.run(seconds=PATIENCE_S, exchanges=16)
            report = generator.report()
    assert report.good and report.counts["sent"] == {REQUEST: 16}
    for request in asked[:16]:
        assert request[12:16] == b"\x0a" + request[31:34]
        assert options_of(request).keys().isdisjoint({50, 54})


def renews(request: bytes) -> bool:
    return request[12:16] != bytes(4)


@pytest.mark.parametrize("lost", [False, True])
def test_renewals_are_mixed_in_by_clients_that_do_nothing_else(lost: bool) -> None:
    """A fifth of the starts, of the first fifth of the clients; RFC 2131 4.4.5."""
    seen: set[bytes] = set()

    def first_renewal_is_lost(request: bytes, good: bytes) -> Answers:
        if not lost or not renews(request) or request[4:8] in seen:
            return [good]
        seen.add(request[4:8])
        return []

    with answerer(first_renewal_is_lost) as (port, asked):
        timeout = RETRY_S if lost else PATIENCE_S
        plan = msgspec.structs.replace(
            PLAN, server_port=port, clients=40, renewals=0.2, timeout=timeout
        )
        report = measure(plan, exchanges=100)
    assert report.good and report.counts["completed"] == 100
    assert report.counts["renewals"] == 20
    assert report.counts["renewed-at-once"] == (0 if lost else 20)
    mixed = asked[16:]  # after the first leases of the eight
    assert {m[33] for m in mixed if renews(m)} == set(range(8))
    assert {m[33] for m in mixed if not renews(m)} == set(range(8, 40))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"renewals": 1.0}, "between 0 and 1"),
        ({"renewals": 0.01}, "leaves clients for both"),
        ({"renewals": 0.5, "mode": "mix"}, "of --mode dora"),
        ({"renewals": 0.5, "interface": "lo"}, "behind a relay agent only"),
        ({"mode": "renew", "interface": "lo"}, "behind a relay agent only"),
        ({"frames": True}, "give --interface"),
    ],
)
def test_what_the_clients_cannot_do_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Generator(msgspec.structs.replace(PLAN, **changes))


def test_renewals_are_measured_of_clients_that_have_a_lease_or_not_at_all() -> None:
    def serves_few(request: bytes, good: bytes) -> Answers:
        return [good] if request[33] < 3 else []

    with answerer(serves_few) as (port, _):
        plan = msgspec.structs.replace(PLAN, server_port=port, mode="renew", timeout=IMPATIENT_S)
        with pytest.raises(ValueError, match=r"only 3 of 8 clients got a lease in 0\.5 s"):
            measure(plan, exchanges=8, prime=0.5)


def test_whole_seconds_of_the_clock_are_told() -> None:
    with answerer(right) as (port, _):
        plan = msgspec.structs.replace(PLAN, server_port=port, rate=50)
        report = measure(plan, seconds=2, warmup=0.1)
    assert [second.at for second in report.by_second] == sorted(s.at for s in report.by_second)
    assert 1 <= len(report.by_second) <= 2
    assert all(10 <= second.completed <= 60 for second in report.by_second)


def test_init_reboot_carries_50_and_neither_ciaddr_nor_54() -> None:
    """RFC 2131 4.3.2, INIT-REBOOT."""
    with answerer(right) as (port, asked):
        plan = msgspec.structs.replace(PLAN, server_port=port, mode="reboot")
        with Generator(plan) as generator:
            generator.prime(PATIENCE_S)
            asked.clear()
            generator.run(seconds=PATIENCE_S, exchanges=16)
    for request in asked[:16]:
        assert request[12:16] == bytes(4)
        assert options_of(request)[50] == b"\x0a" + request[31:34]
        assert 54 not in options_of(request)


def test_a_released_client_is_out_of_the_ledger_and_starts_anew() -> None:
    with answerer(right) as (port, asked):
        plan = msgspec.structs.replace(PLAN, server_port=port, weights=(0, 0, 0, 1000))
        with Generator(plan) as generator:
            generator.prime(PATIENCE_S)
            generator.run(seconds=PATIENCE_S, exchanges=8)
            assert generator.load.bound == 0
            assert [entry.address for entry in generator.ledger()] == [None] * 8
            generator.run(seconds=PATIENCE_S, exchanges=8)
            assert generator.load.bound == 8 and generator.report().errors == {}
    releases = [m for m in asked if options_of(m)[53] == bytes((RELEASE,))]
    assert [m[12:16] for m in releases] == [b"\x0a" + m[31:34] for m in releases]
    assert all(options_of(m)[54] == struct.pack("!I", SERVER_ID) for m in releases)


def test_the_ledger_says_who_holds_what() -> None:
    with answerer(right) as (port, _):
        plan = msgspec.structs.replace(PLAN, server_port=port, first=300)
        with Generator(plan) as generator:
            generator.run(seconds=PATIENCE_S, exchanges=8)
            entries = generator.ledger()
    assert [entry.client for entry in entries] == list(range(300, 308))
    for entry in entries:
        assert entry.chaddr == b"\x02\x00" + entry.client.to_bytes(4, "big")
        assert str(entry.address) == f"10.0.1.{entry.client - 256}"
        assert str(entry.server_id) == "127.0.0.1"
        assert entry.lease_s == 3600 and entry.retransmissions == 0


def test_a_lease_that_has_ended_may_go_to_another_client() -> None:
    """One address for all, for a second: nothing is wrong if the holders follow one another."""

    def short(request: bytes, good: bytes) -> Answers:
        return [change(address(good, "10.0.0.1"), {51: b"\0\0\0\1"})]

    with answerer(short) as (port, _):
        plan = msgspec.structs.replace(PLAN, server_port=port, clients=2, window=1, rate=0.9)
        with Generator(plan) as generator:
            generator.run(seconds=PATIENCE_S, exchanges=2)
            report = generator.report()
    assert report.errors == {} and report.counts["reassigned"] == 1


def test_equal_runs_have_equal_hashes_and_the_seed_orders_the_clients() -> None:
    orders = []
    for seed in (1, 1, 2):
        with answerer(right) as (port, asked):
            plan = msgspec.structs.replace(PLAN, server_port=port, seed=seed, window=1, clients=64)
            with Generator(plan) as generator:
                generator.run(seconds=PATIENCE_S, exchanges=64)
                orders.append(([m[4:8] for m in asked], generator.report().result_hash))
    assert orders[0] == orders[1]
    assert orders[0][0] != orders[2][0] and orders[0][1] == orders[2][1]


def test_the_rate_bounds_the_starts() -> None:
    with answerer(right) as (port, _):
        plan = msgspec.structs.replace(PLAN, server_port=port, rate=40)
        with Generator(plan) as generator:
            began = time.monotonic()
            generator.run(seconds=PATIENCE_S, exchanges=40)
            assert 40 <= generator.load.started <= 40 * (time.monotonic() - began) + 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"clients": 0},
        {"clients": 2**24 + 1},
        {"window": 0},
        {"tries": 0},
        {"train": 65},
        {"weights": (1, 2, 3, 4)},
        {"request_lists": (bytes(65),)},
        {"request_lists": (b"\1",) * 5},
        {"circuit_id": True, "circuit_id_size": 14},
        {"vendor_class": "x" * 65},
        {"expect": {255: b""}},
    ],
)
def test_figures_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Generator(msgspec.structs.replace(PLAN, **wrong))


def test_ledger_of_a_new_generator_is_empty() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        load = Load(sock.fileno(), (0, 0), 0, clients=1, window=1)
        assert list(read_ledger(load.ledger())) == []
        assert load.examples() == {} and load.report()["errors"] == {}


class PoolServer:
    """A right server with fewer addresses than clients, but for one mistake in ten OFFERs."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.free = [f"10.9.{n // 256}.{n % 256}" for n in range(1, 700)]
        self.held: dict[bytes, str] = {}
        self.offered: dict[bytes, str] = {}
        self.doubled = 0

    def __call__(self, request: bytes, good: bytes) -> Answers:
        client = request[28:34]
        if is_ack(good):
            self.held[client] = self.offered[client]
            return [address(good, self.held[client])]
        if client in self.held:
            self.offered[client] = self.held[client]
        else:
            self.offered[client] = self.free.pop(self.random.randrange(len(self.free)))
        others = [a for c, a in self.held.items() if c != client]
        if others and self.random.random() < 0.1:
            self.doubled += 1
            return [address(good, self.random.choice(others))]
        return [address(good, self.offered[client])]

    def release(self, request: bytes) -> None:
        self.free.append(self.held.pop(request[28:34]))


def test_every_double_offer_is_found_and_nothing_else() -> None:
    """Over thousands of leases given, released and given to others."""
    server = PoolServer(seed=7)

    with answerer(server, server.release) as (port, _):
        plan = msgspec.structs.replace(
            PLAN, server_port=port, clients=600, window=1, weights=(500, 0, 0, 500)
        )
        with Generator(plan) as generator:
            generator.run(seconds=4 * PATIENCE_S, exchanges=4000)
            report = generator.report()
            held = {e.chaddr: str(e.address) for e in generator.ledger() if e.address}
    assert server.doubled > 100
    assert report.errors == {
        "offer-twice": server.doubled,
        "address-changed": server.doubled,
    }
    assert held == server.held and report.bound == len(held)
