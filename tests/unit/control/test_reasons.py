"""Why a message is answered as it is: the words for each decision of RFC 2131 4.3."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastdhcp._codec import decode
from fastdhcp._explain import Explainer
from fastdhcp._journal import ChangeKind
from fastdhcp._stats import drop_names
from fastdhcp.control.catalog import Catalog
from fastdhcp.control.reasons import SILENCE, why
from tests import _trial
from tests.world import World, number

POLICY = """
[defaults]
reuse-grace = 64
[[subnets]]
subnet = "10.77.0.0/22"
pools = ["10.77.1.1-10.77.1.3"]
exclude = ["10.77.1.3"]
authoritative = true
[[subnets.reservations]]
hw-address = "02:ee:00:00:00:09"
address = "10.77.0.50"
"""
LEASE = 3602
"""Seconds: two more than the client is told."""


def test_every_reason_has_words() -> None:
    assert set(drop_names()[1:]) - set(SILENCE) == set(), "write them in control/reasons.py"


class Told(World):
    """Each message is explained, in words, and then handled."""

    def __init__(self, folder: Path, policy: str = POLICY) -> None:
        super().__init__(folder, policy)
        self.explainer = Explainer(self.memory, self.fds["hints"])
        self.words = ""

    def handle(self, data: bytes, **way: int) -> dict[str, Any]:
        found = self.explainer.explain(data, **way)
        catalog = Catalog.read(self.policy["image"], self.policy["reservations"])
        self.words = why(decode(data).message_type or 0, found, catalog)
        return super().handle(data, **way)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Told]:
    yield Told(tmp_path)


def test_rfc8925_3_3_and_rfc2563_2_3_an_offer_without_an_address(world: Told) -> None:
    given = "options = { v6-only-preferred = 1800, auto-config = 0 }"
    world.configure(POLICY.replace("authoritative = true", f"authoritative = true\n{given}"))
    assert world.discover(1, options={55: b"\x6c", 116: b"\1"}).text == "OFFER"
    assert world.words.startswith("the client can do without an address: it asks for option 108")
    for mac in (1, 2):
        world.bind(mac)
    assert world.discover(3, options={116: b"\1"}).text == "OFFER"
    assert world.words == (
        "no address is free for it, and option 116 says that it must not make up one (RFC 2563)"
    )


def test_rfc2131_4_3_1_an_offer(world: Told) -> None:
    world.discover(1)
    assert world.words == "10.77.1.1 is the next free address; another client may get it first"
    world.discover(1)
    assert world.words == "10.77.1.1 is offered to the client already"
    world.select("10.77.1.1", 1)
    assert world.words == "10.77.1.1 is offered to the client already"
    world.discover(1)
    assert world.words == "the client holds 10.77.1.1"
    world.discover(2, asks="10.77.1.2")
    assert world.words == "the client asks for 10.77.1.2, which is free"
    world.discover(9)
    assert world.words == "a reservation keeps 10.77.0.50 for the client"


def test_rfc2131_4_3_1_an_address_that_the_client_had(world: Told) -> None:
    address = world.bind(1)
    world.release(address, 1)
    assert world.words == "10.77.1.1 would be given back; no reply is due"
    world.discover(1)
    assert world.words == "the client had 10.77.1.1 before, and nobody has it now"


def test_rfc2131_4_3_2_an_ack(world: Told) -> None:
    world.bind(1)
    world.renew("10.77.1.1", 1)
    assert world.words == "the client holds 10.77.1.1"
    world.reboot("10.77.1.2", 2)
    assert world.words == "10.77.1.2 is free, and the client holds no other address here"
    world.select("10.77.0.50", 9)
    assert world.words == "a reservation keeps 10.77.0.50 for the client"


def test_rfc2131_4_3_2_a_nak(world: Told) -> None:
    world.bind(1)
    world.reboot("10.99.0.1", 2)
    assert world.words == "10.99.0.1 is not an address of this link"
    world.reboot("10.77.1.1", 2)
    assert world.words == "10.77.1.1 is leased to 02:ee:00:00:00:01 for 3,602 s more"
    world.reboot("10.77.1.2", 1)
    assert world.words == "the client holds 10.77.1.1 on this link"
    world.reboot("10.77.1.3", 2)
    assert world.words == (
        "the client may not have 10.77.1.3: it is excluded from its pool (exclude), or the "
        "server's own"
    )
    world.reboot("10.77.2.9", 2)
    assert world.words == "the client may not have 10.77.2.9: it is in no pool"
    world.reboot("10.77.1.2", 9)
    assert world.words == "a reservation keeps 10.77.0.50 for the client"
    world.discover(3, asks="10.77.1.2")
    world.select("10.77.1.2", 4)
    assert world.words == "10.77.1.2 is offered to another client"


def test_rfc2131_4_3_3_a_declined_address(world: Told) -> None:
    world.bind(1)
    world.decline("10.77.1.1", 1)
    assert world.words == (
        "10.77.1.1 would be kept from all clients for decline-time; no reply is due"
    )
    world.reboot("10.77.1.1", 1)
    assert world.words == (
        "10.77.1.1 was declined by a client that found it in use; it is kept from all for 86,400 s "
        "more"
    )


def test_a_lease_that_an_operator_ended(world: Told) -> None:
    world.bind(1)
    lease = world.memory.lease(0, number("10.77.1.1"))
    assert lease is not None
    _trial.apply(world.memory, ChangeKind.CHANGE_PEND, 0, number("10.77.1.1"), lease.key,
                 lease.chaddr, now=world.now)  # fmt: skip
    world.renew("10.77.1.1", 1)
    assert world.words == (
        "its lease of 10.77.1.1 was ended by an operator: it may not be renewed"
    )


def test_a_reservation_whose_address_is_taken(world: Told) -> None:
    world.configure(POLICY.replace("10.77.0.50", "10.77.0.60"))
    world.reboot("10.77.0.60", 9)
    world.configure(POLICY.replace("10.77.0.50", "10.77.0.60").replace(":09", ":08"))
    world.discover(8)
    assert world.words == (
        "a reservation keeps 10.77.0.60 for the client, but it is leased to 02:ee:00:00:00:09 for "
        "3,602 s more; 10.77.1.1 is the next free address; another client may get it first"
    )


def test_a_lease_that_has_ended_is_held_back(world: Told) -> None:
    world.bind(1)
    world.set_now(world.now + LEASE)
    world.reboot("10.77.1.1", 2)
    assert world.words == (
        "10.77.1.1 was leased to 02:ee:00:00:00:01, and is held for it a little longer "
        "(reuse-grace)"
    )


def test_silence(world: Told) -> None:
    world.discover(1, giaddr="10.99.0.1")
    assert world.words == (
        "no subnet holds giaddr 10.99.0.1; add one, or give the relay agent a `link` in [relays] "
        "agents"
    )
    for mac in (1, 2):
        world.bind(mac)
    world.discover(3)
    assert world.words == (
        f"{SILENCE['pool-exhausted']}; pools of the link: 10.77.1.1-10.77.1.3 (2)"
    )
    world.release("10.77.1.1", 2)
    assert world.words == (
        "the client does not hold the address that it names (10.77.1.1 is leased to "
        "02:ee:00:00:00:01 for 3,602 s more)"
    )
    world.configure(POLICY.replace("true", "false"))
    world.reboot("10.77.1.1", 3)
    cure = "set authoritative = true if this server alone speaks for the link"
    assert world.words == (
        "the client has no lease of 10.77.1.1 (it is leased to 02:ee:00:00:00:01 for 3,602 s more),"
        f" and authoritative is false here, so that it is not refused; {cure}"
    )
    world.reboot("10.77.0.77", 3)
    assert world.words.startswith("the client has no lease of 10.77.0.77, and authoritative is ")
    world.select("10.77.1.1", 3, server="192.0.2.1")
    assert world.words == SILENCE["other-server"]


def test_rfc6607_3_1_a_vrf_that_none_is_called_is_named(world: Told) -> None:
    vrfs = '[[vrfs]]\nname = "red"\n[[subnets]]\nsubnet = "10.77.0.0/22"\nvrf = "red"\n'
    world.configure(POLICY + vrfs)
    for vss, words in (
        (b"\0blue", "option 82 names VRF blue; there are red"),
        (b"\1\0\0\1\0\0\0\7", "option 82 names VPN-ID hex:00000100000007, that no VRF has"),
    ):
        world.discover(1, giaddr="10.77.0.9", options={82: bytes((151, len(vss))) + vss})
        assert world.words.startswith(words)


def test_rfc2131_4_3_5_inform(world: Told) -> None:
    world.inform("10.77.0.9", 1)
    assert world.words == "it asks for options alone: its address was set by hand"


# ---- guards, by pool or subnet and by class

GUARDED = """
[defaults]
authoritative = true
[[classes]]
name = "modem"
test = "option[60].hex == 'modem'"
lease-class = true
[[classes]]
name = "phone"
test = "option[60].hex == 'phone'"
lease-class = true
[[subnets]]
subnet = "10.77.0.0/22"
deny = ["known"]
pools = [
    { range = "10.77.1.1-10.77.1.9", allow = ["modem"] },
    { range = "10.77.2.1-10.77.2.9", allow = ["modem", "phone"] },
]
[[reservations]]
hw-address = "02:ee:00:00:00:09"
"""
ONE = "pool 10.77.1.1-10.77.1.9 allows class modem alone, and the client is not of it"
TWO = (
    "pool 10.77.2.1-10.77.2.9 allows classes modem and phone alone, and the client is of none of "
    "them"
)
KNOWN = "subnet 10.77.0.0/22 denies class known, and the client is of it"


def test_guards_that_keep_a_client_out_are_named_with_their_classes(tmp_path: Path) -> None:
    world = Told(tmp_path, GUARDED)
    world.discover(1)
    assert world.words == "; ".join([SILENCE["class-not-allowed"], ONE, TWO])
    world.discover(9, options={60: b"phone"})
    assert world.words == "; ".join([SILENCE["class-not-allowed"], ONE, KNOWN])
    world.reboot("10.77.1.2", 1, options={60: b"phone"})
    assert world.words == f"the client may not have 10.77.1.2: {ONE}"
    world.reboot("10.77.2.2", 1)
    assert world.words == f"the client may not have 10.77.2.2: {TWO}"
    world.reboot("10.77.2.2", 9, options={60: b"modem"})
    assert world.words == f"the client may not have 10.77.2.2: {KNOWN}"


def test_of_many_guards_a_few_are_told(tmp_path: Path) -> None:
    pools = ", ".join(
        f'{{ range = "10.77.1.{n}", allow = ["modem"] }}' for n in range(1, 13)
    )
    head = GUARDED.partition("[[subnets]]")[0]
    world = Told(tmp_path, f'{head}[[subnets]]\nsubnet = "10.77.0.0/22"\npools = [{pools}]\n')
    world.discover(1)
    assert world.words.count("allows class modem alone") == 8
    assert world.words.endswith("; and 4 more likewise")
