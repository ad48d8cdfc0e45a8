"""The store is killed at every step of commit, checkpoint, fresh start and attach.

A real store process over real memfds; this test is the workers. Whatever the step: no change that
was published as durable is lost, neither by the successor that attaches nor by a start from the
disk alone; what comes back is, address by address, a state that there was; and all goes on.
"""

import resource
import shutil
import time

import pytest

from fastdhcp._leases import BindingState, StoreState
from tests.store_ledger import Ledger
from tests.store_rig import STORE, Rig, killed, wait_for

COMMIT_POINTS = [
    "commit-before-take",
    "commit-after-take",
    "log-before-write",
    "log-before-sync",
    "log-after-sync",
    "commit-before-sync",
    "commit-after-sync",
    "commit-settled",
    "commit-woken",
]
CHECKPOINT_POINTS = [
    "checkpoint-begun",
    "checkpoint-copied",
    "checkpoint-put",
    "checkpoint-end-before-sync",
    "checkpoint-end-after-sync",
    "trim-before",
    "trim-after",
]
START_POINTS = ["start-ids-sent", "start-ready-sent"]
FRESH_POINTS = [
    "fresh-before-run",
    "fresh-run",
    "fresh-chunks",
    "fresh-replayed",
    "fresh-before-sync",
    "fresh-committed",
    "fresh-ready",
    *START_POINTS,
]
ATTACH_POINTS = [
    "attach-dirty",
    "attach-before-sync",
    "attach-committed",
    "attach-published",
    "attach-woken",
    *START_POINTS,
]
SMALL_JOURNAL = {"journal_max_size": 1}  # the least bound: a pass every 64 KB of journal


def drive(rig, ledger, until, changes=20000):
    """Changes and acknowledgements until something holds, or the store is dead."""
    for count in range(changes):
        if count % 16 == 0:
            ledger.hear()
            if until() or not rig.alive():
                return
            time.sleep(0.0005)
        if rig.memory.ring_head(0) - rig.memory.ring_tail(0) < 1 << 20:
            ledger.change()
    pytest.fail("nothing happened")


def chance(rig, size):
    """True once so many bytes more went through the first worker's ring."""
    start = rig.memory.ring_head(0)
    return lambda: rig.memory.ring_head(0) - start > size


def settle(rig, ledger):
    wait_for(lambda: (ledger.hear(), ledger.all_told)[1], "all told")


def cut_power(rig, ledger):
    """Only the disk is left."""
    if rig.process is not None:
        rig.kill()
    ledger.hear()
    ledger.forget_untold()
    rig.new_segments()
    assert rig.start() is not None
    ledger.check()


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("point", COMMIT_POINTS + CHECKPOINT_POINTS)
def test_killed_in_a_commit(tmp_path, point, count):
    with Rig(tmp_path, **SMALL_JOURNAL) as rig:
        ledger = Ledger(rig, seed=count)
        assert rig.start(f"{point}:{count}") is not None
        drive(rig, ledger, until=lambda: False)
        assert killed(rig.reap())
        ledger.hear()
        for _ in range(50):  # workers go on
            ledger.change()
        if count == 1:
            cut_power(rig, ledger)
        else:
            assert rig.start()["attached"]
            settle(rig, ledger)
        for _ in range(50):
            ledger.change()
        settle(rig, ledger)
        ledger.check()
        cut_power(rig, ledger)


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """A state directory with checkpoint and journal, and the table that it came from."""
    folder = tmp_path_factory.mktemp("before")
    with Rig(folder, **SMALL_JOURNAL) as rig:
        ledger = Ledger(rig, seed=5)
        assert rig.start() is not None
        drive(rig, ledger, until=chance(rig, 300000))
        wait_for(lambda: rig.disk().checkpoint, "a checkpoint")
        drive(rig, ledger, until=chance(rig, 30000))  # the journal goes on behind it
        settle(rig, ledger)
        rig.kill()
        disk = rig.disk()
        assert disk.checkpoint and disk.batches[-1][0] > disk.checkpoint
        return folder / "state", rig.records()


@pytest.mark.parametrize("point", FRESH_POINTS)
def test_killed_in_a_fresh_start(tmp_path, before, point):
    state, records = before
    shutil.copytree(state, tmp_path / "state")
    with Rig(tmp_path) as rig:
        rig.start(point)
        assert killed(rig.reap())
        if rig.memory.ready:
            assert rig.start()["attached"]
        else:
            rig.new_segments()
            assert not rig.start()["attached"]
        assert rig.records() == records
        rig.wait_durable(rig.bind(0x0A4D0000 + 60000))
        rig.kill()
        rig.new_segments()
        assert rig.start() is not None
        assert len(rig.records()) == len(records) + 1


@pytest.mark.parametrize("point", ATTACH_POINTS)
def test_killed_in_an_attach(tmp_path, point):
    with Rig(tmp_path, **SMALL_JOURNAL) as rig:
        ledger = Ledger(rig, seed=9)
        assert rig.start("checkpoint-copied:30") is not None
        drive(rig, ledger, until=lambda: False)
        assert killed(rig.reap())
        ledger.hear()
        durable = [rig.memory.ring_durable(i) for i in range(STORE)]
        for _ in range(100):
            ledger.change()
        rig.start(point)
        assert killed(rig.reap())
        assert all(rig.memory.ring_durable(i) >= durable[i] for i in range(STORE))
        assert rig.start()["attached"]
        settle(rig, ledger)
        ledger.check()
        records = rig.records()
        cut_power(rig, ledger)
        assert rig.records() == records


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("point", ["absorb-before-sync", "absorb-after-sync"])
def test_killed_while_the_database_gets_what_the_redo_log_has(tmp_path, point, fresh):
    with Rig(tmp_path) as rig:
        ledger = Ledger(rig, seed=13)
        assert rig.start("log-after-sync:3") is not None
        drive(rig, ledger, until=lambda: False)
        assert killed(rig.reap())
        ledger.hear()
        disk = rig.disk()
        assert disk.batches[-1][0] > disk.followed
        if fresh:
            ledger.forget_untold()
            rig.new_segments()
        rig.start(point)
        assert killed(rig.reap())
        if fresh:
            rig.new_segments()
        assert rig.start()["attached"] != fresh
        ledger.check()
        settle(rig, ledger)
        cut_power(rig, ledger)


def test_another_error_of_the_disk_ends_the_store_and_its_successor_attaches(tmp_path, capfd):
    """A write that is cut by a limit is EIO, one that starts at the limit EFBIG; the disk is not
    full, so the store cannot go on."""
    with Rig(tmp_path, **SMALL_JOURNAL) as rig:
        ledger = Ledger(rig, seed=17)
        assert rig.start() is not None
        size = (rig.state / "leases" / "data.mdb").stat().st_size + 65536
        resource.prlimit(rig.process.pid, resource.RLIMIT_FSIZE, (size, size))
        drive(rig, ledger, until=lambda: False)
        assert rig.reap() == 1
        said = capfd.readouterr().err
        assert "Input/output error" in said or "File too large" in said
        # Meanwhile workers serve what needs no write, so that another server may serve.
        assert rig.memory.store_state == StoreState.STORE_FAILING
        assert rig.start()["attached"]
        assert rig.memory.store_state == StoreState.STORE_OK
        settle(rig, ledger)
        ledger.check()
        cut_power(rig, ledger)


@pytest.mark.parametrize("step", [*range(1, 8), *range(10, 17)])
def test_killed_while_it_ends_a_lease(tmp_path, step):
    """The numbered steps of the protocol that changes a record, in the store's own sweep."""
    address = 0x0A4D0000 + 99
    with Rig(tmp_path) as rig:
        assert rig.start(str(step)) is not None
        rig.wait_durable(rig.bind(address, expiry=rig.memory.now() + 10))
        rig.memory.time_offset_ns += 100 * 10**9
        assert killed(rig.reap())
        lease = rig.memory.lease(0, address)  # nobody's lock is left
        assert rig.memory.bit(0, address) == (lease.state != BindingState.FREE)
        assert rig.start()["attached"]
        wait_for(lambda: rig.memory.lease(0, address).state == BindingState.FREE, "ended")
        assert not rig.memory.bit(0, address)
        rig.wait_durable(rig.memory.ring_head(STORE), STORE)
        records = rig.records()
        rig.kill()
        rig.new_segments()
        assert rig.start() is not None
        assert rig.records() == records


def test_what_the_dead_one_copied_its_successor_writes(tmp_path):
    """The dirty bit is gone, the copy was never committed: only the attach knows."""
    with Rig(tmp_path, **SMALL_JOURNAL) as rig:
        ledger = Ledger(rig, seed=13)
        assert rig.start("checkpoint-copied:30") is not None
        drive(rig, ledger, until=lambda: False)
        assert killed(rig.reap())
        assert rig.start()["attached"]
        settle(rig, ledger)
        last = rig.disk().batches[-1][0]
        elsewhere = Ledger(rig, seed=14, addresses=50, first=0x0A4D8000)
        elsewhere.states = ledger.states
        elsewhere.told = ledger.told
        for _ in range(100):
            drive(rig, elsewhere, until=chance(rig, 100000))
            batches = rig.disk().batches
            if not batches or batches[0][0] > last:
                break
        else:
            pytest.fail("the journal was never trimmed")
        settle(rig, elsewhere)
        cut_power(rig, elsewhere)


def test_a_store_that_dies_again_and_again_loses_nothing(tmp_path):
    with Rig(tmp_path, **SMALL_JOURNAL) as rig:
        ledger = Ledger(rig, seed=11)
        for turn, point in enumerate([*COMMIT_POINTS, *CHECKPOINT_POINTS]):
            assert rig.start(f"{point}:{turn % 4 + 1}") is not None
            drive(rig, ledger, until=lambda: False)
            assert killed(rig.reap())
        cut_power(rig, ledger)
