"""Deaths, hangs, signals and words of the supervisor: the real server, its processes killed."""

import itertools
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.lab import Lab, LinkClient, build
from tests.lab.packet import ACK, DISCOVER, OFFER, REQUEST, mac
from tests.lab.patience import PATIENCE_S, Stopwatch, end_of
from tests.lab.servers import FastDHCP, environment
from tests.lab.wire import dora

from .conftest import eventually, lan

pytestmark = pytest.mark.net

BACK_S = {"worker": 0.5, "store": 2.0, "control": 5.0}
"""Within how long a killed process is at work again; what it waits for a core is not its own."""
BACK_LINE = {
    "worker": "process-started process=worker-0",
    "store": "store-recovered",
    "control": "process-started process=control",
}


def kill(server: FastDHCP, role: str, number: signal.Signals = signal.SIGKILL) -> int:
    """Ends (or stops) the first process of the role; where the log was then."""
    at = len(server.process.text())
    os.kill(server.pids(role)[0], number)
    return at


def restarts(server: FastDHCP, role: str) -> int:
    processes = server.status()["processes"]
    assert isinstance(processes, list)
    return int(next(p["restarts"] for p in processes if p["role"] == role))


@pytest.mark.parametrize("role", ["worker", "store", "control"])
def test_a_killed_process_is_back_in_time_and_no_lease_is_lost(
    lab: Lab, link: LinkClient, role: str
) -> None:
    server = FastDHCP(lab, "server", lan())
    leases = {n: dora(link.ask, mac(n)).yiaddr for n in range(4)}
    others = {r: server.pids(r) for r in BACK_S if r != role}
    for _ in range(2):
        watch = Stopwatch(server.process.pid)
        at = kill(server, role)
        server.process.wait_for(BACK_LINE[role], after=at)
        assert watch.seconds(*server.pids(role)) < BACK_S[role]
        for n, address in leases.items():
            ack = link.exchange(build(REQUEST, mac(n), 7, options={50: address})).message
            assert (ack.type, ack.yiaddr) == (ACK, address)
    assert dora(link.ask, mac(77)).yiaddr not in leases.values()
    assert {r: server.pids(r) for r in others} == others
    assert eventually(lambda: restarts(server, role) == 2)  # status is told once a second


@pytest.mark.parametrize("role", ["worker", "store", "control"])
def test_a_process_that_hangs_is_replaced(lab: Lab, link: LinkClient, role: str) -> None:
    server = FastDHCP(lab, "server", lan())
    dora(link.ask, mac(1))
    time.sleep(1.2)  # it has shown that it lives
    at = kill(server, role, signal.SIGSTOP)
    server.process.wait_for(f"process-hung process={role}", after=at)
    how = 'how="hung, and was ended by the server"'
    server.process.wait_for(f"process-died process={role}.*{how}", after=at)
    server.process.wait_for(BACK_LINE[role], after=at)
    assert dora(link.ask, mac(2)).type == ACK


def test_a_replacement_that_cannot_be_started_is_tried_again(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan(workers=1))
    dora(link.ask, mac(1))
    supervisor = server.process.pid
    limits = resource.prlimit(supervisor, resource.RLIMIT_NOFILE)
    resource.prlimit(supervisor, resource.RLIMIT_NOFILE, (8, limits[1]))
    at = kill(server, "worker")
    server.process.wait_for("process-not-started", after=at)
    resource.prlimit(supervisor, resource.RLIMIT_NOFILE, limits)
    server.process.wait_for(BACK_LINE["worker"], after=at)
    assert dora(link.ask, mac(2)).type == ACK


def test_a_worker_that_dies_again_and_again_is_an_alarm_and_the_rest_is_served(
    lab: Lab, link: LinkClient
) -> None:
    # It dies at its very first change, whoever replaces it.
    env = {"FASTDHCP_CRASH": "worker:2:1"}
    server = FastDHCP(lab, "server", lan(workers=1), env=env)
    limit = time.monotonic() + PATIENCE_S
    while "alarm-on name=process-restarting subject=worker-0" not in server.process.text():
        assert time.monotonic() < limit, server.process.tail()
        link.broadcast(build(DISCOVER, mac(3), 3), mac(3))
        time.sleep(0.02)
    assert server.process.text().count("process-died process=worker-0") >= 3
    assert server.process.returncode is None
    alarms = server.status()["alarms"]
    assert isinstance(alarms, list)


def test_the_alarm_of_a_process_that_dies_again_and_again_stays_on(
    lab: Lab, link: LinkClient
) -> None:
    """The second until the next start is none that it has lived."""
    server = FastDHCP(lab, "server", lan(workers=1))
    for _ in range(4):
        at = kill(server, "worker")
        server.process.wait_for("process-started process=worker-0", after=at)
    assert "alarm-on name=process-restarting subject=worker-0" in server.process.text()
    assert "alarm-off" not in server.process.text()
    server.process.wait_for("alarm-off name=process-restarting subject=worker-0")
    assert dora(link.ask, mac(1)).type == ACK


def test_a_store_that_has_died_often_but_comes_back_at_once_stops_nobody(
    lab: Lab, link: LinkClient
) -> None:
    """It is an alarm by the third time; clients are offered addresses all the while."""
    xids = itertools.count(9)
    server = FastDHCP(lab, "server", lan())
    for n in range(4):
        dora(link.ask, mac(n))
        time.sleep(1.1)  # it has lived
        at = kill(server, "store")
        while BACK_LINE["store"] not in server.process.text()[at:]:
            offer = link.exchange(build(DISCOVER, mac(n), next(xids))).message
            assert offer.type == OFFER
    assert "alarm-on name=process-restarting subject=store" in server.process.text()
    assert "store-unavailable" not in server.dropped()


def test_a_store_that_goes_with_its_folder_costs_no_lease(lab: Lab, link: LinkClient) -> None:
    """All leases are in memory, and with the next store in new files."""
    server = FastDHCP(lab, "server", lan())
    state = server.folder / "state"
    leases = {n: dora(link.ask, mac(n)).yiaddr for n in range(4)}
    at = kill(server, "store")
    shutil.rmtree(state)
    server.process.wait_for("store-rebuilt", after=at)
    leases |= {n: dora(link.ask, mac(n)).yiaddr for n in range(4, 6)}
    assert eventually(lambda: not server.status()["alarms"])
    assert server.stop() == 0
    server = FastDHCP(lab, "server", lan())
    found = {str(lease["hw-address"]): lease["address"] for lease in server.leases()}
    assert found == {mac(n).hex(":"): address for n, address in leases.items()}


def _cures(server: FastDHCP) -> dict[tuple[str, str | None], str]:
    alarms = server.status()["alarms"]
    assert isinstance(alarms, list)
    return {(alarm["name"], alarm["subject"]): alarm["cure"] for alarm in alarms}


def test_without_a_store_that_lives_holders_are_told_what_is_left_and_nothing_is_offered(
    lab: Lab, link: LinkClient
) -> None:
    """A page that cannot be read is SIGBUS, again and again: others must be able to serve."""
    env = {"FASTDHCP_CRASH": "store:attach-dirty"}
    server = FastDHCP(lab, "server", lan(), env=env)
    address = dora(link.ask, mac(1)).yiaddr
    at = kill(server, "store")
    server.process.wait_for("alarm-on name=process-restarting subject=store", after=at)
    told = eventually(lambda: _cures(server).get(("process-restarting", "store"), "") != "")
    assert told, server.status()["alarms"]
    link.silence(build(DISCOVER, mac(2), 2))
    assert link.ask(build(REQUEST, mac(1), 3, options={50: address})).type == ACK


def test_all_die_with_the_supervisor_and_the_next_start_is_from_disk(
    lab: Lab, link: LinkClient
) -> None:
    first = FastDHCP(lab, "server", lan())
    leases = {n: dora(link.ask, mac(n)).yiaddr for n in range(4)}
    children = first.process.children()
    assert len(children) >= 4
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    second = FastDHCP(lab, "server", lan())
    assert not [pid for pid in children if _is_ours(pid)]
    for n, address in leases.items():
        ack = link.exchange(build(REQUEST, mac(n), 7, options={50: address})).message
        assert (ack.type, ack.yiaddr) == (ACK, address)
    assert second.stop() == 0


def _is_ours(pid: int) -> bool:
    try:
        return b"fastdhcp" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_processes_stay_in_the_group_and_only_the_supervisor_acts_on_signals(
    lab: Lab, link: LinkClient
) -> None:
    server = FastDHCP(lab, "server", lan())
    assert eventually(lambda: len(server.process.children()) == 4)
    children = server.process.children()
    assert {os.getpgid(pid) for pid in children} == {os.getpgid(server.process.pid)}
    for pid in children:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            os.kill(pid, number)
    assert dora(link.ask, mac(1)).type == ACK
    assert server.process.children() == children
    # As a terminal sends it: to the whole group.
    os.killpg(os.getpgid(server.process.pid), signal.SIGINT)
    assert server.process.wait() == 0


def test_a_second_interrupt_ends_at_once(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan())
    kill(server, "store", signal.SIGSTOP)  # a graceful stop would wait for it
    server.process.send_signal(signal.SIGINT)
    server.process.wait_for("stopping")
    time.sleep(0.5)
    assert server.process.returncode is None
    server.process.send_signal(signal.SIGINT)
    code, seconds = end_of(server.process.popen)
    assert code == 1
    assert seconds < 2


def test_systemd_is_told_of_start_reload_and_stop(lab: Lab, link: LinkClient) -> None:
    path = lab.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        systemd.settimeout(PATIENCE_S)
        server = FastDHCP(lab, "server", lan(), env={"NOTIFY_SOCKET": str(path)})
        _heard(systemd, "READY=1")
        server.reload("reloaded")
        _heard(systemd, "RELOADING=1")
        _heard(systemd, "READY=1")
        server.write({**lan(), "defaults": {"lease-tine": 5}})
        server.reload("reload-refused")
        _heard(systemd, "RELOADING=1")
        _heard(systemd, "READY=1")
        assert server.stop() == 0
        _heard(systemd, "STOPPING=1")


def _heard(systemd: socket.socket, line: str) -> None:
    """Reads until a message begins with the line. Raises TimeoutError."""
    while not systemd.recv(4096).decode().startswith(line):
        pass


def test_systemds_watchdog_is_fed_while_the_store_is_down(lab: Lab, link: LinkClient) -> None:
    """It asks whether the supervisor lives: a restart of all would help nobody's disk."""
    path = lab.folder / "notify.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(path))
        systemd.settimeout(10)
        env = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "30000000"}
        env["FASTDHCP_CRASH"] = "store:attach-dirty"
        server = FastDHCP(lab, "server", lan(), env=env)
        at = kill(server, "store")
        server.process.wait_for("alarm-on name=process-restarting subject=store", after=at)
        since = time.monotonic()
        while time.monotonic() < since + 4:
            _heard(systemd, "WATCHDOG=1")
        systemd.settimeout(2)
        for _ in range(3):
            _heard(systemd, "WATCHDOG=1")


def test_http_is_served_on_a_socket_that_was_opened_before(lab: Lab, link: LinkClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = FastDHCP(lab, "server", lan(), ready=False)
        server.stop()
        argv = [*server.process.argv, "--http-fd", str(sock.fileno())]
        with lab.netns("server"), (lab.folder / "http.log").open("wb") as output:
            env = {**os.environ, **environment()}
            process = subprocess.Popen(argv, pass_fds=[sock.fileno()], stderr=output, env=env)
        try:
            with socket.create_connection(sock.getsockname(), timeout=PATIENCE_S) as client:
                client.sendall(b"GET /v1/status HTTP/1.0\r\n\r\n")
                assert b"200 OK" in client.recv(1000)
        finally:
            process.terminate()
            assert process.wait(PATIENCE_S) == 0


def test_warnings_name_what_is_in_the_way(lab: Lab, link: LinkClient) -> None:
    config = lan()
    config["server"] = {"interfaces": ["srv0", "srv9"], "workers": 1, "receive-buffer": "64K"}
    server = FastDHCP(lab, "server", config)
    text = server.process.text()
    assert "interface-missing" in text and "srv9" in text
    assert "receive-buffer-small" in text
    warnings = str(server.status()["warnings"])
    assert "srv9" in warnings and "receive buffer" in warnings


def test_an_interface_that_is_made_anew_is_served_again(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan())
    address = dora(link.ask, mac(1)).yiaddr
    at = len(server.process.text())
    lab.ip("server", "link", "del", "srv0")
    server.process.wait_for("interface-missing", after=at)
    at = len(server.process.text())
    lab.veth("server:srv0=10.77.0.1/22", "client:cli0")
    again = LinkClient(lab.netns("client"), "cli0")
    lab.callback(again)
    server.process.wait_for("interfaces-changed.*srv0", after=at)

    def served() -> bool:
        again.broadcast(build(DISCOVER, mac(1), 9), mac(1))
        return bool(again.answers(9, timeout=0.5))

    assert eventually(served)  # the address came after the interface
    assert dora(again.ask, mac(1)).yiaddr == address


def test_a_link_that_nobody_names_makes_no_new_generation(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan())
    lab.veth("server:other0", "nowhere:peer0")
    lab.ip("server", "address", "add", "10.79.0.1/24", "dev", "other0")
    server.process.wait_for("interfaces-changed interfaces=other0 generation=2")
    at = len(server.process.text())
    lab.veth("server:other1", "nowhere:peer1")
    lab.ip("server", "link", "del", "other1")
    lab.ip("server", "link", "del", "other0")
    server.process.wait_for("interfaces-changed interfaces=other0 generation=3", after=at)


def test_a_pool_at_its_end_is_named(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan("10.77.1.1-10.77.1.1"))
    dora(link.ask, mac(1))
    link.silence(build(DISCOVER, mac(2), 2))
    on = "alarm-on name=pool-exhausted subject=10.77.0.0/22 text="
    line = server.process.wait_for(on + ".*")[0]
    assert "1 message found no free address in 10.77.0.0/22, the last at " in line
    assert "; 1 of 1 addresses of its pools are used: 1 active" in line
    server.write(lan("10.77.1.1-10.77.1.9"))
    server.reload()
    server.process.wait_for("alarm-off name=pool-exhausted subject=10.77.0.0/22")


def test_hup_moves_the_http_socket(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan())
    assert eventually(lambda: _answers(lab, 8067))
    server.write({**lan(), "control": {"listen": "127.0.0.1:8068"}})
    server.reload("reloaded")
    assert eventually(lambda: _answers(lab, 8068))
    assert not _answers(lab, 8067)
    assert server.status()["generation"] == 2
    with lab.netns("server"), socket.create_server(("127.0.0.1", 8069)):
        server.write({**lan(), "control": {"listen": "127.0.0.1:8069"}})
        server.reload("reload-refused.*8069")
    assert _answers(lab, 8068)
    assert "process-died" not in server.process.text()
    processes = server.status()["processes"]
    assert isinstance(processes, list)
    assert [row["restarts"] for row in processes if row["role"] == "control"] == [0]


def _answers(lab: Lab, port: int) -> bool:
    with lab.netns("server"):
        try:
            client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        except OSError:
            return False
    with client:
        client.sendall(b"GET /v1/status HTTP/1.0\r\n\r\n")
        return b"200 OK" in client.recv(1000)


def test_a_reload_that_regroups_subnets_keeps_every_client_its_address(
    lab: Lab, link: LinkClient
) -> None:
    config = lan()
    server = FastDHCP(lab, "server", config)
    leases = {n: dora(link.ask, mac(n)).yiaddr for n in range(4)}
    for name in ("lan-a", "lan-b", None):
        subnet = {"subnet": "10.77.0.0/22", "pools": ["10.77.1.1-10.77.2.250"]}
        if name:
            subnet["shared-network"] = name
        server.write({**config, "subnets": [subnet]})
        server.reload("reloaded")
        for n, address in leases.items():
            offer = link.exchange(build(DISCOVER, mac(n), 9)).message
            assert offer.yiaddr == address
