"""What a loaded worker spends its time on: the kernel and the compiled path, no interpreter."""

import re
import subprocess
import sys

import pytest

from tests.lab import Lab, LinkClient, RelayAgent
from tests.lab.patience import PATIENCE_S, eventually
from tests.lab.servers import FastDHCP

from .conftest import lan

pytestmark = [
    pytest.mark.net,
    pytest.mark.root("perf looks into the kernel"),
    pytest.mark.usefixtures("bench_on_path"),
]

INTERPRETER = re.compile(r"\bPy|_PyEval|\bgc_|\bunicode_|\bdict_|method_vectorcall")
SAMPLES_MIN = 50
SECONDS = 2


def profile(lab: Lab, pid: int, seconds: int) -> str:
    """What perf says of a process: samples, library and symbol."""
    data = lab.folder / "perf.data"
    record = ["perf", "record", "-q", "-F", "1500", "-p", str(pid), "-o", str(data)]
    done = subprocess.run([*record, "--", "sleep", str(seconds)], capture_output=True, text=True)
    assert done.returncode == 0, f"perf (package linux-perf): {done.stderr}"
    return subprocess.run(
        ["perf", "report", "--stdio", "-i", str(data), "--no-children", "-F", "sample,dso,symbol"],
        capture_output=True, text=True, check=True,
    ).stdout


def rows_of(report: str) -> list[str]:
    return [line for line in report.splitlines() if re.match(r"\s+\d+ ", line)]


def samples(report: str) -> int:
    return sum(int(row.split()[0]) for row in rows_of(report))


def test_no_interpreter_symbol_in_a_loaded_worker(
    lab: Lab, link: LinkClient, relay: RelayAgent
) -> None:
    """I9: after its start a worker never comes back to Python for a packet."""
    server = FastDHCP(lab, "server", lan(workers=1))
    (pid,) = server.pids("worker")
    relay.close()  # the generator has its address and port
    load = [sys.executable, "-m", "fastdhcp_bench.cli", "--server", "192.168.9.1", "--relay"]
    load += ["10.77.0.2", "--clients", "400", "--seconds", str(4 * PATIENCE_S)]
    generator = lab.start("relay", load)
    sent = 'fastdhcp_packets_sent_total{type="ack"}'
    assert eventually(lambda: server.metrics().get(sent, 0) > 0), generator.tail()
    seconds, report = SECONDS, profile(lab, pid, SECONDS)
    while samples(report) < SAMPLES_MIN and seconds < PATIENCE_S:  # it gets little of a core
        seconds *= 4
        report = profile(lab, pid, seconds)
    generator.stop()
    assert samples(report) >= SAMPLES_MIN, report
    rows = rows_of(report)
    assert any("_worker" in row or "_codec" in row or "kernel" in row for row in rows), report
    assert [row for row in rows if INTERPRETER.search(row) or "libpython" in row] == []
