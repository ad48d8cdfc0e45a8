"""Packets that a worker has in hand together are decided one after the other, as if each had come
alone: what was looked up ahead for one never counts after another has changed it."""

from collections.abc import Callable
from ipaddress import IPv4Address

import pytest

from fastdhcp._codec import encode
from fastdhcp_bench._units import Units
from tests.policies import compile_text, link
from tests.segments import make_memory

SIZE = 300
LOCAL = int(IPv4Address("10.77.0.1"))
DISCOVER, REQUEST, RELEASE = 1, 3, 7
POLICY = """
[server]
workers = 1

[[subnets]]
subnet = "10.77.0.0/22"
pools = ["10.77.1.0-10.77.1.255"]
"""


@pytest.fixture
def handle() -> Callable[..., list[str]]:
    """Hands messages over in one go; the addresses told, 0.0.0.0 where none was."""
    memory = make_memory(0, workers=1, blocks=16)
    memory.secret = bytes(range(16))
    memory.set_image(*compile_text(POLICY, links=[link(3, "srv0", "10.77.0.1/22")]).memfds())
    units = Units(memory, LOCAL)

    def handle(*messages: bytes) -> list[str]:
        return [str(IPv4Address(told)) for told in units.handle(b"".join(messages), SIZE)]

    return handle


def message(kind: int, client: int, asks: str = "", ciaddr: str = "0.0.0.0") -> bytes:
    options = {50: IPv4Address(asks).packed, 54: LOCAL.to_bytes(4)} if asks else {}
    if kind == RELEASE:
        options = {54: LOCAL.to_bytes(4)}
    made: bytes = encode(
        chaddr=b"\x02\0" + client.to_bytes(4), giaddr="10.77.0.2", ciaddr=ciaddr,
        message_type=kind, options=options,
    )  # fmt: skip
    return made.ljust(SIZE, b"\0")


def test_a_discover_that_came_twice_draws_one_address(handle: Callable[..., list[str]]) -> None:
    """RFC 2131 4.3.1: the address that was offered before, though it was not yet when both were
    read."""
    told = handle(*[message(DISCOVER, 1)] * 20)
    assert len(set(told)) == 1 and told[0] != "0.0.0.0"


def test_clients_that_came_together_draw_one_each(handle: Callable[..., list[str]]) -> None:
    assert len(set(handle(*[message(DISCOVER, client) for client in range(50)]))) == 50


def test_an_offer_that_two_ask_for_is_given_to_the_first(handle: Callable[..., list[str]]) -> None:
    """RFC 2131 4.3.2: the second finds what the first has made of the record."""
    (offered,) = handle(message(DISCOVER, 1))
    told = handle(message(REQUEST, 1, asks=offered), message(REQUEST, 2, asks=offered))
    assert told == [offered, "0.0.0.0"]


def test_a_released_address_is_given_again_at_once_to_its_client(
    handle: Callable[..., list[str]],
) -> None:
    """RFC 2131 4.3.4 and 4.3.1: in the order in which they came."""
    (address,) = handle(message(DISCOVER, 1))
    assert handle(message(REQUEST, 1, asks=address)) == [address]
    told = handle(message(RELEASE, 1, ciaddr=address), message(DISCOVER, 1), message(DISCOVER, 2))
    assert told[:2] == ["0.0.0.0", address] and told[2] not in (address, "0.0.0.0")
