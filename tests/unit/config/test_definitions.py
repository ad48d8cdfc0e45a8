"""[[option-definitions]], spaces, vendors, always- and never-send: what they give, and every way to
write them wrong, with the very words that an operator reads."""

from pathlib import Path

import pytest

from fastdhcp.config import check, load
from fastdhcp.config.model import Given
from fastdhcp.options import STANDARD

DOCSIS = """[[option-definitions]]
space = "docsis"
code = 1
name = "tftp-servers"
type = "addresses"
"""


def definition(**keys: object) -> str:
    """A definition in one line, so that all problems are of line 1."""
    written = {"code": 224, "name": "menu", "type": "text"} | keys
    parts = [f"{key} = {_toml(value)}" for key, value in written.items() if value is not None]
    return f"option-definitions = [{{ {', '.join(parts)} }}]\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


# ---- what is defined

RECORD = ["u8", "address", "text"]
GOOD = [
    ("text", {"type": "text"}, '"m"', "6d"),
    ("address", {"type": "address"}, '"10.0.0.1"', "0a000001"),
    ("addresses", {"type": "addresses"}, '["10.0.0.1", "10.0.0.2"]', "0a000001 0a000002"),
    ("address6", {"type": "address6"}, '"2001:db8::1"', "20010db8000000000000000000000001"),
    ("u8", {"type": "u8"}, "255", "ff"),
    ("u16", {"type": "u16"}, "256", "0100"),
    ("u32", {"type": "u32"}, "1", "00000001"),
    ("i8", {"type": "i8"}, "-1", "ff"),
    ("i16", {"type": "i16"}, "-2", "fffe"),
    ("i32", {"type": "i32"}, "-1", "ffffffff"),
    ("flag", {"type": "flag"}, "true", "01"),
    ("flag", {"type": "flag"}, "false", "00"),
    ("empty", {"type": "empty"}, "true", ""),
    ("duration", {"type": "duration"}, '"1h"', "00000e10"),
    ("duration as a number", {"type": "duration"}, "90", "0000005a"),
    ("name", {"type": "name"}, '"a.b"', "0161016200"),
    ("names, whole", {"type": "names"}, '["a.b", "c.b"]', "0161016200 0163016200"),
    ("routes", {"type": "routes"}, '[["10.0.0.0/8", "10.0.0.1"]]', "080a0a000001"),
    ("bytes", {"type": "bytes"}, '"hex:00ff"', "00ff"),
    ("a record", {"type": RECORD}, '[1, "10.0.0.1", "x"]', "01 0a000001 78"),
    ("several numbers", {"type": "u16", "array": True}, "[1, 2]", "0001 0002"),
    ("several names", {"type": "name", "array": True}, '["a.b", "c.b"]', "0161016200 0163016200"),
    ("several records", {"type": ["u8", "address"], "array": True},
     '[[1, "10.0.0.1"], [2, "10.0.0.2"]]', "01 0a000001 02 0a000002"),
    ("in DHCP's own space by its name", {"space": "dhcp4", "type": "u8"}, "1", "01"),
    ("of iPXE's space", {"type": "space:ipxe"}, '{ keep-san = 1 }', "080101"),
    ("the space in hex", {"type": "space:ipxe"}, '"hex:0801"', "0801"),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "value", "octets"), [row[1:] for row in GOOD],
                         ids=[row[0] for row in GOOD])
def test_a_type(tmp_path: Path, keys: dict[str, object], value: str, octets: str) -> None:
    path = tmp_path / "fastdhcp.toml"
    path.write_text(definition(**keys) + f"[defaults.options]\nmenu = {value}\n")
    assert load(path).options == {224: Given(bytes.fromhex(octets))}


def test_a_space_of_a_space(tmp_path: Path) -> None:
    path = tmp_path / "fastdhcp.toml"
    path.write_text(
        '[[option-definitions]]\ncode = 224\nname = "menu"\ntype = "space:outer"\n'
        '[[option-definitions]]\nspace = "outer"\ncode = 3\nname = "inner"\ntype = "space:ipxe"\n'
        "[defaults.options]\nmenu = { inner = { keep-san = 1 } }\n"
    )
    assert load(path).options == {224: Given(bytes.fromhex("03 03 080101"))}


def test_a_second_name_for_an_option_of_a_standard(tmp_path: Path) -> None:
    """150 is GRUB's path for some, and servers of RFC 5859 for others."""
    path = tmp_path / "fastdhcp.toml"
    defined = definition(code=150, name="grub-path")
    path.write_text(defined + '[defaults.options]\ngrub-path = "/g"\n')
    assert load(path).options == {150: Given(b"/g")}


def test_option_125_by_a_name_of_its_own_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "fastdhcp.toml"
    defined = definition(code=125, name="raw", type="bytes")
    path.write_text(defined + '[defaults.options]\nraw = "hex:01"\n')
    assert load(path).options == {125: Given(b"\x01")}


def test_menu_and_servers_of_pxe(tmp_path: Path) -> None:
    """Intel's PXE 2.1, tables 2-1: of an entry its type, then what it has counted or measured."""
    path = tmp_path / "fastdhcp.toml"
    path.write_text(
        "[defaults.options.vendor-encapsulated-options]\nspace = 'pxe'\n"
        "boot-servers = [[1, ['10.0.0.1', '10.0.0.2']], [2, ['10.0.0.3']]]\n"
        "boot-menu = [[0, 'disk'], [1, 'net']]\nmenu-prompt = [10, 'F8']\n"
    )
    wanted = (
        "0812 0001020a0000010a000002 0002010a000003" "090d 0000046469736b 0001036e6574" "0a030a4638"
    )  # fmt: skip
    assert load(path).options == {43: Given(bytes.fromhex(wanted))}
    space = STANDARD.spaces["pxe"]
    for name, value in [("boot-servers", [[1, ["10.0.0.1"]]]), ("boot-menu", [[0, "disk"]])]:
        kind = space.by_name[name].type
        assert kind.value(kind.write(value)) == value


def test_definitions_of_all_files_count_together(tmp_path: Path) -> None:
    (tmp_path / "more.toml").write_text(DOCSIS)
    path = tmp_path / "fastdhcp.toml"
    path.write_text(
        '[server]\ninclude = ["more.toml"]\n[defaults.options]\nvendor-encapsulated-options = '
        '{ space = "docsis", tftp-servers = ["10.0.0.5"] }\n'
    )
    assert load(path).options == {43: Given(bytes.fromhex("01040a000005"))}


def test_rfc3925_4_vendors_and_always_and_never_stand_with_their_option(tmp_path: Path) -> None:
    path = tmp_path / "fastdhcp.toml"
    path.write_text(
        '[defaults]\nalways-send = ["vendor-options"]\nnever-send = ["224", 6]\n'
        "[defaults.options]\n"
        'vendor-options = [{ enterprise = 4491, data = "hex:01" }]\n"224" = "hex:02"\n'
    )
    assert load(path).options == {
        125: Given(bytes.fromhex("0000118b0101"), "always", by_vendor=True),
        224: Given(b"\x02", "never"),
        6: Given(None, "never"),
    }


# ---- what is wrong

TYPES = (
    "text, address, addresses, address6, u8, u16, u32, i8, i16, i32, flag, empty, duration, name, "
    "names, routes, bytes, space:NAME"
)
BAD: list[tuple[str, str, list[str]]] = [
    ("no code", definition(code=None),
     ["1: option-definitions[0]: `code` is missing; write the option's code such as code = 224"]),
    ("no name", definition(name=None),
     ['1: option-definitions[0]: `name` is missing; write a name such as name = "lan-a"']),
    ("no type", definition(type=None),
     ['1: option-definitions[0]: `type` is missing; write a type such as type = "addresses"']),
    ("a code that is none", definition(code=255),
     ["1: option-definitions[0].code: 255 is not the code of an option; codes go from 1 to 254"]),
    ("a code of the server's", definition(code=82),
     ["1: option-definitions[0].code: option 82 (relay-agent-information) is written by the server "
      "itself; leave it out"]),
    ("a name that is none", definition(name="menu url"),
     ['1: option-definitions[0].name: "menu url" is not the name of an option; write letters, '
      'digits and "-", as in "menu-url"']),
    ("a name that is a code", definition(name="224"),
     ['1: option-definitions[0].name: "224" is not the name of an option; write letters, digits '
      'and "-", as in "menu-url"']),
    ("a name of a standard", definition(name="routers"),
     ['1: option-definitions[0].name: "routers" is the name of option 3 already; take another '
      "name, or leave this out"]),
    ("a space without name", definition(space=" "),
     ['1: option-definitions[0].space: " " is not a name; write 1 to 64 printable characters']),
    ("no such type", definition(type="adress"),
     ['1: option-definitions[0].type: "adress" is not a type; did you mean "address"?']),
    ("nothing like a type", definition(type="xyzzy"),
     [f'1: option-definitions[0].type: "xyzzy" is not a type; write one of {TYPES}']),
    ("a record of nothing", definition(type=[]),
     ['1: option-definitions[0].type: is empty; write the types of a record, as in ["u8", '
      '"address"]']),
    ("a record whose text is not last", definition(type=["text", "u8"]),
     ['1: option-definitions[0].type: "text" takes all octets that are left; write it last']),
    ("several texts", definition(type="text", array=True),
     ["1: option-definitions[0].array: text takes all octets that are left, so it cannot be "
      "repeated; write a type of a size of its own, or leave `array` out"]),
    ("several of nothing", definition(type="empty", array=True),
     ["1: option-definitions[0].array: empty has no octets, so it cannot be repeated; leave it "
      "out"]),
    ("a space that is not there", definition(type="space:docsys"),
     ['1: option-definitions[0].type: there is no option space "docsys"; define its options in '
      "[[option-definitions]]"]),
    ("a code twice", DOCSIS + DOCSIS.replace("tftp-servers", "other"),
     ["8: option-definitions[1].code: 1 is defined already, at FILE:1; define it once"]),
    ("a type of another type", definition(type=7),
     ['1: option-definitions[0].type: is a number, must be the name of a type such as '
      '"addresses", or a list of them']),
    # Values.
    ("a value of the wrong type", definition(type="flag") + "defaults.options = { menu = 1 }\n",
     ["2: defaults.options.menu: 1 is not right; write true or false"]),
    ("a time", definition(type="duration") + 'defaults.options = { menu = "1 year" }\n',
     ['2: defaults.options.menu: "1 year" is not a time; write seconds up to 4294967295, or a '
      'number with s, m, h, d or w: "30m"']),
    ("presence", definition(type="empty") + "defaults.options = { menu = false }\n",
     ["2: defaults.options.menu: false is not right; write true, or leave the option out"]),
    ("an IPv6 address", definition(type="address6") + 'defaults.options = { menu = "10.0.0.1" }\n',
     ['2: defaults.options.menu: "10.0.0.1" is not an IPv6 address; write one as in 2001:db8::']),
    ("a record that is too short", definition(type=["u8", "u8"])
     + "defaults.options = { menu = [1] }\n",
     ["2: defaults.options.menu: has 1 members; write a list of 2, [u8, u8], as in [..., ...]"]),
    ("a member of a record", definition(type=["u8", "u8"])
     + "defaults.options = { menu = [1, 256] }\n",
     ["2: defaults.options.menu[1]: 256 is not right; write a number from 0 to 255"]),
    ("a member of a list", definition(type="u8", array=True)
     + "defaults.options = { menu = [1, -1] }\n",
     ["2: defaults.options.menu[1]: -1 is not right; write a number from 0 to 255"]),
    ("what is no table of sub-options", definition(type="space:ipxe")
     + "defaults.options = { menu = 1 }\n",
     ['2: defaults.options.menu: must be a table of sub-options, or "hex:...", not 1']),
    ("no such sub-option", definition(type="space:ipxe")
     + "defaults.options = { menu = { no-pxe = 1 } }\n",
     ['2: defaults.options.menu.no-pxe: is not an option of the space "ipxe"; define it in '
      "[[option-definitions]], or write its code"]),
    ("a sub-option's value", definition(type="space:ipxe")
     + "defaults.options = { menu = { keep-san = 2 } }\n",
     ["2: defaults.options.menu.keep-san: 2 is not right; write 0 or 1"]),
    ("a sub-option twice", definition(type="space:ipxe")
     + 'defaults.options = { menu = { keep-san = 1, "8" = "hex:01" } }\n',
     ["2: defaults.options.menu.8: sub-option 8 is there already; write it once, by name or code"]),
    ("a sub-option of 256 octets", definition(type="space:ipxe")
     + f'defaults.options = {{ menu = {{ "250" = "hex:{"00" * 256}" }} }}\n',
     ["2: defaults.options.menu.250: takes 256 octets; a sub-option may take 255"]),
    ("43 without a space", "defaults.options = { vendor-encapsulated-options = { a = 1 } }\n",
     ['1: defaults.options.vendor-encapsulated-options: `space` is missing; write { space = '
      '"docsis", ... }']),
    ("43 of a space that is not there",
     'defaults.options = { vendor-encapsulated-options = { space = "docsis" } }\n',
     ['1: defaults.options.vendor-encapsulated-options.space: "docsis" is not an option space; '
      "define it in [[option-definitions]]"]),
    ("43 as a number", "defaults.options = { vendor-encapsulated-options = 7 }\n",
     ['1: defaults.options.vendor-encapsulated-options: must be { space = "docsis", ... }, or '
      '"hex:...", not 7']),
    ("125 that is no list", "defaults.options = { vendor-options = {} }\n",
     ['1: defaults.options.vendor-options: must be a list of vendors, as in [{ enterprise = 4491, '
      'space = "docsis", ... }], not {}']),
    ("125 without its vendor",
     'defaults.options = { vendor-options = [{ data = "hex:00" }] }\n',
     ["1: defaults.options.vendor-options[0]: `enterprise` is missing; write [{ enterprise = 4491, "
      'space = "docsis", ... }]']),
    ("125 of a vendor that is none",
     'defaults.options = { vendor-options = [{ enterprise = -1, data = "hex:00" }] }\n',
     ["1: defaults.options.vendor-options[0].enterprise: -1 is not right; write a number from 0 "
      "to 4294967295"]),
    ("125 of one vendor twice", "defaults.options = { vendor-options = [{ enterprise = 9, data = "
     '"hex:00" }, { enterprise = 9, data = "hex:01" }] }\n',
     ["1: defaults.options.vendor-options[1]: 9 is there already; write it once"]),
    ("125 of nothing",
     'defaults.options = { vendor-options = [{ enterprise = 9, space = "pxe" }] }\n',
     ["1: defaults.options.vendor-options[0]: takes 0 octets; one vendor's take 1 to 255"]),
    ("a PXE server without an address", "defaults.options = { vendor-encapsulated-options = "
     '{ space = "pxe", boot-servers = [[1, []]] } }\n',
     ["1: defaults.options.vendor-encapsulated-options.boot-servers[0][1]: takes 1 to 255 "
      "addresses"]),
    # RFC 9463.
    ("a resolver without a name", "defaults.options = { v4-dnr = [{ priority = 1 }] }\n",
     ["1: defaults.options.v4-dnr[0]: `name` is missing; write [{ name = \"dns.example\", "
      'addresses = ["10.0.0.1"], alpn = ["dot"] }]']),
    ("a resolver's key", 'defaults.options = { v4-dnr = [{ name = "a.b", adn = 1 }] }\n',
     ["1: defaults.options.v4-dnr[0].adn: is not a key here; write one of name, priority, "
      "addresses, alpn, port, dohpath"]),
    ("9463 5.1 a resolver without protocols",
     'defaults.options = { v4-dnr = [{ name = "a.b", addresses = ["10.0.0.1"] }] }\n',
     ['1: defaults.options.v4-dnr[0]: `alpn` is missing; write it as in alpn = ["dot", "h2"]']),
    ("9463 3.1.6 parameters without addresses",
     'defaults.options = { v4-dnr = [{ name = "a.b", port = 853 }] }\n',
     ["1: defaults.options.v4-dnr[0]: `addresses` is missing beside port"]),
    ("9463 5.1 hints", 'defaults.options = { v4-dnr = [{ name = "a.b", key4 = "hex:00" }] }\n',
     ["1: defaults.options.v4-dnr[0].key4: may not be written by its number here; leave it out"]),
    # RFC 3361.
    ("3361 3 both encodings", 'defaults.options = { sip-servers = ["a.b", "10.0.0.1"] }\n',
     ['1: defaults.options.sip-servers: ["a.b", "10.0.0.1"] mixes names and addresses; write all '
      "of one kind"]),
    # What is sent.
    ("no such option to send", '[defaults]\nalways-send = ["router"]\n',
     ['2: defaults.always-send[0]: "router" is not an option; did you mean "routers"?']),
    ("no such code to send", "[defaults]\nnever-send = [255]\n",
     ["2: defaults.never-send[0]: 255 is not the code of an option; codes go from 1 to 254"]),
    ("what the server writes", '[defaults]\nnever-send = ["lease-time"]\n',
     ["2: defaults.never-send[0]: option 51 (lease-time) is written by the server itself; leave it "
      "out"]),
    ("twice in a list", '[defaults]\nalways-send = [3, "routers"]\n',
     ["2: defaults.always-send[1]: option 3 is there already; write it once"]),
    ("in both lists", "[defaults]\nalways-send = [3]\nnever-send = [6, 3]\n",
     ["3: defaults.never-send[1]: option 3 is in always-send too; write it in one of them"]),
    ("a list that is none", '[defaults]\nalways-send = "routers"\n',
     ['2: defaults.always-send: is text, must be a list, as in ["routers"]']),
    ("a member that is none", "[defaults]\nalways-send = [true]\n",
     ["2: defaults.always-send[0]: is true or false, must be the name of an option, or its code"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_is_wrong_is_told_with_its_cure(
    tmp_path: Path, text: str, wanted: list[str]
) -> None:
    path = tmp_path / "fastdhcp.toml"
    path.write_text(text)
    errors, _ = check(path)
    said = [str(error).replace(f"{path}:", "", 1).replace(str(path), "FILE") for error in errors]
    assert said == wanted


ELSEWHERE = [
    ("pcode", "posix-timezone"), ("v4-captive-portal", "captive-portal"),
    ("rfc3442-classless-static-routes", "classless-static-routes"),
    ("vivso-suboptions", "vendor-options"), ("wpad", "wpad-url"), ("bootfile-name",
    "boot-file-name"), ("pxe-system-type", "client-system"), ("timezone", "tz-name"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "ours"), ELSEWHERE)
def test_names_of_other_servers_are_known(tmp_path: Path, name: str, ours: str) -> None:
    path = tmp_path / "fastdhcp.toml"
    path.write_text(f'[defaults.options]\n{name} = "x"\n')
    errors, _ = check(path)
    assert [error.text for error in errors] == [f'is not an option; did you mean "{ours}"?']


@pytest.mark.parametrize(("beside", "warned"), [("", True), ('"6" = "hex:0a000001"', False)])
def test_name_servers_are_hardly_ever_meant(tmp_path: Path, beside: str, warned: bool) -> None:
    path = tmp_path / "fastdhcp.toml"
    path.write_text(f'[defaults.options]\nname-servers = ["10.0.0.1"]\n{beside}\n')
    errors, warnings = check(path)
    assert errors == []
    said = [warning.text for warning in warnings if warning.key.endswith("name-servers")]
    assert said == [
        "is option 5, servers of IEN 116 that nobody asks for any more; servers of DNS are "
        "domain-name-servers"
    ] * warned


def test_a_problem_within_a_value_is_told_with_its_own_line(tmp_path: Path) -> None:
    path = tmp_path / "fastdhcp.toml"
    path.write_text(
        DOCSIS + "[defaults.options.vendor-encapsulated-options]\n"
        'space = "docsis"\n"7" = "hex:00"\ntftp-servers = ["10.0.0.1", "ten"]\n'
        "[[subnets]]\nsubnet = '10.0.0.0/24'\n[[subnets.options.vendor-options]]\n"
        'enterprise = 4491\ndata = "hex:00"\n[[subnets.options.vendor-options]]\n'
        'enterprise = "nine"\ndata = "hex:00"\n'
    )
    errors, _ = check(path)
    assert [(error.line, error.key) for error in errors] == [
        (9, "defaults.options.vendor-encapsulated-options.tftp-servers[1]"),
        (16, "subnets[0].options.vendor-options[1].enterprise"),
    ]
