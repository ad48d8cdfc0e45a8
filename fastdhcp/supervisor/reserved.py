"""Reservations that a reload brings on addresses which somebody else holds."""

from collections.abc import Iterator, Mapping

from fastdhcp import words
from fastdhcp._lease import Lease
from fastdhcp._leases import BindingState
from fastdhcp._memory import Memory
from fastdhcp.config import Configuration
from fastdhcp.config.model import IDENTITY_KINDS, Reservation

HARDWARE = IDENTITY_KINDS["hw-address"]
KIND_NAMES = {number: name for name, number in IDENTITY_KINDS.items()}

Key = tuple[str, int, int, bytes]


def held_by_others(
    memory: Memory, vrfs: Mapping[str, int], config: Configuration, before: Configuration
) -> Iterator[tuple[str, str, str]]:
    """Address, who it is reserved for, who holds it; of reservations that ``before`` had not.

    Nobody gets it before the holder's lease has ended.
    """
    known = {key for key, _ in _reservations(before)}
    for key, kept in _reservations(config):
        lease = _lease(memory, vrfs[key[0]], kept.address) if key not in known else None
        if lease is not None and not _is_of(kept, lease):
            holder = words.hardware_text(lease.chaddr) or words.identifier_text(lease.client_id)
            yield words.address_text(kept.address), _owner(kept), str(holder)


def _reservations(config: Configuration) -> Iterator[tuple[Key, Reservation]]:
    for subnet in config.subnets:
        for kept in subnet.reservations:
            yield (subnet.vrf, kept.address, kept.kind, kept.identity), kept


def _lease(memory: Memory, vrf: int, address: int) -> Lease | None:
    """What is bound there now."""
    try:
        lease = memory.lease(vrf, address)
    except TimeoutError:  # it is being changed at this very moment
        return None
    bound = (BindingState.ACTIVE, BindingState.PENDING)
    return lease if lease and lease.state in bound and memory.now() < lease.expiry else None


def _is_of(kept: Reservation, lease: Lease) -> bool:
    relay = words.relay_sub_options(lease.relay_info)
    return words.identities(lease, relay)[KIND_NAMES[kept.kind]] == kept.identity


def _owner(kept: Reservation) -> str:
    if kept.kind == HARDWARE:
        return str(words.hardware_text(kept.identity[1:]))  # after the hardware's type
    return f"{KIND_NAMES[kept.kind]} {words.identifier_text(kept.identity)}"
