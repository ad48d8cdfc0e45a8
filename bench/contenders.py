"""The servers that are measured side by side: how each is configured and started."""

import json
import shlex
import sys
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path

from fastdhcp_bench.network import ON_LINK, POOL, POOL_SIZE, SERVER_ADDRESS, SUBNET
from fastdhcp_bench.policy import reference_policy

LEASE_TIME_S = 3600
DHCPD_LAST = "10.128.255.254"
"""The end of its pool: with room for a million clients it gives 4 leases a second."""
SMALL = f"""[[subnets]]
subnet = "{SUBNET}"
pools = ["{POOL[0]}-{POOL[1]}"]
"""


@dataclass(frozen=True)
class Contender:
    """A DHCP server as a command.

    In command, file contents and environment ``{directory}`` stands for a new empty folder, where
    the files are written, ``{workers}`` for the number of processes it may serve with. The echo and
    fastdhcp also have places for what depends on where the clients are; others serve those behind
    relay agents only. short_cuts names what it spares itself beside the durable contender.
    """

    name: str
    command: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    serves_link: bool = False
    short_cuts: str = ""

    def prepare(
        self,
        directory: Path,
        workers: int,
        *,
        relayed: bool = True,
        listen: str = SERVER_ADDRESS,
        trains: str = "auto",
    ) -> list[str]:
        """Write the files; the command to be run. ``listen`` is its address for relay agents.

        Raises ValueError if the clients are on the link and it is not made to serve them.
        """
        if not relayed and not self.serves_link:
            raise ValueError(f"{self.name} is not set up for clients on the link")
        words = {
            "{directory}": str(directory),
            "{workers}": str(workers),
            "{interfaces}": "" if relayed else '"srv0"',
            "{listen}": listen if relayed else ON_LINK[0],
            "{interface}": "" if relayed else "srv0",
            "{trains}": trains,
        }

        def fill(text: str) -> str:
            # Not str.format: JSON and TOML are full of braces.
            for name, word in words.items():
                text = text.replace(name, word)
            return text

        for name, text in self.files.items():
            (directory / name).write_text(fill(text))
        variables = [f"{name}={fill(value)}" for name, value in self.environment.items()]
        return [*(["env", *variables] if variables else []), *map(fill, self.command)]


def _fastdhcp(durability: str, policy: str = "") -> str:
    return f"""\
[server]
interfaces = [{{interfaces}}]
workers = {{workers}}
durability = "{durability}"
trains = "{{trains}}"
state-directory = "{{directory}}/state"
runtime-directory = "{{directory}}/run"

[defaults]
lease-time = {LEASE_TIME_S}
lease-time-min = 300
lease-time-max = "30d"
authoritative = true

{policy or SMALL}"""


def _kea() -> str:
    return json.dumps(
        {
            "Dhcp4": {
                "interfaces-config": {"interfaces": ["srv0"], "dhcp-socket-type": "udp"},
                "lease-database": {"type": "memfile", "name": "{directory}/leases.csv"},
                "valid-lifetime": LEASE_TIME_S,
                "authoritative": True,
                "subnet4": [{"id": 1, "subnet": SUBNET, "pools": [{"pool": " - ".join(POOL)}]}],
                "loggers": [{"name": "kea-dhcp4", "severity": "ERROR"}],
            }
        }
    )


_PYTHON = sys.executable
_ECHO = (
    "-P", "-m", "fastdhcp_bench.echo", "--listen", "{listen}", "--workers", "{workers}",
    "--interface", "{interface}",
)  # fmt: skip
_SERVE = (_PYTHON, "-P", "-m", "fastdhcp", "serve", "-c", "{directory}/fastdhcp.toml")


def _contender(name: str, durability: str, policy: str = "", short_cuts: str = "") -> Contender:
    files = {"fastdhcp.toml": _fastdhcp(durability, policy)}
    return Contender(name, _SERVE, files, serves_link=True, short_cuts=short_cuts)


def _dhcpd() -> str:
    clients, wire = IPv4Network(SUBNET), IPv4Network(f"{SERVER_ADDRESS}/24", strict=False)
    return f"""\
authoritative;
default-lease-time {LEASE_TIME_S};
max-lease-time {LEASE_TIME_S};
ping-check false;
delayed-ack 28;
subnet {wire.network_address} netmask {wire.netmask} {{ }}
subnet {clients.network_address} netmask {clients.netmask} {{
  range {POOL[0]} {DHCPD_LAST};
}}
"""


CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender(
            "echo", (_PYTHON, *_ECHO), serves_link=True,
            short_cuts="it keeps no lease; it answers, and knows nothing",
        ),
        _contender("durable", "commit"),
        _contender("reference", "commit", reference_policy()),
        _contender("async", "async", short_cuts="an ACK is up to 20 ms before its lease's sync"),
        Contender(
            "kea",
            ("kea-dhcp4", "-c", "{directory}/kea.json"),
            {"kea.json": _kea()},
            {"KEA_PIDFILE_DIR": "{directory}", "KEA_LOCKFILE_DIR": "{directory}"},
            short_cuts="leases in memory and in a file that is never synced (memfile)",
        ),
        Contender(
            "dhcpd",
            (
                "dhcpd", "-4", "-f", "-q", "--no-pid", "-cf", "{directory}/dhcpd.conf",
                "-lf", "{directory}/dhcpd.leases", "srv0",
            ),
            {"dhcpd.conf": _dhcpd(), "dhcpd.leases": ""},
            short_cuts="a pool of 65,000, as it walks through them all; who comes back early is "
            "not written (dhcp-cache-threshold). Up to 28 ACKs wait for one sync (delayed-ack)",
        ),
        Contender(
            "dnsmasq",
            (
                "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--pid-file=",
                "--dhcp-authoritative", "--no-ping", "--dhcp-leasefile={directory}/leases",
                "--quiet-dhcp", f"--dhcp-lease-max={POOL_SIZE}",
                f"--dhcp-range={POOL[0]},{POOL[1]},255.240.0.0,{LEASE_TIME_S}",
            ),
            short_cuts="none: at each change it writes and syncs the file of all leases",
        ),
    )
}  # fmt: skip


def wide(bits: int = 8) -> Contender:
    """The durable one with a subnet of so long a prefix, all of it a pool: for more clients than
    the others' has room for, or as many as fill it."""
    subnet = IPv4Network(f"{POOL[0]}/{bits}", strict=False)
    return _contender("wide", "commit", f'[[subnets]]\nsubnet = "{subnet}"\npools = ["{subnet}"]\n')


def find_contender(text: str) -> Contender:
    """A known one by its name, or any command as ``NAME=COMMAND``.

    Raises ValueError if it is neither.
    """
    name, equals, command = text.partition("=")
    if equals and command.strip():
        return Contender(name, tuple(shlex.split(command)))
    if name not in CONTENDERS:
        raise ValueError(f"{name}: neither NAME=COMMAND nor one of {', '.join(CONTENDERS)}")
    return CONTENDERS[name]
