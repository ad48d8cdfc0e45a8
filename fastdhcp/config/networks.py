"""Numbers of networks: what leases and reservations know a link by, whatever else is configured."""

import hashlib
from collections.abc import Sequence

from fastdhcp.config.model import Network


def network_numbers(networks: Sequence[Network]) -> list[int]:
    """The number of each network: a hash of its VRF and name, never 0, each another one.

    Among 100,000 networks two hashes of 32 bits are equal more often than not; the later one then
    takes the next hash of its name.
    """
    taken = {0}
    numbers = []
    for network in networks:
        kind = "shared" if network.shared else "prefix"
        digest = hashlib.blake2s(f"{network.vrf}\0{kind}\0{network.name}".encode()).digest()
        number = int.from_bytes(digest[:4])
        while number in taken:
            digest = hashlib.blake2s(digest).digest()
            number = int.from_bytes(digest[:4])
        taken.add(number)
        numbers.append(number)
    return numbers
