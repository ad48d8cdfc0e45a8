"""The redo log of a running store: lost, left behind, and not used."""

import shutil

import pytest

from tests.store_rig import NETWORK, Rig, killed, wait_for

ADDRESS = NETWORK + 77


@pytest.fixture
def rig(tmp_path):
    with Rig(tmp_path) as made:
        yield made


def log(rig):
    return rig.state / "leases" / "redo.log"


def die_with_batches_in_the_log(rig):
    """Three addresses are durable, the last of them by the log alone. Returns them."""
    assert rig.start("log-after-sync:4") is not None
    addresses = [NETWORK + 1000 + i for i in range(3)]
    for address in addresses:
        rig.wait_durable(rig.bind(address))
    rig.bind(ADDRESS)
    assert killed(rig.reap())
    disk = rig.disk()
    assert disk.followed < disk.batches[-1][0] == 4
    return addresses


def test_what_only_the_log_has_is_there_after_a_power_cut(rig):
    addresses = die_with_batches_in_the_log(rig)
    rig.new_segments()
    assert rig.start()["leases"] == 4
    assert {address for _, address in rig.records()} == {*addresses, ADDRESS}
    disk = rig.disk()
    assert [sequence for sequence, _ in disk.batches] == [1, 2, 3, 4]
    assert disk.followed == 4


def test_the_successor_publishes_what_only_the_log_has(rig):
    die_with_batches_in_the_log(rig)
    assert rig.start()["attached"]
    assert rig.durable(rig.memory.ring_head(0))
    assert rig.disk().followed == 4


def test_a_log_that_is_removed_costs_nothing_that_was_acknowledged(rig, capfd):
    """The database has it within two seconds, and every batch from then on."""
    rig.start()
    rig.wait_durable(rig.bind(ADDRESS))
    log(rig).unlink()
    wait_for(lambda: "redo-log-failed" in capfd.readouterr().err, "noticed")
    for i in range(20):
        rig.wait_durable(rig.bind(NETWORK + 1000 + i))
    assert rig.disk().followed == rig.memory.sequence
    assert not log(rig).exists()
    rig.kill()
    rig.new_segments()
    assert rig.start()["leases"] == 21
    assert log(rig).exists()


def test_a_log_and_a_lock_file_that_are_removed_together_cost_nothing(rig, capfd):
    """The database lacks what the log had: all is in memory, and in new files soon."""
    die_with_batches_in_the_log(rig)
    log(rig).unlink()
    (rig.state / "leases" / "lock.mdb").unlink()
    assert rig.start()["attached"]
    assert len(rig.records()) == 4
    rig.kill()
    rig.new_segments()
    assert rig.start()["leases"] == 4


def test_a_log_that_cannot_be_read_is_named_at_a_start(rig, capfd):
    die_with_batches_in_the_log(rig)
    log(rig).unlink()
    log(rig).mkdir()
    rig.new_segments()
    assert rig.start() is None
    assert rig.reap() == 65
    said = capfd.readouterr().err
    assert "redo.log cannot be read (Is a directory); it may have the leases of the last" in said


def test_a_successor_needs_no_log_that_it_can_read(rig):
    """All leases are in memory, and in new files soon."""
    die_with_batches_in_the_log(rig)
    log(rig).unlink()
    log(rig).mkdir()
    assert rig.start()["attached"]
    assert rig.alarms[0]["text"].startswith(f"{log(rig)} cannot be read")
    assert len(rig.records()) == 4
    log(rig).rmdir()
    rig.kill()
    rig.new_segments()
    assert rig.start()["leases"] == 4


def test_a_log_of_another_run_is_not_taken(rig, tmp_path):
    """A backup of another server, or of an older run, was put in place and the log left there."""
    rig.start()
    rig.wait_durable(rig.bind(ADDRESS))
    rig.wait_followed()
    rig.kill()
    backup = tmp_path / "backup.mdb"
    shutil.copy(rig.state / "leases" / "data.mdb", backup)
    rig.new_segments()
    rig.start("log-after-sync")
    rig.bind(ADDRESS + 1)
    assert killed(rig.reap())
    assert rig.disk().batches[-1][0] == 2
    shutil.copy(backup, rig.state / "leases" / "data.mdb")
    rig.new_segments()
    assert rig.start()["leases"] == 1


def test_where_no_reply_waits_for_the_disk_the_log_is_not_written(tmp_path):
    with Rig(tmp_path, durable=False) as rig:
        rig.start()
        rig.wait_durable(rig.bind(ADDRESS))
        assert not log(rig).read_bytes().strip(b"\0")


def test_all_is_in_the_database_after_a_stop(rig):
    rig.start()
    for i in range(50):
        rig.bind(NETWORK + 1000 + i)
    rig.stop()
    log(rig).unlink()
    rig.new_segments()
    assert rig.start()["leases"] == 50
