"""What a configuration costs, in words: instructions of its tests, kinds of replies, octets."""

from collections.abc import Iterator

from fastdhcp.config.classes import ceiling
from fastdhcp.config.compile import Ids, compile_image
from fastdhcp.config.model import DEFAULT_VRF, Configuration
from fastdhcp.config.tables import read_rows

MEGA = 1_000_000
PACKET_COST = 3_000
"""Instructions of the machine for a DISCOVER or a renewal, about (`make instructions`)."""


def costs(config: Configuration) -> Iterator[str]:
    """What `check` tells of a good configuration with classes: without, a packet costs what it
    costs. It takes as long as a reload. Raises OverflowError if it is more than an image holds."""
    if not config.classes:
        return
    if instructions := ceiling(config.classes):
        yield (
            f"the tests of classes take at most about {instructions} instructions a packet, beside "
            f"some {PACKET_COST:,} that any packet takes"
        )
    if telling := len(_telling(config)):
        pools = sum(len(subnet.pools) for subnet in config.subnets)
        kinds = (len(config.subnets) + pools) * (telling + 1)
        yield (
            f"{_many(len(config.subnets), 'subnet')} and {_many(pools, 'pool')}, by "
            f"{_many(telling, 'class')} with options, make up to {kinds} kinds of replies, if "
            "each client is of one such class or of none"
        )
    image = _image(config)
    layers, overlays = (len(read_rows(image, name)) - 1 for name in ("layers", "overlays"))
    yield (
        f"the policy takes {_size(len(image))}: {_many(layers, 'layer')} of options, "
        f"{_many(overlays, 'set')} of values of classes and reservations"
    )


def _telling(config: Configuration) -> set[str]:
    """Classes that say something of what is in a reply."""
    whens = [when for subnet in config.subnets for when in subnet.whens]
    whens += [w for subnet in config.subnets for pool in subnet.pools for w in pool.whens]
    said = {found.name for found in config.classes if found.options}
    return said | {when.name for when in whens if when.options}


def _image(config: Configuration) -> bytearray:
    """As it would be, with the numbers that a new store gives and on no interface."""
    vrfs = {name: number for number, name in enumerate(config.vrf_names(), 1)}
    classes = {name: number for number, name in enumerate(config.class_names(), 1)}
    subnets = range(1, len(config.subnets) + 1)
    return compile_image(config, Ids({**vrfs, DEFAULT_VRF: 0}, subnets, classes), (), 1).image


def _many(count: int, what: str) -> str:
    plural = f"{what}es" if what.endswith("s") else f"{what}s"
    return f"{count} {what if count == 1 else plural}"


def _size(octets: int) -> str:
    return f"{octets / MEGA:.1f} MB" if octets >= MEGA else f"{octets / 1000:.1f} kB"
