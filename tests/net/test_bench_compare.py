"""A round of `fastdhcp bench compare`, whole, with the echo as the contender."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fastdhcp_bench import flat, idle, last, restart
from fastdhcp_bench.compare import Setup
from fastdhcp_bench.contenders import find_contender
from fastdhcp_bench.network import (
    GENERATOR_ADDRESS,
    RELAY_ADDRESS,
    SERVER_ADDRESS,
    bench_network,
)
from fastdhcp_bench.rounds import measure_once
from fastdhcp_bench.usage import processes
from tests.lab.patience import PATIENCE_S

pytestmark = [
    pytest.mark.net,
    pytest.mark.root("namespaces are entered by their paths, and a NAPI thread is the machine's"),
    pytest.mark.alone,
    pytest.mark.usefixtures("bench_on_path"),
]


def setup_in(folder: Path, **changes: Any) -> Setup:
    usual = {"rounds": 1, "seconds": 2, "warmup": 0, "clients": 100_000, "window": 512}
    more = {"workers": 1, "mode": "dora", "directory": str(folder)}
    return Setup(**(usual | more | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"nic": True},
        {"nic": True, "relays": 64, "burst": 8},
        {"nic": True, "broadcast": True, "workers": 2},
    ],
)
def test_a_window_of_512_loses_nothing_on_the_way(changes: dict[str, Any], folder: Path) -> None:
    """The ring of an end like a NIC's has 256 places: what is more waits in the queue before it."""
    made = measure_once(find_contender("echo"), setup_in(folder, **changes))
    counts = made.report.counts
    assert made.report.good and made.moments
    assert counts["retransmissions"] * 20 < counts["completed"]
    assert made.cpu_us > 0 and made.server_us > 0
    assert made.rate == pytest.approx(made.report.rate, rel=0.5)


def test_a_storm_ends_when_all_have_a_lease(folder: Path) -> None:
    made = measure_once(find_contender("durable"), setup_in(folder, clients=5000, storm=True))
    assert made.report.good and made.report.bound == 5000
    assert made.report.counts["completed"] == 5000


def test_who_is_not_asked_wakes_up_once_a_second(folder: Path) -> None:
    found = idle.measure(setup_in(folder, clients=10, window=10, seconds=5, workers=2), settle=3)
    processes = ["supervisor", "dhcp-store", "dhcp-worker-0", "dhcp-worker-1", "dhcp-control"]
    assert list(found) == processes and min(found.values()) >= 3
    assert idle.too_many(found, 5) == []


def test_known_clients_among_few_and_among_many(folder: Path) -> None:
    setup = setup_in(folder, clients=3000, seconds=2, window=64)
    rounds = flat.measure([100, 3000], setup, settle=0)
    lines = flat.lines_of(rounds)
    assert [(line.mode, line.leases) for line in lines] == [
        ("discover", 100), ("discover", 3000), ("renew", 100), ("renew", 3000)
    ]  # fmt: skip
    assert all(line.errors == {} and line.rate > 50 and line.cpu_us > 0 for line in lines)
    assert lines[0].cpu_ratio == lines[2].cpu_ratio == 1


def test_the_last_addresses_of_a_pool_are_found(folder: Path) -> None:
    """Were one missing, or one too many, it would say so."""
    found = last.measure(22, 5, setup_in(folder, clients=last.places(22), workers=2), settle=0)
    states = ["empty", "filled but for them", "full but for one"]
    assert [times.state for times in found] == states
    assert all(0 < times.offer < times.exchange <= times.slowest for times in found)


def test_a_restart_is_timed_and_its_memory_told(folder: Path) -> None:
    """So few leases hardly share a page of the index."""
    found = restart.measure(3000, 1, folder)
    assert 0.1 < found["seconds"] < restart.GIVE_UP_S
    assert 256 < found["shared octets a lease"] < 8192
    assert 20 < found["private MB"] < 200


def test_a_contender_serves_a_generator_elsewhere(folder: Path) -> None:
    """docs/BENCHMARK.md, with namespaces for the machines."""
    program = [sys.executable, "-P", "-m", "fastdhcp_bench.cli"]
    serve = [*program, "serve", "durable", "--listen", SERVER_ADDRESS, "--directory", folder]
    load = [*program, "--server", SERVER_ADDRESS, "--relay", RELAY_ADDRESS, "--relays", "64"]
    load += ["--clients", "2000", "--tries", "30", "--exchanges", "2000"]
    with bench_network() as network:
        command = network.server.argv([str(word) for word in serve])
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            done = subprocess.run(network.generator.argv(load), capture_output=True, text=True)
            assert server.stdout is not None
            said = next(line for line in server.stdout if line.startswith("busy"))
            server.terminate()
            assert server.wait(PATIENCE_S) == 0
    assert done.returncode == 0, done.stdout + done.stderr
    assert "clients with a lease 2000" in done.stdout
    assert re.fullmatch(r"busy +[0-9.]+ cores, processes +[0-9.]+, others +[0-9.]+\n", said)
    assert list(folder.glob("fastdhcp-bench-*")) == []


RECEIVE = """
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 23)  # SO_RCVBUFFORCE
sock.setsockopt(socket.IPPROTO_UDP, 104, 1)  # UDP_GRO
sock.bind(("0.0.0.0", 9))
print(flush=True)
sizes = [0]
while sizes[-1] != 1:
    sizes.append(len(sock.recv(65536)))
print(max(sizes) // 600)
"""
SEND = """
import socket, sys, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(10):
    for _ in range(40):
        sock.sendto(bytes(600), (sys.argv[1], 9))
    time.sleep(0.02)
sock.sendto(bytes(1), (sys.argv[1], 9))
"""


@pytest.mark.parametrize("nic", [False, True])
@pytest.mark.parametrize("to", ["server", "generator"])
def test_packets_in_a_row_are_joined_by_an_end_like_a_nics_alone(nic: bool, to: str) -> None:
    with bench_network(nic=nic) as network:
        ends = [(network.server, SERVER_ADDRESS), (network.generator, GENERATOR_ADDRESS)]
        (receiver, address), (sender, _) = ends if to == "server" else ends[::-1]
        argv = receiver.argv([sys.executable, "-c", RECEIVE])
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            sender.call(sys.executable, "-c", SEND, address)
            longest = int(process.communicate(timeout=PATIENCE_S)[0])
    assert longest > 1 if nic else longest == 1


def test_an_end_like_a_nics_works_on_its_own_core() -> None:
    cores = os.sched_getaffinity(0)
    with bench_network(nic=True) as network:
        (end,) = network.generator_end
        assert os.sched_getaffinity(end) == {network.generator_core} == {max(cores)}
        names = {found.pid: found.name for found in processes()}
        assert names[end].startswith("napi/gen0-")
        network.server.call("sh", "-c", "ethtool -k srv0 | grep -qx 'generic-receive-offload: on'")
