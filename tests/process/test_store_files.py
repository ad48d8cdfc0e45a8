"""The store's files taken away: from a running server, and before a start."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import msgpack
import pytest

from fastdhcp._leases import StoreState
from fastdhcp.exits import EXIT_DATA
from tests.store_rig import NETWORK, ROOT, STORE, Rig, wait_for

ADDRESS = NETWORK + 77
ALARM_S = 5.0


@pytest.fixture
def rig(tmp_path):
    with Rig(tmp_path) as made:
        yield made


def remove(folder):
    (folder / "data.mdb").unlink()


def rename(folder):
    (folder / "data.mdb").rename(folder / "old.mdb")


def replace(folder):
    shutil.copy(folder / "data.mdb", folder / "copy.mdb")
    (folder / "copy.mdb").rename(folder / "data.mdb")


def remove_folder(folder):
    shutil.rmtree(folder)


def rename_folder(folder):
    folder.rename(folder.with_name("away"))


def rename_state(folder):
    folder.parent.rename(folder.parent.with_name("away"))


def empty(folder):
    os.truncate(folder / "data.mdb", 0)


def remove_lock(folder):
    (folder / "lock.mdb").unlink()


def replace_lock(folder):
    remove_lock(folder)
    (folder / "lock.mdb").write_bytes(bytes(8192))


DATA = [remove, rename, replace, remove_folder, rename_folder, rename_state, empty]
LOCK = [remove_lock, replace_lock]


def bind_some(rig):
    for i in range(300):
        position = rig.bind(NETWORK + 1 + i * 40, worker=i % 2)
    rig.wait_durable(position, 1)
    wait_for(lambda: rig.memory.ring_durable(0) == rig.memory.ring_head(0), "all durable")
    rig.wait_followed()


def alarms(rig):
    return [rig.expect("alarm") for _ in range(2)]


@pytest.mark.parametrize("harm", DATA + LOCK)
def test_files_taken_away_are_an_alarm_and_are_made_anew(rig, harm):
    """Within five seconds; and what is acknowledged from then on, and all before, is in them."""
    rig.start()
    bind_some(rig)
    harm(rig.state / "leases")
    began = time.monotonic()
    on, off = alarms(rig)
    assert time.monotonic() - began < ALARM_S
    assert (on["name"], on["on"], off["on"]) == ("store-files", True, False)
    assert str(rig.state / "leases") in on["text"] and "while the server runs" in on["text"]
    rig.wait_durable(rig.bind(ADDRESS))
    records = rig.records()
    assert len(records) == 301
    rig.kill()
    rig.new_segments()
    assert rig.start() is not None
    assert rig.records() == records


def test_data_in_the_place_of_ours_is_kept(rig):
    """It may be a backup that somebody put there."""
    rig.start()
    bind_some(rig)
    data = rig.state / "leases" / "data.mdb"
    (rig.state / "leases" / "new").write_bytes(b"a backup")
    (rig.state / "leases" / "new").rename(data)
    alarms(rig)
    (aside,) = (rig.state / "leases").glob("data.mdb.aside-*")
    assert aside.read_bytes() == b"a backup"


def test_the_new_journal_goes_on_from_the_old_one_and_says_where(rig, capfd):
    """Who followed the old one finds its next batch gone: a gap."""
    rig.start()
    bind_some(rig)
    last = rig.disk().batches[-1][0]
    remove(rig.state / "leases")
    alarms(rig)
    rig.wait_durable(rig.bind(ADDRESS))
    disk = rig.disk()
    assert [sequence for sequence, _ in disk.batches] == [last + 1]
    assert disk.checkpoint == last
    assert f"journal-from={last + 1} " in capfd.readouterr().err


def test_until_there_are_new_files_nothing_is_acknowledged(rig):
    """Something stands in the way: the alarm says what, and it heals when that has gone."""
    rig.start()
    bind_some(rig)
    rename_folder(rig.state / "leases")
    (rig.state / "leases").write_text("a file")
    wait_for(lambda: rig.memory.store_state == StoreState.STORE_FAILING, "failing", ALARM_S)
    position = rig.bind(ADDRESS)
    while "cannot be made" not in (alarm := rig.expect("alarm"))["text"]:
        assert alarm["on"]
    assert "File exists" in alarm["text"]
    time.sleep(0.6)
    assert not rig.durable(position)
    assert rig.alive()
    (rig.state / "leases").unlink()
    rig.wait_durable(position)
    wait_for(lambda: rig.memory.store_state == StoreState.STORE_OK, "ok again", ALARM_S)


def test_changes_and_ids_go_on_meanwhile(rig):
    """A name that has a number keeps it in the new files."""
    rig.start()
    rig.say({"type": "names", "vrfs": ["blue"], "subnets": [["blue", "10.77.0.0/16"]]})
    assert rig.expect("ids")["subnets"] == [2]
    remove(rig.state / "leases")
    for i in range(2000):
        position = rig.bind(NETWORK + 1 + i % 250)
        time.sleep(0.001)
    rig.wait_durable(position)
    records = rig.records()
    rig.kill()
    rig.new_segments()
    rig.spawn()
    assert rig.expect("ids")["subnets"] == [1]
    rig.send_image(1)
    assert rig.expect("ready")
    assert rig.records() == records
    rig.say({"type": "names", "vrfs": ["blue"], "subnets": [["blue", "10.77.0.0/16"]]})
    assert rig.expect("ids")["subnets"] == [2]


def test_a_stop_that_follows_at_once_loses_nothing(rig):
    rig.start()
    bind_some(rig)
    remove(rig.state / "leases")
    assert rig.stop() == 0
    records = rig.records()
    rig.new_segments()
    assert rig.start() is not None
    assert rig.records() == records


def test_killed_before_the_new_files_are_whole_they_are_no_new_server(rig, capfd):
    rig.start("rebuild-copied")
    bind_some(rig)
    remove(rig.state / "leases")
    assert rig.expect("nothing") is None
    assert rig.reap() == -signal.SIGKILL
    rig.new_segments()
    assert rig.start() is None
    assert rig.reap() == EXIT_DATA
    assert "holds nothing, and this server had leases" in capfd.readouterr().err


# ---- at a start


@pytest.mark.parametrize(
    ("harm", "words"),
    [(remove, "is missing"), (remove_folder, "is missing"), (empty, "is empty")],
)
def test_no_leases_where_there_were_some_is_no_new_server(rig, capfd, harm, words):
    rig.start()
    rig.wait_durable(rig.bind(ADDRESS))
    rig.stop()
    harm(rig.state / "leases")
    rig.new_segments()
    assert rig.start() is None
    assert rig.reap() == EXIT_DATA
    said = capfd.readouterr().err
    mark = rig.state / "leases.kept"
    assert f"data.mdb {words}, and this server had leases: put a backup in its place" in said
    assert f"remove {mark} to start without" in said
    mark.unlink()
    assert rig.start() is not None
    assert rig.records() == {}


def test_a_first_start_that_was_cut_short_is_a_new_server_still(rig):
    rig.start("fresh-before-run")
    rig.reap()
    assert rig.start() is not None


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.mark.net
@pytest.mark.parametrize("size", [1, 5000, 20000])
def test_a_server_whose_file_was_cut_short_ends_in_words(rig, lab, size):
    """After three tries, with exit code 1 and the cure; not in a loop, nor in a traceback."""
    rig.start()
    bind_some(rig)
    rig.stop()
    os.truncate(rig.state / "leases" / "data.mdb", size)
    config = rig.folder / "server.toml"
    config.write_text(
        f'[server]\nlisten = "127.0.0.1:{free_port(socket.SOCK_DGRAM)}"\nworkers = 1\n'
        f'state-directory = "{rig.state}"\nruntime-directory = "{rig.folder}/run"\n'
        '[[subnets]]\nsubnet = "10.77.0.0/16"\npools = ["10.77.1.1-10.77.1.9"]\n'
    )
    with lab.netns("server"):
        done = subprocess.run(
            [sys.executable, "-m", "fastdhcp", "serve", "-c", str(config)],
            capture_output=True, text=True, timeout=60, cwd=ROOT, check=False,
        )  # fmt: skip
    assert done.returncode == EXIT_DATA, done.stderr
    said = done.stderr + done.stdout
    assert len([line for line in said.splitlines() if " error " in line]) == 1  # one cause
    last = [line for line in said.splitlines() if "store-failed" in line][-1]
    assert "data.mdb is cut short" in last and "put a backup in its place" in last
    assert "Traceback" not in said


def test_the_operator_hears_it_too(tmp_path):
    """A release meanwhile is refused in words, as on a full disk."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(20)
    with Rig(tmp_path) as rig:
        rig.extra_fds["commands"] = theirs.fileno()
        rig.start()
        rig.wait_durable(rig.bind(ADDRESS))
        rename_folder(rig.state / "leases")
        (rig.state / "leases").write_text("a file")
        wait_for(lambda: rig.memory.store_state == StoreState.STORE_FAILING, "failing", ALARM_S)
        command = {"id": 7, "command": "release", "vrf": 0, "address": ADDRESS, "now": True}
        ours.send(msgpack.packb(command))
        assert "nothing was changed" in msgpack.unpackb(ours.recv(65536))["error"]
        assert rig.memory.pid(STORE) == rig.process.pid
    ours.close()
    theirs.close()
