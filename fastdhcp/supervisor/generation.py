"""One generation of policy: a configuration, the interfaces it met, and the image made of both."""

import dataclasses
import functools
import time
from collections.abc import Mapping

from fastdhcp.channel import Message, close_all
from fastdhcp.config.compile import Ids, compile_image
from fastdhcp.config.hints import HintPlaces, PoolKey, pool_keys
from fastdhcp.config.model import DEFAULT_VRF, Configuration
from fastdhcp.config.networks import network_numbers
from fastdhcp.config.subnets import touched_blocks
from fastdhcp.interfaces import Interface
from fastdhcp.supervisor.links import served_links
from fastdhcp.supervisor.obstacles import interface_warnings


def ids_of(message: Message) -> Ids:
    """The numbers in the store's answer."""
    vrfs, subnets, classes = message["vrfs"], message["subnets"], message["classes"]
    assert isinstance(vrfs, dict) and isinstance(subnets, list) and isinstance(classes, dict)
    return Ids({DEFAULT_VRF: 0, **vrfs}, subnets, classes)


@dataclasses.dataclass(frozen=True)
class SubnetPools:
    """A subnet and the pools that its clients may get addresses of: all of its network, by their
    places in the order of the image (VRF's number, then address)."""

    vrf: str
    name: str
    pools: tuple[int, ...]

    @property
    def subject(self) -> str:
        return f"{self.vrf} {self.name}" if self.vrf else self.name

    @property
    def told(self) -> str:
        """As sentences have it."""
        return f"{self.name} (VRF {self.vrf})" if self.vrf else self.name


@dataclasses.dataclass(frozen=True)
class Generation:
    """``image`` and ``reservations`` are sealed memfds; ``not_given``: reservations that are in
    them for nothing, in words; ``compile_s``: how long it took to make them."""

    number: int
    config: Configuration
    interfaces: tuple[Interface, ...]
    ids: Ids
    image: int
    reservations: int
    not_given: tuple[str, ...]
    compile_s: float

    @property
    def vrfs(self) -> Mapping[str, int]:
        return self.ids.vrfs

    @functools.cached_property
    def subnet_pools(self) -> dict[int, SubnetPools]:
        """Of each subnet, by its number."""
        subnets, networks = self.config.subnets, self.config.networks
        order = sorted(
            (self.vrfs[subnet.vrf], pool.first, number)
            for number, subnet in enumerate(subnets)
            for pool in subnet.pools
        )
        own: dict[int, list[int]] = {}  # by the subnet's place in the configuration
        for place, (_, _, number) in enumerate(order):
            own.setdefault(number, []).append(place)
        return {
            number: SubnetPools(
                subnet.vrf,
                subnet.name,
                tuple(p for other in networks[subnet.network].subnets for p in own.get(other, ())),
            )
            for number, subnet in zip(self.ids.subnets, subnets, strict=True)
        }

    @functools.cached_property
    def unserved(self) -> list[tuple[str, str]]:
        """Event and words for each interface and reservation that is named and serves nobody."""
        reserved = [("reservation-not-given", text) for text in self.not_given]
        return [*interface_warnings(self.config, self.interfaces), *reserved]

    @functools.cached_property
    def served(self) -> list[Interface]:
        """The interfaces with a network on them."""
        return served_links(self.config, self.interfaces)

    @property
    def warnings(self) -> list[str]:
        """What status shows of it."""
        told = [str(warning) for warning in self.config.warnings]
        return [*told, *(text for _, text in self.unserved)]

    @functools.cached_property
    def pool_keys(self) -> set[PoolKey]:
        """What the hints of its pools are known by."""
        return set(pool_keys(self.config, self.vrfs))

    def fds(self) -> dict[str, int]:
        return {"image": self.image, "reservations": self.reservations}

    def close(self) -> None:
        close_all(self.fds().values())

    def regroups(self, before: "Generation") -> bool:
        """Whether a subnet is of another network than before: its leases' place in the client
        index then is another one."""
        old = _networks(before.config)
        return any(old.get(key) != value for key, value in _networks(self.config).items())


def store_names(config: Configuration) -> Message:
    """What the store gives numbers to that stay the same for ever."""
    subnets = [[vrf, prefix] for vrf, prefix in config.subnet_names()]
    return {"vrfs": config.vrf_names(), "subnets": subnets, "classes": config.class_names()}


def block_ranges(config: Configuration, vrfs: Mapping[str, int]) -> list[tuple[int, int, int]]:
    """The blocks that pools and reservations touch: VRF, first and last of each run of them."""
    return [
        (vrfs[vrf], first, last)
        for vrf, first, last in touched_blocks(config.subnets, config.reservations.blocks())
    ]


def compile_generation(
    config: Configuration,
    interfaces: tuple[Interface, ...],
    ids: Ids,
    number: int,
    places: HintPlaces,
) -> Generation:
    """Takes about as long as the configuration is large. Raises OverflowError, OSError."""
    began = time.monotonic()
    hints = places.take(pool_keys(config, ids.vrfs))
    made = compile_image(config, ids, interfaces, number, hints)
    image, reservations = made.memfds()
    took_s = time.monotonic() - began
    return Generation(number, config, interfaces, ids, image, reservations, made.not_given, took_s)


def _networks(config: Configuration) -> dict[tuple[str, str], int]:
    """The number of each subnet's network: part of the client index's key."""
    numbers = network_numbers(config.networks)
    return {(subnet.vrf, subnet.name): numbers[subnet.network] for subnet in config.subnets}
