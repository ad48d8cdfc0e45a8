"""Several worker processes give addresses of one pool at once, and are killed inside Apply.

The parent plays store (it takes and settles) and supervisor (it repairs and replaces). Each client
belongs to one worker at a time, which writes to the parent what the client was told. At the end no
two clients may have been told one address, each must find its own in the table, and the table
recovered from all entries must equal the living one.
"""

import json
import os
import random
import signal
import time
import traceback
from collections import Counter

import pytest

from fastdhcp import _journal as journal
from fastdhcp import _store
from fastdhcp._leases import BindingState
from tests.segments import make_memory, make_segments, records_of
from tests.world import World, number

CONFIG = """
[defaults]
lease-time = 3600
authoritative = true
[[subnets]]
subnet = "10.77.0.0/22"
interface = "srv0"
pools = ["10.77.1.0-10.77.2.99"]
"""
WORKERS = 3
CLIENTS = 120  # a worker; 360 in all, for 356 addresses: the pool runs dry, too
SECONDS = 3
DEATHS_MIN = 10


class Worker(World):
    """A worker process's view of segments that all share."""

    def __init__(self, fds, image_fd, process):
        self.memory = make_memory(process, fds=fds)
        self.memory.set_image(image_fd)
        self.now = 1000


def work(fds, image_fd, process, seed, out, kill):
    """Clients of one worker come, renew and go, until the process is killed."""
    rng = random.Random(seed)
    worker = Worker(fds, image_fd, process)
    if kill:
        worker.memory.set_kill_step(rng.choice([*range(1, 17), 20, 21, 22, 23]),
                                    rng.randrange(1, 400))
    holds = {}
    while True:
        mac = process * 1000 + rng.randrange(CLIENTS)
        address = holds.get(mac)
        if address is None:
            address = worker.discover(mac).address
            if address and worker.select(address, mac).text == f"ACK {address}":
                holds[mac] = address
                os.write(out, json.dumps(["ack", mac, address]).encode() + b"\n")
        elif rng.random() < 0.3:
            os.write(out, json.dumps(["gone", mac, address]).encode() + b"\n")
            worker.release(address, mac)
            del holds[mac]
        else:
            told = worker.renew(address, mac).text
            if told == "NAK":
                os.write(out, json.dumps(["lost", mac, address]).encode() + b"\n")
                os._exit(3)


class Pack:
    """The workers, and what their clients were told."""

    def __init__(self, fds, image_fd, rng):
        self.fds, self.image_fd, self.rng = fds, image_fd, rng
        self.pids: dict[int, int] = {}
        self.pipes: dict[int, tuple[int, int]] = {p: os.pipe() for p in range(WORKERS)}
        self.kept: dict[int, bytes] = dict.fromkeys(range(WORKERS), b"")
        self.ledger: dict[int, str] = {}
        self.lost: list[list] = []
        self.deaths = 0

    def start(self, process, kill=True):
        seed = self.rng.random()
        pid = os.fork()
        if pid == 0:
            try:
                work(self.fds, self.image_fd, process, seed, self.pipes[process][1], kill)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(9)
        self.pids[pid] = process

    def listen(self):
        for process, (read_end, _) in self.pipes.items():
            os.set_blocking(read_end, False)
            while True:
                try:
                    data = os.read(read_end, 65536)
                except BlockingIOError:
                    break
                *lines, self.kept[process] = (self.kept[process] + data).split(b"\n")
                for line in lines:
                    self.note(*json.loads(line))

    def note(self, what, mac, address):
        if what == "ack":
            self.ledger[mac] = address
        elif what == "gone":
            self.ledger.pop(mac, None)
        else:
            self.lost.append([mac, address])


@pytest.mark.parametrize("seed", [1, 2])
def test_no_address_is_told_to_two_clients_whoever_dies(tmp_path, seed):
    fds = make_segments(workers=WORKERS, blocks=64)
    store = make_memory(WORKERS, fds=fds)
    store.epoch, store.secret = 1, bytes(range(16))
    maker = World.__new__(World)
    image_fd = compile_for(maker, tmp_path)
    store.set_image(image_fd)
    pack = Pack(fds, image_fd, random.Random(seed))
    for process in range(WORKERS):
        pack.start(process)
    entries = run(pack, store)
    assert pack.deaths >= DEATHS_MIN
    check(pack, store, entries)


def compile_for(world, folder):
    """The image for WORKERS workers, by way of a World's links."""
    from ipaddress import IPv4Interface

    from fastdhcp.config import load
    from fastdhcp.config.compile import Ids, compile_image
    from tests.world import Link

    path = folder / "fastdhcp.toml"
    path.write_text(f"[server]\nworkers = {WORKERS}\n" + CONFIG)
    link = Link(3, "srv0", (IPv4Interface("10.77.0.1/22"),))
    return compile_image(load(path), Ids({"": 0, "default": 0}, [1]), [link], 1).memfd()


def run(pack, store):
    """Plays store and supervisor for a while, then stops all. Returns every entry written."""
    entries = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end or pack.deaths < DEATHS_MIN:
        data, heads = _store.take(store)
        entries.append(data)
        _store.settle(store, heads)
        pack.listen()
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid:
            process = pack.pids.pop(pid)
            assert os.WIFSIGNALED(status), f"worker {process} ended with {status:#x}"
            pack.deaths += 1
            journal.repair(store, process)
            pack.start(process)
    for pid, process in pack.pids.items():
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        journal.repair(store, process)
    pack.listen()
    entries.append(_store.take(store)[0])
    return entries


def check(pack, store, entries):
    assert pack.lost == []
    told = Counter(pack.ledger.values())
    assert [a for a, n in told.items() if n > 1] == []
    for mac, address in pack.ledger.items():
        lease = store.lease(0, number(address))
        assert lease.chaddr == b"\x02\xee" + mac.to_bytes(4, "big")
        assert lease.state == BindingState.ACTIVE
    for lease in (r for _, _, block in store.blocks() for r in store.block_leases(block, True)):
        taken = lease.state != BindingState.FREE or lease.offer_until != 0
        assert store.bit(lease.vrf, lease.address) == taken
    again = make_memory(workers=WORKERS, blocks=64)
    for data in entries:
        _store.replay_batch(again, data, 1)
    assert records_of(again) == records_of(store)
