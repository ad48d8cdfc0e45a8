"""Units of the packet path: tiny inputs in every run, real ones with --benchmark-enable.

Each checks what it measured. Time an operation: divide the time shown by `operations` beside it.
"""

import random
from dataclasses import dataclass
from ipaddress import IPv4Address

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fastdhcp import _store
from fastdhcp._codec import decode, encode
from fastdhcp._memory import Memory
from fastdhcp_bench._units import Units
from tests.policies import compile_text
from tests.segments import make_memory

SEED = 8
SIZE = 300
TINY = 200
REAL = 20_000
LOCAL = int(IPv4Address("192.168.87.1"))
RELAY = "10.64.0.1"
POLICY = """
[server]
workers = 1
max-addresses = 262144

[defaults]
lease-time = "1h"

[defaults.options]
domain-name-servers = ["10.77.0.2", "10.77.0.3"]
domain-name = "campus.example"

[[subnets]]
subnet = "10.64.0.0/15"
pools = ["10.64.1.0-10.65.255.254"]
options = { routers = ["10.64.0.1"] }
"""


@dataclass
class Bench:
    memory: Memory
    units: Units
    count: int

    def settle(self) -> None:
        """As the store does after a commit: the ring has room again."""
        _, heads = _store.take(self.memory)
        _store.settle(self.memory, heads)


@pytest.fixture
def bench(benchmark: BenchmarkFixture) -> Bench:
    count = REAL if benchmark.enabled else TINY
    benchmark.extra_info["operations"] = count
    memory = make_memory(0, workers=1, blocks=1024, ring_size=1 << 24)
    memory.secret = bytes(range(16))
    memory.set_image(*compile_text(POLICY).memfds())
    return Bench(memory, Units(memory, LOCAL), count)


def message(message_type: int, client: int, **options: bytes | None) -> bytes:
    made = encode(
        xid=client,
        chaddr=b"\x02\x00" + client.to_bytes(4, "big"),
        giaddr=RELAY,
        message_type=message_type,
        options={
            55: bytes((1, 3, 6, 15, 51, 54)),
            **{int(code[1:]): value for code, value in options.items() if value is not None},
        },
    )
    return made.ljust(SIZE, b"\0")


def discovers(count: int) -> bytes:
    clients = list(range(1, count + 1))
    random.Random(SEED).shuffle(clients)
    return b"".join(message(1, client) for client in clients)


def bind(bench: Bench) -> list[int]:
    """Gives every client a lease. Returns the addresses."""
    asked = discovers(bench.count)
    offered = bench.units.handle(asked, SIZE)
    requests = b"".join(
        message(
            3,
            int.from_bytes(asked[at + 4 : at + 8], "big"),
            o50=address.to_bytes(4, "big"),
            o54=LOCAL.to_bytes(4, "big"),
        )
        for at, address in zip(range(0, len(asked), SIZE), offered, strict=True)
    )
    granted = bench.units.handle(requests, SIZE)
    assert granted == offered and 0 not in granted
    bench.settle()
    return granted


def test_decode(benchmark: BenchmarkFixture, bench: Bench) -> None:
    asked = discovers(bench.count)
    assert benchmark(bench.units.decode, asked, SIZE) == bench.count * (bench.count + 1) // 2


def test_encode(benchmark: BenchmarkFixture, bench: Bench) -> None:
    offer = decode(benchmark(bench.units.encode, message(1, 1), bench.count))
    assert offer.message_type == 2 and offer.xid == 1 and offer.giaddr == RELAY
    assert offer.options[15] == b"campus.example" and offer.options[54] == LOCAL.to_bytes(4, "big")


def test_discover(benchmark: BenchmarkFixture, bench: Bench) -> None:
    """Decode, select, decide, allocate and offer; from the second time on, the same offer again."""
    offered = benchmark(bench.units.handle, discovers(bench.count), SIZE)
    assert len(set(offered)) == bench.count and 0 not in offered


def test_allocate(benchmark: BenchmarkFixture, bench: Bench) -> None:
    found = benchmark(bench.units.allocate, 0, bench.count)
    assert len(set(found)) == bench.count and 0 not in found


def test_look_up(benchmark: BenchmarkFixture, bench: Bench) -> None:
    leases = [bench.memory.lease(0, address) for address in bind(bench)]
    keys = b"".join(lease.key for lease in leases if lease)
    network = bench.units.network_of(message(1, 1))
    assert benchmark(bench.units.look_up, network, keys) == bench.count
    assert bench.units.look_up(network + 1, keys) == 0


def test_ring(benchmark: BenchmarkFixture, bench: Bench) -> None:
    """Renewals: under the record's lock an entry into the ring; then what the store takes."""
    leases = [bench.memory.lease(0, address) for address in bind(bench)]
    numbers = [lease.number for lease in leases if lease]
    expiry = max(lease.expiry for lease in leases if lease) + 100

    def renew_and_take() -> int:
        applied = bench.units.renew(numbers, expiry)
        bench.settle()
        return applied

    assert benchmark(renew_and_take) == bench.count
    renewed = [bench.memory.lease(0, lease.address) for lease in leases if lease]
    assert {lease.expiry for lease in renewed if lease} == {expiry}
