"""Other programs on port 67: who is bound to a device that we do not serve is let be, all others
are found, whoever started first."""

import sys

import pytest

from tests.lab import Lab, LinkClient, Process, RelayAgent
from tests.lab.namespaces import is_root
from tests.lab.packet import ACK, mac
from tests.lab.servers import FastDHCP
from tests.lab.toml import Config
from tests.lab.wire import dora, leases_of

from .conftest import eventually, lan

pytestmark = pytest.mark.net

BRIDGE, OTHER = "virbr0", "192.168.122"
LISTEN = ("0.0.0.0:67", "192.168.9.1:67")
AS_DNSMASQ_DOES = """
import socket, sys, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
sock.bind(("0.0.0.0", 67))
sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[1].encode())
print("bound", flush=True)
time.sleep(60)
"""


def dnsmasq(lab: Lab, interface: str, binding: str = "--bind-dynamic") -> Process:
    """As libvirt starts it for a network of its own."""
    if interface == BRIDGE:
        lab.ip("server", "link", "add", BRIDGE, "type", "bridge")
        lab.ip("server", "address", "add", f"{OTHER}.1/24", "dev", BRIDGE)
        lab.ip("server", "link", "set", BRIDGE, "up")
    net = OTHER if interface == BRIDGE else "10.77.0"
    argv = [
        "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--log-facility=-",
        "--pid-file=", "--leasefile-ro", f"--interface={interface}", binding,
        f"--dhcp-range={net}.100,{net}.200,2m",
    ]  # fmt: skip
    process = lab.start("server", argv)
    process.wait_for("sockets bound exclusively to interface|failed to bind")
    assert "failed to bind" not in process.text()
    return process


def on(listen: str) -> Config:
    config = lan()
    config["server"]["listen"] = listen
    return config


@pytest.mark.parametrize("binding", ["--bind-interfaces", "--bind-dynamic"])
@pytest.mark.parametrize("listen", LISTEN)
@pytest.mark.parametrize("first", ["theirs", "ours"])
def test_a_server_on_a_device_that_we_do_not_serve_is_let_be(
    lab: Lab, link: LinkClient, relay: RelayAgent, first: str, listen: str, binding: str
) -> None:
    if first == "theirs":
        dnsmasq(lab, BRIDGE, binding)
        server = FastDHCP(lab, "server", on(listen))
    else:
        server = FastDHCP(lab, "server", on(listen))
        dnsmasq(lab, BRIDGE, binding)
    clients = [mac(n) for n in range(40)]  # of every worker: nobody is steered to a stranger
    assert len(leases_of(relay, "10.77.0.2", clients)) == len(clients)
    if listen.startswith("0.0.0.0"):
        assert dora(link.ask, mac(99)).type == ACK
    assert not eventually(lambda: "port-shared" in server.process.text(), timeout=3)


def test_one_of_another_user_may_bind_after_us(lab: Lab, link: LinkClient) -> None:
    """The kernel lets in who has our user by SO_REUSEPORT, all others by SO_REUSEADDR alone."""
    server = FastDHCP(lab, "server", lan())
    lab.ip("server", "link", "add", BRIDGE, "type", "bridge")
    argv = [sys.executable, "-c", AS_DNSMASQ_DOES, BRIDGE]
    if is_root():
        keep = "+net_bind_service,+net_raw"
        user = ["--reuid=65534", "--clear-groups", f"--inh-caps={keep}", f"--ambient-caps={keep}"]
        argv = ["setpriv", *user, *argv]
    lab.start("server", argv, "stranger").wait_for("bound")
    assert dora(link.ask, mac(1)).type == ACK
    assert not eventually(lambda: "port-shared" in server.process.text(), timeout=3)


def test_a_second_server_on_our_link_is_found_at_the_start(lab: Lab, link: LinkClient) -> None:
    theirs = dnsmasq(lab, "srv0")
    dnsmasq(lab, BRIDGE)
    server = FastDHCP(lab, "server", lan(), ready=False)
    assert server.process.wait(10) == 75
    assert "dnsmasq --no-daemon" in server.process.text()
    assert f"(pid {theirs.pid})" in server.process.text()
    assert server.process.text().count("(pid ") == 1  # the other one is in nobody's way


def test_a_second_server_that_comes_later_is_an_alarm_that_names_it(
    lab: Lab, link: LinkClient
) -> None:
    """SO_REUSEADDR, which lets in those on other devices, lets it in too."""
    server = FastDHCP(lab, "server", lan())
    theirs = dnsmasq(lab, "srv0")
    line = server.process.wait_for("alarm-on name=port-shared .*")[0]
    assert f"(pid {theirs.pid})" in line
    theirs.stop()
    server.process.wait_for("alarm-off name=port-shared")
    assert dora(link.ask, mac(1)).type == ACK
