"""Which configured options a reply has and in which order: request lists, always- and never-send,
vendors, routes under two numbers, what has no octets, and what is left out first."""

from typing import Any

import pytest

from fastdhcp._codec import decode
from fastdhcp.options import BY_CODE
from tests._trial_replies import ReplyMaker

from .test_reply import HEAD, MASK, SERVERS, TIMES, compiled, make, options_of, request

SMALL = (576).to_bytes(2)
DNS, DOMAIN, NTP = 6, 15, 42


def maker_of(*, defaults: str = "", subnet: str = "", pool: str = "", kept: str = "",
             definitions: str = "") -> ReplyMaker:  # fmt: skip
    """Of a policy with these keys at its levels, each in TOML."""
    inner = f", {pool}" if pool else ""
    return ReplyMaker(compiled(f"""
{definitions}
[defaults]
{defaults}
[[subnets]]
subnet = "10.77.0.0/22"
{subnet}
pools = [{{ range = "10.77.1.1-10.77.1.250"{inner} }}]
[[subnets.reservations]]
hw-address = "02:ee:00:00:00:07"
address = "10.77.0.50"
{kept}
"""))


def sent(maker: ReplyMaker, asked: bytes | None = None, **where: Any) -> dict[int, bytes]:
    """The configured options of an offer, in their order."""
    options = {} if asked is None else {55: asked or b"\0"}
    frame = {51, 53, 54, 58, 59}
    reply = decode(make(maker, request(options=options), **where))
    return {code: value for code, value in reply.options.items() if code not in frame}


# ---- always-send, never-send

TWO = 'options = { domain-name-servers = ["10.77.0.2"], ntp-servers = ["10.77.0.3"] }'
SENDINGS = [
    ("always-send without being asked", {"defaults": TWO + '\nalways-send = ["ntp-servers"]'},
     [6], [42, 6]),
    ("it goes first, whatever the order of the list",
     {"defaults": TWO + '\nalways-send = ["ntp-servers"]'}, [6, 42], [42, 6]),
    ("several by their codes, by number and by name",
     {"defaults": TWO + '\nalways-send = [42, "6"]'}, [], [6, 42]),
    ("never-send though asked for", {"defaults": TWO + '\nnever-send = ["ntp-servers"]'},
     [42, 6], [6]),
    ("never-send without option 55", {"defaults": TWO + "\nnever-send = [42]"}, None, [1, 6]),
    ("the mask may be sent always (RFC 2132 3.3)", {"defaults": 'always-send = ["subnet-mask"]'},
     [], [1]),
    ("and never", {"defaults": "never-send = [1]"}, [1], []),
    ("the mask before the routers (RFC 2132 3.3)",
     {"defaults": 'always-send = ["routers"]\noptions = { routers = ["10.77.0.1"] }'}, [15, 1],
     [1, 3]),
    ("nothing to send", {"defaults": 'always-send = ["ntp-servers"]'}, [6], []),
    ("the nearer word: never", {"defaults": TWO + "\nalways-send = [42]",
                                "subnet": "never-send = [42]"}, [42], []),
    ("the nearer word: always", {"defaults": TWO + "\nnever-send = [42]",
                                 "pool": "always-send = [42]"}, [], [42]),
    ("option by option", {"defaults": TWO + "\nnever-send = [42]", "pool": "always-send = [6]"},
     [42], [6]),
    ("RFC 8925 3.3: 108 without option 55, if the operator insists",
     {"defaults": "always-send = [108]\noptions = { v6-only-preferred = 300 }"}, None, [1, 108]),
]  # fmt: skip


@pytest.mark.parametrize(("levels", "asked", "wanted"), [row[1:] for row in SENDINGS],
                         ids=[row[0] for row in SENDINGS])
def test_always_and_never(
    levels: dict[str, str], asked: list[int] | None, wanted: list[int]
) -> None:
    maker = maker_of(**levels)
    assert list(sent(maker, None if asked is None else bytes(asked))) == wanted


def test_a_reservations_word_is_the_nearest() -> None:
    maker = maker_of(defaults=TWO, pool="never-send = [6]", kept="always-send = [6]")
    assert list(sent(maker, b"")) == []
    assert list(sent(maker, b"\x2a", reservation=0)) == [6, 42]


def test_a_reservations_name_obeys_both() -> None:
    """Option 12 that is put into a body per client."""
    name = 'hostname = "printer-7"'
    always = maker_of(defaults='always-send = ["host-name"]', kept=name)
    assert sent(always, b"", reservation=0) == {12: b"printer-7"}
    never = maker_of(defaults='never-send = ["host-name"]', kept=name)
    assert sent(never, b"\x0c", reservation=0) == {}


# ---- without option 55


@pytest.mark.parametrize(
    ("section", "option"),
    [
        ("8925 3.3", "v6-only-preferred = 300"),
        ("2563 2.3", "auto-config = 1"),
        ("7618 8", "v4-portparams = [6, 8, 0]"),
    ],
)
def test_what_is_bound_to_being_asked_for_stays_away(section: str, option: str) -> None:
    maker = maker_of(defaults=f"options = {{ {option} }}")
    assert list(sent(maker)) == [1], section
    assert len(sent(maker, bytes((108, 116, 159)))) == 1


def test_rfc2131_4_3_1_all_that_is_configured_and_the_classless_routes_first() -> None:
    routes = 'classless-static-routes = [["0.0.0.0/0", "10.77.0.1"]]'
    maker = maker_of(defaults=f'options = {{ {routes}, routers = ["10.77.0.1"], tz-name = "z" }}')
    assert list(sent(maker)) == [1, 121, 3, 101]


# ---- RFC 3442: routes, under Microsoft's number too

ROUTES = '''options = { classless-static-routes = [["10.0.0.0/8", "10.77.0.1"]],
    routers = ["10.77.0.1"], static-routes = [["10.1.0.1", "10.77.0.1"]] }'''.replace("\n", "")
ROUTE = bytes.fromhex("080a0a4d0001")


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ([121, 3, 33], [121]),
        ([3, 33, 121], [121]),
        ([3, 33], [3, 33]),
        ([3, 249], [3, 249]),  # who asks for 249 alone may not know 121: it takes the routers, too
        ([1, 15, 3, 6, 44, 46, 47, 31, 33, 121, 249, 252, 43], [1, 121]),  # Windows
        (None, [1, 121, 3, 33]),  # 249 is for who asks for it
    ],
)
def test_rfc3442_routes(asked: list[int] | None, wanted: list[int]) -> None:
    found = sent(maker_of(defaults=ROUTES), None if asked is None else bytes(asked))
    assert list(found) == wanted
    assert {found[code] for code in (121, 249) if code in found} <= {ROUTE}


def test_a_249_of_its_own_is_sent_beside_121() -> None:
    own = ROUTES.replace(" }", ', "249" = "hex:00" }')
    assert list(sent(maker_of(defaults=own), bytes((121, 249)))) == [121, 249]


def test_never_sent_classless_routes_keep_no_router_away() -> None:
    maker = maker_of(defaults=ROUTES + "\nnever-send = [121]")
    assert list(sent(maker, bytes((121, 3)))) == [3]


def test_rfc3442_classless_routes_without_room_leave_the_routers() -> None:
    """A client that gets neither has no route at all."""
    routes = ", ".join(f'["10.{i}.0.0/16", "10.77.0.1"]' for i in range(70))
    maker = maker_of(
        defaults=f'options = {{ classless-static-routes = [{routes}], routers = ["10.77.0.1"] }}'
    )
    asked = bytes((1, 121, 3))
    assert list(decode(make(maker, request(options={55: asked}))).options)[-2:] == [1, 3]
    whole = request(options={55: asked, 57: (1500).to_bytes(2)})
    assert {1, 121} <= decode(make(maker, whole)).options.keys()
    assert 3 not in decode(make(maker, whole)).options


# ---- RFC 3925: several vendors in one reply

DOCSIS = """
[[option-definitions]]
space = "docsis"
code = 1
name = "tftp-servers"
type = "addresses"
"""


def vendor(enterprise: int, address: str) -> str:
    return f'{{ enterprise = {enterprise}, space = "docsis", tftp-servers = ["{address}"] }}'


def vendors_of(*items: str) -> str:
    return f"options = {{ vendor-options = [{', '.join(items)}] }}"


def test_rfc3925_4_each_layer_adds_its_vendors_and_the_nearest_has_the_word() -> None:
    maker = maker_of(
        definitions=DOCSIS,
        defaults=vendors_of(vendor(1, "10.0.0.1"), vendor(2, "10.0.0.2")),
        subnet=vendors_of(vendor(2, "10.0.1.2")),
        pool=vendors_of(vendor(3, "10.0.2.3"), vendor(1, "10.0.2.1")),
    )
    assert sent(maker, b"\x7d")[125].hex() == (
        "00000003" "06" "01040a000203" "00000001" "06" "01040a000201"
        "00000002" "06" "01040a000102"
    )  # fmt: skip


def test_option_125_in_hex_is_whole_and_as_it_is() -> None:
    maker = maker_of(
        definitions=DOCSIS, defaults=vendors_of(vendor(1, "10.0.0.1")),
        pool='options = { "125" = "hex:0102" }',
    )  # fmt: skip
    assert sent(maker, b"\x7d") == {125: b"\x01\x02"}


def test_option_125_in_hex_of_a_farther_layer_gives_way_to_vendors() -> None:
    maker = maker_of(
        definitions=DOCSIS, pool=vendors_of(vendor(1, "10.0.0.1")),
        defaults='options = { "125" = "hex:0102" }',
    )  # fmt: skip
    assert sent(maker, b"\x7d")[125].hex() == "000000010601040a000001"


def test_rfc3396_5_option_125_over_255_octets_is_split() -> None:
    many = vendors_of(*(vendor(i, "10.0.0.1") for i in range(1, 31)))
    maker = maker_of(definitions=DOCSIS, defaults=many)
    message = make(maker, request(options={55: b"\x7d", 57: (1500).to_bytes(2)}))
    assert len(decode(message).options[125]) == 330
    assert "7dff" in options_of(message)


def test_rfc2132_8_4_option_43_of_a_space() -> None:
    maker = maker_of(
        definitions=DOCSIS,
        defaults='options = { vendor-encapsulated-options = '
        '{ space = "docsis", tftp-servers = ["10.0.0.5"], "7" = "hex:" } }',
    )
    assert sent(maker, b"\x2b") == {43: bytes.fromhex("01040a0000050700")}


# ---- what has no octets, and any code in hex


def test_an_option_without_octets_is_sent_if_it_is_configured_so() -> None:
    definitions = """
[[option-definitions]]
code = 230
name = "be-quiet"
type = "empty"
"""
    keys = 'options = { be-quiet = true, "231" = "hex:" }'
    maker = maker_of(definitions=definitions, defaults=keys)
    message = make(maker, request(options={55: bytes((230, 231))}))
    assert options_of(message) == (HEAD + TIMES + "e600" + "e700").replace(" ", "")


def test_any_code_goes_out_octet_for_octet() -> None:
    """1 to 254, but what the server itself writes."""
    codes = [c for c in range(1, 255) if not (c in BY_CODE and BY_CODE[c].server)]
    written = ", ".join(f'"{code}" = "hex:{code:02x}ff00"' for code in codes)
    maker = maker_of(defaults=f"options = {{ {written} }}")
    for code in codes:
        assert sent(maker, bytes((code,))) == {code: bytes((code, 255, 0))}


# ---- what is left out (RFC 2132 9.8: the client's order is its preference)


def test_what_is_asked_for_last_is_left_out_first() -> None:
    sizes = ", ".join(f'"{code}" = "hex:{"ab" * 130}"' for code in range(225, 230))
    maker = maker_of(defaults=f"options = {{ {sizes} }}")
    for asked in ((225, 226, 227, 228, 229), (229, 228, 227, 226, 225)):
        found = decode(make(maker, request(options={55: bytes(asked), 57: SMALL}))).options
        assert [code for code in asked if code in found] == list(asked[:2])


def test_always_send_is_left_out_last() -> None:
    sizes = ", ".join(f'"{code}" = "hex:{"ab" * 130}"' for code in range(225, 230))
    maker = maker_of(defaults=f"options = {{ {sizes} }}\nalways-send = [229]")
    found = decode(make(maker, request(options={55: bytes((225, 226, 227)), 57: SMALL}))).options
    assert [code for code in range(225, 230) if code in found] == [225, 229]


def test_rfc3396_4_an_option_that_one_field_holds_is_never_split() -> None:
    """Only what must be in parts anyhow may begin in one field and end in another."""
    keys = f'options = {{ "225" = "hex:{"ab" * 200}", "226" = "hex:{"cd" * 120}" }}'
    asked = request(options={55: bytes((225, 226)), 57: SMALL, 61: b"\1" * 20})
    message = make(maker_of(defaults=keys), asked)
    assert decode(message).options[52] == b"\1"
    assert message[108:230] == bytes((226, 120)) + b"\xcd" * 120


def test_the_order_of_the_frame_stays() -> None:
    maker = maker_of(defaults='options = { domain-name-servers = ["10.77.0.2", "10.77.0.3"] }')
    message = make(maker, request(options={55: b"\x01\x06"}))
    assert options_of(message) == (HEAD + TIMES + MASK + SERVERS).replace(" ", "")


def test_a_shared_networks_layer_stands_between_defaults_and_subnet() -> None:
    text = f"""
{DOCSIS}
[defaults]
never-send = [42]
{vendors_of(vendor(1, "10.0.0.1"), vendor(2, "10.0.0.2"))}
[[shared-networks]]
name = "lan"
always-send = ["vendor-options"]
{vendors_of(vendor(2, "10.0.1.2"))}
[[subnets]]
subnet = "10.77.0.0/22"
shared-network = "lan"
pools = ["10.77.1.1-10.77.1.250"]
always-send = [42]
options = {{ ntp-servers = ["10.0.0.9"] }}
"""
    found = sent(ReplyMaker(compiled(text)), b"\0")
    assert list(found) == [42, 125]
    assert found[125].hex() == (
        "00000001" "06" "01040a000001" "00000002" "06" "01040a000102"
    )  # fmt: skip


# ---- 66 and 67 beside sname and file (RFC 2132 9.4, 9.5)

PREFIX = bytes((255, 255, 252, 0))
BOTH = 'boot-file = "pxe.0"\nserver-name = "boot.example"'
OPTIONS = 'options = { boot-file-name = "http://x/y", tftp-server-name = "t" }'
KEPT_FILE = 'boot-file = "own.0"'
ASKED = [
    ("both, in the client's order", {"defaults": BOTH}, [67, 66],
     {67: b"pxe.0", 66: b"boot.example"}),
    ("not asked for", {"defaults": BOTH}, [6], {}),
    ("without option 55", {"defaults": BOTH}, None, {1: PREFIX}),
    ("the option of the same place has the word", {"defaults": BOTH + "\n" + OPTIONS}, [66, 67],
     {66: b"t", 67: b"http://x/y"}),
    ("a nearer key before a farther option", {"defaults": OPTIONS, "pool": 'boot-file = "near"'},
     [67], {67: b"near"}),
    ("a nearer option before a farther key", {"defaults": BOTH, "subnet": OPTIONS}, [67],
     {67: b"http://x/y"}),
    ("an option without option 55, as any", {"defaults": BOTH + "\n" + OPTIONS}, None,
     {1: PREFIX, 66: b"t", 67: b"http://x/y"}),
    ("always", {"defaults": BOTH + '\nalways-send = ["boot-file-name"]'}, [], {67: b"pxe.0"}),
    ("never", {"defaults": BOTH + "\nnever-send = [67]"}, [66, 67], {66: b"boot.example"}),
]  # fmt: skip


@pytest.mark.parametrize(("where", "asked", "wanted"), [row[1:] for row in ASKED],
                         ids=[row[0] for row in ASKED])  # fmt: skip
def test_rfc2132_9_4_9_5_who_asks_gets_the_fields_as_options(
    where: dict[str, str], asked: list[int] | None, wanted: dict[int, bytes]
) -> None:
    maker = maker_of(**where)
    found = sent(maker, None if asked is None else bytes(asked))
    assert found == wanted
    assert list(found) == list(wanted)


@pytest.mark.parametrize(
    ("kept", "asked", "file", "option"),
    [
        (KEPT_FILE, [67], b"own.0", b"own.0"),
        (KEPT_FILE, [6], b"own.0", None),
        (KEPT_FILE, None, b"own.0", None),
        (KEPT_FILE + "\n" + OPTIONS, [67], b"own.0", b"http://x/y"),
        ("", [67], b"pxe.0", b"pxe.0"),
    ],
)
def test_a_reservations_own_boot_file_is_its_option_too(
    kept: str, asked: list[int] | None, file: bytes, option: bytes | None
) -> None:
    """It stands in the row of the reservation, and no body is laid for it alone."""
    maker = maker_of(defaults=BOTH, kept=kept)
    options = {} if asked is None else {55: bytes(asked)}
    reply = decode(make(maker, request(options=options), reservation=0))
    assert (reply.file.rstrip(b"\0"), reply.options.get(67)) == (file, option)
    other = decode(make(maker, request(options=options)))
    assert other.options.get(67) == (b"pxe.0" if asked == [67] else None)


def test_an_own_boot_file_that_is_never_sent_as_an_option() -> None:
    maker = maker_of(defaults=BOTH + "\nnever-send = [67]", kept=KEPT_FILE)
    reply = decode(make(maker, request(options={55: b"C"}), reservation=0))
    assert (reply.file.rstrip(b"\0"), 67 in reply.options) == (b"own.0", False)


LONG_FILE = 'boot-file = "' + "x" * 127 + '"'
MANY = ", ".join(f'"10.0.0.{n}"' for n in range(40))


@pytest.mark.parametrize(
    ("asked", "got"),
    [([42, 67], [42]), ([67, 42], [67]), ([42], [42]), ([67, 6, 42], [67, 6])],
    ids=["last", "first", "not asked for", "what is shorter still finds room"],
)
def test_rfc2132_9_8_an_own_boot_file_takes_its_turn(asked: list[int], got: list[int]) -> None:
    """RFC 2132 9.10: 576 octets and no more; of 42 and 67 they take one."""
    options = f'options = {{ ntp-servers = [{MANY}], domain-name-servers = ["10.77.0.2"] }}'
    maker = maker_of(defaults=options, kept=LONG_FILE)
    reply = make(maker, request(options={55: bytes(asked), 57: SMALL}), reservation=0)
    assert len(reply) <= 548
    assert decode(reply).file.rstrip(b"\0") == b"x" * 127
    assert [code for code in decode(reply).options if code in asked] == got


# Both fields are taken, so that all that is sent must find its room in the options field.
FULL = 'server-name = "s"\nboot-file = "b"\noptions = { domain-name-servers = [' + (
    ", ".join(f'"10.0.0.{n}"' for n in range(30)) + '], domain-name = "' + "d" * 60 + '" }'
)
LONG_NAME = f'hostname = "{"h" * 200}"'


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ([1, 6, 15, 12], [1, 6, 15]),
        ([12, 1, 15, 6], [1, 12, 15]),
        ([12, 6, 15], [12, 15]),
        ([*range(150, 250), 6, 12, 15], [6, 15]),
    ],
    ids=["last", "first", "what is shorter still finds room", "a list that no body is kept by"],
)
def test_rfc2132_9_8_an_own_name_takes_its_turn(asked: list[int], got: list[int]) -> None:
    """It is the client's order of preference, whoever says what an option is worth."""
    maker = maker_of(defaults=FULL, kept=LONG_NAME)
    reply = make(maker, request(options={55: bytes(asked), 57: SMALL}), reservation=0)
    assert len(reply) <= 548
    assert [code for code in decode(reply).options if code in asked] == got


def test_an_own_name_that_is_always_sent_is_the_last_to_be_left_out() -> None:
    maker = maker_of(defaults=FULL + '\nalways-send = ["host-name"]', kept=LONG_NAME)
    reply = make(maker, request(options={55: bytes([6]), 57: SMALL}), reservation=0)
    assert decode(reply).options[12] == b"h" * 200
    assert 6 not in decode(reply).options
