"""The address allocator: going round, masks, hints, what the last free address of a /8 costs."""

import math
import os
import signal
import time
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from fastdhcp import _bitmap
from fastdhcp._journal import ChangeKind
from fastdhcp.config import load
from fastdhcp.config.compile import Ids, compile_image
from tests import _trial
from tests.segments import CHADDR, KEY, Segments, make_memory, make_segments
from tests.world import Link, number

FULL = b"\xff" * 32


def give(tmp_path: Path, pool: str, subnet: str = "10.0.0.0/8", exclude: str = "",
         blocks: int = 64, workers: int = 2) -> tuple[Segments, list]:
    """Segments and the views of the workers, under a configuration with one pool."""
    path = tmp_path / "fastdhcp.toml"
    path.write_text(
        f'[server]\nworkers = {workers}\nmax-addresses = {blocks * 256}\n'
        f'[[subnets]]\nsubnet = "{subnet}"\n'
        f'interface = "srv0"\npools = ["{pool}"]\nexclude = [{exclude}]\n'
    )
    link = Link(3, "srv0", (IPv4Interface("10.255.255.253/8"),))
    compiled = compile_image(load(path), Ids({"": 0, "default": 0}, [1]), [link], 1)
    fds = Segments(image=compiled.memfd())
    segments = make_segments(workers=workers, blocks=blocks)
    views = []
    for process in range(workers):
        memory = make_memory(process, fds=segments)
        memory.epoch = 1
        memory.set_image(fds["image"])
        views.append(memory)
    return segments, views


def take(memory, now=1):
    """The next free address, offered to somebody; 0: there is none."""
    address = _bitmap.next_free(memory, 0, now)
    if address:
        _trial.apply(memory, ChangeKind.CHANGE_OFFER, 0, address, KEY, CHADDR, offer_until=99,
                     now=1)
    return address


def give_back(memory, address):
    _trial.apply(memory, ChangeKind.CHANGE_LAPSE, 0, address, KEY, CHADDR, now=1)


def test_every_address_of_the_pool_is_given_once_and_no_other(tmp_path):
    _, (one, two) = give(tmp_path, "10.0.0.200-10.0.2.50", exclude='"10.0.1.0-10.0.1.99"')
    given = []
    while address := take([one, two][len(given) % 2]):
        given.append(address)
    wanted = {*range(number("10.0.0.200"), number("10.0.1.0")),
              *range(number("10.0.1.100"), number("10.0.2.51"))}
    assert len(given) == len(wanted)
    assert set(given) == wanted


def test_what_was_freed_last_comes_last(tmp_path):
    _, (one, _) = give(tmp_path, "10.0.0.1-10.0.0.200")
    first = take(one)
    give_back(one, first)
    given = [take(one) for _ in range(200)]
    assert given[-1] == first


def within_seconds(function, limit_s=10):
    """What it returns, made in a process of its own: one that goes round for good is killed."""
    read_end, write_end = os.pipe()
    if (pid := os.fork()) == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(limit_s)
        os.write(write_end, str(function()).encode())
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as told:
        answer = told.read()
    assert os.waitpid(pid, 0)[1] == 0, "it found no end"
    return int(answer)


def test_where_all_others_are_at_the_end_a_worker_begins_at_the_start(tmp_path):
    _, (one, two, three) = give(tmp_path, "10.0.0.250-10.0.1.5", workers=3)
    given = [_bitmap.next_free(memory, 0, 1) for memory in [one] * 6 + [two] * 6]
    assert given == [*range(number("10.0.0.250"), number("10.0.1.6"))]
    assert within_seconds(lambda: _bitmap.next_free(three, 0, 1)) == number("10.0.0.250")


def test_two_workers_open_blocks_of_their_own(tmp_path):
    _, (one, two) = give(tmp_path, "10.0.0.0-10.0.3.255")
    given = [{take(worker) >> 8 for _ in range(100)} for worker in (one, two)]
    assert given[0].isdisjoint(given[1])


def test_a_full_pool_is_looked_through_once_a_second_and_found_open_again(tmp_path):
    _, (one, two) = give(tmp_path, "10.0.0.1-10.0.0.9")
    given = [take(one, now=5) for _ in range(9)]
    assert take(one, now=5) == take(two, now=5) == 0
    give_back(two, given[3])
    assert take(one, now=5) == given[3]


def test_a_pool_that_its_hints_call_full_wrongly_is_found_open_within_a_second(tmp_path):
    """Who freed the address worked by another image, so these hints were not corrected."""
    segments, (one, _) = give(tmp_path, "10.0.0.1-10.0.0.9")
    given = [take(one, now=5) for _ in range(9)]
    assert take(one, now=5) == 0
    bare = make_memory(1, fds=segments)  # without a policy it corrects no hints
    give_back(bare, given[3])
    assert take(one, now=5) == 0
    assert take(one, now=6) == given[3]


@pytest.mark.parametrize("free", ["10.0.0.7", "10.128.3.200", "10.255.255.254"])
def test_the_last_free_address_of_a_slash_8_costs_little_more_than_the_first(tmp_path, free):
    segments, (one, two) = give(tmp_path, "10.0.0.0/8", blocks=1 << 16)
    began = time.thread_time()
    first = take(one)
    first_s = time.thread_time() - began
    for block in range(1 << 16):
        address = (10 << 24) + (block << 8) + 9
        _trial.apply(two, ChangeKind.CHANGE_LAPSE, 0, address, KEY, CHADDR, now=1)
    for _, _, place in two.blocks():
        os.pwrite(segments["bits"], FULL, place * 64)
    assert first
    assert take(one) == 0  # finds each block full, once: some 45 ns a block
    last_s = math.inf
    for _ in range(5):  # of its own time the best: who else runs may empty the caches
        give_back(two, number(free))
        began = time.thread_time()
        assert take(one) == number(free)
        last_s = min(last_s, time.thread_time() - began)
    assert last_s < first_s + 50e-6
    assert take(one) == 0
