"""What is wrong with a lease although it came, by RFC section; a probing client's messages."""

import random

import pytest

from fastdhcp._codec import decode, encode
from fastdhcp.packet import DecodeError, Packet
from fastdhcp.probe.checks import lease_warnings, unusable
from fastdhcp.probe.frames import BROADCAST, frame, read
from fastdhcp.probe.messages import Client, random_hw_address
from tests.lab.packet import frame as frame_of_the_lab

CHADDR = bytes.fromhex("02cc00000001")
SERVER = bytes((10, 77, 0, 1))
GOOD = {54: SERVER, 51: (600).to_bytes(4), 1: bytes((255, 255, 252, 0)), 3: SERVER}


def seconds(number: int) -> bytes:
    return number.to_bytes(4)


def ack(yiaddr: str = "10.77.1.5", **changes: bytes | None) -> Packet:
    """An ACK; `o3=None` takes option 3 away."""
    options = dict(GOOD)
    for name, data in changes.items():
        code = int(name[1:])
        options.pop(code, None)
        if data is not None:
            options[code] = data
    made = encode(op=2, xid=1, chaddr=CHADDR, yiaddr=yiaddr, message_type=5, options=options)
    return decode(made)


WARNED: list[tuple[str, Packet, list[str]]] = [
    ("nothing", ack(), []),
    ("2131 4.3.1 lease time is missing", ack(o51=None), ["no-lease-time"]),
    ("2131 4.4.5 T1 after T2", ack(o58=seconds(500), o59=seconds(400)), ["times-out-of-order"]),
    ("2131 4.4.5 T2 is the lease time", ack(o59=seconds(600)), ["times-out-of-order"]),
    ("2132 3.3 no mask", ack(o1=None), ["no-subnet-mask"]),
    ("2132 3.3 a mask with holes", ack(o1=bytes((255, 0, 255, 0))), ["bad-subnet-mask"]),
    ("network address", ack("10.77.0.0"), ["address-not-for-hosts"]),
    ("broadcast address", ack("10.77.3.255"), ["address-not-for-hosts"]),
    ("2132 3.5 router elsewhere", ack(o3=SERVER + bytes((10, 99, 0, 1))), ["router-not-in-subnet"]),
    ("a host route has its router elsewhere", ack(o1=b"\xff" * 4), []),
]  # fmt: skip


@pytest.mark.parametrize(("name", "packet", "wanted"), WARNED, ids=[row[0] for row in WARNED])
def test_lease_warnings(name: str, packet: Packet, wanted: list[str]) -> None:
    assert [found.trouble for found in lease_warnings(Client(CHADDR), packet)] == wanted


def test_option_82_is_to_come_back_unchanged() -> None:
    """RFC 3046 2.2."""
    client = Client(CHADDR, relay="10.88.0.1", relay_info=b"\x01\x01a")
    assert not list(lease_warnings(client, ack(o82=b"\x01\x01a")))
    for changed in (None, b"\x01\x01b"):
        found = list(lease_warnings(client, ack(o82=changed)))
        assert [trouble.trouble for trouble in found] == ["option-82-not-echoed"]


@pytest.mark.parametrize(
    ("packet", "why"),
    [(ack(), None), (ack("0.0.0.0"), "no address"), (ack(o54=None), "does not name its server"),
     (ack(o54=b"\x0a"), "does not name its server")],
)  # fmt: skip
def test_unusable_offers(packet: Packet, why: str | None) -> None:
    """RFC 2131 4.3.1 table 3: yiaddr and option 54 are a MUST."""
    found = unusable(packet)
    assert found is None if why is None else why in str(found)


# ---- messages (RFC 2131 4.4.1 table 5)


def test_discover() -> None:
    sent = decode(Client(CHADDR, xid=7).discover(secs=70000))
    assert (sent.message_type, sent.xid, sent.secs, sent.flags) == (1, 7, 0xFFFF, 0x8000)
    assert (sent.hops, sent.giaddr, sent.chaddr) == (0, "0.0.0.0", CHADDR)
    assert 43 not in sent.options[55] and 108 not in sent.options[55]
    assert {1, 3, 6, 51, 121} <= set(sent.options[55])


def test_request_names_server_and_address() -> None:
    sent = decode(Client(CHADDR, client_id=b"\xff\x01").request(ack()))
    assert (sent.message_type, sent.ciaddr) == (3, "0.0.0.0")
    assert (sent.options[50], sent.options[54]) == (bytes((10, 77, 1, 5)), SERVER)
    assert sent.options[61] == b"\xff\x01"


def test_renewing_request_has_neither_50_nor_54() -> None:
    sent = decode(Client(CHADDR).renew("10.77.1.5"))
    assert (sent.message_type, sent.ciaddr, sent.flags) == (3, "10.77.1.5", 0)
    assert not {50, 54} & set(sent.options)


def test_release() -> None:
    sent = decode(Client(CHADDR, broadcast=False).release("10.77.1.5", SERVER))
    assert (sent.message_type, sent.ciaddr, sent.flags) == (7, "10.77.1.5", 0)
    assert (sent.options[54], sent.options.get(55)) == (SERVER, None)


def test_a_relayed_client() -> None:
    """RFC 1542 4.1.1 and RFC 3046 2.1: giaddr, hops and option 82, which is the last."""
    data = Client(CHADDR, relay="10.88.0.1", relay_info=b"\x01\x01a").discover()
    sent = decode(data)
    assert (sent.hops, sent.giaddr, sent.options[82]) == (1, "10.88.0.1", b"\x01\x01a")
    assert data.rstrip(b"\0").endswith(b"\x52\x03\x01\x01a\xff")


def test_only_answers_to_us_are_read() -> None:
    client = Client(CHADDR, xid=1)
    good = {"op": 2, "xid": 1, "chaddr": CHADDR, "message_type": 2}
    assert client.reads(encode(**good)) is not None
    for change in ({"op": 1}, {"xid": 2}, {"chaddr": b"\x02" * 6}):
        assert client.reads(encode(**{**good, **change})) is None
    with pytest.raises(DecodeError):
        client.reads(encode(**good)[:200])


def test_random_hardware_addresses_are_local_and_of_one_station() -> None:
    source = random.Random(1)
    made = {random_hw_address(source) for _ in range(1000)}
    assert len(made) == 1000
    assert all(octets[0] & 3 == 2 for octets in made)


# ---- frames


@pytest.mark.parametrize("size", [0, 1, 300, 1471])
def test_frames_are_those_that_the_lab_writes(size: int) -> None:
    payload = random.Random(size).randbytes(size)
    ends = ("10.77.1.5", 68), ("10.77.0.1", 67)
    made = frame(payload, *ends, CHADDR, BROADCAST)
    assert read(made[14:]) == (*ends, payload)
    # Type of service and identification differ, so the header's checksum does.
    assert made[34:] == frame_of_the_lab(payload, *ends, CHADDR)[34:]


def test_what_is_no_datagram_is_left_alone() -> None:
    good = frame(b"x" * 20, ("10.0.0.1", 67), ("10.0.0.2", 68), CHADDR)[14:]
    assert read(good) is not None
    assert read(good + b"padding")
    for name, data in {
        "cut short": good[:-1],
        "header only": good[:20],
        "IPv6": b"\x60" + good[1:],
        "TCP": good[:9] + b"\x06" + good[10:],
        "a fragment": good[:6] + b"\x20\x00" + good[8:],
        "header length 16": b"\x44" + good[1:],
        "UDP length 7": good[:24] + b"\x00\x07" + good[26:],
    }.items():
        assert read(data) is None, name
