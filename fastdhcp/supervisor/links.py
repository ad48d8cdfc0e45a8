"""Links of this host: whether any is to be served, and which are."""

from collections.abc import Sequence

from fastdhcp.config import Configuration
from fastdhcp.config.links import bind_links
from fastdhcp.config.tables import NOWHERE
from fastdhcp.interfaces import Interface


def wants_links(config: Configuration) -> bool:
    """Whether local clients are to be served, or only those who come by relay agents."""
    named = any(network.interface for network in config.networks)
    return named or config.server.interfaces != ()


def served_links(config: Configuration, interfaces: Sequence[Interface]) -> list[Interface]:
    """The interfaces with a network of ours on them."""
    numbers = {network.vrf: 0 for network in config.networks}  # which one is no matter here
    links = bind_links(config, numbers, interfaces)
    served = {link.index for link in links if link.network != NOWHERE}
    return [interface for interface in interfaces if interface.index in served]
