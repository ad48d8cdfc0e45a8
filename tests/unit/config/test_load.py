"""Configurations that are wrong, each with the very words that an operator reads."""

import contextlib
import ctypes
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastdhcp.config import ConfigError, check, load

ONE = '[[subnets]]\nsubnet = "10.0.0.0/24"\n'

# Name, text, what is said (the file's name left out).
BAD: list[tuple[str, str, list[str]]] = [
    ("no TOML", "[server\n", ["1: is not TOML: Expected ']' at the end of a table declaration"]),
    ("an end too early", "a = [1,\n2\n", ["2: is not TOML: Unclosed array"]),
    ("a key twice", "[server]\nworkers = 1\nworkers = 2\n",
     ["3: is not TOML: Cannot overwrite a value; it is there already; write it once (a list's "
      "tables have [[ ]])"]),
    ("a quote is missing", '[server]\nlisten = "0.0.0.0:67\nworkers = 2\n',
     ["2: is not TOML: Illegal character '\\n'; text ends in its line; is a quote missing?"]),
    ("no quotes", "[defaults]\nlease-time = 10m\n",
     ["2: is not TOML: Expected newline or end of document after a statement; text stands in "
      "quotes, and so do times and sizes with a unit"]),
    ("a name from elsewhere", '[defaults.options]\ndns-servers = ["10.0.0.1"]\n' + ONE
     + '[[subnets.reservations]]\nmac = "02:00:00:00:00:01"\naddress = "10.0.0.5"\n',
     ['2: defaults.options.dns-servers: is not an option; did you mean "domain-name-servers"?',
      '6: subnets[0].reservations[0].mac: is not a key here; did you mean "hw-address"?']),
    ("how long BOOTP clients keep an address", '[defaults]\nbootp-lease-time = "forever"\n' + ONE,
     ['2: defaults.bootp-lease-time: "forever" is not a time; write seconds, or a number with s, '
      'm, h, d or w: "30m", or "infinite"']),
    ("no time for BOOTP clients", "[defaults]\nbootp-lease-time = 0\n" + ONE,
     ['2: defaults.bootp-lease-time: 0 is out of range; write a time from 1 s to 2147483647 s, or '
      '"infinite"']),
    ("BOOTP as a word", ONE + 'pools = [{ range = "10.0.0.9", bootp = "yes" }]\n',
     ["3: subnets[0].pools[0].bootp: is text, must be true or false"]),
    ("an option beside the keys", ONE + 'routers = ["10.0.0.1"]\n',
     ["3: subnets[0].routers: is an option; write it as options.routers"]),
    ("an unknown table", "[sever]\n", ['1: sever: is not a key here; did you mean "server"?']),
    ("an unknown key", "[server]\nxyzzy = 1\n",
     ["2: server.xyzzy: is not a key here; see reference.toml for what there is"]),
    ("a table that is none", "server = 1\n", ["1: server: is a number, must be a table"]),
    ("a list that is none", "subnets = {}\n",
     ["1: subnets: is a table, must be a list; a table of which there may be several has two "
      "brackets: [[subnets]]"]),
    ("types", '[server]\nworkers = true\nreceive-buffer = []\ninterfaces = "eth0"\n'
     "listen = 67\ncommit-delay = 1.5\n",
     ["2: server.workers: is true or false, must be a whole number",
      '3: server.receive-buffer: is a list, must be a size such as "32M"',
      '4: server.interfaces: is text, must be a list, as in ["eth0"]',
      "5: server.listen: is a number, must be text in quotes",
      '6: server.commit-delay: is a number with a point, must be a short time such as "500us"']),
    ("a member's type", '[server]\ninclude = ["a*.toml", 7]\nidentity = ["hw-address", 1]\n',
     ["2: server.include[1]: is a number, must be text in quotes",
      "3: server.identity[1]: is a number, must be text in quotes"]),
    ("server values", '[server]\nworkers = 129\ndurability = "fsync"\ntrust-wall-clock = "yes"\n'
     'identity = []\nlisten = "67"\nmax-addresses = 1\njournal-max-size = "1K"\n',
     ["2: server.workers: 129 is out of range; write a number from 1 to 128",
      '3: server.durability: "fsync" is not known; write "commit" or "async"',
      '4: server.trust-wall-clock: "yes" is not known; write "synchronized" or "always"',
      "5: server.identity: is empty; write one or more names",
      '6: server.listen: "67" is not address:port; write one as in "0.0.0.0:67"',
      "7: server.max-addresses: 1 is out of range; write a number from 256 to 1073741824",
      '8: server.journal-max-size: "1K" is out of range; write a size from 1M to 1T']),
    ("identity", '[server]\nidentity = ["mac", "client-id", "client-id"]\n',
     ['2: server.identity[0]: "mac" is not known; write one or more of "client-id", "hw-address", '
      '"circuit-id", "remote-id", "subscriber-id"',
      '2: server.identity[2]: "client-id" is there already; write each once']),
    ("too little room", '[server]\nmax-addresses = 300\n' + ONE
     + 'pools = ["10.0.0.10-10.0.0.20"]\n[[subnets]]\nsubnet = "10.0.1.0/24"\n'
     'pools = ["10.0.1.10-10.0.1.20"]\n',
     ["2: server.max-addresses: 300 is too few: pools and reservations touch 2 blocks of 256 "
      "addresses; write at least 512, or leave it out"]),
    ("control", '[control]\nlisten = "here:80"\n',
     ['2: control.listen: "here:80" is not address:port; write one as in "127.0.0.1:8067"']),
    ("lease times", "[defaults]\nlease-time = 100\nlease-time-min = 200\nlease-time-max = 50\n",
     ["3: defaults.lease-time-min: lease-time-min 200 s is above lease-time-max 50 s; write the "
      "shorter time as lease-time-min"]),
    ("a lease below the limit", "[defaults]\nlease-time = 100\nlease-time-min = 200\n",
     ["2: defaults.lease-time: lease-time 100 s is below lease-time-min 200 s; write at most 100 "
      "as lease-time-min here, or a longer lease-time"]),
    ("one table of many", '[subnets]\nsubnet = "10.0.0.0/24"\n',
     ["1: subnets: is a table, must be a list; a table of which there may be several has two "
      "brackets: [[subnets]]"]),
    ("one reservation of many", ONE + '[subnets.reservations]\naddress = "10.0.0.5"\n',
     ["3: subnets[0].reservations: is a table, must be a list; a table of which there may be "
      "several has two brackets: [[subnets.reservations]]"]),
    ("many of one table", "[[server]]\nworkers = 1\n",
     ["1: server: is a list, must be a table; there is one, with single brackets: [server]"]),
    ("a table twice", "[server]\n[defaults]\n[server]\n",
     ["3: is not TOML: [server] is there already; put its keys under one header (a list's tables "
      "have [[ ]])"]),
    ("a table in a table twice", "[defaults.options]\n[defaults.options]\n",
     ["2: is not TOML: [defaults.options] is there already; put its keys under one header (a "
      "list's tables have [[ ]])"]),
    ("what belongs to a link", ONE + 'pools = [{ range = "10.0.0.9", authoritative = true }]\n'
     '[[subnets.reservations]]\nremote-id = "r"\naddress = "10.0.0.5"\nauthoritative = false\n',
     ["3: subnets[0].pools[0].authoritative: belongs to a whole link; write it in the subnet, or "
      "in [defaults]",
      "7: subnets[0].reservations[0].authoritative: belongs to a whole link; write it in the "
      "subnet, or in [defaults]"]),
    ("paths", '[server]\nstate-directory = "a\\u0000b"\nruntime-directory = ""\n'
     'include = ["a\\u0000b"]\n',
     ['2: server.state-directory: "a\\x00b" is not a path; write one as in "/var/lib/fastdhcp"',
      '3: server.runtime-directory: "" is not a path; write one as in "/var/lib/fastdhcp"',
      '4: server.include[0]: there is no file "FOLDER/a\\x00b"']),
    ("a number of 5,000 digits", "[server]\nworkers = " + "1" * 5000 + "\n",
     ["2: holds a number of more than 4300 digits"]),
    ("a number of 5,000 digits in hex", "[server]\nworkers = 0x" + "1" * 5000 + "\n",
     ["2: server.workers: what is written is out of range; write a number from 1 to 128"]),
    ("a value of 5,000 levels", "x = " + "[" * 5000 + "]" * 5000,
     ["1: nests lists or tables too deep to be read"]),
    ("what no terminal should get", '"a\\u001b[31m" = 1\n[defaults]\nboot-file = "\\u009b"\n',
     ['1: a\\x1b[31m: is not a key here; see reference.toml for what there is',
      '3: defaults.boot-file: "\\x9b" does not fit; write 1 to 127 printable ASCII characters']),
    ("a lease above the limit beside it", ONE + "lease-time = 300\nlease-time-max = 200\n",
     ["3: subnets[0].lease-time: lease-time 300 s is above lease-time-max 200 s; write at least "
      "300 as lease-time-max here, or a shorter lease-time"]),
    ("infinite is for reservations", ONE + 'lease-time = "infinite"\n',
     ['3: subnets[0].lease-time: "infinite" is for reservations only; write a time such as "30d"']),
    ("2131 4.4.5 T1 before T2", "[defaults]\nrenewal-time = 300\nrebinding-time = 300\n",
     ["2: defaults.renewal-time: renewal-time 300 s is not below rebinding-time 300 s; T1 comes "
      "before T2 (RFC 2131 4.4.5)"]),
    ("2131 4.4.5 T2 before the end", "[defaults]\nrebinding-time = 3600\n",
     ["2: defaults.rebinding-time: rebinding-time 3600 s is not below the longest lease here, 3600 "
      "s; write a shorter one, or leave it out"]),
    ("scope values", '[defaults]\nnext-server = "boot"\nboot-file = ""\nreuse-grace = -1\n'
     "offer-hold = 0\ndecline-time = 0\n",
     ['2: defaults.next-server: "boot" is not an address; write four numbers as in 10.0.0.1',
      '3: defaults.boot-file: "" does not fit; write 1 to 127 printable ASCII characters',
      "4: defaults.reuse-grace: -1 is out of range; write a time from 0 s to 2147483647 s",
      "6: defaults.decline-time: 0 is out of range; write a time from 1 s to 2147483647 s"]),
    ("options", '[defaults.options]\nrouter = ["10.0.0.1"]\nrouters = ["10.0.0.1"]\n'
     '"3" = "hex:0a000001"\n"0" = "hex:00"\ninterface-mtu = 20\n',
     ['2: defaults.options.router: is not an option; did you mean "routers"?',
      "4: defaults.options.3: option 3 is there already; write it once, by name or code",
      "5: defaults.options.0: 0 is not the code of an option; codes go from 1 to 254",
      "6: defaults.options.interface-mtu: 20 is not right; write a number from 68 to 65535"]),
    ("no subnet", "[[subnets]]\npools = []\n",
     ['1: subnets[0]: `subnet` is missing; write a prefix such as subnet = "10.0.0.0/24"']),
    ("prefixes", '[[subnets]]\nsubnet = "10.0.0.1/24"\n[[subnets]]\nsubnet = "0.0.0.0/8"\n'
     '[[subnets]]\nsubnet = "10.0.0.0/7"\n[[subnets]]\nsubnet = "224.0.0.0/24"\n',
     ['2: subnets[0].subnet: "10.0.0.1/24" has bits beyond its length; write "10.0.0.0/24"',
      '4: subnets[1].subnet: "0.0.0.0/8" holds no addresses of hosts; write a unicast prefix',
      '6: subnets[2].subnet: "10.0.0.0/7" is too large; write a prefix length from 8 to 32',
      '8: subnets[3].subnet: "224.0.0.0/24" holds no addresses of hosts; write a unicast prefix']),
    ("subnets that overlap", ONE + '[[subnets]]\nsubnet = "10.0.0.128/25"\n',
     ["4: subnets[1].subnet: 10.0.0.128/25 overlaps 10.0.0.0/24 (at FILE:1); give each address to "
      "one subnet"]),
    ("a subnet twice", ONE + ONE,
     ["4: subnets[1].subnet: 10.0.0.0/24 overlaps 10.0.0.0/24 (at FILE:1); give each address to "
      "one subnet"]),
    ("pools", ONE + 'pools = [\n"10.0.0.9-10.0.0.1",\n"10.0.1.1-10.0.1.9",\n{ range = '
     '"10.0.0.200-10.0.1.3" },\n{ lease-time = 5 },\n7,\n]\n',
     ['4: subnets[0].pools[0]: "10.0.0.9-10.0.0.1" ends before it begins; write '
      '"10.0.0.1-10.0.0.9"',
      '5: subnets[0].pools[1]: "10.0.1.1-10.0.1.9" is not within 10.0.0.0/24; write addresses from '
      "10.0.0.1 to 10.0.0.254",
      '6: subnets[0].pools[2].range: "10.0.0.200-10.0.1.3" is not within 10.0.0.0/24; write '
      "addresses from 10.0.0.1 to 10.0.0.254",
      "7: subnets[0].pools[3]: `range` is missing; write addresses such as range = "
      '"10.0.0.10-10.0.0.99"',
      '8: subnets[0].pools[4]: is a number, must be a range such as "10.0.0.10-10.0.0.99", or a '
      "table with `range`"]),
    ("pools that overlap", ONE + 'pools = ["10.0.0.50-10.0.0.60", "10.0.0.10-10.0.0.50"]\n',
     ['3: subnets[0].pools[1]: "10.0.0.10-10.0.0.50" overlaps "10.0.0.50-10.0.0.60" (at FILE:3); '
      "give each address to one pool"]),
    ("exclude", ONE + 'exclude = ["10.0.1.1", "x"]\n',
     ['3: subnets[0].exclude[0]: "10.0.1.1" is not within 10.0.0.0/24; write addresses from '
      "10.0.0.1 to 10.0.0.254",
      '3: subnets[0].exclude[1]: "x" is not an address; write four numbers as in 10.0.0.1']),
    ("names", ONE + 'interface = "a b"\nshared-network = ""\nvrf = ""\n',
     ['3: subnets[0].interface: "a b" is not the name of an interface; write one of 1 to 15 '
      'characters without space, "/" or ":", as in "eth0"',
      '4: subnets[0].shared-network: "" is not a name; write 1 to 64 printable characters',
      '5: subnets[0].vrf: "" is not a name; write 1 to 64 printable characters']),
    ("an identifier is missing", ONE + '[[subnets.reservations]]\naddress = "10.0.0.5"\n',
     ["3: subnets[0].reservations[0]: has none of the identifiers; write exactly one of "
      "`hw-address`, `client-id`, `circuit-id`, `remote-id`, `subscriber-id`"]),
    ("reservations", ONE + '[[subnets.reservations]]\nhw-address = "02:00"\naddress = "10.0.0.5"\n'
     '[[subnets.reservations]]\nclient-id = "hex:01"\naddress = "x"\nhostname = ""\n'
     '[[subnets.reservations]]\nremote-id = "r"\ncircuit-id = "c"\naddress = "10.0.0.6"\n'
     '[[subnets.reservations]]\nremote-id = "r"\naddress = "10.0.0.255"\n',
     ['4: subnets[0].reservations[0].hw-address: "02:00" has 2 octets; write 6',
      '7: subnets[0].reservations[1].client-id: "hex:01" has 1 octets; write 2 to 255',
      '8: subnets[0].reservations[1].address: "x" is not an address; write four numbers as in '
      "10.0.0.1",
      '9: subnets[0].reservations[1].hostname: "" does not fit; write 1 to 255 printable ASCII '
      "characters",
      "10: subnets[0].reservations[2]: has 2 of the identifiers; write exactly one of "
      "`hw-address`, `client-id`, `circuit-id`, `remote-id`, `subscriber-id`",
      "16: subnets[0].reservations[3].address: 10.0.0.255 is not a host's address in 10.0.0.0/24; "
      "write one from 10.0.0.1 to 10.0.0.254"]),
    ("an address reserved twice", ONE + '[[subnets.reservations]]\nremote-id = "a"\n'
     'address = "10.0.0.5"\n[[subnets.reservations]]\nremote-id = "b"\naddress = "10.0.0.5"\n',
     ["8: subnets[0].reservations[1].address: 10.0.0.5 is reserved already, at FILE:3"]),
    ("a client twice in a shared network", ONE + 'shared-network = "n"\n[[subnets.reservations]]\n'
     'hw-address = "02:00:00:00:00:01"\naddress = "10.0.0.5"\n[[subnets]]\nsubnet = "10.0.1.0/24"\n'
     'shared-network = "n"\n[[subnets.reservations]]\nhw-address = "02-00-00-00-00-01"\n'
     'address = "10.0.1.5"\n',
     ['10: subnets[1].reservations[0]: "02:00:00:00:00:01" has a reservation in this network '
      "already, at FILE:4; write one for each client"]),
    ("infinite leaves no limits", ONE + '[[subnets.reservations]]\nremote-id = "a"\n'
     'address = "10.0.0.5"\nlease-time = "infinite"\nlease-time-max = 7\n',
     ['7: subnets[0].reservations[0].lease-time-max: leave it out beside lease-time = "infinite"']),
    ("an interface of two networks", ONE + 'interface = "eth0"\n[[subnets]]\n'
     'subnet = "10.0.1.0/24"\ninterface = "eth0"\n',
     ['6: subnets[1].interface: "eth0" is the link of 10.0.0.0/24 (at FILE:1); give both the same '
      "shared-network"]),
    ("a network on two interfaces", ONE + 'interface = "eth0"\nshared-network = "n"\n[[subnets]]\n'
     'subnet = "10.0.1.0/24"\ninterface = "eth1"\nshared-network = "n"\n',
     ['7: subnets[1].interface: "eth1" is not "eth0"; subnets of one shared network have one '
      "interface"]),
    ("an interface that is not served", '[server]\ninterfaces = ["eth1"]\n' + ONE
     + 'interface = "eth0"\n',
     ['5: subnets[0].interface: "eth0" is not in server.interfaces; add it there']),
    ("no pattern", '[server]\ninclude = [""]\n',
     ['2: server.include[0]: "" is not a pattern of files; write one as in "subnets.d/*.toml"']),
    ("a pattern of folders", '[server]\ninclude = ["."]\n',
     ['2: server.include[0]: "." is not a pattern of files; write one as in "subnets.d/*.toml"']),
    ("more than fits", "".join(
        f'[[subnets]]\nsubnet = "{net}.0.0.0/8"\npools = ["{net}.0.0.0/8"]\n'
        for net in range(1, 66)),
     ["1: server.max-addresses: pools and reservations touch 4259840 blocks of 256 addresses; one "
      "server has room for 1073741824 addresses"]),
    ("no such file", '[server]\ninclude = ["other.toml", "none*.toml"]\n',
     ['2: server.include[0]: there is no file "FOLDER/other.toml"']),
]  # fmt: skip


def said(path: Path, text: str) -> list[str]:
    path.write_text(text)
    errors, _ = check(path)
    return [
        str(error).removeprefix(f"{path}:").replace(str(path), "FILE").replace(
            str(path.parent), "FOLDER"
        )
        for error in errors
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), [case[1:] for case in BAD], ids=[c[0] for c in BAD])
def test_what_is_said(tmp_path: Path, text: str, wanted: list[str]) -> None:
    assert said(tmp_path / "bad.toml", text) == wanted


def test_a_problem_is_told_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[server]\nworkers = 0\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value) == (
        f"{path}:2: server.workers: 0 is out of range; write a number from 1 to 128"
    )


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    errors, _ = check(tmp_path / "none.toml")
    assert [str(error) for error in errors] == [
        f"{tmp_path}/none.toml:1: cannot be read: No such file or directory"
    ]


@pytest.mark.parametrize(
    ("octets", "wanted"),
    [
        (b"[server]\n# b\xfcro\n", "2: is not UTF-8 text"),
        ("[server]\n".encode("utf-16"), "1: is UTF-16 text; save it as UTF-8"),
        ("[server]\n".encode("utf-8-sig"),
         "1: begins with a byte order mark; save it as UTF-8 without one"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ending", ["toml", "json"])
def test_octets_that_are_not_utf_8(
    tmp_path: Path, octets: bytes, wanted: str, ending: str
) -> None:
    path = tmp_path / f"text.{ending}"
    path.write_bytes(octets)
    errors, _ = check(path)
    assert [str(error) for error in errors] == [f"{path}:{wanted}"]


def test_a_file_whose_name_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"b\xff\n.toml")
    path.write_text("[sever]\n")
    errors, _ = check(path)
    assert [str(error) for error in errors] == [
        f'{tmp_path}/b\\xff\\n.toml:1: sever: is not a key here; did you mean "server"?'
    ]


def test_lines_may_end_as_elsewhere(tmp_path: Path) -> None:
    assert said(tmp_path / "crlf.toml", "[server]\r\nworkers = 0\r\n") == [
        "2: server.workers: 0 is out of range; write a number from 1 to 128"
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"server": {\n"workers": 0}}', "2: server.workers: 0 is out of range; write a number from"
         " 1 to 128"),
        ('{"server":\n{,}}', "2: is not JSON: Expecting property name enclosed in double quotes"),
        ("[]", "1: is a list, must be a table"),
        ('{"subnets": [\n{"subnet": "10.0.0.0/24",\n"pools": [\n{"range": 7}]}]}',
         "4: subnets[0].pools[0].range: is a number, must be text in quotes"),
        ('{"subnets": {}}', "1: subnets: is a table, must be a list; put it into a list: [{...}]"),
        ('{"server": {\n"state-directory": "\\ud800"}}',
         "2: holds half of a surrogate pair, that is no character"),
        ('{"server": {\n"workers": ' + "1" * 5000 + "}}",
         "2: holds a number of more than 4300 digits"),
        ("[" * 100_000, "1: nests lists or tables too deep to be read"),
        ('{"server": {"workers": 1, "workers": 2}}',
         "1: `workers` stands twice in one object; write it once"),
    ],
)  # fmt: skip
def test_json_is_told_likewise(tmp_path: Path, text: str, wanted: str) -> None:
    assert said(tmp_path / "bad.json", text) == [wanted]


def test_includes_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    main = tmp_path / "main.toml"
    main.write_text('[server]\ninclude = ["d/*.toml", "more.json"]\n')
    (tmp_path / "d" / "b.toml").write_text('[[subnets]]\nsubnet = "10.0.2.0/24"\n')
    (tmp_path / "d" / "a.toml").write_text('[[subnets]]\nsubnet = "10.0.1.0/24"\n')
    (tmp_path / "more.json").write_text(json.dumps({"subnets": [{"subnet": "10.0.0.0/24"}]}))
    configuration = load(main)
    assert [path.name for path in configuration.files] == [
        "main.toml", "a.toml", "b.toml", "more.json",
    ]  # fmt: skip
    assert [subnet.name for subnet in configuration.subnets] == [
        "10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24",
    ]  # fmt: skip


def test_problems_across_files_name_both(tmp_path: Path) -> None:
    main, other = tmp_path / "main.toml", tmp_path / "other.toml"
    main.write_text(f'[server]\ninclude = ["other.toml"]\n[defaults]\n{ONE}')
    other.write_text(f"[defaults]\nlease-time = 60\n{ONE}pools = 7\n")
    errors, _ = check(main)
    assert [str(error) for error in errors] == [
        f"{other}:1: defaults: stands at {main}:3 already; write it in one file only",
        f"{other}:4: subnets[0].subnet: 10.0.0.0/24 overlaps 10.0.0.0/24 (at {main}:4); give each "
        "address to one subnet",
        f"{other}:5: subnets[0].pools: is a number, must be a list",
    ]


def test_a_file_is_included_once(tmp_path: Path) -> None:
    assert said(tmp_path / "main.toml", '[server]\ninclude = ["*.toml"]\n') == [
        '2: server.include[0]: "FILE" is read already; include each file once'
    ]


def test_dhcp_is_not_listened_for_on_ipv6(tmp_path: Path) -> None:
    text = '[server]\nlisten = "[::1]:67"\n[control]\nlisten = "[::1]:8067"\n'
    (tmp_path / "f.toml").write_text(text)
    errors, _ = check(tmp_path / "f.toml")
    told = '"[::1]:67" is not an IPv4 address; write one as in "0.0.0.0:67"'
    assert [str(error) for error in errors] == [f"{tmp_path}/f.toml:2: server.listen: {told}"]


def test_an_included_link_that_leads_nowhere_is_a_file_that_is_missing(tmp_path: Path) -> None:
    """Its subnets would go with the next reload, without a word."""
    (tmp_path / "f.toml").write_text('[server]\ninclude = ["d/*.toml"]\n')
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.toml").write_text(ONE)
    (tmp_path / "d" / "b.toml").symlink_to("gone.toml")
    (tmp_path / "d" / "c.toml").mkdir()
    errors, _ = check(tmp_path / "f.toml")
    assert [str(error) for error in errors] == [
        f"{tmp_path}/d/b.toml:1: cannot be read: No such file or directory"
    ]


def test_a_folder_of_includes_that_may_not_be_read_is_an_error() -> None:
    """Nothing would be found in it, and a reload would serve nobody."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o755)
        (path / "f.toml").write_text('[server]\ninclude = ["d/*.toml"]\n')
        (path / "d").mkdir(mode=0)
        with unprivileged():
            errors, _ = check(path / "f.toml")
    told = f'{path}/f.toml:2: server.include[0]: "{path}/d" cannot be read: Permission denied'
    assert [str(error) for error in errors] == [told]


def test_what_is_too_long_for_a_configuration_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "f.toml").open("wb") as file:
        file.truncate(1 << 40)
    errors, _ = check(tmp_path / "f.toml")
    told = f"{tmp_path}/f.toml:1: is longer than 256 MB: no configuration is"
    assert [str(error) for error in errors] == [told]


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Without the right of root to read whatever there is."""
    if os.geteuid():
        yield
        return
    libc = ctypes.CDLL(None)
    libc.setfsuid(65534)
    try:
        yield
    finally:
        libc.setfsuid(0)
