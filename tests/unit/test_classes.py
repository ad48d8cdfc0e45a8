"""Classes by packets: which a client is of, who may have which addresses, what it is sent, what is
kept with its lease."""

import itertools

import pytest

from fastdhcp._classes import literal_hash
from fastdhcp._codec import decode
from fastdhcp._leases import BindingState
from fastdhcp._stats import counter_words
from tests._trial_replies import ReplyMaker
from tests.world import World, number

LAN = """
[defaults]
authoritative = true
[[subnets]]
subnet = "10.77.0.0/22"
"""
VENDOR = {60: b"docsis3.1:"}
CPE = {60: b"udhcp 1.30"}
MODEMS = """
[[classes]]
name = "modem"
test = "substring(option[60].hex, 0, 6) == 'docsis'"
lease-class = true
[[classes]]
name = "cpe"
test = "not member('modem')"
lease-class = true
"""
TWO_POOLS = MODEMS + LAN + """
pools = [
    { range = "10.77.1.1-10.77.1.9", allow = ["modem"] },
    { range = "10.77.2.1-10.77.2.9", allow = ["cpe"] },
]
"""
KNOWN = LAN + """
pools = [
    { range = "10.77.1.1-10.77.1.9", allow = ["known"] },
    { range = "10.77.2.1-10.77.2.9", deny = ["known"] },
]
[[subnets.reservations]]
hw-address = "02:ee:00:00:00:09"
address = "10.77.0.50"
"""


def classes_of(tests: dict[str, str], more: str = "") -> str:
    return "".join(
        f'[[classes]]\nname = "{name}"\ntest = "{test}"\n{more}\n' for name, test in tests.items()
    )


def names_of(world: World) -> list[str]:
    """The classes of the last packet, but for `all`."""
    names = ["known", "bootp", "all", *world.class_names]
    return [names[i] for i in world.out["classes"] if names[i] != "all"]


def sent(world: World, options: dict | None = None, mac: int = 1, **fields) -> dict[int, bytes]:
    """Options of the OFFER as it leaves."""
    world.discover(mac, options=options, **fields)
    out = world.out
    places = {name: out[name] for name in ("subnet", "pool", "reservation")}
    made = ReplyMaker(world.image).make(
        world.data, reply_type=out["reply_type"], server_id=number("10.77.0.1"),
        yiaddr=out["yiaddr"], lease_s=out["lease_s"], classes=out["classes"],
        **{name: place for name, place in places.items() if place is not None},
    )  # fmt: skip
    return decode(made["message"]).options


# ---- which


def test_rfc2132_9_13_a_client_is_of_the_classes_whose_tests_are_true(tmp_path) -> None:
    world = World(tmp_path, TWO_POOLS)
    world.discover(1, options=VENDOR)
    assert names_of(world) == ["modem"]
    world.discover(2, options=CPE)
    assert names_of(world) == ["cpe"]
    world.discover(3)
    assert names_of(world) == ["cpe"]  # absent is empty, and no docsis


def test_a_test_may_name_a_class_that_stands_behind_it(tmp_path) -> None:
    world = World(tmp_path, """
[[classes]]
name = "first"
test = "member('second') and member('third')"
lease-class = true
[[classes]]
name = "second"
test = "member('third')"
[[classes]]
name = "third"
test = "option[60].hex == 'x'"
""" + LAN + 'pools = ["10.77.1.1-10.77.1.9"]')
    world.discover(1, options={60: b"x"})
    assert names_of(world) == ["first", "second", "third"]
    world.discover(1, options={60: b"y"})
    assert names_of(world) == []


@pytest.mark.parametrize(("mac", "known"), [(9, ["known"]), (1, [])])
def test_known_is_who_has_a_reservation(tmp_path, mac: int, known: list[str]) -> None:
    world = World(tmp_path, KNOWN)
    world.discover(mac)
    assert names_of(world) == known


GROUP = "".join(
    f"""[[classes]]
name = "{name}"
test = "{test}"
lease-class = true
"""
    for name, test in [
        ("a", "option[60].hex == 'alpha'"),
        ("b", "'beta' == option[60].hex"),
        ("ab", "option[60].hex in ('alpha', 'beta', 'gamma')"),
        ("empty", "option[60].hex == ''"),
        ("other", "option[77].hex == 'alpha'"),
        ("long", f"option[60].hex == '{'l' * 40}'"),
    ]
)


@pytest.mark.parametrize(
    ("options", "classes"),
    [
        ({60: b"alpha"}, ["a", "ab"]),
        ({60: b"beta"}, ["b", "ab"]),
        ({60: b"gamma"}, ["ab"]),
        ({60: b"alph"}, []),
        ({60: b"alphaa"}, []),
        ({60: b"l" * 40}, ["long"]),
        ({60: b"l" * 200}, []),
        ({}, ["empty"]),
        ({77: b"alpha"}, ["empty", "other"]),
    ],
)
def test_tests_of_one_value_are_answered_as_if_each_were_alone(
    tmp_path, options: dict, classes: list[str]
) -> None:
    world = World(tmp_path, GROUP + LAN + 'pools = ["10.77.1.1-10.77.1.9"]')
    world.discover(1, options=options)
    assert names_of(world) == classes


def test_of_very_many_classes_on_one_value_each_is_found(tmp_path) -> None:
    written = "".join(
        f"[[classes]]\nname = \"c{i}\"\ntest = \"option[60].hex == 'model-{i}'\"\ndrop = true\n"
        for i in range(253)
    )
    world = World(tmp_path, written + LAN + 'pools = ["10.77.1.1-10.77.1.9"]')
    for i in range(253):
        assert world.discover(1, options={60: b"model-%d" % i}).text == "silence: class-drop"
        assert names_of(world) == [f"c{i}"]
    assert world.discover(1, options={60: b"model-253"}).address == "10.77.1.1"


def test_each_packet_is_counted_under_its_classes(tmp_path) -> None:
    world = World(tmp_path, TWO_POOLS)
    for mac in range(1, 4):
        world.discover(mac, options=VENDOR)
    world.discover(5, options=CPE)
    first = counter_words()["COUNT_CLASS"]
    assert world.memory.counters()[first : first + 3] == [3, 1, 0]


def test_a_class_that_is_given_and_matches_too_is_counted_once(tmp_path) -> None:
    world = World(tmp_path, MODEMS + KNOWN + 'classes = ["modem"]')
    world.discover(9, options=VENDOR)
    world.discover(9)
    first = counter_words()["COUNT_CLASS"]
    assert names_of(world) == ["known", "modem"]
    assert world.memory.counters()[first : first + 2] == [2, 0]


@pytest.mark.parametrize("size", [*range(1, 34), 63, 64, 65])
def test_of_any_length_the_last_octet_tells_literals_apart(tmp_path, size: int) -> None:
    """Alone, in a group, and of a group that looks at the first octets only."""
    head, last = "x" * (size - 1), ["y", "z"]
    tests = [f"option[60].hex == '{head}{end}'" for end in last]
    tests += [f"option[77].hex == '{head}y'", f"substring(option[12].hex, 0, {size}) == '{head}y'"]
    tests += [f"substring(option[61].hex, 0, {size}) == '{head}{end}'" for end in last]
    written = classes_of({f"c{i}": test for i, test in enumerate(tests)}, "drop = true")
    world = World(tmp_path, written + LAN + 'pools = ["10.77.1.1-10.77.1.9"]')
    for end, first in (("y", 0), ("z", 1)):
        said = f"{head}{end}".encode()
        world.discover(1, options={60: said, 77: said, 12: said + b"-more", 61: said + b"-more"})
        alone = ["c2", "c3"] if end == "y" else []
        assert names_of(world) == [f"c{first}", *alone, f"c{4 + first}"]


def test_literals_whose_places_are_taken_stand_behind_the_last_place_of_their_group(
    tmp_path,
) -> None:
    """All of four literals, two classes each, hash to the last of the group's 32 places."""
    made = (f"model {n}" for n in itertools.count())
    last = list(itertools.islice((m for m in made if literal_hash(m.encode()) & 31 == 31), 4))
    pairs = [(f"{which}{i}", f"option[60].hex == '{text}'")
             for which in "ab" for i, text in enumerate(last)]  # fmt: skip
    world = World(tmp_path, classes_of(dict(pairs)) + LAN + 'pools = ["10.77.1.1-10.77.1.9"]')
    for i, text in enumerate(last):
        world.discover(1, options={60: text.encode()})
        assert names_of(world) == [f"a{i}", f"b{i}"]
    world.discover(1, options={60: b"model x"})
    assert names_of(world) == []


def test_groups_of_options_and_of_what_is_made_of_them_stand_in_one_policy(tmp_path) -> None:
    """A group of an option is looked up before any test is run, wherever it is written."""
    tests = {
        "lower0": "lcase(option[12].hex) == 'a'", "lower1": "lcase(option[12].hex) == 'b'",
        "model0": "option[60].hex == 'x'", "model1": "option[60].hex == 'y'",
        "both": "member('lower1') and member('model0')",
        "circuit0": "relay4[1].hex == 'p'", "circuit1": "relay4[1].hex == 'q'",
    }  # fmt: skip
    world = World(tmp_path, classes_of(tests) + LAN + 'pools = ["10.77.1.1-10.77.1.9"]')
    world.discover(1, options={12: b"B", 60: b"x"})
    assert names_of(world) == ["lower1", "model0", "both"]
    world.discover(1, options={12: b"A", 60: b"z"})
    assert names_of(world) == ["lower0"]


def test_each_test_has_256_octets_to_make_values_of(tmp_path) -> None:
    """Also behind one that made as many, and was false or true."""
    made = "lcase(option[224].hex)"
    tests = [f"{made} == 'x' and known", f"{made} != 'x'", f"ucase(option[224].hex) == {made}",
             f"{made} + 'z' == '{'a' * 200}z'"]  # fmt: skip
    written = classes_of({f"c{i}": test for i, test in enumerate(tests)}, "drop = true")
    world = World(tmp_path, written + LAN + 'pools = ["10.77.1.1-10.77.1.9"]')
    world.discover(1, options={224: b"A" * 200})
    assert names_of(world) == ["c1", "c3"]


# ---- who may have what


def test_each_class_has_the_pools_that_allow_it(tmp_path) -> None:
    world = World(tmp_path, TWO_POOLS)
    assert world.discover(1, options=VENDOR).address == "10.77.1.1"
    assert world.discover(2, options=CPE).address == "10.77.2.1"


def test_deny_is_for_all_others(tmp_path) -> None:
    world = World(tmp_path, KNOWN)
    assert world.discover(1).address == "10.77.2.1"
    assert world.discover(9).address == "10.77.0.50"  # reserved


def test_a_reserved_address_is_its_clients_whatever_guards_say(tmp_path) -> None:
    world = World(tmp_path, KNOWN.replace('"10.77.0.50"', '"10.77.2.5"'))
    assert world.bind(9) == "10.77.2.5"
    assert world.renew("10.77.2.5", 9).text == "ACK 10.77.2.5"


def test_without_a_pool_for_it_a_client_gets_no_answer_under_a_name_of_its_own(tmp_path) -> None:
    only = MODEMS + LAN + 'pools = [{ range = "10.77.1.1-10.77.1.2", allow = ["modem"] }]'
    world = World(tmp_path, only)
    assert world.discover(1, options=CPE).text == "silence: class-not-allowed"
    assert world.bind(2, options=VENDOR) == "10.77.1.1"
    assert world.bind(3, options=VENDOR) == "10.77.1.2"
    assert world.discover(4, options=VENDOR).text == "silence: pool-exhausted"


@pytest.mark.parametrize("guarded", ["pool", "subnet"])
@pytest.mark.parametrize("rule", ['allow = ["modem"]', 'deny = ["cpe"]'])
def test_rfc2131_4_3_2_a_class_that_is_no_longer_allowed_draws_a_nak(
    tmp_path, guarded: str, rule: str
) -> None:
    """At the request, at T1, at T2 and after a restart of the client alike."""
    of_pool, of_subnet = (f", {rule}", "") if guarded == "pool" else ("", rule)
    text = MODEMS + LAN + f'{of_subnet}\npools = [{{ range = "10.77.1.1-10.77.1.9"{of_pool} }}]'
    world = World(tmp_path, text)
    address = world.bind(1, options=VENDOR)
    assert world.renew(address, 1, options=VENDOR).text == f"ACK {address}"
    assert world.renew(address, 1, options=CPE).text == "NAK"
    assert world.rebind(address, 1, options=CPE).text == "NAK"
    assert world.reboot(address, 1, options=CPE).text == "NAK"
    assert world.select("10.77.1.2", 2, options=CPE).text == "NAK"
    assert world.state(address) == BindingState.ACTIVE  # the hold is not ended by it


def test_a_client_that_changes_its_class_is_offered_an_address_of_the_new_one(tmp_path) -> None:
    world = World(tmp_path, TWO_POOLS)
    assert world.bind(1, options=VENDOR) == "10.77.1.1"
    assert world.discover(1, options=CPE).address == "10.77.2.1"


def test_what_a_client_asks_for_is_given_only_if_its_classes_may_have_it(tmp_path) -> None:
    world = World(tmp_path, TWO_POOLS)
    assert world.discover(1, asks="10.77.2.5", options=VENDOR).address == "10.77.1.1"
    assert world.discover(1, asks="10.77.2.5", options=CPE).address == "10.77.2.5"


def test_a_class_that_is_dropped_gets_no_answer_to_anything(tmp_path) -> None:
    text = MODEMS.replace("lease-class = true\n", "drop = true\n", 1) + LAN
    world = World(tmp_path, text + 'pools = ["10.77.1.1-10.77.1.9"]')
    address = world.bind(1, options=CPE)
    for answer in (
        world.discover(1, options=VENDOR), world.reboot(address, 1, options=VENDOR),
        world.release(address, 1, options=dict(VENDOR)), world.inform(address, 1, options=VENDOR),
    ):  # fmt: skip
        assert answer.text == "silence: class-drop"
    assert world.state(address) == BindingState.ACTIVE


# ---- what a renewal leaves out

PRINTER = """
[[classes]]
name = "printer"
test = "option[77].hex == 'print' and option[60].hex == 'p'"
{kept}
"""
PRINTERS = LAN + 'pools = [{ range = "10.77.1.1-10.77.1.9", allow = ["printer"] }]\n'
SAYS = {60: b"p", 77: b"print"}


def test_rfc2131_4_3_2_a_kept_class_holds_for_renewals_that_lack_what_its_test_reads(
    tmp_path,
) -> None:
    """At T1 and T2, again and again; `not member()` of another class sees it."""
    world = World(tmp_path, TWO_POOLS)
    address = world.bind(1, options=VENDOR)
    for _ in range(3):
        for message in (world.renew, world.rebind):
            world.set_now(world.now + 1800)
            assert message(address, 1).text == f"ACK {address}"
            assert names_of(world) == ["modem"]
    assert world.memory.lease(0, number(address)).class_id == 1
    other = world.bind(2, options=CPE)
    assert world.renew(other, 2).text == f"ACK {other}"
    assert names_of(world) == ["cpe"]


def test_what_the_message_says_counts_before_what_is_kept(tmp_path) -> None:
    world = World(tmp_path, TWO_POOLS)
    address = world.bind(1, options=VENDOR)
    assert world.renew(address, 1, options=CPE).text == "NAK"
    assert world.reboot(address, 1).text == "NAK"  # another system may have been started
    assert world.discover(1).address == "10.77.2.1"


@pytest.mark.parametrize(("kept", "answer"), [("lease-class = true", "ACK"), ("", "NAK")])
def test_one_option_of_several_that_is_left_out_is_enough(tmp_path, kept, answer) -> None:
    world = World(tmp_path, PRINTER.format(kept=kept) + PRINTERS)
    address = world.bind(1, options=SAYS)
    assert world.renew(address, 1, options=SAYS).text == f"ACK {address}"
    for said in ({60: b"p"}, {77: b"print"}, {60: b"q"}):
        assert world.renew(address, 1, options=said).text.split()[0] == answer
    assert world.renew(address, 1, options={60: b"q", 77: b"print"}).text == "NAK"


def test_a_kept_class_is_its_holders_alone(tmp_path) -> None:
    world = World(tmp_path, PRINTER.format(kept="lease-class = true") + PRINTERS)
    address = world.bind(1, options={**SAYS, 61: b"\0one"})
    assert world.renew(address, 2).text == "NAK"
    assert world.renew(address, 2, options={61: b"\0one"}).text == f"ACK {address}"


def test_a_class_that_is_gone_or_allowed_no_more_is_kept_for_nothing(tmp_path) -> None:
    text = PRINTER.format(kept="lease-class = true")
    world = World(tmp_path, text + PRINTERS)
    address = world.bind(1, options=SAYS)
    world.configure(text + PRINTERS.replace('allow = ["printer"]', 'deny = ["printer"]'))
    assert world.renew(address, 1).text == "NAK"
    world.configure(PRINTERS.replace("printer", "known"))
    assert world.renew(address, 1).text == "NAK"


def test_a_class_by_giaddr_holds_for_a_renewal_past_the_relay_agent(tmp_path) -> None:
    text = """
    [[classes]]
    name = "building-7"
    test = "pkt4.giaddr == 10.77.0.9"
    lease-class = true
    """ + LAN + 'pools = [{ range = "10.77.1.1-10.77.1.9", allow = ["building-7"] }]'
    world = World(tmp_path, text)
    address = world.bind(1, giaddr="10.77.0.9")
    assert world.renew(address, 1).text == f"ACK {address}"
    assert world.rebind(address, 1, giaddr="10.77.0.8").text == "NAK"


# ---- a unicast renewal


RELAYED = """
[[classes]]
name = "gold"
test = "relay4[2].hex == 'gold'"
lease-class = true
[[subnets]]
subnet = "10.88.0.0/24"
authoritative = true
pools = [{ range = "10.88.0.10-10.88.0.20", allow = ["gold"] }]
"""


def test_rfc2131_4_3_2_past_the_relay_agent_a_client_keeps_the_class_of_its_circuit(
    tmp_path,
) -> None:
    """Option 82 of the record stands for what the message does not carry; nothing is echoed."""
    world = World(tmp_path, RELAYED)
    relayed = {"giaddr": "10.88.0.1", "to": "10.77.0.1"}
    address = world.bind(1, options={82: b"\x02\x04gold"}, **relayed)
    assert world.renew(address, 1).text == f"ACK {address}"
    assert names_of(world) == ["gold"]
    silver = world.renew(address, 1, options={82: b"\x02\x06silver"})
    assert silver.text == "NAK"
    assert world.renew(address, 2).text == "NAK"  # another's record tells nothing of this one


# ---- what is kept


def test_the_first_class_with_lease_class_is_kept_and_follows_the_client(tmp_path) -> None:
    text = MODEMS.replace("[[classes]]", '[[classes]]\nname = "any"\ntest = "pkt4.htype == 1"\n'
                          "[[classes]]", 1)
    world = World(tmp_path, text + LAN + 'pools = ["10.77.1.1-10.77.1.9"]')
    address = world.bind(1, options=VENDOR)
    lease = world.memory.lease(0, number(address))
    assert world.class_names[lease.class_id - 1] == "modem"
    world.settle()
    world.set_now(world.now + 100)
    world.renew(address, 1, options=CPE)
    lease = world.memory.lease(0, number(address))
    assert world.class_names[lease.class_id - 1] == "cpe"


# ---- what they are sent


SENT = """
[[classes]]
name = "x"
test = "option[60].hex == 'x'"
options = { tz-name = "x", posix-timezone = "x", domain-name = "x" }
[[classes]]
name = "xy"
test = "option[60].hex in ('x', 'y')"
options = { tz-name = "xy", posix-timezone = "xy", root-path = "xy" }
""" + LAN + """
options = { tz-name = "lan", ntp-servers = ["10.77.0.2"] }
when = [{ class = "x", options = { posix-timezone = "when lan", domain-name = "when lan" } }]
pools = [{ range = "10.77.1.1-10.77.1.9", options = { root-path = "pool" }, when = [
    { class = "xy", options = { domain-name = "when pool xy" } },
    { class = "x", options = { domain-name = "when pool x", captive-portal = "when pool x" } },
] }]
"""


@pytest.mark.parametrize(
    ("vendor", "wanted"),
    [
        (b"x", {101: b"x", 100: b"when lan", 15: b"when pool xy", 17: b"xy", 114: b"when pool x"}),
        (b"y", {101: b"xy", 100: b"xy", 15: b"when pool xy", 17: b"xy"}),
        (b"z", {101: b"lan", 17: b"pool"}),
    ],
)
def test_the_nearest_of_all_that_a_client_has_wins(tmp_path, vendor: bytes, wanted: dict) -> None:
    """`when` of the pool, of the subnet, classes in their order, pool, subnet."""
    found = sent(World(tmp_path, SENT), {60: vendor})
    assert {code: found[code] for code in (101, 100, 15, 17, 114) if code in found} == wanted
    assert found[42] == bytes((10, 77, 0, 2))


def test_classes_that_have_no_say_in_a_reply_share_its_body(tmp_path) -> None:
    world = World(tmp_path, TWO_POOLS)
    maker = ReplyMaker(world.image)
    asked = {"reply_type": 2, "server_id": number("10.77.0.1"), "subnet": 0, "pool": 0,
             "yiaddr": number("10.77.1.1"), "lease_s": 600}
    world.discover(1)
    for classes in ([2], [2, 3], [2, 3, 4]):
        maker.make(world.data, classes=classes, **asked)
    assert maker.misses == 1


def test_classes_that_have_a_say_do_not(tmp_path) -> None:
    world = World(tmp_path, SENT)
    maker = ReplyMaker(world.image)
    asked = {"reply_type": 2, "server_id": number("10.77.0.1"), "subnet": 0, "pool": 0,
             "yiaddr": number("10.77.1.1"), "lease_s": 600}
    world.discover(1)
    for classes in ([2], [2, 3], [2, 3, 4], [2, 4], [2]):
        maker.make(world.data, classes=classes, **asked)
    assert maker.misses == 4
