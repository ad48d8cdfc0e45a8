"""Every key that is promised: served, or accepted and said to be not served yet; none is unknown.

A configuration that is written for a later version runs today. What is not served is never
swallowed: `check`, the log and status name it by its line.
"""

from pathlib import Path

import pytest

from fastdhcp.config import check
from fastdhcp.config.later import NOT_SERVED

SUBNET = '[[subnets]]\nsubnet = "10.77.0.0/22"\npools = ["10.77.1.1-10.77.1.99"]\n'
CLASS = "[[classes]]\nname = \"modem\"\ntest = \"known\"\noptions = { tz-name = \"x\" }\n"
SCOPE = (
    'lease-time = "1h"', "lease-time-min = 300", "lease-time-max = 7200", "renewal-time = 1800",
    "rebinding-time = 3150", "offer-hold = 60", 'decline-time = "24h"', "reuse-grace = 64",
    "authoritative = true", "bootp = false", 'bootp-lease-time = "infinite"',
    "rapid-commit = false", 'next-server = "10.77.0.8"', 'boot-file = "pxe/boot.img"',
    'server-name = "boot.campus.example"', 'always-send = ["tz-name"]', 'never-send = ["tz-name"]',
    'options = { "224" = "hex:0a0b0c" }',
)  # fmt: skip
SERVED = {
    "server": (
        'interfaces = ["srv0"]', 'listen = "0.0.0.0:67"', "workers = 2",
        'state-directory = "state"', 'runtime-directory = "run"', 'durability = "commit"',
        'receive-buffer = "32M"', 'commit-delay = "500us"',
        'identity = ["client-id", "hw-address"]', 'trust-wall-clock = "synchronized"',
        "include = []", "max-addresses = 1000000", 'journal-max-size = "4G"',
        "reservation-files = []",
    ),
    "control": ('listen = "127.0.0.1:8067"',),
    "defaults": SCOPE,
    "relays": ("only-known = true", 'untrusted-interfaces = ["wifi0"]',
               'agents = [{ address = "10.88.0.1", name = "cmts-1", link = "10.77.0.0/22" }]'),
    "identifiers": ("port = \"relay4[2].hex + '/' + relay4[1].hex\"",),
    "subnets": (
        'interface = "srv0"', 'shared-network = "lan-a"', 'exclude = ["10.77.1.3-10.77.1.6"]',
        'vrf = "customer-7"\ninterface = "blue0"', 'allow = ["modem"]', 'deny = ["modem"]',
        'when = [{ class = "modem", lease-time = "1d" }]', *SCOPE,
    ),
}  # fmt: skip
LATER = {
    "server": ('reload-orphans-max = "1%"',),
    "control": ('certificate = "c.pem"', 'key = "c.key"', 'hosts = ["dhcp1.example"]',
                "metrics-pools = 2000", 'metrics-pools = "all"'),
    "leasequery": ('allow = ["10.88.0.1"]', 'bulk-listen = "10.88.0.2:67"'),
    "history": ("enabled = true", 'retention = "180d"', 'max-size = "20G"', 'troubles = "7d"'),
    "log": ('leases = "auto"', 'file = "leases.log"'),
    "failover": ('node = "a"', 'peer = "10.0.0.2:647"', 'listen = "10.0.0.1:647"',
                 'mode = "hot-standby"', 'active = "a"', 'standby-share = "10%"', 'mclt = "30m"',
                 'deadline = "50ms"', 'patience = "64s"', 'ping = "1s"', 'certificate = "a.pem"',
                 'key = "a.key"', 'peer-certificate = "b.pem"',
                 'witness = { endpoints = ["x:1"], certificate = "a", key = "b", ttl = "10s" }'),
    "alarms": ("anything = 1",), "ddns": ("anything = 1",),
    "limits": ('name = "a"\nclass = "modem"\nby = "relay4[2].hex"\nleases = 3',
               'at-limit = "replace-silent"', 'subnets = ["10.77.0.0/22"]'),
    "defaults": (
        "cache-threshold = 0.5", "adaptive-threshold = 0.8", 'drain = "new"', 'probe = "icmp"',
        'probe-time = "500ms"', "decline-share = 0.05",
    ),
    "subnets": ('label = "Library, floor 2"', 'drain = "renew"', 'probe = "auto"'),
}  # fmt: skip
WRONG = [
    ("server", 'reload-orphans-max = "1"', '"1" is not a part of a whole; write one as in "1%"'),
    ("server", 'reload-orphans-max = "101%"', 'write one as in "1%"'),
    ("server", "reload-orphans-max = 1", "is a number, must be text in quotes"),
    ("control", 'metrics-pools = "most"', 'is no count; write a whole number, or "all"'),
    ("control", "metrics-pools = -1", 'is no count; write a whole number, or "all"'),
    ("control", 'hosts = [""]', "is not a name; write 1 to 64"),
    ("leasequery", 'bulk-listen = "10.88.0.2"', "is not address:port; write one as in"),
    ("leasequery", "allowed = []", 'is not a key here; did you mean "allow"?'),
    ("defaults", "cache-threshold = 1", "1 is out of range; write a number from 0 to 0.9"),
    ("defaults", 'cache-threshold = "much"', "is text, must be a number such as 0.05"),
    ("defaults", "decline-share = -0.1", "write a number from 0 to 1"),
    ("defaults", 'drain = "yes"', 'is not known; write "no" or "new" or "renew"'),
    ("defaults", 'probe = "ping"', 'is not known; write "off" or "icmp" or "arp" or "auto"'),
    ("defaults", 'probe-time = "1m"', "is not a short time; write one as in"),
    ("defaults", 'probe-time = "11s"', "is out of range; write a time from 0 us to 10000000 us"),
    ("subnets", 'label = ""', "is not a name; write 1 to 64 printable characters"),
    ("leasequery", 'bulk-lisen = "10.88.0.2:67"', 'is not a key here; did you mean "bulk-listen"?'),
    ("history", 'retenton = "180d"', 'is not a key here; did you mean "retention"?'),
    ("history", 'max-size = "20X"', "is not a size; write octets, or a number with K, M, G or T"),
    ("log", 'lease = "all"', 'is not a key here; did you mean "leases"?'),
    ("log", 'leases = "journal"', 'write "auto" or "all" or "off" or "file" or "syslog"'),
    ("log", "leases = true", "is true or false, must be text in quotes"),
    ("failover", 'pear = "10.0.0.2:647"', 'is not a key here; did you mean "peer"?'),
    ("failover", 'node = "primary"', 'is not known; write "a" or "b"'),
    ("failover", 'witness = { endpoint = "x" }', 'is not a key here; did you mean "endpoints"?'),
    ("failover", "witness = { ttl = -1 }", "is out of range; write a time from 1 s"),
    ("limits", "lease = 3", 'is not a key here; did you mean "leases"?'),
    ("limits", 'leases = "3"', "is text, must be a whole number; write 3 without quotes"),
    ("limits", 'by = ""', "is not printable text; write some"),
    ("limits", 'at-limit = "drop"', 'write "refuse" or "replace" or "replace-silent"'),
]


def cases(table: dict[str, tuple[str, ...]]) -> list[object]:
    found = [(name, line) for name, lines in table.items() for line in lines]
    return [pytest.param(*case, id=f"{case[0]} {case[1].split(' ')[0]}") for case in found]


def told(folder: Path, table: str, line: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Errors, and the key and text of each warning."""
    path = folder / "fastdhcp.toml"
    if table == "subnets":
        path.write_text(SUBNET + line + "\n" + CLASS)
    else:
        head = f"[[{table}]]" if table == "limits" else f"[{table}]"
        path.write_text(f"{head}\n{line}\n" + SUBNET + CLASS)
    errors, warnings = check(path)
    return [error.text for error in errors], [(w.key, w.text) for w in warnings]


@pytest.mark.parametrize(("table", "line"), cases(SERVED))
def test_a_key_that_is_served(tmp_path: Path, table: str, line: str) -> None:
    errors, warnings = told(tmp_path, table, line)
    assert errors == []
    assert NOT_SERVED not in [text for _, text in warnings]


@pytest.mark.parametrize(("table", "line"), cases(LATER))
def test_a_key_that_is_not_served_yet_is_named(tmp_path: Path, table: str, line: str) -> None:
    errors, warnings = told(tmp_path, table, line)
    assert errors == []
    key = line.split(" ")[0]
    names = {table, f"{table}.{key}", f"{table}[0].{key}"}
    assert {name for name, text in warnings if text == NOT_SERVED} & names
    assert NOT_SERVED not in [text for _, text in told(tmp_path, "defaults", "bootp = false")[1]]


def test_a_wrong_key_of_a_table_that_is_not_served_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "fastdhcp.toml"
    path.write_text('[failover]\nnode = "a"\n\n[[limits]]\nleases = 3\natlimit = "x"\n' + SUBNET)
    (error,) = check(path)[0]
    assert (error.line, error.key) == (6, "limits[0].atlimit")
    assert error.text == 'is not a key here; did you mean "at-limit"?'


@pytest.mark.parametrize(("table", "line", "text"), WRONG)
def test_what_can_mean_nothing_is_an_error_today(
    tmp_path: Path, table: str, line: str, text: str
) -> None:
    (error,) = told(tmp_path, table, line)[0]
    assert text in error
