"""Which network is on which interface."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface
from typing import Protocol

from fastdhcp.config.model import DEFAULT_VRF, Configuration
from fastdhcp.config.tables import NOWHERE


class Interface(Protocol):
    """What is to be known of a network interface; `addresses` are its own, in their order."""

    @property
    def index(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def mtu(self) -> int: ...
    @property
    def trains(self) -> bool: ...
    @property
    def addresses(self) -> Sequence[IPv4Interface]: ...


@dataclass(slots=True)
class Link:
    """An interface with the network on it (NOWHERE: none is served there).

    `subnet` is that of its `address`, if it is one of the network's (NOWHERE: it is not).
    """

    index: int
    name: str
    mtu: int
    addresses: list[int]
    network: int = NOWHERE
    vrf: int = 0
    address: int = 0
    subnet: int = NOWHERE


def trains_leave(said: str, interfaces: Sequence[Interface]) -> bool:
    """Whether replies may leave as trains; `said`: "always", "never", or "auto": if each interface
    that they may leave by cuts them, and routing may choose any that has an address."""
    if said != "auto":
        return said == "always"
    return all(
        facts.trains
        for facts in interfaces
        if any(not own.ip.is_loopback for own in facts.addresses)
    )


def bind_links(
    config: Configuration, vrfs: Mapping[str, int], interfaces: Sequence[Interface]
) -> list[Link]:
    """Which network is on which interface: as the configuration names it, else by an address.

    An address chooses among the default VRF's subnets only: a VRF is never guessed.
    """
    links = [
        Link(facts.index, facts.name, facts.mtu, [int(own.ip) for own in facts.addresses])
        for facts in sorted(interfaces, key=lambda facts: facts.index)
    ]
    by_name = {link.name: link for link in links}
    served = config.server.interfaces
    for place, network in enumerate(config.networks):
        link = by_name.get(network.interface or "")
        if link is not None:
            link.network = place
            link.vrf = 0 if network.vrf == DEFAULT_VRF else vrfs[network.vrf]
    default = sorted(
        (subnet.address, subnet.last, subnet.network)
        for subnet in config.subnets
        if subnet.vrf == DEFAULT_VRF
    )
    for link in links:
        if link.network == NOWHERE and (served is None or link.name in served):
            _bind_by_address(config, default, link)
        link.address, link.subnet = _address_on(config, link)
    return links


def _bind_by_address(
    config: Configuration, default: list[tuple[int, int, int]], link: Link
) -> None:
    for address in link.addresses:
        near = bisect_right(default, (address, 0xFFFFFFFF, 0)) - 1
        if near < 0 or default[near][1] < address:
            continue
        network = default[near][2]
        named = config.networks[network].interface
        if named is None or named == link.name:
            link.network = network
            return


def _address_on(config: Configuration, link: Link) -> tuple[int, int]:
    """The interface's address within its network and the subnet, else its first one, else 0."""
    places = config.networks[link.network].subnets if link.network != NOWHERE else ()
    for address in link.addresses:
        for place in places:
            if config.subnets[place].address <= address <= config.subnets[place].last:
                return address, place
    return link.addresses[0] if link.addresses else 0, NOWHERE
