"""Several processes enter the same blocks at once, and are killed at the steps of that. The parent
replaces them, until all blocks are there.

tests/model/directory.py goes through all interleavings of the order; here it is the code, over real
shared memory, with as many lost races as come.
"""

import os
import random
import signal

import pytest

from tests import _trial
from tests.segments import make_memory, make_segments

STEPS = (24, 25, 26)
"""Numbered at the head of fastdhcp/_journal.pyx."""
WORKERS = 3
BLOCKS = 60_000
DEATHS = 60
NET = 10 << 24


def enter_all(fds, process, seed, kill):
    """In a child; 0: it came to the end."""
    rng = random.Random(seed)
    memory = make_memory(process, fds=fds)
    if kill:
        memory.set_kill_step(rng.choice(STEPS), rng.randrange(1, 2000))
    # All go the same way. Who is behind finds what is there, so is faster, and they meet.
    for block in range(BLOCKS):
        _trial.reserve(memory, block % 3, NET + (block << 8))
    os._exit(0)


def start(fds, process, seed, kill):
    pid = os.fork()
    if pid == 0:
        try:
            enter_all(fds, process, seed, kill)
        finally:
            os._exit(9)
    return pid


@pytest.mark.parametrize("seed", [1, 2])
def test_each_block_has_one_number_whoever_dies(seed):
    rng = random.Random(seed)
    fds = make_segments(workers=WORKERS, blocks=BLOCKS + DEATHS)
    memory = make_memory(WORKERS, fds=fds)
    running = {start(fds, process, rng.random(), True): process for process in range(WORKERS)}
    deaths = 0
    while running:
        pid, status = os.wait()
        process = running.pop(pid)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            deaths += 1
            running[start(fds, process, rng.random(), deaths + len(running) < DEATHS)] = process
    assert deaths >= 10
    blocks = memory.blocks()
    places = [(vrf, place) for vrf, place, _ in blocks]
    assert sorted(places) == sorted({(i % 3, (NET >> 8) + i) for i in range(BLOCKS)})
    assert len({number for _, _, number in blocks}) == BLOCKS
    # A death wastes one at most, and what was drawn in vain was of use again.
    assert BLOCKS <= memory.block_count <= BLOCKS + deaths
    assert max(number for _, _, number in blocks) < memory.block_count + WORKERS
