"""The segments as one process maps them: what is made ready ahead of need, and what is not."""

import os
import signal
import threading
from collections.abc import Iterator
from ipaddress import IPv4Interface

import pytest

from fastdhcp import _chunks, _store
from fastdhcp._ahead import Ahead
from fastdhcp._journal import ChangeKind
from fastdhcp._layout import HINTS_SIZE_MAX, HINTS_SIZE_MIN, layout_sizes
from fastdhcp._leases import WORKERS_MAX
from fastdhcp._memory import Memory
from fastdhcp.config.hints import HintPlaces
from tests import _trial
from tests.segments import CHADDR, KEY, Segments, make_memory, make_segments
from tests.world import Link, World

POOLS = 64
BLOCK = 256 * 256
"""Bytes of the records of a block."""
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
    world.places = HintPlaces(2, HINTS_SIZE_MIN)
    world.fds, world.memory = fds, make_memory(0, fds=fds)
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
    opened = touched(fds)
    ahead.look()
    # The block that the worker opened is its own affair; two more of that pool are made ready.
    assert (before, memory.block_count) == (1, 3)
    assert touched(fds) == opened
    assert ahead.touch(1)
    assert touched(fds) == opened + BLOCK
    assert not ahead.touch(9)
    assert touched(fds) == opened + 2 * BLOCK
    ahead.look()
    assert memory.block_count == 3
    assert not ahead.touch(9)


def test_a_death_while_a_block_is_entered_wastes_a_number_and_nothing_else(mapped):
    """At each step of it. The store that attaches then finds the block once, and no other."""
    _, memory, _ = mapped
    for at, step in enumerate((24, 25, 26)):
        address = (10 << 24) + (99 << 16) + (at << 8) + 1
        child = os.fork()
        if child == 0:
            memory.set_kill_step(step)
            _trial.reserve(memory, 0, address)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        _trial.reserve(memory, 0, address)
        assert [block[1] for block in memory.blocks()].count(address >> 8) == 1
    assert memory.block_count == 5  # the last death was behind the entry
    assert len(memory.blocks()) == 3
    _chunks.mark_all_dirty(memory)
    assert len(_chunks.dirty_chunks(memory)) == 3 * 4


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


def census_while_policies_come(folder) -> set[tuple[int, ...]]:
    """What a thread counts of the last pool while two policies take turns."""
    world = World.__new__(World)
    world.folder, world.links, world.generation = folder, LINKS, 0
    world.fds = make_segments(workers=2, blocks=20_000)
    world.places = HintPlaces(2, HINTS_SIZE_MIN)
    world.memory = Memory(world.fds, 0)
    world.set_now(1000)
    small = '[[subnets]]\nsubnet = "10.77.0.0/22"\npools = ["10.77.1.0/24"]\n'
    large = "".join(
        f'[[subnets]]\nsubnet = "10.80.{i}.0/24"\npools = ["10.80.{i}.7-10.80.{i}.200"]\n'
        for i in range(256)
    ) + '[[subnets]]\nsubnet = "11.0.0.0/10"\npools = ["11.0.0.3-11.63.255.200"]\n'
    for block in range(16_384):
        _trial.apply(world.memory, ChangeKind.CHANGE_OFFER, 0, (11 << 24) + block * 256 + 9,
                     KEY, CHADDR, offer_until=2000)
    world.configure(large)
    counted, over = set(), threading.Event()

    def count() -> None:
        while not over.is_set():
            counted.add(world.memory.tally()[-1])

    thread = threading.Thread(target=count)
    thread.start()
    for _ in range(60):
        world.configure(small)
        world.configure(large)
    over.set()
    thread.join()
    return counted


def test_a_census_in_a_thread_is_of_one_policy_whatever_comes_meanwhile(tmp_path):
    """In a process of its own: it ended by SIGSEGV."""
    child = os.fork()
    if child == 0:
        counted = census_while_policies_come(tmp_path)
        known = {(256, 0, 0, 0, 0, 0), ((1 << 22) - 3 - 55 - 16_384, 16_384, 0, 0, 0, 0)}
        os._exit(0 if counted <= known else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("workers", [2, WORKERS_MAX])
def test_no_segment_is_smaller_for_more_addresses(workers):
    """Up to the largest table that may be asked for, whose sizes are beyond 32 bits."""
    before = layout_sizes(workers, 1)
    for bits in range(1, 24):
        sizes = layout_sizes(workers, 1 << bits)
        assert [name for name in sizes if sizes[name] < before[name]] == []
        assert sizes["index"] >= 2 * 256 * 8 << bits  # two entries' room an address
        before = sizes
    assert before["hints"] == HINTS_SIZE_MAX


def test_memory_of_another_version_is_refused_in_words() -> None:
    fds = make_segments()
    os.pwrite(fds["node"], (99).to_bytes(4, "little"), 4)
    with pytest.raises(ValueError, match=r"of layout 99, .* restart the server"):
        Memory(fds, 0)
