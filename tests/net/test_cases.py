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
from tests.lab.packet import ACK, DISCOVER, NAK, OFFER, REQUEST, OptionValue, mac
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


# ---- docs/cases/cable.md

CMTS = "10.255.0.1"
MODEM = mac(1)
BEHIND_MODEM = info(b"\x80\x01\x02\x03", MODEM)
ASKED = bytes((1, 2, 3, 4, 6, 7, 66, 67, 125))
DOCSIS: Options = {55: ASKED, 60: b"docsis3.1:0101", 82: BEHIND_MODEM}


@pytest.fixture(scope="module")
def cable() -> Iterator[Access]:
    with Lab() as lab:
        yield Access(lab, "cable", CMTS)


def test_cable_a_modem_gets_what_it_boots_by(cable: Access) -> None:
    ack = cable.lease(CMTS, MODEM, DOCSIS)
    assert network(ack.yiaddr) == "10.20"
    assert (ack.siaddr, ack.file.rstrip(b"\0")) == ("10.0.0.5", b"cm/silver.bin")
    assert ack.options[2] == (3600).to_bytes(4, "big")
    assert ack.options[4] == socket.inet_aton("10.0.0.5")
    assert ack.options[7] == socket.inet_aton("10.0.0.6")
    # RFC 3925 4: enterprise, length, then CableLabs' sub-option 2.
    assert ack.options[125] == bytes.fromhex("0000118b 06 0204 0a000005")
    assert ack.options[82] == BEHIND_MODEM


def test_cable_a_customer_gets_a_public_address(cable: Access) -> None:
    ack = cable.lease(CMTS, mac(2), {82: BEHIND_MODEM})
    assert network(ack.yiaddr) == "198.51"
    assert (ack.lease_time, ack.siaddr) == (86400, "0.0.0.0")
    assert ack.options[3] == socket.inet_aton("198.51.100.1")
    assert not {2, 4, 7, 125} & ack.options.keys()


def test_cable_a_renewal_by_unicast_stays_in_its_pool(cable: Access) -> None:
    """It carries no option 82, so what the CMTS said is read from the lease."""
    for chaddr, options in ((mac(3), DOCSIS), (mac(4), {82: BEHIND_MODEM})):
        lease = cable.lease(CMTS, chaddr, options)
        own = {code: value for code, value in options.items() if code != 82}
        for _ in range(2):
            answer = cable.past(lease, own)
            assert (answer.type, answer.yiaddr) == (ACK, lease.yiaddr)
            assert 82 not in answer.options
        row = cable.server.lease(lease.yiaddr)
        assert row is not None
        assert (row["state"], row["remote-id"]) == ("active", f"hex:{MODEM.hex()}")


def test_cable_a_better_contract_is_a_class_of_a_reservation(cable: Access) -> None:
    ack = cable.lease(CMTS, bytes.fromhex("02cab1e00007"), DOCSIS)
    assert network(ack.yiaddr) == "10.20"
    assert ack.file.rstrip(b"\0") == b"cm/gold.bin"
    assert 125 in ack.options


def test_rfc3495_4_cable_a_telephone_adapter_is_told_of_its_servers(cable: Access) -> None:
    ack = cable.lease(CMTS, mac(5), {60: b"pktc1.0:0527", 82: BEHIND_MODEM})
    assert network(ack.yiaddr) == "10.30"
    assert ack.options[122] == b"\x01\x04" + socket.inet_aton("10.0.0.1")


def test_rfc2132_8_4_cable_a_set_top_box_gets_its_makers_option_43(cable: Access) -> None:
    options: Options = {43: b"\x02\x04ESTB", 60: b"box-9", 82: BEHIND_MODEM}
    ack = cable.lease(CMTS, mac(6), options)
    assert network(ack.yiaddr) == "198.51"
    assert ack.options[43] == b"\x01\x0atv.example"


def test_cable_who_comes_past_no_modem_gets_nothing(cable: Access) -> None:
    assert cable.dropped("class-not-allowed", CMTS, mac(7), {82: info(b"\x80\x01")})


def test_cable_a_relay_agent_that_nobody_listed_is_not_answered(cable: Access) -> None:
    assert cable.dropped("relay-unknown", "10.20.0.1", mac(8), DOCSIS)


# ---- docs/cases/dsl.md

BRAS = "100.64.0.1"


def port(name: str) -> Options:
    """What the access node writes: its port, and its own name."""
    return {82: info(name.encode(), b"dslam-7")}


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


# ---- docs/cases/campus.md

LIBRARY = ("10.77.0.2", "10.77.0.3")
HALL = "10.78.0.2"
FIRMWARE: Options = {60: b"PXEClient:Arch:00007:UNDI:003000", 93: b"\0\7", 94: b"\1\3\0"}


@pytest.fixture(scope="module")
def campus() -> Iterator[Access]:
    with Lab() as lab:
        yield Access(lab, "campus", *LIBRARY, HALL)


def test_campus_two_vrrp_routers_relay_and_there_is_one_address_and_no_nak(campus: Access) -> None:
    """Each router writes an option 82 of its own; the client hears both answers."""
    circuits = {giaddr: info(b"vlan77", giaddr.encode()) for giaddr in LIBRARY}
    offers = [campus.ask(g, DISCOVER, mac(1), {82: circuits[g]}) for g in LIBRARY]
    assert [offer.type for offer in offers] == [OFFER, OFFER]
    assert len({offer.yiaddr for offer in offers}) == 1
    chosen: Options = {50: offers[0].yiaddr, 54: SERVER}
    for _ in range(2):
        acks = [campus.ask(g, REQUEST, mac(1), {**chosen, 82: circuits[g]}) for g in LIBRARY]
        assert {(ack.type, ack.yiaddr) for ack in acks} == {(ACK, offers[0].yiaddr)}
        assert [ack.options[82] for ack in acks] == [circuits[g] for g in LIBRARY]


def test_rfc2131_3_2_campus_who_roams_is_told_so_and_finds_the_old_lease(campus: Access) -> None:
    library, hall = LIBRARY[0], HALL
    first = campus.lease(library, mac(2), {})
    asked: Options = {50: first.yiaddr}
    assert campus.ask(hall, REQUEST, mac(2), asked).type == NAK
    assert network(campus.lease(hall, mac(2), {}).yiaddr) == "10.78"
    back = campus.ask(library, REQUEST, mac(2), asked)
    assert (back.type, back.yiaddr) == (ACK, first.yiaddr)


def test_campus_from_pxe_to_the_system_the_address_stays(campus: Access) -> None:
    """RFC 4578: firmware; iPXE, with option 61 of its own; the system, with a DUID (RFC 4361)."""
    giaddr, chaddr = LIBRARY[0], mac(3)
    stages: list[Options] = [
        FIRMWARE,
        {**FIRMWARE, 77: b"iPXE", 61: b"\1" + chaddr},
        {61: b"\xff\0\0\0\1\0\2\0\0\xab\x11\x77"},
    ]
    acks = [campus.lease(giaddr, chaddr, options) for options in stages]
    assert len({ack.yiaddr for ack in acks}) == 1
    files = [ack.file.rstrip(b"\0") for ack in acks]
    assert files == [b"snponly.efi", b"http://10.77.0.8/boot.ipxe", b""]


def test_campus_an_access_point_finds_its_controllers_in_option_43(campus: Access) -> None:
    ack = campus.lease(LIBRARY[0], mac(4), {60: b"Cisco AP c9120", 55: bytes((1, 3, 43))})
    controllers = socket.inet_aton("10.77.0.20") + socket.inet_aton("10.77.0.21")
    assert ack.options[43] == b"\xf1\x08" + controllers
    assert ack.yiaddr.startswith(("10.77.1.", "10.77.2."))


def test_rfc5859_campus_a_phone_finds_its_server_in_66_and_150(campus: Access) -> None:
    options: Options = {60: b"Cisco Systems, Inc. IP Phone CP-8841", 55: bytes((1, 3, 66, 150))}
    ack = campus.lease(HALL, mac(5), options)
    assert ack.options[66] == b"phones.campus.example"
    assert ack.options[150] == socket.inet_aton("10.77.0.30")


def test_campus_known_machines_and_guests_have_pools_of_their_own(campus: Access) -> None:
    staff = bytes.fromhex("02ca3b050001")
    for giaddr, net in ((LIBRARY[0], "10.77"), (HALL, "10.78")):
        known = campus.lease(giaddr, staff, {})
        assert known.yiaddr.startswith((f"{net}.1.", f"{net}.2."))
        assert (known.options[12], known.lease_time) == (b"staff-1", 8 * 3600)
        guest = campus.lease(giaddr, mac(6), {})
        assert guest.yiaddr.startswith(f"{net}.3.")
        assert guest.lease_time == 3600


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
    tried = {"boot", "cable", "campus", "dsl", "ftth", "hotspot"}
    assert {path.stem for path in Path(CASES).glob("*.toml")} == tried
