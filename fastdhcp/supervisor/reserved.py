"""Reservations that a reload brings on addresses which somebody else holds."""

from collections.abc import Iterator, Mapping
from typing import Any

from fastdhcp import words
from fastdhcp._memory import Memory
from fastdhcp._owners import held_anew
from fastdhcp.config.model import IDENTITY_KINDS
from fastdhcp.config.reservations import Made

HARDWARE = IDENTITY_KINDS["hw-address"]


def held_by_others(
    memory: Memory, now: Made, before: Made, kinds: Mapping[str, int]
) -> Iterator[tuple[str, str, str]]:
    """Address, who it is reserved for, who holds it; of reservations that ``before`` had not.

    Nobody gets it before the holder's lease has ended.
    """
    if now.fd == before.fd:
        return
    names = {number: name for name, number in kinds.items()}
    with now.mapped() as table, before.mapped() as old:
        for row in held_anew(memory, table, old):
            try:
                lease = memory.lease(row["vrf"], row["address"])
            except TimeoutError:  # it is being changed at this very moment
                continue
            assert lease is not None
            holder = words.hardware_text(lease.chaddr) or words.identifier_text(lease.client_id)
            yield words.address_text(row["address"]), _owner(row, names), str(holder)


def _owner(row: dict[str, Any], names: Mapping[int, str]) -> str:
    if row["kind"] == HARDWARE:
        return str(words.hardware_text(row["identity"][1:]))  # after the hardware's type
    return f"{names[row['kind']]} {words.identifier_text(row['identity'])}"
