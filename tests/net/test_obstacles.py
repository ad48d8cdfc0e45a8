"""What stands in the way of a start, with real sockets, locks and interfaces in namespaces."""

import os
import select
import signal
import socket
import subprocess
import sys
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from fastdhcp.config import load
from fastdhcp.exits import EXIT_IN_USE
from fastdhcp.interfaces import Interface, Watch, read_interfaces
from fastdhcp.kernel import kernel_drops
from fastdhcp.ports import port_inodes
from fastdhcp.supervisor.listeners import (
    RECEIVE_BUFFER_LOW,
    adopt_tcp,
    open_frames,
    open_group,
    open_tcp,
    open_unix,
    probe_port,
    receive_buffer,
)
from fastdhcp.supervisor.obstacles import Obstacle
from fastdhcp.supervisor.resources import lock_directory, open_resources
from tests.lab import Lab
from tests.lab.patience import PATIENCE_S

pytestmark = pytest.mark.net

ANY = "0.0.0.0"


def test_a_free_port_is_no_obstacle(lab: Lab) -> None:
    with lab.netns("server"):
        probe_port(ANY, 67)
        assert port_inodes(67, "udp") == set()
        group = open_group(ANY, 67, 4, 1 << 20)
        assert len(port_inodes(67, "udp")) == 4
    for sock in group:
        sock.close()


def test_a_port_that_another_holds_is_named_with_its_holder(lab: Lab) -> None:
    lab.netns("server")
    code = (
        "import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
        "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1); s.bind(('', 67));"
        "print('bound', flush=True); time.sleep(60)"
    )
    process = lab.start("server", [sys.executable, "-c", code], "holder")
    process.wait_for("bound")
    with lab.netns("server"), pytest.raises(Obstacle) as caught:
        probe_port(ANY, 67)
    assert caught.value.exit_code == EXIT_IN_USE
    assert f"pid {process.pid}" in str(caught.value)
    assert "UDP port 67" in str(caught.value)


def test_one_who_joins_between_probe_and_group_is_seen(lab: Lab) -> None:
    with lab.netns("server"):
        probe_port(ANY, 67)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.bind((ANY, 67))
            with pytest.raises(Obstacle) as caught:
                open_group(ANY, 67, 2, 1 << 20)
            assert caught.value.exit_code == EXIT_IN_USE
            assert len(port_inodes(67, "udp")) == 1


def test_an_address_that_is_not_ours_is_named(lab: Lab) -> None:
    words = "is not an address of this machine"
    with lab.netns("server"), pytest.raises(Obstacle, match=words) as caught:
        probe_port("192.0.2.200", 67)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("dropped", "words"),
    [("net_bind_service", "CAP_NET_BIND_SERVICE"), ("net_raw", "CAP_NET_RAW")],
)
def test_a_missing_capability_is_named(lab: Lab, dropped: str, words: str) -> None:
    code = (
        "from fastdhcp.supervisor.listeners import *\n"
        "from fastdhcp.supervisor.obstacles import Obstacle\n"
        "try:\n probe_port('0.0.0.0', 67); open_frames(1)\n"
        "except Obstacle as obstacle: print(obstacle)"
    )
    argv = ["setpriv", f"--bounding-set=-{dropped}", f"--inh-caps=-{dropped}"]
    lab.netns("server")
    done = lab.run("server", [*argv, sys.executable, "-c", code], PYTHONPATH=str(Path.cwd()))
    assert words in done.stdout, done.stderr


def test_sockets_get_the_buffer_that_is_asked_for_and_share_no_descriptor(lab: Lab) -> None:
    with lab.netns("server"):
        group, frames = open_group(ANY, 67, 3, 8 << 20), open_frames(3)
    assert all(receive_buffer(sock) > 0 for sock in group)
    if os.geteuid() == 0 and Path("/proc/self/uid_map").read_text().split()[2] != "1":
        assert min(receive_buffer(sock) for sock in group) >= 8 << 20 > RECEIVE_BUFFER_LOW
    assert not any(os.get_inheritable(sock.fileno()) for sock in [*group, *frames])
    for sock in [*group, *frames]:
        sock.close()


def test_the_lock_on_the_state_directory_says_who_holds_it(tmp_path: Path) -> None:
    code = (
        "import time, pathlib, sys; from fastdhcp.supervisor.resources import lock_directory\n"
        "lock_directory(pathlib.Path(sys.argv[1])); print('locked', flush=True); time.sleep(60)"
    )
    argv = [sys.executable, "-c", code, str(tmp_path)]
    holder = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(Obstacle) as caught:
            lock_directory(tmp_path)
        assert caught.value.exit_code == EXIT_IN_USE
        assert f"pid {holder.pid}" in str(caught.value)
        assert str(tmp_path) in str(caught.value)
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    os.close(lock_directory(tmp_path))  # a dead holder's lock is free


def test_no_child_inherits_the_lock(tmp_path: Path) -> None:
    fd = lock_directory(tmp_path)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        os.close(fd)
        again = lock_directory(tmp_path)
        child.kill()
    os.close(again)


def test_the_control_socket_replaces_a_dead_one_and_no_living_one(lab: Lab) -> None:
    path = lab.folder / "control.sock"
    first = open_unix(path)
    assert path.stat().st_mode & 0o777 == 0o660
    with pytest.raises(Obstacle, match="another server listens") as caught:
        open_unix(path)
    assert caught.value.exit_code == EXIT_IN_USE
    first.close()
    open_unix(path).close()
    path.unlink()
    path.write_text("precious")
    with pytest.raises(Obstacle, match="no socket"):
        open_unix(path)
    assert path.read_text() == "precious"


def test_a_path_that_no_socket_can_have_is_named(lab: Lab) -> None:
    with pytest.raises(Obstacle, match="shorter runtime-directory"):
        open_unix(lab.folder / ("d" * 100) / "control.sock")


def test_the_http_socket(lab: Lab) -> None:
    with lab.netns("server"):
        sock = open_tcp("127.0.0.1", 8067)
        assert sock.proto == socket.IPPROTO_TCP
        with pytest.raises(Obstacle, match=r"TCP port 8067 .* change control\.listen") as caught:
            open_tcp("127.0.0.1", 8067)
        assert caught.value.exit_code == EXIT_IN_USE
        adopted = adopt_tcp(os.dup(sock.fileno()))
        assert adopted.getsockname() == ("127.0.0.1", 8067)
        sock.close()
        adopted.close()
    read, _write = os.pipe()
    with pytest.raises(Obstacle):
        adopt_tcp(read)


LISTENING = """
import socket, time
listener = socket.create_server(("127.0.0.1", 8067))
print("listens", flush=True)
time.sleep(60)
"""


def test_who_has_the_http_port_is_named(lab: Lab) -> None:
    command = [sys.executable, "-c", LISTENING]
    with lab.netns("server"), subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == b"listens\n"
            with pytest.raises(Obstacle) as caught:
                open_tcp("127.0.0.1", 8067)
        finally:
            other.kill()
    assert caught.value.exit_code == EXIT_IN_USE
    said = str(caught.value)
    program = Path(sys.executable).name
    assert said.startswith(f"TCP port 8067 on 127.0.0.1 is in use by {program} -c ")
    assert said.endswith(f"(pid {other.pid}): stop it, or change control.listen")


def test_an_http_address_that_is_not_ours_is_named(lab: Lab) -> None:
    with lab.netns("server"), pytest.raises(Obstacle) as caught:
        open_tcp("192.0.2.200", 8067)
    assert caught.value.exit_code == 1
    assert str(caught.value) == (
        "192.0.2.200 is not an address of this machine: give it to an interface, or change "
        "control.listen"
    )


def test_a_start_that_fails_leaves_no_control_socket(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "fastdhcp.toml"
    path.write_text(
        '[server]\ninterfaces = []\nworkers = 1\nstate-directory = "state"\n'
        'runtime-directory = "run"\n[control]\nlisten = "192.0.2.200:8067"\n'
    )
    with lab.netns("server"), pytest.raises(Obstacle, match="is not an address of this machine"):
        open_resources(load(path))
    assert list((tmp_path / "run").iterdir()) == []


def _seen(name: str) -> Interface | None:
    return next((found for found in read_interfaces() if found.name == name), None)


def test_interfaces_are_read_and_followed(lab: Lab) -> None:
    lab.netns("server")
    with lab.netns("server"):
        watch = Watch()
        lo = _seen("lo")
        assert lo is not None and lo.loopback and lo.up
        assert lo.addresses == (IPv4Interface("127.0.0.1/8"),)
    lab.veth("server:srv0=10.77.0.1/22", "client:cli0")
    lab.ip("server", "address", "add", "10.78.0.1/24", "dev", "srv0")
    with lab.netns("server"):
        before = _seen("srv0")
        assert before is not None and before.up and not before.loopback
        assert (lo.mtu, before.mtu) == (65536, 1500)
        assert before.addresses == (IPv4Interface("10.77.0.1/22"), IPv4Interface("10.78.0.1/24"))
        assert _changed(watch)
    for change in (
        ("address", "del", "10.78.0.1/24", "dev", "srv0"),
        ("link", "set", "srv0", "mtu", "1400"),
        ("link", "set", "srv0", "down"),
        ("link", "set", "srv0", "name", "lan0"),
        ("link", "del", "lan0"),
    ):
        lab.ip("server", *change)
        assert _changed(watch), change
        assert not _changed(watch, 0)
    lab.veth("server:srv0=10.77.0.1/22", "client:cli0")
    with lab.netns("server"):
        after = _seen("srv0")
        assert after is not None and after.index != before.index
    watch.close()


def _changed(watch: Watch, timeout: float = PATIENCE_S) -> bool:
    ready = bool(select.select([watch], [], [], timeout)[0])
    watch.drain()
    return ready


def test_many_interfaces_are_read_whole(lab: Lab) -> None:
    lab.netns("server")
    for number in range(60):
        lab.ip("server", "link", "add", f"d{number}", "type", "bridge")
        lab.ip("server", "address", "add", f"10.{number}.0.1/16", "dev", f"d{number}")
    with lab.netns("server"):
        found = {interface.name: interface for interface in read_interfaces()}
    assert all(found[f"d{n}"].addresses == (IPv4Interface(f"10.{n}.0.1/16"),) for n in range(60))


def test_point_to_point_addresses_are_ours_not_the_peers(lab: Lab) -> None:
    lab.veth("server:srv0", "client:cli0")
    lab.ip("server", "address", "add", "10.9.0.1", "peer", "10.9.0.2/32", "dev", "srv0")
    with lab.netns("server"):
        found = _seen("srv0")
    assert found is not None and str(found.addresses[0].ip) == "10.9.0.1"


def test_kernel_drops_are_full_buffers_not_refused_packets(lab: Lab) -> None:
    with lab.netns("server"):
        before = kernel_drops()
        group = open_group(ANY, 67, 2, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(200):
                sender.sendto(bytes(300), ("127.0.0.1", 67))
        assert kernel_drops() > before
    for sock in group:
        sock.close()
