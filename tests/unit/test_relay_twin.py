"""The choice of VRF and link against a plain twin, over packets of any making."""

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastdhcp._image import ImageView
from tests.unit.test_relay_selection import (
    BLUE,
    LINKS,
    ONLY_KNOWN,
    RED,
    RELAYS,
    SELECTING,
    SUBNETS,
    sub,
)
from tests.world import OFFER, World

VRFS = {b"\xff": 0, BLUE: 1, RED: 2}
NETS = [  # VRF, prefix, network
    (0, "10.66.0.0/24", "wifi"), (0, "10.77.0.0/22", "lan"), (0, "10.88.0.0/24", "a"),
    (0, "10.20.0.0/24", "cmts"), (0, "198.51.100.0/24", "cmts"), (1, "10.88.0.0/24", "b"),
    (2, "10.88.0.0/24", "c"),
]  # fmt: skip
INTERFACES = {3: "lan", 4: "wifi", 5: None}
AGENTS = [  # the nearest first: giaddrs, VRF, network
    ("192.0.2.9/32", None, "cmts"), ("192.0.2.10/32", None, "cmts"), ("192.0.2.80/28", 2, "c"),
    ("192.0.2.64/26", 1, None),
]  # fmt: skip
ADDRESSES = ["10.66.0.9", "10.77.3.9", "10.88.0.1", "10.20.0.1", "198.51.100.1", "172.16.0.1",
             "192.0.2.9", "192.0.2.10", "192.0.2.63", "192.0.2.64", "192.0.2.79", "192.0.2.80",
             "192.0.2.95", "192.0.2.96", "192.0.2.127", "192.0.2.128", "0.0.0.0", "127.0.0.1",
             "224.0.0.1", "255.255.255.255", "0.0.0.9"]  # fmt: skip
ADDRESS = st.sampled_from(ADDRESSES)
MAYBE = st.none() | ADDRESS
VSS = st.none() | st.sampled_from([BLUE, RED, b"\xff", b"\0red", b"\xffx", b"\2", b"\1"])
Said = dict[str, object]


def holds(prefix: str, address: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(prefix)


def is_host(address: object) -> bool:
    first = int(str(address).split(".")[0])
    return address is not None and first not in (0, 127) and first < 224


def network_at(vrf: int, address: str) -> str | None:
    return next((name for v, prefix, name in NETS if v == vrf and holds(prefix, address)), None)


def agent_of(giaddr: str) -> tuple[int | None, str | None] | None:
    return next(((vrf, net) for prefix, vrf, net in AGENTS if holds(prefix, giaddr)), None)


def twin(said: Said, only_known: bool, selecting: bool) -> tuple[str, int, str | None]:
    """Reason (empty: it is answered), VRF, network."""
    giaddr, ciaddr = str(said["giaddr"]), str(said["ciaddr"])
    relayed, ifindex = giaddr != "0.0.0.0", said["ifindex"]
    for address in (giaddr,) if relayed else (ciaddr,):
        if address != "0.0.0.0" and not is_host(address):
            return "bad-source", 0, None
    agent = agent_of(giaddr) if relayed else None
    trusted = agent is not None or ifindex != 4
    info = [said[name] for name in ("selection", "vss")]
    if relayed and agent is None and only_known:
        return "relay-unknown", 0, None
    if not trusted and (relayed or any(part is not None for part in info)):
        return "relay-untrusted", 0, None
    vrf, heeded = 0, trusted and selecting
    named = said["vss"] or (said["vss_option"] if heeded else None)
    if named is not None:
        if named not in VRFS:
            return "vrf-unknown", 0, None
        vrf = VRFS[named]  # type: ignore[index]
    elif agent is not None and agent[0] is not None:
        vrf = agent[0]
    elif ifindex == 9:
        return "vrf-unknown", 0, None
    network = link(said, vrf, agent, heeded)
    return ("" if network else "no-subnet"), vrf, network


def link(
    said: Said, vrf: int, agent: tuple[int | None, str | None] | None, heeded: bool
) -> str | None:
    giaddr, ciaddr = str(said["giaddr"]), str(said["ciaddr"])
    if said["selection"] is not None and is_host(said["selection"]):
        return network_at(vrf, str(said["selection"]))
    if heeded and said["subnet"] is not None and is_host(said["subnet"]):
        return network_at(vrf, str(said["subnet"]))
    if giaddr != "0.0.0.0":
        found = network_at(vrf, giaddr)
        if found is None and agent is not None and agent[1] is not None:
            return agent[1] if any(v == vrf and n == agent[1] for v, _, n in NETS) else None
        return found
    if ciaddr != "0.0.0.0" and said["to"] != "255.255.255.255":
        return network_at(vrf, ciaddr)
    return INTERFACES.get(said["ifindex"]) if vrf == 0 else None  # type: ignore[call-overload]


@pytest.fixture(scope="module", params=[RELAYS, ONLY_KNOWN, SELECTING],
                ids=["any", "only known", "clients select"])  # fmt: skip
def ground(request: pytest.FixtureRequest) -> Iterator[tuple[World, bool, bool]]:
    told = request.param
    with TemporaryDirectory() as folder:
        yield World(Path(folder), told + SUBNETS, LINKS), told is ONLY_KNOWN, told is SELECTING


PLAIN = {"giaddr": "0.0.0.0", "ciaddr": "0.0.0.0", "ifindex": 3, "to": "255.255.255.255",
         "selection": None, "vss": None, "subnet": None, "vss_option": None}  # fmt: skip


@given(said=st.fixed_dictionaries({
    "giaddr": st.just("0.0.0.0") | ADDRESS, "ciaddr": st.just("0.0.0.0") | ADDRESS,
    "ifindex": st.sampled_from([3, 4, 5, 9]),
    "to": st.sampled_from(["255.255.255.255", "192.0.2.1"]),
    "selection": MAYBE, "vss": VSS, "subnet": MAYBE, "vss_option": VSS,
}))  # fmt: skip
@example(said=PLAIN)
@example(said=PLAIN | {"giaddr": "192.0.2.85", "vss": BLUE})
@settings(max_examples=400, deadline=None)
def test_vrf_and_link_are_what_the_twin_says(
    ground: tuple[World, bool, bool], said: Said
) -> None:
    world, *rules = ground
    reason, vrf, network = twin(said, *rules)
    parts = []
    if said["selection"] is not None:
        parts.append((5, ipaddress.IPv4Address(str(said["selection"])).packed))
    if isinstance(said["vss"], bytes):
        parts.append((151, said["vss"]))
    options: dict[int, object] = {82: sub(*parts)} if parts else {}
    if said["subnet"] is not None:
        options[118] = ipaddress.IPv4Address(str(said["subnet"])).packed
    if said["vss_option"] is not None:
        options[221] = said["vss_option"]
    answer = world.discover(1, giaddr=said["giaddr"], ciaddr=said["ciaddr"], options=options,
                            ifindex=said["ifindex"], to=said["to"], local="192.0.2.1")
    if reason:
        assert answer.text == f"silence: {reason}"
        return
    assert (world.out["reply_type"], world.out["vrf"]) == (OFFER, vrf)
    row = ImageView(world.image).subnet(world.out["subnet"])
    prefix = f"{ipaddress.IPv4Address(row['address'])}/{row['prefix_len']}"
    assert (row["vrf"], network) in [(v, n) for v, p, n in NETS if p == prefix and n == network]
