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

    def past(self, lease: Message, options: Options) -> Message:
        """The answer to a renewal by unicast, which no relay agent sees (RFC 2131 4.3.2)."""
        address = lease.yiaddr
        self.lab.ip("relay", "address", "replace", f"{address}/32", "dev", "up0")
        with self.lab.netns("relay"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((address, 68))
            sock.settimeout(PATIENCE_S)
            payload = build(REQUEST, lease.chaddr, 7, ciaddr=address, options=options)
            sock.sendto(payload, (SERVER, 67))
            return Message.parse(sock.recv(65536))

    def dropped(self, reason: str) -> float:
        return self.server.dropped().get(reason, 0)


def info(circuit: bytes = b"", remote: bytes = b"", more: bytes = b"") -> bytes:
    """Option 82 (RFC 3046): circuit-id, remote-id, and other sub-options as they are."""
    parts = [bytes((code, len(octets))) + octets for code, octets in ((1, circuit), (2, remote))]
    return b"".join(part for part in parts if part[1]) + more


def network(address: str) -> str:
    """The first two numbers of an address."""
    return ".".join(address.split(".")[:2])


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
    options: Options = {82: info(b"ont-3", b"", b"\x97\x06\x00other")}
    payload = build(DISCOVER, mac(3), 3, giaddr=OLT, options=options)
    ftth.relays[OLT].silence(payload, timeout=0.5)
    assert eventually(lambda: ftth.dropped("vrf-unknown") == 1)


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
    tried = {"ftth", "hotspot"}
    assert {path.stem for path in Path(CASES).glob("*.toml")} == tried
