"""The real store process: what it does on the supervisor's, the operator's and the clock's word."""

import contextlib
import fcntl
import os
import signal
import socket
import time

import msgpack
import pytest

from fastdhcp import _store
from fastdhcp._journal import ChangeKind
from fastdhcp._leases import BindingState, StoreState
from fastdhcp.exits import EXIT_DATA
from tests.lab.patience import Stopwatch
from tests.segments import records_of
from tests.store_rig import NETWORK, STORE, Rig, event_waits, killed, wait_for

ADDRESS = NETWORK + 77


@pytest.fixture
def rig(tmp_path):
    with Rig(tmp_path) as made:
        yield made


# ---- commits


def test_nothing_is_durable_before_it_is_on_disk(rig):
    assert rig.start("log-before-write") is not None
    position = rig.bind(ADDRESS)
    assert killed(rig.reap())
    assert not rig.durable(position)
    assert rig.disk().batches == []


def test_what_is_durable_is_on_disk(rig):
    rig.start()
    rig.wait_durable(rig.bind(ADDRESS))
    (batch,) = rig.disk().batches
    assert [(e["kind"], e["address"], e["version"]) for e in batch[1]] == [("whole", ADDRESS, 1)]
    assert rig.disk().run == rig.segments.segment_id
    assert rig.disk().heads == [rig.memory.ring_head(0), 0, 0, 0]


def test_changes_that_come_together_share_a_commit(rig):
    rig.start()
    os.kill(rig.process.pid, signal.SIGSTOP)
    positions = [rig.bind(NETWORK + 1 + i, worker=i % 2) for i in range(100)]
    os.kill(rig.process.pid, signal.SIGCONT)
    rig.wait_durable(positions[-2], 0)
    rig.wait_durable(positions[-1], 1)
    (batch,) = rig.disk().batches
    assert len(batch[1]) == 100


def test_a_lone_change_waits_the_commit_delay_and_no_longer(tmp_path):
    with Rig(tmp_path, commit_delay_us=300_000) as rig:
        rig.start()
        began_s, watch = time.monotonic(), Stopwatch(rig.process.pid)
        rig.wait_durable(rig.bind(ADDRESS))
        assert watch.seconds() < 2
        assert time.monotonic() - began_s >= 0.3


def test_enough_changes_do_not_wait(tmp_path):
    with Rig(tmp_path, commit_delay_us=5_000_000) as rig:
        rig.start()
        positions = [rig.bind(NETWORK + 1 + i) for i in range(800)]
        watch = Stopwatch(rig.process.pid)
        rig.wait_durable(positions[100])
        assert watch.seconds() < 2


def test_changes_of_a_worker_that_has_gone_to_sleep_do_not_wait(tmp_path):
    with Rig(tmp_path, commit_delay_us=5_000_000) as rig:
        rig.start()
        assert _store.sleep_begin(rig.memory)
        watch = Stopwatch(rig.process.pid)
        rig.wait_durable(rig.bind(ADDRESS))
        assert watch.seconds() < 2


def test_where_no_reply_waits_for_the_disk_changes_of_20_ms_share_a_commit(tmp_path):
    with Rig(tmp_path, commit_delay_us=500, durable=False) as rig:
        rig.start()
        began_s, watch = time.monotonic(), Stopwatch(rig.process.pid)
        rig.wait_durable(rig.bind(ADDRESS))
        assert watch.seconds() < 2
        assert time.monotonic() - began_s >= 0.02


def test_where_no_reply_waits_for_the_disk_half_a_ring_does_not_wait(tmp_path):
    with Rig(tmp_path, commit_delay_us=5_000_000, durable=False) as rig:
        rig.start()
        positions = [0]
        while _store.pending_bytes(rig.memory) < rig.memory.ring_size // 2:
            positions.append(rig.bind(NETWORK + 1 + len(positions)))
        watch = Stopwatch(rig.process.pid)
        rig.wait_durable(positions[-1])
        assert watch.seconds() < 2


@pytest.mark.parametrize("asleep", [True, False])
def test_only_who_asked_is_woken(rig, asleep):
    rig.start()
    if asleep:
        assert _store.sleep_begin(rig.other)
    rig.wait_durable(rig.bind(ADDRESS))
    wait_for(lambda: event_waits(rig.events[1]) or not asleep, "woken")
    assert event_waits(rig.events[1]) == asleep
    assert not event_waits(rig.events[0])


def test_a_sleeping_store_asks_to_be_woken(rig):
    rig.start()
    wait_for(lambda: _store.wake_wanted(rig.memory, STORE), "asleep")
    assert not _store.wake_wanted(rig.memory, STORE)  # one asks, one is asked


# ---- expiry


def test_an_expired_lease_ends_after_the_grace(rig):
    """Grace is reuse-grace, here the default of 64 s (invariant I10)."""
    rig.start()
    now = rig.memory.now()
    rig.wait_durable(rig.bind(ADDRESS, expiry=now + 5))
    rig.wait_durable(rig.bind(ADDRESS + 1, expiry=now + 1000))
    pass_time(rig, 5 + 60)
    time.sleep(1.2)
    assert rig.memory.lease(0, ADDRESS).state == BindingState.ACTIVE
    pass_time(rig, 5)
    wait_for(lambda: rig.memory.lease(0, ADDRESS).state == BindingState.FREE, "ended")
    assert rig.memory.lease(0, ADDRESS + 1).state == BindingState.ACTIVE
    rig.wait_durable(rig.memory.ring_head(STORE), STORE)
    (end,) = rig.disk().batches[-1][1]
    assert (end["kind"], end["address"], end["version"]) == ("end", ADDRESS, 2)


def test_all_that_expires_at_once_ends_by_portions(rig):
    rig.start()
    expiry = rig.memory.now() + 5
    for i in range(5000):
        position = rig.bind(NETWORK + 1 + i, expiry=expiry)
    rig.wait_durable(position)
    pass_time(rig, 100)
    wait_for(lambda: rig.memory.ring_durable(STORE) >= 5000 * 32, "all ended")
    ends = [batch for _, batch in rig.disk().batches if batch[0]["kind"] == "end"]
    assert sum(len(batch) for batch in ends) == 5000
    assert max(len(batch) for batch in ends) <= 1024 + 256  # a block more at most


def pass_time(rig, seconds):
    """Node time of all processes goes on by so much."""
    rig.memory.time_offset_ns += seconds * 10**9


def test_an_offer_lapses(rig):
    rig.start()
    now = rig.memory.now()
    rig.apply(ADDRESS, ChangeKind.CHANGE_OFFER, offer_until=now + 1)
    assert rig.memory.bit(0, ADDRESS)
    wait_for(lambda: not rig.memory.bit(0, ADDRESS), "lapsed")
    assert rig.disk().batches == []


# ---- the operator


@pytest.fixture
def operator(tmp_path):
    """A rig whose store has control's end of the command socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(20)
    with Rig(tmp_path) as rig:
        rig.extra_fds["commands"] = theirs.fileno()
        rig.start()

        def ask(**command):
            ours.send(msgpack.packb({"id": 7, "command": "release", "vrf": 0, **command}))
            return msgpack.unpackb(ours.recv(65536))

        yield rig, ask
    ours.close()
    theirs.close()


def test_release_ends_the_right_to_renew_but_not_the_hold(operator):
    rig, ask = operator
    rig.wait_durable(rig.bind(ADDRESS))
    assert ask(address=ADDRESS, now=False) == {"id": 7, "result": "pending"}
    assert rig.memory.lease(0, ADDRESS).state == BindingState.PENDING
    assert rig.disk().batches[-1][1][0]["state"] == BindingState.PENDING


def test_release_now_frees_at_once(operator):
    rig, ask = operator
    rig.wait_durable(rig.bind(ADDRESS))
    assert ask(address=ADDRESS, now=True) == {"id": 7, "result": "ended"}
    assert not rig.memory.bit(0, ADDRESS)
    assert rig.disk().batches[-1][1][0]["kind"] == "end"


@pytest.mark.parametrize("now", [False, True])
def test_release_ends_a_quarantine_at_once(operator, now):
    """Nobody holds a declined address, and the operator has looked."""
    rig, ask = operator
    rig.bind(ADDRESS)
    expiry = rig.memory.now() + 86400
    rig.wait_durable(rig.apply(ADDRESS, ChangeKind.CHANGE_DECLINE, expiry=expiry))
    assert ask(address=ADDRESS, now=now) == {"id": 7, "result": "ended"}
    assert rig.memory.lease(0, ADDRESS).state == BindingState.FREE
    assert not rig.memory.bit(0, ADDRESS)
    assert rig.disk().batches[-1][1][0]["kind"] == "end"


def test_the_answer_is_durable(operator):
    rig, ask = operator
    rig.wait_durable(rig.bind(ADDRESS))
    ask(address=ADDRESS, now=True)
    rig.kill()
    rig.new_segments()
    rig.start()
    assert rig.memory.lease(0, ADDRESS).state == BindingState.FREE


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ({"address": ADDRESS}, {"id": 7, "result": "free"}),
        ({"address": 0xFFFFFFFF, "now": True}, {"id": 7, "result": "free"}),
    ],
)
def test_what_is_free_stays_so(operator, command, answer):
    _, ask = operator
    assert ask(**command) == answer


@pytest.mark.parametrize(
    "command",
    [
        {"command": "format"},
        {"address": "10.0.0.1"},
        {"address": -1},
        {"address": 1 << 32},
        {"address": None},
        {},
    ],
    ids=["unknown", "text", "negative", "too large", "null", "missing"],
)
def test_what_is_no_command_is_refused_in_words(operator, command):
    rig, ask = operator
    answer = ask(**command)
    assert answer["id"] == 7
    assert "this is no command" in answer["error"]
    assert rig.alive()


def test_a_closed_command_socket_is_no_matter(tmp_path):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with Rig(tmp_path) as rig:
        rig.extra_fds["commands"] = theirs.fileno()
        rig.start()
        theirs.close()
        ours.close()
        time.sleep(0.1)
        rig.wait_durable(rig.bind(ADDRESS))
        before_s = cpu_s(rig.process.pid)
        time.sleep(1)
        assert cpu_s(rig.process.pid) - before_s < 0.1


# ---- the supervisor


def test_ids_are_kept_over_runs_and_reloads(rig):
    rig.spawn()
    assert rig.expect("ids")["subnets"] == [1]
    rig.send_image(1)
    assert rig.expect("ready")
    rig.say({"type": "names", "vrfs": ["blue"], "subnets": [["blue", "10.77.0.0/16"]]})
    found = rig.expect("ids")
    assert (found["vrfs"], found["subnets"]) == ({"blue": 1}, [2])
    rig.kill()
    rig.spawn()
    assert rig.expect("ids")["subnets"] == [1]
    rig.send_image(1)
    assert rig.expect("ready")
    rig.say({"type": "names", "vrfs": [], "subnets": [["blue", "10.77.0.0/16"], ["", "9.0.0.0/8"]]})
    assert rig.expect("ids")["subnets"] == [2, 3]


def test_a_new_policy_is_taken_and_said(rig):
    rig.start()
    rig.wait_durable(rig.bind(ADDRESS))
    rig.send_image(1, reindex=True, commit_delay_us=1000)
    assert rig.expect("imaged")["generation"] == 1
    rig.wait_durable(rig.bind(ADDRESS + 1))


def test_stop_commits_what_is_left(rig):
    rig.start()
    os.kill(rig.process.pid, signal.SIGSTOP)
    position = rig.bind(ADDRESS)
    rig.say({"type": "stop"})
    os.kill(rig.process.pid, signal.SIGCONT)
    assert rig.reap() == 0
    assert rig.durable(position)


def test_a_channel_that_closes_is_the_end(rig):
    rig.start()
    rig.channel.close()
    assert rig.process.wait(10) == 0


def test_a_second_store_on_a_state_directory_is_refused(rig, tmp_path, capfd, monkeypatch):
    rig.start()
    fd = os.open(rig.state / "store.lock", os.O_RDWR)
    with pytest.raises(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(fd)
    (tmp_path / "second").mkdir()
    with Rig(tmp_path / "second") as second:
        second.state = rig.state
        second.spawn()
        assert second.expect("ids") is None
        assert second.reap() == 75
    assert "another store works here" in capfd.readouterr().err
    rig.wait_durable(rig.bind(ADDRESS))


def test_a_store_of_another_run_is_set_aside(rig, tmp_path, capfd):
    """The disk was exchanged under living workers, whose leases are what counts."""
    rig.start()
    rig.wait_durable(rig.bind(ADDRESS))
    rig.kill()
    (tmp_path / "second").mkdir()
    with Rig(tmp_path / "second") as second:
        second.start()
        second.wait_durable(second.bind(ADDRESS + 1))
        second.stop()
        data = (second.state / "leases" / "data.mdb").read_bytes()
    leases = rig.state / "leases"
    (leases / "data.mdb").write_bytes(data)
    assert rig.start()["attached"]
    assert [address for _, address in rig.records()] == [ADDRESS]
    assert "of another run" in capfd.readouterr().err
    (aside,) = leases.glob("data.mdb.aside-*")
    assert aside.read_bytes() == data


def test_an_attach_publishes_and_wakes_all(rig):
    rig.start("log-after-sync")
    position = rig.bind(ADDRESS)
    assert killed(rig.reap())
    assert not rig.durable(position)
    for event in rig.events:
        if event_waits(event):
            os.eventfd_read(event)
    found = rig.start()
    assert found["attached"]
    assert rig.durable(position)  # it was on disk: told before the ready message
    assert all(event_waits(event) for event in rig.events if event != rig.events[STORE])


def test_a_store_beats(rig):
    rig.start()
    before = rig.memory.beats(STORE)
    time.sleep(2.5)
    assert 2 <= rig.memory.beats(STORE) - before <= 4
    assert rig.memory.pid(STORE) == rig.process.pid


def test_an_idle_store_sleeps(rig):
    """All processes together may use one per cent of a core when idle."""
    rig.start()
    rig.wait_durable(rig.bind(ADDRESS))
    time.sleep(0.5)
    before_s, switches = cpu_s(rig.process.pid), voluntary_switches(rig.process.pid)
    time.sleep(4)
    assert cpu_s(rig.process.pid) - before_s < 0.025
    assert voluntary_switches(rig.process.pid) - switches <= 12


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def voluntary_switches(pid):
    with open(f"/proc/{pid}/status") as file:  # noqa: PTH123
        (line,) = (line for line in file if line.startswith("voluntary_ctxt_switches"))
    return int(line.split()[1])


# ---- starts


def test_node_time_goes_on_over_a_fresh_start(rig):
    rig.start()
    first, epoch = rig.memory.now(), rig.memory.epoch
    secret, offset = rig.memory.secret, rig.memory.time_offset_ns
    rig.kill()
    rig.new_segments()
    rig.start()
    assert first <= rig.memory.now() <= first + 30
    assert rig.memory.time_offset_ns == offset
    assert rig.memory.secret == secret and secret != bytes(16)
    assert rig.memory.epoch == epoch + 1


def test_an_attach_changes_neither_time_nor_epoch(rig):
    rig.start()
    before = (rig.memory.time_offset_ns, rig.memory.epoch, rig.memory.secret)
    rig.kill()
    rig.start()
    assert (rig.memory.time_offset_ns, rig.memory.epoch, rig.memory.secret) == before


def test_the_first_node_time_is_the_first_start(rig):
    rig.start()
    assert 1 <= rig.memory.now() <= 5


def test_ready_says_how_many_are_bound(rig):
    rig.start()
    for i in range(10):
        position = rig.bind(NETWORK + i * 100)
    rig.apply(NETWORK, ChangeKind.CHANGE_END)
    rig.wait_durable(position)
    rig.stop()
    rig.new_segments()
    assert rig.start()["leases"] == 9
    assert rig.memory.store_state == StoreState.STORE_OK


def test_another_identity_makes_all_keys_anew(rig):
    rig.start()
    rig.wait_durable(rig.bind(ADDRESS, client_id=b"\1client"))
    rig.wait_durable(rig.bind(ADDRESS + 1))
    rig.stop()
    before = records_of(rig.memory)
    rig.start_settings["identity"] = ["hw-address"]
    rig.recompile(identity=["hw-address"])
    rig.new_segments()
    assert rig.start()["rekeyed"]
    after = rig.records()
    assert after.keys() == before.keys()
    assert all(after[place][4] != before[place][4] for place in before)
    # Until a pass has ended the disk holds both kinds: a start then makes them anew again.
    wait_for(lambda: rig.disk().identity == ["hw-address"], "the pass has ended")
    rig.stop()
    rig.new_segments()
    assert not rig.start()["rekeyed"]
    assert rig.records() == after


def test_killed_before_the_keys_are_on_disk_they_are_made_again(rig):
    rig.start()
    rig.wait_durable(rig.bind(ADDRESS, client_id=b"\1client"))
    rig.stop()
    rig.start_settings["identity"] = ["hw-address"]
    rig.recompile(identity=["hw-address"])
    rig.new_segments()
    rig.start("fresh-ready")
    assert killed(rig.reap())
    assert rig.disk().identity == []
    rig.new_segments()
    assert rig.start()["rekeyed"]


def test_damage_ends_the_start_in_words(rig, capfd):
    rig.start()
    rig.wait_durable(rig.bind(ADDRESS))
    rig.stop()
    rig.spoil_journal()
    rig.new_segments()
    assert rig.start() is None
    assert rig.reap() == EXIT_DATA
    assert "damaged" in capfd.readouterr().err


@pytest.mark.parametrize(("blocks", "starts"), [(511, True), (512, False)])
def test_a_table_without_room_is_a_clear_obstacle(rig, capfd, blocks, starts):
    """The policy's blocks, and one lease outside it; room for 512."""
    rig.start()
    rig.wait_durable(rig.bind(0x0A580005))
    rig.stop()
    rig.new_segments()
    rig.spawn()
    rig.expect("ids")
    rig.send_image(1, blocks=blocks)
    assert (rig.expect("ready") is not None) == starts
    if not starts:
        assert rig.expect("ready") is None
        assert rig.reap() == 1
        said = capfd.readouterr().err
        assert "server.max-addresses" in said and "need 513 blocks" in said
        assert "room for 512; write at least 131328" in said


def test_lines_that_were_lost_are_told_as_soon_as_there_is_room(tmp_path):
    """Also by a store that has nothing else to say."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(reader, False)
    kept = os.dup(2)
    os.dup2(writer, 2)
    try:
        with Rig(tmp_path) as rig:
            rig.start()
            text = b""
            while b"log-dropped" not in text:
                with contextlib.suppress(BlockingIOError):
                    text += os.read(reader, 1 << 16)
                time.sleep(0.01)
    finally:
        os.dup2(kept, 2)
        for fd in (kept, reader, writer):
            os.close(fd)
    assert b"log-dropped lines=1 process=store" in text
