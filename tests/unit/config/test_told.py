"""What is told beside an error, of what is hardly meant, and of keys in a wrong place."""

from pathlib import Path

import pytest

from fastdhcp.config import check, load

POOL = 'pools = ["10.0.0.10-10.0.0.20"]\n'
SUBNET = f'[[subnets]]\nsubnet = "10.0.0.0/24"\n{POOL}'
RESERVED = '[[subnets.reservations]]\nhw-address = "02:00:00:00:00:01"\naddress = "10.0.0.5"\n'


def told(folder: Path, text: str, name: str = "fastdhcp.toml") -> tuple[list[str], list[str]]:
    """Errors and warnings: line, key, text."""
    path = folder / name
    path.write_text(text)
    errors, warnings = check(path)
    return tuple([f"{p.line}: {p.told}" for p in found] for found in (errors, warnings))


# What is refused, and all that is said of it.
ALONE = [
    ("a table", '[[subnett]]\nsubnet = "10.0.0.0/24"\n',
     '1: subnett: is not a key here; did you mean "subnets"?'),
    ("a class's test", '[[classes]]\nname = "a"\ntest = "known or"\n[[classes]]\nname = "b"\n'
     'test = "member(\'a\')"\n' + SUBNET,
     "3: classes[0].test: column 9: the expression ends where a value or a test has to stand"),
    ("who names a class", '[[classes]]\nname = "a"\ntest = "known"\n' + SUBNET + 'allow = ["as"]\n',
     '7: subnets[0].allow[0]: is not a class; did you mean "a"? Else write'),
    ("a file of reservations", '[server]\nreservation-files = ["no.csv"]\n[[classes]]\n'
     'name = "a"\ndrop = true\n' + SUBNET, "2: server.reservation-files[0]: there is no file"),
    ("an identifier", '[server]\nidentity = ["port"]\n[identifiers]\nport = "relay4[1]"\n' + SUBNET
     + '[[subnets.reservations]]\nport = "7"\n',
     "4: identifiers.port: column 10: .hex, .text or .exists is missing"),
    ("an option's type", '[[option-definitions]]\ncode = 224\nname = "x"\ntype = "string"\n'
     + SUBNET + 'options = { x = "y" }\n',
     '4: option-definitions[0].type: "string" is not a type; did you mean "text"?'),
    ("an option's code", '[[option-definitions]]\ncode = 53\nname = "x"\ntype = "text"\n'
     + SUBNET + 'options = { x = "y" }\nalways-send = ["x"]\n',
     "2: option-definitions[0].code: option 53 (message-type) is written by the server itself"),
    ("what was to be an identifier", SUBNET + RESERVED.replace("hw-address", "mac"),
     '5: subnets[0].reservations[0].mac: is not a key here; did you mean "hw-address"?'),
    ("an identifier that is a list",
     SUBNET + RESERVED.replace('"02:00:00:00:00:01"', '["02:00:00:00:00:01"]'),
     "5: subnets[0].reservations[0].hw-address: is a list, must be text in quotes"),
    ("a subnet of a shared network", '[[shared-networks]]\nname = "n"\n[[subnets]]\n'
     'subnet = "10.0.0.1/24"\nshared-network = "n"\n',
     '4: subnets[0].subnet: "10.0.0.1/24" has bits beyond its length'),
    ("a subnet of a VRF and a link", '[[vrfs]]\nname = "v"\n[[subnets]]\nsubnet = "10.0.0.1/24"\n'
     'vrf = "v"\n[relays]\nagents = [{ address = "10.9.0.1", vrf = "w", link = "10.0.0.0/24" }]\n',
     '4: subnets[0].subnet: "10.0.0.1/24" has bits beyond its length'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), [row[1:] for row in ALONE],
                         ids=[row[0] for row in ALONE])  # fmt: skip
def test_what_is_refused_draws_no_advice_upon_what_depends_on_it(
    tmp_path: Path, text: str, wanted: str
) -> None:
    (error,), warnings = told(tmp_path, text)
    assert error.startswith(wanted)
    assert warnings == []


def test_a_file_that_cannot_be_read_has_the_names_that_others_miss(tmp_path: Path) -> None:
    (tmp_path / "more.toml").write_text('[[classes]]\nname = "a\n')
    errors, warnings = told(tmp_path, f'[server]\ninclude = ["more.toml"]\n{SUBNET}allow = ["a"]\n')
    assert len(errors) == 1
    assert "is not TOML" in errors[0]
    assert warnings == []


# What is hardly meant, and the one warning.
DOUBTED = [
    ("pairs of digits", SUBNET + RESERVED.replace("hw-address", "client-id"),
     '5: subnets[0].reservations[0].client-id: "02:00:00:00:00:01" is taken as 17 letters; if '
     'octets are meant, write "hex:020000000001"'),
    ("hex of a test", SUBNET + RESERVED.replace("hw-address", "remote-id")
     .replace("02:00:00:00:00:01", "0xa0b"),
     'remote-id: "0xa0b" is taken as 5 letters; if octets are meant, write "hex:0a0b"'),
    ("digits with dots", SUBNET + RESERVED.replace("hw-address", "client-id")
     .replace("02:00:00:00:00:01", "0100.1122.3344.55"),
     'client-id: "0100.1122.3344.55" is taken as 17 letters; if octets are meant, write '
     '"hex:01001122334455"'),
    ("quotes in quotes", SUBNET + RESERVED.replace("hw-address", "circuit-id")
     .replace("02:00:00:00:00:01", "'charter950'"),
     "circuit-id: \"'charter950'\" is taken with its quotes; write \"charter950\" if"),
    ("hex in quotes in a test", SUBNET + '[[classes]]\nname = "a"\ndrop = true\n'
     "test = \"relay4[1].hex == '0x00040001'\"\n",
     "7: classes[0].test: '0x00040001' is text of 10 letters; if octets are meant, write "
     "0x00040001 without quotes"),
    ("pairs of digits in a test", SUBNET + '[[classes]]\nname = "a"\ndrop = true\n'
     "test = \"relay4[2].hex == '00:11:22:33:44:55'\"\n",
     "'00:11:22:33:44:55' is text of 17 letters; if octets are meant, write 0x001122334455"),
    ("hex in quotes in a name", '[server]\nidentity = ["port"]\n[identifiers]\n'
     "port = \"relay4[1].hex + '0x2f'\"\n" + SUBNET,
     "4: identifiers.port: '0x2f' is text of 4 letters"),
    ("a name that nobody uses", SUBNET + '[identifiers]\nport = "relay4[1].hex"\n',
     "5: identifiers.port: is never used; name it in server.identity, or write reservations by it"),
    ("a table that is not served", SUBNET + "[ddns]\n", "4: ddns: not served yet; it is ignored"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), [row[1:] for row in DOUBTED],
                         ids=[row[0] for row in DOUBTED])  # fmt: skip
def test_what_is_hardly_meant_is_warned_of(tmp_path: Path, text: str, wanted: str) -> None:
    errors, (warning,) = told(tmp_path, text)
    assert errors == []
    assert wanted in warning


@pytest.mark.parametrize("text", [
    SUBNET + RESERVED.replace("02:00:00:00:00:01", "0200.0000.0001"),
    SUBNET + RESERVED.replace("hw-address", "circuit-id").replace("02:00:00:00:00:01", "eth 1/1/7"),
    SUBNET + RESERVED.replace("hw-address", "circuit-id").replace("02:00:00:00:00:01", "0-1-2-3"),
    SUBNET + '[[classes]]\nname = "a"\ndrop = true\n'
    "test = \"hexstring(pkt4.mac, ':') == '00:11:22:33:44:55'\"\n",
    '[identifiers]\nport = "relay4[1].hex"\n' + SUBNET + RESERVED.replace("hw-address", "port"),
], ids=["a MAC with dots", "a port", "a port of digits", "text that is made", "a name in use"])
def test_what_may_well_be_meant_is_not(tmp_path: Path, text: str) -> None:
    text = text.replace('port = "02:00:00:00:00:01"', 'port = "7"')
    assert told(tmp_path, text) == ([], [])


WRONG = [
    ("an address of no subnet", SUBNET + "[[reservations]]\n" + RESERVED.partition("\n")[2],
     "6: reservations[0].address: belongs to a subnet; write the reservation in "
     "[[subnets.reservations]]"),
    ("pools behind a reservation", SUBNET.replace(POOL, "") + RESERVED + POOL,
     "6: subnets[0].reservations[0].pools: is a key of [[subnets]]; write it above "
     "[[subnets.reservations]]"),
    ("subnets in a shared network", '[[shared-networks]]\nname = "x"\n[[shared-networks.subnets]]\n'
     'subnet = "10.0.0.0/24"\n',
     "3: shared-networks[0].subnets: is not a key here; write [[subnets]] with shared-network = "
     '"..." there'),
    ("files in a subnet", SUBNET + 'reservation-files = ["x.csv"]\n',
     "4: subnets[0].reservation-files: is a key of [server]; write it there"),
    ("a slip, and no key of elsewhere", '[server]\ninterface = "eth1"\n' + SUBNET,
     '2: server.interface: is not a key here; did you mean "interfaces"?'),
    ("a scope's key at the top", "lease-time = 60\n" + SUBNET,
     "1: lease-time: is a key of [defaults]; write it there"),
    ("quotes around a number", SUBNET + 'options = { interface-mtu = "1400" }\n',
     '4: subnets[0].options.interface-mtu: "1400" is text; write 1400 without quotes'),
    ("quotes around a setting", '[server]\nworkers = "4"\n' + SUBNET,
     "2: server.workers: is text, must be a whole number; write 4 without quotes"),
    ("quotes around a truth", SUBNET + 'authoritative = "true"\n',
     "4: subnets[0].authoritative: is text, must be true or false; write true without quotes"),
    ("a table over several lines", '[[subnets]]\nsubnet = "10.0.0.0/24"\npools = [{\n'
     'range = "10.0.0.9",\n}]\n',
     "3: is not TOML: Invalid initial character for a key part; a table in { } stands in one line; "
     "or write it as a [table] of its own"),
    ("a class of none", SUBNET + 'allow = ["gold"]\n',
     "4: subnets[0].allow[0]: is not a class; there are known, bootp, all; or write [[classes]]"),
    ("a class of a reservation", '[[classes]]\nname = "cpe"\n[[classes]]\nname = "modem"\n' + SUBNET
     + RESERVED + 'classes = ["gold"]\n',
     '11: subnets[0].reservations[0].classes: "gold" is not a class; there are cpe, modem'),
    ("a listen without an address", '[server]\nlisten = ":67"\n' + SUBNET,
     '2: server.listen: ":67" is not address:port; write one as in "0.0.0.0:67"'),
    ("a name of a key", '[identifiers]\nlease-time = "relay4[1].hex"\n' + SUBNET,
     "2: identifiers.lease-time: has a meaning already; choose another name"),
    ("a key that is longer", "[defaults]\nnext = 7\n" + SUBNET,
     '2: defaults.next: is not a key here; did you mean "next-server"?'),
    ("dhcpd's", "option domain-name \"x\";\nsubnet 10.0.0.0 netmask 255.255.255.0 {\n}\n",
     "2: is a configuration of dhcpd; docs/COMING-FROM.md says how to write it here"),
    ("dnsmasq's", "dhcp-range=10.0.0.9,10.0.0.99,12h\n",
     "1: is a configuration of dnsmasq; docs/COMING-FROM.md says how to write it here"),
    ("Kea's", '{ "Dhcp4": { "subnet4": [] } }\n',
     "1: is a configuration of Kea; docs/COMING-FROM.md says how to write it here"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), [row[1:] for row in WRONG],
                         ids=[row[0] for row in WRONG])  # fmt: skip
def test_what_stands_in_a_wrong_place_or_form_is_told_with_its_cure(
    tmp_path: Path, text: str, wanted: str
) -> None:
    (error,), _ = told(tmp_path, text)
    assert error.startswith(wanted)


def test_keas_json_is_known_by_its_content(tmp_path: Path) -> None:
    (error,), _ = told(tmp_path, '// ours\n{ "Dhcp4": {} }\n', "kea.json")
    assert error.startswith("2: is a configuration of Kea; docs/COMING-FROM.md")


@pytest.mark.parametrize(("defaults", "subnet", "wanted"), [
    ("lease-time = 600", "lease-time-max = 300", (300, 300, 300)),
    ("lease-time = 600", "lease-time-min = 900", (900, 900, 900)),
    ("lease-time = 600\nlease-time-min = 400", "lease-time-max = 300", (300, 300, 300)),
    ("lease-time = 600\nlease-time-max = 700", "lease-time-min = 900", (900, 900, 900)),
    ("lease-time-max = 600\nlease-time = 500", "lease-time = 900", (900, 900, 900)),
    ("lease-time-min = 600\nlease-time = 700", "lease-time = 60", (60, 60, 60)),
    ("lease-time = 600", "lease-time-min = 300\nlease-time-max = 900", (600, 300, 900)),
    ("lease-time = 600", "lease-time-min = 30\nlease-time-max = 90", (90, 30, 90)),
])  # fmt: skip
def test_the_nearer_of_limit_and_lease_time_counts(
    tmp_path: Path, defaults: str, subnet: str, wanted: tuple[int, int, int]
) -> None:
    """As it does in a class, where the packet's path lays it over (test_scope_keys)."""
    path = tmp_path / "fastdhcp.toml"
    path.write_text(f"[defaults]\n{defaults}\n{SUBNET}{subnet}\n")
    params = load(path).subnets[0].params
    assert (params.lease_s, params.lease_min_s, params.lease_max_s) == wanted
