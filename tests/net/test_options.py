"""Unmodified clients ask for options that are more than addresses, and understand what they get."""

import dataclasses

import pytest

from tests.lab import Capture, Lab
from tests.lab.clients import OBTAINED, Dhclient, Dhcpcd, RealClient, Udhcpc
from tests.lab.packet import ACK
from tests.lab.servers import FastDHCP, Site, site_config
from tests.lab.toml import Config

pytestmark = pytest.mark.net

SERVER = "10.77.0.1"
ROUTES = "080a0a4d0001" "000a4d0001"  # 10/8 and the default route, both by 10.77.0.1
VENDOR = "0104c0000205" "07036f6e65"
SEARCH = ["campus.example", "lab.campus.example"]
OPTIONS: Config = {
    "routers": [SERVER],
    "classless-static-routes": [["10.0.0.0/8", SERVER], ["0.0.0.0/0", SERVER]],
    "domain-search": SEARCH,
    "vendor-encapsulated-options": {"space": "docsis", "servers": ["192.0.2.5"], "label": "one"},
}
DEFINITIONS = [
    {"space": "docsis", "code": 1, "name": "servers", "type": "addresses"},
    {"space": "docsis", "code": 7, "name": "label", "type": "text"},
]


def octets(text: str) -> str:
    """Of dhclient's arrays: numbers between spaces."""
    return bytes(map(int, text.split())).hex()


class AskingDhclient(Dhclient):
    """It knows 121 and 249 only by definitions."""

    CONF = """
option classless code 121 = array of unsigned integer 8;
option ms-classless code 249 = array of unsigned integer 8;
option vendor code 43 = string;
request subnet-mask, {asked};
"""

    def _argv(self, *words: str) -> list[str]:
        argv = super()._argv(*words)
        with (self.folder / "conf").open("a") as conf:
            conf.write(self.CONF.format(asked=self.asked))
        return argv

    asked = "classless, ms-classless, routers, domain-search, vendor-encapsulated-options"


class OldDhclient(AskingDhclient):
    """It asks as clients did before RFC 3442."""

    asked = "ms-classless, routers"


class AskingUdhcpc(Udhcpc):
    asked = ("121", "249", "router", "search", "43")

    def argv(self) -> list[str]:
        return [*super().argv(), "-o", *(word for name in self.asked for word in ("-O", name))]


class OldUdhcpc(AskingUdhcpc):
    asked = ("249", "router")


class AskingDhcpcd(Dhcpcd):
    def argv(self) -> list[str]:
        argv = super().argv()
        with (self.folder / "conf").open("a") as conf:
            conf.write("option classless_static_routes, routers, domain_search\n")
        return argv


def ack_of(lab: Lab, client_class: type[RealClient]) -> tuple[dict[int, bytes], dict[str, str]]:
    """The options of the ACK, and what the client made of them."""
    lab.veth(f"server:srv0={SERVER}/22", "client:cli0")
    config = dict(site_config(dataclasses.replace(Site(), lease_time=600)))
    config |= {"option-definitions": DEFINITIONS, "defaults": {"options": OPTIONS}}
    FastDHCP(lab, "server", config)
    capture = Capture(lab.netns("server"), "srv0", outgoing=True)
    lab.callback(capture)
    client = client_class(lab, "client", "cli0")
    learnt = client.learnt(client.wait_for(OBTAINED))
    capture.read()
    (ack,) = [frame.message for frame in capture.frames if frame.message.type == ACK]
    return ack.options, learnt


def test_rfc3442_3397_2132_8_4_dhclient(lab: Lab) -> None:
    options, learnt = ack_of(lab, AskingDhclient)
    assert options[121].hex() == ROUTES
    assert options.keys() & {3, 249} == set()
    assert octets(learnt["new_classless"]) == ROUTES
    assert learnt["new_domain_search"].replace(".'", "").split() == [f"{n}." for n in SEARCH]
    assert options[43].hex() == VENDOR


def test_249_dhclient_that_asks_as_before_rfc3442(lab: Lab) -> None:
    options, learnt = ack_of(lab, OldDhclient)
    assert options[249].hex() == ROUTES
    assert octets(learnt["new_ms_classless"]) == ROUTES
    assert learnt["new_routers"] == SERVER


def test_rfc3442_3397_2132_8_4_udhcpc(lab: Lab) -> None:
    options, learnt = ack_of(lab, AskingUdhcpc)
    assert options.keys() & {3, 249} == set()
    assert learnt["staticroutes"].split() == ["10.0.0.0/8", SERVER, "0.0.0.0/0", SERVER]
    assert learnt["search"].split() == SEARCH
    assert learnt["opt43"] == VENDOR


def test_249_udhcpc_that_asks_as_before_rfc3442(lab: Lab) -> None:
    _, learnt = ack_of(lab, OldUdhcpc)
    assert learnt["msstaticroutes"].split() == ["10.0.0.0/8", SERVER, "0.0.0.0/0", SERVER]
    assert learnt["router"] == SERVER


@pytest.mark.root("dhcpcd cannot separate its privileges in a user namespace")
def test_rfc3442_3397_dhcpcd(lab: Lab) -> None:
    options, learnt = ack_of(lab, AskingDhcpcd)
    assert 3 not in options
    routes = learnt["new_classless_static_routes"].split()
    assert routes == ["10.0.0.0/8", SERVER, "0.0.0.0/0", SERVER]
    assert learnt["new_domain_search"].split() == SEARCH
