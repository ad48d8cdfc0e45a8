"""A round of `fastdhcp bench compare`, whole, with the echo as the contender."""

import os
from pathlib import Path

import pytest

from fastdhcp_bench.compare import Setup, measure_once
from fastdhcp_bench.contenders import find_contender
from fastdhcp_bench.network import bench_network
from fastdhcp_bench.usage import processes

pytestmark = [pytest.mark.net, pytest.mark.root, pytest.mark.usefixtures("bench_on_path")]


@pytest.mark.parametrize("nic", [False, True])
def test_a_window_of_512_loses_nothing_on_the_way(nic: bool, tmp_path: Path) -> None:
    """The ring of an end like a NIC's has 256 places: what is more waits in the queue before it."""
    setup = Setup(
        rounds=1, seconds=2, warmup=0, clients=100_000, window=512, workers=1, mode="dora",
        directory=str(tmp_path), nic=nic, server_gro=False,
    )  # fmt: skip
    made = measure_once(find_contender("echo"), setup)
    counts = made.report.counts
    assert made.report.good and made.moments
    assert counts["retransmissions"] * 20 < counts["completed"]
    assert made.cpu_us > 0 and made.server_us > 0
    assert made.rate == pytest.approx(made.report.rate, rel=0.5)


def test_an_end_like_a_nics_works_on_its_own_core() -> None:
    cores = os.sched_getaffinity(0)
    with bench_network(nic=True) as network:
        (end,) = network.generator_end
        assert os.sched_getaffinity(end) == {network.generator_core} == {max(cores)}
        names = {found.pid: found.name for found in processes()}
        assert names[end].startswith("napi/gen0-")
        network.server.call("sh", "-c", "ethtool -k srv0 | grep -qx 'generic-receive-offload: on'")
