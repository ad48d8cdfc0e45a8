"""A commit of the store by itself, on the disk of pytest's --basetemp; /dev/shm shows its CPU."""

import time
from pathlib import Path

from pytest_benchmark.fixture import BenchmarkFixture

from fastdhcp._journal import ChangeKind
from fastdhcp.store.checkpoint import Checkpoint, tail_bound
from fastdhcp.store.clock import Clock
from fastdhcp.store.commits import Commits
from fastdhcp.store.database import Database
from fastdhcp.store.ids import Ids
from fastdhcp.store.recovery import begin_run, recover
from tests import _trial
from tests.policies import compile_text
from tests.segments import make_memory, make_segments

WORKERS = 2
CHANGES = 128
FIRST = 0x0A400100  # 10.64.1.0
POLICY = """
[[subnets]]
subnet = "10.64.0.0/12"
pools = ["10.64.1.0-10.79.255.254"]
"""


def test_a_commit_of_128_changes(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    fds = make_segments(workers=WORKERS, blocks=4096)
    image = compile_text(POLICY).memfds()
    store, *workers = (make_memory(process, fds=fds) for process in (WORKERS, 0, 1))
    for memory in (store, *workers):
        memory.set_image(*image)
    database, clock = Database(tmp_path / "leases"), Clock()
    ids = Ids.load(database)
    begin_run(database, store, clock, ids)
    recover(database, store, clock, ["hw-address"], fds["bits"])
    bound = tail_bound(database, 1 << 30)
    checkpoint = Checkpoint(store, database, bound, time.monotonic())
    commits = Commits(database, store, clock, checkpoint, ids, published=lambda: None)
    rounds = 2000 if benchmark.enabled else 2
    addresses = iter(range(FIRST, FIRST + (rounds + 1) * CHANGES))

    def publish() -> None:
        for number in range(CHANGES):
            address = next(addresses)
            key = address.to_bytes(16, "big")
            result = _trial.apply(
                workers[number % WORKERS], ChangeKind.CHANGE_BIND, 0, address, key, key[-6:],
                expiry=store.now() + 3600,
            )  # fmt: skip
            assert result[0] == "applied"

    assert benchmark.pedantic(commits.commit, setup=publish, rounds=rounds)
    assert database.sequences()[1] == commits.sequence > 0
    database.close()
