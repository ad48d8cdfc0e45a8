"""Relay agents, VRFs and shared networks in the configuration: what they come to, what is wrong."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from fastdhcp._image import ImageView
from fastdhcp.config import Configuration, check, load
from fastdhcp.config.model import Agent
from fastdhcp.config.relay_tables import disjoint
from tests.policies import compile_text, link

ONE = '[[subnets]]\nsubnet = "10.0.0.0/24"\npools = ["10.0.0.9"]\n'
BLUE = '[[subnets]]\nsubnet = "10.0.0.0/24"\nvrf = "blue"\npools = ["10.0.0.9"]\n'
SHARED = ONE + 'shared-network = "n"\n'

BAD: list[tuple[str, str, list[str]]] = [
    ("an agent's address", ONE + '[relays]\nagents = [{ address = "cmts-1" }]\n',
     ['5: relays.agents[0].address: "cmts-1" is not an address; write four numbers as in '
      "10.0.0.1"]),
    ("an agent's prefix", ONE + '[relays]\nagents = [{ address = "10.0.0.1/24" }]\n',
     ['5: relays.agents[0].address: "10.0.0.1/24" has bits beyond its length; write '
      '"10.0.0.0/24"']),
    ("an address that no relay agent has",
     ONE + '[[relays.agents]]\naddress = "0.0.0.0"\n[[relays.agents]]\naddress = "224.0.0.0/4"\n'
     '[[relays.agents]]\naddress = "127.0.0.1"\n[[relays.agents]]\naddress = "128.0.0.0/1"\n',
     [f'{line}: relays.agents[{i}].address: "{text}" is no address that a relay agent can have; '
      "write its giaddr, or a prefix of giaddrs"
      for line, i, text in [(5, 0, "0.0.0.0"), (7, 1, "224.0.0.0/4"), (9, 2, "127.0.0.1"),
                            (11, 3, "128.0.0.0/1")]]),
    ("no address", ONE + '[[relays.agents]]\nname = "a"\n',
     ["4: relays.agents[0]: `address` is missing; write an address such as address = "
      '"10.0.0.50"']),
    ("an agent twice", ONE + '[[relays.agents]]\naddress = "10.1.0.1"\n[[relays.agents]]\n'
     'address = "10.1.0.1/32"\n',
     ['7: relays.agents[1].address: "10.1.0.1/32" stands at FILE:4 already; write each once']),
    ("an agent's name", ONE + '[relays]\nagents = [{ address = "10.1.0.1", name = "" }]\n',
     ['5: relays.agents[0].name: "" is not a name; write 1 to 64 printable characters']),
    ("an agent's VRF", BLUE + '[relays]\nagents = [{ address = "10.1.0.1", vrf = "bleu" }]\n',
     ['6: relays.agents[0].vrf: "bleu" is not a VRF; did you mean "blue"?']),
    ("an agent's link", SHARED + '[relays]\nagents = [{ address = "10.1.0.1", link = "m" }]\n',
     ['6: relays.agents[0].link: "m" is not a shared network or subnet; there are n, '
      "10.0.0.0/24"]),
    ("a link that is nearly right",
     ONE + '[relays]\nagents = [{ address = "10.1.0.1", link = "10.0.0.0/25" }]\n',
     ['5: relays.agents[0].link: "10.0.0.0/25" is not a shared network or subnet; did you mean '
      '"10.0.0.0/24"?']),
    ("a link of another VRF",
     BLUE + '[relays]\nagents = [{ address = "10.1.0.1", link = "10.0.0.0/24" }]\n',
     ['6: relays.agents[0].link: "10.0.0.0/24" is of another VRF; write vrf = "blue" too']),
    ("a link for a giaddr that has one",
     ONE + '[[subnets]]\nsubnet = "10.1.0.0/24"\npools = ["10.1.0.9"]\n[relays]\n'
     'agents = [{ address = "10.1.0.1", link = "10.0.0.0/24" }]\n',
     ["8: relays.agents[0].link: 10.1.0.1 is in 10.1.0.0/24 (at FILE:4), and on that link; leave "
      "`link` out"]),
    ("an unknown key of [relays]", ONE + "[relays]\nonly-know = true\n",
     ['5: relays.only-know: is not a key here; did you mean "only-known"?']),
    ("an unknown key of an agent",
     ONE + '[relays]\nagents = [{ giaddr = "10.1.0.1", address = "10.1.0.1" }]\n',
     ['5: relays.agents[0].giaddr: is not a key here; did you mean "address"?']),
    ("types", ONE + '[relays]\nonly-known = "yes"\nuntrusted-interfaces = "wifi0"\nagents = {}\n',
     ["5: relays.only-known: is text, must be true or false",
      '6: relays.untrusted-interfaces: is text, must be a list, as in ["wifi0"]',
      "7: relays.agents: is a table, must be a list; a table of which there may be several has two "
      "brackets: [[relays.agents]]"]),
    ("many of one [relays]", ONE + "[[relays]]\nonly-known = true\n",
     ["4: relays: is a list, must be a table; there is one, with single brackets: [relays]"]),
    ("an interface that is not trusted", ONE + '[relays]\nuntrusted-interfaces = ["a/b"]\n',
     ['5: relays.untrusted-interfaces[0]: "a/b" is not the name of an interface; write one of 1 to '
      '15 characters without space, "/" or ":", as in "eth0"']),
    ("a VRF without a name", ONE + '[[vrfs]]\nvpn-id = "x"\n',
     ['4: vrfs[0]: `name` is missing; write a name such as name = "lan-a"']),
    ("a VRF's name", ONE + '[[vrfs]]\nname = " blue"\n',
     ['5: vrfs[0].name: " blue" is not a name; write 1 to 64 printable characters']),
    ("a VRF twice", BLUE + '[[vrfs]]\nname = "blue"\n[[vrfs]]\nname = "blue"\n',
     ['8: vrfs[1].name: "blue" stands at FILE:5 already; write one table of a name']),
    ("a VPN-ID of another length", BLUE + '[[vrfs]]\nname = "blue"\nvpn-id = "hex:0001"\n',
     ['7: vrfs[0].vpn-id: "hex:0001" has 2 octets, and a VPN-ID 7 (RFC 2685); write "hex:" and 14 '
      "digits, or the name that packets carry"]),
    ("a VPN-ID that is no hex", BLUE + '[[vrfs]]\nname = "blue"\nvpn-id = "hex:0g"\n',
     ['7: vrfs[0].vpn-id: "hex:0g" is not hex; write "hex:" and pairs of digits, "hex:0a0b"']),
    ("a VPN-ID that is no name", BLUE + '[[vrfs]]\nname = "blue"\nvpn-id = ""\n',
     ['7: vrfs[0].vpn-id: "" is not a name; write 1 to 64 printable characters']),
    ("two VRFs that packets cannot tell apart",
     BLUE + '[[subnets]]\nsubnet = "10.0.0.0/24"\nvrf = "red"\npools = ["10.0.0.9"]\n'
     '[[vrfs]]\nname = "red"\nvpn-id = "blue"\n',
     ["3: subnets[0].vrf: packets know it by the same vpn-id as the VRF at FILE:9; give it "
      "another"]),
    ("a shared network without a name", SHARED + "[[shared-networks]]\nlease-time = 60\n",
     ['5: shared-networks[0]: `name` is missing; write a name such as name = "lan-a"']),
    ("a shared network twice",
     SHARED + '[[shared-networks]]\nname = "n"\n[[shared-networks]]\nname = "n"\n',
     ['8: shared-networks[1].name: "n" stands at FILE:5 already; write one table of a name']),
    ("a shared network's name", SHARED + '[[shared-networks]]\nname = ""\n',
     ['6: shared-networks[0].name: "" is not a name; write 1 to 64 printable characters']),
    ("a shared network's values",
     SHARED + '[[shared-networks]]\nname = "n"\nlease-time = "infinite"\nrouters = ["10.0.0.1"]\n'
     'options = { router = ["10.0.0.1"] }\nrenewal-time = 7200\n',
     ['7: shared-networks[0].lease-time: "infinite" is for reservations only; write a time such as '
      '"30d"',
      "8: shared-networks[0].routers: is an option; write it as options.routers",
      '9: shared-networks[0].options.router: is not an option; did you mean "routers"?',
      "10: shared-networks[0].renewal-time: renewal-time 7200 s is not below the longest lease "
      "here, 3600 s; write a shorter one, or leave it out"]),
    ("one shared network of many", SHARED + '[shared-networks]\nname = "n"\n',
     ["5: shared-networks: is a table, must be a list; a table of which there may be several has "
      "two brackets: [[shared-networks]]"]),
]  # fmt: skip

WARNED: list[tuple[str, str, list[str]]] = [
    ("nobody is known", ONE + "[relays]\nonly-known = true\n",
     ["5: relays.only-known: there are no agents: nobody who comes through a relay agent is "
      "answered"]),
    ("a VRF without subnets", ONE + '[[vrfs]]\nname = "blue"\n',
     ['5: vrfs[0].name: no subnet has vrf = "blue": nobody is served']),
    ("a shared network without subnets", ONE + '[[shared-networks]]\nname = "n"\n',
     ['5: shared-networks[0].name: no subnet has shared-network = "n": nobody gets these values']),
    ("a subnet of a VRF needs no interface", BLUE, []),
    ("a shared network that is spelt otherwise",
     ONE + 'shared-network = "lann"\n[[shared-networks]]\nname = "lan"\n',
     ['6: shared-networks[0].name: no subnet has shared-network = "lan": nobody gets these values; '
      'a subnet has "lann": did you mean that?']),
    ("a relay agent of no subnet", ONE + '[relays]\nagents = [{ address = "10.88.0.1" }]\n',
     ["5: relays.agents[0].address: 10.88.0.1 lies in no subnet: only packets that select a link "
      "are served (82.5, 118); write link"]),
    ("a relay agent of no subnet of its VRF",
     BLUE + ONE.replace("10.0.0", "10.88.0")
     + '[relays]\nagents = [{ address = "10.88.0.0/29", vrf = "blue" }]\n',
     ["9: relays.agents[0].address: 10.88.0.0/29 lies in no subnet of VRF blue: only packets that "
      "select a link are served (82.5, 118); write link"]),
    ("relay agents of which some are in a subnet",
     ONE + '[relays]\nagents = [{ address = "10.0.0.0/8" }]\n', []),
    ("a relay agent with a link",
     ONE + '[relays]\nagents = [{ address = "10.88.0.1", link = "10.0.0.0/24" }]\n', []),
    ("a giaddr of two VRFs, of which one is on an interface",
     ONE + 'interface = "eth1"\n' + BLUE
     + '[relays]\nagents = [{ address = "10.0.0.1", vrf = "blue" }]\n',
     ["10: relays.agents[0].vrf: 10.0.0.1 lies in 10.0.0.0/24 of VRF default too, which is on "
      "eth1: a row counts on every interface, so packets of that giaddr are taken to VRF blue "
      "there as well; give one of the two relay agents another giaddr"]),
    ("a giaddr of two VRFs, both behind relay agents",
     ONE + BLUE + '[relays]\nagents = [{ address = "10.0.0.1", vrf = "blue" }]\n', []),
]  # fmt: skip


def said(path: Path, text: str, kind: int) -> list[str]:
    path.write_text(text)
    found = [str(problem) for problem in check(path)[kind]]
    return [text.removeprefix(f"{path}:").replace(str(path), "FILE") for text in found]


@pytest.mark.parametrize(("text", "wanted"), [case[1:] for case in BAD], ids=[c[0] for c in BAD])
def test_what_is_wrong(tmp_path: Path, text: str, wanted: list[str]) -> None:
    assert said(tmp_path / "bad.toml", text, 0) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"), [case[1:] for case in WARNED], ids=[case[0] for case in WARNED]
)
def test_what_is_warned_of(tmp_path: Path, text: str, wanted: list[str]) -> None:
    assert said(tmp_path / "odd.toml", text, 0) == []
    assert said(tmp_path / "odd.toml", text, 1) == wanted


def configuration(folder: Path, text: str) -> Configuration:
    path = folder / "fastdhcp.toml"
    path.write_text(text)
    return load(path)


def test_a_table_in_another_file_counts_too(tmp_path: Path) -> None:
    (tmp_path / "more.toml").write_text(
        '[[shared-networks]]\nname = "n"\nlease-time = 77\n[[vrfs]]\nname = "default"\n'
        'vpn-id = "campus"\n[relays]\nonly-known = true\nagents = [{ address = "10.9.0.1" }]\n'
    )
    found = configuration(tmp_path, '[server]\ninclude = ["more.toml"]\n' + SHARED)
    assert found.subnets[0].params.lease_s == 77
    assert [(vrf.name, vrf.vss) for vrf in found.vrfs] == [("", b"\0campus")]
    assert found.relays.only_known
    assert found.vrf_names() == []


def test_a_subnet_has_its_shared_networks_options_under_its_own(tmp_path: Path) -> None:
    text = (
        '[defaults.options]\ndomain-name = "far"\ntz-name = "far"\nposix-timezone = "far"\n'
        '[[shared-networks]]\nname = "n"\noptions = { tz-name = "link", posix-timezone = "link" }\n'
        + SHARED + 'options = { posix-timezone = "near" }\n' + ONE.replace("10.0.0", "10.0.1")
    )  # fmt: skip
    image = ImageView(bytes(compile_text(text).image))
    layers = [image.layer(image.subnet(i)["layer"]) for i in range(2)]
    assert layers == [
        {15: b"far", 101: b"link", 100: b"near"}, {15: b"far", 101: b"far", 100: b"far"},
    ]  # fmt: skip


def test_a_name_means_its_subnets_in_every_vrf(tmp_path: Path) -> None:
    text = SHARED + BLUE + 'shared-network = "n"\n[[shared-networks]]\nname = "n"\nlease-time = 9\n'
    found = configuration(tmp_path, text)
    assert [subnet.params.lease_s for subnet in found.subnets] == [9, 9]
    assert len(found.networks) == 2


def number(address: str) -> int:
    return int(IPv4Address(address))


def agent(first: str, last: str, name: str) -> Agent:
    return Agent(
        name=name, first=number(first), last=number(last), vrf=None, network=None, subnet=None
    )


def test_each_giaddr_has_the_nearest_agent() -> None:
    outer = agent("10.0.0.0", "10.255.255.255", "outer")
    middle = agent("10.1.0.0", "10.1.255.255", "middle")
    inner = agent("10.1.0.0", "10.1.0.255", "inner")
    one = agent("10.1.0.255", "10.1.0.255", "one")
    apart = agent("192.0.2.1", "192.0.2.1", "apart")
    found = disjoint([apart, one, outer, inner, middle])
    assert [(IPv4Address(a.first).compressed, IPv4Address(a.last).compressed, a.name)
            for a in found] == [
        ("10.0.0.0", "10.0.255.255", "outer"),
        ("10.1.0.0", "10.1.0.254", "inner"),
        ("10.1.0.255", "10.1.0.255", "one"),
        ("10.1.1.0", "10.1.255.255", "middle"),
        ("10.2.0.0", "10.255.255.255", "outer"),
        ("192.0.2.1", "192.0.2.1", "apart"),
    ]  # fmt: skip


def test_the_image_finds_them(tmp_path: Path) -> None:
    text = BLUE + (
        '[[vrfs]]\nname = "blue"\nvpn-id = "hex:01020304050607"\n[[vrfs]]\nname = "default"\n'
        'vpn-id = "campus"\n[[vrfs]]\nname = "green"\n'
        '[relays]\nuntrusted-interfaces = ["wifi0"]\nagents = [\n'
        '{ address = "10.1.0.0/16", name = "north", vrf = "blue", link = "10.0.0.0/24" },\n'
        '{ address = "10.1.0.7", name = "south" } ]\n'
    )
    links = (link(3, "wifi0", "10.5.0.1/24"), link(4, "srv0", "10.6.0.1/24"))
    image = ImageView(bytes(compile_text(text, links=links).image))
    assert [image.interface(i)["untrusted"] for i in range(2)] == [1, 0]
    for address, name in (("10.1.0.6", b"north"), ("10.1.0.7", b"south"), ("10.1.0.8", b"north"),
                          ("10.1.255.255", b"north")):  # fmt: skip
        row = image.find_agent(number(address))
        assert row is not None
        assert image.octets(row["name_at"], row["name_len"]) == name
    for address in ("0.0.0.0", "10.0.255.255", "10.2.0.0", "255.255.255.255"):
        assert image.find_agent(number(address)) is None
    blue = image.subnet(0)["vrf"]
    assert image.find_vpn(bytes.fromhex("0101020304050607")) == blue
    assert image.find_vpn(b"\0campus") == image.find_vpn(b"\xff") == 0
    assert image.find_vpn(b"\0green") not in (None, 0, blue)
    for vss in (b"", b"\0", b"\0blue", b"\0gree", b"\0greens", b"\0default", b"\1campus"):
        assert image.find_vpn(vss) is None


def test_who_lists_nothing_pays_for_nothing(tmp_path: Path) -> None:
    assert ImageView(bytes(compile_text(ONE).image)).header()["relay_rules"] == 0
    for text in ("only-known = true", "client-selections = true", 'untrusted-interfaces = ["a"]',
                 'agents = [{ address = "10.1.0.1" }]'):  # fmt: skip
        image = ImageView(bytes(compile_text(f"{ONE}[relays]\n{text}\n").image))
        assert image.header()["relay_rules"]
