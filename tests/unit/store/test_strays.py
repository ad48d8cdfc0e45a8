"""Chunks outside the policy: which of them take room, which go, and what stays of those."""

import pytest

from fastdhcp import _store
from fastdhcp._journal import ChangeKind
from fastdhcp.store.checkpoint import PASS_INTERVAL_S, Checkpoint
from fastdhcp.store.database import META_GONE, Database
from fastdhcp.store.recovery import drop_strays, find_strays, replay_disk
from tests import _trial
from tests.batches import batch_of
from tests.policies import compile_text
from tests.segments import make_memory

INSIDE = 0x0A4D0105  # 10.77.1.5
RESERVED = 0x0A4D0285  # 10.77.2.133, in no pool
OUTSIDE = 0x0A580005  # 10.88.0.5
POLICY = """
[server]
workers = 2
[[subnets]]
subnet = "10.77.0.0/22"
pools = ["10.77.1.0-10.77.1.63"]
[[subnets.reservations]]
hw-address = "02:ee:00:00:00:01"
address = "10.77.2.133"
"""
BIND, END, RENEW = ChangeKind.CHANGE_BIND, ChangeKind.CHANGE_END, ChangeKind.CHANGE_RENEW
DECLINE = ChangeKind.CHANGE_DECLINE


class Disk:
    """A store's files, and the runs that read and write them."""

    def __init__(self, path):
        self.database = Database(path / "leases")
        self.sequence = 0
        self.memory = self.fresh()

    def fresh(self, policy=POLICY):
        memory = make_memory(0)
        memory.set_image(*compile_text(policy, 1, []).memfds())
        return memory

    def change(self, kind, address):
        key = address.to_bytes(16, "little")
        expiry = self.memory.now() + 3600
        result = _trial.apply(self.memory, kind, 0, address, key, key[:6], expiry=expiry)
        assert result[0] == "applied"

    def journal(self):
        """What was changed goes into a batch."""
        entries, heads = _store.take(self.memory)
        self.sequence += 1
        with self.database.write() as transaction:
            transaction.append(self.sequence, batch_of(1, 1, entries))
        _store.settle(self.memory, heads)

    def checkpoint(self):
        """A pass over what is dirty; the journal before it goes."""
        checkpoint = Checkpoint(self.memory, self.database, 1 << 20, -PASS_INTERVAL_S)
        heads = [self.memory.ring_head(ring) for ring in range(self.memory.rings)]
        for now in (0.0, 0.1):
            with self.database.write() as transaction:
                checkpoint.write(transaction, self.sequence, heads, now)
            checkpoint.committed()
        assert checkpoint.sequence == self.sequence

    def restart(self, policy=POLICY):
        self.memory = self.fresh(policy)
        strays = find_strays(self.database, self.memory)
        replay_disk(self.database, self.memory, strays.gone())
        drop_strays(self.database, self.memory, strays)
        return strays

    def chunks(self):
        return [int.from_bytes(key[4:], "big") * 64 for key, _ in self.database.chunks()]

    def record(self, address):
        return self.memory.lease(0, address)


@pytest.fixture
def disk(tmp_path):
    made = Disk(tmp_path)
    yield made
    made.database.close()


def ended_behind_the_checkpoint(disk, address):
    """The chunk says that it lives, the journal that it has ended: version 3, incarnation 1."""
    disk.change(BIND, address)
    disk.change(RENEW, address)
    disk.journal()
    disk.checkpoint()
    disk.change(END, address)
    disk.journal()


def test_what_has_ended_outside_the_policy_takes_no_room(disk):
    ended_behind_the_checkpoint(disk, OUTSIDE)
    assert disk.chunks() == [OUTSIDE // 64 * 64]
    disk.restart()
    assert disk.memory.block_count == 0
    assert disk.chunks() == []
    assert disk.database.read_meta(META_GONE) == [3, 1]


@pytest.mark.parametrize("address", [OUTSIDE, OUTSIDE + 5000, INSIDE])
def test_a_record_made_anew_begins_above_what_is_gone(disk, address):
    ended_behind_the_checkpoint(disk, OUTSIDE)
    disk.restart()
    disk.change(BIND, address)
    assert disk.record(address).version == 4
    assert disk.record(address).incarnation[1] == 2
    disk.change(RENEW, address)
    assert disk.record(address).version == 5
    assert disk.record(address).incarnation[1] == 2


def test_and_so_it_does_if_it_was_declined_before_it_was_bound(disk):
    """A client may decline what it was only offered: no binding began, but the record did."""
    ended_behind_the_checkpoint(disk, OUTSIDE)
    disk.restart()
    disk.change(DECLINE, OUTSIDE)
    disk.change(END, OUTSIDE)
    disk.change(BIND, OUTSIDE)
    assert disk.record(OUTSIDE).version == 6
    assert disk.record(OUTSIDE).incarnation[1] == 2


BACK = POLICY + '[[subnets]]\nsubnet = "10.88.0.0/24"\npools = ["10.88.0.1-10.88.0.200"]\n'


def test_a_pool_that_comes_back_finds_nothing_half_there(disk):
    """What the journal says behind a chunk that is gone has no record to be said of."""
    ended_behind_the_checkpoint(disk, OUTSIDE)
    disk.restart()
    disk.restart(BACK)
    assert disk.record(OUTSIDE) is None or disk.record(OUTSIDE).address == OUTSIDE
    disk.change(BIND, OUTSIDE)
    record = disk.record(OUTSIDE)
    assert (record.address, record.version, record.incarnation[1]) == (OUTSIDE, 4, 2)


def test_how_high_it_was_is_never_forgotten(disk):
    for _ in range(3):
        ended_behind_the_checkpoint(disk, OUTSIDE)
        disk.restart()
    version, number = disk.database.read_meta(META_GONE)
    assert (version, number) == (9, 3)
    disk.restart()
    assert disk.memory.floors == (9, 3)


def test_what_lives_outside_the_policy_stays(disk):
    disk.change(BIND, OUTSIDE)
    ended_behind_the_checkpoint(disk, OUTSIDE + 64)  # another chunk of the same block
    disk.restart()
    assert disk.record(OUTSIDE).version == 1
    assert disk.record(OUTSIDE + 64).version == 0
    assert disk.chunks() == [OUTSIDE // 64 * 64]


def test_what_was_bound_again_behind_the_checkpoint_stays(disk):
    ended_behind_the_checkpoint(disk, OUTSIDE)
    disk.change(BIND, OUTSIDE)
    disk.journal()
    disk.restart()
    assert (disk.record(OUTSIDE).version, disk.record(OUTSIDE).state) == (4, 1)
    assert disk.memory.floors == (0, 0)


@pytest.mark.parametrize("address", [INSIDE, RESERVED, RESERVED + 1])
def test_what_a_pool_or_a_reservation_touches_stays(disk, address):
    ended_behind_the_checkpoint(disk, address)
    disk.restart()
    assert disk.record(address).version == 3
    assert disk.chunks() == [address // 64 * 64]


def test_a_checkpoint_lets_go_what_has_ended_meanwhile(disk):
    ended_behind_the_checkpoint(disk, OUTSIDE)
    ended_behind_the_checkpoint(disk, INSIDE)
    disk.checkpoint()
    assert disk.chunks() == [INSIDE // 64 * 64]
    assert disk.database.read_meta(META_GONE) == [3, 1]
    disk.change(BIND, OUTSIDE)
    disk.journal()
    assert disk.record(OUTSIDE).version == 4
    disk.restart()
    assert (disk.record(OUTSIDE).version, disk.record(OUTSIDE).state) == (4, 1)


def test_blocks_outside_the_policy_are_counted_once(disk):
    for address in (OUTSIDE, OUTSIDE + 64, OUTSIDE + 256, INSIDE + 100, INSIDE):
        disk.change(BIND, address)
    disk.journal()
    assert disk.restart().blocks() == 2  # INSIDE's has a pool, though not where it is bound
