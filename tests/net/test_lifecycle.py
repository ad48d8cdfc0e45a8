"""Start, stop, restart, reload, a second server, and idling."""

import re
import signal
import time
from pathlib import Path

import pytest

from tests.lab import Lab, LinkClient, build
from tests.lab.packet import ACK, DISCOVER, NAK, REQUEST, mac
from tests.lab.servers import Dnsmasq, FastDHCP
from tests.lab.wire import dora

from .conftest import SERVER, eventually, lan

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
    first = FastDHCP(lab, "server", lan())
    other = dict(lan())
    del other["control"]
    second = FastDHCP(lab, "server", other, ready=False, name="second")
    assert second.process.wait() == 75
    assert re.search(rf"67\b.*\b{first.process.pid}\b", second.process.text())
    for n in range(20):
        assert dora(link.ask, mac(n)).type == ACK


def test_a_port_that_another_server_holds_is_named_with_its_holder(
    lab: Lab, link: LinkClient
) -> None:
    Dnsmasq(lab, "server")
    server = FastDHCP(lab, "server", lan(), ready=False)
    assert server.process.wait() == 75
    assert "dnsmasq" in server.process.text()


def test_a_second_serve_on_the_state_directory_exits_75(lab: Lab, link: LinkClient) -> None:
    first = FastDHCP(lab, "server", lan())
    lab.veth("elsewhere:srv0=10.77.0.1/22", "nowhere:cli0")
    folder = str(first.folder / "state")
    other = {**lan(), "server": {"interfaces": ["srv0"], "state-directory": folder}}
    second = FastDHCP(lab, "elsewhere", other, ready=False)
    assert second.process.wait() == 75
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

    # Its pool is gone: the right to renew has ended, the hold has not (I10).
    nak = link.ask(build(REQUEST, mac(1), 5, ciaddr=held, flags=0x8000))
    assert nak.type == NAK
    lease = server.lease(held)
    assert lease is not None
    assert lease["hw-address"] == mac(1).hex(":")
    assert dora(link.ask, mac(1)).yiaddr.startswith("10.77.2.")


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
    assert server.process.wait() == 78
    assert "fastdhcp.toml:" in server.process.text()
    assert "lease-time" in server.process.text()
    assert server.command("check").returncode in (2, 78)


def test_an_interface_made_anew_is_served_again(lab: Lab, link: LinkClient) -> None:
    """Removed and put back with the same name and address: by netlink, without a reload."""
    FastDHCP(lab, "server", lan())
    dora(link.ask, mac(1))
    lab.ip("server", "link", "delete", "srv0")
    time.sleep(0.5)
    lab.veth(f"server:srv0={SERVER}/22", "client:cli1")
    again = LinkClient(lab.netns("client"), "cli1")
    lab.callback(again)
    assert eventually(lambda: not _silent(again))
    frame = again.exchange(build(DISCOVER, mac(3), 3))
    assert frame.ether_target == mac(3)


def test_an_address_that_an_interface_gets_later_is_served(lab: Lab, link: LinkClient) -> None:
    """54 and the source are a real address of the link at all times."""
    config = dict(lan())
    more = {"subnet": "10.78.0.0/24", "pools": ["10.78.0.10-10.78.0.20"], "interface": "srv0"}
    config["subnets"] = [more]
    lab.ip("server", "address", "flush", "dev", "srv0")
    lab.ip("server", "address", "add", "10.99.0.1/24", "dev", "srv0")
    FastDHCP(lab, "server", config)
    lab.ip("server", "address", "add", "10.78.0.1/24", "brd", "+", "dev", "srv0")
    lab.ip("server", "address", "del", "10.99.0.1/24", "dev", "srv0")

    def told() -> bool:
        link.broadcast(build(DISCOVER, mac(1), 1), mac(1))
        return [f.message.server_id for f in link.answers(1, timeout=0.5)] == ["10.78.0.1"]

    assert eventually(told)
    assert dora(link.ask, mac(1)).yiaddr.startswith("10.78.0.")


def test_idle_the_processes_use_under_a_hundredth_of_a_core(lab: Lab, link: LinkClient) -> None:
    server = FastDHCP(lab, "server", lan())
    server.process.wait_for("control-ready")
    dora(link.ask, mac(1))
    time.sleep(1)
    pids = [server.process.pid, *server.process.children()]
    assert len(pids) >= 5  # supervisor, two workers, store, control
    before, at = _cpu_s(pids), time.monotonic()
    time.sleep(5)
    assert (_cpu_s(pids) - before) / (time.monotonic() - at) < 0.01


def _cpu_s(pids: list[int]) -> float:
    """By the scheduler, which counts nanoseconds: a tick is charged whole to whom it meets."""
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids) / 1e9
