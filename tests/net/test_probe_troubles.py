"""`fastdhcp probe` against real servers, and each trouble that it names, really produced."""

import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab, LinkClient, Process
from tests.lab.packet import ACK, DISCOVER, NAK, OFFER, REQUEST, Frame, Message, build, frame, mac
from tests.lab.servers import Dnsmasq, FastDHCP, Kea, Server, Site, Subnet, environment
from tests.lab.wire import ALL, CLIENT_PORT, SERVER_PORT, only

from .conftest import eventually

pytestmark = pytest.mark.net


PROBE = [sys.executable, "-m", "fastdhcp", "probe"]
ENVIRONMENT = environment()
TIMEOUT_S = 8.0
"""How long the probe waits for an answer, if it is not told."""

SERVER, SERVER_UP, RELAY_UP, GIADDR = "10.77.0.1", "192.168.9.1", "192.168.9.2", "10.88.0.1"
ONE_ADDRESS = Site(
    subnets=(
        Subnet(pool=("10.77.1.1", "10.77.1.1")),
        Subnet("10.88.0.0/24", ("10.88.0.10", "10.88.0.10"), GIADDR),
    ),
    interfaces=("srv0", "rel0"),
)
Report = dict[str, Any]


def run(lab: Lab, namespace: str, *words: str, prefix: tuple[str, ...] = ()) -> Report:
    """The report of a probe that ran to its end; its exit code agrees with it."""
    done = lab.run(namespace, [*prefix, *PROBE, *words, "--json"], **ENVIRONMENT)
    assert done.stdout, done.stderr
    report: Report = json.loads(done.stdout)
    assert done.returncode == (0 if report["lease"] else 1)
    assert (report["lease"] is None) == (report["stopped"] is not None)
    return report


def begin(lab: Lab, namespace: str, *words: str) -> Process:
    """A probe under way, its steps in its log as they come."""
    return lab.start(namespace, [*PROBE, *words], "probe", {**ENVIRONMENT, "PYTHONUNBUFFERED": "1"})


def stopped(report: Report, trouble: str, *words: str) -> None:
    """It stopped for this trouble, and says so in these words."""
    assert report["stopped"] is not None, report
    assert report["stopped"]["trouble"] == trouble, report["stopped"]
    said = report["stopped"]["text"] + " " + report["stopped"]["cure"]
    for word in words:
        assert word in said, said


def warnings(report: Report) -> list[str]:
    return [warning["trouble"] for warning in report["warnings"]]


def link(lab: Lab) -> None:
    lab.veth(f"server:srv0={SERVER}/22", "client:cli0")


def routed(lab: Lab) -> None:
    """A relay agent's network 10.88.0.0/24, which the server reaches by rel0."""
    lab.veth(f"server:rel0={SERVER_UP}/30", f"relay:up0={RELAY_UP}/30")
    lab.ip("relay", "address", "add", f"{GIADDR}/24", "dev", "up0")
    lab.ip("server", "route", "add", "10.88.0.0/24", "via", RELAY_UP)


@pytest.fixture(params=[Dnsmasq, Kea, FastDHCP], ids=["dnsmasq", "kea", "fastdhcp"])
def both_ways(lab: Lab, request: pytest.FixtureRequest) -> Server:
    """A server with one free address on its link, and one behind a relay agent."""
    link(lab)
    routed(lab)
    made: Server = request.param(lab, "server", ONE_ADDRESS)
    return made


# ---- a lease, and back


WAYS = {
    "link": ("client", ["-i", "cli0"], "10.77.1.1"),
    "link, broadcast flag clear": ("client", ["-i", "cli0", "--no-broadcast"], "10.77.1.1"),
    "link, the interface's own chaddr": ("client", ["-i", "cli0", "--hw-address", "own"],
                                         "10.77.1.1"),
    "link, client-id": ("client", ["-i", "cli0", "--client-id", "hex:01aabb"], "10.77.1.1"),
    "relay agent": ("relay", ["--relay", GIADDR, "--server", SERVER_UP], "10.88.0.10"),
    "relay agent, option 82": ("relay", ["--relay", GIADDR, "--server", SERVER_UP,
                                         "--circuit-id", "port-7"], "10.88.0.10"),
    "relay agent, by broadcast": ("relay", ["--relay", GIADDR], "10.88.0.10"),
}  # fmt: skip


def test_every_way_gets_the_last_address_and_gives_it_back(lab: Lab, both_ways: Server) -> None:
    """The pools have one address each: who comes next gets it only if it was released."""
    for name, (namespace, words, address) in WAYS.items():
        report = run(lab, namespace, *words, "--window", "0.1")
        assert report["lease"], f"{name}: {report['stopped']}"
        assert report["lease"]["address"] == address, name
        assert report["released"], name
        assert report["warnings"] == [], name


def test_the_lease_is_told_with_its_options_by_name(lab: Lab, both_ways: Server) -> None:
    began = time.monotonic()
    lease = run(lab, "client", "-i", "cli0", "--window", "0.1")["lease"]
    assert lease["server"] == SERVER
    assert (lease["lease-time"], lease["renewal-time"], lease["rebinding-time"]) == (120, 60, 105)
    options = lease["options"]
    assert options["subnet-mask"] == "255.255.252.0"
    assert options["routers"] == ["10.77.0.1"]
    assert options["domain-name-servers"] == ["10.77.0.2"]
    assert options["domain-name"] == "campus.example"
    assert 0 < lease["seconds"] < time.monotonic() - began


def test_steps_in_words(lab: Lab) -> None:
    link(lab)
    Dnsmasq(lab, "server", ONE_ADDRESS)
    probe = begin(lab, "client", "-i", "cli0")
    assert probe.wait() == 0
    for pattern in (
        r"DISCOVER sent$",
        r"OFFER of 10\.77\.1\.1 by 10\.77\.0\.1 at [0-9a-f:]{17} after \d+\.\d ms$",
        r"^ +routers +10\.77\.0\.1$",
        r"no other server answered within 1 s$",
        r"REQUEST sent for 10\.77\.1\.1 of 10\.77\.0\.1$",
        r"ACK after \d+\.\d ms: 10\.77\.1\.1 for 120 s$",
        r"RELEASE sent: 10\.77\.1\.1 is given back$",
        r"^lease: 10\.77\.1\.1 for 120 s by 10\.77\.0\.1 \(OFFER .* ACK .* given back\)$",
    ):
        probe.wait_for(pattern, 0)


def test_without_raw_packets_it_uses_port_68(lab: Lab) -> None:
    link(lab)
    Dnsmasq(lab, "server", ONE_ADDRESS)
    report = run(lab, "client", "-i", "cli0", prefix=("setpriv", "--bounding-set", "-net_raw"))
    assert report["lease"]
    assert "no-frames" in warnings(report)


def test_a_lease_that_this_host_lives_on_is_not_given_back(lab: Lab) -> None:
    link(lab)
    server = Dnsmasq(lab, "server", ONE_ADDRESS)
    lab.ip("client", "address", "add", "10.77.1.1/22", "dev", "cli0")
    report = run(lab, "client", "-i", "cli0", "--hw-address", "own")
    assert report["lease"]["address"] == "10.77.1.1"
    assert not report["released"]
    assert "not-released" in warnings(report)
    assert "DHCPRELEASE" not in server.process.text()


# ---- the interface


def test_no_such_interface(lab: Lab) -> None:
    link(lab)
    stopped(run(lab, "client", "-i", "cli9"), "interface-missing", "no interface cli9", "lo, cli0")


def test_interface_down(lab: Lab) -> None:
    link(lab)
    lab.ip("client", "link", "set", "cli0", "down")
    stopped(run(lab, "client", "-i", "cli0"), "interface-down", "ip link set cli0 up")


def test_no_carrier(lab: Lab) -> None:
    link(lab)
    lab.ip("server", "link", "set", "srv0", "down")
    assert eventually(lambda: "NO-CARRIER" in lab.ip("client", "link", "show", "cli0"))
    stopped(run(lab, "client", "-i", "cli0"), "no-carrier", "cli0 is up")


def test_no_ethernet_link(lab: Lab) -> None:
    lab.netns("client")
    stopped(run(lab, "client", "-i", "lo"), "not-ethernet", "--relay ADDR")


# ---- permissions and ports


@pytest.mark.parametrize("words", [["-i", "cli0"], ["--relay", "10.77.0.9"]], ids=["link", "relay"])
def test_no_permission(lab: Lab, words: list[str]) -> None:
    lab.veth(f"server:srv0={SERVER}/22", "client:cli0=10.77.0.9/22")
    without = ("setpriv", "--bounding-set", "-net_raw,-net_bind_service")
    stopped(run(lab, "client", *words, prefix=without), "no-permission", "CAP_NET_BIND_SERVICE")


def test_port_68_in_use_by_a_named_process(lab: Lab) -> None:
    link(lab)
    code = "import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
    code += "s.bind(('', 68)); print('bound', flush=True); time.sleep(60)"
    other = lab.start("client", [sys.executable, "-c", code], "holder")
    other.wait_for("bound")
    report = run(lab, "client", "-i", "cli0", "--udp")
    stopped(report, "port-68-in-use", f"pid {other.pid}", "CAP_NET_RAW")


def test_port_67_in_use_by_a_named_process(lab: Lab) -> None:
    link(lab)
    server = Dnsmasq(lab, "server", ONE_ADDRESS)
    report = run(lab, "server", "--relay", SERVER)
    stopped(report, "port-67-in-use", "dnsmasq", f"pid {server.process.pid}", SERVER)


# ---- silence


def test_silent_link(lab: Lab) -> None:
    link(lab)
    report = run(lab, "client", "-i", "cli0", "--timeout", "2.5")
    stopped(report, "no-offer", "nor did any other packet", "VLAN")
    assert [step["step"] for step in report["steps"]] == ["discover", "discover"]


def test_link_without_a_server(lab: Lab) -> None:
    link(lab)
    others = LinkClient(lab.netns("server"), "srv0")
    lab.callback(others)
    probe = begin(lab, "client", "-i", "cli0", "--timeout", "1")
    probe.wait_for("DISCOVER sent")
    others.broadcast(build(DISCOVER, mac(1)), mac(1))
    assert probe.wait() == 1
    probe.wait_for(
        r"no OFFER came on cli0, though the link is alive \(packets that came in: 1\)", 0
    )


def test_server_on_the_very_host(lab: Lab) -> None:
    link(lab)
    Dnsmasq(lab, "server", ONE_ADDRESS)
    report = run(lab, "server", "-i", "srv0", "--timeout", "0.5")
    stopped(report, "no-offer", "dnsmasq", "on this host", "from another host")


def test_pool_without_a_free_address(lab: Lab) -> None:
    link(lab)
    Kea(lab, "server", Site(subnets=(Subnet(pool=("10.77.1.1", "10.77.1.1")),)))
    client = LinkClient(lab.netns("client"), "cli0")
    lab.callback(client)
    chosen = {50: "10.77.1.1", 54: SERVER}
    client.ask(build(DISCOVER, mac(1), 1))
    assert client.ask(build(REQUEST, mac(1), 1, options=chosen)).type == ACK
    report = run(lab, "client", "-i", "cli0", "--timeout", "0.5")
    stopped(report, "no-offer", "no free address")


def test_answer_dropped_on_its_last_step(lab: Lab) -> None:
    """The reverse path filter stands for any firewall: the frame comes, the socket stays empty."""
    link(lab)
    Dnsmasq(lab, "server", ONE_ADDRESS)
    _filter_reverse_path(lab, "client", "cli0")
    report = run(lab, "client", "-i", "cli0", "--udp", "--timeout", "0.5")
    stopped(report, "answer-dropped-here", "UDP port 68", "firewall", "rp_filter")
    assert run(lab, "client", "-i", "cli0")["lease"], "frames come before any firewall"


# ---- the relay agent's address


def test_relay_address_is_not_of_this_host(lab: Lab) -> None:
    routed(lab)
    report = run(lab, "relay", "--relay", "10.99.0.1", "--server", SERVER_UP)
    own = f"{RELAY_UP}, {GIADDR}"
    stopped(report, "relay-address-not-ours", "10.99.0.1 is not an address", own)


def test_relay_address_without_a_subnet(lab: Lab) -> None:
    routed(lab)
    Dnsmasq(lab, "server", ONE_ADDRESS)
    words = ("--relay", RELAY_UP, "--server", SERVER_UP, "--timeout", "0.5")
    stopped(
        run(lab, "relay", *words),
        "no-offer",
        f"no subnet or no free address for relay address {RELAY_UP}",
    )


def test_no_route_back_to_the_relay_address(lab: Lab) -> None:
    routed(lab)
    Dnsmasq(lab, "server", ONE_ADDRESS)
    lab.ip("server", "route", "del", "10.88.0.0/24")
    words = ("--relay", GIADDR, "--server", SERVER_UP, "--timeout", "0.5")
    stopped(
        run(lab, "relay", *words),
        "no-offer",
        f"no route back to {GIADDR}",
        "no answer reached this host",
    )


def test_relayed_answer_dropped_on_its_last_step(lab: Lab) -> None:
    routed(lab)
    Dnsmasq(lab, "server", ONE_ADDRESS)
    lab.ip("relay", "address", "del", f"{RELAY_UP}/30", "dev", "up0")
    lab.ip("server", "route", "replace", "10.88.0.0/24", "dev", "rel0")
    # The filter would drop the server's ARP request too.
    own = lab.ip("relay", "-br", "link", "show", "up0").split()[2]
    lab.ip("server", "neighbour", "replace", GIADDR, "lladdr", own, "dev", "rel0")
    _filter_reverse_path(lab, "relay", "up0")
    report = run(lab, "relay", "--relay", GIADDR, "--timeout", "0.5")
    stopped(report, "answer-dropped-here", "UDP port 67", "firewall", "rp_filter")


def test_nobody_listens_at_the_server(lab: Lab) -> None:
    routed(lab)
    report = run(lab, "relay", "--relay", GIADDR, "--server", SERVER_UP)
    stopped(report, "no-server-there", f"{SERVER_UP} says that nothing listens")
    assert report["seconds"] < TIMEOUT_S


def test_nobody_has_the_servers_address(lab: Lab) -> None:
    routed(lab)
    report = run(lab, "relay", "--relay", GIADDR, "--server", "10.88.0.99")
    stopped(report, "server-unreachable", "nothing answers ARP")


@pytest.mark.parametrize(
    ("route", "trouble", "words"),
    [
        (None, "no-route", "no route to 203.0.113.1"),
        ("prohibit", "sending-forbidden", "blocks packets to 203.0.113.1"),
    ],
)
def test_nothing_can_be_sent(lab: Lab, route: str | None, trouble: str, words: str) -> None:
    routed(lab)
    if route:
        lab.ip("relay", "route", "add", route, "203.0.113.1")
    report = run(lab, "relay", "--relay", GIADDR, "--server", "203.0.113.1")
    stopped(report, trouble, words)


def _filter_reverse_path(lab: Lab, namespace: str, interface: str) -> None:
    with lab.netns(namespace):
        Path(f"/proc/sys/net/ipv4/conf/{interface}/rp_filter").write_text("1")


# ---- two servers, and servers that take back


@pytest.fixture
def two_servers(lab: Lab) -> tuple[Kea, Kea]:
    """Kea at 10.77.0.1 and at 10.77.0.9, on one link with the client.

    dnsmasq, if authoritative, would NAK what is asked of the other.
    """
    lab.veth("server:srv0=10.77.0.1/22", "switch:p1")
    lab.veth("rogue:srv0=10.77.0.9/22", "switch:p2")
    lab.veth("client:cli0", "switch:p3")
    lab.bridge("switch:br0", "p1", "p2", "p3")
    return Kea(lab, "server", Site()), Kea(lab, "rogue", Site())


def test_two_servers_offer(lab: Lab, two_servers: tuple[Kea, Kea]) -> None:
    report = run(lab, "client", "-i", "cli0")
    assert {offer["server"] for offer in report["offers"]} == {"10.77.0.1", "10.77.0.9"}
    assert warnings(report) == ["two-servers"]
    said = report["warnings"][0]["text"]
    assert "10.77.0.1" in said and "10.77.0.9" in said
    by_server = {offer["server"]: offer["hw-address"] for offer in report["offers"]}
    rogue = lab.ip("rogue", "-br", "link", "show", "srv0").split()[2]
    assert by_server["10.77.0.9"] == rogue
    assert report["lease"]["server"] == report["offers"][0]["server"]


def test_the_server_that_was_named_is_taken(lab: Lab, two_servers: tuple[Kea, Kea]) -> None:
    for server in ("10.77.0.1", "10.77.0.9"):
        assert run(lab, "client", "-i", "cli0", "--server", server)["lease"]["server"] == server
    report = run(lab, "client", "-i", "cli0", "--server", "10.77.0.7")
    stopped(report, "no-offer", "10.77.0.7", "but from others")


def test_no_ack_after_an_offer(lab: Lab) -> None:
    link(lab)
    server = Dnsmasq(lab, "server", ONE_ADDRESS)
    probe = begin(lab, "client", "-i", "cli0", "--window", "2", "--timeout", "3")
    probe.wait_for("OFFER of")
    server.process.stop(signal.SIGKILL)
    assert probe.wait() == 1
    probe.wait_for(r"REQUEST sent again for 10\.77\.1\.1", 0)
    probe.wait_for(r"no lease: 10\.77\.0\.1 offered 10\.77\.1\.1, but did not answer", 0)
    probe.wait_for(r"RELEASE sent", 0)  # the ACK may be what was lost


def test_nak_with_the_servers_words(lab: Lab) -> None:
    """dnsmasq holds nothing for an OFFER: another client takes the address meanwhile."""
    link(lab)
    Dnsmasq(lab, "server", ONE_ADDRESS)
    thief = LinkClient(lab.netns("client"), "cli0")
    lab.callback(thief)
    probe = begin(lab, "client", "-i", "cli0", "--window", "2")
    probe.wait_for("OFFER of")
    taken = thief.ask(build(REQUEST, mac(1), 1, options={50: "10.77.1.1"}))
    assert taken.type == ACK
    assert probe.wait() == 1
    probe.wait_for(r'NAK by 10\.77\.0\.1 after .* ms: "address in use"', 0)
    probe.wait_for(r'no lease: 10\.77\.0\.1 refused 10\.77\.1\.1.*"address in use" \(nak\)', 0)
    assert "RELEASE" not in probe.text()


# ---- a server that answers as no server should


class Scripted:
    """Answers the probe's messages with what a test says, from 10.77.0.1 on srv0."""

    def __init__(self, lab: Lab) -> None:
        link(lab)
        self.station = LinkClient(lab.netns("server"), "srv0")
        lab.callback(self.station)
        self.probe = begin(lab, "client", "-i", "cli0", "--window", "0.3", "--timeout", "2")

    def wait(self, kind: int) -> Message:
        """The probe's next message of that type."""

        def wanted(seen: Frame) -> bool:
            return seen.target[1] == SERVER_PORT and seen.message.type == kind

        return only(self.station.capture.collect(wanted, count=1, quiet=0)).message

    def answer(self, kind: int, asked: Message, yiaddr: str, **fields: Any) -> None:
        options = fields.pop("options", {54: SERVER, 51: 600, 1: "255.255.252.0"})
        payload = build(
            kind, asked.chaddr, asked.xid, op=2, yiaddr=yiaddr, options=options, **fields
        )
        ends = (SERVER, SERVER_PORT), (ALL, CLIENT_PORT)
        self.station.socket.send(frame(payload, *ends, mac(99)))

    def ends(self, code: int, *patterns: str) -> None:
        assert self.probe.wait() == code, self.probe.text()
        for pattern in patterns:
            self.probe.wait_for(pattern, 0)


def _offer(server: Scripted, **fields: Any) -> Message:
    asked = server.wait(DISCOVER)
    server.answer(OFFER, asked, "10.77.1.5", **fields)
    return asked


def _offer_without_server_id(server: Scripted) -> None:
    _offer(server, options={51: 600})
    server.ends(1, r"does not name its server \(option 54\)", r"\(unusable-offer\)")


def _offer_twice(server: Scripted) -> None:
    asked = _offer(server)
    server.answer(OFFER, asked, "10.77.1.5")
    server.answer(ACK, server.wait(REQUEST), "10.77.1.5")
    server.ends(0, r"10\.77\.0\.1 answered 2 times", "relay agents")


def _nak_of_another(server: Scripted) -> None:
    _offer(server)
    server.answer(NAK, server.wait(REQUEST), "0.0.0.0", options={54: "10.77.0.66"})
    server.ends(1, r"NAK by 10\.77\.0\.66 .*without a reason", "only one may be authoritative")


def _nak_of_another_and_ack(server: Scripted) -> None:
    _offer(server)
    request = server.wait(REQUEST)
    server.answer(ACK, request, "10.77.1.5")
    server.answer(NAK, request, "0.0.0.0", options={54: "10.77.0.66"})
    server.ends(0, "only one may be authoritative", r"^lease: 10\.77\.1\.5")


def _another_address(server: Scripted) -> None:
    _offer(server)
    server.answer(ACK, server.wait(REQUEST), "10.77.1.6")
    server.ends(0, r"10\.77\.1\.5 was offered, but 10\.77\.1\.6 given")


def _unreadable(server: Scripted) -> None:
    asked = server.wait(DISCOVER)
    server.answer(OFFER, asked, "10.77.1.5", tail=b"\x0c\xff")
    server.answer(OFFER, asked, "10.77.1.5")
    server.answer(ACK, server.wait(REQUEST), "10.77.1.5")
    server.ends(0, r"sent an answer that cannot be read: ")


def _late_rogue(server: Scripted) -> None:
    asked = _offer(server)
    request = server.wait(REQUEST)
    server.answer(OFFER, asked, "10.77.1.9", options={54: "10.77.0.66", 51: 600})
    server.answer(ACK, request, "10.77.1.5")
    server.ends(0, r"another OFFER by 10\.77\.0\.66, late", "2 servers offer here")


def _router_elsewhere(server: Scripted) -> None:
    _offer(server)
    options = {54: SERVER, 51: 600, 1: "255.255.252.0", 3: "10.99.0.1"}
    server.answer(ACK, server.wait(REQUEST), "10.77.1.5", options=options)
    server.ends(0, r"router 10\.99\.0\.1 is not in 10\.77\.0\.0/22")


@pytest.mark.parametrize(
    "script",
    [
        _offer_without_server_id, _offer_twice, _nak_of_another, _nak_of_another_and_ack,
        _another_address, _unreadable,
        _late_rogue, _router_elsewhere,
    ],
    ids=lambda script: script.__name__.strip("_"),
)  # fmt: skip
def test_a_server_that_answers_as_none_should(lab: Lab, script: Callable[[Scripted], None]) -> None:
    script(Scripted(lab))


# ---- usage


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "either -i IF or --relay ADDR"),
        (["-i", "a", "--relay", "10.0.0.1"], "either -i IF or --relay ADDR"),
        (["--relay", "10.0.0"], "10.0.0 is not an address"),
        (["-i", "a", "--hw-address", "01:00:00:00:00:01"], "not a station's address"),
        (["-i", "a", "--circuit-id", "x"], "--circuit-id goes with --relay"),
        (["-i", "a", "--client-id", "hex:0"], "not hex"),
        (["--relay", "10.0.0.1", "--hw-address", "own"], "--hw-address own goes with -i"),
    ],
)
def test_usage(lab: Lab, words: list[str], complaint: str) -> None:
    lab.netns("client")
    done = lab.run("client", [*PROBE, *words], **ENVIRONMENT)
    assert done.returncode == 2
    assert complaint in done.stderr
