"""What the server holds, read from all sides, and held against each other and the ledger.

The table is read from the living processes' own shared memory; what is on disk is read by the
shipped recovery code from a copy that is made while no store lives; the export is what the
operator gets.
"""

import contextlib
import json
import os
import shutil
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastdhcp._bitmap import is_reserved
from fastdhcp._lease import Lease
from fastdhcp._leases import BLOCK_SIZE, BindingState, RecordFlag, Role
from fastdhcp._memory import Memory
from fastdhcp.cli.client import Client as ControlClient
from fastdhcp.store import recovery
from fastdhcp.store.database import DATA_NAME, Database
from fastdhcp.store.redo import REDO_NAME
from fastdhcp.supervisor.segments import Segments
from tests.crash.ledger import Ledger, text
from tests.crash.reserved import Reserved, class_of

PREFIX = "memfd:fastdhcp-"
GRACE_S = {78: 64, 79: 1}
"""``reuse-grace`` by the second octet of an address: see site.configuration()."""
CLOCK_SLACK_S = 2
LOCKED_TRIES = 100
LASTING = (
    "state", "flags", "htype", "chaddr", "key", "client_id", "relay_info", "hostname", "subnet_id",
    "incarnation", "expiry", "cltt", "start",
)  # fmt: skip


State = tuple[int, tuple[object, ...]]


@dataclass
class View:
    """A table, mapped: the living one, or one recovered from disk."""

    memory: Memory
    again: bytes

    @property
    def offset_s(self) -> float:
        return self.memory.time_offset_ns / 1e9

    def records(self) -> list[Lease]:
        """All that were ever bound or are offered."""
        return [r for _, _, n in self.memory.blocks() for r in self._block(n)]

    def _block(self, number: int) -> list[Lease]:
        """Under load a record is now and then locked at each look."""
        for _ in range(LOCKED_TRIES):
            with contextlib.suppress(TimeoutError):
                return self.memory.block_leases(number, True)
            time.sleep(0.001)
        raise AssertionError(f"a record of block {number} stays locked")

    def lease(self, address: int) -> Lease | None:
        return self.memory.lease(0, address)

    def is_idle(self, workers: int) -> bool:
        """All that was published is on disk."""
        memory = self.memory
        heads = [memory.ring_head(ring) for ring in range(memory.rings)]
        return heads == [memory.ring_durable(ring) for ring in range(memory.rings)]


@contextlib.contextmanager
def living(supervisor: int) -> Iterator[View]:
    """The table of the running server, from the descriptors that its supervisor holds."""
    folder = Path(f"/proc/{supervisor}/fd")
    fds: dict[str, int] = {}
    try:
        for link in folder.iterdir():
            try:
                target = str(link.readlink()).lstrip("/")
            except FileNotFoundError:
                continue  # closed since the folder was listed
            if target.startswith(PREFIX):
                name = target.removeprefix(PREFIX).split(" ")[0]
                if name not in ("image", *fds):  # each is there twice: mapped, too
                    fds[name] = os.open(link, os.O_RDWR)
        workers = struct.unpack_from("I", os.pread(fds["node"], 24, 0), 16)[0]
        memory = Memory(fds, workers + Role.ROLE_SUPERVISOR)
        used = (max((n for _, _, n in memory.blocks()), default=-1) + 1) * BLOCK_SIZE * 4
        yield View(memory, os.pread(fds["again"], used, 0))
    finally:
        for fd in fds.values():
            os.close(fd)


@contextlib.contextmanager
def on_disk(state: Path, scratch: Path, workers: int, offset_ns: int) -> Iterator[View]:
    """What a start would find, from a copy of the environment. No store may live."""
    scratch.mkdir(exist_ok=True)
    for name in (DATA_NAME, REDO_NAME):
        (scratch / name).unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(state / name, scratch / name)
    (scratch / "lock.mdb").unlink(missing_ok=True)
    segments = Segments.make(workers, 1024)
    database = Database(scratch)
    try:
        recovery.absorb(database)
        memory = Memory(dict(segments.fds), workers + Role.ROLE_LINK)
        memory.time_offset_ns = offset_ns
        recovery.replay_disk(database, memory)
        yield View(memory, b"")
    finally:
        database.close()
        segments.close()


def disagreements(view: View) -> list[str]:
    """Where bitmap and look-again array do not say what the records say."""
    found = []
    records = {r.number: r for r in view.records()}
    for _, place, block in view.memory.blocks():
        for low in range(BLOCK_SIZE):
            address = place << 8 | low
            record = records.get(block * BLOCK_SIZE + low)
            taken = record is not None and (
                record.state != BindingState.FREE or record.offer_until != 0
            )
            if view.memory.bit(0, address) != taken:
                found.append(f"{text(address)}: bit {not taken}, {_shown(record)}")
    for number, record in records.items():
        again = struct.unpack_from("I", view.again, number * 4)[0]
        if again != _look_again(record):
            found.append(f"{text(record.address)}: look again at {again}, {_shown(record)}")
    return found


def reserved_differs(view: View, reserved: Reserved) -> list[str]:
    """Where the bits of what is reserved are not those of the policy that all work by."""
    wanted = reserved.bits()
    if wanted is None:
        return []
    addresses = {place << 8 | low for _, place, _ in view.memory.blocks() for low in range(256)}
    found = {address for address in addresses if is_reserved(view.memory, 0, address)}
    return [
        f"{text(address)}: {'is' if address in found else 'is not'} marked as reserved"
        for address in found ^ wanted
    ]


def _look_again(record: Lease) -> int:
    if record.state == BindingState.FREE:
        return record.offer_until
    if record.state == BindingState.DECLINED:
        return record.expiry
    return record.expiry + GRACE_S[record.address >> 16 & 255]


def _shown(record: Lease | None) -> str:
    if record is None:
        return "never bound"
    return (
        f"{BindingState(record.state).name} version {record.version} expiry {record.expiry} "
        f"offer until {record.offer_until}"
    )


def export_differs(view: View, lines: list[bytes], reserved: Reserved) -> list[str]:
    """Where ``leases export`` does not say what the table says."""
    exported = {lease["address"]: lease for lease in map(json.loads, lines)}
    records = {text(r.address): r for r in view.records()}
    found = [f"{a}: in one of table and export" for a in exported.keys() ^ records.keys()]
    now = view.memory.now()
    for address, record in records.items():
        lease = exported.get(address)
        if lease and (why := _differs(record, lease, now, reserved)):
            found.append(f"{address}: {why}: {_shown(record)}, exported {lease}")
    return found


def _differs(record: Lease, lease: dict[str, object], now: int, reserved: Reserved) -> str:
    if record.version != lease["version"]:
        return "version"
    states = _states(record, now, reserved.bits())
    if lease["state"] not in states:
        return f"state is not one of {states}"
    if lease["state"] == "active":
        mac = record.chaddr.hex(":")
        if lease["hw-address"] != mac:
            return f"hw-address {mac}"
        if lease["class"] != (kept := class_of(record.relay_info, record.client_id)):
            return f"class {kept}"
    return ""


def _states(record: Lease, now: int, reserved: set[int] | None) -> set[str]:
    """A second may have gone by since the export was made."""
    if record.state == BindingState.FREE:
        if record.offer_until > now + CLOCK_SLACK_S:
            return {"offered"}
        ended = {"free", "released" if record.flags & RecordFlag.RECORD_RELEASED else "expired"}
        if reserved is None:
            ended.add("reserved")
        elif record.address in reserved:
            ended = {"reserved"}
        return ended if record.offer_until < now - CLOCK_SLACK_S else {"offered", *ended}
    if record.state == BindingState.DECLINED:
        return {"declined"}
    if record.expiry > now:
        return {"active"}
    return {"expired"} if record.expiry < now - CLOCK_SLACK_S else {"active", "expired"}


def exported(socket: Path) -> list[bytes]:
    """``leases export``, without the start of a process."""
    return list(ControlClient(socket).lines("/v1/leases/export"))


def states(view: View) -> dict[int, State]:
    """Version of every record by address, and what of it must last."""
    return {
        r.address: (r.version, tuple(getattr(r, name) for name in LASTING))
        for r in view.records()
        if r.version
    }


def goes_back(before: dict[int, State], view: View) -> list[str]:
    """Records that a start left older than the disk had them, or made of other parts."""
    after = states(view)
    return [
        f"{text(address)}: was {was}, is {after.get(address)}"
        for address, was in before.items()
        if address not in after
        or after[address][0] < was[0]
        or (after[address][0] == was[0] and after[address] != was)
    ]


def lost(ledger: Ledger, view: View) -> list[str]:
    return ledger.lost(view.lease, view.offset_s)
