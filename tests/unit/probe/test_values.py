"""Option values in words: RFC 2132, 3046, 3397 and 3442, and what cannot be read."""

import pytest

from fastdhcp.options import CONFIGURABLE, encode
from fastdhcp.probe.values import Value, named, one_line, value

A, B = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))

READ: list[tuple[str, int, bytes, Value]] = [
    ("2132 3.3 subnet mask", 1, bytes((255, 255, 252, 0)), "255.255.252.0"),
    ("2132 3.4 time offset is signed", 2, b"\xff\xff\xff\xff", -1),
    ("2132 3.5 routers", 3, A + B, ["10.0.0.1", "10.0.0.2"]),
    ("2132 3.14 text, with a NUL behind it", 12, b"printer\0", "printer"),
    ("2132 5.1 interface MTU", 26, b"\x05\x78", 1400),
    ("2132 5.8 static routes", 33, A + B, [["10.0.0.1", "10.0.0.2"]]),
    ("2132 9.2 lease time", 51, b"\xff\xff\xff\xff", 0xFFFFFFFF),
    ("2132 9.7 server identifier", 54, A, "10.0.0.1"),
    ("2132 9.9 message", 56, b"address in use", "address in use"),
    ("3397 2 names", 119, b"\x03lab\x07example\x00", ["lab.example"]),
    ("3397 2 a pointer into the name before", 119, b"\x03lab\x07example\x00\x01b\xc0\x04",
     ["lab.example", "b.example"]),
    ("3442 default route", 121, b"\x00" + A, [["0.0.0.0/0", "10.0.0.1"]]),
    ("3442 significant octets", 121, b"\x16\x0a\x4d\x00" + A + b"\x20" + B + A,
     [["10.77.0.0/22", "10.0.0.1"], ["10.0.0.2/32", "10.0.0.1"]]),
    ("no such option, printable", 224, b"v1", "v1"),
    ("no such option, octets", 224, b"\x0a\x0b", "hex:0a0b"),
]  # fmt: skip

UNREADABLE = [
    ("a mask of three octets", 1, b"\xff\xff\xff"),
    ("routers, half of one", 3, A + b"\x0a"),
    ("no router at all", 3, b""),
    ("a number of one octet", 51, b"\x01"),
    ("a route without its router", 121, b"\x08\x0a" + A[:3]),
    ("a route with prefix length 33", 121, b"\x21" + A + b"\x00" + B),
    ("a name that ends early", 119, b"\x03la"),
    ("a name that points to itself", 119, b"\xc0\x00"),
    ("a name of no ASCII", 119, b"\x01\xff\x00"),
]


@pytest.mark.parametrize(("name", "code", "data", "wanted"), READ, ids=[row[0] for row in READ])
def test_read(name: str, code: int, data: bytes, wanted: Value) -> None:
    assert value(code, data) == wanted


@pytest.mark.parametrize(("name", "code", "data"), UNREADABLE, ids=[row[0] for row in UNREADABLE])
def test_what_cannot_be_read_is_shown_in_hex(name: str, code: int, data: bytes) -> None:
    assert value(code, data) == f"hex:{data.hex()}"


CONFIGURED: dict[str, object] = {
    "routers": ["10.0.0.1"],
    "domain-search": ["campus.example", "lab.campus.example"],
    "classless-static-routes": [["10.0.0.0/8", "10.77.0.1"], ["0.0.0.0/0", "10.77.0.2"]],
    "static-routes": [["10.1.0.1", "10.0.0.1"]],
    "time-offset": -3600,
    "interface-mtu": 1400,
    "broadcast-address": "10.0.0.255",
    "netbios-node-type": 8,
    "domain-name": "campus.example",
}


@pytest.mark.parametrize("name", CONFIGURED)
def test_what_the_configuration_says_is_what_the_probe_shows(name: str) -> None:
    option = next(option for option in CONFIGURABLE if option.name == name)
    assert value(option.code, encode(option, CONFIGURED[name])) == CONFIGURED[name]


def test_options_by_name_in_the_order_of_their_codes() -> None:
    relay_info = b"\x01\x06port-7" + b"\x05\x04" + A + b"\xf0\x01\x00"
    shown = named({82: relay_info, 53: b"\x02", 224: b"\x00", 3: A, 1: bytes((255, 0, 0, 0))})
    relay = {"circuit-id": "port-7", "link-selection": "10.0.0.1", "240": "hex:00"}
    assert list(shown.items()) == [
        ("subnet-mask", "255.0.0.0"),
        ("routers", ["10.0.0.1"]),
        ("relay-agent-information", relay),
        ("224", "hex:00"),
    ]
    assert one_line(relay) == "circuit-id port-7, link-selection 10.0.0.1, 240 hex:00"


def test_option_82_that_ends_early_is_shown_in_hex() -> None:
    assert named({82: b"\x01\x06port"}) == {"relay-agent-information": "hex:0106706f7274"}


def test_pairs_in_one_line() -> None:
    routes: Value = [["10.0.0.0/8", "10.77.0.1"], ["0.0.0.0/0", "10.77.0.2"]]
    assert one_line(routes) == "10.0.0.0/8 via 10.77.0.1, 0.0.0.0/0 via 10.77.0.2"
