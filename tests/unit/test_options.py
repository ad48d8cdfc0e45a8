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
    decode,
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
    ("2132 3.7", "name-servers", ["192.0.2.1"], "c0000201"),
    ("2132 3.10", "cookie-servers", ["192.0.2.1"], "c0000201"),
    ("2132 3.11", "lpr-servers", ["192.0.2.1"], "c0000201"),
    ("2132 3.12", "impress-servers", ["192.0.2.1"], "c0000201"),
    ("2132 3.13", "resource-location-servers", ["192.0.2.1"], "c0000201"),
    ("2132 3.15", "boot-size", 512, "0200"),
    ("2132 3.16", "merit-dump", "/core", "2f636f7265"),
    ("2132 3.18", "swap-server", "192.0.2.1", "c0000201"),
    ("2132 3.20", "extensions-path", "/x", "2f78"),
    ("2132 4.1", "ip-forwarding", False, "00"),
    ("2132 4.1", "ip-forwarding", True, "01"),
    ("2132 4.2", "non-local-source-routing", False, "00"),
    ("2132 4.3", "policy-filter", [["10.1.0.0", "255.255.0.0"]], "0a010000 ffff0000"),
    ("2132 4.4 the least", "max-dgram-reassembly", 576, "0240"),
    ("2132 4.5", "default-ip-ttl", 255, "ff"),
    ("2132 4.6", "path-mtu-aging-timeout", "10m", "00000258"),
    ("2132 4.7", "path-mtu-plateau-table", [68, 1492], "0044 05d4"),
    ("2132 5.2", "all-subnets-local", True, "01"),
    ("2132 5.4", "perform-mask-discovery", False, "00"),
    ("2132 5.5", "mask-supplier", False, "00"),
    ("2132 5.6", "router-discovery", True, "01"),
    ("2132 5.7", "router-solicitation-address", "192.0.2.1", "c0000201"),
    ("2132 6.1", "trailer-encapsulation", False, "00"),
    ("2132 6.2", "arp-cache-timeout", 60, "0000003c"),
    ("2132 6.3", "ieee802-3-encapsulation", True, "01"),
    ("2132 7.1", "default-tcp-ttl", 1, "01"),
    ("2132 7.2 0 is none", "tcp-keepalive-interval", 0, "00000000"),
    ("2132 7.3", "tcp-keepalive-garbage", True, "01"),
    ("2132 8.1", "nis-domain", "nis", "6e6973"),
    ("2132 8.2", "nis-servers", ["192.0.2.1"], "c0000201"),
    ("2132 8.4 of PXE's space", "vendor-encapsulated-options",
     {"space": "pxe", "menu-prompt": [0, "PXE"], "discovery-control": 8, "200": "hex:ff"},
     "060108 0a0400505845 c801ff"),
    ("2132 8.6", "netbios-dd-server", ["192.0.2.1"], "c0000201"),
    ("2132 8.9", "font-servers", ["192.0.2.1"], "c0000201"),
    ("2132 8.10", "x-display-manager", ["192.0.2.1"], "c0000201"),
    ("2132 8.11", "nisplus-domain-name", "n", "6e"),
    ("2132 8.12", "nisplus-servers", ["192.0.2.1"], "c0000201"),
    ("2132 8.13", "mobile-ip-home-agent", ["192.0.2.1"], "c0000201"),
    ("2132 8.14", "smtp-server", ["192.0.2.1"], "c0000201"),
    ("2132 8.15", "pop-server", ["192.0.2.1"], "c0000201"),
    ("2132 8.16", "nntp-server", ["192.0.2.1"], "c0000201"),
    ("2132 8.17", "www-server", ["192.0.2.1"], "c0000201"),
    ("2132 8.18", "finger-server", ["192.0.2.1"], "c0000201"),
    ("2132 8.19", "irc-server", ["192.0.2.1"], "c0000201"),
    ("2132 8.20", "streettalk-server", ["192.0.2.1"], "c0000201"),
    ("2132 8.21", "streettalk-directory-assistance-server", ["192.0.2.1"], "c0000201"),
    ("2132 9.13", "vendor-class-identifier", "HTTPClient", "48545450436c69656e74"),
    ("2242 2", "nwip-domain-name", "nw", "6e77"),
    ("2242 3", "nwip-suboptions", "hex:050101", "050101"),
    ("2241 2", "nds-servers", ["192.0.2.1"], "c0000201"),
    ("2241 3", "nds-tree-name", "tree", "74726565"),
    ("2241 4", "nds-context", "ou", "6f75"),
    ("2485", "uap-servers", "a:// b://", "613a2f2f 20 623a2f2f"),
    ("2563 2", "auto-config", 0, "00"),
    ("2610 3", "slp-directory-agent", [True, ["192.0.2.1", "192.0.2.2"]], "01 c0000201 c0000202"),
    ("2610 4", "slp-service-scope", [False, "campus"], "00 63616d707573"),
    ("2937", "name-service-search", [6, 44], "0006 002c"),
    ("3004 4", "user-class", "hex:03616263", "03616263"),
    # RFC 3361 3.1 and 3.2: an example of each encoding.
    ("3361 3.1", "sip-servers", ["example.com", "example.net"],
     "00 076578616d706c6503636f6d00 076578616d706c65036e657400"),
    ("3361 3.2", "sip-servers", ["192.0.2.1", "192.0.2.2"], "01 c0000201 c0000202"),
    ("3495 5.1, 5.5", "cablelabs-client",
     {"primary-dhcp-server": "192.0.2.1", "kerberos-realm": "A.EXAMPLE", "use-ticket-server": 1},
     "0104c0000201 060b 0141 074558414d504c45 00 070101"),
    ("3495 by code", "cablelabs-client", "hex:0104c0000201", "0104c0000201"),
    ("3679", "ldap-url", "ldap://a", "6c6461703a2f2f61"),
    ("3679", "netinfo-server-address", ["192.0.2.1"], "c0000201"),
    ("3679", "netinfo-server-tag", "t", "74"),
    ("3925 3", "vendor-class", "hex:0000118b0201aa", "0000118b0201aa"),
    ("3925 4 two vendors, one in hex", "vendor-options",
     [{"enterprise": 343, "space": "pxe", "discovery-control": 8},
      {"enterprise": 4491, "data": "hex:0104c0000201"}],
     "00000157 03 060108 0000118b 06 0104c0000201"),
    ("4174 2", "isns", [1, 3, 5, 9, ["192.0.2.1", "192.0.2.2"]],
     "0001 0003 0005 00000009 c0000201 c0000202"),
    ("4280", "bcms-controller-names", ["a.example", "b.example"],
     "0161076578616d706c6500 0162076578616d706c6500"),
    ("4280", "bcms-controller-address", ["192.0.2.1"], "c0000201"),
    ("4578 2.1", "client-system", [7, 9], "0007 0009"),
    ("4578 2.2", "client-ndi", [1, 3, 16], "01 03 10"),
    ("4578 2.3", "uuid-guid", "hex:00" + "11" * 16, "00" + "11" * 16),
    *(("4578 2.4", f"pxe-{code}", "hex:01", "01") for code in range(128, 136)),
    ("4776 3.1", "geoconf-civic", "hex:0055530002656e", "0055530002656e"),
    ("5071 3", "pxelinux-magic", "hex:f100747e", "f100747e"),
    ("5071 4", "pxelinux-configuration-file", "c", "63"),
    ("5071 5", "pxelinux-path-prefix", "/p/", "2f702f"),
    ("5071 6", "pxelinux-reboot-time", "1m", "0000003c"),
    ("5192", "pana-agent", ["192.0.2.1"], "c0000201"),
    ("5223", "v4-lost", "lost.example", "046c6f7374 076578616d706c65 00"),
    ("5417", "capwap-ac-v4", ["192.0.2.1"], "c0000201"),
    ("5678", "mos-addresses", {"event-service": ["192.0.2.1"], "information-service":
     ["192.0.2.2"]}, "0104c0000202 0304c0000201"),
    ("5678", "mos-names", {"command-service": ["a.b"]}, "0205 0161016200"),
    ("5969 7.1.1", "option-6rd", [8, 32, "2001:db8::", ["192.0.2.1"]],
     "08 20 20010db8000000000000000000000000 c0000201"),
    ("5986", "v4-access-domain", "a.example.", "0161076578616d706c6500"),
    ("6011", "sip-ua-cs-domains", ["a.b", "c.b"], "0161016200 0163016200"),
    ("6153", "andsf-addresses", ["192.0.2.1"], "c0000201"),
    ("6225", "geoconf", "hex:" + "00" * 15 + "01", "00" * 15 + "01"),
    ("6225", "geoloc", "hex:" + "00" * 16, "00" * 16),
    ("6656", "subnet-allocation", "hex:00", "00"),
    ("6704", "forcerenew-nonce-capable", [1], "01"),
    ("6731 4.3", "rdnss-selection", [1, "192.0.2.1", "192.0.2.2", ["a.b"]],
     "01 c0000201 c0000202 0161016200"),
    ("7291 4 two servers, the first with two addresses", "v4-pcp-servers",
     [["192.0.2.1", "192.0.2.2"], ["192.0.2.3"]], "08 c0000201 c0000202 04 c0000203"),
    ("7618", "v4-portparams", [6, 8, 0x1200], "06 08 1200"),
    ("8520", "mud-url", "https://m/", "68747470733a2f2f6d2f"),
    ("8539", "softwire-source-address", "2001:db8::1", "20010db8000000000000000000000001"),
    ("8572 8.1", "v4-sztp-redirect", ["https://a", "https://b"],
     "0009 68747470733a2f2f61 0009 68747470733a2f2f62"),
    ("8925 3.1 with a unit", "v6-only-preferred", "1h", "00000e10"),
    ("8973", "v4-dots-ri", "d.example", "0164076578616d706c6500"),
    ("8973", "v4-dots-addresses", ["192.0.2.1"], "c0000201"),
    ("9463 5.1 all parts", "v4-dnr",
     [{"name": "dns.a", "priority": 2, "addresses": ["192.0.2.1"], "alpn": ["dot", "h2"],
       "port": 8530, "dohpath": "/q{?dns}", "key65280": "hex:ff"}],
     "0031 0002 07 03646e73016100 04 c0000201 0001 0007 03646f74026832 0003 0002 2152"
     "0007 0008 2f717b3f646e737d ff00 0001 ff"),
    ("9463 3.1.6 names alone, two resolvers", "v4-dnr", [{"name": "a.b"}, {"name": "c.b"}],
     "0008 0001 05 0161016200 0008 0001 05 0163016200"),
    ("iPXE", "etherboot", {"no-pxedhcp": 1, "priority": -1}, "0101ff b00101"),
    ("of telephones", "ip-telephone", "MCIPADD=192.0.2.1", "4d4349504144443d3139322e302e322e31"),
    ("of cable devices", "packetcable", "hex:00", "00"),
    ("of Microsoft", "ms-classless-static-routes", [["10.0.0.0/8", "10.0.0.1"]], "080a 0a000001"),
    ("of browsers", "wpad-url", "http://w/wpad.dat", "687474703a2f2f772f777061642e646174"),
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
    ("interface-mtu", "1400", '"1400" is text; write 1400 without quotes'),
    (
        "time-offset",
        1 << 31,
        "2147483648 is not right; write a number from -2147483648 to 2147483647",
    ),
    ("netbios-node-type", 3, "3 is not right; write 1, 2, 4 or 8"),
    ("rdnss-selection", [2, "10.0.0.1", "10.0.0.2", ["a.b"]],
     "2 is not right; write 0, 1 or 3"),
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
    ("default-ip-ttl", 0, "0 is not right; write a number from 1 to 255"),
    ("default-tcp-ttl", 0, "0 is not right; write a number from 1 to 255"),
    ("max-dgram-reassembly", 575, "575 is not right; write a number from 576 to 65535"),
    ("path-mtu-plateau-table", [68, 67], "67 is not right; write a number from 68 to 65535"),
    ("ip-forwarding", 1, "1 is not right; write true or false"),
    ("policy-filter", ["10.0.0.0"], '"10.0.0.0" is not a pair; write ["10.1.0.0", "255.255.0.0"]'),
    ("v4-pcp-servers", [[]], "takes 0 octets; each takes 1 to 255 here"),
    ("slp-directory-agent", [True], 'has 1 members; write a list of 2, [flag, addresses], as in '
     '[true, ["10.0.0.1"]]'),
    ("v4-lost", "", '"" is not a domain name; write one as in "lab.example"'),
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
    assert {option.code: option.name for option in CONFIGURABLE if option.code in NAMES} == NAMES


def test_codes_and_names_are_unique_and_in_order() -> None:
    codes = [option.code for option in OPTIONS]
    assert codes == sorted(set(codes))
    assert len(BY_CODE) == len(BY_NAME) == len(OPTIONS)
    assert len(RELAY_BY_CODE) == len(RELAY_BY_NAME)


def test_iana_every_assigned_option_is_there() -> None:
    """0 and 255 are no options; IANA has given back the others, or nobody has asked for them."""
    free = {
        84, 96, *range(102, 108), 110, 111, 115, 126, 127, 149, 160, *range(163, 175),
        *range(178, 208), *range(214, 220), *range(222, 255),
    } - {249, 252}  # fmt: skip
    assert set(BY_CODE) == set(range(1, 255)) - free


def test_every_configurable_option_has_a_case_here() -> None:
    assert {name for _, name, _, _ in ENCODINGS} == {option.name for option in CONFIGURABLE}


@pytest.mark.parametrize(("section", "name", "value", "octets"), ENCODINGS)
def test_encoding(section: str, name: str, value: object, octets: str) -> None:
    option = BY_NAME[name]
    assert encode(option, value) == bytes.fromhex(octets)
    rfc = option.rfc.split()[0] if option.rfc else ""
    assert section.startswith((rfc, "1035"))


@pytest.mark.parametrize(("name", "octets"), [row[1::2] for row in ENCODINGS])
def test_what_is_read_is_written_as_it_was(name: str, octets: str) -> None:
    option = BY_NAME[name]
    data = bytes.fromhex(octets)
    read = decode(option.code, data)
    assert encode(option, read) == data
    if option.type.name not in ("bytes", "{space}"):
        assert not str(read).startswith("hex:")


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
        (224, "hex:", ""),  # of no standard, so nobody can say that it must have data
        (43, "hex:ff", "ff"),
        (254, "hex:00", "00"),
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
        (3, "hex:", "is empty; give a value, or leave the option out"),
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
