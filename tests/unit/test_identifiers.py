"""[identifiers]: names for expressions, in `identity` and as what a reservation is known by.

RFC 2131 4.2 lets a server choose what it knows a client by; RFC 3046 3.1, 3.2: circuit and remote
identifiers, which together name a port.
"""

from pathlib import Path

import pytest

from fastdhcp import _store
from fastdhcp._leases import BindingState
from fastdhcp.config import check, load, reload_refusals
from tests.world import World, number

PORT = "port = \"relay4[2].hex + '/' + relay4[1].hex\""
SERVER = 'workers = 2\nidentity = ["port"]\nreservation-files = ["ports.csv"]'
SUBNET = """
[defaults]
authoritative = true
[[subnets]]
subnet = "10.77.0.0/22"
pools = ["10.77.1.1-10.77.1.20"]
"""
LINE_7 = {82: b"\1\0011\2\7dslam-7"}
LINE_8 = {82: b"\1\0012\2\7dslam-7"}
AGENT = {"giaddr": "10.77.0.1"}


def text(more: str = "", server: str = SERVER, names: str = PORT) -> str:
    return f"[server]\n{server}\n[identifiers]\n{names}\n{SUBNET}{more}"


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "ports.csv").write_text("port,address\ndslam-7/2,10.77.0.8\n")
    return World(tmp_path, text())


def test_one_lease_a_port_and_a_swapped_box_has_the_address_at_once(world: World) -> None:
    address = world.bind(1, options=LINE_7, **AGENT)
    assert world.renew(address, 1).text == f"ACK {address}"  # unicast: no option 82
    world.settle()
    assert world.bind(2, options=LINE_7, **AGENT) == address
    lease = world.memory.lease(0, number(address))
    assert (lease.state, lease.chaddr[-1]) == (BindingState.ACTIVE, 2)
    assert world.renew(address, 2).text == f"ACK {address}"
    assert world.renew(address, 1).text != f"ACK {address}"  # the box that was taken away
    assert world.discover(2, options={82: b"\1\0019\2\7dslam-7"}, **AGENT).address != address


@pytest.mark.parametrize("names", [
    f'line = "relay4[1].hex"\n{PORT}', f'{PORT}\nline = "relay4[1].hex"',
    f'a = "pkt4.mac"\nline = "relay4[1].hex"\n{PORT}\nz = "option[61].hex"',
], ids=["before", "behind", "between"])  # fmt: skip
def test_a_name_more_moves_no_clients_key(world: World, names: str) -> None:
    """Its kind is in the key; that only `identity`, or what it names, may change."""
    address = world.bind(1, options=LINE_7, **AGENT)
    world.settle()
    before = load(world.folder / "fastdhcp.toml")
    world.configure(text(names=names))
    after = load(world.folder / "fastdhcp.toml")
    assert (reload_refusals(before, after), after.kinds["port"]) == ([], before.kinds["port"])
    assert world.renew(address, 1).text == f"ACK {address}"
    assert world.discover(1, options=LINE_7, **AGENT).address == address
    assert world.bind(3, options=LINE_8, **AGENT) == "10.77.0.8"  # by the reservation's kind


def test_kinds_are_in_the_order_of_identity(tmp_path: Path) -> None:
    (tmp_path / "ports.csv").write_text("port,address\n")
    path = tmp_path / "fastdhcp.toml"
    names = f'line = "relay4[1].hex"\n{PORT}'
    kinds = []
    for identity in ('["port", "line"]', '["line", "hw-address", "port"]', '["hw-address"]'):
        path.write_text(text(server=SERVER.replace('["port"]', identity), names=names))
        found = load(path).kinds
        kinds.append((found["port"], found["line"]))
    assert kinds == [(5, 6), (6, 5), (6, 5)]


def test_who_comes_by_no_port_has_no_key(world: World) -> None:
    assert world.discover(1).text == "silence: no-client-address"


def test_a_reservation_is_known_by_it(world: World) -> None:
    assert world.bind(3, options=LINE_8, **AGENT) == "10.77.0.8"
    assert world.bind(4, options=LINE_8, **AGENT) == "10.77.0.8"  # another box on the same port
    assert world.renew("10.77.0.8", 4).text == "ACK 10.77.0.8"


def test_a_reservation_of_toml_too_and_identity_may_stay_as_it_is(tmp_path: Path) -> None:
    kept = '[[subnets.reservations]]\nport = "dslam-7/1"\naddress = "10.77.0.9"\n'
    world = World(tmp_path, text(kept, server="workers = 2"))
    assert world.bind(1, options=LINE_7, **AGENT) == "10.77.0.9"
    assert world.discover(1, options=LINE_8, **AGENT).address != "10.77.0.9"


def test_keys_of_another_expression_are_made_of_what_records_keep(world: World) -> None:
    address = world.bind(1, options=LINE_7, **AGENT)
    world.configure(text(names="port = \"relay4[1].hex + '|' + relay4[2].hex\""))
    assert _store.rekey(world.memory) == 1
    _store.reindex(world.memory)
    assert world.discover(5, options=LINE_7, **AGENT).address == address


BAD = [
    ("an identifier that no lease keeps", text(server="", names="vendor = 'option[60].hex'"),
     ["4: identifiers.vendor: reads option[60], which no lease keeps; an identifier may read "
      "relay4, option[61], option[12], pkt4.mac and pkt4.htype"]),
    ("an identifier with an error", text(server="", names='port = "relay4[1].hex +"'),
     ["4: identifiers.port: column 16: the expression ends where a value or a test has to stand"]),
    ("an identifier that is a test", text(server="", names='port = "relay4[1].exists"'),
     ["4: identifiers.port: column 1: is a test, and a value is wanted; write ifelse(..., 'yes', "
      "'no')"]),
    ("a name with a meaning", text(server="", names='hostname = "relay4[1].hex"'),
     ["4: identifiers.hostname: has a meaning already; choose another name"]),
    ("five identifiers", text(server="", names="\n".join(
        f'n{i} = "relay4[{i}].hex"' for i in range(1, 6))),
     ["3: identifiers: has 5 names; write at most 4"]),
    ("identity names none of them", text(server='identity = ["line"]'),
     ['2: server.identity[0]: "line" is not known; write one or more of "client-id", "hw-address", '
      '"circuit-id", "remote-id", "subscriber-id", "port"']),
    ("a reservation by a name that is none", text(
        '[[subnets.reservations]]\nprot = "x"\naddress = "10.77.0.9"\n', server=""),
     ['12: subnets[0].reservations[0].prot: is not a key here; did you mean "port"?']),
    ("a reservation by nothing", text(
        '[[subnets.reservations]]\naddress = "10.77.0.9"\n', server=""),
     ["11: subnets[0].reservations[0]: has none of the identifiers; write exactly one of "
      "`hw-address`, `client-id`, `circuit-id`, `remote-id`, `subscriber-id`, or a name of "
      "[identifiers]"]),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "wanted"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_is_wrong_is_told(tmp_path: Path, bad: str, wanted: list[str]) -> None:
    path = tmp_path / "fastdhcp.toml"
    path.write_text(bad)
    errors, _ = check(path)
    assert [str(error).removeprefix(f"{path}:") for error in errors] == wanted


def test_a_reload_may_change_only_what_identity_does_not_name(tmp_path: Path) -> None:
    path = tmp_path / "fastdhcp.toml"
    server = 'identity = ["port"]'

    def loaded(names: str) -> object:
        path.write_text(text(server=server, names=names))
        return load(path)

    before = loaded(PORT)
    assert reload_refusals(before, loaded(PORT + '\nline = "relay4[1].hex"')) == []
    assert reload_refusals(before, loaded('port = "relay4[1].hex"')) == [
        "identifiers.port: cannot change while the server runs, for server.identity names it; "
        "restart it"
    ]
