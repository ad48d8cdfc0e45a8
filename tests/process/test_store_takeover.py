"""Files taken away or written over and a store that dies of it: all leases are in memory still.

And whoever else comes to the same folder: never two stores on one file.
"""

import os
import shutil
import signal
import time

import pytest

from tests.process.test_store_files import (
    ADDRESS,
    alarms,
    bind_some,
    empty,
    remove,
    remove_folder,
    rename_state,
)
from tests.store_rig import NETWORK, Rig


@pytest.fixture
def rig(tmp_path):
    with Rig(tmp_path) as made:
        yield made


def assert_all_is_on_disk(rig):
    """A start from disk finds the leases that are in memory now."""
    records = rig.records()
    rig.kill()
    rig.new_segments()
    assert rig.start() is not None
    assert rig.records() == records


def test_a_store_that_dies_while_it_makes_new_files_has_a_successor_that_makes_them(rig):
    rig.start("rebuild-copied")
    bind_some(rig)
    remove(rig.state / "leases")
    assert rig.expect("nothing") is None
    rig.reap()
    assert rig.start() is not None
    assert len(rig.records()) == 300
    assert_all_is_on_disk(rig)


@pytest.mark.parametrize("harm", [remove, remove_folder, empty, rename_state])
def test_files_that_go_with_the_store_are_made_anew_by_its_successor(rig, harm):
    rig.start()
    bind_some(rig)
    os.kill(rig.process.pid, signal.SIGKILL)
    rig.reap()
    harm(rig.state / "leases")
    assert rig.start()["attached"]
    rig.wait_durable(rig.bind(ADDRESS))
    assert len(rig.records()) == 301
    assert_all_is_on_disk(rig)


def test_a_commit_into_a_file_that_was_cut_short_costs_the_store_and_no_lease(rig):
    """LMDB's mapping ends where the file does: SIGBUS, before anybody has looked."""
    rig.start()
    bind_some(rig)
    empty(rig.state / "leases")
    position = rig.bind(ADDRESS)
    rig.expect("nothing")
    rig.reap()
    assert rig.start() is not None
    rig.wait_durable(position)
    assert len(rig.records()) == 301
    assert_all_is_on_disk(rig)


def write_over(data, backup):
    """As `cp` does it: the file is the same one."""
    size = data.stat().st_size
    data.write_bytes(backup.ljust(size, b"\0"))


@pytest.mark.parametrize("busy", [False, True])
def test_a_backup_written_over_the_file_of_a_running_server(rig, busy):
    """What was acknowledged since the backup is in memory, and in new files within seconds."""
    rig.start()
    bind_some(rig)
    data = rig.state / "leases" / "data.mdb"
    backup = data.read_bytes()
    for i in range(50):
        rig.wait_durable(rig.bind(NETWORK + 30000 + i * 67))
    rig.wait_followed()
    os.kill(rig.process.pid, signal.SIGSTOP)  # it shall not see the file while it is empty
    write_over(data, backup)
    if busy:
        rig.bind(ADDRESS)
    os.kill(rig.process.pid, signal.SIGCONT)
    if busy:
        assert rig.expect("nothing") is None
        rig.reap()
        assert rig.start() is not None
    else:
        on, off = alarms(rig)
        assert "was written over" in on["text"]
        assert not off["on"]
    assert len(rig.records()) == 350 + busy
    assert_all_is_on_disk(rig)


def test_a_backup_of_this_very_run_is_older_than_what_was_acknowledged(rig):
    rig.start()
    bind_some(rig)
    data = rig.state / "leases" / "data.mdb"
    os.kill(rig.process.pid, signal.SIGSTOP)
    backup = data.read_bytes()
    os.kill(rig.process.pid, signal.SIGCONT)
    rig.wait_durable(rig.bind(ADDRESS))
    rig.kill()
    data.write_bytes(backup)
    assert rig.start() is not None
    assert len(rig.records()) == 301
    assert_all_is_on_disk(rig)


def test_the_successor_knows_the_numbers_of_names_that_are_configured_no_more(rig):
    """Records name them: a number that went to another VRF would move its leases there."""
    rig.start()
    rig.say({"type": "names", "vrfs": ["blue", "red"], "subnets": [["red", "10.0.0.0/8"]]})
    numbers = rig.expect("ids")["numbers"]
    rig.kill()
    remove_folder(rig.state / "leases")
    rig.start_settings["numbers"] = numbers
    rig.start()
    rig.say({"type": "names", "vrfs": ["green", "red"], "subnets": [["red", "10.0.0.0/8"]]})
    answer = rig.expect("ids")
    assert (answer["vrfs"], answer["subnets"]) == ({"green": 3, "red": 2}, [2])


def test_the_journal_goes_on_above_the_last_number(rig):
    rig.start()
    bind_some(rig)
    last = rig.disk().batches[-1][0]
    rig.kill()
    remove(rig.state / "leases")
    rig.start()
    rig.wait_durable(rig.bind(ADDRESS))
    assert rig.disk().batches[0][0] > last


# ---- two of them


@pytest.fixture
def other(tmp_path, rig):
    (tmp_path / "other").mkdir()
    with Rig(tmp_path / "other") as made:
        made.state = rig.state
        yield made


def assert_kept_out(rig, other):
    assert other.start() is None
    assert other.reap() == 75
    assert rig.alive()
    rig.wait_durable(rig.bind(ADDRESS))
    assert_all_is_on_disk(rig)


def test_lock_files_that_were_removed_let_no_second_store_in(rig, other):
    """As one does with a lock that looks stale."""
    rig.start()
    bind_some(rig)
    for lock in rig.state.glob("*.lock"):
        lock.unlink()
    assert_kept_out(rig, other)


def test_a_state_directory_made_anew_lets_no_second_store_in(rig, other):
    """The locks are in the old one."""
    rig.start()
    bind_some(rig)
    rename_state(rig.state / "leases")
    alarms(rig)
    assert_kept_out(rig, other)


def test_a_second_store_that_was_faster_keeps_its_file(rig, other):
    """The first one acknowledges nothing more, and says why."""
    rig.start()
    bind_some(rig)
    os.kill(rig.process.pid, signal.SIGSTOP)
    shutil.rmtree(rig.state)
    assert other.start() is not None
    other.wait_durable(other.bind(ADDRESS))
    os.kill(rig.process.pid, signal.SIGCONT)
    while "another store works here" not in rig.expect("alarm")["text"]:
        assert rig.alarms[-1]["on"]
    position = rig.bind(NETWORK + 9)
    time.sleep(1)
    assert not rig.durable(position)
    assert not list((rig.state / "leases").glob("*aside*"))
    rig.kill()
    assert_all_is_on_disk(other)
