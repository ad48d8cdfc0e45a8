"""Policy images for tests, compiled as the supervisor compiles them."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface
from pathlib import Path
from tempfile import TemporaryDirectory

from fastdhcp.config import load
from fastdhcp.config.compile import Compiled, Ids, compile_image


@dataclass(frozen=True)
class Link:
    """An interface with its addresses."""

    index: int
    name: str
    addresses: Sequence[IPv4Interface]
    mtu: int = 1500
    trains: bool = False


def link(index: int, name: str, *addresses: str) -> Link:
    return Link(index, name, [IPv4Interface(address) for address in addresses])


def compile_text(text: str, generation: int = 1, links: Sequence[Link] = ()) -> Compiled:
    """The image of a configuration in TOML; subnets are numbered from 1, in its order."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "fastdhcp.toml")
        file.write_text(text)
        config = load(file)
    subnets = range(1, len(config.subnets) + 1)
    vrfs = {name: 1000 + place for place, name in enumerate(config.vrf_names())}
    vrfs |= {subnet.vrf: 1 + place for place, subnet in enumerate(config.subnets)}
    return compile_image(config, Ids(vrfs, list(subnets)), links, generation)
