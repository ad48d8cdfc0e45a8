"""A server's decisions without its sockets: a configuration, real segments, packets, answers."""

import os
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from fastdhcp import _store
from fastdhcp._bitmap import clear_summaries, clear_unreserved, mark_reserved
from fastdhcp._codec import encode
from fastdhcp._layout import HINTS_SIZE_MIN
from fastdhcp._memory import boot_time_ns
from fastdhcp._stats import drop_names
from fastdhcp.config import load
from fastdhcp.config.compile import Ids, compile_image
from fastdhcp.config.hints import HintPlaces, pool_keys
from tests._trial import handle
from tests.segments import Segments, make_memory, make_segments

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
NAMES = {0: "silence", OFFER: "OFFER", ACK: "ACK", NAK: "NAK"}
DROPS = ["done", *drop_names()[1:]]
"""What silence means, by its reason; without one it is what was carried out."""
INFINIBAND = 32
"""htype whose clients leave chaddr empty (RFC 4390 2.1)."""


@dataclass(frozen=True)
class Link:
    """An interface of the server."""

    index: int
    name: str
    addresses: tuple[IPv4Interface, ...]
    mtu: int = 1500
    trains: bool = False


def number(address: str) -> int:
    return int(IPv4Address(address))


@dataclass(frozen=True)
class Answer:
    """What came of a packet: "ACK 10.77.1.5", "NAK", or "silence: reason"."""

    text: str
    lease_s: int
    expiry: int
    incarnation: tuple[int, int]
    waits: bool
    reservation: int | None
    server: str  # what option 54 says

    @property
    def address(self) -> str:
        """The address told; empty if none was."""
        kind, _, address = self.text.partition(" ")
        return address if kind in ("OFFER", "ACK") else ""


class World:
    """Worker 0 of a server with interface 3 (srv0, 10.77.0.1/22 unless told otherwise)."""

    def __init__(self, folder: Path, text: str, links: tuple[Link, ...] | None = None,
                 now: int = 1000, **sizes: int) -> None:
        self.folder = folder
        self.links = links or (Link(3, "srv0", (IPv4Interface("10.77.0.1/22"),)),)
        self.generation = 0
        self.places = HintPlaces(2, HINTS_SIZE_MIN)
        self.fds = make_segments(workers=2, blocks=256, **sizes)
        self.memory = make_memory(0, fds=self.fds)
        self.memory.epoch, self.memory.secret = 1, bytes(range(16))
        self.set_now(now)
        self.configure(text)

    def configure(self, text: str) -> None:
        path = self.folder / "fastdhcp.toml"
        path.write_text("[server]\nworkers = 2\n" + text if "[server]" not in text else text)
        config = load(path)
        self.class_names = config.class_names()
        vrfs = {name: i + 1 for i, name in enumerate(config.vrf_names())} | {"default": 0}
        classes = {name: i + 1 for i, name in enumerate(config.class_names())}
        ids = Ids({**vrfs, "": 0}, list(range(1, len(config.subnets) + 1)), classes)
        self.generation += 1
        hints = self.places.take(pool_keys(config, ids.vrfs))
        self.compiled = compile_image(config, ids, self.links, self.generation, hints)
        self.image = bytes(self.compiled.image)
        image, reservations = self.compiled.memfds()
        self.policy = Segments(image=image, reservations=reservations)
        self.memory.set_image(image, reservations)
        mark_reserved(self.memory)
        for at, size in self.places.keep(set(pool_keys(config, ids.vrfs))):
            os.pwrite(self.fds["hints"], bytes(size), at)
        clear_unreserved(self.memory)
        clear_summaries(self.memory)

    def set_now(self, now: int) -> None:
        self.now = now
        self.memory.time_offset_ns = now * 10**9 - boot_time_ns() + 10**8

    def settle(self) -> bytes:
        data, heads = _store.take(self.memory)
        _store.settle(self.memory, heads)
        return data

    def send(self, message_type: int | None, mac: int = 1, *, to: str = "255.255.255.255",
             ciaddr: str = "0.0.0.0", giaddr: str = "0.0.0.0", options: dict | None = None,
             ifindex: int = 3, local: str = "10.77.0.1", htype: int = 1,
             sname: bytes = b"") -> Answer:
        chaddr = b"" if htype == INFINIBAND else b"\x02\xee" + mac.to_bytes(4, "big")
        data = self.data = encode(
            htype=htype, xid=mac, chaddr=chaddr, ciaddr=ciaddr,
            giaddr=giaddr, message_type=message_type, options=options or {}, sname=sname,
        )
        out = self.out = self.handle(data, ifindex=ifindex, destination=number(to),
                                     local=number(local), now=self.now)
        text = NAMES[out["reply_type"]]
        if not out["reply_type"]:
            text += ": " + DROPS[out["reason"]]
        elif out["yiaddr"]:
            text += f" {IPv4Address(out['yiaddr'])}"
        return Answer(text, out["lease_s"], out["expiry"], out["incarnation"], out["waits"],
                      out["reservation"], str(IPv4Address(out["server_id"])))

    def handle(self, data: bytes, **way: int) -> dict:
        """What comes of a message that comes so."""
        return handle(self.memory, data, **way)

    # -- what a client says

    def discover(self, mac: int = 1, *, asks: str | None = None, options: dict | None = None,
                 **fields) -> Answer:
        return self.send(DISCOVER, mac, options=_with(options, asks), **fields)

    def select(self, address: str, mac: int = 1, server: str = "10.77.0.1",
               options: dict | None = None, **fields) -> Answer:
        options = {54: IPv4Address(server).packed} | _with(options, address)
        return self.send(REQUEST, mac, options=options, **fields)

    def reboot(self, address: str, mac: int = 1, options: dict | None = None, **fields) -> Answer:
        return self.send(REQUEST, mac, options=_with(options, address), **fields)

    def renew(self, address: str, mac: int = 1, **fields) -> Answer:
        return self.send(REQUEST, mac, ciaddr=address, to="10.77.0.1", **fields)

    def rebind(self, address: str, mac: int = 1, **fields) -> Answer:
        return self.send(REQUEST, mac, ciaddr=address, **fields)

    def release(self, address: str, mac: int = 1, server: str = "10.77.0.1", **fields) -> Answer:
        options = fields.pop("options", {}) | {54: IPv4Address(server).packed}
        return self.send(RELEASE, mac, ciaddr=address, to="10.77.0.1", options=options, **fields)

    def decline(self, address: str, mac: int = 1, server: str = "10.77.0.1", **fields) -> Answer:
        options = _with(fields.pop("options", {}), address) | {54: IPv4Address(server).packed}
        return self.send(DECLINE, mac, options=options, **fields)

    def inform(self, address: str, mac: int = 1, **fields) -> Answer:
        return self.send(INFORM, mac, ciaddr=address, **fields)

    def bind(self, mac: int = 1, **fields) -> str:
        """A whole DORA; returns the address."""
        address = self.discover(mac, **fields).address
        assert self.select(address, mac, **fields).text == f"ACK {address}"
        return address

    def state(self, address: str) -> int:
        lease = self.memory.lease(0, number(address))
        return lease.state if lease else 0


def _with(options: dict | None, asks: str | None) -> dict:
    found = dict(options or {})
    if asks is not None:
        found[50] = IPv4Address(asks).packed
    return found
