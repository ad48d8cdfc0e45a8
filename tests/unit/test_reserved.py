"""Reservations of any form, from the configuration to what a client is told.

RFC 2131 4.3.1: which address a client is offered; RFC 3046, RFC 3993: what a relay agent says.
"""

import os
from typing import Any

import pytest

from fastdhcp import _store
from fastdhcp._bitmap import clear_unreserved, is_reserved, next_free
from fastdhcp._codec import decode
from tests import _trial
from tests._trial_replies import ReplyMaker
from tests.world import World, number

SUBNET = """
[defaults]
authoritative = true
[[subnets]]
subnet = "10.77.0.0/22"
pools = ["10.77.1.1-10.77.1.20"]
{subnet}
[[subnets]]
subnet = "10.78.0.0/24"
pools = ["10.78.0.10-10.78.0.20"]
{more}
"""
FAR = "10.78.0.1"
"""A relay agent's address in the other network."""
OWNER = 'hw-address = "02:ee:00:00:00:09"\n'


def world_of(folder: Any, subnet: str = "", more: str = "", server: str = "") -> World:
    head = f"[server]\nworkers = 2\n{server}\n" if server else ""
    return World(folder, head + SUBNET.format(subnet=subnet, more=more))


def told(world: World, answer: Any) -> dict[int, bytes]:
    """The options of what was answered last."""
    assert answer.address
    out = world.out
    places = {name: out[name] for name in ("subnet", "pool", "reservation")}
    reply = ReplyMaker(world.compiled).make(
        world.data, reply_type=out["reply_type"], server_id=number("10.77.0.1"),
        yiaddr=out["yiaddr"], lease_s=out["lease_s"], classes=out["classes"],
        **{name: place for name, place in places.items() if place is not None},
    )  # fmt: skip
    return decode(reply["message"]).options


# ---- without an address

def test_without_an_address_a_client_has_names_and_options_and_an_address_of_the_pool(tmp_path):
    kept = f'[[subnets.reservations]]\n{OWNER}hostname = "laptop"\noptions = {{ tz-name = "x" }}\n'
    world = world_of(tmp_path, kept)
    answer = world.discover(9)
    assert answer.address.startswith("10.77.1.")
    options = told(world, answer)
    assert (options[12], options[101]) == (b"laptop", b"x")
    assert world.select(answer.address, 9).text == f"ACK {answer.address}"
    lease = world.memory.lease(0, number(answer.address))
    assert lease.flags == 0  # not bound through it: anybody may have the address
    assert 12 not in told(world, world.discover(8))
    assert world.discover(9, giaddr=FAR).reservation is None  # of the other network


def test_of_no_subnet_it_counts_wherever_the_client_comes(tmp_path):
    world = world_of(tmp_path, more=f'[[reservations]]\n{OWNER}hostname = "laptop"\n')
    for giaddr in ("0.0.0.0", FAR):
        assert told(world, world.discover(9, giaddr=giaddr))[12] == b"laptop"


def test_one_in_a_subnet_of_the_link_goes_before_one_of_no_subnet(tmp_path):
    kept = f'[[subnets.reservations]]\n{OWNER}address = "10.77.0.50"\nhostname = "here"\n'
    world = world_of(tmp_path, kept, f'[[reservations]]\n{OWNER}hostname = "anywhere"\n')
    here = world.discover(9)
    assert (here.address, told(world, here)[12]) == ("10.77.0.50", b"here")
    there = world.discover(9, giaddr=FAR)
    assert (there.address[:5], told(world, there)[12]) == ("10.78", b"anywhere")


def test_it_gives_classes_whatever_their_tests_say(tmp_path):
    classes = """
[[classes]]
name = "gold"
options = { tz-name = "gold" }
[[classes]]
name = "better"
test = "member('gold')"
options = { root-path = "better" }
"""
    more = f'[[reservations]]\n{OWNER}classes = ["gold"]\n'
    world = world_of(tmp_path, more=more + classes)
    options = told(world, world.discover(9))
    assert (options[101], options[17]) == (b"gold", b"better")
    assert {101, 17} & told(world, world.discover(8)).keys() == set()


# ---- kinds

@pytest.mark.parametrize(("written", "options"), [
    ('client-id = "hex:00aabb"', {61: b"\0\xaa\xbb"}),
    ('hw-address = "02:ee:00:00:00:09"', {}),
    ('circuit-id = "slot 1"', {82: b"\1\6slot 1"}),
    ('remote-id = "modem"', {82: b"\2\5modem"}),
    ('subscriber-id = "4711"', {82: b"\1\1x\6\0044711"}),
], ids=["client-id", "hw-address", "circuit-id", "remote-id", "subscriber-id"])
def test_every_kind_of_identifier_finds_it_and_renews_past_the_relay_agent(
    tmp_path, written, options
):
    """RFC 2131 4.3.2: the renewal is unicast, and brings no option 82."""
    world = world_of(tmp_path, f'[[subnets.reservations]]\n{written}\naddress = "10.77.0.50"\n')
    assert world.discover(9, giaddr="10.77.0.1", options=options).address == "10.77.0.50"
    assert world.bind(9, giaddr="10.77.0.1", options=options) == "10.77.0.50"
    own = {61: options[61]} if 61 in options else {}
    assert world.renew("10.77.0.50", 9, options=own).text == "ACK 10.77.0.50"
    assert world.discover(8, giaddr="10.77.0.1").address != "10.77.0.50"


def test_the_kinds_are_tried_in_their_order(tmp_path):
    kinds = ['client-id = "hex:00aa"', OWNER.strip(), 'circuit-id = "c"', 'remote-id = "r"',
             'subscriber-id = "s"']  # fmt: skip
    kept = "".join(f'[[subnets.reservations]]\n{kind}\naddress = "10.77.0.5{place}"\n'
                   for place, kind in enumerate(kinds))  # fmt: skip
    world = world_of(tmp_path, kept)
    relay = b"\1\1c\2\1r\6\1s"
    for mac, options, wanted in [
        (9, {61: b"\0\xaa", 82: relay}, "10.77.0.50"), (9, {82: relay}, "10.77.0.51"),
        (8, {82: relay}, "10.77.0.52"), (8, {82: relay[3:]}, "10.77.0.53"),
        (8, {82: relay[6:]}, "10.77.0.54"),
    ]:  # fmt: skip
        assert world.discover(mac, giaddr="10.77.0.1", options=options).address == wanted


def test_rfc2131_4_3_1_what_the_subnet_reserves_is_nearer_whatever_it_goes_by(tmp_path):
    """A name for the hardware, wherever it comes, takes nothing from the owner of the circuit."""
    own = '[[subnets.reservations]]\ncircuit-id = "p1"\naddress = "10.77.0.99"\n'
    anywhere = '[[reservations]]\nhw-address = "02:ee:00:00:00:09"\nhostname = "laptop"\n'
    world = world_of(tmp_path, own + anywhere)
    options = {82: b"\1\2p1"}
    assert world.bind(9, giaddr="10.77.0.1", options=options) == "10.77.0.99"
    assert world.renew("10.77.0.99", 9).text == "ACK 10.77.0.99"


def test_a_file_of_reservations_is_as_good_as_toml(tmp_path):
    (tmp_path / "cpe.csv").write_text(
        "hw-address,address,hostname,boot-file,next-server\n"
        "02:ee:00:00:00:09,10.77.1.5,cpe-9,cm/9.bin,10.77.0.8\n"
        "02:ee:00:00:00:08,,cpe-8,,\n"
    )
    world = world_of(tmp_path, server='reservation-files = ["cpe.csv"]')
    answer = world.discover(9)
    assert answer.address == "10.77.1.5"
    assert told(world, answer)[12] == b"cpe-9"
    message = ReplyMaker(world.compiled).make(
        world.data, reply_type=2, server_id=1, yiaddr=1, lease_s=60, subnet=0, reservation=0,
    )["message"]
    assert message[20:24] == bytes((10, 77, 0, 8))
    assert message[108:236].rstrip(b"\0") == b"cm/9.bin"
    other = world.discover(8)
    assert told(world, other)[12] == b"cpe-8"
    assert {other.address, *(world.discover(mac).address for mac in range(20, 38))} == {
        f"10.77.1.{n}" for n in range(1, 21) if n != 5
    }


# ---- the plane of what is reserved

def text(*last: int) -> str:
    return SUBNET.format(more="", subnet="".join(
        f'[[subnets.reservations]]\nhw-address = "02:ee:00:00:01:{n:02x}"\n'
        f'address = "10.77.1.{n}"\n' for n in last))  # fmt: skip


def reserved_bits(world: World) -> set[str]:
    addresses = (f"10.77.1.{n}" for n in range(256))
    return {text for text in addresses if is_reserved(world.memory, 0, number(text))}


def test_the_allocator_passes_over_what_is_reserved_and_a_reload_gives_it_back(tmp_path):
    world = World(tmp_path, text(3, 7))
    assert reserved_bits(world) == {"10.77.1.3", "10.77.1.7"}
    given = {next_free(world.memory, 0) for _ in range(18)}
    assert given == {number(f"10.77.1.{n}") for n in range(1, 21) if n not in (3, 7)}
    world.configure(text(7))
    assert reserved_bits(world) == {"10.77.1.7"}
    assert number("10.77.1.3") in {next_free(world.memory, 0) for _ in range(19)}


def test_a_bit_that_stands_too_long_takes_an_address_from_the_pool_and_from_nobody(tmp_path):
    """Between a reload and the last worker's word: who has the address renews it."""
    world = World(tmp_path, text())
    address = world.bind(1)
    world.settle()
    _trial.reserve(world.memory, 0, number(address))
    assert world.renew(address, 1).text == f"ACK {address}"
    assert {world.discover(mac).address for mac in range(30, 49)} == {
        f"10.77.1.{n}" for n in range(1, 21)} - {address}  # fmt: skip
    clear_unreserved(world.memory)
    assert reserved_bits(world) == set()


def test_bits_of_addresses_outside_the_pools_and_in_other_vrfs(tmp_path):
    kept = f'[[subnets.reservations]]\n{OWNER}address = "10.77.3.9"\n'
    world = world_of(tmp_path, kept)
    assert is_reserved(world.memory, 0, number("10.77.3.9"))
    assert not is_reserved(world.memory, 1, number("10.77.3.9"))
    assert world.bind(9) == "10.77.3.9"
    assert _store.end_lease(world.memory, 0, number("10.77.3.9"), True) == "ended"
    assert is_reserved(world.memory, 0, number("10.77.3.9"))


def test_pools_count_what_they_may_give(tmp_path):
    world = World(tmp_path, text(3, 7))
    (free, *taken), _ = world.memory.tally()
    assert (free, sum(taken)) == (18, 0)
    for mac in (0x103, 2):  # one of them through its reservation
        world.bind(mac)
    (free, *taken), _ = world.memory.tally()
    assert (free, sum(taken)) == (17, 1)


def test_a_file_table_of_another_layout_or_cut_short_is_not_gone_by(tmp_path):
    world = world_of(tmp_path, f"[[subnets.reservations]]\n{OWNER}")
    image, reservations = world.compiled.memfds()
    table = os.pread(reservations, 1 << 20, 0)
    for spoilt in (table[:40], table[:-1], table[:4] + b"\x09" + table[5:]):
        other = os.memfd_create("spoilt")
        os.write(other, spoilt)
        with pytest.raises(ValueError, match=r"file table (is cut|of this layout)"):
            world.memory.set_image(image, other)
        os.close(other)
    os.close(image)
    os.close(reservations)
    assert world.discover(9).address
