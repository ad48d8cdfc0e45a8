"""What a comparison asks of the generator, and what it makes of the rounds."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from fastdhcp_bench.cli import bench
from fastdhcp_bench.contenders import find_contender
from fastdhcp_bench.host import Host
from fastdhcp_bench.moments import Moment
from fastdhcp_bench.network import _link_drops, _socket_drops
from fastdhcp_bench.result import (
    Comparison,
    Round,
    latency_of,
    line_of,
    overload_of,
    witness_of,
)
from fastdhcp_bench.run import Report
from fastdhcp_bench.setup import Setup
from fastdhcp_bench.table import render

SETUP = Setup(
    rounds=2, seconds=3, warmup=1, clients=1000, window=64, workers=2, mode="dora", directory=None
)
HOST = Host(
    cpu="a CPU", cores=2, kernel="6.1", mitigations={}, disk="a disk", sync_us=90.0,
    sync_p99_us=200.0,
)  # fmt: skip


def one(name: str, rate: float, cpu_us: float, **changes: Any) -> Round:
    latency = {"mean_ns": 3_000_000, "p50_ns": 2_000_000, "p99_ns": 9_000_000, "max_ns": 30_000_000}
    counts = {
        "started": 6000, "failed": 60, "retransmissions": 3,
        "renewals": 200, "renewed-at-once": 198,
        "latency": dict.fromkeys(("exchange", "offer", "ack"), latency),
    }  # fmt: skip
    report = Report(
        seconds=3.0, rate=rate, exchanges_total=9, generator_cpu=0.5, machine_idle=0.1,
        machine_softirq=0.1, bound=9, unfinished=0, by_second=[], counts=counts,
        errors=changes.pop("errors", {}), result_hash="",
    )  # fmt: skip
    seconds = [(900, 0.0), (1100, 0.0), (10, 0.7)]
    moments = [
        Moment(completed=n, busy=1.0, served=0.5, server=0.4, generator=0.3, others=others)
        for n, others in seconds
    ]
    found = {
        "contender": name, "rate": rate, "cpu_us": cpu_us, "server_us": cpu_us - 1,
        "other_cores": 0.2, "limit": "server", "dropped": {}, "moments": moments, "report": report,
    }  # fmt: skip
    return Round(**(found | changes))


BASE = [one("echo", 1000, 8.0), one("echo", 2000, 10.0)]
MINE = [
    one("mine", 500, 16.0, dropped={"on the link": 4}),
    one("mine", 3000, 10.0, dropped={"on the link": 5}, errors={"nak": 2}),
]


def test_ratios_are_to_the_first_contender_of_the_same_round() -> None:
    line = line_of(MINE, BASE)
    assert line.rate_ratio_range == (0.5, 1.5) and line.rate_ratio == 1.0
    assert line.cpu_ratio == 1.5 and line.cpu_us == 13
    assert (line.p50_ms, line.p99_ms) == (2.0, 9.0)


def test_a_line_sums_up_what_went_wrong() -> None:
    line = line_of(MINE, BASE)
    assert line.dropped == {"on the link": 9} and line.errors == {"nak": 2}
    assert line.retransmissions == 6
    assert (line.left_out, line.seconds) == (2, 6)


def test_the_slowest_second_is_one_that_counts() -> None:
    assert line_of(MINE, BASE).slowest == 0.9
    loud = [msgspec.structs.replace(moment, others=0.9) for moment in BASE[0].moments]
    assert one("echo", 1000, 8.0, moments=loud).slowest == pytest.approx(10 / 670)


def test_the_table_says_all_of_it() -> None:
    comparison = Comparison(
        setup=SETUP,
        host=HOST,
        lines=[line_of(BASE, BASE), line_of(MINE, BASE)],
        latencies=[latency_of(1000, MINE)],
        overloads=[overload_of(4000, MINE, 2000.0)],
        witnesses=[witness_of(2000, BASE[0])],
        rounds=[*BASE, *MINE],
    )
    table = render(comparison)
    for text in ("a CPU", "a disk", "90 us", "on the link 9", "ERROR nak: 2", "2 of  6 s", "30.00",
                 "99.00%", "short cuts: it keeps no lease"):  # fmt: skip
        assert text in table
    assert msgspec.json.decode(msgspec.json.encode(comparison), type=Comparison) == comparison
    storm = msgspec.structs.replace(comparison, setup=msgspec.structs.replace(SETUP, storm=True))
    assert "all 1000 had a lease after 3.00 s" in render(storm)
    assert "all 1000 had a lease or gave up after 3.00 s" in render(storm)


def test_the_table_says_when_not_each_exchange_was_a_new_lease() -> None:
    """A million clients and 355,000 exchanges a second: all have come after three seconds. Who
    comes back renews, which is a short entry and no search for an address."""
    again = one("async", 355_000, 3.2)
    again = msgspec.structs.replace(
        again, report=msgspec.structs.replace(again.report, exchanges_total=2_100_000)
    )
    setup = msgspec.structs.replace(SETUP, clients=1_000_000)
    comparison = Comparison(
        setup=setup, host=HOST, lines=[line_of([again], [again])], rounds=[again]
    )
    assert "came back" in render(comparison)


def test_an_overload_is_beside_the_peak() -> None:
    found = overload_of(4000, MINE, 2000.0)
    assert (found.asked, found.started) == (4000, 2000)
    assert found.rate == 1750 and found.peak_share == 0.875
    assert found.renewals == 400 and found.renewed_at_once == 0.99
    assert found.dropped == {"on the link": 9} and found.p99_ms == 9.0


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"broadcast": True},
        {"frames": True},
        {"relays": 64, "burst": 8},
        {"storm": True},
        {"renewals": 0.1, "once": 4.0},
        {"policy": "reference"},
    ],
)
def test_the_generator_understands_what_it_is_asked(changes: dict[str, Any]) -> None:
    setup = msgspec.structs.replace(SETUP, **changes)
    context = bench.make_context("bench", list(setup.load))
    params = context.params
    assert params["clients"] == 1000 and params["storm"] == setup.storm
    assert (params["relays"], params["burst"]) == (setup.relays, setup.burst)
    assert bool(params["interface"]) == setup.on_link and params["frames"] == setup.frames
    assert params["renewals"] == setup.renewals
    assert (params["timeout"], params["tries"]) == ((4, 1) if setup.once else (None, 4))
    assert params["circuit_id"] == bool(setup.policy)
    assert setup.storm or (params["seconds"], params["window"]) == (3, 64)


@pytest.mark.parametrize("name", ["echo", "durable", "async"])
def test_clients_on_the_link_are_served_by_its_interface(name: str, tmp_path: Path) -> None:
    contender = find_contender(name)
    for relayed in (True, False):
        command = contender.prepare(tmp_path, 2, relayed=relayed)
        texts = [*command, *(file.read_text() for file in tmp_path.iterdir())]
        assert any("srv0" in text for text in texts) != relayed
        assert not any("{" in text for text in command)


def test_who_serves_relay_agents_only_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="kea is not set up for clients on the link"):
        find_contender("kea").prepare(tmp_path, 2, relayed=False)


def test_what_the_kernel_dropped_is_read_by_its_names() -> None:
    snmp = "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors\nUdp: 9 8 7 6 5\n"
    assert _socket_drops("Ip: Forwarding\nIp: 1\n" + snmp) == 5
    row = "  gen0: 100 1 0 3 0 0 0 0 200 2 0 4 0 0 0 0\n"
    assert _link_drops(f"Inter-|\n face |\n{row}    lo: {'0 ' * 16}\n") == 7
