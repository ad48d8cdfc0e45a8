"""What a right configuration comes to: the nearest value wins, and what a reload may change."""

from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from fastdhcp._reservations import ReservationsView
from fastdhcp.config import (
    INFINITE,
    Configuration,
    check,
    load,
    reload_refusals,
    told_refusals,
)
from fastdhcp.config.model import RAPID_COMMIT, option_values

LAYERS = """
[defaults]
lease-time = "1h"
lease-time-max = "2h"
renewal-time = 1800
authoritative = true
options = { domain-name = "a.example", routers = ["10.0.0.1"] }

[[subnets]]
subnet = "10.0.0.0/24"
pools = ["10.0.0.10-10.0.0.19", { range = "10.0.0.32/27", lease-time = "30m" }]
exclude = ["10.0.0.12-10.0.0.13", "10.0.0.1-10.0.0.10"]
options = { routers = ["10.0.0.2"] }
reuse-grace = 0

[[subnets.reservations]]
hw-address = "02:00:00:00:00:01"
address = "10.0.0.15"
hostname = "printer"
lease-time = "infinite"
"""


def configuration(folder: Path, text: str) -> Configuration:
    path = folder / "fastdhcp.toml"
    path.write_text(text)
    return load(path)


def test_subnets_alone_are_a_configuration(tmp_path: Path) -> None:
    text = '[[subnets]]\nsubnet = "10.0.0.0/24"\npools = ["10.0.0.9"]\n'
    found = configuration(tmp_path, text)
    server = found.server
    assert server.listen == ("0.0.0.0", 67)
    assert server.interfaces is None
    assert server.workers >= 1
    assert server.state_directory == Path("/var/lib/fastdhcp")
    assert server.runtime_directory == Path("/run/fastdhcp")
    assert server.durability == "commit"
    assert server.receive_buffer == 96 << 20
    assert server.commit_delay_us == 500
    assert server.identity == ("client-id", "hw-address")
    assert server.max_addresses == 1_000_000
    assert server.journal_max_size == 4 << 30
    assert found.control.listen is None
    params = found.subnets[0].params
    assert (params.lease_s, params.lease_min_s, params.lease_max_s) == (3600, 3600, 3600)
    assert (params.renewal_s, params.rebinding_s) == (0, 0)
    assert (params.offer_hold_s, params.decline_s, params.reuse_grace_s) == (60, 86400, 64)
    assert not params.authoritative
    assert found.warnings == ()


def test_the_nearest_value_wins(tmp_path: Path) -> None:
    subnet = configuration(tmp_path, LAYERS).subnets[0]
    first, second = subnet.pools
    assert (subnet.params.lease_s, subnet.params.lease_max_s) == (3600, 7200)
    assert subnet.params.reuse_grace_s == 0
    assert first.params is subnet.params
    assert (second.params.lease_s, second.params.lease_max_s) == (1800, 7200)
    assert second.params.lease_min_s == 1800  # no limit is written, so it follows the lease time
    assert second.params.authoritative
    # T1 of 1800 is not below the pool's 1800; the default half is then taken at the grant.
    assert second.params.renewal_s == 1800


def test_an_infinite_reservation_has_no_limits(tmp_path: Path) -> None:
    table = configuration(tmp_path, LAYERS).reservations
    with table.made({}, {}).mapped() as octets:
        row = ReservationsView(octets).row(0)
    assert list(table.overlays) == [{"lease_s": INFINITE}]
    assert row["overlay"] == 1
    assert row["identity"] == bytes.fromhex("01020000000001")
    assert row["hostname"] == b"printer"


def test_a_reservation_says_only_what_it_has_of_its_own(tmp_path: Path) -> None:
    """The rest it takes from the pool or subnet that it lies in, when it is asked for."""
    text = LAYERS.replace('lease-time = "infinite"', 'bootp = true\nboot-file = "x"')
    assert list(configuration(tmp_path, text).reservations.overlays) == [{"bootp": True}]


def test_options_stay_with_their_layer(tmp_path: Path) -> None:
    found = configuration(tmp_path, LAYERS)
    assert option_values(found.options) == {15: b"a.example", 3: bytes((10, 0, 0, 1))}
    assert option_values(found.subnets[0].options) == {3: bytes((10, 0, 0, 2))}
    assert found.subnets[0].pools[0].options == {}


def test_what_is_never_given(tmp_path: Path) -> None:
    pool = configuration(tmp_path, LAYERS).subnets[0].pools[0]
    base = int(IPv4Address("10.0.0.0"))
    holes = [(first - base, last - base) for first, last in pool.holes]
    assert holes == [(10, 10), (12, 13)]  # what is reserved is in no hole
    assert pool.size == 10 - 3


def test_3021_a_prefix_of_31_has_no_broadcast_address(tmp_path: Path) -> None:
    text = '[[subnets]]\nsubnet = "10.0.0.0/{0}"\npools = ["10.0.0.0/{0}"]\n'
    sizes = [
        configuration(tmp_path, text.format(length)).subnets[0].pools[0].size
        for length in (29, 30, 31, 32)
    ]
    assert sizes == [6, 2, 2, 1]


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    found = configuration(tmp_path, '[server]\nstate-directory = "s"\nruntime-directory = "/r"\n')
    assert found.server.state_directory == tmp_path / "s"
    assert found.server.runtime_directory == Path("/r")


def test_networks_are_shared_within_a_vrf(tmp_path: Path) -> None:
    text = "".join(
        f'[[subnets]]\nsubnet = "{prefix}"\nshared-network = "n"\nvrf = "{vrf}"\n'
        f'interface = "{link}"\n'
        for prefix, vrf, link in [
            ("10.0.1.0/24", "default", "eth0"),
            ("10.0.0.0/24", "default", "eth0"),
            ("10.0.0.0/24", "customer", "eth1"),
        ]
    )
    found = configuration(tmp_path, text)
    assert [(subnet.vrf, subnet.name) for subnet in found.subnets] == [
        ("", "10.0.0.0/24"), ("", "10.0.1.0/24"), ("customer", "10.0.0.0/24"),
    ]  # fmt: skip
    assert [(network.vrf, network.interface, network.subnets) for network in found.networks] == [
        ("", "eth0", (0, 1)), ("customer", "eth1", (2,)),
    ]  # fmt: skip
    assert found.vrf_names() == ["customer"]
    assert found.subnet_names()[2] == ("customer", "10.0.0.0/24")


@pytest.mark.parametrize(
    ("pools", "blocks"),
    [
        ('["10.0.0.10-10.0.0.20"]', 1),
        ('["10.0.0.10-10.0.0.20", "10.0.0.30-10.0.0.40"]', 1),
        ('["10.0.0.255-10.0.1.0"]', 2),
        ('["10.0.0.0-10.0.3.0", "10.0.3.9"]', 4),
        ('["10.0.0.0/16"]', 256),
    ],
)
def test_blocks_that_are_touched(tmp_path: Path, pools: str, blocks: int) -> None:
    text = f'[[subnets]]\nsubnet = "10.0.0.0/16"\npools = {pools}\n'
    assert configuration(tmp_path, text).block_count == blocks


def test_reservations_touch_blocks_too(tmp_path: Path) -> None:
    text = '[[subnets]]\nsubnet = "10.0.0.0/16"\npools = ["10.0.0.9"]\n'
    text += '[[subnets.reservations]]\nremote-id = "r"\naddress = "10.0.7.1"\n'
    assert configuration(tmp_path, text).block_count == 2


def test_room_is_twice_what_is_needed(tmp_path: Path) -> None:
    text = '[[subnets]]\nsubnet = "10.0.0.0/8"\npools = ["10.0.0.0/8"]\n'
    found = configuration(tmp_path, text)
    assert found.server.max_addresses == 2 * 2**24
    assert found.block_limit == 2 * 65536


SUBNET = '[[subnets]]\nsubnet = "10.0.0.0/24"\n'
GIVING = SUBNET + 'pools = ["10.0.0.9"]\n'


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("# nothing\n", ["1: there are no [[subnets]]: nobody gets an address"]),
        (GIVING + "[defaults]\nrapid-commit = true\nbootp = true\n",
         [f"5: defaults.rapid-commit: {RAPID_COMMIT}"]),
        (GIVING + '[leasequery]\nallow = ["10.0.0.1"]\n',
         ["4: leasequery: not served yet; it is ignored"]),
        (GIVING + '[log]\nleases = "file"\n[alarms]\n',
         ["4: log: not served yet; it is ignored",
          "6: alarms: not served yet; it is ignored"]),
        ('[[subnets]]\nsubnet = "10.0.0.0/24"\npools = ["10.0.0.9"]\nexclude = ["10.0.0.9"]\n',
         ['3: subnets[0].pools[0]: "10.0.0.9" has no address left to give']),
        (SUBNET + 'pools = ["10.0.0.0/24"]\noptions.routers = ["10.0.0.1", "10.0.0.254"]\n'
         'exclude = ["10.0.0.254"]\n',
         ['3: subnets[0].pools: "10.0.0.0/24" holds the router 10.0.0.1, and a client may get its '
          'address; write exclude = ["10.0.0.1"]']),
        ('[defaults.options]\nrouters = ["10.0.0.1"]\n' + SUBNET + '[[subnets.reservations]]\n'
         'hw-address = "02:00:00:00:00:01"\naddress = "10.0.0.1"\n',
         ["7: subnets[0].reservations[0].address: 10.0.0.1 is the router of this subnet; reserve "
          "another"]),
        (GIVING + 'shared-network = "a"\noptions.routers = ["10.0.1.1", "10.0.2.1"]\n'
         '[[subnets]]\nsubnet = "10.0.1.0/24"\nshared-network = "a"\n',
         ["5: subnets[0].options.routers: 10.0.2.1 is not on this link; clients reach only routers "
          "in 10.0.0.0/24"]),
        ('[[subnets]]\nsubnet = "10.0.0.8/32"\npools = ["10.0.0.8"]\n'
         'options.routers = ["10.0.2.1"]\n', []),
        (GIVING + 'options.routers = ["10.0.0.1"]\n'
         'options.classless-static-routes = [["10.0.0.0/8", "10.0.0.2"], ["0.0.0.0/0", "10.0.0.1"]]'
         "\n", []),
        ('[defaults.options]\nclassless-static-routes = [["10.0.0.0/8", "10.0.0.2"]]\n' + GIVING
         + 'options.routers = ["10.0.0.1"]\n',
         ["3: subnets[0]: clients that take classless-static-routes ignore routers (RFC 3442); "
          'write the default route there too: ["0.0.0.0/0", "10.0.0.1"]']),
        (GIVING + 'options.routers = ["10.0.0.1"]\n'
         'options.classless-static-routes = [["10.0.0.0/8", "10.0.0.2"]]\n',
         ["5: subnets[0].options.classless-static-routes: clients that take classless-static-routes"
          ' ignore routers (RFC 3442); write the default route there too: ["0.0.0.0/0", '
          '"10.0.0.1"]']),
        (SUBNET, ["1: subnets[0]: 10.0.0.0/24 has no pools and no reservations: its clients get no "
                  "address; write pools for it"]),
        (SUBNET + 'shared-network = "a"\n[[subnets]]\nsubnet = "10.0.1.0/24"\n'
         'shared-network = "a"\n',
         ["1: subnets[0]: 10.0.0.0/24 has no pools and no reservations, like all subnets of its "
          "link: its clients get no address; write pools for it",
          "4: subnets[1]: 10.0.1.0/24 has no pools and no reservations, like all subnets of its "
          "link: its clients get no address; write pools for it"]),
        (GIVING + 'shared-network = "a"\n[[subnets]]\nsubnet = "10.0.1.0/24"\n'
         'shared-network = "a"\n', []),
        ('[server]\ninclude = ["none.d/*.toml"]\n' + GIVING,
         ['2: server.include[0]: no file matches "FOLDER/none.d/*.toml"']),
        (GIVING + f'options.domain-name = "{"a" * 253}"\n', []),
        (GIVING + f'options.domain-name = "{"a" * 254}"\n',
         ["4: subnets[0].options.domain-name: has 254 characters, and a domain name at most 253 "
          "(RFC 1035 2.3.4: 255 octets); write a shorter one"]),
        *((f'[control]\nlisten = "{host}:8067"\n' + GIVING, []) for host in
          ("127.0.0.1", "127.9.9.9", "[::1]")),
        *((f'[control]\nlisten = "{host}:8067"\n' + GIVING,
           [f"2: control.listen: whoever reaches {host.strip('[]')} can read all leases: "
            'there is no login and no encryption yet; write "127.0.0.1:8067"'])
          for host in ("0.0.0.0", "10.0.0.1", "[::]")),
        ('[server]\nlisten = "10.0.0.1:67"\n' + GIVING,
         ["2: server.listen: a socket on 10.0.0.1 alone hears no broadcasts: clients on a link of "
          'this host get no address; write "0.0.0.0:67", or interfaces = [] if all come through '
          "relay agents"]),
        ('[server]\nlisten = "10.0.0.1:67"\ninterfaces = []\n' + GIVING, []),
    ],
)  # fmt: skip
def test_warnings(tmp_path: Path, text: str, wanted: list[str]) -> None:
    path = tmp_path / "fastdhcp.toml"
    path.write_text(text)
    errors, warnings = check(path)
    assert not errors
    said = [str(warning).removeprefix(f"{path}:") for warning in warnings]
    assert [line.replace(str(tmp_path), "FOLDER") for line in said] == wanted
    assert load(path).warnings == tuple(warnings)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('listen = "0.0.0.0:68"', "server.listen"),
        ("workers = 9", "server.workers"),
        ('state-directory = "other"', "server.state-directory"),
        ('runtime-directory = "other"', "server.runtime-directory"),
        ('receive-buffer = "1M"', "server.receive-buffer"),
        ('identity = ["hw-address"]', "server.identity"),
        ("max-addresses = 512", "server.max-addresses"),
    ],
)
def test_what_a_reload_may_not_change(tmp_path: Path, line: str, key: str) -> None:
    old = configuration(tmp_path, "[server]\n")
    new = configuration(tmp_path, f"[server]\n{line}\n")
    assert reload_refusals(old, new) == [f"{key}: cannot change while the server runs; restart it"]
    assert reload_refusals(old, old) == []


def test_what_a_reload_may_not_change_is_told_with_its_line(tmp_path: Path) -> None:
    """In the file that has it, as all that is wrong; what is written no more has none."""
    words = "cannot change while the server runs; restart it"
    plain = configuration(tmp_path, "")
    (tmp_path / "more.toml").write_text('[server]\n\nidentity = ["hw-address"]\n')
    new = configuration(tmp_path, LAYERS)
    new = replace(new, server=replace(new.server, identity=("hw-address",)),
                  files=(*new.files, tmp_path / "more.toml"))  # fmt: skip
    assert told_refusals(plain, new) == [f"{tmp_path}/more.toml:3: server.identity: {words}"]
    assert told_refusals(new, plain) == [f"server.identity: {words}"]


@pytest.mark.parametrize(
    "text",
    ['durability = "async"', 'commit-delay = "1ms"', "interfaces = []",
     'trust-wall-clock = "always"', 'journal-max-size = "1G"'],
)  # fmt: skip
def test_what_a_reload_may_change(tmp_path: Path, text: str) -> None:
    old = configuration(tmp_path, "[server]\n")
    new = configuration(tmp_path, f"[server]\n{text}\n" + LAYERS)
    assert reload_refusals(old, new) == []


def test_a_reload_may_not_need_more_room_than_there_is(tmp_path: Path) -> None:
    old = configuration(tmp_path, LAYERS)
    new = replace(old, block_count=old.block_limit + 1)
    assert reload_refusals(old, new) == [
        "server.max-addresses: pools and reservations touch 3908 blocks of 256 addresses, and "
        "there is room for 3907; restart the server with at least 1000448"
    ]
