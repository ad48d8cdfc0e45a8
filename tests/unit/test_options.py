"""Options of RFC 2132 and its followers: the octets of each, and what may not be written."""

import re

import pytest

from fastdhcp.options import (
    BY_CODE,
    BY_NAME,
    CONFIGURABLE,
    OPTIONS,
    RELAY_BY_CODE,
    RELAY_BY_NAME,
    VALUE_SIZE_MAX,
    OptionError,
    encode,
    encode_code,
)

# What users may write, by the contract with them.
NAMES = {
    2: "time-offset", 3: "routers", 4: "time-servers", 6: "domain-name-servers", 7: "log-servers",
    12: "host-name", 15: "domain-name", 17: "root-path", 26: "interface-mtu",
    28: "broadcast-address", 33: "static-routes", 42: "ntp-servers",
    43: "vendor-encapsulated-options", 44: "netbios-name-servers", 46: "netbios-node-type",
    47: "netbios-scope", 66: "tftp-server-name", 67: "boot-file-name", 100: "posix-timezone",
    101: "tz-name", 108: "v6-only-preferred", 114: "captive-portal", 119: "domain-search",
    121: "classless-static-routes", 150: "tftp-servers",
}  # fmt: skip

# RFC section, name, value, octets.
ENCODINGS = [
    ("2132 3.4", "time-offset", 3600, "00000e10"),
    ("2132 3.4 west of UTC is negative", "time-offset", -18000, "ffffb9b0"),
    ("2132 3.5", "routers", ["10.77.0.1", "10.77.0.2"], "0a4d0001 0a4d0002"),
    ("2132 3.6", "time-servers", ["192.0.2.1"], "c0000201"),
    ("2132 3.8", "domain-name-servers", ["192.0.2.1", "192.0.2.2"], "c0000201 c0000202"),
    ("2132 3.9", "log-servers", ["192.0.2.1"], "c0000201"),
    ("2132 3.14", "host-name", "pc-7", "70632d37"),
    ("2132 3.17", "domain-name", "a.example", "612e6578616d706c65"),
    ("2132 3.19", "root-path", "/srv", "2f737276"),
    ("2132 5.1", "interface-mtu", 1400, "0578"),
    ("2132 5.1 the least", "interface-mtu", 68, "0044"),
    ("2132 5.3", "broadcast-address", "10.77.3.255", "0a4d03ff"),
    ("2132 5.3 in a list", "broadcast-address", ["10.77.3.255"], "0a4d03ff"),
    ("2132 5.8", "static-routes", [["10.1.0.1", "10.77.0.1"]], "0a010001 0a4d0001"),
    ("2132 8.3", "ntp-servers", ["192.0.2.1"], "c0000201"),
    ("2132 8.4", "vendor-encapsulated-options", "hex:0104c0a80001", "0104c0a80001"),
    ("2132 8.5", "netbios-name-servers", ["192.0.2.1"], "c0000201"),
    ("2132 8.7", "netbios-node-type", 8, "08"),
    ("2132 8.8", "netbios-scope", "s", "73"),
    ("2132 9.4", "tftp-server-name", "t", "74"),
    ("2132 9.5", "boot-file-name", "pxe", "707865"),
    ("4833 2", "posix-timezone", "CET-1CEST", "4345542d3143455354"),
    ("4833 2", "tz-name", "Europe/Berlin", "4575726f70652f4265726c696e"),
    ("8925 3.1", "v6-only-preferred", 1800, "00000708"),
    ("8910 2.1", "captive-portal", "https://p/", "68747470733a2f2f702f"),
    # The example of RFC 3397 3 with its compression, in one piece.
    (
        "3397 2, 3",
        "domain-search",
        ["eng.apple.com.", "marketing.apple.com."],
        "03656e67 056170706c65 03636f6d 00 096d61726b6574696e67 c004",
    ),
    ("1035 4.1.4 a pointer whatever the case", "domain-search", ["a.B", "A.b"], "01610142 00 c000"),
    # RFC 3442, the table of its page 4.
    ("3442 /0", "classless-static-routes", [["0.0.0.0/0", "10.0.0.1"]], "00 0a000001"),
    ("3442 /8", "classless-static-routes", [["10.0.0.0/8", "10.0.0.1"]], "080a 0a000001"),
    ("3442 /24", "classless-static-routes", [["10.0.0.0/24", "10.0.0.1"]], "180a0000 0a000001"),
    ("3442 /16", "classless-static-routes", [["10.17.0.0/16", "10.0.0.1"]], "100a11 0a000001"),
    ("3442 /25", "classless-static-routes", [["10.229.0.128/25", "10.0.0.1"]],
     "190ae50080 0a000001"),
    ("3442 /32", "classless-static-routes", [["10.198.122.47/32", "10.0.0.1"]],
     "200ac67a2f 0a000001"),
    ("5859", "tftp-servers", ["192.0.2.1"], "c0000201"),
]  # fmt: skip

LABEL = "x" * 63
REFUSALS = [
    ("routers", "10.0.0.1", 'must be a list of addresses, as in ["10.0.0.1"], not "10.0.0.1"'),
    ("routers", ["10.0.0"], '"10.0.0" is not an address; write four numbers as in 10.0.0.1'),
    ("routers", [7], "7 is not an address; write four numbers as in 10.0.0.1"),
    ("routers", [], "is empty; give a value, or leave the option out"),
    ("host-name", "", "is empty; give a value, or leave the option out"),
    ("host-name", 7, "must be text, not 7"),
    (
        "host-name",
        "bür\n",
        '"bür\n" is not printable ASCII; give the option by its code, in hex',
    ),
    ("interface-mtu", 67, "67 is not right; write a number from 68 to 65535"),
    ("interface-mtu", 65536, "65536 is not right; write a number from 68 to 65535"),
    ("interface-mtu", True, "true is not right; write a number from 68 to 65535"),
    ("interface-mtu", "1400", '"1400" is not right; write a number from 68 to 65535'),
    (
        "time-offset",
        1 << 31,
        "2147483648 is not right; write a number from -2147483648 to 2147483647",
    ),
    ("netbios-node-type", 3, "3 is not right; write 1, 2, 4 or 8"),
    (
        "static-routes",
        [["0.0.0.0", "10.0.0.1"]],
        "0.0.0.0 may not be a destination here; name the router in `routers`",
    ),
    ("static-routes", ["10.0.0.1"], '"10.0.0.1" is not a pair; write ["10.1.0.1", "10.0.0.1"]'),
    (
        "classless-static-routes",
        [["10.0.0.1/8", "10.0.0.1"]],
        '"10.0.0.1/8" has bits beyond its length; write 10.0.0.0/8',
    ),
    (
        "classless-static-routes",
        [["10.0.0.0/33", "10.0.0.1"]],
        '"10.0.0.0/33" is not a prefix; write one as in 10.0.0.0/8',
    ),
    ("domain-search", ["."], '"." is not a domain name; write one as in "lab.example"'),
    ("domain-search", ["a..b"], '"a..b" has an empty label; write single dots between labels'),
    ("domain-search", ["ü.example"], '"ü.example" is not ASCII; write labels in their xn-- form'),
    (
        "domain-search",
        ["x" * 64],
        'label "xxxxxxxxxxxxxxxxxxxx..." has 64 octets; a label may have 63',
    ),
    (
        "domain-search",
        [f"{LABEL}.{LABEL}.{LABEL}.{LABEL}"],
        f'"{LABEL[:56]}... is longer than a domain name may be, 255 octets',
    ),
    (
        "vendor-encapsulated-options",
        "hex:0",
        '"hex:0" is not hex; write "hex:" and pairs of digits, "hex:0a0b"',
    ),
    (
        "vendor-encapsulated-options",
        "0104",
        '"0104" is not hex; write "hex:" and pairs of digits, "hex:0a0b"',
    ),
    ("lease-time", 7, "option 51 is written by the server itself; leave it out"),
]


def test_every_name_of_the_contract_is_there_under_its_code() -> None:
    assert {option.code: option.name for option in CONFIGURABLE} == NAMES


def test_codes_and_names_are_unique() -> None:
    assert len(BY_CODE) == len(BY_NAME) == len(OPTIONS)
    assert len(RELAY_BY_CODE) == len(RELAY_BY_NAME)


def test_every_configurable_option_has_a_case_here() -> None:
    assert {name for _, name, _, _ in ENCODINGS} == set(NAMES.values())


@pytest.mark.parametrize(("section", "name", "value", "octets"), ENCODINGS)
def test_encoding(section: str, name: str, value: object, octets: str) -> None:
    assert encode(BY_NAME[name], value) == bytes.fromhex(octets)
    assert section.startswith((BY_NAME[name].rfc.split()[0], "1035"))


@pytest.mark.parametrize(("name", "value", "text"), REFUSALS)
def test_refusal(name: str, value: object, text: str) -> None:
    with pytest.raises(OptionError, match=f"^{re.escape(text)}$"):
        encode(BY_NAME[name], value)


def test_3396_a_value_may_be_longer_than_255_octets() -> None:
    names = [f"n{i}-{'x' * 40}.example" for i in range(10)]
    octets = encode(BY_NAME["domain-search"], names)
    assert len(octets) > 255
    # RFC 3397 2: a pointer counts from the start of the joined data, so the split does not matter.
    assert octets.count(b"\xc0") == 9


def test_a_value_may_not_fill_the_whole_reply() -> None:
    with pytest.raises(OptionError, match=r"^takes 1028 octets; an option may take 1024$"):
        encode(BY_NAME["routers"], ["10.0.0.1"] * (VALUE_SIZE_MAX // 4 + 1))


@pytest.mark.parametrize(
    ("code", "value", "octets"),
    [
        (224, "hex:0a0b0c", "0a0b0c"),
        (224, "hex:0A:0b", "0a0b"),
        (3, "hex:0a4d0001", "0a4d0001"),
        (60, "hex:505845436c69656e74", "505845436c69656e74"),
    ],
)
def test_by_code(code: int, value: str, octets: str) -> None:
    assert encode_code(code, value) == bytes.fromhex(octets)


@pytest.mark.parametrize(
    ("code", "value", "text"),
    [
        (0, "hex:00", "0 is not the code of an option; codes go from 1 to 254"),
        (255, "hex:00", "255 is not the code of an option; codes go from 1 to 254"),
        (1, "hex:ffffff00", "option 1 (subnet-mask) is written by the server itself; leave it out"),
        (82, "hex:00", "option 82 (relay-agent-information) is written by the server itself; leave "
         "it out"),
        (224, "text", '"text" is not hex; write "hex:" and pairs of digits, "hex:0a0b"'),
        (224, 7, '7 is not hex; write "hex:" and pairs of digits, "hex:0a0b"'),
        (224, "hex:", "is empty; give a value, or leave the option out"),
    ],
)  # fmt: skip
def test_refusal_by_code(code: int, value: object, text: str) -> None:
    with pytest.raises(OptionError, match=f"^{re.escape(text)}$"):
        encode_code(code, value)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (1, "circuit-id"), (2, "remote-id"), (5, "link-selection"), (6, "subscriber-id"),
        (11, "server-id-override"), (19, "relay-source-port"), (151, "virtual-subnet-selection"),
    ],
)  # fmt: skip
def test_3046_sub_options_by_name(code: int, name: str) -> None:
    assert RELAY_BY_NAME[name].code == code
