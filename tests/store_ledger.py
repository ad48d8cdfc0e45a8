"""Random changes of bindings as workers make them, and what of them was acknowledged."""

import random

from fastdhcp._journal import ChangeKind
from fastdhcp._leases import BindingState
from tests.segments import records_of
from tests.store_rig import NETWORK, Rig

VERSION = 9  # place in records_of()'s tuples
Record = tuple[object, ...]
Place = tuple[int, int]


class Ledger:
    """Every state that each address was ever in, and the newest that a client was told of."""

    def __init__(self, rig: Rig, seed: int, addresses: int = 600, first: int = NETWORK + 1) -> None:
        self.rig = rig
        self.random = random.Random(seed)
        self.addresses = [first + i * 37 for i in range(addresses)]
        self.states: dict[Place, dict[int, Record]] = {}
        self.told: dict[Place, int] = {}
        self._published: list[tuple[int, int, Place, int]] = []  # ring, position, place, version

    def change(self) -> None:
        """One change by one worker, of the kind that the binding's state allows."""
        worker = self.random.randrange(2)
        address = self.random.choice(self.addresses)
        lease = self.rig.memory.lease(0, address)
        now = self.rig.memory.now()
        fields: dict[str, object] = {}
        if lease is None or lease.state == BindingState.FREE:
            kind = ChangeKind.CHANGE_BIND
            fields["expiry"] = now + self.random.randrange(1000, 5000)
            fields["hostname"] = bytes(self.random.randrange(60))
        else:
            kind = self.random.choice(
                [ChangeKind.CHANGE_RENEW] * 6 + [ChangeKind.CHANGE_END, ChangeKind.CHANGE_PEND]
            )
            fields["expiry"] = lease.expiry + self.random.randrange(1, 50)
        position = self.rig.apply(address, kind, worker, **fields)
        found = self._record(address)
        version = int(str(found[VERSION]))
        self.states.setdefault((0, address), {})[version] = found
        self._published.append((worker, position, (0, address), version))

    def hear(self) -> None:
        """What is durable by now has been told to its client."""
        waiting = []
        for ring, position, place, version in self._published:
            if self.rig.durable(position, ring):
                self.told[place] = max(self.told.get(place, 0), version)
            else:
                waiting.append((ring, position, place, version))
        self._published = waiting

    @property
    def all_told(self) -> bool:
        return not self._published

    def forget_untold(self) -> None:
        """A power cut: what was only in memory is gone, and nobody was told of it."""
        self._published = []

    def check(self) -> None:
        """The table holds, of every address, a state that there was, and none older than told."""
        found = self.rig.records()
        for place, version in self.told.items():
            assert place in found, f"{place}: told version {version}, and nothing is there"
            assert int(str(found[place][VERSION])) >= version, f"{place}: older than was told"
        for place, record in found.items():
            assert record == self.states[place][int(str(record[VERSION]))], f"{place}: never so"
            taken = record[0] != BindingState.FREE
            assert self.rig.memory.bit(*place) == taken, f"{place}: bit and record disagree"

    def _record(self, address: int) -> Record:
        lease = self.rig.memory.lease(0, address)
        assert lease is not None
        r = lease
        return (
            r.state, r.flags, r.htype, r.chaddr, r.key, r.client_id, r.relay_info, r.hostname,
            r.subnet_id, r.version, r.incarnation, r.expiry, r.cltt, r.start,
        )  # fmt: skip


__all__ = ["Ledger", "records_of"]
