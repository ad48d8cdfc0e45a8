"""What known clients do while `fastdhcp bench flat` measures them, and how it judges."""

import msgspec
import pytest

from fastdhcp_bench import flat, last
from fastdhcp_bench.flat import Line
from fastdhcp_bench.last import Times
from fastdhcp_bench.run import Generator
from tests.lab.patience import PATIENCE_S
from tests.process.test_bench_load import (
    DISCOVER,
    IMPATIENT_S,
    OFFER,
    PLAN,
    Mistake,
    address,
    answerer,
    options_of,
    right,
)

CLIENTS = 8


def inquire(mistake: Mistake, exchanges: int = 2 * CLIENTS) -> dict[str, object]:
    """Clients get leases from one that is right, and then ask what they would get."""
    wrong = False

    def answers(request: bytes, good: bytes) -> list[bytes]:
        return mistake(request, good) if wrong else [good]

    with answerer(answers) as (port, _):
        plan = msgspec.structs.replace(PLAN, server_port=port, mode="discover", timeout=IMPATIENT_S)
        with Generator(plan) as generator:
            assert generator.prime(PATIENCE_S) == CLIENTS
            wrong = True
            generator.clear()
            generator.run(seconds=PATIENCE_S, exchanges=exchanges)
            generator.drain()
            report = generator.report(hashed=False)
    assert report.bound == CLIENTS  # whatever it was offered, each keeps what it has
    return {**report.counts, "errors": report.errors}


def test_an_inquiry_is_a_discover_and_its_offer() -> None:
    counts = inquire(right)
    assert counts["errors"] == {} and counts["completed"] == 2 * CLIENTS
    assert counts["sent"] == {DISCOVER: 2 * CLIENTS}
    assert counts["received"] == {OFFER: 2 * CLIENTS}


def test_rfc2131_4_3_1_another_address_than_the_clients_own_is_an_error() -> None:
    counts = inquire(lambda request, good: [address(good, f"10.9.0.{request[33]}")])
    assert counts["errors"] == {"address-moved": 2 * CLIENTS}


def test_with_lease_time_each_exchange_asks_for_a_longer_one() -> None:
    with answerer(right) as (port, asked):
        plan = msgspec.structs.replace(
            PLAN, server_port=port, clients=1, window=1, lease_time=True, mode="renew"
        )
        with Generator(plan) as generator:
            generator.prime(PATIENCE_S)
            generator.run(seconds=PATIENCE_S, exchanges=2)
    times = [int.from_bytes(options_of(message)[51], "big") for message in asked]
    assert times == [3601, 3601, 3602, 3603]


def test_in_another_order_all_still_take_turns() -> None:
    def order(seed: int) -> list[int]:
        with answerer(right) as (port, asked):
            plan = msgspec.structs.replace(PLAN, server_port=port, window=1, mode="renew")
            with Generator(plan) as generator:
                generator.prime(PATIENCE_S)
                del asked[:]
                generator.load.reorder(seed)
                generator.run(seconds=PATIENCE_S, exchanges=CLIENTS)
        return [message[33] for message in asked]

    some, others = order(2), order(4)
    assert sorted(some) == sorted(others) == list(range(CLIENTS))
    assert some != others


def line(leases: int, ratio: float, **errors: int) -> Line:
    return Line(
        mode="renew", leases=leases, rate=1e5, rate_ratio=1.0, cpu_us=3 * ratio, server_us=2.0,
        cpu_ratio=ratio, cpu_ratio_range=(ratio, ratio), errors=errors,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("leases", "ratio", "held"),
    [(1_000_000, 1.1, True), (1_000_000, 1.11, False), (16_000_000, 1.15, True),
     (16_000_000, 1.16, False)],
)  # fmt: skip
def test_more_leases_may_cost_a_little_more(leases: int, ratio: float, held: bool) -> None:
    found = [line(1000, 1), line(leases, ratio)]
    assert (flat.missed(found) == []) == held
    assert f"{leases:>10}" in flat.render(found)


def test_a_wrong_answer_is_a_miss() -> None:
    assert flat.missed([line(1000, 1, nak=3)]) == ["renew among 1000 leases: nak"]


@pytest.mark.parametrize(("offer", "exchange", "misses"), [(2, 2, 0), (2.1, 2, 1), (2.1, 3, 2)])
def test_the_last_address_may_take_twice_as_long(
    offer: float, exchange: float, misses: int
) -> None:
    found = [Times("empty", 1, 1, 5), Times("full but for one", offer, exchange, 9)]
    assert len(last.missed(found)) == misses
    assert "full but for one" in last.render(found)


def test_a_pool_has_its_addresses_but_three() -> None:
    """The first and the last of the subnet, and one that is given before it is measured."""
    assert last.places(24) == 253
    assert last.places(8) == (1 << 24) - 3 < flat.CLIENTS_MAX
