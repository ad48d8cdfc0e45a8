"""A lease as people and programs outside read it, made of a record and the time."""

import sys
import time

import msgspec

from fastdhcp import words
from fastdhcp._lease import Lease as Record
from fastdhcp._leases import BindingState, RecordFlag
from fastdhcp._memory import INFINITE, boot_time_ns
from fastdhcp.control.catalog import Reservation

STATES = ("free", "offered", "active", "expired", "released", "declined", "reserved")
KEEP_S = 0.75
"""A clock that was stepped by less than this is not followed: no time shown would jump."""


class Lease(msgspec.Struct, frozen=True, rename="kebab", omit_defaults=True, kw_only=True):
    """One address. Times are Unix seconds, whole.

    `expires` is when the lease ends, ended, or would have ended (of an offer: when it lapses; of a
    declined address: when it may be used again); null: never, or nothing was ever bound. `pending`
    stands there only when true: the client may not renew, but the address is its own until
    `expires`. The identifiers are those of the last client that the address was bound to.
    `reservation` says whom the address is kept for, `hw-address=02:ee:00:00:00:01`; of an address
    that is kept for nobody it is the client's own reservation, that has no address. The hostname is
    the reservation's if the client named none itself. `vrf_name` stands there for all but
    the default VRF. `class` is the first of that client's classes that are kept with leases; null:
    none, or one that is not configured any more.
    """

    vrf: int
    address: str
    state: str
    hw_address: str | None
    client_id: str | None
    subnet: str | None
    hostname: str | None
    circuit_id: str | None
    remote_id: str | None
    starts: int | None
    expires: int | None
    version: int
    reservation: str | None
    class_: str | None = msgspec.field(name="class")
    pending: bool = False
    vrf_name: str | None = None


class WallClock:
    """Unix time of instants in node time (docs/ARCHITECTURE.md, Time).

    The two clocks are held against each other at each `read`; small steps of the wall clock are
    left out, so that a lease reads the same twice.
    """

    def __init__(self) -> None:
        self._offset_s = 0.0

    def read(self, time_offset_ns: int) -> None:
        offset_s = time.time() - (boot_time_ns() + time_offset_ns) / 1e9
        if abs(offset_s - self._offset_s) > KEEP_S:
            self._offset_s = offset_s

    def instant(self, node_s: int) -> int | None:
        """None for an instant that never comes."""
        return None if node_s == INFINITE else round(node_s + self._offset_s)


def derive_state(record: Record, now: int, reserved: bool) -> str:
    """One of STATES for a record at `now` (node time); `reserved`: a reservation names the address.

    | record | state |
    |---|---|
    | ACTIVE or PENDING, before its expiry | `active` |
    | ACTIVE or PENDING, from then on (held for `reuse-grace`) | `expired` |
    | DECLINED | `declined` |
    | FREE, an offer stands | `offered` |
    | FREE, a reservation names it | `reserved` |
    | FREE, its last client gave it back, or the operator took it | `released` |
    | FREE, its last lease ended by time | `expired` |
    | FREE, never bound | `free` |
    """
    if record.state == BindingState.DECLINED:
        return "declined"
    if record.state != BindingState.FREE:
        return "active" if now < record.expiry else "expired"
    if record.offer_until > now:
        return "offered"
    if reserved:
        return "reserved"
    if record.flags & RecordFlag.RECORD_RELEASED:
        return "released"
    return "expired" if record.start else "free"


def lease_of(
    record: Record,
    now: int,
    wall: WallClock,
    subnet: str | None,
    reservation: Reservation | None = None,
    own: Reservation | None = None,
    vrf_name: str | None = None,
    class_: str | None = None,
) -> Lease:
    """The record as a Lease; `now` is node time, `reservation` that of its address, `own` the one
    that its last client is answered by there, `class_` the name of the record's."""
    state = derive_state(record, now, reservation is not None)
    bound = record.start != 0 or record.state == BindingState.DECLINED
    if state == "offered":
        # An offer leaves the last binding in the record, which may be another client's.
        known = int.from_bytes(record.key[:8], sys.byteorder) == record.offer_key
        starts, expires = None, wall.instant(record.offer_until)
    else:
        known = bound
        starts = wall.instant(record.start) if record.start else None
        expires = wall.instant(record.expiry) if bound else None
    relay = words.relay_sub_options(record.relay_info if known else b"")
    hostname = record.hostname.rstrip(b"\0") if known else b""
    namer = reservation if state == "reserved" else own if known else None
    if namer and not hostname:
        hostname = namer.hostname
    shown = reservation or (own if known else None)
    return Lease(
        vrf=record.vrf,
        address=words.address_text(record.address),
        state=state,
        hw_address=words.hardware_text(record.chaddr) if known else None,
        client_id=words.identifier_text(record.client_id) if known else None,
        subnet=subnet,
        hostname=words.identifier_text(hostname),
        circuit_id=words.identifier_text(relay.get(words.CIRCUIT_ID, b"")),
        remote_id=words.identifier_text(relay.get(words.REMOTE_ID, b"")),
        starts=starts,
        expires=expires,
        version=record.version,
        reservation=shown.name if shown else None,
        class_=class_ if known else None,
        pending=state == "active" and record.state == BindingState.PENDING,
        vrf_name=vrf_name,
    )


def unbound(
    vrf: int,
    address: int,
    subnet: str | None,
    reservation: Reservation | None,
    vrf_name: str | None = None,
) -> Lease:
    """An address that has no record yet."""
    return Lease(
        vrf=vrf,
        address=words.address_text(address),
        state="reserved" if reservation else "free",
        hw_address=None,
        client_id=None,
        subnet=subnet,
        hostname=words.identifier_text(reservation.hostname) if reservation else None,
        circuit_id=None,
        remote_id=None,
        starts=None,
        expires=None,
        version=0,
        reservation=reservation.name if reservation else None,
        vrf_name=vrf_name,
        class_=None,
    )
