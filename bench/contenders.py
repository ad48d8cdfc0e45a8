"""The servers that are measured side by side: how each is configured and started."""

import json
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path

from fastdhcp_bench.network import POOL, POOL_SIZE, SERVER_ADDRESS, SUBNET
from fastdhcp_bench.policy import reference_policy

LEASE_TIME_S = 3600
SMALL = f"""[[subnets]]
subnet = "{SUBNET}"
pools = ["{POOL[0]}-{POOL[1]}"]
"""


@dataclass(frozen=True)
class Contender:
    """A DHCP server as a command.

    In command, file contents and environment ``{directory}`` stands for a new empty folder, where
    the files are written, and ``{workers}`` for the number of processes it may serve with.
    """

    name: str
    command: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def prepare(self, directory: Path, workers: int) -> list[str]:
        """Write the files; the command to be run."""

        def fill(text: str) -> str:
            # Not str.format: JSON and TOML are full of braces.
            return text.replace("{directory}", str(directory)).replace("{workers}", str(workers))

        for name, text in self.files.items():
            (directory / name).write_text(fill(text))
        variables = [f"{name}={fill(value)}" for name, value in self.environment.items()]
        return [*(["env", *variables] if variables else []), *map(fill, self.command)]


def _fastdhcp(durability: str, policy: str = "") -> str:
    return f"""\
[server]
interfaces = []
workers = {{workers}}
durability = "{durability}"
state-directory = "{{directory}}/state"
runtime-directory = "{{directory}}/run"

[defaults]
lease-time = {LEASE_TIME_S}
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
_ECHO = ("-P", "-m", "fastdhcp_bench.echo", "--listen", SERVER_ADDRESS, "--workers", "{workers}")
_SERVE = (_PYTHON, "-P", "-m", "fastdhcp", "serve", "-c", "{directory}/fastdhcp.toml")

CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender("echo", (_PYTHON, *_ECHO)),
        Contender("durable", _SERVE, {"fastdhcp.toml": _fastdhcp("commit")}),
        Contender("reference", _SERVE, {"fastdhcp.toml": _fastdhcp("commit", reference_policy())}),
        Contender("async", _SERVE, {"fastdhcp.toml": _fastdhcp("async")}),
        Contender(
            "kea",
            ("kea-dhcp4", "-c", "{directory}/kea.json"),
            {"kea.json": _kea()},
            {"KEA_PIDFILE_DIR": "{directory}", "KEA_LOCKFILE_DIR": "{directory}"},
        ),
        Contender(
            "dnsmasq",
            (
                "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--pid-file=",
                "--dhcp-authoritative", "--no-ping", "--dhcp-leasefile={directory}/leases",
                "--quiet-dhcp", f"--dhcp-lease-max={POOL_SIZE}",
                f"--dhcp-range={POOL[0]},{POOL[1]},255.240.0.0,{LEASE_TIME_S}",
            ),
        ),
    )
}  # fmt: skip


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
