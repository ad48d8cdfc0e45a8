"""Explaining a message: what a worker would do with it, and that asking changes nothing."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastdhcp._codec import decode
from fastdhcp._explain import Explainer
from fastdhcp._leases import StoreState
from fastdhcp._stats import drop_names
from fastdhcp.bpf import steer
from tests.segments import make_memory, make_segments
from tests.world import NAK, OFFER, World, number

LINKS = st.sampled_from([
    {}, {"giaddr": "10.77.0.9"}, {"giaddr": "192.0.2.9"},
    {"giaddr": "192.0.2.9", "to": "10.77.0.1"},
    {"ciaddr": "10.78.0.10", "to": "10.77.0.1"}, {"ciaddr": "10.78.0.10"},
])  # fmt: skip
SAID = st.fixed_dictionaries({}, optional={
    82: st.sampled_from([b"", b"\5\4\x0a\x4e\0\0", b"\5\4\0\0\0\0", b"\5\4\x7f\0\0\1"]),
    118: st.sampled_from([b"\x0a\x4f\0\0", b"\0\0\0\0"]),
})  # fmt: skip
POLICY = """
[defaults]
authoritative = true
reuse-grace = 0
[[subnets]]
subnet = "10.77.0.0/22"
pools = ["10.77.1.1-10.77.1.6"]
shared-network = "lan"
[[subnets.reservations]]
hw-address = "02:ee:00:00:00:03"
address = "10.77.0.50"
[[subnets]]
subnet = "10.78.0.0/24"
pools = ["10.78.0.10-10.78.0.12"]
shared-network = "lan"
"""
ADDRESSES = ["10.77.1.1", "10.77.1.2", "10.77.0.50", "10.78.0.10", "10.77.3.9", "10.99.0.1"]


def octets(world: World) -> dict[str, bytes]:
    """Everything that is shared."""
    return {name: os.pread(fd, os.fstat(fd).st_size, 0) for name, fd in world.fds.items()}


class Asking(World):
    """Each message is explained before it is handled; both are in `pairs`."""

    def __init__(self, folder: Path, text: str = POLICY) -> None:
        super().__init__(folder, text)
        self.explainer = Explainer(self.memory, self.fds["hints"])
        self.pairs: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def handle(self, data: bytes, **way: int) -> dict:
        found = self.explainer.explain(data, **way)
        done = super().handle(data, **way)
        self.pairs.append((found, done))
        return done


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Asking]:
    yield Asking(tmp_path)


WAYS = st.sampled_from(["discover", "select", "reboot", "renew", "rebind", "release", "decline",
                        "inform"])  # fmt: skip
STEPS = st.lists(st.tuples(WAYS, st.integers(1, 8), st.sampled_from(ADDRESSES),
                           st.integers(0, 2000)), min_size=1, max_size=25)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_what_is_explained_is_what_happens(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, str, int]]
) -> None:
    """RFC 2131 4.3: whatever came before, the explanation is the decision."""
    world = Asking(tmp_path_factory.mktemp("asked"))
    for way, mac, address, seconds in steps:
        world.set_now(world.now + seconds)
        if way == "discover":
            world.discover(mac, asks=address)
        else:
            getattr(world, way)(address, mac)
        found, done = world.pairs[-1]
        assert (found["reply_type"], found["reason"]) == (done["reply_type"], done["reason"])
        assert found.get("lease_s", 0) == done["lease_s"]
        free = found.get("free") and found["free"]["address"] == found["yiaddr"]
        worker = steer(b"\x02\xee" + mac.to_bytes(4), 2)
        if not free or worker == world.memory.process:
            assert (found["yiaddr"], found["pool"]) == (done["yiaddr"], done["pool"])
        if found["reply"]:
            assert decode(found["reply"]).message_type == done["reply_type"]


def test_asking_changes_nothing(world: Asking) -> None:
    """Not even what the allocator would try next, nor a counter."""
    world.bind(1)
    world.bind(2)
    before = octets(world)
    data = world.data
    for mac in range(1, 40):
        for message_type in range(1, 19):
            asked = data.replace(b"\x02\xee\0\0\0\x02", b"\x02\xee\0\0\0" + bytes([mac]))
            asked = asked.replace(b"\x35\x01\x03", bytes([53, 1, message_type]))
            world.explainer.explain(asked, ifindex=3, local=number("10.77.0.1"))
    assert octets(world) == before


def test_asking_again_says_the_same(world: Asking) -> None:
    """A free address is named, not taken."""
    world.discover(1)
    asked = world.data.replace(b"\x02\xee\0\0\0\x01", b"\x02\xee\0\0\0\x07")
    found = [world.explainer.explain(asked, ifindex=3, local=number("10.77.0.1"))["yiaddr"]
             for _ in range(20)]
    assert len(set(found)) == 1
    assert world.discover(7).address != ""


def test_it_follows_the_policy_and_the_table(world: Asking) -> None:
    asked = {"ifindex": 3, "local": number("10.77.0.1")}
    world.discover(3)
    data = world.data
    assert world.explainer.explain(data, **asked)["yiaddr"] == number("10.77.0.50")
    world.configure(POLICY.replace("10.77.0.50", "10.77.0.60"))
    assert world.explainer.explain(data, **asked)["yiaddr"] == number("10.77.0.60")


def test_the_places_say_whose_an_address_is(world: Asking) -> None:
    address = world.bind(1)
    world.reboot(address, 2)
    found, _ = world.pairs[-1]
    asked = found["asked"]
    assert found["reply_type"] == NAK
    assert (asked["address"], asked["claim"]) == (number(address), "none")
    assert asked["chaddr"] == bytes.fromhex("02ee00000001")
    assert asked["left_s"] == 3602
    assert (found["mine"], found["reserved"]) == (None, None)
    world.renew(address, 1)
    assert world.pairs[-1][0]["mine"]["claim"] == "held"


def test_what_cannot_be_decoded_has_its_reason(world: Asking) -> None:
    for data, reason in ((b"", "too-short"), (bytes(300), "not-request")):
        assert drop_names()[world.explainer.explain(data)["reason"]] == reason


def test_a_message_of_no_link_comes_to_no_decision(world: Asking) -> None:
    world.discover(1, giaddr="10.99.0.1")
    found, _ = world.pairs[-1]
    assert (found["decided"], drop_names()[found["reason"]]) == (False, "no-subnet")
    assert "mine" not in found


def test_a_reply_has_what_the_client_would_read(world: Asking) -> None:
    world.discover(1)
    found, _ = world.pairs[-1]
    reply = decode(found["reply"])
    assert (reply.message_type, reply.options[51]) == (OFFER, (3600).to_bytes(4))


def test_without_a_policy_there_is_nothing_to_explain() -> None:
    fds = make_segments()
    explainer = Explainer(make_memory(fds=fds), fds["hints"])
    with pytest.raises(ValueError, match="no policy"):
        explainer.explain(b"")


def test_a_store_that_fails_is_told(world: Asking) -> None:
    """As workers are: nothing new is offered while nothing can be made durable."""
    world.memory.store_state = StoreState.STORE_FAILING
    world.discover(1)
    found, done = world.pairs[-1]
    assert drop_names()[found["reason"]] == "store-unavailable"
    assert done["reason"] == found["reason"]


WAYS_IN = """
[relays]
client-selections = true
agents = [{ address = "192.0.2.9", link = "10.79.0.0/24" }]
untrusted-interfaces = []
[[subnets]]
subnet = "10.77.0.0/22"
pools = ["10.77.1.1-10.77.1.6"]
[[subnets]]
subnet = "10.78.0.0/24"
pools = ["10.78.0.10-10.78.0.12"]
[[subnets]]
subnet = "10.79.0.0/24"
pools = ["10.79.0.10-10.79.0.12"]
"""


@settings(max_examples=120, deadline=None)
@given(LINKS, SAID, st.booleans())
def test_what_is_said_to_have_chosen_the_link_is_what_leads_there(
    tmp_path_factory: pytest.TempPathFactory, way: dict[str, str], said: dict[int, bytes],
    untrusted: bool,
) -> None:
    """RFC 3527, RFC 3011, RFC 2131 4.3.2: by the worker's own rule, and not by another one."""
    policy = WAYS_IN.replace("interfaces = []", 'interfaces = ["srv0"]') if untrusted else WAYS_IN
    world = Asking(tmp_path_factory.mktemp("link"), policy)
    world.send(3 if "ciaddr" in way else 1, 1, options=dict(said), **way)
    found, _ = world.pairs[-1]
    if not found["linked"]:
        return
    by, address = found["link_by"]
    network = found["scope"]["network"]
    subnets = {"10.77": 0, "10.78": 1, "10.79": 2}
    if by == "interface":
        assert (address, network) == (0, 0)
    elif by == "giaddr" and address == number("192.0.2.9"):
        assert network == 2
    else:
        assert network == subnets[".".join(str(address >> shift & 255) for shift in (24, 16))]
    assert (by == "giaddr") <= ("giaddr" in way)
