"""Start, stop, restart, reload, a second server, and idling."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.lab import Lab, LinkClient, build
from tests.lab.packet import ACK, DISCOVER, REQUEST, mac
from tests.lab.servers import FastDHCP
from tests.lab.wire import dora

from .conftest import eventually, lan

pytestmark = pytest.mark.net


def test_term_stops_gracefully_and_a_restart_knows_every_lease(lab: Lab, link: LinkClient) -> None:
    first = FastDHCP(lab, "server", lan())
    leases = {n: dora(link.ask, mac(n)).yiaddr for n in range(20)}
    assert first.stop() == 0
    second = FastDHCP(lab, "server", lan())
    known = {lease["address"] for lease in second.leases() if lease["state"] == "active"}
    assert known == set(leases.values())
    for n, address in leases.items():
        ack = link.exchange(build(REQUEST, mac(n), 7, options={50: address})).message
        assert (ack.type, ack.yiaddr) == (ACK, address)


def test_a_second_serve_on_the_port_exits_75_and_disturbs_nothing(
    lab: Lab, link: LinkClient
) -> None:
    FastDHCP(lab, "server", lan())
    other = dict(lan())
    del other["control"]
    second = FastDHCP(lab, "server", other, ready=False, name="second")
    assert second.process.wait(10) == 75
    assert "67" in second.process.text()
    for n in range(20):
        assert dora(link.ask, mac(n)).type == ACK


def test_a_second_serve_on_the_state_directory_exits_75(lab: Lab, link: LinkClient) -> None:
    first = FastDHCP(lab, "server", lan())
    lab.veth("elsewhere:srv0=10.77.0.1/22", "nowhere:cli0")
    folder = str(first.folder / "state")
    other = {**lan(), "server": {"interfaces": ["srv0"], "state-directory": folder}}
    second = FastDHCP(lab, "elsewhere", other, ready=False)
    assert second.process.wait(10) == 75
    assert folder in second.process.text()
    assert dora(link.ask, mac(1)).type == ACK


def test_hup_swaps_the_configuration_or_keeps_it(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan("10.77.1.1-10.77.1.1"))
    held = dora(link.ask, mac(1)).yiaddr
    link.silence(build(DISCOVER, mac(2), 2))

    server.write({**lan(), "defaults": {"lease-tine": 5}})
    server.reload("lease-tine")
    ack = link.exchange(build(REQUEST, mac(1), 3, options={50: held})).message
    assert (ack.type, ack.yiaddr) == (ACK, held)

    server.write(lan("10.77.2.1-10.77.2.9"))
    server.reload()
    assert eventually(lambda: not _silent(link))
    assert dora(link.ask, mac(2)).yiaddr.startswith("10.77.2.")
    lease = server.lease(held)
    assert lease is not None


def _silent(link: LinkClient) -> bool:
    link.broadcast(build(DISCOVER, mac(2), 4), mac(2))
    return not link.answers(4, timeout=0.5, quiet=0.05)


def test_usr1_logs_the_counters(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan())
    link.broadcast(b"short", mac(1))
    assert eventually(lambda: bool(server.dropped()))
    at = len(server.process.text())
    server.process.send_signal(signal.SIGUSR1)
    server.process.wait_for("too-short", after=at)


def test_bad_configuration_exits_78_with_file_line_and_key(lab: Lab, link: LinkClient) -> None:
    bad = {**lan(), "defaults": {"lease-time": "soon"}}
    server = FastDHCP(lab, "server", bad, ready=False)
    assert server.process.wait(10) == 78
    assert "fastdhcp.toml:" in server.process.text()
    assert "lease-time" in server.process.text()
    assert server.command("check").returncode in (2, 78)


def test_idle_the_processes_use_under_a_hundredth_of_a_core(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan())
    dora(link.ask, mac(1))
    time.sleep(1)
    pids = [server.process.pid, *server.process.children()]
    assert len(pids) >= 5  # supervisor, two workers, store, control
    before, at = _cpu_s(pids), time.monotonic()
    time.sleep(5)
    assert (_cpu_s(pids) - before) / (time.monotonic() - at) < 0.01


def _cpu_s(pids: list[int]) -> float:
    rows = (Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split() for pid in pids)
    return sum(int(row[11]) + int(row[12]) for row in rows) / os.sysconf("SC_CLK_TCK")
