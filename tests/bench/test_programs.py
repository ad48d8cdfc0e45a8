"""The bench as programs: the echo's processes, `fastdhcp bench`, servers side by side."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest
from click.testing import CliRunner

from fastdhcp import bpf
from fastdhcp_bench.cli import bench
from fastdhcp_bench.compare import Setup, compare
from fastdhcp_bench.contenders import find_contender
from fastdhcp_bench.ledger import chaddr_of
from fastdhcp_bench.run import Mode, Plan, measure
from fastdhcp_bench.table import render
from tests.lab.patience import PATIENCE_S

pytestmark = pytest.mark.usefixtures("bench_on_path")


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def echo(workers: int) -> Iterator[int]:
    port = free_port()
    argv = [sys.executable, "-m", "fastdhcp_bench.echo", "--listen", "127.0.0.1"]
    argv += ["--port", str(port), "--workers", str(workers)]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
        try:
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("mode", ["dora", "discover", "renew", "reboot", "mix"])
def test_two_processes_answer_all(mode: Mode) -> None:
    assert {bpf.steer(chaddr_of(client), 2) for client in range(20)} == {0, 1}
    with echo(workers=2) as port:
        plan = Plan(
            server="127.0.0.1",
            relay="127.0.0.1",
            server_port=port,
            relay_port=0,
            clients=2000,
            window=128,
            timeout=PATIENCE_S,
            mode=mode,
            train=1,  # loopback segments nothing: a filter would see the packets of a train
            circuit_id=True,
            client_id=True,
            hostname=True,
        )
        report = measure(plan, exchanges=8000)
    assert report.good, report.errors
    assert report.counts["completed"] == 8000 and report.counts["retransmissions"] == 0


def test_clients_of_the_reference_policy_are_answered() -> None:
    """RFC 3046 2.2: an option 82 of 60 octets comes back as it went, whatever else is sent."""
    with echo(workers=1) as port:
        plan = Plan(
            server="127.0.0.1", relay="127.0.0.1", server_port=port, relay_port=0, clients=300,
            timeout=PATIENCE_S, train=1, circuit_id=True, circuit_id_size=58, client_id=True,
            vendor_class="docsis3.0:", request_lists=(b"\1\3", b"\1\3\6\x0f\x77", b"\6"),
        )  # fmt: skip
        report = measure(plan, exchanges=900)
    assert report.good, report.errors
    assert report.counts["completed"] == 900


def test_trains_go_out_and_come_in() -> None:
    """One process has no filter: it takes whole trains, on loopback too."""
    with echo(workers=1) as port:
        plan = Plan(
            server="127.0.0.1",
            relay="127.0.0.1",
            server_port=port,
            relay_port=0,
            clients=3000,
            window=1000,
            timeout=PATIENCE_S,
        )
        report = measure(plan, exchanges=9000)
    assert report.good and report.counts["completed"] == 9000, report
    assert report.bound == 3000


def bench_arguments(port: int) -> list[str]:
    argv = ["--server", "127.0.0.1", "--server-port", str(port), "--relay", "127.0.0.1"]
    return [*argv, "--relay-port", "0", "--clients", "50", "--window", "10", "--exchanges", "200"]


def test_the_command_reports_in_words_and_in_json() -> None:
    with echo(workers=1) as port:
        words = CliRunner().invoke(bench, bench_arguments(port))
        as_json = CliRunner().invoke(bench, [*bench_arguments(port), "--json"])
    assert words.exit_code == 0 and words.output.startswith("200 exchanges in ")
    report = json.loads(as_json.output)
    assert report["counts"]["completed"] == 200 and report["errors"] == {}
    assert f"result hash {report['result_hash']}" in words.output


def test_the_command_fails_if_nobody_answers() -> None:
    argv = [*bench_arguments(free_port()), "--timeout", "0.02", "--tries", "1"]
    result = CliRunner().invoke(bench, argv)
    assert result.exit_code == 1 and "ERROR unanswered: 200" in result.output


@pytest.mark.parametrize(
    ("server", "relay", "said"),
    [
        ("127.0.0.1", "192.0.2.1",
         "192.0.2.1 is not an address of this machine; give --relay one that is"),
        ("127.0.0.1", "here", "'here' is not an address; write four numbers as in 10.0.0.1"),
        ("there", "127.0.0.1", "'there' is not an address; write four numbers as in 10.0.0.1"),
    ],
)  # fmt: skip
def test_the_command_names_an_address_that_will_not_do(server: str, relay: str, said: str) -> None:
    argv = ["--server", server, "--relay", relay, "--relay-port", "0"]
    result = CliRunner().invoke(bench, argv)
    assert (result.exit_code, result.output) == (1, f"Error: {said}\n")


def test_the_command_names_who_has_its_port() -> None:
    with echo(workers=1) as port:
        argv = ["--server", "127.0.0.1", "--relay", "127.0.0.1", "--relay-port", str(port)]
        result = CliRunner().invoke(bench, argv)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: UDP port {port} on 127.0.0.1 is in use by ")
    assert result.output.endswith("; stop it, or give --relay-port\n")
    assert "fastdhcp_bench.echo" in result.output


@pytest.mark.parametrize(("mask", "code"), [("1=ff000000", 0), ("1=ffff0000", 1), ("1=zz", 2)])
def test_the_command_holds_answers_to_expected_options(mask: str, code: int) -> None:
    with echo(workers=1) as port:
        result = CliRunner().invoke(bench, [*bench_arguments(port), "--expect", mask])
    assert result.exit_code == code, result.output
    assert ("ERROR wrong-option" in result.output) == (code == 1)


@pytest.mark.net
@pytest.mark.alone
def test_servers_are_compared_in_namespaces_of_their_own() -> None:
    setup = Setup(
        rounds=1,
        seconds=3,  # so that one whole second is seen however busy the machine is
        warmup=0.1,
        clients=500,
        window=64,
        workers=2,
        mode="dora",
        directory=None,
        server_gro=False,
    )
    again = f"again={find_contender('echo').command[0]} -m fastdhcp_bench.echo"
    again += " --listen 192.168.87.1 --workers {workers}"
    comparison = compare([find_contender("echo"), find_contender(again)], setup)
    first, second = comparison.lines
    assert first.contender == "echo" and second.contender == "again"
    assert first.rate_ratio == 1 and 0.1 < second.rate_ratio < 10
    assert first.cpu_us > 1 and second.errors == {}


@pytest.mark.net
@pytest.mark.alone
@pytest.mark.parametrize(
    ("name", "policy"), [("durable", None), ("async", None), ("reference", "reference")]
)
def test_every_answer_of_the_server_passes_the_checks_of_the_bench(
    name: str, policy: str | None
) -> None:
    """In tiny: what rates there are is for `fastdhcp bench compare` to say."""
    setup = Setup(
        rounds=1,
        seconds=3,  # so that one whole second is seen however busy the machine is
        warmup=0.1,
        clients=2000,
        window=128,
        workers=2,
        mode="dora",
        directory=None,
        server_gro=False,
        policy=policy,
    )
    (line,) = compare([find_contender(name)], setup).lines
    assert line.errors == {} and line.rate > 50 and line.cpu_us < 1000


SHORT = Setup(
    rounds=1, seconds=2, warmup=0.1, clients=2000, window=64, workers=2, mode="dora", directory=None
)


@pytest.mark.net
@pytest.mark.alone
def test_more_than_a_server_can_serve_and_what_a_witness_says() -> None:
    found = compare([find_contender("durable")], SHORT, loads=(0.5,), overload=True, witness=True)
    (line,), (half,), (over,) = found.lines, found.latencies, found.overloads
    assert half.asked == line.rate / 2 and half.rate < line.rate
    assert over.asked == 2 * line.rate and 0 < over.peak_share < 2
    assert over.renewals > 0 and 0 < over.renewed_at_once <= 1
    assert "generator's sockets" not in over.dropped
    theirs, ours = found.witnesses
    assert (theirs.by, ours.by) == ("perfdhcp", "bench") and theirs.asked == ours.asked
    for word in found.witnesses:
        assert word.rate > 0.5 * word.asked and word.lost < 0.5
        assert word.ack_ms > 0 and word.offer_ms > 0 and word.cpu_us > 0


@pytest.mark.net
@pytest.mark.alone
@pytest.mark.parametrize("name", ["kea", "dhcpd", "dnsmasq"])
def test_other_servers_stand_beside_it(name: str) -> None:
    setup = msgspec.structs.replace(SHORT, clients=200, window=4)
    found = compare([find_contender(name)], setup)
    assert found.lines[0].rate > 0 and set(found.lines[0].errors) <= {"unanswered"}
    assert "short cuts: " in render(found)
