"""Policies that change under clients: nobody's address is told to another before its time.

Two workers and the store upon the same segments, in one process and in random order; reloads move
pools, reservations and whole networks, clients say anything, time passes. The oracle is I1: what
an ACK told a client is its own until then, unless it gave it back. At the end nothing may leak.
"""

import os
import random
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from fastdhcp import _store
from fastdhcp._bitmap import clear_summaries, clear_unreserved, mark_reserved
from fastdhcp._layout import HINTS_SIZE_MIN
from fastdhcp._leases import BindingState
from fastdhcp._memory import Memory
from fastdhcp.channel import close_all
from fastdhcp.config import load
from fastdhcp.config.compile import Ids, compile_image
from fastdhcp.config.hints import HintPlaces, PoolKey, pool_keys
from tests.segments import make_segments
from tests.world import Answer, Link, World

LINKS = (
    Link(3, "srv0", (IPv4Interface("10.77.0.1/24"),)),
    Link(4, "srv1", (IPv4Interface("10.78.0.1/24"),)),
)
NETS = ("10.77.0", "10.78.0")
CLIENTS = range(1, 13)
STEPS = 400
DONE = "silence: done"


class Site(World):
    """Two workers' views and the store's; `memory` is that of who answers next."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder, self.links, self.generation = folder, LINKS, 0
        self.rng = rng
        self.ids: dict[str, int] = {}
        self.segments = make_segments(workers=2, blocks=256)
        self.places = HintPlaces(2, HINTS_SIZE_MIN)
        self.views = [Memory(self.segments, i) for i in range(3)]
        self.memory = self.views[0]
        self.memory.epoch, self.memory.secret = 1, bytes(range(16))
        self.late: tuple[tuple[int, int], set[PoolKey]] | None = None
        self.set_now(1000)
        self.configure(policy(rng))

    def configure(self, text: str, *, behind: bool = False) -> None:
        """A reload. `behind`: the second worker goes on by the old policy for a while."""
        self.catch_up()
        path = self.folder / "fastdhcp.toml"
        path.write_text(text)
        config = load(path)
        names = [str(name) for name in config.subnet_names()]
        for name in names:
            self.ids.setdefault(name, len(self.ids) + 1)
        self.generation += 1
        ids = Ids({"default": 0, "": 0}, [self.ids[name] for name in names])
        hints = self.places.take(pool_keys(config, ids.vrfs))
        fds = compile_image(config, ids, self.links, self.generation, hints).memfds()
        first, _, store = self.views
        store.set_image(*fds)
        mark_reserved(store)  # before any worker goes by it
        _store.reindex(store)
        first.set_image(*fds)
        self.late = fds, set(pool_keys(config, ids.vrfs))
        if not behind:
            self.catch_up()

    def catch_up(self) -> None:
        """All go by the policy that came last."""
        if self.late is None:
            return
        fds, keys = self.late
        self.late = None
        self.views[1].set_image(*fds)
        close_all(fds)
        clear_unreserved(self.views[2])
        for at, size in self.places.keep(keys):
            os.pwrite(self.segments["hints"], bytes(size), at)
        clear_summaries(self.memory)
        _store.reindex(self.views[2])

    def sweep(self) -> None:
        at = -1
        while at:
            at = _store.sweep(self.views[2], max(at, 0), 1000)[0]


def policy(rng: random.Random) -> str:
    """One that loads; reservations are by all kinds of identifier, of clients that there are."""
    text = "[server]\nworkers = 2\n[defaults]\n"
    text += f'lease-time = "{rng.choice([1, 5, 60])}m"\noffer-hold = {rng.choice([0, 5, 60])}\n'
    text += f"authoritative = {rng.choice(['true', 'false'])}\n"
    text += f"reuse-grace = {rng.choice([0, 10, 64])}\n"
    shared = rng.random() < 0.3
    for net in NETS:
        low = rng.randint(10, 14)
        text += f'[[subnets]]\nsubnet = "{net}.0/24"\n'
        text += 'shared-network = "all"\ninterface = "srv0"\n' if shared else ""
        if rng.random() < 0.9:
            text += f'pools = ["{net}.{low}-{net}.{low + rng.randint(0, 8)}"]\n'
        addresses = rng.sample(range(10, 24), 4)
        ports = rng.sample(range(1, 4), 1) if net == NETS[0] else []
        who = [f'circuit-id = "hex:{port:02x}"' for port in ports]
        # Each identifier once, whether the two networks are one or not.
        first = 1 if net == NETS[0] else 7
        for mac in rng.sample(range(first, first + 6), 3):
            hardware = f'hw-address = "02:ee:00:00:00:{mac:02x}"'
            who.append(rng.choice([hardware, f'client-id = "hex:01{mac:02x}"']))
        for identifier, last in zip(who, addresses, strict=False):
            text += f"[[subnets.reservations]]\n{identifier}\n"
            if rng.random() < 0.8:
                text += f'address = "{net}.{last}"\n'
    for mac in rng.sample(range(1, 13), 2):
        text += f'[[reservations]]\nhw-address = "02:ee:00:00:00:{mac:02x}"\nhostname = "any"\n'
    return text


class Told:
    """What clients have been told, and what of it is still theirs."""

    def __init__(self) -> None:
        self.until: dict[str, tuple[int, int]] = {}  # address: client, node time
        self.has: dict[int, set[str]] = {mac: set() for mac in CLIENTS}

    def ack(self, mac: int, answer: Answer, now: int) -> None:
        address, until = answer.address, now + answer.lease_s
        holder, held_until = self.until.get(address, (mac, 0))
        assert holder == mac or held_until <= now, f"{address} is {holder}'s, told to {mac}"
        self.until[address] = mac, max(until, held_until if holder == mac else 0)
        self.has[mac].add(address)

    def given_back(self, mac: int, address: str) -> None:
        self.until.pop(address, None)
        self.has[mac].discard(address)


def client_acts(site: Site, told: Told, offers: dict[int, tuple]) -> None:
    rng, mac = site.rng, site.rng.choice(CLIENTS)
    link = {"ifindex": 3, "local": "10.77.0.1"} if rng.random() < 0.5 else \
        {"ifindex": 4, "local": "10.78.0.1"}
    options = {61: b"\1" + bytes([mac])} if rng.random() < 0.3 else {}
    options |= {82: b"\1\1" + bytes([mac % 3 + 1])} if rng.random() < 0.3 else {}
    some = f"{rng.choice(NETS)}.{rng.randint(9, 24)}"
    own = rng.choice(sorted(told.has[mac])) if told.has[mac] else some
    action = rng.random()
    if action < 0.35:
        asks = rng.choice([None, some])
        answer = site.discover(mac, asks=asks, options=options, **link)
        if answer.address:
            offers[mac] = answer.address, link, options
        return
    if action < 0.7:
        address, link, options = offers.get(mac, (some, link, options))
        server = link["local"] if rng.random() < 0.9 else "192.0.2.1"
        answer = site.select(address, mac, server=server, options=options, **link)
    elif action < 0.75:
        answer = site.reboot(rng.choice([own, some]), mac, options=options, **link)
    elif action < 0.9:
        unicast = rng.random() < 0.5
        answer = site.renew(own, mac, options=options) if unicast else \
            site.rebind(own, mac, options=options, **link)
    else:
        give_back = site.release if rng.random() < 0.6 else site.decline
        named = link if give_back == site.decline else {}
        if give_back(own, mac, server="10.77.0.1", options=options, **named).text == DONE:
            told.given_back(mac, own)
        return
    if answer.text.startswith("ACK"):
        told.ack(mac, answer, site.now)


def act(site: Site, told: Told, offers: dict[int, tuple]) -> None:
    action = site.rng.random()
    site.memory = site.views[site.rng.randrange(2)]
    if action < 0.03:
        site.configure(policy(site.rng), behind=site.rng.random() < 0.5)
    elif action < 0.05:
        site.catch_up()
    elif action < 0.12:
        site.set_now(site.now + site.rng.choice([1, 1, 2, 30, 70, 400]))
        site.sweep()
    elif action < 0.2:
        site.settle()
    elif action < 0.22 and told.until:
        address = site.rng.choice(sorted(told.until))
        _store.end_lease(site.views[2], 0, int(IPv4Interface(address)), False)
    else:
        client_acts(site, told, offers)


@pytest.mark.parametrize("seed", range(40))
def test_nothing_is_told_twice_and_nothing_leaks_whatever_the_policy_becomes(tmp_path, seed):
    site = Site(tmp_path, random.Random(seed))
    told, offers = Told(), {}
    for _ in range(STEPS):
        act(site, told, offers)
    assert told.until
    for _ in range(3):
        site.set_now(site.now + 90_000)  # past leases, holds and quarantines
        site.sweep()
    for _, _, block in site.memory.blocks():
        for lease in site.memory.block_leases(block, True):
            assert lease.state == BindingState.FREE
            assert not site.memory.bit(lease.vrf, lease.address)
