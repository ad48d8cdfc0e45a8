"""Reservations that a reload brings on addresses which somebody else holds."""

from collections.abc import Iterator
from typing import Any

from fastdhcp import words
from fastdhcp._bitmap import held_anew
from fastdhcp._lease import Lease
from fastdhcp._leases import BindingState
from fastdhcp._memory import Memory
from fastdhcp.config.model import IDENTITY_KINDS
from fastdhcp.config.reservations import Made

HARDWARE = IDENTITY_KINDS["hw-address"]
KIND_NAMES = {number: name for name, number in IDENTITY_KINDS.items()}


def held_by_others(memory: Memory, now: Made, before: Made) -> Iterator[tuple[str, str, str]]:
    """Address, who it is reserved for, who holds it; of reservations that ``before`` had not.

    Nobody gets it before the holder's lease has ended.
    """
    if now.fd == before.fd:
        return
    with now.mapped() as table, before.mapped() as old:
        for row in held_anew(memory, table, old):
            lease = _lease(memory, row["vrf"], row["address"])
            if lease is not None and not _is_of(row, lease):
                holder = words.hardware_text(lease.chaddr) or words.identifier_text(lease.client_id)
                yield words.address_text(row["address"]), _owner(row), str(holder)


def _lease(memory: Memory, vrf: int, address: int) -> Lease | None:
    """What is bound there now."""
    try:
        lease = memory.lease(vrf, address)
    except TimeoutError:  # it is being changed at this very moment
        return None
    bound = (BindingState.ACTIVE, BindingState.PENDING)
    return lease if lease and lease.state in bound and memory.now() < lease.expiry else None


def _is_of(row: dict[str, Any], lease: Lease) -> bool:
    relay = words.relay_sub_options(lease.relay_info)
    identity: bytes = row["identity"]
    return words.identities(lease, relay)[KIND_NAMES[row["kind"]]] == identity


def _owner(row: dict[str, Any]) -> str:
    if row["kind"] == HARDWARE:
        return str(words.hardware_text(row["identity"][1:]))  # after the hardware's type
    return f"{KIND_NAMES[row['kind']]} {words.identifier_text(row['identity'])}"
