"""What of a request returns in its reply: octets of packets and of what a worker sends for them."""

from ipaddress import IPv4Interface
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastdhcp._codec import decode
from tests._trial_replies import ReplyMaker
from tests.unit.packets import frame
from tests.world import Link, World, number

LINKS = (
    Link(3, "srv0", (IPv4Interface("10.77.0.1/22"),)),
    Link(5, "up0", (IPv4Interface("192.0.2.1/24"),)),
)
TEXT = """
[defaults]
lease-time = 3600
authoritative = true
[defaults.options]
domain-name = "campus.example"
{relays}
[[subnets]]
subnet = "10.77.0.0/22"
pools = ["10.77.1.1-10.77.1.20"]
[[subnets]]
subnet = "10.88.0.0/24"
pools = ["10.88.0.10-10.88.0.20"]
[[subnets]]
subnet = "10.88.0.0/24"
vrf = "blue"
pools = ["10.88.0.10-10.88.0.20"]
"""
GIADDR = "0a580001"
BLUE = "00" + b"blue".hex()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, TEXT.format(relays="[relays]\nclient-selections = true"), LINKS)


def answer(world: World, options: str, *, source_port: int = 67, **fields) -> dict:
    """The reply as it leaves; the packet is unicast to 192.0.2.1 unless it has no giaddr."""
    relayed = bool(fields.get("giaddr"))
    maker = ReplyMaker(world.image)
    reply = maker.answer(
        world.memory, frame(options + "ff", **fields), ifindex=5 if relayed else 3,
        destination=number("192.0.2.1") if relayed else 0xFFFFFFFF, source_port=source_port,
        local=number("192.0.2.1" if relayed else "10.77.0.1"), now=world.now,
    )
    assert isinstance(reply, dict), reply
    return reply | {"left-out": maker.relay_infos_left_out}


def tail(message: bytes) -> str:
    """What stands behind the configured options, up to END."""
    at, found = 240, b""
    while message[at] != 255:
        size = 2 + message[at + 1]
        if message[at] in (61, 82, 118, 221):
            found += message[at : at + size]
        else:
            assert not found, "something stands behind what is echoed"
        at += size
    assert not message[at + 1 :].strip(b"\0")
    return found.hex()


def info(sub_options: str) -> str:
    size = len(bytes.fromhex(sub_options))
    return f"52{size:02x}{sub_options}"


CIRCUIT = "0104" + b"eth7".hex()
SELECTED = "76040a580000"  # option 118: 10.88.0.0
VSS, CONTROL = "9705" + BLUE, "9800"

ECHOED = [
    ("RFC 3046 2.2: 82 as it came", info(CIRCUIT), info(CIRCUIT)),
    ("RFC 3046 2.2: what cannot be read too", info(CIRCUIT + "0209aa"), info(CIRCUIT + "0209aa")),
    ("RFC 3046 2.2: an empty one too", "5200", "5200"),
    ("RFC 3046 2.2: last, behind 61", info(CIRCUIT) + "3d020041", "3d020041" + info(CIRCUIT)),
    ("RFC 3993, 4014, 4243, 5010, 6925: whatever stands in it",
     info("060161" + "070105" + "0902abcd" + "0a0180" + "0c0101"),
     info("060161" + "070105" + "0902abcd" + "0a0180" + "0c0101")),
    ("RFC 3011 2: 118 to who sends it", SELECTED, SELECTED),
    ("RFC 3011 2: whether or not it is in the list", SELECTED + "370106", SELECTED),
    ("RFC 3011 2, 3527 3: also where the relay agent's selection counted",
     SELECTED + info("05040a580000"), SELECTED + info("05040a580000")),
    ("RFC 3011 2: what cannot be read is not there", "7603" "0a5800", ""),
    ("RFC 6607 7.2: 152 is taken out where 151 was used",
     info(CIRCUIT + VSS + CONTROL), info(CIRCUIT + VSS)),
    ("RFC 6607 7.2: wherever it stands, and all else stays",
     info(CONTROL + VSS + CONTROL + CIRCUIT + "98017f"), info(VSS + CIRCUIT)),
    ("RFC 6607 7.2: and what cannot be read", info(VSS + CONTROL + "0209aa"),
     info(VSS + "0209aa")),
    ("RFC 6607 7.2: for the global VPN too", info("9701ff" + CONTROL), info("9701ff")),
    ("RFC 3046 2.2: 152 without 151, as it came", info(CIRCUIT + CONTROL),
     info(CIRCUIT + CONTROL)),
    ("RFC 6607 7.1: 221 to who sends it", "dd05" + BLUE, "dd05" + BLUE),
    ("RFC 3046 2.2: also where 221 was used", "dd05" + BLUE + info(CONTROL),
     "dd05" + BLUE + info(CONTROL)),
    ("RFC 6607 7.1, 7.3: 221 says what was used",
     "dd0400726564" + info(VSS + CONTROL), "dd05" + BLUE + info(VSS)),
]  # fmt: skip


@pytest.mark.parametrize(("came", "wanted"), [case[1:] for case in ECHOED],
                         ids=[case[0] for case in ECHOED])
def test_what_came_returns(world: World, came: str, wanted: str) -> None:
    offer = answer(world, "350101" + came, giaddr=GIADDR)["message"]
    assert (offer[242], offer[16:19].hex()) == (2, "0a5800")
    assert tail(offer) == wanted
    asked = "32040a58000a" + "3604c0000201"
    ack = answer(world, "350103" + asked + came, giaddr=GIADDR)["message"]
    assert (ack[242], tail(ack)) == (5, wanted)


@pytest.mark.parametrize("selects", ["", "76040a4d0000", info("05040a4d0000"),
                                     info("05040a4d0000") + SELECTED])  # fmt: skip
def test_3011_2_3527_3_the_reply_goes_where_it_would_without_a_selection(
    world: World, selects: str
) -> None:
    relayed = answer(world, "350101" + selects, giaddr=GIADDR)
    assert (relayed["way"], relayed["destination"]) == ("udp", number("10.88.0.1"))
    subnet = "10.77.1." if selects else "10.88.0."
    assert decode(relayed["message"]).yiaddr.startswith(subnet)
    assert answer(world, "350101" + selects)["way"] == "frame"
    assert answer(world, "350101" + selects, flags=0x8000)["way"] == "broadcast"


def test_6607_4_3_a_vrf_that_the_relay_agent_did_not_say_is_not_told_to_it(tmp_path: Path) -> None:
    relays = '[relays]\nagents = [{ address = "10.88.0.1", vrf = "blue" }]'
    world = World(tmp_path, TEXT.format(relays=relays), LINKS)
    offer = answer(world, "350101" + info(CIRCUIT), giaddr=GIADDR)["message"]
    assert (offer[16:20].hex(), tail(offer)) == ("0a58000a", info(CIRCUIT))


UNHEEDED = [
    ("RFC 3011 2: 118 where it is not enabled", "", {"giaddr": GIADDR}, SELECTED),
    ("RFC 6607 7.1: 221 where it is not enabled", "", {"giaddr": GIADDR}, "dd05" + BLUE),
    ("RFC 6607 7.1: nor what the relay agent said in its place", "", {"giaddr": GIADDR},
     "dd05" + BLUE + info(VSS + CONTROL)),
    ("RFC 3011 2, 6607 7.1: of a link whose clients are not heeded",
     '[relays]\nclient-selections = true\nuntrusted-interfaces = ["srv0"]', {},
     SELECTED + "dd05" + BLUE),
    ("ours: what selects nothing", "[relays]\nclient-selections = true", {"giaddr": GIADDR},
     "760400000000"),
]  # fmt: skip


@pytest.mark.parametrize(("relays", "way", "came"), [case[1:] for case in UNHEEDED],
                         ids=[case[0] for case in UNHEEDED])
def test_what_is_not_heeded_does_not_return(
    tmp_path: Path, relays: str, way: dict, came: str
) -> None:
    world = World(tmp_path, TEXT.format(relays=relays), LINKS)
    offer = answer(world, "350101" + came, **way)["message"]
    assert offer[242] == 2
    assert not decode(offer).options.keys() & {118, 221}


PARTS = st.lists(
    st.tuples(st.sampled_from([1, 2, 9, 151, 152, 152, 255]), st.binary(max_size=12)), max_size=9
)


@given(parts=PARTS, rest=st.sampled_from([b"", b"\x98", b"\x98\x05ab", b"\x01"]))
@settings(max_examples=300, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
def test_6607_7_2_nothing_but_152_is_taken_out(
    world: World, parts: list[tuple[int, bytes]], rest: bytes
) -> None:
    def laid(found: list[tuple[int, bytes]]) -> str:
        value = b"".join(bytes((code, len(data))) + data for code, data in found) + rest
        return info(value.hex())

    parts = [(151, b"\0blue"), *parts]
    offer = answer(world, "350101" + laid(parts), giaddr=GIADDR)["message"]
    assert tail(offer) == laid([part for part in parts if part[0] != 152])


def test_2131_table_3_a_nak_has_61_and_82_and_no_selection(world: World) -> None:
    came = SELECTED + "dd05" + BLUE + "3d020041" + info(CIRCUIT + VSS + CONTROL)
    nak = answer(world, "350103" + "32040a630001" + came, giaddr=GIADDR)["message"]
    assert nak[242] == 6
    assert tail(nak) == "3d020041" + info(CIRCUIT + VSS)


def test_3046_2_2_82_is_echoed_though_there_is_no_giaddr(world: World) -> None:
    offer = answer(world, "350101" + info(CIRCUIT))["message"]
    assert tail(offer) == info(CIRCUIT)


def test_3046_2_2_82_goes_to_neither_file_nor_sname(world: World) -> None:
    """A client that takes 576 octets has its options overloaded, never 82."""
    long = "01fa" + "61" * 250
    offer = answer(world, "350101" + info(long), giaddr=GIADDR)["message"]
    assert tail(offer) == info(long)
    assert 82 not in offer[44:236]


def in_parts(octets: int) -> str:
    """Option 82 of so many octets of circuit-ids, in several options (RFC 3396)."""
    value = b""
    while (left := min(octets - len(value), 255)) > 0:
        value += bytes((1, left - 2)) + b"c" * (left - 2)
    parts = [value[at : at + 255] for at in range(0, octets, 255)]
    return "".join(f"52{len(part):02x}{part.hex()}" for part in parts)


def test_3046_2_2_82_that_finds_no_room_is_left_out_and_counted(world: World) -> None:
    whole = answer(world, "350101" + in_parts(1020), giaddr=GIADDR)
    assert (tail(whole["message"]), whole["left-out"]) == (in_parts(1020), 0)
    without = answer(world, "350101" + "3d020041" + in_parts(1530), giaddr=GIADDR)
    assert (tail(without["message"]), without["left-out"]) == ("3d020041", 1)
    assert decode(without["message"]).yiaddr.startswith("10.88.0.")


def test_3046_2_2_all_of_it_or_nothing_to_the_last_octet(world: World) -> None:
    """1472 octets of a message, less its head, 53, 54, the times, 82's five heads and END."""
    most = 1472 - 240 - 3 - 6 - 18 - 5 * 2 - 1
    for octets in range(most - 5, most + 6):
        reply = answer(world, "350101" + in_parts(octets), giaddr=GIADDR)
        assert tail(reply["message"]) == (in_parts(octets) if octets <= most else "")
        assert reply["left-out"] == (octets > most)


@pytest.mark.parametrize(("sub_options", "port"), [("", 67), (CIRCUIT, 67), ("1300", 40123),
                                                   (CIRCUIT + "1300", 40123)])
def test_8357_5_1_the_reply_goes_to_the_port_that_the_relay_agent_asks_for(
    world: World, sub_options: str, port: int
) -> None:
    came = info(sub_options) if sub_options else ""
    reply = answer(world, "350101" + came, giaddr=GIADDR, source_port=40123)
    assert (reply["destination"], reply["port"]) == (number("10.88.0.1"), port)


def test_8357_5_1_without_a_relay_agent_it_asks_for_nothing(world: World) -> None:
    reply = answer(world, "350101" + info("1300"), source_port=40123)
    assert reply["port"] == 68


def test_5107_4_the_source_stays_an_address_of_ours(world: World) -> None:
    reply = answer(world, "350101" + info("0b040a580002"), giaddr=GIADDR)
    assert reply["source"] == number("192.0.2.1")
    assert decode(reply["message"]).options[54] == bytes((10, 88, 0, 2))


def test_2131_table_3_a_reply_has_no_hops(world: World) -> None:
    reply = answer(world, "350101", giaddr=GIADDR, hops=9)["message"]
    assert (reply[3], reply[24:28].hex()) == (0, GIADDR)
