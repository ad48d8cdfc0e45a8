"""Explanations of classes, by the parts of their tests, and of options, by who gave them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastdhcp._explain import Explainer
from fastdhcp.control.catalog import Catalog
from fastdhcp.control.explain import Explaining
from fastdhcp.control.messages import ExplainRequest, Explanation
from tests.world import World

POLICY = """
[defaults]
next-server = "10.77.0.8"
[defaults.options]
domain-name = "campus.example"
ntp-servers = ["10.77.0.2"]
log-servers = ["10.77.0.2"]
[[option-definitions]]
code = 224
name = "menu-url"
type = "text"
[[classes]]
name = "modem"
test = "substring(option[60].hex, 0, 6) == 'docsis' and not member('printer')"
options = { tftp-server-name = "cm.example", time-servers = ["10.77.0.9"] }
boot-file = "cm.bin"
[[classes]]
name = "printer"
test = "option[77].hex in ('print', 'scan')"
[[classes]]
name = "gold"
[[classes]]
name = "port-7"
test = "relay4[1].hex == 'port 7'"
[[classes]]
name = "blocked"
test = "option[12].hex == 'bad'"
drop = true
[[shared-networks]]
name = "lan"
options = { domain-search = ["lan.example"], ntp-servers = ["10.77.0.3"] }
[[subnets]]
subnet = "10.77.0.0/22"
shared-network = "lan"
pools = [
    { range = "10.77.1.1-10.77.1.250", options = { tz-name = "Europe/Berlin" } },
]
options = { routers = ["10.77.0.1"], log-servers = ["10.77.0.4"], menu-url = "https://x/" }
when = [{ class = "modem", options = { root-path = "/cm" } }]
[[subnets.reservations]]
hw-address = "02:ee:00:00:00:03"
address = "10.77.0.50"
hostname = "printer-3"
options = { swap-server = "10.77.0.5" }
[[reservations]]
hw-address = "02:ee:00:00:00:05"
classes = ["gold"]
"""
MAC = "02:ee:00:00:00:01"
STATUS = {"interfaces": [{"index": 3, "name": "srv0", "up": True, "addresses": ["10.77.0.1/22"]}]}


class Rig:
    """A world whose clients may be asked about."""

    def __init__(self, folder: Path, policy: str = POLICY) -> None:
        self.world = World(folder, policy)
        explainer = Explainer(self.world.memory, self.world.fds["hints"])
        self.explaining = Explaining(explainer, self.world.memory)
        self.catalog = Catalog.read(
            self.world.policy["image"], self.world.policy["reservations"]
        )

    def ask(self, **fields: Any) -> Explanation:
        fields.setdefault("hw_address", MAC)
        return self.explaining.explain(ExplainRequest(**fields), self.catalog, STATUS)

    def layers(self, **fields: Any) -> dict[str | None, str]:
        """By option, who gave it."""
        return {option.name: option.layer for option in self.ask(**fields).options}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    yield Rig(tmp_path)


def parts(found: Explanation, name: str) -> list[tuple[str, bool | str | None]]:
    """Of a class: each part, and what it says."""
    (one,) = [explained for explained in found.classes if explained.name == name]
    return [(p.text, p.value if p.truth is None else p.truth) for p in one.parts]


def matching(found: Explanation) -> set[str]:
    return {explained.name for explained in found.classes if explained.matches}


def test_each_class_has_the_parts_of_its_test(rig: Rig) -> None:
    found = rig.ask(vendor_class="docsis3.0")
    assert matching(found) == {"modem"}
    assert parts(found, "modem") == [
        ("substring(option[60].hex, 0, 6) == 'docsis'", True),
        ("substring(option[60].hex, 0, 6)", "docsis"), ("member('printer')", False),
    ]  # fmt: skip
    assert parts(found, "printer") == [
        ("option[77].hex in ('print', 'scan')", False), ("option[77].hex", None),
    ]  # fmt: skip
    found = rig.ask(vendor_class="docsis3.0", user_class="scan")
    assert matching(found) == {"printer"}
    assert parts(found, "modem")[-1] == ("member('printer')", True)


def test_rfc2131_4_3_2_a_renewal_past_the_relay_agent_has_what_it_said_before(rig: Rig) -> None:
    """A unicast REQUEST carries no option 82; the class is by that of the record."""
    relay = {"giaddr": "10.77.0.9", "local": "10.77.0.1"}
    told = {82: b"\1\6port 7"}
    address = rig.world.discover(1, options=told, **relay).address
    assert rig.world.select(address, 1, options=told, **relay).text == f"ACK {address}"
    found = rig.ask(type="renew", address=address)
    assert "port-7" in matching(found)
    assert parts(found, "port-7") == [
        ("relay4[1].hex == 'port 7'", True), ("relay4[1].hex", "port 7"),
    ]  # fmt: skip
    assert "port-7" not in matching(rig.ask(type="rebind", address=address))


def test_a_client_of_a_class_that_is_dropped(rig: Rig) -> None:
    found = rig.ask(hostname="bad")
    assert (found.reply, found.reason) == (None, "class-drop")
    assert found.why == "it is of a class that says drop = true"
    assert matching(found) == {"blocked"}
    assert found.link is not None


def test_each_option_has_who_gave_it(rig: Rig) -> None:
    given = rig.layers(vendor_class="docsis3.0")
    assert given == {
        "subnet-mask": "the subnet's prefix", "routers": "subnet 10.77.0.0/22",
        "time-servers": "class modem", "log-servers": "subnet 10.77.0.0/22",
        "domain-name": "defaults", "root-path": "class modem, when of the subnet",
        "ntp-servers": "shared network",
        "lease-time": "lease-time of the server: it is written nowhere",
        "message-type": "the reply", "server-id": "the server's address",
        "renewal-time": "half of the lease", "rebinding-time": "seven eighths of the lease",
        "tftp-server-name": "class modem",
        "tz-name": "pool 10.77.1.1-10.77.1.250", "domain-search": "shared network",
        "menu-url": "subnet 10.77.0.0/22",
    }  # fmt: skip


def test_a_reservation_gives_its_own(rig: Rig) -> None:
    found = rig.ask(hw_address="02:ee:00:00:00:03")
    given = {option.name: option.layer for option in found.options}
    assert (given["host-name"], given["swap-server"]) == ("reservation", "reservation")
    assert found.reservation == "hw-address=02:ee:00:00:00:03, address 10.77.0.50"


def test_a_reservation_of_no_subnet_makes_its_client_known_and_gives_it_classes(rig: Rig) -> None:
    found = rig.ask(hw_address="02:ee:00:00:00:05")
    assert matching(found) == {"gold", "known"}
    assert found.reservation == "hw-address=02:ee:00:00:00:05"
    assert matching(rig.ask()) == set()


def test_values_are_as_the_configuration_writes_them(rig: Rig) -> None:
    values = {option.name: option.value for option in rig.ask().options}
    assert values["domain-search"] == ["lan.example"]
    assert values["menu-url"] == "https://x/"
    assert values["routers"] == ["10.77.0.1"]
    assert rig.ask(parameters=[224]).options[-1].value == "https://x/"


def test_rfc3046_2_2_what_is_echoed_is_said_to_be(rig: Rig) -> None:
    given = rig.layers(circuit_id="port 7", client_id="hex:01aa", relay="10.77.0.9")
    assert {given["relay-agent-information"], given["client-id"]} == {"echoed, as it came"}


# ---- times and fields: which key of which place

TIMES = """
[defaults]
lease-time = 3600
rebinding-time = 3000
[[classes]]
name = "short"
test = "option[60].hex == 'short'"
lease-time = 600
next-server = "10.77.0.8"
[[classes]]
name = "long"
test = "option[60].hex == 'long'"
[[shared-networks]]
name = "lan"
server-name = "boot.example"
[[subnets]]
subnet = "10.77.0.0/22"
shared-network = "lan"
lease-time-max = 7200
pools = [
    { range = "10.77.1.1-10.77.1.250", renewal-time = 900, when = [
        { class = "long", lease-time-min = 5000 },
    ] },
]
boot-file = "pxe.0"
when = [{ class = "short", boot-file = "when.0" }]
[[subnets.reservations]]
hw-address = "02:ee:00:00:00:03"
address = "10.77.0.50"
lease-time = "infinite"
boot-file = "own.0"
[[subnets]]
subnet = "10.78.0.0/24"
pools = ["10.78.0.10-10.78.0.20"]
"""
SUBNET = "subnet 10.77.0.0/22"
GIVEN = [
    ({}, {"lease-time": "lease-time of defaults", "renewal-time": "renewal-time of pool "
          "10.77.1.1-10.77.1.250", "rebinding-time": "rebinding-time of defaults",
          "boot-file": SUBNET, "server-name": "shared network"}),
    ({"vendor_class": "short"},
     {"lease-time": "lease-time of class short", "renewal-time": "half of the lease",
      "rebinding-time": "seven eighths of the lease", "next-server": "class short",
      "boot-file": "class short, when of the subnet", "server-name": "shared network"}),
    ({"vendor_class": "long"},
     {"lease-time": "lease-time-min of class long, when of the pool"}),
    ({"options": {"51": "hex:00000e11"}}, {"lease-time": "the client, which asks for it"}),
    ({"options": {"51": "hex:00ffffff"}}, {"lease-time": f"lease-time-max of {SUBNET}"}),
    ({"options": {"51": "hex:00000001"}}, {"lease-time": "lease-time of defaults"}),
    ({"hw_address": "02:ee:00:00:00:03"},
     {"lease-time": "lease-time of reservation", "boot-file": "reservation",
      "server-name": "shared network"}),
    ({"relay": "10.78.0.1"}, {"lease-time": "lease-time of defaults", "renewal-time":
                              "half of the lease", "rebinding-time": "rebinding-time of defaults"}),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "wanted"), GIVEN, ids=[str(row[0]) for row in GIVEN])
def test_each_time_and_field_has_the_key_that_gave_it(
    tmp_path: Path, fields: dict[str, Any], wanted: dict[str, str]
) -> None:
    found = Rig(tmp_path, TIMES).ask(**fields)
    told = found.given_by if len(wanted) > 1 else {key: found.given_by[key] for key in wanted}
    assert told == wanted
    layers = {option.name: option.layer for option in found.options}
    assert all(layers[key] == text for key, text in told.items() if key.endswith("-time"))
