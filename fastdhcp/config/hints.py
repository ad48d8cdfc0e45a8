"""Where the hints of each pool stand in their segment, from one generation to the next.

Allocation goes round: a pool that is known by its VRF and range goes on where it was, whatever else
of the configuration has changed.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from fastdhcp._bitmap import SIZE_OF_HINT, SIZE_OF_OPEN_BLOCK
from fastdhcp._leases import BLOCK_SIZE
from fastdhcp.config.model import DEFAULT_VRF, Configuration
from fastdhcp.config.tables import aligned

PoolKey = tuple[int, int, int]
"""The VRF's number, first and last address."""


def pool_keys(config: Configuration, vrfs: Mapping[str, int]) -> Iterator[PoolKey]:
    """Of all pools of a configuration."""
    for subnet in config.subnets:
        vrf = 0 if subnet.vrf == DEFAULT_VRF else vrfs[subnet.vrf]
        for pool in subnet.pools:
            yield vrf, pool.first, pool.last


class HintPlaces:
    """The segment's room, `size` octets, shared out to pools."""

    def __init__(self, workers: int, size: int) -> None:
        self._workers = workers
        self._size = size
        self._end = 0
        self._places: dict[PoolKey, int] = {}
        self._free: dict[int, list[int]] = {}  # by size

    def take(self, pools: Iterable[PoolKey]) -> Mapping[PoolKey, int]:
        """The places of these pools: those that they have, or new ones, all zeros.

        Raises OverflowError if they do not fit.
        """
        for key in pools:
            if key not in self._places:
                self._places[key] = self._room(self.size_of(key))
        return self._places

    def keep(self, pools: Collection[PoolKey]) -> list[tuple[int, int]]:
        """Nobody works by other pools any more. Places and sizes of those that are free now: the
        caller writes zeros there."""
        gone = [key for key in self._places if key not in pools]
        freed = [(self._places.pop(key), self.size_of(key)) for key in gone]
        for at, size in freed:
            self._free.setdefault(size, []).append(at)
        return freed

    def size_of(self, key: PoolKey) -> int:
        """Octets of a pool's hints (_bitmap.pxd): whole cache lines."""
        _, first, last = key
        blocks = last // BLOCK_SIZE - first // BLOCK_SIZE + 1
        return SIZE_OF_HINT + SIZE_OF_OPEN_BLOCK * self._workers + aligned(-(-blocks // 64) * 8)

    def _room(self, size: int) -> int:
        if places := self._free.get(size):
            return places.pop()
        if self._end + size > self._size:
            raise OverflowError(
                "so many pools do not fit; use fewer pools, or raise server.max-addresses and "
                "restart the server"
            )
        self._end += size
        return self._end - size
