"""The segments as one process maps them: what is made ready ahead of need, and what is not."""

import os
from collections.abc import Iterator
from ipaddress import IPv4Interface

import pytest

from fastdhcp import _store
from fastdhcp._ahead import Ahead
from fastdhcp._memory import Memory
from tests.segments import Segments, make_memory, make_segments
from tests.world import Link, World

POOLS = 64
LINKS = (Link(3, "srv0", (IPv4Interface("10.77.0.1/16"),)),)


def touched(fds: Segments) -> int:
    return os.fstat(fds["records"]).st_blocks * 512


@pytest.fixture
def mapped(tmp_path) -> Iterator[tuple[Segments, Memory, World]]:
    """Sixty-four pools of 1,024 addresses, one worker's view and the world around it."""
    subnets = [
        f'[[subnets]]\nsubnet = "10.77.{4 * i}.0/22"\nshared-network = "lan"\n'
        f'pools = ["10.77.{4 * i}.0/22"]\n' + ('interface = "srv0"\n' if i == 0 else "")
        for i in range(POOLS)
    ]
    fds = make_segments(workers=2, blocks=1024)
    world = World.__new__(World)
    world.folder, world.links, world.generation = tmp_path, LINKS, 0
    world.memory = make_memory(0, fds=fds)
    world.memory.epoch, world.memory.secret = 1, bytes(16)
    world.set_now(1000)
    world.configure("".join(subnets))
    yield fds, world.memory, world


def test_only_the_pools_in_use_are_touched_ahead(mapped):
    fds, memory, world = mapped
    ahead = Ahead(memory, 2, 256)
    ahead.look()
    assert touched(fds) == 0
    assert world.discover(1).text.startswith("OFFER")
    before = memory.block_count
    ahead.look()
    # The block that the worker opened is its own affair; two more of that pool are made ready.
    assert (before, memory.block_count) == (1, 3)
    assert touched(fds) <= 3 * 256 * 256
    ahead.look()
    assert memory.block_count == 3


def test_who_puts_millions_of_leases_into_the_index_shows_that_it_lives(mapped):
    _, memory, world = mapped
    world.bind(1)
    beats = memory.beats(0)
    assert _store.reindex(memory) == 1
    assert memory.beats(0) > beats
    assert _store.rekey(memory) == 1


def test_the_last_four_policies_stay_mapped_for_readers_in_other_threads(mapped):
    """A census of millions may be at work by one while the next ones come."""
    _, memory, world = mapped
    text = (world.folder / "fastdhcp.toml").read_text()

    def policies() -> int:
        with open("/proc/self/maps") as maps:  # noqa: PTH123
            return sum("memfd:fastdhcp-image" in line for line in maps)

    before = policies()
    counts = []
    for _ in range(6):
        world.configure(text)
        counts.append(policies() - before)
    assert memory.generation == 7
    assert counts == [1, 2, 3, 3, 3, 3]
