"""What explain is asked: the message that a request describes, and the way by which it comes."""

import socket
from ipaddress import IPv4Interface
from typing import Any

import pytest

from fastdhcp._codec import decode, encode
from fastdhcp.control.errors import BadField
from fastdhcp.control.messages import ExplainRequest
from fastdhcp.control.question import (
    BROADCAST,
    TYPES,
    Link,
    Network,
    links_of,
    question_of,
    with_server,
)  # fmt: skip
from fastdhcp.netlink import route_interface
from fastdhcp.words import address_number as number

MAC = "02:ee:00:00:00:01"
LAN = Link(3, "srv0", (IPv4Interface("10.77.0.1/22"), IPv4Interface("10.78.0.1/24")))
UPLINK = Link(4, "up0", (IPv4Interface("192.0.2.1/24"),))
LINKS = (LAN, UPLINK)
LOOPBACK = Link(1, "lo", (IPv4Interface("127.0.0.1/8"),))


def ask(links: tuple[Link, ...] = (LAN,), **fields: Any) -> Any:
    fields.setdefault("hw_address", MAC if "packet" not in fields else None)
    return question_of(ExplainRequest(**fields), links)


def test_the_supervisors_interfaces_are_read() -> None:
    row = {"index": 3, "name": "srv0", "up": True, "addresses": ["10.77.0.1/22"]}
    (link,) = links_of({"interfaces": [row]})
    assert (link.index, link.near(number("10.77.3.3"))) == (3, number("10.77.0.1"))
    assert links_of({}) == ()


@pytest.mark.parametrize(
    ("kind", "message_type", "ciaddr", "requested", "unicast"),
    [
        ("discover", 1, "0.0.0.0", "10.77.1.5", False),
        ("request", 3, "0.0.0.0", "10.77.1.5", False),
        ("reboot", 3, "0.0.0.0", "10.77.1.5", False),
        ("renew", 3, "10.77.1.5", None, True),
        ("rebind", 3, "10.77.1.5", None, False),
        ("decline", 4, "0.0.0.0", "10.77.1.5", False),
        ("release", 7, "10.77.1.5", None, True),
        ("inform", 8, "10.77.1.5", None, False),
        ("bootp", None, "0.0.0.0", "10.77.1.5", False),
    ],
)
def test_rfc2131_4_4_1_each_message_says_its_address_in_its_place(
    kind: str, message_type: int | None, ciaddr: str, requested: str | None, unicast: bool
) -> None:
    found = ask(type=kind, address="10.77.1.5")
    packet = decode(found.message)
    assert (packet.message_type, packet.ciaddr) == (message_type, ciaddr)
    wanted = requested and number(requested).to_bytes(4)
    assert packet.options.get(50) == wanted
    assert (found.destination == number("10.77.0.1")) == unicast
    assert kind in TYPES


def test_a_client_is_described_by_its_options() -> None:
    found = ask(
        client_id="hex:01aabb", vendor_class="PXEClient", user_class="iPXE", hostname="pc",
        circuit_id="ge-0/0/1", remote_id="hex:0a0b", subscriber_id="cust", parameters=[1, 3],
        options={"93": "hex:0007", "domain-name": "x", "80": ""}, relay="10.77.0.9",
    )  # fmt: skip
    packet = decode(found.message)
    assert packet.chaddr == bytes.fromhex("02ee00000001")
    assert packet.options == {
        61: b"\x01\xaa\xbb", 60: b"PXEClient", 77: b"iPXE", 12: b"pc", 55: b"\1\3", 93: b"\0\7",
        15: b"x", 80: b"", 53: b"\1", 82: b"\1\x08ge-0/0/1\2\2\x0a\x0b\6\4cust",
    }  # fmt: skip
    assert (packet.giaddr, packet.hops) == ("10.77.0.9", 1)
    assert (found.destination, found.source_port) == (number("10.77.0.1"), 67)
    assert found.source == number("10.77.0.9")


def test_rfc2131_4_3_2_who_selects_names_the_server() -> None:
    found = with_server(ask(type="request", address="10.77.1.5"), number("10.77.0.1"))
    packet = decode(found.message)
    assert packet.options[54] == number("10.77.0.1").to_bytes(4)
    assert packet.options[50] == number("10.77.1.5").to_bytes(4)


def test_the_way_by_the_one_interface_a_named_one_or_the_relay_agents() -> None:
    assert (ask().interface, ask().local, ask().destination) == (
        "srv0", number("10.77.0.1"), BROADCAST
    )  # fmt: skip
    assert ask(LINKS, interface="up0").ifindex == 4
    assert ask(LINKS, relay="192.0.2.9").local == number("192.0.2.1")
    assert ask(LINKS, relay="10.78.0.9").local == number("10.78.0.1")
    assert ask(LINKS, type="renew", address="10.78.0.77").local == number("10.78.0.1")
    assert ask(()).ifindex == 0


def test_a_far_relay_agent_comes_by_the_interface_of_the_kernels_route() -> None:
    for index, name in ((3, "srv0"), (4, "up0"), (1, "srv0"), (0, "srv0")):
        network = Network(route=lambda address, index=index: index)  # type: ignore[misc]
        request = ExplainRequest(hw_address=MAC, relay="203.0.113.1")
        found = question_of(request, (LOOPBACK, *LINKS), network)
        assert (found.interface, found.assumed) == (name, True)
    assert not ask(LINKS, relay="10.77.0.9").assumed
    assert not ask(LINKS, relay="203.0.113.1", interface="up0").assumed
    assert route_interface(number("127.0.0.1")) == socket.if_nametoindex("lo")


def test_neither_loopback_nor_a_link_without_subnet_is_taken_for_the_clients() -> None:
    network = Network(serves=lambda address: address == number("192.0.2.1"))
    request = ExplainRequest(hw_address=MAC)
    assert question_of(request, (LOOPBACK, *LINKS), network).interface == "up0"
    assert question_of(request, (LOOPBACK, LAN), Network()).interface == "srv0"


def test_rfc3527_a_relay_agent_selects_a_link() -> None:
    packet = decode(ask(relay="10.77.0.9", circuit_id="x", link="10.78.0.1").message)
    assert packet.options[82] == b"\1\1x\5\4\x0a\x4e\0\1"


def test_what_another_server_was_sent_counts_as_sent_to_us() -> None:
    packet = encode(chaddr=bytes(6), message_type=3, ciaddr="10.77.1.5").hex()
    for told, destination in (
        (None, "10.77.0.1"), ("10.77.0.77", "10.77.0.1"), ("10.77.0.1", "10.77.0.1"),
        ("10.77.3.255", "255.255.255.255"), ("255.255.255.255", "255.255.255.255"),
        ("10.78.0.1", "10.78.0.1"),
    ):  # fmt: skip
        found = ask(packet=packet, destination=told)
        assert found.destination == number(destination), told
    found = ask(packet=packet, source="10.77.1.5", source_port=1068)
    assert (found.source, found.source_port) == (number("10.77.1.5"), 1068)


def test_what_is_no_message_is_asked_all_the_same() -> None:
    assert ask(packet="hex:00:01").message == b"\0\1"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hw_address": None}, "hw-address: say which client: hw-address, client-id or circuit-id"),
        ({"hw_address": "x"}, "hw-address: 'x' is not a hardware address; write 1 to 16 pairs of "
                              "hex digits"),
        ({"type": "offer"}, "type: 'offer' is no message to a server; write one of discover, "
                            "request, reboot, renew, rebind, decline, release, inform, bootp"),
        ({"type": "renew"}, "address: say which address it is about: renew names one"),
        ({"address": "x"}, "address: 'x' is not an address; write four numbers as in 10.0.0.1"),
        ({"relay": "x"}, "relay: 'x' is not an address; write four numbers as in 10.0.0.1"),
        ({"client_id": "hex:0"}, "client-id: "),
        ({"options": {"0": "x"}}, "options.0: write the code of an option, 1 to 254, or its name"),
        ({"options": {"nope": "x"}}, "options.nope: write the code of an option, 1 to 254, or its "
                                     "name"),
        ({"options": {"93": "hex:zz"}}, "options.93: "),
        ({"interface": "eth9"}, "interface: eth9 is not served: the server's are srv0, up0"),
        ({}, "interface: say by which it came: --interface srv0 or up0, or --relay GIADDR"),
        ({"circuit_id": "x", "options": {"82": "hex:0101"}}, "options.82: circuit-id, remote-id"),
        ({"packet": "zz"}, "packet: write the octets of a message in hex"),
        ({"options": {str(code): "x" * 250 for code in range(150, 160)}}, "options: "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_field(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(BadField) as raised:
        ask(LINKS, **fields)
    assert str(raised.value).startswith(words)
