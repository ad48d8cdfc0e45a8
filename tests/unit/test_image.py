"""The policy image against a slow twin that asks the configuration itself."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fcntl import F_GET_SEALS, F_SEAL_WRITE, fcntl
from ipaddress import IPv4Interface
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastdhcp._image import STRUCT_SIZES, ImageView
from fastdhcp.config import Configuration, Subnet, load, tables
from fastdhcp.config import compile as compiler
from fastdhcp.config.compile import Compiled, Ids, compile_image, pool_masks
from fastdhcp.config.networks import network_numbers
from fastdhcp.config.subnets import merged

PACKAGE = Path(tables.__file__).parent.parent
CONFIGURATION = """
[server]
workers = 2
identity = ["circuit-id", "hw-address"]
durability = "async"

[defaults]
lease-time = 600
boot-file = "pxe"
next-server = "10.0.0.9"
authoritative = true
options = { domain-name = "a.example", routers = ["10.0.0.1"] }

[[subnets]]
subnet = "10.0.0.0/23"
pools = ["10.0.0.0-10.0.1.100", { range = "10.0.1.200-10.0.1.255", options = { "224" = "hex:01" } }]
exclude = ["10.0.0.250-10.0.1.9"]
options = { routers = ["10.0.0.2"] }
shared-network = "lan"
[[subnets.reservations]]
hw-address = "02:00:00:00:00:01"
address = "10.0.0.77"
hostname = "printer"
lease-time = "infinite"
[[subnets.reservations]]
circuit-id = "slot 1"
address = "10.0.1.150"

[[subnets]]
subnet = "10.0.4.0/24"
shared-network = "lan"
pools = ["10.0.4.0/24"]

[[subnets]]
subnet = "10.0.0.0/24"
vrf = "blue"
interface = "blue0"
pools = ["10.0.0.0/24"]
reuse-grace = 0
[[subnets.reservations]]
hw-address = "02:00:00:00:00:01"
address = "10.0.0.77"

[[subnets]]
subnet = "192.168.0.0/16"
pools = ["192.168.0.0/16"]
"""
BLUE = 7


@dataclass(frozen=True)
class Link:
    index: int
    name: str
    addresses: tuple[IPv4Interface, ...]
    mtu: int = 1500
    trains: bool = False


LINKS = (
    Link(5, "lan0", (IPv4Interface("172.16.0.1/24"), IPv4Interface("10.0.4.1/24")), 1400),
    Link(3, "blue0", (IPv4Interface("10.0.0.3/24"),)),
    Link(1, "lo", (IPv4Interface("127.0.0.1/8"),), 65536),
)


def address(text: str) -> int:
    return int(IPv4Interface(text).ip)


def compiled_of(config: Configuration, links: tuple[Link, ...] = LINKS) -> Compiled:
    ids = Ids({"blue": BLUE}, [100 + i for i in range(len(config.subnets))])
    return compile_image(config, ids, links, generation=3)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    path = tmp_path_factory.mktemp("image") / "fastdhcp.toml"
    path.write_text(CONFIGURATION)
    return load(path)


@pytest.fixture(scope="module")
def image(config: Configuration) -> ImageView:
    return ImageView(compiled_of(config).image)


def given_addresses(image: ImageView, pool: int) -> Iterator[int]:
    """All addresses that the masks of a pool allow, as the allocator sees them."""
    row = image.pool(pool)
    for block in range(row["block_first"], row["block_first"] + row["block_count"]):
        mask = image.pool_mask(pool, block)
        yield from (block << 8 | low for low in range(256) if mask >> low & 1)


# ---- the layout


def test_python_and_c_agree_on_the_size_of_each_row() -> None:
    rows = {name: row.size for name, row in tables.ROWS.items()}
    assert dict(STRUCT_SIZES) == {**rows, "header": tables.HEADER_SIZE, "blob": 1}


@pytest.mark.parametrize(
    ("table", "read"),
    [
        ("networks", ImageView.network), ("subnets", ImageView.subnet), ("pools", ImageView.pool),
        ("params", ImageView.params), ("interfaces", ImageView.interface),
    ],
)  # fmt: skip
def test_python_and_c_read_the_same_fields_of_each_row(
    config: Configuration, image: ImageView, table: str, read: Callable[..., dict[str, int]]
) -> None:
    rows = tables.read_rows(compiled_of(config).image, table)
    assert rows
    # Values that differ from field to field, so that none can pass for its neighbour.
    codes = {name: place + 1 for place, name in enumerate(tables.ROWS[table].fields)}
    data = compiled_of(config).image
    place = image.header()[table]["at"]
    data[place : place + tables.ROWS[table].size] = tables.ROWS[table].pack(**codes)
    seen = read(ImageView(data), 0)
    assert {name: seen[name] for name in codes} == codes
    assert {name for name in seen if not name.startswith("spare")} == set(codes)


def test_python_and_c_read_the_same_head(config: Configuration) -> None:
    data = compiled_of(config).image
    head, seen = tables.read_header(data), ImageView(data).header()
    for name in tables.HEADER.fields:
        value = getattr(head, name)
        if name == "named":  # four words
            assert b"".join(word.to_bytes(4, "little") for word in seen[name]) == value
        elif isinstance(value, bytes):  # Cython shows an array of octets up to its first NUL, or on
            assert bytes(seen[name]).startswith(value.partition(b"\0")[0]), name
        else:
            assert seen[name] == value, name


def test_a_row_with_a_field_too_few_or_too_many_is_refused() -> None:
    with pytest.raises(TypeError):
        tables.INTERFACE.pack(ifindex=1, network=2, vrf=3, address=4)
    with pytest.raises(TypeError):
        tables.LAYER.pack(option_first=1, option_count=2, spare=3)


def test_python_and_c_agree_on_the_bits_of_flags() -> None:
    written = re.findall(r"PARAMS_(\w+) = (\d+)", Path(PACKAGE, "_image.pxd").read_text())
    assert {name.lower(): int(bit) for name, bit in written} == tables.FLAGS


def test_every_table_begins_on_a_cache_line(image: ImageView) -> None:
    header = image.header()
    assert header["size"] % tables.LINE == 0
    assert [header[name]["at"] % tables.LINE for name in tables.TABLES] == [0] * len(tables.TABLES)


def test_the_head(image: ImageView) -> None:
    header = image.header()
    assert (header["generation"], header["workers"], header["durable"]) == (3, 2, 0)
    assert header["vrfs"] == 1  # blue
    assert bytes(header["identity"]) == bytes((3, 2))  # circuit-id, then hw-address
    counts = {name: header[name]["count"] for name in tables.TABLES}
    assert (counts["networks"], counts["subnets"], counts["pools"]) == (3, 4, 5)
    assert (counts["interfaces"], counts["own"]) == (3, 4)


def test_subnets_and_pools_are_sorted_by_vrf_and_address(image: ImageView) -> None:
    subnets = [image.subnet(i) for i in range(4)]
    assert [(row["vrf"], row["address"]) for row in subnets] == [
        (0, address("10.0.0.0")), (0, address("10.0.4.0")), (0, address("192.168.0.0")),
        (BLUE, address("10.0.0.0")),
    ]  # fmt: skip
    assert [row["prefix_len"] for row in subnets] == [23, 24, 16, 24]
    assert [row["mask"] for row in subnets] == [0xFFFFFE00, 0xFFFFFF00, 0xFFFF0000, 0xFFFFFF00]
    assert [image.octets(row["name_at"], row["name_len"]) for row in subnets] == [
        b"10.0.0.0/23", b"10.0.4.0/24", b"192.168.0.0/16", b"10.0.0.0/24",
    ]  # fmt: skip
    pools = [image.pool(i) for i in range(5)]
    assert [(row["subnet"], row["first"]) for row in pools] == sorted(
        (row["subnet"], row["first"]) for row in pools
    )
    for index, row in enumerate(subnets):
        own = range(row["pool_first"], row["pool_first"] + row["pool_count"])
        assert [pools[i]["subnet"] for i in own] == [index] * len(own)


def test_ids_stay_with_their_subnet(config: Configuration, image: ImageView) -> None:
    for place, subnet in enumerate(config.subnets):
        vrf = BLUE if subnet.vrf else 0
        index = image.find_subnet(vrf, subnet.address)
        assert index is not None
        assert image.subnet(index)["id"] == 100 + place


def test_networks(image: ImageView) -> None:
    lan = image.subnet(0)["network"]
    assert image.members(lan) == [0, 1]
    assert image.network(lan)["kinds"] == 1 << 2 | 1 << 3  # hw-address, circuit-id
    assert image.network(image.subnet(2)["network"])["kinds"] == 0
    numbers = [image.network(i)["number"] for i in range(3)]
    assert len({0, *numbers}) == 4
    assert image.network_number(0, address("10.0.4.9")) == image.network(lan)["number"]
    assert image.network_number(0, address("10.0.5.9")) == 0


# ---- scopes and options


def test_the_subnets_layer_has_the_defaults_under_it(image: ImageView) -> None:
    plain, own = image.subnet(1), image.subnet(0)
    far = {15: b"a.example", 67: b"pxe"}  # by boot-file, for who asks for 67
    assert image.layer(plain["layer"]) == {3: bytes((10, 0, 0, 1)), **far}
    assert image.layer(own["layer"]) == {3: bytes((10, 0, 0, 2)), **far}


def test_a_pools_layer_is_its_own(image: ImageView) -> None:
    assert image.layer(image.pool(0)["layer"]) == {}
    assert image.layer(image.pool(1)["layer"]) == {224: b"\x01"}


def test_params(image: ImageView) -> None:
    params = image.params(image.subnet(0)["params"])
    assert params["lease_s"] == params["lease_min_s"] == params["lease_max_s"] == 600
    assert params["next_server"] == address("10.0.0.9")
    assert image.octets(params["boot_file_at"], params["boot_file_len"]) == b"pxe"
    assert params["flags"] == 1  # authoritative
    assert params["reuse_grace_s"] == 64
    assert image.params(image.subnet(3)["params"])["reuse_grace_s"] == 0
    assert image.subnet(0)["params"] == image.subnet(1)["params"]  # equal ones stand once


# ---- interfaces


def test_an_interface_is_the_link_of_one_network(image: ImageView) -> None:
    rows = [image.interface(i) for i in range(3)]
    assert [(row["ifindex"], row["mtu"]) for row in rows] == [(1, 65536), (3, 1500), (5, 1400)]
    loopback, blue, lan = rows
    assert (loopback["network"], loopback["address"]) == (0xFFFFFFFF, address("127.0.0.1"))
    assert (blue["network"], blue["vrf"]) == (image.subnet(3)["network"], BLUE)
    assert lan["network"] == image.subnet(0)["network"]
    assert lan["address"] == address("10.0.4.1")  # the one within the network, not the first
    assert image.find_interface(5) == 2
    assert image.find_interface(4) is None


@pytest.mark.parametrize(
    ("key", "that_cut", "expected"),
    [("", ["lan0", "blue0"], True), ('trains = "auto"', ["lan0", "blue0"], True),
     ('trains = "auto"', ["lan0", "lo"], False), ('trains = "always"', [], True),
     ('trains = "never"', ["lan0", "blue0"], False)],
)  # fmt: skip
def test_trains_leave_if_all_links_with_an_address_cut_them_or_as_is_said(
    tmp_path: Path, key: str, that_cut: list[str], expected: bool
) -> None:
    """Which one a reply leaves by, routing says."""
    path = tmp_path / "fastdhcp.toml"
    path.write_text(CONFIGURATION.replace("workers = 2", key))
    bare = Link(9, "wlan0", ())
    links = tuple(replace(link, trains=link.name in that_cut) for link in (*LINKS, bare))
    assert ImageView(compiled_of(load(path), links).image).header()["trains"] == expected


def test_own_addresses(image: ImageView) -> None:
    own = ["10.0.0.3", "10.0.4.1", "127.0.0.1", "172.16.0.1", "10.0.4.2"]
    found = {vrf: {text for text in own if image.is_own(vrf, address(text))} for vrf in (0, BLUE)}
    assert found == {BLUE: {"10.0.0.3"}, 0: {"10.0.4.1", "127.0.0.1", "172.16.0.1"}}


def test_own_addresses_are_never_given_in_their_vrf(image: ImageView) -> None:
    default, blue = image.find_pool(0, address("10.0.0.3")), image.find_pool(
        BLUE, address("10.0.0.3")
    )  # fmt: skip
    assert default is not None
    assert blue is not None
    assert address("10.0.0.3") in set(given_addresses(image, default))
    assert address("10.0.0.3") not in set(given_addresses(image, blue))
    lan = image.find_pool(0, address("10.0.4.1"))
    assert lan is not None
    assert image.pool(lan)["size"] == 256 - 3  # network, broadcast, own


def test_a_reservation_of_an_own_address_is_never_given(config: Configuration) -> None:
    links = (Link(5, "lan0", (IPv4Interface("10.0.0.77/23"),)),)
    compiled = compiled_of(config, links)
    assert compiled.not_given == (
        "10.0.0.77 is reserved, but the server's own: it is not given; reserve another",
    )
    assert compiled_of(config).not_given == ()


def test_only_named_interfaces_are_bound_by_address(config: Configuration) -> None:
    server = replace(config.server, interfaces=("blue0", "gone0"))
    compiled = compiled_of(replace(config, server=server))
    rows = [ImageView(compiled.image).interface(i) for i in range(3)]
    assert [row["network"] == 0xFFFFFFFF for row in rows] == [True, False, True]


def test_another_vrf_is_never_guessed_from_an_address(config: Configuration) -> None:
    links = (Link(9, "eth9", (IPv4Interface("10.0.0.200/24"),)),)
    image = ImageView(compiled_of(config, links).image)
    assert image.interface(0)["vrf"] == 0
    assert image.interface(0)["network"] == image.subnet(0)["network"]


def test_an_interface_that_is_named_but_has_no_address(config: Configuration) -> None:
    compiled = compiled_of(config, (Link(3, "blue0", ()),))
    assert ImageView(compiled.image).interface(0)["address"] == 0


# ---- against the twin


def twin_subnet(config: Configuration, vrf: str, wanted: int) -> Subnet | None:
    for subnet in config.subnets:
        if subnet.vrf == vrf and subnet.address <= wanted <= subnet.last:
            return subnet
    return None


NEAR = st.one_of(
    st.sampled_from(["10.0.0.0", "10.0.1.255", "10.0.4.0", "192.168.0.0", "192.168.255.255"]).map(
        address
    ),
    st.integers(address("10.0.0.0"), address("10.0.6.0")),
    st.integers(0, 0xFFFFFFFF),
)


@given(st.sampled_from(["", "blue"]), NEAR, st.integers(-2, 2))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_look_ups_by_address(
    config: Configuration, image: ImageView, vrf: str, near: int, step: int
) -> None:
    wanted = min(max(near + step, 0), 0xFFFFFFFF)
    number = BLUE if vrf else 0
    subnet = twin_subnet(config, vrf, wanted)
    index = image.find_subnet(number, wanted)
    assert (index is None) == (subnet is None)
    if subnet is None or index is None:
        assert image.find_pool(number, wanted) is None
        return
    assert image.subnet(index)["address"] == subnet.address
    names = [pool.name for pool in subnet.pools if pool.first <= wanted <= pool.last]
    pool = image.find_pool(number, wanted)
    assert (pool is None) == (not names)
    if pool is not None:
        row = image.pool(pool)
        assert image.octets(row["name_at"], row["name_len"]) == names[0].encode()


def test_what_the_masks_allow(config: Configuration, image: ImageView) -> None:
    own = {0: {address("10.0.4.1")}, BLUE: {address("10.0.0.3")}}
    reserved = {address("10.0.0.77")}
    for subnet in config.subnets:
        vrf = BLUE if subnet.vrf else 0
        for pool in subnet.pools:
            index = image.find_pool(vrf, pool.first)
            assert index is not None
            wanted = {
                candidate
                for candidate in range(pool.first, pool.last + 1)
                if not any(first <= candidate <= last for first, last in pool.holes)
            } - own[vrf]
            found = set(given_addresses(image, index))
            assert found == wanted
            assert image.pool(index)["size"] == len(wanted - reserved)


@given(
    st.integers(0, 1500),
    st.integers(0, 1500),
    st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 300)), max_size=5),
)
def test_pool_masks(first: int, size: int, cuts: list[tuple[int, int]]) -> None:
    last = first + size
    never = {a for at, more in cuts for a in range(at, at + more + 1) if first <= a <= last}
    holes = merged([(a, a) for a in never])
    masks = dict(pool_masks(first, last, holes))
    assert list(masks) == sorted(masks)
    allowed = {
        block << 8 | low
        for block in range(first >> 8, (last >> 8) + 1)
        for low in range(256)
        if masks.get(block, compiler.BLOCK_BITS_ALL) >> low & 1
    }
    assert allowed == set(range(first, last + 1)) - never


# ---- numbers, segments, refusals


def test_networks_have_different_numbers_however_many_there_are(config: Configuration) -> None:
    networks = tuple(replace(config.networks[0], name=f"n{i}") for i in range(100_000))
    numbers = network_numbers(networks)
    assert len({0, *numbers}) == 100_001


def test_a_networks_number_does_not_depend_on_its_place(config: Configuration) -> None:
    turned = tuple(reversed(config.networks))
    assert network_numbers(config.networks) == network_numbers(turned)[::-1]


def test_an_empty_configuration_has_an_image(tmp_path: Path) -> None:
    path = tmp_path / "empty.toml"
    path.write_text("")
    compiled = compile_image(load(path), Ids({}, ()), LINKS, 1)
    image = ImageView(compiled.image)
    assert image.find_subnet(0, 1) is None
    assert image.find_pool(0, 1) is None


def test_the_image_is_sealed(config: Configuration) -> None:
    compiled = compiled_of(config)
    fd = compiled.memfd()
    try:
        assert fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE
        assert os.pread(fd, len(compiled.image) + 1, 0) == compiled.image
        with pytest.raises(PermissionError):
            os.pwrite(fd, b"x", 0)
    finally:
        os.close(fd)


@pytest.mark.parametrize("size", [0, 100, 4096])
def test_what_is_cut_or_foreign_is_refused(config: Configuration, size: int) -> None:
    with pytest.raises(ValueError, match="policy image"):
        ImageView(bytes(size))
    with pytest.raises(ValueError, match="cut"):
        ImageView(compiled_of(config).image[:-64])
