"""The pages of docs/cases/ tell the truth: each configuration runs, and does what its page says.

A page's configuration stands in docs/cases/NAME.toml; that the page shows it as it is, is held by
tests/unit/config/test_cases.py. Network boot is in tests/boot.
"""

import socket
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import Lab, LinkClient, Message, RelayAgent, build
from tests.lab.packet import ACK, DISCOVER, NAK, REQUEST, OptionValue, mac
from tests.lab.patience import PATIENCE_S, eventually
from tests.lab.servers import ROOT, FastDHCP
from tests.lab.wire import dora

pytestmark = pytest.mark.net

CASES = ROOT / "docs/cases"
SERVER, ROUTER = "192.168.9.1", "192.168.9.2"
Options = dict[int, OptionValue]


def case(name: str) -> dict[str, object]:
    """The configuration of a page, with the metrics that the tests read."""
    config = tomllib.loads((CASES / f"{name}.toml").read_text())
    return {**config, "control": {"listen": "127.0.0.1:8067"}}


class Access:
    """The server of a page behind a router, relay agents by giaddr, clients with addresses."""

    def __init__(self, lab: Lab, name: str, *giaddrs: str) -> None:
        self.lab = lab
        lab.veth(f"server:rel0={SERVER}/30", f"relay:up0={ROUTER}/30")
        lab.ip("server", "route", "add", "default", "via", ROUTER)
        self.server = FastDHCP(lab, "server", case(name))
        self.relays = {giaddr: self._relay(giaddr) for giaddr in giaddrs}

    def _relay(self, giaddr: str) -> RelayAgent:
        self.lab.ip("relay", "address", "add", f"{giaddr}/32", "dev", "up0")
        made = RelayAgent(self.lab.netns("relay"), giaddr, SERVER)
        self.lab.callback(made)
        return made

    def lease(self, giaddr: str, chaddr: bytes, options: Options) -> Message:
        """The ACK of a DORA past a relay agent."""
        return dora(self.relays[giaddr].exchange, chaddr, giaddr=giaddr, options=options)

    def ask(self, giaddr: str, kind: int, chaddr: bytes, options: Options) -> Message:
        payload = build(kind, chaddr, kind, giaddr=giaddr, options=options)
        return self.relays[giaddr].exchange(payload)

    def past(self, lease: Message, options: Options, *, timeout: float = PATIENCE_S) -> Message:
        """The answer to a renewal by unicast, which no relay agent sees (RFC 2131 4.3.2)."""
        address = lease.yiaddr
        self.lab.ip("relay", "address", "replace", f"{address}/32", "dev", "up0")
        with self.lab.netns("relay"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((address, 68))
            sock.settimeout(timeout)
            payload = build(REQUEST, lease.chaddr, 7, ciaddr=address, options=options)
            sock.sendto(payload, (SERVER, 67))
            return Message.parse(sock.recv(65536))

    def unanswered(self, lease: Message) -> bool:
        """Whether a renewal by unicast is met by silence."""
        try:
            self.past(lease, {}, timeout=0.5)
        except TimeoutError:
            return True
        return False

    def dropped(self, reason: str, giaddr: str, chaddr: bytes, options: Options) -> bool:
        """Whether a DISCOVER draws no answer, and is counted under this reason."""
        before = self.server.dropped().get(reason, 0)
        relay = self.relays.get(giaddr) or self._relay(giaddr)
        relay.silence(build(DISCOVER, chaddr, 9, giaddr=giaddr, options=options), timeout=0.5)
        return eventually(lambda: self.server.dropped().get(reason, 0) == before + 1)


def info(circuit: bytes = b"", remote: bytes = b"", more: bytes = b"") -> bytes:
    """Option 82 (RFC 3046): circuit-id, remote-id, and other sub-options as they are."""
    parts = [bytes((code, len(octets))) + octets for code, octets in ((1, circuit), (2, remote))]
    return b"".join(part for part in parts if part[1]) + more


def network(address: str) -> str:
    """The first two numbers of an address."""
    return ".".join(address.split(".")[:2])


# ---- docs/cases/dsl.md

BRAS = "100.64.0.1"


def port(name: str) -> Options:
    """What the access node writes of a port; the line's number beside it is nobody's identity."""
    return {82: info(b"dslam-7 eth %s:0.35" % name.encode(), b"line 4711")}


@pytest.fixture(scope="module")
def dsl() -> Iterator[Access]:
    with Lab() as lab:
        yield Access(lab, "dsl", BRAS)


def test_dsl_a_box_in_another_ones_place_has_its_address_at_once(dsl: Access) -> None:
    before = dsl.lease(BRAS, mac(1), port("1/1/7"))
    after = dsl.lease(BRAS, mac(2), port("1/1/7"))
    assert after.yiaddr == before.yiaddr
    answer = dsl.past(after, {})
    assert (answer.type, answer.yiaddr) == (ACK, after.yiaddr)
    row = dsl.server.lease(after.yiaddr)
    assert row is not None
    assert row["hw-address"] == mac(2).hex(":")


def test_dsl_a_box_that_was_taken_away_cannot_renew(dsl: Access) -> None:
    before = dsl.lease(BRAS, mac(7), port("1/1/8"))
    dsl.lease(BRAS, mac(8), port("1/1/8"))
    assert dsl.unanswered(before)
    row = dsl.server.lease(before.yiaddr)
    assert row is not None
    assert (row["state"], row["hw-address"]) == ("active", mac(8).hex(":"))


def test_dsl_the_same_box_at_another_port_is_another_customer(dsl: Access) -> None:
    leases = {dsl.lease(BRAS, mac(3), port(name)).yiaddr for name in ("1/2/1", "1/2/2")}
    assert len(leases) == 2


def test_dsl_an_address_may_be_reserved_for_a_port(dsl: Access) -> None:
    for box in (4, 5):
        assert dsl.lease(BRAS, mac(box), port("1/1/4")).yiaddr == "100.64.0.9"


def test_dsl_without_option_82_there_is_no_customer(dsl: Access) -> None:
    assert dsl.dropped("no-client-address", BRAS, mac(6), {})


# ---- docs/cases/ftth.md

OLT = "10.40.0.1"
BY_NUMBER = b"\x97\x08\x01" + bytes.fromhex("00000100000007")  # 82.151, RFC 6607 3.5
BY_NAME = b"\x97\x0b\x00provider-b"
CONTROL = b"\x98\x00"  # 82.152: "tell me whether you understood"


@pytest.fixture(scope="module")
def ftth() -> Iterator[Access]:
    with Lab() as lab:
        yield Access(lab, "ftth", OLT)


def test_rfc6607_ftth_two_providers_give_the_same_addresses(ftth: Access) -> None:
    """From DISCOVER to `fastdhcp leases`, through one relay agent."""
    one, other = (
        ftth.lease(OLT, mac(n), {82: info(b"ont-%d" % n, b"", vss + CONTROL)})
        for n, vss in enumerate((BY_NUMBER, BY_NAME))
    )
    assert one.yiaddr == other.yiaddr
    assert one.options[6] == socket.inet_aton("192.0.2.53")
    assert other.options[6] == socket.inet_aton("198.51.100.53")
    rows = {row["hw-address"]: row for row in ftth.server.leases()}
    assert {row["address"] for row in rows.values()} == {one.yiaddr}
    names = [rows[mac(n).hex(":")]["vrf-name"] for n in range(2)]
    assert names == ["provider-a", "provider-b"]


def test_rfc6607_ftth_sub_option_152_is_taken_out_of_the_answer(ftth: Access) -> None:
    ack = ftth.lease(OLT, mac(2), {82: info(b"ont-2", b"", BY_NAME + CONTROL)})
    assert ack.options[82] == info(b"ont-2", b"", BY_NAME)


def test_rfc5107_ftth_renewals_come_past_the_relay_agent_by_the_override(ftth: Access) -> None:
    told = info(b"ont-4", b"", BY_NUMBER + b"\x0b\x04" + socket.inet_aton(OLT))
    lease = ftth.lease(OLT, mac(4), {82: told})
    assert lease.server_id == OLT
    renewal = build(REQUEST, mac(4), 4, giaddr=OLT, ciaddr=lease.yiaddr, options={82: told})
    answer = ftth.relays[OLT].exchange(renewal)
    assert (answer.type, answer.yiaddr, answer.server_id) == (ACK, lease.yiaddr, OLT)


def test_rfc6607_ftth_a_provider_that_nobody_configured_is_not_answered(ftth: Access) -> None:
    told = info(b"ont-3", b"", b"\x97\x06\x00other")
    assert ftth.dropped("vrf-unknown", OLT, mac(3), {82: told})


# ---- docs/cases/hotspot.md


@pytest.fixture(scope="module")
def hotspot() -> Iterator[LinkClient]:
    with Lab() as lab:
        lab.veth("server:srv0=10.77.0.1/20", "client:cli0")
        FastDHCP(lab, "server", case("hotspot"))
        made = LinkClient(lab.netns("client"), "cli0")
        lab.callback(made)
        yield made


def test_hotspot_who_asks_for_a_day_gets_ten_minutes(hotspot: LinkClient) -> None:
    ack = dora(hotspot.ask, mac(1), options={51: 86400})
    times = [int.from_bytes(ack.options[code], "big") for code in (51, 58, 59)]
    assert times == [600, 300, 525]


def test_rfc8910_2_1_hotspot_the_portal_is_named(hotspot: LinkClient) -> None:
    ack = dora(hotspot.ask, mac(2), options={55: bytes((1, 3, 6, 114))})
    assert ack.options[114] == b"https://portal.example/api"


def test_rfc2131_4_3_2_hotspot_an_address_from_elsewhere_is_refused_at_once(
    hotspot: LinkClient,
) -> None:
    nak = hotspot.ask(build(REQUEST, mac(3), 3, options={50: "192.168.1.23"}))
    assert nak.type == NAK


def test_every_page_is_tried() -> None:
    tried = {"ftth", "hotspot", "dsl", "boot"}
    assert {path.stem for path in Path(CASES).glob("*.toml")} == tried
