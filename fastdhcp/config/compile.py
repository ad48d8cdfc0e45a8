"""From a Configuration to the policy image: flat tables that every process maps (_image.pxd)."""

import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fcntl import F_ADD_SEALS, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_WRITE, fcntl

import msgspec

from fastdhcp._image import STRUCT_SIZES
from fastdhcp._reservations import ReservationsView, lower_pools
from fastdhcp.collector import paused
from fastdhcp.config import tables
from fastdhcp.config.class_tables import ClassTables
from fastdhcp.config.hints import HintPlaces, PoolKey, pool_keys
from fastdhcp.config.identifiers import IDENTIFIERS_MAX
from fastdhcp.config.links import Interface, Link, bind_links, trains_leave
from fastdhcp.config.model import (
    DEFAULT_VRF,
    Configuration,
    Pool,
    Range,
    Subnet,
    layered,
)
from fastdhcp.config.networks import network_numbers
from fastdhcp.config.programs import ProgramTable, program_tables
from fastdhcp.config.relay_tables import agent_rows, relay_rules, vpn_rows
from fastdhcp.config.reservations import Made
from fastdhcp.config.subnets import merged
from fastdhcp.config.tables import NOWHERE, Blob, LayerTable, OverlayTable, ParamsTable
from fastdhcp.words import address_text

BLOCK_BITS_ALL = (1 << 256) - 1
V6_ONLY = 108  # RFC 8925 3.1


# Rows of another size would be read past their end: a field is missing here or there, or what was
# compiled is older than the source.
for _name, _row in tables.ROWS.items():
    if _row.size != STRUCT_SIZES[_name]:
        raise ImportError(
            f"a row of {_name} has {_row.size} octets in tables.py and {STRUCT_SIZES[_name]} in "
            "_image.pxd: give both the same fields, and run `make build`"
        )


@dataclass(frozen=True, slots=True)
class Ids:
    """Numbers from the store that are never reused: VRFs and classes by name, subnets in the
    configuration's order."""

    vrfs: Mapping[str, int]
    subnets: Sequence[int]
    classes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Compiled:
    """An image, and the file table that goes with it. `not_given`: reservations that are in it
    for nothing, in words."""

    image: bytearray
    reservations: Made
    not_given: tuple[str, ...]

    def memfds(self) -> tuple[int, int]:
        """New descriptors of both, sealed: what Memory.set_image() takes."""
        return self.memfd(), os.dup(self.reservations.fd)

    def memfd(self) -> int:
        """A new descriptor of the image, sealed."""
        image = os.memfd_create("fastdhcp-image", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        rest = memoryview(self.image)
        while rest:
            rest = rest[os.write(image, rest) :]
        fcntl(image, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
        return image


@dataclass(slots=True)
class _Rows:
    """The tables while they grow."""

    subnets: list[bytes] = field(default_factory=list)
    pools: list[bytes] = field(default_factory=list)
    subnet_levels: list[bytes] = field(default_factory=list)
    pool_levels: list[bytes] = field(default_factory=list)
    masks: list[bytes] = field(default_factory=list)


class _Compiler:
    """One run; the tables that rows share, and what is known of ids and interfaces."""

    def __init__(
        self, config: Configuration, ids: Ids, links: list[Link], hints: Mapping[PoolKey, int]
    ) -> None:
        self.config = config
        self.hints = hints
        self.blob = Blob()
        self.params = ParamsTable(self.blob)
        self.layers = LayerTable(self.blob)
        self.programs = ProgramTable(self.blob)
        # First, so that these numbers, which stand in the file table, hang on nothing else.
        self.overlays = OverlayTable(self.blob)
        for chosen in config.reservations.overlays:
            self.overlays.place(chosen)
        for options in config.reservations.options:
            self.layers.place(options)
        self.rows = _Rows()
        vrfs = self.vrf_ids = {**ids.vrfs, DEFAULT_VRF: 0}
        self.vrfs = [vrfs[subnet.vrf] for subnet in config.subnets]
        self.network_vrfs = [vrfs[network.vrf] for network in config.networks]
        self.subnet_ids = ids.subnets
        self.classes = ClassTables(
            config, ids.classes, self.blob, self.layers, self.overlays, self.programs
        )
        self.defaults_layer = self.layers.place(config.options)
        self.own: dict[int, list[int]] = {}
        for link in links:
            self.own.setdefault(link.vrf, []).extend(link.addresses)
        for addresses in self.own.values():
            addresses.sort()

    def own_within(self, vrf: int, first: int, last: int) -> list[int]:
        """The server's own addresses in a range."""
        addresses = self.own.get(vrf, [])
        return addresses[bisect_left(addresses, first) : bisect_right(addresses, last)]

    def subnet_layer(self, subnet: Subnet) -> int:
        """The subnet's options over those of [defaults]."""
        if not subnet.options:
            return self.defaults_layer
        return self.layers.place(layered(self.config.options, subnet.options))

    def add_subnet(self, place: int, index: int) -> None:
        """The subnet at `place` of the configuration, as row `index`, with all that is in it."""
        subnet = self.config.subnets[place]
        vrf = self.vrfs[place]
        name = subnet.name.encode()
        pool_first = len(self.rows.pools)
        for pool in subnet.pools:
            self.add_pool(vrf, pool, index)
        when_first, when_count = self.classes.whens(subnet.whens)
        self.rows.subnet_levels.append(tables.levels_row(subnet.levels))
        self.rows.subnets.append(
            tables.SUBNET.pack(
                vrf=vrf,
                address=subnet.address,
                mask=0xFFFFFFFF << (32 - subnet.prefix_len) & 0xFFFFFFFF,
                network=subnet.network,
                id=self.subnet_ids[place],
                params=self.params.place(subnet.params),
                layer=self.subnet_layer(subnet),
                pool_first=pool_first,
                pool_count=len(subnet.pools),
                name_at=self.blob.place(name),
                name_len=len(name),
                prefix_len=subnet.prefix_len,
                own_graces=_has_own_graces(subnet),
                guard=self.classes.guard(subnet.guard),
                when_first=when_first,
                when_count=when_count,
            )
        )

    def add_pool(self, vrf: int, pool: Pool, subnet: int) -> None:
        """One pool and its masks; the server's own addresses are never given."""
        rows = self.rows
        holes: Sequence[Range] = pool.holes
        own = self.own_within(vrf, pool.first, pool.last)
        if own:
            holes = merged([*holes, *((address, address) for address in own)])
        mask_first = len(rows.masks)
        for block, bits in pool_masks(pool.first, pool.last, holes):
            rows.masks.append(tables.MASK.pack(block=block, allowed=bits.to_bytes(32, "little")))
        block_first = pool.first >> 8
        block_count = (pool.last >> 8) - block_first + 1
        when_first, when_count = self.classes.whens(pool.whens)
        name = pool.name.encode()
        rows.pool_levels.append(tables.levels_row(pool.levels))
        rows.pools.append(
            tables.POOL.pack(
                vrf=vrf,
                first=pool.first,
                last=pool.last,
                subnet=subnet,
                params=self.params.place(pool.params),
                layer=self.layers.place(pool.options),
                block_first=block_first,
                block_count=block_count,
                mask_first=mask_first,
                mask_count=len(rows.masks) - mask_first,
                hints_at=self.hints[vrf, pool.first, pool.last],
                size=pool.last - pool.first + 1 - sum(high - low + 1 for low, high in holes),
                name_at=self.blob.place(name),
                name_len=len(name),
                guard=self.classes.guard(pool.guard),
                when_first=when_first,
                when_count=when_count,
            )
        )

    def add_subnets(self) -> list[int]:
        """All of them, sorted as the image has them. Returns their indexes, by place."""
        subnets = self.config.subnets
        order = sorted(range(len(subnets)), key=lambda i: (self.vrfs[i], subnets[i].address))
        indexes = [0] * len(order)
        for index, place in enumerate(order):
            self.add_subnet(place, index)
            indexes[place] = index
        return indexes

    def pack_link(self, link: Link, untrusted: bool, indexes: list[int]) -> bytes:
        """The row of an interface; `indexes`: of the subnets, by their place."""
        name = link.name.encode()
        return tables.INTERFACE.pack(
            ifindex=link.index,
            network=link.network,
            vrf=link.vrf,
            address=link.address,
            subnet=indexes[link.subnet] if link.subnet != tables.NOWHERE else tables.NOWHERE,
            mtu=link.mtu,
            untrusted=untrusted,
            name_at=self.blob.place(name),
            name_len=len(name),
        )

    def networks(self, indexes: list[int], reserved: Made) -> tuple[list[bytes], list[bytes]]:
        """The networks and their members; `indexes`: of the subnets, by their place."""
        numbers = network_numbers(self.config.networks)
        rows: list[bytes] = []
        members: list[bytes] = []
        for place, network in enumerate(self.config.networks):
            name = network.name.encode()
            rows.append(
                tables.NETWORK.pack(
                    number=numbers[place],
                    vrf=self.network_vrfs[place],
                    member_first=len(members),
                    member_count=len(network.subnets),
                    name_at=self.blob.place(name),
                    name_len=len(name),
                    kinds=reserved.network_kinds[place],
                    kinds_any=reserved.general_kinds[place],
                )
            )
            members += [tables.INDEX.pack(value=indexes[subnet]) for subnet in network.subnets]
        return rows, members


@paused()
def compile_image(
    config: Configuration,
    ids: Ids,
    interfaces: Sequence[Interface],
    generation: int,
    hints: Mapping[PoolKey, int] | None = None,
) -> Compiled:
    """The policy image of a configuration on this machine; `hints`: where those of its pools stand,
    by default in fresh room. Raises OverflowError over 4 GiB."""
    links = bind_links(config, ids.vrfs, interfaces)
    if hints is None:
        fresh = HintPlaces(config.server.workers, tables.SIZE_MAX)
        hints = fresh.take(pool_keys(config, ids.vrfs))
    run = _Compiler(config, ids, links, hints)
    indexes = run.add_subnets()
    reserved = config.reservations.made(ids.vrfs, ids.classes)
    networks, members = run.networks(indexes, reserved)
    agents = agent_rows(config, run.vrf_ids, indexes, run.blob)
    vpns = vpn_rows(config.vrfs, run.vrf_ids, run.blob)
    untrusted = config.relays.untrusted_interfaces
    rows = run.rows
    own = sorted({(link.vrf, address) for link in links for address in link.addresses})
    class_rows = run.classes.packed()
    image = tables.assemble(
        {
            "generation": generation,
            "workers": config.server.workers,
            "identity": bytes(config.kinds[name] for name in config.server.identity),
            "identity_kinds": sum(1 << config.kinds[name] for name in config.server.identity),
            "named": _named_programs(config, run.programs),
            "durable": int(config.server.durability == "commit"),
            "vrfs": len(set(run.network_vrfs) - {0}),
            "relay_rules": relay_rules(config.relays),
            "trains": int(trains_leave(config.server.trains, interfaces)),
            "programs_read": run.programs.read | run.classes.read,
            **run.classes.head,
        },
        run.blob,
        {
            "networks": networks,
            "members": members,
            "subnets": rows.subnets,
            "pools": rows.pools,
            "masks": rows.masks,
            "params": run.params.packed(_look_for(run.layers)),
            "layers": run.layers.rows,
            "options": run.layers.options,
            "interfaces": [
                run.pack_link(link, link.name in untrusted, indexes) for link in links
            ],
            "own": [tables.OWN.pack(vrf=vrf, address=address) for vrf, address in own],
            "agents": agents,
            "vpns": vpns,
            "definitions": [bytes((octet,)) for octet in _definitions(config)],
            **program_tables(run.programs),
            **class_rows,
            "overlays": run.overlays.rows,
            "overlay_values": run.overlays.values,
            "levels": [*rows.subnet_levels, *rows.pool_levels],
        },
    )
    with reserved.mapped() as table:
        lower_pools(image, table)
        not_given = tuple(_not_given(ReservationsView(table), own))
    return Compiled(image, reserved, not_given)


def pool_masks(first: int, last: int, holes: Sequence[Range]) -> list[tuple[int, int]]:
    """(block, 256 bits) of each block of a range that may not be given wholly, sorted.

    `holes` are sorted, apart and within the range. Bit i of a block is its address i.
    """
    masks: dict[int, int] = {}
    for edge in (first >> 8, last >> 8):
        low = max(first, edge << 8) & 255
        high = min(last, edge << 8 | 255) & 255
        masks[edge] = (2 << high) - (1 << low)
    for hole_first, hole_last in holes:
        for block in range(hole_first >> 8, (hole_last >> 8) + 1):
            low = max(hole_first, block << 8) & 255
            high = min(hole_last, block << 8 | 255) & 255
            masks[block] = masks.get(block, BLOCK_BITS_ALL) & ~((2 << high) - (1 << low))
    return sorted((block, bits) for block, bits in masks.items() if bits != BLOCK_BITS_ALL)


def _look_for(layers: LayerTable) -> int:
    """ParamsFlag of options that an offer hangs on (RFC 8925 3.3)."""
    return tables.FLAGS["v6_only"] if V6_ONLY in layers.codes else 0


def _has_own_graces(subnet: Subnet) -> bool:
    """Whether the reuse-grace of some pool in it is not the subnet's."""
    graces = {pool.params.reuse_grace_s for pool in subnet.pools}
    return bool(graces - {subnet.params.reuse_grace_s})


def _named_programs(config: Configuration, programs: ProgramTable) -> bytes:
    """Places of the programs of [identifiers]."""
    places = [programs.place(one.expression) for one in config.identifiers]
    places += [NOWHERE] * (IDENTIFIERS_MAX - len(places))
    return b"".join(place.to_bytes(4, "little") for place in places)


def _not_given(table: ReservationsView, own: Sequence[tuple[int, int]]) -> Iterator[str]:
    """The reservations of addresses that the server has itself."""
    for vrf, address in own:
        if table.at(vrf, address) is not None:
            text = address_text(address)
            yield f"{text} is reserved, but the server's own: it is not given; reserve another"


def _definitions(config: Configuration) -> bytes:
    """Read again by control, which shows values in the words of the configuration."""
    return msgspec.json.encode(config.definitions) if config.definitions else b""
