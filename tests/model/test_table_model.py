"""Bitmap, table and ring against a plain twin: a dict of what each address should say.

Every step is done by one of three worker processes or by the store's, over real memfds. The twin
knows nothing of bits, hints, locks or entries; it only knows RFC 2131's words.
"""

import os
from dataclasses import dataclass, replace
from ipaddress import IPv4Interface
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fastdhcp import _bitmap, _store
from fastdhcp._entry import entries
from fastdhcp._journal import ChangeKind
from fastdhcp._leases import BindingState
from fastdhcp.config import load
from fastdhcp.config.compile import Ids, compile_image
from tests import _trial
from tests.model.agents import Agent
from tests.segments import make_memory, make_segments, records_of
from tests.world import Link, number

WORKERS = 3
CONFIG = f"""
[server]
workers = {WORKERS}
[[subnets]]
subnet = "10.77.0.0/22"
interface = "srv0"
pools = ["10.77.0.250-10.77.1.9", "10.77.2.0-10.77.2.3"]
exclude = ["10.77.1.2-10.77.1.4"]
"""
POOLS = [
    [*range(number("10.77.0.250"), number("10.77.1.2")),
     *range(number("10.77.1.5"), number("10.77.1.10"))],
    [*range(number("10.77.2.0"), number("10.77.2.4"))],
]
ADDRESSES = POOLS[0] + POOLS[1] + [number("10.77.3.7"), number("10.99.0.1")]
KEYS = [bytes([i]) * 16 for i in range(1, 5)]
CHADDR = b"\x02\xee\0\0\0\1"


@dataclass(frozen=True)
class Twin:
    """What an address should say."""

    state: BindingState = BindingState.FREE
    key: bytes = b""
    expiry: int = 0
    offered_to: bytes = b""
    offer_until: int = 0
    bindings: int = 0
    changes: int = 0

    @property
    def taken(self) -> bool:
        return self.state != BindingState.FREE or self.offer_until != 0


def image() -> int:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "fastdhcp.toml"
        path.write_text(CONFIG)
        link = Link(3, "srv0", (IPv4Interface("10.77.0.1/22"),))
        return compile_image(load(path), Ids({"": 0, "default": 0}, [1]), [link], 1).memfd()


def settle(memory):
    data, heads = _store.take(memory)
    _store.settle(memory, heads)
    return data


class Table(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.fds = make_segments(workers=WORKERS, blocks=16, ring_size=1 << 13)
        self.image = image()
        self.memory = self.view(WORKERS + 1)
        self.memory.epoch = 1
        functions = {"apply": _trial.apply, "next_free": _bitmap.next_free, "settle": settle,
                     "sweep": _store.sweep}
        self.agents = [Agent(lambda p=p: self.view(p), functions) for p in range(WORKERS + 1)]
        self.twins = dict.fromkeys(ADDRESSES, Twin())
        self.journal: list[bytes] = []
        self.now = 1000
        self.set_clock()

    def view(self, process):
        memory = make_memory(process, fds=self.fds)
        memory.set_image(self.image)
        return memory

    def set_clock(self):
        from fastdhcp._memory import boot_time_ns
        self.memory.time_offset_ns = self.now * 10**9 - boot_time_ns() + 10**8

    def teardown(self) -> None:
        for agent in self.agents:
            agent.close()
        os.close(self.image)

    def change(self, worker, kind, address, **fields):
        """By a worker; when its ring is full the store takes what is there, then again."""
        fields.setdefault("key", KEYS[0])
        for _ in range(2):
            result = self.agents[worker].do("apply", kind, 0, address, fields["key"], CHADDR,
                                            now=self.now, **{k: v for k, v in fields.items()
                                                             if k != "key"})
            if result[0] != "ring-full":
                break
            self.store_commits()
        assert result[0] == "applied"
        return result

    def bound(self, address, **fields):
        twin = self.twins[address]
        self.twins[address] = replace(twin, offered_to=b"", offer_until=0,
                                      changes=twin.changes + 1, **fields)

    workers = st.integers(0, WORKERS - 1)
    addresses = st.sampled_from(ADDRESSES)
    keys = st.sampled_from(KEYS)
    seconds = st.integers(1, 500)

    @rule(worker=workers, address=addresses, key=keys, seconds=seconds,
          name=st.binary(max_size=80))
    def bind(self, worker, address, key, seconds, name):
        if self.twins[address].state != BindingState.FREE:
            return
        expiry = self.now + seconds
        incarnation = self.change(worker, ChangeKind.CHANGE_BIND, address, key=key, expiry=expiry,
                                  hostname=name)[3]
        bindings = self.twins[address].bindings + 1
        assert incarnation == (1, bindings)
        self.bound(address, state=BindingState.ACTIVE, key=key, expiry=expiry, bindings=bindings)

    @rule(worker=workers, address=addresses, seconds=seconds)
    def renew(self, worker, address, seconds):
        twin = self.twins[address]
        if twin.state != BindingState.ACTIVE:
            return
        expiry = self.now + seconds
        told = self.change(worker, ChangeKind.CHANGE_RENEW, address, key=twin.key,
                           expiry=expiry)[4]
        assert told == max(expiry, twin.expiry)
        self.bound(address, expiry=told)

    @rule(worker=workers, address=addresses)
    def release(self, worker, address):
        if self.twins[address].state in (BindingState.ACTIVE, BindingState.PENDING):
            self.change(worker, ChangeKind.CHANGE_END, address)
            self.bound(address, state=BindingState.FREE)

    @rule(worker=workers, address=addresses)
    def pend(self, worker, address):
        if self.twins[address].state == BindingState.ACTIVE:
            self.change(worker, ChangeKind.CHANGE_PEND, address)
            self.bound(address, state=BindingState.PENDING)

    @rule(worker=workers, address=addresses, seconds=seconds)
    def decline(self, worker, address, seconds):
        if self.twins[address].state != BindingState.DECLINED:
            expiry = self.now + seconds
            self.change(worker, ChangeKind.CHANGE_DECLINE, address, expiry=expiry)
            self.bound(address, state=BindingState.DECLINED, expiry=expiry)

    @rule(worker=workers, pool=st.sampled_from([0, 1]), key=keys, seconds=seconds)
    def offer_the_next_free_one(self, worker, pool, key, seconds):
        free = [a for a in POOLS[pool] if not self.twins[a].taken]
        self.now += 1  # a pool that its hints call full is looked through once a second
        self.set_clock()
        found = self.agents[worker].do("next_free", pool, self.now)
        if not free:
            assert found == 0
            return
        assert found in free
        until = self.now + seconds
        self.change(worker, ChangeKind.CHANGE_OFFER, found, key=key, offer_until=until)
        self.twins[found] = replace(self.twins[found], offered_to=key, offer_until=until)

    @rule(worker=workers, address=addresses)
    def lapse(self, worker, address):
        twin = self.twins[address]
        if twin.state == BindingState.FREE and twin.offer_until:
            self.change(worker, ChangeKind.CHANGE_LAPSE, address)
            self.twins[address] = replace(twin, offered_to=b"", offer_until=0)

    @rule()
    def store_commits(self):
        self.journal.append(self.agents[WORKERS].do("settle"))

    @precondition(lambda self: any(t.taken for t in self.twins.values()))
    @rule(seconds=st.integers(1, 400))
    def time_passes_and_the_store_sweeps(self, seconds):
        self.store_commits()
        self.now += seconds
        self.set_clock()
        self.agents[WORKERS].do("sweep", 0, 10_000)
        for address, twin in self.twins.items():
            grace = 0 if twin.state == BindingState.DECLINED else 64
            if twin.state != BindingState.FREE and twin.expiry + grace <= self.now:
                self.bound(address, state=BindingState.FREE)
            elif twin.offer_until and twin.offer_until <= self.now:
                self.twins[address] = replace(twin, offered_to=b"", offer_until=0)

    @invariant()
    def every_address_says_what_its_twin_says(self):
        for address, twin in self.twins.items():
            lease = self.memory.lease(0, address)
            assert self.memory.bit(0, address) == twin.taken
            if lease is None:
                assert twin == Twin()
                continue
            assert (lease.state, lease.version) == (twin.state, twin.changes)
            assert lease.offer_until == twin.offer_until
            if twin.state == BindingState.ACTIVE:
                assert (lease.key, lease.expiry) == (twin.key, twin.expiry)

    @invariant()
    def the_entries_say_what_the_table_says(self):
        written = [*self.journal, _store.take(self.memory)[0]]
        again = make_memory(workers=WORKERS, blocks=16)
        for data in written:
            _store.replay_batch(again, data, 1)
        assert records_of(again) == records_of(self.memory)
        assert sum(len(entries(data)) for data in written) == \
            sum(t.changes for t in self.twins.values())


TestTable = Table.TestCase
TestTable.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
