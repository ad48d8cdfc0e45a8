"""Generations: the first one, whatever the store does meanwhile."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastdhcp._bitmap import is_reserved
from fastdhcp._reservations import CLASS_ID_MAX
from fastdhcp.config import load
from fastdhcp.config.hints import HintPlaces
from fastdhcp.exits import EXIT_CONFIG
from fastdhcp.supervisor.generation import compile_generation, ids_of
from fastdhcp.supervisor.notify import Notifier
from fastdhcp.supervisor.obstacles import Obstacle
from fastdhcp.supervisor.policy import Policy
from fastdhcp.supervisor.reserved import clear_reserved, mark_reserved
from fastdhcp.supervisor.resources import open_resources
from fastdhcp.supervisor.segments import make_table
from fastdhcp.supervisor.server import Server

POLICY = """
[server]
listen = "127.0.0.1:{port}"
interfaces = []
workers = 1
state-directory = "state"
runtime-directory = "run"
max-addresses = 65536
[[subnets]]
subnet = "10.77.0.0/22"
pools = ["10.77.1.0-10.77.2.250"]
"""
CLASSES = """
[[classes]]
name = "new"
[[reservations]]
hw-address = "02:ee:00:00:00:01"
classes = ["new"]
"""
RESERVED = """
[[subnets.reservations]]
hw-address = "02:ee:00:00:00:01"
address = "10.77.1.9"
"""
ADDRESS = 0x0A4D0109
IDS = {"type": "ids", "vrfs": {}, "subnets": [1], "classes": {}}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """With all that it opens, and no process."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = tmp_path / "fastdhcp.toml"
    path.write_text(POLICY.format(port=port))
    config = load(path)
    resources = open_resources(config)
    made = Server(path, config, resources, Notifier(), *make_table(config))
    try:
        yield made
    finally:
        if made.known is not None:
            made.known.close()
        made.segments.close()
        resources.close()


def test_what_does_not_fit_at_the_start_is_bad_configuration(server: Server) -> None:
    """What the store says decides it, so `check` cannot have known."""
    server.path.write_text(server.path.read_text() + CLASSES)
    server.config = load(server.path)
    numbers = {**IDS, "classes": {"new": CLASS_ID_MAX + 1}}
    with pytest.raises(Obstacle, match=r"fastdhcp\.toml:\d+: .*is number 65536 of all") as raised:
        asyncio.run(Policy(server).first(numbers))
    assert raised.value.exit_code == EXIT_CONFIG


def test_two_stores_that_start_at_once_get_one_generation(server: Server) -> None:
    """The first died while its policy was compiled."""

    async def both() -> list[int]:
        policy = Policy(server)
        found = await asyncio.gather(policy.first(IDS), policy.first(IDS))
        return [generation.number for generation in found]

    assert asyncio.run(both()) == [1, 1]
    assert server.generation.number == 1


def test_reserved_addresses_are_marked_and_cleared_beside_the_loop(server: Server) -> None:
    """A million of them take some tenths of a second, in which deaths are seen and beats heard."""
    without = server.path.read_text()
    server.path.write_text(without + RESERVED)
    server.config = load(server.path)
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def all_of_it() -> None:
        task = asyncio.get_running_loop().create_task(turn())
        with_it = await Policy(server).first(IDS)
        assert is_reserved(server.memory, 0, ADDRESS)  # before anybody works by it
        server.path.write_text(without)
        places = HintPlaces(1, server.segments.sizes["hints"])
        none = compile_generation(load(server.path), (), ids_of(IDS), 2, places)
        for work, generation in (
            (clear_reserved, with_it), (clear_reserved, none), (mark_reserved, with_it),
        ):  # fmt: skip
            seen = turns
            await work(server.memory, generation)
            assert turns > seen
            assert is_reserved(server.memory, 0, ADDRESS) == (generation is with_it)
        none.close()
        task.cancel()

    asyncio.run(all_of_it())
