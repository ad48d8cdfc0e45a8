"""A full file system under the store: nothing is acknowledged, nothing is lost, and it heals."""

import ctypes
import os
import time

import pytest

from fastdhcp._leases import StoreState
from tests.lab.namespaces import CLONE_NEWNS
from tests.store_ledger import Ledger
from tests.store_rig import NETWORK, Rig, wait_for

SIZE = 16 << 20
MS_REC, MS_PRIVATE = 0x4000, 1 << 18
_libc = ctypes.CDLL(None, use_errno=True)

pytestmark = pytest.mark.net  # for the mount: root, or a user namespace


def _mount(kind: bytes, at: bytes, flags: int, data: bytes) -> None:
    if _libc.mount(b"none", at, kind, flags, data) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"mount {at!r}: {os.strerror(error)}")


@pytest.fixture
def rig(tmp_path):
    """A store on a file system of 16 MB, in a mount namespace of this test's own."""
    if _libc.unshare(CLONE_NEWNS) != 0:
        pytest.fail(f"no mount namespace: {os.strerror(ctypes.get_errno())}")
    _mount(b"", b"/", MS_REC | MS_PRIVATE, b"")
    state = tmp_path / "state"
    state.mkdir()
    _mount(b"tmpfs", bytes(state), 0, b"size=%d" % SIZE)
    with Rig(tmp_path) as made:
        yield made
    _libc.umount2(bytes(state), 2)


def fill(rig):
    """Not a byte is left."""
    with (rig.state / "filler").open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue


def free(rig):
    (rig.state / "filler").unlink()


def store_state(rig):
    return rig.memory.store_state


def make_fail(rig, ledger):
    """Changes until a commit fails."""
    for _ in range(200000):
        if store_state(rig) == StoreState.STORE_FAILING:
            return
        ledger.change()
        if rig.memory.ring_head(0) - rig.memory.ring_tail(0) > 1 << 18:
            time.sleep(0.001)
    pytest.fail("the disk never filled")


def settle(rig, ledger):
    wait_for(lambda: (ledger.hear(), ledger.all_told)[1], "all told")


def test_no_room_no_acknowledgement_and_it_heals(rig):
    ledger = Ledger(rig, seed=1)
    assert rig.start() is not None
    for _ in range(500):
        ledger.change()
    settle(rig, ledger)
    fill(rig)
    make_fail(rig, ledger)
    alarm = rig.expect("alarm")
    assert alarm["name"] == "store-failing" and alarm["on"]
    assert "no space left" in alarm["text"]

    durable = [rig.memory.ring_durable(i) for i in range(3)]
    time.sleep(1.2)
    assert rig.alive()
    assert store_state(rig) == StoreState.STORE_FAILING
    assert [rig.memory.ring_durable(i) for i in range(3)] == durable
    ledger.hear()
    assert not ledger.all_told

    free(rig)
    settle(rig, ledger)
    assert store_state(rig) == StoreState.STORE_OK
    assert not rig.expect("alarm")["on"]
    ledger.check()
    rig.kill()
    rig.new_segments()
    assert rig.start() is not None
    ledger.check()


def test_beats_go_on_while_there_is_no_room(rig):
    ledger = Ledger(rig, seed=2)
    assert rig.start() is not None
    fill(rig)
    make_fail(rig, ledger)
    before = rig.memory.beats(2)
    time.sleep(3.2)
    assert rig.memory.beats(2) - before >= 3
    assert rig.memory.busy_since_ns(2) == 0 or rig.alive()


def test_killed_while_there_is_no_room_the_successor_waits_for_it(rig):
    ledger = Ledger(rig, seed=3)
    assert rig.start() is not None
    for _ in range(300):
        ledger.change()
    settle(rig, ledger)
    fill(rig)
    make_fail(rig, ledger)
    ledger.hear()
    rig.kill()
    durable = [rig.memory.ring_durable(i) for i in range(3)]
    rig.spawn()
    assert rig.expect("ids") is not None
    rig.send_image(1)
    time.sleep(1.0)
    free(rig)
    assert rig.expect("ready")["attached"]
    settle(rig, ledger)
    assert all(rig.memory.ring_durable(i) >= durable[i] for i in range(3))
    ledger.check()


def test_the_journal_is_trimmed_with_no_byte_free(rig):
    """Renewals of a table that stays small go on for ever: the pages of trimmed batches do."""
    ledger = Ledger(rig, seed=4, addresses=100)
    assert rig.start() is not None
    for _ in range(30000):  # 1.4 MB of journal; a pass each megabyte: a sixteenth of the disk
        ledger.change()
        if rig.memory.ring_head(0) - rig.memory.ring_tail(0) > 1 << 16:
            time.sleep(0.001)
    settle(rig, ledger)
    wait_for(lambda: rig.disk().checkpoint, "a pass has ended")
    fill(rig)
    size = (rig.state / "leases" / "data.mdb").stat().st_size
    for _ in range(40):
        position = rig.bind(NETWORK + 5, expiry=rig.memory.now() + 9000)
        rig.wait_durable(position)
    assert (rig.state / "leases" / "data.mdb").stat().st_size == size
    assert store_state(rig) == StoreState.STORE_OK


def test_a_first_start_without_room_ends_in_words(rig, capfd):
    fill(rig)
    rig.spawn()
    assert rig.expect("ids") is None
    assert rig.reap() == 1
    assert "no space left" in capfd.readouterr().err


def test_after_a_power_cut_with_no_room_it_starts(rig):
    """The database has pages for its own first commits, but not for what only the log has: the rest
    of the log makes room for it."""
    rig.start_settings["journal_max_size"] = 1 << 18
    ledger = Ledger(rig, seed=9)
    assert rig.start() is not None
    for i in range(12000):
        ledger.change()
        if i % 200 == 0:
            settle(rig, ledger)
    settle(rig, ledger)
    wait_for(lambda: rig.disk().checkpoint, "a pass has ended")
    time.sleep(1)
    fill(rig)
    make_fail(rig, ledger)
    ledger.hear()
    rig.kill()
    assert rig.disk().followed < rig.disk().batches[-1][0]
    rig.new_segments()
    assert rig.start() is not None
    ledger.check()
