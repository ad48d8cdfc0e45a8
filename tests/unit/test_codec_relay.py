"""Option 82 as everybody reads it: the codec, client keys, their making anew, lists, the probe."""

import pytest

from fastdhcp import _store, words
from fastdhcp._codec import decode_request, encode
from fastdhcp.control.lease import WallClock, lease_of
from fastdhcp.probe import values
from tests.world import World, number

TEXT = """
[server]
identity = ["circuit-id", "remote-id", "hw-address"]
[[subnets]]
subnet = "10.78.0.0/24"
pools = ["10.78.0.10-10.78.0.250"]
"""

# Of repeats the first that is not empty; what runs past the end is absent with all behind it.
SAID = [
    ("01026161 02026262", b"aa", b"bb"),
    ("01026161 01026363", b"aa", b""),
    ("0100 01026161", b"aa", b""),
    ("0100 0202 6262", b"", b"bb"),
    ("0100 0200", b"", b""),
    ("02026262 0200 01026161 0100", b"aa", b"bb"),
    ("02026262 0200 02026363 01026161", b"aa", b"bb"),
    ("1300 01026161", b"aa", b""),
    ("01026161 0203 6262", b"aa", b""),
    ("0103 6161", b"", b""),
    ("01026161 02", b"aa", b""),
    ("01fd" + "61" * 253, b"a" * 253, b""),
    ("", b"", b""),
]


@pytest.fixture(params=SAID, ids=[said[0][:30] for said in SAID])
def said(request):
    info, circuit_id, remote_id = request.param
    return bytes.fromhex(info), circuit_id, remote_id


def test_3046_the_codec(said):
    info, circuit_id, remote_id = said
    packet = decode_request(encode(message_type=1, chaddr=b"\2\xee\0\0\0\1", options={82: info}))
    assert ((packet["circuit_id"] or b""), (packet["remote_id"] or b"")) == (circuit_id, remote_id)


@pytest.mark.parametrize("code", [5, 11])
def test_3046_a_selection_is_the_first_that_is_not_empty_or_none(code):
    def selection(info):
        packet = decode_request(encode(message_type=1, options={82: info}))
        return packet["link_selection" if code == 5 else "server_override"]

    part = bytes((code, 4, 10, 0, 0, 1))
    assert selection(bytes((code, 0)) + part + bytes((code, 4, 10, 0, 0, 2))) == 0x0A000001
    assert selection(bytes((code, 3, 1, 2, 3)) + part) is None


def test_3046_keys_and_their_making_anew(said, tmp_path):
    info, circuit_id, remote_id = said
    world = World(tmp_path, TEXT)

    def key(mac, info):
        address = world.bind(mac, giaddr="10.78.0.1", options={82: info})
        return world.memory.lease(0, number(address)).key

    first = key(1, info)
    plain = b"".join(
        bytes((code, len(part))) + part
        for code, part in ((1, circuit_id), (2, remote_id)) if part
    )
    assert (key(2, plain) == first) == bool(plain)
    before = [world.memory.lease(0, 0x0A4E0000 + host).key for host in (10, 11)]
    assert _store.rekey(world.memory) == (1 if plain else 2)
    assert [world.memory.lease(0, 0x0A4E0000 + host).key for host in (10, 11)] == before


def test_3046_lists(said, tmp_path):
    info, circuit_id, remote_id = said
    world = World(tmp_path, TEXT)
    address = world.bind(1, giaddr="10.78.0.1", options={82: info})
    lease = lease_of(world.memory.lease(0, number(address)), world.now, WallClock(), None)
    assert lease.circuit_id == words.identifier_text(circuit_id)
    assert lease.remote_id == words.identifier_text(remote_id)


def test_3046_the_probe_shows_the_same_or_all_of_it_in_hex(said):
    info, circuit_id, remote_id = said
    shown = values.named({82: info})["relay-agent-information"]
    if sum(2 + len(part) for _, part in words.relay_parts(info)) != len(info):
        assert shown == f"hex:{info.hex()}"
        return
    told = {"circuit-id": circuit_id, "remote-id": remote_id}
    assert {name: shown.get(name, "hex:") for name in told} == {
        name: values.printable(part) for name, part in told.items()
    }
