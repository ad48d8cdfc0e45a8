"""What the configuration says, as clients see it: the nearest layer wins, per subnet and pool."""

from collections.abc import Iterator

import pytest

from tests.lab import Frame, Lab, Message, build
from tests.lab.packet import DISCOVER, OFFER, mac
from tests.lab.patience import eventually
from tests.lab.servers import FastDHCP
from tests.lab.wire import dora

from .conftest import Stations

pytestmark = pytest.mark.net

CONFIG = {
    "server": {"interfaces": ["srv0", "srv1"], "workers": 1},
    "control": {"listen": "127.0.0.1:8067"},
    "defaults": {
        "lease-time": 1000,
        "lease-time-min": 300,
        "lease-time-max": 2000,
        "authoritative": True,
        "next-server": "10.77.0.8",
        "boot-file": "pxe/boot.img",
        "options": {
            "domain-name": "campus.example",
            "domain-search": ["campus.example", "lab.campus.example"],
            "classless-static-routes": [["10.0.0.0/8", "10.77.0.1"]],
            "interface-mtu": 1400,
            "224": "hex:0a0b0c",
        },
    },
    "subnets": [
        {
            "subnet": "10.77.0.0/22",
            "pools": ["10.77.1.1-10.77.1.8", {"range": "10.77.2.0/30", "lease-time": "15m"}],
            "exclude": ["10.77.1.3-10.77.1.6"],
            "options": {"routers": ["10.77.0.1"], "domain-name": "lan.example"},
            "reservations": [
                {"hw-address": "02:ee:00:00:00:01", "address": "10.77.1.2", "hostname": "printer"},
                {
                    "client-id": "hex:00636f6d65742d37",
                    "address": "10.77.3.9",
                    "options": {"domain-name": "reserved.example"},
                },
            ],
        },
        {
            "subnet": "10.78.0.0/29",
            "pools": ["10.78.0.2-10.78.0.3"],
            "shared-network": "two",
        },
        {
            "subnet": "10.79.0.0/29",
            "pools": ["10.79.0.2-10.79.0.3"],
            "shared-network": "two",
            "options": {"domain-name": "second.example"},
        },
    ],
}


@pytest.fixture(scope="module")
def site() -> Iterator[Stations]:
    """One server with two links: srv0 has a subnet, srv1 a shared network of two."""
    with Lab() as lab:
        lab.veth("server:srv0=10.77.0.1/22", "client:cli0")
        lab.veth("server:srv1=10.78.0.1/29", "client:cli1")
        lab.ip("server", "address", "add", "10.79.0.1/29", "dev", "srv1")
        yield Stations(lab, FastDHCP(lab, "server", CONFIG))


def test_rfc2131_4_3_1_the_time_asked_for_is_kept_between_the_limits(site: Stations) -> None:
    rows = {None: 1000, 600: 600, 10: 300, 99_999: 2000, 0xFFFFFFFE: 2000, 0xFFFFFFFF: 2000}
    for n, (asked, granted) in enumerate(rows.items()):
        options = {} if asked is None else {51: asked}
        offer = site.link("cli0").ask(build(DISCOVER, mac(1), n, options=options))
        times = [int.from_bytes(offer.options[code], "big") for code in (51, 58, 59)]
        assert times == [granted, granted // 2, granted * 7 // 8], asked


def test_options_are_encoded_as_their_rfcs_say(site: Stations) -> None:
    options = site.link("cli0").ask(build(DISCOVER, mac(1), 1)).options
    assert options[15] == b"lan.example"
    assert options[26] == (1400).to_bytes(2, "big")
    assert options[224] == b"\x0a\x0b\x0c"
    # RFC 3442: only the octets of the prefix that count; RFC 3397: names, compressed or not.
    assert options[121] == b"\x08\x0a" + b"\x0a\x4d\x00\x01"
    assert options[119].startswith(b"\x06campus\x07example\x00\x03lab")


def test_rfc2131_2_next_server_and_boot_file_stand_in_siaddr_and_file(site: Stations) -> None:
    offer = site.link("cli0").ask(build(DISCOVER, mac(1), 1))
    assert offer.siaddr == "10.77.0.8"
    assert offer.file.rstrip(b"\0") == b"pxe/boot.img"


def test_a_reservation_by_hw_address_is_kept_for_its_client(site: Stations) -> None:
    ack = dora(site.link("cli0").ask, bytes.fromhex("02ee00000001"))
    assert ack.yiaddr == "10.77.1.2"


def test_a_reservation_by_client_id_brings_its_own_options(site: Stations) -> None:
    ack = dora(site.link("cli0").ask, mac(2), options={61: b"\x00comet-7"})
    assert ack.yiaddr == "10.77.3.9"
    assert ack.options[15] == b"reserved.example"


def test_excluded_and_reserved_addresses_and_the_ends_are_never_given(site: Stations) -> None:
    """Pool 1 has .1, .7 and .8 left; of pool 2, 10.77.2.0-3, none is an end of the /22."""
    offers = [_offer(site, "cli0", 100 + n) for n in range(8)]
    given = {offer.yiaddr for offer in offers if offer}
    first = {"10.77.1.1", "10.77.1.7", "10.77.1.8"}
    second = {f"10.77.2.{n}" for n in range(4)}
    assert given <= first | second
    assert len(given) >= 6  # mac(1) may hold an offer of one
    for offer in filter(None, offers):
        assert offer.lease_time == (900 if offer.yiaddr in second else 1000)


def test_a_shared_network_is_used_to_the_end_of_its_last_subnet(site: Stations) -> None:
    acks = [dora(site.link("cli1").ask, mac(200 + n)) for n in range(4)]
    assert {a.yiaddr for a in acks} == {
        "10.78.0.2", "10.78.0.3", "10.79.0.2", "10.79.0.3",
    }  # fmt: skip
    for ack in acks:
        second = ack.yiaddr.startswith("10.79")
        assert ack.options[15] == (b"second.example" if second else b"campus.example")
    assert _offer(site, "cli1", 300) is None


def _offer(site: Stations, interface: str, n: int) -> Message | None:
    link = site.link(interface)
    dropped = sum(site.server.dropped().values())
    link.broadcast(build(DISCOVER, mac(n), n), mac(n))
    seen: list[Frame] = []

    def said() -> bool:
        seen.extend(link.answers(n, timeout=0.05, quiet=0))
        return bool(seen) or sum(site.server.dropped().values()) > dropped

    assert eventually(said)
    assert all(f.message.type == OFFER for f in seen)
    return seen[0].message if seen else None
