"""What an operator sees of a running server: decisions, leases, figures, and what can be done."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.lab import Lab, LinkClient, build
from tests.lab.packet import DISCOVER, NAK, RELEASE, REQUEST, mac
from tests.lab.patience import PATIENCE_S, eventually
from tests.lab.servers import FastDHCP
from tests.lab.wire import dora

from .conftest import lan

pytestmark = pytest.mark.net


@pytest.fixture
def link(lab: Lab) -> Iterator[LinkClient]:
    lab.veth("server:srv0=10.77.0.1/22", "client:cli0")
    made = LinkClient(lab.netns("client"), "cli0")
    yield made
    made.close()


@pytest.fixture
def server(lab: Lab, link: LinkClient) -> FastDHCP:
    return FastDHCP(lab, "server", lan())


def rows(server: FastDHCP, *words: str) -> list[dict[str, Any]]:
    """A command's JSON lines; it must succeed."""
    done = server.command(*words, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_lease_is_seen_from_all_sides(server: FastDHCP, link: LinkClient) -> None:
    before = time.time()
    ack = dora(link.ask, mac(7), options={12: b"pc-7", 61: b"\x00seven"})
    (lease,) = rows(server, "leases")
    assert (lease["address"], lease["hw-address"]) == (ack.yiaddr, mac(7).hex(":"))
    assert (lease["hostname"], lease["client-id"]) == ("pc-7", "hex:00736576656e")
    assert (lease["subnet"], lease["state"], lease["vrf"]) == ("10.77.0.0/22", "active", 0)
    assert lease["starts"] == pytest.approx(before, abs=3)
    # Two seconds to spare, which rounding and a wait for the disk eat from.
    assert lease["expires"] - lease["starts"] == pytest.approx(602, abs=1)
    assert rows(server, "leases", "show", mac(7).hex(":")) == [lease]
    assert rows(server, "leases", "export") == [lease]
    (pool,) = rows(server, "pools")
    assert (pool["active"], pool["free"]) == (1, pool["size"] - 1)
    metrics = server.metrics()
    assert metrics['fastdhcp_packets_sent_total{type="ack"}'] == 1
    assert metrics['fastdhcp_reply_seconds_count{type="ack"}'] == 1
    assert metrics["fastdhcp_journal_sequence"] > 0


def test_decisions_are_traced(server: FastDHCP, link: LinkClient) -> None:
    ack = dora(link.ask, mac(7))
    link.silence(build(REQUEST, mac(7), 99, options={50: ack.yiaddr, 54: "10.77.0.9"}))
    found = rows(server, "trace")
    assert [(d["message"], d["reply"], d["reason"]) for d in found] == [
        ("discover", "offer", None),
        ("request", "ack", None),
        ("request", None, "other-server"),
    ]
    assert {d["hw-address"] for d in found} == {mac(7).hex(":")}
    assert [d["yiaddr"] for d in found[:2]] == [ack.yiaddr] * 2
    assert (found[2]["requested"], found[2]["xid"]) == (ack.yiaddr, "00000063")
    assert [d["outcome"] for d in found] == ["sent", "sent", "dropped"]
    assert {(d["interface"], d["subnet"], d["server-id"]) for d in found[1:]} == {
        ("srv0", "10.77.0.0/22", "10.77.0.1"),
        ("srv0", "10.77.0.0/22", "10.77.0.9"),
    }
    assert [d["known"] for d in found] == [False, True, True]
    assert 0 < found[0]["answer-us"] < 10_000_000
    assert found[2]["answer-us"] is None
    assert found[0]["time"] == pytest.approx(time.time(), abs=30)
    times = [d["time"] for d in found]
    assert times == sorted(times)
    (last,) = rows(server, "trace", "--limit", "1")
    # The wall time of a decision is reckoned at each question, to a microsecond or so.
    assert last == {**found[-1], "time": pytest.approx(found[-1]["time"], abs=0.01)}
    assert rows(server, "trace", "--hw-address", mac(8).hex(":")) == []


def test_what_became_of_a_reply_and_of_an_address_is_traced(
    server: FastDHCP, link: LinkClient
) -> None:
    ack = dora(link.ask, mac(7))
    (store,) = server.pids("store")
    os.kill(store, signal.SIGSTOP)
    try:
        offer = link.ask(build(DISCOVER, mac(8), 8))
        asks = {50: offer.yiaddr, 54: "10.77.0.1"}
        link.silence(build(REQUEST, mac(8), 9, options=asks))
        (held,) = rows(server, "trace", "--limit", "1")
        text = server.command("trace").stdout
        metrics = server.metrics()
    finally:
        os.kill(store, signal.SIGCONT)
    assert (held["reply"], held["outcome"], held["address"]) == ("ack", "held", offer.yiaddr)
    assert (held["reason"], held["answer-us"]) == (None, None)
    assert text.splitlines()[0].endswith("iface  xid")  # no terminal: nothing is left out
    last = text.splitlines()[-1].split()
    assert last[2:-1] == ["request", "ack", "held", "-", mac(8).hex(":"), offer.yiaddr, "srv0"]
    assert total(metrics, "replies_waiting") == 1
    assert adds_up(metrics)
    link.broadcast(build(RELEASE, mac(7), 10, ciaddr=ack.yiaddr, options={54: "10.77.0.1"}), mac(7))
    assert eventually(lambda: total(server.metrics(), "packets_done_total") == 1)
    assert adds_up(server.metrics())
    acked, released = rows(server, "trace", "--limit", "2")
    assert (acked["xid"], acked["outcome"]) == ("00000009", "sent")
    assert acked["answer-us"] > 1_000_000
    assert (released["message"], released["outcome"]) == ("release", "done")
    assert (released["address"], released["reply"], released["reason"]) == (ack.yiaddr, None, None)


def total(metrics: Mapping[str, float], name: str) -> float:
    """Over all labels."""
    return sum(n for sample, n in metrics.items() if sample.startswith(f"fastdhcp_{name}{{"))


def adds_up(metrics: Mapping[str, float]) -> bool:
    """Every packet that was read is answered, carried out, dropped, or its reply waits."""
    parts = ("packets_sent_total", "packets_done_total", "packets_dropped_total", "replies_waiting")
    return total(metrics, "packets_received_total") == sum(total(metrics, p) for p in parts)


def test_a_released_address_may_be_anothers_at_once(server: FastDHCP, link: LinkClient) -> None:
    ack = dora(link.ask, mac(7))
    answer = rows(server, "leases", "release", "--now", ack.yiaddr)
    assert answer == [{"address": ack.yiaddr, "result": "ended"}]
    (lease,) = rows(server, "leases", "show", ack.yiaddr)
    assert lease["state"] == "released"
    assert dora(link.ask, mac(8), options={50: ack.yiaddr}).yiaddr == ack.yiaddr


def test_a_lease_that_may_not_be_renewed_is_held(server: FastDHCP, link: LinkClient) -> None:
    """I10: its client keeps the address until the lease that it was told of ends."""
    ack = dora(link.ask, mac(7))
    assert rows(server, "leases", "release", ack.yiaddr)[0]["result"] == "pending"
    (lease,) = rows(server, "leases", "show", ack.yiaddr)
    assert (lease["state"], lease["pending"]) == ("active", True)
    again = link.ask(build(REQUEST, mac(7), 5, options={50: ack.yiaddr}))
    assert again.type == NAK
    other = link.ask(build(DISCOVER, mac(8), 6, options={50: ack.yiaddr}))
    assert other.yiaddr != ack.yiaddr


def test_reload_by_command_says_what_came_of_it(server: FastDHCP) -> None:
    server.write(lan("10.77.1.1-10.77.1.9"))
    (answer,) = rows(server, "reload")
    assert answer["taken"] is True
    (pool,) = rows(server, "pools")
    assert pool["pool"] == "10.77.1.1-10.77.1.9"
    server.write(lan("10.99.1.1-10.99.1.9"))
    done = server.command("reload")
    assert done.returncode == 1
    assert 'subnets[0].pools[0]: "10.99.1.1-10.99.1.9" is not within' in done.stdout
    assert f"generation {answer['generation']} stays in force" in done.stdout


def test_how_long_the_policy_in_force_took_to_compile_is_a_metric(server: FastDHCP) -> None:
    first = server.metrics()["fastdhcp_policy_compile_seconds"]
    server.write(lan("10.77.1.1-10.77.1.9"))
    assert rows(server, "reload")[0]["taken"] is True
    second = server.metrics()["fastdhcp_policy_compile_seconds"]
    assert 0 < first < 60 and 0 < second < 60 and first != second


def test_status_of_a_server_with_a_process_killed(server: FastDHCP, link: LinkClient) -> None:
    """Control's death costs nobody a packet, and its successor answers on the same socket."""
    assert eventually(lambda: bool(server.pids("control")))  # it starts after `ready`
    (pid,) = server.pids("control")
    os.kill(pid, signal.SIGKILL)
    dora(link.ask, mac(7))
    limit = time.monotonic() + PATIENCE_S
    while server.pids("control") in ([], [pid]):
        assert time.monotonic() < limit
    assert [lease["state"] for lease in server.leases()] == ["active"]


def test_what_the_http_library_says_is_a_line_of_the_log(lab: Lab, server: FastDHCP) -> None:
    with lab.netns("server"):
        sock = socket.create_connection(("127.0.0.1", 8067), timeout=10)
    with sock:
        sock.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        sock.recv(1000)
    line = server.process.wait_for(".*Invalid HTTP request received.*")[0]
    assert line.split(maxsplit=1)[1] == (
        'warning library-message logger=uvicorn.error text="Invalid HTTP request received."'
        " process=control"
    )


def listen(server: FastDHCP, where: str) -> None:
    """By a reload, which must succeed."""
    server.write({**lan(), "control": {"listen": where}})
    done = server.command("reload")
    assert done.returncode == 0, done.stdout + done.stderr


def test_http_moves_from_one_address_to_all_of_the_same_port_and_back(
    lab: Lab, server: FastDHCP
) -> None:
    """Both are in each other's way, and the one that listens is this server's own."""

    def answers(address: str) -> bool:
        with lab.netns("server"), socket.socket() as client:
            return client.connect_ex((address, 8067)) == 0

    one, other = "127.0.0.1", "10.77.0.1"
    assert (answers(one), answers(other)) == (True, False)
    listen(server, "0.0.0.0:8067")
    assert eventually(lambda: answers(one) and answers(other))
    assert eventually(lambda: len(server.metrics()) > 10)
    for where in (f"{other}:8067", "0.0.0.0:8067", f"{one}:8067"):  # each at once after the last
        listen(server, where)
    assert eventually(lambda: answers(one) and not answers(other))
    assert eventually(lambda: len(server.metrics()) > 10)


def test_an_http_port_of_another_program_stays_refused(lab: Lab, server: FastDHCP) -> None:
    """It may say that it shares the port, as this server never does."""
    with lab.netns("server"):
        other = socket.socket()
    with other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, True)
        with pytest.raises(OSError, match="in use"):
            other.bind(("0.0.0.0", 8067))
        other.bind(("10.77.0.1", 8068))
        other.listen()
        server.write({**lan(), "control": {"listen": "10.77.0.1:8068"}})
        done = server.command("reload")
        assert done.returncode == 1
        assert "TCP port 8068 on 10.77.0.1 is in use by " in done.stdout + done.stderr
