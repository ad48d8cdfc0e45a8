"""Addresses that a generation reserves: the bits that say so, and who holds them at its start.

All of it goes over every reserved address and is done beside the event loop, which a million of
them would hold up for some tenths of a second.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from mmap import PROT_READ, mmap
from typing import Any

from fastdhcp import _bitmap, words
from fastdhcp._memory import Memory
from fastdhcp._owners import held_anew
from fastdhcp.config.model import IDENTITY_KINDS
from fastdhcp.config.reservations import Made
from fastdhcp.supervisor.generation import Generation
from fastdhcp.supervisor.threads import in_thread

HARDWARE = IDENTITY_KINDS["hw-address"]


async def mark_reserved(memory: Memory, generation: Generation) -> None:
    """Sets the bits of what it reserves: before anybody works by it. One bit too many takes an
    address from the pool for a while, one too few gives a client's own to another. Raises
    MemoryError."""
    await _over_all(_bitmap.mark_reserved, memory, generation)


async def clear_reserved(memory: Memory, generation: Generation) -> None:
    """Clears the bits of what it does not reserve: when everybody works by it."""
    await _over_all(_bitmap.clear_unreserved, memory, generation)


async def _over_all(
    work: Callable[[Memory, mmap], None], memory: Memory, generation: Generation
) -> None:
    # Mapped here: the generation may be closed before the thread has looked at it.
    table = mmap(generation.reservations, 0, prot=PROT_READ)
    await in_thread(lambda: work(memory, table))


@dataclasses.dataclass(frozen=True)
class Held:
    """A reserved address that another client holds. ``until``: the end of that lease, Unix
    seconds."""

    vrf: int
    address: str
    owner: str
    holder: str
    until: float

    def told(self, vrf: str) -> dict[str, object]:
        """For the log; ``vrf``: its name, empty for the default VRF."""
        release = f"{self.address} --vrf {vrf}" if vrf else self.address
        return {
            "address": self.address,
            "vrf": vrf or None,
            "reserved_for": self.owner,
            "held_by": self.holder,
            "until": words.instant(self.until),
            "text": "the holder is refused at its next renewal, and the owner gets the address "
            f"when that lease has ended; `fastdhcp leases release {release} --now` ends it at once",
        }


def held_by_others(
    memory: Memory, now: Made, before: Made, kinds: Mapping[str, int]
) -> Iterator[Held]:
    """Of reservations that ``before`` had not. Nobody gets such an address before the holder's
    lease has ended."""
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
            until = time.time() + lease.expiry - memory.now()
            address = words.address_text(row["address"])
            yield Held(row["vrf"], address, _owner(row, names), str(holder), until)


def _owner(row: dict[str, Any], names: Mapping[int, str]) -> str:
    if row["kind"] == HARDWARE:
        return str(words.hardware_text(row["identity"][1:]))  # after the hardware's type
    return f"{names[row['kind']]} {words.identifier_text(row['identity'])}"
